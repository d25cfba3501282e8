//! Lists of markets, and one of them.

use super::super::auth::Anyone;
use super::super::call::{Answer, Call, Reply, endpoint};
use super::super::error::Failure;
use super::filters::Wanted;
use super::order::{Order, Place, market_key};
use super::rows::{Row, candidates, is_listed, row};
use super::tags::{self, Tag};
use super::wire::MarketPage;
use super::{cursor, params, to_wire};
use crate::http::Endpoint;
use crate::service::{MarketFacts, Service};
use crate::types::MarketId;
use actix_web::http::Method;
use serde::Deserialize;

/// Rows on a page that does not say how many.
pub(super) const PAGE: usize = 20;
/// Rows on a page by its offset at most: clients take a shorter page for the last one.
pub(super) const PAGE_MAX: usize = 500;
/// Rows on a page behind a cursor at most.
pub(super) const KEYSET_MAX: usize = 100;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/markets", get_markets),
        endpoint(Method::GET, "/markets/keyset", get_keyset),
        endpoint(Method::GET, "/markets/{id}", get_market),
        endpoint(Method::GET, "/markets/slug/{slug}", get_market_by_slug),
        endpoint(Method::GET, "/markets/{id}/tags", get_tags),
    ]
}

#[derive(Deserialize)]
struct Paging {
    limit: Option<String>,
    offset: Option<String>,
    ascending: Option<String>,
    after_cursor: Option<String>,
}

/// The order that a call wants, whose fields come in one parameter or in several.
fn order(call: &Call<Anyone>, ascending: Option<&str>) -> Result<Order, Failure> {
    Order::read(Some(&call.all("order").join(",")), ascending)
}

/// A part of a list by its offset.
pub(super) struct Stretch {
    pub(super) order: Order,
    pub(super) limit: usize,
    pub(super) offset: usize,
}

/// A part of a list behind a cursor.
pub(super) struct Behind {
    pub(super) order: Order,
    limit: usize,
    after: Option<Place>,
}

impl Stretch {
    pub(super) fn read(call: &Call<Anyone>) -> Result<Self, Failure> {
        let paging: Paging = call.query()?;
        Ok(Self {
            order: order(call, paging.ascending.as_deref())?,
            limit: params::limit(paging.limit.as_deref(), PAGE, PAGE_MAX)?,
            offset: params::whole("offset", paging.offset.as_deref())?.unwrap_or(0),
        })
    }

    /// What of a list is in it.
    pub(super) fn of<Item>(&self, all: Vec<(Place, Item)>) -> Vec<Item> {
        all.into_iter().skip(self.offset).take(self.limit).map(|(_, item)| item).collect()
    }
}

impl Behind {
    pub(super) fn read(call: &Call<Anyone>) -> Result<Self, Failure> {
        let paging: Paging = call.query()?;
        if paging.offset.is_some() {
            return Err(params::invalid("offset is not supported, use after_cursor"));
        }
        let after = paging.after_cursor.as_deref().filter(|text| !text.is_empty());
        let after =
            after.map(|text| cursor::read(text).ok_or_else(|| params::invalid("after_cursor is not valid")));
        Ok(Self {
            order: order(call, paging.ascending.as_deref())?,
            // A page of nothing would never end.
            limit: params::limit(paging.limit.as_deref(), PAGE, KEYSET_MAX)?.max(1),
            after: after.transpose()?,
        })
    }

    /// What of a list is in it, and the cursor of what follows, if anything does.
    pub(super) fn of<Item>(&self, all: Vec<(Place, Item)>) -> (Vec<Item>, Option<String>) {
        let mut rest = match &self.after {
            None => all,
            Some(place) => self.order.behind(all, place),
        };
        let has_more = rest.len() > self.limit;
        rest.truncate(self.limit);
        let next = rest.last().filter(|_| has_more).map(|(place, _)| cursor::write(place));
        (rest.into_iter().map(|(_, item)| item).collect(), next)
    }
}

/// The markets that a call wants, in an order.
async fn wanted(call: &Call<Anyone>, order: &Order) -> Result<Vec<(Place, Row)>, Failure> {
    // Without a word on it, those that are over are not meant (§9).
    let wanted = Wanted::read(call, Some(false))?;
    let mut rows = candidates(&call.service, wanted.closed).await?;
    rows.retain(|row| wanted.includes_market(row));
    Ok(order.sorted(rows, market_key, |row| row.ticker.market))
}

async fn get_markets(call: Call<Anyone>) -> Answer {
    let stretch = Stretch::read(&call)?;
    let rows = stretch.of(wanted(&call, &stretch.order).await?);
    let now = call.service.now();
    let shown: Vec<_> = rows.iter().map(|row| to_wire::market(row, now)).collect();
    Ok(Reply::json(&shown))
}

async fn get_keyset(call: Call<Anyone>) -> Answer {
    let behind = Behind::read(&call)?;
    let (rows, next_cursor) = behind.of(wanted(&call, &behind.order).await?);
    let now = call.service.now();
    let markets = rows.iter().map(|row| to_wire::market(row, now)).collect();
    Ok(Reply::json(&MarketPage { markets, next_cursor }))
}

/// The market whose facts are meant.
fn find(service: &Service, is_meant: impl Fn(&MarketFacts) -> bool) -> Result<MarketId, Failure> {
    let catalog = service.catalog();
    let mut listed = catalog.iter().filter(|(_, spec)| is_listed(spec));
    let found = listed.find(|(_, spec)| is_meant(&spec.facts)).map(|(market, _)| market);
    found.ok_or_else(not_found)
}

fn not_found() -> Failure {
    Failure::not_found("market not found")
}

async fn get_market(call: Call<Anyone>) -> Answer {
    let id = call.path("id");
    let market = find(&call.service, |facts| facts.gamma_id == id)?;
    Ok(Reply::json(&to_wire::market(&row(&call.service, market).await?, call.service.now())))
}

async fn get_market_by_slug(call: Call<Anyone>) -> Answer {
    let catalog = call.service.catalog();
    let found = catalog.by_slug(call.path("slug"));
    let listed = found.filter(|market| catalog.get(*market).is_some_and(|spec| is_listed(spec)));
    let market = listed.ok_or_else(not_found)?;
    Ok(Reply::json(&to_wire::market(&row(&call.service, market).await?, call.service.now())))
}

async fn get_tags(call: Call<Anyone>) -> Answer {
    let id = call.path("id");
    let market = find(&call.service, |facts| facts.gamma_id == id)?;
    let catalog = call.service.catalog();
    let spec = catalog.get(market).ok_or_else(not_found)?;
    Ok(Reply::json(&tags::of(&spec.facts).iter().map(Tag::to_wire).collect::<Vec<_>>()))
}
