//! A request's entry: it is counted, and what the limits and the beta cut-off say goes onto its answer (§5.6, §6).

use super::error::Failure;
use crate::http::address;
use crate::service::quota::UnderWay;
use crate::service::{Caller, Service, Standing, Tier};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};

/// What is known of a caller before a handler sees the request. While it is held, the request is under way.
#[derive(Debug, Default)]
pub(super) struct Entry {
    limits: Option<(Tier, Standing)>,
    cut_off: bool,
    under_way: Option<UnderWay>,
}

/// The names of the limits' headers, all under both prefixes (§6.4).
static LIMIT_HEADERS: [[HeaderName; 2]; 6] = [
    named("x-ratelimit-tier", "x-polysim-ratelimit-tier"),
    named("x-ratelimit-limit", "x-polysim-ratelimit-limit"),
    named("x-ratelimit-remaining", "x-polysim-ratelimit-remaining"),
    named("x-ratelimit-limit-per-second", "x-polysim-ratelimit-limit-per-second"),
    named("x-ratelimit-remaining-per-second", "x-polysim-ratelimit-remaining-per-second"),
    named("x-ratelimit-reset", "x-polysim-ratelimit-reset"),
];
static BETA_CUTOFF: HeaderName = HeaderName::from_static("x-api-beta-cutoff");

const fn named(short: &'static str, long: &'static str) -> [HeaderName; 2] {
    [HeaderName::from_static(short), HeaderName::from_static(long)]
}

impl Entry {
    /// A caller is known, and not counted.
    pub(super) fn know(&mut self, caller: &Caller) {
        self.cut_off = caller.cut_off;
    }

    /// Counts a request of a key that does not let its holder in. That is the answer, whatever the count.
    pub(super) fn charge(&mut self, service: &Service, caller: &Caller) {
        self.know(caller);
        if let Some(key) = caller.key {
            drop(service.admit(key, caller, service.now()));
        }
    }

    /// Counts a request of a key.
    pub(super) fn admit(&mut self, service: &Service, caller: &Caller) -> Result<(), Failure> {
        self.know(caller);
        let Some(key) = caller.key else { return Ok(()) };
        let admission = service.admit(key, caller, service.now());
        self.limits = Some((caller.tier, admission.standing));
        if let Some(seconds) = admission.standing.retry_after {
            return Err(too_many(seconds));
        }
        self.under_way = admission.under_way;
        if self.under_way.is_some() {
            return Ok(());
        }
        let message = "Too many requests in flight for this API key. Retry after 1s.";
        let full = Failure::new(429, "API_KEY_CONCURRENCY_EXCEEDED", message);
        Err(Failure { retry_after: Some(1), under_way_max: Some(admission.under_way_max), ..full })
    }

    /// Counts a request without a key.
    #[expect(clippy::unused_self, reason = "all that is counted goes through an entry")]
    pub(super) fn charge_address(&self, request: &HttpRequest, service: &Service) -> Result<(), Failure> {
        service.charge_address(address(request)).map_err(too_many)
    }

    /// Counts a call for a first key.
    #[expect(clippy::unused_self, reason = "all that is counted goes through an entry")]
    pub(super) fn charge_bootstrap(&self, request: &HttpRequest, service: &Service) -> Result<(), Failure> {
        service.charge_bootstrap(address(request)).map_err(too_many)
    }

    /// Says on an answer what must be said.
    pub(super) fn tell(&self, response: &mut HttpResponse) {
        let headers = response.headers_mut();
        if self.cut_off {
            headers.insert(BETA_CUTOFF.clone(), HeaderValue::from_static("expired"));
        }
        if let Some((tier, standing)) = &self.limits {
            tell_limits(headers, *tier, standing);
        }
    }
}

fn tell_limits(headers: &mut HeaderMap, tier: Tier, standing: &Standing) {
    headers.reserve(LIMIT_HEADERS.len() * 2);
    let values = [
        HeaderValue::from_static(tier.name()),
        HeaderValue::from(standing.per_minute),
        HeaderValue::from(standing.left_minute),
        HeaderValue::from(standing.per_second),
        HeaderValue::from(standing.left_second),
        HeaderValue::from(standing.resets_at),
    ];
    for ([short, long], value) in LIMIT_HEADERS.iter().zip(values) {
        headers.insert(short.clone(), value.clone());
        headers.insert(long.clone(), value);
    }
}

fn too_many(seconds: u32) -> Failure {
    let message = format!("Rate limit exceeded. Retry after {seconds}s.");
    Failure { retry_after: Some(seconds), ..Failure::new(429, "RATE_LIMIT_EXCEEDED", message) }
}
