//! Reading keys and plans, and the token that opens a socket (§4.3, §4.7, §4.8).

use super::auth::{Owner, Stranger};
use super::call::{Answer, Call, Reply, endpoint};
use super::params::whole;
use super::to_wire::key_info;
use super::wire::TierRow;
use crate::http::Endpoint;
use crate::service::callers::SOCKET_TOKEN_SECONDS;
use crate::service::{Scheme, Tier};
use actix_web::http::Method;
use serde::Deserialize;
use serde_json::json;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/v1/keys", get_keys),
        endpoint(Method::GET, "/v1/keys/tiers", get_tiers),
        endpoint(Method::POST, "/v1/keys/ws-token", post_socket_token),
    ]
}

#[derive(Deserialize)]
struct Page {
    limit: Option<String>,
    offset: Option<String>,
}

async fn get_keys(call: Call<Owner>) -> Answer {
    let page: Page = call.query()?;
    let limit = whole("limit", page.limit.as_deref(), 50, 1..=200)?;
    let offset = whole("offset", page.offset.as_deref(), 0, 0..=usize::MAX)?;
    let now = call.service.now();
    let keys = call.service.keys_of(call.who.who().user);
    let own = keys.iter().filter(|(_, key)| key.scheme == Scheme::Polysim);
    let shown = own.skip(offset).take(limit).map(|(id, key)| key_info(*id, key, now));
    Ok(Reply::json(&shown.collect::<Vec<_>>()))
}

async fn get_tiers(call: Call<Stranger>) -> Answer {
    let tiers = call.service.tiers();
    let row = |tier: Tier| {
        let rules = tiers.of(tier);
        TierRow {
            tier: tier.name(),
            requests_per_second: rules.requests_per_second,
            requests_per_minute: rules.requests_per_minute,
            max_ws_connections: rules.ws_connections_max,
            max_batch_size: rules.batch_size_max,
        }
    };
    Ok(Reply::json(&Tier::ALL.map(row)))
}

async fn post_socket_token(call: Call<Owner>) -> Answer {
    let token = call.service.mint_socket_token(call.who.who());
    Ok(Reply::json(&json!({"token": token, "expires_in": SOCKET_TOKEN_SECONDS})))
}
