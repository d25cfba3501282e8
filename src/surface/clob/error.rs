//! What these surfaces say when they refuse (§5.5). Every [`Reject`] has its row; there is no wildcard.

use crate::http::BodyFailure;
use crate::service::KeyFailure;
use crate::types::{Reject, Restriction};
use serde_json::{Map, Value, json};

/// Any failure of a request's five headers (§4.3).
pub(super) const UNAUTHORIZED: &str = "Unauthorized/Invalid api key";
/// Self-trade prevention has no text of its own on this wire.
const MET_OWN: &str =
    "order canceled in the CTF exchange contract: it would trade with an order of the same user";
const DISABLED: &str = "Trading is currently disabled. Check polymarket.com for updates";
const CANCEL_ONLY: &str =
    "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.";
const POST_ONLY: &str = "post-only mode: only post-only orders and cancels are allowed";
/// A request that could not be read.
pub(super) const BAD_ORDER: &str = "Invalid order payload";

/// A refusal: a status and a sentence, which clients match word for word.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) error: String,
    pub(super) retry_after: Option<u32>,
    /// Members other than `error`.
    pub(super) root: Option<Box<Map<String, Value>>>,
    /// Whether `error` is left out of the body.
    pub(super) is_bare: bool,
}

impl Failure {
    pub(super) fn new(status: u16, error: impl Into<String>) -> Self {
        Self { status, error: error.into(), retry_after: None, root: None, is_bare: false }
    }

    pub(super) fn bad_request(error: impl Into<String>) -> Self {
        Self::new(400, error)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, UNAUTHORIZED)
    }

    pub(super) fn no_book() -> Self {
        Self::new(404, "No orderbook exists for the requested token id")
    }

    pub(super) fn market_not_found() -> Self {
        Self::new(404, "market not found")
    }

    /// As Gamma says that there is no such thing (§9).
    pub(super) fn not_found(error: impl Into<String>) -> Self {
        let kind = [("type".to_owned(), json!("not found error"))];
        Self { root: Some(Box::new(kind.into_iter().collect())), ..Self::new(404, error) }
    }

    /// A body without `error`.
    pub(super) fn bare(status: u16, body: Value) -> Self {
        let root = if let Value::Object(body) = body { Some(Box::new(body)) } else { None };
        Self { root, is_bare: true, ..Self::new(status, "") }
    }

    fn busy(error: &str, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(503, error) }
    }

    /// The body: `error` and what stands beside it.
    pub(super) fn body(&self) -> Value {
        let mut body = self.root.as_deref().cloned().unwrap_or_default();
        if !self.is_bare {
            body.insert("error".to_owned(), self.error.clone().into());
        }
        Value::Object(body)
    }
}

impl From<Reject> for Failure {
    #[expect(clippy::too_many_lines, reason = "one row a refusal, and no wildcard")]
    fn from(reject: Reject) -> Self {
        let message = reject.to_string();
        let bad = |error: &str| Self::bad_request(error);
        match reject {
            // Nothing was done: production says so while its engine restarts (§2.2), and clients wait and ask again.
            Reject::Overloaded => Self { retry_after: Some(1), ..Self::new(425, message) },
            Reject::Stopped(_) => Self::busy(DISABLED, 5),
            Reject::Restricted { to, seconds } => restricted(to, seconds),
            // Maybe placed: nothing that would make a client place it again.
            Reject::OutcomeUnknown | Reject::Internal => Self::new(500, "Internal server error"),
            Reject::HistoryUnavailable => Self::busy("history is not available at present", 1),
            Reject::NotLetIn(
                KeyFailure::Unknown
                | KeyFailure::Deactivated
                | KeyFailure::Expired
                | KeyFailure::OwnerNotFound
                | KeyFailure::Restricted,
            )
            | Reject::TradeNotAllowed
            | Reject::UserNotFound => Self::unauthorized(),
            Reject::BadSignature => bad("invalid signature"),
            Reject::NotKeyOwner => bad("the order owner has to be the owner of the API KEY"),
            Reject::NotKeyAddress => bad("the order signer address has to be the address of the API KEY"),
            Reject::MeetsOwn => bad(MET_OWN),
            Reject::OrderVersion => bad("order_version_mismatch"),
            Reject::WrongNonce => bad("invalid nonce"),
            Reject::InvalidExpiration { .. } => bad("invalid expiration"),
            Reject::PostOnlyWouldCross => bad("invalid post-only order: order crosses book"),
            Reject::InsufficientFunds { .. } | Reject::InsufficientPosition { .. } => {
                bad("not enough balance / allowance")
            }
            Reject::MarketClosed | Reject::MarketHalted => {
                bad("the market is not yet ready to process new orders")
            }
            Reject::MarketNotFound => Self::market_not_found(),
            Reject::OrderNotFound | Reject::OrderNotOpen => Self::new(404, "Order not found"),
            Reject::Unsupported
            | Reject::InvalidQuantity
            | Reject::OffLot { .. }
            | Reject::PostOnlyMustRest => bad(BAD_ORDER),
            Reject::NotLinked(_)
            | Reject::ExchangeRefused(_)
            | Reject::SignerExpired
            | Reject::BadFee(_)
            | Reject::KeyNotFound
            | Reject::KeyEnded
            | Reject::NotFirstKey
            | Reject::IssuanceClosed
            | Reject::IssuanceComingSoon
            | Reject::UpgradeNeeded
            | Reject::NotEntitled
            | Reject::KeysFull { .. }
            | Reject::CohortFull { .. }
            | Reject::AccountNotFound
            | Reject::WalletNotFound
            | Reject::WrongWalletKind
            | Reject::PlanExhausted
            | Reject::AccountsFull
            | Reject::IdempotencyKeyReused
            | Reject::DuplicateClientOrderId(_)
            | Reject::DailyOrdersUsed { .. }
            | Reject::MakerNotAllowed
            | Reject::WrongFeeRate { .. }
            | Reject::DuplicateOrder(_)
            | Reject::WrongHeartbeat { .. }
            | Reject::GroupDecided
            | Reject::WrongVenue
            | Reject::OffTick { .. }
            | Reject::BelowMinimumSize { .. }
            | Reject::BelowMinimumNotional { .. }
            | Reject::InsufficientLiquidity
            | Reject::NotFillable
            | Reject::MarketNotResolved
            | Reject::LimitReached(_) => Self::bad_request(message),
        }
    }
}

/// What is said of trading that is restricted (§2.2).
fn restricted(to: Restriction, seconds: u32) -> Failure {
    match to {
        Restriction::Restarting => {
            Failure { retry_after: Some(seconds), ..Failure::new(425, "Too Early: the engine is restarting") }
        }
        Restriction::Disabled => Failure::busy(DISABLED, seconds),
        Restriction::CancelOnly => Failure::busy(CANCEL_ONLY, seconds),
        Restriction::PostOnly => {
            let more = json!({"code": "post_only_mode", "retry_after_seconds": seconds});
            let root = if let Value::Object(more) = more { Some(Box::new(more)) } else { None };
            Failure { root, ..Failure::busy(POST_ONLY, seconds) }
        }
    }
}

impl From<BodyFailure> for Failure {
    fn from(failure: BodyFailure) -> Self {
        match failure {
            BodyFailure::TooLong => Self::new(413, "Payload exceeds the limit"),
            BodyFailure::TooSlow => Self::new(408, "Request body did not come in time"),
            BodyFailure::Broken => Self::bad_request("Invalid payload"),
        }
    }
}
