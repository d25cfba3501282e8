//! How matches settle, which is simulated (polymarket-clob.md §7.4), and who stood on their two sides.

use super::callers::MayRead;
use super::history::{FillFilter, FillRow};
use super::{ClobMode, Service};
use crate::types::{Address, KeyId, Reject, Timestamp};
use crate::world::Signed;
use crate::world::ledger::query;

/// A trade is mined after about 2 s, confirmed about 5 s later (§7.4).
const MINED_AFTER_MS: i64 = 2_000;
const CONFIRMED_AFTER_MS: i64 = 7_000;

/// How far a trade's settlement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Two orders met.
    Matched,
    /// The transaction is in a block.
    Mined,
    /// It will stay there.
    Confirmed,
}

impl Stage {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::Matched, Self::Mined, Self::Confirmed];
}

impl Service {
    /// How far the settlement of a trade is: at once at its end, or in production's own time (§7.4).
    #[must_use]
    pub fn stage_of(&self, traded_at: Timestamp) -> (Stage, Timestamp) {
        let reached = |stage: &Stage| self.reached_at(traded_at, *stage) <= self.now();
        let stage = Stage::ALL.into_iter().rev().find(reached).unwrap_or(Stage::Matched);
        (stage, self.reached_at(traded_at, stage))
    }

    /// When the settlement of a trade comes to a stage, on the world's clock.
    #[must_use]
    pub fn reached_at(&self, traded_at: Timestamp, stage: Stage) -> Timestamp {
        match (self.clob_mode, stage) {
            (ClobMode::Friendly, _) | (ClobMode::Strict, Stage::Matched) => traded_at,
            (ClobMode::Strict, Stage::Mined) => traded_at.plus_millis(MINED_AFTER_MS),
            (ClobMode::Strict, Stage::Confirmed) => traded_at.plus_millis(CONFIRMED_AFTER_MS),
        }
    }

    /// The wallet that an order of a match is shown to be for.
    #[must_use]
    pub fn shown_maker(&self, half: &Half) -> Address {
        let signed = half.signed.as_ref().map(|signed| signed.maker);
        signed.unwrap_or_else(|| self.shown_address(half.fill.account))
    }

    /// Matches of the accounts that a permit names, each from its own side, the newest first.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn matches(&self, reads: &MayRead, filter: FillFilter) -> Result<Vec<MatchRow>, Reject> {
        let fills = self.fills(reads, filter).await?;
        self.own_history(reads, move |db| {
            let both = |own: FillRow| {
                let other = query::fill(db, own.trade, !own.is_taker)?;
                let of = |fill: &FillRow| -> query::Answer<_> {
                    let signed = query::signed(db, [fill.order])?.remove(&fill.order);
                    query::key_of(db, fill.order).map(|key| (signed, key))
                };
                let [own_order, other_order] = [of(&own)?, of(&other)?];
                Ok(MatchRow { own: Half::new(own, own_order), other: Half::new(other, other_order) })
            };
            fills.into_iter().map(both).collect()
        })
        .await
    }
}

/// One side of a match, with what is known of its order.
#[derive(Clone, Debug)]
pub struct Half {
    /// Its fill.
    pub fill: FillRow,
    /// What its wallet signed.
    pub signed: Option<Signed>,
    /// The key that vouched for its order.
    pub key: Option<KeyId>,
}

impl Half {
    fn new(fill: FillRow, (signed, key): (Option<Signed>, Option<KeyId>)) -> Self {
        Self { fill, signed, key }
    }
}

/// A match as one of its sides sees it.
#[derive(Clone, Debug)]
pub struct MatchRow {
    /// The asker's side.
    pub own: Half,
    /// The other side.
    pub other: Half,
}

impl MatchRow {
    /// Who came, then who was there.
    #[must_use]
    pub fn taker_and_maker(&self) -> (&Half, &Half) {
        if self.own.fill.is_taker { (&self.own, &self.other) } else { (&self.other, &self.own) }
    }
}
