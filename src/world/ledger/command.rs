//! What history needs of a command and its notes besides the exchange's events.

use super::project::Rare;
use crate::exchange::{self, MarketSpec, Role};
use crate::identity;
use crate::types::{AccountId, KeyId, MarketId, Timestamp, index};
use crate::world::record::{Authority, Claim, Command, Note, Signed};

/// What stands beside an order.
#[derive(Debug, Default)]
pub(super) struct Vouched {
    pub(super) key: Option<KeyId>,
    pub(super) claim: Option<Claim>,
    pub(super) client_order_id: Option<Box<str>>,
    pub(super) signed: Option<Box<Signed>>,
}

/// Who vouched for an order, what a retry of it brings again, and the client's id for it. The opening books are
/// placed by the beginning itself.
pub(super) fn vouched(command: &Command) -> Vouched {
    let key = |by: &Authority| match by {
        Authority::Key(key) | Authority::Customer { key, .. } => Some(*key),
        Authority::Session(_) | Authority::Newcomer(_) | Authority::System => None,
    };
    match command {
        Command::Place { by, claim, client_order_id, signed, order: _, fee: _ } => Vouched {
            key: key(by),
            claim: *claim,
            client_order_id: client_order_id.clone(),
            signed: signed.clone(),
        },
        Command::Exchange { by, .. } => Vouched { key: key(by), ..Vouched::default() },
        Command::Begin(_)
        | Command::Heartbeat { .. }
        | Command::SwitchFired { .. }
        | Command::Roll { .. }
        | Command::PauseClock
        | Command::ResumeClock
        | Command::AdvanceClock { .. }
        | Command::Identity { .. }
        | Command::Wallet { .. }
        | Command::Customer { .. } => Vouched::default(),
    }
}

/// How a market was listed.
pub(super) fn listed(command: &Command, market: MarketId) -> Option<&MarketSpec> {
    match command {
        Command::Begin(genesis) => genesis.markets.get(index(market.0.checked_sub(1)?)),
        Command::Exchange { command: exchange::Command::ListMarket(spec), .. } => Some(spec),
        Command::Roll(roll) => roll.list.as_deref(),
        Command::Place { .. }
        | Command::Exchange { .. }
        | Command::Heartbeat { .. }
        | Command::SwitchFired { .. }
        | Command::PauseClock
        | Command::ResumeClock
        | Command::AdvanceClock { .. }
        | Command::Identity { .. }
        | Command::Wallet { .. }
        | Command::Customer { .. } => None,
    }
}

/// What an account was opened for.
pub(super) fn role(command: &Command, account: AccountId) -> Role {
    match command {
        Command::Begin(genesis) => genesis.accounts[index(account.0 - 1)].role,
        Command::Exchange { command: exchange::Command::OpenAccount(new), .. } => new.role,
        Command::Place { .. }
        | Command::Exchange { .. }
        | Command::Heartbeat { .. }
        | Command::SwitchFired { .. }
        | Command::Roll { .. }
        | Command::PauseClock
        | Command::ResumeClock
        | Command::AdvanceClock { .. }
        | Command::Identity { .. }
        | Command::Wallet { .. }
        | Command::Customer { .. } => Role::Trader,
    }
}

/// The row that a change of users or keys is written to, if there is one. Gates and wallets' names have none.
pub(super) fn changed(note: &Note, at: Timestamp) -> Option<Rare> {
    let Note::Identity(event) = note else { return None };
    match event {
        identity::Event::UserJoined(id, user) => Some(Rare::User(*id, identity::User::clone(user))),
        identity::Event::SubjectLearned(id, subject) => Some(Rare::Subject(*id, subject.clone())),
        identity::Event::UserDeleted(id) => Some(Rare::UserDeleted(*id, at)),
        identity::Event::KeyIssued(id, key) => Some(Rare::Key(*id, identity::Key::clone(key))),
        identity::Event::KeyRenamed(id, name) => Some(Rare::KeyName(*id, name.clone())),
        identity::Event::KeyRotated { key, expires_at, .. } => Some(Rare::KeyExpires(*key, *expires_at)),
        identity::Event::KeyRevoked(id) | identity::Event::KeyDisabled(id) => Some(Rare::KeyEnded(*id, at)),
        identity::Event::UserAllowed(..)
        | identity::Event::UserFlagged(..)
        | identity::Event::UserEnrolled(..)
        | identity::Event::GatesSet(_)
        | identity::Event::EndUserLimited(..)
        | identity::Event::EndUserDeactivated(_)
        | identity::Event::EndUserRevived(..) => None,
    }
}
