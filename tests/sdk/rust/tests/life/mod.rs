//! The life of a bot, as both clients live it.

mod cancels;
mod discovery;
mod keys;
mod markets;
mod orders;
mod resolution;
mod sockets;
mod taking;
mod trades;
mod wallets;
