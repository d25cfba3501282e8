//! `/auth/siwe`: a key for whoever signs with a wallet (§10.4).

use super::auth::Anyone;
use super::body::Body;
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::wallet::address;
use crate::http::Endpoint;
use crate::service::sign_in::{NotSignedIn, SignedIn};
use actix_web::http::Method;
use serde_json::json;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/auth/siwe/nonce", get_nonce),
        endpoint(Method::POST, "/auth/siwe", post_signed),
    ]
}

async fn get_nonce(call: Call<Anyone>) -> Answer {
    Ok(Reply::json(&json!({"nonce": call.service.sign_in_nonce()?})))
}

async fn post_signed(call: Call<Anyone>) -> Answer {
    let body = Body::parse(&call.body)?;
    let (message, signature) = (body.required("message")?, body.required("signature")?);
    let SignedIn { key, customer_id, address: wallet, is_new } =
        call.service.sign_in(message, signature).await?;
    Ok(Reply::json(&json!({
        "api_key": key.expose(),
        "customer_id": customer_id,
        "wallet_address": address(wallet).to_ascii_lowercase(),
        "is_new": is_new,
    })))
}

impl From<NotSignedIn> for Failure {
    fn from(why: NotSignedIn) -> Self {
        match why {
            NotSignedIn::Malformed => Self::bad_request("message is not a Sign-In with Ethereum message"),
            NotSignedIn::Nonce => Self::unauthorized("invalid or expired nonce"),
            NotSignedIn::Stale => Self::unauthorized("message has expired"),
            NotSignedIn::Unsigned => Self::unauthorized("invalid signature"),
            NotSignedIn::Refused(reject) => reject.into(),
        }
    }
}
