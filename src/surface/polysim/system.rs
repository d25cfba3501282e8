//! Whether the server is well, and who asks (§8).

use super::auth::{Anyone, Member, Owner, Probe, Stranger};
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::to_wire::{iso, number};
use crate::http::Endpoint;
use crate::service::Tier;
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
        endpoint(Method::GET, "/v1/account/me/entitlements", get_entitlements),
        endpoint(Method::GET, "/api/beta/cohort-status", get_cohort_status),
    ]
}

async fn get_health(call: Call<Probe>) -> Answer {
    let now = iso(call.service.now());
    Ok(Reply::json(&json!({"status": "ok", "timestamp": now, "version": VERSION})))
}

async fn get_readiness(call: Call<Probe>) -> Answer {
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

async fn get_status(call: Call<Probe>) -> Answer {
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
    let keys = call.service.own_keys(&call.who.manages(&call.service))?;
    let active = keys.iter().filter(|(_, key)| key.usable(now).is_ok()).count();
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

/// What the simulation of a plan may do: backtests a month, days and markets of one, and market hours a month (§19).
const fn simulation_caps(plan: Tier) -> [u32; 4] {
    match plan {
        Tier::Free => [10, 7, 5, 24],
        Tier::Pro => [100, 30, 25, 720],
        Tier::ProPlus | Tier::Enterprise => [9_999, 90, 100, 9_999],
    }
}

/// What a plan includes (§8). The shape is not published.
async fn get_entitlements(call: Call<Member>) -> Answer {
    let caller = call.who.who();
    let rules = *call.service.tiers().of(caller.tier);
    let [backtests, days, markets, hours] = simulation_caps(caller.tier);
    let pays = caller.tier > Tier::Free;
    Ok(Reply::json(&json!({
        "user_id": caller.user,
        "plan": caller.tier.name(),
        "tier": caller.tier.name(),
        "features": {
            "wallets.sandbox_baseline": rules.sandbox_baseline.rounded(2),
            "wallets.sandbox_max": rules.sandboxes_max,
            "simulation.backtests_per_month": backtests,
            "simulation.backtest_max_days": days,
            "simulation.backtest_max_markets": markets,
            "simulation.market_hours_monthly": hours,
            "analytics.backtesting": false,
            "dataset.historical_full": false,
            "export.csv": pays,
        },
    })))
}

/// Whether the first cohort has a place (§5.7). Places come free as members leave: nobody knows when.
async fn get_cohort_status(call: Call<Stranger>) -> Answer {
    let now = call.service.now();
    let cohorts = call.service.cohorts();
    let Some((cohort, active)) = cohorts.first() else {
        return Err(Failure::new(404, "NOT_FOUND", "No cohort is open"));
    };
    let is_over = cohort.cutoff.is_some_and(|cutoff| cutoff <= now);
    Ok(Reply::json(&json!({
        "cohort_label": cohort.label,
        "available": *active < cohort.cap && !is_over,
        "active": active,
        "cap": cohort.cap,
        "cutoff": cohort.cutoff.map(iso),
        "reopens_at": null,
    })))
}
