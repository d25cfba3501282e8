//! Which markets and events a query means.

use super::super::auth::Anyone;
use super::super::call::Call;
use super::super::error::Failure;
use super::event_id;
use super::params::{dollars, flag, moment};
use super::rows::{Group, Row};
use super::tags::{self, Tag};
use crate::types::Timestamp;
use serde::Deserialize;

/// Filters by what no market here has: whoever asks for it gets nothing.
const NOBODY_HAS: [&str; 7] = [
    "market_maker_address",
    "position_ids",
    "request_ids",
    "onchain_event_ids",
    "game_id",
    "series_id",
    "sports_market_types",
];

#[derive(Debug, Default, Deserialize)]
struct Texts {
    closed: Option<String>,
    active: Option<String>,
    archived: Option<String>,
    featured: Option<String>,
    cyom: Option<String>,
    tag_slug: Option<String>,
    tag_match: Option<String>,
    title_search: Option<String>,
    uma_resolution_status: Option<String>,
    #[serde(alias = "volume_num_min")]
    volume_min: Option<String>,
    #[serde(alias = "volume_num_max")]
    volume_max: Option<String>,
    #[serde(alias = "liquidity_num_min")]
    liquidity_min: Option<String>,
    #[serde(alias = "liquidity_num_max")]
    liquidity_max: Option<String>,
    start_date_min: Option<String>,
    start_date_max: Option<String>,
    end_date_min: Option<String>,
    end_date_max: Option<String>,
}

/// From where to where, both included.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    min: Option<i64>,
    max: Option<i64>,
}

impl Bounds {
    fn hold(self, value: i64) -> bool {
        self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max)
    }

    /// Something without a value is held only where no bounds are.
    fn hold_if_any(self, value: Option<i64>) -> bool {
        match value {
            Some(value) => self.hold(value),
            None => self.min.is_none() && self.max.is_none(),
        }
    }
}

/// Which markets or events are wanted. An empty list leaves that open.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Only those that are over, or that are not.
    pub(super) closed: Option<bool>,
    /// Something was asked for that nothing here is.
    nothing: bool,
    ids: Vec<String>,
    slugs: Vec<String>,
    tokens: Vec<String>,
    conditions: Vec<String>,
    questions: Vec<String>,
    tags: Vec<String>,
    /// Every one of the tags, not any.
    all_tags: bool,
    without_tags: Vec<String>,
    tag_slug: Option<String>,
    title: Option<String>,
    resolution: Option<String>,
    volume: Bounds,
    liquidity: Bounds,
    starts: Bounds,
    ends: Bounds,
}

/// A market or an event, as far as filters look at it.
struct Subject<'a> {
    id: &'a str,
    slug: &'a str,
    title: &'a str,
    tags: Vec<Tag>,
    is_closed: bool,
    volume: i64,
    liquidity: i64,
    starts_at: Timestamp,
    ends_at: Option<Timestamp>,
}

impl Wanted {
    /// What the query of a call wants; `closed` as given where it says nothing of that.
    pub(super) fn read(call: &Call<Anyone>, closed: Option<bool>) -> Result<Self, Failure> {
        let texts: Texts = call.query()?;
        let lower = |names: Vec<String>| names.iter().map(|name| name.to_lowercase()).collect();
        let list = |name: &str| call.all(name);
        let wanted = Self {
            nothing: NOBODY_HAS.iter().any(|name| !list(name).is_empty()),
            ids: list("id"),
            slugs: list("slug"),
            tokens: list("clob_token_ids"),
            conditions: lower(list("condition_ids")),
            questions: lower(list("question_ids")),
            tags: list("tag_id"),
            without_tags: list("exclude_tag_id"),
            ..Self::of(&texts)?
        };
        Ok(Self {
            closed: wanted.closed.or(closed),
            nothing: wanted.nothing || is_nothing(&texts)?,
            ..wanted
        })
    }

    fn of(texts: &Texts) -> Result<Self, Failure> {
        let text =
            |text: Option<&str>| text.map(|text| text.trim().to_lowercase()).filter(|text| !text.is_empty());
        let amounts = |names: [&str; 2], [min, max]: [Option<&str>; 2]| {
            Ok::<_, Failure>(Bounds { min: dollars(names[0], min)?, max: dollars(names[1], max)? })
        };
        let moments = |names: [&str; 2], [min, max]: [Option<&str>; 2]| {
            Ok::<_, Failure>(Bounds { min: moment(names[0], min)?, max: moment(names[1], max)? })
        };
        let volume = [texts.volume_min.as_deref(), texts.volume_max.as_deref()];
        let liquidity = [texts.liquidity_min.as_deref(), texts.liquidity_max.as_deref()];
        let starts = [texts.start_date_min.as_deref(), texts.start_date_max.as_deref()];
        let ends = [texts.end_date_min.as_deref(), texts.end_date_max.as_deref()];
        Ok(Self {
            closed: flag("closed", texts.closed.as_deref())?,
            all_tags: texts.tag_match.as_deref() == Some("all"),
            tag_slug: text(texts.tag_slug.as_deref()),
            title: text(texts.title_search.as_deref()),
            resolution: text(texts.uma_resolution_status.as_deref()),
            volume: amounts(["volume_min", "volume_max"], volume)?,
            liquidity: amounts(["liquidity_min", "liquidity_max"], liquidity)?,
            starts: moments(["start_date_min", "start_date_max"], starts)?,
            ends: moments(["end_date_min", "end_date_max"], ends)?,
            ..Self::default()
        })
    }

    /// Whether a market is wanted.
    pub(super) fn includes_market(&self, row: &Row) -> bool {
        let facts = row.facts();
        let subject = Subject {
            id: &facts.gamma_id,
            slug: &facts.slug,
            title: &facts.question,
            tags: tags::of(facts),
            is_closed: row.is_closed(),
            volume: row.volumes.total.micros(),
            liquidity: row.backing.resting.micros(),
            starts_at: facts.opened_at,
            ends_at: facts.ends_at,
        };
        is_in(&self.conditions, &facts.condition_id)
            && is_in(&self.questions, &facts.question_id)
            && (self.tokens.is_empty() || facts.token_ids.iter().any(|token| self.tokens.contains(token)))
            && self.includes(&subject)
    }

    /// Whether an event is wanted.
    pub(super) fn includes_event(&self, group: &Group) -> bool {
        let id = event_id(group.slug()).to_string();
        self.includes(&Subject {
            id: &id,
            slug: group.slug(),
            title: group.title(),
            tags: group.tags(),
            is_closed: group.is_closed(),
            volume: group.volume().micros(),
            liquidity: group.liquidity().micros(),
            starts_at: group.starts_at(),
            ends_at: group.ends_at(),
        })
    }

    fn includes(&self, subject: &Subject<'_>) -> bool {
        let status = if subject.is_closed { "resolved" } else { "" };
        !self.nothing
            && self.closed.is_none_or(|closed| closed == subject.is_closed)
            && is_in(&self.ids, subject.id)
            && is_in(&self.slugs, subject.slug)
            && self.title.as_ref().is_none_or(|part| subject.title.to_lowercase().contains(part))
            && self.resolution.as_ref().is_none_or(|wanted| wanted == status)
            && self.includes_tags(&subject.tags)
            && self.volume.hold(subject.volume)
            && self.liquidity.hold(subject.liquidity)
            && self.starts.hold(subject.starts_at.millis())
            && self.ends.hold_if_any(subject.ends_at.map(Timestamp::millis))
    }

    fn includes_tags(&self, tags: &[Tag]) -> bool {
        let has = |id: &String| tags.iter().any(|tag| tag.is_numbered(id));
        let fits = if self.all_tags { self.tags.iter().all(has) } else { self.tags.iter().any(has) };
        (self.tags.is_empty() || fits)
            && !self.without_tags.iter().any(has)
            && self.tag_slug.as_ref().is_none_or(|slug| tags.iter().any(|tag| tag.slug == *slug))
    }
}

fn is_in(list: &[String], one: &str) -> bool {
    list.is_empty() || list.iter().any(|name| name == one)
}

/// Whether something was asked for that is true of nothing here.
fn is_nothing(texts: &Texts) -> Result<bool, Failure> {
    let rare = [
        flag("archived", texts.archived.as_deref())?,
        flag("featured", texts.featured.as_deref())?,
        flag("cyom", texts.cyom.as_deref())?,
    ];
    let active = flag("active", texts.active.as_deref())?;
    Ok(rare.contains(&Some(true)) || active == Some(false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::MarketFacts;

    fn politics() -> Vec<Tag> {
        tags::of(&MarketFacts { category: "politics".to_owned(), ..MarketFacts::default() })
    }

    fn subject() -> Subject<'static> {
        Subject {
            id: "540817",
            slug: "new-album",
            title: "New Album before GTA VI?",
            tags: politics(),
            is_closed: false,
            volume: 5_000_000,
            liquidity: 0,
            starts_at: Timestamp::from_millis(1_000),
            ends_at: None,
        }
    }

    fn wants(texts: Texts) -> bool {
        Wanted::of(&texts).expect("readable").includes(&subject())
    }

    #[test]
    fn nothing_said_means_everything() {
        assert!(wants(Texts::default()));
    }

    #[test]
    fn each_filter_lets_through_what_it_means() {
        for (texts, expected) in [
            (Texts { closed: Some("false".to_owned()), ..Texts::default() }, true),
            (Texts { closed: Some("true".to_owned()), ..Texts::default() }, false),
            (Texts { title_search: Some("ALBUM before".to_owned()), ..Texts::default() }, true),
            (Texts { title_search: Some("single".to_owned()), ..Texts::default() }, false),
            (Texts { tag_slug: Some("Politics".to_owned()), ..Texts::default() }, true),
            (Texts { tag_slug: Some("sports".to_owned()), ..Texts::default() }, false),
            (Texts { volume_min: Some("5".to_owned()), ..Texts::default() }, true),
            (Texts { volume_min: Some("5.000001".to_owned()), ..Texts::default() }, false),
            (Texts { liquidity_max: Some("0".to_owned()), ..Texts::default() }, true),
            (Texts { start_date_min: Some("1970-01-01T00:00:01Z".to_owned()), ..Texts::default() }, true),
            (Texts { start_date_max: Some("1970-01-01".to_owned()), ..Texts::default() }, false),
            (Texts { end_date_max: Some("2030-01-01".to_owned()), ..Texts::default() }, false),
            (Texts { uma_resolution_status: Some("resolved".to_owned()), ..Texts::default() }, false),
        ] {
            assert_eq!(wants(texts), expected);
        }
    }

    #[test]
    fn tags_are_meant_by_number_and_may_be_excluded() {
        let wanted = |tags: &[&str], all_tags, without: &[&str]| {
            let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            let wanted =
                Wanted { tags: list(tags), all_tags, without_tags: list(without), ..Wanted::default() };
            wanted.includes(&subject())
        };
        assert!(wanted(&["2"], false, &[]) && wanted(&["1", "2"], true, &[]));
        assert!(wanted(&["3", "2"], false, &[]) && !wanted(&["3", "2"], true, &[]));
        assert!(!wanted(&["3"], false, &[]) && !wanted(&[], false, &["2"]));
    }

    #[test]
    fn what_nothing_here_is_finds_nothing() {
        let archived = Texts { archived: Some("true".to_owned()), ..Texts::default() };
        let inactive = Texts { active: Some("false".to_owned()), ..Texts::default() };
        assert!(is_nothing(&archived).expect("flags") && is_nothing(&inactive).expect("flags"));
        assert!(!is_nothing(&Texts { active: Some("true".to_owned()), ..Texts::default() }).expect("flags"));
    }
}
