//! Pairs and groups through the control routes, with the caller's own credential.

use super::wallet::Wallet;
use crate::harness::{Options, Server, complained, printed, run};
use serde_json::{Value, json};

/// The markets of one neg-risk event, each with its tokens.
fn event(server: &Server) -> Vec<(String, [String; 2])> {
    let listed = server.get("/gamma/events/slug/la-liga-winner").send().ok("an event");
    let markets = listed["markets"].as_array().expect("markets").iter().map(|market| {
        let tokens: Vec<String> =
            serde_json::from_str(market["clobTokenIds"].as_str().expect("a text")).expect("a list");
        let condition = market["conditionId"].as_str().expect("an id").to_owned();
        (condition, <[String; 2]>::try_from(tokens).expect("two tokens"))
    });
    markets.collect()
}

fn position(wallet: &Wallet, server: &Server, verb: &str, body: &Value) -> (u16, Value) {
    let answer = wallet.post(server, &format!("/sim/positions/{verb}"), body);
    (answer.status, answer.json)
}

#[test]
fn a_conversion_is_worth_its_event_however_that_ends() {
    for winner in [Some(0), Some(1), Some(2), None] {
        let mut server = Server::start(Options::durable());
        let wallet = Wallet::stranger(5).with_key(&server);
        let markets = event(&server);
        assert_eq!(markets.len(), 3);
        let before = wallet.cash(&server);
        for (market, _) in &markets[..2] {
            let split = position(&wallet, &server, "split", &json!({"market": market, "amount": "30"}));
            assert_eq!(split, (200, json!({"dollars": "-30"})));
        }
        let given = json!([markets[0].0, markets[1].0]);
        let converted = position(&wallet, &server, "convert", &json!({"markets": given, "amount": 20}));
        assert_eq!(converted, (200, json!({"dollars": "20"})));
        let held: Vec<_> = markets
            .iter()
            .map(|(_, tokens)| tokens.each_ref().map(|token| wallet.shares(&server, token)))
            .collect();
        assert_eq!(held, [[30_000_000, 10_000_000], [30_000_000, 10_000_000], [20_000_000, 0]]);
        assert_eq!(wallet.cash(&server), before - 40_000_000);
        let merged = position(&wallet, &server, "merge", &json!({"market": markets[0].0, "amount": "10"}));
        assert_eq!(merged, (200, json!({"dollars": "10"})));
        for (number, (market, _)) in markets.iter().enumerate() {
            let outcome = if winner == Some(number) { "Yes" } else { "No" };
            if winner.is_none_or(|winner| winner == number) {
                server.steer(&format!("/sim/markets/{market}/resolve"), &json!({"outcome": outcome}));
            }
        }
        let redeemed = position(&wallet, &server, "redeem", &json!({"market": markets[2].0}));
        assert_eq!(redeemed, (200, json!({"dollars": "0"})), "paid at resolution already");
        // Yes and No of each at the end: 20/0, 30/10 and 20/0.
        let paid = match winner {
            // As it happens, every winner pays the same here.
            Some(_) => 30,
            None => 10,
        };
        assert_eq!(wallet.cash(&server), before - 30_000_000 + paid * 1_000_000, "{winner:?}");
        server.stop();
        let audit = run(&["audit", "--data", &server.data_text()]);
        assert!(
            audit.status.success() && printed(&audit).contains("every law holds"),
            "{}",
            complained(&audit)
        );
    }
}

#[test]
fn a_second_winner_of_an_event_is_refused() {
    let server = Server::in_memory();
    let markets = event(&server);
    let resolve = |market: &str, outcome: &str| {
        let request = server.post(format!("/sim/markets/{market}/resolve"), &json!({"outcome": outcome}));
        request.header("X-Admin-Token", server.admin_token()).send().status
    };
    assert_eq!(resolve(&markets[1].0, "Yes"), 200);
    assert_eq!(resolve(&markets[0].0, "Yes"), 409, "it has lost with the other's victory");
    let shown = server.get(format!("/markets/{}", markets[0].0)).send().ok("a market");
    assert_eq!((&shown["closed"], &shown["tokens"][1]["winner"]), (&json!(true), &json!(true)));
}

#[test]
fn positions_need_the_caller_s_own_credential() {
    let server = Server::in_memory();
    let (market, tokens) = event(&server).remove(0);
    let body = json!({"market": market, "amount": "5"});
    let path = "/sim/positions/split";
    assert_eq!(server.post(path, &body).send().status, 401);
    assert_eq!(server.post(path, &body).header("X-Admin-Token", server.admin_token()).send().status, 401);
    assert_eq!(server.post(path, &body).key("reader").send().status, 403, "a key that only reads");
    assert_eq!(server.post(path, &body).key("trader").send().ok("split")["dollars"], "-5");
    // The persona's wallet is the same account.
    assert_eq!(Wallet::persona(&server, "trader").shares(&server, &tokens[0]), 5_000_000);
    let wallet = Wallet::stranger(6).with_key(&server);
    let forged = wallet.signed(&server, "POST", "/order", &body.to_string()).moved("POST", path).send();
    assert_eq!(forged.status, 401, "a signature of another path");
    for (what, body, status) in [
        ("no amount", json!({"market": market}), 400),
        ("nothing", json!({"market": market, "amount": "0"}), 400),
        ("less than nothing", json!({"market": market, "amount": "-5"}), 400),
        ("more than there is", json!({"market": market, "amount": "100000"}), 400),
        ("no market", json!({"amount": "5"}), 400),
        ("an unknown market", json!({"market": "0x1", "amount": "5"}), 404),
    ] {
        assert_eq!(position(&wallet, &server, "split", &body).0, status, "{what}");
    }
    assert_eq!(position(&wallet, &server, "redeem", &json!({"market": market})).0, 409, "not resolved yet");
    assert_eq!(wallet.cash(&server), 1_000_000_000);
}
