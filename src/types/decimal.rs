//! Plain decimals, read from and written to their literal text. No float touches a number of ours.

/// Why a text is not a number we take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not `digits[.digits]` with an optional sign: exponents, NaN and spaces are refused too.
    #[error("must be a plain decimal number")]
    Malformed,
    /// More decimals than the unit holds, and not all of them zero.
    #[error("has too many decimal places")]
    TooPrecise,
    /// Beyond the range of the unit.
    #[error("is out of range")]
    OutOfRange,
}

/// `text` as a whole number of units of `10^-decimals`; extra digits must be zeros.
///
/// # Errors
/// [`DecimalError`] for anything that is not exactly such a number.
pub fn parse_scaled(text: &str, decimals: u32) -> Result<i64, DecimalError> {
    let (value, exact) = parse(text, decimals)?;
    if exact { Ok(value) } else { Err(DecimalError::TooPrecise) }
}

/// As [`parse_scaled`], but extra digits are cut off.
///
/// # Errors
/// [`DecimalError::Malformed`] or [`DecimalError::OutOfRange`].
pub fn parse_truncated(text: &str, decimals: u32) -> Result<i64, DecimalError> {
    parse(text, decimals).map(|(value, _)| value)
}

fn parse(text: &str, decimals: u32) -> Result<(i64, bool), DecimalError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let has_point = whole.len() < digits.len();
    if (whole.is_empty() && fraction.is_empty()) || (has_point && fraction.is_empty()) {
        return Err(DecimalError::Malformed);
    }
    if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return Err(DecimalError::Malformed);
    }
    let kept = super::ids::index(decimals).min(fraction.len());
    let mut value: i64 = 0;
    let padding = super::ids::index(decimals) - kept;
    let digits = whole.bytes().chain(fraction.bytes().take(kept)).chain(std::iter::repeat_n(b'0', padding));
    for digit in digits {
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(i64::from(digit - b'0')))
            .ok_or(DecimalError::OutOfRange)?;
    }
    let exact = fraction.bytes().skip(kept).all(|byte| byte == b'0');
    Ok((if negative { -value } else { value }, exact))
}

/// Room for every digit of 64 bits, the point and the sign, and then some.
const TEXT_MAX: usize = 24;

/// `units` of `10^-decimals` as a plain decimal with at least `shown` decimals and no other trailing zeros.
///
/// Written by hand from the last digit to the first, because every order's answer holds several.
///
/// # Panics
/// Never for the units in use, of at most 20 decimals.
#[must_use]
pub fn format_scaled(units: i64, decimals: u32, shown: usize) -> String {
    let (mut text, mut from) = ([0; TEXT_MAX], TEXT_MAX);
    let mut put = |byte| {
        from -= 1;
        text[from] = byte;
    };
    let mut left = units.unsigned_abs();
    let mut has_decimals = false;
    for place in (1..=super::ids::index(decimals)).rev() {
        let digit = last_digit(&mut left);
        has_decimals |= digit != b'0' || place <= shown;
        if has_decimals {
            put(digit);
        }
    }
    if has_decimals {
        put(b'.');
    }
    loop {
        put(last_digit(&mut left));
        if left == 0 {
            break;
        }
    }
    if units < 0 {
        put(b'-');
    }
    std::str::from_utf8(&text[from..]).expect("BUG: digits are text").to_owned()
}

fn last_digit(left: &mut u64) -> u8 {
    let digit = u8::try_from(*left % 10).expect("BUG: a remainder of ten");
    *left /= 10;
    b'0' + digit
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_plain_decimals_are_numbers() {
        use DecimalError::{Malformed, OutOfRange, TooPrecise};
        for (text, expected) in [
            ("0.65", Ok(650_000)),
            ("10", Ok(10_000_000)),
            ("-0.5", Ok(-500_000)),
            (".5", Ok(500_000)),
            ("007", Ok(7_000_000)),
            ("1.2345670", Ok(1_234_567)),
            ("1.2345678", Err(TooPrecise)),
            ("", Err(Malformed)),
            (".", Err(Malformed)),
            ("1.", Err(Malformed)),
            ("1e3", Err(Malformed)),
            ("NaN", Err(Malformed)),
            ("+1", Err(Malformed)),
            (" 1", Err(Malformed)),
            ("1.2.3", Err(Malformed)),
            ("--1", Err(Malformed)),
            ("٣", Err(Malformed)),
            ("1234567890123456789012345678901234567890", Err(OutOfRange)),
        ] {
            assert_eq!(parse_scaled(text, 6), expected, "{text:?}");
        }
        assert_eq!(parse_truncated("1.23456789", 4), Ok(12_345));
    }

    #[test]
    fn decimals_are_written_as_short_as_asked() {
        for (units, decimals, shown, text) in [
            (650_000, 6, 0, "0.65"),
            (10_000_000, 6, 0, "10"),
            (10_000_000, 6, 1, "10.0"),
            (0, 6, 0, "0"),
            (-5, 4, 0, "-0.0005"),
            (10_000, 4, 4, "1.0000"),
            (7, 0, 0, "7"),
            (i64::MIN, 6, 0, "-9223372036854.775808"),
        ] {
            assert_eq!(format_scaled(units, decimals, shown), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(units in -1_000_000_000_000_i64..1_000_000_000_000, shown in 0_usize..7) {
            prop_assert_eq!(parse_scaled(&format_scaled(units, 6, shown), 6), Ok(units));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            // The result is of no interest; that there is one is.
            prop_assert!(matches!(parse_scaled(&text, 6), Ok(_) | Err(_)));
        }
    }
}
