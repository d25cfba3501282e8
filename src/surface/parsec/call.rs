//! One request through this surface: its caller proved and counted, its answer in this surface's form (§§1, 2.4, 3.3).

use super::auth::Access;
use super::error::Failure;
use crate::http::{self, Endpoint, X_REQUEST_ID, cors};
use crate::service::Service;
use crate::service::customer_quota::{CustomerStanding, Left};
use actix_web::http::header::{ALLOW, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use std::borrow::Cow;
use std::future::Future;

/// A request whose caller has proved what the route asks.
pub(super) struct Call<Who> {
    pub(super) who: Who,
    pub(super) service: Service,
    pub(super) request: HttpRequest,
    pub(super) body: Bytes,
}

/// A success: a status and, but for 204, the resource itself (§1).
pub(super) struct Reply {
    status: StatusCode,
    body: Option<Bytes>,
}

/// What a handler gives.
pub(super) type Answer = Result<Reply, Failure>;

impl Reply {
    /// 200 with a JSON body.
    pub(super) fn json(body: &impl Serialize) -> Self {
        let written = serde_json::to_vec(body).expect("BUG: an answer that can't be written as JSON");
        Self { status: StatusCode::OK, body: Some(Bytes::from(written)) }
    }

    /// 201 with a JSON body.
    pub(super) fn created(body: &impl Serialize) -> Self {
        Self { status: StatusCode::CREATED, ..Self::json(body) }
    }

    /// 204 without a body.
    pub(super) fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None }
    }
}

impl<Who> Call<Who> {
    /// A query parameter, percent-decoded. An empty one is as good as none (§1).
    pub(super) fn query(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.request.query_string().as_bytes());
        let found = pairs.find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| Cow::into_owned(value))
    }

    /// A list parameter: one value with commas, or several. Empty entries are left out.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        let pairs = form_urlencoded::parse(self.request.query_string().as_bytes());
        let values = pairs.filter(|(key, _)| key == name || key.strip_suffix("[]") == Some(name));
        let entries: Vec<_> = values
            .flat_map(|(_, value)| value.split(',').map(|one| one.trim().to_owned()).collect::<Vec<_>>())
            .filter(|entry| !entry.is_empty())
            .collect();
        (!entries.is_empty()).then_some(entries)
    }

    /// A variable of the path.
    pub(super) fn path(&self, name: &str) -> &str {
        self.request.match_info().get(name).unwrap_or_default()
    }
}

/// An endpoint whose handler gets the proof it asks for. Its path is below `/api/v1`.
pub(super) fn endpoint<Who, Handler, Answering>(method: Method, path: &str, handler: Handler) -> Endpoint
where
    Who: Access,
    Handler: Fn(Call<Who>) -> Answering + Copy + 'static,
    Answering: Future<Output = Answer> + 'static,
{
    let verb = method.clone();
    Endpoint::new(method, &format!("/api/v1{path}"), move || {
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
    let body = http::body(payload).await;
    let (who, standing) = match Who::prove(&request, &service) {
        Ok(proved) => proved,
        Err(failure) => return render(&request, Err(failure), None),
    };
    let over = standing.and_then(|standing| Some((standing.over?, standing.tier)));
    let answer = match (over, body) {
        (Some((over, tier)), _) => Err(Failure::over(over, tier)),
        (None, Err(failure)) => Err(failure.into()),
        (None, Ok(body)) => handler(Call { who, service, request: request.clone(), body }).await,
    };
    render(&request, answer, standing.as_ref())
}

/// The service behind an app.
pub(super) fn service(request: &HttpRequest) -> Service {
    let service = request.app_data::<Data<Service>>().expect("BUG: an app without a service");
    Service::clone(service)
}

/// An answer in this surface's form, with where the caller stands.
pub(super) fn render(
    request: &HttpRequest,
    answer: Answer,
    standing: Option<&CustomerStanding>,
) -> HttpResponse {
    let mut response = match answer {
        Ok(Reply { status, body }) => {
            let mut response = HttpResponse::build(status);
            match body {
                Some(body) => response.content_type("application/json").body(body),
                None => response.finish(),
            }
        }
        Err(failure) => refuse(&failure),
    };
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID.clone(), http::request_id(request));
    if let Some(standing) = standing {
        put_standing(headers, standing);
    }
    cors(request, &mut response);
    response
}

fn refuse(failure: &Failure) -> HttpResponse {
    let status = StatusCode::from_u16(failure.status).expect("BUG: a status out of range");
    let mut response = HttpResponse::build(status);
    if let Some(seconds) = failure.retry_after {
        response.insert_header(("retry-after", seconds.to_string()));
    }
    if failure.is_final {
        response.insert_header(("x-should-retry", "false"));
    }
    response.json(failure.body())
}

/// §3.3.
fn put_standing(headers: &mut HeaderMap, standing: &CustomerStanding) {
    let mut put = |name: &'static str, value: HeaderValue| {
        headers.insert(HeaderName::from_static(name), value);
    };
    put("x-parsec-tier", HeaderValue::from_static(standing.tier));
    put("x-ratelimit-monthly-limit", standing.monthly_limit.into());
    if let Some(remaining) = standing.monthly_remaining {
        put("x-ratelimit-monthly-remaining", remaining.into());
        put("x-ratelimit-monthly-reset", standing.month_ends.into());
    }
    if let Some(Left { limit, remaining }) = standing.user {
        put("x-ratelimit-user-limit", limit.into());
        put("x-ratelimit-user-remaining", remaining.into());
    }
    if let Some(Left { limit, remaining }) = standing.pool {
        put("x-ratelimit-pool-limit", limit.into());
        put("x-ratelimit-pool-remaining", remaining.into());
    }
}

/// The answer to a caller that may not call at all.
pub(super) fn refused(request: &HttpRequest, why: &str) -> HttpResponse {
    render(request, Err(Failure::forbidden(why)), None)
}

/// The answer to a path that nobody knows.
pub(super) fn not_found(request: &HttpRequest) -> HttpResponse {
    render(request, Err(Failure::not_found("not_found", "not found")), None)
}

/// The answer to a verb that a known path does not have.
pub(super) fn wrong_verb(request: &HttpRequest, allowed: &str) -> HttpResponse {
    let failure = Failure::new(405, "bad_request", "method not allowed");
    let mut response = render(request, Err(failure), None);
    if let Ok(allowed) = allowed.parse() {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}
