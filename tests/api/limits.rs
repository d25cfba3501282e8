//! How much may be asked, and what the answer says about it (polysimulator.md §6).

use crate::harness::{Answer, Options, Server};
use serde_json::json;
use std::io::{Read, Write};

/// A server that counts, at the beginning of a minute that does not pass.
fn counting() -> Server {
    let server = Server::start(Options::limited());
    server.steer("/sim/clock/pause", &json!({}));
    let now = now_ms(&server);
    server.advance(60 - now / 1_000 % 60);
    server
}

fn now_ms(server: &Server) -> i64 {
    server.get("/sim/clock").send().ok("the clock")["now_ms"].as_i64().expect("a number")
}

/// What the limits' headers say: tier, then of the minute and the second what may be asked and what is left.
fn limits(answer: &Answer) -> [String; 5] {
    let names = ["tier", "limit", "remaining", "limit-per-second", "remaining-per-second"];
    names.map(|name| {
        let value = answer.header(&format!("x-ratelimit-{name}")).to_owned();
        assert_eq!(value, answer.header(&format!("x-polysim-ratelimit-{name}")), "{name}: both prefixes");
        value
    })
}

#[test]
fn a_free_key_asks_twice_a_second_and_is_told_what_is_left() {
    let server = counting();
    let get = || server.get("/v1/account/balance").key("reader").send();
    let reset = now_ms(&server) / 1_000 + 60;
    for (minute, second) in [("119", "1"), ("118", "0")] {
        let answer = get();
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(limits(&answer), ["free", "120", minute, "2", second]);
        assert_eq!(answer.header("x-ratelimit-reset"), reset.to_string());
    }
    for _ in 0..3 {
        let answer = get();
        answer.refused("a third within the second", 429, "RATE_LIMIT_EXCEEDED");
        assert_eq!(answer.json["error"], "Rate limit exceeded. Retry after 1s.");
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(limits(&answer), ["free", "120", "118", "2", "0"], "what was refused was not counted");
    }
    server.advance(1);
    assert_eq!(limits(&get()), ["free", "120", "117", "2", "1"], "the next second");
}

#[test]
fn a_minutes_limit_waits_for_the_clocks_next_minute() {
    let server = counting();
    let get = || server.get("/v1/keys").key("reader").send();
    for _ in 0..59 {
        assert_eq!((get().status, get().status), (200, 200));
        server.advance(1);
    }
    assert_eq!((get().status, get().status), (200, 200), "120 within the minute");
    let answer = get();
    assert_eq!((answer.status, answer.header("retry-after")), (429, "1"), "its last second");
    server.advance(1);
    assert_eq!(limits(&get()), ["free", "120", "119", "2", "1"]);
}

#[test]
fn every_answer_to_a_key_carries_its_limits_and_each_key_has_its_own() {
    let server = counting();
    let created = server.post("/v1/keys", &json!({})).key("admin").send();
    let other = created.json["raw_key"].as_str().expect("a key").to_owned();
    for (what, answer, status) in [
        ("a refusal", server.get("/v1/orders/0").key("desk").send(), 404),
        ("a path that is not there", server.get("/v1/nothing").key("desk").send(), 404),
        ("a wrong verb", server.delete("/v1/keys/tiers").key("desk").send(), 405),
        ("a body that is no JSON", server.request("POST", "/v1/orders").body("{").key("desk").send(), 400),
        ("a public route", server.get("/v1/time").key("desk").send(), 200),
        ("the tiers", server.get("/v1/keys/tiers").key("desk").send(), 200),
        ("an export", server.get("/v1/export/trades.csv").key("desk").send(), 200),
    ] {
        assert_eq!(answer.status, status, "{what}: {}", answer.text);
        assert_eq!(limits(&answer)[0], "enterprise", "{what}");
    }
    let own = server.get("/v1/me").header("X-API-Key", &other).send();
    assert_eq!(limits(&own), ["enterprise", "6000", "5999", "100", "99"], "the other key was not charged");
    let refused = server.post("/v1/orders", &json!({})).key("reader").send();
    refused.refused("a scope it has not", 403, "INSUFFICIENT_PERMISSION");
    assert_eq!(limits(&refused), ["free", "120", "119", "2", "1"], "is charged to the key all the same");
    let health = server.get("/v1/health").key("reader").send();
    assert_eq!((health.status, health.header("x-ratelimit-limit")), (200, ""), "a probe is not counted");
}

#[test]
fn a_batch_is_one_request_and_its_size_is_the_tiers() {
    let server = counting();
    let tiers = server.get("/v1/keys/tiers").send().ok("the tiers");
    assert_eq!(
        tiers[1],
        json!({"tier": "pro", "requests_per_second": 30, "requests_per_minute": 1800,
        "max_ws_connections": 3, "max_batch_size": 5})
    );
    let market = server.markets(1).remove(0);
    let order = market.limit("BUY", market.bid, 5);
    let batch = |count| json!({"orders": vec![order.clone(); count]});
    let answer = server.post("/v1/orders/batch", &batch(5)).key("trader").send();
    assert_eq!((answer.status, limits(&answer)[4].as_str()), (200, "29"));
    let answer = server.post("/v1/orders/batch", &batch(6)).key("trader").send();
    answer.refused("six", 400, "BATCH_LIMIT_EXCEEDED");
    let ids = vec!["0x1"; 6];
    let answer = server.post("/v1/prices/batch", &json!({"market_ids": ids})).key("trader").send();
    answer.refused("six prices", 400, "BATCH_LIMIT_EXCEEDED");
}

#[test]
fn an_address_without_a_key_has_limits_of_its_own() {
    let server = counting();
    server.advance(60);
    let anonymous = |address: u8| server.call_from([127, 0, 1, address], "GET /v1/time HTTP/1.1", "").0;
    let answers: Vec<_> = (0..12).map(|_| anonymous(1)).collect();
    assert_eq!(answers, [[200; 10].as_slice(), &[429; 2]].concat(), "ten in a second");
    assert_eq!(anonymous(2), 200, "another address is another");
    // Keys that are no good and sessions are charged to the address too; a key that is good is not.
    let head = |credential: &str| format!("GET /v1/me HTTP/1.1\r\n{credential}");
    let ask = |address: u8, credential: &str| server.call_from([127, 0, 1, address], &head(credential), "");
    let limited = (429, "RATE_LIMIT_EXCEEDED".to_owned());
    let jwt = format!("Authorization: Bearer {}", server.persona("trader", "jwt"));
    for (address, credential, first) in [
        (3, "X-API-Key: ps_live_guess", (401, "INVALID_KEY".to_owned())),
        (4, &jwt, (200, String::new())),
        (5, "Accept: */*", (401, "MISSING_AUTH".to_owned())),
    ] {
        let answers: Vec<_> = (0..11).map(|_| ask(address, credential)).collect();
        assert_eq!((&answers[0], &answers[10]), (&first, &limited), "{credential}");
    }
    let key = format!("X-API-Key: {}", server.key("desk"));
    assert!((0..20).all(|_| ask(1, &key).0 == 200), "a good key is counted as itself");
    assert_eq!(server.call_from([127, 0, 1, 1], "GET /v1/health HTTP/1.1", "").0, 200);
    server.advance(1);
    assert_eq!(anonymous(1), 200, "a second later");
}

#[test]
fn a_key_that_is_known_and_refused_is_not_charged_to_its_address() {
    let server = counting();
    server.advance(60);
    for (persona, code) in [("waitlisted", "ACCESS_RESTRICTED"), ("expired", "KEY_EXPIRED")] {
        for _ in 0..40 {
            let answer = server.get("/v1/me").key(persona).send();
            assert_eq!(answer.code(), code, "{persona}: {}", answer.text);
        }
    }
    assert_eq!(server.get("/v1/time").send().status, 200, "the address has asked for nothing yet");
}

#[test]
fn bootstrap_is_called_once_a_minute_and_five_times_an_hour() {
    let server = counting();
    server.advance(60);
    let jwt = server.persona("outsider", "jwt").to_owned();
    let call = || server.request("POST", "/v1/keys/bootstrap").bearer(&jwt).send();
    call().refused("the first", 403, "CLOSED_BETA");
    let again = call();
    again.refused("a second within the minute", 429, "RATE_LIMIT_EXCEEDED");
    assert_eq!((again.header("retry-after"), again.header("x-ratelimit-limit")), ("60", ""));
    for _ in 0..4 {
        server.advance(61);
        call().refused("one a minute, refused or not", 403, "CLOSED_BETA");
    }
    server.advance(61);
    let sixth = call();
    sixth.refused("a sixth within the hour", 429, "RATE_LIMIT_EXCEEDED");
    let wait: i64 = sixth.header("retry-after").parse().expect("seconds");
    assert!(wait > 60, "too long to wait for: {wait}");
    server.advance(wait);
    call().refused("its turn", 403, "CLOSED_BETA");
}

#[test]
fn so_many_requests_of_a_key_are_under_way_at_once_and_no_more() {
    let server = Server::in_memory();
    let key = server.key("reader");
    let head = format!(
        "POST /v1/keys/ws-token HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nContent-Length: 2\r\n\r\n{{"
    );
    let begin = || {
        let mut stream = server.connect();
        stream.write_all(head.as_bytes()).expect("written");
        stream
    };
    // Four that wait for the end of their bodies.
    let mut waiting: Vec<_> = (0..4).map(|_| begin()).collect();
    let get = || server.get("/v1/me").key("reader").send();
    let mut answer = get();
    for _ in 0..1_000 {
        if answer.status == 429 {
            break;
        }
        answer = get();
    }
    answer.refused("a fifth", 429, "API_KEY_CONCURRENCY_EXCEEDED");
    assert_eq!(
        ["retry-after", "x-concurrency-key-limit", "x-concurrency-key-remaining"]
            .map(|name| answer.header(name)),
        ["1", "4", "0"]
    );
    assert_eq!(server.get("/v1/me").key("trader").send().status, 200, "nobody else notices");
    // One ends well, one is broken off: both places are free again.
    let mut first = waiting.remove(0);
    first.write_all(b"}").expect("written");
    let mut answered = [0; 12];
    first.read_exact(&mut answered).expect("an answer");
    assert_eq!(&answered, b"HTTP/1.1 200");
    drop(waiting.remove(0));
    let mut free = 0;
    for _ in 0..1_000 {
        free += i32::from(get().status == 200);
        if free > 10 {
            break;
        }
    }
    assert!(free > 10, "the places are never free again");
}

#[test]
fn without_rate_limits_nothing_is_counted_and_every_cap_stays() {
    let server = Server::in_memory();
    for _ in 0..20 {
        let answer = server.get("/v1/account/balance").key("reader").send();
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(limits(&answer), ["free", "120", "120", "2", "2"]);
    }
    let market = server.markets(1).remove(0);
    let order = market.limit("BUY", market.bid, 5);
    let batch = json!({"orders": vec![order; 6]});
    let answer = server.post("/v1/orders/batch", &batch).key("trader").send();
    answer.refused("a batch beyond the tier", 400, "BATCH_LIMIT_EXCEEDED");
}

/// The service's later rule for free plans, which a scenario turns on (polysimulator.md §4.9, §6.6).
#[test]
fn a_free_plan_that_trades_has_a_hundred_dollars_and_a_hundred_orders_a_day() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let usual = include_str!("../../fixtures/scenario/default.toml");
    let later = usual.replace("trades = false", "trades = true, orders_per_day_max = 100").replacen(
        "baseline = \"0.00\"",
        "baseline = \"100.00\"",
        1,
    );
    std::fs::write(file.path(), later).expect("written");
    let arguments = vec!["--scenario".to_owned(), file.path().display().to_string()];
    let server = Server::start(Options { arguments, ..Options::default() });
    let market = server.markets(1).remove(0);
    let order = market.limit("BUY", 1, 5);
    let place = |key: &str| server.post("/v1/orders", &order).header("X-API-Key", key).send();
    let (own, jwt) = (server.key("reader").to_owned(), server.persona("reader", "jwt"));
    let cash = server.get("/v1/account/balance").key("reader").send().ok("its cash");
    assert_eq!(cash["starting_balance"], "100.00");
    let admin = server.request("PUT", "/admin/gates").json(&json!({"closed_beta": false}));
    admin.header("X-Admin-Token", server.admin_token()).send().ok("open");
    let second = server.post("/v1/keys", &json!({})).bearer(jwt).send();
    assert_eq!(second.json["permissions"], json!(["read", "trade"]), "{}", second.text);
    let second = second.json["raw_key"].as_str().expect("a key");
    for count in 0..50 {
        assert_eq!((place(&own).status, place(second).status), (200, 200), "{count}");
    }
    let refused = place(second);
    refused.refused("the hundred and first", 429, "RATE_LIMIT_EXCEEDED");
    let wait: i64 = refused.header("retry-after").parse().expect("seconds");
    let now = now_ms(&server) / 1_000;
    assert!((0..=1).contains(&((now + wait) % 86_400)), "until midnight in UTC: {wait}");
    assert_eq!(server.get("/v1/orders?limit=1").key("reader").send().ok("orders")["total_hint"], 100);
    assert_eq!(
        server.post("/v1/orders", &order).key("trader").send().status,
        200,
        "other plans have no such limit"
    );
    server.advance(wait);
    assert_eq!(place(&own).status, 200, "the next day");
    let reset = server.post("/v1/account/reset-api-balance", &json!({})).key("reader").send();
    assert_eq!((reset.status, reset.code()), (402, "UPGRADE_REQUIRED"), "once is once");
}
