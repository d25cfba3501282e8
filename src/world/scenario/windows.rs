//! Rolling up/down windows: what they are called, when they roll, what their books begin with (design §8).

use super::books::Quotes;
use super::genesis::{Genesis, Series};
use super::markets::POLYMARKET_LOT;
use super::{Scenario, Spot};
use crate::exchange::{self, FeeSchedule, MarketFacts, MarketSpec, Settlement, TickRange, Window};
use crate::types::{MarketId, Outcome, Payout, Price, Shares, Side, Timestamp, Usd, index};
use crate::world::record::{Command, Roll};
use alloy_primitives::{B256, U256, keccak256};
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use std::sync::{Arc, OnceLock};

const BTC_15M: &[u8] = include_bytes!("../../../fixtures/updown/btc-15m.frames.zst");

/// How many windows the recording holds.
const RECORDINGS: u64 = 12;
/// How long each of them lasted, in milliseconds. Windows of another length play it slower or faster.
pub(crate) const RECORDED_MS: i64 = 900_000;

/// The length of an interval in milliseconds; none for a name nobody knows.
#[must_use]
pub fn interval_ms(interval: &str) -> Option<i64> {
    match interval {
        "5M" => Some(300_000),
        "15M" => Some(900_000),
        "1H" => Some(3_600_000),
        "4H" => Some(14_400_000),
        "daily" => Some(86_400_000),
        _ => None,
    }
}

/// One change of a recorded book: a level now holds so many shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Milliseconds since the recording began.
    pub offset_ms: i64,
    /// A bid for the first outcome, or an offer of it.
    pub side: Side,
    /// At which price of the first outcome.
    pub price: Price,
    /// What the level holds from now on.
    pub shares: Shares,
}

/// The recorded books, decompressed once.
#[derive(Clone, Debug)]
pub struct Recordings {
    all: Arc<[Vec<Step>]>,
}

impl Recordings {
    /// The embedded recordings. They are immutable facts, so worlds share them.
    ///
    /// # Panics
    /// If the embedded file is not valid, which a test rules out.
    #[must_use]
    pub fn embedded() -> Self {
        static READ: OnceLock<Recordings> = OnceLock::new();
        READ.get_or_init(|| Self::read(BTC_15M).expect("BUG: the embedded recording is not valid")).clone()
    }

    /// The steps of the window with this number in its series: the opening book first, all at offset 0. The first
    /// series begins with the first recording, the next with the one after it, so that no two books look alike.
    #[must_use]
    pub fn window(&self, series: u32, number: u64) -> &[Step] {
        let turn = (u64::from(series) + number) % RECORDINGS;
        let at = u32::try_from(turn).expect("BUG: a remainder below twelve");
        &self.all[index(at)]
    }

    fn read(compressed: &[u8]) -> Option<Self> {
        let mut reader = ruzstd::decoding::StreamingDecoder::new(compressed).ok()?;
        let mut text = String::new();
        std::io::Read::read_to_string(&mut reader, &mut text).ok()?;
        let mut all = vec![Vec::new(); 12];
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            let recording: usize = words.next()?.parse().ok()?;
            all.get_mut(recording)?.push(step(words)?);
        }
        Some(Self { all: all.into() })
    }
}

fn step<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<Step> {
    let offset_ms = words.next()?.parse().ok()?;
    let side = match words.next()? {
        "b" => Side::Buy,
        "a" => Side::Sell,
        _ => return None,
    };
    let cents: u16 = words.next()?.parse().ok()?;
    let hundredths: i64 = words.next()?.parse().ok()?;
    Some(Step {
        offset_ms,
        side,
        price: Price::new(cents * 100)?,
        shares: Shares::from_micros(hundredths * 10_000),
    })
}

/// The windows in which a world begins.
pub(super) fn begin(genesis: &mut Genesis, scenario: &Scenario, seed: u64, at: Timestamp) {
    for (number, rules) in (0..).zip(&scenario.windows) {
        let Some(length) = interval_ms(&rules.interval) else { continue };
        let starts_at = floor(at, length);
        let mut series = Series {
            asset: rules.asset.clone(),
            interval: rules.interval.clone(),
            current: None,
            next_at: starts_at.plus_millis(length),
            listed: 0,
            fee_bps: scenario.fee_bps("crypto"),
            pace_ms: rules.pace_ms,
        };
        let Some(spec) = window(seed, &series, starts_at) else { continue };
        let levels = opening((number, 0), spec.minimum);
        series.current = Some(genesis.list(spec, &Quotes { levels, ..Quotes::default() }));
        series.listed = 1;
        genesis.series.push(series);
    }
}

/// What makes a series roll. A window that would begin and end before `until` is not listed.
#[must_use]
pub fn roll(seed: u64, number: u32, series: &Series, until: Timestamp) -> Command {
    let length = interval_ms(&series.interval).expect("BUG: a series of no interval");
    let ends = series.next_at;
    let resolve = series.current.map(|market| resolution(seed, series, market, length));
    let lands_in = floor(until.max(ends), length);
    let list = (lands_in == ends).then(|| window(seed, series, ends).map(Box::new)).flatten();
    let next_at = if lands_in == ends { ends.plus_millis(length) } else { lands_in };
    let opening =
        list.as_ref().map(|spec| opening((number, series.listed), spec.minimum)).unwrap_or_default();
    Command::Roll(Roll { series: number, resolve, list, opening, next_at })
}

/// The book that a window opens with: the recording's first, without what is too small to trade.
fn opening((series, number): (u32, u64), minimum: Shares) -> Vec<(Side, Price, Shares)> {
    let recorded = Recordings::embedded();
    let first = recorded.window(series, number).iter().take_while(|step| step.offset_ms == 0);
    first.filter(|step| step.shares >= minimum).map(|step| (step.side, step.price, step.shares)).collect()
}

fn resolution(seed: u64, series: &Series, market: MarketId, length: i64) -> exchange::Command {
    let spot = Spot::of(seed, &series.asset).expect("BUG: a series on no asset");
    let (strike, last) = (spot.at(series.next_at.plus_millis(-length)), spot.at(series.next_at));
    let winner = if last >= strike { Outcome::Yes } else { Outcome::No };
    exchange::Command::Resolve { market, payout: Payout::Winner(winner) }
}

fn floor(at: Timestamp, length: i64) -> Timestamp {
    Timestamp::from_millis(at.millis() - at.millis().rem_euclid(length))
}

/// The window of an asset that begins at a moment.
fn window(seed: u64, series: &Series, starts_at: Timestamp) -> Option<MarketSpec> {
    let (asset, interval) = (series.asset.as_str(), series.interval.as_str());
    let length = interval_ms(interval)?;
    let strike = Spot::of(seed, asset)?.at(starts_at);
    let slug = format!("{}-updown-{}-{}", asset.to_lowercase(), interval.to_lowercase(), starts_at.seconds());
    let condition = keccak256([&seed.to_be_bytes(), slug.as_bytes()].concat());
    let condition_id = condition.to_string();
    let ends_at = starts_at.plus_millis(length);
    let token_ids = ["UP", "DOWN"].map(|outcome| token_id(&condition_id, outcome));
    Some(MarketSpec {
        venue: crate::types::Venue::Polymarket,
        ticks: vec![TickRange { from: 0, to: Price::DOLLAR, step: 100 }],
        lot: POLYMARKET_LOT,
        minimum: Shares::from_whole(5),
        fees: FeeSchedule { rate_bps: series.fee_bps, up_to_cent: false },
        settlement: Settlement::Auto,
        ends_at: Some(ends_at),
        reference: None,
        resolved: None,
        group: None,
        facts: MarketFacts {
            question_id: condition_id.clone(),
            condition_id,
            token_ids,
            labels: ["Up".to_owned(), "Down".to_owned()],
            question: title(asset, starts_at, ends_at),
            category: "crypto".to_owned(),
            event: [slug.clone(), slug.clone(), title(asset, starts_at, ends_at)],
            slug,
            group_title: String::new(),
            neg_risk: false,
            neg_risk_id: String::new(),
            gamma_id: gamma_id(&condition),
            opened_at: starts_at,
            ends_at: Some(ends_at),
            volume_total: Usd::ZERO,
            volume_day: Some(Usd::ZERO),
            window: Some(Window {
                asset: asset.to_owned(),
                interval: interval.to_owned(),
                starts_at,
                number: series.listed,
                strike: Some(strike),
            }),
        },
    })
}

/// A number like Gamma's, out of the reach of those that were recorded.
fn gamma_id(condition: &B256) -> String {
    let number = condition[..6].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    (number | 1 << 40).to_string()
}

/// SHA-256 of condition id and outcome, read as a 256-bit number, in decimal.
fn token_id(condition_id: &str, outcome: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(format!("{condition_id}{outcome}").as_bytes()).into();
    U256::from_be_bytes(digest).to_string()
}

/// As Polymarket calls them: `Bitcoin Up or Down - September 28, 5:00AM-5:15AM ET`.
fn title(asset: &str, starts_at: Timestamp, ends_at: Timestamp) -> String {
    let name = match asset {
        "BTC" => "Bitcoin",
        "ETH" => "Ethereum",
        "SOL" => "Solana",
        "SPX" => "S&P 500",
        "NDX" => "Nasdaq 100",
        other => other,
    };
    format!("{name} Up or Down - {}, {} ET", eastern(starts_at, "%B %-d"), time_range(starts_at, ends_at))
}

/// `5:00AM-5:15AM`, on the east coast's clock.
fn time_range(starts_at: Timestamp, ends_at: Timestamp) -> String {
    format!("{}-{}", eastern(starts_at, "%-I:%M%p"), eastern(ends_at, "%-I:%M%p"))
}

fn eastern(at: Timestamp, format: &str) -> String {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    let zone =
        ZONE.get_or_init(|| TimeZone::get("America/New_York").expect("BUG: the bundled zones hold New York"));
    let moment = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or(jiff::Timestamp::MAX);
    moment.to_zoned(zone.clone()).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series() -> Series {
        Series {
            asset: "BTC".to_owned(),
            interval: "15M".to_owned(),
            current: Some(MarketId(9)),
            next_at: Timestamp::from_seconds(9_000),
            listed: 1,
            fee_bps: 700,
            pace_ms: 500,
        }
    }

    #[test]
    fn the_recording_is_whole_and_never_crossed() {
        let recorded = Recordings::embedded();
        for number in 0..RECORDINGS {
            let mut book: [std::collections::BTreeMap<Price, Shares>; 2] = Default::default();
            let steps = recorded.window(0, number);
            assert!(steps.len() > 5_000);
            assert_eq!(steps.len(), recorded.window(5, number + 7).len(), "twelve recordings take turns");
            assert!(steps.windows(2).all(|pair| pair[0].offset_ms <= pair[1].offset_ms));
            for (at, step) in steps.iter().enumerate() {
                let side = &mut book[usize::from(step.side == Side::Sell)];
                if step.shares.is_zero() {
                    side.remove(&step.price)
                } else {
                    side.insert(step.price, step.shares)
                };
                if steps.get(at + 1).is_none_or(|next| next.offset_ms > step.offset_ms)
                    && let (Some(bid), Some(ask)) = (book[0].last_key_value(), book[1].first_key_value())
                {
                    assert!(bid.0 < ask.0, "recording {number} at {}", step.offset_ms);
                }
            }
        }
    }

    #[test]
    fn windows_are_called_as_polymarket_calls_them() {
        let starts_at = Timestamp::from_seconds(1_790_586_000);
        let spec = window(1, &series(), starts_at).expect("known");
        assert_eq!(spec.facts.question, "Bitcoin Up or Down - September 28, 5:00AM-5:15AM ET");
        assert_eq!(spec.facts.slug, "btc-updown-15m-1790586000");
    }

    #[test]
    fn token_ids_follow_the_rule_of_the_recording() {
        // Condition id and tokens of the first recorded market.
        let condition = "0xfb85ca82aa27f2ae7ea27513c8e341f029168fb664e78f8d82ab585af9af1028";
        assert_eq!(
            token_id(condition, "UP"),
            "93047090616193013004330127854868065078351460094337542852655444141061641732999"
        );
        assert_eq!(
            token_id(condition, "DOWN"),
            "30110138449201596259990241326728751225775928351101960454341864621415979782340"
        );
    }

    #[test]
    fn a_jump_lists_only_the_window_it_lands_in() {
        let series = series();
        let rolled = |until| roll(1, 0, &series, Timestamp::from_seconds(until));
        let Command::Roll(Roll { list: Some(_), next_at, .. }) = rolled(9_001) else {
            panic!("lists the next window")
        };
        assert_eq!(next_at, Timestamp::from_seconds(9_900));
        let Command::Roll(Roll { list: None, next_at, .. }) = rolled(9_000 + 86_400) else {
            panic!("lists nothing")
        };
        assert_eq!(next_at, Timestamp::from_seconds(9_000 + 86_400));
    }
}
