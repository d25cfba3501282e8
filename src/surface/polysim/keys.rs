//! The life of a key, the plans, and the token that opens a socket (§4).

use super::auth::{Newcomer, Owner, Stranger};
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::from_wire;
use super::params::{Page, texts};
use super::to_wire::{created_key, iso, key_info};
use super::wire::TierRow;
use crate::http::Endpoint;
use crate::service::callers::SOCKET_TOKEN_SECONDS;
use crate::service::keys::KeyWish;
use crate::service::{Permission, Permissions, Tier};
use crate::types::KeyId;
use actix_web::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

/// The longest name of a key, in characters.
pub(super) const NAME_MAX: usize = 100;
/// The longest label of a wallet or a cohort, in characters.
pub(super) const LABEL_MAX: usize = 64;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/v1/keys/bootstrap", post_bootstrap),
        endpoint(Method::POST, "/v1/keys", post_key),
        endpoint(Method::GET, "/v1/keys", get_keys),
        endpoint(Method::PATCH, "/v1/keys/{key_id}", patch_key),
        endpoint(Method::DELETE, "/v1/keys/{key_id}", delete_key),
        endpoint(Method::POST, "/v1/keys/{key_id}/rotate", post_rotate),
        endpoint(Method::GET, "/v1/keys/tiers", get_tiers),
        endpoint(Method::POST, "/v1/keys/ws-token", post_socket_token),
    ]
}

/// What may be asked of a new key. Nothing else is read, an end least of all (§4.1).
#[derive(Deserialize)]
struct Wanted {
    name: Option<Value>,
    tier: Option<Value>,
    permissions: Option<Value>,
}

impl Wanted {
    fn parse(body: &[u8]) -> Result<KeyWish, Failure> {
        let wanted: Self = from_wire::optional_json(body)?;
        Ok(KeyWish {
            name: name("name", wanted.name.as_ref(), NAME_MAX)?,
            tier: wanted.tier.filter(|tier| !tier.is_null()).map(|tier| known_tier(&tier)).transpose()?,
            permissions: wanted
                .permissions
                .filter(|list| !list.is_null())
                .map(known_permissions)
                .transpose()?,
        })
    }
}

/// A name somebody gives to something of one's own: a text that is not too long, or none.
pub(super) fn name(field: &str, given: Option<&Value>, most: usize) -> Result<Option<String>, Failure> {
    match given {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= most => Ok(Some(text.clone())),
        Some(Value::String(_)) => {
            Err(Failure::invalid(field, &format!("must have at most {most} characters")))
        }
        Some(_) => Err(Failure::invalid(field, "must be a string or null")),
    }
}

fn known_tier(given: &Value) -> Result<Tier, Failure> {
    let word = given.as_str().ok_or_else(|| Failure::invalid("tier", "must be a string"))?;
    Tier::named(word).ok_or_else(|| {
        let known = Tier::ALL.map(Tier::name).join(", ");
        Failure::new(400, "VALIDATION_FAILED", format!("Unknown tier '{word}'. Use one of: {known}"))
    })
}

fn known_permissions(given: Value) -> Result<Permissions, Failure> {
    let words = texts("permissions", &given)?;
    if words.is_empty() {
        return Err(Failure::invalid("permissions", "must name at least one permission"));
    }
    let known = |word: &String| match word.as_str() {
        "read" => Ok(Permission::Read),
        "trade" => Ok(Permission::Trade),
        // Only the administrator's own token administrates (§3.5).
        "admin" => Err(Failure::new(403, "TIER_NOT_AUTHORIZED", "No key may administrate")),
        _ => Err(Failure::invalid("permissions", "must be among 'read' and 'trade'")),
    };
    words.iter().map(known).collect::<Result<Vec<_>, _>>().map(|list| Permissions::of(&list))
}

async fn post_bootstrap(call: Call<Newcomer>) -> Answer {
    let owner = call.who.begins(&call.service);
    call.service.may_have_first_key(&owner)?;
    let fresh = call.service.issue_first_key(&owner, Wanted::parse(&call.body)?).await?;
    Ok(Reply::json(&created_key(&fresh)).status(201))
}

async fn post_key(call: Call<Owner>) -> Answer {
    let owner = call.who.manages(&call.service);
    call.service.may_have_key(&owner)?;
    let fresh = call.service.issue_key(&owner, Wanted::parse(&call.body)?).await?;
    Ok(Reply::json(&created_key(&fresh)).status(201))
}

async fn get_keys(call: Call<Owner>) -> Answer {
    let (limit, offset) = call.query::<Page>()?.bounds()?;
    let now = call.service.now();
    let keys = call.service.own_keys(&call.who.manages(&call.service))?;
    let shown = keys.iter().skip(offset).take(limit);
    let shown = shown.map(|(id, key)| key_info(*id, key, call.service.last_used(*id), now));
    Ok(Reply::json(&shown.collect::<Vec<_>>()))
}

/// The key that a path names. One that is no number is not there.
fn key_id<Who>(call: &Call<Who>) -> Result<KeyId, Failure> {
    let id = call.path("key_id").parse().map(KeyId);
    id.map_err(|_| Failure::new(404, "NOT_FOUND", "API key not found"))
}

#[derive(Deserialize)]
struct Rename {
    /// Null takes the name away; without it nothing was asked for.
    name: Value,
}

async fn patch_key(call: Call<Owner>) -> Answer {
    let key = key_id(&call)?;
    let rename: Rename = from_wire::object(&call.body)?;
    let name = name("name", Some(&rename.name), NAME_MAX)?;
    let renamed = call.service.rename_key(&call.who.manages(&call.service), key, name).await?;
    let last_used = call.service.last_used(key);
    Ok(Reply::json(&key_info(key, &renamed, last_used, call.service.now())))
}

async fn delete_key(call: Call<Owner>) -> Answer {
    let key = key_id(&call)?;
    call.service.revoke_key(&call.who.manages(&call.service), key).await?;
    Ok(Reply::json(&json!({"message": "Key revoked successfully"})))
}

async fn post_rotate(call: Call<Owner>) -> Answer {
    let key = key_id(&call)?;
    let (fresh, ends) = call.service.rotate_key(&call.who.manages(&call.service), key).await?;
    let mut created = created_key(&fresh);
    created.rotated_from = Some(key.0);
    created.old_key_expires_at = Some(iso(ends));
    Ok(Reply::json(&created).status(201))
}

async fn get_tiers(call: Call<Stranger>) -> Answer {
    let tiers = call.service.tiers();
    let row = |tier: Tier| {
        let rules = tiers.of(tier);
        TierRow {
            tier: tier.name(),
            requests_per_second: rules.requests_per_second,
            requests_per_minute: rules.requests_per_minute,
            max_ws_connections: rules.ws_connections_max,
            max_batch_size: rules.batch_size_max,
        }
    };
    Ok(Reply::json(&Tier::ALL.map(row)))
}

async fn post_socket_token(call: Call<Owner>) -> Answer {
    let token = call.service.mint_socket_token(call.who.who());
    Ok(Reply::json(&json!({"token": token, "expires_in": SOCKET_TOKEN_SECONDS})))
}
