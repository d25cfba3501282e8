//! One request through this surface: its credential proved, its answer in the envelope of §2 and §7.

use super::auth::{Access, Stranger};
use super::entry::Entry;
use super::error::{Envelope, Failure};
use crate::http::{self, Endpoint, Socket, X_REQUEST_ID, address, cors, header};
use crate::service::Service;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

/// How much room an answer begins with.
const USUAL_BYTES: usize = 1_024;

/// A request whose caller has proved what the route asks.
pub(super) struct Call<Who> {
    pub(super) who: Who,
    pub(super) service: Service,
    pub(super) request: HttpRequest,
    pub(super) body: Bytes,
}

/// A success.
pub(super) struct Reply {
    status: u16,
    body: Body,
    content_type: &'static str,
    headers: Vec<(&'static str, String)>,
}

enum Body {
    Whole(Vec<u8>),
    /// What comes piece by piece, without an end of its own.
    Stream(Pin<Box<dyn Stream<Item = Result<Bytes, Closed>>>>),
}

/// A stream of events broke off: its client is gone, lags, or must come back later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream broke off")]
pub(super) struct Closed;

/// What a handler gives.
pub(super) type Answer = Result<Reply, Failure>;

impl Reply {
    /// 200 with a JSON body.
    pub(super) fn json(body: &impl Serialize) -> Self {
        // As long as the answer to an order, so that the commonest answer never moves while it grows.
        let mut written = Vec::with_capacity(USUAL_BYTES);
        serde_json::to_writer(&mut written, body).expect("BUG: an answer that can't be written as JSON");
        Self::of(Body::Whole(written), "application/json")
    }

    /// 200 with a body that was rendered before.
    pub(super) fn rendered(body: &[u8]) -> Self {
        Self::of(Body::Whole(body.to_vec()), "application/json")
    }

    /// 200 with a body that is no JSON.
    pub(super) fn text(body: Vec<u8>, content_type: &'static str) -> Self {
        Self::of(Body::Whole(body), content_type)
    }

    /// 200 with events that are sent as they happen. An error breaks the connection off.
    pub(super) fn events(stream: impl Stream<Item = Result<Bytes, Closed>> + 'static) -> Self {
        Self::of(Body::Stream(Box::pin(stream)), "text/event-stream")
    }

    fn of(body: Body, content_type: &'static str) -> Self {
        Self { status: 200, body, content_type, headers: Vec::new() }
    }

    /// With another status than 200.
    pub(super) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// With one more header.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl<Who> Call<Who> {
    /// The query string as a struct of optional members. Unknown members are ignored.
    pub(super) fn query<Q: DeserializeOwned>(&self) -> Result<Q, Failure> {
        let pairs = form_urlencoded::parse(self.request.query_string().as_bytes());
        serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs)).map_err(|error| {
            let (path, reason) = (error.path().to_string(), error.inner().to_string());
            Failure::invalid_query(if path == "." { "query" } else { &path }, &reason)
        })
    }

    /// A variable of the path.
    pub(super) fn path(&self, name: &str) -> &str {
        self.request.match_info().get(name).unwrap_or_default()
    }

    /// A header's text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        header(&self.request, name)
    }
}

/// An endpoint whose handler gets the proof it asks for.
pub(super) fn endpoint<Who, Handler, Answering>(method: Method, path: &str, handler: Handler) -> Endpoint
where
    Who: Access,
    Handler: Fn(Call<Who>) -> Answering + Copy + 'static,
    Answering: Future<Output = Answer> + 'static,
{
    let verb = method.clone();
    Endpoint::new(method, path, move || {
        web::method(verb.clone())
            .to(move |request: HttpRequest, payload: Payload| answer(request, payload, handler))
    })
}

/// A socket somebody opened, before anyone is named for it.
pub(super) struct Visit {
    pub(super) service: Service,
    pub(super) socket: Socket,
    /// Where it was opened from.
    pub(super) address: IpAddr,
    /// `?token=`, unless it is empty.
    pub(super) token: Option<String>,
}

#[derive(serde::Deserialize)]
struct SocketQuery {
    token: Option<String>,
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
        let mut response = render(request, Err(Failure::new(426, "HTTP_426", "WebSocket upgrade required")));
        let websocket = actix_web::http::header::HeaderValue::from_static("websocket");
        response.headers_mut().insert(actix_web::http::header::UPGRADE, websocket);
        return response;
    }
    let query = web::Query::<SocketQuery>::from_query(request.query_string());
    let token = query.ok().and_then(|query| query.into_inner().token).filter(|token| !token.is_empty());
    match Socket::accept(request, payload) {
        Ok((response, socket)) => {
            let service = request.app_data::<Data<Service>>().expect("BUG: an app without a service");
            let address = address(request);
            actix_web::rt::spawn(handler(Visit { service: Service::clone(service), socket, address, token }));
            response
        }
        Err(why) => render(request, Err(Failure::new(400, "HTTP_400", why.to_string()))),
    }
}

async fn answer<Who, Handler, Answering>(
    request: HttpRequest,
    payload: Payload,
    handler: Handler,
) -> HttpResponse
where
    Who: Access,
    Handler: Fn(Call<Who>) -> Answering,
    Answering: Future<Output = Answer>,
{
    let service = request.app_data::<Data<Service>>().expect("BUG: an app without a service");
    let service = Service::clone(service);
    let mut entry = Entry::default();
    let proved = Who::prove(&request, &service, &mut entry).await;
    // The body is taken in any case, so that a refused request leaves the connection usable.
    let body = http::body(payload).await;
    let answer = match (proved, body) {
        (Ok(who), Ok(body)) => handler(Call { who, service, request: request.clone(), body }).await,
        (Err(failure), _) => Err(failure),
        (Ok(_), Err(failure)) => Err(failure.into()),
    };
    let mut response = render(&request, answer);
    entry.tell(&mut response);
    response
}

/// An answer in this surface's envelope.
pub(super) fn render(request: &HttpRequest, answer: Answer) -> HttpResponse {
    let id = http::request_id(request);
    let mut response = match answer {
        Ok(reply) => {
            let mut response = builder(reply.status);
            for (name, value) in reply.headers {
                response.insert_header((name, value));
            }
            response.insert_header((X_REQUEST_ID.clone(), id));
            response.insert_header((CONTENT_TYPE, HeaderValue::from_static(reply.content_type)));
            match reply.body {
                Body::Whole(body) => response.body(body),
                Body::Stream(stream) => response.streaming(stream),
            }
        }
        Err(failure) => {
            let verbose =
                header(request, "x-polysim-verbose").is_some_and(|value| value.eq_ignore_ascii_case("true"));
            let mut response = builder(failure.status);
            response.insert_header(("X-Polysim-Code", failure.code));
            if let Some(most) = failure.under_way_max {
                response.insert_header(("X-Concurrency-Key-Limit", most.to_string()));
                response.insert_header(("X-Concurrency-Key-Remaining", "0"));
            }
            if let Some(seconds) = failure.retry_after {
                response.insert_header(("Retry-After", seconds.to_string()));
            }
            let envelope = request.app_data::<Data<Envelope>>().map(|known| ***known).unwrap_or_default();
            let body = failure.body(envelope, verbose, id.to_str().unwrap_or_default());
            response.insert_header((X_REQUEST_ID.clone(), id));
            response.json(body)
        }
    };
    cors(request, &mut response);
    response
}

fn builder(status: u16) -> HttpResponseBuilder {
    HttpResponseBuilder::new(StatusCode::from_u16(status).expect("BUG: a status out of range"))
}

/// The answer to a caller that may not call at all.
pub(super) fn refused(request: &HttpRequest, why: &str) -> HttpResponse {
    render(request, Err(Failure::new(403, "HTTP_403", why)))
}

/// The answer to a path that nobody knows. Asking counts like any other request.
pub(super) async fn not_found(request: HttpRequest) -> HttpResponse {
    stray(&request, Failure::new(404, "NOT_FOUND", "Not found")).await
}

/// The answer to a verb that a known path does not have.
pub(super) async fn wrong_verb(request: HttpRequest, allowed: String) -> HttpResponse {
    let mut response = stray(&request, Failure::new(405, "HTTP_405", "Method not allowed")).await;
    if let Ok(allowed) = allowed.parse() {
        response.headers_mut().insert(actix_web::http::header::ALLOW, allowed);
    }
    response
}

async fn stray(request: &HttpRequest, failure: Failure) -> HttpResponse {
    let service = request.app_data::<Data<Service>>().expect("BUG: an app without a service");
    let mut entry = Entry::default();
    let failure = Stranger::prove(request, service, &mut entry).await.err().unwrap_or(failure);
    let mut response = render(request, Err(failure));
    entry.tell(&mut response);
    response
}
