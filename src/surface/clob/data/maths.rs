//! Averages, values and percentages of positions (§10), in whole numbers only.

use super::super::text::number;
use crate::service::Status;
use crate::service::analysis::ratio;
use crate::types::{Outcome, Payout, Price, Shares, Usd, format_scaled};
use serde_json::Value;

/// Micro-dollars in a ten-thousandth of a dollar.
const MICROS: i64 = 100;
/// Decimals of a percentage.
const PERCENT_DECIMALS: u32 = 6;

/// An amount as a JSON number.
pub(super) fn dollars(amount: Usd) -> Value {
    number(&amount.plain())
}

/// Shares as a JSON number.
pub(super) fn shares(shares: Shares) -> Value {
    number(&shares.plain())
}

/// Micro-dollars a share as a JSON number of dollars.
pub(super) fn price(micros: i64) -> Value {
    number(&format_scaled(micros, 6, 0))
}

/// A price in micro-dollars a share.
pub(super) fn micros(price: Price) -> i64 {
    i64::from(price.ten_thousandths()) * MICROS
}

/// What a share cost on average, in micro-dollars, cut off; nothing for none.
pub(super) fn average(cost: Usd, shares: Shares) -> i64 {
    ratio(cost.micros(), shares.micros()).unwrap_or(0)
}

/// A part of a whole as a percentage with six decimals, cut off; 0 of nothing.
pub(super) fn percent(part: Usd, whole: Usd) -> Value {
    number(&format_scaled(percentage(part, whole), PERCENT_DECIMALS, 0))
}

/// The same in millionths of a percent.
pub(super) fn percentage(part: Usd, whole: Usd) -> i64 {
    const HUNDRED: i128 = 100 * 10_i128.pow(PERCENT_DECIMALS);
    let exact = (i128::from(part.micros()) * HUNDRED).checked_div(i128::from(whole.micros()));
    exact.and_then(|exact| i64::try_from(exact).ok()).unwrap_or(0)
}

/// What shares are worth and what one of them is, in micro-dollars: what they pay if that is known, else the mark, else
/// what they cost.
pub(super) fn worth(
    (status, outcome): (Status, Outcome),
    mark: Option<Price>,
    (held, cost): (Shares, Usd),
) -> (Usd, i64) {
    if let Status::Resolved(payout) = status {
        return (payout.pays(outcome, held), paid_each(payout, outcome));
    }
    match mark {
        Some(mark) => (held.notional(mark), micros(mark)),
        None => (cost, average(cost, held)),
    }
}

/// What one share pays, in micro-dollars.
pub(super) fn paid_each(payout: Payout, outcome: Outcome) -> i64 {
    payout.pays(outcome, Shares::from_whole(1)).micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(micros: i64) -> Usd {
        Usd::from_micros(micros)
    }

    #[test]
    fn percentages_are_cut_off_after_six_decimals() {
        for (part, whole, text) in [
            (1, 3, "33.333333"),
            (-1, 3, "-33.333333"),
            (1, 4, "25"),
            (2, 1, "200"),
            (0, 5, "0"),
            (5, 0, "0"),
            (1, 1_000_000_000, "0"),
            (i64::MAX, i64::MAX, "100"),
        ] {
            assert_eq!(percent(usd(part), usd(whole)).to_string(), text, "{part} of {whole}");
        }
    }

    #[test]
    fn an_average_is_what_a_share_cost() {
        assert_eq!(average(usd(5_200_000), Shares::from_whole(10)), 520_000);
        assert_eq!(average(usd(1_000_000), Shares::from_whole(3)), 333_333);
        assert_eq!(average(usd(1_000_000), Shares::ZERO), 0);
        assert_eq!(price(520_000).to_string(), "0.52");
    }

    #[test]
    fn shares_are_worth_what_they_pay_then_the_mark_then_what_they_cost() {
        let held = (Shares::from_whole(10), usd(4_000_000));
        let mark = Price::new(6_500);
        let open = (Status::Open, Outcome::Yes);
        assert_eq!(worth(open, mark, held), (usd(6_500_000), 650_000));
        assert_eq!(worth(open, None, held), (usd(4_000_000), 400_000));
        let resolved = |payout, outcome| worth((Status::Resolved(payout), outcome), mark, held);
        assert_eq!(resolved(Payout::Winner(Outcome::Yes), Outcome::Yes), (usd(10_000_000), 1_000_000));
        assert_eq!(resolved(Payout::Winner(Outcome::No), Outcome::Yes), (usd(0), 0));
        assert_eq!(resolved(Payout::Split, Outcome::No), (usd(5_000_000), 500_000));
    }
}
