//! What callers send, made into wishes the service understands (§11.1, §12.1). Nothing past here reads their text.

use super::error::Failure;
use crate::service::orders::Wish;
use crate::service::{Catalog, MarketSpec, markets::tick_of, orders};
use crate::types::{
    AccountId, DecimalError, MarketId, NewOrder, OrderId, OrderKind, Outcome, Price, Reject, Shares, Side,
    Size, Terms, TimeInForce, Timestamp, Usd, parse_scaled, parse_truncated,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;

/// This service's terms: no smallest dollar size, any future expiry, dust may be sold (§18.6).
pub(super) const TERMS: Terms = Terms::PLAIN;

/// Members of a JSON object as they were written, so that every one gets an error of its own.
type Raw<'a> = Option<&'a RawValue>;

/// §11.1 as sent.
#[derive(Debug, Deserialize)]
pub(super) struct NativeOrder<'a> {
    #[serde(borrow)]
    market_id: Raw<'a>,
    side: Raw<'a>,
    outcome: Raw<'a>,
    quantity: Raw<'a>,
    amount: Raw<'a>,
    order_type: Raw<'a>,
    price: Raw<'a>,
    time_in_force: Raw<'a>,
    client_order_id: Raw<'a>,
    expiration: Raw<'a>,
    post_only: Raw<'a>,
    wallet_id: Raw<'a>,
}

/// A parsed order with what its answer repeats.
#[derive(Clone, Debug)]
pub(super) struct Parsed {
    pub(super) wish: Wish,
    pub(super) spec: Arc<MarketSpec>,
    pub(super) wallet: Option<i64>,
    /// What the answer calls `client_order_id`.
    pub(super) client_order_id: Option<String>,
}

/// A JSON body of a known shape. What is not JSON is 400, what is JSON of another shape 422, naming the member.
pub(super) fn json<'a, Body: Deserialize<'a>>(body: &'a [u8]) -> Result<Body, Failure> {
    serde_json::from_slice(body)
        .map_err(|error| if error.is_data() { shape_failure::<Body>(body) } else { Failure::not_json(error) })
}

/// Which member is not what it should be. Read a second time, because the first does not tell.
fn shape_failure<'a, Body: Deserialize<'a>>(body: &'a [u8]) -> Failure {
    let mut again = serde_json::Deserializer::from_slice(body);
    let Err(error) = serde_path_to_error::deserialize::<_, Body>(&mut again) else {
        return Failure::wrong_body("of the documented shape");
    };
    let (path, text) = (error.path().to_string(), error.inner().to_string());
    let reason = text.split(" at line ").next().unwrap_or_default();
    if let Some(member) = reason.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        return Failure::invalid(member, "Field required");
    }
    Failure::invalid(if path == "." { "body" } else { &path }, reason)
}

/// A body that may be left out: nothing and blanks are an empty object.
pub(super) fn optional_json<'a, Body: Deserialize<'a>>(body: &'a [u8]) -> Result<Body, Failure> {
    object(if body.trim_ascii().is_empty() { b"{}" } else { body })
}

/// As [`json`], for a shape with members. A list would pass for one, its entries for the members in their order.
pub(super) fn object<'a, Body: Deserialize<'a>>(body: &'a [u8]) -> Result<Body, Failure> {
    if body.trim_ascii_start().first() == Some(&b'{') {
        return json(body);
    }
    json::<&RawValue>(body)?;
    Err(Failure::wrong_body("an object"))
}

/// One entry of a list in a body, which must have members.
pub(super) fn entry<'a, Body: Deserialize<'a>>(raw: &'a RawValue) -> Result<Body, Failure> {
    if raw.get().starts_with('{') {
        return json(raw.get().as_bytes());
    }
    Err(Failure::invalid("orders", "must be objects"))
}

impl NativeOrder<'_> {
    /// The wish behind it. `header` is the `Idempotency-Key`.
    pub(super) fn parse(&self, catalog: &Catalog, header: Option<&str>) -> Result<Parsed, Failure> {
        let id = required(self.market_id, "market_id", 256)?;
        let side = side(&required(self.side, "side", 8)?)?;
        let label = required(self.outcome, "outcome", 200)?;
        let kind =
            match text(self.order_type, "order_type", 16)?.as_deref().map(str::to_ascii_lowercase).as_deref()
            {
                None | Some("market") => OrderKind::Market,
                Some("limit") => OrderKind::Limit,
                Some(_) => return Err(Failure::invalid("order_type", "must be 'market' or 'limit'")),
            };
        let tif = self.time_in_force(kind)?;
        let post_only = flag(self.post_only, "post_only")?;
        let client_order_id = text(self.client_order_id, "client_order_id", 256)?.map(Cow::into_owned);
        let wallet = integer(self.wallet_id, "wallet_id")?;
        let (market, spec) = tradable_market(catalog, &id)?;
        let outcome = outcome(&spec, &label)?;
        let size = self.size(side, kind)?;
        let limit = self.limit(kind, side, &spec)?;
        let order = NewOrder {
            account: AccountId::default(),
            market,
            outcome,
            side,
            kind,
            size,
            limit,
            tif,
            post_only,
            terms: TERMS,
        };
        Ok(Parsed { wallet, ..parsed(order, spec, header, client_order_id) })
    }

    fn time_in_force(&self, kind: OrderKind) -> Result<TimeInForce, Failure> {
        let given = text(self.time_in_force, "time_in_force", 8)?.map(|tif| tif.to_ascii_uppercase());
        match (given.as_deref(), kind) {
            (None | Some("GTC"), OrderKind::Limit) => Ok(TimeInForce::Gtc),
            // A market order can't rest: GTC is executed as FOK (§18.4).
            (None | Some("GTC" | "FOK"), OrderKind::Market) | (Some("FOK"), OrderKind::Limit) => {
                Ok(TimeInForce::Fok)
            }
            (Some("FAK" | "IOC"), _) => Ok(TimeInForce::Ioc),
            (Some("GTD"), OrderKind::Limit) => expiration(self.expiration).map(TimeInForce::Gtd),
            (Some("GTD"), OrderKind::Market) => {
                Err(Failure::new(400, "VALIDATION_FAILED", "time_in_force GTD needs a limit order"))
            }
            (Some(_), _) => Err(Failure::invalid("time_in_force", "must be one of GTC, GTD, FOK, FAK, IOC")),
        }
    }

    fn size(&self, side: Side, kind: OrderKind) -> Result<Size, Failure> {
        match (decimal(self.quantity, "quantity")?, decimal(self.amount, "amount")?) {
            (Some(_), Some(_)) => Err(bad_request("Specify either quantity or amount, not both")),
            (Some(quantity), None) => shares(&quantity, "quantity").map(Size::Shares),
            (None, Some(amount)) => {
                if side != Side::Buy || kind != OrderKind::Market {
                    return Err(bad_request("amount is only for market BUY orders; use quantity"));
                }
                let micros = parse_truncated(&amount, 6).map_err(|error| decimal_failure("amount", error))?;
                Ok(Size::Dollars(Usd::from_micros(micros)))
            }
            (None, None) => Err(Failure::invalid("quantity", "Field required")),
        }
    }

    fn limit(&self, kind: OrderKind, side: Side, spec: &MarketSpec) -> Result<Price, Failure> {
        let given = decimal(self.price, "price")?;
        match kind {
            OrderKind::Market => {
                let missing =
                    || Failure::new(400, "PRICE_REQUIRED", "price (the worst acceptable price) is required");
                worst_price(&given.ok_or_else(missing)?, side)
            }
            OrderKind::Limit => {
                let given = given.ok_or_else(|| Failure::invalid("price", "Field required"))?;
                limit_price(&given, spec)
            }
        }
    }
}

/// A wish with its claim. The canonical body is the order as it was understood, not as it was spelled; it is
/// written for an order that claims something only, because few do.
fn parsed(
    order: NewOrder,
    spec: Arc<MarketSpec>,
    header: Option<&str>,
    client_order_id: Option<String>,
) -> Parsed {
    let header = header.filter(|key| !key.is_empty());
    let claim = if header.is_some() || client_order_id.is_some() {
        let canonical = format!("{order:?}{client_order_id:?}");
        orders::claim(header, client_order_id.as_deref(), canonical.as_bytes())
    } else {
        None
    };
    let shown = client_order_id.clone().or_else(|| header.map(str::to_owned));
    Parsed {
        wish: Wish { order, claim, client_order_id, signed: None },
        spec,
        wallet: None,
        client_order_id: shown,
    }
}

/// A market of this service: Kalshi's are not shown here.
pub(super) fn tradable_market(catalog: &Catalog, id: &str) -> Result<(MarketId, Arc<MarketSpec>), Failure> {
    let market = catalog.by_condition(id).ok_or_else(Failure::market_not_found)?;
    let spec = catalog.get(market).ok_or_else(Failure::market_not_found)?;
    if spec.venue == crate::types::Venue::Polymarket {
        Ok((market, Arc::clone(spec)))
    } else {
        Err(Failure::market_not_found())
    }
}

/// A market and outcome by token id.
pub(super) fn token_market(catalog: &Catalog, token: &str) -> Option<(MarketId, Outcome, Arc<MarketSpec>)> {
    let (market, outcome) = catalog.by_token(token)?;
    Some((market, outcome, Arc::clone(catalog.get(market)?)))
}

/// An outcome by its label, in any case; `YES` and `NO` mean the first and the second everywhere (§11.1).
pub(super) fn outcome(spec: &MarketSpec, label: &str) -> Result<Outcome, Failure> {
    let named = Outcome::BOTH
        .into_iter()
        .find(|outcome| spec.facts.labels[outcome.position()].eq_ignore_ascii_case(label));
    named
        .or_else(|| label.eq_ignore_ascii_case("yes").then_some(Outcome::Yes))
        .or_else(|| label.eq_ignore_ascii_case("no").then_some(Outcome::No))
        .ok_or_else(|| bad_request(format!("outcome must be one of {}", spec.facts.labels.join(", "))))
}

pub(super) fn side(text: &str) -> Result<Side, Failure> {
    match text.to_ascii_uppercase().as_str() {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        _ => Err(Failure::invalid("side", "must be 'BUY' or 'SELL'")),
    }
}

/// A price to rest at: strictly inside (0, 1); the exchange checks the tick, unless the text is finer than
/// any price.
pub(super) fn limit_price(text: &str, spec: &MarketSpec) -> Result<Price, Failure> {
    match Price::parse(text) {
        Ok(price) => Ok(price),
        Err(DecimalError::TooPrecise) => {
            let units = parse_truncated(text, 4).map_err(|error| decimal_failure("price", error))?;
            let inside = (0..i64::from(Price::DOLLAR)).contains(&units);
            let tick = tick_of(spec);
            if inside {
                let refused: Failure = Reject::OffTick { price: Price::clamped(units), tick }.into();
                let message = format!(
                    "Price {text} breaks minimum tick size rule: {}. Round to the nearest multiple.",
                    tick.plain()
                );
                return Err(Failure { message, ..refused });
            }
            Err(outside())
        }
        Err(DecimalError::OutOfRange) => Err(outside()),
        Err(error @ DecimalError::Malformed) => Err(decimal_failure("price", error)),
    }
}

fn outside() -> Failure {
    Failure::invalid("price", "must be strictly between 0 and 1")
}

/// The worst price to accept: anything in [0, 1], rounded against the taker (design §3).
fn worst_price(text: &str, side: Side) -> Result<Price, Failure> {
    let units = parse_truncated(text, 4).map_err(|error| decimal_failure("price", error))?;
    let is_exact = parse_scaled(text, 4).is_ok();
    let beyond = units > 10_000 || (units == 10_000 && !is_exact) || units < 0 || text.starts_with('-');
    if beyond {
        return Err(Failure::invalid("price", "must be between 0 and 1"));
    }
    let up = i64::from(side == Side::Sell && !is_exact);
    Ok(Price::clamped(units + up))
}

/// Shares from a decimal; more than four decimals are cut off (§18.6).
pub(super) fn shares(text: &str, field: &str) -> Result<Shares, Failure> {
    let units = parse_truncated(text, 4).map_err(|error| decimal_failure(field, error))?;
    let micros = units.checked_mul(100).ok_or_else(|| decimal_failure(field, DecimalError::OutOfRange))?;
    Ok(Shares::from_micros(micros))
}

/// Unix seconds, as a string or a number. Anything else is no expiration.
fn expiration(raw: Raw<'_>) -> Result<Timestamp, Failure> {
    let wrong =
        || Failure::new(400, "INVALID_ORDER_EXPIRATION", "Expiration must be a unix timestamp in the future");
    let text = decimal(raw, "expiration").map_err(|_| wrong())?.ok_or_else(wrong)?;
    parse_scaled(&text, 0).map(Timestamp::from_seconds).map_err(|_| wrong())
}

/// An order id: all digits, or it names no order. Ids count from 1, so that none is beyond what a ledger holds.
pub(super) fn order_id(text: &str) -> Result<OrderId, Failure> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let id = digits.then(|| text.parse::<i64>().ok()).flatten().and_then(|id| u64::try_from(id).ok());
    id.map(OrderId).ok_or_else(Failure::order_not_found)
}

fn bad_request(message: impl Into<String>) -> Failure {
    Failure::new(400, "VALIDATION_FAILED", message)
}

fn decimal_failure(field: &str, error: DecimalError) -> Failure {
    Failure::invalid(field, &error.to_string())
}

fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}

/// A text of at most so many bytes.
pub(super) fn text<'a>(raw: Raw<'a>, field: &str, most: usize) -> Result<Option<Cow<'a, str>>, Failure> {
    let Some(raw) = raw.filter(|raw| !is_null(raw)) else { return Ok(None) };
    // Borrowed where nothing is escaped, which is almost always.
    let found = if let Ok(text) = serde_json::from_str::<&str>(raw.get()) {
        Cow::Borrowed(text)
    } else {
        let owned = serde_json::from_str::<String>(raw.get());
        Cow::Owned(owned.map_err(|_| Failure::invalid(field, "must be a string"))?)
    };
    if found.len() > most {
        return Err(Failure::invalid(field, &format!("must have at most {most} characters")));
    }
    Ok(Some(found))
}

fn required<'a>(raw: Raw<'a>, field: &str, most: usize) -> Result<Cow<'a, str>, Failure> {
    text(raw, field, most)?.ok_or_else(|| Failure::invalid(field, "Field required"))
}

/// A decimal, as a string or a number: its literal text, which nobody has made a float of.
pub(super) fn decimal<'a>(raw: Raw<'a>, field: &str) -> Result<Option<Cow<'a, str>>, Failure> {
    let Some(found) = raw.filter(|raw| !is_null(raw)) else { return Ok(None) };
    match found.get().as_bytes().first() {
        Some(b'"') => text(raw, field, 64),
        Some(b'-' | b'0'..=b'9') if found.get().len() <= 64 => Ok(Some(Cow::Borrowed(found.get()))),
        _ => Err(Failure::invalid(field, "must be a decimal number")),
    }
}

/// A token id, as a string or a number: about 77 digits, which nobody reads as a number.
fn token<'a>(raw: Raw<'a>, field: &str) -> Result<Option<Cow<'a, str>>, Failure> {
    match raw.map(RawValue::get) {
        Some(number) if number.len() <= 256 && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(Some(Cow::Borrowed(number)))
        }
        _ => text(raw, field, 256),
    }
}

fn integer(raw: Raw<'_>, field: &str) -> Result<Option<i64>, Failure> {
    let Some(text) = decimal(raw, field)? else { return Ok(None) };
    parse_scaled(&text, 0).map(Some).map_err(|_| Failure::invalid(field, "must be an integer"))
}

fn flag(raw: Raw<'_>, field: &str) -> Result<bool, Failure> {
    match raw.map(RawValue::get) {
        None | Some("null" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Failure::invalid(field, "must be a boolean")),
    }
}

/// §12.1 as sent.
#[derive(Debug, Deserialize)]
pub(super) struct PolymarketOrder<'a> {
    #[serde(borrow)]
    order: Option<Signed<'a>>,
    #[serde(rename = "orderType")]
    order_type: Raw<'a>,
    #[serde(rename = "postOnly")]
    post_only: Raw<'a>,
}

/// The part that a wallet signs; the signature is not looked at here.
#[derive(Debug, Deserialize)]
struct Signed<'a> {
    #[serde(rename = "tokenId", borrow)]
    token_id: Raw<'a>,
    #[serde(rename = "makerAmount")]
    maker_amount: Raw<'a>,
    #[serde(rename = "takerAmount")]
    taker_amount: Raw<'a>,
    side: Raw<'a>,
    expiration: Raw<'a>,
}

impl PolymarketOrder<'_> {
    /// The wish behind it: sizes and price from the two amounts (§12.1).
    pub(super) fn parse(&self, catalog: &Catalog, header: Option<&str>) -> Result<Parsed, Failure> {
        let wrong =
            |what: &str| Failure::new(400, "INVALID_ORDER_PAYLOAD", format!("Invalid order payload: {what}"));
        let order = self.order.as_ref().ok_or_else(|| wrong("order"))?;
        let token = token(order.token_id, "tokenId").ok().flatten().ok_or_else(|| wrong("tokenId"))?;
        let amount = |raw, field: &str| {
            let text = decimal(raw, field).ok().flatten().ok_or_else(|| wrong(field))?;
            parse_scaled(&text, 0).ok().filter(|amount| *amount > 0).ok_or_else(|| wrong(field))
        };
        let (maker, taker) =
            (amount(order.maker_amount, "makerAmount")?, amount(order.taker_amount, "takerAmount")?);
        let side = match decimal(order.side, "side").or_else(|_| text(order.side, "side", 8)) {
            Ok(Some(side)) if side == "0" => Side::Buy,
            Ok(Some(side)) if side == "1" => Side::Sell,
            Ok(Some(named)) => self::side(&named).map_err(|_| wrong("side"))?,
            Ok(None) | Err(_) => return Err(wrong("side")),
        };
        let tif = self.time_in_force(order, &wrong)?;
        let (dollars, quantity) = match side {
            Side::Buy => (maker, taker),
            Side::Sell => (taker, maker),
        };
        let (market, outcome, spec) = token_market(catalog, &token).ok_or_else(Failure::market_not_found)?;
        let limit = ratio(dollars, quantity, side, tif).ok_or_else(|| wrong("price"))?;
        let order = NewOrder {
            account: AccountId::default(),
            market,
            outcome,
            side,
            kind: OrderKind::Limit,
            size: Size::Shares(Shares::from_micros(quantity)),
            limit,
            tif,
            post_only: flag(self.post_only, "postOnly").map_err(|_| wrong("postOnly"))?,
            terms: TERMS,
        };
        Ok(parsed(order, spec, header, None))
    }

    fn time_in_force(
        &self,
        order: &Signed<'_>,
        wrong: &impl Fn(&str) -> Failure,
    ) -> Result<TimeInForce, Failure> {
        let given = text(self.order_type, "orderType", 8).map_err(|_| wrong("orderType"))?;
        match given.as_deref().map(str::to_ascii_uppercase).as_deref() {
            None | Some("GTC") => Ok(TimeInForce::Gtc),
            Some("FOK") => Ok(TimeInForce::Fok),
            Some("FAK" | "IOC") => Ok(TimeInForce::Ioc),
            Some("GTD") => expiration(order.expiration).map(TimeInForce::Gtd),
            Some(_) => Err(wrong("orderType")),
        }
    }
}

/// Dollars per share of two amounts. Rounding of the amounts themselves must not push a price off its tick, so
/// the nearest ten-thousandth is taken; an order that may not rest accepts nothing worse than it signed.
fn ratio(dollars: i64, shares: i64, side: Side, tif: TimeInForce) -> Option<Price> {
    let scaled = i128::from(dollars) * i128::from(Price::DOLLAR);
    let (whole, rest) = (scaled / i128::from(shares), scaled % i128::from(shares));
    let near = rest * 2 >= i128::from(shares);
    let units = match (tif.may_rest(), side) {
        (true, _) => whole + i128::from(near),
        (false, Side::Buy) => whole,
        (false, Side::Sell) => whole + i128::from(rest > 0),
    };
    u16::try_from(units).ok().and_then(Price::new)
}

/// §12.5, `POST /v1/clob/order`, as sent.
#[derive(Debug, Deserialize)]
pub(super) struct FlatOrder<'a> {
    #[serde(borrow)]
    token_id: Raw<'a>,
    side: Raw<'a>,
    price: Raw<'a>,
    size: Raw<'a>,
    quantity: Raw<'a>,
    order_type: Raw<'a>,
    client_order_id: Raw<'a>,
    expiration: Raw<'a>,
    post_only: Raw<'a>,
}

impl FlatOrder<'_> {
    pub(super) fn parse(&self, catalog: &Catalog, header: Option<&str>) -> Result<Parsed, Failure> {
        let token = token(self.token_id, "token_id")?
            .ok_or_else(|| Failure::invalid("token_id", "Field required"))?;
        let side = side(&required(self.side, "side", 8)?)?;
        let price =
            decimal(self.price, "price")?.ok_or_else(|| Failure::invalid("price", "Field required"))?;
        let size = match decimal(self.size, "size")? {
            Some(size) => size,
            None => decimal(self.quantity, "quantity")?
                .ok_or_else(|| Failure::invalid("size", "Field required"))?,
        };
        let tif = match text(self.order_type, "order_type", 8)?
            .as_deref()
            .map(str::to_ascii_uppercase)
            .as_deref()
        {
            None | Some("GTC") => TimeInForce::Gtc,
            Some("FOK") => TimeInForce::Fok,
            Some("GTD") => TimeInForce::Gtd(expiration(self.expiration)?),
            Some("IOC" | "FAK") => {
                return Err(Failure::new(
                    400,
                    "UNSUPPORTED_ORDER_TYPE",
                    "order_type must be GTC, FOK or GTD here",
                ));
            }
            Some(_) => return Err(Failure::invalid("order_type", "must be one of GTC, FOK, GTD")),
        };
        let client_order_id = text(self.client_order_id, "client_order_id", 256)?.map(Cow::into_owned);
        let (market, outcome, spec) = token_market(catalog, &token).ok_or_else(Failure::market_not_found)?;
        let order = NewOrder {
            account: AccountId::default(),
            market,
            outcome,
            side,
            kind: OrderKind::Limit,
            size: Size::Shares(shares(&size, "size")?),
            limit: limit_price(&price, &spec)?,
            tif,
            post_only: flag(self.post_only, "post_only")?,
            terms: TERMS,
        };
        Ok(parsed(order, spec, header, client_order_id))
    }
}
