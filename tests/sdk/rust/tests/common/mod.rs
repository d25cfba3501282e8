//! What the tests of both clients share: the server as a process, the wallets that trade on it and the markets they
//! trade in. It knows the server's command line and ready line, and nothing of its inside.
//!
//! `crate::sdk` is the client under test. The two clients name the same things alike, so one source proves both; what
//! only one of them has stands in that one's own test file.

mod bot;
mod listing;
mod server;

pub use bot::{Bot, fresh_wallet};
pub use listing::{Listing, book_of, every_market, fee_max};
pub use server::Server;

use std::fmt::Debug;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use serde_json::Value;
use tokio::time::{interval, timeout};

use crate::sdk;
use crate::sdk::error::Status;

/// How long anything awaited may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(10);
const POLL_EVERY: Duration = Duration::from_millis(50);

/// Pages a list may have: one that never ends fails the test instead of holding it.
pub const PAGES_MAX: i32 = 50;
/// Where a list of the CLOB ends.
pub const LAST_PAGE: &str = "LTE=";

/// What the server answered to a call it refused: the status, and the text under `error`.
pub fn refusal<T: Debug>(answer: sdk::Result<T>) -> (u16, String) {
    let error = answer.expect_err("the server refuses");
    let status =
        error.downcast_ref::<Status>().unwrap_or_else(|| panic!("not an answer of the server: {error}"));
    let body: Value = serde_json::from_str(&status.message).expect("a refusal is JSON");
    (status.status_code.as_u16(), body["error"].as_str().expect("a refusal has a text").to_owned())
}

/// Asks until there is an answer. The one place that waits.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let mut turns = interval(POLL_EVERY);
    let answer = async {
        loop {
            turns.tick().await;
            if let Some(answer) = ask().await {
                break answer;
            }
        }
    };
    timeout(DEADLINE, answer).await.unwrap_or_else(|_| panic!("not within {DEADLINE:?}: {what}"))
}

/// The first item of a socket's stream that is wanted; those before it are somebody else's.
pub async fn first<T>(
    stream: &mut (impl Stream<Item = sdk::Result<T>> + Unpin),
    wanted: impl Fn(&T) -> bool,
) -> T {
    let search = async {
        loop {
            let item = stream.next().await.expect("the socket stays open").expect("the client can read it");
            if wanted(&item) {
                break item;
            }
        }
    };
    timeout(DEADLINE, search).await.expect("the socket tells of it in time")
}
