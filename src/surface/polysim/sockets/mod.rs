//! The four sockets (§17): what they have in common. Each channel says what its frames mean; one pump serves all.

pub(super) mod frames;
mod native;
mod polymarket;

use super::call::{Visit, socket};
use crate::http::{Endpoint, Incoming, Socket};
use crate::service::ear::{Ear, Heard};
use crate::service::streams::{FollowedMarket, News};
use crate::service::{Fill, MarketUpdate, Notice, Service, UserNews};
use crate::types::Reject;
use bytes::Bytes;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

const POLICY: u16 = 1008;
const GOING_AWAY: u16 = 1001;
const NO_GOOD_TOKEN: End = End { code: 4001, reason: "Invalid or expired token" };
const NO_SEAT: End = End { code: 4002, reason: "Maximum WebSocket connections exceeded" };
const TOO_SLOW: End = End { code: POLICY, reason: "Reads too slowly: subscribe again" };
const STARTED_OVER: End = End { code: GOING_AWAY, reason: "The exchange started over: subscribe again" };
const STOPPING: End = End { code: GOING_AWAY, reason: "Server is going away" };
const UNAVAILABLE: End = End { code: GOING_AWAY, reason: "The exchange is not available: subscribe again" };

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        socket("/v1/ws/prices", |visit| native::serve(visit, native::Kind::Prices)),
        socket("/v1/ws/executions", |visit| native::serve(visit, native::Kind::Executions)),
        socket("/v1/ws/market", |visit| polymarket::serve(visit, polymarket::Kind::Market)),
        socket("/v1/ws/user", |visit| polymarket::serve(visit, polymarket::Kind::User)),
    ]
}

/// Why a socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
    code: u16,
    reason: &'static str,
}

/// What a channel does about something: it sends frames, and then perhaps ends.
#[derive(Debug, Default)]
struct Step {
    frames: Vec<Bytes>,
    end: Option<End>,
}

impl Step {
    fn nothing() -> Self {
        Self::default()
    }

    fn send(frame: &Value) -> Self {
        Self { frames: vec![json(frame)], end: None }
    }

    fn end(end: End) -> Self {
        Self { frames: Vec::new(), end: Some(end) }
    }

    fn then(mut self, end: End) -> Self {
        self.end = Some(end);
        self
    }
}

/// A refusal of the world's own, which no frame of these channels can tell: the client comes back later.
impl From<Reject> for Step {
    fn from(reject: Reject) -> Self {
        tracing::debug!(%reject, "a socket can't be served");
        Self::end(UNAVAILABLE)
    }
}

fn json(frame: &impl serde::Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(frame).expect("BUG: a frame that can't be written as JSON"))
}

/// What one kind of socket makes of what it hears.
trait Channel {
    /// A text from the peer.
    async fn said(&mut self, text: &str, ear: &mut Ear) -> Step;
    /// An update of a market that is listened to.
    async fn updated(&mut self, update: &Arc<MarketUpdate>) -> Step;
    /// A fill of the user who is listened to.
    fn filled(&mut self, fill: &Fill) -> Step;
    /// What to do now if nothing was heard until the channel's own deadline.
    fn overdue(&mut self) -> Step;
    /// Until when the peer must have said who it is, on the wall's time; none once it has.
    fn deadline(&self) -> Option<tokio::time::Instant>;
}

/// What a socket hears besides markets. Notices come first, before anyone is looked up: a reset in between must close it,
/// or it would go on with what is somebody else's.
type Listening = (broadcast::Receiver<Notice>, Option<broadcast::Receiver<Arc<UserNews>>>);

/// Serves a channel until its socket or the server ends.
async fn pump(mut socket: Socket, opening: Step, (mut notices, fills): Listening, mut channel: impl Channel) {
    let mut ear = Ear::default();
    if let Some(fills) = fills {
        ear.listen_to_user(fills);
    }
    let mut step = opening;
    loop {
        for frame in step.frames {
            if socket.send(frame).await.is_err() {
                return;
            }
        }
        if let Some(End { code, reason }) = step.end {
            return socket.close(code, reason).await;
        }
        let deadline = channel.deadline();
        step = tokio::select! {
            biased;
            notice = notices.recv() => Step::end(match notice {
                Ok(Notice::StartedOver) | Err(RecvError::Lagged(_)) => STARTED_OVER,
                Ok(Notice::Stopping) | Err(RecvError::Closed) => STOPPING,
            }),
            incoming = socket.next() => match incoming {
                Ok(Incoming::Text(text)) => channel.said(&text, &mut ear).await,
                Ok(Incoming::Binary) => channel.said("", &mut ear).await,
                Err(_) => return,
            },
            heard = ear.next() => match heard {
                Heard::Update(update) => channel.updated(&update).await,
                Heard::News(news) => match &*news {
                    UserNews::Filled(fill) => channel.filled(fill),
                    // What becomes of orders without a trade is not told on these sockets.
                    UserNews::Accepted(_) | UserNews::Ended(_) => Step::nothing(),
                },
                // No channel here asks for it.
                Heard::Listed(_) => Step::nothing(),
                Heard::Behind => Step::end(TOO_SLOW),
                Heard::Silence => Step::end(STOPPING),
            },
            () = until(deadline) => channel.overdue(),
        };
    }
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Takes an update in. None if it says nothing new; else whether its frame may be shared with other sockets.
pub(super) async fn take_in(
    service: &Service,
    market: &mut FollowedMarket,
    update: &MarketUpdate,
) -> Result<Option<bool>, Reject> {
    match market.take_in(update) {
        News::Known => Ok(None),
        News::Changed => Ok(Some(market.is_whole())),
        News::StatusChanged => {
            // The look may show more than the update did, so that others might not make the same frame of it.
            service.look_again(market).await?;
            Ok(Some(false))
        }
    }
}

/// The texts of a list that a frame names under one of some names; none if it names none.
fn ids<'a>(frame: &'a Value, names: &[&str]) -> Option<Result<Vec<&'a str>, NotAList>> {
    let list = names.iter().find_map(|name| frame.get(name))?;
    let texts = list.as_array().map(|list| list.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    Some(texts.flatten().ok_or(NotAList))
}

/// What should be a list of texts is none.
struct NotAList;

/// World time for a pong.
fn now_ms(service: &Service) -> i64 {
    service.now().millis()
}

/// Who a token in the address speaks for.
fn token_holder(visit: &Visit) -> Option<crate::service::Caller> {
    visit.token.as_deref().and_then(|token| visit.service.authenticate_socket(token).ok())
}
