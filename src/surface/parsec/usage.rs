//! How much is asked and listened to: `/usage`, `/ws/usage` (§§6.9, 6.10).

use super::auth::Asker;
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::params::limit;
use super::text::parsec_id;
use crate::http::Endpoint;
use crate::service::Catalog;
use crate::service::customer_sockets::{SocketTotals, SocketUsage};
use crate::service::customers::Profile;
use crate::types::MarketId;
use actix_web::http::Method;
use serde_json::{Value, json};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, "/usage", get_usage), endpoint(Method::GET, "/ws/usage", get_socket_usage)]
}

async fn get_usage(call: Call<Asker>) -> Answer {
    let Call { who: Asker(customer), service, .. } = &call;
    let usage = service.customer_usage(customer)?;
    let sockets = service.own_sockets(customer, 0).totals;
    let rules = usage.rules;
    Ok(Reply::json(&json!({
        "tier": usage.tier,
        "billing_period_start": usage.month_began,
        "billing_period_end": usage.month_ends,
        "limits": {
            "monthly_requests": rules.requests_per_month,
            "rest_qps": rules.requests_per_second,
            "rest_qps_burst": rules.burst,
            "ws_max_subscriptions": rules.subscriptions_max,
            "ws_max_depth": rules.depth_max,
            "history_max_age_days": rules.history_days,
        },
        "usage": {
            "monthly_requests": usage.requests,
            "ws_active_connections": sockets.connections,
            "ws_active_subscriptions": sockets.subscriptions,
        },
    })))
}

async fn get_socket_usage(call: Call<Asker>) -> Answer {
    let Call { who: Asker(customer), service, .. } = &call;
    let most = limit(&call, "limit", 20, 100)?;
    let scope = call.query("scope");
    let is_global = match scope.as_deref() {
        None | Some("self") => false,
        Some("global") => true,
        Some(_) => return Err(Failure::bad_request("scope must be self or global")),
    };
    let Profile { customer_id, .. } = service.profile(customer)?;
    let SocketUsage { totals: all, customers, markets } =
        if is_global { service.all_sockets(customer, most)? } else { service.own_sockets(customer, most) };
    let named = |id: &str, own: &SocketTotals| {
        let mut body = totals(own);
        body["customer_id"] = id.into();
        body
    };
    let mut body = json!({
        "scope": if is_global { "global" } else { "self" },
        "updated_at_ms": service.now().millis(),
        "totals": totals(&all),
        "customers": customers.iter().map(|(id, own)| named(id, own)).collect::<Vec<_>>(),
        "top_markets": top_markets(&service.catalog(), &markets),
    });
    if !is_global {
        body["customer"] = named(&customer_id, &all);
    }
    Ok(Reply::json(&body))
}

fn totals(all: &SocketTotals) -> Value {
    json!({
        "active_connections": all.connections,
        "active_subscriptions": all.subscriptions,
        "connections_opened_total": all.opened,
        "connections_closed_total": all.closed,
        "auth_failures_total": all.auth_failures,
        "subscribe_requests_total": all.subscribes,
        "unsubscribe_requests_total": all.unsubscribes,
        "messages_sent_total": all.messages,
        "bytes_sent_total": all.bytes,
    })
}

/// Markets by how many follow either of their books.
fn top_markets(catalog: &Catalog, markets: &[(MarketId, u64)]) -> Vec<Value> {
    let named = |(market, count): &(MarketId, u64)| {
        let id = parsec_id(catalog.get(*market)?);
        Some(json!({"parsec_id": id, "subscriptions_total": count}))
    };
    markets.iter().filter_map(named).collect()
}
