//! What this surface says when it refuses (§4). Every [`Reject`] has its row; there is no wildcard.

use crate::http::BodyFailure;
use crate::service::KeyFailure;
use crate::service::customer_quota::OverLimit;
use crate::service::customers::TooOld;
use crate::types::{Reject, Venue};
use serde_json::{Value, json};

/// A refusal.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) error: String,
    pub(super) retryable: bool,
    /// One line a problem, if it is about the shape of a request.
    pub(super) problems: Vec<String>,
    /// The tier and its requests a second, if it was one too many of those.
    pub(super) limit: Option<(&'static str, u32)>,
    pub(super) retry_after: Option<u32>,
    /// Whether SDKs, which try again by themselves, must not (§3.3).
    pub(super) is_final: bool,
}

impl Failure {
    pub(super) fn new(status: u16, code: &'static str, error: impl Into<String>) -> Self {
        Self {
            status,
            code,
            error: error.into(),
            retryable: false,
            problems: Vec::new(),
            limit: None,
            retry_after: None,
            is_final: false,
        }
    }

    pub(super) fn bad_request(error: impl Into<String>) -> Self {
        Self::new(400, "bad_request", error)
    }

    pub(super) fn missing(error: impl Into<String>) -> Self {
        Self::new(400, "missing_parameter", error)
    }

    /// Problems with the shape of a request, a line each.
    pub(super) fn invalid(problems: Vec<String>) -> Self {
        Self { problems, ..Self::new(400, "validation_error", "invalid request") }
    }

    pub(super) fn forbidden(error: &str) -> Self {
        Self::new(403, "forbidden", error)
    }

    pub(super) fn unauthorized(error: &str) -> Self {
        Self::new(401, "unauthorized", error)
    }

    pub(super) fn not_found(code: &'static str, error: impl Into<String>) -> Self {
        Self::new(404, code, error)
    }

    pub(super) fn market_not_found() -> Self {
        Self::not_found("market_not_found", "market not found")
    }

    pub(super) fn order_not_found() -> Self {
        Self::not_found("order_not_found", "order not found")
    }

    pub(super) fn exchange_not_found(exchange: &str) -> Self {
        Self::not_found("exchange_not_found", format!("exchange not found: {}", shown(exchange)))
    }

    /// SDKs try 501 again by themselves, which would only ask the same three times.
    pub(super) fn not_supported(error: impl Into<String>) -> Self {
        Self { is_final: true, ..Self::new(501, "not_supported", error) }
    }

    /// One request too many (§3.4). `tier` is the customer's.
    pub(super) fn over(over: OverLimit, tier: &'static str) -> Self {
        let per_second = |limit, error: &str| Self {
            retryable: true,
            limit: Some((tier, limit)),
            retry_after: Some(1),
            ..Self::new(429, "rate_limit_exceeded", error)
        };
        match over {
            OverLimit::Second { limit } => per_second(limit, "rate limit exceeded"),
            OverLimit::Pool { limit } => per_second(limit, "QPS pool exhausted"),
            OverLimit::Month => Self {
                is_final: true,
                ..Self::new(429, "monthly_limit_exceeded", "monthly request limit exceeded")
            },
        }
    }

    /// Not now, but soon.
    pub(super) fn busy(error: &str, seconds: u32) -> Self {
        Self { retryable: true, retry_after: Some(seconds), ..Self::new(503, "service_unavailable", error) }
    }

    /// The error object (§4.1).
    pub(super) fn body(&self) -> Value {
        let mut body = json!({"error": self.error, "code": self.code, "retryable": self.retryable});
        if !self.problems.is_empty() {
            body["validation_errors"] = json!(self.problems);
        }
        if let Some((tier, limit)) = self.limit {
            body["tier"] = tier.into();
            body["limit_qps"] = limit.into();
        }
        body
    }
}

/// A caller's word as an error repeats it: no longer than anyone needs.
pub(super) fn shown(word: &str) -> String {
    word.chars().filter(|letter| !letter.is_control()).take(64).collect()
}

impl From<Reject> for Failure {
    #[expect(clippy::too_many_lines, reason = "one row a refusal, and no wildcard")]
    fn from(reject: Reject) -> Self {
        let message = reject.to_string();
        match reject {
            Reject::Overloaded => Self::busy("the exchange is busy", 1),
            Reject::Stopped(_) | Reject::Restricted { .. } => Self::busy(&message, 5),
            // Maybe done: nothing that would make an SDK do it again.
            Reject::OutcomeUnknown | Reject::Internal => {
                Self { is_final: true, ..Self::new(500, "internal_error", message) }
            }
            Reject::HistoryUnavailable => Self::busy("history is not available at present", 1),
            Reject::NotLetIn(
                KeyFailure::Unknown
                | KeyFailure::Deactivated
                | KeyFailure::Expired
                | KeyFailure::OwnerNotFound
                | KeyFailure::Restricted,
            ) => Self::unauthorized("invalid API key"),
            Reject::TradeNotAllowed | Reject::NotEntitled => Self::forbidden(&message),
            Reject::NotLinked(Venue::Polymarket | Venue::Kalshi) => {
                Self::new(403, "credentials_required", message)
            }
            Reject::ExchangeRefused(Venue::Polymarket | Venue::Kalshi) => {
                Self::new(403, "authentication_failed", message)
            }
            Reject::SignerExpired => Self::new(403, "session_signer_expired", message),
            Reject::UserNotFound => Self::not_found("not_found", "end-user not found"),
            Reject::MarketNotFound => Self::market_not_found(),
            Reject::OrderNotFound => Self::order_not_found(),
            Reject::OrderNotOpen => Self::bad_request("order is not open"),
            Reject::MarketClosed | Reject::MarketHalted => Self::bad_request("market is not active"),
            Reject::InsufficientFunds { .. } | Reject::InsufficientPosition { .. } => {
                Self::new(402, "insufficient_funds", message)
            }
            Reject::OffTick { tick, .. } => {
                Self::bad_request(format!("price must be a multiple of {}", tick.plain()))
            }
            Reject::OffLot { lot } => {
                Self::bad_request(format!("size must be a multiple of {}", lot.plain()))
            }
            Reject::BelowMinimumSize { minimum } => {
                Self::bad_request(format!("size below minimum of {}", minimum.plain()))
            }
            Reject::InvalidExpiration { .. } => {
                Self::bad_request("expiration must be at least 60 seconds in the future")
            }
            Reject::WalletNotFound => Self::bad_request("no managed wallet whose key is held here"),
            Reject::KeyNotFound
            | Reject::KeyEnded
            | Reject::NotFirstKey
            | Reject::IssuanceClosed
            | Reject::IssuanceComingSoon
            | Reject::UpgradeNeeded
            | Reject::KeysFull { .. }
            | Reject::CohortFull { .. }
            | Reject::AccountNotFound
            | Reject::WrongWalletKind
            | Reject::PlanExhausted
            | Reject::AccountsFull
            | Reject::IdempotencyKeyReused
            | Reject::DuplicateClientOrderId(_)
            | Reject::DailyOrdersUsed { .. }
            | Reject::BadSignature
            | Reject::NotKeyOwner
            | Reject::NotKeyAddress
            | Reject::MakerNotAllowed
            | Reject::OrderVersion
            | Reject::WrongNonce
            | Reject::WrongFeeRate { .. }
            | Reject::DuplicateOrder(_)
            | Reject::WrongHeartbeat { .. }
            | Reject::BadFee(_)
            | Reject::GroupDecided
            | Reject::WrongVenue
            | Reject::Unsupported
            | Reject::InvalidQuantity
            | Reject::BelowMinimumNotional { .. }
            | Reject::PostOnlyMustRest
            | Reject::PostOnlyWouldCross
            | Reject::MeetsOwn
            | Reject::InsufficientLiquidity
            | Reject::NotFillable
            | Reject::MarketNotResolved
            | Reject::LimitReached(_) => Self::bad_request(message),
        }
    }
}

impl From<TooOld> for Failure {
    fn from(TooOld { tier, days }: TooOld) -> Self {
        let text = format!("historical data limited to {days} days on the {tier} tier — upgrade for more");
        Self::bad_request(text)
    }
}

impl From<BodyFailure> for Failure {
    fn from(failure: BodyFailure) -> Self {
        match failure {
            // Not 413: its code stands for 400 alone (§4.2).
            BodyFailure::TooLong => Self::bad_request("request body is too large"),
            // Never 408, which SDKs try again by themselves (§4.1).
            BodyFailure::TooSlow => Self::bad_request("request body did not come in time"),
            BodyFailure::Broken => Self::bad_request("request body could not be read"),
        }
    }
}
