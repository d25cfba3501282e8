//! What a wallet's signature gets it, how long that lasts, and where it is kept: nowhere.

use super::wallet::{Draft, Wallet};
use crate::harness::{Options, Server, scaled};
use serde_json::{Value, json};
use std::path::Path;

const BALANCE: &str = "/balance-allowance?asset_type=COLLATERAL&signature_type=0";

fn made(wallet: &Wallet, server: &Server, method: &'static str, path: &str, nonce: u64) -> Value {
    wallet.login(server.request(method, path), 1_700_000_000, nonce).send().ok(path)
}

#[test]
fn a_wallet_nobody_has_seen_becomes_a_funded_user_and_its_nonces_have_keys_of_their_own() {
    let server = Server::in_memory();
    let wallet = Wallet::stranger(7);
    let first = made(&wallet, &server, "POST", "/auth/api-key", 0);
    assert_eq!(first, made(&wallet, &server, "POST", "/auth/api-key", 0), "created twice, the same");
    assert_eq!(first, made(&wallet, &server, "GET", "/auth/derive-api-key", 0), "derived, the same");
    let second = made(&wallet, &server, "GET", "/auth/derive-api-key", 9);
    assert!(["apiKey", "secret", "passphrase"].iter().all(|member| first[member] != second[member]));
    let wallet = wallet.with_key(&server);
    assert_eq!(wallet.cash(&server), 1_000_000_000, "the scenario's opening cash, once");
    let keys = wallet.get(&server, "/auth/api-keys").ok("keys");
    assert_eq!(keys["apiKeys"], json!([first["apiKey"], second["apiKey"]]));
}

#[test]
fn a_deleted_key_is_dead_for_good_and_its_nonce_gets_another() {
    let server = Server::in_memory();
    let wallet = Wallet::stranger(8).with_key(&server);
    assert_eq!(wallet.delete(&server, "/auth/api-key", &Value::Null).ok("deleted"), "OK");
    assert_eq!(wallet.get(&server, BALANCE).status, 401);
    let again = wallet.clone().with_key(&server);
    assert_ne!((&again.key, &again.secret), (&wallet.key, &wallet.secret));
    assert_eq!((wallet.get(&server, BALANCE).status, again.get(&server, BALANCE).status), (401, 200));
    assert_eq!(again.cash(&server), 1_000_000_000, "who comes again is not paid again");
}

#[test]
fn a_restart_keeps_bots_logged_in_and_a_reset_does_not() {
    let mut server = Server::start(Options::durable());
    let wallet = Wallet::stranger(9).with_key(&server);
    server.kill();
    server.restart();
    assert_eq!(wallet.cash(&server), 1_000_000_000);
    assert_eq!(wallet.clone().with_key(&server).secret, wallet.secret);
    server.steer("/sim/reset", &json!({}));
    assert_eq!(wallet.get(&server, BALANCE).status, 401, "keys issued since the beginning are dead");
    let again = wallet.clone().with_key(&server);
    assert_ne!(again.secret, wallet.secret, "nor do they come back to life");
    assert_eq!(wallet.get(&server, BALANCE).status, 401);
}

#[test]
fn the_same_wallet_is_the_same_account_through_every_door() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let trader = Wallet::persona(&server, "trader");
    let shown = server.get("/v1/account/portfolio").key("trader").send().ok("a portfolio");
    let shown = scaled(shown["balance"]["total_value"].to_string().trim_matches('"'), 6);
    assert_eq!((shown, trader.cash(&server)), (Some(10_000_000_000), 10_000_000_000), "to the micro-dollar");
    let rests = u64::try_from(market.bid).unwrap() + 1;
    let (body, id) = trader.order(&Draft::limit(&market.tokens[0], "BUY", rests, 10));
    assert_eq!(trader.post(&server, "/order", &body).ok("an order")["orderID"], id.as_str());
    let seen = server.get("/v1/orders?status=open").key("trader").send().ok("orders");
    assert_eq!(seen["orders"].as_array().or(seen.as_array()).expect("a list").len(), 1, "{seen}");
    let own = server.post("/v1/orders", &market.limit("BUY", market.bid + 1, 6)).key("trader").send();
    own.ok("an order through the other door");
    let open = trader.get(&server, "/data/orders").ok("orders");
    let sizes: Vec<_> =
        open["data"].as_array().expect("a page").iter().map(|row| &row["original_size"]).collect();
    assert_eq!(sizes, ["6", "10"], "the newest first");
    // One without a signature is canceled by the id that this wire gave it.
    let ids: Vec<_> = open["data"].as_array().expect("a page").iter().map(|row| row["id"].clone()).collect();
    let canceled = trader.delete(&server, "/orders", &json!(ids)).ok("canceled");
    assert_eq!(canceled["canceled"].as_array().map(Vec::len), Some(2), "{canceled}");
}

#[test]
fn strict_mode_asks_for_fresh_stamps_and_a_first_creation() {
    let server = Server::start(Options::default().with("PAPERTAPE_CLOB_MODE", "strict"));
    // Signed requests are judged by the wall's time, which the world's is until it is moved.
    let now = server.get("/time").send().ok("the time").as_i64().expect("seconds");
    let wallet = Wallet::stranger(10);
    let login = |stamp| wallet.login(server.request("POST", "/auth/api-key"), stamp, 0).send();
    for (age, status) in [(-3_600, 401), (-90, 401), (60, 401), (-30, 200)] {
        assert_eq!(login(now + age).status, status, "{age} s");
    }
    let again = login(now);
    assert_eq!((again.status, &again.json["error"]), (400, &json!("Could not create api key")));
    let derived = wallet.login(server.request("GET", "/auth/derive-api-key"), now, 0).send().ok("derived");
    let text = |member: &str| derived[member].as_str().expect("a text").to_owned();
    let wallet =
        Wallet { key: text("apiKey"), secret: text("secret"), passphrase: text("passphrase"), ..wallet };
    for (age, status) in [(-90, 401), (60, 401), (-30, 200)] {
        let found = wallet.signed_at(&server, ("GET", BALANCE, ""), now + age).send();
        assert_eq!(found.status, status, "{age} s");
    }
}

#[test]
fn strangers_may_be_kept_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let scenario = include_str!("../../../fixtures/scenario/default.toml")
        .replace("strangers = true", "strangers = false");
    let path = directory.path().join("closed.toml");
    std::fs::write(&path, scenario).expect("written");
    let arguments = vec!["--scenario".to_owned(), path.display().to_string()];
    let server = Server::start(Options { arguments, ..Options::default() });
    let refused =
        Wallet::stranger(11).login(server.request("POST", "/auth/api-key"), 1_700_000_000, 0).send();
    assert_eq!((refused.status, &refused.json["error"]), (400, &json!("Could not create api key")));
    assert_eq!(Wallet::persona(&server, "trader").cash(&server), 10_000_000_000);
}

fn holds(directory: &Path, secret: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(holds(&path, secret));
        } else if std::fs::read(&path).expect("a file").windows(secret.len()).any(|part| part == secret) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_key_s_secret_is_kept_nowhere() {
    let options = Options::durable().with("PAPERTAPE_LOG", "debug");
    let mut server = Server::start(options);
    let market = server.markets(1).remove(0);
    let wallet = Wallet::stranger(12).with_key(&server);
    wallet.place(&server, &Draft::limit(&market.tokens[0], "BUY", 20, 10)).ok("an order");
    let builder = wallet.post(&server, "/auth/builder-api-key", &json!({})).ok("a builder's key");
    let wrong = Wallet { passphrase: wallet.secret.clone(), ..wallet.clone() };
    assert_eq!(wrong.get(&server, BALANCE).status, 401);
    let listed = wallet.get(&server, "/auth/builder-api-key").ok("keys");
    let text = |of: &Value, member: &str| of[member].as_str().expect("a text").to_owned();
    let secrets = [
        wallet.secret.clone(),
        wallet.passphrase.clone(),
        text(&builder, "secret"),
        text(&builder, "passphrase"),
    ];
    assert!(secrets.iter().all(|secret| !listed.to_string().contains(secret)));
    server.stop();
    let master = std::fs::read_to_string(server.data().join("master.key")).expect("the server's own secret");
    for secret in &secrets {
        assert_eq!(holds(&server.data(), secret.as_bytes()), Vec::<String>::new());
        assert!(!server.log().contains(secret));
    }
    let master = master.trim();
    let own = server.data().join("master.key").display().to_string();
    assert_eq!(holds(&server.data(), master.as_bytes()), [own], "the master key lies in its own file alone");
    assert!(!server.log().contains(master));
}

#[test]
fn keys_that_builders_and_readers_get_open_nothing() {
    let server = Server::in_memory();
    let wallet = Wallet::stranger(13).with_key(&server);
    let builder = wallet.post(&server, "/auth/builder-api-key", &json!({})).ok("a key");
    let text = |member: &str| builder[member].as_str().expect("a text").to_owned();
    let as_builder =
        Wallet { key: text("key"), secret: text("secret"), passphrase: text("passphrase"), ..wallet.clone() };
    assert_eq!(as_builder.get(&server, BALANCE).status, 401);
    let reader = wallet.post(&server, "/auth/readonly-api-key", &json!({})).ok("a key");
    let reader = reader["apiKey"].as_str().expect("an id").to_owned();
    assert_eq!(wallet.get(&server, "/auth/readonly-api-keys").ok("keys"), json!([reader]));
    let valid = |address: &str| {
        server.get(format!("/auth/validate-readonly-api-key?address={address}&key={reader}")).send().status
    };
    assert_eq!(valid(&wallet.address.to_string()), 200);
    assert_eq!(valid(&Wallet::stranger(14).address.to_string()), 401);
    let ended = wallet.delete(&server, "/auth/readonly-api-key", &json!({"key": reader})).ok("ended");
    assert_eq!(ended, true);
    assert_eq!(valid(&wallet.address.to_string()), 401);
    let other = Wallet::stranger(14).with_key(&server);
    let not_own =
        other.delete(&server, "/auth/readonly-api-key", &json!({"key": wallet.key})).ok("an answer");
    assert_eq!(not_own, false, "nobody ends another's key");
    assert_eq!(wallet.get(&server, BALANCE).status, 200);
}
