//! No secret is where somebody else may read it: not on disk, not in the log, not in any answer but the one that
//! hands it out.

use crate::harness::{Answer, Options, Server};
use serde_json::{Value, json};
use std::path::Path;

/// Every file below a directory, whole.
pub(crate) fn contents(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            all.push((path.display().to_string(), std::fs::read(&path).expect("a file")));
        }
    }
    all
}

/// Everything that was asked, and what came back.
struct Flow<'a> {
    server: &'a Server,
    secrets: Vec<(String, String)>,
    answers: Vec<(String, String)>,
}

impl Flow<'_> {
    /// An answer that must show no secret.
    fn heard(&mut self, what: &str, answer: Answer) -> Value {
        self.answers.push((what.to_owned(), format!("{answer:?}")));
        answer.json
    }

    /// An answer that hands a secret out: it is a secret from then on.
    fn given(&mut self, what: &str, answer: &Answer, member: &str) -> (String, Value) {
        let secret =
            answer.json[member].as_str().unwrap_or_else(|| panic!("{what}: {}", answer.text)).to_owned();
        self.secrets.push((what.to_owned(), secret.clone()));
        (secret, answer.json["id"].clone())
    }

    fn personas(&mut self) {
        for (name, persona) in self.server.personas.as_object().expect("an object") {
            for member in ["ps_key", "jwt", "password", "private_key", "admin_token"] {
                let secret = persona[member].as_str();
                self.secrets.extend(secret.map(|secret| (format!("{name}'s {member}"), secret.to_owned())));
            }
        }
    }

    /// Every persona reads, trades, and sends its credentials where they do not belong.
    fn everyone_calls(&mut self, order: &Value) {
        for (name, persona) in self.server.personas.as_object().expect("an object").clone() {
            let jwt = persona["jwt"].as_str().expect("a token").to_owned();
            if let Some(key) = persona["ps_key"].as_str() {
                for (what, request) in [
                    ("balance", self.server.get("/v1/account/balance").key(&name)),
                    ("an order", self.server.post("/v1/orders", order).key(&name)),
                    ("a key as a token", self.server.get("/v1/me").bearer(key)),
                    ("a key in a path", self.server.get(format!("/v1/markets/{key}")).key(&name)),
                    ("a key in a query", self.server.get(format!("/v1/orders?cursor={key}")).key(&name)),
                    ("a key as a body", self.server.request("POST", "/v1/orders").body(key).key(&name)),
                    ("its keys", self.server.get("/v1/keys").key(&name)),
                ] {
                    // What a caller wrote into a path or a body may come back to it, and to nobody else.
                    let answer = request.send();
                    if !what.starts_with("a key in") {
                        self.heard(&format!("{name}: {what}"), answer);
                    }
                }
            }
            for path in ["/v1/me", "/v1/keys", "/v1/account/me/entitlements", "/v1/account/balance"] {
                let answer = self.server.get(path).bearer(&jwt).send();
                self.heard(&format!("{name}: {path}"), answer);
            }
            self.server.get(format!("/v1/me?token={jwt}")).send();
        }
    }

    /// A key's whole life, and what administrators and sockets hand out.
    fn keys_live(&mut self) {
        let server = self.server;
        let jwt = server.persona("newcomer", "jwt").to_owned();
        let first =
            server.request("POST", "/v1/keys/bootstrap").json(&json!({"name": "n"})).bearer(&jwt).send();
        let (first, id) = self.given("the first key", &first, "raw_key");
        let second = server.post("/v1/keys", &json!({})).header("X-API-Key", &first).send();
        let (second, _) = self.given("the second key", &second, "raw_key");
        let rotated =
            server.post(format!("/v1/keys/{id}/rotate"), &json!({})).header("X-API-Key", &second).send();
        let (rotated, rotated_id) = self.given("the rotated key", &rotated, "raw_key");
        let minted = server.post("/v1/keys/ws-token", &json!({})).header("X-API-Key", &rotated).send();
        let (token, _) = self.given("a socket token", &minted, "token");
        server.get(format!("/v1/ws/prices?token={token}")).send();
        for (what, request) in [
            ("a list", server.get("/v1/keys")),
            ("a name", server.request("PATCH", format!("/v1/keys/{id}")).json(&json!({"name": "m"}))),
            ("a wallet", server.post("/v1/me/wallets", &json!({"label": "w"}))),
            ("an export", server.get("/v1/export/trades.csv")),
            ("a revocation", server.delete(format!("/v1/keys/{rotated_id}"))),
        ] {
            let answer = request.header("X-API-Key", &second).send();
            self.heard(what, answer);
        }
        let dead = server.get("/v1/me").header("X-API-Key", &rotated).send();
        self.heard("a dead key", dead);
        let beta = json!({"email": "b@example.test", "beta_until": "2030-01-01T00:00:00Z"});
        let beta = server
            .post("/admin/api-keys/issue-beta", &beta)
            .header("X-Admin-Token", server.admin_token())
            .send();
        self.given("a beta key", &beta, "raw_key");
        let wrong = server.get("/admin/allowlist").header("X-Admin-Token", &second).send();
        self.heard("a key as the administrator's token", wrong);
    }
}

#[test]
fn no_secret_is_on_disk_in_the_log_or_in_an_answer_that_does_not_hand_it_out() {
    let mut server = Server::start(Options::durable().with("PAPERTAPE_LOG", "debug"));
    let market = server.markets(1).remove(0);
    let mut flow = Flow { server: &server, secrets: Vec::new(), answers: Vec::new() };
    flow.personas();
    flow.keys_live();
    flow.everyone_calls(&market.limit("BUY", market.bid, 5));
    let Flow { secrets, answers, .. } = flow;
    server.steer("/sim/clock/pause", &json!({}));
    server.stop();
    let mut places = contents(&server.data());
    places.push(("the log".to_owned(), server.log().into_bytes()));
    assert!(places.len() > 3 && secrets.len() > 45 && answers.len() > 100, "{} files", places.len());
    places
        .extend(answers.into_iter().map(|(what, text)| (format!("the answer to {what}"), text.into_bytes())));
    for (place, bytes) in &places {
        let text = String::from_utf8_lossy(bytes);
        for (whose, secret) in &secrets {
            let bare = secret.strip_prefix("ps_live_").or(secret.strip_prefix("0x")).unwrap_or(secret);
            assert!(!text.contains(bare), "{whose} is in {place}");
        }
    }
}
