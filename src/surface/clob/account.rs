//! Balances, heartbeats and what else a wallet asks about itself (§5.3).

use super::auth::Signer;
use super::call::{Answer, Call, Reply, endpoint, ok};
use super::error::Failure;
use super::pages;
use crate::http::Endpoint;
use crate::service::Beat;
use crate::types::{Reject, Shares, Timestamp, Usd};
use actix_web::http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A beat is due every 10 s, and 5 s more are given (§5.3.3).
const BEAT_WITHIN_MS: i64 = 15_000;
/// So much may always be spent: no client ever starts an approval on a chain.
const UNLIMITED: &str = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
/// Everything that spends on any generation's behalf (§6.2).
const SPENDERS: [&str; 9] = [
    "0x4bFb41d5B3570DeFd03C39a9A4D8dE6Bd8B8982E",
    "0xC5d563A36AE78145C45a50134d48A1215220f80a",
    "0xE111180000d2663C0091e4f400237545B87B996B",
    "0xe2222d279d744050d28e00520010520000310F59",
    "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa",
    "0xd91E80cF2E7be2e162c6513ceD06f1dD0dA35296",
    "0xadA2005600Dec949baf300f4C6120000bDB6eAab",
    "0xAdA100Db00Ca00073811820692005400218FcE1f",
    "0x4D97DCd97eC945f40cF65F87097ACe5EA0476045",
];

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/balance-allowance", get_balance),
        endpoint(Method::GET, "/balance-allowance/update", get_updated),
        endpoint(Method::GET, "/notifications", get_notifications),
        endpoint(Method::DELETE, "/notifications", delete_notifications),
        // PolySimulator has the same path: this is whose request is signed (design §9).
        endpoint(Method::POST, "/v1/heartbeats", post_heartbeat).with_header("poly_signature"),
        endpoint(Method::GET, "/rewards/user", get_rewards),
        endpoint(Method::GET, "/rewards/user/markets", get_rewards),
        endpoint(Method::GET, "/rewards/user/total", get_total),
        endpoint(Method::GET, "/rewards/user/percentages", get_percentages),
    ]
}

#[derive(Deserialize)]
struct WhichAsset {
    asset_type: Option<String>,
    token_id: Option<String>,
    signature_type: Option<String>,
}

impl WhichAsset {
    fn signature_type(&self) -> Result<u8, Failure> {
        let text = self.signature_type.as_deref().filter(|text| !text.is_empty()).unwrap_or("0");
        let known = text.parse::<u8>().ok().filter(|kind| *kind <= 3);
        known.ok_or_else(|| Failure::bad_request("Invalid signature_type"))
    }
}

async fn get_balance(call: Call<Signer>) -> Answer {
    let query: WhichAsset = call.query()?;
    let permit = call.who.purse(&call.service, query.signature_type()?)?;
    let portfolios = call.service.portfolios(&permit).await?;
    let balance = match query.asset_type.as_deref() {
        Some("COLLATERAL") => portfolios.iter().map(|purse| purse.cash).sum::<Usd>().micros(),
        Some("CONDITIONAL" | "CONDITIONAL-V2") => {
            let token = query.token_id.as_deref().unwrap_or_default();
            let catalog = call.service.catalog();
            let (market, outcome) =
                catalog.by_token(token).ok_or_else(|| Failure::bad_request("Invalid token id"))?;
            portfolios.iter().map(|purse| purse.shares(market, outcome)).sum::<Shares>().micros()
        }
        Some(_) | None => return Err(Failure::bad_request("Invalid asset type")),
    };
    let allowances = SPENDERS.map(|spender| (spender.to_owned(), Value::from(UNLIMITED)));
    let allowances: Map<_, _> = allowances.into_iter().collect();
    Ok(Reply::json(&json!({"balance": balance.to_string(), "allowances": allowances})))
}

async fn get_updated(call: Call<Signer>) -> Answer {
    call.query::<WhichAsset>()?.signature_type()?;
    Ok(Reply::json(&json!({})))
}

/// Nothing is noted: what a notification would say comes over the user's socket (§5.3.2).
async fn get_notifications(call: Call<Signer>) -> Answer {
    call.query::<WhichAsset>()?.signature_type()?;
    Ok(Reply::json(&json!([])))
}

async fn delete_notifications(_: Call<Signer>) -> Answer {
    Ok(ok())
}

async fn get_rewards(_: Call<Signer>) -> Answer {
    Ok(pages::empty())
}

async fn get_total(_: Call<Signer>) -> Answer {
    Ok(Reply::json(&json!([])))
}

async fn get_percentages(_: Call<Signer>) -> Answer {
    Ok(Reply::json(&json!({})))
}

#[derive(Deserialize)]
struct Heartbeat {
    #[serde(default)]
    heartbeat_id: Option<String>,
}

async fn post_heartbeat(call: Call<Signer>) -> Answer {
    let Heartbeat { heartbeat_id } = call.json()?;
    let permits = call.who.permits(&call.service)?;
    let until = call.service.now().plus_millis(BEAT_WITHIN_MS);
    let after = match heartbeat_id.as_deref() {
        None | Some("") => Beat::First,
        // An id that none of ours can be names a beat that never was.
        Some(id) => Beat::Armed(call.service.beat_of(call.who.who().user, id).unwrap_or_default()),
    };
    let id = |until: Timestamp| call.service.beat_id(call.who.who().user, until);
    match call.service.heartbeat(&permits, until, Some(after)).await {
        Ok(until) => Ok(Reply::json(&json!({"heartbeat_id": id(until)}))),
        Err(Reject::WrongHeartbeat { armed }) => {
            let body = json!({"error_msg": "Invalid Heartbeat ID", "heartbeat_id": armed.map(id).unwrap_or_default()});
            Err(Failure::bare(400, body))
        }
        Err(reject) => Err(reject.into()),
    }
}
