//! What stands in a query of Gamma's, read from its texts.

use super::super::error::Failure;
use crate::types::{Timestamp, parse_truncated};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::json;

/// The refusal of a query that can't be meant.
pub(super) fn invalid(error: impl Into<String>) -> Failure {
    let kind = [("type".to_owned(), json!("validation error"))];
    Failure { root: Some(Box::new(kind.into_iter().collect())), ..Failure::new(422, error) }
}

fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// A whole number, if one was given.
pub(super) fn whole(name: &str, text: Option<&str>) -> Result<Option<usize>, Failure> {
    let Some(text) = given(text) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| invalid(format!("{name} must be a whole number")))
}

/// How many rows at most. Asking for more than there may be is no mistake: a page ends where it must.
pub(super) fn limit(text: Option<&str>, usual: usize, most: usize) -> Result<usize, Failure> {
    Ok(whole("limit", text)?.unwrap_or(usual).min(most))
}

/// Yes or no, if it was said.
pub(super) fn flag(name: &str, text: Option<&str>) -> Result<Option<bool>, Failure> {
    match given(text).map(str::to_ascii_lowercase).as_deref() {
        None => Ok(None),
        Some("true" | "1") => Ok(Some(true)),
        Some("false" | "0") => Ok(Some(false)),
        Some(_) => Err(invalid(format!("{name} must be true or false"))),
    }
}

/// Dollars in millionths, if they were given.
pub(super) fn dollars(name: &str, text: Option<&str>) -> Result<Option<i64>, Failure> {
    let Some(text) = given(text) else { return Ok(None) };
    parse_truncated(text, 6).map(Some).map_err(|error| invalid(format!("{name} {error}")))
}

/// A moment in ISO-8601 as milliseconds, if one was given; UTC where it says nothing else.
pub(super) fn moment(name: &str, text: Option<&str>) -> Result<Option<i64>, Failure> {
    let Some(text) = given(text) else { return Ok(None) };
    // A plus in a query arrives as a space, which may also stand between day and time.
    let read = iso(text).or_else(|| iso(&text.replace(' ', "+")));
    let read = read.ok_or_else(|| invalid(format!("{name} must be an ISO-8601 moment")))?;
    Ok(Some(read.millis()))
}

fn iso(text: &str) -> Option<Timestamp> {
    let civil = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    let absolute: Option<jiff::Timestamp> = text.parse().ok();
    let moment = absolute.or_else(|| civil().map(|moment| moment.timestamp()))?;
    Some(Timestamp::from_millis(moment.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_where_it_must() {
        for (text, expected) in [
            (None, Ok(20)),
            (Some(""), Ok(20)),
            (Some("0"), Ok(0)),
            (Some("7"), Ok(7)),
            (Some("9999"), Ok(500)),
            (Some("-1"), Err(422)),
            (Some("ten"), Err(422)),
        ] {
            assert_eq!(limit(text, 20, 500).map_err(|failure| failure.status), expected, "{text:?}");
        }
    }

    #[test]
    fn moments_come_with_an_offset_or_without() {
        for (text, expected) in [
            ("2026-05-05T16:53:20Z", Ok(Some(1_778_000_000_000))),
            ("2026-05-05T18:53:20 02:00", Ok(Some(1_778_000_000_000))),
            ("2026-05-05T16:53:20", Ok(Some(1_778_000_000_000))),
            ("2026-05-05", Ok(Some(1_777_939_200_000))),
            ("", Ok(None)),
            ("soon", Err(422)),
        ] {
            let found = moment("end_date_min", Some(text)).map_err(|failure| failure.status);
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn amounts_are_read_from_their_digits() {
        for (text, expected) in [
            ("1000", Ok(Some(1_000_000_000))),
            ("1000.0", Ok(Some(1_000_000_000))),
            ("0.5", Ok(Some(500_000))),
            ("", Ok(None)),
            ("1e3", Err(422)),
        ] {
            assert_eq!(
                dollars("volume_min", Some(text)).map_err(|failure| failure.status),
                expected,
                "{text}"
            );
        }
        assert_eq!(flag("closed", Some("True")).expect("a flag"), Some(true));
        assert_eq!(flag("closed", None).expect("nothing"), None);
        assert!(flag("closed", Some("maybe")).is_err());
    }
}
