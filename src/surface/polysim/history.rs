//! What the past looked like: candles and price histories (§9.3, §10).

use super::auth::{Anyone, Reader};
use super::call::{Answer, Call, Reply};
use super::error::Failure;
use super::markets::by_condition;
use super::params::{outcome, whole};
use super::to_wire::number;
use super::wire::{Candle, Ohlc, PricePoint};
use crate::service::markets::side_of;
use crate::service::{Market, Service, history};
use crate::types::{DAY_MS, HOUR_MS, MarketId, Outcome, Price, Shares, Side, Timestamp, parse_truncated};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Map, json};

const MINUTE_MS: i64 = 60_000;
/// The most points of one answer: of more, the newest are shown.
const POINTS_MAX: usize = 10_000;
/// The longest step of a price history, in minutes.
const FIDELITY_MAX: usize = 100_000;

#[derive(Deserialize)]
struct CandleQuery {
    outcome: Option<String>,
    interval: Option<String>,
    start_time: Option<String>,
    end_time: Option<String>,
}

/// `GET /v1/markets/{condition_id}/candles`. The interval is a candle's length, and `max` is a day's.
pub(super) async fn get_candles(call: Call<Reader>) -> Answer {
    let query: CandleQuery = call.query()?;
    let market = by_condition(&call.service, call.path("condition_id"))?;
    let length = candle_length(query.interval.as_deref().filter(|text| !text.is_empty()).unwrap_or("1h"))?;
    let ticker = call.service.ticker(market).await?;
    let outcome = outcome(&ticker.spec, query.outcome.as_deref())?;
    let from = moment("start_time", query.start_time.as_deref())?.unwrap_or_default();
    let to = moment("end_time", query.end_time.as_deref())?.unwrap_or_else(|| after(call.service.now()));
    let candles = call.service.candles(market, length, from, to).await?;
    let rows: Vec<_> = candles.iter().map(|candle| row(candle, outcome)).collect();
    Ok(Reply::json(&rows))
}

fn candle_length(interval: &str) -> Result<i64, Failure> {
    match interval {
        "1h" => Ok(HOUR_MS),
        "6h" => Ok(6 * HOUR_MS),
        "1d" | "max" => Ok(DAY_MS),
        "1w" => Ok(7 * DAY_MS),
        other => Err(invalid_interval(other, &["1h", "6h", "1d", "1w", "max"])),
    }
}

/// The refusal of an interval, which names those there are (§7.3).
pub(super) fn invalid_interval(interval: &str, supported: &[&str]) -> Failure {
    let root = Map::from_iter([("supported_intervals".to_owned(), json!(supported))]);
    let message = format!("Unsupported interval: {interval}");
    Failure { root: Some(Box::new(root)), ..Failure::new(400, "INVALID_INTERVAL", message) }
}

/// Just after a moment: trades of that very millisecond are before it.
fn after(at: Timestamp) -> Timestamp {
    at.plus_millis(1)
}

/// The four prices of a candle as an outcome sees them.
fn ohlc(candle: &history::Candle, outcome: Outcome) -> Ohlc {
    // What is dear for one outcome is cheap for the other.
    let (high, low) = match outcome {
        Outcome::Yes => (candle.high, candle.low),
        Outcome::No => (candle.low, candle.high),
    };
    let [o, h, l, c] =
        [candle.open, high, low, candle.close].map(|price| Market::in_terms_of(outcome, price).plain());
    Ohlc { t: candle.start.seconds(), o, h, l, c }
}

fn row(candle: &history::Candle, outcome: Outcome) -> Candle {
    let v = if candle.shares == Shares::ZERO { "0".to_owned() } else { candle.shares.four_decimals() };
    Candle { prices: ohlc(candle, outcome), v }
}

/// A moment as unix seconds, or as ISO-8601; UTC where it says nothing else.
pub(super) fn moment(field: &str, text: Option<&str>) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let read = || {
        if let Ok(millis) = parse_truncated(text, 3) {
            return Some(Timestamp::from_millis(millis));
        }
        // A plus in a query string arrives as a space, which may also stand between day and time.
        let moment = iso(text).or_else(|| iso(&text.replace(' ', "+")))?;
        Some(Timestamp::from_millis(moment.as_millisecond()))
    };
    let reason = "must be unix seconds or an ISO-8601 moment";
    read().map(Some).ok_or_else(|| Failure::invalid_query(field, reason))
}

/// A moment with its offset, or without one: UTC then.
pub(super) fn iso(text: &str) -> Option<jiff::Timestamp> {
    let civil = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    text.parse().ok().or_else(|| civil().map(|moment| moment.timestamp()))
}

#[derive(Deserialize)]
struct HistoryQuery {
    market: Option<String>,
    token_id: Option<String>,
    #[serde(rename = "startTs")]
    start: Option<String>,
    #[serde(rename = "endTs")]
    end: Option<String>,
    fidelity: Option<String>,
    interval: Option<String>,
    format: Option<String>,
}

/// `GET /v1/prices-history`, which names its token `market`.
pub(super) async fn get_prices_history(call: Call<Anyone>) -> Answer {
    let query: HistoryQuery = call.query()?;
    let name = query.market.as_deref().or(query.token_id.as_deref()).map(str::trim);
    let name = name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Failure::new(400, "INVALID_TOKEN_ID", "market is required"))?;
    let (market, outcome) = named(&call.service, name)?;
    let span = span(query.interval.as_deref().filter(|text| !text.is_empty()))?;
    let minutes = whole("fidelity", query.fidelity.as_deref(), 1, 1..=FIDELITY_MAX)?;
    let step = i64::try_from(minutes).expect("BUG: a fidelity beyond its range") * MINUTE_MS;
    let bounds = [moment("startTs", query.start.as_deref())?, moment("endTs", query.end.as_deref())?];
    let to = after(bounds[1].unwrap_or_else(|| call.service.now()));
    let from = bounds[0].or_else(|| Some(to.plus_millis(-span?))).unwrap_or_default();
    let candles = call.service.candles(market, step, from, to).await?;
    let shown = &candles[candles.len().saturating_sub(POINTS_MAX)..];
    match query.format.as_deref() {
        None | Some("" | "pm") => {
            let mut points: Vec<_> =
                shown.iter().map(|candle| point(candle.start.max(from), candle.close, outcome)).collect();
            if bounds == [None, None] {
                points.splice(0..0, first_point(&call.service, market, outcome, from, points.first()).await?);
            }
            Ok(Reply::json(&json!({"history": points})))
        }
        Some("ohlcv") => {
            let rows: Vec<_> = shown.iter().map(|candle| ohlc(candle, outcome)).collect();
            Ok(Reply::json(&rows))
        }
        Some(_) => Err(Failure::invalid_query("format", "must be 'pm' or 'ohlcv'")),
    }
}

/// A token's market and outcome. A condition id means its first outcome, `<condition id>:LABEL` the one so called.
fn named(service: &Service, name: &str) -> Result<(MarketId, Outcome), Failure> {
    if let Some(found) = service.catalog().by_token(name) {
        return Ok(found);
    }
    if !name.starts_with("0x") {
        return Err(Failure::new(404, "TOKEN_NOT_FOUND", "Token not found"));
    }
    let (id, label) = name.split_once(':').map_or((name, None), |(id, label)| (id, Some(label)));
    let market = by_condition(service, id)?;
    let spec = service.catalog().get(market).cloned().ok_or_else(Failure::market_not_found)?;
    Ok((market, outcome(&spec, label)?))
}

/// How far back an interval goes; none for all the way.
fn span(interval: Option<&str>) -> Result<Option<i64>, Failure> {
    match interval {
        None | Some("max" | "all") => Ok(None),
        Some("1h") => Ok(Some(HOUR_MS)),
        Some("6h") => Ok(Some(6 * HOUR_MS)),
        Some("1d") => Ok(Some(DAY_MS)),
        Some("1w") => Ok(Some(7 * DAY_MS)),
        Some("1m") => Ok(Some(30 * DAY_MS)),
        Some(other) => Err(invalid_interval(other, &["1h", "6h", "1d", "1w", "1m", "max", "all"])),
    }
}

fn point(at: Timestamp, price: Price, outcome: Outcome) -> PricePoint {
    PricePoint { t: at.seconds(), p: number(&Market::in_terms_of(outcome, price).plain()) }
}

/// What held when the interval began, or when the world or the market did if that was later: without it, a chart
/// of a market on which little was traded would begin in the middle, or nowhere.
async fn first_point(
    service: &Service,
    market: MarketId,
    outcome: Outcome,
    from: Timestamp,
    next: Option<&PricePoint>,
) -> Result<Option<PricePoint>, Failure> {
    let opened_at = service.catalog().get(market).map_or(from, |spec| spec.facts.opened_at);
    let at = from.max(opened_at).max(service.began_at().await?);
    if next.is_some_and(|next| next.t <= at.seconds()) {
        return Ok(None);
    }
    let price = service.price_before(market, at).await?;
    Ok(price.map(|price| point(at, price, outcome)))
}

/// Whether the last trade here bought or sold an outcome; none before the first.
pub(super) async fn last_side(
    service: &Service,
    market: MarketId,
    outcome: Outcome,
) -> Result<Option<Side>, Failure> {
    let traded = service.traded(vec![market]).await?;
    let last = traded.get(&market).and_then(|traded| traded.last.as_ref());
    Ok(last.map(|taker| side_of(taker.side, taker.outcome, outcome)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_as_seconds_or_as_iso() {
        for (text, expected) in [
            ("1778000000", Ok(Some(1_778_000_000_000))),
            ("1778000000.25", Ok(Some(1_778_000_000_250))),
            ("2026-05-05T16:53:20Z", Ok(Some(1_778_000_000_000))),
            ("2026-05-05T18:53:20 02:00", Ok(Some(1_778_000_000_000))),
            ("2026-05-05T16:53:20", Ok(Some(1_778_000_000_000))),
            ("2026-05-05", Ok(Some(1_777_939_200_000))),
            ("", Ok(None)),
            ("yesterday", Err("VALIDATION_FAILED")),
        ] {
            let found = moment("start_time", Some(text)).map_err(|failure| failure.code);
            assert_eq!(found.map(|at| at.map(Timestamp::millis)), expected, "{text}");
        }
    }

    #[test]
    fn a_candle_of_the_other_outcome_stands_on_its_head() {
        let price = |units| Price::new(units).expect("in range");
        let candle = history::Candle {
            start: Timestamp::from_seconds(3_600),
            open: price(6_000),
            high: price(7_000),
            low: price(5_500),
            close: price(6_500),
            shares: Shares::from_whole(98),
            dollars: crate::types::Usd::ZERO,
            trades: 2,
        };
        let text = |outcome| serde_json::to_string(&row(&candle, outcome)).expect("JSON");
        assert_eq!(
            text(Outcome::Yes),
            r#"{"t":3600,"o":"0.6","h":"0.7","l":"0.55","c":"0.65","v":"98.0000"}"#
        );
        assert_eq!(
            text(Outcome::No),
            r#"{"t":3600,"o":"0.4","h":"0.45","l":"0.3","c":"0.35","v":"98.0000"}"#
        );
    }
}
