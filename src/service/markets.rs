//! Markets as they stand: books, tops, marks.

use super::Service;
use crate::exchange::{Depth, Market, MarketSpec, Status, Touch};
use crate::types::{MarketId, Outcome, Price, Reject, Sequence, Shares, Side, Timestamp, Usd};
use crate::world::{Query, State};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A book at one moment. Immutable, so what a surface makes of it can be kept beside it.
#[derive(Debug)]
pub struct BookView {
    /// Which market.
    pub market: MarketId,
    /// Its facts and rules.
    pub spec: Arc<MarketSpec>,
    /// Whether it trades.
    pub status: Status,
    /// How often the world had begun anew. Ids and versions begin again with it.
    pub epoch: u32,
    /// Changes with every change of the book.
    pub version: u64,
    /// The last record in it.
    pub sequence: Sequence,
    /// When its book, mark or status changed last, on the world's clock.
    pub at: Timestamp,
    /// The levels, in terms of the first outcome.
    pub depth: Depth,
    /// The top and the mark, in terms of the first outcome.
    pub touch: Touch,
    /// The price of the last trade here, in terms of the first outcome.
    pub last_trade: Option<Price>,
    forms: [OnceLock<Bytes>; 4],
}

impl BookView {
    /// The levels of one outcome: bids and asks, the best first.
    #[must_use]
    pub fn levels(&self, outcome: Outcome) -> [Vec<(Price, Shares)>; 2] {
        let own = |levels: &[(Price, Shares)]| -> Vec<_> {
            levels.iter().map(|(price, shares)| (Market::in_terms_of(outcome, *price), *shares)).collect()
        };
        match outcome {
            Outcome::Yes => [own(&self.depth.bids), own(&self.depth.asks)],
            // Who sells the first outcome at a price bids for the second at its complement.
            Outcome::No => [own(&self.depth.asks), own(&self.depth.bids)],
        }
    }

    /// The top and the mark in an outcome's own terms.
    #[must_use]
    pub fn touch_of(&self, outcome: Outcome) -> Touch {
        touch_of(self.touch, outcome)
    }

    /// The last trade here, or else the last price recorded, in an outcome's own terms.
    #[must_use]
    pub fn last_price(&self, outcome: Outcome) -> Option<Price> {
        self.last_trade.or(self.spec.reference).map(|price| Market::in_terms_of(outcome, price))
    }

    /// The tick around the mark, in dollars per share.
    #[must_use]
    pub fn tick(&self) -> Price {
        tick_of(&self.spec)
    }

    /// The view in a surface's form, made by the first who asks.
    pub fn form(&self, number: usize, make: impl FnOnce() -> Bytes) -> Bytes {
        self.forms[number].get_or_init(make).clone()
    }
}

/// The finest tick of a market.
#[must_use]
pub fn tick_of(spec: &MarketSpec) -> Price {
    let finest = spec.ticks.iter().map(|range| range.step).min().and_then(Price::new);
    finest.unwrap_or(Price::MIN)
}

/// A top in an outcome's own terms.
#[must_use]
pub fn touch_of(touch: Touch, outcome: Outcome) -> Touch {
    match outcome {
        Outcome::Yes => touch,
        Outcome::No => Touch {
            bid: touch.ask.map(Price::complement),
            ask: touch.bid.map(Price::complement),
            mark: touch.mark.map(Price::complement),
        },
    }
}

/// What a list of markets shows of one.
#[derive(Clone, Debug)]
pub struct Ticker {
    /// Which market.
    pub market: MarketId,
    /// Its facts and rules.
    pub spec: Arc<MarketSpec>,
    /// Whether it trades.
    pub status: Status,
    /// The top and the mark, in terms of the first outcome.
    pub touch: Touch,
    /// The price of the last trade here, in terms of the first outcome.
    pub last_trade: Option<Price>,
}

impl Ticker {
    fn of(market: &Market) -> Self {
        Self {
            market: market.id,
            spec: Arc::clone(&market.spec),
            status: market.status,
            touch: market.touch(),
            last_trade: market.last_trade,
        }
    }
}

/// What stands behind a market.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backing {
    /// Pairs of shares in the world, each backed by a dollar.
    pub pairs: Shares,
    /// What all resting orders are worth at their own prices, in micro-dollars.
    pub resting: Usd,
}

/// The newest view of every book that somebody asked for.
#[derive(Debug, Default)]
pub struct BookCache {
    // A std mutex: held to look a book up, never across an await.
    views: Mutex<BTreeMap<MarketId, Arc<BookView>>>,
}

impl Service {
    /// A book as it stands.
    ///
    /// # Errors
    /// [`Reject::MarketNotFound`], or why the world can't be asked.
    pub async fn book(&self, market: MarketId) -> Result<Arc<BookView>, Reject> {
        let cached = self.books.views.lock().unwrap_or_else(PoisonError::into_inner).get(&market).cloned();
        let known = cached.as_ref().map(|view| (view.epoch, view.version));
        match self.world.ask(BookOf { market, known }).await?? {
            None => cached.ok_or(Reject::Internal),
            Some(view) => {
                let view = Arc::new(view);
                let mut views = self.books.views.lock().unwrap_or_else(PoisonError::into_inner);
                match view.status {
                    Status::Open | Status::Halted => views.insert(market, Arc::clone(&view)),
                    // Windows that are over would pile up.
                    Status::Resolved(_) => views.remove(&market),
                };
                Ok(view)
            }
        }
    }

    /// All markets as they stand, in the order of their ids.
    ///
    /// # Errors
    /// Why the world can't be asked.
    pub async fn tickers(&self) -> Result<Vec<Ticker>, Reject> {
        self.world.ask(Tickers).await
    }

    /// All markets as they stand but the rolling windows that are over, in the order of their ids.
    ///
    /// # Errors
    /// Why the world can't be asked.
    pub async fn current_tickers(&self) -> Result<Vec<Ticker>, Reject> {
        self.world.ask(CurrentTickers).await
    }

    /// One market as it stands.
    ///
    /// # Errors
    /// [`Reject::MarketNotFound`], or why the world can't be asked.
    pub async fn ticker(&self, market: MarketId) -> Result<Ticker, Reject> {
        self.world.ask(TickerOf(market)).await?.ok_or(Reject::MarketNotFound)
    }

    /// What stands behind some markets. Those that are not there are left out.
    ///
    /// # Errors
    /// Why the world can't be asked.
    pub async fn backing(&self, markets: Vec<MarketId>) -> Result<BTreeMap<MarketId, Backing>, Reject> {
        self.world.ask(BackingOf(markets)).await
    }

    /// When the world began, or began anew last.
    ///
    /// # Errors
    /// Why the world can't be asked.
    pub async fn began_at(&self) -> Result<Timestamp, Reject> {
        self.world.ask(BeganAt).await
    }

    /// The rolling windows' series.
    ///
    /// # Errors
    /// Why the world can't be asked.
    pub async fn series(&self) -> Result<Vec<super::Series>, Reject> {
        self.world.ask(AllSeries).await
    }

    /// The price path of an asset that windows roll on.
    #[must_use]
    pub fn spot(&self, asset: &str) -> Option<super::Spot> {
        super::Spot::of(self.world.seed(), asset)
    }
}

/// A book, unless the asker knows it already.
struct BookOf {
    market: MarketId,
    known: Option<(u32, u64)>,
}

impl Query for BookOf {
    type Answer = Result<Option<BookView>, Reject>;
    fn ask(self, state: &State) -> Self::Answer {
        let market = state.exchange().market(self.market).ok_or(Reject::MarketNotFound)?;
        if self.known == Some((state.epoch(), market.version)) {
            return Ok(None);
        }
        Ok(Some(BookView {
            market: market.id,
            spec: Arc::clone(&market.spec),
            status: market.status,
            epoch: state.epoch(),
            version: market.version,
            sequence: state.sequence().unwrap_or_default(),
            at: market.changed_at,
            depth: market.depth(),
            touch: market.touch(),
            last_trade: market.last_trade,
            forms: Default::default(),
        }))
    }
}

struct Tickers;

impl Query for Tickers {
    type Answer = Vec<Ticker>;
    fn ask(self, state: &State) -> Self::Answer {
        state.exchange().markets().iter().map(Ticker::of).collect()
    }
}

/// A world that runs for months has thousands of windows behind it, which no list shows.
struct CurrentTickers;

impl Query for CurrentTickers {
    type Answer = Vec<Ticker>;
    fn ask(self, state: &State) -> Self::Answer {
        let is_over = |market: &&Market| market.is_resolved() && market.spec.facts.window.is_some();
        state.exchange().markets().iter().filter(|market| !is_over(market)).map(Ticker::of).collect()
    }
}

struct TickerOf(MarketId);

impl Query for TickerOf {
    type Answer = Option<Ticker>;
    fn ask(self, state: &State) -> Self::Answer {
        state.exchange().market(self.0).map(Ticker::of)
    }
}

struct BackingOf(Vec<MarketId>);

impl Query for BackingOf {
    type Answer = BTreeMap<MarketId, Backing>;
    fn ask(self, state: &State) -> Self::Answer {
        let of = |id: MarketId| {
            let market = state.exchange().market(id)?;
            let depth = market.depth();
            let bids = depth.bids.iter().map(|(price, shares)| shares.notional(*price)).sum::<Usd>();
            // An offer of the first outcome is a bid for the second.
            let asks =
                depth.asks.iter().map(|(price, shares)| shares.notional(price.complement())).sum::<Usd>();
            Some((id, Backing { pairs: market.outstanding, resting: bids + asks }))
        };
        self.0.into_iter().filter_map(of).collect()
    }
}

struct BeganAt;

impl Query for BeganAt {
    type Answer = Timestamp;
    fn ask(self, state: &State) -> Timestamp {
        state.began_at()
    }
}

struct AllSeries;

impl Query for AllSeries {
    type Answer = Vec<super::Series>;
    fn ask(self, state: &State) -> Self::Answer {
        state.series().to_vec()
    }
}

/// What a taker of one outcome does to an outcome: who buys one answer sells the other.
#[must_use]
pub fn side_of(side: Side, taken: Outcome, outcome: Outcome) -> Side {
    match (side, taken == outcome) {
        (Side::Buy, true) | (Side::Sell, false) => Side::Buy,
        (Side::Sell, true) | (Side::Buy, false) => Side::Sell,
    }
}
