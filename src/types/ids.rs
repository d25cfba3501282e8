//! Ids are types. All are sequences that begin at 1 and are never used twice in a world.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// One order, on any market, through any surface.
    OrderId(u64)
}
id! {
    /// One match between two orders.
    TradeId(u64)
}
id! {
    /// One purse: cash and positions. A user may have several.
    AccountId(u32)
}
id! {
    /// One person or program with credentials.
    UserId(u32)
}
id! {
    /// One API key of any surface's grammar.
    KeyId(u32)
}
id! {
    /// One question with two outcomes.
    MarketId(u32)
}
id! {
    /// A set of markets of which at most one comes true.
    GroupId(u32)
}
id! {
    /// A record's place on the tape. Record 0 is the scenario.
    Sequence(u64)
}

impl Sequence {
    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A 32-bit position as an index. The crate supports 64-bit machines only, where this cannot fail.
#[must_use]
#[expect(clippy::as_conversions, reason = "the one place that widens u32 to usize")]
pub const fn index(position: u32) -> usize {
    const { assert!(usize::BITS >= 64, "papertape needs a 64-bit machine") };
    position as usize
}
