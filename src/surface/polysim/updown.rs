//! Rolling windows, what they are measured against, and the spot prices they follow (§16.1, §16.2).

use super::auth::{Access, Anyone, Passerby};
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::history::invalid_interval;
use super::params::whole;
use super::to_wire::{self, active_closed, iso, number};
use super::wire::{SpotPrice, WindowMarket, WindowPrice, WindowRow};
use crate::http::Endpoint;
use crate::service::markets::Ticker;
use crate::service::{Service, Spot, Window};
use crate::types::{DAY_MS, Reject, Timestamp, Usd, Venue, format_scaled};
use actix_web::http::Method;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The lengths a window may have.
const INTERVALS: [&str; 5] = ["5M", "15M", "1H", "4H", "daily"];
/// Where spot prices are said to come from.
pub(super) const SOURCE: &str = "chainlink_rtds";

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/v1/markets/updown", get_windows::<Anyone>),
        endpoint(Method::GET, "/markets/updown", get_windows::<Passerby>),
        endpoint(Method::GET, "/v1/markets/updown/intervals", get_intervals),
        endpoint(Method::GET, "/prices/live", get_spots),
        endpoint(Method::GET, "/prices/live/{symbol}", get_spot),
        endpoint(Method::GET, "/prices/ptb/{id}", get_strike),
    ]
}

#[derive(Deserialize)]
struct Listing {
    asset: Option<String>,
    interval: Option<String>,
    limit: Option<String>,
}

/// The windows that are not over, the next to end first.
async fn current(service: &Service) -> Result<Vec<Ticker>, Reject> {
    let mut windows = service.current_tickers().await?;
    windows.retain(|ticker| ticker.spec.facts.window.is_some());
    windows.sort_by_key(|ticker| (ticker.spec.facts.ends_at, ticker.market));
    Ok(windows)
}

/// What makes a market a rolling window. Only such markets get here.
fn window(ticker: &Ticker) -> &Window {
    ticker.spec.facts.window.as_ref().expect("BUG: not a rolling window")
}

/// An interval's own spelling.
fn interval(text: &str) -> Result<&'static str, Failure> {
    let known = INTERVALS.into_iter().find(|known| known.eq_ignore_ascii_case(text));
    known.ok_or_else(|| invalid_interval(text, &INTERVALS))
}

async fn get_windows<Who: Access>(call: Call<Who>) -> Answer {
    let listing: Listing = call.query()?;
    let limit = whole("limit", listing.limit.as_deref(), 200, 1..=500)?;
    let wanted = listing.interval.as_deref().filter(|text| !text.is_empty()).map(interval).transpose()?;
    let asset = listing.asset.filter(|asset| !asset.is_empty()).map(|asset| asset.to_ascii_uppercase());

    let all = current(&call.service).await?;
    let (mut intervals, mut assets) = (BTreeSet::new(), BTreeSet::new());
    for ticker in &all {
        intervals.insert(window(ticker).interval.clone());
        assets.insert(window(ticker).asset.clone());
    }
    let is_wanted = |ticker: &&Ticker| {
        asset.as_ref().is_none_or(|asset| window(ticker).asset == *asset)
            && wanted.is_none_or(|interval| window(ticker).interval == interval)
    };
    let shown: Vec<_> = all.iter().filter(is_wanted).take(limit).collect();
    let mut interval_counts: BTreeMap<&str, usize> = INTERVALS.map(|interval| (interval, 0)).into();
    let mut asset_counts: BTreeMap<&str, usize> = BTreeMap::new();
    for ticker in &shown {
        *interval_counts.entry(&window(ticker).interval).or_default() += 1;
        *asset_counts.entry(&window(ticker).asset).or_default() += 1;
    }
    let now = call.service.now();
    let mut crypto = Map::new();
    for (asset, spot) in spots(&call.service).await? {
        crypto.insert(asset.clone(), crypto_price(&asset, &spot, now));
    }
    Ok(Reply::json(&json!({
        "markets": shown.iter().map(|ticker| row(ticker, now)).collect::<Vec<_>>(),
        "total": shown.len(),
        "interval_counts": interval_counts,
        "asset_counts": asset_counts,
        "available_intervals": INTERVALS.iter().filter(|one| intervals.contains(**one)).collect::<Vec<_>>(),
        "available_assets": assets,
        "crypto_prices": crypto,
        "timestamp": iso(now),
        "cache_hit": false,
    })))
}

async fn get_intervals(call: Call<Anyone>) -> Answer {
    let listing: Listing = call.query()?;
    let asset = listing.asset.filter(|asset| !asset.is_empty()).map(|asset| asset.to_ascii_uppercase());
    let now = call.service.now();
    let mut all = current(&call.service).await?;
    all.retain(|ticker| asset.as_ref().is_none_or(|asset| window(ticker).asset == *asset));
    let mut groups: BTreeMap<&str, Vec<WindowRow>> = INTERVALS.map(|interval| (interval, Vec::new())).into();
    for ticker in &all {
        groups.entry(&window(ticker).interval).or_default().push(row(ticker, now));
    }
    Ok(Reply::json(&json!({"intervals": groups, "total": all.len(), "timestamp": iso(now)})))
}

fn row(ticker: &Ticker, now: Timestamp) -> WindowRow {
    let facts = &ticker.spec.facts;
    let window = window(ticker);
    let (starts_at, ends_at) = (window.starts_at, facts.ends_at.unwrap_or(window.starts_at));
    let (active, closed) = active_closed(ticker.status);
    let strike = window.strike.map(|strike| shown_strike(&window.asset, strike));
    WindowRow {
        event_id: facts.event[0].clone(),
        condition_id: facts.condition_id.clone(),
        slug: facts.slug.clone(),
        title: facts.question.clone(),
        description: format!(
            "Resolves to {} if the price of {} at the end of the window is at least its price at the beginning, \
             else to {}.",
            facts.labels[0], window.asset, facts.labels[1]
        ),
        asset: window.asset.clone(),
        interval: window.interval.clone(),
        time_range: format!("{}-{} ET", eastern(starts_at, "%-I:%M%p"), eastern(ends_at, "%-I:%M%p")),
        date_display: eastern(starts_at, "%B %-d"),
        start_date: iso(starts_at),
        end_date: iso(ends_at),
        active,
        closed,
        resolved: closed,
        tags: ["up-or-down".to_owned(), currency(&window.asset), window.interval.to_ascii_lowercase()],
        markets: [market(ticker)],
        live_price: ticker.touch.mark.map(|mark| WindowPrice {
            buy: number(&mark.plain()),
            sell: number(&mark.complement().plain()),
            updated_at: iso(now),
        }),
        event_metadata_ptb: strike.as_deref().map(number),
        group_item_threshold: strike,
        image: None,
        icon: None,
    }
}

fn market(ticker: &Ticker) -> WindowMarket {
    let facts = &ticker.spec.facts;
    let text = |list: &[String; 2]| serde_json::to_string(list).expect("BUG: two texts are JSON");
    // Before anyone has quoted it, a window may go either way.
    let prices = ticker.touch.mark.map(to_wire::buy_sell);
    let prices = prices.map_or(["0.5".to_owned(), "0.5".to_owned()], |prices| [prices.buy, prices.sell]);
    WindowMarket {
        id: ticker.market.to_string(),
        condition_id: facts.condition_id.clone(),
        question: facts.question.clone(),
        outcomes: text(&facts.labels),
        outcome_prices: text(&prices),
        token_ids: text(&facts.token_ids),
    }
}

/// A strike to the last decimal of its asset's prices.
fn shown_strike(asset: &str, strike: Usd) -> String {
    let decimals = Spot::of(0, asset).map_or(2, |spot| spot.decimals());
    strike.rounded(decimals)
}

/// A currency's tag.
fn currency(asset: &str) -> String {
    let name = match asset {
        "BTC" => "bitcoin",
        "ETH" => "ethereum",
        "SOL" => "solana",
        "XRP" => "xrp",
        "SPX" => "sp-500",
        "NDX" => "nasdaq-100",
        other => other,
    };
    name.to_ascii_lowercase()
}

/// A moment on the clock of the American east coast, as these markets are named.
fn eastern(at: Timestamp, format: &str) -> String {
    let zone = TimeZone::get("America/New_York").expect("BUG: the bundled zones hold New York");
    let moment = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or(jiff::Timestamp::MAX);
    moment.to_zoned(zone).strftime(format).to_string()
}

/// The assets that this world's windows follow, with their price paths.
pub(super) async fn spots(service: &Service) -> Result<BTreeMap<String, Spot>, Reject> {
    let assets = service.series().await?.into_iter().map(|series| series.asset);
    Ok(assets.filter_map(|asset| service.spot(&asset).map(|spot| (asset, spot))).collect())
}

fn crypto_price(asset: &str, spot: &Spot, now: Timestamp) -> Value {
    let (price, before) = (spot.at(now), spot.at(now.plus_millis(-DAY_MS)));
    json!({
        "symbol": asset,
        "price": dollars(price),
        "source": SOURCE,
        "change_24h": number(&percent(price, before)),
    })
}

pub(super) fn dollars(price: Usd) -> Value {
    number(&price.plain())
}

/// How far a price moved, in percent with two decimals.
fn percent(now: Usd, before: Usd) -> String {
    let moved = i128::from((now - before).micros()) * 10_000;
    let hundredths = moved.checked_div(i128::from(before.micros())).unwrap_or_default();
    format_scaled(i64::try_from(hundredths).unwrap_or_default(), 2, 0)
}

fn spot_price(asset: &str, spot: &Spot, now: Timestamp) -> SpotPrice {
    SpotPrice {
        symbol: asset.to_owned(),
        price: dollars(spot.at(now)),
        timestamp: iso(now),
        source: SOURCE,
        age_seconds: number("0.0"),
        stale: false,
    }
}

async fn get_spots(call: Call<Passerby>) -> Answer {
    let now = call.service.now();
    let spots = spots(&call.service).await?;
    let prices: BTreeMap<_, _> =
        spots.iter().map(|(asset, spot)| (asset, spot_price(asset, spot, now))).collect();
    let body = json!({
        "prices": prices,
        "supported_symbols": spots.keys().collect::<Vec<_>>(),
        "timestamp": iso(now),
    });
    Ok(Reply::json(&body).with("Cache-Control", "no-cache"))
}

async fn get_spot(call: Call<Passerby>) -> Answer {
    let symbol = call.path("symbol").to_ascii_uppercase();
    let spots = spots(&call.service).await?;
    let spot = spots.get(&symbol).ok_or_else(|| Failure::new(404, "NOT_FOUND", "Unknown symbol"))?;
    let price = spot_price(&symbol, spot, call.service.now());
    Ok(Reply::json(&price).with("Cache-Control", "no-cache"))
}

async fn get_strike(call: Call<Passerby>) -> Answer {
    let id = call.path("id");
    let catalog = call.service.catalog();
    let market = catalog.by_condition(id).or_else(|| catalog.by_token(id).map(|(market, _)| market));
    let spec = market.and_then(|market| catalog.get(market));
    let spec = spec.filter(|spec| spec.venue == Venue::Polymarket).ok_or_else(Failure::market_not_found)?;
    let known = spec.facts.window.as_ref().and_then(|window| Some((window, window.strike?)));
    let (window, strike) = known
        .ok_or_else(|| Failure::new(404, "NOT_FOUND", "Price-to-beat not yet available for this market"))?;
    Ok(Reply::json(&json!({
        "price": number(&shown_strike(&window.asset, strike)),
        "asset": window.asset,
        "start_date": iso(window.starts_at),
        "source": "polymarket_open_price",
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_is_told_in_percent() {
        let dollars = Usd::from_dollars;
        for (now, before, text) in [(110, 100, "10"), (99, 100, "-1"), (100, 300, "-66.66"), (1, 0, "0")] {
            assert_eq!(percent(dollars(now), dollars(before)), text, "{now} {before}");
        }
    }

    #[test]
    fn windows_are_named_on_the_east_coasts_clock() {
        let at = Timestamp::from_seconds(1_790_586_000);
        assert_eq!(
            (eastern(at, "%B %-d"), eastern(at, "%-I:%M%p")),
            ("September 28".to_owned(), "5:00AM".to_owned())
        );
    }
}
