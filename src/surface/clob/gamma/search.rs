//! Searching, and who an address is.

use super::super::auth::Anyone;
use super::super::call::{Answer, Call, Reply, endpoint};
use super::super::error::Failure;
use super::super::text::iso;
use super::order::{Field, Order, event_key};
use super::params::{flag, invalid, limit, whole};
use super::rows::{Group, Row, candidates, grouped};
use super::tags::{self, Tag};
use super::to_wire;
use super::wire::{Found, FoundTag, Pagination, Profile, ProfileUser};
use crate::http::Endpoint;
use crate::service::Service;
use crate::service::callers::MayRead;
use crate::types::{Address, Timestamp};
use actix_web::http::Method;
use serde::Deserialize;

/// Events on a page that does not say how many.
const PAGE: usize = 10;
/// Events on a page at most.
const PAGE_MAX: usize = 50;
/// The longest text to search for, in characters.
const SEARCH_MAX: usize = 200;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/public-search", get_search),
        endpoint(Method::GET, "/public-profile", get_profile),
    ]
}

#[derive(Deserialize)]
struct Search {
    q: Option<String>,
    limit_per_type: Option<String>,
    page: Option<String>,
    events_status: Option<String>,
    keep_closed_markets: Option<String>,
    sort: Option<String>,
    ascending: Option<String>,
    #[serde(rename = "search_tags")]
    tags: Option<String>,
}

/// The words of a text, in lower case.
fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_lowercase).collect()
}

/// Whether all words stand in some texts, wherever.
fn has_all(words: &[String], texts: &[&str]) -> bool {
    let texts: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
    words.iter().all(|word| texts.iter().any(|text| text.contains(word)))
}

fn is_found(words: &[String], group: &Group) -> bool {
    let of = |row: &Row| {
        let facts = row.facts();
        has_all(words, &[group.title(), group.slug(), &facts.question, &facts.slug])
    };
    group.rows.iter().any(of)
}

async fn get_search(call: Call<Anyone>) -> Answer {
    let search: Search = call.query()?;
    let words = words(search.q.as_deref().unwrap_or_default());
    let length: usize = words.iter().map(|word| word.chars().count()).sum();
    if words.is_empty() || length > SEARCH_MAX {
        return Err(invalid("q must be a text of at most 200 characters"));
    }
    let most = limit(search.limit_per_type.as_deref(), PAGE, PAGE_MAX)?;
    let page = whole("page", search.page.as_deref())?.unwrap_or(1).max(1);
    let ascending = flag("ascending", search.ascending.as_deref())?.unwrap_or(false);
    let order = match search.sort.as_deref().filter(|sort| !sort.is_empty()) {
        None => Order::by(Field::Volume, ascending),
        Some(sort) => Order::read(Some(sort), Some(if ascending { "true" } else { "false" }))?,
    };
    let groups = found_events(&call, &search, &words).await?;
    let total_results = groups.len();
    let sorted = order.sorted(groups, event_key, |group| group.first().ticker.market);
    let start = (page - 1).saturating_mul(most);
    let now = call.service.now();
    let shown = sorted.iter().skip(start).take(most);
    let has_more = start.saturating_add(most) < total_results;
    let tags = match flag("search_tags", search.tags.as_deref())? {
        Some(false) => Vec::new(),
        Some(true) | None => found_tags(&call.service, &words).await?.into_iter().take(most).collect(),
    };
    Ok(Reply::json(&Found {
        events: shown.map(|(_, group)| to_wire::event(group, now)).collect(),
        tags,
        profiles: [],
        pagination: Pagination { has_more, total_results },
    }))
}

/// The events that a search means. Windows that are over are among them only where what is over is asked for.
async fn found_events(call: &Call<Anyone>, search: &Search, words: &[String]) -> Result<Vec<Group>, Failure> {
    let status = search.events_status.as_deref().unwrap_or_default().to_lowercase();
    let closed = match status.as_str() {
        "active" | "open" => Some(false),
        "closed" | "resolved" => Some(true),
        _ => None,
    };
    let listed = if status.is_empty() { Some(false) } else { closed };
    let mut groups = grouped(candidates(&call.service, listed).await?);
    let keeps_tags = call.all("events_tag");
    let drops_tags = call.all("exclude_tag_id");
    groups.retain(|group| {
        let tags = group.tags();
        let is_tagged = |name: &String| tags.iter().any(|tag| tag.is_numbered(name) || tag.slug == *name);
        closed.is_none_or(|closed| group.is_closed() == closed)
            && (keeps_tags.is_empty() || keeps_tags.iter().any(is_tagged))
            && !drops_tags.iter().any(is_tagged)
            && is_found(words, group)
    });
    if search.keep_closed_markets.as_deref() == Some("0") {
        for group in &mut groups {
            group.rows.retain(|row| !row.is_closed());
        }
        groups.retain(|group| !group.rows.is_empty());
    }
    Ok(groups)
}

async fn found_tags(service: &Service, words: &[String]) -> Result<Vec<FoundTag>, Failure> {
    let mut found = tags::all(&service.catalog());
    found.retain(|tag| has_all(words, &[&tag.label, &tag.slug]));
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let events: Vec<Vec<Tag>> =
        grouped(candidates(service, Some(false)).await?).iter().map(Group::tags).collect();
    let counted = |tag: Tag| FoundTag {
        event_count: events.iter().filter(|tags| tags.contains(&tag)).count(),
        tag: tag.to_wire(),
    };
    Ok(found.into_iter().map(counted).collect())
}

#[derive(Deserialize)]
struct Whose {
    address: Option<String>,
}

async fn get_profile(call: Call<Anyone>) -> Answer {
    let query: Whose = call.query()?;
    let address = query.address.as_deref().and_then(|text| text.parse::<Address>().ok());
    let address = address.ok_or_else(|| invalid("invalid address"))?;
    let permit = call.service.wallet_on_chain(address);
    let permit = permit.ok_or_else(|| Failure::not_found("profile not found"))?;
    let shown = address.to_checksum(None);
    Ok(Reply::json(&Profile {
        created_at: began_at(&call.service, &permit).await?.map(iso),
        pseudonym: shown.chars().take(10).collect(),
        proxy_wallet: shown,
        name: String::new(),
        bio: "",
        profile_image: "",
        display_username_public: false,
        verified_badge: false,
        users: [ProfileUser { id: permit.user().to_string(), creator: false, is_mod: false }],
    }))
}

/// When a wallet was opened.
async fn began_at(service: &Service, permit: &MayRead) -> Result<Option<Timestamp>, Failure> {
    let wallets = service.wallets(permit).await?;
    Ok(wallets.iter().map(|view| view.wallet.created_at).min())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_must_stand_somewhere_in_any_case() {
        let texts = ["What will happen before GTA VI?", "new-rihanna-album"];
        for (text, expected) in [
            ("gta", true),
            ("RIHANNA gta", true),
            ("before  gta vi", true),
            ("album-", false),
            ("gta vii", false),
        ] {
            assert_eq!(has_all(&words(text), &texts), expected, "{text}");
        }
    }
}
