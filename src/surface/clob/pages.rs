//! Pages of a list (§2.1). A cursor is the base64 of how many rows come before its page; that of -1 says that nothing
//! follows.

use super::call::Reply;
use super::error::Failure;
use crate::types::index;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use serde_json::Value;

/// What the last page points to. Clients go on until they read exactly this.
const END: &str = "LTE=";
/// How many rows a page may have of a list that never has any.
const EMPTY_LIMIT: u32 = 100;

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor(u32);

impl Cursor {
    /// Behind every row.
    const BEHIND_ALL: Self = Self(u32::MAX);

    /// The cursor of a request; the first page's if it has none.
    pub(super) fn read(text: Option<&str>) -> Result<Self, Failure> {
        match text.map(str::trim) {
            None | Some("") => Ok(Self(0)),
            Some(END) => Ok(Self::BEHIND_ALL),
            Some(text) => {
                let decimal = BASE64_STANDARD.decode(text).ok();
                let decimal = decimal.and_then(|bytes| String::from_utf8(bytes).ok());
                let offset = decimal.and_then(|decimal| decimal.parse().ok());
                offset.map(Self).ok_or_else(|| Failure::bad_request("Invalid payload"))
            }
        }
    }

    /// How many rows come before the page.
    pub(super) fn offset(self) -> u32 {
        self.0
    }

    /// Where the next page begins, if more rows were found from here on than one page holds.
    pub(super) fn after(self, found: usize, limit: u32) -> Option<Self> {
        (found > index(limit)).then(|| Self(self.0.saturating_add(limit)))
    }

    /// The rows of a list from here on, one more than a page holds so that it is seen whether there are more.
    pub(super) fn find<Row>(self, limit: u32, all: &[Row]) -> &[Row] {
        let from = index(self.0).min(all.len());
        let to = from.saturating_add(index(limit) + 1).min(all.len());
        &all[from..to]
    }
}

#[derive(Serialize)]
struct Page<'a, Row> {
    limit: u32,
    count: usize,
    next_cursor: String,
    data: &'a [Row],
}

/// The page at a cursor. One row too many was looked for, and says that there is a next page.
pub(super) fn page<Row: Serialize>(cursor: Cursor, limit: u32, mut found: Vec<Row>) -> Reply {
    let next = cursor.after(found.len(), limit);
    found.truncate(index(limit));
    rows(limit, next, &found)
}

/// A page of at most `limit` rows, with where the next one begins.
pub(super) fn rows<Row: Serialize>(limit: u32, next: Option<Cursor>, rows: &[Row]) -> Reply {
    Reply::json(&Page { limit, count: rows.len(), next_cursor: text(next), data: rows })
}

/// The page of a list that never has any rows.
pub(super) fn empty() -> Reply {
    let none: [Value; 0] = [];
    rows(EMPTY_LIMIT, None, &none)
}

fn text(next: Option<Cursor>) -> String {
    next.map_or_else(|| END.to_owned(), |next| BASE64_STANDARD.encode(next.0.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_the_base64_of_an_offset() {
        for (text, expected) in [
            (None, Ok(0)),
            (Some(""), Ok(0)),
            (Some("MA=="), Ok(0)),
            (Some("MTAwMA=="), Ok(1_000)),
            (Some("LTE="), Ok(u32::MAX)),
            (Some("LTI="), Err("Invalid payload")),
            (Some("MA"), Err("Invalid payload")),
            (Some("eA=="), Err("Invalid payload")),
            (Some("???"), Err("Invalid payload")),
        ] {
            let found = Cursor::read(text).map(Cursor::offset);
            let found = found.map_err(|failure| (failure.status, failure.error));
            assert_eq!(found, expected.map_err(|error| (400, error.to_owned())), "{text:?}");
        }
        assert_eq!(text(Some(Cursor(0))), "MA==");
        assert_eq!(text(Some(Cursor(1_000))), "MTAwMA==");
        assert_eq!(text(None), "LTE=");
    }

    #[test]
    fn following_the_cursors_shows_every_row_once_and_ends() {
        for (limit, total) in [(1, 0), (1, 1), (10, 10), (10, 11), (1_000, 2_500)] {
            let all: Vec<u32> = (0..total).collect();
            let (mut seen, mut next) = (Vec::<u32>::new(), Some(Cursor(0)));
            while let Some(cursor) = next {
                let cursor = Cursor::read(Some(&text(Some(cursor)))).expect("one of ours");
                let found = cursor.find(limit, &all);
                next = cursor.after(found.len(), limit);
                seen.extend(found.iter().take(index(limit)));
            }
            assert_eq!(seen, all, "{limit} of {total}");
        }
        let behind: &[u32] = Cursor::BEHIND_ALL.find(10, &[1, 2, 3]);
        assert!(behind.is_empty(), "nothing is behind the end");
    }
}
