//! A request's signature: an HMAC over its parts with the secret of an API key (polymarket-clob.md §§4.2, 4.3).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The signature of a message, given in parts; none if the secret is not one.
#[must_use]
pub fn sign_request(secret: &str, message: &[&[u8]]) -> Option<String> {
    Some(sign(&key_of(secret)?, message))
}

/// Whether a request is signed with a secret. `path` has no query, `body` is as it came.
#[must_use]
#[expect(clippy::too_many_arguments, reason = "a request has these parts, and all of them are signed")]
pub fn verifies(
    secret: &str,
    signature: &str,
    timestamp: &str,
    method: &str,
    path: &str,
    body: &[u8],
) -> bool {
    let Some(key) = key_of(secret) else { return false };
    let fits = |body: &[u8]| {
        let expected = sign(&key, &[timestamp.as_bytes(), method.as_bytes(), path.as_bytes(), body]);
        bool::from(expected.as_bytes().ct_eq(signature.as_bytes()))
    };
    // Half of the clients sign the body with its single quotes made double, and send it as it was.
    fits(body) || (body.contains(&b'\'') && fits(&with_double_quotes(body)))
}

/// Secrets are given out in the URL's alphabet, and some clients take the other one too. An empty one is none.
fn key_of(secret: &str) -> Option<Vec<u8>> {
    let key = URL_SAFE.decode(secret).or_else(|_| STANDARD.decode(secret)).ok()?;
    Some(key).filter(|key| !key.is_empty())
}

fn sign(key: &[u8], message: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("BUG: HMAC takes any key");
    for part in message {
        mac.update(part);
    }
    URL_SAFE.encode(mac.finalize().into_bytes())
}

fn with_double_quotes(body: &[u8]) -> Vec<u8> {
    body.iter().map(|&byte| if byte == b'\'' { b'"' } else { byte }).collect()
}
