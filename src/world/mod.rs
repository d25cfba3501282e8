//! A running world: one exchange with its users, its tape and its clock. The only impure place below the web.
//!
//! One thread owns the [`State`]; everyone else sends it commands and questions and reads what was published.
//! Nothing here knows HTTP or any service's wire.

pub mod agents;
pub mod catalog;
pub mod clock;
pub mod hub;
pub mod ledger;
pub mod meters;

pub mod record;
pub mod scenario;
pub mod sequencer;
pub mod state;
pub mod tape;
pub mod vault;

mod follower;
mod outbox;
mod running;
mod supervisor;

pub use clock::{Clock, ClockMode};
pub use follower::{ReplayError, recover, replay};
pub use record::{Authority, Beat, Claim, Command, Note, Receipt, Record, Signed};
pub use running::{Mailbox, Options, Query, StartError, World};
pub use state::{
    CustomerCommand, Customers, FeeHold, Link, ManagedWallet, NewWallet, Proof, State, Wallet, WalletCommand,
    WalletKind, selected,
};
pub use tape::Durability;
pub use vault::Sealed;
