//! Query parameters: numbers, flags, moments and pages (§§1, 5.5).

use super::call::Call;
use super::error::Failure;
use super::number::scaled;
use crate::types::Timestamp;

/// Unix seconds further than any moment here.
const FAR: i64 = 100_000_000_000;

/// A number of things at most, within its range: one outside is moved to its end, not refused (§5.5).
pub(super) fn limit<Who>(call: &Call<Who>, name: &str, usual: usize, most: usize) -> Result<usize, Failure> {
    let Some(text) = call.query(name) else { return Ok(usual) };
    let number =
        scaled(&text, 0).map_err(|_| Failure::bad_request(format!("{name} must be a whole number")))?;
    Ok(usize::try_from(number).unwrap_or(0).clamp(1, most))
}

/// Unix seconds, if they were given.
pub(super) fn seconds<Who>(call: &Call<Who>, name: &str) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = call.query(name) else { return Ok(None) };
    let number = scaled(&text, 0).ok().filter(|number| (0..=FAR).contains(number));
    let number = number.ok_or_else(|| Failure::bad_request(format!("{name} must be Unix seconds")))?;
    Ok(Some(Timestamp::from_seconds(number)))
}

/// The last moment of a second that counts to a stretch of time, if it was given: seconds are as fine as they are.
pub(super) fn until<Who>(call: &Call<Who>, name: &str) -> Result<Option<Timestamp>, Failure> {
    Ok(seconds(call, name)?.map(|second| second.plus_millis(999)))
}

/// Yes or no; no if nothing was said.
pub(super) fn flag<Who>(call: &Call<Who>, name: &str) -> Result<bool, Failure> {
    match call.query(name).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Failure::bad_request(format!("{name} must be true or false"))),
    }
}

/// The offset that a cursor of a list is (§5.5).
pub(super) fn offset<Who>(call: &Call<Who>) -> Result<usize, Failure> {
    let Some(text) = call.query("cursor") else { return Ok(0) };
    let offset: Option<usize> = text.parse().ok();
    // One that this server wrote has one spelling.
    offset.filter(|offset| offset.to_string() == text).ok_or_else(|| Failure::bad_request("invalid cursor"))
}
