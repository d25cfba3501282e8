//! What is given to be kept, or sent with a request, is nowhere to be read: not on disk, not in the log, not in an answer.

use super::{Caller, end_user, kalshi, text, wallet};
use crate::clob::wallet::Wallet;
use crate::harness::{Answer, Options, Server};
use crate::secrets::contents;
use serde_json::json;

/// A secret with whose it is, without what every secret of its kind begins with.
fn bare(secret: &str) -> &str {
    secret.strip_prefix("pk_live_").or(secret.strip_prefix("0x")).unwrap_or(secret)
}

/// What was said to be kept secret, and everything that came back.
struct Flow<'a> {
    server: &'a Server,
    secrets: Vec<String>,
    heard: Vec<(String, Answer)>,
}

impl Flow<'_> {
    fn hear(&mut self, what: &str, answer: Answer) {
        self.heard.push((what.to_owned(), answer));
    }

    /// An end user with a managed wallet: its key and the wallet's are handed out, and to nobody else.
    fn is_managed(&mut self, builder: &Caller) -> (String, String) {
        let server = self.server;
        let made = end_user(server, builder, "user_001");
        let (id, own) = (text(&made, "customer_id").to_owned(), text(&made, "api_key").to_owned());
        let acting = builder.acting_for(&id);
        let managed = json!({"exchange": "polymarket", "mode": "managed"});
        self.hear("onboarding", acting.post(server, "/onboard", &managed));
        let exported = acting.post(server, "/wallet/export-key", &json!({})).ok("a key");
        let booted = Caller::key(&own).post(server, "/dev/session/bootstrap", &json!({})).ok("a token");
        let wallets = text(&exported, "private_key").to_owned();
        self.hear("a wallet", acting.get(server, "/wallet"));
        self.secrets.extend([own, wallets.clone(), text(&booted, "terminal_read_token").to_owned()]);
        (id, wallets)
    }

    /// Credentials that are kept.
    fn keeps(&mut self, reader: &Caller) {
        let server = self.server;
        let clob = Wallet::stranger(61).with_key(server);
        let mut kept = kalshi("kept-key-id");
        kept["private_key"] =
            "-----BEGIN PRIVATE KEY-----\nKEPTqEBAAKCAQEAxyz\n-----END PRIVATE KEY-----".into();
        let stored = json!({"exchange": "kalshi", "mode": "self", "api_key_id": kept["api_key_id"],
            "private_key": kept["private_key"]});
        let polymarket = json!({"exchange": "polymarket", "mode": "self", "clob_api_key": clob.key,
            "clob_api_secret": clob.secret, "clob_api_passphrase": clob.passphrase,
            "private_key": wallet(61)["private_key"]});
        self.hear("kept for Kalshi", reader.post(server, "/onboard", &stored));
        self.hear("kept for Polymarket", reader.post(server, "/onboard", &polymarket));
        self.hear("kept again", reader.post(server, "/onboard", &stored));
        let older = reader.signed(server.request("PUT", "/api/v1/credentials")).json(&stored).send();
        self.hear("kept by an older client", older);
        self.secrets.extend(["KEPTqEBAAKCAQEAxyz".to_owned(), text(&wallet(61), "private_key").to_owned()]);
        self.secrets.extend([clob.secret, clob.passphrase]);
    }

    /// Credentials that come with each request, rightly and wrongly.
    fn passes(&mut self, reader: &Caller) {
        let server = self.server;
        let market = server.markets(1).remove(0);
        let passing = wallet(62);
        let with = reader.with(&passing);
        self.hear("an order", with.order(server, &market, "buy", (market.bid, 10)));
        self.hear("orders", with.get(server, "/orders?exchange=polymarket"));
        self.hear("a balance", with.get(server, "/balance?exchange=polymarket"));
        self.hear("another venue's", with.get(server, "/balance?exchange=kalshi"));
        let long = json!({"private_key": format!("{}00", text(&passing, "private_key"))});
        self.hear("no key", reader.with(&long).get(server, "/balance?exchange=polymarket"));
        let header = with.credentials.unwrap_or_default();
        let broken = Caller { credentials: Some(format!("{header}!")), ..reader.clone() };
        self.hear("no header", broken.get(server, "/balance?exchange=polymarket"));
        self.secrets.extend([header, text(&passing, "private_key").to_owned()]);
    }
}

#[test]
fn nothing_of_a_credential_is_on_disk_in_the_log_or_in_an_answer_that_does_not_hand_it_out() {
    let mut server = Server::start(Options::durable().with("PAPERTAPE_LOG", "debug"));
    let (builder, reader) = (Caller::persona(&server, "builder"), Caller::persona(&server, "reader"));
    let mut flow = Flow { server: &server, secrets: Vec::new(), heard: Vec::new() };
    flow.secrets.extend([builder.key.clone(), reader.key.clone()]);
    let (id, wallets) = flow.is_managed(&builder);
    flow.keeps(&reader);
    flow.passes(&reader);
    flow.hear("usage", reader.get(&server, "/usage"));
    let Flow { secrets, heard, .. } = flow;
    // Before it is deactivated: afterwards there is nothing left to be found.
    let mut places = contents(&server.data());
    assert_eq!(builder.delete(&server, &format!("/builder/users/{id}")).status, 204);
    server.stop();
    places.extend(contents(&server.data()));
    places.push(("the log".to_owned(), server.log().into_bytes()));
    assert!(places.len() > 6 && secrets.len() > 10 && heard.len() > 12, "{} files", places.len());
    places.extend(heard.into_iter().map(|(what, answer)| (what, format!("{answer:?}").into_bytes())));
    let raw = alloy_primitives::hex::decode(&wallets).expect("a private key");
    for (place, bytes) in &places {
        let text = String::from_utf8_lossy(bytes);
        for secret in &secrets {
            assert!(!text.contains(bare(secret)), "{} is in {place}", &secret[..8]);
        }
        // Keys lie in the vault as bytes, wrapped.
        assert!(!bytes.windows(32).any(|part| part == raw), "a private key's bytes are in {place}");
    }
}
