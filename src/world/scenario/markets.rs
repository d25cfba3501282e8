//! Recorded markets, made ready to be traded again (design §8).

use super::books::Quotes;
use super::{Scenario, ScenarioError};
use crate::exchange::{FeeSchedule, MarketFacts, MarketSpec, Settlement, TickRange};
use crate::types::{DAY_MS, GroupId, Outcome, Payout, Price, Shares, Timestamp, Usd, Venue, parse_truncated};
use alloy_primitives::keccak256;
use serde::Deserialize;
use std::collections::BTreeMap;

const POLYMARKET: &str = include_str!("../../../fixtures/markets/polymarket.jsonl");
const KALSHI: &str = include_str!("../../../fixtures/markets/kalshi.jsonl");

/// No open market ends sooner than this after the start or a reset.
const OPEN_AT_LEAST_MS: i64 = 90 * DAY_MS;

pub(super) const POLYMARKET_LOT: Shares = Shares::from_micros(100);
const KALSHI_LOT: Shares = Shares::from_micros(10_000);

/// A line of a Polymarket file.
#[derive(Debug, Deserialize)]
struct PolymarketLine {
    condition_id: String,
    question_id: String,
    token_ids: [String; 2],
    outcomes: [String; 2],
    question: String,
    slug: String,
    category: String,
    event_slug: String,
    event_title: String,
    group_item_title: Option<String>,
    neg_risk: bool,
    neg_risk_market_id: Option<String>,
    gamma_id: String,
    tick_size: String,
    min_order_size: String,
    start_date: String,
    end_date: String,
    best_bid: Option<String>,
    best_ask: Option<String>,
    last_trade_price: Option<String>,
    outcome_prices: [String; 2],
    volume: String,
    volume_24h: Option<String>,
    closed: bool,
}

/// A line of a Kalshi file.
#[derive(Debug, Deserialize)]
struct KalshiLine {
    ticker: String,
    event_ticker: String,
    event_title: Option<String>,
    title: String,
    yes_sub_title: String,
    open_time: String,
    close_time: String,
    price_ranges: Vec<KalshiRange>,
    yes_bid_dollars: String,
    yes_ask_dollars: String,
    last_price_dollars: String,
    volume_fp: String,
    volume_24h_fp: String,
}

#[derive(Debug, Deserialize)]
struct KalshiRange {
    start: String,
    end: String,
    step: String,
}

pub(super) fn load(scenario: &Scenario, at: Timestamp) -> Result<Vec<(MarketSpec, Quotes)>, ScenarioError> {
    let mut all = Vec::new();
    for name in &scenario.markets {
        let found = match name.as_str() {
            "builtin:polymarket" => lines(POLYMARKET).map(|line| polymarket(scenario, line?, at)).collect(),
            "builtin:kalshi" => lines(KALSHI).map(|line| kalshi(scenario, line?, at)).collect(),
            path => from_file(scenario, path, at),
        };
        all.extend::<Vec<_>>(found.map_err(|error| ScenarioError::Invalid(format!("{name}: {error}")))?);
    }
    let mut groups = BTreeMap::new();
    for (spec, _) in all.iter_mut().filter(|(spec, _)| spec.facts.neg_risk) {
        let next = GroupId(u32::try_from(groups.len() + 1).expect("BUG: four billion groups"));
        spec.group = Some(*groups.entry(spec.facts.neg_risk_id.clone()).or_insert(next));
    }
    Ok(all)
}

/// Other Polymarket markets, in a file of the same form as the embedded one.
fn from_file(scenario: &Scenario, path: &str, at: Timestamp) -> Result<Vec<(MarketSpec, Quotes)>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    lines(&text).map(|line| polymarket(scenario, line?, at)).collect()
}

fn lines<'a, Line: Deserialize<'a>>(text: &'a str) -> impl Iterator<Item = Result<Line, String>> {
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| serde_json::from_str(line).map_err(|error| format!("line {number}: {error}")))
}

fn polymarket(
    scenario: &Scenario,
    line: PolymarketLine,
    at: Timestamp,
) -> Result<(MarketSpec, Quotes), String> {
    let step = units(&line.tick_size)?;
    let neg_risk_id = line.neg_risk_market_id.unwrap_or_else(|| keccak256(&line.event_slug).to_string());
    let resolved = if line.closed { Some(winner(&line.outcome_prices)?) } else { None };
    let (opened_at, recorded_end) = (moment(&line.start_date)?, moment(&line.end_date)?);
    let ends_at = if line.closed { recorded_end } else { shifted(recorded_end, at) };
    let quotes = Quotes {
        bid: quote(line.best_bid.as_deref())?,
        ask: quote(line.best_ask.as_deref())?,
        last: quote(line.last_trade_price.as_deref())?,
        levels: Vec::new(),
    };
    let spec = MarketSpec {
        venue: Venue::Polymarket,
        ticks: vec![TickRange { from: 0, to: Price::DOLLAR, step }],
        lot: POLYMARKET_LOT,
        minimum: Shares::from_micros(scaled(&line.min_order_size)?),
        fees: FeeSchedule { rate_bps: scenario.fee_bps(&line.category), up_to_cent: false },
        settlement: Settlement::Auto,
        ends_at: Some(ends_at),
        reference: quotes.last,
        resolved,
        group: None,
        facts: MarketFacts {
            condition_id: line.condition_id,
            question_id: line.question_id,
            token_ids: line.token_ids,
            labels: line.outcomes,
            question: line.question,
            slug: line.slug,
            category: line.category,
            event: [line.event_slug.clone(), line.event_slug, line.event_title],
            group_title: line.group_item_title.unwrap_or_default(),
            neg_risk: line.neg_risk,
            neg_risk_id: if line.neg_risk { neg_risk_id } else { String::new() },
            gamma_id: line.gamma_id,
            opened_at,
            ends_at: Some(ends_at),
            volume_total: Usd::from_micros(scaled(&line.volume)?),
            volume_day: line.volume_24h.as_deref().map(scaled).transpose()?.map(Usd::from_micros),
            window: None,
        },
    };
    Ok((spec, quotes))
}

fn kalshi(scenario: &Scenario, line: KalshiLine, at: Timestamp) -> Result<(MarketSpec, Quotes), String> {
    let ends_at = shifted(moment(&line.close_time)?, at);
    let ticks = line.price_ranges.iter().map(|range| {
        Ok(TickRange { from: units(&range.start)?, to: units(&range.end)?, step: units(&range.step)? })
    });
    let quotes = Quotes {
        bid: quote(Some(&line.yes_bid_dollars))?,
        ask: quote(Some(&line.yes_ask_dollars))?,
        last: quote(Some(&line.last_price_dollars))?,
        levels: Vec::new(),
    };
    let spec = MarketSpec {
        venue: Venue::Kalshi,
        ticks: ticks.collect::<Result<_, String>>()?,
        lot: KALSHI_LOT,
        minimum: KALSHI_LOT,
        fees: FeeSchedule { rate_bps: scenario.fee_bps("kalshi"), up_to_cent: true },
        settlement: Settlement::Auto,
        ends_at: Some(ends_at),
        reference: quotes.last,
        resolved: None,
        group: None,
        facts: MarketFacts {
            slug: line.ticker.to_ascii_lowercase(),
            condition_id: line.ticker,
            question_id: String::new(),
            token_ids: [String::new(), String::new()],
            labels: ["Yes".to_owned(), "No".to_owned()],
            question: line.title.clone(),
            category: "kalshi".to_owned(),
            event: [line.event_ticker.clone(), line.event_ticker, line.event_title.unwrap_or(line.title)],
            group_title: line.yes_sub_title,
            neg_risk: false,
            neg_risk_id: String::new(),
            gamma_id: String::new(),
            opened_at: moment(&line.open_time)?,
            ends_at: Some(ends_at),
            volume_total: Usd::from_micros(scaled(&line.volume_fp)?),
            volume_day: Some(Usd::from_micros(scaled(&line.volume_24h_fp)?)),
            window: None,
        },
    };
    Ok((spec, quotes))
}

/// The recorded end, moved by whole years of 365 days until it lies far enough ahead.
fn shifted(recorded: Timestamp, at: Timestamp) -> Timestamp {
    const YEAR_MS: i64 = 365 * DAY_MS;
    let missing = at.millis() + OPEN_AT_LEAST_MS - recorded.millis();
    let years = if missing >= 0 { missing / YEAR_MS + 1 } else { 0 };
    recorded.plus_millis(years * YEAR_MS)
}

fn winner(prices: &[String; 2]) -> Result<Payout, String> {
    match [prices[0].as_str(), prices[1].as_str()] {
        ["1", "0"] => Ok(Payout::Winner(Outcome::Yes)),
        ["0", "1"] => Ok(Payout::Winner(Outcome::No)),
        ["0.5", "0.5"] => Ok(Payout::Split),
        other => Err(format!("a closed market with the outcome prices {other:?}")),
    }
}

/// A quote; 0 and 1 count as missing.
fn quote(text: Option<&str>) -> Result<Option<Price>, String> {
    let Some(text) = text else { return Ok(None) };
    let units = parse_truncated(text, 4).map_err(|error| format!("{text:?} {error}"))?;
    Ok(u16::try_from(units).ok().and_then(Price::new))
}

fn units(text: &str) -> Result<u16, String> {
    let units = parse_truncated(text, 4).map_err(|error| format!("{text:?} {error}"))?;
    u16::try_from(units).map_err(|_| format!("{text:?} is no price"))
}

fn scaled(text: &str) -> Result<i64, String> {
    parse_truncated(text, 6).map_err(|error| format!("{text:?} {error}"))
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let moment: jiff::Timestamp = text.parse().map_err(|error| format!("{text:?}: {error}"))?;
    Ok(Timestamp::from_millis(moment.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

    #[test]
    fn the_default_scenario_holds_the_recorded_markets_and_the_open_ones_are_open() {
        let all = load(&Scenario::builtin(), NOW).expect("the embedded files are valid");
        let of = |venue| all.iter().filter(move |(spec, _)| spec.venue == venue);
        assert_eq!((of(Venue::Polymarket).count(), of(Venue::Kalshi).count()), (106, 17));
        assert_eq!(all.iter().filter(|(spec, _)| spec.resolved.is_some()).count(), 5);
        for (spec, _) in all.iter().filter(|(spec, _)| spec.resolved.is_none()) {
            assert!(
                spec.ends_at.is_some_and(|ends| ends >= NOW.plus_millis(OPEN_AT_LEAST_MS)),
                "{}",
                spec.facts.slug
            );
        }
    }

    #[test]
    fn an_end_is_moved_by_whole_years() {
        let ended = Timestamp::from_seconds(1_795_000_000 - 86_400);
        assert_eq!(shifted(ended, NOW).millis() - ended.millis(), 365 * DAY_MS);
        let far = Timestamp::from_seconds(4_000_000_000);
        assert_eq!(shifted(far, NOW), far);
    }
}
