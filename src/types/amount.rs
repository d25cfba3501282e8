//! Money and shares as whole numbers of millionths.

use super::decimal::format_scaled;
use super::price::Price;
use serde::{Deserialize, Serialize};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

macro_rules! millionths {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(i64);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0);

            /// A value of so many millionths.
            #[must_use]
            pub const fn from_micros(micros: i64) -> Self {
                Self(micros)
            }

            /// The value in millionths.
            #[must_use]
            pub const fn micros(self) -> i64 {
                self.0
            }

            /// Whether there is nothing.
            #[must_use]
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }

            /// Whether there is more than nothing.
            #[must_use]
            pub const fn is_positive(self) -> bool {
                self.0 > 0
            }

            /// Whether less than nothing is left.
            #[must_use]
            pub const fn is_negative(self) -> bool {
                self.0 < 0
            }

            /// The shortest plain decimal, such as `10` or `0.65`.
            #[must_use]
            pub fn plain(self) -> String {
                format_scaled(self.0, 6, 0)
            }
        }

        // Sums of money are asserted rather than wrapped: a sum past 9.2e12 dollars or shares is a bug.
        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0.checked_add(other.0).expect("BUG: an amount overflowed"))
            }
        }
        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0.checked_sub(other.0).expect("BUG: an amount overflowed"))
            }
        }
        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(self.0.checked_neg().expect("BUG: an amount overflowed"))
            }
        }
        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }
        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                *self = *self - other;
            }
        }
        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
                all.fold(Self::ZERO, Add::add)
            }
        }
    };
}

millionths! {
    /// Micro-dollars: one millionth of a US dollar each.
    Usd
}
millionths! {
    /// Micro-shares: one millionth of an outcome share each. A winning share pays one dollar.
    Shares
}

impl Usd {
    /// So many whole dollars.
    #[must_use]
    pub const fn from_dollars(dollars: i64) -> Self {
        Self(dollars * 1_000_000)
    }

    /// Rounded half up (away from zero) to `decimals` places, always showing all of them.
    #[must_use]
    pub fn rounded(self, decimals: u32) -> String {
        let unit = 10_i64.pow(6 - decimals);
        let half = if self.0 < 0 { -unit / 2 } else { unit / 2 };
        format_scaled(self.0.saturating_add(half) / unit, decimals, usize_from(decimals))
    }
}

impl Shares {
    /// So many whole shares.
    #[must_use]
    pub const fn from_whole(shares: i64) -> Self {
        Self(shares * 1_000_000)
    }

    /// What this many shares pay if they win, which is also the collateral behind as many pairs.
    #[must_use]
    pub const fn face_value(self) -> Usd {
        Usd(self.0)
    }

    /// `price × shares`, rounded down to the micro-dollar: what the maker of a match pays or receives
    /// (design §3).
    ///
    /// # Panics
    /// For negative shares.
    #[must_use]
    pub fn notional(self, price: Price) -> Usd {
        const DOLLAR: u64 = 10_000;
        let shares = u64::try_from(self.0).expect("BUG: a match of negative shares");
        // Whole and fraction apart, so that no product leaves 64 bits.
        let price = u64::from(price.ten_thousandths());
        let micros = (shares / DOLLAR) * price + (shares % DOLLAR) * price / DOLLAR;
        Usd(i64::try_from(micros).expect("BUG: a notional overflowed"))
    }

    /// `self` as a multiple of `lot`, rounded down. `lot` must be positive.
    #[must_use]
    pub const fn truncated_to(self, lot: Self) -> Self {
        Self(self.0 - self.0 % lot.0)
    }

    /// Exactly four decimals, cut off: the form of sizes on Polymarket-shape rows.
    #[must_use]
    pub fn four_decimals(self) -> String {
        format_scaled(self.0 / 100, 4, 4)
    }
}

fn usize_from(small: u32) -> usize {
    super::ids::index(small)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cents_are_rounded_half_up() {
        for (micros, text) in [
            (159_250, "0.16"),
            (91_000, "0.09"),
            (5_000, "0.01"),
            (4_999, "0.00"),
            (-5_000, "-0.01"),
            (0, "0.00"),
        ] {
            assert_eq!(Usd::from_micros(micros).rounded(2), text, "{micros}");
        }
        assert_eq!(Usd::from_dollars(10_000).rounded(2), "10000.00");
    }

    proptest! {
        #[test]
        fn a_notional_is_the_floor_of_the_exact_product(shares in 0_i64..1_000_000_000_000_000, price in 1_u16..10_000) {
            let exact = i128::from(shares) * i128::from(price) / 10_000;
            let price = Price::new(price).expect("in range");
            prop_assert_eq!(i128::from(Shares::from_micros(shares).notional(price).micros()), exact);
        }
    }
}
