//! What happened: read from the ledger, once it has reached what the reader may know of.

use super::callers::MayRead;
use super::{MarketSpec, Service};
use crate::types::{
    AccountId, DAY_MS, KeyFailure, MarketId, OrderId, Outcome, Price, Reject, Sequence, Timestamp, Usd,
};
use crate::world::ledger::query;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use crate::world::ledger::query::{
    BookMoment, BookMoments, BookSpan, EquityPoint, FillFilter, OrderFilter, SettlementFilter, TradeStats,
    Whose,
};
pub use crate::world::ledger::{
    Candle, ClosedBy, ConversionKind, ConversionRow, FillRow, OrderRow, OrderStatus, PositionRow,
    SettlementRow,
};

/// What an account page shows that only history knows.
#[derive(Clone, Debug)]
pub struct Past {
    /// The number of every position that was ever held.
    pub ids: BTreeMap<(AccountId, MarketId, Outcome), i64>,
    /// Positions that were closed.
    pub closed: Vec<PositionRow>,
    /// What the accounts did, in numbers.
    pub stats: TradeStats,
}

/// What was traded on a market, in dollars: before it was listed here, and since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volumes {
    /// In all.
    pub total: Usd,
    /// In the last 24 hours; none if nobody knows.
    pub day: Option<Usd>,
}

/// What was traded on a market since the world began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traded {
    /// What takers paid or received.
    pub dollars: Usd,
    /// The last trade as its taker saw it.
    pub last: Option<FillRow>,
}

/// Dollars traded here on every market: in all, and in a day.
type DollarsHere = [BTreeMap<MarketId, Usd>; 2];

/// What was traded here when somebody asked last.
#[derive(Debug, Default)]
pub struct VolumeCache {
    // A std mutex: held to read or replace the answer, never across an await.
    known: Mutex<Option<(Duration, Arc<DollarsHere>)>>,
}

/// How long a list may show volumes that are no longer the newest. They add up all of history.
const VOLUMES_KEPT: Duration = Duration::from_secs(1);

impl Service {
    /// Asks the ledger, off the async threads, once it holds everything that was durable when this was called.
    async fn history<T: Send + 'static>(
        &self,
        question: impl FnOnce(&query::History) -> query::Answer<T> + Send + 'static,
    ) -> Result<T, Reject> {
        let ledger = self.world.ledger().clone();
        if let Some(last) = self.world.durable().0.checked_sub(1) {
            ledger.wait_for(Sequence(last)).await?;
        }
        let read = tokio::task::spawn_blocking(move || ledger.read(question)).await;
        read.map_err(|_| Reject::HistoryUnavailable)?
    }

    /// As [`Service::history`], of the accounts that a permit names: only in its epoch are they its holder's.
    pub(super) async fn own_history<T: Send + 'static>(
        &self,
        permit: &MayRead,
        question: impl FnOnce(&query::History) -> query::Answer<T> + Send + 'static,
    ) -> Result<T, Reject> {
        let epoch = i64::from(permit.epoch());
        let asked = move |db: &query::History| {
            if query::epoch(db)? == epoch { question(db).map(Some) } else { Ok(None) }
        };
        self.history(asked).await?.ok_or(Reject::NotLetIn(KeyFailure::Unknown))
    }

    /// Orders of the accounts that a permit names, the newest first.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn orders(&self, permit: &MayRead, filter: OrderFilter) -> Result<Vec<OrderRow>, Reject> {
        let filter = OrderFilter { whose: whose(permit), ..filter };
        self.own_history(permit, move |db| query::orders(db, &filter)).await
    }

    /// As [`Service::orders`], each with when it changed last, if it ever did.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn timed_orders(
        &self,
        permit: &MayRead,
        filter: OrderFilter,
    ) -> Result<Vec<(OrderRow, Option<Timestamp>)>, Reject> {
        let filter = OrderFilter { whose: whose(permit), ..filter };
        self.own_history(permit, move |db| {
            let timed = |row: OrderRow| {
                let traded = row.trades.map(|(_, last)| query::traded_at(db, last)).transpose()?;
                let at = row.closed_at.or(traded);
                Ok((row, at))
            };
            query::orders(db, &filter)?.into_iter().map(timed).collect()
        })
        .await
    }

    /// How many orders a filter lets through, page and place aside.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn count_orders(&self, permit: &MayRead, filter: OrderFilter) -> Result<i64, Reject> {
        let filter = OrderFilter { whose: whose(permit), ..filter };
        self.own_history(permit, move |db| query::count_orders(db, &filter)).await
    }

    /// One order, if it is of an account that the permit names.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn order(&self, permit: &MayRead, order: OrderId) -> Result<Option<OrderRow>, Reject> {
        let accounts = permit.accounts().to_vec();
        self.own_history(permit, move |db| query::order(db, order, &accounts)).await
    }

    /// Those of some orders, however many, that are of the accounts that the permit names.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn orders_by_id(
        &self,
        permit: &MayRead,
        orders: Vec<OrderId>,
    ) -> Result<BTreeMap<OrderId, OrderRow>, Reject> {
        let accounts = permit.accounts().to_vec();
        self.own_history(permit, move |db| {
            let found = orders.into_iter().map(|order| query::order(db, order, &accounts));
            found.filter_map(|row| Some(row.transpose()?.map(|row| (row.order, row)))).collect()
        })
        .await
    }

    /// Fills of the accounts that a permit names, the newest first.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn fills(&self, permit: &MayRead, filter: FillFilter) -> Result<Vec<FillRow>, Reject> {
        let filter = FillFilter { whose: whose(permit), ..filter };
        self.own_history(permit, move |db| query::fills(db, &filter)).await
    }

    /// As [`Service::fills`], each with the client's id for its order.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn named_fills(
        &self,
        permit: &MayRead,
        filter: FillFilter,
    ) -> Result<Vec<(FillRow, Option<Box<str>>)>, Reject> {
        let filter = FillFilter { whose: whose(permit), ..filter };
        self.own_history(permit, move |db| {
            let named = |fill: FillRow| Ok((fill, query::client_order_id(db, fill.order)?));
            query::fills(db, &filter)?.into_iter().map(named).collect()
        })
        .await
    }

    /// Everyone's trades as their takers saw them, the newest first: what a public chain shows.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn public_fills(&self, filter: FillFilter) -> Result<Vec<FillRow>, Reject> {
        let filter = FillFilter { whose: Whose::Everyone, ..filter };
        self.history(move |db| query::fills(db, &filter)).await
    }

    /// Closed positions, position numbers and counts.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn past(&self, permit: &MayRead) -> Result<Past, Reject> {
        let accounts = permit.accounts().to_vec();
        self.own_history(permit, move |db| {
            Ok(Past {
                ids: query::position_ids(db, &accounts)?,
                closed: query::closed_positions(db, &accounts)?,
                stats: query::trade_stats(db, &accounts)?,
            })
        })
        .await
    }

    /// Every position that the accounts a permit names ever held, the oldest first.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn position_rows(&self, permit: &MayRead) -> Result<Vec<PositionRow>, Reject> {
        let accounts = permit.accounts().to_vec();
        self.own_history(permit, move |db| query::positions(db, &accounts)).await
    }

    /// Payments of resolved markets, by position number, the highest first.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn settlements(
        &self,
        permit: &MayRead,
        filter: SettlementFilter,
    ) -> Result<Vec<SettlementRow>, Reject> {
        let filter = SettlementFilter { accounts: permit.accounts().to_vec(), ..filter };
        self.own_history(permit, move |db| query::settlements(db, &filter)).await
    }

    /// Cash and the value of positions at the end of every hour.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn equity(
        &self,
        permit: &MayRead,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<EquityPoint>, Reject> {
        let accounts = permit.accounts().to_vec();
        self.own_history(permit, move |db| query::equity(db, &accounts, from, to)).await
    }

    /// The trades of a market in stretches of time, in terms of its first outcome, from one moment until before
    /// another, without the stretches in which nothing traded.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn candles(
        &self,
        market: MarketId,
        length_ms: i64,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Candle>, Reject> {
        self.history(move |db| query::candles(db, market, length_ms, from, to)).await
    }

    /// How a market's book changed in a stretch of time.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn book_moments(&self, span: BookSpan) -> Result<BookMoments, Reject> {
        self.history(move |db| query::book_moments(db, &span)).await
    }

    /// The price of a market's first outcome when a moment came: that of the last trade before it, or else the one
    /// recorded when the market was listed.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn price_before(&self, market: MarketId, at: Timestamp) -> Result<Option<Price>, Reject> {
        self.history(move |db| query::price_before(db, market, at)).await
    }

    /// What was traded on some markets since the world began, all at the same moment.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn traded(&self, markets: Vec<MarketId>) -> Result<BTreeMap<MarketId, Traded>, Reject> {
        self.history(move |db| {
            let of = |market| {
                let last = FillFilter {
                    whose: Whose::Everyone,
                    markets: vec![market],
                    limit: 1,
                    ..Default::default()
                };
                let last = query::fills(db, &last)?.into_iter().next();
                Ok((market, Traded { dollars: query::traded(db, market)?.dollars, last }))
            };
            markets.into_iter().map(of).collect()
        })
        .await
    }

    /// What was traded on each of some markets, up to a second ago. Where history can't be read, only what was
    /// recorded before is known: a list of markets must not wait for it.
    pub async fn volumes<'a>(
        &self,
        markets: impl Iterator<Item = (MarketId, &'a MarketSpec)>,
    ) -> BTreeMap<MarketId, Volumes> {
        let here = self.volumes_here().await;
        let volumes = |(market, spec): (MarketId, &MarketSpec)| {
            let recorded = &spec.facts;
            let volumes = match &here {
                None => Volumes { total: recorded.volume_total, day: None },
                Some(here) => {
                    let [all, day] =
                        [0, 1].map(|span: usize| here[span].get(&market).copied().unwrap_or_default());
                    Volumes {
                        total: recorded.volume_total + all,
                        day: recorded.volume_day.map(|known| known + day),
                    }
                }
            };
            (market, volumes)
        };
        markets.map(volumes).collect()
    }

    async fn volumes_here(&self) -> Option<Arc<DollarsHere>> {
        let now = self.world.clock().uptime();
        let known = self.volumes.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, volumes)) = known
            && now < at + VOLUMES_KEPT
        {
            return Some(volumes);
        }
        let (ledger, day_ago) = (self.world.ledger().clone(), self.now().plus_millis(-DAY_MS));
        let read = tokio::task::spawn_blocking(move || {
            ledger.read(|db| {
                Ok([query::volume_since(db, Timestamp::default())?, query::volume_since(db, day_ago)?])
            })
        });
        let volumes = Arc::new(read.await.ok()?.ok()?);
        let mut known = self.volumes.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((now, Arc::clone(&volumes)));
        Some(volumes)
    }
}

fn whose(permit: &MayRead) -> Whose {
    Whose::Accounts(permit.accounts().to_vec())
}
