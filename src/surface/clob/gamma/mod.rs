//! Gamma: which markets and events there are (polymarket-clob.md §9). Camel case, and most numbers are numbers.

pub(super) mod cursor;

mod empty;
mod events;
mod filters;
mod markets;
mod order;
mod params;
mod rows;
mod search;
mod tags;
mod to_wire;
mod wire;

use super::auth::Anyone;
use super::call::{Answer, Call, endpoint, ok};
use crate::http::Endpoint;
use crate::service::MarketFacts;
use actix_web::http::Method;
use sha2::{Digest, Sha256};

/// Everything below Gamma's root.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let all = [
        vec![endpoint(Method::GET, "/status", get_status)],
        markets::endpoints(),
        events::endpoints(),
        tags::endpoints(),
        search::endpoints(),
        empty::endpoints(),
    ];
    all.into_iter().flatten().collect()
}

/// An event's number on all of these wires: it follows from the slug, so that it is the same in every world.
pub(super) fn event_id(slug: &str) -> u32 {
    number_of(slug)
}

/// An event's name in addresses; a market without an event is one by itself.
pub(super) fn event_slug(facts: &MarketFacts) -> &str {
    if facts.event[1].is_empty() { &facts.slug } else { &facts.event[1] }
}

/// A number that follows from a text. Clients read such numbers as signed 32-bit words and take 0 for none.
fn number_of(text: &str) -> u32 {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let [first, second, third, fourth, ..] = digest;
    (u32::from_be_bytes([first, second, third, fourth]) >> 1).max(1)
}

async fn get_status(_: Call<Anyone>) -> Answer {
    Ok(ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_events_number_follows_from_its_slug_and_fits_a_signed_word() {
        // The first four bytes of the SHA-256 of nothing are e3b0c442.
        assert_eq!(event_id(""), 0xe3b0_c442 >> 1);
        for slug in ["kraken-ipo-in-2025", "macron-out-in-2025", "btc-updown-15m-1790586000"] {
            assert!((1..=0x7fff_ffff).contains(&event_id(slug)), "{slug}");
            assert_eq!(event_id(slug), event_id(slug));
        }
    }
}
