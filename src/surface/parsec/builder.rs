//! `/builder`: end users, their onboarding, the pool and escrow (§9).

use super::auth::{Builder, not_owned};
use super::body::Body;
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::onboard::{Wish, read_address};
use super::params::limit;
use super::text::moment;
use super::wallet::{address, wallet};
use crate::http::Endpoint;
use crate::service::Service;
use crate::service::builders::{EndUserView, Pool};
use crate::service::customers::{Customer, MayBuild};
use crate::service::fee_auth::{FEE_CONTRACT, TREASURY};
use crate::types::Venue;
use actix_web::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The least fee in hundredths of a percent, as the service shows it (§9.8).
const FEE_BPS_MIN: u32 = 1;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/builder/users", post_user),
        endpoint(Method::GET, "/builder/users", get_users),
        endpoint(Method::GET, "/builder/users/{customer_id}", get_user),
        endpoint(Method::PATCH, "/builder/users/{customer_id}", patch_user),
        endpoint(Method::DELETE, "/builder/users/{customer_id}", delete_user),
        endpoint(Method::POST, "/builder/onboard", post_onboard),
        endpoint(Method::GET, "/builder/pool", get_pool),
        endpoint(Method::GET, "/builder/escrow/config", get_escrow),
    ]
}

/// §9.1: one shape for whatever is done to an end user.
fn user(view: &EndUserView) -> Value {
    let venues: Vec<_> = view.venues.iter().map(|venue| venue.name()).collect();
    json!({
        "customer_id": view.customer_id,
        "external_id": view.end_user.external_id,
        "api_key": view.key.expose(),
        "status": "complete",
        "tier": "free",
        "qps_limit": view.end_user.qps_limit,
        "created_at": moment(view.end_user.created_at),
        "linked_exchanges": venues,
        "wallet": view.wallet.as_ref().map(wallet),
        "fee_escrow_enabled": view.escrow.is_some(),
        "fee_bps": view.escrow.as_ref().map(|escrow| escrow.fee_bps),
        "affiliate_address": view.escrow.as_ref().and_then(|escrow| escrow.affiliate).map(address),
    })
}

/// Requests a second that an end user may ask, if they are given.
fn qps_limit(body: &Body) -> Result<Option<u32>, Failure> {
    let Some(given) = body.whole("qps_limit")? else { return Ok(None) };
    if given < 1 {
        return Err(Failure::bad_request("qps_limit must be at least 1"));
    }
    Ok(Some(u32::try_from(given).unwrap_or(u32::MAX)))
}

/// An end user that a body asks for, made if it is not there.
async fn create(service: &Service, builder: &MayBuild, body: &Body) -> Result<(EndUserView, bool), Failure> {
    let external_id = body.required("external_id")?;
    if let Some(known) = service.known_end_user(builder, external_id).await? {
        // The other fields are ignored (§9.2).
        return Ok((known, false));
    }
    body.text("email")?;
    let qps_limit = qps_limit(body)?;
    // Named only: its wallet is made when it is onboarded (§9.2).
    body.text("eoa_address")?.map(read_address).transpose()?;
    Ok(service.create_end_user(builder, external_id, qps_limit).await?)
}

async fn post_user(call: Call<Builder>) -> Answer {
    let body = Body::parse(&call.body)?;
    let (view, is_new) = create(&call.service, &call.who.0, &body).await?;
    Ok(if is_new { Reply::created(&user(&view)) } else { Reply::json(&user(&view)) })
}

/// What a cursor says: the last end user that was shown, by its builder's own id.
#[derive(Serialize, Deserialize)]
struct After {
    builder_external_id: String,
}

impl After {
    fn read(cursor: &str) -> Result<Self, Failure> {
        let decoded = STANDARD_NO_PAD.decode(cursor.trim_end_matches('='));
        let decoded = decoded.map_err(|_| Failure::bad_request("invalid cursor"))?;
        serde_json::from_slice(&decoded).map_err(|_| Failure::bad_request("invalid cursor"))
    }

    fn cursor(&self) -> String {
        STANDARD.encode(serde_json::to_vec(self).expect("BUG: a cursor that is no JSON"))
    }
}

async fn get_users(call: Call<Builder>) -> Answer {
    let limit = limit(&call, "limit", 50, 100)?;
    let after = call.query("cursor").as_deref().map(After::read).transpose()?;
    let after = after.map(|after| after.builder_external_id);
    let (views, has_more) = call.service.end_users(&call.who.0, after.as_deref(), limit).await?;
    let mut body = json!({"users": views.iter().map(user).collect::<Vec<_>>(), "count": views.len()});
    if let Some(last) = views.last().filter(|_| has_more) {
        let after = After { builder_external_id: last.end_user.external_id.clone() };
        body["next_cursor"] = after.cursor().into();
    }
    Ok(Reply::json(&body))
}

async fn get_user(call: Call<Builder>) -> Answer {
    let view = call.service.end_user(&call.who.0, call.path("customer_id")).await?;
    Ok(Reply::json(&user(&view)))
}

async fn patch_user(call: Call<Builder>) -> Answer {
    let body = Body::parse(&call.body)?;
    let (builder, id) = (&call.who.0, call.path("customer_id"));
    if let Some(qps_limit) = qps_limit(&body)? {
        call.service.limit_end_user(builder, id, qps_limit).await?;
    }
    Ok(Reply::json(&user(&call.service.end_user(builder, id).await?)))
}

async fn delete_user(call: Call<Builder>) -> Answer {
    call.service.deactivate_end_user(&call.who.0, call.path("customer_id")).await?;
    Ok(Reply::empty())
}

/// Onboards an end user, which an earlier form of this endpoint also made (§9.6).
async fn post_onboard(call: Call<Builder>) -> Answer {
    let body = Body::parse(&call.body)?;
    let (service, builder) = (&call.service, &call.who.0);
    let is_onboarding = body.text("exchange")?.is_some() || body.text("mode")?.is_some();
    let named = body.text("customer_id")?;
    if named.is_none() && body.text("external_id")?.is_none() {
        return Err(Failure::missing("customer_id is required"));
    }
    let wish = if is_onboarding || named.is_some() { Some(Wish::read(&body)?) } else { None };
    let (id, is_new) = if let Some(id) = named {
        (id.to_owned(), false)
    } else {
        let (view, is_new) = create(service, builder, &body).await?;
        (view.customer_id, is_new)
    };
    let customer = service.act_for(builder.customer(), &id).map_err(|_| not_owned())?;
    let mut answer = carry_out(service, &customer, wish.as_ref()).await?;
    if is_new && let Some(steps) = answer["steps_completed"].as_array_mut() {
        steps.insert(0, "user_created".into());
    }
    let view = service.end_user(builder, &id).await?;
    let shown = user(&view);
    for name in [
        "customer_id",
        "external_id",
        "api_key",
        "status",
        "wallet",
        "linked_exchanges",
        "fee_escrow_enabled",
        "fee_bps",
        "affiliate_address",
    ] {
        answer[name] = shown[name].clone();
    }
    Ok(if is_new { Reply::created(&answer) } else { Reply::json(&answer) })
}

async fn carry_out(service: &Service, customer: &Customer, wish: Option<&Wish>) -> Result<Value, Failure> {
    match wish {
        Some(wish) => Ok(wish.carry_out(service, customer).await?.0),
        // Only made, and linked to nothing.
        None => Ok(json!({"exchange": Venue::Polymarket.name(), "mode": "self", "steps_completed": [],
            "eoa_address": null, "safe_address": null})),
    }
}

async fn get_pool(call: Call<Builder>) -> Answer {
    let Pool { qps_pool, end_users, allocated } = call.service.pool(&call.who.0)?;
    Ok(Reply::json(&json!({
        "qps_pool": qps_pool,
        "end_user_count": end_users,
        "total_allocated_qps": allocated,
    })))
}

/// §9.8. What is not collected has the service's own figures.
async fn get_escrow(call: Call<Builder>) -> Answer {
    let escrow = call.service.escrow(&call.who.0)?;
    let figures = escrow.as_ref();
    Ok(Reply::json(&json!({
        "fee_escrow_enabled": figures.is_some(),
        "escrow_contract_address": address(FEE_CONTRACT),
        "min_fee_usdc": figures.map_or(100_000, |escrow| escrow.fee_min.micros()).to_string(),
        "min_fee_bps": FEE_BPS_MIN,
        "treasury_address": address(TREASURY),
        "affiliate_fee_bps": figures.map_or(2_000, |escrow| escrow.affiliate_bps),
        "fee_bps": figures.map(|escrow| escrow.fee_bps),
        "affiliate_address": figures.and_then(|escrow| escrow.affiliate).map(address),
    })))
}
