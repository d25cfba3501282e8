//! What a socket's channel does next, and why sockets end whatever their wire.

use crate::types::Reject;
use actix_web::web::Bytes;
use std::future::pending;
use tokio::time::{Instant, sleep_until};

/// Why a socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The close code.
    pub code: u16,
    /// The reason beside it.
    pub reason: &'static str,
}

impl End {
    /// The code of a peer that broke a rule.
    pub const POLICY: u16 = 1008;
    /// The code of a server that goes away.
    const GOING_AWAY: u16 = 1001;
    /// The peer did not read in time.
    pub const TOO_SLOW: Self = Self { code: Self::POLICY, reason: "Reads too slowly: subscribe again" };
    /// The world began again: nothing that was told holds.
    pub const STARTED_OVER: Self =
        Self { code: Self::GOING_AWAY, reason: "The exchange started over: subscribe again" };
    /// The server stops.
    pub const STOPPING: Self = Self { code: Self::GOING_AWAY, reason: "Server is going away" };
    /// The world can't be asked.
    pub const UNAVAILABLE: Self =
        Self { code: Self::GOING_AWAY, reason: "The exchange is not available: subscribe again" };
}

/// What a channel does about something: it sends frames, and then perhaps ends.
#[derive(Debug, Default)]
pub struct Step {
    /// What is sent, in order.
    pub frames: Vec<Bytes>,
    /// Why the socket is closed after that, if it is.
    pub end: Option<End>,
}

impl Step {
    /// Nothing at all.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Frames, and it goes on.
    #[must_use]
    pub fn send(frames: Vec<Bytes>) -> Self {
        Self { frames, end: None }
    }

    /// One frame in JSON, and it goes on.
    #[must_use]
    pub fn say(frame: &impl serde::Serialize) -> Self {
        Self::send(vec![json(frame)])
    }

    /// The end.
    #[must_use]
    pub fn end(end: End) -> Self {
        Self { frames: Vec::new(), end: Some(end) }
    }

    /// The end, after what there is to send.
    #[must_use]
    pub fn then(mut self, end: End) -> Self {
        self.end = Some(end);
        self
    }
}

/// A refusal of the world's own, which no frame can tell: the client comes back later.
impl From<Reject> for Step {
    fn from(reject: Reject) -> Self {
        tracing::debug!(%reject, "a socket can't be served");
        Self::end(End::UNAVAILABLE)
    }
}

/// A frame in JSON.
///
/// # Panics
/// For what can't be written as JSON, which no frame is.
pub fn json(frame: &impl serde::Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(frame).expect("BUG: a frame that can't be written as JSON"))
}

/// Waits for a moment on the wall's time; for ever if there is none.
pub async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
