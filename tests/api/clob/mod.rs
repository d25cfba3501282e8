//! Polymarket's CLOB from outside: what no client of its own would ever send, and what a wallet keeps.

mod credentials;
mod groups;
mod refusals;
mod routes;
mod sockets;
mod stages;
pub(crate) mod wallet;
