//! Credentials of exchanges, in a header or a body (§§2.6, 8.1): read, and never shown.

use super::auth::Asker;
use super::body::Body;
use super::call::Call;
use super::error::Failure;
use crate::service::credentials::{Given, PrivateKey};
use crate::service::wallet_keys::Credentials;
use crate::types::Venue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::Value;

const HEADER: &str = "x-exchange-credentials";

/// What came with a request for a venue, if anything did: in the body, or else in the header.
pub(super) fn given(
    call: &Call<Asker>,
    venue: Venue,
    in_body: Option<&Body>,
) -> Result<Option<Given>, Failure> {
    if let Some(fields) = in_body {
        return for_request(fields, venue).map(Some);
    }
    let header = call.request.headers().get(HEADER).filter(|header| !header.is_empty());
    let Some(header) = header else { return Ok(None) };
    for_request(&decode(header.as_bytes())?, venue).map(Some)
}

/// The object in a header: base64 in either alphabet, padded or not, whatever its lines.
fn decode(header: &[u8]) -> Result<Body, Failure> {
    let letter = |byte: &u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    };
    let letters = header.iter().filter(|byte| !byte.is_ascii_whitespace()).map(letter);
    let letters: Vec<u8> = letters.collect();
    let padding = letters.iter().rev().take_while(|byte| **byte == b'=').count();
    let bare = &letters[..letters.len() - padding];
    let decoded = STANDARD_NO_PAD.decode(bare);
    let decoded = decoded
        .map_err(|_| Failure::bad_request("invalid X-Exchange-Credentials header: not valid base64"))?;
    let not_json = || Failure::bad_request("invalid X-Exchange-Credentials header: not valid JSON");
    let text = String::from_utf8(decoded).map_err(|_| not_json())?;
    match serde_json::from_str(&escaped(&text)) {
        Ok(Value::Object(members)) => Ok(Body::of(members)),
        Ok(_) | Err(_) => Err(not_json()),
    }
}

/// The same JSON with control characters within its texts written as they should be: some shells turn `\n` into the
/// letter before anything is encoded.
fn escaped(json: &str) -> String {
    use std::fmt::Write as _;
    let (mut all, mut is_text, mut is_escape) = (String::with_capacity(json.len()), false, false);
    for letter in json.chars() {
        if is_text && letter.is_ascii_control() {
            write!(all, "\\u{:04x}", u32::from(letter)).expect("BUG: writing to a string");
            is_escape = false;
            continue;
        }
        is_text ^= letter == '"' && !is_escape;
        is_escape = letter == '\\' && !is_escape;
        all.push(letter);
    }
    all
}

/// Credentials for one request.
pub(super) fn for_request(fields: &Body, venue: Venue) -> Result<Given, Failure> {
    match venue {
        Venue::Kalshi => kalshi(fields, "kalshi credentials"),
        Venue::Polymarket => {
            let private_key = fields.text("private_key")?.ok_or_else(|| {
                Failure::missing("private_key is required for polymarket per-request credentials")
            })?;
            Ok(Given::Wallet { private_key: wallet_key(private_key)?, clob: None })
        }
    }
}

/// Credentials to be kept (§8.1, self).
pub(super) fn for_onboarding(fields: &Body, venue: Venue) -> Result<Given, Failure> {
    match venue {
        Venue::Kalshi => kalshi(fields, "kalshi onboarding"),
        Venue::Polymarket => {
            let clob = clob(fields)?;
            Ok(match fields.text("private_key")? {
                Some(text) => Given::Wallet { private_key: wallet_key(text)?, clob: Some(clob) },
                None => Given::Clob(clob),
            })
        }
    }
}

fn kalshi(fields: &Body, what: &str) -> Result<Given, Failure> {
    let (Some(key_id), Some(private_key)) = (fields.text("api_key_id")?, fields.text("private_key")?) else {
        return Err(Failure::missing(format!("api_key_id and private_key are required for {what}")));
    };
    if !is_pem(private_key) {
        return Err(Failure::bad_request("invalid kalshi private key: expected PEM"));
    }
    Ok(Given::Kalshi { key_id: key_id.to_owned(), private_key: private_key.to_owned() })
}

/// Whether a text has a line that begins a private key.
pub(super) fn is_pem(text: &str) -> bool {
    let begins = |line: &str| {
        let named = line.split_once("-----BEGIN ").and_then(|(_, rest)| rest.split_once("-----"));
        named.is_some_and(|(name, _)| name.ends_with("PRIVATE KEY"))
    };
    text.lines().any(begins)
}

fn clob(fields: &Body) -> Result<Credentials, Failure> {
    let text = |name| {
        let text = fields.text(name)?;
        text.map(str::to_owned).ok_or_else(|| {
            Failure::missing(
                "clob_api_key, clob_api_secret and clob_api_passphrase are required for polymarket onboarding",
            )
        })
    };
    Ok(Credentials {
        key: text("clob_api_key")?,
        secret: text("clob_api_secret")?,
        passphrase: text("clob_api_passphrase")?,
    })
}

fn wallet_key(text: &str) -> Result<PrivateKey, Failure> {
    PrivateKey::parse(text).ok_or_else(|| Failure::bad_request("invalid polymarket private key"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};

    const KALSHI: &str = r#"{"api_key_id":"?>?","private_key":"-----BEGIN RSA PRIVATE KEY-----\nMIIE"}"#;

    fn of(venue: Venue, json: &str) -> Result<Given, Failure> {
        decode(STANDARD.encode(json).as_bytes()).and_then(|fields| for_request(&fields, venue))
    }

    #[test]
    fn a_header_is_read_in_either_alphabet_padded_or_not_and_over_several_lines() {
        let broken = STANDARD.encode(KALSHI).replace("In", "I \n n");
        for header in [
            STANDARD.encode(KALSHI),
            STANDARD_NO_PAD.encode(KALSHI),
            URL_SAFE.encode(KALSHI),
            URL_SAFE_NO_PAD.encode(KALSHI),
            broken,
            // A shell made a letter of the line break.
            STANDARD.encode(KALSHI.replace("\\n", "\n")),
        ] {
            let fields = decode(header.as_bytes()).expect("it is read");
            let Ok(Given::Kalshi { key_id, private_key }) = for_request(&fields, Venue::Kalshi) else {
                panic!("{header} is Kalshi's")
            };
            assert_eq!(key_id, "?>?");
            assert_eq!(private_key, "-----BEGIN RSA PRIVATE KEY-----\nMIIE");
        }
    }

    #[test]
    fn what_is_wrong_with_credentials_is_said_without_repeating_them() {
        let wallet = format!(r#"{{"private_key":"0x{}"}}"#, "42".repeat(32));
        assert!(of(Venue::Polymarket, &wallet).is_ok());
        for (venue, json, code, error) in [
            (Venue::Kalshi, "[]", "bad_request", "invalid X-Exchange-Credentials header: not valid JSON"),
            (Venue::Kalshi, "{", "bad_request", "invalid X-Exchange-Credentials header: not valid JSON"),
            (
                Venue::Kalshi,
                r#"{"api_key_id":"secret"}"#,
                "missing_parameter",
                "api_key_id and private_key are required for kalshi credentials",
            ),
            (
                Venue::Kalshi,
                r#"{"api_key_id":"secret","private_key":"secret"}"#,
                "bad_request",
                "invalid kalshi private key: expected PEM",
            ),
            (
                Venue::Polymarket,
                r#"{"clob_api_key":"secret","clob_api_secret":"secret","clob_api_passphrase":"secret"}"#,
                "missing_parameter",
                "private_key is required for polymarket per-request credentials",
            ),
            (
                Venue::Polymarket,
                r#"{"private_key":"0xsecret"}"#,
                "bad_request",
                "invalid polymarket private key",
            ),
            (
                Venue::Polymarket,
                r#"{"private_key":"0x0000000000000000000000000000000000000000000000000000000000000000"}"#,
                "bad_request",
                "invalid polymarket private key",
            ),
        ] {
            let failure = of(venue, json).err().unwrap_or_else(|| panic!("{json} is refused"));
            assert_eq!((failure.status, failure.code, failure.error.as_str()), (400, code, error));
        }
        let failure = decode(b"not base64!").err().expect("refused");
        assert_eq!(failure.error, "invalid X-Exchange-Credentials header: not valid base64");
    }

    #[test]
    fn a_private_key_in_pem_has_a_line_that_says_so() {
        for text in [
            "-----BEGIN PRIVATE KEY-----",
            "x\n-----BEGIN RSA PRIVATE KEY-----\nMIIE",
            "-----BEGIN EC PRIVATE KEY-----",
        ] {
            assert!(is_pem(text), "{text}");
        }
        for text in ["", "MIIE", "-----BEGIN PUBLIC KEY-----", "-----BEGIN\nPRIVATE KEY-----"] {
            assert!(!is_pem(text), "{text}");
        }
    }
}
