//! What happens by itself: settlement stages, ends of orders, the dead-man switch.

use super::wallet::{Draft, Wallet};
use crate::harness::{Market, Options, Server};
use serde_json::json;

fn cents(cents: i64) -> u64 {
    u64::try_from(cents).expect("positive")
}

fn scene(options: Options) -> (Server, Market, Wallet) {
    let server = Server::start(options);
    let market = server.markets(1).remove(0);
    let wallet = Wallet::stranger(3).with_key(&server);
    (server, market, wallet)
}

#[test]
fn a_friendly_trade_is_confirmed_at_once_and_listed_once_a_match() {
    let (server, market, wallet) = scene(Options::default());
    let placed =
        wallet.place(&server, &Draft::limit(&market.tokens[0], "BUY", cents(market.ask), 10)).ok("an order");
    let trades = wallet.get(&server, "/data/trades").ok("trades");
    assert_eq!((placed["status"].as_str(), trades["count"].as_i64()), (Some("matched"), Some(1)), "{placed}");
    let trade = &trades["data"][0];
    assert_eq!((&trade["status"], &trade["trader_side"]), (&json!("CONFIRMED"), &json!("TAKER")));
    assert_eq!(
        (&placed["tradeIDs"], &placed["transactionsHashes"]),
        (&json!([trade["id"]]), &json!([trade["transaction_hash"]]))
    );
    let id = trade["id"].as_str().expect("an id");
    assert_eq!(wallet.get(&server, &format!("/data/trades?id={id}")).ok("a trade")["data"][0], *trade);
    let other = Wallet::stranger(4).with_key(&server);
    let not_own = other.get(&server, &format!("/data/trades?id={id}")).ok("a page");
    assert_eq!(not_own["count"], 0, "another's trade is not there");
}

#[test]
fn an_order_ends_at_its_stamp_and_in_strict_mode_a_minute_earlier() {
    let (server, market, wallet) = scene(Options::default());
    let now = server.get("/time").send().ok("the time").as_i64().expect("seconds");
    let draft = Draft {
        kind: "GTD",
        expiration: now + 120,
        ..Draft::limit(&market.tokens[0], "BUY", cents(market.bid) + 1, 10)
    };
    let id = wallet.place(&server, &draft).ok("an order")["orderID"].as_str().expect("an id").to_owned();
    let status = || {
        let found = wallet.get(&server, &format!("/data/order/{id}")).ok("an order");
        found["status"].as_str().expect("a status").to_owned()
    };
    server.advance(100);
    assert_eq!(status(), "LIVE");
    server.advance(30);
    assert_eq!(status(), "CANCELED");
}

#[test]
fn a_bot_that_falls_silent_loses_its_orders_and_its_beats_must_follow_each_other() {
    let (server, market, wallet) = scene(Options::default());
    let beat = |id: &str| wallet.post(&server, "/v1/heartbeats", &json!({"heartbeat_id": id}));
    wallet.place(&server, &Draft::limit(&market.tokens[0], "BUY", cents(market.bid) + 1, 10)).ok("an order");
    let first = beat("").ok("a beat")["heartbeat_id"].as_str().expect("an id").to_owned();
    server.advance(9);
    let second = beat(&first).ok("a beat")["heartbeat_id"].as_str().expect("an id").to_owned();
    for wrong in [first.as_str(), "no-id", "00000000-0000-0000-0000-000000000000"] {
        let refused = beat(wrong);
        let expected = json!({"error_msg": "Invalid Heartbeat ID", "heartbeat_id": second});
        assert_eq!((refused.status, &refused.json), (400, &expected), "{wrong}");
    }
    server.advance(14);
    assert_eq!(wallet.get(&server, "/data/orders").ok("orders")["count"], 1, "within the grace");
    server.advance(2);
    assert_eq!(wallet.get(&server, "/data/orders").ok("orders")["count"], 0);
    // PolySimulator's own clients beat on the same path, without a signature.
    let other = server.post("/v1/heartbeats", &json!({"interval_ms": 10_000})).key("trader").send();
    assert_eq!(other.status, 200, "{}", other.text);
}

#[test]
fn a_bot_meets_a_restart_of_the_engine_whenever_its_author_likes() {
    let (server, market, wallet) = scene(Options::default());
    let rests = Draft::limit(&market.tokens[0], "BUY", cents(market.bid) + 1, 10);
    let (waits, id) = wallet.order(&rests);
    wallet.post(&server, "/order", &waits).ok("an order");
    let order = |salt: u64, post_only| wallet.order(&Draft { post_only, ..rests.clone().salted(salt) }).0;
    let cancel = || wallet.delete(&server, "/order", &json!({"orderID": id}));
    let disabled = "Trading is currently disabled. Check polymarket.com for updates";
    let cancel_only =
        "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.";
    let post_only = "post-only mode: only post-only orders and cancels are allowed";
    // Nothing is done for it either, a pot of its own included.
    let maker = Some(alloy_primitives::Address::repeat_byte(0x42));
    let of_a_pot = wallet.order(&Draft { signature_type: 2, maker, ..rests.clone().salted(9) }).0;
    let steer = |mode: &str| server.steer("/sim/trading", &json!({"mode": mode, "seconds": 79}));
    for (mode, status, error) in [("restarting", 425, None), ("disabled", 503, Some(disabled))] {
        steer(mode);
        server.stand_still();
        let before = server.digest();
        for answer in [
            wallet.post(&server, "/order", &order(2, false)),
            wallet.post(&server, "/orders", &json!([order(2, true), {}])),
            wallet.post(&server, "/order", &of_a_pot),
            cancel(),
            wallet.delete(&server, "/cancel-all", &json!(null)),
        ] {
            assert_eq!((answer.status, answer.header("retry-after")), (status, "79"), "{}", answer.text);
            assert!(error.is_none_or(|error| answer.json == json!({"error": error})), "{}", answer.text);
        }
        assert_eq!(server.digest(), before);
    }
    steer("cancel_only");
    let refused = wallet.post(&server, "/order", &order(2, true));
    assert_eq!((refused.status, &refused.json), (503, &json!({"error": cancel_only})));
    let other_door = server.post("/v1/orders", &market.limit("BUY", market.bid + 1, 6)).key("trader").send();
    assert_eq!((other_door.status, other_door.header("retry-after")), (503, "79"), "{}", other_door.text);
    assert_eq!(cancel().ok("canceled")["canceled"], json!([id]));
    steer("post_only");
    server.stand_still();
    let before = server.digest();
    wallet.post(&server, "/order", &of_a_pot);
    assert_eq!(server.digest(), before);
    let refused = wallet.post(&server, "/order", &order(2, false));
    let body = json!({"error": post_only, "code": "post_only_mode", "retry_after_seconds": 79});
    assert_eq!((refused.status, refused.header("retry-after"), &refused.json), (503, "79", &body));
    let batch = wallet.post(&server, "/orders", &json!([order(2, false), order(3, true)])).ok("a batch");
    assert_eq!((&batch[0]["errorMsg"], &batch[1]["status"]), (&json!(post_only), &json!("live")));
    // It ends by itself; what was refused is no duplicate.
    server.advance(79);
    wallet.post(&server, "/order", &order(2, false)).ok("an order");
    steer("disabled");
    server.steer("/sim/trading", &json!({"mode": "normal"}));
    wallet.post(&server, "/order", &order(4, false)).ok("an order");
}

#[test]
fn the_end_of_a_market_cancels_what_waits_there_and_pays() {
    let (server, market, wallet) = scene(Options::default());
    let bought = Draft::limit(&market.tokens[0], "BUY", cents(market.ask), 10);
    wallet.place(&server, &bought).ok("bought");
    let waits = Draft::limit(&market.tokens[0], "BUY", cents(market.bid) + 1, 10);
    let (body, id) = wallet.order(&waits);
    wallet.post(&server, "/order", &body).ok("an order");
    let before = wallet.cash(&server);
    server.steer(&format!("/sim/markets/{}/resolve", market.condition), &json!({"outcome": "Yes"}));
    assert_eq!(wallet.cash(&server) - before, 10_000_000);
    let status = wallet.get(&server, &format!("/data/order/{id}")).ok("an order")["status"].clone();
    assert_eq!(status, "CANCELED_MARKET_RESOLVED");
    let late = wallet.place(&server, &waits.salted(2));
    let error = json!({"error": "the market is not yet ready to process new orders"});
    assert_eq!((late.status, &late.json), (400, &error));
    let shown = server.get(format!("/markets/{}", market.condition)).send().ok("a market");
    let winners: Vec<_> =
        shown["tokens"].as_array().expect("two").iter().map(|token| &token["winner"]).collect();
    assert_eq!((&shown["closed"], winners), (&json!(true), vec![&json!(true), &json!(false)]));
}
