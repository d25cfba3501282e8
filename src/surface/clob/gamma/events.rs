//! Events, each with its markets.

use super::super::auth::Anyone;
use super::super::call::{Answer, Call, Reply, endpoint};
use super::super::error::Failure;
use super::filters::Wanted;
use super::markets::{Behind, Stretch};
use super::order::{Order, Place, event_key};
use super::rows::{self, Group, candidates, grouped};
use super::tags::Tag;
use super::wire::{CountedEvents, EventPage, Pagination};
use super::{event_id, event_slug, to_wire};
use crate::http::Endpoint;
use actix_web::http::Method;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/events", get_events),
        endpoint(Method::GET, "/events/keyset", get_keyset),
        endpoint(Method::GET, "/events/pagination", get_counted),
        endpoint(Method::GET, "/events/{id}", get_event),
        endpoint(Method::GET, "/events/slug/{slug}", get_event_by_slug),
        endpoint(Method::GET, "/events/{id}/tags", get_tags),
    ]
}

/// The events that a call wants, in an order.
async fn wanted(call: &Call<Anyone>, order: &Order) -> Result<Vec<(Place, Group)>, Failure> {
    let wanted = Wanted::read(call, None)?;
    let mut groups = grouped(candidates(&call.service, wanted.closed).await?);
    groups.retain(|group| wanted.includes_event(group));
    Ok(order.sorted(groups, event_key, |group| group.first().ticker.market))
}

async fn get_events(call: Call<Anyone>) -> Answer {
    let stretch = Stretch::read(&call)?;
    let groups = stretch.of(wanted(&call, &stretch.order).await?);
    let now = call.service.now();
    let shown: Vec<_> = groups.iter().map(|group| to_wire::event(group, now)).collect();
    Ok(Reply::json(&shown))
}

async fn get_keyset(call: Call<Anyone>) -> Answer {
    let behind = Behind::read(&call)?;
    let (groups, next_cursor) = behind.of(wanted(&call, &behind.order).await?);
    let now = call.service.now();
    let events = groups.iter().map(|group| to_wire::event(group, now)).collect();
    Ok(Reply::json(&EventPage { events, next_cursor }))
}

async fn get_counted(call: Call<Anyone>) -> Answer {
    let stretch = Stretch::read(&call)?;
    let all = wanted(&call, &stretch.order).await?;
    let total_results = all.len();
    let groups = stretch.of(all);
    let has_more = stretch.offset.saturating_add(groups.len()) < total_results;
    let now = call.service.now();
    let data = groups.iter().map(|group| to_wire::event(group, now)).collect();
    Ok(Reply::json(&CountedEvents { data, pagination: Pagination { has_more, total_results } }))
}

/// The event that the path names by its number.
async fn numbered(call: &Call<Anyone>) -> Result<Group, Failure> {
    let not_found = || Failure::not_found("event not found");
    let id: u32 = call.path("id").parse().map_err(|_| not_found())?;
    let found = rows::group(&call.service, |facts| event_id(event_slug(facts)) == id).await?;
    found.ok_or_else(not_found)
}

async fn get_event(call: Call<Anyone>) -> Answer {
    let group = numbered(&call).await?;
    Ok(Reply::json(&to_wire::event(&group, call.service.now())))
}

async fn get_event_by_slug(call: Call<Anyone>) -> Answer {
    let slug = call.path("slug");
    let found = rows::group(&call.service, |facts| event_slug(facts) == slug).await?;
    let group = found.ok_or_else(|| Failure::not_found("event not found"))?;
    Ok(Reply::json(&to_wire::event(&group, call.service.now())))
}

async fn get_tags(call: Call<Anyone>) -> Answer {
    let group = numbered(&call).await?;
    Ok(Reply::json(&group.tags().iter().map(Tag::to_wire).collect::<Vec<_>>()))
}
