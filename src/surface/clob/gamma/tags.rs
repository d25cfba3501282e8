//! Tags: what markets are about. A category is one; rolling windows have some more.

use super::super::auth::Anyone;
use super::super::call::{Answer, Call, Reply, endpoint};
use super::super::error::Failure;
use super::params;
use super::rows::is_listed;
use super::{number_of, wire};
use crate::http::Endpoint;
use crate::service::{Catalog, MarketFacts};
use actix_web::http::Method;
use serde::Deserialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Tags on one page.
const PAGE: usize = 100;

/// Labels by number, from 1. The numbers are this exchange's own and stay as they are: new labels go to the end.
const KNOWN: [(&str, &str); 20] = [
    ("All", "all"),
    ("Politics", "politics"),
    ("Sports", "sports"),
    ("Crypto", "crypto"),
    ("Finance", "finance"),
    ("Economics", "economics"),
    ("Geopolitics", "geopolitics"),
    ("Tech", "tech"),
    ("Culture", "culture"),
    ("Mentions", "mentions"),
    ("Weather", "weather"),
    ("Other", "other"),
    ("Up or Down", "up-or-down"),
    ("Recurring", "recurring"),
    ("5M", "5m"),
    ("15M", "15m"),
    ("1H", "1h"),
    ("4H", "4h"),
    ("Daily", "daily"),
    ("Neg Risk", "neg-risk"),
];

/// A label under which markets are found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tag {
    pub(super) number: u32,
    pub(super) label: String,
    pub(super) slug: String,
}

impl Tag {
    /// The tag of a name, in any spelling.
    fn named(name: &str) -> Self {
        let slug = slug(name);
        let known = (1..).zip(KNOWN).find(|(_, (_, known))| *known == slug);
        match known {
            Some((number, (label, _))) => Self { number, label: label.to_owned(), slug },
            None => Self { number: number_of(&slug), label: name.trim().to_owned(), slug },
        }
    }

    /// Whether a text is its number.
    pub(super) fn is_numbered(&self, text: &str) -> bool {
        text.parse::<u32>() == Ok(self.number)
    }

    pub(super) fn to_wire(&self) -> wire::Tag {
        wire::Tag { id: self.number.to_string(), label: self.label.clone(), slug: self.slug.clone() }
    }
}

/// A name as it stands in addresses.
fn slug(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

/// The tags of a market: its category first, what all have in common last.
pub(super) fn of(facts: &MarketFacts) -> Vec<Tag> {
    let mut names = Vec::new();
    if !facts.category.trim().is_empty() {
        names.push(facts.category.as_str());
    }
    if let Some(window) = &facts.window {
        names.extend(["up-or-down", "recurring", window.interval.as_str()]);
    }
    if facts.neg_risk {
        names.push("neg-risk");
    }
    names.push("all");
    names.into_iter().map(Tag::named).collect()
}

/// Every tag there is: those that are known, and categories that only this world's markets have.
pub(super) fn all(catalog: &Catalog) -> Vec<Tag> {
    let known = KNOWN.iter().map(|(_, slug)| Tag::named(slug));
    // Windows have known tags only, and there may be very many of them.
    let lasting = catalog.iter().filter(|(_, spec)| is_listed(spec) && spec.facts.window.is_none());
    let all: BTreeSet<Tag> = known.chain(lasting.flat_map(|(_, spec)| of(&spec.facts))).collect();
    all.into_iter().collect()
}

/// Tags that markets have together with a tag, those first that share the most markets with it.
fn related(tag: &Tag, markets: impl Iterator<Item = Vec<Tag>>) -> Vec<Tag> {
    let mut shared: BTreeMap<Tag, usize> = BTreeMap::new();
    for together in markets.filter(|together| together.contains(tag)) {
        for other in together.into_iter().filter(|other| other != tag) {
            *shared.entry(other).or_default() += 1;
        }
    }
    let mut ranked: Vec<_> = shared.into_iter().collect();
    ranked.sort_by_key(|(other, count)| (Reverse(*count), other.number));
    ranked.into_iter().map(|(other, _)| other).collect()
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/tags", get_tags),
        endpoint(Method::GET, "/tags/{id}", get_tag),
        endpoint(Method::GET, "/tags/{id}/related-tags", get_relations),
        endpoint(Method::GET, "/tags/{id}/related-tags/tags", get_related),
        endpoint(Method::GET, "/tags/slug/{slug}", get_tag),
        endpoint(Method::GET, "/tags/slug/{slug}/related-tags", get_relations),
        endpoint(Method::GET, "/tags/slug/{slug}/related-tags/tags", get_related),
    ]
}

#[derive(Deserialize)]
struct Listing {
    limit: Option<String>,
    offset: Option<String>,
    ascending: Option<String>,
}

async fn get_tags(call: Call<Anyone>) -> Answer {
    let listing: Listing = call.query()?;
    let limit = params::limit(listing.limit.as_deref(), PAGE, PAGE)?;
    let offset = params::whole("offset", listing.offset.as_deref())?.unwrap_or(0);
    let mut tags = all(&call.service.catalog());
    if params::flag("ascending", listing.ascending.as_deref())? == Some(false) {
        tags.reverse();
    }
    let shown: Vec<_> = tags.iter().skip(offset).take(limit).map(Tag::to_wire).collect();
    Ok(Reply::json(&shown))
}

/// The tag that the path names, by number or by slug.
fn named(call: &Call<Anyone>) -> Result<Tag, Failure> {
    let (id, slug) = (call.path("id"), call.path("slug"));
    let is_named = |tag: &Tag| if slug.is_empty() { tag.is_numbered(id) } else { tag.slug == slug };
    let found = all(&call.service.catalog()).into_iter().find(is_named);
    found.ok_or_else(|| Failure::not_found("tag not found"))
}

async fn get_tag(call: Call<Anyone>) -> Answer {
    Ok(Reply::json(&named(&call)?.to_wire()))
}

async fn related_to(call: &Call<Anyone>, tag: &Tag) -> Result<Vec<Tag>, Failure> {
    let tickers = call.service.current_tickers().await?;
    let listed = tickers.iter().filter(|ticker| is_listed(&ticker.spec));
    Ok(related(tag, listed.map(|ticker| of(&ticker.spec.facts))))
}

async fn get_relations(call: Call<Anyone>) -> Answer {
    let tag = named(&call)?;
    let relation = |(rank, other): (u32, Tag)| wire::Relation {
        id: format!("{}-{}", tag.number, other.number),
        tag_id: tag.number,
        related_tag_id: other.number,
        rank,
    };
    let related = related_to(&call, &tag).await?;
    Ok(Reply::json(&(1..).zip(related).map(relation).collect::<Vec<_>>()))
}

async fn get_related(call: Call<Anyone>) -> Answer {
    let tag = named(&call)?;
    let related = related_to(&call, &tag).await?;
    Ok(Reply::json(&related.iter().map(Tag::to_wire).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Window;
    use crate::types::Timestamp;

    fn slugs(facts: &MarketFacts) -> Vec<String> {
        of(facts).into_iter().map(|tag| tag.slug).collect()
    }

    fn about(category: &str) -> MarketFacts {
        MarketFacts { category: category.to_owned(), ..MarketFacts::default() }
    }

    #[test]
    fn a_category_is_a_tag_and_a_window_has_more() {
        assert_eq!(slugs(&about("politics")), ["politics", "all"]);
        assert_eq!(slugs(&about("")), ["all"]);
        let window = Window {
            asset: "BTC".to_owned(),
            interval: "15M".to_owned(),
            starts_at: Timestamp::default(),
            number: 0,
            strike: None,
        };
        let facts = MarketFacts { window: Some(window), ..about("crypto") };
        assert_eq!(slugs(&facts), ["crypto", "up-or-down", "recurring", "15m", "all"]);
    }

    #[test]
    fn numbers_of_tags_stay_as_they_are() {
        for (name, number, label) in [
            ("all", 1, "All"),
            ("Politics", 2, "Politics"),
            ("up-or-down", 13, "Up or Down"),
            ("15M", 16, "15M"),
        ] {
            let tag = Tag::named(name);
            assert_eq!((tag.number, tag.label.as_str()), (number, label));
            assert!(tag.is_numbered(&number.to_string()) && !tag.is_numbered("x"));
        }
        let own = Tag::named("Space Weather");
        assert_eq!((own.slug.as_str(), own.number), ("space-weather", number_of("space-weather")));
    }

    #[test]
    fn tags_on_the_same_markets_are_related() {
        let markets = || [about("politics"), about("politics"), about("sports")].into_iter();
        let to = |name: &str| -> Vec<_> {
            let related = related(&Tag::named(name), markets().map(|facts| of(&facts)));
            related.into_iter().map(|tag| tag.slug).collect()
        };
        assert_eq!(to("all"), ["politics", "sports"]);
        assert_eq!(to("sports"), ["all"]);
        assert!(to("weather").is_empty());
    }
}
