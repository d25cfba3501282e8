//! A WebSocket as a pair of calls. Pings and closes are answered here; a peer that does not read is given up.

use actix_http::ws::ProtocolError;
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, HttpResponse};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session};
use std::time::Duration;

/// The longest message a peer may send, in bytes.
const MESSAGE_MAX: usize = 64 * 1024;
/// How long a peer may take to read what was sent before it is given up.
const SEND_PATIENCE: Duration = Duration::from_secs(10);
/// How long a peer may take to answer a close.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);
/// How often a peer is pinged, so that a dead one is noticed.
const PING_EVERY: Duration = Duration::from_secs(30);

/// An open socket.
pub struct Socket {
    session: Session,
    stream: AggregatedMessageStream,
}

/// Something from the peer.
#[derive(Debug)]
pub enum Incoming {
    /// A text message.
    Text(String),
    /// A message of bytes, which no service here expects.
    Binary,
    /// A ping, which is answered already.
    Pinged,
    /// A message longer than may be. Nothing more can be read.
    TooLong,
}

/// The peer is gone, or does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl Socket {
    /// Accepts a handshake. The response must be returned for the socket to live.
    ///
    /// # Errors
    /// actix's, if this is no handshake.
    pub fn accept(request: &HttpRequest, payload: Payload) -> Result<(HttpResponse, Self), actix_web::Error> {
        let (response, session, stream) = actix_ws::handle(request, payload)?;
        let stream =
            stream.max_frame_size(MESSAGE_MAX).aggregate_continuations().max_continuation_size(MESSAGE_MAX);
        Ok((response, Self { session, stream }))
    }

    /// The next message.
    ///
    /// # Errors
    /// [`Closed`] when there will be none.
    pub async fn next(&mut self) -> Result<Incoming, Closed> {
        loop {
            let Ok(message) = tokio::time::timeout(PING_EVERY, self.stream.recv()).await else {
                let ping = tokio::time::timeout(SEND_PATIENCE, self.session.ping(b"")).await;
                if !matches!(ping, Ok(Ok(()))) {
                    return Err(Closed);
                }
                continue;
            };
            match message {
                Some(Ok(AggregatedMessage::Text(text))) => return Ok(Incoming::Text(text.to_string())),
                Some(Ok(AggregatedMessage::Binary(_))) => return Ok(Incoming::Binary),
                Some(Ok(AggregatedMessage::Ping(bytes))) => {
                    if self.session.pong(&bytes).await.is_err() {
                        return Err(Closed);
                    }
                    return Ok(Incoming::Pinged);
                }
                Some(Ok(AggregatedMessage::Pong(_))) => {}
                Some(Ok(AggregatedMessage::Close(reason))) => {
                    // A peer that is gone already does not hear it.
                    let answer = self.session.clone().close(reason);
                    drop(tokio::time::timeout(SEND_PATIENCE, answer).await);
                    return Err(Closed);
                }
                Some(Err(ProtocolError::Overflow)) => return Ok(Incoming::TooLong),
                Some(Err(_)) | None => return Err(Closed),
            }
        }
    }

    /// Sends a text.
    ///
    /// # Errors
    /// [`Closed`] if the peer is gone or does not read.
    pub async fn send(&mut self, text: Bytes) -> Result<(), Closed> {
        let text = bytestring::ByteString::try_from(text).map_err(|_| Closed)?;
        match tokio::time::timeout(SEND_PATIENCE, self.session.text(text)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Closed),
        }
    }

    /// Says good-bye with a code and a reason. A peer that is gone already does not hear it.
    pub async fn close(self, code: u16, reason: &str) {
        let Self { session, mut stream } = self;
        let reason = CloseReason { code: CloseCode::from(code), description: Some(reason.to_owned()) };
        if tokio::time::timeout(SEND_PATIENCE, session.close(Some(reason))).await.is_err() {
            tracing::debug!("a socket was closed that did not read");
            return;
        }
        // What the peer was still saying is read: a connection closed over unread bytes is reset, and a reset
        // may overtake the reason.
        let rest = async { while let Some(Ok(_)) = stream.recv().await {} };
        if tokio::time::timeout(CLOSE_PATIENCE, rest).await.is_err() {
            tracing::debug!("a peer did not answer a close in time");
        }
    }
}
