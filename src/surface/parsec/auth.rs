//! Who asks, and for whom: the decision procedure of §2.4, in its order.

use super::error::Failure;
use crate::http::header;
use crate::service::Service;
use crate::service::customer_quota::CustomerStanding;
use crate::service::customers::{Customer, MayBuild, NotActing};
use actix_web::HttpRequest;

/// What a route asks of its caller. Each kind is the proof that it was asked.
pub(super) trait Access: Sized + 'static {
    /// Proves it, and counts the request where somebody is known whose it is.
    fn prove(request: &HttpRequest, service: &Service) -> Result<(Self, Option<CustomerStanding>), Failure>;
}

/// A customer: the key's own, or an end user that it names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker(pub(super) Customer);

/// A builder for itself, whomever its headers name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Builder(pub(super) MayBuild);

/// Who holds a key, for itself, whomever its headers name; and that key. No token is good enough.
#[derive(Clone)]
pub(super) struct KeyHolder(pub(super) Customer, pub(super) String);

/// Anyone at all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anyone;

/// What a request shows of its caller.
enum Shown<'a> {
    Key(&'a str),
    Bearer(&'a str),
}

impl Access for Anyone {
    fn prove(_: &HttpRequest, _: &Service) -> Result<(Self, Option<CustomerStanding>), Failure> {
        Ok((Self, None))
    }
}

impl Access for Asker {
    fn prove(request: &HttpRequest, service: &Service) -> Result<(Self, Option<CustomerStanding>), Failure> {
        let shown = shown(request)?;
        // One that is no text names somebody all the same: nobody that is known.
        let named = request.headers().get("x-builder-customer-id").filter(|named| !named.is_empty());
        let named = named.map(|named| named.to_str().unwrap_or("?"));
        if matches!(shown, Shown::Bearer(_)) && named.is_some() {
            return Err(Failure::bad_request("X-Builder-Customer-Id cannot be used with Bearer token auth"));
        }
        let own = customer(service, &shown)?;
        let customer = match named {
            None => own,
            Some(named) => service.act_for(&own, named).map_err(|why| match why {
                NotActing::NotBuilder => {
                    Failure::forbidden("X-Builder-Customer-Id requires a builder account")
                }
                NotActing::NotOwned => not_owned(),
            })?,
        };
        let standing = service.admit_customer(&customer)?;
        Ok((Self(customer), Some(standing)))
    }
}

impl Access for KeyHolder {
    fn prove(request: &HttpRequest, service: &Service) -> Result<(Self, Option<CustomerStanding>), Failure> {
        let (Shown::Key(key) | Shown::Bearer(key)) = shown(request)?;
        let own = customer(service, &Shown::Key(key))?;
        let standing = service.admit_customer(&own)?;
        Ok((Self(own, key.to_owned()), Some(standing)))
    }
}

impl Access for Builder {
    fn prove(request: &HttpRequest, service: &Service) -> Result<(Self, Option<CustomerStanding>), Failure> {
        let own = customer(service, &shown(request)?)?;
        let builder =
            service.may_build(&own).ok_or_else(|| Failure::forbidden("builder account required"))?;
        let standing = service.admit_customer(builder.customer())?;
        Ok((Self(builder), Some(standing)))
    }
}

/// Whom nobody of this builder's is.
pub(super) fn not_owned() -> Failure {
    Failure::forbidden("end-user not found or not owned by this builder")
}

/// A key decides, whatever token comes beside it (§2.2).
fn shown(request: &HttpRequest) -> Result<Shown<'_>, Failure> {
    // A key that is no text is a key all the same, which nobody has.
    let key = request.headers().get("x-api-key").filter(|key| !key.is_empty());
    if let Some(key) = key {
        return Ok(Shown::Key(key.to_str().unwrap_or("?")));
    }
    let bearer = header(request, "authorization").and_then(|text| {
        let (scheme, token) = text.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
    });
    bearer.map(Shown::Bearer).ok_or_else(|| Failure::unauthorized("missing X-API-Key header"))
}

fn customer(service: &Service, shown: &Shown<'_>) -> Result<Customer, Failure> {
    let known = match shown {
        Shown::Key(key) => service.authenticate_customer(key),
        Shown::Bearer(token) => {
            service.authenticate_terminal(token).or_else(|| service.authenticate_customer(token))
        }
    };
    known.ok_or_else(|| Failure::unauthorized("invalid API key"))
}
