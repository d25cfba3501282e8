//! Cursors: places in a list, as texts that mean nothing to whom they are given.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A place as a cursor. It is never empty: some clients take that for an error.
pub(in crate::surface::clob) fn write(place: &impl Serialize) -> String {
    let text = serde_json::to_vec(place).expect("BUG: a place that can't be written as JSON");
    URL_SAFE_NO_PAD.encode(text)
}

/// The place that a cursor stands for; none if we never wrote it.
pub(in crate::surface::clob) fn read<Place: DeserializeOwned>(cursor: &str) -> Option<Place> {
    let text = URL_SAFE_NO_PAD.decode(cursor.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_stands_for_the_place_it_was_written_for() {
        let place = (1_778_000_000_123_i64, 7_u32);
        assert_eq!(read::<(i64, u32)>(&write(&place)), Some(place));
        assert_eq!(read::<Vec<String>>(&write(&["ä=&?", ""])), Some(vec!["ä=&?".into(), String::new()]));
    }

    #[test]
    fn what_is_no_cursor_is_no_place() {
        let other = write(&"another kind");
        for text in ["", "MA==", "LTE=", "????", other.as_str()] {
            assert_eq!(read::<(i64, u32)>(text), None, "{text:?}");
        }
    }
}
