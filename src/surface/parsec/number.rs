//! Numbers as callers write them: JSON's, exponents and all, or the same in a text (§1).

use super::error::Failure;
use crate::types::{Price, Shares};

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

/// A number as a whole number of units of `10^-decimals`. `1e-07` and `50000.0` are numbers too.
pub(super) fn scaled(text: &str, decimals: i32) -> Result<i64, NotTaken> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            (mantissa, exponent.parse::<i32>().map_err(|_| NotTaken::Malformed)?.clamp(-1_000, 1_000))
        }
        None => (text, 0),
    };
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return Err(NotTaken::Malformed);
    }
    let all = format!("{whole}{fraction}");
    let all = all.trim_start_matches('0');
    if all.is_empty() {
        return Ok(0);
    }
    // The place of the last digit, in units.
    let shift = exponent + decimals - i32::try_from(fraction.len()).map_err(|_| NotTaken::TooFine)?;
    let significant = all.trim_end_matches('0');
    let shift = shift + i32::try_from(all.len() - significant.len()).map_err(|_| NotTaken::TooLarge)?;
    if shift < 0 {
        return Err(NotTaken::TooFine);
    }
    if significant.len() > DIGITS_MAX || shift > 18 {
        return Err(NotTaken::TooLarge);
    }
    let number: i64 = significant.parse().map_err(|_| NotTaken::TooLarge)?;
    let unit = 10_i64.checked_pow(u32::try_from(shift).map_err(|_| NotTaken::TooLarge)?);
    unit.and_then(|unit| number.checked_mul(unit)).map(|number| sign * number).ok_or(NotTaken::TooLarge)
}

/// A price strictly between 0 and 1.
pub(super) fn price(text: &str) -> Result<Price, Failure> {
    let out = || Failure::bad_request("price must be between 0 and 1");
    match scaled(text, 4) {
        Ok(units) => u16::try_from(units).ok().and_then(Price::new).ok_or_else(out),
        Err(NotTaken::TooLarge) => Err(out()),
        Err(NotTaken::TooFine) => {
            // Below the finest unit there is: out of range, or off every tick.
            Err(Failure::bad_request("price must be a multiple of 0.0001"))
        }
        Err(NotTaken::Malformed) => Err(Failure::bad_request("price must be a number")),
    }
}

/// A positive number of shares or contracts.
pub(super) fn shares(name: &str, text: &str) -> Result<Shares, Failure> {
    match scaled(text, 6) {
        Ok(micros) if micros > 0 => Ok(Shares::from_micros(micros)),
        Ok(_) => Err(Failure::bad_request(format!("{name} must be greater than 0"))),
        Err(NotTaken::TooLarge) => Err(Failure::bad_request(format!("{name} is too large"))),
        Err(NotTaken::TooFine) => Err(Failure::bad_request(format!("{name} has too many decimals"))),
        Err(NotTaken::Malformed) => Err(Failure::bad_request(format!("{name} must be a number"))),
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
    fn a_price_lies_strictly_between_nothing_and_a_dollar() {
        for text in ["0", "1", "1.0", "-0.5", "2", "0.00001", "x"] {
            assert!(price(text).is_err(), "{text}");
        }
        assert_eq!(price("0.55").expect("a price").ten_thousandths(), 5_500);
        assert_eq!(price("5.5e-1").expect("a price").ten_thousandths(), 5_500);
    }
}
