//! The closed beta, the allowlist and the cut-off, changed while the server runs (polysimulator.md §5).

use crate::harness::{Answer, Options, Server};
use serde_json::{Value, json};

fn admin(server: &Server, method: &'static str, path: &str, body: &Value) -> Answer {
    server.request(method, path).json(body).header("X-Admin-Token", server.admin_token()).send()
}

fn user(server: &Server, persona: &str) -> Value {
    server.personas[persona]["user_id"].clone()
}

/// A session asks for a key.
fn create(server: &Server, persona: &str, body: &Value) -> Answer {
    server.post("/v1/keys", body).bearer(server.persona(persona, "jwt")).send()
}

#[test]
fn keys_are_issued_by_phase() {
    let server = Server::in_memory();
    let gates = |body: Value| admin(&server, "PUT", "/admin/gates", &body).ok("the gates");
    create(&server, "outsider", &json!({})).refused("closed, paying", 403, "CLOSED_BETA");
    create(&server, "reader", &json!({})).refused("closed, free", 403, "CLOSED_BETA");
    assert_eq!(create(&server, "newcomer", &json!({})).status, 201, "admitted by its cohort");
    assert_eq!(create(&server, "admin", &json!({})).status, 201);

    let set = gates(json!({"self_serve": true}));
    assert_eq!(set, json!({"closed_beta": true, "self_serve": true, "allowlist": true}));
    create(&server, "outsider", &json!({})).refused("second phase, paying", 403, "API_PRO_COMING_SOON");
    let free = create(&server, "reader", &json!({}));
    assert_eq!((free.status, &free.json["permissions"]), (201, &json!(["read"])), "second phase, free");

    gates(json!({"closed_beta": false}));
    let paying = create(&server, "outsider", &json!({}));
    assert_eq!((paying.status, &paying.json["permissions"]), (201, &json!(["read", "trade"])));
    let verbose = server.post("/v1/keys", &json!({"tier": "pro"})).bearer(server.persona("reader", "jwt"));
    let verbose = verbose.header("X-Polysim-Verbose", "true").send();
    assert_eq!((verbose.status, &verbose.json["error"]), (403, &json!("TIER_REQUIRES_UPGRADE")));
    for (tier, code) in [("pro_plus", "TIER_REQUIRES_UPGRADE"), ("enterprise", "TIER_NOT_AUTHORIZED")] {
        create(&server, "outsider", &json!({"tier": tier})).refused(tier, 403, code);
    }
    let trade = json!({"permissions": ["read", "trade"]});
    create(&server, "reader", &trade).refused("a free plan that would trade", 403, "TIER_REQUIRES_UPGRADE");
    create(&server, "outsider", &json!({"tier": "gold"})).refused("no tier", 400, "VALIDATION_FAILED");
    for wrong in [json!([]), json!(["fly"]), json!("read"), json!([1])] {
        let answer = create(&server, "outsider", &json!({"permissions": wrong}));
        answer.refused("no permission", 422, "VALIDATION_FAILED");
    }
}

#[test]
fn who_joins_a_cohort_is_admitted_and_who_leaves_it_is_not() {
    let server = Server::in_memory();
    let path = format!("/admin/cohorts/beta-2026-05/users/{}", user(&server, "outsider"));
    let active = || server.get("/api/beta/cohort-status").send().ok("the cohort")["active"].as_i64();
    let before = active().expect("a number");
    admin(&server, "PUT", &path, &json!({})).ok("a member");
    assert_eq!(active(), Some(before + 1));
    let created = create(&server, "outsider", &json!({}));
    assert_eq!(created.status, 201, "{}", created.text);
    admin(&server, "DELETE", &path, &json!({})).ok("a member no more");
    assert_eq!(active(), Some(before));
    create(&server, "outsider", &json!({})).refused("not any more", 403, "CLOSED_BETA");
    let key = created.json["raw_key"].as_str().expect("a key");
    assert_eq!(server.get("/v1/me").header("X-API-Key", key).send().status, 200, "the key it got stays");
    let nobody = admin(&server, "PUT", "/admin/cohorts/beta-2026-05/users/999999", &json!({}));
    nobody.refused("nobody", 404, "NOT_FOUND");
}

#[test]
fn the_allowlist_counts_on_the_very_next_request() {
    let server = Server::in_memory();
    let trader = json!({"user_id": user(&server, "trader")});
    let market = server.markets(1).remove(0);
    let order = market.limit("BUY", market.bid, 5);
    let listed = || {
        let list = admin(&server, "GET", "/admin/allowlist", &json!({})).ok("the list");
        list.as_array().expect("a list").contains(&trader)
    };
    let jwt = server.persona("trader", "jwt").to_owned();
    let come_in = || {
        let statuses = [
            server.get("/v1/account/balance").key("trader").send(),
            server.post("/v1/orders", &order).key("trader").send(),
            server.get("/v1/book?token_id=1").key("trader").send(),
            server.get("/v1/me").bearer(&jwt).send(),
        ];
        statuses.map(|answer| answer.code().to_owned())
    };
    let restricted = [(); 4].map(|()| "ACCESS_RESTRICTED".to_owned());
    let welcome = ["", "", "BOOK_UNAVAILABLE", ""].map(str::to_owned);
    for _ in 0..3 {
        assert_eq!((come_in(), listed()), (welcome.clone(), true));
        admin(&server, "DELETE", "/admin/allowlist", &trader).ok("off the list");
        assert_eq!((come_in(), listed()), (restricted.clone(), false));
        assert_eq!(server.get("/v1/book?token_id=1").send().code(), "BOOK_UNAVAILABLE", "strangers read on");
        admin(&server, "POST", "/admin/allowlist", &trader).ok("on the list");
    }
    let flag = format!("/admin/users/{}/flag", user(&server, "trader"));
    admin(&server, "POST", &flag, &json!({"flagged": true})).ok("under review");
    assert_eq!((come_in(), listed()), (restricted.clone(), true), "on the list, and under review");
    admin(&server, "PUT", "/admin/gates", &json!({"allowlist": false})).ok("no gate");
    assert_eq!(come_in(), restricted, "who is under review stays out");
    admin(&server, "POST", &flag, &json!({"flagged": false})).ok("not any more");
    admin(&server, "DELETE", "/admin/allowlist", &trader).ok("off the list");
    assert_eq!(come_in(), welcome, "a list that nobody enforces");
    for body in [json!({}), json!({"user_id": "trader"}), json!({"user_id": -1})] {
        let answer = admin(&server, "POST", "/admin/allowlist", &body);
        answer.refused("no user", 422, "VALIDATION_FAILED");
        let said = answer.json["error"].as_str().expect("a sentence");
        assert!(said.starts_with("user_id: ") && !said.contains("struct"), "{said}");
    }
    admin(&server, "POST", "/admin/allowlist", &json!([])).refused("a list", 400, "INVALID_BODY");
    admin(&server, "POST", "/admin/allowlist", &json!({"user_id": 999_999})).refused(
        "nobody",
        404,
        "NOT_FOUND",
    );
}

#[test]
fn an_administrator_turns_keys_off_and_removes_users_with_their_orders() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let order = server.post("/v1/orders", &market.limit("BUY", market.bid + 1, 10)).key("whale").send();
    order.ok("an order that rests");
    let best = || {
        let book = server.get(format!("/v1/book?token_id={}", market.tokens[0])).send().ok("the book");
        book["bids"].as_array().and_then(|bids| bids.last().cloned()).expect("bids")["price"].clone()
    };
    let own = best();
    admin(&server, "DELETE", &format!("/admin/users/{}", user(&server, "whale")), &json!({})).ok("gone");
    let key = server.get("/v1/account/balance").key("whale").send();
    key.refused("its key", 401, "KEY_OWNER_NOT_FOUND");
    let session = server.get("/v1/me").bearer(server.persona("whale", "jwt")).send();
    session.refused("its session", 401, "USER_NOT_FOUND");
    let again = server.request("POST", "/v1/keys/bootstrap").bearer(server.persona("whale", "jwt")).send();
    again.refused("and it does not come back", 401, "USER_NOT_FOUND");
    assert_ne!(best(), own, "its order ended with it");

    let keys = server.get("/v1/keys").key("desk").send().ok("keys");
    let path = format!("/admin/api-keys/{}/disable", keys[0]["id"]);
    admin(&server, "POST", &path, &json!({})).ok("turned off");
    server.get("/v1/time").key("desk").send().refused("turned off", 401, "KEY_DEACTIVATED");
    let nothing = admin(&server, "POST", "/admin/api-keys/999999/disable", &json!({}));
    nothing.refused("no key", 404, "NOT_FOUND");
}

#[test]
fn two_administrators_at_once_both_get_what_they_set() {
    let server = Server::in_memory();
    for round in 0..20 {
        let value = round % 2 == 0;
        let set = |body: Value| admin(&server, "PUT", "/admin/gates", &body).ok("the gates");
        std::thread::scope(|scope| {
            scope.spawn(|| set(json!({"closed_beta": value})));
            scope.spawn(|| set(json!({"self_serve": value})));
        });
        let now = set(json!({}));
        assert_eq!((&now["closed_beta"], &now["self_serve"]), (&json!(value), &json!(value)), "{round}");
    }
}

#[test]
fn a_live_key_is_never_called_invalid_while_its_user_is_flagged() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let (order, flag) =
        (market.limit("BUY", market.bid, 5), format!("/admin/users/{}/flag", user(&server, "desk")));
    std::thread::scope(|scope| {
        let trade = || {
            for _ in 0..100 {
                let answer = server.post("/v1/orders", &order).key("desk").send();
                let seen = (answer.status, answer.code());
                assert!([(200, ""), (403, "ACCESS_RESTRICTED")].contains(&seen), "{}", answer.text);
            }
        };
        let traders: Vec<_> = (0..4).map(|_| scope.spawn(trade)).collect();
        for flagged in [true, false].into_iter().cycle() {
            admin(&server, "POST", &flag, &json!({"flagged": flagged})).ok("flagged or not");
            if traders.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                break;
            }
        }
    });
}

#[test]
fn gates_given_at_a_start_hold_for_an_older_world_and_for_its_resets() {
    let closed = |server: &Server| create(server, "outsider", &json!({"name": "x"})).code().to_owned();
    let mut server = Server::start(Options::durable().with("PAPERTAPE_SELF_SERVE_ISSUANCE", "true"));
    assert_eq!(closed(&server), "API_PRO_COMING_SOON");
    server.steer("/sim/reset", &json!({}));
    assert_eq!(closed(&server), "API_PRO_COMING_SOON", "after a reset");
    server.stop();
    server.set_environment("PAPERTAPE_SELF_SERVE_ISSUANCE", "false");
    server.restart();
    assert_eq!(closed(&server), "CLOSED_BETA", "another setting");
    admin(&server, "PUT", "/admin/gates", &json!({"closed_beta": false})).ok("open");
    server.stop();
    server.restart();
    assert_eq!(create(&server, "outsider", &json!({})).status, 201, "what was not given stays as it was set");
    server.stop();
    let audit = crate::harness::run(&["audit", "--data", &server.data_text()]);
    assert_eq!(audit.status.code(), Some(0), "{}", crate::harness::complained(&audit));
}
