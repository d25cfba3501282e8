//! What stands on the tape: commands with their time, and what they did.

use super::scenario::{Genesis, Purse};
use super::state::{CustomerCommand, CustomerEvent, FeeHold, WalletCommand};
use crate::exchange;
use crate::identity;
use crate::types::{
    AccountId, Address, KeyId, NewOrder, OrderId, Price, Sequence, Shares, Side, Timestamp, Usd, UserId,
    Venue,
};
use serde::{Deserialize, Serialize};

/// Who vouches for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authority {
    /// A key, which must still be valid when the command is carried out.
    Key(KeyId),
    /// A user who came with an access token. It must still be there, and let in.
    Session(UserId),
    /// The same, asking for a first key: the runtime gate does not count.
    Newcomer(UserId),
    /// A customer's key, or that of its builder, which must still be valid when the command is carried out.
    Customer {
        /// The key.
        key: KeyId,
        /// Whom it speaks for: its own user, or an end user of that.
        customer: UserId,
        /// The venue whose link to the customer must still denote this account; none if the credentials came with the
        /// request.
        linked: Option<(Venue, AccountId)>,
    },
    /// The world itself: house agents, due moments, an administrator.
    System,
}

/// What makes a retry find the first answer. Only digests: the client's texts stay in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The idempotency key.
    pub key: [u8; 16],
    /// The request in canonical form.
    pub body: [u8; 16],
    /// The client's order id, which names one order only.
    pub client_order_id: Option<[u8; 16]>,
}

/// What a wallet signed of an order, as far as it is shown again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The order's typed-data hash: its id on the wire (polymarket-clob.md §6.5).
    pub digest: [u8; 32],
    /// The wallet that it is for: the signer's, or one derived from it.
    pub maker: Address,
    /// The builder that it is attributed to; zeros for none.
    pub builder: [u8; 32],
    /// How many shares it names, of a market buy too, which may get more of them.
    pub shares: Shares,
}

/// One thing to do to a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Begin: the resolved scenario. Record 0, and every reset.
    Begin(Box<Genesis>),
    /// Place an order.
    Place {
        /// Who vouches.
        by: Authority,
        /// The order.
        order: NewOrder,
        /// What a retry will bring again.
        claim: Option<Claim>,
        /// The client's own id for it, at most 256 bytes.
        client_order_id: Option<Box<str>>,
        /// What its wallet signed, if it came signed.
        signed: Option<Box<Signed>>,
        /// What is set aside for a builder's fee.
        fee: Option<Box<FeeHold>>,
    },
    /// Anything else the exchange can do.
    Exchange {
        /// Who vouches.
        by: Authority,
        /// What.
        command: exchange::Command,
    },
    /// Arm the dead-man switch of an account, or arm it anew.
    Heartbeat {
        /// Who vouches.
        by: Authority,
        /// Whose orders end when it fires.
        account: AccountId,
        /// When it fires.
        until: Timestamp,
        /// What the beat before armed, if the beat names it.
        after: Option<Beat>,
    },
    /// A dead-man switch fired.
    SwitchFired {
        /// Whose.
        account: AccountId,
    },
    /// A rolling window ends and the next one begins.
    Roll(Roll),
    /// Virtual time stands still.
    PauseClock,
    /// Virtual time runs again.
    ResumeClock,
    /// Virtual time jumps.
    AdvanceClock {
        /// To this moment.
        to: Timestamp,
    },
    /// Anything that can be done to users and keys.
    Identity {
        /// Who vouches.
        by: Authority,
        /// What.
        command: identity::Command,
    },
    /// Something done to what customers trade with.
    Customer {
        /// Who vouches.
        by: Authority,
        /// What.
        command: Box<CustomerCommand>,
    },
    /// Something done to the wallets of whoever vouches.
    Wallet {
        /// Who vouches.
        by: Authority,
        /// What.
        command: WalletCommand,
    },
}

/// What a heartbeat must come after (polymarket-clob.md §5.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Beat {
    /// Nothing: it begins.
    First,
    /// The beat that armed the switch until this moment.
    Armed(Timestamp),
}

/// The turn of a series of windows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roll {
    /// Which series, from 0.
    pub series: u32,
    /// What resolves the window that ends.
    pub resolve: Option<exchange::Command>,
    /// The window to list, unless it would begin and end within a jump of the clock.
    pub list: Option<Box<exchange::MarketSpec>>,
    /// The book it opens with: bids for the first outcome and offers of it, all the house's.
    pub opening: Vec<(Side, Price, Shares)>,
    /// When the series rolls next.
    pub next_at: Timestamp,
}

/// A change that is not the exchange's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Note {
    /// The world began, for the so-manieth time.
    Began {
        /// 0 at first; a reset adds one.
        epoch: u32,
    },
    /// A dead-man switch was armed.
    SwitchArmed {
        /// Whose.
        account: AccountId,
        /// When it fires.
        until: Timestamp,
    },
    /// The clock was paused, or runs again.
    ClockPaused(bool),
    /// The clock jumped.
    ClockAdvanced {
        /// To this moment.
        to: Timestamp,
    },
    /// Users or keys changed.
    Identity(identity::Event),
    /// A user has one more wallet.
    WalletOpened {
        /// Whose.
        user: UserId,
        /// What for.
        purse: Purse,
        /// Its account.
        account: AccountId,
    },
    /// An API wallet got its opening cash.
    WalletFunded {
        /// Whose.
        user: UserId,
        /// How much, in micro-dollars.
        baseline: Usd,
    },
    /// A wallet has another name.
    WalletLabeled {
        /// Whose.
        user: UserId,
        /// Which.
        purse: Purse,
    },
    /// A wallet is not used any more.
    WalletArchived {
        /// Whose.
        user: UserId,
        /// Which.
        purse: Purse,
    },
    /// What a customer trades with changed.
    Customer(Box<CustomerEvent>),
    /// A wallet was started over.
    WalletReset {
        /// Whose.
        user: UserId,
        /// Which.
        purse: Purse,
    },
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// What the exchange says.
    Exchange(exchange::Receipt),
    /// The same was asked before; this is the order it made then.
    Replayed(OrderId),
    /// A key was made.
    Issued(KeyId),
    /// A wallet was opened.
    Opened(Purse),
    /// A proof selects this account.
    Selected(AccountId),
    /// A dead-man switch was armed until this moment.
    Armed(Timestamp),
    /// Done.
    Done,
}

/// One record of the tape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its place.
    pub sequence: Sequence,
    /// When it was carried out, on the world's clock.
    pub at: Timestamp,
    /// What was asked.
    pub command: Command,
    /// What it did to the exchange.
    pub events: Vec<exchange::Event>,
    /// What else it did.
    pub notes: Vec<Note>,
}

/// A record about to be written: the same fields, borrowed.
#[derive(Debug, Serialize)]
pub struct RecordRef<'a> {
    /// Its place.
    pub sequence: Sequence,
    /// When.
    pub at: Timestamp,
    /// What was asked.
    pub command: &'a Command,
    /// What it did to the exchange.
    pub events: &'a [exchange::Event],
    /// What else it did.
    pub notes: &'a [Note],
}
