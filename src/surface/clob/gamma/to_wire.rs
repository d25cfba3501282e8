//! From our values to Gamma's wire.

use super::super::text::{ask, bid, gap, iso, number};
use super::rows::{Group, Row, title};
use super::tags::{self, Tag};
use super::wire::{
    Event, EventState, EventTimes, FeeSchedule, Market, MarketAmounts, MarketPrices, MarketRules,
    MarketState, MarketTimes, Parent,
};
use super::{event_id, event_slug};
use crate::service::markets::{Ticker, tick_of};
use crate::service::{Market as Book, MarketFacts, Status};
use crate::types::{Outcome, Payout, Price, Timestamp, Usd, format_scaled};
use serde_json::{Value, json};

/// The letters of a day in an ISO-8601 moment.
const DAY_LETTERS: usize = 10;
/// What a price is taken for where nothing was ever traded or quoted (§5.2).
const UNKNOWN_PRICE: &str = "0.5";

/// The day of a moment, in UTC.
pub(super) fn day(at: Timestamp) -> String {
    iso(at).chars().take(DAY_LETTERS).collect()
}

/// A list inside a text, with the spaces that Gamma puts between its members.
fn list(members: [&str; 2]) -> String {
    let [first, second] = members.map(|member| json!(member));
    format!("[{first}, {second}]")
}

/// What an outcome is worth: what it pays, or the mark.
fn outcome_price(ticker: &Ticker, outcome: Outcome) -> String {
    match ticker.status {
        Status::Resolved(Payout::Winner(winner)) if winner == outcome => "1".to_owned(),
        Status::Resolved(Payout::Winner(_)) => "0".to_owned(),
        Status::Resolved(Payout::Split) => "0.5".to_owned(),
        Status::Open | Status::Halted => {
            let mark = ticker.touch.mark.map(|mark| Book::in_terms_of(outcome, mark));
            mark.map_or_else(|| UNKNOWN_PRICE.to_owned(), Price::plain)
        }
    }
}

/// What decides a market.
fn description(facts: &MarketFacts) -> String {
    match &facts.window {
        None => facts.question.clone(),
        Some(window) => format!(
            "Resolves to {} if the price of {} at the end of the window is at least its price at the beginning, \
             else to {}.",
            facts.labels[0], window.asset, facts.labels[1]
        ),
    }
}

fn parent(facts: &MarketFacts) -> Parent {
    let slug = event_slug(facts);
    Parent {
        id: event_id(slug).to_string(),
        ticker: slug.to_owned(),
        slug: slug.to_owned(),
        title: title(facts).to_owned(),
    }
}

/// A market that stands by itself: with its event.
pub(super) fn market(row: &Row, now: Timestamp) -> Market {
    Market { events: Some([parent(row.facts())]), ..member(row, now) }
}

/// A market that stands in its event.
fn member(row: &Row, now: Timestamp) -> Market {
    let facts = row.facts();
    let prices = Outcome::BOTH.map(|outcome| outcome_price(&row.ticker, outcome));
    Market {
        id: facts.gamma_id.clone(),
        question: facts.question.clone(),
        condition_id: facts.condition_id.clone(),
        slug: facts.slug.clone(),
        description: description(facts),
        resolution_source: "",
        question_id: facts.question_id.clone(),
        market_maker_address: "",
        category: facts.category.clone(),
        group_item_title: facts.group_title.trim().to_owned(),
        image: "",
        icon: "",
        outcomes: list([&facts.labels[0], &facts.labels[1]]),
        outcome_prices: list([&prices[0], &prices[1]]),
        clob_token_ids: list([&facts.token_ids[0], &facts.token_ids[1]]),
        amounts: amounts(row),
        state: state(row, now),
        times: times(row, now),
        rules: rules(row),
        prices: market_prices(&row.ticker),
        events: None,
        tags: tags::of(facts).iter().map(Tag::to_wire).collect(),
    }
}

fn dollars(amount: Usd) -> Value {
    number(&amount.plain())
}

fn amounts(row: &Row) -> MarketAmounts {
    let (total, resting) = (row.volumes.total, row.backing.resting);
    // Of the time before a market was listed here, only the last day and the whole are known.
    let day = dollars(row.volume_day());
    MarketAmounts {
        volume: total.plain(),
        volume_num: dollars(total),
        volume_24hr: day.clone(),
        volume_1wk: day.clone(),
        volume_1mo: day.clone(),
        volume_1yr: day,
        volume_clob: dollars(total),
        liquidity: resting.plain(),
        liquidity_num: dollars(resting),
        liquidity_clob: dollars(resting),
    }
}

fn state(row: &Row, now: Timestamp) -> MarketState {
    let facts = row.facts();
    MarketState {
        // Once it is listed it stays so: that it is over says `closed`.
        active: true,
        closed: row.is_closed(),
        archived: false,
        new: false,
        featured: false,
        restricted: false,
        accepting_orders: row.is_accepting(now),
        enable_order_book: true,
        ready: true,
        funded: true,
        neg_risk: facts.neg_risk,
        neg_risk_market_id: facts.neg_risk_id.clone(),
        neg_risk_request_id: "",
        uma_resolution_status: if row.is_closed() { "resolved" } else { "" },
        resolved_by: "",
    }
}

fn times(row: &Row, now: Timestamp) -> MarketTimes {
    let facts = row.facts();
    MarketTimes {
        start_date: iso(facts.opened_at),
        end_date: facts.ends_at.map(iso),
        start_date_iso: day(facts.opened_at),
        end_date_iso: facts.ends_at.map(day),
        created_at: iso(facts.opened_at),
        updated_at: iso(now),
        accepting_orders_timestamp: iso(facts.opened_at),
        closed_time: row.closed_at(now).map(iso),
    }
}

fn rules(row: &Row) -> MarketRules {
    let spec = &row.ticker.spec;
    let rate_bps = spec.fees.rate_bps;
    let schedule = (rate_bps > 0).then(|| FeeSchedule {
        exponent: 1,
        rate: number(&format_scaled(i64::from(rate_bps), 4, 0)),
        taker_only: true,
        // Makers get nothing back here, and whoever reckons with the schedule should know.
        rebate_rate: 0,
    });
    MarketRules {
        order_min_size: number(&spec.minimum.plain()),
        order_price_min_tick_size: number(&tick_of(spec).plain()),
        seconds_delay: 0,
        maker_base_fee: 0,
        taker_base_fee: 0,
        fees_enabled: schedule.is_some(),
        fee_type: None,
        fee_schedule: schedule,
        rewards_min_size: 0,
        rewards_max_spread: 0,
    }
}

/// How far the mark is from the price that the market was listed with. Of a world older than a day that is not the
/// day's change, for which a list would have to wait for history.
pub(super) fn price_change(ticker: &Ticker) -> i64 {
    let units = |price: Price| i64::from(price.ten_thousandths());
    let both = ticker.touch.mark.zip(ticker.spec.reference);
    both.map_or(0, |(mark, listed)| units(mark) - units(listed))
}

fn market_prices(ticker: &Ticker) -> MarketPrices {
    let (bid_price, ask_price) = (ticker.touch.bid, ticker.touch.ask);
    let last = ticker.last_trade.or(ticker.spec.reference);
    MarketPrices {
        best_bid: number(&bid(bid_price)),
        best_ask: number(&ask(ask_price)),
        last_trade_price: last.map_or_else(|| number(UNKNOWN_PRICE), |price| number(&price.plain())),
        spread: number(&gap(bid_price, ask_price)),
        one_day_price_change: number(&format_scaled(price_change(ticker), 4, 0)),
    }
}

/// An event with its markets.
pub(super) fn event(group: &Group, now: Timestamp) -> Event {
    let facts = group.first().facts();
    let day = dollars(group.volume_day());
    let strike = facts.window.as_ref().and_then(|window| window.strike);
    Event {
        parent: parent(facts),
        description: if facts.window.is_some() { description(facts) } else { title(facts).to_owned() },
        resolution_source: "",
        category: facts.category.clone(),
        image: "",
        icon: "",
        times: EventTimes {
            start_date: iso(group.starts_at()),
            creation_date: iso(group.starts_at()),
            created_at: iso(group.starts_at()),
            updated_at: iso(now),
            end_date: group.ends_at().map(iso),
            closed_time: group.closed_at(now).map(iso),
        },
        state: event_state(group),
        liquidity: dollars(group.liquidity()),
        liquidity_clob: dollars(group.liquidity()),
        volume: dollars(group.volume()),
        volume_24hr: day.clone(),
        volume_1wk: day.clone(),
        volume_1mo: day.clone(),
        volume_1yr: day,
        open_interest: dollars(group.open_interest()),
        comment_count: 0,
        event_metadata: strike.map(|strike| json!({"priceToBeat": dollars(strike)})),
        markets: group.rows.iter().map(|row| member(row, now)).collect(),
        tags: group.tags().iter().map(Tag::to_wire).collect(),
        series: [],
    }
}

fn event_state(group: &Group) -> EventState {
    let facts = group.first().facts();
    EventState {
        active: true,
        closed: group.is_closed(),
        archived: false,
        new: false,
        featured: false,
        restricted: false,
        neg_risk: facts.neg_risk,
        neg_risk_market_id: facts.neg_risk_id.clone(),
        enable_neg_risk: facts.neg_risk,
        neg_risk_augmented: false,
        enable_order_book: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_inside_texts_are_json() {
        assert_eq!(list(["Yes", "No"]), r#"["Yes", "No"]"#);
        assert_eq!(list(["\"Up\"", "1"]), r#"["\"Up\"", "1"]"#);
    }

    #[test]
    fn a_day_is_the_utc_one() {
        assert_eq!(day(Timestamp::from_seconds(1_778_000_000)), "2026-05-05");
        assert_eq!(day(Timestamp::default()), "1970-01-01");
    }

    #[test]
    fn a_window_says_what_decides_it() {
        let facts = MarketFacts { question: "Q?".to_owned(), ..MarketFacts::default() };
        assert_eq!(description(&facts), "Q?");
    }
}
