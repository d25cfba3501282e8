//! Parsec from outside: who may act for whom, what credentials prove, and what no SDK would ever send.

mod builders;
mod credentials;
mod fees;
mod leniency;
mod limits;
mod matrix;
mod secrets;
mod siwe;
mod sockets;

use crate::harness::{Answer, Market, Request, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Credentials in the header that they travel in.
fn header_of(credentials: &Value) -> String {
    STANDARD.encode(credentials.to_string())
}

/// Kalshi's credentials with an id; the key in it is anybody's.
fn kalshi(id: &str) -> Value {
    json!({"api_key_id": id, "private_key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"})
}

/// A wallet's, from its number.
fn wallet(number: u8) -> Value {
    json!({"private_key": format!("0x{}", format!("{number:02x}").repeat(32))})
}

/// A key of Parsec's, or a builder's with one of its end users, as requests are made with it.
#[derive(Clone, Debug)]
struct Caller {
    key: String,
    acts_for: Option<String>,
    credentials: Option<String>,
}

impl Caller {
    fn persona(server: &Server, name: &str) -> Self {
        Self { key: server.persona(name, "pk_key").to_owned(), acts_for: None, credentials: None }
    }

    fn key(key: &str) -> Self {
        Self { key: key.to_owned(), acts_for: None, credentials: None }
    }

    fn acting_for(&self, customer: &str) -> Self {
        Self { acts_for: Some(customer.to_owned()), ..self.clone() }
    }

    fn with(&self, credentials: &Value) -> Self {
        Self { credentials: Some(header_of(credentials)), ..self.clone() }
    }

    fn signed<'a>(&self, request: Request<'a>) -> Request<'a> {
        let mut request = request.header("X-API-Key", &self.key);
        if let Some(customer) = &self.acts_for {
            request = request.header("X-Builder-Customer-Id", customer);
        }
        if let Some(credentials) = &self.credentials {
            request = request.header("X-Exchange-Credentials", credentials);
        }
        request
    }

    fn get(&self, server: &Server, path: &str) -> Answer {
        self.signed(server.get(format!("/api/v1{path}"))).send()
    }

    fn post(&self, server: &Server, path: &str, body: &Value) -> Answer {
        self.signed(server.post(format!("/api/v1{path}"), body)).send()
    }

    fn delete(&self, server: &Server, path: &str) -> Answer {
        self.signed(server.delete(format!("/api/v1{path}"))).send()
    }

    /// Cash on Polymarket that is not reserved, in micro-dollars.
    fn cash(&self, server: &Server) -> i64 {
        let balance = self.get(server, "/balance?exchange=polymarket").ok("a balance");
        balance["raw"]["balance"].as_str().and_then(|text| text.parse().ok()).expect("micro-dollars")
    }

    /// A limit order for Yes.
    fn order(&self, server: &Server, market: &Market, side: &str, (cents, size): (i64, i64)) -> Answer {
        let order = json!({"market_id": market.condition, "outcome": "Yes", "side": side,
            "price": number(cents), "size": size});
        self.post(server, "/orders?exchange=polymarket", &order)
    }
}

/// Cents as a JSON number of dollars.
fn number(cents: i64) -> Value {
    serde_json::from_str(&format!("0.{cents:02}")).expect("a number")
}

/// An end user as a builder asks for it, 201 the first time and 200 after that.
fn made(server: &Server, builder: &Caller, body: &Value) -> Value {
    let answer = builder.post(server, "/builder/users", body);
    assert!([200, 201].contains(&answer.status), "{}", answer.text);
    answer.json
}

/// An end user that a builder makes.
fn end_user(server: &Server, builder: &Caller, external_id: &str) -> Value {
    made(server, builder, &json!({"external_id": external_id}))
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("{value} has no {member}"))
}

/// The error object of §4.1.
fn refused(answer: &Answer, what: &str, status: u16, code: &str) {
    assert_eq!((answer.status, &answer.json["code"]), (status, &json!(code)), "{what}: {}", answer.text);
    assert!(
        answer.json["error"].is_string() && answer.json["retryable"].is_boolean(),
        "{what}: {}",
        answer.text
    );
    assert_eq!(answer.header("content-type"), "application/json", "{what}");
}
