//! Who trades with whom, at which price, and what becomes of the rest.

use super::script::{check, check_refusal};
use crate::types::{Price, Reject, Shares, Timestamp, Usd};

#[test]
fn the_taker_pays_the_makers_price_and_the_rest_rests() {
    check("ann sells 10 @ 0.60; bob buys 15 @ 0.65", "bob takes 10 @ 0.6 from ann; bob rests 5 @ 0.65");
    check("ann buys 10 @ 0.60; bob sells 15 @ 0.55", "bob gives 10 @ 0.6 to ann; bob rests 5 @ 0.55");
    check("ann sells 10 NO @ 0.40; bob buys 15 NO @ 0.45", "bob takes 10 @ 0.4 from ann; bob rests 5 @ 0.45");
}

#[test]
fn two_buyers_of_both_outcomes_mint_and_two_sellers_merge() {
    check("ann buys 10 NO @ 0.40; bob buys 10 @ 0.65", "bob mints 10 @ 0.6 with ann");
    check("ann buys 10 @ 0.60; bob buys 10 NO @ 0.45", "bob mints 10 @ 0.4 with ann");
    check("ann sells 10 NO @ 0.40; bob sells 10 @ 0.55", "bob merges 10 @ 0.6 with ann");
    check("ann sells 10 @ 0.60; bob sells 10 NO @ 0.40", "bob merges 10 @ 0.4 with ann");
}

#[test]
fn both_outcomes_are_one_book() {
    check(
        "ann buys 10 NO @ 0.40; bob sells 5 @ 0.60; cat sells 7 NO @ 0.45; book",
        "bids 7 @ 0.55 asks 15 @ 0.6 mark 0.575",
    );
    check("ann sells 10 @ 0.60; bob buys 10 @ 0.60; cat buys 5 @ 0.30; book", "bids 5 @ 0.3 asks  mark 0.6");
    check("book", "bids  asks  mark ");
}

#[test]
fn the_best_price_comes_first_and_at_one_price_the_oldest() {
    check(
        "ann sells 5 @ 0.62; bob sells 5 @ 0.60; cat buys 5 NO @ 0.40; dan buys 15 @ 0.70",
        "dan takes 5 @ 0.6 from bob; dan mints 5 @ 0.6 with cat; dan takes 5 @ 0.62 from ann",
    );
    check(
        "ann sells 10 @ 0.60; bob sells 10 @ 0.60; dan buys 5 @ 0.60; dan buys 10 @ 0.60",
        "dan takes 5 @ 0.6 from ann; dan takes 5 @ 0.6 from bob",
    );
    check(
        "ann sells 10 @ 0.60; bob sells 10 @ 0.60; ann cancels 1; ann sells 10 @ 0.60; dan buys 10 @ 0.60",
        "dan takes 10 @ 0.6 from bob",
    );
}

#[test]
fn nobody_trades_with_themselves() {
    check("ann sells 10 @ 0.60; ann buys 10 @ 0.65", "ann's 2 ends: SelfTrade");
    check("ann sells 10 @ 0.60; ann2 buys 10 @ 0.65", "ann2's 2 ends: SelfTrade");
    check("ann buys 10 NO @ 0.40; ann2 buys 10 @ 0.60 fok", "ann2's 2 ends: SelfTrade");
    check(
        "bob sells 5 @ 0.58; ann sells 5 @ 0.60; bob sells 5 @ 0.61; ann buys 15 @ 0.65",
        "ann takes 5 @ 0.58 from bob; ann's 4 ends: SelfTrade",
    );
    check(
        "bob sells 5 @ 0.58; ann sells 5 @ 0.60; ann buys 15 market @ 0.65 ioc",
        "ann takes 5 @ 0.58 from bob; ann's 3 ends: SelfTrade",
    );
    check("bob sells 5 @ 0.58; ann sells 5 @ 0.60; ann buys 5 @ 0.65", "ann takes 5 @ 0.58 from bob");
    check(
        "bob sells 5 @ 0.58; ann sells 5 @ 0.58; ann buys $2.90 market @ 0.65 fok",
        "ann takes 5 @ 0.58 from bob",
    );
    check("ann sells 5 @ 0.60; ann buys 5 @ 0.59", "ann rests 5 @ 0.59");
}

#[test]
fn what_may_not_wait_ends() {
    check(
        "ann sells 10 @ 0.60; bob buys 15 @ 0.65 ioc",
        "bob takes 10 @ 0.6 from ann; bob's 2 ends: Unfilled",
    );
    check("ann sells 10 @ 0.60; bob buys 15 @ 0.65 fok", "bob's 2 ends: Unfilled");
    check("ann sells 10 @ 0.60; bob buys 15 @ 0.65 fok; book", "bids  asks 10 @ 0.6 mark ");
    check("ann sells 10 @ 0.60; bob buys 10 @ 0.60 fok", "bob takes 10 @ 0.6 from ann");
    check("bob buys 15 @ 0.65 ioc", "bob's 1 ends: Unfilled");
}

#[test]
fn a_market_order_takes_what_is_there_or_is_refused() {
    check(
        "ann sells 10 @ 0.60; bob buys 15 market @ 0.65 ioc",
        "bob takes 10 @ 0.6 from ann; bob's 2 ends: Unfilled",
    );
    check_refusal("ann sells 10 @ 0.60; bob buys 15 market @ 0.65 fok", &Reject::InsufficientLiquidity);
    check_refusal("ann sells 20 @ 0.70; bob buys 15 market @ 0.65 fok", &Reject::NotFillable);
    check_refusal("ann sells 20 @ 0.70; bob buys 15 market @ 0.65 ioc", &Reject::NotFillable);
    check_refusal("bob buys 15 market @ 0.65 ioc", &Reject::InsufficientLiquidity);
    check_refusal("bob buys 15 market @ 0.005 ioc", &Reject::InsufficientLiquidity);
    check_refusal("bob sells 15 market @ 0.999 ioc", &Reject::InsufficientLiquidity);
    // A worst price off the tick is put on it, away from the book.
    check_refusal("ann sells 20 @ 0.66; bob buys 15 market @ 0.6599 fok", &Reject::NotFillable);
    check("ann sells 20 @ 0.66; bob buys 15 market @ 0.6601 fok", "bob takes 15 @ 0.66 from ann");
    check_refusal("ann buys 20 @ 0.66; bob sells 15 market @ 0.6601 fok", &Reject::NotFillable);
    check("ann buys 20 @ 0.66; bob sells 15 market @ 0.6599 fok", "bob gives 15 @ 0.66 to ann");
    check("ann buys 20 NO @ 0.34; bob buys 15 market @ 0.6601 fok", "bob mints 15 @ 0.66 with ann");
}

#[test]
fn dollars_buy_as_many_lots_as_they_pay_for() {
    check("ann sells 10 @ 0.60; bob buys $3 market @ 0.65 fok", "bob takes 5 @ 0.6 from ann");
    check("ann sells 10 @ 0.60; bob buys $1 market @ 0.65 fok", "bob takes 1.6666 @ 0.6 from ann");
    check(
        "ann sells 5 @ 0.60; ann sells 5 @ 0.61; bob buys $4 market @ 0.65 fok",
        "bob takes 5 @ 0.6 from ann; bob takes 1.6393 @ 0.61 from ann",
    );
    // What is left buys no lot, at the last price or at the next.
    check("ann sells 5 @ 0.60; bob buys $3.00005 market @ 0.65 fok", "bob takes 5 @ 0.6 from ann");
    check(
        "ann sells 5 @ 0.60; cat sells 5 @ 0.62; bob buys $3.00006 market @ 0.65 fok",
        "bob takes 5 @ 0.6 from ann",
    );
    check_refusal("ann sells 5 @ 0.60; bob buys $3.01 market @ 0.65 fok", &Reject::NotFillable);
    check(
        "ann sells 5 @ 0.60; bob buys $3.01 market @ 0.65 ioc",
        "bob takes 5 @ 0.6 from ann; bob's 2 ends: Unfilled",
    );
    // Minted shares cost what the maker leaves, rounded up, and never more than the dollars.
    check("ann buys 10 NO @ 0.40; bob buys $1 market @ 0.65 fok", "bob mints 1.6666 @ 0.6 with ann");
}

#[test]
fn a_post_only_order_rests_or_is_refused() {
    check("ann sells 10 @ 0.60; bob buys 10 @ 0.59 post-only", "bob rests 10 @ 0.59");
    check_refusal("ann sells 10 @ 0.60; bob buys 10 @ 0.60 post-only", &Reject::PostOnlyWouldCross);
    check_refusal("ann buys 10 @ 0.60; bob buys 10 NO @ 0.40 post-only", &Reject::PostOnlyWouldCross);
    check_refusal("bob buys 10 @ 0.60 post-only ioc", &Reject::PostOnlyMustRest);
    check_refusal("bob buys 10 @ 0.60 post-only market fok", &Reject::PostOnlyMustRest);
}

#[test]
fn an_order_until_a_moment_ends_then_and_not_before() {
    let earliest = |millis| Reject::InvalidExpiration { earliest: Timestamp::from_millis(millis) };
    check("ann buys 10 @ 0.60 until 60; second 60; order 1 expires", "ann's 1 ends with 10 left: GtdExpired");
    check_refusal("ann buys 10 @ 0.60 until 60; second 59; order 1 expires", &earliest(60_000));
    check_refusal("ann buys 10 @ 0.60; second 59; order 1 expires", &Reject::OrderNotOpen);
    check_refusal("ann buys 10 @ 0.60 until 9; ann cancels 1; order 1 expires", &Reject::OrderNotOpen);
    check_refusal("ann buys 5 @ 0.60 until 9; bob sells 5 @ 0.60; order 1 expires", &Reject::OrderNotOpen);
    check(
        "ann buys 10 @ 0.60 until 60; bob sells 5 @ 0.60; second 60; order 1 expires; ann shows",
        "$997 of $997; YES 105 free of 105 for $53; NO 100 free of 100 for $50",
    );
    check_refusal("second 50; ann buys 10 @ 0.60 until 50", &earliest(50_001));
    check_refusal("second 50; lead 60000; ann buys 10 @ 0.60 until 109", &earliest(110_000));
    check("second 50; lead 60000; ann buys 10 @ 0.60 until 110", "ann rests 10 @ 0.6");
}

#[test]
fn an_order_must_fit_the_market() {
    let minimum = |micros| Reject::BelowMinimumSize { minimum: Shares::from_micros(micros) };
    let tick =
        |price, tick| Reject::OffTick { price: Price::new(price).unwrap(), tick: Price::new(tick).unwrap() };
    check_refusal("ann buys 10 @ 0.605", &tick(6_050, 100));
    check_refusal("ann buys 10 @ 0.0505 on fine", &tick(505, 10));
    check_refusal("ann buys 10 NO @ 0.955 on plain", &tick(9_550, 100));
    check("ann buys 10 @ 0.051 on fine", "ann rests 10 @ 0.051");
    check("ann buys 10 NO @ 0.949 on fine", "ann rests 10 @ 0.949");
    check_refusal("ann buys 0 @ 0.60", &Reject::InvalidQuantity);
    check_refusal("ann buys -5 @ 0.60", &Reject::InvalidQuantity);
    check_refusal("ann buys 0.00009 @ 0.60", &Reject::InvalidQuantity);
    check_refusal("ann buys 4.9999 @ 0.60", &minimum(5_000_000));
    check_refusal("kim buys 0.99 @ 0.60 on kalshi", &minimum(1_000_000));
    check("kim buys 1.019 @ 0.60 on kalshi", "kim rests 1.01 @ 0.6");
    check("ann buys 5.00019 @ 0.60", "ann rests 5.0001 @ 0.6");
    let dollar = Reject::BelowMinimumNotional { minimum: Usd::from_dollars(1) };
    check_refusal("ann buys $0.99 market @ 0.60 fok", &dollar);
    check_refusal("ann buys $0 market @ 0.60 fok", &Reject::InvalidQuantity);
    check_refusal("ann buys $10 @ 0.60 fok", &Reject::Unsupported);
    check_refusal("ann sells $10 market @ 0.60 fok", &Reject::Unsupported);
    check_refusal("ann buys 10 market @ 0.60", &Reject::Unsupported);
    check_refusal("ann buys 10 market @ 0.60 until 60", &Reject::Unsupported);
}

#[test]
fn the_last_dust_may_be_sold() {
    let minimum = Reject::BelowMinimumSize { minimum: Shares::from_whole(5) };
    check_refusal("bob sells 97 @ 0.60; bob sells 3 @ 0.60", &minimum);
    check("bob sells 97 @ 0.60; bob sells 3 @ 0.60 dust", "bob rests 3 @ 0.6");
    check_refusal("bob sells 97 @ 0.60; bob sells 2 @ 0.60 dust", &minimum);
    check_refusal("bob buys 3 @ 0.60 dust", &minimum);
    // Pairs may be split finer than the lot: all that can be sold is all that is left.
    check("bob splits 0.00005; bob sells 97 @ 0.60; bob sells 3 @ 0.60 dust", "bob rests 3 @ 0.6");
    check("bob splits 0.00005; bob sells 97 @ 0.60; bob sells 3.00005 @ 0.60 dust", "bob rests 3 @ 0.6");
}

#[test]
fn only_a_market_that_trades_takes_orders() {
    check_refusal("ann buys 10 @ 0.60 on nothing", &Reject::MarketNotFound);
    check_refusal("zoe buys 10 @ 0.60", &Reject::AccountNotFound);
    check_refusal("kim buys 10 @ 0.60", &Reject::WrongVenue);
    check_refusal("halt; ann buys 10 @ 0.60", &Reject::MarketHalted);
    check("ann buys 10 @ 0.60; halt; ann cancels 1", "ann's 1 ends with 10 left: Canceled");
    check("halt; resume; ann buys 10 @ 0.60", "ann rests 10 @ 0.6");
    check("second 99; ann buys 10 @ 0.60 on short", "ann rests 10 @ 0.6");
    check_refusal("second 100; ann buys 10 @ 0.60 on short", &Reject::MarketClosed);
    check_refusal("halt on short; second 100; ann buys 10 @ 0.60 on short", &Reject::MarketClosed);
    check_refusal("resolve YES; ann buys 10 @ 0.60", &Reject::MarketClosed);
}

#[test]
fn only_so_many_orders_wait() {
    let full = Reject::LimitReached("open orders".to_owned());
    let three = "ann buys 5 @ 0.10; ann buys 5 @ 0.10; ann buys 5 @ 0.10";
    check_refusal(&format!("{three}; ann buys 5 @ 0.10"), &full);
    // Who only takes, or cannot pay, hears of that instead.
    check(&format!("bob sells 5 @ 0.60; {three}; ann buys 5 @ 0.60"), "ann takes 5 @ 0.6 from bob");
    check(
        &format!("bob sells 5 @ 0.60; {three}; ann buys 9 @ 0.60 ioc"),
        "ann takes 5 @ 0.6 from bob; ann's 5 ends: Unfilled",
    );
    check(&format!("{three}; ann cancels 2; ann buys 5 @ 0.10"), "ann rests 5 @ 0.1");
}

#[test]
fn an_order_is_canceled_by_its_owner_once() {
    check("ann buys 10 @ 0.60; ann cancels 1", "ann's 1 ends with 10 left: Canceled");
    check("ann sells 10 @ 0.60; bob buys 5 @ 0.60; ann cancels 1", "ann's 1 ends with 5 left: Canceled");
    check_refusal("ann buys 10 @ 0.60; bob cancels 1", &Reject::OrderNotFound);
    check_refusal("ann buys 10 @ 0.60; ann2 cancels 1", &Reject::OrderNotFound);
    check_refusal("ann cancels 1", &Reject::OrderNotFound);
    check_refusal("ann cancels 0", &Reject::OrderNotFound);
    check_refusal("ann buys 10 @ 0.60; ann cancels 1; ann cancels 1", &Reject::OrderNotOpen);
    check_refusal("ann buys 5 @ 0.60; bob sells 5 @ 0.60; ann cancels 2", &Reject::OrderNotOpen);
}

#[test]
fn many_orders_are_canceled_by_their_scope() {
    let three = "ann buys 5 @ 0.10; ann buys 5 NO @ 0.10; ann buys 5 @ 0.10 on short; bob buys 5 @ 0.10";
    let ends = |order: u32, why: &str| format!("ann's {order} ends with 5 left: {why}");
    let all = |why: &str| [1, 2, 3].map(|order| ends(order, why)).join("; ");
    check(&format!("{three}; ann cancels all"), &all("Canceled"));
    check(&format!("{three}; ann falls silent"), &all("HeartbeatMissed"));
    check(&format!("{three}; ann cancels all on short"), &ends(3, "Canceled"));
    check(&format!("{three}; ann cancels all NO on plain"), &ends(2, "Canceled"));
    check(&format!("{three}; ann cancels all NO on short"), "0 canceled");
    check(&format!("{three}; ann cancels all YES"), &[1, 3].map(|order| ends(order, "Canceled")).join("; "));
    check("ann falls silent", "0 canceled");
    check_refusal("zoe cancels all", &Reject::AccountNotFound);
    check_refusal("zoe falls silent", &Reject::AccountNotFound);
    check_refusal("ann cancels all on nothing", &Reject::MarketNotFound);
}
