//! What else the second generation tells: of tokens, markets and wallets in sum (§10.2).

use super::super::auth::Anyone;
use super::super::call::{Answer, Call, Reply, endpoint};
use super::super::error::Failure;
use super::super::gamma::{event_id, event_slug};
use super::super::text::{label, token};
use super::generation2::Behind;
use super::maths::{dollars, micros, paid_each, price, shares};
use super::params::{Markets, Span, Wallet, address_of, by_condition, decimal, of_events, wallet, whole};
use super::positions::markets_traded;
use super::totals::{MARKETS_MAX, largest_holders, named_markets, named_or_all, open_interest};
use super::trades::{self, LOOKED_THROUGH_MAX, Whose};
use super::wire::{Page, Single};
use crate::http::Endpoint;
use crate::service::markets::Ticker;
use crate::service::{Market, Service, Status};
use crate::types::{AccountId, DAY_MS, HOUR_MS, MarketId, Outcome, Reject, Shares, Timestamp, Usd};
use actix_web::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

/// Holders of an outcome that are shown at most.
const HOLDERS: [usize; 2] = [100, 1_000];
/// Points of a price history on a page, usually and at most.
const POINTS: [usize; 2] = [1_000, 10_000];
/// Tokens in one question at most.
const TOKENS_MAX: usize = 50;
/// Milliseconds in a second.
const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/v2/holders", get_holders),
        endpoint(Method::GET, "/v2/prices-history", get_prices),
        endpoint(Method::GET, "/v2/oi", get_open_interest),
        endpoint(Method::GET, "/v2/live-volume", get_volume),
        endpoint(Method::GET, "/v2/tokens", get_tokens),
        endpoint(Method::GET, "/v2/resolutions", get_resolutions),
        endpoint(Method::GET, "/v2/user-stats", get_stats),
        endpoint(Method::GET, "/v2/user-volume", get_user_volume),
        endpoint(Method::GET, "/v2/user-pnl", get_pnl),
    ]
}

#[derive(Deserialize)]
struct Balances {
    limit: Option<String>,
    min_balance: Option<String>,
}

async fn get_holders(call: Call<Anyone>) -> Answer {
    let query: Balances = call.query()?;
    let most = whole("limit", query.limit.as_deref())?.unwrap_or(HOLDERS[0]).clamp(1, HOLDERS[1]);
    let least = Shares::from_micros(decimal("min_balance", query.min_balance.as_deref())?.unwrap_or(0));
    let catalog = call.service.catalog();
    let mut shown = Vec::new();
    for market in named_markets(&call, "condition_id")? {
        let Some(spec) = catalog.get(market) else { continue };
        let holders = largest_holders(&call.service, market, (most, least)).await?;
        for (outcome, held) in Outcome::BOTH.into_iter().zip(holders) {
            let asset = token(spec, outcome);
            let row = |(account, amount): &(AccountId, Shares)| {
                json!({
                    "proxy_wallet": address_of(&call.service, *account),
                    "token_id": asset,
                    "amount": shares(*amount),
                    "outcome_index": outcome.position(),
                    "display_username_public": false,
                    "verified": false,
                })
            };
            let holders: Vec<Value> = held.iter().map(row).collect();
            shown.push(json!({"token_id": asset, "holders": holders}));
        }
    }
    Ok(Reply::json(&Page::new(shown, None)))
}

#[derive(Deserialize)]
struct Prices {
    token_id: Option<String>,
    interval: Option<String>,
    start: Option<String>,
    end: Option<String>,
    as_of: Option<String>,
    bucket_seconds: Option<String>,
}

/// How far back an interval goes, and how long its steps are where nothing is said, in milliseconds; the length is none
/// for all the way.
fn interval(name: &str) -> Result<(Option<i64>, i64), Failure> {
    match name {
        "1h" => Ok((Some(HOUR_MS), MINUTE_MS)),
        "6h" => Ok((Some(6 * HOUR_MS), MINUTE_MS)),
        "1d" => Ok((Some(DAY_MS), 5 * MINUTE_MS)),
        "1w" => Ok((Some(7 * DAY_MS), 30 * MINUTE_MS)),
        "1m" => Ok((Some(30 * DAY_MS), 3 * HOUR_MS)),
        "max" | "all" => Ok((None, 12 * HOUR_MS)),
        _ => Err(Failure::bad_request("invalid interval")),
    }
}

fn point(at: Timestamp, micros: i64, resolution: i64) -> (i64, Value) {
    let row = json!({"timestamp": at.seconds(), "price": price(micros), "resolution_seconds": resolution});
    (at.millis(), row)
}

async fn get_prices(call: Call<Anyone>) -> Answer {
    let query: Prices = call.query()?;
    let behind: Behind<i64> = Behind::read(&call, POINTS)?;
    let catalog = call.service.catalog();
    let found = catalog.by_token(query.token_id.as_deref().unwrap_or_default());
    let (market, outcome) = found.ok_or_else(|| Failure::new(404, "token not found"))?;
    let worth = |price| micros(Market::in_terms_of(outcome, price));
    if let Some(at) = Span::read(query.as_of.as_deref(), None)?.from {
        let known = call.service.price_before(market, at.plus_millis(1)).await?;
        let rows = known.into_iter().map(|price| point(at, worth(price), 0).1).collect();
        return Ok(Reply::json(&Page::new(rows, None)));
    }
    let (from, to, step) = stretch(&query, call.service.now())?;
    let from = behind.after.map_or(from, |last| Timestamp::from_millis(last.saturating_add(step)));
    let candles = call.service.candles(market, step, from, to).await?;
    let mut rows: Vec<_> = candles
        .iter()
        .map(|candle| point(candle.start.max(from), worth(candle.close), step / SECOND_MS))
        .collect();
    if behind.after.is_none() {
        // What held when the stretch began: without it a market on which nothing was traded would have no price.
        let first = call.service.price_before(market, from).await?;
        let is_known = rows.first().is_some_and(|(at, _)| *at <= from.millis());
        let first = first.filter(|_| !is_known).map(|price| point(from, worth(price), step / SECOND_MS));
        rows.splice(0..0, first);
    }
    let (rows, next) = behind.of(rows, |(at, _)| *at);
    Ok(Reply::json(&Page::new(rows.into_iter().map(|(_, row)| row).collect(), next)))
}

/// From when until before when prices are wanted, and in which steps.
fn stretch(query: &Prices, now: Timestamp) -> Result<(Timestamp, Timestamp, i64), Failure> {
    let span = Span::read(query.start.as_deref(), query.end.as_deref())?;
    let (length, usual) = match query.interval.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => interval(name)?,
        None => (None, MINUTE_MS),
    };
    let step = match whole("bucket_seconds", query.bucket_seconds.as_deref())? {
        None => usual,
        Some(seconds) => i64::try_from(seconds).unwrap_or(DAY_MS).saturating_mul(SECOND_MS),
    };
    // Nothing is known by less than the minute.
    let step = (step.clamp(MINUTE_MS, DAY_MS) / MINUTE_MS) * MINUTE_MS;
    let to = span.before.unwrap_or_else(|| now.plus_millis(1));
    let from = span.from.or_else(|| Some(to.plus_millis(-length?))).unwrap_or_default();
    Ok((from, to, step))
}

async fn get_open_interest(call: Call<Anyone>) -> Answer {
    let markets = named_or_all(&call, "condition_id")?;
    let rows = open_interest(&call.service, markets).await?;
    let row = |(market, value): &(String, Usd)| json!({"condition_id": market, "value": dollars(*value)});
    Ok(Reply::json(&Single { data: rows.iter().map(row).collect::<Vec<Value>>() }))
}

async fn get_volume(call: Call<Anyone>) -> Answer {
    let ids = call.all("event_id").iter().map(|id| id.parse()).collect::<Result<Vec<u32>, _>>();
    let ids = ids.map_err(|_| Failure::bad_request("invalid event_id"))?;
    let catalog = call.service.catalog();
    let until = call.service.now().plus_millis(1);
    let (mut total, mut rows) = (Shares::ZERO, Vec::new());
    for market in of_events(&catalog, &ids) {
        let Some(spec) = catalog.get(market) else { continue };
        let candles = call.service.candles(market, DAY_MS, Timestamp::default(), until).await?;
        let taken: Shares = candles.iter().map(|candle| candle.shares).sum();
        total += taken;
        rows.push(json!({"condition_id": spec.facts.condition_id, "taker_volume": shares(taken)}));
    }
    let data = json!({"taker_volume_total": shares(total), "conditions": rows});
    Ok(Reply::json(&Single { data }))
}

/// What an outcome pays, once that is known.
fn final_price(status: Status, outcome: Outcome) -> Option<i64> {
    match status {
        Status::Open | Status::Halted => None,
        Status::Resolved(payout) => Some(paid_each(payout, outcome)),
    }
}

fn token_row(ticker: &Ticker, outcome: Outcome) -> Value {
    let (spec, facts) = (&ticker.spec, &ticker.spec.facts);
    let final_price = final_price(ticker.status, outcome);
    let neg_risk_id = Some(&facts.neg_risk_id).filter(|id| !id.is_empty());
    json!({
        "token_id": token(spec, outcome),
        "condition_id": facts.condition_id,
        "structural_condition_id": null,
        "module": "v1_ctf",
        "outcome_index": outcome.position(),
        "clob_index": outcome.position(),
        "outcome": label(spec, outcome),
        "opposite_token_id": token(spec, outcome.complement()),
        "resolved": final_price.is_some(),
        "final_price": final_price.map(price),
        "title": facts.question,
        "market_slug": facts.slug,
        "closed": final_price.is_some(),
        "neg_risk": facts.neg_risk,
        "neg_risk_market_id": neg_risk_id,
        "question_index": null,
        "event_id": event_id(event_slug(facts)),
        "event_slug": event_slug(facts),
    })
}

async fn get_tokens(call: Call<Anyone>) -> Answer {
    let catalog = call.service.catalog();
    let by_token = call.all("token_id");
    let by_market = call.all("condition");
    if by_token.len() > TOKENS_MAX || by_market.len() > TOKENS_MAX {
        return Err(Failure::bad_request(format!("at most {TOKENS_MAX} tokens")));
    }
    let mut meant: Vec<(MarketId, Outcome)> = by_token.iter().filter_map(|id| catalog.by_token(id)).collect();
    for market in by_market.iter().filter_map(|id| by_condition(&catalog, id)) {
        meant.extend(Outcome::BOTH.map(|outcome| (market, outcome)));
    }
    let mut rows = Vec::with_capacity(meant.len());
    for (market, outcome) in meant {
        rows.push(token_row(&call.service.ticker(market).await?, outcome));
    }
    Ok(Reply::json(&Single { data: rows }))
}

/// The markets whose resolution is asked for, however they are named.
fn asked(call: &Call<Anyone>) -> Result<Vec<MarketId>, Failure> {
    let catalog = call.service.catalog();
    if let Some(question) = call.all("question_id").first() {
        let listed = catalog.iter().find(|(_, spec)| spec.facts.question_id.eq_ignore_ascii_case(question));
        return Ok(listed.map(|(market, _)| market).into_iter().collect());
    }
    if call.all("condition_id").len().max(call.all("event_id").len()) > MARKETS_MAX {
        return Err(Failure::bad_request(format!("at most {MARKETS_MAX} markets or events")));
    }
    match Markets::read(call, "condition_id", "event_id")? {
        Markets::All => Err(Failure::bad_request("question_id, condition_id or event_id is required")),
        Markets::These(these) => Ok(these),
    }
}

async fn get_resolutions(call: Call<Anyone>) -> Answer {
    let now = call.service.now();
    let mut rows = Vec::new();
    for market in asked(&call)? {
        let ticker = call.service.ticker(market).await?;
        let facts = &ticker.spec.facts;
        let [first, second] = Outcome::BOTH.map(|outcome| final_price(ticker.status, outcome));
        let (Some(first), Some(second)) = (first, second) else { continue };
        let resolved_at = facts.ends_at.map_or(now, |ends| ends.min(now)).seconds();
        rows.push(json!({
            "question_id": facts.question_id,
            "condition_id": facts.condition_id,
            "status": "resolved",
            "extended_review": false,
            "was_disputed": false,
            "new_version_q": false,
            "price": price(first),
            "last_update_timestamp": resolved_at,
            "market_type": "BINARY",
            "payouts": [first, second],
            "resolution_source": "reported",
            "was_arbitrated": false,
            "resolved_at": resolved_at,
        }));
    }
    Ok(Reply::json(&Single { data: rows }))
}

async fn get_stats(call: Call<Anyone>) -> Answer {
    let Wallet { address, permit } = wallet(&call)?;
    let Some(permit) = permit else { return Ok(Reply::json(&Single { data: Value::Null })) };
    let rows = call.service.position_rows(&permit).await?;
    let biggest = rows.iter().map(|row| row.realized).max().unwrap_or_default().max(Usd::ZERO);
    let data = json!({
        "proxy_wallet": address,
        "trades": markets_traded(&rows),
        "biggest_win": dollars(biggest),
        "views": 0,
        "join_date": rows.iter().map(|row| row.opened_at.seconds()).min(),
        "all_time_pnl": null,
    });
    Ok(Reply::json(&Single { data }))
}

#[derive(Deserialize)]
struct When {
    start: Option<String>,
    end: Option<String>,
}

async fn get_user_volume(call: Call<Anyone>) -> Answer {
    let Wallet { address, permit } = wallet(&call)?;
    let query: When = call.query()?;
    let span = Span::read(query.start.as_deref(), query.end.as_deref())?;
    let (taken, spent, count) = traded(&call.service, Whose::Wallet { address, permit }, span).await?;
    let data = json!({"volume": shares(taken), "volume_usdc": dollars(spent), "trade_count": count});
    Ok(Reply::json(&Single { data }))
}

/// Shares, dollars and number of a wallet's trades.
async fn traded(service: &Service, whose: Whose, span: Span) -> Result<(Shares, Usd, usize), Reject> {
    let wanted = trades::Wanted::of(Markets::All, None, span);
    let fills = trades::find(service, &whose, &wanted, (0, LOOKED_THROUGH_MAX)).await?;
    let taken = fills.iter().map(|fill| fill.shares).sum();
    Ok((taken, fills.iter().map(|fill| fill.notional).sum(), fills.len()))
}

#[derive(Deserialize)]
struct Series {
    interval: Option<String>,
    fidelity: Option<String>,
}

/// Profit over time, of which no points are kept.
async fn get_pnl(call: Call<Anyone>) -> Answer {
    let wallet = wallet(&call)?;
    let query: Series = call.query()?;
    let fidelity = query.fidelity.unwrap_or_else(|| "1d".to_owned());
    let data = json!({
        "proxy_wallet": wallet.address,
        "interval": query.interval.unwrap_or_else(|| "max".to_owned()),
        "fidelity": fidelity,
        "source_fidelity": fidelity,
        "points": [],
    });
    Ok(Reply::json(&Single { data }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(interval: Option<&str>, bucket: Option<&str>) -> Prices {
        Prices {
            token_id: None,
            interval: interval.map(str::to_owned),
            start: None,
            end: None,
            as_of: None,
            bucket_seconds: bucket.map(str::to_owned),
        }
    }

    #[test]
    fn an_interval_decides_how_far_back_and_in_which_steps() {
        let now = Timestamp::from_millis(100 * DAY_MS);
        for (name, bucket, back, step) in [
            ("1h", None, HOUR_MS, MINUTE_MS),
            ("1d", None, DAY_MS, 5 * MINUTE_MS),
            ("1d", Some("90"), DAY_MS, MINUTE_MS),
            ("1w", Some("3600"), 7 * DAY_MS, HOUR_MS),
        ] {
            let (from, to, found) = stretch(&query(Some(name), bucket), now).expect("an interval");
            assert_eq!((to.millis() - from.millis(), found), (back, step), "{name} {bucket:?}");
        }
        let (from, ..) = stretch(&query(Some("max"), None), now).expect("an interval");
        assert_eq!(from, Timestamp::default());
        assert!(stretch(&query(Some("1y"), None), now).is_err());
    }
}
