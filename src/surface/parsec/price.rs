//! What an outcome was worth: candles of a stretch of time, or the one closest to a moment (§6.6).

use super::auth::Asker;
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::params::seconds;
use super::selector::{outcome_of, selected};
use super::text::{label, moment, parsec_id, price, shares};
use crate::http::Endpoint;
use crate::service::Service;
use crate::service::history::Candle;
use crate::types::{DAY_MS, HOUR_MS, MarketId, Outcome, Price, Timestamp};
use actix_web::http::Method;
use serde_json::{Value, json};

/// The most candles of one answer: of more, the newest are shown.
const CANDLES_MAX: usize = 10_000;

/// What this surface answers about prices.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, "/price", get_price)]
}

/// How long candles are, and how far back they go if nobody says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Interval {
    name: &'static str,
    length_ms: i64,
    back_ms: i64,
}

const INTERVALS: [Interval; 6] = [
    Interval { name: "1m", length_ms: 60_000, back_ms: DAY_MS },
    Interval { name: "1h", length_ms: HOUR_MS, back_ms: 7 * DAY_MS },
    Interval { name: "6h", length_ms: 6 * HOUR_MS, back_ms: 14 * DAY_MS },
    Interval { name: "1d", length_ms: DAY_MS, back_ms: 14 * DAY_MS },
    Interval { name: "1w", length_ms: 7 * DAY_MS, back_ms: 30 * DAY_MS },
    Interval { name: "max", length_ms: DAY_MS, back_ms: 30 * DAY_MS },
];

impl Interval {
    fn named(name: Option<&str>) -> Result<Self, Failure> {
        let name = name.unwrap_or("1h");
        let found = INTERVALS.into_iter().find(|interval| interval.name == name);
        found.ok_or_else(|| Failure::bad_request("interval must be one of 1m, 1h, 6h, 1d, 1w, max"))
    }

    /// When the candle of a moment begins.
    fn start_of(self, at: Timestamp) -> Timestamp {
        Timestamp::from_millis(at.millis().div_euclid(self.length_ms) * self.length_ms)
    }

    /// From which moment until before which one everything belongs to the candles that begin in a stretch of time, both
    /// of its ends included.
    fn whole(self, from: Timestamp, to: Timestamp) -> (Timestamp, Timestamp) {
        let first = self.start_of(from.plus_millis(self.length_ms - 1));
        (first, self.start_of(to).plus_millis(self.length_ms))
    }

    /// How far a moment is from a candle: nothing, if it is within.
    fn distance(self, candle: &Candle, at: Timestamp) -> i64 {
        let after = at.millis() - candle.start.plus_millis(self.length_ms - 1).millis();
        (candle.start.millis() - at.millis()).max(after).max(0)
    }

    /// The candle closest to a moment; of two, the earlier one.
    fn closest(self, candles: Vec<Candle>, at: Timestamp) -> Option<Candle> {
        candles.into_iter().min_by_key(|candle| self.distance(candle, at))
    }
}

async fn get_price(call: Call<Asker>) -> Answer {
    let chosen = selected(&call)?;
    let outcome = outcome_of(&chosen.spec, call.query("outcome").as_deref())?;
    let interval = Interval::named(call.query("interval").as_deref())?;
    let [start, end, at] = [seconds(&call, "start_ts")?, seconds(&call, "end_ts")?, seconds(&call, "at_ts")?];
    let (now, profile) = (call.service.now(), call.service.profile(&call.who.0)?);
    let earliest = call.service.sees_since(&profile, start.or(at))?;
    let candles = match at {
        Some(_) if start.is_some() || end.is_some() => {
            return Err(Failure::bad_request("at_ts cannot be combined with start_ts or end_ts"));
        }
        Some(at) => closest(&call.service, chosen.market, interval, (at, earliest)).await?,
        None => {
            let to = end.unwrap_or(now);
            let from = start.unwrap_or_else(|| to.plus_millis(-interval.back_ms).max(earliest));
            if start.is_some() && from > to {
                return Err(Failure::bad_request("start_ts must not be after end_ts"));
            }
            series(&call.service, chosen.market, interval, interval.whole(from, to)).await?
        }
    };
    Ok(Reply::json(&json!({
        "parsec_id": parsec_id(&chosen.spec),
        "exchange": chosen.spec.venue.name(),
        "outcome": label(&chosen.spec, outcome),
        "interval": interval.name,
        "candles": candles.iter().map(|candle| shown(candle, outcome)).collect::<Vec<_>>(),
    })))
}

async fn series(
    service: &Service,
    market: MarketId,
    interval: Interval,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<Candle>, Failure> {
    if from >= to {
        return Ok(Vec::new());
    }
    let mut candles = service.candles(market, interval.length_ms, from, to).await?;
    candles.drain(..candles.len().saturating_sub(CANDLES_MAX));
    Ok(candles)
}

/// The candle closest to a moment, if anything was traded at all since the earliest one that may be seen.
async fn closest(
    service: &Service,
    market: MarketId,
    interval: Interval,
    (at, earliest): (Timestamp, Timestamp),
) -> Result<Vec<Candle>, Failure> {
    let (from, to) = (at.plus_millis(-interval.back_ms).max(earliest), at.plus_millis(interval.back_ms));
    // Mostly there is one nearby, and then none that is further away matters.
    for (from, to) in [(from, to), (earliest, service.now())] {
        let candles = series_around(service, market, interval, (from, to)).await?;
        if let Some(candle) = interval.closest(candles, at) {
            return Ok(vec![candle]);
        }
    }
    Ok(Vec::new())
}

/// The candles of which any part is in a stretch of time.
async fn series_around(
    service: &Service,
    market: MarketId,
    interval: Interval,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<Candle>, Failure> {
    let whole = (interval.start_of(from), interval.start_of(to).plus_millis(interval.length_ms));
    Ok(service.candles(market, interval.length_ms, whole.0, whole.1).await?)
}

/// A candle in an outcome's own terms: what is high for one answer is low for the other.
fn shown(candle: &Candle, outcome: Outcome) -> Value {
    let [open, high, low, close] = match outcome {
        Outcome::Yes => [candle.open, candle.high, candle.low, candle.close],
        Outcome::No => [candle.open, candle.low, candle.high, candle.close].map(Price::complement),
    };
    json!({
        "timestamp": moment(candle.start),
        "open": price(open),
        "high": price(high),
        "low": price(low),
        "close": price(close),
        "volume": shares(candle.shares),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Shares, Usd};

    const MINUTE: Interval = INTERVALS[0];

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn candle(start: i64) -> Candle {
        let [open, high, low, close] =
            [4_000, 7_000, 3_000, 5_500].map(|price| Price::new(price).expect("in range"));
        let (shares, dollars) = (Shares::from_micros(2_500_000), Usd::from_dollars(1));
        Candle { start: at(start), open, high, low, close, shares, dollars, trades: 1 }
    }

    #[test]
    fn the_second_outcome_is_low_where_the_first_is_high() {
        let first = r#"{"timestamp":"1970-01-01T00:01:00Z","open":0.4,"high":0.7,"low":0.3,"close":0.55,"volume":2.5}"#;
        let second = r#"{"timestamp":"1970-01-01T00:01:00Z","open":0.6,"high":0.7,"low":0.3,"close":0.45,"volume":2.5}"#;
        for (outcome, expected) in [(Outcome::Yes, first), (Outcome::No, second)] {
            let expected: Value = serde_json::from_str(expected).expect("JSON");
            assert_eq!(shown(&candle(60), outcome), expected, "{outcome:?}");
        }
    }

    #[test]
    fn a_stretch_has_the_whole_of_every_candle_that_begins_in_it() {
        for (from, to, expected) in
            [(60, 120, (60, 180)), (61, 119, (120, 120)), (59, 60, (60, 120)), (0, 59, (0, 60))]
        {
            let (first, end) = MINUTE.whole(at(from), at(to));
            assert_eq!((first.seconds(), end.seconds()), expected, "{from} to {to}");
        }
    }

    #[test]
    fn the_closest_candle_is_the_one_around_a_moment_or_next_to_it() {
        for (moment, expected) in
            [(0, 60), (60, 60), (119, 60), (120, 60), (180, 240), (239, 240), (9_999, 240)]
        {
            let found = MINUTE.closest(vec![candle(60), candle(240)], at(moment)).expect("a candle");
            assert_eq!(found.start.seconds(), expected, "{moment}");
        }
        assert!(MINUTE.closest(Vec::new(), at(0)).is_none());
    }

    #[test]
    fn intervals_are_named() {
        assert_eq!(Interval::named(None).expect("the usual one").name, "1h");
        assert_eq!(Interval::named(Some("max")).expect("known").length_ms, DAY_MS);
        assert!(Interval::named(Some("5m")).is_err());
    }
}
