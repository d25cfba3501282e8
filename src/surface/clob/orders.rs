//! Placing signed orders and taking them back (§5.4).

use super::auth::Signer;
use super::call::{Answer, Call, Reply, endpoint};
use super::error::{BAD_ORDER, Failure};
use super::order_wire::{Posted, parse};
use super::to_wire::{OrderResponse, accepted, order_id};
use crate::http::Endpoint;
use crate::service::ClobMode;
use crate::service::ExchangeReceipt;
use crate::service::callers::MayTrade;
use crate::service::ethereum::SignedOrder;
use crate::service::history::OrderStatus;
use crate::service::orders::NotCanceled;
use crate::service::signed_orders::{Checked, Refusal, SignedTif, SignedWish};
use crate::types::{MarketId, OrderId, Outcome, Reject, Shares, Side, Usd, format_scaled};
use actix_web::http::Method;
use alloy_primitives::{B256, U256, hex};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Orders in one request (§5.4).
const BATCH_MAX: usize = 15;
/// Cancellations in one request: what clients allow, and what production has allowed since June 2026.
const CANCELS_MAX: [usize; 2] = [3_000, 1_000];

const NOT_FILLED: &str = "order couldn't be fully filled. FOK orders are fully filled or killed.";
const NOTHING_FOUND: &str = "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is \
                             found.";
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/order", post_order),
        endpoint(Method::POST, "/orders", post_orders),
        endpoint(Method::DELETE, "/order", delete_order),
        endpoint(Method::DELETE, "/orders", delete_orders),
        endpoint(Method::DELETE, "/cancel-all", delete_all),
        endpoint(Method::DELETE, "/cancel-market-orders", delete_of_market),
    ]
}

async fn post_order(call: Call<Signer>) -> Answer {
    let posted: Posted = serde_json::from_slice(&call.body).map_err(|_| Failure::bad_request(BAD_ORDER))?;
    let mut results = place(&call, vec![parse(&posted)]).await?;
    let result = results.pop().unwrap_or(Err(Failure::new(500, "Internal server error")));
    result.map(|response| Reply::json(&response))
}

async fn post_orders(call: Call<Signer>) -> Answer {
    let entries: Vec<Value> =
        serde_json::from_slice(&call.body).map_err(|_| Failure::bad_request(BAD_ORDER))?;
    if entries.is_empty() {
        return Err(Failure::bad_request(BAD_ORDER));
    }
    if entries.len() > BATCH_MAX {
        let error = format!("Too many orders in payload: {}, max allowed: {BATCH_MAX}", entries.len());
        return Err(Failure::bad_request(error));
    }
    let read = |entry: Value| {
        let posted = serde_json::from_value::<Posted>(entry);
        posted.map_err(|_| Failure::bad_request(BAD_ORDER)).and_then(|posted| parse(&posted))
    };
    let results = place(&call, entries.into_iter().map(read).collect()).await?;
    // A refused order is told in its place, and its success is said to be true (§5.4.2).
    let told = |result: Result<OrderResponse, Failure>| {
        result.unwrap_or_else(|failure| OrderResponse {
            error_msg: failure.error,
            success: true,
            ..OrderResponse::default()
        })
    };
    Ok(Reply::json(&results.into_iter().map(told).collect::<Vec<_>>()))
}

/// What becomes of each of some orders; a failure of the whole is one of all.
async fn place(
    call: &Call<Signer>,
    wishes: Vec<Result<SignedWish, Failure>>,
) -> Result<Vec<Result<OrderResponse, Failure>>, Failure> {
    call.service.may_place_any()?;
    let mut results: Vec<Option<Result<OrderResponse, Failure>>> = Vec::with_capacity(wishes.len());
    let (mut orders, mut told) = (Vec::new(), Vec::new());
    for wish in wishes {
        let checked = match &wish {
            Ok(wish) => {
                let checked = call.service.check_signed(call.who.who(), wish).await;
                checked.map_err(|refusal| refused(wish, &refusal))
            }
            Err(failure) => Err(failure.clone()),
        };
        match (wish, checked) {
            (Ok(wish), Ok(checked)) => {
                results.push(None);
                told.push((wish, checked.digest, checked.wish.order.side));
                orders.push(checked);
            }
            (_, Err(failure)) | (Err(failure), Ok(_)) => results.push(Some(Err(failure))),
        }
    }
    let mut placed = placed(call, orders, told).await?.into_iter();
    let fill = |result: Option<_>| result.or_else(|| placed.next());
    Ok(results.into_iter().filter_map(fill).collect())
}

async fn placed(
    call: &Call<Signer>,
    orders: Vec<Checked>,
    told: Vec<(SignedWish, B256, Side)>,
) -> Result<Vec<Result<OrderResponse, Failure>>, Failure> {
    let outcomes = call.service.place_signed(call.who.who(), orders).await?;
    let answer = |(outcome, (wish, digest, side)): (Result<ExchangeReceipt, Reject>, (SignedWish, _, _))| {
        match outcome {
            Ok(receipt) => {
                let digest: B256 = digest;
                Ok(accepted(&call.service, &digest.0, side, &receipt))
            }
            Err(why) => Err(refused(&wish, &Refusal { digest: Some(digest), why })),
        }
    };
    Ok(outcomes.into_iter().zip(told).map(answer).collect())
}

/// What a refused order is told (§5.5).
fn refused(wish: &SignedWish, refusal: &Refusal) -> Failure {
    let own = own_text(wish, refusal).map(Failure::bad_request);
    own.unwrap_or_else(|| refusal.why.clone().into())
}

/// What is told with the order's own figures in it; none if what everybody is told will do.
fn own_text(wish: &SignedWish, refusal: &Refusal) -> Option<String> {
    let id = refusal.digest.map(|digest| order_id(&digest.0)).unwrap_or_default();
    let micros = |amount: U256| i64::try_from(amount).unwrap_or(i64::MAX);
    let order = &wish.order;
    if let Reject::OffTick { tick, .. } = &refusal.why {
        let (price, tick) = (ratio(order), tick.plain());
        return Some(format!("order {id} is invalid. Price ({price}) breaks minimum tick size rule: {tick}"));
    }
    if let Reject::BelowMinimumSize { minimum } = &refusal.why {
        let shares = if order.is_sell { order.maker_amount } else { order.taker_amount };
        let (size, least) = (Shares::from_micros(micros(shares)).plain(), minimum.plain());
        return Some(format!("order {id} is invalid. Size ({size}) lower than the minimum: {least}"));
    }
    if let Reject::BelowMinimumNotional { minimum } = &refusal.why {
        let (dollars, least) = (Usd::from_micros(micros(order.maker_amount)).plain(), minimum.plain());
        return Some(format!("invalid amount for a marketable BUY order (${dollars}), min size: {least}"));
    }
    if let Reject::DuplicateOrder(_) = &refusal.why {
        return Some(format!("order {id} is invalid. Duplicated."));
    }
    if let Reject::NotFillable | Reject::InsufficientLiquidity = &refusal.why {
        let is_whole = wish.tif == SignedTif::Fok;
        return Some(if is_whole { NOT_FILLED } else { NOTHING_FOUND }.to_owned());
    }
    None
}

/// The price that an order's amounts come to, cut to four decimals.
fn ratio(order: &SignedOrder) -> String {
    let (dollars, shares) = if order.is_sell {
        (order.taker_amount, order.maker_amount)
    } else {
        (order.maker_amount, order.taker_amount)
    };
    let units = dollars.saturating_mul(U256::from(10_000)).checked_div(shares).unwrap_or(U256::MAX);
    format_scaled(i64::try_from(units).unwrap_or(i64::MAX), 4, 0)
}

/// What became of a cancellation (§5.4.3).
#[derive(Default)]
struct Canceled {
    canceled: Vec<String>,
    not_canceled: Map<String, Value>,
}

impl Canceled {
    fn reply(self) -> Reply {
        Reply::json(&json!({"canceled": self.canceled, "not_canceled": self.not_canceled}))
    }

    fn take_in(&mut self, id: String, result: Result<ExchangeReceipt, NotCanceled>) {
        let reason = match result {
            Ok(_) => {
                self.canceled.push(id);
                return;
            }
            Err(NotCanceled::Over(row)) => match row.now.status {
                OrderStatus::Filled | OrderStatus::Cut => "Order already matched",
                OrderStatus::Open | OrderStatus::Canceled | OrderStatus::Expired => "Order already canceled",
            },
            Err(NotCanceled::Refused(Reject::OrderNotFound | Reject::OrderNotOpen)) => UNKNOWN,
            // What others came to stands, and is told beside it.
            Err(NotCanceled::Refused(reject)) => {
                self.not_canceled.insert(id, reject.to_string().into());
                return;
            }
        };
        self.not_canceled.insert(id, reason.into());
    }
}

const UNKNOWN: &str = "Order not found or already canceled";

/// The hash that an order id is.
pub(super) fn digest(id: &str) -> Option<[u8; 32]> {
    let digits = id.strip_prefix("0x").filter(|digits| digits.len() == 64)?;
    hex::decode_to_array(digits).ok()
}

#[derive(Deserialize)]
struct WhichOrder {
    // The older Rust client spells it its own way.
    #[serde(rename = "orderID", alias = "orderId")]
    order_id: String,
}

async fn delete_order(call: Call<Signer>) -> Answer {
    let WhichOrder { order_id } =
        serde_json::from_slice(&call.body).map_err(|_| Failure::bad_request(BAD_ORDER))?;
    cancel(&call, vec![order_id]).await
}

async fn delete_orders(call: Call<Signer>) -> Answer {
    let ids: Vec<String> = serde_json::from_slice(&call.body).map_err(|_| Failure::bad_request(BAD_ORDER))?;
    let [friendly, strict] = CANCELS_MAX;
    let most = match call.service.clob_mode() {
        ClobMode::Friendly => friendly,
        ClobMode::Strict => strict,
    };
    if ids.len() > most {
        return Err(Failure::bad_request(format!("Too many orders in payload, max allowed: {strict}")));
    }
    cancel(&call, ids).await
}

async fn cancel(call: &Call<Signer>, ids: Vec<String>) -> Answer {
    let malformed = || Failure::bad_request("Invalid orderID");
    let digests: Vec<_> = ids.iter().map(|id| digest(id).ok_or_else(malformed)).collect::<Result<_, _>>()?;
    let permits = call.who.permits(&call.service)?;
    let known = call.service.find_orders(&MayTrade::read_all(&permits), &digests).await?;
    let orders: Vec<OrderId> = known.values().copied().collect();
    let results = call.service.cancel(&permits, &orders).await?;
    let mut results: BTreeMap<_, _> = known.keys().copied().zip(results).collect();
    let mut told = Canceled::default();
    for (id, digest) in ids.into_iter().zip(digests) {
        match results.remove(&digest) {
            Some(result) => told.take_in(id, result),
            None if told.canceled.contains(&id) || told.not_canceled.contains_key(&id) => {}
            None => drop(told.not_canceled.insert(id, UNKNOWN.into())),
        }
    }
    Ok(told.reply())
}

async fn delete_all(call: Call<Signer>) -> Answer {
    cancel_open(&call, None, None).await
}

#[derive(Default, Deserialize)]
struct WhichMarket {
    market: Option<String>,
    asset_id: Option<String>,
}

async fn delete_of_market(call: Call<Signer>) -> Answer {
    let body: &[u8] = if call.body.is_empty() { b"{}" } else { &call.body };
    let WhichMarket { market, asset_id } =
        serde_json::from_slice(body).map_err(|_| Failure::bad_request(BAD_ORDER))?;
    let catalog = call.service.catalog();
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let token = given(asset_id).map(|token| catalog.by_token(&token).ok_or_else(Failure::market_not_found));
    let market = given(market).map(|id| catalog.by_condition(&id).ok_or_else(Failure::market_not_found));
    let (token, market) = (token.transpose()?, market.transpose()?);
    match (token, market) {
        (Some((of, _)), Some(market)) if of != market => Ok(Canceled::default().reply()),
        (Some((market, outcome)), _) => cancel_open(&call, Some(market), Some(outcome)).await,
        (None, market) => cancel_open(&call, market, None).await,
    }
}

async fn cancel_open(call: &Call<Signer>, market: Option<MarketId>, outcome: Option<Outcome>) -> Answer {
    let permits = call.who.permits(&call.service)?;
    let results = call.service.cancel_open(&permits, market, outcome).await?;
    let orders = results.iter().map(|(order, _)| *order).collect();
    let ids = call.service.digests(&MayTrade::read_all(&permits), orders).await?;
    let mut told = Canceled::default();
    for (order, result) in results {
        let id = ids.get(&order).map(order_id).unwrap_or_default();
        told.take_in(id, result);
    }
    Ok(told.reply())
}
