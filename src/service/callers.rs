//! Who asks, proved by a credential; and what that proof allows.

use super::Service;
use crate::identity::{Caller, Key, KeyFailure, Permission, Permissions, Tier, Tiers, User, hash_secret};
use crate::types::{AccountId, KeyId, Reject, UserId};
use crate::world::Authority;
use crate::world::scenario::Purse;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// Why an access token does not let its holder in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFailure {
    /// Malformed, wrongly signed, for another audience, or of a role that may not come in.
    #[error("invalid token")]
    Invalid,
    /// Past its end.
    #[error("token expired")]
    Expired,
    /// Its user is not on the allowlist, or is flagged.
    #[error("access restricted")]
    Restricted,
}

/// The proof that a caller may trade on an account. Made in one place only.
#[derive(Clone, Copy, Debug)]
pub struct MayTrade {
    user: UserId,
    account: AccountId,
    by: Authority,
}

impl MayTrade {
    /// The account.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// Who may trade on an account may see it.
    #[must_use]
    pub fn reads(&self) -> MayRead {
        MayRead { user: self.user, accounts: vec![self.account] }
    }

    /// What the sequencer checks once more.
    #[must_use]
    pub(super) fn by(&self) -> Authority {
        self.by
    }
}

/// The proof that a caller may see some accounts. Made in one place only.
#[derive(Clone, Debug)]
pub struct MayRead {
    user: UserId,
    accounts: Vec<AccountId>,
}

impl MayRead {
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
}

/// Why a caller may not trade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAllowed {
    /// The credential lacks a permission.
    Lacks(Permission),
    /// The account is not there, or not the caller's.
    Refused(Reject),
}

/// Claims of a Supabase-style token that are read.
#[derive(Debug, Deserialize)]
struct SessionClaims {
    sub: Option<String>,
    role: Option<String>,
}

/// Claims of this server's own socket tokens.
#[derive(Debug, Serialize, Deserialize)]
struct SocketClaims {
    sub: u32,
    kid: Option<u32>,
    tier: Tier,
    scope: String,
    iat: i64,
    exp: i64,
}

/// How long a socket token may be used to connect, in seconds.
pub const SOCKET_TOKEN_SECONDS: i64 = 60;

impl Service {
    /// Who a key speaks for.
    ///
    /// # Errors
    /// [`KeyFailure`], in the documented order.
    pub fn authenticate_key(&self, secret: &str) -> Result<Caller, KeyFailure> {
        self.world.directory().identity.clone().authenticate(&hash_secret(secret), self.now())
    }

    /// Who a Supabase-style access token speaks for (polysimulator.md §3.6).
    ///
    /// # Errors
    /// [`TokenFailure`].
    pub fn authenticate_session(&self, token: &str) -> Result<Caller, TokenFailure> {
        let secret = self.world.secrets().jwt_secret();
        let claims: SessionClaims = self.decode(token, &secret, Some("authenticated"))?;
        if matches!(claims.role.as_deref(), Some("anon" | "service_role")) {
            return Err(TokenFailure::Invalid);
        }
        let subject =
            claims.sub.filter(|sub| uuid::Uuid::try_parse(sub).is_ok()).ok_or(TokenFailure::Invalid)?;
        let identity = self.world.directory().identity.clone();
        let user = identity.subject(&subject).ok_or(TokenFailure::Invalid)?;
        let found = identity.user(user).ok_or(TokenFailure::Invalid)?;
        if identity.gates().allowlist && (!found.allowlisted || found.flagged) {
            return Err(TokenFailure::Restricted);
        }
        let permissions = if found.plan == Tier::Free { Permissions::READ } else { Permissions::TRADE };
        Ok(Caller { key: None, user, tier: found.plan, permissions, cut_off: false })
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
        let identity = self.world.directory().identity.clone();
        let key = claims.kid.map(KeyId);
        let is_alive = match key {
            Some(key) => identity.may_still_act(key, self.now()),
            None => identity.user(UserId(claims.sub)).is_some(),
        };
        if claims.scope != "ws" || !is_alive {
            return Err(TokenFailure::Invalid);
        }
        Ok(Caller {
            key,
            user: UserId(claims.sub),
            tier: claims.tier,
            permissions: Permissions::READ,
            cut_off: false,
        })
    }

    /// HS256 only; `exp` is required and judged by the world's clock, without leeway.
    fn decode<Claims: DeserializeOwned>(
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
        let identity = self.world.directory().identity.clone();
        let key = caller.key.and_then(|key| identity.key(key).cloned());
        identity.user(caller.user).cloned().map(|user| (user, key))
    }

    /// How many orders a caller's tier allows in one batch.
    #[must_use]
    pub fn batch_cap(&self, caller: &Caller) -> usize {
        crate::types::index(self.world.directory().identity.tiers().of(caller.tier).batch_size_max)
    }

    /// The cash that a caller's plan begins with.
    #[must_use]
    pub fn baseline(&self, caller: &Caller) -> crate::types::Usd {
        self.world.directory().identity.tiers().of(caller.tier).baseline
    }

    /// The limits of every plan.
    #[must_use]
    pub fn tiers(&self) -> Tiers {
        *self.world.directory().identity.tiers()
    }

    /// The keys of a user, the oldest first.
    #[must_use]
    pub fn keys_of(&self, user: UserId) -> Vec<(KeyId, Key)> {
        self.world.directory().identity.clone().keys_of(user).map(|(id, key)| (id, key.clone())).collect()
    }

    /// The proof that a caller may trade on its account for a purpose.
    ///
    /// # Errors
    /// [`NotAllowed`] if the credential may not trade, or there is no such account.
    pub fn may_trade(&self, caller: &Caller, purse: Purse) -> Result<MayTrade, NotAllowed> {
        if !caller.permissions.include(Permission::Trade) {
            return Err(NotAllowed::Lacks(Permission::Trade));
        }
        let key = caller.key.ok_or(NotAllowed::Lacks(Permission::Trade))?;
        let account = self.world.directory().purse(caller.user, purse);
        let account = account.ok_or(NotAllowed::Refused(Reject::AccountNotFound))?;
        Ok(MayTrade { user: caller.user, account, by: Authority::Key(key) })
    }

    /// The proof that a caller may start its account for a purpose over. Owning it is enough.
    ///
    /// # Errors
    /// [`NotAllowed`] if there is no such account.
    pub fn may_reset(&self, caller: &Caller, purse: Purse) -> Result<MayTrade, NotAllowed> {
        let owner = Caller { permissions: Permissions::TRADE, ..*caller };
        self.may_trade(&owner, purse)
    }

    /// The proof that a caller may see its account for a purpose, or all it has.
    ///
    /// # Errors
    /// [`NotAllowed`] if the credential may not read, or there is no such account.
    pub fn may_read(&self, caller: &Caller, purse: Option<Purse>) -> Result<MayRead, NotAllowed> {
        if !caller.permissions.include(Permission::Read) {
            return Err(NotAllowed::Lacks(Permission::Read));
        }
        let directory = self.world.directory();
        let all = directory.purses_of(caller.user);
        let chosen = all.filter(|(purpose, _)| purse.is_none_or(|purse| *purpose == purse));
        let accounts: Vec<_> = chosen.map(|(_, account)| account).collect();
        if accounts.is_empty() {
            return Err(NotAllowed::Refused(Reject::AccountNotFound));
        }
        Ok(MayRead { user: caller.user, accounts })
    }

    /// Whether a token opens `/admin` and `/sim`, compared in constant time.
    #[must_use]
    pub fn is_admin_token(&self, token: &str) -> bool {
        self.world.secrets().admin_token().as_bytes().ct_eq(token.as_bytes()).into()
    }
}

#[derive(Debug, Deserialize)]
struct Times {
    exp: Option<i64>,
    nbf: Option<i64>,
    aud: Option<serde_json::Value>,
}
