//! What an account holds and did: `/positions`, `/fills`, `/balance`, `/ping`, `/user-activity` (§§6.8, 7.6 to 7.9).

use super::auth::Asker;
use super::call::{Answer, Call, Reply, endpoint};
use super::credentials::given;
use super::error::{Failure, shown};
use super::order_wire;
use super::params::{flag, limit};
use super::selector::{Exchange, exchange_of, market_filter};
use super::text::{label, native_id, number, price, shares, token, usd};
use crate::http::Endpoint;
use crate::service::accounts::{Held, Portfolio};
use crate::service::callers::MayRead;
use crate::service::history::FillFilter;
use crate::types::{Address, Reject, Usd, Venue, format_scaled};
use actix_web::http::Method;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Everything that a wallet may be asked to allow: no order here needs less.
const ALLOWANCE: &str = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
/// Exchanges that are asked about an address unless others are named (§6.8).
const WITH_ADDRESSES: [&str; 4] = ["polymarket", "opinion", "limitless", "predictfun"];

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/positions", get_positions),
        endpoint(Method::GET, "/fills", get_fills),
        endpoint(Method::GET, "/balance", get_balance),
        endpoint(Method::GET, "/ping", get_ping),
        endpoint(Method::GET, "/user-activity", get_user_activity),
    ]
}

/// The account that a request may see on the venue that it names.
async fn seen(call: &Call<Asker>, venue: Venue) -> Result<MayRead, Failure> {
    let given = given(call, venue, None)?;
    Ok(call.service.may_read_venue(&call.who.0, venue, given.as_ref()).await?)
}

async fn portfolio(call: &Call<Asker>, permit: &MayRead) -> Result<Portfolio, Failure> {
    let all = call.service.portfolios(permit).await?;
    all.into_iter().next().ok_or_else(|| Reject::AccountNotFound.into())
}

/// §7.6.
#[derive(Serialize)]
struct PositionWire<'a> {
    market_id: &'a str,
    outcome: &'a str,
    size: Value,
    average_price: Value,
    current_price: Value,
}

impl<'a> PositionWire<'a> {
    fn of(held: &'a Held) -> Self {
        let average = average_price(held);
        Self {
            market_id: native_id(&held.spec),
            outcome: label(&held.spec, held.outcome),
            size: shares(held.holding.shares),
            current_price: held.mark.map_or_else(|| average.clone(), price),
            average_price: average,
        }
    }
}

/// What a share that is still held has cost, to the millionth of a dollar.
fn average_price(held: &Held) -> Value {
    let (cost, held) = (i128::from(held.holding.cost.micros()), i128::from(held.holding.shares.micros()));
    let average = (cost * 1_000_000).checked_div(held).and_then(|micros| i64::try_from(micros).ok());
    number(&format_scaled(average.unwrap_or_default(), 6, 0))
}

async fn get_positions(call: Call<Asker>) -> Answer {
    let venue = exchange_of(&call)?.trades()?;
    let permit = seen(&call, venue).await?;
    let market = market_filter(&call, &call.service, venue)?;
    let portfolio = portfolio(&call, &permit).await?;
    let held = portfolio.held.iter().filter(|held| market.is_none_or(|market| held.market == market));
    Ok(Reply::json(&held.map(PositionWire::of).collect::<Vec<_>>()))
}

async fn get_fills(call: Call<Asker>) -> Answer {
    let exchange = exchange_of(&call)?;
    let limit = u32::try_from(limit(&call, "limit", 100, 500)?).unwrap_or(u32::MAX);
    let venue = exchange.trades()?;
    let permit = seen(&call, venue).await?;
    let markets = market_filter(&call, &call.service, venue)?.into_iter().collect();
    let filter = FillFilter { markets, limit, ..FillFilter::default() };
    let rows = call.service.fills(&permit, filter).await?;
    let catalog = call.service.catalog();
    let fills = rows.iter().filter_map(|row| Some(order_wire::fill(row, catalog.get(row.market)?)));
    Ok(Reply::json(&fills.collect::<Vec<_>>()))
}

async fn get_balance(call: Call<Asker>) -> Answer {
    let exchange = exchange_of(&call)?;
    // Nothing is cached here that it could refresh.
    flag(&call, "refresh")?;
    let venue = exchange.trades()?;
    let permit = seen(&call, venue).await?;
    let cash = portfolio(&call, &permit).await?.available();
    Ok(Reply::json(&json!({"raw": match venue {
        Venue::Polymarket => json!({"balance": cash.micros().to_string(), "allowance": ALLOWANCE}),
        Venue::Kalshi => json!({"balance": cents(cash)}),
    }})))
}

/// Whole cents, rounded down.
fn cents(cash: Usd) -> i64 {
    cash.micros().div_euclid(10_000)
}

async fn get_ping(call: Call<Asker>) -> Answer {
    let asked = match call.query("exchange") {
        Some(id) => vec![Exchange::named(&id)?],
        None => Venue::ALL.map(Exchange::Venue).to_vec(),
    };
    let Call { who: Asker(customer), service, .. } = &call;
    let linked = service.linked_venues(customer)?;
    let mut all = Vec::new();
    for exchange in asked {
        let (id, has_credentials, authenticated) = match exchange {
            Exchange::DataOnly(id) => (id, false, false),
            Exchange::Venue(venue) => {
                (venue.name(), linked.contains(&venue), service.is_known_to(customer, venue)?)
            }
        };
        all.push(json!({
            "exchange": id,
            "has_credentials": has_credentials,
            "authenticated": authenticated,
            "message": if authenticated { "authenticated" } else { "not authenticated" },
        }));
    }
    Ok(Reply::json(&all))
}

async fn get_user_activity(call: Call<Asker>) -> Answer {
    let address = call.query("address").ok_or_else(|| Failure::missing("address parameter is required"))?;
    let most = limit(&call, "limit", 100, 500)?;
    let asked = call.list("exchanges").unwrap_or_else(|| WITH_ADDRESSES.map(str::to_owned).to_vec());
    let (mut exchanges, mut status) = (Map::new(), Map::new());
    for exchange in asked.into_iter().take(20) {
        let found = match Exchange::named(&exchange) {
            Ok(Exchange::Venue(Venue::Polymarket)) => on_chain(&call, &address, most).await,
            Ok(Exchange::Venue(Venue::Kalshi)) => Err("kalshi does not support user activity".to_owned()),
            Ok(Exchange::DataOnly(id)) => Err(format!("{id} is not simulated here")),
            Err(failure) => Err(failure.error),
        };
        let name = shown(&exchange);
        match found {
            Ok(found) => {
                exchanges.insert(name.clone(), found);
                status.insert(name, json!({"success": true}));
            }
            Err(error) => {
                status.insert(name, json!({"success": false, "error": error}));
            }
        }
    }
    Ok(Reply::json(&json!({"exchanges": exchanges, "status": status})))
}

/// What everyone may see of a wallet. Of one that nobody has there is nothing to see.
async fn on_chain(call: &Call<Asker>, address: &str, most: usize) -> Result<Value, String> {
    let address: Address = address.parse().map_err(|_| "address is not valid".to_owned())?;
    let Some(permit) = call.service.wallet_on_chain(address) else {
        return Ok(json!({"positions": [], "value": {"user": address.to_string(), "value": 0}}));
    };
    let all = call.service.portfolios(&permit).await.map_err(|reject| reject.to_string())?;
    let held = all.iter().flat_map(|portfolio| &portfolio.held);
    let value: Usd = held.clone().map(Held::value).sum();
    let positions: Vec<_> = held.take(most).map(|held| on_chain_position(held, address)).collect();
    Ok(json!({"positions": positions, "value": {"user": address.to_string(), "value": usd(value)}}))
}

/// A position as Polymarket's own data shows it.
fn on_chain_position(held: &Held, address: Address) -> Value {
    let facts = &held.spec.facts;
    json!({
        "proxyWallet": address.to_string(),
        "asset": token(&held.spec, held.outcome),
        "conditionId": facts.condition_id,
        "size": shares(held.holding.shares),
        "avgPrice": average_price(held),
        "curPrice": held.mark.map(price),
        "initialValue": usd(held.holding.cost),
        "currentValue": usd(held.value()),
        "title": facts.question,
        "slug": facts.slug,
        "outcome": label(&held.spec, held.outcome),
        "outcomeIndex": held.outcome.position(),
    })
}
