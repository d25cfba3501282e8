//! Events: what markets have in common (§9.3).

use super::auth::Anyone;
use super::call::{Answer, Call, Reply};
use super::markets::{category, listed};
use super::params::{flag, flag_if_given, whole};
use super::to_wire::{buy_sell, is_hot, iso, some_text};
use super::wire::{Event, EventMarket, EventsPage};
use crate::service::history::Volumes;
use crate::service::markets::Ticker;
use crate::types::Usd;
use serde::Deserialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Listing {
    limit: Option<String>,
    offset: Option<String>,
    hot_only: Option<String>,
    markets_per_event: Option<String>,
    category: Option<String>,
    search: Option<String>,
    include_sports: Option<String>,
}

/// The markets of one event with their volumes, the largest first.
type Group<'a> = Vec<(&'a Ticker, &'a Volumes)>;

pub(super) async fn get_events(call: Call<Anyone>) -> Answer {
    let listing: Listing = call.query()?;
    let limit = whole("limit", listing.limit.as_deref(), 50, 1..=200)?;
    let offset = whole("offset", listing.offset.as_deref(), 0, 0..=usize::MAX)?;
    let markets_shown = whole("markets_per_event", listing.markets_per_event.as_deref(), 20, 1..=100)?;
    let hot_only = flag("hot_only", listing.hot_only.as_deref())?;
    let with_sports = flag_if_given("include_sports", listing.include_sports.as_deref())?.unwrap_or(true);
    let category = category(listing.category.as_deref());
    let search = listing.search.as_deref().map(|text| text.trim().to_lowercase());

    let mut tickers = listed(&call.service).await?;
    // Rolling windows have a list of their own.
    tickers.retain(|ticker| ticker.spec.facts.window.is_none());
    let specs = tickers.iter().map(|ticker| (ticker.market, &*ticker.spec));
    let volumes = call.service.volumes(specs).await;
    let mut groups = grouped(tickers.iter().map(|ticker| (ticker, &volumes[&ticker.market])));
    groups.retain(|group| {
        let facts = &group[0].0.spec.facts;
        let is_found = |text: &String| facts.event[2].to_lowercase().contains(text);
        (with_sports || !is_sports(group))
            && (!hot_only || group.iter().any(|(_, volumes)| is_hot(volumes)))
            && category.as_ref().is_none_or(|part| facts.category.to_lowercase().contains(part))
            && search.as_ref().is_none_or(is_found)
    });
    let page = EventsPage {
        events: groups.iter().skip(offset).take(limit).map(|group| event(group, markets_shown)).collect(),
        total: groups.len(),
        limit,
        offset,
        has_sports: groups.iter().any(is_sports),
    };
    Ok(Reply::json(&page))
}

/// Markets by event, the events with the largest volume first.
fn grouped<'a>(markets: impl Iterator<Item = (&'a Ticker, &'a Volumes)>) -> Vec<Group<'a>> {
    let mut by_event: BTreeMap<&str, Group<'a>> = BTreeMap::new();
    for (ticker, volumes) in markets {
        by_event.entry(&ticker.spec.facts.event[0]).or_default().push((ticker, volumes));
    }
    let mut groups: Vec<_> = by_event.into_values().collect();
    for group in &mut groups {
        group.sort_by_key(|(ticker, volumes)| (Reverse(volumes.total), ticker.market));
    }
    groups.sort_by_key(|group| {
        let total: Usd = group.iter().map(|(_, volumes)| volumes.total).sum();
        (Reverse(total), group[0].0.market)
    });
    groups
}

fn is_sports(group: &Group<'_>) -> bool {
    group[0].0.spec.facts.category.eq_ignore_ascii_case("sports")
}

fn event(group: &Group<'_>, markets_shown: usize) -> Event {
    let facts = &group[0].0.spec.facts;
    let [id, slug, title] = facts.event.clone();
    Event {
        id,
        slug,
        title,
        image: None,
        end_date: group.iter().filter_map(|(ticker, _)| ticker.spec.facts.ends_at).max().map(iso),
        is_hot: group.iter().any(|(_, volumes)| is_hot(volumes)),
        category: some_text(&facts.category),
        markets: group.iter().take(markets_shown).map(|(ticker, _)| market(ticker)).collect(),
    }
}

fn market(ticker: &Ticker) -> EventMarket {
    let facts = &ticker.spec.facts;
    EventMarket {
        condition_id: facts.condition_id.clone(),
        slug: facts.slug.clone(),
        question: facts.question.clone(),
        outcomes: facts.labels.clone(),
        live_price: ticker.touch.mark.map(buy_sell),
    }
}
