//! The shapes of this wire, member for member (§9, §10, §16). Decimals are texts, unless [`serde_json::Value`]
//! says that a number must go out.

use serde::Serialize;
use serde_json::Value;

/// One price of a book with what waits there.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Level {
    pub(super) price: String,
    pub(super) size: String,
}

/// §9.4. The best level comes last on both sides.
#[derive(Clone, Debug, Serialize)]
pub(super) struct OrderBook {
    pub(super) token_id: String,
    pub(super) market: String,
    pub(super) asset_id: String,
    pub(super) hash: String,
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
    pub(super) min_order_size: String,
    pub(super) tick_size: String,
    pub(super) neg_risk: bool,
    pub(super) last_trade_price: Option<String>,
    pub(super) mid: Option<String>,
    pub(super) spread: Option<String>,
    /// Milliseconds, as digits.
    pub(super) timestamp: String,
}

/// What one outcome is worth at the moment.
#[derive(Clone, Debug, Serialize)]
pub(super) struct OutcomePrice {
    pub(super) label: String,
    pub(super) price: String,
    pub(super) token_id: String,
}

/// The displayed prices of a market.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LivePrice {
    pub(super) buy: String,
    pub(super) sell: String,
    pub(super) volume: String,
    pub(super) updated_at: String,
    pub(super) source: &'static str,
    pub(super) outcomes: Vec<OutcomePrice>,
}

/// §9.1.
#[derive(Clone, Debug, Serialize)]
pub(super) struct MarketSummary {
    pub(super) id: String,
    pub(super) condition_id: String,
    pub(super) slug: String,
    pub(super) question: String,
    pub(super) outcomes: [String; 2],
    pub(super) active: bool,
    pub(super) closed: bool,
    pub(super) is_hot: bool,
    pub(super) image_url: Option<String>,
    pub(super) category: Option<String>,
    pub(super) display_label: Option<String>,
    pub(super) clob_token_ids: [String; 2],
    pub(super) volume_24h: Option<String>,
    pub(super) volume_total: String,
    pub(super) last_price: Option<String>,
    pub(super) live_price: Option<LivePrice>,
}

/// One outcome's token in Polymarket's shape.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Token {
    #[serde(rename = "token_id")]
    pub(super) id: String,
    pub(super) outcome: String,
    /// A number.
    pub(super) price: Value,
    pub(super) winner: bool,
}

/// §9.2.
#[derive(Clone, Debug, Serialize)]
pub(super) struct MarketDetail {
    #[serde(flatten)]
    pub(super) summary: MarketSummary,
    pub(super) event_group_id: Option<String>,
    pub(super) event_title: Option<String>,
    pub(super) end_date: Option<String>,
    pub(super) resolved_outcome: Option<String>,
    pub(super) archived: bool,
    pub(super) archived_at: Option<String>,
    pub(super) question_id: String,
    pub(super) market_slug: String,
    pub(super) neg_risk: bool,
    pub(super) tokens: Vec<Token>,
    pub(super) last_trade_price: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) order_book: Option<OrderBook>,
}

/// One row of `POST /v1/prices/batch`; a market without a price shows its id alone.
#[derive(Clone, Debug, Serialize)]
pub(super) struct BatchPrice {
    pub(super) condition_id: String,
    #[serde(flatten)]
    pub(super) price: Option<BatchPriced>,
}

/// What is known of its price.
#[derive(Clone, Debug, Serialize)]
pub(super) struct BatchPriced {
    pub(super) buy: String,
    pub(super) sell: String,
    pub(super) outcomes: Vec<OutcomePrice>,
    pub(super) source: &'static str,
}

/// The four prices of a stretch of time, which begins at `t`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Ohlc {
    pub(super) t: i64,
    pub(super) o: String,
    pub(super) h: String,
    pub(super) l: String,
    pub(super) c: String,
}

/// The same with the shares traded here.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Candle {
    #[serde(flatten)]
    pub(super) prices: Ohlc,
    pub(super) v: String,
}

/// A point of a price history.
#[derive(Clone, Debug, Serialize)]
pub(super) struct PricePoint {
    pub(super) t: i64,
    /// A number.
    pub(super) p: Value,
}

/// A page of `GET /v1/events`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct EventsPage {
    pub(super) events: Vec<Event>,
    pub(super) total: usize,
    pub(super) limit: usize,
    pub(super) offset: usize,
    pub(super) has_sports: bool,
}

/// One event with its markets.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) slug: String,
    pub(super) title: String,
    pub(super) image: Option<String>,
    pub(super) end_date: Option<String>,
    pub(super) is_hot: bool,
    pub(super) category: Option<String>,
    pub(super) markets: Vec<EventMarket>,
}

/// A market as its event shows it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct EventMarket {
    pub(super) condition_id: String,
    pub(super) slug: String,
    pub(super) question: String,
    pub(super) outcomes: [String; 2],
    pub(super) live_price: Option<BuySell>,
}

/// The displayed prices of both outcomes.
#[derive(Clone, Debug, Serialize)]
pub(super) struct BuySell {
    pub(super) buy: String,
    pub(super) sell: String,
}

/// §4: a key as its owner sees it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct KeyInfo {
    pub(super) id: u32,
    pub(super) key_prefix: String,
    pub(super) name: Option<String>,
    pub(super) rate_limit_tier: &'static str,
    pub(super) permissions: Vec<&'static str>,
    pub(super) is_active: bool,
    pub(super) created_at: String,
    pub(super) last_used_at: Option<String>,
    pub(super) expires_at: Option<String>,
}

/// §4: a key that was just made. It does not print: its text is for its owner alone.
#[derive(Serialize)]
pub(super) struct CreatedKey {
    pub(super) id: u32,
    pub(super) raw_key: String,
    pub(super) key_prefix: String,
    pub(super) name: Option<String>,
    pub(super) rate_limit_tier: &'static str,
    pub(super) permissions: Vec<&'static str>,
    pub(super) created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rotated_from: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) old_key_expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) beta_until: Option<String>,
}

/// §14.
#[derive(Clone, Debug, Serialize)]
pub(super) struct WalletOut {
    pub(super) id: u32,
    pub(super) kind: &'static str,
    pub(super) label: Option<String>,
    pub(super) balance: String,
    pub(super) baseline: String,
    pub(super) status: &'static str,
    pub(super) generation: u32,
    pub(super) parent_wallet_id: Option<u32>,
    pub(super) competition_id: Option<u32>,
    pub(super) created_at: String,
    pub(super) archived_at: Option<String>,
    pub(super) is_legacy: bool,
}

/// A row of `GET /v1/keys/tiers`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TierRow {
    pub(super) tier: &'static str,
    pub(super) requests_per_second: u32,
    pub(super) requests_per_minute: u32,
    pub(super) max_ws_connections: u32,
    pub(super) max_batch_size: u32,
}

/// A row of `GET /v1/markets/updown`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct WindowRow {
    pub(super) event_id: String,
    pub(super) condition_id: String,
    pub(super) slug: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) asset: String,
    pub(super) interval: String,
    pub(super) time_range: String,
    pub(super) date_display: String,
    pub(super) start_date: String,
    pub(super) end_date: String,
    pub(super) active: bool,
    pub(super) closed: bool,
    pub(super) resolved: bool,
    pub(super) tags: [String; 3],
    pub(super) markets: [WindowMarket; 1],
    pub(super) live_price: Option<WindowPrice>,
    pub(super) group_item_threshold: Option<String>,
    pub(super) event_metadata_ptb: Option<Value>,
    pub(super) image: Option<String>,
    pub(super) icon: Option<String>,
}

/// The market of a window. Its three lists are JSON inside a string.
#[derive(Clone, Debug, Serialize)]
pub(super) struct WindowMarket {
    pub(super) id: String,
    pub(super) condition_id: String,
    pub(super) question: String,
    pub(super) outcomes: String,
    pub(super) outcome_prices: String,
    pub(super) token_ids: String,
}

/// The displayed prices of a window, as numbers.
#[derive(Clone, Debug, Serialize)]
pub(super) struct WindowPrice {
    pub(super) buy: Value,
    pub(super) sell: Value,
    pub(super) updated_at: String,
}

/// A spot price (§16.2).
#[derive(Clone, Debug, Serialize)]
pub(super) struct SpotPrice {
    pub(super) symbol: String,
    pub(super) price: Value,
    pub(super) timestamp: String,
    pub(super) source: &'static str,
    pub(super) age_seconds: Value,
    pub(super) stale: bool,
}
