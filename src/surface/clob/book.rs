//! Books of tokens as this wire shows them (§5.2.3), and their hash (§5.2.4).

use super::auth::Anyone;
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::text::token;
use crate::http::Endpoint;
use crate::service::markets::{BookView, tick_of};
use crate::service::{Market, MarketSpec, Service, Status};
use crate::types::{MarketId, Outcome, Price, Shares, Timestamp};
use actix_web::http::Method;
use alloy_primitives::hex;
use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Tokens in one request (§16, 17).
pub(super) const TOKENS_MAX: usize = 500;
/// The most digits that 256 bits have.
const TOKEN_DIGITS_MAX: usize = 78;

/// Where a view keeps the books that were rendered of it: the first outcome's here, the second's behind it. What lies
/// before is other surfaces'.
const FORMS: usize = 2;

/// What a token is said to have traded at before anything did.
pub(super) const NO_PRICE: &str = "0.5";

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, "/book", get_book), endpoint(Method::POST, "/books", post_books)]
}

/// One price and what waits there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Level {
    pub(super) price: String,
    pub(super) size: String,
}

/// A token's book. It is hashed in the order of these members, and clients hash what they receive: none may be added
/// or moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Book<'a> {
    pub(super) market: &'a str,
    pub(super) asset_id: &'a str,
    pub(super) timestamp: String,
    pub(super) hash: String,
    /// From the worst to the best, as the asks are.
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
    pub(super) min_order_size: String,
    pub(super) tick_size: String,
    pub(super) neg_risk: bool,
    pub(super) last_trade_price: String,
}

/// A market's book at one moment, in terms of the first outcome, both halves from the worst level to the best.
#[derive(Debug)]
pub(super) struct Moment<'a> {
    pub(super) spec: &'a MarketSpec,
    /// When the book changed last.
    pub(super) at: Timestamp,
    pub(super) bids: Vec<(Price, Shares)>,
    pub(super) asks: Vec<(Price, Shares)>,
    /// The last trade, or else the last price recorded.
    pub(super) last: Option<Price>,
}

impl<'a> Moment<'a> {
    fn of(view: &'a BookView) -> Self {
        let worst_first = |levels: &[(Price, Shares)]| levels.iter().rev().copied().collect();
        Self {
            spec: &view.spec,
            at: view.at,
            bids: worst_first(&view.depth.bids),
            asks: worst_first(&view.depth.asks),
            last: view.last_price(Outcome::Yes),
        }
    }

    /// The book of an outcome.
    pub(super) fn book(&self, outcome: Outcome) -> Book<'a> {
        let own = |levels: &[(Price, Shares)]| -> Vec<Level> {
            let level = |(price, shares): &(Price, Shares)| Level {
                price: Market::in_terms_of(outcome, *price).plain(),
                size: shares.plain(),
            };
            levels.iter().map(level).collect()
        };
        let (bids, asks) = match outcome {
            Outcome::Yes => (own(&self.bids), own(&self.asks)),
            // Who sells the first outcome at a price bids for the second at its complement.
            Outcome::No => (own(&self.asks), own(&self.bids)),
        };
        let last = self.last.map(|price| Market::in_terms_of(outcome, price).plain());
        Book {
            market: &self.spec.facts.condition_id,
            asset_id: token(self.spec, outcome),
            timestamp: self.at.millis().to_string(),
            hash: String::new(),
            bids,
            asks,
            min_order_size: self.spec.minimum.plain(),
            tick_size: tick_of(self.spec).plain(),
            neg_risk: self.spec.facts.neg_risk,
            last_trade_price: last.unwrap_or_else(|| NO_PRICE.to_owned()),
        }
        .hashed()
    }
}

impl Book<'_> {
    /// With the hash of itself, which is taken while there is none.
    fn hashed(mut self) -> Self {
        let digest: [u8; 20] = Sha1::digest(self.json()).into();
        self.hash = hex::encode(digest);
        self
    }

    fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("BUG: a book that can't be written as JSON")
    }
}

/// The book of an outcome as an answer, rendered once for everyone who asks while it stays as it is.
pub(super) fn rendered(view: &BookView, outcome: Outcome) -> Bytes {
    view.form(FORMS + outcome.position(), || Bytes::from(Moment::of(view).book(outcome).json()))
}

/// What a query names.
#[derive(Deserialize)]
pub(super) struct WhichToken {
    token_id: Option<String>,
    pub(super) side: Option<String>,
}

impl WhichToken {
    /// The token, which is a number.
    pub(super) fn token(&self) -> Result<&str, Failure> {
        let is_number = |text: &&str| {
            (1..=TOKEN_DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let token = self.token_id.as_deref().map(str::trim).filter(is_number);
        token.ok_or_else(|| Failure::bad_request("Invalid token id"))
    }
}

/// A token in a list, perhaps with a side.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    pub(super) token_id: String,
    #[serde(default)]
    pub(super) side: Option<String>,
}

/// A token's book among several.
pub(super) struct Found<'a> {
    pub(super) asked: &'a Asked,
    pub(super) view: Arc<BookView>,
    pub(super) outcome: Outcome,
}

/// The tokens that a body lists.
pub(super) fn asked(call: &Call<Anyone>) -> Result<Vec<Asked>, Failure> {
    within_limit(call.json()?, TOKENS_MAX)
}

/// A list, unless it is too long.
pub(super) fn within_limit<Of>(list: Vec<Of>, most: usize) -> Result<Vec<Of>, Failure> {
    if list.len() > most { Err(Failure::bad_request("Payload exceeds the limit")) } else { Ok(list) }
}

/// A token's book. What is over has none any more.
pub(super) async fn view(service: &Service, token: &str) -> Result<(Arc<BookView>, Outcome), Failure> {
    let (market, outcome) = service.catalog().by_token(token).ok_or_else(Failure::no_book)?;
    let view = service.book(market).await?;
    if has_book(&view) { Ok((view, outcome)) } else { Err(Failure::no_book()) }
}

fn has_book(view: &BookView) -> bool {
    match view.status {
        Status::Open | Status::Halted => true,
        Status::Resolved(_) => false,
    }
}

/// The books of some tokens, of both outcomes of a market at the same moment. Tokens without one are left out.
pub(super) async fn views<'a>(service: &Service, asked: &'a [Asked]) -> Result<Vec<Found<'a>>, Failure> {
    let catalog = service.catalog();
    let mut known: BTreeMap<MarketId, Arc<BookView>> = BTreeMap::new();
    let mut found = Vec::with_capacity(asked.len());
    for asked in asked {
        let Some((market, outcome)) = catalog.by_token(&asked.token_id) else { continue };
        let view = match known.get(&market) {
            Some(view) => Arc::clone(view),
            None => service.book(market).await?,
        };
        known.insert(market, Arc::clone(&view));
        if has_book(&view) {
            found.push(Found { asked, view, outcome });
        }
    }
    Ok(found)
}

async fn get_book(call: Call<Anyone>) -> Answer {
    let query: WhichToken = call.query()?;
    let (view, outcome) = view(&call.service, query.token()?).await?;
    Ok(Reply::rendered(rendered(&view, outcome)))
}

async fn post_books(call: Call<Anyone>) -> Answer {
    let asked = asked(&call)?;
    let found = views(&call.service, &asked).await?;
    let books: Vec<_> = found.iter().map(|found| rendered(&found.view, found.outcome)).collect();
    Ok(Reply::rendered(array(&books)))
}

/// Some JSON texts as one JSON array.
pub(super) fn array(elements: &[Bytes]) -> Bytes {
    let length: usize = elements.iter().map(|element| element.len() + 1).sum();
    let mut array = BytesMut::with_capacity(length + 2);
    array.put_u8(b'[');
    for (number, element) in elements.iter().enumerate() {
        if number > 0 {
            array.put_u8(b',');
        }
        array.put_slice(element);
    }
    array.put_u8(b']');
    array.freeze()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::service::MarketFacts;
    use serde_json::json;

    pub(in crate::surface::clob) const YES: &str =
        "71321045679252212594626385532706912750332728571942532289631379312455583992563";
    pub(in crate::surface::clob) const NO: &str =
        "52114319501245915516055106046884209969926127482827954674443846427813813222426";

    pub(in crate::surface::clob) fn price(ten_thousandths: u16) -> Price {
        Price::new(ten_thousandths).expect("in range")
    }

    /// A market with a tick of a cent and a fee of 5 %.
    pub(in crate::surface::clob) fn spec() -> MarketSpec {
        let facts = MarketFacts {
            condition_id: "0xbd31dc8a20211944f6b70f31557f1001557b59905b7738480ca09bd4532f84af".to_owned(),
            token_ids: [YES.to_owned(), NO.to_owned()],
            labels: ["Yes".to_owned(), "No".to_owned()],
            ..MarketFacts::default()
        };
        let spec = json!({
            "venue": "Polymarket",
            "facts": facts,
            "ticks": [{"from": 0, "to": 10_000, "step": 100}],
            "lot": 100,
            "minimum": 5_000_000,
            "fees": {"rate_bps": 500, "up_to_cent": false},
            "settlement": "Auto",
            "ends_at": null,
            "reference": null,
            "resolved": null,
            "group": null,
        });
        serde_json::from_value(spec).expect("a market")
    }

    /// The book of §14.5.
    fn moment(spec: &MarketSpec) -> Moment<'_> {
        let whole = Shares::from_whole;
        Moment {
            spec,
            at: Timestamp::from_seconds(1_700_000_000),
            bids: vec![(price(4_800), whole(30)), (price(4_900), whole(20))],
            asks: vec![(price(5_300), whole(60)), (price(5_200), Shares::from_micros(25_500_000))],
            last: Some(price(5_000)),
        }
    }

    #[test]
    fn the_hash_is_that_of_the_published_vector() {
        let spec = spec();
        let book = moment(&spec).book(Outcome::Yes);
        assert_eq!(book.hash, "ddc16e7181c00ac7f6ee16ea47fbfa8cfdae2be5");
        let text = String::from_utf8(Book { hash: String::new(), ..book }.json()).expect("UTF-8");
        let vector = r#"{"market":"0xbd31dc8a20211944f6b70f31557f1001557b59905b7738480ca09bd4532f84af","asset_id":"71321045679252212594626385532706912750332728571942532289631379312455583992563","timestamp":"1700000000000","hash":"","bids":[{"price":"0.48","size":"30"},{"price":"0.49","size":"20"}],"asks":[{"price":"0.53","size":"60"},{"price":"0.52","size":"25.5"}],"min_order_size":"5","tick_size":"0.01","neg_risk":false,"last_trade_price":"0.5"}"#;
        assert_eq!(text, vector);
    }

    #[test]
    fn the_other_outcome_has_the_mirrored_book_and_the_best_level_is_last_in_both() {
        let spec = spec();
        let book = Moment { last: Some(price(4_900)), ..moment(&spec) }.book(Outcome::No);
        let text = |levels: &[Level]| -> Vec<(String, String)> {
            levels.iter().map(|level| (level.price.clone(), level.size.clone())).collect()
        };
        let level = |price: &str, size: &str| (price.to_owned(), size.to_owned());
        assert_eq!(text(&book.bids), [level("0.47", "60"), level("0.48", "25.5")]);
        assert_eq!(text(&book.asks), [level("0.52", "30"), level("0.51", "20")]);
        assert_eq!((book.asset_id, book.last_trade_price.as_str()), (NO, "0.51"));
        assert_eq!(book.hash.len(), 40);
    }

    #[test]
    fn an_empty_book_that_never_traded_says_so_in_numbers() {
        let spec = spec();
        let empty = Moment { bids: Vec::new(), asks: Vec::new(), last: None, ..moment(&spec) };
        let book = empty.book(Outcome::Yes);
        assert_eq!((book.bids, book.asks, book.last_trade_price.as_str()), (vec![], vec![], "0.5"));
    }

    #[test]
    fn arrays_are_put_together_from_their_elements() {
        let elements: Vec<_> = ["{}", "1", "[]"].map(|text| Bytes::from_static(text.as_bytes())).into();
        for (number, text) in [(0, "[]"), (1, "[{}]"), (3, "[{},1,[]]")] {
            assert_eq!(array(&elements[..number]), text);
        }
    }

    #[test]
    fn a_token_is_a_number_of_at_most_256_bits() {
        for (text, is_one) in [
            (Some(YES), true),
            (Some("0"), true),
            (None, false),
            (Some(""), false),
            (Some("0x10"), false),
            (Some("-1"), false),
            (Some(&*"9".repeat(79)), false),
        ] {
            let query = WhichToken { token_id: text.map(str::to_owned), side: None };
            assert_eq!(query.token().ok(), text.filter(|_| is_one), "{text:?}");
        }
    }
}
