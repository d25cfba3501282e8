//! `/ws/market`: the books of the tokens that a peer names (§8.1). What it names wrongly is ignored, as it is there.

use super::super::book::array;
use super::frames::{self, Audience};
use super::replica::book_of;
use super::{Channel, End, Step, Visit, serve_anyone};
use crate::service::ear::{Ear, Source};
use crate::service::replica::Replica;
use crate::service::{MarketUpdate, Service, Status};
use crate::types::{MarketId, Outcome, Reject, Venue};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Tokens on one connection.
const ASSETS_MAX: usize = 500;
const TOO_MANY: End = End { code: End::POLICY, reason: "At most 500 assets on one connection" };

/// Serves one socket.
pub(super) async fn serve(visit: Visit) {
    serve_anyone(visit, |service| Market {
        service,
        assets: BTreeSet::new(),
        followed: BTreeMap::new(),
        has_custom_features: false,
    })
    .await;
}

/// A token as the exchange knows it.
type Asset = (MarketId, Outcome);

struct Market {
    service: Service,
    /// What the peer listens to.
    assets: BTreeSet<Asset>,
    /// The markets of those tokens.
    followed: BTreeMap<MarketId, Followed>,
    /// Whether it hears of new markets, resolutions and tops as well.
    has_custom_features: bool,
}

/// A market that is listened to.
struct Followed {
    book: Replica,
    /// Whether its answer was known when it was looked at last.
    is_over: bool,
}

/// What a peer says. Members that others name besides are of no concern here.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
struct Frame {
    operation: Option<String>,
    assets_ids: Option<Vec<String>>,
    custom_feature_enabled: Option<bool>,
    initial_dump: Option<bool>,
}

/// What a frame asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Subscribe,
    Unsubscribe,
}

impl Frame {
    /// A frame, and what it asks for; none if it is none of ours.
    fn read(text: &str) -> Option<(Self, Operation)> {
        let frame: Self = serde_json::from_str(text).ok()?;
        let operation = match frame.operation.as_deref().map(str::to_ascii_lowercase).as_deref() {
            // The first frame of a connection has none.
            None | Some("" | "subscribe") => Operation::Subscribe,
            Some("unsubscribe") => Operation::Unsubscribe,
            Some(_) => return None,
        };
        Some((frame, operation))
    }
}

impl Channel for Market {
    async fn said(&mut self, text: &str, ear: &mut Ear) -> Step {
        let Some((frame, operation)) = Frame::read(text) else { return Step::nothing() };
        // Before the tokens are looked at: a client switches this by naming a token that it listens to already.
        if let Some(enabled) = frame.custom_feature_enabled {
            self.switch(enabled, ear);
        }
        let assets = self.assets_of(frame.assets_ids.as_deref().unwrap_or_default());
        match operation {
            Operation::Subscribe => {
                let wants_books = frame.initial_dump.unwrap_or(true);
                self.subscribe(&assets, wants_books, ear).await.unwrap_or_else(Step::from)
            }
            Operation::Unsubscribe => {
                self.unsubscribe(&assets, ear);
                Step::nothing()
            }
        }
    }

    async fn updated(&mut self, update: &MarketUpdate) -> Step {
        let Some(followed) = self.followed.get_mut(&update.market) else { return Step::nothing() };
        let Some(change) = followed.book.take_in(update) else { return Step::nothing() };
        let transaction = |trade| self.service.transaction_hash(trade);
        let hears = |audience: Audience| match audience {
            Audience::Market => true,
            Audience::Asset(outcome) => self.assets.contains(&(update.market, outcome)),
            Audience::Top(outcome) => {
                self.has_custom_features
                    && change.has_new_top
                    && self.assets.contains(&(update.market, outcome))
            }
        };
        let all = frames::of_update(&followed.book, update, transaction).into_iter();
        let mut frames: Vec<_> =
            all.filter(|(audience, _)| hears(*audience)).map(|(_, frame)| frame).collect();
        if update.status_changed && !followed.is_over {
            // An update does not say what became of the market. The look may show more than it did, so that what was
            // told once is not told again.
            let status = match self.service.ticker(update.market).await {
                Ok(ticker) => ticker.status,
                Err(reject) => return reject.into(),
            };
            if let Status::Resolved(payout) = status {
                followed.is_over = true;
                if self.has_custom_features {
                    frames.push(frames::market_resolved(&followed.book.spec, payout, update.at));
                }
            }
        }
        Step::send(frames)
    }

    async fn listed(&mut self, market: MarketId) -> Step {
        let catalog = self.service.catalog();
        let spec = catalog.get(market).filter(|spec| spec.venue == Venue::Polymarket);
        let Some(spec) = spec.filter(|_| self.has_custom_features) else { return Step::nothing() };
        Step::send(vec![frames::new_market(spec, self.service.now())])
    }
}

impl Market {
    fn switch(&mut self, enabled: bool, ear: &mut Ear) {
        if enabled && !self.has_custom_features {
            ear.listen_to_listings(self.service.listings());
        } else if !enabled {
            ear.forget(Source::Listings);
        }
        self.has_custom_features = enabled;
    }

    /// The tokens with some ids, each once and in their order. Ids that nobody knows are left out.
    fn assets_of(&self, ids: &[String]) -> Vec<Asset> {
        let catalog = self.service.catalog();
        let mut assets = Vec::new();
        let mut seen = BTreeSet::new();
        for asset in ids.iter().filter_map(|id| catalog.by_token(id)) {
            if seen.insert(asset) {
                assets.push(asset);
            }
        }
        assets
    }

    /// Follows the markets of new tokens and shows their books, in one frame.
    async fn subscribe(
        &mut self,
        assets: &[Asset],
        wants_books: bool,
        ear: &mut Ear,
    ) -> Result<Step, Reject> {
        let new: Vec<_> = assets.iter().filter(|asset| !self.assets.contains(*asset)).collect();
        if self.assets.len() + new.len() > ASSETS_MAX {
            return Ok(Step::end(TOO_MANY));
        }
        let markets: BTreeSet<_> = new.iter().map(|(market, _)| *market).collect();
        let unheard: Vec<_> =
            markets.into_iter().filter(|market| !self.followed.contains_key(market)).collect();
        if !unheard.is_empty() {
            self.follow(&unheard, ear).await?;
        }
        let mut books = Vec::new();
        for (market, outcome) in new {
            // What is over has no book, and nothing more happens to it.
            let Some(followed) = self.followed.get(market) else { continue };
            self.assets.insert((*market, *outcome));
            if wants_books {
                books.push(frames::book(&book_of(&followed.book, *outcome)));
            }
        }
        Ok(if books.is_empty() { Step::nothing() } else { Step::send(vec![array(&books)]) })
    }

    async fn follow(&mut self, markets: &[MarketId], ear: &mut Ear) -> Result<(), Reject> {
        for followed in self.service.follow(markets).await? {
            let market = followed.view.market;
            match followed.view.status {
                Status::Resolved(_) => {}
                Status::Open | Status::Halted => {
                    ear.listen(market, followed.updates);
                    let book = Replica::of(&followed.view);
                    self.followed.insert(market, Followed { book, is_over: false });
                }
            }
        }
        Ok(())
    }

    fn unsubscribe(&mut self, assets: &[Asset], ear: &mut Ear) {
        for asset in assets {
            self.assets.remove(asset);
        }
        let assets = &self.assets;
        self.followed.retain(|market, _| {
            let is_wanted = Outcome::BOTH.iter().any(|outcome| assets.contains(&(*market, *outcome)));
            if !is_wanted {
                ear.forget(Source::Market(*market));
            }
            is_wanted
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(ids: &[&str]) -> Frame {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        Frame { assets_ids: Some(ids), ..Frame::default() }
    }

    #[test]
    fn every_clients_way_to_subscribe_is_read() {
        use Operation::{Subscribe, Unsubscribe};
        let named = |operation: &str| Some(operation.to_owned());
        for (text, expected) in [
            (r#"{"type":"market","assets_ids":["7"]}"#, Some((frame(&["7"]), Subscribe))),
            (
                r#"{"type":"MARKET","assets_ids":["7"],"custom_feature_enabled":false,"initial_dump":true,"level":2}"#,
                Some((
                    Frame { custom_feature_enabled: Some(false), initial_dump: Some(true), ..frame(&["7"]) },
                    Subscribe,
                )),
            ),
            (
                r#"{"type":"market","operation":"subscribe","markets":[],"assets_ids":["7","8"],"initial_dump":true}"#,
                Some((
                    Frame { operation: named("subscribe"), initial_dump: Some(true), ..frame(&["7", "8"]) },
                    Subscribe,
                )),
            ),
            (
                r#"{"operation":"unsubscribe","assets_ids":["7"]}"#,
                Some((Frame { operation: named("unsubscribe"), ..frame(&["7"]) }, Unsubscribe)),
            ),
            (r#"{"assets_ids":null}"#, Some((Frame::default(), Subscribe))),
            (r#"{"operation":"dance","assets_ids":["7"]}"#, None),
            (r#"{"assets_ids":"7"}"#, None),
            (r#"{"assets_ids":[7]}"#, None),
            ("[]", None),
            ("hello", None),
            ("", None),
        ] {
            assert_eq!(Frame::read(text), expected, "{text}");
        }
    }
}
