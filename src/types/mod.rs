//! The words every other module speaks: prices, shares, dollars, ids, time, orders and refusals.
//!
//! Pure values. Nothing here knows a market's rules, a service's wire or the clock.

mod amount;
mod decimal;
mod ids;
mod order;
mod price;
mod reject;
mod time;

pub use alloy_primitives::Address;
pub use amount::{Shares, Usd};
pub use decimal::{DecimalError, format_scaled, parse_scaled, parse_truncated};
pub use ids::{AccountId, GroupId, KeyId, MarketId, OrderId, Sequence, TradeId, UserId, index};
pub use order::{
    CloseReason, LimitRule, NewOrder, OrderKind, Outcome, Payout, Side, Size, Terms, TimeInForce, Venue,
};
pub use price::Price;
pub use reject::{FeeFailure, KeyFailure, Reject, Restriction};
pub use time::{DAY_MS, HOUR_MS, Timestamp};
