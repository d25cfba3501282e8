//! Every route of the surface, and who may not come in (polysimulator.md §3.4, §3.7).
//!
//! The expected answer is a table. A route that is not in it fails the test, and so does one that is gone.

use crate::harness::{Answer, Request, Server};
use papertape::surface::surfaces;
use serde_json::json;
use std::collections::BTreeMap;

/// Which credential a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// None is looked at; whoever asks gets an answer.
    Nothing,
    /// None is needed. A key must be good, and a session is refused.
    MaybeKey,
    /// None is needed. A key must be good; a session is not looked at.
    MaybeKeyOnly,
    /// A key that reads.
    Read,
    /// A key, whatever it may do.
    AnyKey,
    /// A key that trades.
    Trade,
    /// A key or a session.
    Owner,
    /// A session alone.
    Session,
    /// A session alone, whether or not the runtime gate lets it in.
    Bootstrap,
    /// The administrator's token.
    Admin,
    /// A socket, whose token is judged after the handshake (tests/api/sockets.rs).
    Socket,
}

use Takes::{Admin, AnyKey, Bootstrap, MaybeKey, MaybeKeyOnly, Nothing, Owner, Read, Session, Socket, Trade};

/// Every route. `{wallet}`, `{order}` and `{key}` stand for what is the trader's.
#[rustfmt::skip]
const ROUTES: &[(&str, &str, Takes)] = &[
    ("GET", "/v1/health", Nothing),
    ("GET", "/v1/health/live", Nothing),
    ("GET", "/v1/health/ready", Nothing),
    ("GET", "/v1/status", Nothing),
    ("GET", "/v1/keys/tiers", Nothing),
    ("GET", "/api/beta/cohort-status", Nothing),
    ("GET", "/v1/time", MaybeKey),
    ("GET", "/v1/markets", MaybeKey),
    ("GET", "/v1/markets/by-slug/{slug}", MaybeKey),
    ("GET", "/v1/markets/updown", MaybeKey),
    ("GET", "/v1/markets/updown/intervals", MaybeKey),
    ("GET", "/v1/events", MaybeKey),
    ("GET", "/v1/book", MaybeKey),
    ("GET", "/v1/clob/book/{token_id}", MaybeKey),
    ("POST", "/v1/books", MaybeKey),
    ("GET", "/v1/price", MaybeKey),
    ("POST", "/v1/prices", MaybeKey),
    ("GET", "/v1/midpoint", MaybeKey),
    ("POST", "/v1/midpoints", MaybeKey),
    ("GET", "/v1/spread", MaybeKey),
    ("POST", "/v1/spreads", MaybeKey),
    ("GET", "/v1/last-trade-price", MaybeKey),
    ("GET", "/v1/tick-size", MaybeKey),
    ("GET", "/v1/tick-size/{token_id}", MaybeKey),
    ("GET", "/v1/neg-risk", MaybeKey),
    ("GET", "/v1/neg-risk/{token_id}", MaybeKey),
    ("GET", "/v1/fee-rate", MaybeKey),
    ("GET", "/v1/markets-by-token/{token_id}", MaybeKey),
    ("GET", "/v1/prices-history", MaybeKey),
    ("GET", "/markets/updown", MaybeKeyOnly),
    ("GET", "/prices/live", MaybeKeyOnly),
    ("GET", "/prices/live/{symbol}", MaybeKeyOnly),
    ("GET", "/prices/ptb/{id}", MaybeKeyOnly),
    ("GET", "/prices/stream", MaybeKeyOnly),
    ("GET", "/v1/markets/{condition_id}", Read),
    ("GET", "/v1/markets/{condition_id}/book", Read),
    ("GET", "/v1/markets/{condition_id}/candles", Read),
    ("POST", "/v1/prices/batch", Read),
    ("GET", "/v1/orders", Read),
    ("GET", "/v1/orders/{order_id}", Read),
    ("GET", "/v1/order/{order_id}", Read),
    ("GET", "/v1/data/order/{order_id}", Read),
    ("GET", "/v1/data/orders", Read),
    ("GET", "/v1/data/trades", Read),
    ("GET", "/v1/balance-allowance", Read),
    ("GET", "/v1/account/balance", Read),
    ("GET", "/v1/account/positions", Read),
    ("GET", "/v1/account/portfolio", Read),
    ("GET", "/v1/account/history", Read),
    ("GET", "/v1/account/equity", Read),
    ("GET", "/v1/account/settlements", Read),
    ("GET", "/v1/account/profile-analysis", Read),
    ("POST", "/v1/account/reset-api-balance", AnyKey),
    ("POST", "/v1/orders", Trade),
    ("POST", "/v1/orders/batch", Trade),
    ("POST", "/v1/order", Trade),
    ("POST", "/v1/clob/order", Trade),
    ("DELETE", "/v1/orders/{order_id}", Trade),
    ("DELETE", "/v1/orders", Trade),
    ("DELETE", "/v1/order", Trade),
    ("POST", "/v1/cancel-all", Trade),
    ("DELETE", "/v1/cancel-all", Trade),
    ("DELETE", "/v1/cancel-market-orders", Trade),
    ("POST", "/v1/heartbeats", Trade),
    ("POST", "/heartbeats", Trade),
    ("GET", "/v1/me", Owner),
    ("GET", "/v1/keys", Owner),
    ("POST", "/v1/keys", Owner),
    ("PATCH", "/v1/keys/{key_id}", Owner),
    ("DELETE", "/v1/keys/{key_id}", Owner),
    ("POST", "/v1/keys/{key_id}/rotate", Owner),
    ("POST", "/v1/keys/ws-token", Owner),
    ("GET", "/v1/me/wallets", Owner),
    ("POST", "/v1/me/wallets", Owner),
    ("GET", "/v1/me/wallets/{wallet_id}", Owner),
    ("PATCH", "/v1/me/wallets/{wallet_id}", Owner),
    ("DELETE", "/v1/me/wallets/{wallet_id}", Owner),
    ("POST", "/v1/me/wallets/{wallet_id}/reset", Owner),
    ("GET", "/v1/export/trades.csv", Owner),
    ("GET", "/v1/export/settlements.csv", Owner),
    ("GET", "/v1/account/me/entitlements", Session),
    ("POST", "/v1/keys/bootstrap", Bootstrap),
    ("GET", "/admin/allowlist", Admin),
    ("POST", "/admin/allowlist", Admin),
    ("DELETE", "/admin/allowlist", Admin),
    ("POST", "/admin/users/{user_id}/flag", Admin),
    ("DELETE", "/admin/users/{user_id}", Admin),
    ("POST", "/admin/api-keys/{key_id}/disable", Admin),
    ("POST", "/admin/api-keys/issue-beta", Admin),
    ("PUT", "/admin/cohorts/{label}/users/{user_id}", Admin),
    ("DELETE", "/admin/cohorts/{label}/users/{user_id}", Admin),
    ("PUT", "/admin/gates", Admin),
    ("GET", "/v1/ws/prices", Socket),
    ("GET", "/v1/ws/executions", Socket),
    ("GET", "/v1/ws/market", Socket),
    ("GET", "/v1/ws/user", Socket),
];

/// Routes that take `wallet_id`, which must be one's own.
const OF_A_WALLET: [&str; 10] = [
    "/v1/me",
    "/v1/account/positions",
    "/v1/account/portfolio",
    "/v1/account/history",
    "/v1/account/equity",
    "/v1/account/settlements",
    "/v1/orders",
    "/v1/orders/{order_id}",
    "/v1/export/trades.csv",
    "/v1/export/settlements.csv",
];

/// Whose credential, and what is wrong with it.
#[derive(Clone, Copy, Debug)]
enum With {
    NoCredential,
    UnknownKey,
    /// A persona's key.
    Key(&'static str),
    /// A persona's session.
    Jwt(&'static str),
    BadJwt,
}

/// A refusal; none if the route lets the request in, whatever it thinks of it then.
type Refusal = Option<(u16, &'static str)>;

const MISSING_KEY: Refusal = Some((401, "MISSING_API_KEY"));
const MISSING_AUTH: Refusal = Some((401, "MISSING_AUTH"));
const RESTRICTED: Refusal = Some((403, "ACCESS_RESTRICTED"));
const INVALID_TOKEN: Refusal = Some((401, "INVALID_TOKEN"));
const UPGRADE: Refusal = Some((426, "HTTP_426"));

/// What a key that is no good is answered.
fn of_key(with: With) -> Refusal {
    match with {
        With::UnknownKey | With::Key("revoked") => Some((401, "INVALID_KEY")),
        With::Key("deactivated") => Some((401, "KEY_DEACTIVATED")),
        With::Key("expired") => Some((401, "KEY_EXPIRED")),
        With::Key("builder2") => Some((401, "KEY_OWNER_NOT_FOUND")),
        With::Key("waitlisted") => RESTRICTED,
        With::Key(_) | With::NoCredential | With::Jwt(_) | With::BadJwt => None,
    }
}

fn of_session(with: With) -> Refusal {
    match with {
        With::BadJwt => INVALID_TOKEN,
        With::Jwt("builder2") => Some((401, "USER_NOT_FOUND")),
        With::Jwt("waitlisted") => RESTRICTED,
        With::Jwt(_) | With::NoCredential | With::Key(_) | With::UnknownKey => None,
    }
}

fn expected(takes: Takes, with: With) -> Refusal {
    let is_key = matches!(with, With::Key(_) | With::UnknownKey);
    let is_session = matches!(with, With::Jwt(_) | With::BadJwt);
    match takes {
        Nothing => None,
        Socket => UPGRADE,
        Admin => MISSING_AUTH,
        MaybeKey if is_session => MISSING_KEY,
        AnyKey | Read | Trade if !is_key => MISSING_KEY,
        Trade if matches!(with, With::Key("reader" | "beta-expired")) => {
            Some((403, "INSUFFICIENT_PERMISSION"))
        }
        MaybeKey | MaybeKeyOnly | AnyKey | Read | Trade => of_key(with),
        Owner | Session | Bootstrap if matches!(with, With::NoCredential) => MISSING_AUTH,
        Owner if is_key => of_key(with),
        Session | Bootstrap if is_key => MISSING_AUTH,
        // The gate of issuance decides there, and it is shut to the waitlisted too.
        Bootstrap if matches!(with, With::Jwt("waitlisted")) => Some((400, "BOOTSTRAP_NOT_ALLOWED")),
        Owner | Session | Bootstrap => of_session(with),
    }
}

/// Codes that mean that a request was let in no further than the door.
const AT_THE_DOOR: [&str; 14] = [
    "MISSING_AUTH",
    "MISSING_API_KEY",
    "INVALID_KEY",
    "INVALID_TOKEN",
    "TOKEN_EXPIRED",
    "KEY_EXPIRED",
    "KEY_DEACTIVATED",
    "KEY_OWNER_NOT_FOUND",
    "USER_NOT_FOUND",
    "ACCESS_RESTRICTED",
    "INSUFFICIENT_PERMISSION",
    "RATE_LIMIT_EXCEEDED",
    "API_KEY_CONCURRENCY_EXCEEDED",
    "HTTP_405",
];

/// What is the trader's, by the name that stands for it in a path.
fn belongings(server: &Server) -> BTreeMap<&'static str, String> {
    let market = server.markets(1).remove(0);
    let order =
        server.post("/v1/orders", &market.limit("BUY", market.bid, 5)).key("trader").send().ok("an order");
    let wallets = server.get("/v1/me/wallets").key("trader").send().ok("wallets");
    let keys = server.get("/v1/keys").key("trader").send().ok("keys");
    let trader = &server.personas["trader"]["user_id"];
    BTreeMap::from([
        ("{order_id}", order["order_id"].to_string()),
        ("{wallet_id}", wallets["wallets"][0]["id"].to_string()),
        ("{key_id}", keys[0]["id"].to_string()),
        ("{user_id}", trader.to_string()),
        ("{condition_id}", market.condition.clone()),
        ("{token_id}", market.tokens[0].clone()),
        ("{id}", market.condition),
        ("{slug}", "no-such-slug".to_owned()),
        ("{symbol}", "BTC".to_owned()),
        ("{label}", "beta-2026-05".to_owned()),
    ])
}

fn filled_in(path: &str, belongings: &BTreeMap<&str, String>) -> String {
    belongings.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
}

fn request<'a>(server: &'a Server, method: &'static str, path: &str, with: With) -> Request<'a> {
    let request = server.request(method, path);
    // A stream that was let in would never end.
    let request = if path == "/prices/stream" {
        server.request(method, "/prices/stream?crypto_source=nobody")
    } else {
        request
    };
    let request = if method == "GET" { request } else { request.json(&json!({})) };
    match with {
        With::NoCredential => request,
        With::UnknownKey => request.header("X-API-Key", format!("ps_live_{}", "0".repeat(64))),
        With::Key(persona) => request.key(persona),
        With::Jwt(persona) => request.bearer(server.persona(persona, "jwt")),
        With::BadJwt => request.bearer("a.b.c"),
    }
}

fn assert_let_in(answer: &Answer, what: &str) {
    let (status, code) = (answer.status, answer.code());
    assert!(!AT_THE_DOOR.contains(&code) && status < 500, "{what} was not let in: {status} {}", answer.text);
}

#[test]
fn the_table_holds_every_route_and_no_other() {
    let polysim = surfaces().into_iter().find(|surface| surface.name == "polysim").expect("it is built in");
    let mut served: Vec<_> = polysim
        .endpoints
        .iter()
        .map(|endpoint| (endpoint.method.as_str().to_owned(), endpoint.path.clone()))
        .collect();
    let mut listed: Vec<_> =
        ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    served.sort();
    listed.sort();
    assert_eq!(served, listed);
}

#[test]
fn nobody_comes_in_without_what_the_route_asks_for() {
    let server = Server::in_memory();
    let belongings = belongings(&server);
    let deleted = format!("/admin/users/{}", server.personas["builder2"]["user_id"]);
    server.delete(deleted).header("X-Admin-Token", server.admin_token()).send().ok("deleted");
    for (method, path, takes) in ROUTES {
        for with in [
            With::NoCredential,
            With::UnknownKey,
            With::Key("expired"),
            With::Key("revoked"),
            With::Key("deactivated"),
            With::Key("builder2"),
            With::Key("waitlisted"),
            With::Key("reader"),
            With::Key("beta-expired"),
            With::BadJwt,
            With::Jwt("waitlisted"),
            With::Jwt("builder2"),
            With::Jwt("outsider"),
        ] {
            let what = format!("{method} {path} with {with:?}");
            let answer = request(&server, method, &filled_in(path, &belongings), with).send();
            match expected(*takes, with) {
                Some((status, code)) => answer.refused(&what, status, code),
                None => assert_let_in(&answer, &what),
            }
        }
    }
    // The trader's order was never touched.
    let order = server.get(filled_in("/v1/orders/{order_id}", &belongings)).key("trader").send();
    assert_eq!(order.ok("the order")["status"], "PENDING");
}

#[test]
fn anothers_things_are_not_there() {
    let server = Server::in_memory();
    let belongings = belongings(&server);
    for (method, path, takes) in ROUTES.iter().filter(|(_, _, takes)| *takes != Admin) {
        let code = match path {
            path if path.contains("{order_id}") => "ORDER_NOT_FOUND",
            path if path.contains("{wallet_id}") => "WALLET_NOT_FOUND",
            path if path.contains("{key_id}") => "NOT_FOUND",
            _ => continue,
        };
        let theirs = filled_in(path, &belongings);
        let whale =
            |path: &str| server.request(method, path).json(&json!({"name": "mine"})).key("whale").send();
        let (answer, what) = (whale(&theirs), format!("{method} {path}"));
        answer.refused(&what, 404, code);
        let nobodys = whale(&filled_in(
            &path.replace("_id}", "}"),
            &BTreeMap::from([
                ("{order}", "999999999".to_owned()),
                ("{wallet}", "999999999".to_owned()),
                ("{key}", "999999999".to_owned()),
            ]),
        ));
        assert_eq!(answer.text, nobodys.text, "{what}: another's looks like nobody's");
        if *takes == Owner {
            let jwt = server.persona("whale", "jwt");
            let answer = server.request(method, &theirs).json(&json!({"name": "mine"})).bearer(jwt).send();
            answer.refused(&what, 404, code);
        }
    }
    let wallet = &belongings["{wallet_id}"];
    for path in OF_A_WALLET {
        let path = format!("{}?wallet_id={wallet}", filled_in(path, &belongings));
        server.get(&path).key("whale").send().refused(&path, 404, "WALLET_NOT_FOUND");
    }
    let order = json!({"market_id": belongings["{condition_id}"], "side": "BUY", "outcome": "Yes", "quantity": 5,
        "order_type": "limit", "price": "0.10", "wallet_id": wallet.parse::<u32>().expect("a number")});
    server.post("/v1/orders", &order).key("whale").send().refused("an order", 404, "WALLET_NOT_FOUND");
}

#[test]
fn only_the_administrators_token_administrates() {
    let server = Server::in_memory();
    let belongings = belongings(&server);
    for (method, path, _) in ROUTES.iter().filter(|(_, _, takes)| *takes == Admin) {
        let path = filled_in(path, &belongings);
        let ask = || server.request(method, &path).json(&json!({}));
        ask().send().refused(&path, 401, "MISSING_AUTH");
        for persona in ["trader", "desk", "admin"] {
            ask().key(persona).send().refused(&path, 401, "MISSING_AUTH");
        }
        for token in ["", "x", server.key("admin"), server.persona("admin", "jwt")] {
            let answer = ask().header("X-Admin-Token", token).send();
            answer.refused(&format!("{path} {token}"), 403, "INSUFFICIENT_PERMISSION");
        }
    }
}
