//! Plumbing that knows no wire: the server, what may call it, request ids, bodies, sockets.

mod endpoint;
mod guard;
mod server;
mod socket;
mod step;

pub use endpoint::{Answering, Endpoint, Surface, mount};
pub use guard::{Guard, cors};
pub use server::{Listen, ListenError, bind, serve};
pub use socket::{Closed, Incoming, Socket};
pub use step::{End, Step, json, until};

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{Bytes, Payload};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// The header that names a request. A name that is made once costs nothing to look up.
pub static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest body a caller may send, in bytes.
pub const BODY_MAX: usize = 256 * 1024;

/// Why a body can't be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFailure {
    /// It is longer than [`BODY_MAX`].
    TooLong,
    /// It did not come within [`BODY_WITHIN`].
    TooSlow,
    /// The connection broke, or it is not what its headers say.
    Broken,
}

/// How long a body may take, on the wall: a caller that stops in the middle holds a connection, and a place among
/// the requests under way.
pub const BODY_WITHIN: Duration = Duration::from_secs(15);

/// The whole body of a request, as it was sent: nothing is decompressed.
///
/// # Errors
/// [`BodyFailure`].
pub async fn body(payload: Payload) -> Result<Bytes, BodyFailure> {
    match tokio::time::timeout(BODY_WITHIN, payload.to_bytes_limited(BODY_MAX)).await {
        Ok(Ok(Ok(body))) => Ok(body),
        Ok(Ok(Err(_))) => Err(BodyFailure::Broken),
        Ok(Err(_)) => Err(BodyFailure::TooLong),
        Err(_) => Err(BodyFailure::TooSlow),
    }
}

/// The caller's request id if it sent a usable one, at most 128 visible ASCII characters; else a new one.
#[must_use]
pub fn request_id(request: &HttpRequest) -> HeaderValue {
    let usable = |id: &&HeaderValue| {
        !id.is_empty() && id.len() <= 128 && id.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    request.headers().get(&X_REQUEST_ID).filter(usable).cloned().unwrap_or_else(fresh_id)
}

/// Ids only have to differ; they are drawn from the process's own hasher keys and a counter.
fn fresh_id() -> HeaderValue {
    use std::hash::{BuildHasher, RandomState};
    use std::sync::atomic::{AtomicU64, Ordering};
    thread_local! {
        static KEYS: (RandomState, AtomicU64) = (RandomState::new(), AtomicU64::new(0));
    }
    KEYS.with(|(keys, count)| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let high = u128::from(keys.hash_one((number, 'h')));
        let low = u128::from(keys.hash_one((number, 'l')));
        let id = uuid::Builder::from_random_bytes((high << 64 | low).to_be_bytes()).into_uuid();
        let text = Bytes::copy_from_slice(id.hyphenated().encode_lower(&mut [0; 36]).as_bytes());
        HeaderValue::from_maybe_shared(text).expect("BUG: an id that is no header")
    })
}

/// Where a request comes from. Forwarding headers are anyone's to write, and ignored (design §7).
#[must_use]
pub fn address(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical())
}

/// A header's text, if it was sent and is text.
#[must_use]
pub fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}
