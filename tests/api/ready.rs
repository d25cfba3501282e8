//! Starting, stopping, and the commands around a world.

use crate::harness::{Draw, Options, Server, complained, printed, run};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn every_market_is_listed_once_whatever_the_page_size() {
    let server = Server::in_memory();
    let page = |limit: usize, offset: usize| -> Vec<String> {
        let rows = server.get(format!("/v1/markets?limit={limit}&offset={offset}")).send().ok("a page");
        let id = |row: &Value| row["condition_id"].as_str().unwrap().to_owned();
        rows.as_array().unwrap().iter().map(id).collect()
    };
    let (mut paged, mut offset) = (Vec::new(), 0);
    loop {
        let rows = page(20, offset);
        let is_last = rows.len() < 20;
        offset += rows.len();
        paged.extend(rows);
        if is_last {
            break;
        }
    }
    let ids: BTreeSet<_> = paged.iter().cloned().collect();
    assert_eq!(ids.len(), paged.len(), "a market on two pages");
    assert_eq!(page(200, 0), paged);
    assert!(page(200, 1_000_000).is_empty());
    let windows = server.get("/v1/markets/updown").send().ok("windows");
    let is_window = |row: &Value| row["condition_id"].as_str().is_some_and(|id| ids.contains(id));
    let open = windows["markets"].as_array().unwrap();
    let kinds: BTreeSet<_> =
        open.iter().map(|row| (row["asset"].to_string(), row["interval"].to_string())).collect();
    assert_eq!((open.len(), kinds.len()), (30, 30), "six assets, five intervals: {windows}");
    assert!(open.iter().all(is_window), "{windows}");
    assert_eq!(paged.len(), 106 + 30, "the recorded markets and the open rolling windows");
}

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    let mut server = Server::start(Options::durable());
    let data = server.data_text();
    let second = run(&["serve", "--listen", "127.0.0.1:0", "--data", &data]);
    assert_eq!(second.status.code(), Some(1));
    let said = complained(&second);
    assert!(said.contains("in use by another server") && said.contains(&data), "{said}");
    for command in [&["audit", "--data", &data][..], &["tape", "digest", "--data", &data]] {
        let output = run(command);
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert!(complained(&output).contains("in use by a server"), "{}", complained(&output));
    }
    assert_eq!(server.get("/v1/health").send().status, 200, "the first one is not disturbed");
    server.stop();
}

#[test]
fn a_scenario_or_a_seed_that_differs_is_refused_and_the_world_left_alone() {
    let mut server = Server::start(Options::durable());
    let digest = server.digest();
    server.stop();
    let data = server.data_text();
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/scenario/default.toml");
    let other = server.data().join("../other.toml").display().to_string();
    let text = std::fs::read_to_string(scenario).unwrap();
    std::fs::write(&other, format!("# another\n{text}").replace("period_ms = 2000", "period_ms = 2001"))
        .unwrap();
    for (option, value, word) in [("--seed", "4711", "seed"), ("--scenario", &other, "scenario")] {
        let output = run(&["serve", "--listen", "127.0.0.1:0", "--data", &data, option, value]);
        assert_eq!(output.status.code(), Some(1), "{option}");
        let said = complained(&output);
        assert!(said.contains(&format!("began with another {word}")), "{said}");
    }
    server.restart();
    assert_eq!(server.digest(), digest);
    server.stop();
}

#[test]
fn the_personas_command_says_what_the_ready_line_says() {
    let server = Server::in_memory();
    let output = run(&["personas", "--json"]);
    assert!(output.status.success(), "{}", complained(&output));
    assert_eq!(serde_json::from_str::<Value>(&printed(&output)).unwrap(), server.personas);
}

#[test]
fn the_token_command_prints_a_token_that_opens_the_account_and_nothing_else() {
    let server = Server::in_memory();
    let output = run(&["token", "--persona", "trader", "--url", &server.base]);
    assert!(output.status.success(), "{}", complained(&output));
    assert_eq!(complained(&output), "");
    let token = printed(&output);
    assert!(token.split('.').count() == 3 && !token.contains(char::is_whitespace), "{token}");
    let me = server.get("/v1/me").bearer(&token).send().ok("who it is");
    assert_eq!(me["auth_user_id"], server.personas["trader"]["auth_user_id"]);
    let nobody = run(&["token", "--persona", "nobody", "--url", &server.base]);
    assert_eq!(nobody.status.code(), Some(1));
}

/// Random orders of one persona in batches of 25, with a cancel-all now and then. How many were sent.
fn trade_at_random(server: &Server, draw: &mut Draw, batches: usize) -> usize {
    let markets = server.markets(8);
    let mut sent = 0;
    for turn in 0..batches {
        let order = |draw: &mut Draw| {
            let market = draw.one_of(&markets).clone();
            let side = *draw.one_of(&["BUY", "SELL"]);
            let quantity = draw.between(5, 60);
            let outcome = *draw.one_of(&["Yes", "No"]);
            let mut order = match draw.between(0, 3) {
                0 => market.take(side, quantity),
                _ => market.limit(side, draw.between(market.bid - 3, market.ask + 3), quantity),
            };
            order["outcome"] = outcome.into();
            order
        };
        let orders: Vec<_> = (0..25).map(|_| order(draw)).collect();
        let answer = server.post("/v1/orders/batch", &json!({"orders": orders})).key("desk").send();
        assert_eq!(answer.ok("a batch")["results"].as_array().map(Vec::len), Some(25));
        sent += 25;
        if turn % 20 == 19 {
            server.post("/v1/cancel-all?confirm=true", &json!({})).key("desk").send().ok("cancel-all");
        }
    }
    sent
}

#[test]
fn server_tape_and_replay_say_the_same_digest_and_the_audit_finds_what_was_tampered_with() {
    let mut server = Server::start(Options::durable());
    let mut draw = Draw(20_261_121);
    let sent = trade_at_random(&server, &mut draw, 800);
    assert_eq!(sent, 20_000);
    let digest = server.digest();
    assert!(digest.len() == 64 && digest.bytes().all(|byte| b"0123456789abcdef".contains(&byte)), "{digest}");
    server.stop();
    let data = server.data_text();
    for command in ["digest", "replay"] {
        let output = run(&["tape", command, "--data", &data]);
        assert_eq!(printed(&output), digest, "{command}: {}", complained(&output));
    }
    let audit = run(&["audit", "--data", &data]);
    assert!(audit.status.success(), "{}", printed(&audit));
    assert!(printed(&audit).contains("every law holds"), "{}", printed(&audit));
    let ledger = rusqlite::Connection::open(server.data().join("ledger.sqlite")).unwrap();
    let tampered = "UPDATE accounts SET cash = cash + 1000000 WHERE id = (SELECT max(id) FROM accounts)";
    assert_eq!(ledger.execute(tampered, []).unwrap(), 1);
    drop(ledger);
    let audit = run(&["audit", "--data", &data]);
    assert_eq!(audit.status.code(), Some(1), "{}", printed(&audit));
    let said = printed(&audit);
    assert!(said.contains("NOT BALANCED") && said.contains("differs by 1.00"), "{said}");
}

#[test]
fn an_exported_tape_is_one_json_object_a_record() {
    let mut server = Server::start(Options::durable());
    let mut draw = Draw(1);
    trade_at_random(&server, &mut draw, 4);
    let market = server.markets(1).remove(0);
    server.post("/v1/heartbeats", &json!({"interval_ms": 1_000})).key("desk").send().ok("a heartbeat");
    server.steer(&format!("/sim/markets/{}/resolve", market.condition), &json!({"outcome": "split"}));
    server.advance(3_600);
    server.steer("/sim/reset", &json!({}));
    server.stop();
    let exported = run(&["tape", "export", "--data", &server.data_text()]);
    assert!(exported.status.success(), "{}", complained(&exported));
    for (at, line) in printed(&exported).lines().enumerate() {
        let record: Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["sequence"], at);
    }
}

#[test]
fn a_server_that_is_asked_to_stop_twice_or_starts_again_finds_everything() {
    let mut server = Server::start(Options::durable());
    let market = server.markets(1).remove(0);
    let order = market.limit("BUY", market.bid, 10);
    let placed = server.post("/v1/orders", &order).key("trader").send().ok("an order");
    let digest = server.digest();
    for _ in 0..2 {
        server.stop();
        server.restart();
        assert_eq!(server.digest(), digest, "a clean stop appends nothing");
    }
    let path = format!("/v1/orders/{}", placed["order_id"]);
    assert_eq!(server.get(path).key("trader").send().ok("the order")["status"], "PENDING");
    server.stop();
}
