//! `/wallet`: what was made for a customer (§§8.2, 8.3).

use super::auth::Asker;
use super::body::Body;
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::text::moment;
use crate::http::Endpoint;
use crate::service::onboarding::WalletNow;
use crate::service::{Service, WalletKind};
use crate::types::{Address, Venue};
use actix_web::http::Method;
use serde_json::{Value, json};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/wallet", get_wallet),
        endpoint(Method::POST, "/wallet/export-key", export_key),
    ]
}

/// An address in lower case, so that it is the same text wherever it stands (§16, Q1).
pub(super) fn address(address: Address) -> String {
    format!("{address:#x}")
}

/// §8.2.
pub(super) fn wallet(now: &WalletNow) -> Value {
    let WalletNow { wallet, id, cash, .. } = now;
    let mut shown = json!({
        "eoa_address": address(wallet.eoa),
        "privy_wallet_id": id,
        "wallet_type": match wallet.kind {
            WalletKind::Eoa => "eoa",
            WalletKind::Safe => "safe",
        },
        "safe_address": wallet.safe.map(address),
        "chain_id": wallet.chain,
        "created_at": moment(wallet.created_at),
    });
    if let Some(cash) = cash {
        shown["balances"] = json!([{
            "token": "USDC",
            "balance": cash.rounded(2),
            "raw_balance": cash.micros().to_string(),
            "decimals": 6,
        }]);
    }
    shown
}

async fn get_wallet(call: Call<Asker>) -> Answer {
    let Call { who: Asker(customer), service, .. } = &call;
    let made = service.managed_wallet(customer).await?;
    let signer = made.as_ref().map(|made| {
        json!({
            "active": made.is_signed,
            "expires_at": moment(made.wallet.signed_until),
            "signer_id": made.signer,
        })
    });
    let venues = service.linked_venues(customer)?.into_iter();
    let exchanges: Vec<_> =
        venues.map(|venue| json!({"exchange": venue.name(), "has_credentials": true})).collect();
    let mut body = json!({
        "wallets": made.iter().map(wallet).collect::<Vec<_>>(),
        "session_signer": signer,
        "linked_exchanges": exchanges,
    });
    // The primary one is a key pair.
    let primary = made.as_ref().filter(|made| made.wallet.kind == WalletKind::Eoa);
    body["wallet"] = primary.map_or(Value::Null, wallet);
    Ok(Reply::json(&body))
}

async fn export_key(call: Call<Asker>) -> Answer {
    let body = Body::parse(&call.body)?;
    match body.text("wallet_type")? {
        None | Some("eoa") => {}
        Some("safe") => {
            return Err(Failure::bad_request("the key of a safe is its owner's, and not held here"));
        }
        Some(_) => return Err(Failure::bad_request("wallet_type must be eoa or safe")),
    }
    let Call { who: Asker(customer), service, .. } = &call;
    Ok(Reply::json(&json!({"private_key": service.export_key(customer)?})))
}

/// The ids of the exchanges that a customer has credentials for.
pub(super) fn linked(
    service: &Service,
    customer: &crate::service::customers::Customer,
) -> Result<Vec<&'static str>, Failure> {
    Ok(service.linked_venues(customer)?.into_iter().map(Venue::name).collect())
}
