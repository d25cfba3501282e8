//! Books as they once stood, against the books themselves.

use super::super::query::{self, BookMoment, BookSpan};
use super::{directory, random::World, written};
use crate::exchange::Depth;
use crate::types::{MarketId, Outcome, Price, Shares, Timestamp};
use std::collections::BTreeMap;

/// Every moment in which what is shown of some markets' books changed, as whoever watched them saw it.
fn watched(world: &mut World, levels: usize, commands: usize) -> BTreeMap<MarketId, Vec<BookMoment>> {
    let mut seen: BTreeMap<MarketId, Vec<BookMoment>> = BTreeMap::new();
    for _ in 0..commands {
        for market in (0..4).map(|number| world.market(number)) {
            seen.entry(market).or_default();
        }
        world.run(1);
        for (market, seen) in &mut seen {
            let Depth { mut bids, mut asks } =
                world.state.exchange().market(*market).expect("a market").depth();
            bids.truncate(levels);
            asks.truncate(levels);
            let (at, depth) = (world.state.at(), Depth { bids, asks });
            // Of several changes in one moment the last is what became of the book.
            match seen.last_mut().filter(|last| last.at == at) {
                Some(last) => last.depth = depth,
                None => seen.push(BookMoment { at, depth }),
            }
        }
    }
    for seen in seen.values_mut() {
        let mut last = Depth::default();
        seen.retain(|moment| {
            let is_new = moment.depth != last;
            last.clone_from(&moment.depth);
            is_new
        });
    }
    seen
}

fn span(market: MarketId, levels: usize) -> BookSpan {
    let (from, to) = (Timestamp::default(), Timestamp::from_seconds(10_000_000_000));
    BookSpan { market, from, with_first: true, to, limit: u32::MAX, levels }
}

#[test]
fn a_book_is_told_as_it_was_watched() {
    for (seed, levels) in [(31, 1_000), (32, 1_000), (33, 3), (34, 1)] {
        let mut world = World::new(seed);
        let seen = watched(&mut world, levels, 1_500);
        let (_directory, path) = directory();
        let writer = written(&path, &world.records);
        let mut most = 0;
        for (market, seen) in seen.into_iter().filter(|(_, seen)| !seen.is_empty()) {
            let whole = span(market, levels);
            let told = query::book_moments(writer.connection(), &whole).expect("moments");
            let mut later = told.moments.clone();
            // What was there at the first look may have come before it.
            later.retain(|moment| moment.at > seen[0].at);
            assert!(later == seen[1..], "seed {seed}: {} seen, {} told", seen.len(), later.len());
            assert_eq!(told.next, None, "seed {seed}");
            pages_join_up(writer.connection(), &whole, &told.moments, seed);
            parts_are_of_the_whole(writer.connection(), &whole, &told.moments, seed);
            most = most.max(seen.len());
        }
        assert!(most > 30, "seed {seed}: only {most} changes");
    }
}

fn parts_are_of_the_whole(db: &query::History, whole: &BookSpan, all: &[BookMoment], seed: u64) {
    for from in all.iter().step_by(7).map(|moment| moment.at.plus_millis(1)) {
        let to = from.plus_millis(3_000_000);
        let told = query::book_moments(db, &BookSpan { from, to, ..*whole }).expect("moments");
        let before = all.iter().rfind(|moment| moment.at <= from).map(|moment| moment.depth.clone());
        let first = before.filter(|depth| *depth != Depth::default());
        let inside = all.iter().filter(|moment| moment.at > from && moment.at <= to).cloned();
        let expected: Vec<_> =
            first.map(|depth| BookMoment { at: from, depth }).into_iter().chain(inside).collect();
        assert!(told.moments == expected, "seed {seed} from {from:?}");
    }
}

fn pages_join_up(db: &query::History, whole: &BookSpan, all: &[BookMoment], seed: u64) {
    for limit in [1, 2, 13] {
        let mut pages: Vec<BookMoment> = Vec::new();
        let mut page = BookSpan { limit, ..*whole };
        while let Some(next) = {
            let found = query::book_moments(db, &page).expect("moments");
            assert!(found.moments.len() <= usize::try_from(limit).expect("small"));
            pages.extend(found.moments);
            found.next
        } {
            page = BookSpan { from: next, with_first: false, ..page };
        }
        assert!(pages == all, "seed {seed} in pages of {limit}: {} of {}", pages.len(), all.len());
    }
}

#[test]
fn nothing_is_told_of_a_world_that_is_over() {
    let mut world = World::new(35);
    let market = world.market(0);
    world.run(300);
    world.begin();
    let (_directory, path) = directory();
    let writer = written(&path, &world.records);
    let told = query::book_moments(writer.connection(), &span(market, 1_000)).expect("moments");
    let [only] = told.moments.as_slice() else { panic!("more than its beginning: {told:?}") };
    let now = world.state.exchange().market(market).expect("a market").depth();
    assert_eq!((only.at, &only.depth), (world.state.at(), &now));
}

#[test]
fn the_second_outcome_sees_the_book_the_other_way_round() {
    let level = |price, shares| (Price::new(price).expect("in range"), Shares::from_whole(shares));
    let depth = Depth { bids: vec![level(4_000, 1)], asks: vec![level(4_500, 2), level(5_000, 3)] };
    let moment = BookMoment { at: Timestamp::default(), depth: depth.clone() };
    assert_eq!(moment.levels(Outcome::Yes), [depth.bids, depth.asks]);
    let (bids, asks) = (vec![level(5_500, 2), level(5_000, 3)], vec![level(6_000, 1)]);
    assert_eq!(moment.levels(Outcome::No), [bids, asks]);
}
