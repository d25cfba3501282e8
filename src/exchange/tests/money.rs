//! What trading costs, what waiting reserves, and that both sides always add up.

use super::script::{check, check_refusal};
use crate::types::{Reject, Shares, Usd};

fn funds(needed: i64, available: i64) -> Reject {
    Reject::InsufficientFunds { needed: Usd::from_micros(needed), available: Usd::from_micros(available) }
}

fn position(needed: i64, available: i64) -> Reject {
    Reject::InsufficientPosition {
        needed: Shares::from_micros(needed),
        available: Shares::from_micros(available),
    }
}

#[test]
fn a_resting_order_reserves_what_it_may_need_and_no_more() {
    check(
        "ann buys 10 @ 0.65; ann shows",
        "$993.5 of $1000; YES 100 free of 100 for $50; NO 100 free of 100 for $50",
    );
    check(
        "ann sells 10 NO @ 0.65; ann shows",
        "$1000 of $1000; YES 100 free of 100 for $50; NO 90 free of 100 for $50",
    );
    check(
        "ann buys 10 @ 0.65; ann cancels 1; ann shows",
        "$1000 of $1000; YES 100 free of 100 for $50; NO 100 free of 100 for $50",
    );
    check(
        "ann sells 10 @ 0.65; bob buys 6 @ 0.65; ann shows",
        "$1003.9 of $1003.9; YES 90 free of 94 for $47; NO 100 free of 100 for $50",
    );
    // Cut to the micro-dollar each time: the sum of what is set free is what was set aside.
    check(
        "ann buys 10.0002 @ 0.005 on fine; bob sells 5.0001 @ 0.005 on fine; ann shows on fine",
        "$999.95 of $999.975; YES 105.0001 free of 105.0001 for $50.025; NO 100 free of 100 for $50",
    );
    // A taker pays the better price and reserves only for what rests.
    check(
        "ann sells 10 @ 0.60; bob buys 20 @ 0.65; bob shows",
        "$987.5 of $994; YES 110 free of 110 for $56; NO 100 free of 100 for $50",
    );
}

#[test]
fn the_maker_has_the_floor_and_the_taker_the_rest() {
    // A transfer moves the same on both sides: 5.0001 × 0.05 = 0.250005. Its taker pays 0.01187 of fee.
    let transfer = "ann sells 5.0001 @ 0.05 on fine; bob buys 5.0001 @ 0.05 on fine";
    check(
        &format!("{transfer}; ann shows on fine"),
        "$1000.250005 of $1000.250005; YES 94.9999 free of 94.9999 for $47.49995; NO 100 free of 100 for $50",
    );
    check(
        &format!("{transfer}; bob shows on fine"),
        "$999.738125 of $999.738125; YES 105.0001 free of 105.0001 for $50.250005; NO 100 free of 100 for $50",
    );
    // A pair minted at 0.001 and 0.999: 5.0001 × 0.001 = 0.0050001, so the taker pays the tenth too.
    let mint = "ann buys 5.0001 @ 0.001 on fine; bob buys 5.0001 NO @ 0.999 on fine";
    check(
        &format!("{mint}; ann shows on fine"),
        "$999.995 of $999.995; YES 105.0001 free of 105.0001 for $50.005; NO 100 free of 100 for $50",
    );
    check(
        &format!("{mint}; bob shows on fine"),
        "$995.00466 of $995.00466; YES 100 free of 100 for $50; NO 105.0001 free of 105.0001 for $54.9951",
    );
    // The same pair given back: the taker gets the tenth.
    let merge = "ann sells 5.0001 @ 0.001 on fine; bob sells 5.0001 NO @ 0.999 on fine";
    check(
        &format!("{merge}; ann shows on fine"),
        "$1000.005 of $1000.005; YES 94.9999 free of 94.9999 for $47.49995; NO 100 free of 100 for $50",
    );
    check(
        &format!("{merge}; bob shows on fine"),
        "$1004.99486 of $1004.99486; YES 100 free of 100 for $50; NO 94.9999 free of 94.9999 for $47.49995",
    );
}

#[test]
fn the_taker_pays_the_fee_of_every_match_at_its_price() {
    check("ann sells 10 @ 0.60 on fine; bob buys 10 @ 0.65 on fine", "bob takes 10 @ 0.6 from ann for $0.12");
    check(
        "ann sells 5 @ 0.60 on fine; cat sells 5 @ 0.61 on fine; bob buys 10 @ 0.65 on fine",
        "bob takes 5 @ 0.6 from ann for $0.06; bob takes 5 @ 0.61 from cat for $0.05947",
    );
    check(
        "kim buys 10 @ 0.60 on kalshi; lee sells 10 @ 0.60 on kalshi",
        "lee gives 10 @ 0.6 to kim for $0.17",
    );
    check(
        "kim buys 1 @ 0.01 on kalshi; lee sells 1 @ 0.01 on kalshi; lee shows on kalshi",
        "$1000 of $1000; YES 99 free of 99 for $49.5; NO 100 free of 100 for $50",
    );
}

#[test]
fn an_order_needs_what_it_takes_with_its_fee_and_what_will_rest() {
    check("ann buys 1000 @ 0.99; ann cancels 1; ann buys 2000 @ 0.50", "ann rests 2000 @ 0.5");
    check_refusal("ann buys 2000.0001 @ 0.50", &funds(1_000_000_050, 1_000_000_000));
    check_refusal("ann buys 1000 @ 0.50; ann buys 2000 @ 0.50", &funds(1_000_000_000, 500_000_000));
    check_refusal("ann buys 9000000000000 @ 0.99", &funds(8_910_000_000_000_000_000, 1_000_000_000));
    // Better prices in the book make a limit affordable that alone would not be.
    check("hal splits 5000; hal sells 2000 @ 0.40; ann buys 2000 @ 0.99", "ann takes 2000 @ 0.4 from hal");
    check_refusal(
        "hal splits 5000 on fine; hal sells 2000 @ 0.50 on fine; ann buys 2000 @ 0.50 on fine",
        &funds(1_025_000_000, 1_000_000_000),
    );
    check_refusal("ann sells 100.0001 @ 0.60", &position(100_000_100, 100_000_000));
    check_refusal("ann sells 60 @ 0.60; ann sells 60 @ 0.60", &position(60_000_000, 40_000_000));
    check_refusal("ann sells 9000000000000 @ 0.60", &position(9_000_000_000_000_000_000, 100_000_000));
    // Sold at once, but more than there is: nothing happens.
    check_refusal("bob buys 5 @ 0.60; ann sells 101 @ 0.60", &position(101_000_000, 100_000_000));
    // A fee above the proceeds must be there in cash.
    check_refusal(
        "lee buys 1 @ 0.01 on kalshi; lee buys 1.01 @ 0.01 on kalshi; kim is granted -1000; kim sells 1.01 @ 0.01 on kalshi",
        &funds(9_900, 0),
    );
    // The house may owe, but no more than sums of money can hold; and no order is larger than a book can.
    check("hal splits 5; hal buys 5 @ 0.10", "hal rests 5 @ 0.1");
    check_refusal("hal splits 9000000000000", &funds(9_000_000_000_000_000_000, 0));
    check("hal splits 1000000000000", "hal 1000000000000 for $-1000000000000");
    let large = Reject::LimitReached("shares in one order".to_owned());
    check_refusal("hal buys 1000000000.01 @ 0.01", &large);
    check("hal buys 1000000000 @ 0.01", "hal rests 1000000000 @ 0.01");
}

#[test]
fn what_is_sold_takes_its_cost_with_it_in_proportion() {
    check(
        "ann buys 50 @ 0.70; bob sells 50 @ 0.70; ann sells 30 @ 0.80; bob buys 30 @ 0.80; ann shows",
        "$989 of $989; YES 120 free of 120 for $68; NO 100 free of 100 for $50",
    );
    check(
        "ann sells 100 @ 0.80; bob buys 100 @ 0.80; ann shows",
        "$1080 of $1080; YES 0 free of 0 for $0; NO 100 free of 100 for $50",
    );
}

#[test]
fn dollars_become_pairs_and_pairs_dollars() {
    check("ann splits 10", "ann 10 for $-10");
    check("ann merges 10", "ann -10 for $10");
    check(
        "ann splits 10; ann shows",
        "$990 of $990; YES 110 free of 110 for $55; NO 110 free of 110 for $55",
    );
    check("ann splits 0.000001; ann merges 100.000001", "ann -100.000001 for $100.000001");
    check_refusal("ann splits 1000.000001", &funds(1_000_000_001, 1_000_000_000));
    check_refusal("ann sells 10 NO @ 0.90; ann merges 91", &position(91_000_000, 90_000_000));
    check_refusal("ann merges 101", &position(101_000_000, 100_000_000));
    check_refusal("ann splits 0", &Reject::InvalidQuantity);
    check_refusal("ann merges -1", &Reject::InvalidQuantity);
    check_refusal("kim splits 1", &Reject::WrongVenue);
    check_refusal("zoe splits 1", &Reject::AccountNotFound);
    check_refusal("ann splits 1 on nothing", &Reject::MarketNotFound);
    check_refusal("resolve YES; ann splits 1", &Reject::MarketClosed);
    check_refusal("resolve YES; ann merges 1", &Reject::MarketClosed);
}

#[test]
fn play_money_comes_and_goes_within_bounds() {
    check("ann is granted 50", "ann gets $50");
    check("ann is granted -1000", "ann gets $-1000");
    check_refusal("ann is granted -1000.000001", &funds(1_000_000_001, 1_000_000_000));
    check_refusal("ann buys 10 @ 0.50; ann is granted -996", &funds(996_000_000, 995_000_000));
    check_refusal("zoe is granted 1", &Reject::AccountNotFound);
    let bound = Reject::LimitReached("play money".to_owned());
    check_refusal("ann is granted 9223372036854.775807", &bound);
    check_refusal("ann is granted 600000000000; bob is granted 600000000000", &bound);
    check_refusal("hal is granted -9000000000000", &bound);
    check("zoe opens with 5", "done");
    check_refusal("zoe opens with -1", &Reject::InvalidQuantity);
    check_refusal("zoe opens with 2000000000000", &bound);
    check_refusal("zoe opens with 5; zoe opens with 5", &Reject::AccountsFull);
}
