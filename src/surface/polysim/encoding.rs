//! Cursors: opaque to callers, base64 of something plain.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Standard base64.
pub(super) fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

/// The text behind standard base64, if it is that.
pub(super) fn from_base64(text: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}

/// Base64 for addresses, without padding.
pub(super) fn base64_url(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// The text behind base64 for addresses, with or without padding.
pub(super) fn from_base64_url(text: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?).ok()
}
