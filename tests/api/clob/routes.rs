//! Every route of Polymarket's services, and who may not come in; whose each path is where several surfaces meet.

use super::wallet::Wallet;
use crate::harness::{Options, Server};
use papertape::surface::surfaces;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Routes that a wallet signs for itself (polymarket-clob.md §3).
const BY_WALLET: [(&str, &str); 2] = [("POST", "/auth/api-key"), ("GET", "/auth/derive-api-key")];

/// Routes that a key's secret signs for (§4).
#[rustfmt::skip]
const BY_KEY: &[(&str, &str)] = &[
    ("GET", "/auth/api-keys"), ("DELETE", "/auth/api-key"), ("GET", "/auth/ban-status/closed-only"),
    ("POST", "/auth/readonly-api-key"), ("GET", "/auth/readonly-api-keys"), ("DELETE", "/auth/readonly-api-key"),
    ("POST", "/auth/builder-api-key"), ("GET", "/auth/builder-api-key"), ("DELETE", "/auth/builder-api-key"),
    ("GET", "/balance-allowance"), ("GET", "/balance-allowance/update"),
    ("GET", "/notifications"), ("DELETE", "/notifications"), ("POST", "/v1/heartbeats"),
    ("GET", "/rewards/user"), ("GET", "/rewards/user/markets"), ("GET", "/rewards/user/total"),
    ("GET", "/rewards/user/percentages"),
    ("POST", "/order"), ("POST", "/orders"), ("DELETE", "/order"), ("DELETE", "/orders"),
    ("DELETE", "/cancel-all"), ("DELETE", "/cancel-market-orders"),
    ("GET", "/data/orders"), ("GET", "/data/order/{order_id}"), ("GET", "/data/pre-migration-orders"),
    ("GET", "/data/trades"), ("GET", "/order-scoring"), ("POST", "/orders-scoring"),
];

/// Routes of the CLOB that ask for nothing. This list only shrinks.
#[rustfmt::skip]
const PUBLIC: &[(&str, &str)] = &[
    ("GET", "/"), ("GET", "/ok"), ("GET", "/time"), ("GET", "/version"), ("GET", "/api/geoblock"),
    ("GET", "/markets"), ("GET", "/sampling-markets"), ("GET", "/simplified-markets"),
    ("GET", "/sampling-simplified-markets"), ("GET", "/markets/{condition_id}"),
    ("GET", "/markets-by-token/{token_id}"), ("GET", "/clob-markets/{condition_id}"),
    ("GET", "/book"), ("POST", "/books"), ("GET", "/midpoint"), ("GET", "/midpoints"), ("POST", "/midpoints"), ("GET", "/price"),
    ("GET", "/prices"), ("POST", "/prices"), ("GET", "/spread"), ("POST", "/spreads"), ("GET", "/last-trade-price"),
    ("GET", "/last-trades-prices"), ("POST", "/last-trades-prices"), ("GET", "/tick-size"), ("GET", "/neg-risk"),
    ("GET", "/fee-rate"), ("GET", "/prices-history"), ("POST", "/batch-prices-history"),
    ("GET", "/auth/validate-readonly-api-key"), ("GET", "/builder/trades"),
    ("GET", "/ws/market"), ("GET", "/ws/user"), ("GET", "/rtds"), ("POST", "/rpc"),
];

fn listed(name: &str) -> BTreeSet<(String, String)> {
    let surface = surfaces().into_iter().find(|surface| surface.name == name).expect("it was built in");
    surface.endpoints.into_iter().map(|endpoint| (endpoint.method.to_string(), endpoint.path)).collect()
}

fn verb(name: &str) -> &'static str {
    ["GET", "POST", "DELETE", "PUT", "PATCH"].into_iter().find(|verb| *verb == name).expect("a verb")
}

#[test]
fn every_route_that_is_somebody_s_own_is_shut_to_everybody_else() {
    let server = Server::in_memory();
    let (ann, bob) = (Wallet::stranger(21).with_key(&server), Wallet::stranger(22).with_key(&server));
    let unsigned = json!({"error": "Invalid L1 Request headers"});
    let unauthorized = json!({"error": "Unauthorized/Invalid api key"});
    let mixed = Wallet { secret: bob.secret.clone(), ..ann.clone() };
    for (method, path) in listed("clob") {
        let route = (method.as_str(), path.as_str());
        let path = path.replace("{order_id}", &format!("0x{}", "00".repeat(32)));
        let asked = || server.request(verb(&method), path.clone()).json(&json!({}));
        if BY_WALLET.contains(&route) {
            let answer = asked().send();
            assert_eq!((answer.status, &answer.json), (401, &unsigned), "{method} {path}");
        } else if BY_KEY.contains(&route) {
            // Without a signature the heartbeats are PolySimulator's.
            if path != "/v1/heartbeats" {
                let answer = asked().send();
                assert_eq!((answer.status, &answer.json), (401, &unauthorized), "{method} {path}");
                let answer = asked().key("trader").send();
                assert_eq!(answer.status, 401, "{method} {path} with another service's key");
            }
            let answer = mixed.signed(&server, verb(&method), &path, "{}").send();
            assert_eq!((answer.status, &answer.json), (401, &unauthorized), "{method} {path}");
        } else {
            let is_public =
                PUBLIC.contains(&route) || path.starts_with("/rewards/") || path.starts_with("/rfq/");
            let is_named = ["/live-activity", "/rebates", "/fees", "/markets/live-activity"];
            let is_known = is_public || is_named.iter().any(|known| path.starts_with(known));
            assert!(is_known, "{method} {path} is in no list of this test");
        }
    }
    for (method, path) in BY_WALLET.iter().chain(BY_KEY) {
        assert!(
            listed("clob").contains(&((*method).to_owned(), (*path).to_owned())),
            "{method} {path} is gone"
        );
    }
    assert_eq!(bob.get(&server, "/auth/api-keys").ok("keys")["apiKeys"], json!([bob.key]));
}

/// Whose envelope an answer has, by what only that surface says.
fn speaker(body: &Value, code: &str) -> &'static str {
    match (body["error"].as_str(), code) {
        (_, code) if !code.is_empty() => "polysim",
        (Some(_), _) => "others",
        (None, _) => "nobody",
    }
}

#[test]
fn where_surfaces_meet_each_path_has_one_owner() {
    let server = Server::in_memory();
    let wallet = Wallet::stranger(23).with_key(&server);
    for (method, path, status, owner) in [
        ("GET", "/v1/nothing", 404, "polysim"),
        ("DELETE", "/v1/heartbeats", 405, "polysim"),
        ("GET", "/admin/nothing", 404, "polysim"),
        ("GET", "/prices/nothing", 404, "polysim"),
        ("GET", "/markets/nothing", 404, "others"),
        ("GET", "/api/beta/nothing", 404, "polysim"),
        ("GET", "/api/nothing", 404, "others"),
        ("GET", "/auth/nothing", 404, "others"),
        ("GET", "/gamma/nothing", 404, "others"),
        ("GET", "/data-api/nothing", 404, "others"),
        ("GET", "/relayer/nothing", 404, "others"),
        ("GET", "/data/nothing", 404, "others"),
        ("GET", "/nothing", 404, "others"),
        ("PUT", "/order", 405, "others"),
    ] {
        let answer = server.request(verb(method), path).send();
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        assert_eq!(speaker(&answer.json, answer.code()), owner, "{method} {path}: {}", answer.text);
    }
    // The same path, and each service's own answer to its own caller.
    let beat = wallet.post(&server, "/v1/heartbeats", &json!({"heartbeat_id": ""})).ok("a beat");
    assert!(beat["heartbeat_id"].is_string(), "{beat}");
    let unsigned = server.post("/v1/heartbeats", &json!({})).send();
    assert_eq!((unsigned.status, unsigned.code()), (401, "MISSING_API_KEY"));
    // Exact paths come before variables, and a prefix before the root.
    assert!(server.get("/markets/updown").send().ok("windows").is_object());
    assert!(server.get("/markets").send().ok("a page")["next_cursor"].is_string());
    assert!(server.get("/gamma/markets").send().ok("a list").is_array());
    let prices = server.post("/prices", &json!([])).send();
    assert_eq!((prices.status, &prices.json), (200, &json!({})));
    assert_eq!(server.get("/").send().ok("a word"), "OK");
    let preflight = server.request("OPTIONS", "/order").header("Origin", "http://localhost:3000").send();
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), "http://localhost:3000");
}

#[test]
fn a_surface_may_have_an_address_of_its_own_and_is_alone_there() {
    let own = ["clob", "gamma", "data", "relayer", "polysim"];
    let arguments =
        own.iter().flat_map(|name| [format!("--listen-{name}"), "127.0.0.1:0".to_owned()]).collect();
    let server = Server::start(Options { arguments, ..Options::default() });
    for (name, known, unknown) in [
        ("clob", "/time", "/v1/markets"),
        ("gamma", "/status", "/gamma/status"),
        ("data", "/", "/data-api"),
        ("relayer", "/deployed?address=0x1111111111111111111111111111111111111111&type=WALLET", "/time"),
        ("polysim", "/v1/time", "/time"),
    ] {
        let base = server.surfaces[name].as_str().unwrap_or_else(|| panic!("no {name}"));
        assert_ne!(base, server.base, "{name} has its own");
        let status = |path: &str| server.get(format!("{base}{path}")).send().status;
        assert_eq!((status(known), status(unknown)), (200, 404), "{name}");
    }
    // A key works wherever its surface is: both listeners serve one world.
    let wallet = Wallet::stranger(24).with_key(&server);
    let there = format!("{}/auth/api-keys", server.surfaces["clob"].as_str().expect("a URL"));
    let keys = wallet.signed(&server, "GET", "/auth/api-keys", "").moved("GET", &there).send().ok("keys");
    assert_eq!(keys["apiKeys"], json!([wallet.key]));
}
