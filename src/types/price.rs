//! The price of one outcome share.

use super::decimal::{DecimalError, format_scaled, parse_scaled};
use serde::{Deserialize, Serialize};

/// Ten-thousandths of a dollar per share, 1 to 9,999: finer than every tick in use, so a market may
/// change its tick without any stored price changing its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Price(u16);

impl Price {
    /// One dollar in the unit of prices. No price reaches it.
    pub const DOLLAR: u16 = 10_000;
    /// The lowest price, 0.0001 dollars.
    pub const MIN: Self = Self(1);
    /// The highest price, 0.9999 dollars.
    pub const MAX: Self = Self(Self::DOLLAR - 1);

    /// The price of so many ten-thousandths of a dollar, if it lies strictly between 0 and 1 dollar.
    #[must_use]
    pub const fn new(ten_thousandths: u16) -> Option<Self> {
        if ten_thousandths >= 1 && ten_thousandths < Self::DOLLAR {
            Some(Self(ten_thousandths))
        } else {
            None
        }
    }

    /// The nearest legal price to a number of ten-thousandths.
    #[must_use]
    pub fn clamped(ten_thousandths: i64) -> Self {
        match u16::try_from(ten_thousandths) {
            Ok(inside) => Self(inside.clamp(1, Self::DOLLAR - 1)),
            Err(_) if ten_thousandths < 0 => Self::MIN,
            Err(_) => Self::MAX,
        }
    }

    /// The price in ten-thousandths of a dollar.
    #[must_use]
    pub const fn ten_thousandths(self) -> u16 {
        self.0
    }

    /// What the other outcome costs while this one costs `self`: one of the two pays the dollar.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self(Self::DOLLAR - self.0)
    }

    /// A price from its decimal text in dollars.
    ///
    /// # Errors
    /// [`DecimalError`]; [`DecimalError::OutOfRange`] for 0, 1 and beyond.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let units = parse_scaled(text, 4)?;
        u16::try_from(units).ok().and_then(Self::new).ok_or(DecimalError::OutOfRange)
    }

    /// The shortest plain decimal in dollars, such as `0.65`.
    #[must_use]
    pub fn plain(self) -> String {
        format_scaled(i64::from(self.0), 4, 0)
    }

    /// Exactly four decimals, such as `0.6500`.
    #[must_use]
    pub fn four_decimals(self) -> String {
        format_scaled(i64::from(self.0), 4, 4)
    }
}
