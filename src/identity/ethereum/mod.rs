//! Polymarket's wallets and what they sign: log-ins, requests and orders (polymarket-clob.md §§3, 4, 6), and the fees that
//! Parsec's builders collect from them.
//!
//! It owns the domains of the exchange's contracts, and says whose signature it was shown, or nothing. It knows no
//! key, no market, no account and no clock: whether a log-in is too old, who is let in and what an order may do
//! is for others to decide. Everything here is public knowledge but the secret that a request is signed with.

mod derived;
mod fee;
mod hmac;
mod login;
mod order;
mod siwe;
#[cfg(test)]
mod tests;
mod typed_data;

pub use self::derived::{Wallets, derived};
pub use self::fee::{FEE_CONTRACT, PullFee, recover_fee};
pub use self::hmac::{sign_request, verifies};
pub use self::login::{CHAINS, Login, recover_login};
pub use self::order::{Form, Generation, Recovered, SignedOrder, digest_of, recover, struct_hash};
pub use self::siwe::{SignIn, signed_message};

/// The number of the chain that everybody uses, Polygon's. It is tried first.
pub const POLYGON: u64 = 137;
/// Its test network.
const AMOY: u64 = 80_002;
