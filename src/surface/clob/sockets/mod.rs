//! The sockets (§8): what they have in common. Each channel says what its frames mean; one pump serves all.

mod frames;
mod market;
mod replica;
mod rtds;
mod user;

use super::call::{render, service};
use super::error::Failure;
use crate::http::{End, Endpoint, Incoming, Socket, Step, address, header, json, until};
use crate::service::ear::{Ear, Heard};
use crate::service::{MarketUpdate, Notice, Service, UserNews};
use crate::types::MarketId;
use actix_web::http::Method;
use actix_web::http::header::{HeaderValue, UPGRADE};
use actix_web::web::{self, Payload};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use std::future::ready;
use std::net::IpAddr;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

/// The answer to a ping, the one word that is no JSON.
const PONG: &[u8] = b"PONG";

const TRY_AGAIN_LATER: u16 = 1013;
const NO_SEAT: End = End { code: TRY_AGAIN_LATER, reason: "As many sockets are open as may be" };

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![socket("/ws/market", market::serve), socket("/ws/user", user::serve), socket("/rtds", rtds::serve)]
}

/// A socket somebody opened, before anyone is named for it.
pub(super) struct Visit {
    service: Service,
    socket: Socket,
    /// Where it was opened from.
    address: IpAddr,
}

/// A socket endpoint. Its handler serves until the socket is closed.
pub(super) fn socket<Handler, Serving>(path: &str, handler: Handler) -> Endpoint
where
    Handler: Fn(Visit) -> Serving + Copy + 'static,
    Serving: Future<Output = ()> + 'static,
{
    Endpoint::new(Method::GET, path, move || {
        web::get().to(move |request: HttpRequest, payload: Payload| {
            let response = open(&request, payload, handler);
            async move { response }
        })
    })
}

fn open<Handler, Serving>(request: &HttpRequest, payload: Payload, handler: Handler) -> HttpResponse
where
    Handler: Fn(Visit) -> Serving,
    Serving: Future<Output = ()> + 'static,
{
    if !header(request, "upgrade").is_some_and(|to| to.eq_ignore_ascii_case("websocket")) {
        let mut response = render(request, Err(Failure::new(426, "WebSocket upgrade required")));
        response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        return response;
    }
    match Socket::accept(request, payload) {
        Ok((response, socket)) => {
            let visit = Visit { service: service(request), socket, address: address(request) };
            actix_web::rt::spawn(handler(visit));
            response
        }
        Err(why) => render(request, Err(Failure::bad_request(why.to_string()))),
    }
}

/// What one kind of socket makes of what it hears. What a kind never asked its [`Ear`] for, it need not answer.
trait Channel {
    /// A text from the peer. Pings are answered before.
    async fn said(&mut self, text: &str, ear: &mut Ear) -> Step;

    /// An update of a market that is listened to.
    fn updated(&mut self, _: &MarketUpdate) -> impl Future<Output = Step> {
        ready(Step::nothing())
    }

    /// A market that was just listed.
    fn listed(&mut self, _: MarketId) -> impl Future<Output = Step> {
        ready(Step::nothing())
    }

    /// What happened to the user who is listened to.
    fn told(&mut self, _: &UserNews) -> impl Future<Output = Step> {
        ready(Step::nothing())
    }

    /// When the channel wants to be woken, on the wall's time, though nothing was heard.
    fn wakes_at(&self) -> Option<Instant> {
        None
    }

    /// That moment has come.
    fn woken(&mut self) -> impl Future<Output = Step> {
        ready(Step::nothing())
    }
}

/// Serves whoever opened a socket; nobody has to say who it is.
async fn serve_anyone<Of: Channel>(visit: Visit, make: impl FnOnce(Service) -> Of) {
    let Visit { service, socket, address } = visit;
    // Before anything is looked up: a reset in between must close the socket.
    let notices = service.notices();
    let Some(_seat) = service.take_anonymous_seat(address) else {
        return socket.close(NO_SEAT.code, NO_SEAT.reason).await;
    };
    pump(socket, notices, make(service)).await;
}

/// Serves a channel until its socket or the server ends.
async fn pump(mut socket: Socket, mut notices: broadcast::Receiver<Notice>, mut channel: impl Channel) {
    let mut ear = Ear::default();
    loop {
        let wakes_at = channel.wakes_at();
        let step = tokio::select! {
            biased;
            notice = notices.recv() => Step::end(match notice {
                Ok(Notice::StartedOver) | Err(RecvError::Lagged(_)) => End::STARTED_OVER,
                Ok(Notice::Stopping) | Err(RecvError::Closed) => End::STOPPING,
            }),
            incoming = socket.next() => match incoming {
                Ok(Incoming::Text(text)) if is_ping(&text) => Step::send(vec![Bytes::from_static(PONG)]),
                Ok(Incoming::Text(text)) => channel.said(&text, &mut ear).await,
                Ok(Incoming::Binary | Incoming::Pinged) => Step::nothing(),
                Ok(Incoming::TooLong) | Err(_) => return,
            },
            heard = ear.next() => match heard {
                Heard::Update(update) => channel.updated(&update).await,
                Heard::Listed(market) => channel.listed(market).await,
                Heard::News(news) => channel.told(&news).await,
                Heard::Behind(_) => Step::end(End::TOO_SLOW),
                Heard::Silence => Step::end(End::STOPPING),
            },
            () = until(wakes_at) => channel.woken().await,
        };
        for frame in step.frames {
            if socket.send(frame).await.is_err() {
                return;
            }
        }
        if let Some(End { code, reason }) = step.end {
            return socket.close(code, reason).await;
        }
    }
}

fn is_ping(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case("ping")
}
