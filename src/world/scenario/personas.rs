//! Ready users with every credential they can use, the same on every run of a seed.

use super::{BuilderRules, KeyRules, Scenario, UserRules};
use crate::identity::{CustomerId, EndUser, Identity, Key, Permissions, Scheme, Tier, User, hash_secret};
use crate::types::{DAY_MS, Timestamp, UserId};
use alloy_primitives::Address;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// 2000-01-01 and 2100-01-01: fixed, so that a persona's token is the same on every run.
const JWT_FROM: i64 = 946_684_800;
const JWT_UNTIL: i64 = 4_102_444_800;

/// What a world's secrets are derived from.
#[derive(Clone)]
pub struct Secrets {
    seed: u64,
    jwt: Option<String>,
}

/// A ready user. Its secrets are public by design: the server stays on loopback because of them.
#[derive(Clone)]
pub struct Persona {
    /// Its name, such as `trader`.
    pub name: String,
    /// Its id.
    pub user: UserId,
    /// The subject of its tokens.
    pub subject: String,
    /// Its address.
    pub email: String,
    /// Its password.
    pub password: String,
    /// Its plan.
    pub tier: Tier,
    /// A Supabase-style access token.
    pub jwt: String,
    /// Its polysim key, if it has one.
    pub ps_key: Option<String>,
    /// Its key of Parsec's, if it has one.
    pub pk_key: Option<String>,
    /// The end users that it begins with, if it is a builder.
    pub end_users: Vec<ReadyEndUser>,
    /// Its wallet's private key.
    pub private_key: String,
    /// Its wallet's address.
    pub address: String,
    /// What opens `/admin` and `/sim`, if it may.
    pub admin_token: Option<String>,
    rules: Option<KeyRules>,
}

/// A builder's end user that is there from the beginning. Its key is as public as its builder's.
#[derive(Clone)]
pub struct ReadyEndUser {
    /// Its builder's own id for it.
    pub external_id: String,
    /// Its id on the wire.
    pub customer: CustomerId,
    /// Its key.
    pub key: String,
}

/// Secrets never print.
impl std::fmt::Debug for ReadyEndUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadyEndUser").field("external_id", &self.external_id).finish_non_exhaustive()
    }
}

impl ReadyEndUser {
    fn new(builder: &str, external_id: &str, secrets: &Secrets) -> Self {
        let name = format!("{builder}/{external_id}");
        Self {
            external_id: external_id.to_owned(),
            customer: uuid_of(secrets.bytes("customer", &name)).into_bytes(),
            key: secrets.parsec_key(&name),
        }
    }

    /// Puts it into a world.
    pub(super) fn admit(&self, identity: &mut Identity, builder: UserId, at: Timestamp) {
        let end_user = EndUser {
            builder,
            customer: self.customer,
            external_id: self.external_id.clone(),
            qps_limit: identity.customer_tiers().qps_limit,
            generation: 0,
            active: true,
            created_at: at,
        };
        let user = identity.add_user(User {
            end_user: Some(Box::new(end_user)),
            ..User::named(&self.external_id, Tier::Free)
        });
        let key = Key { permissions: Permissions::TRADE, ..ready_key(user, Scheme::Parsec, &self.key, at) };
        identity.add_key(key);
    }
}

/// Secrets never print.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    /// The secrets of a seed. `jwt` is the secret of access tokens, if it was configured.
    #[must_use]
    pub fn new(seed: u64, jwt: Option<String>) -> Self {
        Self { seed, jwt }
    }

    /// The HS256 secret of Supabase-style access tokens.
    #[must_use]
    pub fn jwt_secret(&self) -> String {
        self.jwt.clone().unwrap_or_else(|| self.hex("jwt-secret", "", 32))
    }

    /// The HS256 secret of this server's own socket tokens: another label, so that neither kind passes for the other.
    #[must_use]
    pub fn ws_secret(&self) -> String {
        self.hex("ws-token-secret", "", 32)
    }

    /// What opens `/admin` and everything under `/sim` that writes.
    #[must_use]
    pub fn admin_token(&self) -> String {
        self.hex("admin-token", "admin", 32)
    }

    /// An access token as Supabase makes them.
    ///
    /// # Panics
    /// Never: HS256 signs any claims.
    #[must_use]
    pub fn access_token(&self, subject: &str, email: &str, from: i64, until: i64) -> String {
        let claims = serde_json::json!({
            "aud": "authenticated", "role": "authenticated", "sub": subject, "email": email, "iat": from, "exp": until,
        });
        let key = jsonwebtoken::EncodingKey::from_secret(self.jwt_secret().as_bytes());
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key)
            .expect("BUG: HS256 signs any claims")
    }

    /// The HS256 secret of a terminal's tokens (parsec.md §10.3): a label of its own again.
    #[must_use]
    pub fn terminal_secret(&self) -> String {
        self.hex("terminal-token-secret", "", 32)
    }

    /// A key of Parsec's that a ready user has: `pk_live_` and 32 hexadecimal digits (parsec.md §2.1).
    #[must_use]
    pub fn parsec_key(&self, name: &str) -> String {
        format!("pk_live_{}", self.hex("pk-key", name, 16))
    }

    /// The private key of a ready user's wallet.
    #[must_use]
    pub fn wallet_key(&self, name: &str) -> [u8; 32] {
        self.bytes("private-key", name)
    }

    fn bytes(&self, label: &str, name: &str) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.seed.to_be_bytes()).expect("BUG: HMAC takes any key");
        for part in ["papertape", label, name] {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        mac.finalize().into_bytes().into()
    }

    fn hex(&self, label: &str, name: &str, bytes: usize) -> String {
        crate::world::state::hex(&self.bytes(label, name)[..bytes])
    }
}

/// The users a scenario names, copies told apart.
pub(super) fn expand(scenario: &Scenario) -> impl Iterator<Item = UserRules> {
    scenario.users.iter().flat_map(|rules| {
        let copies: Vec<UserRules> = match rules.copies {
            None => vec![rules.clone()],
            Some(copies) => (1..=copies)
                .map(|n| UserRules { name: format!("{}-{n}", rules.name), ..rules.clone() })
                .collect(),
        };
        copies
    })
}

pub(super) fn derive(scenario: &Scenario, secrets: &Secrets) -> Vec<Persona> {
    (1..).zip(expand(scenario)).map(|(number, rules)| persona(UserId(number), &rules, secrets)).collect()
}

fn persona(user: UserId, rules: &UserRules, secrets: &Secrets) -> Persona {
    let name = rules.name.as_str();
    let subject = uuid_of(secrets.bytes("subject", name)).to_string();
    let email = format!("{name}@papertape.test");
    let (private_key, address) = wallet(secrets.wallet_key(name));
    let end_users = rules.builder.iter().flat_map(|rules| &rules.end_users);
    Persona {
        name: name.to_owned(),
        user,
        jwt: secrets.access_token(&subject, &email, JWT_FROM, JWT_UNTIL),
        subject,
        email,
        password: secrets.hex("password", name, 12),
        tier: rules.plan,
        ps_key: rules.key.map(|_| format!("ps_live_{}", secrets.hex("ps-key", name, 32))),
        pk_key: rules.key.map(|_| secrets.parsec_key(name)),
        end_users: end_users.map(|external_id| ReadyEndUser::new(name, external_id, secrets)).collect(),
        private_key,
        address,
        admin_token: rules.admin.then(|| secrets.admin_token()),
        rules: rules.key,
    }
}

/// Puts a persona into a world: its user row, and of its key what may be kept.
pub(super) fn admit(identity: &mut Identity, rules: &UserRules, persona: &Persona, at: Timestamp) {
    let user = identity.add_user(User {
        name: persona.name.clone(),
        subject: persona.subject.clone(),
        email: persona.email.clone(),
        plan: rules.plan,
        allowlisted: rules.allowlisted,
        wallet: Some(persona.address.parse().expect("BUG: an address that was just written")),
        admin: rules.admin,
        cohorts: rules.cohort.iter().cloned().collect(),
        builder: rules.builder.as_ref().map(BuilderRules::builder),
        ..User::default()
    });
    assert_eq!(user, persona.user, "BUG: personas are admitted in the order of their ids");
    let (Some(kind), Some(secret)) = (rules.key, &persona.ps_key) else { return };
    let tier = persona.key_tier();
    let permissions = identity.tiers().usual(tier);
    let beta_until = (kind == KeyRules::Beta).then(|| at.plus_millis(rules.beta_days * DAY_MS));
    let expired = (kind == KeyRules::Expired).then(|| at.plus_millis(-DAY_MS));
    let fate = |key: Key| Key {
        name: Some(persona.name.clone()),
        active: !matches!(kind, KeyRules::Revoked | KeyRules::Deactivated),
        revoked: kind == KeyRules::Revoked,
        expires_at: expired,
        ..key
    };
    let key = fate(ready_key(user, Scheme::Polysim, secret, at));
    identity.add_key(Key { tier, permissions, expires_at: expired.or(beta_until), beta_until, ..key });
    if let Some(secret) = &persona.pk_key {
        let key = fate(ready_key(user, Scheme::Parsec, secret, at));
        identity.add_key(Key { tier: rules.plan, permissions: Permissions::TRADE, ..key });
    }
}

/// What is kept of a ready user's key, which reads and works.
fn ready_key(user: UserId, scheme: Scheme, secret: &str, at: Timestamp) -> Key {
    Key {
        user,
        scheme,
        hash: hash_secret(secret),
        prefix: secret.chars().take(16).collect(),
        name: None,
        tier: Tier::Free,
        permissions: Permissions::READ,
        active: true,
        revoked: false,
        created_at: at,
        expires_at: None,
        beta_until: None,
        successor: None,
        wallet: None,
    }
}

impl Persona {
    /// The tier of its key: its plan's, but a beta key's is enterprise (polysimulator.md §5.5).
    pub(super) fn key_tier(&self) -> Tier {
        if self.rules == Some(KeyRules::Beta) { Tier::Enterprise } else { self.tier }
    }

    /// What the ready line shows of it (design §9).
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut shown = serde_json::json!({
            "user_id": self.user.0,
            "auth_user_id": self.subject,
            "email": self.email,
            "password": self.password,
            "tier": self.tier.name(),
            "jwt": self.jwt,
            "private_key": self.private_key,
            "address": self.address,
        });
        if let Some(key) = &self.ps_key {
            shown["ps_key"] = key.clone().into();
        }
        if let Some(key) = &self.pk_key {
            shown["pk_key"] = key.clone().into();
        }
        if !self.end_users.is_empty() {
            shown["end_users"] = self.end_users.iter().map(ReadyEndUser::to_json).collect();
        }
        if let Some(token) = &self.admin_token {
            shown["admin_token"] = token.clone().into();
        }
        shown
    }
}

impl ReadyEndUser {
    fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "customer_id": uuid::Uuid::from_bytes(self.customer).to_string(),
            "external_id": self.external_id,
            "api_key": self.key,
        })
    }
}

fn uuid_of(bytes: [u8; 32]) -> uuid::Uuid {
    let first = *bytes.first_chunk().expect("BUG: 32 bytes hold 16");
    uuid::Builder::from_random_bytes(first).into_uuid()
}

fn wallet(secret: [u8; 32]) -> (String, String) {
    let key =
        k256::ecdsa::SigningKey::from_slice(&secret).expect("BUG: a hash that is no private key: 1 in 2^128");
    let address = Address::from_private_key(&key);
    (format!("0x{}", crate::world::state::hex(&secret)), address.to_checksum(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personas_are_the_same_on_every_run_of_a_seed_and_on_no_other() {
        let scenario = Scenario::builtin();
        let all = |seed| {
            derive(&scenario, &Secrets::new(seed, None)).iter().map(Persona::to_json).collect::<Vec<_>>()
        };
        assert_eq!(all(1), all(1));
        assert!(
            all(1)
                .iter()
                .zip(all(2))
                .all(|(one, other)| one["jwt"] != other["jwt"] && one["password"] != other["password"])
        );
    }

    #[test]
    fn a_polysim_key_has_the_documented_form() {
        let all = derive(&Scenario::builtin(), &Secrets::new(1, None));
        let key = all[0].ps_key.clone().expect("the trader has one");
        let hex = key.strip_prefix("ps_live_").expect("the prefix");
        assert!(
            hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        );
    }
}
