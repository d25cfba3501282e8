//! What the CLOB says of itself and of its markets, to anyone (§§5.1, 5.2), and what it has not (§§5.6, 5.7).

use super::auth::{Anyone, Signer};
use super::call::{Answer, Call, Reply, endpoint, ok};
use super::error::Failure;
use super::market_wire::{by_token, info, market, open_closed, simplified};
use super::pages::{self, Cursor};
use crate::http::{Endpoint, address};
use crate::service::Service;
use crate::service::markets::Ticker;
use crate::types::{MarketId, Reject, Venue};
use actix_web::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

/// The generation of orders that clients sign here if they can sign several.
const VERSION: u32 = 2;
/// Markets on one page (§2.1).
const PAGE: u32 = 1_000;
/// `0x` and 32 bytes.
const CODE_LENGTH: usize = 66;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let get = Method::GET;
    let mut all = vec![
        endpoint(get.clone(), "/ok", get_ok),
        endpoint(get.clone(), "/time", get_time),
        endpoint(get.clone(), "/version", get_version),
        endpoint(get.clone(), "/api/geoblock", get_geoblock),
        endpoint(get.clone(), "/markets", get_markets),
        endpoint(get.clone(), "/simplified-markets", get_simplified_markets),
        endpoint(get.clone(), "/sampling-markets", get_sampling_markets),
        endpoint(get.clone(), "/sampling-simplified-markets", get_sampling_simplified_markets),
        endpoint(get.clone(), "/markets/{condition_id}", get_market),
        endpoint(get.clone(), "/clob-markets/{condition_id}", get_info),
        endpoint(get.clone(), "/markets-by-token/{token_id}", get_market_by_token),
        endpoint(get.clone(), "/live-activity/events/{condition_id}", get_activity),
        endpoint(get.clone(), "/markets/live-activity/{condition_id}", get_activity),
        endpoint(get.clone(), "/rewards/markets/current", get_rewards),
        endpoint(get.clone(), "/rewards/markets/multi", get_rewards),
        endpoint(get.clone(), "/rewards/markets/{condition_id}", get_rewards),
        endpoint(get.clone(), "/rebates/current", get_rebates),
        endpoint(get.clone(), "/fees/builder-fees/{code}", get_builder_fees),
        endpoint(get, "/rfq/config", no_rfq),
    ];
    for path in ["/rfq/request", "/rfq/quote"] {
        all.push(endpoint(Method::POST, path, no_rfq));
        all.push(endpoint(Method::DELETE, path, no_rfq));
    }
    for path in ["/rfq/request/accept", "/rfq/quote/approve"] {
        all.push(endpoint(Method::POST, path, no_rfq));
    }
    for path in ["requests", "requester/quotes", "quoter/quotes", "quotes"] {
        all.push(endpoint(Method::GET, &format!("/rfq/data/{path}"), get_no_rfq_rows));
    }
    all.push(endpoint(Method::GET, "/rfq/data/best-quote", no_rfq));
    all
}

async fn get_ok(_: Call<Anyone>) -> Answer {
    Ok(ok())
}

async fn get_time(call: Call<Anyone>) -> Answer {
    Ok(Reply::json(&call.service.now().seconds()))
}

async fn get_version(_: Call<Anyone>) -> Answer {
    Ok(Reply::json(&json!({"version": VERSION})))
}

/// Nobody is blocked from paper.
async fn get_geoblock(call: Call<Anyone>) -> Answer {
    let ip = address(&call.request).to_string();
    Ok(Reply::json(&json!({"blocked": false, "ip": ip, "country": "XX", "region": ""})))
}

#[derive(Deserialize)]
struct Listing {
    next_cursor: Option<String>,
}

/// A page of the markets that are meant, in the order in which they were listed.
async fn list(call: &Call<Anyone>, is_meant: fn(&Ticker) -> bool, shown: fn(&Ticker) -> Value) -> Answer {
    let query: Listing = call.query()?;
    let cursor = Cursor::read(query.next_cursor.as_deref())?;
    let mut tickers = call.service.current_tickers().await?;
    tickers.retain(|ticker| ticker.spec.venue == Venue::Polymarket && is_meant(ticker));
    let found: Vec<_> = cursor.find(PAGE, &tickers).iter().map(shown).collect();
    Ok(pages::page(cursor, PAGE, found))
}

/// Which markets a bot is pointed to. No market pays rewards here: what can be traded is meant.
fn is_sampled(ticker: &Ticker) -> bool {
    let (is_open, _) = open_closed(ticker.status);
    is_open
}

async fn get_markets(call: Call<Anyone>) -> Answer {
    list(&call, |_| true, market).await
}

async fn get_simplified_markets(call: Call<Anyone>) -> Answer {
    list(&call, |_| true, simplified).await
}

async fn get_sampling_markets(call: Call<Anyone>) -> Answer {
    list(&call, is_sampled, market).await
}

async fn get_sampling_simplified_markets(call: Call<Anyone>) -> Answer {
    list(&call, is_sampled, simplified).await
}

/// The market with a condition id, in any case of its digits.
fn by_condition(service: &Service, id: &str) -> Result<MarketId, Failure> {
    let catalog = service.catalog();
    let market = catalog.by_condition(id).or_else(|| catalog.by_condition(&id.to_ascii_lowercase()));
    let is_ours =
        |market: &MarketId| catalog.get(*market).is_some_and(|spec| spec.venue == Venue::Polymarket);
    market.filter(is_ours).ok_or_else(Failure::market_not_found)
}

async fn ticker(call: &Call<Anyone>) -> Result<Ticker, Failure> {
    let market = by_condition(&call.service, call.path("condition_id"))?;
    Ok(call.service.ticker(market).await?)
}

async fn get_market(call: Call<Anyone>) -> Answer {
    Ok(Reply::json(&market(&ticker(&call).await?)))
}

async fn get_info(call: Call<Anyone>) -> Answer {
    Ok(Reply::json(&info(&ticker(&call).await?)))
}

async fn get_market_by_token(call: Call<Anyone>) -> Answer {
    let catalog = call.service.catalog();
    let (market, _) = catalog.by_token(call.path("token_id")).ok_or_else(Failure::market_not_found)?;
    let spec = catalog.get(market).ok_or(Reject::MarketNotFound)?;
    Ok(Reply::json(&by_token(spec)))
}

/// Who traded just now is told on the sockets.
async fn get_activity(_: Call<Anyone>) -> Answer {
    Ok(Reply::json(&json!([])))
}

async fn get_rewards(_: Call<Anyone>) -> Answer {
    Ok(pages::empty())
}

async fn get_rebates(_: Call<Anyone>) -> Answer {
    Ok(Reply::json(&json!([])))
}

/// No builder takes a fee: clients add what is told here to what an order costs.
async fn get_builder_fees(call: Call<Anyone>) -> Answer {
    let code = call.path("code");
    let digits = code.strip_prefix("0x").filter(|_| code.len() == CODE_LENGTH);
    if !digits.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit())) {
        return Err(Failure::new(404, "builder not found"));
    }
    Ok(Reply::json(&json!({"builder_maker_fee_rate_bps": 0, "builder_taker_fee_rate_bps": 0})))
}

async fn no_rfq(_: Call<Anyone>) -> Answer {
    Err(Failure::new(404, "rfq is not available"))
}

async fn get_no_rfq_rows(_: Call<Signer>) -> Answer {
    Ok(pages::empty())
}
