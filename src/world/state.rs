//! Exchange and identity as one state machine: `apply(at, command)` gives events.
//!
//! Everything in here follows from the tape alone. Live, replayed and restored from a checkpoint, it is the
//! same to the last byte of [`State::digest`].

mod claims;
mod customers;
mod daily;
mod entrusted;
mod fees;
mod people;
mod placing;
mod wallets;

pub use customers::{
    CustomerCommand, CustomerEvent, Customers, Link, ManagedWallet, NewWallet, Proof, WalletKind, selected,
};
pub use fees::FeeHold;
pub use wallets::{Wallet, WalletCommand, Wallets};

use super::record::{Beat, Claim, Command, Note, Receipt, Roll};
use super::scenario::{Genesis, Opening, Series, SystemAccounts, house_order};
use crate::exchange::{self, Event, Exchange};
use crate::identity::Identity;
use crate::types::{
    AccountId, KeyFailure, MarketId, OrderId, Price, Reject, Sequence, Shares, Side, Timestamp, UserId, index,
};
use claims::Claims;
use daily::DailyOrders;
use entrusted::Entrusted;
use fees::Fees;
use people::Done;
use placing::Placing;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A whole world at one moment.
#[derive(Debug)]
pub struct State {
    exchange: Exchange,
    identity: Arc<Identity>,
    wallets: Arc<Wallets>,
    customers: Arc<Customers>,
    about: About,
}

/// What a state holds besides the exchange and the users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct About {
    /// The last record that is in this state.
    sequence: Option<Sequence>,
    /// When that was.
    at: Timestamp,
    /// What a virtual clock showed then: later than `at` after a jump.
    shown: Timestamp,
    epoch: u32,
    seed: u64,
    source: [u8; 32],
    began_at: Timestamp,
    is_virtual: bool,
    is_paused: bool,
    opening: Opening,
    system: SystemAccounts,
    series: Vec<Series>,
    switches: BTreeMap<AccountId, Timestamp>,
    claims: Claims,
    /// Orders of those whose plan allows only so many a day.
    daily: DailyOrders,
    /// What is set aside for builders' fees.
    fees: Fees,
    /// Open orders of builders' end users.
    entrusted: Entrusted,
}

/// A state in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    exchange: exchange::Snapshot,
    identity: Identity,
    wallets: Wallets,
    customers: Customers,
    about: About,
}

/// Something that happens by itself when its moment comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// A GTD order ends.
    Expire(OrderId),
    /// A dead-man switch fires.
    Switch(AccountId),
    /// A series of windows rolls.
    Roll(u32),
}

impl State {
    /// The state before record 0.
    #[must_use]
    pub fn new() -> Self {
        Self {
            exchange: Exchange::new(exchange::Limits::default()),
            identity: Arc::default(),
            wallets: Arc::default(),
            customers: Arc::default(),
            about: About {
                sequence: None,
                at: Timestamp::default(),
                shown: Timestamp::default(),
                epoch: 0,
                seed: 0,
                source: [0; 32],
                began_at: Timestamp::default(),
                is_virtual: false,
                is_paused: false,
                opening: Opening::default(),
                system: SystemAccounts::default(),
                series: Vec::new(),
                switches: BTreeMap::new(),
                claims: Claims::default(),
                daily: DailyOrders::default(),
                fees: Fees::default(),
                entrusted: Entrusted::default(),
            },
        }
    }

    /// Does what a command asks, or refuses and changes nothing. `at` must not run backwards.
    ///
    /// # Errors
    /// The first [`Reject`], in order of precedence.
    pub fn apply(
        &mut self,
        at: Timestamp,
        command: &Command,
        events: &mut Vec<Event>,
        notes: &mut Vec<Note>,
    ) -> Result<Receipt, Reject> {
        assert!(at >= self.about.at, "BUG: time ran backwards");
        let (had_events, had_notes) = (events.len(), notes.len());
        match self.carry_out(at, command, events, notes) {
            Ok(Receipt::Replayed(order)) => Ok(Receipt::Replayed(order)),
            Ok(receipt) => {
                self.about.entrusted.forget_closed(&events[had_events..]);
                self.settle_fees(at, had_events, events);
                self.about.at = at;
                self.about.shown = self.about.shown.max(at);
                Ok(receipt)
            }
            Err(reject) => {
                events.truncate(had_events);
                notes.truncate(had_notes);
                Err(reject)
            }
        }
    }

    fn carry_out(
        &mut self,
        at: Timestamp,
        command: &Command,
        events: &mut Vec<Event>,
        notes: &mut Vec<Note>,
    ) -> Result<Receipt, Reject> {
        match command {
            Command::Begin(genesis) => self.begin(at, genesis, events, notes),
            Command::Place { by, order, claim, client_order_id: _, signed, fee } => {
                let (claim, signed, fee) = (claim.as_ref(), signed.as_deref(), fee.as_deref());
                self.place(at, *by, &Placing { order, claim, signed, fee }, events)
            }
            Command::Exchange { by, command } => {
                self.vouch_trade(*by, at)?;
                self.exchange.apply(at, command, events).map(Receipt::Exchange)
            }
            Command::Heartbeat { by, account, until, after } => {
                self.vouch_trade(*by, at)?;
                self.exchange.account(*account).ok_or(Reject::AccountNotFound)?;
                let until = self.armed_until(*account, *after, *until)?;
                self.about.switches.insert(*account, until);
                notes.push(Note::SwitchArmed { account: *account, until });
                Ok(Receipt::Armed(until))
            }
            Command::SwitchFired { account } => {
                if !self.about.switches.contains_key(account) {
                    return Err(Reject::AccountNotFound);
                }
                let command = exchange::Command::CancelDead { account: *account };
                let receipt = self.exchange.apply(at, &command, events)?;
                self.about.switches.remove(account);
                Ok(Receipt::Exchange(receipt))
            }
            Command::Roll(roll) => self.roll(at, roll, events),
            Command::PauseClock => self.pause(true, notes),
            Command::ResumeClock => self.pause(false, notes),
            Command::AdvanceClock { to } => {
                if !self.about.is_virtual || *to < at {
                    return Err(Reject::Unsupported);
                }
                self.about.shown = *to;
                notes.push(Note::ClockAdvanced { to: *to });
                Ok(Receipt::Done)
            }
            Command::Identity { by, command } => self.change_people(at, *by, command, Done { events, notes }),
            Command::Customer { by, command } => {
                self.change_customer(at, *by, command, Done { events, notes })
            }
            Command::Wallet { by, command } => self.change_wallet(at, *by, command, Done { events, notes }),
        }
    }

    /// Until when a beat arms the switch. One that names the one before must name the last one, and is known from it by
    /// its moment, even while time stands still.
    fn armed_until(
        &self,
        account: AccountId,
        after: Option<Beat>,
        until: Timestamp,
    ) -> Result<Timestamp, Reject> {
        let armed = self.about.switches.get(&account).copied();
        match (after, armed) {
            (None, _) | (Some(Beat::First), None) => Ok(until),
            (Some(Beat::Armed(named)), _) if armed != Some(named) => Err(Reject::WrongHeartbeat { armed }),
            (Some(Beat::First | Beat::Armed(_)), Some(armed)) => Ok(until.max(armed.plus_millis(1))),
            (Some(Beat::Armed(_)), None) => Err(Reject::WrongHeartbeat { armed }),
        }
    }

    fn pause(&mut self, paused: bool, notes: &mut Vec<Note>) -> Result<Receipt, Reject> {
        if !self.about.is_virtual {
            return Err(Reject::Unsupported);
        }
        self.about.is_paused = paused;
        notes.push(Note::ClockPaused(paused));
        Ok(Receipt::Done)
    }

    /// Scenario state at this moment. Ids of orders and trades go on, so that none is ever used twice.
    fn begin(
        &mut self,
        at: Timestamp,
        genesis: &Genesis,
        events: &mut Vec<Event>,
        notes: &mut Vec<Note>,
    ) -> Result<Receipt, Reject> {
        let epoch = if self.about.sequence.is_some() { self.about.epoch + 1 } else { 0 };
        let mut exchange = self.exchange.successor(genesis.limits);
        for command in genesis.commands() {
            match exchange.apply(at, &command, events) {
                Ok(_) => {}
                // A window may have ended between the resolving of a scenario and this moment: it has no book.
                Err(Reject::MarketClosed) if matches!(command, exchange::Command::Place(_)) => {}
                Err(reject) => return Err(reject),
            }
        }
        self.exchange = exchange;
        self.identity = Arc::new(genesis.identity.clone().in_epoch(epoch));
        self.wallets = Arc::new(Wallets::of(genesis, at));
        self.customers = Arc::new(Customers::of(&genesis.linked));
        self.about = About {
            sequence: self.about.sequence,
            at,
            shown: at,
            epoch,
            seed: genesis.seed,
            source: genesis.source,
            began_at: at,
            is_virtual: genesis.is_virtual,
            is_paused: epoch > 0 && self.about.is_paused,
            opening: genesis.opening,
            system: genesis.system,
            series: genesis.series.clone(),
            switches: BTreeMap::new(),
            claims: Claims::default(),
            daily: DailyOrders::default(),
            fees: Fees::default(),
            entrusted: Entrusted::default(),
        };
        notes.push(Note::Began { epoch });
        Ok(Receipt::Done)
    }

    fn roll(&mut self, at: Timestamp, roll: &Roll, events: &mut Vec<Event>) -> Result<Receipt, Reject> {
        let due = self.about.series.get(index(roll.series)).ok_or(Reject::MarketNotFound)?.next_at;
        if due > at || roll.next_at <= due {
            return Err(Reject::Unsupported);
        }
        if let Some(command) = &roll.resolve {
            // An administrator may have resolved the window by hand already.
            match self.exchange.apply(at, command, events) {
                Ok(_) | Err(Reject::MarketClosed) => {}
                Err(reject) => return Err(reject),
            }
        }
        let current = roll.list.as_ref().map(|spec| self.list_window(at, spec, &roll.opening, events));
        let series = &mut self.about.series[index(roll.series)];
        series.next_at = roll.next_at;
        series.current = current;
        series.listed += u64::from(current.is_some());
        Ok(Receipt::Done)
    }

    fn list_window(
        &mut self,
        at: Timestamp,
        spec: &exchange::MarketSpec,
        opening: &[(Side, Price, Shares)],
        events: &mut Vec<Event>,
    ) -> MarketId {
        let listed = self.exchange.apply(at, &exchange::Command::ListMarket(Box::new(spec.clone())), events);
        let Ok(exchange::Receipt::Listed(market)) = listed else {
            unreachable!("BUG: a window that can't be listed")
        };
        for &(side, price, shares) in opening {
            let order = house_order(market, self.about.system.house, side, price, shares);
            let placed = self.exchange.apply(at, &exchange::Command::Place(order), events);
            assert!(placed.is_ok(), "BUG: the house can't open a window's book: {placed:?}");
        }
        market
    }

    /// Notes that a record is in this state.
    pub fn advance(&mut self, sequence: Sequence) {
        self.about.sequence = Some(sequence);
    }

    /// What happens by itself next, and when. Of several at one moment, always the same one is first.
    #[must_use]
    pub fn next_due(&self) -> Option<(Timestamp, Due)> {
        let expiry = self.exchange.next_expiry().map(|(at, order)| (at, Due::Expire(order)));
        let switch = self.about.switches.iter().map(|(account, at)| (*at, Due::Switch(*account))).min();
        let roll =
            (0..).zip(&self.about.series).map(|(number, series)| (series.next_at, Due::Roll(number))).min();
        [expiry, switch, roll].into_iter().flatten().min()
    }

    /// The exchange.
    #[must_use]
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// The users and keys. A new one is published with every change.
    #[must_use]
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// The last record in this state; none before record 0.
    #[must_use]
    pub fn sequence(&self) -> Option<Sequence> {
        self.about.sequence
    }

    /// When the last record was carried out.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.about.at
    }

    /// What a virtual clock showed when the last record was carried out: where it goes on after a restart.
    #[must_use]
    pub fn shown(&self) -> Timestamp {
        self.about.shown
    }

    /// When this epoch began.
    #[must_use]
    pub fn began_at(&self) -> Timestamp {
        self.about.began_at
    }

    /// How often the world was reset.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.about.epoch
    }

    /// Whether a proof of an epoch still holds: after a reset the ids in it are others'.
    ///
    /// # Errors
    /// [`Reject::NotLetIn`] if it does not.
    pub fn must_be_in(&self, epoch: u32) -> Result<(), Reject> {
        if self.epoch() == epoch { Ok(()) } else { Err(Reject::NotLetIn(KeyFailure::Unknown)) }
    }

    /// The world's seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.about.seed
    }

    /// The hash of the scenario's source.
    #[must_use]
    pub fn source(&self) -> &[u8; 32] {
        &self.about.source
    }

    /// Whether time is virtual, and whether it stands still.
    #[must_use]
    pub fn clock(&self) -> (bool, bool) {
        (self.about.is_virtual, self.about.is_paused)
    }

    /// Which account each user has for which purpose. New ones are published with every change.
    #[must_use]
    pub fn wallets(&self) -> &Arc<Wallets> {
        &self.wallets
    }

    /// The accounts of the world itself.
    #[must_use]
    pub fn system(&self) -> &SystemAccounts {
        &self.about.system
    }

    /// Whether none of a user's claims was forgotten, by age or because there were too many, or may soon be from a moment
    /// on.
    #[must_use]
    pub fn remembers_all(&self, user: UserId, at: Timestamp) -> bool {
        self.about.claims.remembers_all(user, at.max(self.about.at))
    }

    /// The order that a user's claim was bound to, while it is remembered.
    #[must_use]
    pub fn claimed(&self, user: UserId, claim: &Claim) -> Option<OrderId> {
        self.about.claims.find(user, claim, None).ok().flatten()
    }

    /// The rolling windows.
    #[must_use]
    pub fn series(&self) -> &[Series] {
        &self.about.series
    }

    /// The canonical form.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            exchange: self.exchange.snapshot(),
            identity: Identity::clone(&self.identity),
            wallets: Wallets::clone(&self.wallets),
            customers: Customers::clone(&self.customers),
            about: self.about.clone(),
        }
    }

    /// The state a snapshot was taken of.
    ///
    /// # Errors
    /// What does not fit together in it.
    pub fn restore(snapshot: &Snapshot) -> Result<Self, String> {
        Ok(Self {
            exchange: Exchange::restore(&snapshot.exchange)?,
            identity: Arc::new(snapshot.identity.clone()),
            wallets: Arc::new(snapshot.wallets.clone()),
            customers: Arc::new(snapshot.customers.clone()),
            about: snapshot.about.clone(),
        })
    }

    /// SHA-256 of the canonical form, in lower-case hex: equal for equal worlds.
    #[must_use]
    pub fn digest(&self) -> String {
        let bytes = postcard::to_stdvec(&self.snapshot()).expect("BUG: a snapshot that can't be written");
        hex(&Sha256::digest(bytes))
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("BUG: writing to a string");
        text
    })
}
