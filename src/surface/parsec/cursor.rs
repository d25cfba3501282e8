//! Opaque cursors: places in a list of what happened, as texts that mean nothing to whom they are given (§5.5).

use super::call::Call;
use super::error::Failure;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A place as a cursor.
pub(super) fn write(place: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).expect("BUG: a place that can't be written as JSON"))
}

/// The place that a request's cursor stands for, if it has one.
pub(super) fn read<Who, Place: DeserializeOwned>(call: &Call<Who>) -> Result<Option<Place>, Failure> {
    let Some(text) = call.query("cursor") else { return Ok(None) };
    parse(&text).map(Some).ok_or_else(|| Failure::bad_request("invalid cursor"))
}

fn parse<Place: DeserializeOwned>(text: &str) -> Option<Place> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Place {
        ts: i64,
        id: u64,
    }

    #[test]
    fn a_cursor_stands_for_the_place_it_was_written_for() {
        let text = write(&Place { ts: 1_739_350_698_000, id: 7 });
        assert!(!text.contains('='), "{text}");
        assert_eq!(parse::<Place>(&text), Some(Place { ts: 1_739_350_698_000, id: 7 }));
        assert_eq!(parse::<Place>(&format!("{text}==")), parse::<Place>(&text));
        for text in ["", "100", "????", &write(&7)] {
            assert_eq!(parse::<Place>(text), None, "{text:?}");
        }
    }
}
