//! The four sockets (§17): what they have in common. Each channel says what its frames mean; one pump serves all.

pub(super) mod frames;
mod native;
mod polymarket;

use super::call::{Visit, socket};
use crate::http::{End, Endpoint, Incoming, Socket, Step, json, until};
use crate::service::ear::{Ear, Heard};
use crate::service::streams::{FollowedMarket, News};
use crate::service::{Fill, MarketUpdate, Notice, Service, UserNews};
use crate::types::{Reject, UserId};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

const NO_GOOD_TOKEN: End = End { code: 4001, reason: "Invalid or expired token" };
const NO_SEAT: End = End { code: 4002, reason: "Maximum WebSocket connections exceeded" };

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        socket("/v1/ws/prices", |visit| native::serve(visit, native::Kind::Prices)),
        socket("/v1/ws/executions", |visit| native::serve(visit, native::Kind::Executions)),
        socket("/v1/ws/market", |visit| polymarket::serve(visit, polymarket::Kind::Market)),
        socket("/v1/ws/user", |visit| polymarket::serve(visit, polymarket::Kind::User)),
    ]
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
type Listening = (broadcast::Receiver<Notice>, Option<(UserId, broadcast::Receiver<Arc<UserNews>>)>);

/// Serves a channel until its socket or the server ends.
async fn pump(mut socket: Socket, opening: Step, (mut notices, fills): Listening, mut channel: impl Channel) {
    let mut ear = Ear::default();
    if let Some((user, fills)) = fills {
        ear.listen_to_user(user, fills);
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
                Ok(Notice::StartedOver) | Err(RecvError::Lagged(_)) => End::STARTED_OVER,
                Ok(Notice::Stopping) | Err(RecvError::Closed) => End::STOPPING,
            }),
            incoming = socket.next() => match incoming {
                Ok(Incoming::Text(text)) => channel.said(&text, &mut ear).await,
                Ok(Incoming::Binary) => channel.said("", &mut ear).await,
                Ok(Incoming::Pinged) => Step::nothing(),
                Ok(Incoming::TooLong) | Err(_) => return,
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
                Heard::Behind(_) => Step::end(End::TOO_SLOW),
                Heard::Silence => Step::end(End::STOPPING),
            },
            () = until(deadline) => channel.overdue(),
        };
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
