//! A caller is let in when a request's head is read. What changes until its body is there counts all the same.

use crate::harness::{Options, Server};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;

/// A request whose head was read and whose caller was let in, and whose body is still to come.
struct Stalled {
    stream: TcpStream,
    body: String,
}

/// When each of a persona's keys was last used.
fn used(server: &Server, persona: &str) -> Vec<Value> {
    let keys = server.get("/v1/keys").bearer(server.persona(persona, "jwt")).send().ok("the keys");
    keys.as_array().expect("a list").iter().map(|key| key["last_used_at"].clone()).collect()
}

impl Stalled {
    fn begin(server: &Server, persona: &str, (method, path): (&str, &str), body: &Value) -> Self {
        server.advance(1);
        let before = used(server, persona);
        let (mut stream, body) = (server.connect(), body.to_string());
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-API-Key: {}\r\n\
             Content-Length: {}\r\n\r\n",
            server.key(persona),
            body.len()
        )
        .expect("written");
        let is_let_in = (0..10_000).any(|_| used(server, persona) != before);
        assert!(is_let_in, "{method} {path}");
        Self { stream, body }
    }

    /// The answer, once the body is there.
    fn end(mut self) -> String {
        self.stream.write_all(self.body.as_bytes()).expect("written");
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

#[test]
fn whoever_was_let_in_before_a_reset_is_nobody_after_it() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let order = market.limit("BUY", market.bid, 5);
    let wallet = &server.get("/v1/me/wallets").key("desk").send().ok("wallets")["wallets"][0]["id"];
    let label = format!("/v1/me/wallets/{wallet}");
    let stalled: Vec<_> = [
        (("POST", "/v1/orders"), order),
        (("POST", "/v1/keys"), json!({})),
        (("GET", "/v1/keys"), json!({})),
        (("PATCH", label.as_str()), json!({"label": "mine"})),
        (("GET", "/v1/account/portfolio"), json!({})),
        (("GET", "/v1/account/history"), json!({})),
        (("POST", "/v1/cancel-all?confirm=true"), json!({})),
    ]
    .into_iter()
    .map(|(what, body)| (what, Stalled::begin(&server, "desk", what, &body)))
    .collect();
    server.steer("/sim/reset", &json!({}));
    for (what, stalled) in stalled {
        let answer = stalled.end();
        assert!(answer.starts_with("HTTP/1.1 40"), "{what:?}: {answer}");
        assert!(!answer.contains("ps_live_"), "{what:?}: {answer}");
    }
    assert_eq!(server.get("/v1/orders").key("desk").send().ok("orders")["orders"], json!([]));
    let keys = server.get("/v1/keys").key("desk").send().ok("keys");
    assert_eq!(keys.as_array().map(Vec::len), Some(1), "{keys}");
    let label = &server.get("/v1/me/wallets").key("desk").send().ok("wallets")["wallets"][0]["label"];
    assert_eq!(label, &Value::Null);
}

#[test]
fn an_order_that_comes_in_after_its_keys_cut_off_is_refused() {
    let server = Server::start(Options::default());
    let market = server.markets(1).remove(0);
    let what = ("POST", "/v1/orders");
    let stalled = Stalled::begin(&server, "beta", what, &market.limit("BUY", market.bid, 5));
    server.advance(31 * 86_400);
    let answer = stalled.end();
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("trade"), "{answer}");
    assert_eq!(server.get("/v1/orders").key("beta").send().ok("orders")["orders"], json!([]));
}
