//! What credentials of exchanges prove: one account the same through every door, and never another's (design §7).

use super::{Caller, end_user, header_of, kalshi, number, refused, text, wallet};
use crate::clob::wallet::Wallet;
use crate::harness::{Options, Server};
use serde_json::{Value, json};

#[test]
fn a_wallet_that_proves_itself_trades_the_account_that_it_has_everywhere_else() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let whale = Caller::persona(&server, "whale");
    let own = json!({"private_key": server.persona("whale", "private_key")});
    let order = whale.with(&own).order(&server, &market, "buy", (market.bid + 1, 10)).ok("an order");
    let seen = server.get("/v1/orders?status=PENDING").key("whale").send().ok("orders");
    let number = text(&order, "id").strip_prefix("order_").expect("its number");
    assert!(seen.to_string().contains(number), "PolySimulator shows the same order: {seen}");
    // And the other way round.
    let theirs = server.post("/v1/orders", &market.limit("BUY", market.bid + 1, 7)).key("whale").send();
    let theirs = format!("order_{}", theirs.ok("an order")["order_id"]);
    let found = whale.with(&own).get(&server, &format!("/orders/{theirs}?exchange=polymarket")).ok("it");
    assert_eq!((&found["size"], &found["status"]), (&json!(7), &json!("open")));
    // The CLOB takes it back, and everyone sees that it is gone.
    let clob = Wallet::persona(&server, "whale");
    clob.delete(&server, "/cancel-all", &Value::Null).ok("canceled");
    let after = whale.with(&own).get(&server, "/orders?exchange=polymarket").ok("orders");
    assert_eq!(after, json!([]));
    assert_eq!(clob.cash(&server), whale.with(&own).cash(&server), "one purse");
}

#[test]
fn to_name_an_address_proves_nothing() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let trader = Caller::persona(&server, "trader");
    trader.order(&server, &market, "buy", (market.bid + 1, 10)).ok("an order");
    let builder = Caller::persona(&server, "builder");
    let thief = end_user(&server, &builder, "thief");
    let thief = builder.acting_for(text(&thief, "customer_id"));
    let safe = json!({"exchange": "polymarket", "mode": "managed", "wallet_type": "safe",
        "eoa_address": server.persona("trader", "address")});
    let made = thief.post(&server, "/onboard", &safe).ok("onboarded");
    assert_eq!(
        made["steps_completed"],
        json!(["external_eoa_provided", "wallet_safe_created", "exchange_linked"])
    );
    assert_eq!(thief.cash(&server), 1_000_000_000, "an account of its own, and an empty one");
    assert_eq!(thief.get(&server, "/orders?exchange=polymarket").ok("orders"), json!([]));
    refused(&thief.post(&server, "/wallet/export-key", &json!({})), "a safe's key", 400, "bad_request");
    assert!(trader.cash(&server) < 10_000_000_000, "the trader's order still reserves");
}

#[test]
fn the_same_credentials_reach_one_account_and_a_wrong_secret_another() {
    let server = Server::in_memory();
    let (one, other) = (Caller::persona(&server, "trader"), Caller::persona(&server, "reader"));
    let ticker = kalshi_market(&server, &one);
    let order = json!({"market_id": ticker, "outcome": "yes", "side": "buy", "price": number(1), "size": 5});
    let given = kalshi("account-a");
    let placed = one.with(&given).post(&server, "/orders?exchange=kalshi", &order).ok("an order");
    let seen = other.with(&given).get(&server, "/orders?exchange=kalshi").ok("orders");
    assert_eq!(seen, json!([placed]), "whoever shows them");
    // However the lines of the key were broken.
    let mut other_lines = given.clone();
    other_lines["private_key"] = text(&given, "private_key").replace('\n', "\r\n").into();
    assert_eq!(other.with(&other_lines).get(&server, "/orders?exchange=kalshi").ok("orders"), seen);
    let mut wrong = given.clone();
    wrong["private_key"] = text(&given, "private_key").replace("MIIE", "MIIF").into();
    assert_eq!(one.with(&wrong).get(&server, "/orders?exchange=kalshi").ok("orders"), json!([]));
    let path = format!("/orders/{}?exchange=kalshi", text(&placed, "id"));
    for stranger in [one.with(&wrong), one.clone()] {
        refused(&stranger.get(&server, &path), "another's order", 404, "order_not_found");
        refused(&stranger.delete(&server, &path), "another's order", 404, "order_not_found");
    }
    // None of it was linked.
    let linked = other.get(&server, "/session/capabilities").ok("capabilities");
    assert_eq!(linked["linked_exchanges"], json!([]));
    let refused_by_venue = one.with(&kalshi("invalid-key")).get(&server, "/balance?exchange=kalshi");
    refused(&refused_by_venue, "a key that the venue does not know", 403, "authentication_failed");
    assert_eq!(refused_by_venue.json["error"], "exchange authentication failed: kalshi");
}

fn kalshi_market(server: &Server, caller: &Caller) -> String {
    let listed = caller.get(server, "/markets?exchanges=kalshi&limit=1").ok("markets");
    text(&listed["markets"][0], "exchange_market_id").to_owned()
}

#[test]
fn credentials_of_the_clob_read_and_do_not_trade_without_the_wallets_key() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let clob = Wallet::stranger(77).with_key(&server);
    let reader = Caller::persona(&server, "reader");
    let mut body = json!({"exchange": "polymarket", "mode": "self", "clob_api_key": clob.key,
        "clob_api_secret": clob.secret, "clob_api_passphrase": clob.passphrase});
    let onboarded = reader.post(&server, "/onboard", &body).ok("onboarded");
    assert_eq!(onboarded["steps_completed"], json!(["credentials_stored"]));
    assert_eq!(reader.cash(&server), clob.cash(&server));
    let order = |caller: &Caller| caller.order(&server, &market, "buy", (market.bid, 10));
    refused(&order(&reader), "an order that nobody signs", 403, "credentials_required");
    // Where the secret is not the key's, the account is another, and empty.
    clob.post(&server, "/order", &clob.order(&take(&market)).0).ok("an order");
    body["clob_api_secret"] = "bm90IHRoZSBzZWNyZXQ=".into();
    reader.post(&server, "/onboard", &body).ok("onboarded");
    assert_eq!(reader.cash(&server), 1_000_000_000);
    assert!(clob.cash(&server) < 1_000_000_000);
    // With the wallet's own key it trades.
    body["private_key"] = wallet(77)["private_key"].clone();
    reader.post(&server, "/onboard", &body).ok("onboarded");
    assert_eq!(reader.cash(&server), clob.cash(&server));
    assert_eq!(order(&reader).ok("an order")["status"], "open");
}

/// An order that fills at once.
fn take(market: &crate::harness::Market) -> crate::clob::wallet::Draft {
    let cents = u64::try_from(market.ask).expect("positive");
    crate::clob::wallet::Draft::limit(&market.tokens[0], "BUY", cents, 10)
}

#[test]
fn credentials_are_honoured_on_seven_routes_and_no_others() {
    let server = Server::in_memory();
    let reader = Caller::persona(&server, "reader");
    let with = reader.with(&wallet(78));
    // On the seven nothing is linked, and still there is an account.
    for path in ["/orders", "/positions", "/fills", "/balance"] {
        let path = format!("{path}?exchange=polymarket");
        refused(&reader.get(&server, &path), &path, 403, "credentials_required");
        assert_eq!(with.get(&server, &path).status, 200, "{path}");
    }
    for method in ["GET", "DELETE"] {
        let ask = |caller: &Caller| {
            caller.signed(server.request(method, "/api/v1/orders/order_1?exchange=polymarket")).send()
        };
        refused(&ask(&reader), method, 403, "credentials_required");
        refused(&ask(&with), method, 404, "order_not_found");
    }
    // Elsewhere they are as good as none, and even nonsense harms nothing: SDK users set them once for all.
    let nonsense = Caller { credentials: Some("nonsense!".to_owned()), ..reader.clone() };
    server.steer("/sim/clock/pause", &json!({}));
    for path in ["/exchanges", "/markets?limit=1", "/wallet", "/ping", "/session/capabilities"] {
        assert_eq!(nonsense.get(&server, path).ok(path), reader.get(&server, path).ok(path), "{path}");
    }
    let ping = with.get(&server, "/ping?exchange=polymarket").ok("a ping");
    assert_eq!(ping[0]["has_credentials"], false);
    let split = json!({"condition_id": server.markets(1)[0].condition, "amount": "1000000"});
    let answer = with.post(&server, "/polymarket/ctf/split", &split);
    refused(&answer, "a split", 403, "credentials_required");
}

#[test]
fn a_body_s_credentials_come_before_the_headers_and_both_before_what_is_linked() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let trader = Caller::persona(&server, "trader");
    let order = json!({"market_id": market.condition, "outcome": "yes", "side": "buy", "price": number(market.bid),
        "size": 10, "credentials": wallet(79)});
    trader.with(&wallet(80)).post(&server, "/orders?exchange=polymarket", &order).ok("an order");
    let open = |caller: &Caller| {
        let open = caller.get(&server, "/orders?exchange=polymarket").ok("orders");
        open.as_array().map(Vec::len)
    };
    assert_eq!(open(&trader.with(&wallet(79))), Some(1));
    assert_eq!((open(&trader.with(&wallet(80))), open(&trader)), (Some(0), Some(0)));
}

#[test]
fn what_is_missing_or_malformed_is_said_before_anything_is_done() {
    let server = Server::in_memory();
    let trader = Caller::persona(&server, "trader");
    server.stand_still();
    let before = server.digest();
    let clob_only = json!({"clob_api_key": "a", "clob_api_secret": "b", "clob_api_passphrase": "c"});
    for (credentials, code) in [
        (header_of(&clob_only), "missing_parameter"),
        (header_of(&json!({"private_key": "0x12"})), "bad_request"),
        ("%%%".to_owned(), "bad_request"),
    ] {
        let caller = Caller { credentials: Some(credentials.clone()), ..trader.clone() };
        let order =
            json!({"market_id": "0x1", "outcome": "Yes", "side": "buy", "price": number(55), "size": 100});
        let answer = caller.post(&server, "/orders?exchange=polymarket", &order);
        refused(&answer, &credentials, 400, code);
    }
    // Order of the checks (§4.3): a type that the venue has not comes before credentials and market.
    let fok = json!({"market_id": "does-not-matter", "outcome": "yes", "side": "buy", "price": number(50), "size": 1,
        "params": {"order_type": "fok"}});
    let nobody = Caller::persona(&server, "reader");
    let answer = nobody.post(&server, "/orders?exchange=kalshi", &fok);
    refused(&answer, "fok on Kalshi", 501, "not_supported");
    assert_eq!(answer.header("x-should-retry"), "false");
    for (path, status, code) in [
        ("/orders", 400, "missing_parameter"),
        ("/orders?exchange=doesnotexist", 404, "exchange_not_found"),
        ("/orders?exchange=limitless", 501, "not_supported"),
    ] {
        refused(&nobody.get(&server, path), path, status, code);
    }
    assert_eq!(server.digest(), before, "nothing was done");
}

#[test]
fn an_account_that_nobody_paid_for_is_opened_once_and_is_still_there_after_a_crash() {
    let mut server = Server::start(Options::durable());
    let market = server.markets(1).remove(0);
    let reader = Caller::persona(&server, "reader").with(&wallet(81));
    let order = reader.order(&server, &market, "buy", (market.ask, 10)).ok("an order");
    assert_eq!((&order["status"], &order["filled"]), (&json!("filled"), &json!(10)));
    let (cash, positions) =
        (reader.cash(&server), reader.get(&server, "/positions?exchange=polymarket").ok("positions"));
    server.kill();
    server.restart();
    let reader = Caller::persona(&server, "reader").with(&wallet(81));
    assert_eq!(reader.cash(&server), cash, "with the same vault the same credentials reach the same account");
    assert_eq!(reader.get(&server, "/positions?exchange=polymarket").ok("positions"), positions);
}
