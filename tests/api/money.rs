//! Money over the wire: what is charged is the formula's, and what everyone has adds up.

use crate::harness::{Draw, Market, Options, Server, printed, run, scaled};
use serde_json::{Value, json};

const PERSONAS: [&str; 3] = ["trader", "whale", "desk"];

/// Hundredths of a percent that a taker pays, by category.
fn rate(category: &str) -> i64 {
    match category {
        "crypto" => 700,
        "finance" | "politics" | "mentions" | "tech" => 400,
        "geopolitics" => 0,
        _ => 500,
    }
}

/// In hundred-thousandths of a dollar, cut off there: shares in ten-thousandths, the price in cents.
fn fee(shares: i64, price: i64, rate: i64) -> i64 {
    let exact = i128::from(shares) * i128::from(rate) * i128::from(price) * i128::from(100 - price);
    // 10^4 of a share, 10^4 of the rate, 10^2 of each price: 10^12 to the dollar, of which 10^5 are kept.
    i64::try_from(exact / 10_000_000).expect("a fee")
}

fn number(row: &Value, member: &str, places: usize) -> i64 {
    let text = row[member].as_str().unwrap_or_else(|| panic!("{member} of {row}"));
    scaled(text, places).unwrap_or_else(|| panic!("{member} of {row}"))
}

fn random_order(draw: &mut Draw, markets: &[Market]) -> (Market, Value) {
    let market = draw.one_of(markets).clone();
    let side = *draw.one_of(&["BUY", "BUY", "SELL"]);
    let quantity = draw.between(5, 80);
    let mut order = if draw.between(0, 2) == 0 {
        market.take(side, quantity)
    } else {
        market.limit(side, draw.between(market.bid - 2, market.ask + 2), quantity)
    };
    order["outcome"] = (*draw.one_of(&["Yes", "No"])).into();
    order["quantity"] = format!("{quantity}.{:04}", draw.between(0, 9_999)).into();
    if order["outcome"] == "No" && order["order_type"] == "limit" {
        let mirrored = 100 - draw.between(market.bid - 2, market.ask + 2);
        order["price"] = crate::harness::price_text(mirrored).into();
    }
    (market, order)
}

/// The fee of an order is that of its matches, each at its own price.
fn check_fee(server: &Server, persona: &str, market: &Market, placed: &Value) {
    let path = format!("/v1/account/history?market_id={}&limit=200", market.condition);
    let rows = server.get(path).key(persona).send().ok("history");
    let own: Vec<_> =
        rows.as_array().expect("rows").iter().filter(|row| row["order_id"] == placed["order_id"]).collect();
    assert!(!own.is_empty(), "{placed}");
    let charged: i64 = own
        .iter()
        .map(|row| fee(number(row, "quantity", 4), number(row, "price", 2), rate(&market.category)))
        .sum();
    let cents = (charged + 500) / 1_000;
    assert_eq!(number(placed, "fee", 2), cents, "{persona}: {placed} {own:?}");
    let shares: i64 = own.iter().map(|row| number(row, "quantity", 4)).sum();
    if placed["status"] == "FILLED" {
        assert_eq!(number(placed, "quantity", 4), shares, "{placed} {own:?}");
    }
}

/// Cash with reservations, to the micro-dollar: the portfolio is one snapshot and adds up.
fn exact_cash(server: &Server, persona: &str) -> i64 {
    let portfolio = server.get("/v1/account/portfolio").key(persona).send().ok("a portfolio");
    let value: i64 = portfolio["positions"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| number(row, "market_value", 6))
        .sum();
    number(&portfolio["balance"], "total_value", 6) - value
}

fn open_orders(server: &Server, persona: &str) -> Vec<Value> {
    let listed = server.get("/v1/orders?status=PENDING&limit=200").key(persona).send().ok("orders");
    listed["orders"].as_array().expect("rows").clone()
}

#[test]
fn random_orders_are_charged_by_the_formula_and_no_money_is_made_or_lost() {
    let mut server = Server::start(Options::durable());
    server.steer("/sim/clock/pause", &json!({}));
    let markets = server.markets(4);
    let mut draw = Draw(81_723);
    let (mut filled, mut refused) = (0, 0);
    for _ in 0..400 {
        let persona = *draw.one_of(&PERSONAS);
        let (market, order) = random_order(&mut draw, &markets);
        let answer = server.post("/v1/orders", &order).key(persona).send();
        if answer.status != 200 {
            assert!(
                answer.code().starts_with("INSUFFICIENT_") || answer.code() == "FOK_ORDER_NOT_FILLED_ERROR",
                "{order}: {}",
                answer.text
            );
            refused += 1;
            continue;
        }
        let placed = answer.json;
        if placed["status"] == "FILLED" {
            filled += 1;
            check_fee(&server, persona, &market, &placed);
        }
        if draw.between(0, 9) == 0
            && let Some(open) = open_orders(&server, persona).first()
        {
            server.delete(format!("/v1/orders/{}", open["order_id"])).key(persona).send().ok("canceled");
        }
    }
    assert!(filled > 50 && refused > 20, "{filled} filled, {refused} refused");
    let resolve = format!("/sim/markets/{}/resolve", markets[0].condition);
    server.steer(&resolve, &json!({"outcome": "Yes"}));
    let shown = PERSONAS.map(|persona| exact_cash(&server, persona));
    let users = PERSONAS.map(|persona| server.personas[persona]["user_id"].as_i64().unwrap());
    server.stop();
    let audit = run(&["audit", "--data", &server.data_text()]);
    assert!(audit.status.success(), "{}", printed(&audit));
    let ledger = rusqlite::Connection::open(server.data().join("ledger.sqlite")).unwrap();
    for (at, user) in users.iter().enumerate() {
        let mut cash = ledger.prepare("SELECT cash FROM accounts WHERE user = ?").unwrap();
        let all: Vec<i64> = cash.query_map([user], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert!(
            all.contains(&shown[at]),
            "{}: {} on the wire, {all:?} in the ledger",
            PERSONAS[at],
            shown[at]
        );
    }
    let sum = |sql: &str| -> i64 { ledger.query_row(sql, [], |row| row.get(0)).unwrap() };
    let cash = sum("SELECT sum(cash) FROM accounts");
    let fees = sum("SELECT sum(fee) FROM fills") + sum("SELECT sum(dust) FROM markets");
    let granted = sum("SELECT sum(granted) - sum(withdrawn) FROM accounts");
    // What a market that is not resolved holds is one dollar for every pair outstanding.
    let pairs = sum("SELECT coalesce(sum(shares), 0) FROM positions WHERE outcome = 0 AND market NOT IN \
                     (SELECT id FROM markets WHERE payout IS NOT NULL)");
    assert_eq!(cash + fees + pairs, granted, "cash, fees and pairs are what was granted");
}

#[test]
fn an_analysis_tells_wins_losses_and_concentration() {
    let server = Server::in_memory();
    let markets = server.markets(3);
    let trade = |market: &Market, side: &str| {
        server.post("/v1/orders", &market.take(side, 10)).key("trader").send().ok("a trade");
    };
    // Bought and sold across the spread: lost. Bought and resolved: won. Bought and kept: open.
    trade(&markets[0], "BUY");
    trade(&markets[0], "SELL");
    trade(&markets[1], "BUY");
    server.steer(&format!("/sim/markets/{}/resolve", markets[1].condition), &json!({"outcome": "Yes"}));
    trade(&markets[2], "BUY");
    let get = |query: &str| {
        server.get(format!("/v1/account/profile-analysis{query}")).key("trader").send().ok("an analysis")
    };
    let analysis = get("");
    let stats = &analysis["trading_stats"];
    assert_eq!(
        [&stats["closed_positions"], &stats["winning_positions"], &stats["losing_positions"]],
        [2, 1, 1]
    );
    assert_eq!((&stats["win_rate"], &stats["total_trades"]), (&json!("0.5"), &json!(4)));
    let lost = 10 * (markets[0].ask - markets[0].bid);
    let won = 10 * (100 - markets[1].ask);
    let cents = |value: &Value| scaled(value.as_str().expect("a text"), 2).expect("cents");
    assert_eq!([cents(&stats["gross_loss"]), cents(&stats["gross_profit"])], [lost, won]);
    assert_eq!(cents(&stats["realized_pnl"]), won - lost);
    let risk = &analysis["risk_metrics"];
    assert_eq!((&risk["largest_position_weight"], &risk["diversity"]), (&json!("1"), &json!("0")));
    assert_eq!(analysis["open_positions"].as_array().map(Vec::len), Some(1));
    assert_eq!(get("?recent_trades=3")["recent_trades"].as_array().map(Vec::len), Some(3));
    for query in ["?recent_trades=0", "?recent_trades=101", "?equity_days=366", "?wallet_id=x"] {
        let answer = server.get(format!("/v1/account/profile-analysis{query}")).key("trader").send();
        answer.refused(query, 422, "VALIDATION_FAILED");
    }
}
