//! Who comes in, with which credential, and in which order it is refused (polysimulator.md §3).

use crate::harness::{Answer, Options, Server};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

const SECRET: &str = "a-secret-of-the-test";
/// 2100-01-01.
const FAR: i64 = 4_102_444_800;

#[test]
fn a_key_is_taken_from_every_documented_header() {
    let server = Server::in_memory();
    let key = server.key("trader").to_owned();
    let bearer = format!("Bearer {key}");
    for (header, value) in [
        ("X-API-Key", &key),
        ("x-api-key", &key),
        ("POLY_API_KEY", &key),
        ("Poly-API-Key", &key),
        ("Authorization", &bearer),
    ] {
        let answer = server.get("/v1/account/balance").header(header, value).send();
        assert_eq!(answer.status, 200, "{header}: {}", answer.text);
    }
}

#[test]
fn the_header_that_comes_first_in_the_documents_wins() {
    let server = Server::in_memory();
    let user = |answer: Answer| answer.ok("who it is")["user_id"].as_u64();
    let id = |name: &str| server.personas[name]["user_id"].as_u64();
    let (whale, desk) = (server.key("whale"), server.key("desk"));
    let bearer = format!("Bearer {}", server.key("builder"));
    let all = |first: Option<&str>| {
        let request = server.get("/v1/me").header("Poly-API-Key", desk).header("Authorization", &bearer);
        let request = request.header("POLY_API_KEY", whale);
        first.map_or_else(
            || server.get("/v1/me").header("Authorization", &bearer),
            |key| request.header("X-API-Key", key),
        )
    };
    assert_eq!(user(all(Some(server.key("trader"))).send()), id("trader"));
    assert_eq!(user(all(Some("")).send()), id("whale"), "an empty X-API-Key is none");
    assert_eq!(user(all(None).send()), id("builder"));
    let two = server.get("/v1/me").header("Authorization", &bearer).header("Poly-API-Key", desk);
    assert_eq!(user(two.send()), id("desk"));
    let wrong = server.get("/v1/me").header("X-API-Key", "ps_live_x").header("POLY_API_KEY", whale).send();
    wrong.refused("the first one counts even if it is wrong", 401, "INVALID_KEY");
}

#[test]
fn keys_are_refused_in_the_documented_order() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let order = market.limit("BUY", market.bid, 10);
    for (persona, read, trade) in [
        ("trader", (200, ""), (200, "")),
        ("beta", (200, ""), (200, "")),
        ("reader", (200, ""), (403, "INSUFFICIENT_PERMISSION")),
        ("beta-expired", (200, ""), (403, "INSUFFICIENT_PERMISSION")),
        ("expired", (401, "KEY_EXPIRED"), (401, "KEY_EXPIRED")),
        ("revoked", (401, "INVALID_KEY"), (401, "INVALID_KEY")),
        ("deactivated", (401, "KEY_DEACTIVATED"), (401, "KEY_DEACTIVATED")),
        ("waitlisted", (403, "ACCESS_RESTRICTED"), (403, "ACCESS_RESTRICTED")),
    ] {
        let answer = server.get("/v1/account/balance").key(persona).send();
        assert_eq!((answer.status, answer.code()), read, "{persona} reads: {}", answer.text);
        let answer = server.post("/v1/orders", &order).key(persona).send();
        assert_eq!((answer.status, answer.code()), trade, "{persona} trades: {}", answer.text);
        // Who may not come in does not learn whether the order was any good.
        let answer = server.request("POST", "/v1/orders").body("{").key(persona).send();
        let expected = if trade.0 == 200 { (400, "INVALID_BODY") } else { trade };
        assert_eq!((answer.status, answer.code()), expected, "{persona} sends rubbish");
        // A route open to everyone still refuses a key that is no good.
        let answer = server.get("/v1/time").key(persona).send();
        assert_eq!((answer.status, answer.code()), read, "{persona} asks the time");
    }
}

#[test]
fn a_cut_off_key_hears_so_on_every_answer() {
    let server = Server::in_memory();
    let header = |persona: &str, method: &'static str, path: &str| {
        let answer = server.request(method, path).body("{}").key(persona).send();
        answer.header("x-api-beta-cutoff").to_owned()
    };
    for (method, path) in [("GET", "/v1/account/balance"), ("GET", "/v1/orders/0"), ("GET", "/v1/me")] {
        assert_eq!(header("beta-expired", method, path), "expired", "{path}");
        assert_eq!(header("beta", method, path), "", "{path}");
    }
    // Its day comes.
    server.advance(31 * 24 * 3_600);
    let market = server.markets(1).remove(0);
    assert_eq!(header("beta", "GET", "/v1/account/balance"), "expired");
    let answer = server.post("/v1/orders", &market.limit("BUY", market.bid, 10)).key("beta").send();
    answer.refused("a beta key past its day", 403, "INSUFFICIENT_PERMISSION");
    assert_eq!(answer.header("x-api-beta-cutoff"), "expired", "a refusal says it too");
}

/// A token as anyone might make one.
fn token(header: &Header, secret: &str, claims: &Value) -> String {
    encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).expect("signed")
}

fn unsigned(claims: &Value) -> String {
    use base64::Engine;
    let encoded = |text: String| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.", encoded(json!({"alg": "none", "typ": "JWT"}).to_string()), encoded(claims.to_string()))
}

fn claims(subject: &str) -> Value {
    json!({"aud": "authenticated", "role": "authenticated", "sub": subject, "iat": 1, "exp": FAR})
}

fn secret_server() -> Server {
    let mut options = Options::default();
    options.environment.push(("PAPERTAPE_JWT_SECRET", SECRET.to_owned()));
    Server::start(options)
}

#[test]
fn only_a_well_signed_living_token_of_a_person_opens_an_account() {
    let server = secret_server();
    let subject = server.persona("trader", "auth_user_id").to_owned();
    let hs256 = Header::default();
    let good = claims(&subject);
    let altered = |member: &str, value: Value| {
        let mut claims = good.clone();
        claims[member] = value;
        token(&hs256, SECRET, &claims)
    };
    let without = |member: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(member);
        token(&hs256, SECRET, &claims)
    };
    let of_audience = altered("aud", json!(["other", "authenticated"]));
    for (what, token, expected) in [
        ("as it should be", token(&hs256, SECRET, &good), (200, "")),
        ("several audiences", of_audience, (200, "")),
        ("wrong secret", token(&hs256, "another", &good), (401, "INVALID_TOKEN")),
        ("HS384", token(&Header::new(Algorithm::HS384), SECRET, &good), (401, "INVALID_TOKEN")),
        ("HS512", token(&Header::new(Algorithm::HS512), SECRET, &good), (401, "INVALID_TOKEN")),
        ("no algorithm", unsigned(&good), (401, "INVALID_TOKEN")),
        ("wrong audience", altered("aud", json!("anon")), (401, "INVALID_TOKEN")),
        ("no audience", without("aud"), (401, "INVALID_TOKEN")),
        ("null audience", altered("aud", Value::Null), (401, "INVALID_TOKEN")),
        ("expired", altered("exp", json!(1_000)), (401, "TOKEN_EXPIRED")),
        ("no end", without("exp"), (401, "TOKEN_EXPIRED")),
        ("not yet", altered("nbf", json!(FAR - 1)), (401, "INVALID_TOKEN")),
        ("no subject", without("sub"), (401, "INVALID_TOKEN")),
        ("subject no UUID", altered("sub", json!("trader")), (401, "INVALID_TOKEN")),
        ("subject a number", altered("sub", json!(1)), (401, "INVALID_TOKEN")),
        ("role anon", altered("role", json!("anon")), (401, "INVALID_TOKEN")),
        ("role service_role", altered("role", json!("service_role")), (401, "INVALID_TOKEN")),
        ("rubbish", "a.b.c".to_owned(), (401, "INVALID_TOKEN")),
        ("one word", "rubbish".to_owned(), (401, "INVALID_TOKEN")),
        ("claims no object", token(&hs256, SECRET, &json!([1])), (401, "INVALID_TOKEN")),
    ] {
        for path in ["/v1/me", "/v1/keys"] {
            let answer = server.get(path).bearer(&token).send();
            assert_eq!((answer.status, answer.code()), expected, "{what} on {path}: {}", answer.text);
        }
    }
    let persona = server.persona("trader", "jwt");
    assert_eq!(server.get("/v1/me").bearer(persona).send().status, 200, "personas use the same secret");
    let waitlisted = server.get("/v1/me").bearer(server.persona("waitlisted", "jwt")).send();
    waitlisted.refused("not on the allowlist", 403, "ACCESS_RESTRICTED");
}

#[test]
fn a_token_of_one_purpose_fails_everywhere_else() {
    let server = Server::in_memory();
    let minted = server.post("/v1/keys/ws-token", &json!({})).key("trader").send().ok("a socket token");
    let socket = minted["token"].as_str().unwrap();
    for path in ["/v1/me", "/v1/keys"] {
        server.get(path).bearer(socket).send().refused(path, 401, "INVALID_TOKEN");
    }
    let jwt = server.persona("trader", "jwt");
    for path in ["/v1/orders", "/v1/account/balance", "/v1/markets", "/v1/book?token_id=1", "/v1/data/trades"]
    {
        server.get(path).bearer(jwt).send().refused(path, 401, "MISSING_API_KEY");
    }
    for path in ["/v1/orders", "/v1/account/balance", "/v1/data/orders", "/v1/account/history"] {
        server.get(path).send().refused(path, 401, "MISSING_API_KEY");
    }
    for path in ["/v1/me", "/v1/keys"] {
        server.get(path).send().refused(path, 401, "MISSING_AUTH");
    }
    for path in ["/v1/markets", "/v1/time", "/v1/keys/tiers", "/v1/health", "/v1/status"] {
        assert_eq!(server.get(path).send().status, 200, "{path} is public");
    }
    let admin = server.get("/v1/me").header("X-API-Key", server.admin_token()).send();
    admin.refused("the administrator's token is no key", 401, "INVALID_KEY");
}

#[test]
fn anothers_order_is_not_there() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let order = market.limit("BUY", market.bid, 10);
    let id = server.post("/v1/orders", &order).key("trader").send().ok("placed")["order_id"].clone();
    for path in [format!("/v1/orders/{id}"), format!("/v1/order/{id}"), format!("/v1/data/order/{id}")] {
        assert_eq!(server.get(&path).key("trader").send().status, 200, "{path}");
        let theirs = server.get(&path).key("whale").send();
        theirs.refused(&path, 404, "ORDER_NOT_FOUND");
        let nobodys = server.get(path.replace(&id.to_string(), "999999999")).key("whale").send();
        assert_eq!(theirs.text, nobodys.text, "an order of another's looks like none");
    }
    server.delete(format!("/v1/orders/{id}")).key("whale").send().refused("cancel", 404, "ORDER_NOT_FOUND");
    let body = json!({"orderID": id.to_string()});
    let answer = server.delete("/v1/order").json(&body).key("whale").send().ok("a list of what was not");
    assert_eq!(answer["canceled"], json!([]));
    assert!(answer["not_canceled"][id.to_string()].is_string(), "{answer}");
    let listed = server.get("/v1/orders").key("whale").send().ok("the whale's orders");
    assert_eq!(listed["orders"], json!([]));
    server.delete(format!("/v1/orders/{id}")).key("trader").send().ok("its own is still there");
}

#[test]
fn a_secret_is_taken_word_for_word_and_an_empty_one_is_none() {
    for secret in ["0123", "+5", "1.5", "\"quoted\"", "[x]", " lead", "true"] {
        let server = Server::start(Options::default().with("PAPERTAPE_JWT_SECRET", secret));
        let signed = token(&Header::default(), secret, &claims(server.persona("trader", "auth_user_id")));
        assert_eq!(server.get("/v1/me").bearer(&signed).send().status, 200, "{secret}");
    }
    let server = Server::start(Options::default().with("PAPERTAPE_JWT_SECRET", ""));
    let signed = token(&Header::default(), "", &claims(server.persona("trader", "auth_user_id")));
    server.get("/v1/me").bearer(&signed).send().refused("signed with nothing", 401, "INVALID_TOKEN");
    assert_eq!(server.get("/v1/me").bearer(server.persona("trader", "jwt")).send().status, 200);
    // A variable that was left blank leaves the config file's secret alone.
    let file = tempfile::NamedTempFile::with_suffix(".toml").expect("a file");
    std::fs::write(file.path(), format!("jwt_secret = \"{SECRET}\"\n")).expect("written");
    let arguments = vec!["--config".to_owned(), file.path().display().to_string()];
    let options = Options { arguments, ..Options::default() };
    let server = Server::start(options.with("PAPERTAPE_JWT_SECRET", ""));
    let signed = token(&Header::default(), SECRET, &claims(server.persona("trader", "auth_user_id")));
    assert_eq!(server.get("/v1/me").bearer(&signed).send().status, 200);
}

#[test]
fn a_key_that_is_no_text_is_a_wrong_key_and_not_none() {
    let server = Server::in_memory();
    let jwt = server.persona("trader", "jwt");
    let answer = server.get("/v1/me").header("X-API-Key", "\u{e9}").bearer(jwt).send();
    answer.refused("the first header counts", 401, "INVALID_KEY");
}
