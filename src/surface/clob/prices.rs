//! Prices of tokens, and what an order needs to know of one (§5.2).

mod history;

use super::auth::Anyone;
use super::book::{Asked, Found, NO_PRICE, TOKENS_MAX, WhichToken, asked, view, views, within_limit};
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::market_wire::tick;
use super::text::{ask, bid, gap, middle};
use super::to_wire::side_name;
use crate::http::Endpoint;
use crate::service::history::Traded;
use crate::service::markets::side_of;
use crate::service::{ClobMode, Market, MarketSpec, Service, Touch};
use crate::types::{MarketId, Outcome, Price, Side};
use actix_web::http::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

const BOTH_SIDES: [Side; 2] = [Side::Buy, Side::Sell];

pub(super) fn endpoints() -> Vec<Endpoint> {
    let mut all = vec![
        endpoint(Method::GET, "/midpoint", get_midpoint),
        endpoint(Method::GET, "/midpoints", get_midpoints),
        endpoint(Method::POST, "/midpoints", post_midpoints),
        endpoint(Method::GET, "/price", get_price),
        endpoint(Method::GET, "/prices", get_prices),
        endpoint(Method::POST, "/prices", post_prices),
        endpoint(Method::GET, "/spread", get_spread),
        endpoint(Method::POST, "/spreads", post_spreads),
        endpoint(Method::GET, "/last-trade-price", get_last_trade),
        // One client sends its list with a GET (§2, 5).
        endpoint(Method::GET, "/last-trades-prices", post_last_trades),
        endpoint(Method::POST, "/last-trades-prices", post_last_trades),
        endpoint(Method::GET, "/tick-size", get_tick_size),
        endpoint(Method::GET, "/neg-risk", get_neg_risk),
        endpoint(Method::GET, "/fee-rate", get_fee_rate),
    ];
    all.extend(history::endpoints());
    all
}

/// A side in any case; none where none is given, which clients write in several ways.
fn side(text: Option<&str>) -> Result<Option<Side>, Failure> {
    match text.map(str::to_ascii_uppercase).as_deref() {
        None | Some("") => Ok(None),
        Some("BUY") => Ok(Some(Side::Buy)),
        Some("SELL") => Ok(Some(Side::Sell)),
        Some(_) => Err(Failure::bad_request("Invalid side")),
    }
}

/// What those see who look at a side of the book: BUY is what buyers wait at, not what one buys at.
fn quote(touch: Touch, side: Side) -> String {
    match side {
        Side::Buy => bid(touch.bid),
        Side::Sell => ask(touch.ask),
    }
}

/// The tokens that a query lists, each with its side if it lists those as well.
fn listed(call: &Call<Anyone>) -> Result<Vec<Asked>, Failure> {
    let (tokens, sides) = (call.all("token_ids"), call.all("sides"));
    if tokens.is_empty() || (!sides.is_empty() && sides.len() != tokens.len()) {
        return Err(Failure::bad_request("Invalid payload"));
    }
    let sides = sides.into_iter().map(Some).chain(std::iter::repeat(None));
    let asked = tokens.into_iter().zip(sides).map(|(token_id, side)| Asked { token_id, side });
    within_limit(asked.collect(), TOKENS_MAX)
}

/// An object with one text for each token that has a book.
fn by_token(found: &[Found<'_>], text: impl Fn(Touch) -> String) -> Reply {
    let texts = found
        .iter()
        .map(|found| (found.asked.token_id.clone(), Value::from(text(found.view.touch_of(found.outcome)))));
    Reply::json(&texts.collect::<Map<_, _>>())
}

/// The top of a token's book.
async fn touch(call: &Call<Anyone>) -> Result<Touch, Failure> {
    let query: WhichToken = call.query()?;
    let (view, outcome) = view(&call.service, query.token()?).await?;
    Ok(view.touch_of(outcome))
}

async fn get_midpoint(call: Call<Anyone>) -> Answer {
    let touch = touch(&call).await?;
    Ok(Reply::json(&json!({"mid": middle(touch.bid, touch.ask)})))
}

async fn get_midpoints(call: Call<Anyone>) -> Answer {
    midpoints(&call, &listed(&call)?).await
}

async fn post_midpoints(call: Call<Anyone>) -> Answer {
    midpoints(&call, &asked(&call)?).await
}

async fn midpoints(call: &Call<Anyone>, asked: &[Asked]) -> Answer {
    let found = views(&call.service, asked).await?;
    Ok(by_token(&found, |touch| middle(touch.bid, touch.ask)))
}

async fn get_price(call: Call<Anyone>) -> Answer {
    let query: WhichToken = call.query()?;
    let token = query.token()?;
    let side = side(query.side.as_deref())?.ok_or_else(|| Failure::bad_request("Invalid side"))?;
    let (view, outcome) = view(&call.service, token).await?;
    Ok(Reply::json(&json!({"price": quote(view.touch_of(outcome), side)})))
}

async fn get_prices(call: Call<Anyone>) -> Answer {
    prices(&call, &listed(&call)?).await
}

async fn post_prices(call: Call<Anyone>) -> Answer {
    prices(&call, &asked(&call)?).await
}

async fn prices(call: &Call<Anyone>, asked: &[Asked]) -> Answer {
    let found = views(&call.service, asked).await?;
    let mut prices: Map<String, Value> = Map::new();
    for Found { asked, view, outcome } in &found {
        let wanted = side(asked.side.as_deref())?;
        // A token that is listed twice, once for each side, has one object with both.
        let of_token = prices.entry(asked.token_id.clone()).or_insert_with(|| json!({}));
        for side in BOTH_SIDES.into_iter().filter(|side| wanted.is_none_or(|wanted| wanted == *side)) {
            of_token[side_name(side)] = quote(view.touch_of(*outcome), side).into();
        }
    }
    Ok(Reply::json(&prices))
}

async fn get_spread(call: Call<Anyone>) -> Answer {
    let touch = touch(&call).await?;
    Ok(Reply::json(&json!({"spread": gap(touch.bid, touch.ask)})))
}

async fn post_spreads(call: Call<Anyone>) -> Answer {
    let asked = asked(&call)?;
    let found = views(&call.service, &asked).await?;
    Ok(by_token(&found, |touch| gap(touch.bid, touch.ask)))
}

/// The last trade here as a token sees it: at which price, and whether its taker bought or sold.
fn last_trade(traded: &Traded, outcome: Outcome) -> Option<(Price, Side)> {
    let taker = traded.last.as_ref()?;
    let first = Market::in_terms_of(taker.outcome, taker.price);
    Some((Market::in_terms_of(outcome, first), side_of(taker.side, taker.outcome, outcome)))
}

/// A token's market as it is listed, whether or not it is over.
fn find(service: &Service, token: &str) -> Option<(MarketId, Outcome, Arc<MarketSpec>)> {
    let catalog = service.catalog();
    let (market, outcome) = catalog.by_token(token)?;
    Some((market, outcome, Arc::clone(catalog.get(market)?)))
}

async fn get_last_trade(call: Call<Anyone>) -> Answer {
    let query: WhichToken = call.query()?;
    let (market, outcome, spec) = find(&call.service, query.token()?).ok_or_else(Failure::no_book)?;
    let traded = call.service.traded(vec![market]).await?;
    let last = traded.get(&market).and_then(|traded| last_trade(traded, outcome));
    let (price, side) = match (last, call.service.clob_mode()) {
        (Some((price, side)), _) => (Some(price), side_name(side)),
        // Nothing traded here yet: what was recorded before is shown, and some clients take no empty side.
        (None, mode) => {
            let recorded = spec.reference.map(|price| Market::in_terms_of(outcome, price));
            (recorded, if mode == ClobMode::Strict { "" } else { "BUY" })
        }
    };
    let price = price.map_or_else(|| NO_PRICE.to_owned(), Price::plain);
    Ok(Reply::json(&json!({"price": price, "side": side})))
}

async fn post_last_trades(call: Call<Anyone>) -> Answer {
    let asked = asked(&call)?;
    let catalog = call.service.catalog();
    let found: Vec<_> = asked
        .iter()
        .filter_map(|asked| Some((&asked.token_id, catalog.by_token(&asked.token_id)?)))
        .collect();
    let markets: BTreeSet<_> = found.iter().map(|(_, (market, _))| *market).collect();
    let traded = call.service.traded(markets.into_iter().collect()).await?;
    let row = |(token, (market, outcome)): &(&String, (MarketId, Outcome))| {
        // Tokens that never traded have no side, and are left out.
        let (price, side) = last_trade(traded.get(market)?, *outcome)?;
        Some(json!({"token_id": token, "price": price.plain(), "side": side_name(side)}))
    };
    Ok(Reply::json(&found.iter().filter_map(row).collect::<Vec<_>>()))
}

/// The rules of a token's market, which it keeps when it is over.
fn rules(call: &Call<Anyone>, unknown: &str) -> Result<Arc<MarketSpec>, Failure> {
    let query: WhichToken = call.query()?;
    let found = find(&call.service, query.token()?);
    found.map(|(_, _, spec)| spec).ok_or_else(|| Failure::new(404, unknown))
}

async fn get_tick_size(call: Call<Anyone>) -> Answer {
    let spec = rules(&call, "market not found")?;
    Ok(Reply::json(&json!({"minimum_tick_size": tick(&spec)})))
}

async fn get_neg_risk(call: Call<Anyone>) -> Answer {
    let spec = rules(&call, "market not found")?;
    Ok(Reply::json(&json!({"neg_risk": spec.facts.neg_risk})))
}

/// What a signed order of the first generation names. The fee itself is told beside the market (§7.6).
async fn get_fee_rate(call: Call<Anyone>) -> Answer {
    rules(&call, "fee rate not found for market")?;
    Ok(Reply::json(&json!({"base_fee": 0})))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::clob::book::tests::price;

    #[test]
    fn a_side_is_read_in_any_case_and_may_be_left_out() {
        for (text, expected) in [
            (Some("BUY"), Ok(Some(Side::Buy))),
            (Some("sell"), Ok(Some(Side::Sell))),
            (Some(""), Ok(None)),
            (None, Ok(None)),
            (Some("HOLD"), Err("Invalid side".to_owned())),
        ] {
            assert_eq!(side(text).map_err(|failure| failure.error), expected, "{text:?}");
        }
    }

    #[test]
    fn buyers_wait_at_the_bid_and_an_empty_side_has_a_number_too() {
        for (bid, ask, buy, sell, mid, spread) in [
            (Some(4_900), Some(5_200), "0.49", "0.52", "0.505", "0.03"),
            (Some(4_901), Some(5_200), "0.4901", "0.52", "0.50505", "0.0299"),
            (None, Some(5_200), "0", "0.52", "0.26", "0.52"),
            (Some(4_900), None, "0.49", "1", "0.745", "0.51"),
            (None, None, "0", "1", "0.5", "1"),
        ] {
            let touch = Touch { bid: bid.map(price), ask: ask.map(price), mark: None };
            assert_eq!(
                (quote(touch, Side::Buy), quote(touch, Side::Sell)),
                (buy.to_owned(), sell.to_owned())
            );
            assert_eq!(middle(touch.bid, touch.ask), mid);
            assert_eq!(gap(touch.bid, touch.ask), spread);
        }
    }
}
