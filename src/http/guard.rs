//! Who may call at all: a browser page from elsewhere must not reach a server full of known credentials.

use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use std::net::IpAddr;

/// What a request's Host and Origin may be (design §7).
#[derive(Clone, Debug)]
pub struct Guard {
    /// Hosts besides loopback: the addresses listened on.
    hosts: Vec<String>,
    /// Whether anything goes: the operator said so.
    open: bool,
}

/// Headers that pages may read.
const EXPOSED: &str = "X-Polysim-Code, X-Request-Id, Retry-After, X-API-Beta-Cutoff, X-RateLimit-Tier, X-RateLimit-Limit, \
     X-RateLimit-Remaining, X-RateLimit-Limit-Per-Second, X-RateLimit-Remaining-Per-Second, X-RateLimit-Reset, \
     X-Polysim-RateLimit-Tier, X-Polysim-RateLimit-Limit, X-Polysim-RateLimit-Remaining, \
     X-Polysim-RateLimit-Limit-Per-Second, X-Polysim-RateLimit-Remaining-Per-Second, X-Polysim-RateLimit-Reset, \
     X-Concurrency-Key-Limit, X-Concurrency-Key-Remaining, Content-Disposition, X-Should-Retry, X-Parsec-Tier, \
     X-RateLimit-Monthly-Limit, X-RateLimit-Monthly-Remaining, X-RateLimit-Monthly-Reset, X-RateLimit-User-Limit, \
     X-RateLimit-User-Remaining, X-RateLimit-Pool-Limit, X-RateLimit-Pool-Remaining";

impl Guard {
    /// A guard that lets loopback and the given hosts in.
    #[must_use]
    pub fn new(hosts: Vec<String>, open: bool) -> Self {
        Self { hosts, open }
    }

    /// Whether a request may come in; if not, why.
    ///
    /// # Errors
    /// A sentence for the caller.
    pub fn admits(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        if self.open {
            return Ok(());
        }
        let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
        if text(header::HOST).is_some_and(|host| !self.knows(host)) {
            return Err("this server answers only to loopback and the address it listens on");
        }
        let origin = text(header::ORIGIN);
        if origin.is_some_and(|origin| !origin.split_once("://").is_some_and(|(_, host)| is_loopback(host))) {
            return Err("pages from other hosts may not call this server");
        }
        Ok(())
    }

    fn knows(&self, host: &str) -> bool {
        is_loopback(host) || self.hosts.iter().any(|known| known == name_of(host))
    }
}

fn is_loopback(host: &str) -> bool {
    let name = name_of(host);
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A host without its port and brackets.
fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(name, _)| name);
    }
    host.rsplit_once(':')
        .map_or(host, |(name, port)| if name.contains(':') || port.is_empty() { host } else { name })
}

/// Lets the page that called read the answer, if it may call at all.
pub fn cors(request: &HttpRequest, response: &mut HttpResponse) {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else { return };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
}

/// The answer to a browser's question before its request.
pub(super) fn preflight(request: &HttpRequest, allowed: &str) -> HttpResponse {
    let wanted = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let mut response = HttpResponse::NoContent();
    response.insert_header((header::ALLOW, allowed));
    response.insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, allowed));
    response.insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"));
    if let Some(wanted) = wanted {
        response.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, wanted));
    }
    response.insert_header((super::X_REQUEST_ID.clone(), super::request_id(request)));
    let mut response = response.finish();
    cors(request, &mut response);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_the_listen_address_are_let_in() {
        let guard = Guard::new(vec!["10.0.0.7".to_owned()], false);
        for (host, origin, admitted) in [
            ("localhost:8080", None, true),
            ("127.0.0.1:9", None, true),
            ("[::1]:9", None, true),
            ("10.0.0.7:8080", None, true),
            ("evil.example", None, false),
            ("127.0.0.1.evil.example", None, false),
            ("localhost", Some("http://localhost:3000"), true),
            ("localhost", Some("https://evil.example"), false),
            ("localhost", Some("null"), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(guard.admits(&headers).is_ok(), admitted, "{host} {origin:?}");
        }
    }
}
