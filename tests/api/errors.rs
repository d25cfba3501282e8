//! Every refusal that trading can meet, in its words (polysimulator.md §7).

use crate::harness::{Market, Request, Server, price_text, with};
use serde_json::{Value, json};

const WHOLE_BOOK: i64 = 6_200;

/// A request is refused with a code, in both bodies. It is made twice.
fn check<'a>(what: &str, request: impl Fn() -> Request<'a>, status: u16, code: &str) {
    let answer = request().header("X-Request-Id", "a-request-1").send();
    answer.refused(what, status, code);
    assert_eq!(answer.header("x-request-id"), "a-request-1", "{what}");
    let verbose = request().header("X-Request-Id", "b-2").header("X-Polysim-Verbose", "true").send();
    assert_eq!((verbose.status, verbose.code()), (status, code), "{what}, verbose: {}", verbose.text);
    let body = verbose.json.as_object().unwrap_or_else(|| panic!("{what}: {}", verbose.text));
    let members: Vec<_> = body.keys().map(String::as_str).collect();
    assert_eq!(members, ["details", "error", "message", "request_id"], "{what}");
    assert_eq!(body["error"], code, "{what}");
    assert_eq!(body["message"], answer.json["error"], "{what}");
    assert_eq!(body["request_id"], "b-2", "{what}");
}

/// An order, natively.
fn check_order(server: &Server, what: &str, order: &Value, (status, code): (u16, &str)) {
    check(what, || server.post("/v1/orders", order).key("trader"), status, code);
}

#[test]
fn a_limit_order_that_cannot_be_is_refused_with_its_code() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let good = market.limit("BUY", market.bid, 10);
    for (what, members, refusal) in [
        ("unknown market", json!({"market_id": "0xabc"}), (404, "MARKET_NOT_FOUND")),
        ("unknown outcome", json!({"outcome": "Maybe"}), (400, "VALIDATION_FAILED")),
        ("unknown side", json!({"side": "HOLD"}), (422, "VALIDATION_FAILED")),
        ("unknown type", json!({"order_type": "stop"}), (422, "VALIDATION_FAILED")),
        ("unknown tif", json!({"time_in_force": "DAY"}), (422, "VALIDATION_FAILED")),
        ("no side", json!({"side": null}), (422, "VALIDATION_FAILED")),
        ("no quantity", json!({"quantity": null}), (422, "VALIDATION_FAILED")),
        ("no limit", json!({"price": null}), (422, "VALIDATION_FAILED")),
        ("dollars to rest", json!({"quantity": null, "amount": "5"}), (400, "VALIDATION_FAILED")),
        ("nothing", json!({"quantity": "0"}), (400, "INVALID_QUANTITY")),
        ("less than nothing", json!({"quantity": "-5"}), (400, "INVALID_QUANTITY")),
        ("too few", json!({"quantity": "4.9999"}), (400, "ORDER_BELOW_MIN_SIZE")),
        ("off the tick", json!({"price": "0.575"}), (400, "INVALID_ORDER_MIN_TICK_SIZE")),
        ("finer than any", json!({"price": "0.57500001"}), (400, "INVALID_ORDER_MIN_TICK_SIZE")),
        ("a price of 0", json!({"price": "0"}), (422, "VALIDATION_FAILED")),
        ("a price of 1", json!({"price": "1.00"}), (422, "VALIDATION_FAILED")),
        ("GTD without end", json!({"time_in_force": "GTD"}), (400, "INVALID_ORDER_EXPIRATION")),
        (
            "GTD long past",
            json!({"time_in_force": "GTD", "expiration": 1}),
            (400, "INVALID_ORDER_EXPIRATION"),
        ),
        (
            "GTD at noon",
            json!({"time_in_force": "GTD", "expiration": "noon"}),
            (400, "INVALID_ORDER_EXPIRATION"),
        ),
        (
            "post-only FOK",
            json!({"time_in_force": "FOK", "post_only": true}),
            (400, "INVALID_POST_ONLY_ORDER_TYPE"),
        ),
        (
            "post-only that crosses",
            json!({"price": price_text(market.ask), "post_only": true}),
            (400, "POST_ONLY_WOULD_CROSS"),
        ),
        ("more cash than there is", json!({"quantity": "1000000"}), (400, "INSUFFICIENT_BALANCE")),
        ("shares not held", json!({"side": "SELL"}), (400, "INSUFFICIENT_POSITION")),
        ("another's wallet", json!({"wallet_id": 999_999}), (404, "WALLET_NOT_FOUND")),
        ("text as a wallet", json!({"wallet_id": "mine"}), (422, "VALIDATION_FAILED")),
        ("a number as a flag", json!({"post_only": 1}), (422, "VALIDATION_FAILED")),
    ] {
        check_order(&server, what, &with(&good, &members), refusal);
    }
    let untouched = server.get("/v1/account/balance").key("trader").send().ok("the balance");
    assert_eq!(untouched["balance"], "10000.00", "a refusal costs nothing");
}

#[test]
fn a_market_order_that_cannot_be_is_refused_with_its_code() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let good = market.take("BUY", 10);
    for (what, members, refusal) in [
        ("no worst price", json!({"price": null}), (400, "PRICE_REQUIRED")),
        ("both sizes", json!({"amount": "5"}), (400, "VALIDATION_FAILED")),
        (
            "dollars to sell",
            json!({"side": "SELL", "quantity": null, "amount": "5"}),
            (400, "VALIDATION_FAILED"),
        ),
        ("a worst price above 1", json!({"price": "1.0001"}), (422, "VALIDATION_FAILED")),
        ("GTD at the market", json!({"time_in_force": "GTD"}), (400, "VALIDATION_FAILED")),
        ("post-only market", json!({"post_only": true}), (400, "INVALID_POST_ONLY_ORDER_TYPE")),
        (
            "worse than the book",
            json!({"price": price_text(market.bid)}),
            (400, "FOK_ORDER_NOT_FILLED_ERROR"),
        ),
        (
            "FAK with nothing there",
            json!({"price": price_text(market.bid), "time_in_force": "FAK"}),
            (400, "FOK_ORDER_NOT_FILLED_ERROR"),
        ),
        (
            "more than the book",
            json!({"quantity": (WHOLE_BOOK + 1).to_string()}),
            (400, "INSUFFICIENT_LIQUIDITY"),
        ),
    ] {
        check_order(&server, what, &with(&good, &members), refusal);
    }
    let untouched = server.get("/v1/account/balance").key("trader").send().ok("the balance");
    assert_eq!(untouched["balance"], "10000.00", "a refusal costs nothing");
}

#[test]
fn a_market_that_is_over_takes_no_orders() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let path = format!("/sim/markets/{}/resolve", market.condition);
    server.steer(&path, &json!({"outcome": "Yes"}));
    check_order(&server, "resolved", &market.limit("BUY", market.bid, 10), (400, "MARKET_CLOSED"));
    check_order(&server, "resolved, at once", &market.take("SELL", 10), (400, "MARKET_CLOSED"));
    let again = server.post(path, &json!({"outcome": "No"})).header("X-Admin-Token", server.admin_token());
    assert_eq!(again.send().status, 409, "nothing is resolved twice");
}

#[test]
fn a_retry_that_is_none_is_a_conflict() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let order = market.limit("BUY", market.bid, 10);
    let other = with(&order, &json!({"quantity": "11"}));
    let post = |order: &Value| server.post("/v1/orders", order).key("trader").header("Idempotency-Key", "k");
    let first = post(&order).send().ok("the first");
    let again = post(&order).send().ok("again");
    assert_eq!((&again["order_id"], &again["is_replay"]), (&first["order_id"], &json!(true)));
    check("another body", || post(&other), 409, "IDEMPOTENCY_KEY_REUSE");
    let named = with(&order, &json!({"client_order_id": "mine"}));
    server.post("/v1/orders", &named).key("trader").send().ok("with a name");
    let taken = || server.post("/v1/orders", &named).key("trader").header("Idempotency-Key", "another");
    check("a name taken", taken, 409, "DUPLICATE_CLIENT_ORDER_ID");
    let theirs = server.post("/v1/orders", &order).key("whale").header("Idempotency-Key", "k");
    assert_eq!(theirs.send().ok("another user's key")["is_replay"], false);
}

#[test]
fn orders_of_polymarkets_shape_are_refused_with_their_codes() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let signed = |members: Value| {
        let order = json!({"tokenId": market.tokens[0], "makerAmount": "500000", "takerAmount": "1000000",
            "side": "BUY", "expiration": "0"});
        json!({"order": with(&order, &members), "owner": "", "orderType": "GTC"})
    };
    for (what, body, status, code) in [
        ("no order", json!({"orderType": "GTC"}), 400, "INVALID_ORDER_PAYLOAD"),
        ("no token", signed(json!({"tokenId": null})), 400, "INVALID_ORDER_PAYLOAD"),
        ("unknown token", signed(json!({"tokenId": "12345"})), 404, "MARKET_NOT_FOUND"),
        ("fractions", signed(json!({"makerAmount": "0.5"})), 400, "INVALID_ORDER_PAYLOAD"),
        ("zero", signed(json!({"takerAmount": "0"})), 400, "INVALID_ORDER_PAYLOAD"),
        ("a side of 2", signed(json!({"side": 2})), 400, "INVALID_ORDER_PAYLOAD"),
        ("dearer than a dollar", signed(json!({"makerAmount": "2000000"})), 400, "INVALID_ORDER_PAYLOAD"),
        ("too few", signed(json!({})), 400, "ORDER_BELOW_MIN_SIZE"),
    ] {
        check(what, || server.post("/v1/order", &body).key("trader"), status, code);
    }
    let flat =
        json!({"token_id": market.tokens[0], "side": "BUY", "price": price_text(market.bid), "size": 10});
    for (what, members, status, code) in [
        ("FAK", json!({"order_type": "FAK"}), 400, "UNSUPPORTED_ORDER_TYPE"),
        ("unknown type", json!({"order_type": "X"}), 422, "VALIDATION_FAILED"),
        ("unknown token", json!({"token_id": "1"}), 404, "MARKET_NOT_FOUND"),
        ("no size", json!({"size": null}), 422, "VALIDATION_FAILED"),
    ] {
        let body = with(&flat, &members);
        check(what, || server.post("/v1/clob/order", &body).key("trader"), status, code);
    }
    let batch = json!(vec![signed(json!({})); 16]);
    let send = || server.post("/v1/orders", &batch).key("trader");
    check("16 in an array", send, 400, "BATCH_LIMIT_EXCEEDED");
    let cancel = json!(vec!["1"; 101]);
    let send = || server.delete("/v1/orders").json(&cancel).key("trader");
    check("101 to cancel", send, 400, "BATCH_LIMIT_EXCEEDED");
}

#[test]
fn a_batch_is_refused_whole_above_its_tiers_cap_and_entry_by_entry_below() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let order = market.limit("BUY", market.bid, 5);
    for (persona, cap) in [("trader", 5), ("whale", 10), ("desk", 25)] {
        let send = |count: usize| {
            server
                .post("/v1/orders/batch", &json!({"orders": vec![order.clone(); count]}))
                .key(persona)
                .send()
        };
        assert_eq!(send(cap).ok("at the cap")["succeeded"], cap, "{persona}");
        send(cap + 1).refused(persona, 400, "BATCH_LIMIT_EXCEEDED");
    }
    let mixed =
        json!({"orders": [order, 17, {"market_id": "0x"}, with(&order, &json!({"price": "0.575"})), order]});
    let answer = server.post("/v1/orders/batch", &mixed).key("trader").send().ok("mixed");
    assert_eq!((&answer["succeeded"], &answer["failed"]), (&json!(2), &json!(3)));
    let codes: Vec<_> =
        answer["results"].as_array().unwrap().iter().map(|row| row["error"].clone()).collect();
    let invalid = json!("VALIDATION_FAILED");
    assert_eq!(
        codes,
        [Value::Null, invalid.clone(), invalid, json!("INVALID_ORDER_MIN_TICK_SIZE"), Value::Null]
    );
}

#[test]
fn everything_else_is_refused_with_its_code() {
    let server = Server::in_memory();
    let id = done_order(&server);
    for (path, status, code) in [
        ("/v1/orders/999999999", 404, "ORDER_NOT_FOUND"),
        ("/v1/orders/0xabc", 404, "ORDER_NOT_FOUND"),
        ("/v1/data/order/x", 404, "ORDER_NOT_FOUND"),
        ("/v1/orders/1?source=both", 400, "INVALID_SOURCE"),
        ("/v1/orders?cursor=%25%25", 400, "INVALID_CURSOR"),
        ("/v1/orders?status=LOST", 422, "VALIDATION_FAILED"),
        ("/v1/orders?limit=0", 422, "VALIDATION_FAILED"),
        ("/v1/orders?limit=201", 422, "VALIDATION_FAILED"),
        ("/v1/orders?limit=many", 422, "VALIDATION_FAILED"),
        ("/v1/orders?wallet_id=mine", 422, "VALIDATION_FAILED"),
        ("/v1/orders?wallet_id=999999", 404, "WALLET_NOT_FOUND"),
        ("/v1/data/orders?after=noon", 400, "INVALID_TIME_FILTER"),
        ("/v1/data/trades?before=noon", 400, "INVALID_TIME_FILTER"),
        ("/v1/data/trades?next_cursor=!", 400, "INVALID_CURSOR"),
        ("/v1/data/orders?limit=501", 422, "VALIDATION_FAILED"),
        ("/v1/account/settlements?cursor=x", 400, "INVALID_CURSOR"),
        ("/v1/account/settlements?from=noon", 422, "VALIDATION_FAILED"),
        ("/v1/account/equity?days=91", 422, "VALIDATION_FAILED"),
        ("/v1/account/positions?status=HALF", 422, "VALIDATION_FAILED"),
        ("/v1/account/history?side=HOLD", 422, "VALIDATION_FAILED"),
        ("/v1/markets/0xabc", 404, "MARKET_NOT_FOUND"),
        ("/v1/markets/by-slug/none", 404, "MARKET_NOT_FOUND"),
        ("/v1/markets-by-token/1", 404, "TOKEN_NOT_FOUND"),
        ("/v1/book?token_id=1", 404, "BOOK_UNAVAILABLE"),
        ("/v1/simulation/book", 404, "NOT_FOUND"),
        ("/v1/partner/users", 404, "NOT_FOUND"),
        ("/v1/nothing/here", 404, "NOT_FOUND"),
        ("/v1/orders/batch/", 404, "NOT_FOUND"),
        ("/v1/cancel-all", 405, "HTTP_405"),
    ] {
        check(path, || server.get(path).key("trader"), status, code);
    }
    let path = format!("/v1/orders/{id}");
    let cancel = || server.delete(&path).key("trader");
    check("canceled twice", cancel, 400, "ORDER_NOT_CANCELLABLE");
    let all = || server.post("/v1/cancel-all", &json!({})).key("trader");
    check("not confirmed", all, 400, "CONFIRMATION_REQUIRED");
    let nowhere = || server.delete("/v1/cancel-market-orders").key("trader");
    check("which market", nowhere, 422, "VALIDATION_FAILED");
    let unknown = || server.delete("/v1/cancel-market-orders?market=0x1").key("trader");
    check("unknown market", unknown, 404, "MARKET_NOT_FOUND");
    for interval in [json!(999), json!(60_001), json!("x"), Value::Null] {
        let beat = json!({"interval_ms": interval});
        let send = || server.post("/v1/heartbeats", &beat).key("trader");
        check("a heart that beats wrongly", send, 422, "VALIDATION_FAILED");
    }
    let free = server.post("/v1/account/reset-api-balance", &json!({})).key("reader").send();
    assert_eq!((free.status, free.code()), (402, "UPGRADE_REQUIRED"), "{}", free.text);
    let sold = json!({"error": free.json["error"], "feature_key": "wallets.sandbox_baseline",
        "upgrade_url": "/pricing"});
    assert_eq!(free.json, sold, "what a plan lacks is said at the root");
}

/// An order that is over.
fn done_order(server: &Server) -> u64 {
    let market: Market = server.markets(1).remove(0);
    let order = market.limit("BUY", market.bid, 10);
    let id = server.post("/v1/orders", &order).key("trader").send().ok("placed")["order_id"]
        .as_u64()
        .expect("an id");
    server.delete(format!("/v1/orders/{id}")).key("trader").send().ok("canceled");
    id
}

#[test]
fn the_later_documents_error_bodies_can_be_had_and_polymarkets_own_stay() {
    let options = crate::harness::Options::default().with("PAPERTAPE_ERROR_ENVELOPE", "structured");
    let server = Server::start(options);
    for (path, code, body) in [
        ("/v1/me", "MISSING_AUTH", None),
        ("/v1/nothing", "NOT_FOUND", None),
        ("/v1/price?token_id=1&side=x", "HTTP_400", Some(json!({"error": "Invalid side"}))),
        ("/v1/fee-rate", "INVALID_TOKEN_ID", Some(json!({"error": "Invalid token id"}))),
    ] {
        let answer = server.get(path).send();
        assert_eq!(answer.code(), code, "{path}: {}", answer.text);
        let structured = json!({"error": code, "message": answer.json["message"]});
        assert_eq!(answer.json, body.unwrap_or(structured), "{path}");
    }
    let plan = server.post("/v1/account/reset-api-balance", &json!({})).key("reader").send();
    assert_eq!(
        (&plan.json["error"], &plan.json["upgrade_url"]),
        (&json!("UPGRADE_REQUIRED"), &json!("/pricing"))
    );
}

#[test]
fn a_request_id_is_echoed_if_it_is_visible_ascii_and_not_too_long() {
    let server = Server::in_memory();
    let longest = "x".repeat(128);
    for path in ["/v1/time", "/v1/nothing", "/v1/orders", "/sim/clock", "/sim/nothing"] {
        let echoed =
            |id: &[u8]| server.get(path).header("X-Request-Id", id).send().header("x-request-id").to_owned();
        for id in ["a", "req-1", "~!@#$%^&*(){}", &longest] {
            assert_eq!(echoed(id.as_bytes()), id, "{path}");
        }
        let too_long = "x".repeat(129);
        for id in [&b""[..], b"two words", "gr\u{fc}n".as_bytes(), too_long.as_bytes(), b"a\tb"] {
            let fresh = echoed(id);
            assert!(fresh.as_bytes() != id && fresh.len() == 36, "{path}: {id:?} became {fresh:?}");
        }
        assert_ne!(echoed(b""), echoed(b""), "{path}: ids differ");
    }
}
