//! `/onboard`: what a customer trades with (§8.1). Builders do the same for their end users (§9.6).

use super::auth::Asker;
use super::body::Body;
use super::call::{Answer, Call, Reply, endpoint};
use super::credentials::for_onboarding;
use super::error::{Failure, shown};
use super::selector::Exchange;
use super::wallet::{address, linked};
use crate::http::Endpoint;
use crate::service::Service;
use crate::service::credentials::Given;
use crate::service::customers::Customer;
use crate::service::ethereum::POLYGON;
use crate::service::onboarding::{Onboarded, Step, WalletWish};
use crate::types::{Address, Venue};
use actix_web::http::Method;
use serde_json::{Value, json};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint(Method::POST, "/onboard", post_onboard)]
}

async fn post_onboard(call: Call<Asker>) -> Answer {
    let wish = Wish::read(&Body::parse(&call.body)?)?;
    let Call { who: Asker(customer), service, .. } = &call;
    let (mut body, is_known) = wish.carry_out(service, customer).await?;
    body["status"] = if is_known { "already_linked" } else { "complete" }.into();
    Ok(Reply::json(&body))
}

/// How a customer is to trade a venue.
pub(super) enum Wish {
    /// With a wallet that is made for it.
    Managed(WalletWish),
    /// With its own credentials.
    Own(Given),
}

impl Wish {
    /// Reads what is asked for.
    pub(super) fn read(body: &Body) -> Result<Self, Failure> {
        let exchange = Exchange::named(body.required("exchange")?)?;
        let mode = body.required("mode")?;
        let Exchange::Venue(venue) = exchange else {
            return Err(Failure::not_supported("this exchange can't be onboarded"));
        };
        match (mode, venue) {
            ("self", venue) => for_onboarding(body, venue).map(Self::Own),
            ("managed", Venue::Polymarket) => wallet_wish(body).map(Self::Managed),
            ("managed", Venue::Kalshi) => Err(Failure::bad_request("kalshi supports only mode self")),
            (other, _) => {
                Err(Failure::bad_request(format!("mode must be managed or self, not {}", shown(other))))
            }
        }
    }

    /// Does it: what came of it but for its status, and whether nothing was left to do.
    pub(super) async fn carry_out(
        &self,
        service: &Service,
        customer: &Customer,
    ) -> Result<(Value, bool), Failure> {
        let (onboarded, venue, mode) = match self {
            Self::Managed(wish) => {
                (service.onboard_managed(customer, *wish).await?, Venue::Polymarket, "managed")
            }
            Self::Own(given) => (service.onboard_own(customer, given).await?, given.venue(), "self"),
        };
        let Onboarded { steps, eoa, safe } = onboarded;
        let body = json!({
            "exchange": venue.name(),
            "mode": mode,
            "linked_exchanges": linked(service, customer)?,
            "steps_completed": steps.iter().map(|step| step_name(*step)).collect::<Vec<_>>(),
            "eoa_address": eoa.map(address),
            "safe_address": safe.map(address),
        });
        Ok((body, steps.is_empty()))
    }
}

fn step_name(step: Step) -> &'static str {
    match step {
        Step::EoaCreated => "wallet_eoa_created",
        Step::EoaProvided => "external_eoa_provided",
        Step::SafeCreated => "wallet_safe_created",
        Step::ExchangeLinked => "exchange_linked",
        Step::CredentialsValidated => "credentials_validated",
        Step::CredentialsStored => "credentials_stored",
    }
}

fn wallet_wish(body: &Body) -> Result<WalletWish, Failure> {
    let named = body.text("eoa_address")?;
    match (body.text("wallet_type")?, named) {
        (None | Some("eoa"), None) => Ok(WalletWish::Eoa),
        (None | Some("eoa"), Some(_)) => {
            Err(Failure::bad_request("eoa_address is not allowed with wallet_type eoa"))
        }
        (Some("safe"), None) => Err(Failure::missing("eoa_address is required with wallet_type safe")),
        (Some("safe"), Some(named)) => {
            let chain = body.whole("chain_id")?.map_or(Ok(POLYGON), u64::try_from);
            let chain = chain.map_err(|_| Failure::bad_request("chain_id is not a chain's number"))?;
            Ok(WalletWish::Safe(read_address(named)?, chain))
        }
        (Some(_), _) => Err(Failure::bad_request("wallet_type must be eoa or safe")),
    }
}

/// An address as callers write them: `0x` and 40 hexadecimal digits in any case.
pub(super) fn read_address(text: &str) -> Result<Address, Failure> {
    let invalid = || Failure::bad_request("eoa_address must be 0x and 40 hexadecimal digits");
    let has_form = text.len() == 42 && text.starts_with("0x");
    if has_form { text.parse().map_err(|_| invalid()) } else { Err(invalid()) }
}
