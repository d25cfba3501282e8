//! What no real venue has: a clock that can be moved, resets and settlements (design §8, §9).

use crate::harness::{Market, Options, Server, with};
use serde_json::{Value, json};
use std::time::Duration;

fn now_ms(server: &Server) -> i64 {
    server.get("/sim/clock").send().ok("the clock")["now_ms"].as_i64().expect("milliseconds")
}

fn place(server: &Server, persona: &str, order: &Value) -> u64 {
    let placed = server.post("/v1/orders", order).key(persona).send().ok("an order");
    placed["order_id"].as_u64().expect("an id")
}

fn order(server: &Server, persona: &str, id: u64) -> Value {
    server.get(format!("/v1/orders/{id}")).key(persona).send().ok("the order")
}

/// A moment as milliseconds.
fn moment(text: &Value) -> i64 {
    text.as_str().expect("a text").parse::<jiff::Timestamp>().expect("a moment").as_millisecond()
}

#[test]
fn only_the_administrator_steers() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let resolve = format!("/sim/markets/{}/resolve", market.condition);
    for (path, body) in [
        ("/sim/clock/advance", json!({"seconds": 3_600})),
        ("/sim/clock/pause", json!({})),
        ("/sim/clock/resume", json!({})),
        ("/sim/trading", json!({"mode": "disabled", "seconds": 60})),
        ("/sim/reset", json!({})),
        (&resolve, json!({"outcome": "Yes"})),
    ] {
        let none = server.post(path, &body).send();
        let key = server.post(path, &body).key("admin").send();
        let wrong = server.post(path, &body).header("X-Admin-Token", "x").send();
        let traders = server.post(path, &body).header("X-Admin-Token", server.key("trader")).send();
        assert_eq!([none.status, key.status, wrong.status, traders.status], [401, 401, 403, 403], "{path}");
        for answer in [none, key, wrong, traders] {
            assert!(answer.json["error"].is_string(), "{path}: {}", answer.text);
        }
    }
    for path in ["/sim/clock", "/sim/digest", "/healthz"] {
        assert_eq!(server.get(path).send().status, 200, "{path} is anyone's to read");
    }
    assert_eq!(server.get("/v1/account/balance").key("trader").send().status, 200, "nothing was reset");
}

#[test]
fn what_is_asked_of_the_clock_must_make_sense() {
    let server = Server::in_memory();
    let token = server.admin_token().to_owned();
    let before = now_ms(&server);
    for body in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"seconds":-1}"#,
        r#"{"seconds":"60"}"#,
        r#"{"seconds":1.5}"#,
        r#"{"seconds":null}"#,
        r#"{"seconds":99999999999999999999}"#,
        r#"{"seconds":315360001}"#,
    ] {
        let request = server.request("POST", "/sim/clock/advance").header("X-Admin-Token", &token);
        let answer = request.body(body).send();
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        assert!(answer.json["error"].is_string(), "{body}: {}", answer.text);
    }
    assert!(now_ms(&server) - before < 60_000, "the clock did not jump");
    let resolve = |market: &str, body: Value| {
        let path = format!("/sim/markets/{market}/resolve");
        server.post(path, &body).header("X-Admin-Token", &token).send().status
    };
    let market = server.markets(1).remove(0).condition;
    assert_eq!(resolve("0xabc", json!({"outcome": "Yes"})), 404);
    assert_eq!(resolve(&market, json!({"outcome": "Maybe"})), 400);
    assert_eq!(resolve(&market, json!({})), 400);
    assert_eq!(server.get("/sim/clock/advance").send().status, 405);
    assert_eq!(server.get("/sim/nothing").send().status, 404);
}

#[test]
fn what_falls_due_in_a_jump_happens_at_its_own_time() {
    let server = Server::in_memory();
    server.steer("/sim/clock/pause", &json!({}));
    let markets = server.markets(2);
    let now = now_ms(&server);
    let rests = |market: &Market| market.limit("BUY", market.bid, 10);
    let ends_at = now / 1_000 + 7_200;
    let gtd = with(&rests(&markets[0]), &json!({"time_in_force": "GTD", "expiration": ends_at}));
    let gtd = place(&server, "trader", &gtd);
    let watched = place(&server, "whale", &rests(&markets[1]));
    let beat = server.post("/v1/heartbeats", &json!({"interval_ms": 8_000})).key("whale").send();
    let fires_at = beat.ok("a heartbeat")["expires_at_ms"].as_i64().unwrap();
    assert_eq!(fires_at, now + 10_000);
    server.advance(9);
    assert_eq!(order(&server, "whale", watched)["status"], "PENDING");
    server.advance(4 * 3_600);
    let ended = order(&server, "trader", gtd);
    assert_eq!((&ended["status"], &ended["cancelled_reason"]), (&json!("CANCELLED"), &json!("gtd_expired")));
    assert_eq!(moment(&ended["cancelled_at"]), ends_at * 1_000, "{ended}");
    let fired = order(&server, "whale", watched);
    let reason = json!("heartbeat_missed");
    assert_eq!((&fired["status"], &fired["cancelled_reason"]), (&json!("CANCELLED"), &reason));
    assert_eq!(moment(&fired["cancelled_at"]), fires_at, "{fired}");
    for persona in ["trader", "whale"] {
        let balance = server.get("/v1/account/balance").key(persona).send().ok("a balance");
        assert_eq!(balance["balance"], balance["starting_balance"], "{persona}'s reservation came back");
    }
}

#[test]
fn a_day_passes_within_a_second() {
    let server = Server::in_memory();
    server.steer("/sim/clock/pause", &json!({}));
    let market = server.markets(1).remove(0);
    for hour in 1..24 {
        let end = now_ms(&server) / 1_000 + hour * 3_600;
        let order = with(
            &market.limit("BUY", market.bid - 1, 5),
            &json!({"time_in_force": "GTD", "expiration": end}),
        );
        place(&server, "trader", &order);
    }
    let before = now_ms(&server);
    let request = server.post("/sim/clock/advance", &json!({"seconds": 86_400}));
    let request = request.header("X-Admin-Token", server.admin_token());
    let answer = request.within(Duration::from_secs(1)).send();
    assert_eq!(answer.ok("a day")["now_ms"].as_i64().unwrap(), before + 86_400_000);
    let open = server.get("/v1/orders?status=PENDING").key("trader").send().ok("open orders");
    assert_eq!(open["orders"], json!([]), "all 23 expired on the way");
    let windows = server.get("/v1/markets/updown?interval=15M").send().ok("windows");
    let now = now_ms(&server);
    let current = windows["markets"].as_array().unwrap().iter().filter(|row| row["closed"] == false);
    assert!(current.clone().count() > 0, "{windows}");
    assert!(current.clone().all(|row| moment(&row["end_date"]) > now), "{windows}");
}

#[test]
fn paused_time_stands_still_and_goes_on_where_it_stood() {
    let server = Server::in_memory();
    let paused = server.steer("/sim/clock/pause", &json!({}));
    assert_eq!((&paused["mode"], &paused["paused"]), (&json!("virtual"), &json!(true)));
    let at = now_ms(&server);
    for _ in 0..20 {
        assert_eq!(now_ms(&server), at);
    }
    server.advance(60);
    assert_eq!(now_ms(&server), at + 60_000, "a jump moves time that stands still");
    let resumed = server.steer("/sim/clock/resume", &json!({}));
    assert_eq!(resumed["paused"], false);
    let passed = now_ms(&server) - at - 60_000;
    assert!((0..30_000).contains(&passed), "{passed} ms passed");
}

#[test]
fn real_time_cannot_be_moved() {
    let server = Server::start(Options { clock: "real", ..Options::default() });
    assert_eq!(server.get("/sim/clock").send().ok("the clock")["mode"], "real");
    for (path, body) in [
        ("/sim/clock/advance", json!({"seconds": 1})),
        ("/sim/clock/pause", json!({})),
        ("/sim/clock/resume", json!({})),
    ] {
        let answer = server.post(path, &body).header("X-Admin-Token", server.admin_token()).send();
        assert_eq!(answer.status, 409, "{path}: {}", answer.text);
        assert!(answer.json["error"].as_str().unwrap().contains("real time"), "{}", answer.text);
    }
}

#[test]
fn virtual_time_and_its_pause_survive_a_restart() {
    let mut server = Server::start(Options::durable());
    server.advance(3 * 86_400);
    server.steer("/sim/clock/pause", &json!({}));
    let at = now_ms(&server);
    server.stop();
    server.restart();
    let clock = server.get("/sim/clock").send().ok("the clock");
    assert_eq!((clock["now_ms"].as_i64(), &clock["paused"]), (Some(at), &json!(true)));
    server.advance(60);
    server.kill();
    server.restart();
    let clock = server.get("/sim/clock").send().ok("the clock");
    assert_eq!((clock["now_ms"].as_i64(), &clock["paused"]), (Some(at + 60_000), &json!(true)));
    server.steer("/sim/clock/resume", &json!({}));
    server.kill();
    server.restart();
    let clock = server.get("/sim/clock").send().ok("the clock");
    assert_eq!((&clock["mode"], &clock["paused"]), (&json!("virtual"), &json!(false)));
    assert!((0..60_000).contains(&(now_ms(&server) - at - 60_000)), "it goes on from where it stood");
    server.stop();
}

#[test]
fn a_reset_begins_anew_and_forgets_no_id() {
    let mut server = Server::start(Options::durable());
    let market = server.markets(1).remove(0);
    let rests = market.limit("BUY", market.bid, 10);
    let old = place(&server, "trader", &rests);
    place(&server, "trader", &market.take("BUY", 20));
    server.steer(&format!("/sim/markets/{}/resolve", market.condition), &json!({"outcome": "Yes"}));
    let again = server.steer("/sim/reset", &json!({}));
    assert_eq!(again["epoch"], 1);
    let balance = server.get("/v1/account/balance").key("trader").send().ok("the same key works");
    assert_eq!(balance["balance"], "10000.00");
    for path in ["/v1/account/positions", "/v1/account/history"] {
        assert_eq!(server.get(path).key("trader").send().ok(path), json!([]), "{path}");
    }
    assert_eq!(server.get("/v1/orders").key("trader").send().ok("orders")["orders"], json!([]));
    server.get(format!("/v1/orders/{old}")).key("trader").send().refused("old", 404, "ORDER_NOT_FOUND");
    server.delete(format!("/v1/orders/{old}")).key("trader").send().refused("old", 404, "ORDER_NOT_FOUND");
    let new = place(&server, "trader", &rests);
    assert!(new > old, "ids go on: {new} after {old}, on a market that is open again");
    assert_eq!(server.steer("/sim/reset", &json!({}))["epoch"], 2);
    let digest = server.digest();
    server.kill();
    server.restart();
    assert_eq!(server.digest(), digest);
    server.stop();
    let audit = crate::harness::run(&["audit", "--data", &server.data_text()]);
    assert!(audit.status.success(), "{}", crate::harness::printed(&audit));
}

#[test]
fn a_resolution_pays_what_was_held_and_lists_it() {
    let server = Server::in_memory();
    let markets = server.markets(3);
    for (market, outcome, payout, result) in [
        (&markets[0], "Yes", "20.00", "won"),
        (&markets[1], "No", "0.00", "lost"),
        (&markets[2], "split", "10.00", "split"),
    ] {
        place(&server, "trader", &market.take("BUY", 20));
        let resting = place(&server, "trader", &market.limit("BUY", market.bid - 1, 10));
        server.steer(&format!("/sim/markets/{}/resolve", market.condition), &json!({"outcome": outcome}));
        let path = format!("/v1/account/settlements?market_id={}", market.condition);
        let listed = server.get(path).key("trader").send().ok("settlements");
        let row = &listed["data"][0];
        assert_eq!(listed["data"].as_array().unwrap().len(), 1, "{listed}");
        assert_eq!((&row["payout"], &row["result"]), (&json!(payout), &json!(result)), "{row}");
        assert_eq!(row["quantity"], "20.0000", "{row}");
        let ended = order(&server, "trader", resting);
        assert_eq!(
            (&ended["status"], &ended["cancelled_reason"]),
            (&json!("EXPIRED"), &json!("market_resolved"))
        );
    }
    let open = server.get("/v1/account/positions?status=OPEN").key("trader").send().ok("positions");
    assert_eq!(open, json!([]));
    let balance = server.get("/v1/account/balance").key("trader").send().ok("a balance");
    let total = crate::harness::scaled(balance["total_value"].as_str().unwrap(), 6).unwrap();
    let cash = crate::harness::scaled(balance["balance"].as_str().unwrap(), 6).unwrap();
    assert!((total - cash).abs() <= 5_000, "nothing is reserved or held: {balance}");
}
