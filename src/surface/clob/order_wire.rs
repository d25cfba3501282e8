//! Signed orders off the wire (§5.4.1). Which generation an order is of, its members say.

use super::error::{BAD_ORDER, Failure};
use crate::service::ethereum::{Form, SignedOrder};
use crate::service::signed_orders::{SignedTif, SignedWish};
use crate::types::Address;
use alloy_primitives::{B256, U256, hex};
use serde::Deserialize;

/// The longest signature that any wallet makes, in bytes: a deposit wallet's.
const SIGNATURE_MAX: usize = 1_024;

/// What is posted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Posted {
    order: WireOrder,
    owner: String,
    order_type: Option<String>,
    post_only: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireOrder {
    salt: Number,
    maker: String,
    signer: String,
    taker: Option<String>,
    token_id: Number,
    maker_amount: Number,
    taker_amount: Number,
    side: WireSide,
    expiration: Option<Number>,
    nonce: Option<Number>,
    fee_rate_bps: Option<Number>,
    signature_type: u8,
    timestamp: Option<Number>,
    metadata: Option<String>,
    builder: Option<String>,
    signature: String,
}

/// A whole number, as a number or as its decimal text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Number {
    Whole(u64),
    Text(String),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum WireSide {
    Word(String),
    Number(u8),
}

impl Number {
    fn value(&self) -> Result<U256, Failure> {
        match self {
            Self::Whole(number) => Ok(U256::from(*number)),
            // Digits alone: other readings of a number take prefixes too.
            Self::Text(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                U256::from_str_radix(text, 10).map_err(|_| bad())
            }
            Self::Text(_) => Err(bad()),
        }
    }
}

/// None is zero, and so is an empty text.
fn number(given: Option<&Number>) -> Result<U256, Failure> {
    let is_empty = |given: &&Number| matches!(given, Number::Text(text) if text.is_empty());
    given.filter(|given| !is_empty(given)).map_or(Ok(U256::ZERO), Number::value)
}

fn bad() -> Failure {
    Failure::bad_request(BAD_ORDER)
}

fn address(text: &str) -> Result<Address, Failure> {
    if text.starts_with("0x") { text.parse().map_err(|_| bad()) } else { Err(bad()) }
}

/// 32 bytes; nothing is zeros.
fn word(text: Option<&str>) -> Result<B256, Failure> {
    match text {
        None | Some("" | "0x") => Ok(B256::ZERO),
        Some(text) => text.parse().map_err(|_| bad()),
    }
}

/// An order of a body.
pub(super) fn parse(posted: &Posted) -> Result<SignedWish, Failure> {
    let wire = &posted.order;
    let generation = if wire.timestamp.is_some() { Form::V2 } else { Form::V1 };
    let is_sell = match &wire.side {
        WireSide::Word(word) if word.eq_ignore_ascii_case("BUY") => false,
        WireSide::Word(word) if word.eq_ignore_ascii_case("SELL") => true,
        WireSide::Number(0) => false,
        WireSide::Number(1) => true,
        WireSide::Word(_) | WireSide::Number(_) => return Err(bad()),
    };
    let order = SignedOrder {
        salt: wire.salt.value()?,
        maker: address(&wire.maker)?,
        signer: address(&wire.signer)?,
        taker: wire.taker.as_deref().map_or(Ok(Address::ZERO), address)?,
        token: wire.token_id.value()?,
        maker_amount: wire.maker_amount.value()?,
        taker_amount: wire.taker_amount.value()?,
        expiration: number(wire.expiration.as_ref())?,
        nonce: number(wire.nonce.as_ref())?,
        fee_rate_bps: number(wire.fee_rate_bps.as_ref())?,
        is_sell,
        signature_type: wire.signature_type,
        timestamp: number(wire.timestamp.as_ref())?,
        metadata: word(wire.metadata.as_deref())?,
        builder: word(wire.builder.as_deref())?,
        generation,
    };
    let order_type = posted.order_type.as_deref().map(str::to_ascii_uppercase);
    let tif = match order_type.as_deref() {
        None | Some("GTC") => SignedTif::Gtc,
        Some("GTD") => SignedTif::Gtd,
        Some("FOK") => SignedTif::Fok,
        Some("FAK") => SignedTif::Fak,
        Some(_) => return Err(bad()),
    };
    let signature = wire.signature.strip_prefix("0x").filter(|digits| digits.len() <= 2 * SIGNATURE_MAX);
    Ok(SignedWish {
        expiration: order.expiration,
        order,
        signature: signature.and_then(|digits| hex::decode(digits).ok()).ok_or_else(bad)?,
        owner: posted.owner.clone(),
        tif,
        post_only: posted.post_only.unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = r#"{"order":{"salt":479249096354,"maker":"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        "signer":"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266","taker":"0x0000000000000000000000000000000000000000",
        "tokenId":"71321045679252212594626385532706912750332728571942532289631379312455583992563",
        "makerAmount":"11782400","takerAmount":"21040000","expiration":"0","nonce":"0","feeRateBps":"0","side":"BUY",
        "signatureType":0,"signature":"0x1b"},"owner":"0f6f1d2e","orderType":"GTC","postOnly":false}"#;

    fn read(text: &str) -> Result<SignedWish, Failure> {
        let posted: Posted = serde_json::from_str(text).map_err(|_| bad())?;
        parse(&posted)
    }

    #[test]
    fn an_order_is_read_however_a_client_writes_it() {
        let wish = read(V1).expect("valid");
        assert_eq!((wish.order.generation, wish.order.maker), (Form::V1, wish.order.signer));
        for (from, to) in [
            ("\"side\":\"BUY\"", "\"side\":0"),
            ("479249096354", "\"479249096354\""),
            (",\"orderType\":\"GTC\",\"postOnly\":false", ""),
            ("\"nonce\":\"0\"", "\"nonce\":0,\"unknown\":[]"),
        ] {
            assert_eq!(read(&V1.replace(from, to)).expect(to).order, wish.order, "{to}");
        }
        let v2 = V1.replace("\"nonce\":\"0\"", "\"timestamp\":\"1700000000000\",\"metadata\":\"\"");
        assert_eq!(read(&v2).expect("valid").order.generation, Form::V2);
    }

    #[test]
    fn what_is_no_order_is_refused_in_one_sentence() {
        for (from, to) in [
            ("\"BUY\"", "\"HOLD\""),
            ("\"BUY\"", "2"),
            ("\"11782400\"", "\"-1\""),
            ("\"11782400\"", "\"0x10\""),
            ("\"11782400\"", "1.5"),
            ("\"11782400\"", "\"\""),
            ("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
            ("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb922"),
            ("\"signatureType\":0", "\"signatureType\":256"),
            ("0x1b", "1b"),
            ("0x1b", "0x1"),
            ("GTC", "IOC"),
        ] {
            let refused = read(&V1.replace(from, to)).expect_err(to);
            assert_eq!((refused.status, refused.error.as_str()), (400, BAD_ORDER), "{to}");
        }
    }
}
