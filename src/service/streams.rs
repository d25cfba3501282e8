//! Who listens to what, and how many sockets a user has open.

use super::history::Traded;
use super::markets::{BookView, side_of};
use super::{MarketSpec, MarketUpdate, Notice, Service, Status, Touch, Trade, UserNews};
use crate::types::{MarketId, Outcome, Price, Reject, Sequence, Shares, Side, TradeId, Usd, UserId};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast;

/// Sockets and streams that may be open at once without anyone being named for them.
const ANONYMOUS_MAX: u32 = 1_000;
/// How many of those, and of wallets' together, may come from one address: the rest stays for others.
const ANONYMOUS_OF_ADDRESS_MAX: u32 = 500;

/// Sockets that one wallet may have open.
const WALLET_SOCKETS_MAX: u32 = 50;

/// Whom a socket is counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    User(UserId),
    Address(IpAddr),
    /// All who are not named.
    Anonymous,
}

/// Open sockets, counted by holder.
#[derive(Debug, Default)]
pub struct SocketCounter {
    // A std mutex: held for a few instructions, never across an await.
    open: Mutex<BTreeMap<Holder, u32>>,
}

/// The proof that a socket was counted. Dropping it counts it out again.
#[derive(Debug)]
pub struct SocketSeat {
    counter: Arc<SocketCounter>,
    holders: Vec<Holder>,
}

impl SocketCounter {
    /// A seat that counts for every one of some holders; none if one has as many as it may.
    fn take(self: &Arc<Self>, caps: &[(Holder, u32)]) -> Option<SocketSeat> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = |(holder, cap): &(Holder, u32)| open.get(holder).is_none_or(|count| count < cap);
        if !caps.iter().all(has_room) || caps.iter().any(|(_, cap)| *cap == 0) {
            return None;
        }
        let holders: Vec<_> = caps.iter().map(|(holder, _)| *holder).collect();
        for holder in &holders {
            *open.entry(*holder).or_default() += 1;
        }
        Some(SocketSeat { counter: Arc::clone(self), holders })
    }
}

impl Drop for SocketSeat {
    fn drop(&mut self) {
        let mut open = self.counter.open.lock().unwrap_or_else(PoisonError::into_inner);
        for holder in &self.holders {
            if let Some(count) = open.get_mut(holder) {
                *count -= 1;
                if *count == 0 {
                    open.remove(holder);
                }
            }
        }
    }
}

impl Service {
    /// A seat for one more socket of a user; none if it has as many as its tier allows.
    #[must_use]
    pub fn take_seat(&self, caller: &super::Caller) -> Option<SocketSeat> {
        let cap = self.world.directory().identity.tiers().of(caller.tier).ws_connections_max;
        self.sockets.take(&[(Holder::User(caller.user), cap)])
    }

    /// A seat for one more socket of a wallet's, which has no plan.
    #[must_use]
    pub fn take_wallet_seat(&self, caller: &super::Caller, address: IpAddr) -> Option<SocketSeat> {
        let of_address = (Holder::Address(address), ANONYMOUS_OF_ADDRESS_MAX);
        self.sockets.take(&[(Holder::User(caller.user), WALLET_SOCKETS_MAX), of_address])
    }

    /// A seat for one more socket of nobody in particular; none if there are as many as there may be, from its address
    /// or at all.
    #[must_use]
    pub fn take_anonymous_seat(&self, address: IpAddr) -> Option<SocketSeat> {
        let caps = [(Holder::Address(address), ANONYMOUS_OF_ADDRESS_MAX), (Holder::Anonymous, ANONYMOUS_MAX)];
        self.sockets.take(&caps)
    }

    /// How many sockets are open.
    #[must_use]
    pub fn sockets_open(&self) -> u32 {
        let open = self.sockets.open.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = open.iter().filter(|(holder, _)| !matches!(holder, Holder::Address(_)));
        counted.map(|(_, count)| count).sum()
    }

    /// Begins to follow markets. It listens first and looks afterwards, so that nothing falls in between.
    ///
    /// # Errors
    /// [`Reject::MarketNotFound`], or why the world can't be asked.
    pub async fn follow(&self, markets: &[MarketId]) -> Result<Vec<Followed>, Reject> {
        let listening: Vec<_> = markets.iter().map(|market| self.world.hub().market(*market)).collect();
        // Without history a market can be followed all the same.
        let traded = self.traded(markets.to_vec()).await.ok();
        let mut followed = Vec::with_capacity(markets.len());
        for (market, updates) in markets.iter().zip(listening) {
            let view = self.book(*market).await?;
            let traded = traded.as_ref().map(|traded| traded.get(market).copied().unwrap_or_default());
            followed.push(Followed { market: FollowedMarket::new(&view, traded), view, updates });
        }
        Ok(followed)
    }

    /// Looks up a followed market's status, which an update does not tell. Everything else waits for the updates that
    /// brought it, so that none is passed over.
    ///
    /// # Errors
    /// [`Reject::MarketNotFound`], or why the world can't be asked.
    pub async fn look_again(&self, followed: &mut FollowedMarket) -> Result<(), Reject> {
        followed.status = self.ticker(followed.market).await?.status;
        Ok(())
    }

    /// What happens to the caller's orders from now on.
    #[must_use]
    pub fn news_of(&self, caller: &super::Caller) -> broadcast::Receiver<Arc<UserNews>> {
        self.news_of_user(caller.user)
    }

    /// What happens to a user's orders from now on.
    #[must_use]
    pub fn news_of_user(&self, user: UserId) -> broadcast::Receiver<Arc<UserNews>> {
        self.world.hub().user(user)
    }

    /// Markets that are listed from now on.
    #[must_use]
    pub fn listings(&self) -> broadcast::Receiver<MarketId> {
        self.world.hub().listings()
    }

    /// What concerns every socket.
    #[must_use]
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.world.hub().notices()
    }
}

/// A market that somebody just began to follow.
#[derive(Debug)]
pub struct Followed {
    /// What was true when it was looked at.
    pub market: FollowedMarket,
    /// The book then.
    pub view: Arc<BookView>,
    /// What comes after it, and perhaps some of what came before.
    pub updates: broadcast::Receiver<Arc<MarketUpdate>>,
}

/// A market as one follower knows it, in terms of its first outcome. All followers know the same after the same
/// update, so that what one makes of it serves all.
#[derive(Clone, Debug)]
pub struct FollowedMarket {
    /// Which market.
    pub market: MarketId,
    /// Its facts and rules.
    pub spec: Arc<MarketSpec>,
    /// Whether it trades.
    pub status: Status,
    /// The last trade here.
    pub last: Option<LastTrade>,
    /// Dollars traded in all.
    pub volume: Usd,
    bid: Option<Price>,
    ask: Option<Price>,
    seen: Sequence,
    counted: TradeId,
    is_whole: bool,
}

/// The last trade on a market, in terms of its first outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastTrade {
    /// At which price.
    pub price: Price,
    /// Whether its taker bought or sold, and how many shares; none if history can't be read.
    pub taken: Option<(Side, Shares)>,
}

/// What an update meant to a follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Nothing: it was known already.
    Known,
    /// The book, the mark or the volume changed.
    Changed,
    /// The market was halted, resumed or resolved: [`Service::look_again`] tells which.
    StatusChanged,
}

impl FollowedMarket {
    fn new(view: &BookView, traded: Option<Traded>) -> Self {
        let is_whole = traded.is_some();
        let Traded { dollars, last: taker } = traded.unwrap_or_default();
        let last = view.last_trade.map(|price| LastTrade {
            price,
            taken: taker.map(|taker| (side_of(taker.side, taker.outcome, Outcome::Yes), taker.shares)),
        });
        Self {
            market: view.market,
            spec: Arc::clone(&view.spec),
            status: view.status,
            last,
            volume: view.spec.facts.volume_total + dollars,
            bid: view.touch.bid,
            ask: view.touch.ask,
            seen: view.sequence,
            counted: taker.map(|taker| taker.trade).unwrap_or_default(),
            is_whole,
        }
    }

    /// Takes an update in and says what it meant.
    pub fn take_in(&mut self, update: &MarketUpdate) -> News {
        // Trades have numbers of their own: history may be ahead of the book, or the book ahead of history.
        for trade in &update.trades {
            if trade.trade > self.counted {
                self.count(trade);
            }
        }
        if update.sequence <= self.seen {
            return News::Known;
        }
        self.seen = update.sequence;
        [self.bid, self.ask] = update.touch;
        update.renew(&mut self.spec);
        if update.status_changed { News::StatusChanged } else { News::Changed }
    }

    fn count(&mut self, trade: &Trade) {
        let side = side_of(trade.taker.side, trade.taker.moved.outcome, Outcome::Yes);
        self.last = Some(LastTrade { price: trade.price, taken: Some((side, trade.shares)) });
        let cash = trade.taker.moved.cash;
        self.volume += if cash.is_negative() { -cash } else { cash };
        self.counted = trade.trade;
    }

    /// The top of the book and the mark.
    #[must_use]
    pub fn touch(&self) -> Touch {
        Touch::new(self.bid, self.ask, self.last_price())
    }

    /// The last trade here, or else the last price recorded.
    #[must_use]
    pub fn last_price(&self) -> Option<Price> {
        self.last.map(|last| last.price).or(self.spec.reference)
    }

    /// Whether what is known is what every other follower knows.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Event, FeeSchedule, MarketFacts, Moved, Party, Settlement};
    use crate::types::{AccountId, OrderId, Timestamp, Venue};
    use crate::world::hub::{Committed, Hub, Mirror};

    const MARKET: MarketId = MarketId(1);

    fn price(ten_thousandths: u16) -> Price {
        Price::new(ten_thousandths).expect("in range")
    }

    fn followed(counted: u64, seen: u64) -> FollowedMarket {
        let spec = MarketSpec {
            venue: Venue::Polymarket,
            facts: MarketFacts::default(),
            ticks: Vec::new(),
            lot: Shares::from_micros(100),
            minimum: Shares::from_whole(5),
            fees: FeeSchedule::FREE,
            settlement: Settlement::Auto,
            ends_at: None,
            reference: Some(price(4_000)),
            resolved: None,
            group: None,
        };
        FollowedMarket {
            market: MARKET,
            spec: Arc::new(spec),
            status: Status::Open,
            last: None,
            volume: Usd::from_dollars(100),
            bid: None,
            ask: None,
            seen: Sequence(seen),
            counted: TradeId(counted),
            is_whole: true,
        }
    }

    /// Someone takes 10 shares of the second outcome: in a book of the first, a sale.
    fn trade(number: u64, at: u16) -> Event {
        let party = |account, side, outcome, cash| Party {
            order: OrderId(number),
            side,
            moved: Moved {
                account: AccountId(account),
                market: MARKET,
                outcome,
                shares: Shares::from_whole(10),
                cash: Usd::from_dollars(cash),
                fee: Usd::ZERO,
                after: crate::exchange::Holding::default(),
            },
        };
        Event::Traded(Trade {
            trade: TradeId(number),
            market: MARKET,
            price: price(at),
            shares: Shares::from_whole(10),
            taker: party(1, Side::Buy, Outcome::No, -4),
            maker: party(2, Side::Buy, Outcome::Yes, -6),
            maker_remaining: Shares::ZERO,
        })
    }

    /// What the hub makes of a batch whose only record is this.
    fn update(sequence: u64, events: Vec<Event>) -> Arc<MarketUpdate> {
        let hub = Hub::new();
        let mut listening = hub.market(MARKET);
        let records = vec![(Sequence(sequence), Timestamp::default(), events.len())];
        Mirror::default().publish(&hub, &Committed { events, records, ..Committed::default() });
        listening.try_recv().expect("an update")
    }

    #[test]
    fn each_trade_is_counted_once_whether_book_or_history_was_ahead() {
        for (counted, seen, news, volume, last) in [
            (0, 0, News::Changed, 108, Some(6_100)),
            // History knew the first of the two already.
            (7, 0, News::Changed, 104, Some(6_100)),
            (8, 0, News::Changed, 100, None),
            // The book was looked at later than history.
            (7, 5, News::Known, 104, Some(6_100)),
            (8, 5, News::Known, 100, None),
        ] {
            let mut market = followed(counted, seen);
            assert_eq!(market.take_in(&update(5, vec![trade(7, 6_000), trade(8, 6_100)])), news);
            assert_eq!(market.volume, Usd::from_dollars(volume), "{counted} {seen}");
            assert_eq!(market.last.map(|last| last.price), last.map(price));
            if let Some(last) = market.last {
                assert_eq!(last.taken, Some((Side::Sell, Shares::from_whole(10))));
            }
        }
    }

    #[test]
    fn the_mark_is_the_last_trade_before_it_the_recorded_price() {
        let mut market = followed(0, 0);
        assert_eq!(market.touch().mark, Some(price(4_000)));
        market.take_in(&update(1, vec![trade(1, 6_000)]));
        assert_eq!(market.touch().mark, Some(price(6_000)));
    }

    #[test]
    fn a_change_of_status_is_told() {
        let mut market = followed(0, 0);
        let halted = Event::MarketHalted { market: MARKET, halted: true };
        assert_eq!(market.take_in(&update(1, vec![halted])), News::StatusChanged);
    }

    #[test]
    fn a_seat_is_free_again_when_it_is_left() {
        let counter = Arc::new(SocketCounter::default());
        let take = || counter.take(&[(Holder::User(UserId(1)), 2)]);
        let (first, second) = (take(), take());
        assert!(first.is_some() && second.is_some() && take().is_none());
        drop(first);
        assert!(take().is_some());
    }

    #[test]
    fn one_address_leaves_seats_for_others() {
        let counter = Arc::new(SocketCounter::default());
        let take = |last| {
            let address = IpAddr::from([127, 0, 0, last]);
            counter.take(&[(Holder::Address(address), 2), (Holder::Anonymous, 3)])
        };
        let first = [take(1), take(1)];
        assert!(first.iter().all(Option::is_some) && take(1).is_none());
        let second = take(2);
        assert!(second.is_some() && take(2).is_none(), "all seats are taken");
        drop(first);
        assert!(take(2).is_some() && counter.open.lock().expect("no panic").len() == 2);
    }
}
