//! The real server from outside: what its wire says, and what it keeps when it is killed.
//!
//! What an SDK proves is in `tests/sdk`; here is what no SDK would ever send.

#![allow(clippy::unwrap_used, reason = "a test that can't go on says so by panicking")]

mod auth;
mod bad_input;
mod clob;
mod clock;
mod codes;
mod crash;
mod errors;
mod gates;
mod harness;
mod keys;
mod limits;
mod money;
mod parsec;
mod ready;
mod secrets;
mod sockets;
mod spot;
mod stalled;
mod unauthorized;
mod wallets;
