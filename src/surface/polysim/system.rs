//! Whether the server is well, and who asks (§8).

use super::auth::{Anyone, Owner, Stranger};
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::to_wire::{is_active, iso, number};
use crate::http::Endpoint;
use crate::service::Scheme;
use crate::service::accounts::Portfolio;
use crate::types::Usd;
use actix_web::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/v1/health", get_health),
        endpoint(Method::GET, "/v1/health/live", get_health),
        endpoint(Method::GET, "/v1/health/ready", get_readiness),
        endpoint(Method::GET, "/v1/status", get_status),
        endpoint(Method::GET, "/v1/time", get_time),
        endpoint(Method::GET, "/v1/me", get_me),
    ]
}

async fn get_health(call: Call<Stranger>) -> Answer {
    let now = iso(call.service.now());
    Ok(Reply::json(&json!({"status": "ok", "timestamp": now, "version": VERSION})))
}

async fn get_readiness(call: Call<Stranger>) -> Answer {
    let stopped = call.service.why_stopped();
    let ok = json!({"status": "ok"});
    let database = match &stopped {
        None => ok.clone(),
        Some(why) => json!({"status": "error", "message": why}),
    };
    let body = json!({
        "status": if stopped.is_none() { "ready" } else { "not_ready" },
        "timestamp": iso(call.service.now()),
        "checks": {"database": database, "cache": ok},
    });
    let reply = Reply::json(&body);
    Ok(if stopped.is_none() { reply } else { reply.status(503).with("X-Polysim-Code", "HTTP_503") })
}

async fn get_status(call: Call<Stranger>) -> Answer {
    let uptime = call.service.uptime();
    let stopped = call.service.why_stopped();
    let status = if stopped.is_none() { "ok" } else { "degraded" };
    let matching = match stopped {
        None => json!({"status": "ok", "next_sequence": call.service.durable()}),
        Some(why) => json!({"status": "stopped", "message": why}),
    };
    Ok(Reply::json(&json!({
        "status": status,
        "timestamp": iso(call.service.now()),
        "version": VERSION,
        "uptime_seconds": number(&format!("{}.{:03}", uptime.as_secs(), uptime.subsec_millis())),
        "database": {"status": "ok"},
        "redis": {},
        "matching_engine": matching,
        "websocket": {"connections": call.service.sockets_open()},
        "markets": {"count": call.service.catalog().iter().count()},
    })))
}

async fn get_time(call: Call<Anyone>) -> Answer {
    Ok(Reply::json(&call.service.now().seconds()))
}

#[derive(Deserialize)]
struct WhichWallet {
    wallet_id: Option<String>,
}

async fn get_me(call: Call<Owner>) -> Answer {
    let wallet = call.query::<WhichWallet>()?.wallet_id;
    let permit = call.who.permit(&call.service, wallet.as_deref())?;
    let caller = call.who.who();
    let (user, _) = call.service.who(caller).ok_or_else(Failure::missing_auth)?;
    let portfolios = call.service.portfolios(&permit).await?;
    let balance = portfolios.iter().map(Portfolio::available).sum::<Usd>();
    let balance = balance.rounded(2);
    let now = call.service.now();
    let keys = call.service.keys_of(caller.user);
    let active = keys.iter().filter(|(_, key)| key.scheme == Scheme::Polysim && is_active(key, now)).count();
    let text = |text: &str| if text.is_empty() { Value::Null } else { Value::from(text) };
    Ok(Reply::json(&json!({
        "user_id": caller.user,
        "balance": balance,
        "api_balance": balance,
        "currency": "USD",
        "key_count": active,
        "tier": caller.tier.name(),
        "permissions": caller.permissions.names(),
        "auth_user_id": text(&user.subject),
        "email": text(&user.email),
    })))
}
