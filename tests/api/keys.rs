//! The life of keys, and what happens when many ask at once (polysimulator.md §4, §5.6).

use crate::harness::{Answer, Options, Server, printed, run};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::thread::scope;

const DAY: i64 = 86_400;

fn raw(created: &Value) -> String {
    let key = created["raw_key"].as_str().unwrap_or_else(|| panic!("no key: {created}"));
    let hex = key.strip_prefix("ps_live_").expect("the prefix");
    assert!(hex.len() == 64 && hex.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')), "{key}");
    assert_eq!(created["key_prefix"], key[..16]);
    key.to_owned()
}

fn active(server: &Server, persona: &str) -> usize {
    let keys = server.get("/v1/keys?limit=200").bearer(server.persona(persona, "jwt")).send().ok("keys");
    keys.as_array().expect("a list").iter().filter(|key| key["is_active"] == true).count()
}

fn with_key(server: &Server, key: &str) -> Answer {
    server.get("/v1/account/balance").header("X-API-Key", key).send()
}

#[test]
fn a_key_is_made_shown_once_renamed_rotated_and_revoked() {
    let server = Server::in_memory();
    let jwt = server.persona("newcomer", "jwt").to_owned();
    let bootstrap = server.post("/v1/keys/bootstrap", &json!({"name": "first", "expires_at": "2027-01-01"}));
    let first = bootstrap.bearer(&jwt).header("X-API-Key", server.key("trader")).send();
    assert_eq!(first.status, 201, "the session decides, whatever key comes with it: {}", first.text);
    let (id, key) = (first.json["id"].clone(), raw(&first.json));
    assert_eq!(
        (&first.json["rate_limit_tier"], &first.json["permissions"]),
        (&json!("pro"), &json!(["read", "trade"]))
    );
    let again = server.request("POST", "/v1/keys/bootstrap").bearer(&jwt).send();
    again.refused("a second first key", 400, "BOOTSTRAP_NOT_ALLOWED");
    let gold = server.post("/v1/keys/bootstrap", &json!({"tier": "gold"})).bearer(&jwt).send();
    gold.refused("whatever it wishes for", 400, "BOOTSTRAP_NOT_ALLOWED");

    let list = || server.get("/v1/keys").header("X-API-Key", &key).send().ok("keys");
    let listed = list();
    assert_eq!(
        (listed[0]["id"].clone(), &listed[0]["name"], &listed[0]["expires_at"]),
        (id.clone(), &json!("first"), &Value::Null)
    );
    assert!(!listed.to_string().contains(&key), "never again");
    let used = list()[0]["last_used_at"].as_str().expect("it was used").to_owned();
    server.advance(60);
    assert!(list()[0]["last_used_at"].as_str().expect("again") > used.as_str());

    let path = format!("/v1/keys/{id}");
    let rename =
        |name: Value| server.request("PATCH", &path).json(&json!({"name": name})).bearer(&jwt).send();
    assert_eq!(rename(json!("bot")).ok("renamed")["name"], "bot");
    assert_eq!(rename(json!("é".repeat(100))).status, 200, "a hundred characters");
    rename(json!("é".repeat(101))).refused("one more", 422, "VALIDATION_FAILED");
    assert_eq!(rename(Value::Null).ok("no name")["name"], Value::Null);
    let nothing = server.request("PATCH", &path).json(&json!({})).bearer(&jwt).send();
    nothing.refused("nothing asked for", 422, "VALIDATION_FAILED");

    let rotate = || server.request("POST", format!("{path}/rotate")).json(&json!({})).bearer(&jwt).send();
    let rotated = rotate();
    assert_eq!((rotated.status, &rotated.json["rotated_from"]), (201, &id), "{}", rotated.text);
    let next = raw(&rotated.json);
    rotate().refused("rotated before", 400, "VALIDATION_FAILED");
    assert_eq!((with_key(&server, &key).status, with_key(&server, &next).status), (200, 200), "both work");
    assert_eq!(list()[0]["expires_at"], rotated.json["old_key_expires_at"]);
    server.advance(DAY);
    with_key(&server, &key).refused("a day later", 401, "KEY_EXPIRED");
    assert_eq!(with_key(&server, &next).status, 200);

    let path = format!("/v1/keys/{}", rotated.json["id"]);
    let revoke = || server.delete(&path).bearer(&jwt).send();
    assert_eq!(revoke().ok("revoked"), json!({"message": "Key revoked successfully"}));
    with_key(&server, &next).refused("at once", 401, "INVALID_KEY");
    assert_eq!(revoke().status, 200, "a retry is no failure");
    assert_eq!(active(&server, "newcomer"), 0);
}

#[test]
fn a_read_only_key_manages_keys_and_trades_nothing() {
    let server = Server::in_memory();
    let wish = json!({"name": "eyes", "permissions": ["read"]});
    let created = server.post("/v1/keys", &wish).bearer(server.persona("admin", "jwt")).send();
    assert_eq!(created.status, 201, "{}", created.text);
    let key = raw(&created.json);
    let market = server.markets(1).remove(0);
    let order =
        server.post("/v1/orders", &market.limit("BUY", market.bid, 5)).header("X-API-Key", &key).send();
    order.refused("an order", 403, "INSUFFICIENT_PERMISSION");
    assert_eq!(order.json["error"], "API key missing required permission: trade");
    let more = server.post("/v1/keys", &json!({"permissions": ["trade"]})).header("X-API-Key", &key).send();
    assert_eq!(more.status, 201, "{}", more.text);
    let blind = server.get("/v1/account/balance").header("X-API-Key", raw(&more.json)).send();
    blind.refused("a key that trades and does not read", 403, "INSUFFICIENT_PERMISSION");
    // It manages wallets and starts them over all the same, and is shown what it did.
    let with_it = |request: crate::harness::Request<'_>| request.header("X-API-Key", raw(&more.json)).send();
    let wallet = with_it(server.post("/v1/me/wallets", &json!({"label": "unseen"})));
    assert_eq!((wallet.status, &wallet.json["label"]), (201, &json!("unseen")), "{}", wallet.text);
    let reset = with_it(server.post("/v1/account/reset-api-balance", &json!({})));
    assert_eq!(reset.status, 200, "{}", reset.text);
    for (body, status) in
        [(json!({"name": "x".repeat(101)}), 422), (json!({"name": 7}), 422), (json!({"permissions": 1}), 422)]
    {
        let answer = server.post("/v1/keys", &body).header("X-API-Key", &key).send();
        answer.refused("a key nobody could mean", status, "VALIDATION_FAILED");
    }
}

/// A month of world time, and less than a second of anyone's.
#[test]
#[expect(clippy::disallowed_methods, reason = "how long a test takes is the wall's business")]
fn a_beta_key_lives_trades_is_cut_off_and_is_free_from_then_on() {
    let server = Server::start(Options::limited());
    let begun = std::time::Instant::now();
    server.steer("/sim/clock/pause", &json!({}));
    let market = server.markets(1).remove(0);
    let now = server.get("/sim/clock").send().ok("the clock")["now_ms"].as_i64().expect("a number");
    let until = jiff(now + 30 * DAY * 1_000);
    let wish = json!({"email": "someone@example.test", "name": "beta", "beta_until": until});
    let issued =
        server.post("/admin/api-keys/issue-beta", &wish).header("X-Admin-Token", server.admin_token()).send();
    assert_eq!(issued.status, 201, "{}", issued.text);
    let key = raw(&issued.json);
    assert_eq!(
        (&issued.json["beta_until"], &issued.json["rate_limit_tier"]),
        (&json!(until), &json!("enterprise"))
    );
    let get = || with_key(&server, &key);
    let order =
        || server.post("/v1/orders", &market.limit("BUY", market.bid, 5)).header("X-API-Key", &key).send();
    let fresh = get();
    assert_eq!((fresh.header("x-ratelimit-tier"), fresh.header("x-api-beta-cutoff")), ("enterprise", ""));
    assert_eq!(fresh.ok("its cash")["balance"], "10000.00", "an enterprise wallet's");
    assert_eq!(order().ok("an order")["status"], "PENDING");

    server.advance(30 * DAY);
    let read = get();
    assert_eq!((read.status, read.header("x-api-beta-cutoff")), (200, "expired"), "{}", read.text);
    assert_eq!((read.header("x-ratelimit-tier"), read.header("x-ratelimit-limit")), ("free", "120"));
    let trade = order();
    trade.refused("an order past the cut-off", 403, "INSUFFICIENT_PERMISSION");
    assert_eq!(trade.header("x-api-beta-cutoff"), "expired");
    let third = get();
    third.refused("a third request within the second", 429, "RATE_LIMIT_EXCEEDED");
    assert_eq!((third.header("retry-after"), third.header("x-api-beta-cutoff")), ("1", "expired"));
    server.advance(1);
    let keys = server.get("/v1/keys").header("X-API-Key", &key).send().ok("its keys");
    assert_eq!(
        (&keys[0]["rate_limit_tier"], &keys[0]["is_active"]),
        (&json!("enterprise"), &json!(true)),
        "as it is stored"
    );
    let lost = server.get("/v1/nothing").header("X-API-Key", &key).send();
    assert_eq!((lost.status, lost.header("x-api-beta-cutoff")), (404, "expired"), "on every answer");
    assert!(begun.elapsed().as_secs() < 1, "{:?}", begun.elapsed());
}

/// A moment as the server writes it.
fn jiff(millis: i64) -> String {
    format!("{:.3}", jiff::Timestamp::from_millisecond(millis).expect("in range"))
}

#[test]
fn sixty_four_creates_at_once_leave_five_active_keys() {
    let server = Server::in_memory();
    let jwt = server.persona("admin", "jwt").to_owned();
    let answers: Vec<_> = scope(|scope| {
        let create = || server.post("/v1/keys", &json!({})).bearer(&jwt).send();
        let all: Vec<_> = (0..64).map(|_| scope.spawn(create)).collect();
        all.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!((made, active(&server, "admin")), (4, 5), "it had one before");
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        refused.refused("a sixth key", 400, "VALIDATION_FAILED");
    }
    let raw_keys: BTreeSet<_> = answers.iter().filter_map(|answer| answer.json["raw_key"].as_str()).collect();
    assert_eq!(raw_keys.len(), 4, "no two are the same");
}

#[test]
fn sixty_four_bootstraps_at_once_from_as_many_addresses_make_one_key() {
    let server = Server::start(Options::limited());
    let head = format!(
        "POST /v1/keys/bootstrap HTTP/1.1\r\nAuthorization: Bearer {}",
        server.persona("newcomer", "jwt")
    );
    let answers: Vec<_> = scope(|scope| {
        let (server, head) = (&server, &head);
        let all: Vec<_> = (1..=64)
            .map(|host| scope.spawn(move || server.call_from([127, 0, 2, host], head, "{}")))
            .collect();
        all.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    let made = answers.iter().filter(|(status, _)| *status == 201).count();
    let refused = answers.iter().filter(|(_, code)| code == "BOOTSTRAP_NOT_ALLOWED").count();
    assert_eq!((made, refused), (1, 63), "{answers:?}");
}

#[test]
fn a_rotation_race_leaves_one_successor() {
    let server = Server::in_memory();
    let keys = server.get("/v1/keys").key("desk").send().ok("keys");
    let (path, jwt) = (format!("/v1/keys/{}/rotate", keys[0]["id"]), server.persona("desk", "jwt"));
    let answers: Vec<_> = scope(|scope| {
        let rotate = || server.post(path.clone(), &json!({})).bearer(jwt).send();
        let all: Vec<_> = (0..16).map(|_| scope.spawn(rotate)).collect();
        all.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!((made.len(), active(&server, "desk")), (1, 2));
    for answer in refused {
        answer.refused("rotated before", 400, "VALIDATION_FAILED");
    }
}

#[test]
fn an_order_with_a_key_that_is_being_revoked_was_acknowledged_before_or_is_refused() {
    let mut server = Server::start(Options::durable());
    let market = server.markets(1).remove(0);
    let order = market.limit("BUY", market.bid, 5);
    let jwt = server.persona("admin", "jwt").to_owned();
    let created = server.post("/v1/keys", &json!({})).bearer(&jwt).send();
    let (id, key) = (created.json["id"].clone(), raw(&created.json));
    let (server_ref, order, key) = (&server, &order, &key);
    let placed: usize = scope(|scope| {
        let trade = move || {
            let mut placed = 0;
            loop {
                let answer = server_ref.post("/v1/orders", order).header("X-API-Key", key).send();
                if answer.status != 200 {
                    answer.refused("after the revocation", 401, "INVALID_KEY");
                    return placed;
                }
                placed += 1;
            }
        };
        let traders: Vec<_> = (0..4).map(|_| scope.spawn(trade)).collect();
        while server_ref.get("/v1/orders?limit=20").header("X-API-Key", key).send().json["total_hint"]
            .as_u64()
            < Some(20)
        {}
        server_ref.delete(format!("/v1/keys/{id}")).bearer(&jwt).send().ok("revoked");
        traders.into_iter().map(|trader| trader.join().expect("it ended")).sum()
    });
    server.stop();
    let tape = printed(&run(&["tape", "export", "--data", &server.data_text()]));
    let (mut orders, mut revoked) = (0, false);
    for line in tape.lines() {
        let record: Value = serde_json::from_str(line).expect("a record");
        if record["command"]["Place"]["by"]["Key"] == id {
            assert!(!revoked, "an order after the revocation: {line}");
            orders += 1;
        }
        revoked |= !record["command"]["Identity"]["command"]["RevokeKey"].is_null();
    }
    assert!(revoked);
    assert_eq!(orders, placed, "every order on the tape was acknowledged, and no other");
}
