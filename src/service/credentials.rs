//! Credentials of exchanges, as a customer gives them: what they prove, and nothing of them is kept here (parsec.md §2.6,
//! design §7).

use super::Service;
use super::customers::Customer;
use super::keys::chance;
use super::wallet_keys::Credentials;
use crate::types::{AccountId, Address, Reject, Venue};
use crate::world::{Command, CustomerCommand, Proof, Receipt, selected};
use sha2::{Digest, Sha256};

/// A test's own credential, which the venue does not know (§16, Q2).
const REFUSED: &str = "invalid";

/// A wallet's private key. It never prints.
#[derive(Clone)]
pub struct PrivateKey {
    key: k256::ecdsa::SigningKey,
}

impl PrivateKey {
    /// The key in a text of `0x` and 64 hexadecimal digits; none if it is no key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 64)?;
        alloy_primitives::hex::decode_to_slice(digits, &mut bytes).ok()?;
        Self::of(&bytes)
    }

    /// The key with these bytes; none if they are none.
    #[must_use]
    pub fn of(bytes: &[u8; 32]) -> Option<Self> {
        Some(Self { key: k256::ecdsa::SigningKey::from_slice(bytes).ok()? })
    }

    /// A key that nobody knows.
    pub(super) fn fresh() -> Result<Self, Reject> {
        // Chance that is no key comes once in 2^128.
        Self::of(&chance()?).ok_or(Reject::Internal)
    }

    /// The address that it signs for.
    #[must_use]
    pub fn address(&self) -> Address {
        Address::from_private_key(&self.key)
    }

    /// Its bytes, for whoever may have them.
    #[must_use]
    pub(super) fn bytes(&self) -> [u8; 32] {
        self.key.to_bytes().into()
    }
}

/// What a customer gives. It never prints.
pub enum Given {
    /// Kalshi's: a key's id, and the key in PEM.
    Kalshi {
        /// The id.
        key_id: String,
        /// The key.
        private_key: String,
    },
    /// A wallet's on Polymarket, perhaps with the CLOB's key beside it, which follows from the wallet.
    Wallet {
        /// The wallet's key.
        private_key: PrivateKey,
        /// The CLOB's.
        clob: Option<Credentials>,
    },
    /// The CLOB's key alone, which reads.
    Clob(Credentials),
}

impl Given {
    /// The venue that it is for.
    #[must_use]
    pub fn venue(&self) -> Venue {
        match self {
            Self::Kalshi { .. } => Venue::Kalshi,
            Self::Wallet { .. } | Self::Clob(_) => Venue::Polymarket,
        }
    }

    /// Whether orders can be signed with it.
    #[must_use]
    pub(super) fn trades(&self) -> bool {
        match self {
            Self::Kalshi { .. } | Self::Wallet { .. } => true,
            Self::Clob(_) => false,
        }
    }

    /// All of it, to be sealed.
    pub(super) fn text(&self) -> String {
        let clob = |given: &Credentials| {
            serde_json::json!({"clob_api_key": given.key, "clob_api_secret": given.secret,
                "clob_api_passphrase": given.passphrase})
        };
        let all = match self {
            Self::Kalshi { key_id, private_key } => {
                serde_json::json!({"api_key_id": key_id, "private_key": private_key})
            }
            Self::Wallet { private_key, clob: given } => {
                let mut all = given.as_ref().map_or_else(|| serde_json::json!({}), clob);
                all["private_key"] = format!("0x{}", crate::world::state::hex(&private_key.bytes())).into();
                all
            }
            Self::Clob(given) => clob(given),
        };
        all.to_string()
    }
}

impl Service {
    /// What credentials prove. Those that this server gave out itself prove their wallet; of any other, the same ones
    /// prove the same account, and a wrong secret proves another, which is empty.
    ///
    /// # Errors
    /// [`Reject::ExchangeRefused`] for those that are never accepted.
    pub(super) fn prove(&self, given: &Given) -> Result<Proof, Reject> {
        match given {
            Given::Wallet { private_key, .. } => Ok(Proof::Wallet(private_key.address())),
            Given::Kalshi { key_id, .. } if key_id.starts_with(REFUSED) => {
                Err(Reject::ExchangeRefused(Venue::Kalshi))
            }
            Given::Kalshi { key_id, private_key } => {
                // The same key, however its lines were broken.
                let bare: String = private_key.split_whitespace().collect();
                Ok(self.denoted(Venue::Kalshi, key_id, &bare))
            }
            Given::Clob(given) => {
                let known = self.authenticate_credentials(given);
                let wallet = known.and_then(|caller| self.address_of(&caller));
                let secret = format!("{}\n{}", given.secret, given.passphrase);
                Ok(wallet.map_or_else(|| self.denoted(Venue::Polymarket, &given.key, &secret), Proof::Wallet))
            }
        }
    }

    /// HMAC(server secret, exchange ‖ id ‖ SHA-256(secret)), of design §7.
    fn denoted(&self, venue: Venue, id: &str, secret: &str) -> Proof {
        let secret = Sha256::digest(secret.as_bytes());
        let parts: [&[u8]; 3] = [venue.name().as_bytes(), id.as_bytes(), &secret];
        Proof::Credential { venue, digest: self.world.vault().derive("exchange-credential", &parts) }
    }

    /// The account that credentials select; with opening cash if nobody came with them before.
    ///
    /// # Errors
    /// [`Reject`] if the venue refuses them, or the account can't be opened.
    pub(super) async fn select(&self, customer: &Customer, given: &Given) -> Result<AccountId, Reject> {
        let proof = self.prove(given)?;
        let directory = self.directory_in(customer.epoch())?;
        // Mostly it is known already, and then nothing needs to be written.
        if let Some((user, purse)) = selected(&directory.identity, &proof)
            && directory.identity.vouch_unlisted(user).is_ok()
            && let Some(wallet) = directory.wallets.get(user, purse)
            && wallet.baseline.is_positive()
        {
            return Ok(wallet.account);
        }
        self.may_open(customer, &proof)?;
        self.change_customer(customer, CustomerCommand::Select(proof)).await
    }

    /// Whether a proof may open an account, if nobody came with it before.
    pub(super) fn may_open(&self, customer: &Customer, proof: &Proof) -> Result<(), Reject> {
        let directory = self.directory_in(customer.epoch())?;
        match selected(&directory.identity, proof) {
            Some(_) => Ok(()),
            None => self.customer_quotas.may_open(customer, self.now()),
        }
    }

    /// Changes what a customer trades with, and gives the account that it is about.
    pub(super) async fn change_customer(
        &self,
        customer: &Customer,
        command: CustomerCommand,
    ) -> Result<AccountId, Reject> {
        let command = Command::Customer { by: customer.by(None), command: Box::new(command) };
        match self.world.command_in(customer.epoch(), command).await? {
            Receipt::Selected(account) => Ok(account),
            Receipt::Exchange(_)
            | Receipt::Replayed(_)
            | Receipt::Issued(_)
            | Receipt::Opened(_)
            | Receipt::Armed(_)
            | Receipt::Done => Err(Reject::Internal),
        }
    }
}
