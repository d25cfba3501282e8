//! What this surface says when it refuses (§7). Every [`Reject`] has its row; there is no wildcard.

use crate::http::BodyFailure;
use crate::service::callers::TokenFailure;
use crate::service::{KeyFailure, Permission};
use crate::types::Reject;
use serde_json::{Map, Value, json};

/// §5.2, word for word.
const CLOSED_BETA: &str = "API access is in closed beta. New keys are issued to approved cohorts only. Apply via \
                           the waitlist; we'll email you when a cohort opens.";

/// The two bodies the service's documents know (§7.1). The SDK reads both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Envelope {
    /// One field, holding the sentence.
    #[default]
    Pm,
    /// The code under `error` and the sentence under `message`.
    Structured,
}

/// A refusal: status, stable code and a sentence.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) status: u16,
    /// Whether it is Polymarket's own body, the same in both envelopes (§7.3).
    pub(super) is_verbatim: bool,
    /// Goes into `X-Polysim-Code`.
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) retry_after: Option<u32>,
    /// How many requests may be under way at once, if that is what was too much (§6.3).
    pub(super) under_way_max: Option<u32>,
    /// Shown by the verbose body only.
    pub(super) details: Option<Value>,
    /// Members at the root besides `error` (§7.3).
    pub(super) root: Option<Box<Map<String, Value>>>,
}

impl Failure {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            is_verbatim: false,
            code,
            message: message.into(),
            retry_after: None,
            under_way_max: None,
            details: None,
            root: None,
        }
    }

    /// As Polymarket says it, word for word.
    pub(super) fn verbatim(status: u16, code: &'static str, message: &str) -> Self {
        Self { is_verbatim: true, ..Self::new(status, code, message) }
    }

    /// A schema failure of a body: 422, naming the member.
    pub(super) fn invalid(field: &str, reason: &str) -> Self {
        Self::invalid_in("body", field, reason)
    }

    /// A schema failure of a query string: 422, naming the parameter.
    pub(super) fn invalid_query(field: &str, reason: &str) -> Self {
        Self::invalid_in("query", field, reason)
    }

    fn invalid_in(place: &str, field: &str, reason: &str) -> Self {
        let errors = json!({"errors": [{"loc": [place, field], "msg": reason, "type": "value_error"}]});
        Self { details: Some(errors), ..Self::new(422, "VALIDATION_FAILED", format!("{field}: {reason}")) }
    }

    /// A body of another kind than what is expected (§7.5).
    pub(super) fn wrong_body(expected: &str) -> Self {
        Self::new(400, "INVALID_BODY", format!("Request body must be {expected}"))
    }

    pub(super) fn missing_key() -> Self {
        Self::new(401, "MISSING_API_KEY", "API key required. Send it in the X-API-Key header.")
    }

    pub(super) fn missing_auth() -> Self {
        Self::new(401, "MISSING_AUTH", "Authentication required: an API key or a session token.")
    }

    pub(super) fn lacks(permission: Permission) -> Self {
        let message = format!("API key missing required permission: {}", permission.name());
        Self::new(403, "INSUFFICIENT_PERMISSION", message)
    }

    pub(super) fn wallet_not_found() -> Self {
        Self::new(404, "WALLET_NOT_FOUND", "Wallet not found")
    }

    /// A key that is not issued. What might help is in the verbose body alone (§5.3).
    fn not_issued(code: &'static str, message: &str) -> Self {
        let hints = json!({"feature_key": "api.access", "upgrade_url": "/pricing"});
        Self { details: Some(hints), ..Self::new(403, code, message) }
    }

    /// What the plan does not include (§7.3).
    pub(super) fn upgrade(feature: &str) -> Self {
        let root = [("feature_key", feature), ("upgrade_url", "/pricing")]
            .map(|(name, value)| (name.to_owned(), Value::from(value)));
        let needed =
            Self::new(402, "UPGRADE_REQUIRED", "Your plan does not include this. Upgrade to use it.");
        Self { root: Some(Box::new(root.into_iter().collect())), ..needed }
    }

    pub(super) fn market_not_found() -> Self {
        Self::new(404, "MARKET_NOT_FOUND", "Market not found")
    }

    pub(super) fn book_unavailable() -> Self {
        Self::new(404, "BOOK_UNAVAILABLE", "No order book for that token")
    }

    pub(super) fn order_not_found() -> Self {
        Self::new(404, "ORDER_NOT_FOUND", "Order not found")
    }

    pub(super) fn not_json(why: impl std::fmt::Display) -> Self {
        Self::new(400, "INVALID_BODY", format!("Request body is not valid JSON: {why}"))
    }

    /// The body of an envelope (§7.1). Verbose: four members (§7.2).
    pub(super) fn body(&self, envelope: Envelope, verbose: bool, request_id: &str) -> Value {
        if verbose {
            let hints = || self.root.as_deref().cloned().map(Value::Object);
            return json!({
                "error": self.code,
                "message": self.message,
                "details": self.details.clone().or_else(hints),
                "request_id": request_id,
            });
        }
        let mut body = self.root.as_deref().cloned().unwrap_or_default();
        let mut say = |name: &str, text: &str| body.insert(name.to_owned(), text.into());
        if envelope == Envelope::Structured && !self.is_verbatim {
            say("error", self.code);
            say("message", &self.message);
        } else {
            say("error", &self.message);
        }
        Value::Object(body)
    }
}

impl From<Reject> for Failure {
    #[expect(clippy::too_many_lines, reason = "one row a refusal, and no wildcard")]
    fn from(reject: Reject) -> Self {
        let message = reject.to_string();
        let (status, code, message): (u16, &'static str, String) = match reject {
            Reject::Overloaded => {
                let busy = Self::new(503, "SERVER_BUSY", "The server is busy. The order was not placed.");
                return Self { retry_after: Some(1), ..busy };
            }
            Reject::Stopped(_) => {
                let stopped = Self::new(503, "SERVER_BUSY", capital(&message));
                return Self { retry_after: Some(5), ..stopped };
            }
            Reject::Restricted { seconds, .. } => {
                let restricted = Self::new(503, "SERVER_BUSY", capital(&message));
                return Self { retry_after: Some(seconds), ..restricted };
            }
            // Maybe placed: no Retry-After, or the SDK would place it again.
            Reject::OutcomeUnknown => (503, "PERSISTENCE_UNKNOWN", message),
            Reject::HistoryUnavailable => {
                let late = Self::new(503, "SERVER_BUSY", "History is not available at present.");
                return Self { retry_after: Some(1), ..late };
            }
            Reject::NotLetIn(why) => return key_failure(why),
            Reject::UserNotFound => (404, "NOT_FOUND", "User not found".to_owned()),
            Reject::KeyNotFound => (404, "NOT_FOUND", "API key not found".to_owned()),
            Reject::KeyEnded => {
                (400, "VALIDATION_FAILED", "This key has ended or was already rotated".to_owned())
            }
            Reject::NotFirstKey => (
                400,
                "BOOTSTRAP_NOT_ALLOWED",
                "This account already has an API key. Use POST /v1/keys instead.".to_owned(),
            ),
            Reject::IssuanceClosed => return Self::not_issued("CLOSED_BETA", CLOSED_BETA),
            Reject::IssuanceComingSoon => {
                let message = "Your subscription includes API access; it is being rolled out in cohorts.";
                return Self::not_issued("API_PRO_COMING_SOON", message);
            }
            Reject::UpgradeNeeded => {
                let message = "Your plan does not include this tier or permission";
                return Self::not_issued("TIER_REQUIRES_UPGRADE", message);
            }
            Reject::NotEntitled => {
                let message = "Your account is not authorized for this tier";
                return Self::not_issued("TIER_NOT_AUTHORIZED", message);
            }
            Reject::KeysFull { most } => {
                (400, "VALIDATION_FAILED", format!("Maximum of {most} active API keys reached"))
            }
            Reject::CohortFull { active, cap } => {
                let details = json!({"current_active": active, "cap": cap, "requested": 1});
                let full = Self::new(409, "COHORT_FULL", "The cohort is at capacity");
                return Self { details: Some(details), ..full };
            }
            Reject::WalletNotFound => return Self::wallet_not_found(),
            Reject::WrongWalletKind => {
                (400, "VALIDATION_FAILED", "Not possible with a wallet of this kind".to_owned())
            }
            Reject::PlanExhausted => return Self::upgrade("wallets.sandbox_baseline"),
            Reject::AccountNotFound => (404, "ACCOUNT_NOT_FOUND", "Account not found".to_owned()),
            Reject::TradeNotAllowed => return Self::lacks(Permission::Trade),
            Reject::IdempotencyKeyReused => (
                409,
                "IDEMPOTENCY_KEY_REUSE",
                "Idempotency key was already used with a different request".to_owned(),
            ),
            Reject::DuplicateClientOrderId(_) => (
                409,
                "DUPLICATE_CLIENT_ORDER_ID",
                "client_order_id already belongs to another order".to_owned(),
            ),
            Reject::MarketNotFound => return Self::market_not_found(),
            Reject::MarketClosed | Reject::MarketHalted | Reject::WrongVenue => {
                (400, "MARKET_CLOSED", "Market is closed for trading".to_owned())
            }
            Reject::MarketNotResolved => (400, "VALIDATION_FAILED", "Market is not resolved".to_owned()),
            Reject::Unsupported => (400, "VALIDATION_FAILED", message),
            Reject::OffTick { price, tick } => (
                400,
                "INVALID_ORDER_MIN_TICK_SIZE",
                format!(
                    "Price {} breaks minimum tick size rule: {}. Round to the nearest multiple.",
                    price.plain(),
                    tick.plain()
                ),
            ),
            Reject::InvalidQuantity | Reject::OffLot { .. } => {
                (400, "INVALID_QUANTITY", "Quantity must be positive".to_owned())
            }
            Reject::BelowMinimumSize { minimum } => (
                400,
                "ORDER_BELOW_MIN_SIZE",
                format!("Size is below the minimum of {} shares", minimum.plain()),
            ),
            Reject::BelowMinimumNotional { .. } => (400, "ORDER_BELOW_MIN_SIZE", message),
            Reject::InvalidExpiration { .. } => (
                400,
                "INVALID_ORDER_EXPIRATION",
                "Expiration must be a unix timestamp in the future".to_owned(),
            ),
            Reject::PostOnlyMustRest => (
                400,
                "INVALID_POST_ONLY_ORDER_TYPE",
                "post_only needs a limit order that is GTC or GTD".to_owned(),
            ),
            Reject::PostOnlyWouldCross => {
                (400, "POST_ONLY_WOULD_CROSS", "Post-only order would cross the book".to_owned())
            }
            Reject::InsufficientFunds { .. } => (400, "INSUFFICIENT_BALANCE", capital(&message)),
            Reject::InsufficientPosition { .. } => (400, "INSUFFICIENT_POSITION", capital(&message)),
            Reject::InsufficientLiquidity => {
                (400, "INSUFFICIENT_LIQUIDITY", "Not enough liquidity in the order book".to_owned())
            }
            Reject::NotFillable => {
                (400, "FOK_ORDER_NOT_FILLED_ERROR", "Order could not be filled at its price".to_owned())
            }
            Reject::OrderNotFound => return Self::order_not_found(),
            Reject::OrderNotOpen => (400, "ORDER_NOT_CANCELLABLE", "Order is not open".to_owned()),
            Reject::DailyOrdersUsed { resets_in } => {
                let used = Self::new(429, "RATE_LIMIT_EXCEEDED", "Daily order limit of your plan reached");
                return Self { retry_after: Some(resets_in), ..used };
            }
            // For good: whoever came back would wait for nothing. And what is signed is no order of this service's.
            Reject::NotLinked(_)
            | Reject::ExchangeRefused(_)
            | Reject::SignerExpired
            | Reject::BadFee(_)
            | Reject::AccountsFull
            | Reject::LimitReached(_)
            | Reject::BadSignature
            | Reject::MeetsOwn
            | Reject::MakerNotAllowed
            | Reject::NotKeyOwner
            | Reject::NotKeyAddress
            | Reject::OrderVersion
            | Reject::WrongNonce
            | Reject::WrongFeeRate { .. }
            | Reject::DuplicateOrder(_)
            | Reject::WrongHeartbeat { .. }
            | Reject::GroupDecided => (400, "VALIDATION_FAILED", capital(&message)),
            Reject::Internal => (500, "INTERNAL_ERROR", "Internal error".to_owned()),
        };
        Self::new(status, code, message)
    }
}

fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// §3.4, steps 2 to 6.
pub(super) fn key_failure(failure: KeyFailure) -> Failure {
    match failure {
        KeyFailure::Unknown => Failure::new(401, "INVALID_KEY", "Invalid API key"),
        KeyFailure::Deactivated => Failure::new(401, "KEY_DEACTIVATED", "API key has been deactivated"),
        KeyFailure::Expired => Failure::new(401, "KEY_EXPIRED", "API key has expired"),
        KeyFailure::OwnerNotFound => Failure::new(401, "KEY_OWNER_NOT_FOUND", "API key owner not found"),
        KeyFailure::Restricted => restricted(),
    }
}

/// §3.6.
pub(super) fn token_failure(failure: TokenFailure) -> Failure {
    match failure {
        TokenFailure::Invalid => Failure::new(401, "INVALID_TOKEN", "Invalid token"),
        TokenFailure::Expired => Failure::new(401, "TOKEN_EXPIRED", "Token has expired"),
        TokenFailure::UserGone => Failure::new(401, "USER_NOT_FOUND", "User not found"),
        TokenFailure::Restricted => restricted(),
        TokenFailure::Refused(reject) => reject.into(),
    }
}

fn restricted() -> Failure {
    Failure::new(403, "ACCESS_RESTRICTED", "API access restricted. Contact support to request access.")
}

impl From<BodyFailure> for Failure {
    fn from(failure: BodyFailure) -> Self {
        match failure {
            BodyFailure::TooLong => Self::new(413, "HTTP_413", "Request body is too large"),
            BodyFailure::TooSlow => Self::new(408, "HTTP_408", "Request body did not come in time"),
            BodyFailure::Broken => Self::new(400, "INVALID_BODY", "Request body could not be read"),
        }
    }
}
