//! The commands that change users, keys and wallets: where identity and exchange meet.

use super::State;
use super::wallets::WalletCommand;
use crate::exchange::{self, Event};
use crate::identity::{self, Permission, Scheme, Tier};
use crate::types::{AccountId, Address, KeyFailure, KeyId, Reject, Timestamp, Usd, UserId, Venue};
use crate::world::record::{Authority, Note, Receipt};
use crate::world::scenario::Purse;
use std::sync::Arc;

/// What a command did, as it is written on the tape.
pub(super) struct Done<'a> {
    pub(super) events: &'a mut Vec<Event>,
    pub(super) notes: &'a mut Vec<Note>,
}

/// An account that was just opened: whose, what for, and its opening cash.
pub(super) type Opened = (UserId, Purse, AccountId, Usd);

/// An API wallet that gets its opening cash with its user's first key that trades.
struct Funding {
    user: UserId,
    account: AccountId,
    amount: Usd,
}

impl State {
    pub(super) fn change_people(
        &mut self,
        at: Timestamp,
        by: Authority,
        command: &identity::Command,
        Done { events, notes }: Done<'_>,
    ) -> Result<Receipt, Reject> {
        self.vouch(by, at)?;
        if let Some(builder) = command.builder() {
            self.must_be(by, builder)?;
        }
        let decided = self.identity.decide(at, command)?;
        let is_wallets = matches!(command, identity::Command::JoinWallet(_) | identity::Command::SignIn(..));
        let is_stranger = decided.iter().any(|event| matches!(event, identity::Event::UserJoined(..)));
        if is_wallets && is_stranger && !self.about.opening.strangers {
            return Err(Reject::NotEntitled);
        }
        // A builder's end user has no accounts of its own.
        let joined = decided.iter().find_map(|event| {
            let identity::Event::UserJoined(id, user) = event else { return None };
            user.end_user.is_none().then_some(*id)
        });
        let issued = decided.iter().find_map(|event| {
            if let identity::Event::KeyIssued(key, record) = event { Some((*key, record)) } else { None }
        });
        // The exchange may refuse, and then nothing was done; identity can't any more.
        let mut opened = Vec::new();
        if let Some(user) = joined {
            let cash = issued.as_ref().map_or(Usd::ZERO, |(_, key)| self.baseline_of(key));
            opened = self.open_accounts(at, self.about.opening.accounts(user, cash).to_vec(), events)?;
        }
        let funding = issued.as_ref().and_then(|(_, key)| self.funding(key));
        if let Some(Funding { account, amount, .. }) = funding {
            self.exchange.apply(at, &exchange::Command::Grant { account, amount }, events)?;
        }
        if let identity::Command::DeleteUser(user) = command {
            self.end_orders(at, *user, events)?;
            self.unlink(at, *user, Done { events, notes })?;
        }
        if let identity::Command::DeactivateEndUser(_, user) = command {
            self.unlink(at, *user, Done { events, notes })?;
        }
        // Nothing below can fail.
        let issued = issued.map(|(key, _)| key);
        if let Some(Funding { user, amount, .. }) = funding {
            Arc::make_mut(&mut self.wallets).fund(user, Purse::Polymarket, amount);
            notes.push(Note::WalletFunded { user, baseline: amount });
        }
        self.take_people_in(at, decided, opened, &mut Done { events, notes });
        Ok(issued.map_or(Receipt::Done, Receipt::Issued))
    }

    /// Does what was decided, and gives people their accounts.
    pub(super) fn take_people_in(
        &mut self,
        at: Timestamp,
        decided: Vec<identity::Event>,
        opened: Vec<Opened>,
        done: &mut Done<'_>,
    ) {
        for (user, purse, account, baseline) in opened {
            Arc::make_mut(&mut self.wallets).open((user, purse), account, baseline, at);
            done.notes.push(Note::WalletOpened { user, purse, account });
        }
        let people = Arc::make_mut(&mut self.identity);
        for event in decided {
            people.take_in(&event);
            done.notes.push(Note::Identity(event));
        }
    }

    /// The opening cash that a key's tier brings with it: nothing for one that only reads.
    fn baseline_of(&self, key: &identity::Key) -> Usd {
        if !key.permissions.include(Permission::Trade) {
            return Usd::ZERO;
        }
        match key.scheme {
            Scheme::Polysim | Scheme::Papi => self.identity.tiers().of(key.tier).baseline,
            Scheme::Clob => self.about.opening.wallet,
            // What its user trades on, its credentials say.
            Scheme::Parsec => Usd::ZERO,
        }
    }

    /// What a new key brings to an API wallet that never had anything (§4.1).
    fn funding(&self, key: &identity::Key) -> Option<Funding> {
        let wallet = self.wallets.get(key.user, Purse::Polymarket)?;
        let amount = self.baseline_of(key);
        let is_due = wallet.baseline.is_zero() && amount.is_positive();
        is_due.then_some(Funding { user: key.user, account: wallet.account, amount })
    }

    /// The accounts of somebody new: all of them, or none.
    pub(super) fn open_accounts(
        &mut self,
        at: Timestamp,
        wanted: Vec<(Purse, exchange::OpenAccount)>,
        events: &mut Vec<Event>,
    ) -> Result<Vec<Opened>, Reject> {
        self.exchange.may_open(wanted.iter().map(|(_, account)| account))?;
        let open = |(purse, account): (Purse, exchange::OpenAccount)| {
            let (user, baseline) = (account.user, account.cash);
            let account = self.open_account(at, account, events)?;
            Ok((user, purse, account, baseline))
        };
        wanted.into_iter().map(open).collect()
    }

    fn open_account(
        &mut self,
        at: Timestamp,
        account: exchange::OpenAccount,
        events: &mut Vec<Event>,
    ) -> Result<AccountId, Reject> {
        let receipt = self.exchange.apply(at, &exchange::Command::OpenAccount(account), events)?;
        let exchange::Receipt::Opened(account) = receipt else {
            unreachable!("BUG: an account was opened, which gave {receipt:?}")
        };
        Ok(account)
    }

    fn end_orders(&mut self, at: Timestamp, user: UserId, events: &mut Vec<Event>) -> Result<(), Reject> {
        let wallets = Arc::clone(&self.wallets);
        for (_, wallet) in wallets.of_user(user) {
            self.cancel_all(at, wallet.account, events)?;
        }
        Ok(())
    }

    pub(super) fn cancel_all(
        &mut self,
        at: Timestamp,
        account: AccountId,
        events: &mut Vec<Event>,
    ) -> Result<(), Reject> {
        let command = exchange::Command::CancelAll { account, market: None, outcome: None };
        self.exchange.apply(at, &command, events).map(drop)
    }

    pub(super) fn change_wallet(
        &mut self,
        at: Timestamp,
        by: Authority,
        command: &WalletCommand,
        done: Done<'_>,
    ) -> Result<Receipt, Reject> {
        self.vouch(by, at)?;
        let (user, tier) = self.who(by, at)?;
        match command {
            WalletCommand::Open { label } => self.open_sandbox(at, (user, tier), label.as_deref(), done),
            WalletCommand::OpenPot { maker, signature_type } => {
                self.open_pot(at, user, (*maker, *signature_type), done)
            }
            WalletCommand::Label(purse, label) => {
                self.wallets.get(user, *purse).ok_or(Reject::WalletNotFound)?;
                Arc::make_mut(&mut self.wallets).label(user, *purse, label.as_deref());
                done.notes.push(Note::WalletLabeled { user, purse: *purse });
                Ok(Receipt::Done)
            }
            WalletCommand::Archive(purse) => self.archive(at, user, *purse, done),
            WalletCommand::Reset(purse) => self.reset_wallet(at, (user, tier), *purse, done),
        }
    }

    /// A purse for a wallet that is not derived from the one that signs for it (design §7). It is asked for with every
    /// order, and opened with the first.
    fn open_pot(
        &mut self,
        at: Timestamp,
        user: UserId,
        (maker, signature_type): (Address, u8),
        Done { events, notes }: Done<'_>,
    ) -> Result<Receipt, Reject> {
        // Another's wallet is no pot of anybody's.
        if self.identity.by_wallet(maker).is_some() {
            return Err(Reject::BadSignature);
        }
        let purse = Purse::Pot(maker);
        if self.wallets.get(user, purse).is_none() {
            self.wallets.has_room_for_pot(user)?;
            let cash = self.about.opening.wallet;
            let opening = exchange::OpenAccount {
                user,
                venue: crate::types::Venue::Polymarket,
                role: exchange::Role::Trader,
                cash,
            };
            let account = self.open_account(at, opening, events)?;
            Arc::make_mut(&mut self.wallets).open((user, purse), account, cash, at);
            notes.push(Note::WalletOpened { user, purse, account });
        }
        Arc::make_mut(&mut self.wallets).use_maker(user, signature_type, maker);
        Ok(Receipt::Opened(purse))
    }

    fn open_sandbox(
        &mut self,
        at: Timestamp,
        (user, tier): (UserId, Tier),
        label: Option<&str>,
        Done { events, notes }: Done<'_>,
    ) -> Result<Receipt, Reject> {
        let rules = *self.identity.tiers().of(tier);
        let purse = self.wallets.next_sandbox(user, rules.sandboxes_max)?;
        let opening = exchange::OpenAccount {
            user,
            venue: crate::types::Venue::Polymarket,
            role: exchange::Role::Trader,
            cash: rules.sandbox_baseline,
        };
        let account = self.open_account(at, opening, events)?;
        let wallets = Arc::make_mut(&mut self.wallets);
        wallets.open((user, purse), account, rules.sandbox_baseline, at);
        wallets.label(user, purse, label);
        notes.push(Note::WalletOpened { user, purse, account });
        Ok(Receipt::Opened(purse))
    }

    fn archive(
        &mut self,
        at: Timestamp,
        user: UserId,
        purse: Purse,
        Done { events, notes }: Done<'_>,
    ) -> Result<Receipt, Reject> {
        let wallet = self.wallets.get(user, purse).ok_or(Reject::WalletNotFound)?;
        let (account, was_archived) = (wallet.account, wallet.archived_at.is_some());
        if !matches!(purse, Purse::Sandbox(_)) {
            return Err(Reject::WrongWalletKind);
        }
        // Archived twice is archived: a retry must not look like a failure.
        if !was_archived {
            self.cancel_all(at, account, events)?;
            Arc::make_mut(&mut self.wallets).archive(user, purse, at);
        }
        notes.push(Note::WalletArchived { user, purse });
        Ok(Receipt::Done)
    }

    fn reset_wallet(
        &mut self,
        at: Timestamp,
        (user, tier): (UserId, Tier),
        purse: Purse,
        Done { events, notes }: Done<'_>,
    ) -> Result<Receipt, Reject> {
        let wallet = self.wallets.in_use(user, purse)?;
        let rules = self.identity.tiers().of(tier);
        // How many resets are counted; none where they are not.
        let most = match purse {
            Purse::Kalshi | Purse::Pot(_) => return Err(Reject::WrongWalletKind),
            Purse::Main => rules.main_resets_max,
            Purse::Polymarket | Purse::Sandbox(_) if tier == Tier::Free => return Err(Reject::PlanExhausted),
            Purse::Polymarket | Purse::Sandbox(_) => None,
        };
        wallet.may_reset(at, most)?;
        let (account, cash) = (wallet.account, wallet.baseline);
        let command = exchange::Command::ResetAccount { account, cash, house: self.about.system.house };
        let receipt = self.exchange.apply(at, &command, events)?;
        Arc::make_mut(&mut self.wallets).reset(user, purse, most, at);
        notes.push(Note::WalletReset { user, purse });
        Ok(Receipt::Exchange(receipt))
    }

    /// Whose word a command has, and under which limits.
    fn who(&self, by: Authority, at: Timestamp) -> Result<(UserId, Tier), Reject> {
        match by {
            Authority::Key(key) => {
                let caller = self.identity.speaks_for(key, at);
                caller.map(|caller| (caller.user, caller.tier)).ok_or(Reject::NotLetIn(KeyFailure::Unknown))
            }
            Authority::Session(user) | Authority::Newcomer(user) => {
                let plan = self.identity.user(user).map(|user| user.plan);
                plan.map(|plan| (user, plan)).ok_or(Reject::UserNotFound)
            }
            Authority::Customer { .. } | Authority::System => Err(Reject::UserNotFound),
        }
    }

    /// As [`State::vouch`], for what only a key that trades may do: a beta key may have been cut off meanwhile. Gives
    /// the limits in force; none where no key vouches.
    pub(super) fn vouch_trade(&self, by: Authority, at: Timestamp) -> Result<Option<Tier>, Reject> {
        self.vouch(by, at)?;
        let Authority::Key(id) = by else { return Ok(None) };
        let caller = self.identity.speaks_for(id, at);
        let trades = caller.filter(|caller| caller.permissions.include(Permission::Trade));
        let tier = trades.map(|caller| caller.tier).ok_or(Reject::TradeNotAllowed)?;
        // A wallet's key has no plan's limits.
        let is_wallets = self.identity.key(id).is_some_and(|key| key.scheme == Scheme::Clob);
        Ok((!is_wallets).then_some(tier))
    }

    /// Whether whoever vouches is a customer, and acts for nobody else.
    fn must_be(&self, by: Authority, user: UserId) -> Result<(), Reject> {
        let is_own = match by {
            Authority::Customer { key, customer, .. } => {
                customer == user && self.identity.key(key).is_some_and(|key| key.user == user)
            }
            Authority::System => true,
            Authority::Key(_) | Authority::Session(_) | Authority::Newcomer(_) => false,
        };
        if is_own { Ok(()) } else { Err(Reject::NotEntitled) }
    }

    /// Whether whoever vouches for a command may still do so.
    pub(super) fn vouch(&self, by: Authority, at: Timestamp) -> Result<(), Reject> {
        let is_let_in = match by {
            Authority::Customer { key, customer, linked } => {
                return self.vouch_customer((key, customer), linked, at);
            }
            Authority::Key(key) => self.identity.vouch(key, at),
            Authority::Session(user) => self.identity.may_come_in(user),
            // Another gate decides about who has no key yet.
            Authority::Newcomer(_) | Authority::System => Ok(()),
        };
        is_let_in.map_err(Reject::NotLetIn)
    }

    /// Whether a key may still act for a customer, and the customer still trades what the command is about.
    fn vouch_customer(
        &self,
        (key, customer): (KeyId, UserId),
        linked: Option<(Venue, AccountId)>,
        at: Timestamp,
    ) -> Result<(), Reject> {
        self.identity.vouch(key, at).map_err(Reject::NotLetIn)?;
        if !self.identity.acts_for(key, customer) {
            return Err(Reject::NotLetIn(KeyFailure::Unknown));
        }
        let Some((venue, account)) = linked else { return Ok(()) };
        // Another account was linked meanwhile: what was meant for the one before is not for that.
        let is_same = self.customers.trades(customer, venue, at)? == account;
        if is_same { Ok(()) } else { Err(Reject::NotLinked(venue)) }
    }
}
