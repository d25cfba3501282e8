//! Which credential a request carries, and which one a route takes (§3.2, §3.4, §3.7).

use super::entry::Entry;
use super::error::{Failure, key_failure, token_failure};
use crate::http::header;
use crate::service::callers::{MayManage, MayRead, MayTrade, NotAllowed, RuntimeGate};
use crate::service::{Caller, Permission, Purse, Refused, Service, Steering};
use crate::types::AccountId;
use actix_web::HttpRequest;

/// What a request presents. `X-API-Key` wins, then the Polymarket aliases, then the bearer.
#[derive(Clone, Copy, Debug)]
enum Credential<'a> {
    Key(&'a str),
    Session(&'a str),
    Nothing,
}

fn credential(request: &HttpRequest) -> Credential<'_> {
    let key = |name| {
        let value = request.headers().get(name)?;
        // What is no text is no key that anyone was given, but it was meant as one.
        let key = value.to_str().map_or("?", str::trim);
        (!key.is_empty()).then_some(key)
    };
    if let Some(key) = ["x-api-key", "poly_api_key", "poly-api-key"].into_iter().find_map(key) {
        return Credential::Key(key);
    }
    match bearer(request) {
        Some(token) if is_key(token) => Credential::Key(token),
        Some(token) => Credential::Session(token),
        None => Credential::Nothing,
    }
}

/// A session's token, whatever keys come with it.
fn session(request: &HttpRequest) -> Option<&str> {
    bearer(request).filter(|token| !is_key(token))
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let (scheme, token) = header(request, "authorization")?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Whether a bearer's value is a key and no token.
fn is_key(token: &str) -> bool {
    token.starts_with("ps_live_") || token.starts_with("ps_test_")
}

/// What a route asks of its caller. Each kind is the proof that it was asked.
pub(super) trait Access: Sized + 'static {
    /// Steps 1 to 8 of §3.4. What the answer must say besides, refused or not, goes into the entry.
    async fn prove(request: &HttpRequest, service: &Service, entry: &mut Entry) -> Result<Self, Failure>;
}

/// Anyone at all, and nobody is counted: a probe gets its answer always.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe;

/// Anyone at all. A key that works is counted as itself; one that does not is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stranger;

/// Anyone, with or without a key. A session is no credential here, and refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anyone;

/// Anyone, with or without a key. A session is not looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passerby;

/// The holder of a key that may read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader(Caller);

/// The holder of a key that may trade.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trader(Caller);

/// The holder of any key that works, whatever it may do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holder(Caller);

/// The holder of any active key, or of a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner(Caller);

/// The holder of a session. Keys are not looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member(Caller);

/// The holder of a session who asks for a first key: the runtime gate does not count, a rate of its own does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Newcomer(Caller);

/// Whoever knows the administrator's token. Not counted.
#[derive(Clone, Debug)]
pub(super) struct Administrator(pub(super) Steering);

impl Access for Probe {
    async fn prove(request: &HttpRequest, service: &Service, entry: &mut Entry) -> Result<Self, Failure> {
        if let Some(caller) = working_key(request, service) {
            entry.know(&caller);
        }
        Ok(Self)
    }
}

impl Access for Stranger {
    async fn prove(request: &HttpRequest, service: &Service, entry: &mut Entry) -> Result<Self, Failure> {
        match working_key(request, service) {
            Some(caller) => entry.admit(service, &caller)?,
            None => entry.charge_address(request, service)?,
        }
        Ok(Self)
    }
}

impl Access for Anyone {
    async fn prove(request: &HttpRequest, service: &Service, entry: &mut Entry) -> Result<Self, Failure> {
        match credential(request) {
            Credential::Key(key) => key_holder(key, request, service, entry).map(|_| Self),
            Credential::Nothing => entry.charge_address(request, service).map(|()| Self),
            Credential::Session(_) => entry.charge_address(request, service).and(Err(Failure::missing_key())),
        }
    }
}

impl Access for Passerby {
    async fn prove(request: &HttpRequest, service: &Service, entry: &mut Entry) -> Result<Self, Failure> {
        match credential(request) {
            Credential::Key(key) => key_holder(key, request, service, entry).map(|_| Self),
            Credential::Nothing | Credential::Session(_) => {
                entry.charge_address(request, service).map(|()| Self)
            }
        }
    }
}

impl Access for Reader {
    async fn prove(request: &HttpRequest, service: &Service, entry: &mut Entry) -> Result<Self, Failure> {
        key_with(Permission::Read, request, service, entry).map(Self)
    }
}

impl Access for Trader {
    async fn prove(request: &HttpRequest, service: &Service, entry: &mut Entry) -> Result<Self, Failure> {
        key_with(Permission::Trade, request, service, entry).map(Self)
    }
}

impl Access for Holder {
    async fn prove(request: &HttpRequest, service: &Service, entry: &mut Entry) -> Result<Self, Failure> {
        some_key(request, service, entry).map(Self)
    }
}

impl Access for Owner {
    async fn prove(request: &HttpRequest, service: &Service, entry: &mut Entry) -> Result<Self, Failure> {
        match credential(request) {
            Credential::Key(key) => key_holder(key, request, service, entry).map(Self),
            Credential::Session(token) => {
                entry.charge_address(request, service)?;
                let caller = service.authenticate_session(token, RuntimeGate::Shut).await;
                caller.map(Self).map_err(token_failure)
            }
            Credential::Nothing => entry.charge_address(request, service).and(Err(Failure::missing_auth())),
        }
    }
}

impl Access for Member {
    async fn prove(request: &HttpRequest, service: &Service, entry: &mut Entry) -> Result<Self, Failure> {
        entry.charge_address(request, service)?;
        let token = session(request).ok_or_else(Failure::missing_auth)?;
        let caller = service.authenticate_session(token, RuntimeGate::Shut).await;
        caller.map(Self).map_err(token_failure)
    }
}

impl Access for Newcomer {
    async fn prove(request: &HttpRequest, service: &Service, entry: &mut Entry) -> Result<Self, Failure> {
        entry.charge_address(request, service)?;
        entry.charge_bootstrap(request, service)?;
        let token = session(request).ok_or_else(Failure::missing_auth)?;
        let caller = service.authenticate_session(token, RuntimeGate::Passed).await;
        caller.map(Self).map_err(token_failure)
    }
}

impl Access for Administrator {
    async fn prove(request: &HttpRequest, service: &Service, _: &mut Entry) -> Result<Self, Failure> {
        let token = header(request, "x-admin-token").ok_or_else(|| {
            Failure::new(401, "MISSING_AUTH", "Send the administrator's token in the X-Admin-Token header.")
        })?;
        let steering = service.may_steer(token).ok_or_else(|| {
            Failure::new(403, "INSUFFICIENT_PERMISSION", "This is not the administrator's token.")
        })?;
        Ok(Self(steering))
    }
}

/// The holder of a key that works, if the request brings one.
fn working_key(request: &HttpRequest, service: &Service) -> Option<Caller> {
    match credential(request) {
        Credential::Key(key) => service.authenticate_key(key).ok(),
        Credential::Session(_) | Credential::Nothing => None,
    }
}

/// Steps 2 to 7. A key that is known is charged even if it does not let its holder in (§23, Q28); who holds none that
/// is known is counted as an address.
fn key_holder(
    key: &str,
    request: &HttpRequest,
    service: &Service,
    entry: &mut Entry,
) -> Result<Caller, Failure> {
    match service.authenticate_key(key) {
        Ok(caller) => entry.admit(service, &caller).map(|()| caller),
        Err(Refused { why, known: Some(caller) }) => {
            entry.charge(service, &caller);
            Err(key_failure(why))
        }
        Err(Refused { why, known: None }) => {
            entry.charge_address(request, service).and(Err(key_failure(why)))
        }
    }
}

/// Steps 1 to 8.
fn key_with(
    permission: Permission,
    request: &HttpRequest,
    service: &Service,
    entry: &mut Entry,
) -> Result<Caller, Failure> {
    let caller = some_key(request, service, entry)?;
    if caller.permissions.include(permission) { Ok(caller) } else { Err(Failure::lacks(permission)) }
}

/// Steps 1 to 6 and 8.
fn some_key(request: &HttpRequest, service: &Service, entry: &mut Entry) -> Result<Caller, Failure> {
    match credential(request) {
        Credential::Key(key) => key_holder(key, request, service, entry),
        Credential::Nothing | Credential::Session(_) => {
            entry.charge_address(request, service).and(Err(Failure::missing_key()))
        }
    }
}

impl Trader {
    /// The permit to trade on a wallet: the API wallet, or the one that is named (§11.1).
    pub(super) fn permit(&self, service: &Service, wallet: Option<i64>) -> Result<MayTrade, Failure> {
        let purse = match wallet {
            None => Purse::Polymarket,
            Some(id) => own_purse(&self.0, service, u32::try_from(id).ok())?,
        };
        service.may_trade(&self.0, purse).map_err(not_allowed)
    }

    /// The permits for every wallet that trades, the API wallet first.
    pub(super) fn permits(&self, service: &Service) -> Result<Vec<MayTrade>, Failure> {
        service.may_trade_everywhere(&self.0).map_err(not_allowed)
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

impl Holder {
    /// The permit to start one's own wallets over, which needs no scope (design §12).
    pub(super) fn manages(&self, service: &Service) -> MayManage {
        service.may_manage(&self.0)
    }
}

impl Owner {
    /// The permit to take what wallets did home as a file (§15); the query as in [`Reader::permit`].
    pub(super) fn exports(&self, service: &Service, wallet: Option<&str>) -> Result<MayRead, Failure> {
        service.may_export(&self.0, purse_meant(&self.0, service, wallet)?).map_err(not_allowed)
    }

    /// As [`Reader::permit`].
    pub(super) fn permit(&self, service: &Service, wallet: Option<&str>) -> Result<MayRead, Failure> {
        read_permit(&self.0, service, wallet)
    }

    /// The permit to manage one's own keys and wallets.
    pub(super) fn manages(&self, service: &Service) -> MayManage {
        service.may_manage(&self.0)
    }

    /// What one of one's own wallets is for.
    pub(super) fn purse(&self, service: &Service, wallet: &str) -> Result<Purse, Failure> {
        own_purse(&self.0, service, wallet.parse().ok())
    }

    /// Who it is.
    pub(super) fn who(&self) -> &Caller {
        &self.0
    }
}

impl Member {
    /// Who it is.
    pub(super) fn who(&self) -> &Caller {
        &self.0
    }
}

impl Newcomer {
    /// The permit to ask for a first key.
    pub(super) fn begins(&self, service: &Service) -> MayManage {
        service.may_begin(&self.0)
    }
}

fn own_purse(caller: &Caller, service: &Service, wallet: Option<u32>) -> Result<Purse, Failure> {
    let account = wallet.map(AccountId).ok_or_else(Failure::wallet_not_found)?;
    service.purse_of(caller, account).map_err(Failure::from)
}

fn read_permit(caller: &Caller, service: &Service, wallet: Option<&str>) -> Result<MayRead, Failure> {
    service.may_read(caller, purse_meant(caller, service, wallet)?).map_err(not_allowed)
}

/// The wallet that a query means; none for all.
fn purse_meant(caller: &Caller, service: &Service, wallet: Option<&str>) -> Result<Option<Purse>, Failure> {
    let purse = match wallet.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "api") => Some(Purse::Polymarket),
        Some("all") => None,
        Some(id) => {
            let id: i64 = id
                .parse()
                .map_err(|_| Failure::invalid_query("wallet_id", "must be 'api', 'all' or an integer"))?;
            Some(own_purse(caller, service, u32::try_from(id).ok())?)
        }
    };
    Ok(purse)
}

fn not_allowed(why: NotAllowed) -> Failure {
    match why {
        NotAllowed::Lacks(permission) => Failure::lacks(permission),
        NotAllowed::NoExports => Failure::upgrade("export.csv"),
        NotAllowed::Refused(reject) => reject.into(),
    }
}
