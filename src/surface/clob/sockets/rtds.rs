//! `/rtds`: live data (§8.3). Here it is the prices that rolling windows follow; other topics may be named and stay
//! silent.

use super::super::text::number;
use super::{Channel, Step, Visit, json, serve_anyone};
use crate::service::Service;
use crate::service::ear::Ear;
use crate::types::{Timestamp, Usd};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// How often prices are told.
const EVERY: Duration = Duration::from_secs(1);

/// The assets there are, each with its symbol in either topic.
const ASSETS: [(&str, &str, &str); 4] = [
    ("BTC", "btcusdt", "btc/usd"),
    ("ETH", "ethusdt", "eth/usd"),
    ("SOL", "solusdt", "sol/usd"),
    ("XRP", "xrpusdt", "xrp/usd"),
];

/// Serves one socket.
pub(super) async fn serve(visit: Visit) {
    serve_anyone(visit, |service| LiveData { service, told: BTreeSet::new(), next: None }).await;
}

struct LiveData {
    service: Service,
    /// What the peer listens to. There are so few that there need be no limit.
    told: BTreeSet<Feed>,
    /// When it is told next; none while it listens to nothing.
    next: Option<Instant>,
}

/// A topic that speaks here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    Binance,
    Chainlink,
}

impl Topic {
    fn read(name: &str) -> Option<Self> {
        match name {
            "crypto_prices" => Some(Self::Binance),
            "crypto_prices_chainlink" => Some(Self::Chainlink),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Binance => "crypto_prices",
            Self::Chainlink => "crypto_prices_chainlink",
        }
    }
}

/// The prices of an asset, in one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Feed {
    topic: Topic,
    asset: &'static str,
    symbol: &'static str,
}

impl Feed {
    /// All that a topic has.
    fn all(topic: Topic) -> impl Iterator<Item = Self> {
        ASSETS.into_iter().map(move |(asset, binance, chainlink)| {
            let symbol = match topic {
                Topic::Binance => binance,
                Topic::Chainlink => chainlink,
            };
            Self { topic, asset, symbol }
        })
    }
}

/// What a peer says.
#[derive(Deserialize)]
struct Frame {
    action: String,
    #[serde(default)]
    subscriptions: Vec<Subscription>,
}

#[derive(Deserialize)]
struct Subscription {
    topic: String,
    #[serde(default)]
    filters: Option<Value>,
}

impl Subscription {
    /// What is meant; nothing of a topic that is silent or of symbols that nobody knows.
    fn feeds(&self) -> Vec<Feed> {
        let wanted = self.filters.as_ref().and_then(symbols);
        let is_wanted =
            |feed: &Feed| wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|one| one == feed.symbol));
        Topic::read(&self.topic).into_iter().flat_map(Feed::all).filter(is_wanted).collect()
    }
}

/// The symbols that a filter names, in lower case; none if it lets all of them through. Clients write a list, words
/// with commas between them, an object with one symbol, or one of these as a text.
fn symbols(filter: &Value) -> Option<Vec<String>> {
    if let Some(text) = filter.as_str() {
        return match serde_json::from_str::<Value>(text) {
            // A text in a text is no filter that anyone writes.
            Ok(inner) if !inner.is_string() => symbols(&inner),
            Ok(_) | Err(_) => words(text.split(',')),
        };
    }
    if let Some(list) = filter.as_array() {
        return words(list.iter().filter_map(Value::as_str));
    }
    words(filter.get("symbol").and_then(Value::as_str).into_iter())
}

/// Some words; none if all of them are empty.
fn words<'a>(words: impl Iterator<Item = &'a str>) -> Option<Vec<String>> {
    let words = words.map(|word| word.trim().to_ascii_lowercase());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    (!words.is_empty()).then_some(words)
}

impl Channel for LiveData {
    async fn said(&mut self, text: &str, _: &mut Ear) -> Step {
        let Ok(frame) = serde_json::from_str::<Frame>(text) else { return Step::nothing() };
        let meant = frame.subscriptions.iter().flat_map(Subscription::feeds);
        match frame.action.to_ascii_lowercase().as_str() {
            "subscribe" => {
                let new: BTreeSet<_> = meant.collect();
                self.told.extend(&new);
                self.wait();
                self.tell(&new)
            }
            "unsubscribe" => {
                for feed in meant {
                    self.told.remove(&feed);
                }
                self.wait();
                Step::nothing()
            }
            _ => Step::nothing(),
        }
    }

    fn wakes_at(&self) -> Option<Instant> {
        self.next
    }

    async fn woken(&mut self) -> Step {
        // From now on, not from when it was due: whoever reads slowly is told what is true, and not what was.
        self.next = None;
        self.wait();
        self.tell(&self.told)
    }
}

impl LiveData {
    /// Plans the next telling, unless one is planned or nobody listens.
    fn wait(&mut self) {
        if self.told.is_empty() {
            self.next = None;
        } else if self.next.is_none() {
            self.next = Some(Instant::now() + EVERY);
        }
    }

    fn tell(&self, feeds: &BTreeSet<Feed>) -> Step {
        let now = self.service.now();
        let frame = |feed: &Feed| Some(update(*feed, self.service.spot(feed.asset)?.at(now), now));
        Step::send(feeds.iter().filter_map(frame).collect())
    }
}

fn update(feed: Feed, dollars: Usd, at: Timestamp) -> Bytes {
    json(&json!({
        "topic": feed.topic.name(),
        "type": "update",
        "timestamp": at.millis(),
        "payload": {"symbol": feed.symbol, "timestamp": at.millis(), "value": number(&dollars.plain())},
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clients_filter_is_read() {
        for (topic, filters, expected) in [
            ("crypto_prices", json!(null), vec!["btcusdt", "ethusdt", "solusdt", "xrpusdt"]),
            ("crypto_prices", json!(""), vec!["btcusdt", "ethusdt", "solusdt", "xrpusdt"]),
            ("crypto_prices", json!("btcusdt, ETHUSDT"), vec!["btcusdt", "ethusdt"]),
            ("crypto_prices", json!(["solusdt", "dogeusdt"]), vec!["solusdt"]),
            ("crypto_prices", json!("[\"xrpusdt\"]"), vec!["xrpusdt"]),
            ("crypto_prices", json!("dogeusdt"), vec![]),
            ("crypto_prices_chainlink", json!("{\"symbol\":\"eth/usd\"}"), vec!["eth/usd"]),
            (
                "crypto_prices_chainlink",
                json!("{\"symbol\":\"\"}"),
                vec!["btc/usd", "eth/usd", "sol/usd", "xrp/usd"],
            ),
            ("crypto_prices_chainlink", json!({"symbol": "btc/usd"}), vec!["btc/usd"]),
            ("activity", json!(null), vec![]),
        ] {
            let frame = json!({"topic": topic, "type": "*", "filters": filters});
            let subscription: Subscription = serde_json::from_value(frame).expect("a subscription");
            let found: Vec<_> = subscription.feeds().into_iter().map(|feed| feed.symbol).collect();
            assert_eq!(found, expected, "{topic} {filters}");
        }
    }

    #[test]
    fn a_price_is_a_number_and_its_moment_a_whole_one() {
        let feed = Feed { topic: Topic::Chainlink, asset: "BTC", symbol: "btc/usd" };
        let frame = update(feed, Usd::from_micros(64_512_340_000), Timestamp::from_millis(1_700_000_000_123));
        let text = r#"{"payload":{"symbol":"btc/usd","timestamp":1700000000123,"value":64512.34},"timestamp":1700000000123,"topic":"crypto_prices_chainlink","type":"update"}"#;
        assert_eq!(frame, text);
    }
}
