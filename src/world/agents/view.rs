//! What agents ask of the world.

use crate::exchange::{Grid, Half, Market, Status, Touch};
use crate::types::{AccountId, MarketId, OrderId, Outcome, Price, Shares, Timestamp, Venue};
use crate::world::running::Query;
use crate::world::scenario::interval_ms;
use crate::world::state::State;

/// A market through an agent's eyes.
#[derive(Debug)]
pub(super) struct View {
    pub(super) market: MarketId,
    pub(super) grid: Grid,
    pub(super) minimum: Shares,
    pub(super) touch: Touch,
    pub(super) house: AccountId,
    pub(super) noise: AccountId,
    /// The house's open orders: id, half, level.
    pub(super) quotes: Vec<(OrderId, Half, u16)>,
    /// What the noise taker may sell.
    pub(super) held: [Shares; 2],
}

/// Looks at a market; nothing if it does not trade.
pub(super) struct Look(pub(super) MarketId);

impl Query for Look {
    type Answer = Option<View>;
    fn ask(self, state: &State) -> Option<View> {
        let exchange = state.exchange();
        let market = exchange.market(self.0).filter(|market| market.status == Status::Open)?;
        let system = state.system();
        let (house, noise) = match market.spec.venue {
            Venue::Polymarket => (system.house, system.noise),
            Venue::Kalshi => (system.house_kalshi, system.noise_kalshi),
        };
        let own = exchange.open_orders(house).filter(|open| open.market == market.id);
        Some(View {
            market: market.id,
            grid: market.grid.clone(),
            minimum: market.spec.minimum,
            touch: market.touch(),
            house,
            noise,
            quotes: own.map(|open| (open.id, open.half(), open.level)).collect(),
            held: Outcome::BOTH.map(|outcome| exchange.holding(noise, market.id, outcome).free()),
        })
    }
}

/// Which markets are worth quoting, unless the asker knows this epoch, and which windows are open.
pub(super) struct Candidates {
    pub(super) most: usize,
    pub(super) known: Option<u32>,
}

/// The answer to [`Candidates`].
pub(super) struct Found {
    pub(super) epoch: u32,
    pub(super) markets: Option<Vec<MarketId>>,
    pub(super) windows: Vec<OpenWindow>,
}

/// A rolling window that trades now.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenWindow {
    pub(super) market: MarketId,
    /// Which series, and which window of it.
    pub(super) turn: (u32, u64),
    pub(super) starts_at: Timestamp,
    /// How long its series' windows last, in milliseconds.
    pub(super) length_ms: i64,
    /// Milliseconds from one change of its book to the next.
    pub(super) pace_ms: u32,
}

impl Query for Candidates {
    type Answer = Found;
    fn ask(self, state: &State) -> Found {
        let epoch = state.epoch();
        let markets = (self.known != Some(epoch)).then(|| choose(state, self.most));
        let windows = (0..).zip(state.series()).filter_map(|(number, series)| {
            let market = series.current?;
            let window = state.exchange().market(market)?.spec.facts.window.as_ref()?;
            // The first window began before the world did: its book opened when the world did.
            let starts_at =
                window.starts_at.max(if window.number == 0 { state.began_at() } else { window.starts_at });
            Some(OpenWindow {
                market,
                turn: (number, window.number),
                starts_at,
                length_ms: interval_ms(&series.interval)?,
                pace_ms: series.pace_ms,
            })
        });
        Found { epoch, markets, windows: windows.collect() }
    }
}

/// Markets with two sides, those between 0.10 and 0.90 first, then those that were traded most.
fn choose(state: &State, most: usize) -> Vec<MarketId> {
    let quoted = |market: &&Market| {
        market.status == Status::Open && market.spec.facts.window.is_none() && two_sided(market).is_some()
    };
    let central = |market: &Market| {
        let (bid, ask) = two_sided(market).unwrap_or((Price::MIN, Price::MAX));
        bid.ten_thousandths() >= 1_000 && ask.ten_thousandths() <= 9_000
    };
    let mut found: Vec<_> = state.exchange().markets().iter().filter(quoted).collect();
    found.sort_by_key(|market| {
        (!central(market), std::cmp::Reverse(market.spec.facts.volume_total), market.id)
    });
    found.into_iter().take(most).map(|market| market.id).collect()
}

fn two_sided(market: &Market) -> Option<(Price, Price)> {
    Some((market.best_price(Half::Bid)?, market.best_price(Half::Ask)?))
}
