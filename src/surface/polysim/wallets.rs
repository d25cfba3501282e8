//! A user's wallets (§14).

use super::auth::Owner;
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::from_wire;
use super::keys::{LABEL_MAX, name};
use super::params::Page;
use super::to_wire::iso;
use super::wire::WalletOut;
use crate::http::Endpoint;
use crate::service::Purse;
use crate::service::wallets::WalletView;
use actix_web::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/v1/me/wallets", get_wallets),
        endpoint(Method::POST, "/v1/me/wallets", post_wallet),
        endpoint(Method::GET, "/v1/me/wallets/{wallet_id}", get_wallet),
        endpoint(Method::PATCH, "/v1/me/wallets/{wallet_id}", patch_wallet),
        endpoint(Method::DELETE, "/v1/me/wallets/{wallet_id}", delete_wallet),
        endpoint(Method::POST, "/v1/me/wallets/{wallet_id}/reset", post_reset),
    ]
}

async fn get_wallets(call: Call<Owner>) -> Answer {
    let (limit, offset) = call.query::<Page>()?.bounds()?;
    let permit = call.who.permit(&call.service, Some("all"))?;
    let all = call.service.wallets(&permit).await?;
    let shown: Vec<_> = all.iter().skip(offset).take(limit).map(wallet_out).collect();
    Ok(Reply::json(&json!({"wallets": shown})))
}

#[derive(Deserialize)]
struct Wanted {
    label: Option<Value>,
    kind: Option<Value>,
}

async fn post_wallet(call: Call<Owner>) -> Answer {
    let wanted: Wanted = from_wire::optional_json(&call.body)?;
    let label = name("label", wanted.label.as_ref(), LABEL_MAX)?;
    match wanted.kind.as_ref().map(|kind| kind.as_str().map(str::to_ascii_uppercase)) {
        None => {}
        Some(Some(kind)) if kind == "SANDBOX" => {}
        Some(_) => return Err(Failure::new(400, "VALIDATION_FAILED", "Only SANDBOX wallets can be created")),
    }
    let purse = call.service.open_wallet(&call.who.manages(&call.service), label).await?;
    Ok(changed(&call, purse).await?.status(201))
}

/// A wallet as it stands after whatever was done to it: whoever may do that may see it, too.
async fn changed(call: &Call<Owner>, purse: Purse) -> Answer {
    shown(&call.service.own_wallets(&call.who.manages(&call.service)).await?, purse)
}

fn shown(all: &[WalletView], purse: Purse) -> Answer {
    let found = all.iter().find(|view| view.purse == purse).ok_or_else(Failure::wallet_not_found)?;
    Ok(Reply::json(&wallet_out(found)))
}

async fn get_wallet(call: Call<Owner>) -> Answer {
    let purse = call.who.purse(&call.service, call.path("wallet_id"))?;
    let permit = call.who.permit(&call.service, Some("all"))?;
    shown(&call.service.wallets(&permit).await?, purse)
}

#[derive(Deserialize)]
struct Rename {
    /// Null takes the label away; without it nothing was asked for.
    label: Value,
}

async fn patch_wallet(call: Call<Owner>) -> Answer {
    let purse = call.who.purse(&call.service, call.path("wallet_id"))?;
    let rename: Rename = from_wire::object(&call.body)?;
    let label = name("label", Some(&rename.label), LABEL_MAX)?;
    call.service.label_wallet(&call.who.manages(&call.service), purse, label).await?;
    changed(&call, purse).await
}

async fn delete_wallet(call: Call<Owner>) -> Answer {
    let purse = call.who.purse(&call.service, call.path("wallet_id"))?;
    call.service.archive_wallet(&call.who.manages(&call.service), purse).await?;
    changed(&call, purse).await
}

async fn post_reset(call: Call<Owner>) -> Answer {
    let purse = call.who.purse(&call.service, call.path("wallet_id"))?;
    call.service.reset_wallet(&call.who.manages(&call.service), purse).await?;
    changed(&call, purse).await
}

fn wallet_out(view: &WalletView) -> WalletOut {
    let WalletView { purse, wallet, balance } = view;
    WalletOut {
        id: wallet.account.0,
        kind: match purse {
            Purse::Polymarket => "API",
            Purse::Main => "MAIN",
            Purse::Sandbox(_) => "SANDBOX",
            Purse::Kalshi | Purse::Pot(_) => {
                unreachable!("BUG: another service's account is no wallet of this one")
            }
        },
        label: wallet.label.clone(),
        balance: balance.rounded(2),
        baseline: wallet.baseline.rounded(2),
        status: if wallet.archived_at.is_some() { "archived" } else { "active" },
        generation: wallet.generation,
        parent_wallet_id: None,
        competition_id: None,
        created_at: iso(wallet.created_at),
        archived_at: wallet.archived_at.map(iso),
        is_legacy: false,
    }
}
