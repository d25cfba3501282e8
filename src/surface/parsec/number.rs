//! Numbers as callers write them: JSON's, exponents and all, or the same in a text (§1).

use super::error::Failure;
use crate::types::{Price, Reject, Shares};

/// Digits that are read at all.
const DIGITS_MAX: usize = 40;

/// Why a text is no number that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// It is none.
    Malformed,
    /// It has more decimals than its unit.
    TooFine,
    /// It is out of range.
    TooLarge,
}

/// A number's digits without the zeros around them, and the place of the last one in units of `10^-decimals`.
struct Digits {
    is_negative: bool,
    significant: String,
    shift: i32,
}

/// `1e-07` and `50000.0` are numbers too. Nothing is a number of no digits.
fn digits(text: &str, decimals: i32) -> Result<Digits, NotTaken> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            (mantissa, exponent.parse::<i32>().map_err(|_| NotTaken::Malformed)?.clamp(-1_000, 1_000))
        }
        None => (text, 0),
    };
    let bare = mantissa.strip_prefix('-');
    let (whole, fraction) =
        bare.unwrap_or(mantissa).split_once('.').unwrap_or((bare.unwrap_or(mantissa), "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return Err(NotTaken::Malformed);
    }
    let all = format!("{whole}{fraction}");
    let all = all.trim_start_matches('0');
    let significant = all.trim_end_matches('0');
    let place = |count: usize| i32::try_from(count).map_err(|_| NotTaken::TooLarge);
    let shift = exponent + decimals - place(fraction.len())? + place(all.len() - significant.len())?;
    Ok(Digits { is_negative: bare.is_some(), significant: significant.to_owned(), shift })
}

impl Digits {
    fn units(&self) -> Result<i64, NotTaken> {
        if self.significant.is_empty() {
            return Ok(0);
        }
        if self.significant.len() > DIGITS_MAX || self.shift > 18 {
            return Err(NotTaken::TooLarge);
        }
        let number: i64 = self.significant.parse().map_err(|_| NotTaken::TooLarge)?;
        let unit = 10_i64.checked_pow(u32::try_from(self.shift).map_err(|_| NotTaken::TooFine)?);
        let number = unit.and_then(|unit| number.checked_mul(unit)).ok_or(NotTaken::TooLarge)?;
        Ok(if self.is_negative { -number } else { number })
    }
}

/// A number as a whole number of units of `10^-decimals`.
pub(super) fn scaled(text: &str, decimals: i32) -> Result<i64, NotTaken> {
    digits(text, decimals)?.units()
}

/// The same of a number that was computed: what is finer than a unit counts as one more, away from nothing, and what is
/// too large is the largest there is.
///
/// # Errors
/// None but [`NotTaken::Malformed`].
pub(super) fn rounded(text: &str, decimals: i32) -> Result<i64, NotTaken> {
    let Digits { is_negative, significant, shift } = digits(text, decimals)?;
    let sign = if is_negative { -1 } else { 1 };
    let kept = match usize::try_from(-shift) {
        Ok(fine) => significant.get(..significant.len().saturating_sub(fine)).unwrap_or_default(),
        Err(_) => &significant,
    };
    let is_finer = kept.len() < significant.len();
    let kept = Digits { is_negative: false, significant: kept.to_owned(), shift: shift.max(0) };
    let units = kept.units().unwrap_or(i64::MAX);
    Ok(sign * units.saturating_add(i64::from(is_finer)))
}

/// A price strictly between 0 and 1, as it was computed: in units of 10^-8 dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AskedPrice(i64);

/// Units of an asked price in a ten-thousandth of a dollar.
const PER_STEP: i64 = 10_000;

impl AskedPrice {
    pub(super) fn read(text: &str) -> Result<Self, Failure> {
        let units = rounded(text, 8).map_err(|_| Failure::bad_request("price must be a number"))?;
        if units <= 0 || units >= PER_STEP * i64::from(Price::DOLLAR) {
            return Err(Failure::bad_request("price must be between 0 and 1"));
        }
        Ok(Self(units))
    }

    /// On a market's tick, if it is within a hundredth of one (design §3, clob §6.8): `0.57 - 0.01` is meant as 0.56.
    pub(super) fn on(self, tick: Price) -> Result<Price, Failure> {
        let step = PER_STEP * i64::from(tick.ten_thousandths());
        let near = (self.0 + step / 2) / step * step;
        let is_near = (self.0 - near).abs() * 100 <= step;
        // What is on no tick of the market's may be on a finer one near its edges: the exchange knows.
        let meant = if is_near { near } else { self.0 };
        let price =
            (meant % PER_STEP == 0).then(|| u16::try_from(meant / PER_STEP).ok().and_then(Price::new));
        price.flatten().ok_or_else(|| Reject::OffTick { price: tick, tick }.into())
    }
}

/// A positive number of shares or contracts that somebody wants to trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskedSize {
    /// So many.
    Shares(Shares),
    /// One that is finer than any share is divided.
    TooFine,
}

impl AskedSize {
    pub(super) fn read(text: &str) -> Result<Self, Failure> {
        match scaled(text, 6) {
            Ok(micros) if micros > 0 => Ok(Self::Shares(Shares::from_micros(micros))),
            Ok(_) => Err(Failure::bad_request("size must be greater than 0")),
            Err(NotTaken::TooLarge) => Err(Failure::bad_request("size is too large")),
            Err(NotTaken::TooFine) => Ok(Self::TooFine),
            Err(NotTaken::Malformed) => Err(Failure::bad_request("size must be a number")),
        }
    }

    /// In a market's lots. The exchange refuses what is no whole number of them.
    pub(super) fn in_lots(self, lot: Shares) -> Result<Shares, Failure> {
        match self {
            Self::Shares(shares) => Ok(shares),
            Self::TooFine => Err(Reject::OffLot { lot }.into()),
        }
    }
}

/// A positive number of shares that somebody asks about.
pub(super) fn amount(name: &str, text: &str) -> Result<Shares, Failure> {
    match rounded(text, 6) {
        Ok(micros) if micros > 0 => Ok(Shares::from_micros(micros)),
        Ok(_) => Err(Failure::bad_request(format!("{name} must be greater than 0"))),
        Err(_) => Err(Failure::bad_request(format!("{name} must be a number"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_sdks_write_them() {
        use NotTaken::{Malformed, TooFine, TooLarge};
        for (text, expected) in [
            ("0.55", Ok(550_000)),
            ("50000", Ok(50_000_000_000)),
            ("50000.0", Ok(50_000_000_000)),
            ("1e-06", Ok(1)),
            ("1e-07", Err(TooFine)),
            ("2.50E+1", Ok(25_000_000)),
            ("-3", Ok(-3_000_000)),
            ("-0.0", Ok(0)),
            ("0.0000001", Err(TooFine)),
            ("0.1000000000", Ok(100_000)),
            ("1e300", Err(TooLarge)),
            ("9223372036854775807", Err(TooLarge)),
            ("", Err(Malformed)),
            (".5", Err(Malformed)),
            ("5.", Err(Malformed)),
            ("1,5", Err(Malformed)),
            ("NaN", Err(Malformed)),
            ("Infinity", Err(Malformed)),
            ("1e", Err(Malformed)),
            ("+1", Err(Malformed)),
        ] {
            assert_eq!(scaled(text, 6), expected, "{text}");
        }
    }

    #[test]
    fn what_was_computed_is_taken_as_it_was_meant() {
        for (text, expected) in [
            ("33.333333333333336", 33_333_334),
            ("1e-07", 1),
            ("1234.5678912", 1_234_567_892),
            ("-0.0000001", -1),
            ("0.55", 550_000),
            ("0", 0),
            ("1e300", i64::MAX),
            ("1e-300", 1),
        ] {
            assert_eq!(rounded(text, 6), Ok(expected), "{text}");
        }
        for text in ["", "x", "NaN", "1e", "."] {
            assert_eq!(rounded(text, 6), Err(NotTaken::Malformed), "{text}");
        }
    }

    #[test]
    fn a_price_lies_strictly_between_nothing_and_a_dollar() {
        for text in ["0", "1", "1.0", "-0.5", "2", "1e300", "x"] {
            assert!(AskedPrice::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_price_that_was_computed_is_put_on_the_tick_that_it_is_near() {
        let on = |text: &str, tick: i64| {
            let price = AskedPrice::read(text).expect("a price").on(Price::clamped(tick));
            price.map(Price::ten_thousandths).map_err(|failure| failure.error)
        };
        let off = |tick: &str| Err(format!("price must be a multiple of {tick}"));
        for (text, tick, expected) in [
            ("0.55", 100, Ok(5_500)),
            ("5.5e-1", 100, Ok(5_500)),
            ("0.5599999999999999", 100, Ok(5_600)),
            ("0.30000000000000004", 100, Ok(3_000)),
            ("0.5601", 100, Ok(5_600)),
            ("0.56011", 100, off("0.01")),
            ("0.05555", 100, off("0.01")),
            ("0.00001", 100, off("0.01")),
            ("0.9999999", 100, off("0.01")),
            ("0.05555", 1, off("0.0001")),
            ("0.055500000001", 1, Ok(555)),
            // The exchange says whether a finer tick holds there.
            ("0.965", 100, Ok(9_650)),
        ] {
            assert_eq!(on(text, tick), expected, "{text} on {tick}");
        }
    }
}
