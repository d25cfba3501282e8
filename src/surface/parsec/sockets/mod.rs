//! `/ws` (§11): the socket's life. What it says of books is in `books`, how it says it in `frames`.

mod books;
mod frames;

use super::call::{render, service};
use super::error::Failure;
use crate::http::{Closed, End, Endpoint, Incoming, Socket, Step, header, until};
use crate::service::customer_sockets::WaitingSocket;
use crate::service::customers::Customer;
use crate::service::ear::{Ear, Heard, Source};
use crate::service::{Notice, Service, UserNews};
use crate::types::{AccountId, UserId};
use actix_web::http::Method;
use actix_web::http::header::{HeaderValue, UPGRADE};
use actix_web::web::{self, Payload};
use actix_web::{HttpRequest, HttpResponse};
use books::Books;
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

/// How long a socket may stay open before it says whose it is, on the wall's time (§11.2).
const AUTH_WITHIN: Duration = Duration::from_secs(15);
/// How often it is told that the connection lives (§11.8).
const HEARTBEAT_EVERY: Duration = Duration::from_secs(15);
/// How often it is looked whether the key still lets its holder in, and what the holder is linked to.
const LOOK_EVERY: Duration = Duration::from_secs(1);

const TOO_LONG: End = End { code: 1009, reason: "message too long" };
const OVERLOADED: u16 = 1013;
const NO_SEAT: End = End { code: OVERLOADED, reason: "too many connections" };
const FILLS_LOST: End = End { code: OVERLOADED, reason: "fills could not be delivered in time" };
const AUTH_TIMEOUT: End = End { code: End::POLICY, reason: "authentication timeout" };
const KEY_INVALID: End = End { code: End::POLICY, reason: "invalid api key" };
const KEY_REVOKED: End = End { code: End::POLICY, reason: "api key revoked" };

pub(super) fn endpoints() -> Vec<Endpoint> {
    // A base URL that ends in a slash makes the second one (§11.1).
    ["/ws", "//ws"].into_iter().map(socket).collect()
}

fn socket(path: &str) -> Endpoint {
    Endpoint::new(Method::GET, path, || {
        web::get().to(|request: HttpRequest, payload: Payload| {
            let response = open(&request, payload);
            async move { response }
        })
    })
}

fn open(request: &HttpRequest, payload: Payload) -> HttpResponse {
    if !header(request, "upgrade").is_some_and(|to| to.eq_ignore_ascii_case("websocket")) {
        let failure = Failure::new(426, "bad_request", "WebSocket upgrade required");
        let mut response = render(request, Err(failure), None);
        response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        return response;
    }
    let service = service(request);
    let Some(waiting) = service.wait_socket() else {
        return render(request, Err(Failure::busy(NO_SEAT.reason, 1)), None);
    };
    match Socket::accept(request, payload) {
        Ok((response, socket)) => {
            // Before anyone is looked up: a reset in between must close the socket.
            let notices = service.notices();
            actix_web::rt::spawn(serve(service, socket, notices, waiting));
            response
        }
        Err(why) => render(request, Err(Failure::bad_request(why.to_string())), None),
    }
}

/// Serves one socket until it is closed: first whose it is, then what it asks for.
async fn serve(
    service: Service,
    mut socket: Socket,
    mut notices: broadcast::Receiver<Notice>,
    waiting: WaitingSocket,
) {
    let introduced = introduced(&service, &mut socket, &mut notices).await;
    drop(waiting);
    let customer = match introduced {
        Ok(customer) => customer,
        Err(Some(step)) => return finish(socket, step).await,
        Err(None) => return,
    };
    let Ok(profile) = service.profile(&customer) else {
        return finish(socket, Step::end(End::STARTED_OVER)).await;
    };
    let Some(seat) = service.open_socket(&customer) else {
        return finish(socket, Step::end(NO_SEAT)).await;
    };
    let welcome = frames::auth_ok(&profile.customer_id);
    seat.sent(1, welcome.len());
    if socket.send(welcome).await.is_err() {
        return;
    }
    let now = Instant::now();
    let session = Session {
        books: Books::new(service.clone(), (profile.tier, profile.rules), seat),
        service,
        customer,
        accounts: BTreeSet::new(),
        beats_at: now + HEARTBEAT_EVERY,
        looks_at: now,
    };
    session.run(socket, notices).await;
}

async fn finish(mut socket: Socket, step: Step) {
    for frame in step.frames {
        if socket.send(frame).await.is_err() {
            return;
        }
    }
    if let Some(End { code, reason }) = step.end {
        socket.close(code, reason).await;
    }
}

/// Whose a socket is (§11.2). Nothing is said before that but what is wrong.
async fn introduced(
    service: &Service,
    socket: &mut Socket,
    notices: &mut broadcast::Receiver<Notice>,
) -> Result<Customer, Option<Step>> {
    let deadline = Instant::now() + AUTH_WITHIN;
    loop {
        let incoming = tokio::select! {
            biased;
            notice = notices.recv() => return Err(Some(Step::end(end_of(notice)))),
            incoming = socket.next() => incoming,
            () = until(Some(deadline)) => {
                let step = Step::send(vec![frames::auth_error(1001, AUTH_TIMEOUT.reason)]);
                return Err(Some(step.then(AUTH_TIMEOUT)));
            }
        };
        let complaint = match incoming {
            Ok(Incoming::Pinged) => continue,
            Ok(Incoming::TooLong) => return Err(Some(Step::end(TOO_LONG))),
            Ok(Incoming::Text(text)) => match credential(&text) {
                Some(Credential::Key(key)) => return known(service, service.authenticate_customer(&key)),
                Some(Credential::Terminal(token)) => {
                    return known(service, service.authenticate_terminal(&token));
                }
                None => frames::error(1001, "authentication required", None),
            },
            Ok(Incoming::Binary) => frames::error(1001, "authentication required", None),
            Err(Closed) => return Err(None),
        };
        if socket.send(complaint).await.is_err() {
            return Err(None);
        }
    }
}

/// What a first message shows.
enum Credential {
    Key(String),
    Terminal(String),
}

fn credential(text: &str) -> Option<Credential> {
    let message: Value = serde_json::from_str(text).ok()?;
    let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    match message.get("type").and_then(Value::as_str)? {
        "auth" => Some(Credential::Key(text("api_key"))),
        "auth_terminal" => Some(Credential::Terminal(text("token"))),
        _ => None,
    }
}

fn known(service: &Service, customer: Option<Customer>) -> Result<Customer, Option<Step>> {
    customer.ok_or_else(|| {
        service.note_stranger();
        Some(Step::send(vec![frames::auth_error(1002, KEY_INVALID.reason)]).then(KEY_INVALID))
    })
}

fn end_of(notice: Result<Notice, RecvError>) -> End {
    match notice {
        Ok(Notice::StartedOver) | Err(RecvError::Lagged(_)) => End::STARTED_OVER,
        Ok(Notice::Stopping) | Err(RecvError::Closed) => End::STOPPING,
    }
}

/// A socket whose customer is known.
struct Session {
    service: Service,
    customer: Customer,
    books: Books,
    /// The accounts whose fills are told, with those in whose name they are.
    accounts: BTreeSet<(UserId, AccountId)>,
    beats_at: Instant,
    looks_at: Instant,
}

impl Session {
    async fn run(mut self, mut socket: Socket, mut notices: broadcast::Receiver<Notice>) {
        let mut ear = Ear::default();
        let bell = self.books.seat().bell();
        loop {
            let step = tokio::select! {
                biased;
                notice = notices.recv() => Step::end(end_of(notice)),
                () = bell.notified() => self.look(&mut ear),
                () = until(Some(self.looks_at)) => self.look(&mut ear),
                incoming = socket.next() => match incoming {
                    Ok(Incoming::Text(text)) => self.said(&text, &mut ear).await,
                    Ok(Incoming::Binary) => Step::send(vec![frames::invalid_message()]),
                    Ok(Incoming::Pinged) => self.beat(),
                    Ok(Incoming::TooLong) => Step::end(TOO_LONG),
                    Err(Closed) => return,
                },
                () = until(Some(self.beats_at)) => self.beat(),
                heard = ear.next() => self.heard(heard, &mut ear).await,
            };
            if !self.send(&mut socket, &step.frames).await {
                return;
            }
            if let Some(End { code, reason }) = step.end {
                return socket.close(code, reason).await;
            }
        }
    }

    async fn send(&mut self, socket: &mut Socket, frames: &[Bytes]) -> bool {
        for frame in frames {
            if socket.send(frame.clone()).await.is_err() {
                return false;
            }
        }
        if !frames.is_empty() {
            self.books.seat().sent(frames.len(), frames.iter().map(Bytes::len).sum());
        }
        true
    }

    /// Parsec's heartbeat is stamped with the wall's time (design §8).
    fn beat(&mut self) -> Step {
        self.beats_at = Instant::now() + HEARTBEAT_EVERY;
        Step::send(vec![frames::heartbeat(self.service.wall())])
    }

    /// Whether the key still lets its holder in; and whose fills it hears of, which onboarding may change.
    fn look(&mut self, ear: &mut Ear) -> Step {
        self.looks_at = Instant::now() + LOOK_EVERY;
        if !self.service.is_customer_still(&self.customer) {
            return Step::end(KEY_REVOKED);
        }
        let accounts = self.service.accounts_of(&self.customer);
        if accounts != self.accounts {
            let users = |accounts: &BTreeSet<(UserId, AccountId)>| {
                accounts.iter().map(|(user, _)| *user).collect::<BTreeSet<_>>()
            };
            let (before, after) = (users(&self.accounts), users(&accounts));
            // Whoever stays is listened to as before: no fill of theirs is lost.
            before.difference(&after).for_each(|user| ear.forget(Source::User(*user)));
            for user in after.difference(&before) {
                ear.listen_to_user(*user, self.service.news_of_user(*user));
            }
            self.accounts = accounts;
        }
        Step::nothing()
    }

    async fn said(&mut self, text: &str, ear: &mut Ear) -> Step {
        let message: Option<Value> = serde_json::from_str(text).ok();
        let kind = message.as_ref().and_then(|message| message.get("type")).and_then(Value::as_str);
        let (Some(message), Some(kind)) = (&message, kind) else {
            return Step::send(vec![frames::invalid_message()]);
        };
        match kind {
            "auth" | "auth_terminal" => Step::send(vec![frames::error(1001, "already authenticated", None)]),
            "subscribe" => self.books.subscribe(message, ear).await,
            "unsubscribe" => self.books.unsubscribe(message, ear),
            "resync" => self.books.resync(message),
            _ => Step::send(vec![frames::invalid_message()]),
        }
    }

    async fn heard(&mut self, heard: Heard, ear: &mut Ear) -> Step {
        match heard {
            Heard::Update(update) => self.books.updated(&update, ear.is_filling()),
            Heard::News(news) => match &*news {
                UserNews::Filled(fill) if self.accounts.iter().any(|(_, own)| *own == fill.account) => {
                    self.books.filled(fill)
                }
                UserNews::Filled(_) | UserNews::Accepted(_) | UserNews::Ended(_) => Step::nothing(),
            },
            // No socket here asks for it.
            Heard::Listed(_) | Heard::Behind(Source::Listings) => Step::nothing(),
            Heard::Behind(Source::Market(market)) => self.books.fell_behind(market, ear).await,
            Heard::Behind(Source::User(_)) => Step::end(FILLS_LOST),
            Heard::Silence => Step::end(End::STOPPING),
        }
    }
}
