//! The shapes of Gamma's wire (§9). What is a [`Value`] goes out as a number.

use serde::Serialize;
use serde_json::Value;

/// A tag.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Tag {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) slug: String,
}

/// That two tags belong together.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Relation {
    pub(super) id: String,
    #[serde(rename = "tagID")]
    pub(super) tag_id: u32,
    #[serde(rename = "relatedTagID")]
    pub(super) related_tag_id: u32,
    pub(super) rank: u32,
}

/// A tag that a search found.
#[derive(Clone, Debug, Serialize)]
pub(super) struct FoundTag {
    #[serde(flatten)]
    pub(super) tag: Tag,
    pub(super) event_count: usize,
}

/// A market's event, without its markets.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Parent {
    pub(super) id: String,
    pub(super) ticker: String,
    pub(super) slug: String,
    pub(super) title: String,
}

/// A market.
#[expect(clippy::struct_field_names, reason = "a member is called what the wire calls it")]
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Market {
    pub(super) id: String,
    pub(super) question: String,
    pub(super) condition_id: String,
    pub(super) slug: String,
    pub(super) description: String,
    pub(super) resolution_source: &'static str,
    #[serde(rename = "questionID")]
    pub(super) question_id: String,
    /// Always there: a client insists on it.
    pub(super) market_maker_address: &'static str,
    pub(super) category: String,
    pub(super) group_item_title: String,
    pub(super) image: &'static str,
    pub(super) icon: &'static str,
    /// The next three are texts that hold lists.
    pub(super) outcomes: String,
    pub(super) outcome_prices: String,
    pub(super) clob_token_ids: String,
    #[serde(flatten)]
    pub(super) amounts: MarketAmounts,
    #[serde(flatten)]
    pub(super) state: MarketState,
    #[serde(flatten)]
    pub(super) times: MarketTimes,
    #[serde(flatten)]
    pub(super) rules: MarketRules,
    #[serde(flatten)]
    pub(super) prices: MarketPrices,
    /// Left out where the market stands in its event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) events: Option<[Parent; 1]>,
    pub(super) tags: Vec<Tag>,
}

/// What was traded on a market, and what waits in its book.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MarketAmounts {
    pub(super) volume: String,
    pub(super) volume_num: Value,
    pub(super) volume_24hr: Value,
    pub(super) volume_1wk: Value,
    pub(super) volume_1mo: Value,
    pub(super) volume_1yr: Value,
    pub(super) volume_clob: Value,
    pub(super) liquidity: String,
    pub(super) liquidity_num: Value,
    pub(super) liquidity_clob: Value,
}

/// What can be done with a market.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the wire has so many")]
pub(super) struct MarketState {
    pub(super) active: bool,
    pub(super) closed: bool,
    pub(super) archived: bool,
    pub(super) new: bool,
    pub(super) featured: bool,
    pub(super) restricted: bool,
    pub(super) accepting_orders: bool,
    pub(super) enable_order_book: bool,
    pub(super) ready: bool,
    pub(super) funded: bool,
    pub(super) neg_risk: bool,
    #[serde(rename = "negRiskMarketID")]
    pub(super) neg_risk_market_id: String,
    #[serde(rename = "negRiskRequestID")]
    pub(super) neg_risk_request_id: &'static str,
    pub(super) uma_resolution_status: &'static str,
    pub(super) resolved_by: &'static str,
}

/// When a market began and ends.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MarketTimes {
    pub(super) start_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end_date: Option<String>,
    pub(super) start_date_iso: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end_date_iso: Option<String>,
    pub(super) created_at: String,
    pub(super) updated_at: String,
    pub(super) accepting_orders_timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) closed_time: Option<String>,
}

/// What an order on a market must keep to, and what it costs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MarketRules {
    pub(super) order_min_size: Value,
    pub(super) order_price_min_tick_size: Value,
    pub(super) seconds_delay: u32,
    pub(super) maker_base_fee: u32,
    pub(super) taker_base_fee: u32,
    pub(super) fees_enabled: bool,
    pub(super) fee_type: Option<&'static str>,
    pub(super) fee_schedule: Option<FeeSchedule>,
    pub(super) rewards_min_size: u32,
    pub(super) rewards_max_spread: u32,
}

/// `rate × (p × (1 − p)) ^ exponent` a share.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FeeSchedule {
    pub(super) exponent: u32,
    pub(super) rate: Value,
    pub(super) taker_only: bool,
    pub(super) rebate_rate: u32,
}

/// A market's prices, those of its first outcome.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MarketPrices {
    pub(super) best_bid: Value,
    pub(super) best_ask: Value,
    pub(super) last_trade_price: Value,
    pub(super) spread: Value,
    pub(super) one_day_price_change: Value,
}

/// An event with its markets.
#[expect(clippy::struct_field_names, reason = "a member is called what the wire calls it")]
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    #[serde(flatten)]
    pub(super) parent: Parent,
    pub(super) description: String,
    pub(super) resolution_source: &'static str,
    pub(super) category: String,
    pub(super) image: &'static str,
    pub(super) icon: &'static str,
    #[serde(flatten)]
    pub(super) times: EventTimes,
    #[serde(flatten)]
    pub(super) state: EventState,
    pub(super) liquidity: Value,
    pub(super) liquidity_clob: Value,
    pub(super) volume: Value,
    pub(super) volume_24hr: Value,
    pub(super) volume_1wk: Value,
    pub(super) volume_1mo: Value,
    pub(super) volume_1yr: Value,
    pub(super) open_interest: Value,
    pub(super) comment_count: u32,
    /// What a rolling window is measured against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event_metadata: Option<Value>,
    pub(super) markets: Vec<Market>,
    pub(super) tags: Vec<Tag>,
    pub(super) series: [Value; 0],
}

/// When an event began and ends.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventTimes {
    pub(super) start_date: String,
    pub(super) creation_date: String,
    pub(super) created_at: String,
    pub(super) updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) closed_time: Option<String>,
}

/// How an event stands.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the wire has so many")]
pub(super) struct EventState {
    pub(super) active: bool,
    pub(super) closed: bool,
    pub(super) archived: bool,
    pub(super) new: bool,
    pub(super) featured: bool,
    pub(super) restricted: bool,
    pub(super) neg_risk: bool,
    #[serde(rename = "negRiskMarketID")]
    pub(super) neg_risk_market_id: String,
    pub(super) enable_neg_risk: bool,
    pub(super) neg_risk_augmented: bool,
    pub(super) enable_order_book: bool,
}

/// A page of markets that goes on behind a cursor.
#[derive(Clone, Debug, Serialize)]
pub(super) struct MarketPage {
    pub(super) markets: Vec<Market>,
    /// Left out at the end: a client takes null for a mistake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// A page of events that goes on behind a cursor.
#[derive(Clone, Debug, Serialize)]
pub(super) struct EventPage {
    pub(super) events: Vec<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// How far a page is from the end.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pagination {
    pub(super) has_more: bool,
    pub(super) total_results: usize,
}

/// A page of events by its offset.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CountedEvents {
    pub(super) data: Vec<Event>,
    pub(super) pagination: Pagination,
}

/// What a search found.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Found {
    pub(super) events: Vec<Event>,
    pub(super) tags: Vec<FoundTag>,
    pub(super) profiles: [Value; 0],
    pub(super) pagination: Pagination,
}

/// What everyone may know of a wallet's owner.
#[expect(clippy::struct_field_names, reason = "a member is called what the wire calls it")]
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Profile {
    pub(super) created_at: Option<String>,
    pub(super) proxy_wallet: String,
    pub(super) pseudonym: String,
    pub(super) name: String,
    pub(super) bio: &'static str,
    pub(super) profile_image: &'static str,
    pub(super) display_username_public: bool,
    pub(super) verified_badge: bool,
    pub(super) users: [ProfileUser; 1],
}

/// The user behind a profile.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ProfileUser {
    pub(super) id: String,
    pub(super) creator: bool,
    #[serde(rename = "mod")]
    pub(super) is_mod: bool,
}
