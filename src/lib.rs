//! papertape: a paper-trading exchange for prediction markets in one binary.
//!
//! The house, from the ground up; a module names only those above it in this list (`tests/architecture.rs`
//! reads that off the sources, `docs/ARCHITECTURE.md` is the longer map):
//!
//! - [`types`]: the words every other module speaks: prices, shares, dollars, ids, orders, refusals.
//! - [`exchange`] and [`identity`]: the venue, and who may do what. Pure: no clock, file, socket or chance.
//! - [`world`]: one running exchange: its state machine, its one writer, tape, ledger, clock and house agents.
//! - [`service`]: what a caller may ask, the same for every surface, and the proofs of who may ask it.
//! - [`http`]: the web server's plumbing, which knows no wire.
//! - [`surface`]: one folder a protocol. It translates; it never decides.
//! - [`config`] and [`cli`]: settings and commands.

pub mod cli;
pub mod config;
pub mod exchange;
pub mod http;
pub mod identity;
pub mod service;
pub mod surface;
pub mod types;
pub mod world;
