//! The order book: levels by price, orders by arrival.
//!
//! [`Orders`] owns every open order of the exchange; a [`Ladder`] strings those of one market together
//! by price and time. Both know nothing of cash, positions or rules. `plain.rs` is the obviously right
//! version that judges them in tests.

mod grid;
mod ladder;
mod orders;
#[cfg(test)]
mod plain;

pub use grid::{Grid, GridError, TickRange};
pub use ladder::Ladder;
pub use orders::{Half, Open, Orders, Slot};
