//! `/polymarket/ctf`: pairs made and given back, winnings taken (§8.4).

use super::auth::Asker;
use super::body::Body;
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use crate::http::Endpoint;
use crate::service::conversions::Conversion;
use crate::types::{MarketId, Shares, Venue};
use actix_web::http::Method;
use serde_json::json;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/polymarket/ctf/split", split),
        endpoint(Method::POST, "/polymarket/ctf/merge", merge),
        endpoint(Method::POST, "/polymarket/ctf/redeem", redeem),
    ]
}

async fn split(call: Call<Asker>) -> Answer {
    pairs(&call, Conversion::Split).await
}

async fn merge(call: Call<Asker>) -> Answer {
    pairs(&call, Conversion::Merge).await
}

async fn redeem(call: Call<Asker>) -> Answer {
    let body = Body::parse(&call.body)?;
    let id = condition_id(&body)?;
    // All that is held is redeemed: how much of it, only the chain would want to know.
    if body.flag("neg_risk")? && body.list("amounts")?.is_none() {
        return Err(Failure::missing("amounts is required with neg_risk"));
    }
    convert(&call, &id, Conversion::Redeem).await
}

async fn pairs(call: &Call<Asker>, what: fn(MarketId, Shares) -> Conversion) -> Answer {
    let body = Body::parse(&call.body)?;
    let id = condition_id(&body)?;
    let amount = body.required("amount")?;
    let micros = amount.parse::<i64>().ok().filter(|micros| *micros > 0);
    let micros =
        micros.ok_or_else(|| Failure::bad_request("amount must be a positive number of micro-USDC"))?;
    convert(call, &id, |market| what(market, Shares::from_micros(micros))).await
}

fn condition_id(body: &Body) -> Result<String, Failure> {
    let id = body.required("condition_id")?;
    let is_id =
        id.len() == 66 && id.starts_with("0x") && id[2..].bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_id {
        return Err(Failure::bad_request("condition_id must be 0x and 64 hexadecimal digits"));
    }
    Ok(id.to_ascii_lowercase())
}

/// Done at once: there is no chain that it would wait for, and no transaction to look up there. Credentials come before the
/// market (§4.3); a condition that nobody knows is as wrong as one that is none (§8.4).
async fn convert(call: &Call<Asker>, id: &str, what: impl FnOnce(MarketId) -> Conversion) -> Answer {
    let Call { who: Asker(customer), service, .. } = call;
    let permit = service.may_trade_venue(customer, Venue::Polymarket, None).await?;
    let market = service.catalog().by_condition(id);
    let market = market.ok_or_else(|| Failure::bad_request("unknown condition_id"))?;
    service.convert(&permit, what(market)).await?;
    Ok(Reply::json(&json!({"transaction_hash": null, "status": "submitted"})))
}
