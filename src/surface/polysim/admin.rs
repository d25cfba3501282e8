//! What an administrator changes at run time: the allowlist, flags, cohorts, gates, beta keys (§5). Not limited.

use super::auth::Administrator;
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::from_wire;
use super::history::iso;
use super::keys::{LABEL_MAX, NAME_MAX, name};
use super::to_wire::created_key;
use crate::http::Endpoint;
use crate::service::callers::EMAIL_MAX;
use crate::service::{BetaWish, GateChange, Whom};
use crate::types::{KeyId, Timestamp, UserId};
use actix_web::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/admin/allowlist", get_allowlist),
        endpoint(Method::POST, "/admin/allowlist", post_allowlist),
        endpoint(Method::DELETE, "/admin/allowlist", delete_allowlist),
        endpoint(Method::POST, "/admin/users/{user_id}/flag", post_flag),
        endpoint(Method::DELETE, "/admin/users/{user_id}", delete_user),
        endpoint(Method::POST, "/admin/api-keys/{key_id}/disable", post_disable),
        endpoint(Method::POST, "/admin/api-keys/issue-beta", post_issue_beta),
        endpoint(Method::PUT, "/admin/cohorts/{label}/users/{user_id}", put_member),
        endpoint(Method::DELETE, "/admin/cohorts/{label}/users/{user_id}", delete_member),
        endpoint(Method::PUT, "/admin/gates", put_gates),
    ]
}

async fn get_allowlist(call: Call<Administrator>) -> Answer {
    let rows = call.who.0.allowlist().into_iter().map(|user| json!({"user_id": user}));
    Ok(Reply::json(&rows.collect::<Vec<_>>()))
}

#[derive(Deserialize)]
struct WhichUser {
    user_id: u32,
}

async fn post_allowlist(call: Call<Administrator>) -> Answer {
    allow(&call, true).await
}

async fn delete_allowlist(call: Call<Administrator>) -> Answer {
    allow(&call, false).await
}

async fn allow(call: &Call<Administrator>, allowed: bool) -> Answer {
    let WhichUser { user_id } = from_wire::object(&call.body)?;
    call.who.0.allow(UserId(user_id), allowed).await?;
    Ok(Reply::json(&json!({"user_id": user_id, "allowlisted": allowed})))
}

/// The user that a path names. One that is no number is not there.
fn user_id(call: &Call<Administrator>) -> Result<UserId, Failure> {
    call.path("user_id").parse().map(UserId).map_err(|_| Failure::new(404, "NOT_FOUND", "User not found"))
}

#[derive(Deserialize)]
struct Flagged {
    flagged: bool,
}

async fn post_flag(call: Call<Administrator>) -> Answer {
    let user = user_id(&call)?;
    let Flagged { flagged } = from_wire::object(&call.body)?;
    call.who.0.flag(user, flagged).await?;
    Ok(Reply::json(&json!({"user_id": user, "flagged": flagged})))
}

async fn delete_user(call: Call<Administrator>) -> Answer {
    let user = user_id(&call)?;
    call.who.0.delete_user(user).await?;
    Ok(Reply::json(&json!({"user_id": user, "deleted": true})))
}

async fn post_disable(call: Call<Administrator>) -> Answer {
    let key = call.path("key_id").parse().map(KeyId);
    let key = key.map_err(|_| Failure::new(404, "NOT_FOUND", "API key not found"))?;
    call.who.0.disable_key(key).await?;
    Ok(Reply::json(&json!({"id": key, "is_active": false})))
}

#[derive(Deserialize)]
struct IssueBeta {
    user_id: Option<u32>,
    email: Option<String>,
    name: Option<Value>,
    beta_until: Option<String>,
    cohort_label: Option<String>,
}

async fn post_issue_beta(call: Call<Administrator>) -> Answer {
    let wanted: IssueBeta = from_wire::object(&call.body)?;
    let whom = match (wanted.user_id, wanted.email) {
        (Some(user), None) => Whom::User(UserId(user)),
        (None, Some(email)) if is_address(&email) => Whom::Email(email),
        (None, Some(_)) => return Err(Failure::invalid("email", "must be an e-mail address")),
        (Some(_), Some(_)) => return Err(Failure::invalid("email", "give either user_id or email")),
        (None, None) => return Err(Failure::invalid("email", "Field required")),
    };
    let until = wanted.beta_until.ok_or_else(|| Failure::invalid("beta_until", "Field required"))?;
    let wish = BetaWish {
        whom,
        name: name("name", wanted.name.as_ref(), NAME_MAX)?,
        until: moment(&until)?,
        cohort: wanted.cohort_label.map(|text| label(&text)).transpose()?,
    };
    let fresh = call.who.0.issue_beta_key(wish).await?;
    Ok(Reply::json(&created_key(&fresh)).status(201))
}

/// Enough to tell an address from a slip: nobody's mail is sent there.
fn is_address(text: &str) -> bool {
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control();
    text.contains('@') && text.len() <= EMAIL_MAX && text.chars().all(is_plain)
}

fn moment(text: &str) -> Result<Timestamp, Failure> {
    let at = iso(text).ok_or_else(|| Failure::invalid("beta_until", "must be an ISO-8601 moment"))?;
    Ok(Timestamp::from_millis(at.as_millisecond()))
}

fn label(text: &str) -> Result<String, Failure> {
    let is_plain = |c: char| c.is_ascii_graphic();
    if text.is_empty() || text.len() > LABEL_MAX || !text.chars().all(is_plain) {
        let reason = format!("must be 1 to {LABEL_MAX} visible ASCII characters");
        return Err(Failure::invalid("cohort_label", &reason));
    }
    Ok(text.to_owned())
}

async fn put_member(call: Call<Administrator>) -> Answer {
    enroll(&call, true).await
}

async fn delete_member(call: Call<Administrator>) -> Answer {
    enroll(&call, false).await
}

async fn enroll(call: &Call<Administrator>, is_member: bool) -> Answer {
    let (user, label) = (user_id(call)?, label(call.path("label"))?);
    call.who.0.enroll(user, label.clone(), is_member).await?;
    Ok(Reply::json(&json!({"cohort_label": label, "user_id": user, "member": is_member})))
}

/// What is left out stays as it is.
async fn put_gates(call: Call<Administrator>) -> Answer {
    let change: GateChange = from_wire::object(&call.body)?;
    Ok(Reply::json(&call.who.0.set_gates(change).await?))
}
