//! Who asks, proved by a credential; and what that proof allows.

use super::Service;
use super::wallets::is_wallet;
use crate::identity::{
    self, Caller, Cohort, Key, Permission, Permissions, Refused, Scheme, Tier, Tiers, User, hash_secret,
};
use crate::types::{AccountId, KeyFailure, KeyId, Reject, UserId};
use crate::world::catalog::Directory;
use crate::world::scenario::Purse;
use crate::world::{Authority, Wallet};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Why an access token does not let its holder in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFailure {
    /// Malformed, wrongly signed, for another audience, or of a role that may not come in.
    #[error("invalid token")]
    Invalid,
    /// Past its end.
    #[error("token expired")]
    Expired,
    /// Its user was deleted.
    #[error("the user is gone")]
    UserGone,
    /// Its user is not on the allowlist, or is flagged.
    #[error("access restricted")]
    Restricted,
    /// It is seen for the first time, and no user can be made of it.
    #[error("{0}")]
    Refused(Reject),
}

/// Whether the runtime gate counts (polysimulator.md §5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeGate {
    /// Who is restricted does not come in.
    Shut,
    /// Everyone comes in: another gate decides behind it.
    Passed,
}

/// The proof that a caller may manage its own keys and wallets. Made in one place only.
#[derive(Clone, Copy, Debug)]
pub struct MayManage {
    user: UserId,
    by: Authority,
    epoch: u32,
}

impl MayManage {
    /// Whose.
    #[must_use]
    pub fn user(&self) -> UserId {
        self.user
    }

    /// What the sequencer checks once more.
    #[must_use]
    pub(super) fn by(&self) -> Authority {
        self.by
    }

    /// In which epoch it holds.
    #[must_use]
    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }
}

/// The proof that a caller may trade on an account. Made in one place only.
#[derive(Clone, Copy, Debug)]
pub struct MayTrade {
    user: UserId,
    account: AccountId,
    by: Authority,
    epoch: u32,
}

impl MayTrade {
    /// What a customer's credentials prove: an account, of whoever's name it has.
    #[must_use]
    pub(super) fn proved((user, account): (UserId, AccountId), by: Authority, epoch: u32) -> Self {
        Self { user, account, by, epoch }
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// Who may trade on an account may see it.
    #[must_use]
    pub fn reads(&self) -> MayRead {
        Self::read_all(std::slice::from_ref(self))
    }

    /// Who may trade on some accounts of one user may see them all.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn read_all(permits: &[Self]) -> MayRead {
        let Self { user, epoch, .. } = *permits.first().expect("BUG: a permit for nothing");
        let is_same = |permit: &Self| (permit.user, permit.epoch) == (user, epoch);
        assert!(permits.iter().all(is_same), "BUG: permits of two users");
        MayRead { user, epoch, accounts: permits.iter().map(|permit| permit.account).collect() }
    }

    /// What the sequencer checks once more.
    #[must_use]
    pub(super) fn by(&self) -> Authority {
        self.by
    }

    /// In which epoch it holds.
    #[must_use]
    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }
}

/// The proof that a caller may see some accounts. Made in one place only.
#[derive(Clone, Debug)]
pub struct MayRead {
    user: UserId,
    accounts: Vec<AccountId>,
    epoch: u32,
}

impl MayRead {
    /// What is public of a wallet on a chain, which everyone may see; or what credentials proved.
    #[must_use]
    pub(super) fn public(user: UserId, accounts: Vec<AccountId>, epoch: u32) -> Self {
        Self { user, accounts, epoch }
    }

    /// The accounts.
    #[must_use]
    pub fn accounts(&self) -> &[AccountId] {
        &self.accounts
    }

    /// Their user.
    #[must_use]
    pub fn user(&self) -> UserId {
        self.user
    }

    /// In which epoch it holds.
    #[must_use]
    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }
}

/// Why a caller may not trade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAllowed {
    /// The credential lacks a permission.
    Lacks(Permission),
    /// The plan has no exports.
    NoExports,
    /// The account is not there, or not the caller's.
    Refused(Reject),
}

/// Claims of a Supabase-style token that are read.
#[derive(Debug, Deserialize)]
struct SessionClaims {
    sub: Option<String>,
    role: Option<String>,
    email: Option<String>,
}

/// The longest e-mail address that is taken, in bytes.
pub const EMAIL_MAX: usize = 320;

/// Claims of this server's own socket tokens.
#[derive(Debug, Serialize, Deserialize)]
struct SocketClaims {
    sub: u32,
    kid: Option<u32>,
    /// Ids of keys begin again with a world that is reset.
    epoch: u32,
    tier: Tier,
    scope: String,
    iat: i64,
    exp: i64,
}

/// How long a socket token may be used to connect, in seconds.
pub const SOCKET_TOKEN_SECONDS: i64 = 60;

impl Service {
    /// Who a key speaks for. A key that works is noted as used.
    ///
    /// # Errors
    /// [`Refused`], for the first reason in the documented order.
    pub fn authenticate_key(&self, secret: &str) -> Result<Caller, Refused> {
        let now = self.now();
        let directory = self.world.directory();
        let caller = directory.identity.authenticate(Scheme::Polysim, &hash_secret(secret), now)?;
        self.note_use(&caller, now);
        Ok(caller)
    }

    /// Who a Supabase-style access token speaks for (polysimulator.md §3.6). Somebody seen for the first time
    /// becomes a user.
    ///
    /// # Errors
    /// [`TokenFailure`].
    pub async fn authenticate_session(&self, token: &str, gate: RuntimeGate) -> Result<Caller, TokenFailure> {
        let secret = self.world.secrets().jwt_secret();
        let claims: SessionClaims = self.decode(token, &secret, Some("authenticated"))?;
        if matches!(claims.role.as_deref(), Some("anon" | "service_role")) {
            return Err(TokenFailure::Invalid);
        }
        // One way to write it, or one subject could be several users.
        let subject = claims.sub.and_then(|sub| uuid::Uuid::try_parse(&sub).ok());
        let subject = subject.ok_or(TokenFailure::Invalid)?.hyphenated().to_string();
        self.must_have_joined(&subject, claims.email).await?;
        // The user and its epoch out of one directory: a reset may have come since.
        let directory = self.world.directory();
        let user = directory.identity.subject(&subject).ok_or(TokenFailure::UserGone)?;
        let found = directory.identity.user(user).ok_or(TokenFailure::UserGone)?;
        if gate == RuntimeGate::Shut && found.is_restricted(directory.identity.gates()) {
            return Err(TokenFailure::Restricted);
        }
        Ok(Caller {
            key: None,
            user,
            epoch: directory.identity.epoch(),
            tier: found.plan,
            permissions: directory.identity.tiers().usual(found.plan),
            cut_off: false,
        })
    }

    /// Makes a user of a subject that was never seen before.
    async fn must_have_joined(&self, subject: &str, email: Option<String>) -> Result<(), TokenFailure> {
        if self.world.directory().identity.subject(subject).is_some() {
            return Ok(());
        }
        let email = email.filter(|email| email.len() <= EMAIL_MAX).unwrap_or_default();
        let join = identity::Command::Join { subject: subject.to_owned(), email };
        match self.change(None, join).await {
            Ok(_) => Ok(()),
            Err(Reject::UserNotFound) => Err(TokenFailure::UserGone),
            Err(reject) => Err(TokenFailure::Refused(reject)),
        }
    }

    /// A token that opens a socket for a minute (polysimulator.md §4.8).
    ///
    /// # Panics
    /// Never: HS256 signs any claims.
    #[must_use]
    pub fn mint_socket_token(&self, caller: &Caller) -> String {
        let iat = self.now().seconds();
        let claims = SocketClaims {
            sub: caller.user.0,
            kid: caller.key.map(|key| key.0),
            epoch: caller.epoch,
            tier: caller.tier,
            scope: "ws".to_owned(),
            iat,
            exp: iat + SOCKET_TOKEN_SECONDS,
        };
        let key = EncodingKey::from_secret(self.world.secrets().ws_secret().as_bytes());
        jsonwebtoken::encode(&Header::default(), &claims, &key).expect("BUG: HS256 signs any claims")
    }

    /// Who a socket token speaks for. It ends with the key it was minted from.
    ///
    /// # Errors
    /// [`TokenFailure`].
    pub fn authenticate_socket(&self, token: &str) -> Result<Caller, TokenFailure> {
        let claims: SocketClaims = self.decode(token, &self.world.secrets().ws_secret(), None)?;
        let directory = self.world.directory();
        let identity = &directory.identity;
        let key = claims.kid.map(KeyId);
        let is_alive = match key {
            Some(key) => identity.vouch(key, self.now()),
            None => identity.may_come_in(UserId(claims.sub)),
        };
        if claims.scope != "ws" || claims.epoch != identity.epoch() || is_alive.is_err() {
            return Err(TokenFailure::Invalid);
        }
        Ok(Caller {
            key,
            user: UserId(claims.sub),
            epoch: claims.epoch,
            tier: claims.tier,
            permissions: Permissions::READ,
            cut_off: false,
        })
    }

    /// HS256 only; `exp` is required and judged by the world's clock, without leeway.
    pub(super) fn decode<Claims: DeserializeOwned>(
        &self,
        token: &str,
        secret: &str,
        audience: Option<&str>,
    ) -> Result<Claims, TokenFailure> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.validate_exp = false;
        rules.set_required_spec_claims::<&str>(&[]);
        match audience {
            Some(audience) => rules.set_audience(&[audience]),
            None => rules.validate_aud = false,
        }
        let key = DecodingKey::from_secret(secret.as_bytes());
        // Verified once, read twice: its times first, then what it claims.
        let verified = jsonwebtoken::decode::<serde_json::Value>(token, &key, &rules);
        let claims = verified.map_err(|_| TokenFailure::Invalid)?.claims;
        let times = Times::deserialize(&claims).map_err(|_| TokenFailure::Invalid)?;
        if audience.is_some() && times.aud.is_none() {
            return Err(TokenFailure::Invalid);
        }
        let now = self.now().seconds();
        if times.exp.is_none_or(|exp| exp <= now) {
            return Err(TokenFailure::Expired);
        }
        if times.nbf.is_some_and(|nbf| nbf > now) {
            return Err(TokenFailure::Invalid);
        }
        serde_json::from_value(claims).map_err(|_| TokenFailure::Invalid)
    }

    /// The user behind a caller, and the key, as they are now.
    #[must_use]
    pub fn who(&self, caller: &Caller) -> Option<(User, Option<Key>)> {
        let directory = self.directory_in(caller.epoch).ok()?;
        let identity = &directory.identity;
        let key = caller.key.and_then(|key| identity.key(key).cloned());
        identity.user(caller.user).cloned().map(|user| (user, key))
    }

    /// How many orders a caller's tier allows in one batch.
    #[must_use]
    pub fn batch_cap(&self, caller: &Caller) -> usize {
        crate::types::index(self.world.directory().identity.tiers().of(caller.tier).batch_size_max)
    }

    /// The limits of every plan.
    #[must_use]
    pub fn tiers(&self) -> Tiers {
        *self.world.directory().identity.tiers()
    }

    /// The groups users are admitted in, each with how many are in it.
    #[must_use]
    pub fn cohorts(&self) -> Vec<(Cohort, u32)> {
        let identity = &self.world.directory().identity;
        identity.cohorts().iter().map(|cohort| (cohort.clone(), identity.members(&cohort.label))).collect()
    }

    /// The proof that a caller may manage its own keys and wallets: whoever came in may.
    #[must_use]
    pub fn may_manage(&self, caller: &Caller) -> MayManage {
        MayManage {
            user: caller.user,
            by: caller.key.map_or(Authority::Session(caller.user), Authority::Key),
            epoch: caller.epoch,
        }
    }

    /// The proof that a caller may trade on its account for a purpose. A MAIN wallet trades on the web only.
    ///
    /// # Errors
    /// [`NotAllowed`] if the credential may not trade, or there is no such account. Whether it was archived the world
    /// says: what was placed before may be asked for again.
    pub fn may_trade(&self, caller: &Caller, purse: Purse) -> Result<MayTrade, NotAllowed> {
        let by = trades_by(caller)?;
        if purse == Purse::Main {
            return Err(NotAllowed::Refused(Reject::WrongWalletKind));
        }
        let directory = self.directory_in(caller.epoch).map_err(NotAllowed::Refused)?;
        let wallet = directory.wallets.get(caller.user, purse);
        let account = wallet.ok_or(NotAllowed::Refused(Reject::AccountNotFound))?.account;
        Ok(MayTrade { user: caller.user, account, by, epoch: caller.epoch })
    }

    /// The same for somebody who asks for a first key, whom the runtime gate need not let in.
    #[must_use]
    pub fn may_begin(&self, caller: &Caller) -> MayManage {
        MayManage { user: caller.user, by: Authority::Newcomer(caller.user), epoch: caller.epoch }
    }

    /// The proofs for every wallet a caller may trade on, the API wallet first.
    ///
    /// # Errors
    /// [`NotAllowed`] if the credential may not trade.
    pub fn may_trade_everywhere(&self, caller: &Caller) -> Result<Vec<MayTrade>, NotAllowed> {
        let directory = self.directory_in(caller.epoch).map_err(NotAllowed::Refused)?;
        let by = trades_by(caller)?;
        let trades = |(purse, wallet): &(Purse, &Wallet)| {
            is_wallet(*purse) && directory.wallets.must_trade(wallet.account).is_ok()
        };
        let own = directory.wallets.of_user(caller.user).filter(trades);
        let Caller { user, epoch, .. } = *caller;
        Ok(own.map(|(_, wallet)| MayTrade { user, account: wallet.account, by, epoch }).collect())
    }

    /// The proof that a caller may see its account for a purpose, or every PolySimulator wallet it has.
    ///
    /// # Errors
    /// [`NotAllowed`] if the credential may not read, or there is no such account.
    pub fn may_read(&self, caller: &Caller, purse: Option<Purse>) -> Result<MayRead, NotAllowed> {
        if !caller.permissions.include(Permission::Read) {
            return Err(NotAllowed::Lacks(Permission::Read));
        }
        let directory = self.directory_in(caller.epoch).map_err(NotAllowed::Refused)?;
        let is_meant = |own: Purse| purse.map_or(is_wallet(own), |purse| own == purse);
        let chosen = directory.wallets.of_user(caller.user).filter(|(own, _)| is_meant(*own));
        let accounts: Vec<_> = chosen.map(|(_, wallet)| wallet.account).collect();
        if accounts.is_empty() {
            return Err(NotAllowed::Refused(Reject::AccountNotFound));
        }
        Ok(MayRead { user: caller.user, accounts, epoch: caller.epoch })
    }

    /// The proof that whoever manages its wallets may see them, whatever its key may read.
    ///
    /// # Errors
    /// [`Reject::NotLetIn`] after a reset.
    pub(super) fn sees_own(&self, owner: &MayManage) -> Result<MayRead, Reject> {
        let MayManage { user, epoch, .. } = *owner;
        let directory = self.directory_in(epoch)?;
        let own = directory.wallets.of_user(user).filter(|(purse, _)| is_wallet(*purse));
        Ok(MayRead { user, epoch, accounts: own.map(|(_, wallet)| wallet.account).collect() })
    }

    /// Users, keys and accounts of an epoch: after a reset the ids of who came in before it are others'.
    pub(super) fn directory_in(&self, epoch: u32) -> Result<Arc<Directory>, Reject> {
        let directory = self.world.directory();
        let is_same = directory.identity.epoch() == epoch;
        if is_same { Ok(directory) } else { Err(Reject::NotLetIn(KeyFailure::Unknown)) }
    }

    /// As [`Service::may_read`], for a file to keep: whether the plan has that, the limits in force say.
    ///
    /// # Errors
    /// [`NotAllowed`], first if the plan has no exports.
    pub fn may_export(&self, caller: &Caller, purse: Option<Purse>) -> Result<MayRead, NotAllowed> {
        let directory = self.directory_in(caller.epoch).map_err(NotAllowed::Refused)?;
        if !directory.identity.tiers().of(caller.tier).exports {
            return Err(NotAllowed::NoExports);
        }
        self.may_read(caller, purse)
    }

    /// Whether a token opens `/admin` and `/sim`, compared in constant time.
    #[must_use]
    pub fn is_admin_token(&self, token: &str) -> bool {
        self.world.secrets().admin_token().as_bytes().ct_eq(token.as_bytes()).into()
    }
}

/// Who vouches for the orders of a caller: a key that trades.
fn trades_by(caller: &Caller) -> Result<Authority, NotAllowed> {
    let key = caller.key.filter(|_| caller.permissions.include(Permission::Trade));
    key.map(Authority::Key).ok_or(NotAllowed::Lacks(Permission::Trade))
}

#[derive(Debug, Deserialize)]
struct Times {
    exp: Option<i64>,
    nbf: Option<i64>,
    aud: Option<serde_json::Value>,
}
