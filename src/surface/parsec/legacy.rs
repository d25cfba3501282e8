//! What SDKs no longer call, and scripts and older clients still do (§10).

use super::auth::{Anyone, Asker, KeyHolder};
use super::body::Body;
use super::call::{Answer, Call, Reply, endpoint};
use super::credentials::{for_onboarding, for_request, is_pem};
use super::error::Failure;
use super::selector::exchange_of;
use super::wallet::linked;
use crate::http::Endpoint;
use crate::service::customers::Profile;
use crate::types::Venue;
use actix_web::http::Method;
use serde_json::json;

/// What a wallet would have to allow on a chain, once for each token and contract.
const APPROVALS: [(&str, &str, &str); 5] = [
    ("usdc", "ctf_exchange", "usdc"),
    ("ctf", "ctf_exchange", "ctf"),
    ("usdc", "neg_risk_ctf_exchange", "usdc_neg_risk"),
    ("ctf", "neg_risk_ctf_exchange", "ctf_neg_risk"),
    ("ctf", "neg_risk_adapter", "ctf_neg_risk"),
];

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/session/capabilities", get_capabilities),
        endpoint(Method::GET, "/approvals", get_approvals),
        endpoint(Method::POST, "/approvals", post_approvals),
        endpoint(Method::POST, "/dev/session/bootstrap", bootstrap),
        endpoint(Method::PUT, "/credentials", put_credentials),
        endpoint(Method::POST, "/billing/checkout", no_billing),
        endpoint(Method::POST, "/billing/portal", no_billing),
        endpoint(Method::POST, "/webhook/stripe", no_billing),
    ]
}

async fn get_capabilities(call: Call<Asker>) -> Answer {
    let Call { who: Asker(customer), service, .. } = &call;
    let Profile { tier, .. } = service.profile(customer)?;
    Ok(Reply::json(&json!({"linked_exchanges": linked(service, customer)?, "tier": tier})))
}

/// Only Polymarket's tokens are allowed to contracts, and here they always are.
fn on_polymarket(call: &Call<Asker>) -> Result<(), Failure> {
    match exchange_of(call)?.trades()? {
        Venue::Polymarket => Ok(()),
        Venue::Kalshi => Err(Failure::not_supported("kalshi does not support approvals")),
    }
}

async fn get_approvals(call: Call<Asker>) -> Answer {
    on_polymarket(&call)?;
    let approval = |(token, target, _): (&str, &str, &str)| json!({"token": token, "target": target, "approved": true, "details": "unlimited"});
    Ok(Reply::json(&APPROVALS.map(approval)))
}

async fn post_approvals(call: Call<Asker>) -> Answer {
    on_polymarket(&call)?;
    let body = Body::parse(&call.body)?;
    let all = body.flag("all")?;
    let mut results = Vec::new();
    for (token, target, name) in APPROVALS {
        if all || body.flag(name)? {
            results.push(json!({"token": token, "target": target, "tx_hash": null, "success": true}));
        }
    }
    Ok(Reply::json(&json!({"results": results, "all_succeeded": true})))
}

/// For scripts on the same machine (§10.3): who the calling key is, and a token for a terminal, which has all of that
/// key's power. So nobody is acted for here, and no token renews itself.
async fn bootstrap(call: Call<KeyHolder>) -> Answer {
    let Call { who: KeyHolder(customer, key), service, .. } = &call;
    let Profile { customer_id, tier, .. } = service.profile(customer)?;
    let (token, ends) = service.mint_terminal_token(customer);
    Ok(Reply::json(&json!({
        // What its caller just sent.
        "api_key": key,
        "customer_id": customer_id,
        "tier": tier,
        "terminal_read_token": token,
        "terminal_token_expires_at": ends.millis(),
        "linked_exchanges": linked(service, customer)?,
    })))
}

async fn put_credentials(call: Call<Asker>) -> Answer {
    let body = Body::parse(&call.body)?;
    let Call { who: Asker(customer), service, .. } = &call;
    let is_kalshi = body.text("api_key_id")?.is_some() || body.text("private_key")?.is_some_and(is_pem);
    let is_wallet_key = !is_kalshi && body.text("private_key")?.is_some();
    let is_polymarket = body.text("clob_api_key")?.is_some();
    if !is_kalshi && !is_polymarket && !is_wallet_key {
        return Err(Failure::missing("no credentials were given"));
    }
    // All of it is read before any of it is kept.
    let kalshi = is_kalshi.then(|| for_onboarding(&body, Venue::Kalshi)).transpose()?;
    let polymarket = match (is_polymarket, is_wallet_key) {
        (true, _) => Some(for_onboarding(&without_pem(body)?, Venue::Polymarket)?),
        // The wallet's key alone says whose it is.
        (false, true) => Some(for_request(&body, Venue::Polymarket)?),
        (false, false) => None,
    };
    for given in [kalshi, polymarket].into_iter().flatten() {
        service.onboard_own(customer, &given).await?;
    }
    Ok(Reply::empty())
}

/// A private key in PEM is Kalshi's, whatever else comes with it.
fn without_pem(body: Body) -> Result<Body, Failure> {
    let is_kalshis = body.text("private_key")?.is_some_and(is_pem);
    Ok(if is_kalshis { body.without("private_key") } else { body })
}

async fn no_billing(_: Call<Anyone>) -> Answer {
    Err(Failure::not_supported("billing is not simulated"))
}
