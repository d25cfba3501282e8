//! Wallets: one user's purses, apart from each other and from everyone else's (polysimulator.md §14, §15).

use crate::harness::{Answer, Options, Server, complained, run, with};
use serde_json::{Value, json};

fn wallets(server: &Server, persona: &str) -> Vec<Value> {
    let answer = server.get("/v1/me/wallets").key(persona).send().ok("wallets");
    answer["wallets"].as_array().expect("a list").clone()
}

fn sandbox(server: &Server, persona: &str) -> Value {
    let answer = server.post("/v1/me/wallets", &json!({"label": "s", "kind": "SANDBOX"})).key(persona).send();
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json
}

fn wallet(server: &Server, persona: &str, method: &'static str, path: &str) -> Answer {
    server.request(method, format!("/v1/me/wallets/{path}")).json(&json!({"label": "x"})).key(persona).send()
}

#[test]
fn everyone_has_an_api_and_a_main_wallet_and_paying_plans_have_sandboxes() {
    let server = Server::in_memory();
    for (persona, api, most, baseline) in [
        ("reader", "0.00", 0, ""),
        ("trader", "10000.00", 3, "10000.00"),
        ("whale", "25000.00", 10, "25000.00"),
    ] {
        let own = wallets(&server, persona);
        let shown: Vec<_> =
            own.iter().map(|wallet| [&wallet["kind"], &wallet["balance"], &wallet["status"]]).collect();
        let expected =
            [["API", api, "active"], ["MAIN", "1000.00", "active"]].map(|row| row.map(Value::from));
        assert_eq!(shown, expected.each_ref().map(<[Value; 3]>::each_ref), "{persona}");
        for _ in 0..most {
            assert_eq!(sandbox(&server, persona)["balance"], baseline, "{persona}");
        }
        let one_more = server.post("/v1/me/wallets", &json!({})).key(persona).send();
        assert_eq!((one_more.status, one_more.code()), (402, "UPGRADE_REQUIRED"), "{}", one_more.text);
        assert_eq!(one_more.json["feature_key"], "wallets.sandbox_baseline");
        assert_eq!(wallets(&server, persona).len(), 2 + most);
    }
    let first = wallets(&server, "trader")[2]["id"].to_string();
    assert_eq!(wallet(&server, "trader", "DELETE", &first).ok("archived")["status"], "archived");
    assert_eq!(wallet(&server, "trader", "DELETE", &first).status, 200, "a retry is no failure");
    sandbox(&server, "trader");
    let page = server.get("/v1/me/wallets?limit=2&offset=1").key("trader").send().ok("a page");
    let ids: Vec<_> =
        page["wallets"].as_array().expect("a list").iter().map(|wallet| wallet["id"].clone()).collect();
    assert_eq!(
        ids,
        wallets(&server, "trader")[1..3].iter().map(|wallet| wallet["id"].clone()).collect::<Vec<_>>()
    );
    for kind in ["MAIN", "COMPETITION", "x"] {
        let answer = server.post("/v1/me/wallets", &json!({"kind": kind})).key("trader").send();
        answer.refused(kind, 400, "VALIDATION_FAILED");
    }
}

#[test]
fn a_sandbox_trades_with_its_own_money_and_leaves_the_others_alone() {
    let mut server = Server::start(Options::durable());
    let market = server.markets(1).remove(0);
    let id = sandbox(&server, "trader")["id"].clone();
    let on = |order: Value| with(&order, &json!({"wallet_id": id}));
    let place = |order: &Value| server.post("/v1/orders", order).key("trader").send().ok("an order");
    let filled = place(&on(market.take("BUY", 10)));
    assert_eq!(filled["status"], "FILLED", "{filled}");
    let resting = place(&on(market.limit("BUY", market.bid, 10)));
    let get = |path: &str| server.get(path).key("trader").send().ok(path);
    assert_eq!(get("/v1/account/balance")["balance"], "10000.00", "the API wallet is as it was");
    let positions = |which: &str| {
        get(&format!("/v1/account/positions?wallet_id={which}")).as_array().expect("a list").len()
    };
    assert_eq!((positions("api"), positions(&id.to_string()), positions("all")), (0, 1, 1));
    assert_eq!(get("/v1/orders")["orders"], json!([]));
    let theirs = get(&format!("/v1/orders?wallet_id={id}&status=OPEN"));
    assert_eq!(theirs["orders"][0]["order_id"], resting["order_id"]);
    let history = get(&format!("/v1/account/history?wallet_id={id}"));
    assert_eq!(history[0]["order_id"], filled["order_id"]);
    assert_eq!(get("/v1/account/history"), json!([]));
    // Sold from one wallet, the shares of another do not count.
    let sale = server.post("/v1/orders", &market.take("SELL", 10)).key("trader").send();
    sale.refused("shares of another wallet", 400, "INSUFFICIENT_POSITION");
    // By its id an order is canceled wherever it is, and all of them at once.
    let path = format!("/v1/orders/{}", resting["order_id"]);
    assert_eq!(server.delete(&path).key("trader").send().ok("canceled")["status"], "CANCELLED");
    server.delete(&path).key("trader").send().refused("again", 400, "ORDER_NOT_CANCELLABLE");
    let both = [place(&on(market.limit("BUY", market.bid, 5))), place(&market.limit("BUY", market.bid, 5))];
    let all = server.post("/v1/cancel-all?confirm=true", &json!({})).key("trader").send().ok("all");
    let mut canceled: Vec<_> = all["canceled"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|id| id.as_str().expect("a text").to_owned())
        .collect();
    canceled.sort();
    assert_eq!(canceled, both.map(|order| order["order_id"].to_string()));

    let reset = wallet(&server, "trader", "POST", &format!("{id}/reset")).ok("reset");
    assert_eq!((&reset["balance"], &reset["generation"]), (&json!("10000.00"), &json!(2)));
    assert_eq!(positions(&format!("{id}&status=OPEN")), 0);
    wallet(&server, "trader", "DELETE", &id.to_string()).ok("archived");
    let late = server.post("/v1/orders", &on(market.take("BUY", 5))).key("trader").send();
    late.refused("an archived wallet", 404, "WALLET_NOT_FOUND");
    wallet(&server, "trader", "POST", &format!("{id}/reset")).refused("archived", 404, "WALLET_NOT_FOUND");
    assert_eq!(
        server.get(format!("/v1/me?wallet_id={id}")).key("trader").send().ok("to be seen")["balance"],
        "10000.00"
    );
    server.stop();
    let audit = run(&["audit", "--data", &server.data_text()]);
    assert_eq!(audit.status.code(), Some(0), "{}", complained(&audit));
}

#[test]
fn a_main_wallet_is_reset_as_often_as_the_plan_says_and_trades_nothing_here() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let main = |persona: &str| wallets(&server, persona)[1]["id"].clone();
    for (persona, most) in [("reader", 1), ("trader", 4)] {
        let reset = || wallet(&server, persona, "POST", &format!("{}/reset", main(persona)));
        for count in 0..most {
            assert_eq!(reset().ok("reset")["generation"], json!(count + 2), "{persona}");
        }
        assert_eq!((reset().status, reset().code()), (402, "UPGRADE_REQUIRED"), "{persona}");
        server.advance(30 * 86_400);
        assert_eq!(reset().status, 200, "{persona}: thirty days later");
    }
    for _ in 0..10 {
        assert_eq!(wallet(&server, "whale", "POST", &format!("{}/reset", main("whale"))).status, 200);
    }
    let order = with(&market.limit("BUY", market.bid, 5), &json!({"wallet_id": main("whale")}));
    server.post("/v1/orders", &order).key("whale").send().refused("MAIN", 400, "VALIDATION_FAILED");
    for index in [0, 1] {
        let id = wallets(&server, "whale")[index]["id"].to_string();
        wallet(&server, "whale", "DELETE", &id).refused("not a sandbox", 400, "VALIDATION_FAILED");
        assert_eq!(wallet(&server, "whale", "PATCH", &id).ok("a name")["label"], "x");
    }
}

#[test]
fn a_retry_gets_its_order_though_the_wallet_was_archived_meanwhile() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let id = sandbox(&server, "trader")["id"].clone();
    let order = with(&market.take("BUY", 10), &json!({"wallet_id": id}));
    let place = || server.post("/v1/orders", &order).header("Idempotency-Key", "once").key("trader").send();
    let placed = place().ok("an order");
    wallet(&server, "trader", "DELETE", &id.to_string()).ok("archived");
    assert_eq!(place().ok("the same order")["order_id"], placed["order_id"]);
    let other = server.post("/v1/orders", &order).key("trader").send();
    other.refused("another order", 404, "WALLET_NOT_FOUND");
}

#[test]
fn an_export_holds_what_its_filters_let_through() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let id = sandbox(&server, "trader")["id"].clone();
    let order =
        with(&market.take("BUY", 10), &json!({"wallet_id": id, "client_order_id": "a \"name\", quoted"}));
    let filled = server.post("/v1/orders", &order).key("trader").send().ok("a fill");
    let csv = server.get("/v1/export/trades.csv").key("trader").send();
    let rows: Vec<_> = csv.text.split("\r\n").filter(|row| !row.is_empty()).collect();
    assert_eq!(rows.len(), 2, "{}", csv.text);
    assert!(rows[1].starts_with(&format!("{},{},", filled["order_id"], market.condition)), "{}", rows[1]);
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let api = server.get("/v1/export/trades.csv?wallet_id=api").key("trader").send();
    assert_eq!(api.text.split("\r\n").filter(|row| !row.is_empty()).count(), 1, "{}", api.text);
    let now = server.get("/sim/clock").send().ok("the clock")["now_ms"].as_i64().expect("a number");
    let at = |millis: i64| {
        jiff::Timestamp::from_millisecond(now + millis)
            .expect("in range")
            .strftime("%Y-%m-%dT%H:%M:%S")
            .to_string()
    };
    let (before, after, today) = (at(-60_000), at(60_000), at(0)[..10].to_owned());
    for (query, found) in [
        (format!("from={before}"), 1),
        (format!("from={after}"), 0),
        (format!("to={before}"), 0),
        (format!("to={after}Z"), 1),
        (format!("from={}", before.replace('T', "%20")), 1),
        (format!("from={today}&to={today}"), 1),
        ("to=2020-01-01".to_owned(), 0),
    ] {
        let csv = server.get(format!("/v1/export/trades.csv?{query}")).key("trader").send();
        assert_eq!(
            csv.text.split("\r\n").filter(|row| !row.is_empty()).count(),
            1 + found,
            "{query}: {}",
            csv.text
        );
    }
    let free = server.get("/v1/export/trades.csv").key("reader").send();
    assert_eq!(
        (free.status, free.code(), &free.json["feature_key"]),
        (402, "UPGRADE_REQUIRED", &json!("export.csv"))
    );
    assert!(csv.text.contains("\"a \"\"name\"\", quoted\""), "{}", csv.text);
    server.steer(&format!("/sim/markets/{}/resolve", market.condition), &json!({"outcome": "Yes"}));
    let settled = server.get("/v1/export/settlements.csv").key("trader").send();
    let rows: Vec<_> = settled.text.split("\r\n").collect();
    assert!(
        rows[0].starts_with("position_id,market_id,") && rows[0].ends_with(",result,settled_at"),
        "{rows:?}"
    );
    assert!(rows[1].contains(",10.00,1.00,") && rows[1].contains(",won,"), "{rows:?}");
}
