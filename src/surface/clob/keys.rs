//! A wallet's keys (§3.3, §5.3): its own, those of builders and those that only prove that they were given out.

use super::auth::{self, Anyone, Signer, Wallet};
use super::call::{Answer, Call, Reply, endpoint, ok};
use super::error::Failure;
use super::text::iso;
use crate::http::Endpoint;
use crate::service::WalletKeyKind::{Builder, ReadOnly, Trading};
use crate::service::wallet_keys::Credentials;
use crate::types::Reject;
use actix_web::http::Method;
use serde::Deserialize;
use serde_json::json;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/auth/api-key", post_key),
        endpoint(Method::GET, "/auth/derive-api-key", get_derived),
        endpoint(Method::GET, "/auth/api-keys", get_keys),
        endpoint(Method::DELETE, "/auth/api-key", delete_key),
        endpoint(Method::GET, "/auth/ban-status/closed-only", get_closed_only),
        endpoint(Method::POST, "/auth/readonly-api-key", post_readonly),
        endpoint(Method::GET, "/auth/readonly-api-keys", get_readonly),
        endpoint(Method::DELETE, "/auth/readonly-api-key", delete_readonly),
        endpoint(Method::GET, "/auth/validate-readonly-api-key", get_validated),
        endpoint(Method::POST, "/auth/builder-api-key", post_builder),
        endpoint(Method::GET, "/auth/builder-api-key", get_builder),
        endpoint(Method::DELETE, "/auth/builder-api-key", delete_builder),
    ]
}

/// The one place that shows a secret.
fn shown(credentials: &Credentials) -> Reply {
    let Credentials { key, secret, passphrase } = credentials;
    Reply::json(&json!({"apiKey": key, "secret": secret, "passphrase": passphrase}))
}

/// Unified clients derive only after a 400 (§3.3), whatever the reason was; but for the server's own.
fn not_given(reject: Reject, error: &str) -> Failure {
    let failure = Failure::from(reject);
    if failure.status >= 500 { failure } else { Failure::bad_request(error) }
}

async fn post_key(call: Call<Wallet>) -> Answer {
    let made = call.service.create_wallet_key(&call.who.0).await;
    made.map(|made| shown(&made)).map_err(|reject| not_given(reject, "Could not create api key"))
}

async fn get_derived(call: Call<Wallet>) -> Answer {
    let found = call.service.derive_wallet_key(&call.who.0).await;
    found.map(|found| shown(&found)).map_err(|reject| not_given(reject, "Could not derive api key!"))
}

async fn get_keys(call: Call<Signer>) -> Answer {
    let keys = call.service.wallet_keys(&call.who.manages(&call.service), Trading)?;
    let ids: Vec<_> = keys.into_iter().map(|key| key.prefix).collect();
    Ok(Reply::json(&json!({"apiKeys": ids})))
}

async fn delete_key(call: Call<Signer>) -> Answer {
    call.service.end_own_key(call.who.who()).await?;
    Ok(ok())
}

async fn get_closed_only(_: Call<Signer>) -> Answer {
    Ok(Reply::json(&json!({"closed_only": false})))
}

async fn post_readonly(call: Call<Signer>) -> Answer {
    let made = call.service.add_wallet_key(&call.who.manages(&call.service), ReadOnly).await?;
    Ok(Reply::json(&json!({"apiKey": made.key})))
}

async fn get_readonly(call: Call<Signer>) -> Answer {
    let keys = call.service.wallet_keys(&call.who.manages(&call.service), ReadOnly)?;
    Ok(Reply::json(&keys.into_iter().map(|key| key.prefix).collect::<Vec<_>>()))
}

#[derive(Deserialize)]
struct WhichKey {
    key: String,
}

async fn delete_readonly(call: Call<Signer>) -> Answer {
    let WhichKey { key } = call.json()?;
    let ended = call.service.end_wallet_key(&call.who.manages(&call.service), ReadOnly, Some(&key)).await;
    match ended {
        Ok(()) => Ok(Reply::json(&true)),
        Err(Reject::KeyNotFound) => Ok(Reply::json(&false)),
        Err(reject) => Err(reject.into()),
    }
}

#[derive(Deserialize)]
struct Presented {
    address: Option<String>,
    key: Option<String>,
}

async fn get_validated(call: Call<Anyone>) -> Answer {
    let Presented { address, key } = call.query()?;
    let address = address.as_deref().and_then(|address| address.parse().ok());
    let is_given = address.zip(key).is_some_and(|(address, key)| call.service.gave_out(address, &key));
    if is_given { Ok(Reply::json(&"valid")) } else { Err(Failure::unauthorized()) }
}

async fn post_builder(call: Call<Signer>) -> Answer {
    let Credentials { key, secret, passphrase } =
        call.service.add_wallet_key(&call.who.manages(&call.service), Builder).await?;
    Ok(Reply::json(&json!({"key": key, "secret": secret, "passphrase": passphrase})))
}

async fn get_builder(call: Call<Signer>) -> Answer {
    let keys = call.service.wallet_keys(&call.who.manages(&call.service), Builder)?;
    let shown = keys
        .into_iter()
        .map(|key| json!({"key": key.prefix, "createdAt": iso(key.created_at), "revokedAt": null}));
    Ok(Reply::json(&shown.collect::<Vec<_>>()))
}

/// A builder's key ends itself. A wallet names none: all of its builders' keys end.
async fn delete_builder(call: Call<auth::Builder>) -> Answer {
    match &call.who {
        auth::Builder::Itself(caller) => call.service.end_own_key(caller).await?,
        auth::Builder::Owner(signer) => {
            let owner = signer.manages(&call.service);
            for key in call.service.wallet_keys(&owner, Builder)? {
                call.service.end_wallet_key(&owner, Builder, Some(&key.prefix)).await?;
            }
        }
    }
    Ok(ok())
}
