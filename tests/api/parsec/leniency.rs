//! What bots really send: prices that were computed, ids in capitals, empty objects (§§1, 2.6, 5, 7.2).

use super::{Caller, end_user, number, refused, text, wallet};
use crate::clob::wallet::Wallet;
use crate::harness::Server;
use serde_json::{Value, json};

/// A wallet's credentials, to be onboarded with.
fn of(wallet: &Wallet) -> Value {
    json!({"exchange": "polymarket", "mode": "self", "clob_api_key": wallet.key,
        "clob_api_secret": wallet.secret, "clob_api_passphrase": wallet.passphrase})
}

const PLACE: &str = "/orders?exchange=polymarket";

#[test]
fn a_price_that_was_computed_is_put_on_the_tick_and_any_other_is_told_which_tick() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let trader = Caller::persona(&server, "trader");
    let order = |price: &str, size: &str| {
        let body = format!(
            r#"{{"market_id": "{}", "outcome": "Yes", "side": "buy", "price": {price}, "size": {size}}}"#,
            market.condition
        );
        let request =
            server.request("POST", format!("/api/v1{PLACE}")).header("Content-Type", "application/json");
        trader.signed(request.body(body)).send()
    };
    for (price, expected) in
        [("0.060000000000000005", "0.06"), ("0.0699999999999999", "0.07"), ("5e-2", "0.05")]
    {
        let placed = order(price, "5").ok("an order");
        assert_eq!(placed["price"].to_string(), expected, "{price}");
    }
    for (price, size, error) in [
        ("0.05555", "5", "price must be a multiple of 0.01"),
        ("0.0011", "5", "price must be a multiple of 0.01"),
        ("0", "5", "price must be between 0 and 1"),
        ("1.0000000001", "5", "price must be between 0 and 1"),
        ("0.05", "10.00001", "size must be a multiple of 0.0001"),
        ("0.05", "9.899999999999999", "size must be a multiple of 0.0001"),
        ("0.05", "4.9999", "size below minimum of 5"),
        ("0.05", "0", "size must be greater than 0"),
    ] {
        let answer = order(price, size);
        refused(&answer, price, 400, "bad_request");
        assert_eq!(answer.json["error"], error, "{price}, {size}");
    }
}

#[test]
fn amounts_and_limits_are_numbers_however_many_digits_they_have() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let trader = Caller::persona(&server, "trader");
    for amount in ["33.333333333333336", "1e-07", "1e15"] {
        let path =
            format!("/execution-price?parsec_id=polymarket:{}&side=buy&amount={amount}", market.condition);
        trader.get(&server, &path).ok(amount);
    }
    for path in
        ["/markets?min_volume=1e-07", "/markets?min_liquidity=1234.5678912", "/events?min_volume=1e-07"]
    {
        trader.get(&server, path).ok(path);
    }
}

#[test]
fn a_condition_id_is_the_same_in_capitals() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let trader = Caller::persona(&server, "trader");
    let loud = format!("0x{}", market.condition[2..].to_uppercase());
    assert_ne!(loud, market.condition);
    let order = json!({"market_id": loud, "outcome": "Yes", "side": "buy", "price": number(1), "size": 5});
    trader.post(&server, PLACE, &order).ok("an order");
    trader.get(&server, &format!("/orderbook?parsec_id=polymarket:{loud}")).ok("a book");
}

#[test]
fn credentials_of_nothing_are_none_that_were_given() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let trader = Caller::persona(&server, "trader");
    for given in [json!({}), json!({"private_key": null}), Value::Null] {
        let order = json!({"market_id": market.condition, "outcome": "Yes", "side": "buy", "price": number(1),
            "size": 5, "credentials": given});
        trader.post(&server, PLACE, &order).ok("an order on the account that is linked");
    }
}

#[test]
fn what_contradicts_itself_or_has_two_spellings_is_refused() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let trader = Caller::persona(&server, "trader");
    let id = format!("polymarket:{}", market.condition);
    let other = trader.get(&server, &format!("/price?parsec_id={id}&exchange=kalshi"));
    refused(&other, "another exchange beside it", 400, "bad_request");
    trader.get(&server, &format!("/price?parsec_id={id}&exchange=polymarket")).ok("the same exchange");
    let twice = trader.get(&server, &format!("/price?parsec_id=polymarket:{id}"));
    refused(&twice, "the exchange twice", 404, "market_not_found");
    let order = trader.order(&server, &market, "buy", (1, 5)).ok("an order");
    let number = text(&order, "id").strip_prefix("order_").expect("its number").to_owned();
    for spelling in [format!("order_0{number}"), format!("order_%2B{number}"), number] {
        let answer = trader.get(&server, &format!("/orders/{spelling}?exchange=polymarket"));
        refused(&answer, &spelling, 404, "order_not_found");
    }
}

#[test]
fn who_only_reads_a_venue_is_not_told_that_it_trades_there() {
    let server = Server::in_memory();
    let builder = Caller::persona(&server, "builder");
    let reader = Caller::key(text(&end_user(&server, &builder, "reader"), "api_key"));
    reader.post(&server, "/onboard", &of(&Wallet::stranger(77).with_key(&server))).ok("onboarded");
    let exchanges = reader.get(&server, "/exchanges").ok("the exchanges");
    assert_eq!(exchanges[0]["id"], "polymarket");
    assert_eq!(exchanges[0]["has"]["create_order"], false);
    let only_key = json!({"private_key": wallet(78)["private_key"]});
    let put = server.request("PUT", "/api/v1/credentials").json(&only_key);
    assert_eq!(reader.signed(put).send().status, 204);
    let exchanges = reader.get(&server, "/exchanges").ok("the exchanges");
    assert_eq!(exchanges[0]["has"]["create_order"], true);
}

#[test]
fn a_repeat_ignores_what_else_it_says_and_no_limit_is_too_high() {
    let server = Server::in_memory();
    let builder = Caller::persona(&server, "builder");
    let made = end_user(&server, &builder, "user_001");
    let again = json!({"external_id": "user_001", "qps_limit": 0, "eoa_address": "x"});
    let again = builder.post(&server, "/builder/users", &again);
    assert_eq!((again.status, &again.json["customer_id"]), (200, &made["customer_id"]));
    let path = format!("/builder/users/{}", text(&made, "customer_id"));
    let change = server.request("PATCH", format!("/api/v1{path}")).json(&json!({"qps_limit": 2_000_000}));
    assert_eq!(builder.signed(change).send().ok("changed")["qps_limit"], 2_000_000);
}

#[test]
fn a_terminal_s_token_has_the_power_of_the_calling_key_and_nobody_else_s_name() {
    let server = Server::in_memory();
    let builder = Caller::persona(&server, "builder");
    let acting = builder.acting_for(text(&end_user(&server, &builder, "user_001"), "customer_id"));
    let booted = acting.post(&server, "/dev/session/bootstrap", &json!({})).ok("a token");
    assert_eq!(booted["customer_id"], server.persona("builder", "auth_user_id"));
    // And it does not renew itself.
    let token = text(&booted, "terminal_read_token");
    let again = server.post("/api/v1/dev/session/bootstrap", &json!({})).bearer(token).send();
    refused(&again, "a token for a token", 401, "unauthorized");
}

#[test]
fn a_page_of_trades_after_a_place_that_nobody_gave_costs_no_more_than_another() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let trader = Caller::persona(&server, "trader");
    let path = format!("/trades?parsec_id=polymarket:{}&limit=1", market.condition);
    let first = trader.get(&server, &path).ok("trades");
    let forged = base64_url(&json!({"ts": 9_000_000_000_000_000_i64, "id": 0}));
    let page = trader.get(&server, &format!("{path}&cursor={forged}")).ok("trades");
    assert_eq!(page["trades"], first["trades"], "everything was before that");
}

fn base64_url(value: &Value) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
}

#[test]
fn whoever_has_the_same_credentials_keeps_its_orders_when_another_is_deactivated() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let trader = Caller::persona(&server, "trader");
    let theirs = trader.order(&server, &market, "buy", (1, 5)).ok("an order");
    let builder = Caller::persona(&server, "builder2");
    let made = end_user(&server, &builder, "wh");
    let acting = builder.acting_for(text(&made, "customer_id"));
    let mut onboard = of(&Wallet::persona(&server, "trader"));
    onboard["private_key"] = server.persona("trader", "private_key").into();
    acting.post(&server, "/onboard", &onboard).ok("onboarded");
    let own = acting.order(&server, &market, "buy", (1, 5)).ok("an order");
    let path = format!("/builder/users/{}", text(&made, "customer_id"));
    assert_eq!(builder.delete(&server, &path).status, 204);
    for (order, status) in [(&theirs, "open"), (&own, "cancelled")] {
        let path = format!("/orders/{}?exchange=polymarket", text(order, "id"));
        assert_eq!(trader.get(&server, &path).ok("it")["status"], status);
    }
}
