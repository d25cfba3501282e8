//! Committed events out: to everyone who listens to a market or a user.
//!
//! The hub mirrors every book from the events alone and hears of nothing before it is durable. It knows no
//! wire; what a surface makes of an update is kept beside it, so that a frame is made once for all readers.

use crate::exchange::{Event, Half, MarketSpec, Placed, Trade};
use crate::types::{
    AccountId, CloseReason, MarketId, OrderId, OrderKind, Outcome, Price, Sequence, Shares, Side, Timestamp,
    TradeId, Usd, UserId,
};
use crate::world::state::State;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::broadcast;

/// How far a reader may fall behind before it must start over.
const BACKLOG: usize = 1_024;
/// How many forms of one update may be kept.
const FORMS: usize = 4;

/// What happened on one market in one batch.
#[derive(Debug)]
pub struct MarketUpdate {
    /// The last record in it.
    pub sequence: Sequence,
    /// When the market changed last in it.
    pub at: Timestamp,
    /// Which market.
    pub market: MarketId,
    /// The levels that changed, in terms of the first outcome, with what they hold now.
    pub levels: Vec<(Half, Price, Shares)>,
    /// The trades, the oldest first.
    pub trades: Vec<Trade>,
    /// The best bid and ask afterwards, in terms of the first outcome.
    pub touch: [Option<Price>; 2],
    /// Whether the market was halted, resumed or resolved.
    pub status_changed: bool,
    /// Its tick before and after, if it got a finer one.
    pub ticks: Option<[Price; 2]>,
    forms: [OnceLock<Bytes>; FORMS],
}

impl MarketUpdate {
    /// Brings a follower's copy of the market's rules up to date.
    pub fn renew(&self, spec: &mut Arc<MarketSpec>) {
        if let Some([_, tick]) = self.ticks {
            Arc::make_mut(spec).set_tick(tick);
        }
    }

    /// The update in a surface's form, made by the first who asks.
    pub fn form(&self, number: usize, make: impl FnOnce() -> Bytes) -> Bytes {
        self.forms[number].get_or_init(make).clone()
    }
}

/// One side's view of a match.
#[derive(Clone, Debug)]
pub struct Fill {
    /// The record it is in.
    pub sequence: Sequence,
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub account: AccountId,
    /// Which trade.
    pub trade: TradeId,
    /// Which order.
    pub order: OrderId,
    /// Limit or market.
    pub kind: OrderKind,
    /// Whether the order took.
    pub is_taker: bool,
    /// On which market.
    pub market: MarketId,
    /// Which answer.
    pub outcome: Outcome,
    /// Buy or sell.
    pub side: Side,
    /// In the outcome's own terms.
    pub price: Price,
    /// How many.
    pub shares: Shares,
    /// What it cost on top.
    pub fee: Usd,
    /// The taker's order.
    pub taker_order: OrderId,
    /// What of the order has traded in this placement, if it took; what of it still waits, if it was there.
    pub progress: Progress,
}

/// How far a fill took its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The taker has so many shares by now.
    Taken(Shares),
    /// So many of the maker's wait on.
    Waiting(Shares),
}

/// An order that ended otherwise than by trading all of it, or a part of it that never rested.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// The record it is in.
    pub sequence: Sequence,
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub account: AccountId,
    /// Which order.
    pub order: OrderId,
    /// Why.
    pub reason: CloseReason,
}

/// An order that was accepted.
#[derive(Clone, Copy, Debug)]
pub struct Accepted {
    /// The record it is in.
    pub sequence: Sequence,
    /// When.
    pub at: Timestamp,
    /// The order as it was wished.
    pub placed: Placed,
}

/// Something that happened to a user's orders.
#[derive(Clone, Debug)]
pub enum UserNews {
    /// One was accepted. Its fills, if any, follow.
    Accepted(Accepted),
    /// One traded.
    Filled(Fill),
    /// One ended. That all of it traded is seen from its fills.
    Ended(Ended),
}

/// What concerns every socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The world began anew or recovered: what was seen before does not hold.
    StartedOver,
    /// The server stops.
    Stopping,
}

/// Where updates come from. Cheap to share.
#[derive(Debug)]
pub struct Hub {
    // Std mutexes: held to look a channel up, never across an await.
    markets: Mutex<BTreeMap<MarketId, broadcast::Sender<Arc<MarketUpdate>>>>,
    users: Mutex<BTreeMap<UserId, broadcast::Sender<Arc<UserNews>>>>,
    listings: broadcast::Sender<MarketId>,
    notices: broadcast::Sender<Notice>,
}

impl Hub {
    /// A hub nobody listens to yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            markets: Mutex::default(),
            users: Mutex::default(),
            listings: broadcast::channel(BACKLOG).0,
            notices: broadcast::channel(16).0,
        }
    }

    /// Updates of a market from now on.
    pub fn market(&self, market: MarketId) -> broadcast::Receiver<Arc<MarketUpdate>> {
        listen(&self.markets, market)
    }

    /// Markets that are listed from now on.
    pub fn listings(&self) -> broadcast::Receiver<MarketId> {
        self.listings.subscribe()
    }

    /// What happens to a user's orders from now on.
    pub fn user(&self, user: UserId) -> broadcast::Receiver<Arc<UserNews>> {
        listen(&self.users, user)
    }

    /// What concerns everyone, from now on.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// Tells everyone.
    pub fn announce(&self, notice: Notice) {
        // Nobody may be listening, which is no failure.
        drop(self.notices.send(notice));
    }

    fn send_market(&self, update: MarketUpdate) {
        let mut markets = lock(&self.markets);
        let Some(channel) = markets.get(&update.market) else { return };
        let market = update.market;
        if channel.send(Arc::new(update)).is_err() {
            markets.remove(&market);
        }
    }

    fn send_user(&self, user: UserId, news: UserNews) {
        let mut users = lock(&self.users);
        let Some(channel) = users.get(&user) else { return };
        if channel.send(Arc::new(news)).is_err() {
            users.remove(&user);
        }
    }
}

/// Listens to one of many. Those whom nobody hears any more are forgotten before a new one is added.
fn listen<Of: Ord, News: Clone>(
    channels: &Mutex<BTreeMap<Of, broadcast::Sender<News>>>,
    of: Of,
) -> broadcast::Receiver<News> {
    let mut channels = lock(channels);
    if let Some(known) = channels.get(&of) {
        return known.subscribe();
    }
    channels.retain(|_, channel| channel.receiver_count() > 0);
    channels.entry(of).or_insert_with(|| broadcast::channel(BACKLOG).0).subscribe()
}

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}

/// The records of one durable batch, as the hub needs them.
#[derive(Debug, Default)]
pub struct Committed {
    /// The events of all records.
    pub events: Vec<Event>,
    /// For each record: its place, its time, and where its events end.
    pub records: Vec<(Sequence, Timestamp, usize)>,
    /// The last record with which the world began anew, if one did.
    pub began: Option<Sequence>,
}

/// The books as the events tell them. One thread owns it.
#[derive(Debug, Default)]
pub struct Mirror {
    books: BTreeMap<MarketId, Book>,
    owners: BTreeMap<AccountId, UserId>,
}

#[derive(Debug, Default)]
struct Book {
    bids: BTreeMap<Price, Shares>,
    asks: BTreeMap<Price, Shares>,
}

/// The order whose placement is told.
#[derive(Clone, Copy, Debug)]
struct Taker {
    kind: OrderKind,
    taken: Shares,
}

impl Default for Taker {
    fn default() -> Self {
        Self { kind: OrderKind::Limit, taken: Shares::ZERO }
    }
}

/// What one batch did to one market so far.
#[derive(Debug, Default)]
struct Touched {
    levels: BTreeMap<(bool, Price), Shares>,
    trades: Vec<Trade>,
    status_changed: bool,
    ticks: Option<[Price; 2]>,
    at: Timestamp,
}

impl Mirror {
    /// The mirror of a state.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let exchange = state.exchange();
        let books = exchange.markets().iter().map(|market| {
            let depth = market.depth();
            (
                market.id,
                Book { bids: depth.bids.into_iter().collect(), asks: depth.asks.into_iter().collect() },
            )
        });
        let owners = exchange.accounts().iter().map(|account| (account.id, account.user));
        Self { books: books.collect(), owners: owners.collect() }
    }

    /// Takes a batch in and tells the listeners.
    pub fn publish(&mut self, hub: &Hub, batch: &Committed) {
        let mut touched: BTreeMap<MarketId, Touched> = BTreeMap::new();
        let Some(&(sequence, _, _)) = batch.records.last() else { return };
        let mut from = 0;
        for &(sequence, at, end) in &batch.records {
            if batch.began == Some(sequence) {
                // Ids of markets and accounts begin again, and with them their books.
                (self.books, self.owners) = Default::default();
                touched.clear();
            }
            let mut taker = Taker::default();
            for event in &batch.events[from..end] {
                self.take_in(event, at, &mut touched);
                self.tell_users(hub, (sequence, at), &mut taker, event);
                if let Event::MarketListed { market } = event {
                    // Nobody may be listening, which is no failure.
                    drop(hub.listings.send(*market));
                }
            }
            from = end;
        }
        for (market, touched) in touched {
            let book = self.books.entry(market).or_default();
            let half = |is_ask| if is_ask { Half::Ask } else { Half::Bid };
            hub.send_market(MarketUpdate {
                sequence,
                at: touched.at,
                market,
                levels: touched
                    .levels
                    .into_iter()
                    .map(|((is_ask, price), shares)| (half(is_ask), price, shares))
                    .collect(),
                trades: touched.trades,
                touch: [book.bids.last_key_value(), book.asks.first_key_value()]
                    .map(|best| best.map(|(price, _)| *price)),
                status_changed: touched.status_changed,
                ticks: touched.ticks,
                forms: Default::default(),
            });
        }
    }

    fn take_in(&mut self, event: &Event, at: Timestamp, touched: &mut BTreeMap<MarketId, Touched>) {
        match event {
            Event::Rested { market, price, outcome, side, remaining, .. } => {
                self.change(*market, (Half::of(*side, *outcome), *price), *remaining, touched).at = at;
            }
            Event::Closed { market, price, outcome, side, unrested, .. } if !unrested.is_zero() => {
                self.change(*market, (Half::of(*side, *outcome), *price), -*unrested, touched).at = at;
            }
            Event::Traded(trade) => {
                let half = Half::of(trade.maker.side, trade.maker.moved.outcome);
                let market = self.change(trade.market, (half, trade.price), -trade.shares, touched);
                market.at = at;
                market.trades.push(Trade::clone(trade));
            }
            Event::MarketHalted { market, .. } | Event::MarketResolved { market, .. } => {
                let market = touched.entry(*market).or_default();
                (market.status_changed, market.at) = (true, at);
            }
            Event::TicksRefined { market, from, to } => {
                let market = touched.entry(*market).or_default();
                (market.ticks, market.at) = (Some([*from, *to]), at);
            }
            Event::AccountOpened { account, user, .. } => {
                self.owners.insert(*account, *user);
            }
            Event::MarketListed { market } => {
                self.books.entry(*market).or_default();
            }
            Event::Placed(_)
            | Event::Closed { .. }
            | Event::Granted { .. }
            | Event::Settled(_)
            | Event::Converted { .. }
            | Event::Pooled { .. }
            | Event::Surrendered { .. }
            | Event::Held { .. }
            | Event::Released { .. }
            | Event::HeldPaid { .. } => {}
        }
    }

    fn change<'a>(
        &mut self,
        market: MarketId,
        (half, price): (Half, Price),
        by: Shares,
        touched: &'a mut BTreeMap<MarketId, Touched>,
    ) -> &'a mut Touched {
        let book = self.books.entry(market).or_default();
        let levels = match half {
            Half::Bid => &mut book.bids,
            Half::Ask => &mut book.asks,
        };
        let now = levels.get(&price).copied().unwrap_or_default() + by;
        if now.is_zero() {
            levels.remove(&price);
        } else {
            levels.insert(price, now);
        }
        let touched = touched.entry(market).or_default();
        touched.levels.insert((half == Half::Ask, price), now);
        touched
    }

    fn tell_users(&self, hub: &Hub, (sequence, at): (Sequence, Timestamp), taker: &mut Taker, event: &Event) {
        let (account, news) = match *event {
            Event::Placed(placed) => {
                *taker = Taker { kind: placed.kind, taken: Shares::ZERO };
                (placed.account, UserNews::Accepted(Accepted { sequence, at, placed }))
            }
            Event::Closed { account, order, reason, .. } if reason != CloseReason::Filled => {
                (account, UserNews::Ended(Ended { sequence, at, account, order, reason }))
            }
            Event::Traded(ref trade) => {
                taker.taken += trade.shares;
                return self.tell_parties(hub, (sequence, at), *taker, trade);
            }
            Event::Closed { .. }
            | Event::Rested { .. }
            | Event::AccountOpened { .. }
            | Event::Granted { .. }
            | Event::MarketListed { .. }
            | Event::MarketHalted { .. }
            | Event::MarketResolved { .. }
            | Event::Settled(_)
            | Event::Converted { .. }
            | Event::Pooled { .. }
            | Event::Surrendered { .. }
            | Event::TicksRefined { .. }
            | Event::Held { .. }
            | Event::Released { .. }
            | Event::HeldPaid { .. } => return,
        };
        if let Some(user) = self.owners.get(&account) {
            hub.send_user(*user, news);
        }
    }

    fn tell_parties(&self, hub: &Hub, (sequence, at): (Sequence, Timestamp), taker: Taker, trade: &Trade) {
        for (party, is_taker) in [(&trade.taker, true), (&trade.maker, false)] {
            let Some(user) = self.owners.get(&party.moved.account) else { continue };
            hub.send_user(
                *user,
                UserNews::Filled(Fill {
                    sequence,
                    at,
                    account: party.moved.account,
                    trade: trade.trade,
                    order: party.order,
                    kind: if is_taker { taker.kind } else { OrderKind::Limit },
                    is_taker,
                    market: trade.market,
                    outcome: party.moved.outcome,
                    side: party.side,
                    price: crate::exchange::Market::in_terms_of(party.moved.outcome, trade.price),
                    shares: trade.shares,
                    fee: party.moved.fee,
                    taker_order: trade.taker.order,
                    progress: if is_taker {
                        Progress::Taken(taker.taken)
                    } else {
                        Progress::Waiting(trade.maker_remaining)
                    },
                }),
            );
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
