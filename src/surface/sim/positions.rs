//! What is done on a chain elsewhere (polymarket-clob.md §7.7): pairs made and given back, groups' shares converted,
//! winnings taken. Each with the caller's own credential: a PolySimulator key, or a request signed with a wallet's key.

use super::{Answer, Failure, parse, respond, service};
use crate::http::{self, Endpoint, header};
use crate::service::callers::MayTrade;
use crate::service::conversions::Conversion;
use crate::service::wallet_keys::SignedRequest;
use crate::service::{Catalog, Purse, Service};
use crate::types::{MarketId, Reject, Shares, parse_scaled};
use actix_web::http::Method;
use actix_web::web::{self, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

/// Markets that one conversion may name: more than any event has.
const MARKETS_MAX: usize = 256;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let post = |path, handler: fn(HttpRequest, Payload, Verb) -> Answering, verb| {
        Endpoint::new(Method::POST, path, move || {
            web::post().to(move |request: HttpRequest, payload: Payload| handler(request, payload, verb))
        })
    };
    let handler: fn(HttpRequest, Payload, Verb) -> Answering =
        |request, payload, verb| Box::pin(post_position(request, payload, verb));
    vec![
        post("/sim/positions/split", handler, Verb::Split),
        post("/sim/positions/merge", handler, Verb::Merge),
        post("/sim/positions/redeem", handler, Verb::Redeem),
        post("/sim/positions/convert", handler, Verb::Convert),
    ]
}

type Answering = http::Answering;

#[derive(Clone, Copy, Debug)]
enum Verb {
    Split,
    Merge,
    Redeem,
    Convert,
}

#[derive(Deserialize)]
struct Wanted {
    /// A condition id.
    market: Option<String>,
    /// Condition ids, of a conversion.
    markets: Option<Vec<String>>,
    /// Shares, or pairs of them, as a decimal.
    amount: Option<Value>,
    /// Which of a wallet's purses is meant.
    #[serde(default)]
    signature_type: u8,
}

async fn post_position(request: HttpRequest, payload: Payload, verb: Verb) -> HttpResponse {
    let answer = async {
        let body = http::body(payload).await;
        let body = body.map_err(|_| Failure::new(413, "the body can't be read or is too large"))?;
        let service = service(&request);
        let who = who(&request, &service, &body)?;
        let wanted: Wanted = parse(&body)?;
        let permit = permit(&service, &who, wanted.signature_type)?;
        let conversion = conversion(&service.catalog(), verb, &wanted)?;
        let dollars = service.convert(&permit, conversion).await?;
        Ok(json!({"dollars": dollars.plain()}))
    };
    let answer: Answer = answer.await;
    respond(&request, answer)
}

/// Who asks, and with which kind of credential.
enum Who {
    Key(crate::service::Caller),
    Wallet(crate::service::Caller),
}

fn who(request: &HttpRequest, service: &Service, body: &[u8]) -> Result<Who, Failure> {
    let refused = || Failure::new(401, "send your API key in X-API-Key, or sign the request with a CLOB key");
    if let Some(key) = header(request, "x-api-key") {
        return service.authenticate_key(key).map(Who::Key).map_err(|_| refused());
    }
    let text = |name| header(request, name).ok_or_else(refused);
    let signed = SignedRequest {
        address: text("poly_address")?,
        signature: text("poly_signature")?,
        timestamp: text("poly_timestamp")?,
        key: text("poly_api_key")?,
        passphrase: text("poly_passphrase")?,
        method: request.method().as_str(),
        path: request.path(),
        body,
    };
    service.authenticate_request(&signed).map(Who::Wallet).ok_or_else(refused)
}

fn permit(service: &Service, who: &Who, signature_type: u8) -> Result<MayTrade, Failure> {
    let (caller, purse) = match who {
        Who::Key(caller) => (caller, Purse::Polymarket),
        Who::Wallet(caller) => (caller, service.purse_for(caller, signature_type)?),
    };
    service.may_trade(caller, purse).map_err(|failure| Reject::from(failure).into())
}

fn conversion(catalog: &Catalog, verb: Verb, wanted: &Wanted) -> Result<Conversion, Failure> {
    let find = |id: &str| catalog.by_condition(id).ok_or_else(|| Failure::from(Reject::MarketNotFound));
    let market = || {
        let id = wanted.market.as_deref();
        find(id.ok_or_else(|| Failure::new(400, "market must be a condition id"))?)
    };
    Ok(match verb {
        Verb::Split => Conversion::Split(market()?, amount(wanted)?),
        Verb::Merge => Conversion::Merge(market()?, amount(wanted)?),
        Verb::Redeem => Conversion::Redeem(market()?),
        Verb::Convert => {
            let ids = wanted.markets.as_deref().unwrap_or_default();
            if ids.is_empty() || ids.len() > MARKETS_MAX {
                let error = format!("markets must be 1 to {MARKETS_MAX} condition ids of one event");
                return Err(Failure::new(400, error));
            }
            let markets: Vec<MarketId> = ids.iter().map(|id| find(id)).collect::<Result<_, _>>()?;
            Conversion::Convert(markets, amount(wanted)?)
        }
    })
}

/// A number of shares, as a number or as its text.
fn amount(wanted: &Wanted) -> Result<Shares, Failure> {
    let text = match &wanted.amount {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => String::new(),
    };
    let micros = parse_scaled(&text, 6).map_err(|error| Failure::new(400, format!("amount {error}")))?;
    Ok(Shares::from_micros(micros))
}
