//! What markets amount to: who holds them, what stands behind them, what was traded on them (§10.1).

use super::super::auth::Anyone;
use super::super::call::{Answer, Call, Reply, endpoint};
use super::super::error::Failure;
use super::super::text::token;
use super::maths::{dollars, shares};
use super::params::{Markets, address_of, by_condition, decimal, of_events, whole};
use super::wire::{Holder, Who};
use crate::http::Endpoint;
use crate::service::Service;
use crate::service::history::Volumes;
use crate::types::{AccountId, MarketId, Outcome, Reject, Shares, Usd, Venue};
use actix_web::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use std::cmp::Reverse;

/// Holders of an outcome, usually and at most.
const HOLDERS_MAX: usize = 20;
/// The fewest shares of a holder that is shown where nothing is said.
const BALANCE: i64 = 1_000_000;
/// Markets in one question at most.
pub(super) const MARKETS_MAX: usize = 20;
/// All markets together.
const GLOBAL: &str = "GLOBAL";

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/holders", get_holders),
        endpoint(Method::GET, "/oi", get_open_interest),
        endpoint(Method::GET, "/live-volume", get_volume),
    ]
}

/// The markets with the condition ids that a parameter names, not too many.
pub(super) fn named_markets(call: &Call<Anyone>, name: &str) -> Result<Vec<MarketId>, Failure> {
    let ids = call.all(name);
    if ids.len() > MARKETS_MAX {
        return Err(Failure::bad_request(format!("at most {MARKETS_MAX} markets")));
    }
    let catalog = call.service.catalog();
    Ok(ids.iter().filter_map(|id| by_condition(&catalog, id)).collect())
}

/// Who holds an outcome of a market, the largest first: at most so many, each with at least so many shares.
pub(super) async fn largest_holders(
    service: &Service,
    market: MarketId,
    (most, least): (usize, Shares),
) -> Result<[Vec<(AccountId, Shares)>; 2], Reject> {
    let all = service.holders(market).await?;
    Ok(Outcome::BOTH.map(|outcome| largest(&all, outcome, (most, least))))
}

fn largest(
    all: &[(AccountId, [Shares; 2])],
    outcome: Outcome,
    (most, least): (usize, Shares),
) -> Vec<(AccountId, Shares)> {
    let of = all.iter().map(|(account, held)| (*account, held[outcome.position()]));
    let mut of: Vec<_> = of.filter(|(_, held)| held.is_positive() && *held >= least).collect();
    of.sort_by_key(|(account, held)| (Reverse(*held), *account));
    of.truncate(most);
    of
}

#[derive(Deserialize)]
struct Balances {
    limit: Option<String>,
    #[serde(rename = "minBalance")]
    least: Option<String>,
}

async fn get_holders(call: Call<Anyone>) -> Answer {
    let query: Balances = call.query()?;
    let markets = named_markets(&call, "market")?;
    let most = whole("limit", query.limit.as_deref())?.unwrap_or(HOLDERS_MAX).min(HOLDERS_MAX);
    let least = Shares::from_micros(decimal("minBalance", query.least.as_deref())?.unwrap_or(BALANCE));
    let catalog = call.service.catalog();
    let mut shown = Vec::new();
    for market in markets {
        let Some(spec) = catalog.get(market) else { continue };
        let holders = largest_holders(&call.service, market, (most, least)).await?;
        for (outcome, held) in Outcome::BOTH.into_iter().zip(holders) {
            let asset = token(spec, outcome);
            let row = |(account, amount): (AccountId, Shares)| Holder {
                proxy_wallet: address_of(&call.service, account),
                asset: asset.to_owned(),
                amount: shares(amount),
                outcome_index: outcome.position(),
                display_username_public: false,
                verified: false,
                who: Who::default(),
            };
            let holders: Vec<_> = held.into_iter().map(row).collect();
            shown.push(json!({"token": asset, "holders": holders}));
        }
    }
    Ok(Reply::json(&shown))
}

/// What stands behind some markets, or behind all of them together.
pub(super) async fn open_interest(
    service: &Service,
    markets: Option<Vec<MarketId>>,
) -> Result<Vec<(String, Usd)>, Reject> {
    let catalog = service.catalog();
    let listed = |market: &MarketId| catalog.get(*market).is_some_and(|spec| spec.venue == Venue::Polymarket);
    let Some(markets) = markets else {
        let all = catalog.iter().map(|(market, _)| market).filter(listed).collect();
        let backing = service.backing(all).await?;
        return Ok(vec![(GLOBAL.to_owned(), backing.values().map(|one| one.pairs.face_value()).sum())]);
    };
    let backing = service.backing(markets.clone()).await?;
    let row = |market: &MarketId| {
        let pairs = backing.get(market)?.pairs;
        Some((catalog.get(*market)?.facts.condition_id.clone(), pairs.face_value()))
    };
    Ok(markets.iter().filter_map(row).collect())
}

/// The markets that a question about open interest names; none for all of them together.
pub(super) fn named_or_all(call: &Call<Anyone>, name: &str) -> Result<Option<Vec<MarketId>>, Failure> {
    if call.all(name).is_empty() { Ok(None) } else { named_markets(call, name).map(Some) }
}

async fn get_open_interest(call: Call<Anyone>) -> Answer {
    let markets = named_or_all(&call, "market")?;
    let rows = open_interest(&call.service, markets).await?;
    let row = |(market, value): &(String, Usd)| json!({"market": market, "value": dollars(*value)});
    Ok(Reply::json(&rows.iter().map(row).collect::<Vec<Value>>()))
}

async fn get_volume(call: Call<Anyone>) -> Answer {
    let ids = call.all("id").iter().map(|id| id.parse()).collect::<Result<Vec<u32>, _>>();
    let ids = ids.map_err(|_| Failure::bad_request("invalid id"))?;
    let catalog = call.service.catalog();
    let markets = Markets::These(of_events(&catalog, &ids));
    let specs = catalog.iter().filter(|(market, _)| markets.include(*market));
    let volumes = call.service.volumes(specs.map(|(market, spec)| (market, &**spec))).await;
    let row = |(market, volume): (&MarketId, &Volumes)| {
        let spec = catalog.get(*market)?;
        Some(json!({"market": spec.facts.condition_id, "value": dollars(volume.total)}))
    };
    let total: Usd = volumes.values().map(|volume| volume.total).sum();
    let rows: Vec<Value> = volumes.iter().filter_map(row).collect();
    Ok(Reply::json(&json!([{"total": dollars(total), "markets": rows}])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_holders_come_first_and_small_ones_not_at_all() {
        let held = |account, yes, no| (AccountId(account), [Shares::from_whole(yes), Shares::from_whole(no)]);
        let all = [held(1, 5, 0), held(2, 50, 1), held(3, 0, 7), held(4, 50, 0)];
        let of = |outcome, most, least| -> Vec<u32> {
            let largest = largest(&all, outcome, (most, Shares::from_whole(least)));
            largest.into_iter().map(|(account, _)| account.0).collect()
        };
        assert_eq!(of(Outcome::Yes, 20, 1), [2, 4, 1]);
        assert_eq!(of(Outcome::Yes, 1, 1), [2]);
        assert_eq!(of(Outcome::Yes, 20, 6), [2, 4]);
        assert_eq!(of(Outcome::No, 20, 0), [3, 2]);
    }
}
