//! An end user's life: made, onboarded, acted for, ended, and made anew (§§2.7, 9).

use super::{Caller, end_user, kalshi, refused, text};
use crate::clob::wallet::Wallet;
use crate::harness::{Options, Server};
use serde_json::{Value, json};

fn managed() -> Value {
    json!({"exchange": "polymarket", "mode": "managed"})
}

/// A builder's end user with a wallet.
fn onboarded(server: &Server, builder: &Caller, external_id: &str) -> (String, Value) {
    let made = end_user(server, builder, external_id);
    let id = text(&made, "customer_id").to_owned();
    let mut body = managed();
    body["customer_id"] = id.as_str().into();
    (id, builder.post(server, "/builder/onboard", &body).ok("onboarded"))
}

#[test]
fn a_managed_wallet_is_a_real_one_whose_key_opens_the_same_account_elsewhere() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let builder = Caller::persona(&server, "builder");
    let (id, made) = onboarded(&server, &builder, "user_001");
    assert_eq!(made["steps_completed"], json!(["wallet_eoa_created", "exchange_linked"]));
    assert_eq!(made["linked_exchanges"], json!(["polymarket"]));
    let acting = builder.acting_for(&id);
    let order = acting.order(&server, &market, "buy", (market.bid + 1, 10)).ok("an order");
    let exported = acting.post(&server, "/wallet/export-key", &json!({})).ok("a key");
    let wallet = Wallet::of(text(&exported, "private_key")).with_key(&server);
    assert_eq!(format!("{:#x}", wallet.address), text(&made, "eoa_address"));
    assert_eq!(
        wallet.cash(&server),
        1_000_000_000,
        "what an order waits with is still the wallet's on a chain"
    );
    wallet.delete(&server, "/cancel-all", &Value::Null).ok("canceled");
    let path = format!("/orders/{}?exchange=polymarket", text(&order, "id"));
    assert_eq!(acting.get(&server, &path).ok("the order")["status"], "cancelled");
    acting.order(&server, &market, "buy", (market.ask, 10)).ok("an order that fills");
    assert_eq!(wallet.cash(&server), acting.cash(&server), "one purse");
    assert!(wallet.cash(&server) < 1_000_000_000);
}

#[test]
fn a_persona_s_managed_wallet_is_its_own() {
    let server = Server::in_memory();
    let builder = Caller::persona(&server, "builder");
    let made = builder.post(&server, "/onboard", &managed()).ok("onboarded");
    assert_eq!(text(&made, "eoa_address"), server.persona("builder", "address").to_lowercase());
    let exported = builder.post(&server, "/wallet/export-key", &json!({})).ok("a key");
    assert_eq!(exported["private_key"], server.persona("builder", "private_key"));
    let again = builder.post(&server, "/onboard", &managed()).ok("onboarded");
    assert_eq!((&again["status"], &again["steps_completed"]), (&json!("already_linked"), &json!([])));
    assert_eq!(builder.cash(&server), 10_000_000_000, "the account that it has on PolySimulator");
}

#[test]
fn the_end_of_an_end_user_is_for_good_and_a_new_one_begins_with_nothing_of_it() {
    let mut server = Server::start(Options::durable());
    let market = server.markets(1).remove(0);
    let builder = Caller::persona(&server, "builder");
    let (id, made) = onboarded(&server, &builder, "user_001");
    let (acting, own) = (builder.acting_for(&id), Caller::key(text(&made, "api_key")));
    let order = own.order(&server, &market, "buy", (market.bid + 1, 10)).ok("an order");
    let user = format!("/builder/users/{id}");
    let ended = builder.delete(&server, &user);
    assert_eq!((ended.status, ended.text.as_str()), (204, ""));
    assert_eq!(builder.delete(&server, &user).status, 204, "ended twice is ended");
    refused(&own.get(&server, "/usage"), "its key", 401, "unauthorized");
    refused(&acting.get(&server, "/balance?exchange=polymarket"), "its account", 403, "credentials_required");
    refused(&acting.post(&server, "/wallet/export-key", &json!({})), "its wallet's key", 400, "bad_request");
    let shown = builder.get(&server, &user).ok("the end user");
    assert_eq!((&shown["linked_exchanges"], &shown["wallet"]), (&json!([]), &Value::Null));
    assert!(std::fs::read_dir(server.data().join("vault")).unwrap().next().is_none(), "its key is destroyed");
    // The house's book has lost its order.
    let number = text(&order, "id");
    server.kill();
    server.restart();
    let builder = Caller::persona(&server, "builder");
    let again = end_user(&server, &builder, "user_001");
    assert_eq!(again["customer_id"], json!(id));
    assert_ne!(again["api_key"], made["api_key"]);
    let (_, second) = onboarded(&server, &builder, "user_001");
    assert_ne!(second["eoa_address"], made["eoa_address"], "another wallet");
    let acting = builder.acting_for(&id);
    assert_eq!(acting.cash(&server), 1_000_000_000);
    let path = format!("/orders/{number}?exchange=polymarket");
    refused(&acting.get(&server, &path), "the old wallet's order", 404, "order_not_found");
}

#[test]
fn to_onboard_an_end_user_again_makes_it_anew() {
    let server = Server::in_memory();
    let builder = Caller::persona(&server, "builder");
    let (id, made) = onboarded(&server, &builder, "user_001");
    let pool = |server: &Server| builder.get(server, "/builder/pool").ok("the pool");
    let before = pool(&server);
    builder.delete(&server, &format!("/builder/users/{id}"));
    assert_eq!(pool(&server)["end_user_count"], json!(before["end_user_count"].as_i64().unwrap() - 1));
    // Credentials that come with a request work on.
    let with = builder.acting_for(&id).with(&kalshi("own"));
    assert_eq!(with.get(&server, "/balance?exchange=kalshi").status, 200);
    let (_, again) = onboarded(&server, &builder, "user_001");
    assert_eq!(again["customer_id"], json!(id));
    assert_ne!(again["api_key"], made["api_key"]);
    assert_eq!(pool(&server), before);
    assert_eq!(Caller::key(text(&again, "api_key")).get(&server, "/usage").status, 200);
}

#[test]
fn a_signer_ends_after_thirty_days_and_onboarding_again_renews_it() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let builder = Caller::persona(&server, "builder");
    let (id, _) = onboarded(&server, &builder, "user_001");
    let acting = builder.acting_for(&id);
    server.advance(30 * 86_400);
    let order = || acting.order(&server, &market, "buy", (market.bid, 10));
    refused(&order(), "an order that nobody signs", 403, "session_signer_expired");
    let ping = acting.get(&server, "/ping?exchange=polymarket").ok("a ping");
    assert_eq!((&ping[0]["has_credentials"], &ping[0]["authenticated"]), (&json!(true), &json!(false)));
    assert_eq!(acting.get(&server, "/positions?exchange=polymarket").status, 200, "it still reads");
    let mut body = managed();
    body["customer_id"] = id.into();
    let again = builder.post(&server, "/builder/onboard", &body).ok("onboarded");
    assert_eq!((&again["status"], &again["steps_completed"]), (&json!("complete"), &json!([])));
    assert_eq!(order().ok("an order")["status"], "open");
}

#[test]
fn end_users_are_listed_page_by_page_each_once() {
    let server = Server::in_memory();
    let builder = Caller::persona(&server, "builder2");
    for number in [3, 1, 5, 2, 4] {
        end_user(&server, &builder, &format!("user_00{number}"));
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = builder.get(&server, &format!("/builder/users?limit=2{cursor}")).ok("a page");
        let users = page["users"].as_array().unwrap();
        assert_eq!(page["count"], json!(users.len()));
        seen.extend(users.iter().map(|user| text(user, "external_id").to_owned()));
        match page.get("next_cursor") {
            Some(next) => cursor = format!("&cursor={}", next.as_str().unwrap()),
            None => break,
        }
    }
    assert_eq!(seen, ["user_001", "user_002", "user_003", "user_004", "user_005"]);
    refused(&builder.get(&server, "/builder/users?cursor=x"), "no cursor", 400, "bad_request");
    let first = builder.get(&server, "/builder/users?limit=0").ok("a page");
    assert_eq!(first["count"], 1, "a limit outside of its range is moved into it");
}

#[test]
fn what_a_builder_asks_of_an_end_user_is_checked() {
    let server = Server::in_memory();
    let (builder, other) = (Caller::persona(&server, "builder"), Caller::persona(&server, "builder2"));
    for (body, code) in [
        (json!({}), "missing_parameter"),
        (json!({"external_id": ""}), "missing_parameter"),
        (json!({"external_id": 5}), "bad_request"),
        (json!({"external_id": "a", "qps_limit": 0}), "bad_request"),
        (json!({"external_id": "a", "qps_limit": 1.5}), "bad_request"),
        (json!({"external_id": "a", "eoa_address": "0x12"}), "bad_request"),
        (json!({"external_id": "a".repeat(257)}), "bad_request"),
    ] {
        refused(&builder.post(&server, "/builder/users", &body), &body.to_string(), 400, code);
    }
    let made = builder.post(&server, "/builder/users", &json!({"external_id": "a", "qps_limit": 7}));
    assert_eq!(made.status, 201);
    let repeated = builder.post(&server, "/builder/users", &json!({"external_id": "a", "qps_limit": 9}));
    assert_eq!(
        (repeated.status, &repeated.json),
        (200, &made.json),
        "the first answer, whatever else is asked"
    );
    let id = text(&made.json, "customer_id");
    let path = format!("/api/v1/builder/users/{id}");
    let patch = |caller: &Caller, body: Value| {
        caller.signed(server.request("PATCH", path.as_str())).json(&body).send()
    };
    assert_eq!(patch(&builder, json!({})).ok("unchanged")["qps_limit"], 7);
    assert_eq!(patch(&builder, json!({"qps_limit": 3})).ok("changed")["qps_limit"], 3);
    refused(&patch(&builder, json!({"qps_limit": 0})), "no limit", 400, "bad_request");
    refused(&patch(&other, json!({"qps_limit": 3})), "another builder's", 404, "not_found");
    refused(&other.get(&server, &format!("/builder/users/{id}")), "another builder's", 404, "not_found");
    refused(&other.delete(&server, &format!("/builder/users/{id}")), "another builder's", 404, "not_found");
    let mut onboard = managed();
    onboard["customer_id"] = id.into();
    refused(&other.post(&server, "/builder/onboard", &onboard), "another builder's", 403, "forbidden");
    assert_eq!(Caller::key(text(&made.json, "api_key")).get(&server, "/usage").status, 200, "untouched");
}

#[test]
fn an_older_client_makes_and_onboards_an_end_user_at_once() {
    let server = Server::in_memory();
    let builder = Caller::persona(&server, "builder");
    let mut body = managed();
    body["external_id"] = "user_009".into();
    let made = builder.post(&server, "/builder/onboard", &body);
    assert_eq!(made.status, 201, "{}", made.text);
    let steps = json!(["user_created", "wallet_eoa_created", "exchange_linked"]);
    assert_eq!((&made.json["steps_completed"], &made.json["external_id"]), (&steps, &json!("user_009")));
    let again = builder.post(&server, "/builder/onboard", &body);
    assert_eq!((again.status, &again.json["steps_completed"]), (200, &json!([])));
}
