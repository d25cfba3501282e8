//! Spot prices, the windows that follow them, and their stream (polysimulator.md §16).

use crate::harness::{Options, Server};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

const ASSETS: [&str; 6] = ["BTC", "ETH", "NDX", "SOL", "SPX", "XRP"];
const INTERVALS: [(&str, i64); 5] =
    [("5M", 300), ("15M", 900), ("1H", 3_600), ("4H", 14_400), ("daily", 86_400)];

fn windows(server: &Server, query: &str) -> Vec<Value> {
    let payload = server.get(format!("/v1/markets/updown{query}")).send().ok("windows");
    payload["markets"].as_array().expect("a list").clone()
}

fn millis(moment: &Value) -> i64 {
    let moment: jiff::Timestamp = moment.as_str().expect("a moment").parse().expect("ISO");
    moment.as_millisecond()
}

fn now_ms(server: &Server) -> i64 {
    server.get("/sim/clock").send().ok("the clock")["now_ms"].as_i64().expect("a number")
}

/// A JSON number as it stands.
fn price(server: &Server, asset: &str) -> String {
    let spot = server.get(format!("/prices/live/{asset}")).send().ok("a spot price");
    spot["price"].to_string()
}

fn micros(text: &str) -> i64 {
    crate::harness::scaled(text, 6).expect("a plain decimal")
}

#[test]
fn every_asset_has_a_window_of_every_interval_with_a_strike() {
    let server = Server::in_memory();
    server.steer("/sim/clock/pause", &json!({}));
    let now = now_ms(&server);
    for (interval, seconds) in INTERVALS {
        let rows = windows(&server, &format!("?interval={interval}"));
        let mut assets: Vec<_> =
            rows.iter().map(|row| row["asset"].as_str().expect("an asset").to_owned()).collect();
        assets.sort();
        assert_eq!(assets, ASSETS, "{interval}");
        for row in &rows {
            let (from, to) = (millis(&row["start_date"]), millis(&row["end_date"]));
            assert_eq!(to - from, seconds * 1_000, "{row}");
            assert!(from <= now && now < to, "{row}");
            let strike = server
                .get(format!("/prices/ptb/{}", row["condition_id"].as_str().expect("an id")))
                .send()
                .ok("a strike");
            assert_eq!(strike["price"], row["event_metadata_ptb"]);
            assert_eq!(
                row["group_item_threshold"].as_str().map(micros),
                Some(micros(&strike["price"].to_string()))
            );
        }
    }
    let counts = server.get("/v1/markets/updown").send().ok("all");
    assert_eq!(counts["total"], 30);
    assert_eq!(counts["available_assets"], json!(ASSETS));
    let grouped = server.get("/v1/markets/updown/intervals?asset=eth").send().ok("grouped");
    assert_eq!(grouped["total"], 5);
    let unknown = server.get("/v1/markets/updown?interval=2M").send();
    assert_eq!((unknown.status, unknown.code()), (400, "INVALID_INTERVAL"), "{}", unknown.text);
}

#[test]
fn a_window_settles_by_the_spot_price_at_its_end() {
    let server = Server::in_memory();
    server.steer("/sim/clock/pause", &json!({}));
    let mut winners = std::collections::BTreeSet::new();
    for _ in 0..12 {
        let rows = windows(&server, "?interval=5M");
        let end = millis(&rows[0]["end_date"]);
        // Exactly to its end.
        let now = now_ms(&server);
        server.advance((end - now) / 1_000);
        let left = end - now_ms(&server);
        assert!((0..1_000).contains(&left));
        server.advance(1);
        for row in &rows {
            let id = row["condition_id"].as_str().expect("an id");
            let market = server.get(format!("/v1/markets/{id}")).key("trader").send().ok("the market");
            assert_eq!((&market["closed"], &market["active"]), (&json!(true), &json!(false)), "{market}");
            let next =
                windows(&server, &format!("?interval=5M&asset={}", row["asset"].as_str().expect("an asset")));
            // What the next window begins with is what this one ended with.
            let (strike, last) = (&row["event_metadata_ptb"], &next[0]["event_metadata_ptb"]);
            assert_eq!(millis(&next[0]["start_date"]), end);
            let up = micros(&last.to_string()) >= micros(&strike.to_string());
            let winner = if up { "Up" } else { "Down" };
            assert_eq!(market["resolved_outcome"], winner, "{strike} to {last}");
            winners.insert(winner);
        }
    }
    assert_eq!(winners.len(), 2, "sixty windows, and all went one way");
}

#[test]
fn spot_prices_follow_the_worlds_clock_alone() {
    let server = Server::in_memory();
    server.steer("/sim/clock/pause", &json!({}));
    let all = || ASSETS.map(|asset| price(&server, asset));
    let before = all();
    assert_eq!(all(), before, "time stands still");
    server.advance(600);
    let after = all();
    assert!(
        before.iter().zip(&after).filter(|(one, other)| one != other).count() >= 5,
        "{before:?} {after:?}"
    );
    let listed = server.get("/prices/live").send().ok("all");
    assert_eq!(listed["supported_symbols"], json!(ASSETS));
    assert_eq!(listed["prices"]["BTC"]["price"].to_string(), after[0]);
    assert_eq!(server.get("/prices/live/btc").send().ok("any case")["symbol"], "BTC");
    server.get("/prices/live/DOGE").send().refused("unknown", 404, "NOT_FOUND");
    let other =
        Server::start(Options { arguments: vec!["--seed".to_owned(), "7".to_owned()], ..Options::default() });
    assert_ne!(price(&other, "BTC"), after[0], "another seed, another path");
}

/// A stream of events.
struct Events(BufReader<TcpStream>);

impl Events {
    fn open(server: &Server, query: &str) -> Self {
        let mut stream = server.connect();
        write!(stream, "GET /prices/stream?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("written");
        let mut events = Self(BufReader::new(stream));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(events.0.read_line(&mut head).expect("a head") > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("text/event-stream") && head.contains("no-cache"), "{head}");
        events
    }

    /// The next event; none at the end of the stream, however it came.
    fn next(&mut self) -> Option<(String, Value)> {
        let mut name = None;
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            // Lines of chunked transfer stand between those of the stream.
            if let Some(event) = line.strip_prefix("event: ") {
                name = Some(event.trim().to_owned());
            } else if let (Some(name), Some(data)) = (&name, line.strip_prefix("data: ")) {
                return Some((name.clone(), serde_json::from_str(data).expect("JSON")));
            }
        }
    }

    /// Reads to the end, which must be none of the stream's own: a client would come back at once.
    fn breaks_off(mut self) {
        let mut line = String::new();
        while self.0.read_line(&mut line).is_ok_and(|read| read > 0) {
            assert_ne!(line, "0\r\n", "the last chunk: a clean end");
            line.clear();
        }
    }

    fn expect(&mut self, name: &str) -> Value {
        loop {
            let (found, data) = self.next().unwrap_or_else(|| panic!("no {name}"));
            if found == name {
                return data;
            }
        }
    }
}

#[test]
fn a_stream_tells_spot_prices_from_the_source_that_was_asked_for() {
    let server = Server::in_memory();
    for (query, symbols, source) in [
        ("crypto=btc,ETH&crypto_source=chainlink&_=1", vec!["BTC", "ETH"], "chainlink_rtds"),
        ("crypto=XRP&crypto_source=binance&background=true", vec!["XRP"], "binance"),
        ("", ASSETS.to_vec(), "chainlink_rtds"),
    ] {
        let mut events = Events::open(&server, query);
        for _ in 0..2 {
            for symbol in &symbols {
                let spot = events.expect("crypto_price");
                assert_eq!((&spot["symbol"], &spot["source"]), (&json!(symbol), &json!(source)), "{query}");
                assert!(spot["price"].is_number() && millis(&spot["timestamp"]) > 0, "{spot}");
            }
        }
    }
    let mut events = Events::open(&server, "crypto=BTC");
    let beat = events.expect("keepalive");
    assert_eq!(beat["n"], 1);
    for (query, status, code) in [
        ("crypto=DOGE", 404, "NOT_FOUND"),
        ("crypto_source=coinbase", 422, "VALIDATION_FAILED"),
        ("condition_ids=0x1", 404, "MARKET_NOT_FOUND"),
    ] {
        server.get(format!("/prices/stream?{query}")).send().refused(query, status, code);
    }
}

#[test]
fn a_stream_tells_a_markets_price_and_books_as_they_change() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let mut events = Events::open(&server, &format!("condition_ids={}", market.condition));
    let (first, snapshot) = events.next().expect("an event");
    assert_eq!(first, "snapshot");
    assert_eq!(snapshot["prices"][&market.condition]["condition_id"], json!(market.condition));
    let order = market.limit("BUY", market.bid + 1, 10);
    server.post("/v1/orders", &order).key("trader").send().ok("a better bid");
    let frame = events.expect("market_price");
    let bid = crate::harness::price_text(market.bid + 1);
    assert_eq!((&frame["condition_id"], &frame["best_bid"]), (&json!(market.condition), &json!(bid)));
    let book = events.expect("orderbook");
    assert_eq!(
        (&book["asset_id"], &book["bids"].as_array().expect("bids").last().expect("one")["price"]),
        (&json!(market.tokens[0]), &json!(bid))
    );
    let other = events.expect("orderbook");
    assert_eq!(other["asset_id"], json!(market.tokens[1]));
}

#[test]
fn a_stream_is_broken_off_and_never_ended_when_the_world_starts_over_or_stops() {
    let mut server = Server::in_memory();
    let mut events = Events::open(&server, "crypto=BTC");
    events.expect("crypto_price");
    server.steer("/sim/reset", &json!({}));
    events.breaks_off();
    let mut events = Events::open(&server, "crypto=BTC");
    events.expect("crypto_price");
    server.stop();
    events.breaks_off();
}
