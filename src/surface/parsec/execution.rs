//! What an order would cost if it came now, without placing one (§6.5).

use super::text::{number, price, shares, usd};
use crate::service::MarketSpec;
use crate::types::{Price, Shares, Usd, format_scaled};
use serde_json::{Value, json};

/// Dollars and prices are shown with eight decimals: whole lots at whole ticks then come out exactly.
const DECIMALS: u32 = 8;
/// What of these units is in a micro-dollar.
const PER_MICRO: i128 = 100;
/// What of these units is in the smallest step of a price.
const PER_STEP: i128 = 10_000;

/// A way along the levels of a half, the best first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Walk {
    filled: Shares,
    /// Price times shares, in the smallest steps of both.
    cost: i128,
    fee: Usd,
    best: Option<Price>,
    worst: Option<Price>,
    levels: usize,
}

impl Walk {
    /// As far as an amount goes, or the levels do. What each costs as a fee is for the market's own schedule to say.
    pub(super) fn along(
        levels: &[(Price, Shares)],
        amount: Shares,
        fees: impl Fn(Shares, Price) -> Usd,
    ) -> Self {
        let mut walk = Self::default();
        for (price, available) in levels {
            let left = amount - walk.filled;
            if !left.is_positive() {
                break;
            }
            let taken = left.min(*available);
            walk.filled += taken;
            walk.cost += i128::from(taken.micros()) * i128::from(price.ten_thousandths());
            walk.fee += fees(taken, *price);
            walk.best = walk.best.or(Some(*price));
            walk.worst = Some(*price);
            walk.levels += 1;
        }
        walk
    }

    /// Dollars, in units of eight decimals.
    fn total(&self) -> i128 {
        // A micro-share at a ten-thousandth is a hundredth of such a unit.
        rounded(self.cost, PER_MICRO)
    }

    /// Dollars per share, in units of eight decimals; none of nothing.
    fn average(&self) -> Option<i128> {
        self.filled.is_positive().then(|| rounded(self.cost * PER_STEP, i128::from(self.filled.micros())))
    }
}

/// A quotient of positive numbers, halves up.
fn rounded(number: i128, divisor: i128) -> i128 {
    (2 * number + divisor) / (2 * divisor)
}

fn eight_decimals(units: i128) -> Value {
    let units = i64::try_from(units).expect("BUG: a book of more than 90 billion dollars");
    number(&format_scaled(units, DECIMALS, 0))
}

/// An order that was tried on paper, as this wire has it.
pub(super) fn shown(spec: &MarketSpec, walk: &Walk, amount: Shares) -> Value {
    let mut body = numbers(walk, amount);
    body["fee_info"] = if walk.levels > 0 { fee_info(spec) } else { Value::Null };
    body
}

fn numbers(walk: &Walk, amount: Shares) -> Value {
    let average = walk.average();
    let known = |units: Option<i128>| units.map(eight_decimals);
    let best = walk.best.map(|best| i128::from(best.ten_thousandths()) * PER_STEP);
    let fee = walk.best.map(|_| walk.fee);
    // Cost and fee are added for sales as well: that is what Parsec's own tests check.
    let net = fee.map(|fee| walk.total() + i128::from(fee.micros()) * PER_MICRO);
    json!({
        "filled_amount": shares(walk.filled),
        "total_cost": eight_decimals(walk.total()),
        "fully_filled": walk.filled == amount,
        "levels_consumed": walk.levels,
        "avg_price": known(average),
        "slippage": known(average.zip(best).map(|(average, best)| (average - best).abs())),
        "worst_price": walk.worst.map(price),
        "fee_estimate": fee.map(usd),
        "net_cost": known(net),
    })
}

fn fee_info(spec: &MarketSpec) -> Value {
    let fees = spec.fees;
    let mut info = json!({
        "exchange": spec.venue.name(),
        "fee_type": if fees.rate_bps == 0 { "none" } else { "quadratic" },
        // An order meets orders, not levels, and each meeting is rounded by itself.
        "is_estimate": fees.rate_bps > 0,
    });
    if fees.rate_bps > 0 {
        let rate = format_scaled(i64::from(fees.rate_bps), 4, 0);
        let rounding = if fees.up_to_cent { "up to the cent" } else { "down to 0.00001" };
        let note = format!("taker fee: {rate} x price x (1 - price) x size, rounded {rounding} per match");
        info["note"] = note.into();
    }
    info
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level((price, micros): (u16, i64)) -> (Price, Shares) {
        (Price::new(price).expect("in range"), Shares::from_micros(micros))
    }

    /// A cent for every level, so that it is seen what was charged for.
    fn walk(levels: &[(u16, i64)], micros: i64) -> Value {
        let levels: Vec<_> = levels.iter().copied().map(level).collect();
        let amount = Shares::from_micros(micros);
        numbers(&Walk::along(&levels, amount, |_, _| Usd::from_micros(10_000)), amount)
    }

    #[test]
    fn an_order_takes_the_best_levels_first() {
        let whole = 1_000_000;
        let book = [(6_500, 80 * whole), (6_600, 20 * whole), (7_000, 500 * whole)];
        for (amount, expected) in [
            (
                100 * whole,
                r#"{"filled_amount":100,"total_cost":65.2,"fully_filled":true,"levels_consumed":2,"avg_price":0.652,
                "slippage":0.002,"worst_price":0.66,"fee_estimate":0.02,"net_cost":65.22}"#,
            ),
            (
                80 * whole,
                r#"{"filled_amount":80,"total_cost":52,"fully_filled":true,"levels_consumed":1,"avg_price":0.65,
                "slippage":0,"worst_price":0.65,"fee_estimate":0.01,"net_cost":52.01}"#,
            ),
            (
                1_000 * whole,
                r#"{"filled_amount":600,"total_cost":415.2,"fully_filled":false,"levels_consumed":3,"avg_price":0.692,
                "slippage":0.042,"worst_price":0.7,"fee_estimate":0.03,"net_cost":415.23}"#,
            ),
            (
                1,
                r#"{"filled_amount":0.000001,"total_cost":0.00000065,"fully_filled":true,"levels_consumed":1,
                "avg_price":0.65,"slippage":0,"worst_price":0.65,"fee_estimate":0.01,"net_cost":0.01000065}"#,
            ),
        ] {
            let expected: Value = serde_json::from_str(expected).expect("JSON");
            assert_eq!(walk(&book, amount), expected, "{amount}");
        }
    }

    #[test]
    fn averages_are_rounded_to_eight_decimals_and_costs_of_lots_are_exact() {
        let shown = walk(&[(3_333, 100), (3_334, 200)], 300);
        assert_eq!(shown["avg_price"], number("0.33336667"));
        assert_eq!(shown["slippage"], number("0.00006667"));
        assert_eq!(shown["total_cost"], number("0.00010001"));
    }

    #[test]
    fn who_meets_nobody_is_told_so() {
        let expected = r#"{"filled_amount":0,"total_cost":0,"fully_filled":false,"levels_consumed":0,
            "avg_price":null,"slippage":null,"worst_price":null,"fee_estimate":null,"net_cost":null}"#;
        let expected: Value = serde_json::from_str(expected).expect("JSON");
        assert_eq!(walk(&[], 5), expected);
    }
}
