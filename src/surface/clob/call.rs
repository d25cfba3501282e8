//! One request through these surfaces: its caller proved, its answer in their envelope (§2).

use super::auth::Access;
use super::error::Failure;
use crate::http::{self, Endpoint, X_REQUEST_ID, cors};
use crate::service::Service;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::future::Future;

/// How much room an answer begins with.
const USUAL_BYTES: usize = 1_024;

/// A request whose caller has proved what the route asks.
pub(super) struct Call<Who> {
    pub(super) who: Who,
    pub(super) service: Service,
    pub(super) request: HttpRequest,
    pub(super) body: Bytes,
}

/// A success, always 200 with JSON (§2, 1 and 2).
pub(super) struct Reply(Bytes);

/// What a handler gives.
pub(super) type Answer = Result<Reply, Failure>;

impl Reply {
    /// A JSON body.
    pub(super) fn json(body: &impl Serialize) -> Self {
        let mut written = Vec::with_capacity(USUAL_BYTES);
        serde_json::to_writer(&mut written, body).expect("BUG: an answer that can't be written as JSON");
        Self(Bytes::from(written))
    }

    /// A body that was rendered before.
    pub(super) fn rendered(body: Bytes) -> Self {
        Self(body)
    }
}

impl<Who> Call<Who> {
    /// The query string as a struct of optional members. Unknown members are ignored.
    pub(super) fn query<Q: DeserializeOwned>(&self) -> Result<Q, Failure> {
        let pairs = form_urlencoded::parse(self.request.query_string().as_bytes());
        serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs))
            .map_err(|error| Failure::bad_request(format!("invalid filters: {error}")))
    }

    /// Every value of a parameter that may come several times, each perhaps a list with commas; empty ones left out.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let pairs = form_urlencoded::parse(self.request.query_string().as_bytes());
        let values = pairs
            .filter(|(key, _)| key == name)
            .flat_map(|(_, value)| value.split(',').map(|one| one.trim().to_owned()).collect::<Vec<_>>());
        values.filter(|value| !value.is_empty()).collect()
    }

    /// A variable of the path.
    pub(super) fn path(&self, name: &str) -> &str {
        self.request.match_info().get(name).unwrap_or_default()
    }

    /// The body as JSON, whatever content type it was sent with (§2, 4).
    pub(super) fn json<Body: DeserializeOwned>(&self) -> Result<Body, Failure> {
        serde_json::from_slice(&self.body).map_err(|_| Failure::bad_request("Invalid payload"))
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
    let service = service(&request);
    // The body first: what signs a request signs it too.
    let answer = match http::body(payload).await {
        Err(failure) => Err(failure.into()),
        Ok(body) => match Who::prove(&request, &service, &body).await {
            Ok(who) => handler(Call { who, service, request: request.clone(), body }).await,
            Err(failure) => Err(failure),
        },
    };
    render(&request, answer)
}

/// The service behind an app.
pub(super) fn service(request: &HttpRequest) -> Service {
    let service = request.app_data::<Data<Service>>().expect("BUG: an app without a service");
    Service::clone(service)
}

/// An answer in these surfaces' envelope.
pub(super) fn render(request: &HttpRequest, answer: Answer) -> HttpResponse {
    let mut response = match answer {
        Ok(Reply(body)) => {
            let mut response = HttpResponse::Ok();
            response.insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")));
            response.insert_header((X_REQUEST_ID.clone(), http::request_id(request)));
            response.body(body)
        }
        Err(failure) => {
            let status = StatusCode::from_u16(failure.status).expect("BUG: a status out of range");
            let mut response = HttpResponse::build(status);
            response.insert_header((X_REQUEST_ID.clone(), http::request_id(request)));
            if let Some(seconds) = failure.retry_after {
                response.insert_header(("Retry-After", seconds.to_string()));
            }
            response.json(failure.body())
        }
    };
    cors(request, &mut response);
    response
}

/// The answer to a caller that may not call at all.
pub(super) fn refused(request: &HttpRequest, why: &str) -> HttpResponse {
    render(request, Err(Failure::new(403, why)))
}

/// The answer to a path that nobody knows.
pub(super) fn not_found(request: &HttpRequest) -> HttpResponse {
    render(request, Err(Failure::new(404, "not found")))
}

/// The answer to a verb that a known path does not have.
pub(super) fn wrong_verb(request: &HttpRequest, allowed: &str) -> HttpResponse {
    let mut response = render(request, Err(Failure::new(405, "method not allowed")));
    if let Ok(allowed) = allowed.parse() {
        response.headers_mut().insert(actix_web::http::header::ALLOW, allowed);
    }
    response
}

/// `"OK"`, which must be JSON (§5.1).
pub(super) fn ok() -> Reply {
    Reply::json(&json!("OK"))
}
