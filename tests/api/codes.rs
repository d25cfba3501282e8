//! Every stable code of polysimulator.md §7.5: what provokes it here, or why nothing does.

use crate::harness::{Answer, Market, Options, Request, Server, price_text, with};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;
use std::process::Command;

/// The table of §7.5, `HTTP_<status>` standing for all of its kind.
#[rustfmt::skip]
const TABLE: [&str; 74] = [
    "MISSING_AUTH", "MISSING_API_KEY", "INVALID_KEY", "INVALID_TOKEN", "TOKEN_EXPIRED", "KEY_EXPIRED",
    "KEY_DEACTIVATED", "KEY_OWNER_NOT_FOUND", "USER_NOT_FOUND", "UPGRADE_REQUIRED", "ACCESS_RESTRICTED",
    "CLOSED_BETA", "API_PRO_COMING_SOON", "INSUFFICIENT_PERMISSION", "TIER_REQUIRES_UPGRADE",
    "TIER_NOT_AUTHORIZED", "BOOTSTRAP_NOT_ALLOWED", "RATE_LIMIT_EXCEEDED", "RATE_LIMITED",
    "API_KEY_CONCURRENCY_EXCEEDED", "BOOK_UNAVAILABLE", "VALIDATION_FAILED", "INVALID_BODY", "MARKET_NOT_FOUND",
    "TOKEN_NOT_FOUND", "ORDER_NOT_FOUND", "WALLET_NOT_FOUND", "ACCOUNT_NOT_FOUND", "NOT_FOUND", "MARKET_CLOSED",
    "PRICE_REQUIRED", "INVALID_QUANTITY", "INSUFFICIENT_BALANCE", "INSUFFICIENT_POSITION",
    "INSUFFICIENT_LIQUIDITY", "NO_EXECUTABLE_DEPTH", "STALE_QUOTE", "FOK_ORDER_NOT_FILLED_ERROR",
    "INVALID_ORDER_MIN_TICK_SIZE", "ORDER_BELOW_MIN_SIZE", "INVALID_ORDER_EXPIRATION", "POST_ONLY_WOULD_CROSS",
    "INVALID_POST_ONLY_ORDER_TYPE", "INVALID_ORDER_PAYLOAD", "UNSUPPORTED_ORDER_TYPE", "ORDER_NOT_CANCELLABLE",
    "CONFIRMATION_REQUIRED", "BATCH_LIMIT_EXCEEDED", "INVALID_INTERVAL", "INVALID_CURSOR", "INVALID_TIME_FILTER",
    "INVALID_SOURCE", "INVALID_TOKEN_ID", "DUPLICATE_CLIENT_ORDER_ID", "IDEMPOTENCY_KEY_REUSE",
    "IDEMPOTENCY_CONFLICT_PENDING", "TRADE_IN_PROGRESS", "COHORT_FULL", "SERVER_BUSY",
    "DEADLINE_OVERSHOT_BUT_PERSISTED", "PERSISTENCE_UNKNOWN", "VENUE_UNAVAILABLE", "UPSTREAM_UNAVAILABLE",
    "EXECUTION_ERROR", "ORDER_EXECUTION_FAILED", "ANALYSIS_ERROR", "INTERNAL_ERROR", "HTTP_403", "HTTP_404",
    "HTTP_405", "HTTP_413", "HTTP_426", "HTTP_503", "TIER_KEY_LIMIT_EXCEEDED",
];

/// Codes that a local server does not meet, and why.
const UNREACHABLE: [(&str, &str); 17] = [
    ("RATE_LIMITED", "one sequencer: trade writes of a user do not wait for each other"),
    ("ACCOUNT_NOT_FOUND", "every user has an API wallet from the moment it is first seen"),
    (
        "NO_EXECUTABLE_DEPTH",
        "an optional flag of the service; a book that is too thin is INSUFFICIENT_LIQUIDITY",
    ),
    ("STALE_QUOTE", "the book is the market itself and never stale"),
    ("IDEMPOTENCY_CONFLICT_PENDING", "one sequencer: a retry waits for the first and gets its answer"),
    ("TRADE_IN_PROGRESS", "one sequencer: no lock to wait for"),
    ("DEADLINE_OVERSHOT_BUT_PERSISTED", "no deadline: an order is answered when it is durable"),
    ("VENUE_UNAVAILABLE", "no price feed that could fail"),
    ("UPSTREAM_UNAVAILABLE", "nothing is upstream"),
    ("EXECUTION_ERROR", "a fault of the server"),
    ("ORDER_EXECUTION_FAILED", "a fault of the server"),
    ("ANALYSIS_ERROR", "a fault of the server"),
    ("INTERNAL_ERROR", "a fault of the server"),
    (
        "TIER_KEY_LIMIT_EXCEEDED",
        "no tier has a limit of slots of its own; five active keys are VALIDATION_FAILED",
    ),
    ("HTTP_404", "what is not there has a code of its own"),
    ("HTTP_503", "a readiness check that fails, which a stopped world alone does"),
    ("HTTP_403", "provoked below by a host, which no caller sends by accident (bad_input.rs)"),
];

/// A world in which most codes are one request away.
struct Stage {
    server: Server,
    market: Market,
    /// An order that is over.
    done: u64,
    /// A token past its end.
    expired: String,
}

const SECRET: &str = "a-secret-of-the-test";

impl Stage {
    fn new() -> Self {
        let server = Server::start(Options::default().with("PAPERTAPE_JWT_SECRET", SECRET));
        let market = server.markets(2).remove(0);
        let over = server.markets(2).remove(1);
        let path = format!("/sim/markets/{}/resolve", over.condition);
        server.steer(&path, &json!({"outcome": "Yes"}));
        let order = market.limit("BUY", market.bid, 10);
        let post = |order: &Value, key: &str| {
            server
                .post("/v1/orders", order)
                .key("trader")
                .header("Idempotency-Key", key)
                .send()
                .ok("an order")
        };
        let done = post(&order, "done")["order_id"].as_u64().expect("an id");
        server.delete(format!("/v1/orders/{done}")).key("trader").send().ok("canceled");
        post(&with(&order, &json!({"client_order_id": "mine"})), "used");
        let deleted = format!("/admin/users/{}", server.personas["builder2"]["user_id"]);
        server.delete(deleted).header("X-Admin-Token", server.admin_token()).send().ok("deleted");
        let claims =
            json!({"aud": "authenticated", "exp": 1_000, "sub": server.persona("trader", "auth_user_id")});
        let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
        let expired = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("signed");
        Self { server, market, done, expired }
    }

    fn get(&self, path: &str) -> Request<'_> {
        self.server.get(path).key("trader")
    }

    fn order(&self, members: Value) -> Request<'_> {
        let order = self.market.limit("BUY", self.market.bid, 10);
        self.server.post("/v1/orders", &with(&order, &members)).key("trader")
    }

    fn market_order(&self, members: Value) -> Request<'_> {
        self.server.post("/v1/orders", &with(&self.market.take("BUY", 10), &members)).key("trader")
    }

    /// A session asks for a key.
    fn create(&self, persona: &str, wish: Value) -> Request<'_> {
        self.server.post("/v1/keys", &wish).bearer(self.server.persona(persona, "jwt"))
    }

    fn polymarket(&self, members: Value) -> Request<'_> {
        let order = json!({"tokenId": self.market.tokens[0], "makerAmount": "5000000", "takerAmount": "10000000",
            "side": "BUY"});
        let body = json!({"order": with(&order, &members), "orderType": "GTC"});
        self.server.post("/v1/order", &body).key("trader")
    }
}

type Case = (&'static str, u16, fn(&Stage) -> Request<'_>);

/// What one request provokes.
#[rustfmt::skip]
const CASES: [Case; 54] = [
    ("MISSING_AUTH", 401, |s| s.server.get("/v1/me")),
    ("MISSING_API_KEY", 401, |s| s.server.get("/v1/orders")),
    ("INVALID_KEY", 401, |s| s.server.get("/v1/orders").header("X-API-Key", "ps_live_x")),
    ("INVALID_TOKEN", 401, |s| s.server.get("/v1/me").bearer("a.b.c")),
    ("TOKEN_EXPIRED", 401, |s| s.server.get("/v1/me").bearer(&s.expired)),
    ("KEY_EXPIRED", 401, |s| s.server.get("/v1/orders").key("expired")),
    ("KEY_DEACTIVATED", 401, |s| s.server.get("/v1/orders").key("deactivated")),
    ("KEY_OWNER_NOT_FOUND", 401, |s| s.server.get("/v1/orders").key("builder2")),
    ("USER_NOT_FOUND", 401, |s| s.server.get("/v1/me").bearer(s.server.persona("builder2", "jwt"))),
    ("UPGRADE_REQUIRED", 402, |s| s.server.post("/v1/account/reset-api-balance", &json!({})).key("reader")),
    ("ACCESS_RESTRICTED", 403, |s| s.server.get("/v1/orders").key("waitlisted")),
    ("CLOSED_BETA", 403, |s| s.create("outsider", json!({}))),
    ("INSUFFICIENT_PERMISSION", 403, |s| s.server.post("/v1/orders", &json!({})).key("reader")),
    ("TIER_REQUIRES_UPGRADE", 403, |s| s.create("newcomer", json!({"tier": "pro_plus"}))),
    ("TIER_NOT_AUTHORIZED", 403, |s| s.create("newcomer", json!({"tier": "enterprise"}))),
    ("BOOTSTRAP_NOT_ALLOWED", 400, |s| s.server.request("POST", "/v1/keys/bootstrap").bearer(s.server.persona("trader", "jwt"))),
    ("BOOK_UNAVAILABLE", 404, |s| s.get("/v1/book?token_id=1")),
    ("VALIDATION_FAILED", 422, |s| s.order(json!({"side": "HOLD"}))),
    ("VALIDATION_FAILED", 400, |s| s.create("admin", json!({"tier": "gold"}))),
    ("INVALID_BODY", 400, |s| s.server.request("POST", "/v1/orders").body("{").key("trader")),
    ("MARKET_NOT_FOUND", 404, |s| s.order(json!({"market_id": "0x1"}))),
    ("TOKEN_NOT_FOUND", 404, |s| s.get("/v1/markets-by-token/1")),
    ("ORDER_NOT_FOUND", 404, |s| s.get("/v1/orders/0xabc")),
    ("WALLET_NOT_FOUND", 404, |s| s.get("/v1/me/wallets/999999")),
    ("NOT_FOUND", 404, |s| s.get("/v1/simulation/fill-models")),
    ("NOT_FOUND", 404, |s| s.get("/v1/partner/users/1")),
    ("MARKET_CLOSED", 400, |s| s.order(json!({"market_id": over(s)}))),
    ("PRICE_REQUIRED", 400, |s| s.market_order(json!({"price": null}))),
    ("INVALID_QUANTITY", 400, |s| s.order(json!({"quantity": 0}))),
    ("INSUFFICIENT_BALANCE", 400, |s| s.order(json!({"quantity": 1_000_000}))),
    ("INSUFFICIENT_POSITION", 400, |s| s.order(json!({"side": "SELL"}))),
    ("INSUFFICIENT_LIQUIDITY", 400, |s| s.market_order(json!({"quantity": 6_201}))),
    ("FOK_ORDER_NOT_FILLED_ERROR", 400, |s| s.market_order(json!({"price": price_text(s.market.bid)}))),
    ("INVALID_ORDER_MIN_TICK_SIZE", 400, |s| s.order(json!({"price": "0.575"}))),
    ("ORDER_BELOW_MIN_SIZE", 400, |s| s.order(json!({"quantity": "4.9"}))),
    ("INVALID_ORDER_EXPIRATION", 400, |s| s.order(json!({"time_in_force": "GTD", "expiration": 1}))),
    ("POST_ONLY_WOULD_CROSS", 400, |s| s.order(json!({"price": price_text(s.market.ask), "post_only": true}))),
    ("INVALID_POST_ONLY_ORDER_TYPE", 400, |s| s.order(json!({"time_in_force": "FOK", "post_only": true}))),
    ("INVALID_ORDER_PAYLOAD", 400, |s| s.polymarket(json!({"makerAmount": "x"}))),
    ("UNSUPPORTED_ORDER_TYPE", 400, |s| s.server.post("/v1/clob/order", &json!({"token_id": s.market.tokens[0],
        "side": "BUY", "price": "0.5", "size": 10, "order_type": "FAK"})).key("trader")),
    ("ORDER_NOT_CANCELLABLE", 400, |s| s.server.delete(format!("/v1/orders/{}", s.done)).key("trader")),
    ("CONFIRMATION_REQUIRED", 400, |s| s.server.post("/v1/cancel-all", &json!({})).key("trader")),
    ("BATCH_LIMIT_EXCEEDED", 400, |s| s.server.post("/v1/orders/batch", &json!({"orders": [0, 0, 0, 0, 0, 0]})).key("trader")),
    ("INVALID_CURSOR", 400, |s| s.get("/v1/orders?cursor=!")),
    ("INVALID_TIME_FILTER", 400, |s| s.get("/v1/data/trades?after=noon")),
    ("INVALID_SOURCE", 400, |s| s.get("/v1/orders/1?source=both")),
    ("INVALID_TOKEN_ID", 400, |s| s.get("/v1/book")),
    ("DUPLICATE_CLIENT_ORDER_ID", 409, |s| s.order(json!({"client_order_id": "mine"})).header("Idempotency-Key", "new")),
    ("IDEMPOTENCY_KEY_REUSE", 409, |s| s.order(json!({"quantity": 11})).header("Idempotency-Key", "used")),
    ("HTTP_405", 405, |s| s.get("/v1/cancel-all")),
    ("HTTP_413", 413, |s| s.server.request("POST", "/v1/orders").body(vec![b' '; 300_000]).key("trader")),
    ("HTTP_426", 426, |s| s.get("/v1/ws/prices")),
    ("INVALID_INTERVAL", 400, |s| s.get("/v1/markets/updown?interval=2M")),
    ("HTTP_405", 405, |s| s.server.request("PUT", "/v1/orders").key("trader")),
];

fn over(stage: &Stage) -> String {
    let listed = stage.server.get("/v1/markets?limit=200&closed=true").send().ok("closed markets");
    listed[0]["condition_id"].as_str().expect("an id").to_owned()
}

/// Codes that other tests of this file provoke, because they need another server.
const ELSEWHERE: [&str; 7] = [
    "API_PRO_COMING_SOON",
    "RATE_LIMIT_EXCEEDED",
    "API_KEY_CONCURRENCY_EXCEEDED",
    "COHORT_FULL",
    "SERVER_BUSY",
    "PERSISTENCE_UNKNOWN",
    "HTTP_403",
];

/// A refusal in its envelope, and again in the verbose one.
fn check(code: &str, status: u16, ask: impl Fn(bool) -> Answer) {
    let answer = ask(false);
    assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.text);
    assert_eq!(answer.header("x-request-id"), "a-request-1", "{code}");
    let body = answer.json.as_object().unwrap_or_else(|| panic!("{code}: {}", answer.text));
    let besides: Vec<_> = body.keys().map(String::as_str).filter(|name| *name != "error").collect();
    let allowed: &[&str] = match code {
        "UPGRADE_REQUIRED" => &["feature_key", "upgrade_url"],
        "INVALID_INTERVAL" => &["supported_intervals"],
        _ => &[],
    };
    assert_eq!(besides, allowed, "{code}");
    assert!(body["error"].as_str().is_some_and(|sentence| !sentence.is_empty()), "{code}: {}", answer.text);
    let verbose = ask(true);
    assert_eq!((verbose.status, verbose.code()), (status, code), "{}", verbose.text);
    let body = verbose.json.as_object().unwrap_or_else(|| panic!("{code}: {}", verbose.text));
    let members: Vec<_> = body.keys().map(String::as_str).collect();
    assert_eq!(members, ["details", "error", "message", "request_id"], "{code}");
    assert_eq!((&body["error"], &body["request_id"]), (&json!(code), &json!("a-request-1")));
    assert_eq!(body["message"], answer.json["error"], "{code}");
    let hints = json!({"feature_key": verbose.json["details"]["feature_key"], "upgrade_url": "/pricing"});
    if ["UPGRADE_REQUIRED", "CLOSED_BETA", "API_PRO_COMING_SOON", "TIER_REQUIRES_UPGRADE"].contains(&code) {
        assert_eq!(body["details"], hints, "{code}: what would help is in the verbose body");
        assert!(hints["feature_key"].is_string(), "{code}: {}", verbose.text);
    }
    if status == 422 {
        assert!(body["details"]["errors"][0]["loc"].is_array(), "{code}: {}", verbose.text);
    }
}

fn ask<'a>(request: impl Fn() -> Request<'a>) -> impl Fn(bool) -> Answer {
    move |verbose| {
        let request = request().header("X-Request-Id", "a-request-1");
        if verbose { request.header("X-Polysim-Verbose", "true").send() } else { request.send() }
    }
}

#[test]
fn every_code_of_the_table_is_provoked_or_has_a_reason_why_not() {
    let provoked = CASES.iter().map(|(code, _, _)| *code).chain(ELSEWHERE);
    let excused = UNREACHABLE.iter().map(|(code, _)| *code).filter(|code| *code != "HTTP_403");
    let mut known: Vec<_> = provoked.collect::<BTreeSet<_>>().into_iter().chain(excused).collect();
    let mut table = TABLE.to_vec();
    known.sort_unstable();
    table.sort_unstable();
    assert_eq!(known, table, "each once: provoked, or excused, not both");
    assert!(UNREACHABLE.iter().all(|(_, why)| !why.is_empty()));
}

#[test]
fn a_request_provokes_its_code_in_both_envelopes() {
    let stage = Stage::new();
    for (code, status, request) in CASES {
        check(code, status, ask(|| request(&stage)));
    }
    check("HTTP_403", 403, ask(|| stage.server.get("/v1/time").header("Host", "evil.example")));
}

#[test]
fn the_second_phase_says_that_a_paid_plan_must_wait() {
    let server = Server::start(Options::default().with("PAPERTAPE_SELF_SERVE_ISSUANCE", "true"));
    let jwt = server.persona("outsider", "jwt");
    check("API_PRO_COMING_SOON", 403, ask(|| server.post("/v1/keys", &json!({})).bearer(jwt)));
}

#[test]
fn limits_say_which_of_them_was_reached() {
    let server = Server::start(Options::limited());
    server.steer("/sim/clock/pause", &json!({}));
    let get = || server.get("/v1/account/balance").key("reader");
    while get().send().status == 200 {}
    check("RATE_LIMIT_EXCEEDED", 429, ask(get));

    let server = Server::in_memory();
    let key = server.key("reader").to_owned();
    let begin = |_| -> TcpStream {
        let mut stream = server.connect();
        let head = format!(
            "POST /v1/keys HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nContent-Length: 2\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).expect("written");
        stream
    };
    let under_way: Vec<_> = (0..4).map(begin).collect();
    let get = || server.get("/v1/me").key("reader");
    let mut tries = 0;
    while get().send().status == 200 {
        tries += 1;
        assert!(tries < 1_000, "four requests are under way, and a fifth is let in");
    }
    check("API_KEY_CONCURRENCY_EXCEEDED", 429, ask(get));
    drop(under_way);
}

/// A scenario in which every bound is near.
const SMALL: &str = r#"
seed = 1
markets = ["builtin:polymarket"]
opening_cash = "1000.00"
main_cash = "1000.00"
gates = { closed_beta = false, self_serve = false, allowlist = false }
cohorts = [{ label = "one", cap = 1, days = 30 }]
limits = { accounts_max = 14, open_orders_max = 1100 }
fees = { other = 500 }
agents = { enabled = false, markets = 0, period_ms = 2000 }
users = [
    { name = "trader", plan = "pro", key = "active", cohort = "one" },
    { name = "reader", plan = "free", key = "active" },
    { name = "admin", plan = "enterprise", key = "active", admin = true },
]

[tiers]
anonymous = { requests_per_second = 10, requests_per_minute = 600, bootstraps_per_minute = 1, bootstraps_per_hour = 5 }
free = { requests_per_second = 2, requests_per_minute = 120, ws_connections_max = 1, batch_size_max = 1, in_flight_max = 4, baseline = "0.00", sandboxes_max = 0, sandbox_baseline = "0.00", trades = false }
pro = { requests_per_second = 30, requests_per_minute = 1800, ws_connections_max = 3, batch_size_max = 5, in_flight_max = 9, baseline = "10000.00", sandboxes_max = 3, sandbox_baseline = "10000.00" }
pro_plus = { requests_per_second = 60, requests_per_minute = 3600, ws_connections_max = 10, batch_size_max = 10, in_flight_max = 12, baseline = "25000.00", sandboxes_max = 10, sandbox_baseline = "25000.00" }
enterprise = { requests_per_second = 100, requests_per_minute = 6000, ws_connections_max = 50, batch_size_max = 25, in_flight_max = 12, baseline = "10000.00", sandboxes_max = 25, sandbox_baseline = "25000.00" }
"#;

#[test]
fn bounds_of_the_world_itself_are_said() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), SMALL).expect("written");
    let scenario = file.path().display().to_string();
    let options = Options { arguments: vec!["--scenario".to_owned(), scenario], ..Options::default() };
    let server = Server::start(options.with("PAPERTAPE_JWT_SECRET", SECRET));
    let market = server.markets(1).remove(0);
    let order = market.limit("BUY", market.bid, 5);
    // The house's opening books need about a thousand; the administrator's plan has batches of 25.
    let batch = json!({"orders": vec![market.limit("BUY", 1, 5); 25]});
    for _ in 0..44 {
        let placed = server.post("/v1/orders/batch", &batch).key("admin").send().ok("a batch");
        assert_eq!(placed["succeeded"], 25, "{placed}");
    }
    let one_more = || server.post("/v1/orders", &order).key("admin");
    check("VALIDATION_FAILED", 400, ask(one_more));
    assert_eq!(one_more().send().json["error"], "The limit of open orders was reached");

    let path = format!("/admin/cohorts/one/users/{}", server.personas["reader"]["user_id"]);
    let enroll =
        || server.request("PUT", &path).json(&json!({})).header("X-Admin-Token", server.admin_token());
    check("COHORT_FULL", 409, ask(enroll));
    let full = enroll().header("X-Polysim-Verbose", "true").send();
    assert_eq!(full.json["details"], json!({"current_active": 1, "cap": 1, "requested": 1}));

    // Thirteen accounts: three for each user, and the house's own four. There is no room for a fourth user.
    let claims = json!({"aud": "authenticated", "exp": 4_102_444_800_i64, "sub": "7d444840-9dc0-11d1-b245-5ffdce74fad2"});
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("signed");
    let full = server.get("/v1/me").bearer(&token).send();
    full.refused("no room for anybody new", 400, "VALIDATION_FAILED");
    assert_eq!(full.header("retry-after"), "", "nor will there be");
}

/// Bounds the files that a process may write; none lifts the bound.
fn limit_files(pid: u32, bytes: Option<u32>) {
    let bytes = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
    let limit = format!("--fsize={bytes}:unlimited");
    let status = Command::new("prlimit").args(["--pid", &pid.to_string(), &limit]).status();
    assert!(status.expect("prlimit").success());
}

#[test]
fn an_order_whose_fate_is_unknown_is_said_to_be_and_the_world_recovers() {
    let mut server = Server::start(Options::durable());
    let market = server.markets(1).remove(0);
    let order = market.limit("BUY", market.bid, 5);
    let post = || server.post("/v1/orders", &order).key("trader");
    // The first order that can't be written may be on the tape or not; those after it are not taken.
    let broken = |verbose: bool| {
        while post().send().status != 200 {}
        limit_files(server.process_id(), Some(4_096));
        let answer = ask(post)(verbose);
        let mut later = post().send();
        while later.code() != "SERVER_BUSY" {
            assert_eq!((later.status, later.code()), (503, "PERSISTENCE_UNKNOWN"), "{}", later.text);
            later = post().send();
        }
        later.assert_refusal("it was not placed");
        assert_eq!(later.status, 503, "{}", later.text);
        assert_ne!(later.header("retry-after"), "", "it may be placed again");
        limit_files(server.process_id(), None);
        answer
    };
    check("PERSISTENCE_UNKNOWN", 503, broken);
    assert_eq!(broken(false).header("retry-after"), "", "it may have been placed");
    // It recovers by itself.
    while post().send().status != 200 {}
    server.stop();
}
