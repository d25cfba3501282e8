//! The shapes of the Data API's two wires (§10). What is a [`Value`] goes out as a number.

use serde::Serialize;
use serde_json::Value;

/// What a row is about, as the first generation writes it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct About {
    pub(super) asset: String,
    pub(super) condition_id: String,
    pub(super) title: String,
    pub(super) slug: String,
    pub(super) icon: &'static str,
    pub(super) event_slug: String,
    pub(super) outcome: String,
    pub(super) outcome_index: usize,
}

/// Who a row is about. Nobody here has a name.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Who {
    pub(super) name: &'static str,
    pub(super) pseudonym: &'static str,
    pub(super) bio: &'static str,
    pub(super) profile_image: &'static str,
    pub(super) profile_image_optimized: &'static str,
}

/// What positions have besides: the other half.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Half {
    #[serde(flatten)]
    pub(super) about: About,
    pub(super) event_id: String,
    pub(super) opposite_outcome: String,
    pub(super) opposite_asset: String,
    pub(super) negative_risk: bool,
}

/// An open position.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Position {
    pub(super) proxy_wallet: String,
    #[serde(flatten)]
    pub(super) half: Half,
    pub(super) size: Value,
    pub(super) avg_price: Value,
    pub(super) initial_value: Value,
    pub(super) current_value: Value,
    pub(super) cash_pnl: Value,
    pub(super) percent_pnl: Value,
    pub(super) total_bought: Value,
    pub(super) realized_pnl: Value,
    pub(super) percent_realized_pnl: Value,
    pub(super) cur_price: Value,
    pub(super) redeemable: bool,
    pub(super) mergeable: bool,
    /// A day.
    pub(super) end_date: String,
}

/// A position of which nothing is left.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClosedPosition {
    pub(super) proxy_wallet: String,
    #[serde(flatten)]
    pub(super) half: Half,
    pub(super) size: Value,
    pub(super) avg_price: Value,
    pub(super) initial_value: Value,
    pub(super) percent_pnl: Value,
    pub(super) total_bought: Value,
    pub(super) realized_pnl: Value,
    pub(super) percent_realized_pnl: Value,
    pub(super) cur_price: Value,
    pub(super) redeemable: bool,
    pub(super) mergeable: bool,
    /// A moment, unlike an open position's: clients read it so.
    pub(super) end_date: String,
    pub(super) timestamp: i64,
}

/// One side of a trade.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Trade {
    pub(super) proxy_wallet: String,
    pub(super) side: &'static str,
    #[serde(flatten)]
    pub(super) about: About,
    pub(super) size: Value,
    pub(super) price: Value,
    pub(super) timestamp: i64,
    #[serde(flatten)]
    pub(super) who: Who,
    pub(super) transaction_hash: String,
}

/// Something a wallet did.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Activity {
    pub(super) proxy_wallet: String,
    pub(super) timestamp: i64,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(flatten)]
    pub(super) about: About,
    pub(super) side: &'static str,
    pub(super) size: Value,
    pub(super) usdc_size: Value,
    pub(super) price: Value,
    #[serde(flatten)]
    pub(super) who: Who,
    pub(super) transaction_hash: String,
}

/// Someone who holds an outcome.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Holder {
    pub(super) proxy_wallet: String,
    pub(super) asset: String,
    pub(super) amount: Value,
    pub(super) outcome_index: usize,
    pub(super) display_username_public: bool,
    pub(super) verified: bool,
    #[serde(flatten)]
    pub(super) who: Who,
}

/// A list that goes on behind a cursor.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Page<Row> {
    pub(super) data: Vec<Row>,
    pub(super) pagination: Pagination,
}

/// Both are always there, and the one says whether the other is.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Pagination {
    has_more: bool,
    next_cursor: Option<String>,
}

impl<Row> Page<Row> {
    /// Rows, and where they go on if they do.
    pub(super) fn new(data: Vec<Row>, next_cursor: Option<String>) -> Self {
        Self { data, pagination: Pagination { has_more: next_cursor.is_some(), next_cursor } }
    }
}

/// A single thing.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Single<Row> {
    pub(super) data: Row,
}

/// What a row is about, as the second generation writes it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct About2 {
    pub(super) token_id: String,
    pub(super) condition_id: String,
    pub(super) title: String,
    pub(super) slug: String,
    pub(super) icon: &'static str,
    pub(super) event_slug: String,
    pub(super) outcome: String,
    pub(super) outcome_index: usize,
}

impl From<About> for About2 {
    fn from(about: About) -> Self {
        Self {
            token_id: about.asset,
            condition_id: about.condition_id,
            title: about.title,
            slug: about.slug,
            icon: about.icon,
            event_slug: about.event_slug,
            outcome: about.outcome,
            outcome_index: about.outcome_index,
        }
    }
}

/// A position, open or not.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Position2 {
    pub(super) proxy_wallet: String,
    #[serde(flatten)]
    pub(super) about: About2,
    pub(super) event_id: String,
    pub(super) opposite_outcome: String,
    pub(super) opposite_token_id: String,
    pub(super) end_date: Option<String>,
    #[serde(flatten)]
    pub(super) amounts: Amounts2,
    pub(super) status: &'static str,
    #[serde(flatten)]
    pub(super) flags: Flags2,
    pub(super) first_entry_at: i64,
    pub(super) last_event_at: Option<i64>,
}

/// What a position cost and came to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Amounts2 {
    pub(super) current_size: Value,
    pub(super) avg_price: Value,
    pub(super) entry_cost_usdc: Value,
    pub(super) entry_fees_usdc: Value,
    pub(super) total_cost_usdc: Value,
    pub(super) current_price: Value,
    pub(super) current_value: Value,
    pub(super) total_size: Value,
    pub(super) realized_pnl: Value,
    pub(super) unrealized_pnl: Value,
    pub(super) total_pnl: Value,
    pub(super) percent_pnl: Value,
    pub(super) percent_realized_pnl: Value,
}

/// What is true of a position.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the wire has so many")]
pub(super) struct Flags2 {
    pub(super) redeemable: bool,
    pub(super) mergeable: bool,
    pub(super) negative_risk: bool,
    pub(super) archived: bool,
    pub(super) verified: bool,
}

/// One side of a trade.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Trade2 {
    pub(super) proxy_wallet: String,
    #[serde(flatten)]
    pub(super) about: About2,
    pub(super) side: &'static str,
    pub(super) size: Value,
    pub(super) price: Value,
    pub(super) timestamp: i64,
    pub(super) transaction_hash: String,
}

/// Something a wallet did.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Activity2 {
    pub(super) proxy_wallet: String,
    pub(super) timestamp: i64,
    pub(super) transaction_hash: String,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) is_combo: bool,
    #[serde(flatten)]
    pub(super) about: About2,
    pub(super) side: &'static str,
    pub(super) size: Value,
    pub(super) usdc_size: Value,
    pub(super) price: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_on_exactly_where_it_has_a_cursor() {
        let text = |cursor: Option<&str>| {
            let page = Page::new(vec![1], cursor.map(str::to_owned));
            serde_json::to_string(&page).expect("JSON")
        };
        assert_eq!(text(None), r#"{"data":[1],"pagination":{"has_more":false,"next_cursor":null}}"#);
        assert_eq!(text(Some("x")), r#"{"data":[1],"pagination":{"has_more":true,"next_cursor":"x"}}"#);
    }
}
