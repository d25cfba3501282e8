//! A market's life, and an account's second one.

use super::script::{check, check_refusal};
use crate::types::Reject;

#[test]
fn a_market_is_halted_and_resumed_until_it_is_resolved() {
    check("halt", "halted");
    check("halt; resume", "resumed");
    check_refusal("resolve YES; halt", &Reject::MarketClosed);
    check_refusal("resolve YES; resume", &Reject::MarketClosed);
    check_refusal("resolve YES; resolve NO", &Reject::MarketClosed);
    check_refusal("halt on nothing", &Reject::MarketNotFound);
    check_refusal("resolve YES on nothing", &Reject::MarketNotFound);
    check(
        "second 200; resolve NO on short; ann shows on short",
        "$1100 of $1100; YES 0 free of 0 for $0; NO 0 free of 0 for $0",
    );
}

#[test]
fn whole_cents_become_tenths_for_good_where_a_market_is_traded_at_an_edge() {
    check("ann sells 10 @ 0.96; bob buys 10 @ 0.96", "bob takes 10 @ 0.96 from ann");
    check("ann sells 10 @ 0.04; bob buys 10 @ 0.04", "bob takes 10 @ 0.04 from ann");
    check(
        "ann sells 10 @ 0.97; bob buys 10 @ 0.97",
        "bob takes 10 @ 0.97 from ann; ticks of $0.01 become $0.001",
    );
    check(
        "ann sells 10 @ 0.03; bob buys 10 @ 0.03",
        "bob takes 10 @ 0.03 from ann; ticks of $0.01 become $0.001",
    );
    check(
        "ann sells 10 NO @ 0.97; bob buys 10 NO @ 0.97",
        "bob takes 10 @ 0.97 from ann; ticks of $0.01 become $0.001",
    );
    check(
        "cat buys 10 @ 0.97; dan buys 10 @ 0.95; ann sells 20 @ 0.95",
        "ann gives 10 @ 0.97 to cat; ann gives 10 @ 0.95 to dan; ticks of $0.01 become $0.001",
    );
    // What rests stays, in its order, and may be met and canceled; what comes may stand in between.
    let finer = "cat buys 10 @ 0.30; dan buys 10 @ 0.30; ann sells 20 @ 0.97; bob buys 10 @ 0.97";
    check(&format!("{finer}; book"), "bids 20 @ 0.3 asks 10 @ 0.97 mark 0.97");
    check(&format!("{finer}; ann sells 15 @ 0.30"), "ann gives 10 @ 0.3 to cat; ann gives 5 @ 0.3 to dan");
    check(&format!("{finer}; bob buys 5 @ 0.965"), "bob rests 5 @ 0.965");
    check(&format!("{finer}; bob buys 5 @ 0.965; book"), "bids 5 @ 0.965, 20 @ 0.3 asks 10 @ 0.97 mark 0.97");
    // Once is enough, and only whole cents everywhere are refined.
    check(&format!("{finer}; bob buys 10 @ 0.97"), "bob takes 10 @ 0.97 from ann");
    check(
        "kim sells 10 @ 0.97 on kalshi; lee buys 10 @ 0.97 on kalshi; lee buys 5 @ 0.40 on kalshi",
        "lee rests 5 @ 0.4",
    );
    check(
        "ann sells 10 @ 0.97 on fine; bob buys 5 @ 0.97 on fine; bob buys 5 @ 0.50 on fine",
        "bob rests 5 @ 0.5",
    );
}

#[test]
fn resolution_ends_every_order_and_pays_the_winners() {
    check(
        "ann sells 100 @ 0.40; bob buys 90 @ 0.40; bob buys 50 @ 0.30; cat merges 100; dan merges 100; ann2 merges 100; resolve YES",
        "bob's 3 ends with 50 left: MarketResolved; ann's 1 ends with 10 left: MarketResolved; \
         resolved with $0 of dust; ann's YES is paid $10; ann's NO is paid $0; bob's YES is paid $190; bob's NO is paid $0",
    );
    check("resolve NO; ann shows", "$1100 of $1100; YES 0 free of 0 for $0; NO 0 free of 0 for $0");
    check(
        "ann buys 50 @ 0.30; resolve NO; ann shows",
        "$1100 of $1100; YES 0 free of 0 for $0; NO 0 free of 0 for $0",
    );
    check("resolve NO; book", "bids  asks  mark ");
}

#[test]
fn halves_are_rounded_down_and_their_dust_goes_to_fees() {
    check(
        "bob merges 100; cat merges 100; dan merges 100; ann2 merges 100; ann splits 0.000001; resolve split",
        "resolved with $0.000001 of dust; ann's YES is paid $50; ann's NO is paid $50",
    );
    check("resolve split on fine", "resolved with $0 of dust");
    // The dust is known at resolution, whenever the holders ask to be paid.
    let odd = "ann splits 0.000001 on fine; bob splits 0.000003 on fine; resolve split on fine";
    check(odd, "resolved with $0.000002 of dust");
    check(
        &format!("{odd}; bob redeems on fine"),
        "bob's YES is paid $50.000001; bob's NO is paid $50.000001",
    );
}

#[test]
fn a_market_paid_on_redemption_waits_for_it() {
    check(
        "resolve YES on fine; ann shows on fine",
        "$1000 of $1000; YES 100 free of 100 for $50; NO 100 free of 100 for $50",
    );
    check("resolve YES on fine; ann redeems on fine", "ann's YES is paid $100; ann's NO is paid $0");
    check("resolve YES on fine; ann redeems on fine; ann redeems on fine", "paid $0");
    // Paid already: a later redemption succeeds with nothing.
    check("resolve YES; ann redeems", "paid $0");
    check("resolve YES; kim redeems", "paid $0");
    check_refusal("ann redeems", &Reject::MarketNotResolved);
    check_refusal("zoe redeems", &Reject::AccountNotFound);
    check_refusal("ann redeems on nothing", &Reject::MarketNotFound);
}

#[test]
fn an_account_that_starts_over_has_cash_and_nothing_else() {
    check(
        "ann buys 10 @ 0.60; ann starts over with 500 from hal",
        "ann's 1 ends with 10 left: AccountReset; ann's YES of -100 to hal; ann's NO of -100 to hal; \
         ann's YES of -100 to hal; ann's NO of -100 to hal; ann's YES of -100 to hal; ann's NO of -100 to hal; \
         ann gets $-500",
    );
    check(
        "ann buys 10 @ 0.60; ann starts over with 500 from hal; ann shows",
        "$500 of $500; YES 0 free of 0 for $0; NO 0 free of 0 for $0",
    );
    check(
        "ann starts over with 1000 from hal; hal shows",
        "$0 of $0; YES 100 free of 100 for $0; NO 100 free of 100 for $0",
    );
    check("ann starts over with 1000 from hal; ann starts over with 1000 from hal", "done");
    check_refusal("ann starts over with 500 from bob", &Reject::Unsupported);
    check_refusal("ann starts over with 500 from hob", &Reject::Unsupported);
    check_refusal("hal starts over with 500 from hal", &Reject::Unsupported);
    check_refusal("ann starts over with -1 from hal", &Reject::Unsupported);
    check_refusal("ann starts over with 500 from zoe", &Reject::AccountNotFound);
    check_refusal("zoe starts over with 500 from hal", &Reject::AccountNotFound);
    check_refusal(
        "ann starts over with 2000000000000 from hal",
        &Reject::LimitReached("play money".to_owned()),
    );
}

#[test]
fn what_a_resolved_market_owes_is_paid_before_starting_over() {
    // Two odd holdings joined in the house's purse would be owed a micro-dollar that nobody has.
    let odd = "ann splits 0.000001 on fine; bob splits 0.000001 on fine; resolve split on fine; resolve YES; resolve YES on short";
    check(
        &format!("{odd}; ann starts over with 1000 from hal"),
        "ann's YES is paid $50; ann's NO is paid $50; ann gets $-299.999999",
    );
    check(
        &format!(
            "{odd}; ann starts over with 1000 from hal; bob starts over with 1000 from hal; hal redeems on fine"
        ),
        "paid $0",
    );
}

#[test]
fn a_market_needs_a_lot_ticks_that_fit_and_a_rate() {
    check("list 100 0.01 500", "done");
    check_refusal("list 30 0.01 500", &Reject::Unsupported);
    check_refusal("list 100 0 500", &Reject::Unsupported);
    check_refusal("list 100 0.01 10001", &Reject::Unsupported);
}
