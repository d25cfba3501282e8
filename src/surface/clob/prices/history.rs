//! What tokens were worth (§5.2): one point for every stretch of time in which something traded.

use super::super::auth::Anyone;
use super::super::book::within_limit;
use super::super::call::{Answer, Call, Reply, endpoint};
use super::super::error::Failure;
use super::super::text::number;
use crate::http::Endpoint;
use crate::service::{Market, Service};
use crate::types::{DAY_MS, HOUR_MS, MarketId, Outcome, Price, Timestamp};
use actix_web::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const MINUTE_MS: i64 = 60_000;
/// The most points of one token: of more, the newest are shown.
const POINTS_MAX: usize = 10_000;
/// The longest step, in minutes.
const FIDELITY_MAX: u32 = 100_000;
/// Tokens in one request.
const TOKENS_MAX: usize = 20;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/prices-history", get_history),
        endpoint(Method::POST, "/batch-prices-history", post_histories),
    ]
}

/// Which stretch of time is meant, under the names of the query and of the body.
#[derive(Debug, Deserialize)]
struct Filters {
    interval: Option<String>,
    #[serde(rename = "startTs", alias = "start_ts")]
    start: Option<Whole>,
    #[serde(rename = "endTs", alias = "end_ts")]
    end: Option<Whole>,
    fidelity: Option<Whole>,
}

/// A number as bodies have it, or its text as queries do.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Whole {
    Number(u64),
    Text(String),
}

impl Whole {
    fn value(&self) -> Option<u32> {
        match self {
            Self::Number(number) => u32::try_from(*number).ok(),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Number(_) => false,
            Self::Text(text) => text.trim().is_empty(),
        }
    }
}

fn invalid(why: &str) -> Failure {
    Failure::bad_request(format!("invalid filters: {why}"))
}

/// A whole number if one is given.
fn whole(given: Option<&Whole>, why: &str) -> Result<Option<u32>, Failure> {
    let Some(given) = given.filter(|given| !given.is_empty()) else { return Ok(None) };
    given.value().map(Some).ok_or_else(|| invalid(why))
}

/// A stretch of time, and the step from one point to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: Timestamp,
    to: Timestamp,
    step_ms: i64,
}

impl Filters {
    fn span(&self, now: Timestamp) -> Result<Span, Failure> {
        let minutes = whole(self.fidelity.as_ref(), "fidelity must be a number of minutes")?.unwrap_or(1);
        if !(1..=FIDELITY_MAX).contains(&minutes) {
            return Err(invalid(&format!("fidelity must be between 1 and {FIDELITY_MAX}")));
        }
        let start = whole(self.start.as_ref(), "startTs must be unix seconds")?;
        let end = whole(self.end.as_ref(), "endTs must be unix seconds")?;
        let back_ms = back_ms(self.interval.as_deref().filter(|interval| !interval.is_empty()))?;
        let moment = |seconds| Timestamp::from_seconds(i64::from(seconds));
        // Trades of that very moment are before it.
        let to = end.map_or(now, moment).plus_millis(1);
        let from = start.map(moment).or_else(|| Some(to.plus_millis(-back_ms?))).unwrap_or_default();
        if from >= to {
            return Err(invalid("startTs must be before endTs"));
        }
        Ok(Span { from, to, step_ms: i64::from(minutes) * MINUTE_MS })
    }
}

/// How far back an interval goes, of which one is a month; none for all the way.
fn back_ms(interval: Option<&str>) -> Result<Option<i64>, Failure> {
    match interval {
        None | Some("max" | "all") => Ok(None),
        Some("1m") => Ok(Some(30 * DAY_MS)),
        Some("1w") => Ok(Some(7 * DAY_MS)),
        Some("1d") => Ok(Some(DAY_MS)),
        Some("6h") => Ok(Some(6 * HOUR_MS)),
        Some("1h") => Ok(Some(HOUR_MS)),
        Some(_) => Err(invalid("interval must be one of max, all, 1m, 1w, 1d, 6h, 1h")),
    }
}

/// A moment in seconds, and the price then.
#[derive(Debug, Serialize)]
struct Point {
    t: i64,
    p: Value,
}

fn point(at: Timestamp, price: Price, outcome: Outcome) -> Point {
    Point { t: at.seconds(), p: number(&Market::in_terms_of(outcome, price).plain()) }
}

/// The points of a token; none of a token that nobody knows.
async fn points(service: &Service, token: &str, span: Span) -> Result<Vec<Point>, Failure> {
    let Some((market, outcome)) = service.catalog().by_token(token) else { return Ok(Vec::new()) };
    let candles = service.candles(market, span.step_ms, span.from, span.to).await?;
    let shown = &candles[candles.len().saturating_sub(POINTS_MAX)..];
    let mut points: Vec<_> =
        shown.iter().map(|candle| point(candle.start.max(span.from), candle.close, outcome)).collect();
    if shown.len() == candles.len() {
        points.splice(0..0, first_point(service, (market, outcome), span, points.first()).await?);
    }
    Ok(points)
}

/// What held when the stretch began, or when the world or the market did if that was later: without it, a chart of a
/// market on which little was traded would begin in the middle, or nowhere.
async fn first_point(
    service: &Service,
    (market, outcome): (MarketId, Outcome),
    span: Span,
    next: Option<&Point>,
) -> Result<Option<Point>, Failure> {
    let opened_at = service.catalog().get(market).map_or(span.from, |spec| spec.facts.opened_at);
    let at = span.from.max(opened_at).max(service.began_at().await?);
    if at >= span.to || next.is_some_and(|next| next.t <= at.seconds()) {
        return Ok(None);
    }
    let price = service.price_before(market, at).await?;
    Ok(price.map(|price| point(at, price, outcome)))
}

#[derive(Deserialize)]
struct WhichToken {
    /// A token's id, whatever the name says.
    market: Option<String>,
}

async fn get_history(call: Call<Anyone>) -> Answer {
    let WhichToken { market } = call.query()?;
    let token = market.as_deref().map(str::trim).filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| invalid("market is required"))?;
    let span = call.query::<Filters>()?.span(call.service.now())?;
    let history = points(&call.service, token, span).await?;
    Ok(Reply::json(&json!({"history": history})))
}

#[derive(Deserialize)]
struct WhichTokens {
    markets: Vec<String>,
}

async fn post_histories(call: Call<Anyone>) -> Answer {
    let WhichTokens { markets } = call.json()?;
    let tokens = within_limit(markets, TOKENS_MAX)?;
    let span = call.json::<Filters>()?.span(call.service.now())?;
    let mut history: BTreeMap<String, Vec<Point>> = BTreeMap::new();
    for token in tokens {
        let points = points(&call.service, &token, span).await?;
        history.insert(token, points);
    }
    Ok(Reply::json(&json!({"history": history})))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn span(query: &str) -> Result<(i64, i64, i64), String> {
        let filters: Filters = serde_urlencoded::from_str(query).expect("a query");
        let span = filters.span(NOW).map_err(|failure| failure.error)?;
        Ok((span.from.seconds(), span.to.seconds(), span.step_ms / MINUTE_MS))
    }

    #[test]
    fn a_stretch_is_named_by_its_ends_or_by_how_far_back_it_goes() {
        let now = NOW.seconds();
        for (query, expected) in [
            ("", Ok((0, now, 1))),
            ("interval=max&fidelity=60", Ok((0, now, 60))),
            ("interval=all&startTs=&endTs=", Ok((0, now, 1))),
            ("interval=1h", Ok((now - 3_600, now, 1))),
            ("interval=1m", Ok((now - 30 * 86_400, now, 1))),
            ("startTs=100&endTs=200", Ok((100, 200, 1))),
            ("interval=1d&endTs=200000", Ok((200_000 - 86_400, 200_000, 1))),
            ("startTs=201&endTs=200", Err("startTs must be before endTs")),
            ("startTs=1700000000000", Err("startTs must be unix seconds")),
            ("endTs=-1", Err("endTs must be unix seconds")),
            ("interval=2d", Err("interval must be one of max, all, 1m, 1w, 1d, 6h, 1h")),
            ("fidelity=0", Err("fidelity must be between 1 and 100000")),
            ("fidelity=x", Err("fidelity must be a number of minutes")),
        ] {
            let expected = expected.map_err(|why| format!("invalid filters: {why}"));
            assert_eq!(span(query), expected, "{query}");
        }
    }

    #[test]
    fn a_body_names_the_same_in_its_own_way() {
        let body = r#"{"markets":["1"],"start_ts":100,"end_ts":"200","fidelity":5,"interval":null}"#;
        let filters: Filters = serde_json::from_str(body).expect("filters");
        let span = filters.span(NOW).expect("a stretch");
        assert_eq!((span.from.seconds(), span.to.seconds(), span.step_ms), (100, 200, 5 * MINUTE_MS));
    }
}
