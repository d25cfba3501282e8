//! Everyone's trades on a market, the newest first (§6.7).

use super::auth::Asker;
use super::call::{Answer, Call, Reply, endpoint};
use super::cursor;
use super::error::Failure;
use super::params::{limit, seconds, until};
use super::selector::{outcome_of, selected};
use super::text::{label, moment, native_id, parsec_id, price, shares, token};
use crate::http::Endpoint;
use crate::service::history::{FillFilter, FillRow};
use crate::service::markets::side_of;
use crate::service::{MarketSpec, Service};
use crate::types::{Outcome, Side, Timestamp, TradeId, Venue};
use actix_web::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Trades of a page, if nobody says how many.
const PAGE: usize = 200;
/// The most trades of one page.
const PAGE_MAX: usize = 500;

/// What this surface answers about trades.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, "/trades", get_trades)]
}

/// The last trade of a page. Several may have happened at its moment.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Place {
    ts: i64,
    id: u64,
}

async fn get_trades(call: Call<Asker>) -> Answer {
    let (chosen, service) = (selected(&call)?, &call.service);
    let spec = &*chosen.spec;
    let outcome = outcome_of(spec, call.query("outcome").as_deref())?;
    let most = limit(&call, "limit", PAGE, PAGE_MAX)?;
    let (start, end) = (seconds(&call, "start_ts")?, until(&call, "end_ts")?);
    let after: Option<Place> = cursor::read(&call)?;
    let profile = service.profile(&call.who.0)?;
    let earliest = service.sees_since(&profile, start)?;
    if start.zip(end).is_some_and(|(start, end)| start > end) {
        return Err(Failure::bad_request("start_ts must not be after end_ts"));
    }
    let filter = FillFilter {
        markets: vec![chosen.market],
        from: Some(start.unwrap_or(earliest)),
        // Both ends are included.
        before: end.into_iter().chain(after.map(place_at)).min().map(|last| last.plus_millis(1)),
        ..FillFilter::default()
    };
    let mut rows = found(service, filter, after, most).await?;
    let has_more = rows.len() > most;
    rows.truncate(most);
    let token_id = match spec.venue {
        Venue::Polymarket => Some(token(spec, outcome)),
        Venue::Kalshi => None,
    };
    let mut body = json!({
        "parsec_id": parsec_id(spec),
        "exchange": spec.venue.name(),
        "outcome": label(spec, outcome),
        "market_id": native_id(spec),
        "token_id": token_id,
        "trades": rows.iter().map(|row| shown(service, spec, outcome, row)).collect::<Vec<_>>(),
        "has_more": has_more,
        "reason": (rows.is_empty() && after.is_none()).then_some("no_data_yet"),
    });
    if let Some(last) = rows.last().filter(|_| has_more) {
        body["next_cursor"] = cursor::write(&Place { ts: last.at.millis(), id: last.trade.0 }).into();
    }
    Ok(Reply::json(&body))
}

fn place_at(place: Place) -> Timestamp {
    Timestamp::from_millis(place.ts)
}

/// The trades of a page and one more, if there are so many.
async fn found(
    service: &Service,
    filter: FillFilter,
    after: Option<Place>,
    most: usize,
) -> Result<Vec<FillRow>, Failure> {
    let at_once = u32::try_from(most + 1).unwrap_or(u32::MAX);
    let (mut rows, mut offset) = (Vec::new(), 0_u32);
    loop {
        let some = FillFilter { limit: at_once, offset, ..filter.clone() };
        let some = service.public_fills(some).await?;
        let is_last = some.len() <= most;
        // What happened at the cursor's moment was shown in part: ids tell which.
        rows.extend(some.into_iter().filter(|row| {
            after.is_none_or(|place| row.at < place_at(place) || row.trade < TradeId(place.id))
        }));
        if is_last || rows.len() > most {
            return Ok(rows);
        }
        offset = offset.saturating_add(at_once);
    }
}

/// A trade in an outcome's own terms.
fn shown(service: &Service, spec: &MarketSpec, outcome: Outcome, row: &FillRow) -> Value {
    let mut body = in_terms_of(outcome, row);
    body["id"] = format!("trade_{}", row.trade).into();
    body["timestamp"] = moment(row.at).into();
    body["outcome"] = label(spec, outcome).into();
    body["source_channel"] = format!("{}_trade", spec.venue.name()).into();
    match spec.venue {
        Venue::Polymarket => body["tx_hash"] = service.transaction_hash(row.trade).into(),
        Venue::Kalshi => {}
    }
    body
}

/// What was traded at which price: who buys one answer sells the other. The price that stands beside is the one that was
/// really traded at.
fn in_terms_of(outcome: Outcome, row: &FillRow) -> Value {
    let own = if row.outcome == outcome { row.price } else { row.price.complement() };
    let side = match side_of(row.side, row.outcome, outcome) {
        Side::Buy => "buy",
        Side::Sell => "sell",
    };
    let traded = match row.outcome {
        Outcome::Yes => "yes_price",
        Outcome::No => "no_price",
    };
    json!({
        "price": price(own),
        "size": shares(row.shares),
        "side": side,
        "aggressor_side": side,
        traded: price(row.price),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::parsec::text::number;
    use crate::types::{AccountId, MarketId, OrderId, Price, Sequence, Shares, Usd};

    #[test]
    fn a_trade_is_shown_as_it_looks_from_an_outcome() {
        let row = |outcome, side, price| FillRow {
            trade: TradeId(7),
            is_taker: true,
            sequence: Sequence(1),
            at: Timestamp::default(),
            order: OrderId(1),
            account: AccountId(1),
            market: MarketId(1),
            outcome,
            side,
            price: Price::new(price).expect("in range"),
            shares: Shares::from_whole(3),
            notional: Usd::ZERO,
            fee: Usd::ZERO,
        };
        let (yes, no) = (Outcome::Yes, Outcome::No);
        for (traded, seen_from, expected) in [
            (row(no, Side::Buy, 4_000), yes, ("0.6", "sell", "no_price", "0.4")),
            (row(no, Side::Buy, 4_000), no, ("0.4", "buy", "no_price", "0.4")),
            (row(yes, Side::Buy, 4_000), yes, ("0.4", "buy", "yes_price", "0.4")),
            (row(yes, Side::Sell, 2_500), no, ("0.75", "buy", "yes_price", "0.25")),
        ] {
            let shown = in_terms_of(seen_from, &traded);
            let (own, side, named, paid) = expected;
            assert_eq!((&shown["price"], &shown[named]), (&number(own), &number(paid)), "{shown}");
            assert_eq!((&shown["side"], &shown["aggressor_side"]), (&side.into(), &side.into()), "{shown}");
            assert_eq!(shown.as_object().expect("an object").len(), 5, "{shown}");
        }
    }
}
