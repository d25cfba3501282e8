//! Which credential a request carries, and which one a route takes (§3.2, §3.4, §3.7).

use super::error::{Failure, key_failure, token_failure};
use crate::http::header;
use crate::service::callers::{MayRead, MayTrade, NotAllowed};
use crate::service::{Caller, Permission, Purse, Service};
use actix_web::HttpRequest;

/// What a request presents. `X-API-Key` wins, then the Polymarket aliases, then the bearer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Credential<'a> {
    Key(&'a str),
    Session(&'a str),
    Nothing,
}

pub(super) fn credential(request: &HttpRequest) -> Credential<'_> {
    let key = |name| header(request, name).map(str::trim).filter(|key| !key.is_empty());
    if let Some(key) = ["x-api-key", "poly_api_key", "poly-api-key"].into_iter().find_map(key) {
        return Credential::Key(key);
    }
    match bearer(request) {
        Some(token) if token.starts_with("ps_live_") || token.starts_with("ps_test_") => {
            Credential::Key(token)
        }
        Some(token) => Credential::Session(token),
        None => Credential::Nothing,
    }
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let (scheme, token) = header(request, "authorization")?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// What a route asks of its caller. Each kind is the proof that it was asked.
pub(super) trait Access: Sized + 'static {
    fn prove(request: &HttpRequest, service: &Service) -> Result<Self, Failure>;
    fn caller(&self) -> Option<&Caller>;
}

/// Anyone, with or without a key. A session is no credential here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anyone(Option<Caller>);

/// Anyone at all; a credential is not even looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stranger;

/// The holder of a key that may read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader(Caller);

/// The holder of a key that may trade.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trader(Caller);

/// The holder of any active key, or of a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner(Caller);

impl Access for Stranger {
    fn prove(_: &HttpRequest, _: &Service) -> Result<Self, Failure> {
        Ok(Self)
    }
    fn caller(&self) -> Option<&Caller> {
        None
    }
}

impl Access for Anyone {
    fn prove(request: &HttpRequest, service: &Service) -> Result<Self, Failure> {
        match credential(request) {
            Credential::Nothing => Ok(Self(None)),
            Credential::Key(key) => Ok(Self(Some(service.authenticate_key(key).map_err(key_failure)?))),
            Credential::Session(_) => Err(Failure::missing_key()),
        }
    }
    fn caller(&self) -> Option<&Caller> {
        self.0.as_ref()
    }
}

impl Access for Reader {
    fn prove(request: &HttpRequest, service: &Service) -> Result<Self, Failure> {
        key_with(request, service, Permission::Read).map(Self)
    }
    fn caller(&self) -> Option<&Caller> {
        Some(&self.0)
    }
}

impl Access for Trader {
    fn prove(request: &HttpRequest, service: &Service) -> Result<Self, Failure> {
        key_with(request, service, Permission::Trade).map(Self)
    }
    fn caller(&self) -> Option<&Caller> {
        Some(&self.0)
    }
}

impl Access for Owner {
    fn prove(request: &HttpRequest, service: &Service) -> Result<Self, Failure> {
        match credential(request) {
            Credential::Nothing => Err(Failure::missing_auth()),
            Credential::Key(key) => service.authenticate_key(key).map(Self).map_err(key_failure),
            Credential::Session(token) => {
                service.authenticate_session(token).map(Self).map_err(token_failure)
            }
        }
    }
    fn caller(&self) -> Option<&Caller> {
        Some(&self.0)
    }
}

/// Whether a request brings a beta key that is past its day (§5.6).
pub(super) fn is_cut_off(request: &HttpRequest, service: &Service) -> bool {
    let Credential::Key(key) = credential(request) else { return false };
    service.authenticate_key(key).is_ok_and(|caller| caller.cut_off)
}

fn key_with(request: &HttpRequest, service: &Service, permission: Permission) -> Result<Caller, Failure> {
    match credential(request) {
        Credential::Nothing | Credential::Session(_) => Err(Failure::missing_key()),
        Credential::Key(key) => {
            let caller = service.authenticate_key(key).map_err(key_failure)?;
            if caller.permissions.include(permission) { Ok(caller) } else { Err(Failure::lacks(permission)) }
        }
    }
}

impl Trader {
    /// The permit to trade on the API wallet. `wallet` may name it, and nothing else that is there yet.
    pub(super) fn permit(&self, service: &Service, wallet: Option<i64>) -> Result<MayTrade, Failure> {
        let permit = service.may_trade(&self.0, Purse::Polymarket).map_err(not_allowed)?;
        match wallet {
            Some(id) if id != i64::from(permit.account().0) => Err(Failure::wallet_not_found()),
            Some(_) | None => Ok(permit),
        }
    }

    /// Who it is.
    pub(super) fn who(&self) -> &Caller {
        &self.0
    }
}

impl Reader {
    /// The permit to see wallets: absent or `api`, `all`, or an id of one's own (§13).
    pub(super) fn permit(&self, service: &Service, wallet: Option<&str>) -> Result<MayRead, Failure> {
        read_permit(&self.0, service, wallet)
    }

    /// Who it is.
    pub(super) fn who(&self) -> &Caller {
        &self.0
    }
}

impl Reader {
    /// The permit to start the API wallet over, which needs no scope (design §12).
    pub(super) fn reset_permit(&self, service: &Service) -> Result<MayTrade, Failure> {
        service.may_reset(&self.0, Purse::Polymarket).map_err(not_allowed)
    }
}

impl Owner {
    /// As [`Reader::permit`].
    pub(super) fn permit(&self, service: &Service, wallet: Option<&str>) -> Result<MayRead, Failure> {
        read_permit(&self.0, service, wallet)
    }

    /// Who it is.
    pub(super) fn who(&self) -> &Caller {
        &self.0
    }
}

fn read_permit(caller: &Caller, service: &Service, wallet: Option<&str>) -> Result<MayRead, Failure> {
    // `all` will mean more when there are more wallets than the API wallet.
    let permit = service.may_read(caller, Some(Purse::Polymarket)).map_err(not_allowed)?;
    match wallet.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "api" | "all") => Ok(permit),
        Some(id) => match id.parse::<u32>() {
            Ok(id) if permit.accounts().iter().any(|account| account.0 == id) => Ok(permit),
            Ok(_) => Err(Failure::wallet_not_found()),
            Err(_) => Err(Failure::invalid("wallet_id", "must be 'api', 'all' or an integer")),
        },
    }
}

fn not_allowed(why: NotAllowed) -> Failure {
    match why {
        NotAllowed::Lacks(permission) => Failure::lacks(permission),
        NotAllowed::Refused(reject) => reject.into(),
    }
}
