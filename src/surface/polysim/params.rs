//! What a caller may put into a query string or a short list: read from its text, refused with the field's name.

use super::encoding::{base64, from_base64};
use super::error::Failure;
use super::from_wire;
use crate::service::MarketSpec;
use crate::types::Outcome;
use serde::Deserialize;
use serde_json::Value;
use std::ops::RangeInclusive;

/// Token ids in one list (§6.1): fixed, whatever the tier.
const LIST_MAX: usize = 50;
/// The cursor that means there is no more: the base64 of `-1`.
pub(super) const END: &str = "LTE=";

/// A whole number within its range; the default if it was left out.
pub(super) fn whole(
    field: &str,
    text: Option<&str>,
    default: usize,
    range: RangeInclusive<usize>,
) -> Result<usize, Failure> {
    Ok(whole_if_given(field, text, range)?.unwrap_or(default))
}

/// A whole number within its range, if it was given.
pub(super) fn whole_if_given(
    field: &str,
    text: Option<&str>,
    range: RangeInclusive<usize>,
) -> Result<Option<usize>, Failure> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let number = text.parse().map_err(|_| Failure::invalid_query(field, "must be a whole number"))?;
    if range.contains(&number) {
        return Ok(Some(number));
    }
    let reason = match range.end() {
        &usize::MAX => format!("must be at least {}", range.start()),
        end => format!("must be between {} and {end}", range.start()),
    };
    Err(Failure::invalid_query(field, &reason))
}

/// Which part of a list of one's own is asked for.
#[derive(Deserialize)]
pub(super) struct Page {
    limit: Option<String>,
    offset: Option<String>,
}

impl Page {
    /// How many at most, and how many are left out before them.
    pub(super) fn bounds(&self) -> Result<(usize, usize), Failure> {
        let limit = whole("limit", self.limit.as_deref(), 50, 1..=200)?;
        Ok((limit, whole("offset", self.offset.as_deref(), 0, 0..=usize::MAX)?))
    }
}

/// How many levels of a side were asked for; none for all of them.
pub(super) fn depth(text: Option<&str>) -> Result<Option<usize>, Failure> {
    whole_if_given("depth", text, 1..=500)
}

/// Yes or no, if it was said.
pub(super) fn flag_if_given(field: &str, text: Option<&str>) -> Result<Option<bool>, Failure> {
    match text.map(str::to_ascii_lowercase).as_deref() {
        None | Some("") => Ok(None),
        Some("true" | "1" | "yes") => Ok(Some(true)),
        Some("false" | "0" | "no") => Ok(Some(false)),
        Some(_) => Err(Failure::invalid_query(field, "must be true or false")),
    }
}

/// Yes or no; no if nothing was said.
pub(super) fn flag(field: &str, text: Option<&str>) -> Result<bool, Failure> {
    Ok(flag_if_given(field, text)?.unwrap_or(false))
}

/// Where a page begins: a cursor wins over an offset. None past the last page.
pub(super) fn page_start(cursor: Option<&str>, offset: Option<&str>) -> Result<Option<usize>, Failure> {
    match cursor.filter(|cursor| !cursor.is_empty()) {
        None => whole("offset", offset, 0, 0..=usize::MAX).map(Some),
        Some(END) => Ok(None),
        Some(cursor) => {
            let invalid = || Failure::new(400, "INVALID_CURSOR", "Invalid cursor");
            if let Ok(offset) = cursor.parse() {
                return Ok(Some(offset));
            }
            let decimal = from_base64(cursor).ok_or_else(invalid)?;
            decimal.parse().map(Some).map_err(|_| invalid())
        }
    }
}

/// The cursor of the page after one that began at `start` and may hold `limit` of `total` rows.
pub(super) fn next_cursor(start: usize, limit: usize, total: usize) -> String {
    let next = start.saturating_add(limit);
    if next < total { base64(&next.to_string()) } else { END.to_owned() }
}

/// The outcome that a label names; the first if there is none.
pub(super) fn outcome(spec: &MarketSpec, label: Option<&str>) -> Result<Outcome, Failure> {
    match label.filter(|label| !label.is_empty()) {
        None => Ok(Outcome::Yes),
        Some(label) => from_wire::outcome(spec, label),
    }
}

/// One entry of a list of tokens, with the side if one was named.
pub(super) struct Asked {
    pub(super) token: String,
    pub(super) side: Option<String>,
}

/// The list of tokens in a body: `[{"token_id": …}]`, or the same under `items`; each at most once a request.
pub(super) fn tokens(body: &Value) -> Result<Vec<Asked>, Failure> {
    let list = body.get("items").unwrap_or(body).as_array();
    let list = list.ok_or_else(|| Failure::new(400, "INVALID_BODY", "The body must be a list of tokens"))?;
    within_limit(list.len(), LIST_MAX)?;
    list.iter().map(asked).collect()
}

fn asked(entry: &Value) -> Result<Asked, Failure> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
    let token = entry.as_str().map(str::to_owned).or_else(|| text("token_id"));
    let token = token.ok_or_else(|| Failure::invalid("token_id", "must be a string"))?;
    Ok(Asked { token, side: text("side") })
}

/// The texts in a list that a body names.
pub(super) fn texts(field: &str, list: &Value) -> Result<Vec<String>, Failure> {
    let list = list.as_array().ok_or_else(|| Failure::invalid(field, "must be a list of strings"))?;
    let text = |entry: &Value| entry.as_str().map(str::to_owned);
    let all = list.iter().map(text).collect::<Option<Vec<_>>>();
    all.ok_or_else(|| Failure::invalid(field, "must be a list of strings"))
}

/// At most so many entries of a list that is not bound to a tier.
pub(super) fn within_limit(count: usize, limit: usize) -> Result<(), Failure> {
    if count <= limit {
        return Ok(());
    }
    let message = format!("Batch size {count} exceeds limit ({limit})");
    Err(Failure::new(400, "BATCH_LIMIT_EXCEEDED", message))
}

/// As [`within_limit`], of a list with the fixed limit.
pub(super) fn within_list_limit(count: usize) -> Result<(), Failure> {
    within_limit(count, LIST_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_base64_of_an_offset_or_the_offset_itself() {
        for (cursor, start) in [
            (Some("MA=="), Ok(Some(0))),
            (Some("NTA="), Ok(Some(50))),
            (Some("50"), Ok(Some(50))),
            (Some("LTE="), Ok(None)),
            (Some("???"), Err("INVALID_CURSOR")),
            (Some("LTI="), Err("INVALID_CURSOR")),
            (None, Ok(Some(7))),
            (Some(""), Ok(Some(7))),
        ] {
            let found = page_start(cursor, Some("7")).map_err(|failure| failure.code);
            assert_eq!(found, start, "{cursor:?}");
        }
        assert_eq!(next_cursor(0, 50, 51), "NTA=");
        assert_eq!(next_cursor(50, 50, 100), END);
    }

    #[test]
    fn numbers_out_of_range_are_refused_by_name() {
        for (text, expected) in [
            (None, Ok(50)),
            (Some("200"), Ok(200)),
            (Some("0"), Err("limit: must be between 1 and 200".to_owned())),
            (Some("201"), Err("limit: must be between 1 and 200".to_owned())),
            (Some("-1"), Err("limit: must be a whole number".to_owned())),
            (Some("ten"), Err("limit: must be a whole number".to_owned())),
        ] {
            assert_eq!(whole("limit", text, 50, 1..=200).map_err(|failure| failure.message), expected);
        }
    }
}
