//! What Parsec's customers trade with (parsec.md §§2.5, 8): which account their credentials for a venue denote, and the
//! wallets that were made for them.
//!
//! An account is selected by proof alone: by a wallet's private key, or by what a credential of an exchange comes to
//! (design §7). A customer's link only remembers what was proved.

use super::State;
use super::people::Done;
use crate::exchange::{self, OpenAccount, Role};
use crate::identity::{self, Identity};
use crate::types::{AccountId, Address, DAY_MS, Reject, Timestamp, Usd, UserId, Venue};
use crate::world::record::{Authority, Note, Receipt};
use crate::world::scenario::Purse;
use crate::world::vault::Sealed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long what signs for a managed wallet does so (§16, Q1).
const SIGNER_MS: i64 = 30 * DAY_MS;

/// What somebody proved to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proof {
    /// The private key of a wallet: its account on Polymarket.
    Wallet(Address),
    /// A credential of an exchange.
    Credential {
        /// Which exchange's.
        venue: Venue,
        /// What it comes to: one-way, and no secret.
        digest: [u8; 32],
    },
}

/// Which kind of wallet was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WalletKind {
    /// A key pair.
    Eoa,
    /// A contract that obeys somebody's own address.
    Safe,
}

/// A wallet that was made for a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedWallet {
    /// Which kind.
    pub kind: WalletKind,
    /// Its address, or the one that the contract obeys.
    pub eoa: Address,
    /// The contract's.
    pub safe: Option<Address>,
    /// The chain's number.
    pub chain: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is signed for.
    pub signed_until: Timestamp,
    /// Its private key, sealed, if this server made it.
    pub sealed: Option<Sealed>,
    /// The account that it trades on.
    pub account: AccountId,
}

/// A wallet to be made for a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewWallet {
    /// Which kind.
    pub kind: WalletKind,
    /// Its address, or the one that the contract obeys.
    pub eoa: Address,
    /// The contract's.
    pub safe: Option<Address>,
    /// The chain's number.
    pub chain: u64,
    /// Its private key, sealed, if this server made it.
    pub sealed: Option<Sealed>,
    /// What selects its account.
    pub proof: Proof,
}

/// What a customer trades a venue with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The account that its credentials denote.
    pub account: AccountId,
    /// Whether they trade. Else they only read.
    pub trades: bool,
    /// Whether they are those of the wallet that was made for it.
    pub is_managed: bool,
    /// What it gave, sealed.
    pub sealed: Option<Sealed>,
}

/// What a customer may ask about what it trades with. Whom it is about, whoever vouches says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CustomerCommand {
    /// The account that a proof selects; with opening cash if nobody had it before.
    Select(Proof),
    /// Trade a venue with credentials of its own from now on.
    Link {
        /// Which venue.
        venue: Venue,
        /// What they denote.
        proof: Proof,
        /// Whether they trade.
        trades: bool,
        /// What was given, sealed.
        sealed: Option<Sealed>,
    },
    /// Trade Polymarket with a wallet that was made for it; if it has one already, as [`CustomerCommand::Renew`].
    Manage(NewWallet),
    /// Trade Polymarket with the wallet that was made for it before, which is signed for anew.
    Renew,
}

/// One change of what customers trade with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CustomerEvent {
    /// A customer trades a venue with this.
    Linked(UserId, Venue, Link),
    /// A wallet was made for a customer, or signs anew.
    WalletMade(UserId, ManagedWallet),
    /// A customer trades with nothing.
    Unlinked(UserId),
}

/// What every customer trades with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customers {
    links: BTreeMap<(UserId, Venue), Link>,
    wallets: BTreeMap<UserId, ManagedWallet>,
}

impl Customers {
    /// What customers begin with: their own accounts.
    #[must_use]
    pub(super) fn of(linked: &[(UserId, Venue, AccountId)]) -> Self {
        let link = |&(customer, venue, account): &(UserId, Venue, AccountId)| {
            ((customer, venue), Link { account, trades: true, is_managed: false, sealed: None })
        };
        Self { links: linked.iter().map(link).collect(), wallets: BTreeMap::new() }
    }

    /// What a customer trades a venue with.
    #[must_use]
    pub fn link(&self, customer: UserId, venue: Venue) -> Option<&Link> {
        self.links.get(&(customer, venue))
    }

    /// The venues that a customer is linked to.
    pub fn venues(&self, customer: UserId) -> impl Iterator<Item = Venue> {
        Venue::ALL.into_iter().filter(move |venue| self.link(customer, *venue).is_some())
    }

    /// The wallet that was made for a customer.
    #[must_use]
    pub fn wallet(&self, customer: UserId) -> Option<&ManagedWallet> {
        self.wallets.get(&customer)
    }

    /// The account that a customer's orders on a venue trade on.
    ///
    /// # Errors
    /// [`Reject::NotLinked`] if nothing of its does, [`Reject::SignerExpired`] if its wallet is not signed for any more.
    pub fn trades(&self, customer: UserId, venue: Venue, at: Timestamp) -> Result<AccountId, Reject> {
        let link = self.link(customer, venue).filter(|link| link.trades);
        let link = link.ok_or(Reject::NotLinked(venue))?;
        let is_signed = self.wallet(customer).is_some_and(|wallet| wallet.signed_until > at);
        if link.is_managed && !is_signed {
            return Err(Reject::SignerExpired);
        }
        Ok(link.account)
    }

    /// Everything that is sealed.
    pub fn sealed(&self) -> impl Iterator<Item = &Sealed> {
        let links = self.links.values().filter_map(|link| link.sealed.as_ref());
        links.chain(self.wallets.values().filter_map(|wallet| wallet.sealed.as_ref()))
    }

    fn take_in(&mut self, event: &CustomerEvent) {
        match event {
            CustomerEvent::Linked(customer, venue, link) => {
                self.links.insert((*customer, *venue), link.clone());
            }
            CustomerEvent::WalletMade(customer, wallet) => {
                self.wallets.insert(*customer, wallet.clone());
            }
            CustomerEvent::Unlinked(customer) => {
                self.links.retain(|(of, _), _| of != customer);
                self.wallets.remove(customer);
            }
        }
    }
}

impl State {
    /// What customers trade with. New ones are published with every change.
    #[must_use]
    pub fn customers(&self) -> &Arc<Customers> {
        &self.customers
    }

    pub(super) fn change_customer(
        &mut self,
        at: Timestamp,
        by: Authority,
        command: &CustomerCommand,
        mut done: Done<'_>,
    ) -> Result<Receipt, Reject> {
        self.vouch(by, at)?;
        let Authority::Customer { customer, .. } = by else { return Err(Reject::UserNotFound) };
        match command {
            CustomerCommand::Select(proof) => self.select(at, proof, &mut done).map(Receipt::Selected),
            CustomerCommand::Link { venue, proof, trades, sealed } => {
                self.must_be_in_use(customer)?;
                if proof.venue() != *venue {
                    return Err(Reject::ExchangeRefused(*venue));
                }
                let account = self.select(at, proof, &mut done)?;
                let link = Link { account, trades: *trades, is_managed: false, sealed: sealed.clone() };
                self.note_customer(CustomerEvent::Linked(customer, *venue, link), &mut done);
                Ok(Receipt::Selected(account))
            }
            CustomerCommand::Manage(new) => self.manage(at, customer, Some(new), &mut done),
            CustomerCommand::Renew => self.manage(at, customer, None, &mut done),
        }
    }

    /// One that was deactivated is made anew first: until then it has nothing.
    fn must_be_in_use(&self, customer: UserId) -> Result<(), Reject> {
        let user = self.identity.user(customer).ok_or(Reject::UserNotFound)?;
        let is_over = user.end_user.as_deref().is_some_and(|end_user| !end_user.active);
        if is_over { Err(Reject::UserNotFound) } else { Ok(()) }
    }

    fn manage(
        &mut self,
        at: Timestamp,
        customer: UserId,
        new: Option<&NewWallet>,
        done: &mut Done<'_>,
    ) -> Result<Receipt, Reject> {
        self.must_be_in_use(customer)?;
        let signed_until = at.plus_millis(SIGNER_MS);
        let wallet = if let Some(known) = self.customers.wallet(customer) {
            ManagedWallet { signed_until, ..known.clone() }
        } else {
            let new = new.ok_or(Reject::WalletNotFound)?;
            let account = self.select(at, &new.proof, done)?;
            let NewWallet { kind, eoa, safe, chain, sealed, proof: _ } = new.clone();
            ManagedWallet { kind, eoa, safe, chain, created_at: at, signed_until, sealed, account }
        };
        let account = wallet.account;
        let link = Link { account, trades: true, is_managed: true, sealed: None };
        self.note_customer(CustomerEvent::WalletMade(customer, wallet), done);
        self.note_customer(CustomerEvent::Linked(customer, Venue::Polymarket, link), done);
        Ok(Receipt::Selected(account))
    }

    fn note_customer(&mut self, event: CustomerEvent, done: &mut Done<'_>) {
        Arc::make_mut(&mut self.customers).take_in(&event);
        done.notes.push(Note::Customer(Box::new(event)));
    }

    /// The open orders of a customer end, and its links with them. Whoever else trades on the same accounts, because it
    /// has the same credentials, keeps its own.
    pub(super) fn unlink(
        &mut self,
        at: Timestamp,
        customer: UserId,
        mut done: Done<'_>,
    ) -> Result<(), Reject> {
        for order in self.about.entrusted.of(customer) {
            let slot = self.exchange.orders().find(order).expect("BUG: an open order that is over");
            let account = self.exchange.orders().get(slot).account;
            self.exchange.apply(at, &exchange::Command::Cancel { account, order }, done.events)?;
        }
        // A wallet that was made for it is nobody else's.
        if let Some(account) = self.customers.wallet(customer).map(|wallet| wallet.account) {
            self.cancel_all(at, account, done.events)?;
        }
        if self.customers.wallet(customer).is_some() || self.customers.venues(customer).next().is_some() {
            self.note_customer(CustomerEvent::Unlinked(customer), &mut done);
        }
        Ok(())
    }

    /// The account that a proof selects. Whoever comes first gets its opening cash.
    fn select(&mut self, at: Timestamp, proof: &Proof, done: &mut Done<'_>) -> Result<AccountId, Reject> {
        let venue = proof.venue();
        if let Some((user, purse)) = selected(&self.identity, proof) {
            if self.identity.vouch_unlisted(user).is_err() {
                return Err(Reject::ExchangeRefused(venue));
            }
            let wallet = self.wallets.get(user, purse).ok_or(Reject::AccountNotFound)?;
            let (account, is_new) = (wallet.account, wallet.baseline.is_zero());
            if is_new {
                self.fund(at, (user, purse, account), self.opening_of(venue), done)?;
            }
            return Ok(account);
        }
        if !self.about.opening.strangers {
            return Err(Reject::ExchangeRefused(venue));
        }
        let (command, purse) = match proof {
            Proof::Wallet(address) => (identity::Command::JoinWallet(*address), Purse::Polymarket),
            Proof::Credential { venue, digest } => {
                let name = format!("{}-{}", venue.name(), &super::hex(digest)[..8]);
                (identity::Command::JoinCredential { credential: *digest, name }, purse_of(*venue))
            }
        };
        let decided = self.identity.decide(at, &command)?;
        let user = decided.iter().find_map(|event| {
            if let identity::Event::UserJoined(user, _) = event { Some(*user) } else { None }
        });
        let user = user.ok_or(Reject::UserNotFound)?;
        let cash = self.opening_of(venue);
        let wanted = match proof {
            Proof::Wallet(_) => self.about.opening.accounts(user, cash).to_vec(),
            Proof::Credential { .. } => {
                vec![(purse, OpenAccount { user, venue, role: Role::Trader, cash })]
            }
        };
        let opened = self.open_accounts(at, wanted, done.events)?;
        let account = opened.iter().find(|opened| opened.1 == purse).map(|opened| opened.2);
        self.take_people_in(at, decided, opened, done);
        account.ok_or(Reject::AccountNotFound)
    }

    fn opening_of(&self, venue: Venue) -> Usd {
        match venue {
            Venue::Polymarket => self.about.opening.wallet,
            Venue::Kalshi => self.about.opening.kalshi,
        }
    }

    fn fund(
        &mut self,
        at: Timestamp,
        (user, purse, account): (UserId, Purse, AccountId),
        amount: Usd,
        done: &mut Done<'_>,
    ) -> Result<(), Reject> {
        if !amount.is_positive() {
            return Ok(());
        }
        self.exchange.apply(at, &exchange::Command::Grant { account, amount }, done.events)?;
        Arc::make_mut(&mut self.wallets).fund(user, purse, amount);
        done.notes.push(Note::WalletFunded { user, baseline: amount });
        Ok(())
    }
}

impl Proof {
    /// The venue whose account it selects.
    #[must_use]
    pub fn venue(&self) -> Venue {
        match self {
            Self::Wallet(_) => Venue::Polymarket,
            Self::Credential { venue, .. } => *venue,
        }
    }
}

/// Whose account a proof selects, if somebody has it already.
#[must_use]
pub fn selected(identity: &Identity, proof: &Proof) -> Option<(UserId, Purse)> {
    match proof {
        Proof::Wallet(address) => {
            let user = identity.by_wallet(*address)?;
            let signs = identity.user(user).is_some_and(|user| user.wallet == Some(*address));
            signs.then_some((user, Purse::Polymarket))
        }
        Proof::Credential { venue, digest } => {
            identity.by_credential(digest).map(|user| (user, purse_of(*venue)))
        }
    }
}

fn purse_of(venue: Venue) -> Purse {
    match venue {
        Venue::Polymarket => Purse::Polymarket,
        Venue::Kalshi => Purse::Kalshi,
    }
}

#[cfg(test)]
mod tests;
