//! Onboarding: what a customer trades a venue with from then on, and the wallets that are made for it (parsec.md §8).

use super::Service;
use super::credentials::{Given, PrivateKey};
use super::customers::Customer;
use crate::identity::ethereum::{POLYGON, derived};
use crate::types::{Address, Reject, Usd, UserId, Venue};
use crate::world::{CustomerCommand, ManagedWallet, NewWallet, Proof, Sealed, WalletKind};
use std::sync::Arc;

/// One thing that onboarding did (§8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key pair was made.
    EoaCreated,
    /// The customer's own address was taken.
    EoaProvided,
    /// A contract wallet was made.
    SafeCreated,
    /// The venue was linked.
    ExchangeLinked,
    /// The venue knows the credentials.
    CredentialsValidated,
    /// The credentials were stored.
    CredentialsStored,
}

/// What came of onboarding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Onboarded {
    /// What was done; nothing if all of it was done before.
    pub steps: Vec<Step>,
    /// The address of the wallet that was made, or that it obeys.
    pub eoa: Option<Address>,
    /// The contract's address.
    pub safe: Option<Address>,
}

/// A wallet to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalletWish {
    /// A key pair.
    Eoa,
    /// A contract that obeys an address, on a chain.
    Safe(Address, u64),
}

/// A wallet that was made for a customer.
#[derive(Clone, Debug)]
pub struct WalletNow {
    /// What it is.
    pub wallet: ManagedWallet,
    /// Its id with who made it (§8.2): nothing for a contract.
    pub id: String,
    /// The id of what signs for it.
    pub signer: String,
    /// Whether that still does.
    pub is_signed: bool,
    /// Its cash, in micro-dollars; none if it can't be asked.
    pub cash: Option<Usd>,
}

impl Service {
    /// Links a venue to a customer's own credentials, in the place of what was linked before (§2.5, self).
    ///
    /// # Errors
    /// [`Reject::ExchangeRefused`] if the venue does not know them.
    pub async fn onboard_own(&self, customer: &Customer, given: &Given) -> Result<Onboarded, Reject> {
        let (venue, proof) = (given.venue(), self.prove(given)?);
        self.may_open(customer, &proof)?;
        self.must_be_in_use(customer).await?;
        let text = given.text().into_bytes();
        let sealed = self.seal(customer, Purpose::Credentials(venue), text).await?;
        let link =
            CustomerCommand::Link { venue, proof, trades: given.trades(), sealed: Some(sealed.clone()) };
        let linked = self.change_customer(customer, link).await;
        // It may have been linked all the same if nobody can say. What it replaced, the world destroys.
        if linked.as_ref().is_err_and(|reject| *reject != Reject::OutcomeUnknown) {
            self.destroy(sealed).await;
        }
        linked?;
        let steps = match venue {
            Venue::Polymarket => vec![Step::CredentialsStored],
            Venue::Kalshi => vec![Step::CredentialsValidated, Step::CredentialsStored],
        };
        Ok(Onboarded { steps, ..Onboarded::default() })
    }

    /// Links Polymarket to a wallet that is made for a customer, unless it has one (§2.5, managed). Asked for again, what
    /// signs for it does so longer.
    ///
    /// # Errors
    /// The world's [`Reject`].
    pub async fn onboard_managed(&self, customer: &Customer, wish: WalletWish) -> Result<Onboarded, Reject> {
        self.must_be_in_use(customer).await?;
        let directory = self.directory_in(customer.epoch())?;
        let known = directory.customers.wallet(customer.user()).cloned();
        let was_managed =
            directory.customers.link(customer.user(), Venue::Polymarket).is_some_and(|link| link.is_managed);
        let (manage, sealed) = if known.is_some() {
            (CustomerCommand::Renew, None)
        } else {
            let wallet = self.new_wallet(customer, wish).await?;
            let sealed = wallet.sealed.clone();
            (CustomerCommand::Manage(wallet), sealed)
        };
        let outcome = self.change_customer(customer, manage).await;
        let made = self.directory_in(customer.epoch())?.customers.wallet(customer.user()).cloned();
        // Of two who asked at once, one made the wallet; and whoever was refused made none.
        let is_kept = made.as_ref().is_some_and(|made| made.sealed == sealed);
        if let Some(sealed) = sealed.filter(|_| !is_kept && outcome != Err(Reject::OutcomeUnknown)) {
            self.destroy(sealed).await;
        }
        outcome?;
        let made = made.ok_or(Reject::Internal)?;
        let mut steps = match (known.is_some(), made.kind) {
            (true, _) => Vec::new(),
            (false, WalletKind::Eoa) => vec![Step::EoaCreated],
            (false, WalletKind::Safe) => vec![Step::EoaProvided, Step::SafeCreated],
        };
        if !was_managed {
            steps.push(Step::ExchangeLinked);
        }
        Ok(Onboarded { steps, eoa: Some(made.eoa), safe: made.safe })
    }

    async fn new_wallet(&self, customer: &Customer, wish: WalletWish) -> Result<NewWallet, Reject> {
        match wish {
            WalletWish::Eoa => {
                let own = self.own_wallet_key(customer);
                let key = own.clone().map_or_else(PrivateKey::fresh, Ok)?;
                let sealed = match own {
                    Some(_) => None,
                    None => Some(self.seal(customer, Purpose::Wallet, key.bytes().to_vec()).await?),
                };
                let (eoa, proof, chain) = (key.address(), Proof::Wallet(key.address()), POLYGON);
                Ok(NewWallet { kind: WalletKind::Eoa, eoa, safe: None, chain, sealed, proof })
            }
            WalletWish::Safe(eoa, chain) => {
                let generation = self.profile(customer)?.end_user.map_or(0, |end_user| end_user.generation);
                // To name an address proves nothing: the contract's account is the customer's, not the address's.
                let parts: [&[u8]; 5] = [
                    &customer.user().0.to_be_bytes(),
                    &customer.epoch().to_be_bytes(),
                    &generation.to_be_bytes(),
                    eoa.as_slice(),
                    &chain.to_be_bytes(),
                ];
                let digest = self.world.vault().derive("managed-safe", &parts);
                let proof = Proof::Credential { venue: Venue::Polymarket, digest };
                let safe = Some(derived(eoa).safe);
                Ok(NewWallet { kind: WalletKind::Safe, eoa, safe, chain, sealed: None, proof })
            }
        }
    }

    /// The key of a ready user's own wallet, which this server derives: its managed wallet is that one.
    fn own_wallet_key(&self, customer: &Customer) -> Option<PrivateKey> {
        let directory = self.directory_in(customer.epoch()).ok()?;
        let user = directory.identity.user(customer.user())?;
        let key = PrivateKey::of(&self.world.secrets().wallet_key(&user.name))?;
        (user.wallet == Some(key.address())).then_some(key)
    }

    /// The wallet that was made for a customer, if one was.
    ///
    /// # Errors
    /// [`Reject::NotLetIn`] after a reset.
    pub async fn managed_wallet(&self, customer: &Customer) -> Result<Option<WalletNow>, Reject> {
        self.wallet_now(customer.epoch(), customer.user()).await
    }

    pub(super) async fn wallet_now(&self, epoch: u32, user: UserId) -> Result<Option<WalletNow>, Reject> {
        let directory = self.directory_in(epoch)?;
        let Some(wallet) = directory.customers.wallet(user).cloned() else { return Ok(None) };
        let owner = directory.wallets.whose(wallet.account).map(|(owner, _)| owner).unwrap_or_default();
        let permit = super::callers::MayRead::public(owner, vec![wallet.account], epoch);
        let cash = self.portfolios(&permit).await.ok().and_then(|all| Some(all.first()?.cash));
        let named = |label: &str| {
            let bytes = self.world.vault().derive(label, &[wallet.eoa.as_slice(), &user.0.to_be_bytes()]);
            crate::world::state::hex(&bytes[..12])
        };
        Ok(Some(WalletNow {
            id: match wallet.kind {
                WalletKind::Eoa => format!("wallet_{}", named("wallet-id")),
                WalletKind::Safe => String::new(),
            },
            signer: format!("signer_{}", named("signer-id")),
            is_signed: wallet.signed_until > self.now(),
            cash,
            wallet,
        }))
    }

    /// The private key of the wallet that was made for a customer: `0x` and 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`Reject::WalletNotFound`] if none was, or another holds its key.
    pub fn export_key(&self, customer: &Customer) -> Result<String, Reject> {
        let directory = self.directory_in(customer.epoch())?;
        let wallet = directory.customers.wallet(customer.user());
        let wallet = wallet.filter(|wallet| wallet.kind == WalletKind::Eoa).ok_or(Reject::WalletNotFound)?;
        let key = match &wallet.sealed {
            Some(sealed) => {
                let about = Purpose::Wallet.about(customer);
                let about: Vec<&[u8]> = about.iter().map(Vec::as_slice).collect();
                self.world.vault().open_sealed(&about, sealed).ok_or(Reject::Internal)?
            }
            None => self.own_wallet_key(customer).ok_or(Reject::WalletNotFound)?.bytes().to_vec(),
        };
        Ok(format!("0x{}", crate::world::state::hex(&key)))
    }

    /// Seals a secret, on a thread that may wait for the disk.
    async fn seal(&self, customer: &Customer, purpose: Purpose, secret: Vec<u8>) -> Result<Sealed, Reject> {
        let (about, world) = (purpose.about(customer), Arc::clone(&self.world));
        let sealed = tokio::task::spawn_blocking(move || {
            let about: Vec<&[u8]> = about.iter().map(Vec::as_slice).collect();
            world.vault().seal(&about, &secret).map_err(|error| error.to_string())
        });
        sealed.await.map_err(|error| error.to_string()).and_then(|sealed| sealed).map_err(|error| {
            tracing::error!(error, "a secret can't be sealed");
            Reject::Internal
        })
    }

    /// Destroys what was sealed in vain.
    async fn destroy(&self, sealed: Sealed) {
        let world = Arc::clone(&self.world);
        let destroyed = tokio::task::spawn_blocking(move || world.vault().destroy(&sealed));
        if let Err(error) = destroyed.await {
            tracing::error!(%error, "a secret that nobody has stays in the vault until a start");
        }
    }
}

/// What a secret is sealed for: it opens for nothing else.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    Credentials(Venue),
    Wallet,
}

impl Purpose {
    fn about(self, customer: &Customer) -> [Vec<u8>; 3] {
        let label = match self {
            Self::Credentials(venue) => format!("exchange-credentials/{}", venue.name()),
            Self::Wallet => "managed-wallet".to_owned(),
        };
        let (user, epoch) = (customer.user().0.to_be_bytes(), customer.epoch().to_be_bytes());
        [label.into_bytes(), user.to_vec(), epoch.to_vec()]
    }
}
