//! Orders that somebody forged, replayed or got wrong: each with its documented text (polymarket-clob.md §5.5), and none
//! of them changes anything.

use super::wallet::{Draft, Wallet, login_domain, order_domain};
use crate::harness::{Options, Server, with};
use alloy_primitives::{Address, B256, address};
use serde_json::{Value, json};

/// A world with a market, and a trader who has bought a little there.
struct Scene {
    server: Server,
    ann: Wallet,
    bob: Wallet,
    token: String,
    /// One cent above the best bid: it rests.
    rests: u64,
    /// The best ask: it takes.
    takes: u64,
}

fn scene(options: Options) -> Scene {
    let server = Server::start(options);
    let market = server.markets(1).remove(0);
    let cents = |cents: i64| u64::try_from(cents).expect("positive");
    let (ann, bob) = (Wallet::stranger(1).with_key(&server), Wallet::stranger(2).with_key(&server));
    let [token, _] = market.tokens;
    Scene { server, ann, bob, token, rests: cents(market.bid) + 1, takes: cents(market.ask) }
}

impl Scene {
    fn draft(&self) -> Draft {
        Draft::limit(&self.token, "BUY", self.rests, 10)
    }

    /// Posts a body with a wallet's key, which must be refused so, and change nothing.
    fn refused(&self, what: &str, wallet: &Wallet, body: &Value, (status, error): (u16, &str)) {
        self.server.stand_still();
        let before = self.server.digest();
        let answer = wallet.post(&self.server, "/order", body);
        assert_eq!((answer.status, &answer.json), (status, &json!({ "error": error })), "{what}");
        assert_eq!(self.server.digest(), before, "{what} changed the world");
    }

    /// As [`Self::refused`], of a draft that its own wallet signs as it is.
    fn refused_draft(&self, what: &str, draft: &Draft, error: &str) {
        let (body, id) = self.ann.order(draft);
        self.refused(what, &self.ann, &body, (400, &error.replace("{id}", &id)));
    }
}

/// An order's member laid over.
fn changed(body: &Value, members: &Value) -> Value {
    with(body, &json!({"order": with(&body["order"], members)}))
}

#[test]
fn a_forged_order_is_refused_whoever_forged_it() {
    let scene = scene(Options::default());
    let Scene { ann, bob, .. } = &scene;
    let (own, _) = ann.order(&scene.draft());
    let (others, _) = bob.order(&scene.draft());
    let signature = own["order"]["signature"].as_str().expect("a text");
    let flipped =
        signature.replacen(&signature[10..11], if &signature[10..11] == "0" { "1" } else { "0" }, 1);
    let bad = "invalid signature";
    let not_owner = "the order owner has to be the owner of the API KEY";
    let not_signer = "the order signer address has to be the address of the API KEY";
    for (what, wallet, body, error) in [
        ("a bit of the signature", ann, changed(&own, &json!({"signature": flipped})), bad),
        ("another amount", ann, changed(&own, &json!({"takerAmount": "11000000"})), bad),
        ("another salt", ann, changed(&own, &json!({"salt": 2})), bad),
        ("another side", ann, changed(&own, &json!({"side": "SELL"})), bad),
        ("another's signature", ann, changed(&own, &json!({"signature": others["order"]["signature"]})), bad),
        ("no signature", ann, changed(&own, &json!({"signature": "0x"})), bad),
        ("another's order", bob, with(&own, &json!({"owner": bob.key})), not_signer),
        ("another's key as owner", ann, with(&own, &json!({"owner": bob.key})), not_owner),
        ("another's key as its own", bob, own.clone(), not_owner),
        ("another's purse", ann, changed(&own, &json!({"maker": bob.address.to_string()})), bad),
    ] {
        scene.refused(what, wallet, &body, (400, error));
    }
    let to_neg_risk = ann.order(&Draft { is_neg_risk: true, ..scene.draft() }).0;
    scene.refused("the contract of another kind of market", ann, &to_neg_risk, (400, bad));
    // Signed for another's derived wallet, by the wrong signer: no pot of it is made.
    let safe = papertape::service::ethereum::derived(bob.address).safe;
    let (stolen, _) = ann.order(&Draft { signature_type: 2, maker: Some(safe), ..scene.draft() });
    scene.refused("another's safe", ann, &stolen, (400, bad));
    assert_eq!((ann.cash(&scene.server), bob.cash(&scene.server)), (1_000_000_000, 1_000_000_000));
}

#[test]
fn what_is_signed_for_another_chain_or_contract_is_no_signature_here() {
    let scene = scene(Options::default());
    let Scene { ann, server, .. } = &scene;
    let exchange = address!("0xE111180000d2663C0091e4f400237545B87B996B");
    let signed = |domain, salt| ann.order(&Draft { domain: Some(domain), ..scene.draft().salted(salt) }).0;
    for (what, domain) in [
        ("Ethereum", order_domain(1, exchange)),
        ("no chain", order_domain(0, exchange)),
        ("a contract of nobody's", order_domain(137, Address::repeat_byte(1))),
        ("another kind's contract on the other chain", {
            order_domain(80_002, address!("0xe2222d279d744050d28e00520010520000310F59"))
        }),
        ("a log-in", login_domain(137)),
    ] {
        scene.refused(what, ann, &signed(domain, 1), (400, "invalid signature"));
    }
    for (chain, salt) in [(137, 2), (80_002, 3)] {
        let placed = ann.post(server, "/order", &signed(order_domain(chain, exchange), salt));
        assert_eq!(placed.ok("an order")["status"], "live", "chain {chain}");
    }
    let stranger = Wallet::stranger(9);
    let login = |domain: &B256| {
        stranger.login_in(domain, server.request("POST", "/auth/api-key"), 1_700_000_000, 0).send()
    };
    server.stand_still();
    let before = server.digest();
    for domain in [login_domain(1), login_domain(0), order_domain(137, exchange)] {
        let refused = login(&domain);
        assert_eq!(
            (refused.status, &refused.json),
            (401, &json!({"error": "Invalid L1 Request headers"})),
            "a log-in elsewhere"
        );
    }
    assert_eq!(server.digest(), before);
    assert_eq!(login(&login_domain(80_002)).status, 200);
}

#[test]
fn a_request_that_is_not_signed_with_the_secret_changes_nothing() {
    let scene = scene(Options::default());
    let Scene { ann, bob, server, .. } = &scene;
    let (body, _) = ann.order(&scene.draft());
    server.stand_still();
    let before = server.digest();
    let secret_of_bob = Wallet { secret: bob.secret.clone(), ..ann.clone() };
    let passphrase_of_bob = Wallet { passphrase: bob.passphrase.clone(), ..ann.clone() };
    let key_of_bob = Wallet { key: bob.key.clone(), ..ann.clone() };
    let address_of_bob = Wallet { address: bob.address, ..ann.clone() };
    for (what, wallet) in [
        ("secret", &secret_of_bob),
        ("passphrase", &passphrase_of_bob),
        ("key", &key_of_bob),
        ("address", &address_of_bob),
    ] {
        let answer = wallet.post(server, "/order", &body);
        let error = json!({"error": "Unauthorized/Invalid api key"});
        assert_eq!((answer.status, &answer.json), (401, &error), "another's {what}");
    }
    // The signature of one request is none of another.
    let text = body.to_string();
    for (method, path, sent) in [
        ("POST", "/orders", text.clone()),
        ("POST", "/order", text.replace("GTC", "FOK")),
        ("DELETE", "/order", text),
    ] {
        let signed = ann.signed(server, "POST", "/order", &body.to_string());
        let moved = signed.moved(method, path).body(sent).send();
        assert_eq!(moved.status, 401, "{method} {path}");
    }
    assert_eq!(server.digest(), before);
}

#[test]
fn an_order_is_placed_once_whatever_became_of_it() {
    let scene = scene(Options::default());
    let Scene { ann, server, .. } = &scene;
    // Away from where windows begin: a day later to the second, nothing has happened for a minute.
    server.advance(61);
    let (body, id) = ann.order(&scene.draft());
    assert_eq!(ann.post(server, "/order", &body).ok("an order")["status"], "live");
    let duplicated = format!("order {id} is invalid. Duplicated.");
    scene.refused("a replay while it rests", ann, &body, (400, &duplicated));
    let canceled = ann.delete(server, "/order", &json!({"orderID": id})).ok("canceled");
    assert_eq!(canceled, json!({"canceled": [id], "not_canceled": {}}));
    scene.refused("a replay of what was canceled", ann, &body, (400, &duplicated));
    // To the second a day later, and when only history remembers.
    for seconds in [86_400, 3_600] {
        server.advance(seconds);
        scene.refused("a replay after a day", ann, &body, (400, &duplicated));
    }
    let batch = ann.post(server, "/orders", &json!([body])).ok("a batch");
    assert_eq!((&batch[0]["errorMsg"], &batch[0]["success"]), (&json!(duplicated), &json!(true)));
    let twice = ann.order(&scene.draft().salted(5)).0;
    let batch = ann.post(server, "/orders", &json!([twice, twice])).ok("a batch");
    assert_eq!(batch[0]["status"], "live");
    assert!(batch[1]["errorMsg"].as_str().is_some_and(|error| error.ends_with("Duplicated.")), "{batch}");
}

#[test]
fn an_order_is_placed_once_whichever_purse_it_was_for_and_whoever_remembers_it() {
    let scene = scene(Options::default());
    let Scene { ann, server, .. } = &scene;
    let of_a_pot = Draft { signature_type: 2, maker: Some(Address::repeat_byte(0x42)), ..scene.draft() };
    let both = [ann.order(&scene.draft()), ann.order(&of_a_pot)];
    for (body, _) in &both {
        assert_eq!(ann.post(server, "/order", body).ok("an order")["status"], "live");
    }
    ann.delete(server, "/cancel-all", &Value::Null).ok("canceled");
    // A day later only history remembers.
    server.advance(90_000);
    let batch = ann.post(server, "/orders", &json!([both[0].0, both[1].0])).ok("a batch");
    for ((_, id), answer) in both.iter().zip(batch.as_array().expect("a list")) {
        assert_eq!(answer["errorMsg"], json!(format!("order {id} is invalid. Duplicated.")));
    }
    assert_eq!(ann.get(server, "/data/orders").ok("orders")["count"], 0);
}

#[test]
fn an_order_that_would_meet_only_its_owner_s_is_refused_and_may_come_again() {
    let scene = scene(Options::default());
    let Scene { ann, server, .. } = &scene;
    let [_, other] = server.markets(1).remove(0).tokens;
    let (waits, id) = ann.order(&scene.draft());
    assert_eq!(ann.post(server, "/order", &waits).ok("an order")["status"], "live");
    // Who buys the other outcome for the rest of the dollar sells this one.
    let (meets, _) = ann.order(&Draft::limit(&other, "BUY", 100 - scene.rests, 10));
    server.stand_still();
    let before = server.digest();
    let refused = ann.post(server, "/order", &meets);
    assert_eq!((refused.status, refused.json["error"].is_string()), (400, true), "{}", refused.text);
    assert_eq!(server.digest(), before);
    ann.delete(server, "/order", &json!({"orderID": id})).ok("canceled");
    assert_eq!(ann.post(server, "/order", &meets).ok("the same order")["status"], "live");
}

#[test]
fn what_breaks_a_rule_is_told_which() {
    let scene = scene(Options::default());
    let now = scene.server.get("/time").send().ok("the time").as_i64().expect("seconds");
    let draft = || scene.draft();
    let takes = Draft::limit(&scene.token, "BUY", scene.takes, 1);
    for (what, draft, error) in [
        ("off the tick", Draft { wants: 10_500_000, ..draft() }, {
            // 10.5 shares for the dollars of 10: no cent.
            let dollars = scene.rests * 10 * 10_000 * 10_000 / 10_500_000;
            format!("order {{id}} is invalid. Price ({}) breaks minimum tick size rule: 0.01", four(dollars))
        }),
        (
            "too small",
            Draft::limit(&scene.token, "BUY", scene.rests, 4),
            "order {id} is invalid. Size (4) lower than the minimum: 5".to_owned(),
        ),
        (
            "a dollar is the least that takes",
            Draft { kind: "FOK", gives: takes.gives, ..takes.clone() },
            format!("invalid amount for a marketable BUY order (${}), min size: 1", two(scene.takes)),
        ),
        (
            "would take",
            Draft { post_only: true, ..Draft::limit(&scene.token, "BUY", scene.takes, 10) },
            "invalid post-only order: order crosses book".to_owned(),
        ),
        (
            "more than there is",
            Draft::limit(&scene.token, "BUY", scene.rests, 10_000),
            "not enough balance / allowance".to_owned(),
        ),
        (
            "shares that are not held",
            Draft::limit(&scene.token, "SELL", 99, 10),
            "not enough balance / allowance".to_owned(),
        ),
        (
            "all or nothing",
            Draft { kind: "FOK", ..Draft::limit(&scene.token, "BUY", scene.rests, 10) },
            "order couldn't be fully filled. FOK orders are fully filled or killed.".to_owned(),
        ),
        (
            "nothing to take",
            Draft { kind: "FAK", ..Draft::limit(&scene.token, "BUY", scene.rests, 10) },
            "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
                .to_owned(),
        ),
        ("an end that is none", Draft { expiration: now + 600, ..draft() }, "invalid expiration".to_owned()),
        ("no end", Draft { kind: "GTD", ..draft() }, "invalid expiration".to_owned()),
        ("an end that is over", Draft { kind: "GTD", expiration: now - 50, ..draft() }, "invalid expiration".to_owned()),
        ("an end too near", Draft { kind: "GTD", expiration: now + 50, ..draft() }, "invalid expiration".to_owned()),
        ("a nonce", Draft { is_v1: true, nonce: 3, ..draft() }, "invalid nonce".to_owned()),
        (
            "a fee",
            Draft { is_v1: true, fee_rate_bps: 100, ..draft() },
            "invalid fee rate, expected 0 basis points".to_owned(),
        ),
        ("nothing for nothing", Draft { gives: 0, ..draft() }, "Invalid order payload".to_owned()),
    ] {
        scene.refused_draft(what, &draft, &error);
    }
    let unknown = Draft { token: "1234567890123456789".to_owned(), ..draft() };
    let (body, _) = scene.ann.order(&unknown);
    scene.refused("no such token", &scene.ann, &body, (404, "market not found"));
    scene.refused("no order at all", &scene.ann, &json!({"order": {}}), (400, "Invalid order payload"));
    let many = json!(vec![scene.ann.order(&draft()).0; 16]);
    let answer = scene.ann.post(&scene.server, "/orders", &many);
    assert_eq!(answer.json, json!({"error": "Too many orders in payload: 16, max allowed: 15"}));
}

/// Ten-thousandths of a dollar without trailing zeros.
fn four(units: u64) -> String {
    format!("0.{units:04}").trim_end_matches('0').to_owned()
}

fn two(cents: u64) -> String {
    format!("0.{cents:02}").trim_end_matches('0').to_owned()
}

#[test]
fn the_first_generation_is_taken_until_strict_mode_says_otherwise() {
    let friendly = scene(Options::default());
    let draft = Draft { is_v1: true, ..friendly.draft() };
    let (body, id) = friendly.ann.order(&draft);
    let placed = friendly.ann.post(&friendly.server, "/order", &body).ok("an order");
    assert_eq!((&placed["orderID"], &placed["status"]), (&json!(id), &json!("live")));
    // What takes pays the market's own curve, whatever rate it carries.
    let takes =
        Draft { is_v1: true, kind: "FOK", ..Draft::limit(&friendly.token, "BUY", friendly.takes, 20) };
    let before = friendly.ann.cash(&friendly.server);
    let placed = friendly.ann.place(&friendly.server, &takes).ok("an order");
    assert_eq!(placed["status"], "matched", "{placed}");
    let paid = before - friendly.ann.cash(&friendly.server);
    let dollars = i64::try_from(takes.gives).expect("few");
    let info = friendly.server.get(format!("/markets-by-token/{}", friendly.token)).send().ok("a market");
    let condition = info["condition_id"].as_str().expect("an id");
    let info = friendly.server.get(format!("/clob-markets/{condition}")).send().ok("a market");
    assert_eq!(paid > dollars, !info["fd"].is_null(), "{paid} for {dollars}: {}", info["fd"]);
    assert_eq!(
        friendly.server.get(format!("/fee-rate?token_id={}", friendly.token)).send().json["base_fee"],
        0
    );
}

#[test]
fn a_wallet_of_another_is_no_pot_and_a_wallet_of_nobody_is_one() {
    let scene = scene(Options::default());
    let Scene { ann, bob, server, .. } = &scene;
    let nobodys = Address::repeat_byte(0x42);
    let pot = |wallet: &Wallet, salt| {
        let draft = Draft { signature_type: 2, maker: Some(nobodys), ..scene.draft().salted(salt) };
        wallet.place(server, &draft)
    };
    assert_eq!(pot(ann, 1).ok("an order")["status"], "live");
    // The same wallet's address with another signer is another pot: nobody reaches into somebody else's.
    assert_eq!(pot(bob, 1).ok("an order")["status"], "live");
    let balance = |wallet: &Wallet, kind: u8| {
        let path = format!("/balance-allowance?asset_type=COLLATERAL&signature_type={kind}");
        wallet.get(server, &path).ok("a balance")["balance"].clone()
    };
    assert_eq!((balance(ann, 2), balance(ann, 0)), (json!("1000000000"), json!("1000000000")));
    assert_eq!(ann.get(server, "/data/orders").ok("orders")["count"], 1);
    let own = papertape::service::ethereum::derived(ann.address);
    for (kind, maker) in [(1, own.proxy), (2, own.safe)] {
        let draft = Draft { signature_type: kind, maker: Some(maker), ..scene.draft().salted(9) };
        assert_eq!(ann.place(server, &draft).ok("an order")["status"], "live");
    }
    let makers: Vec<_> = ann.get(server, "/data/orders").ok("orders")["data"]
        .as_array()
        .expect("a page")
        .iter()
        .map(|row| row["maker_address"].as_str().expect("a text").to_owned())
        .collect();
    assert_eq!(makers, [own.safe, own.proxy, nobodys].map(|maker| maker.to_checksum(None)));
}
