//! Placing an order: every reason to refuse, then what cannot fail.

use super::account::{Account, Holding, Position, Role};
use super::book::{Half, Open, Orders};
use super::event::{Event, Moved, Party, Placed, Receipt, Touch, Trade};
use super::market::{Market, Status};
use super::shape::{Checked, check_shape, not_fillable, post_only_rests};
use super::walk::{Match, Walked, Walker};
use super::{Exchange, index};
use crate::types::{
    AccountId, CloseReason, MarketId, NewOrder, OrderId, OrderKind, Outcome, Reject, Shares, Side, Size,
    TimeInForce, Timestamp, Usd,
};

/// The most shares one order may leave in a book, so that thousands of the largest add up.
const RESTING_MAX: Shares = Shares::from_whole(1_000_000_000);

/// Everything there is to know before anything changes.
#[derive(Clone, Copy, Debug)]
struct Decided {
    checked: Checked,
    /// What trades now.
    walked: Walked,
    /// What will rest, and what that reserves.
    resting: Shares,
    hold: Usd,
    /// Why the order ends, if it does.
    closed: Option<CloseReason>,
    /// The book before.
    before: Touch,
}

impl Exchange {
    // Apart from the other commands: with all of them in one function, each pays for the registers of all.
    #[inline(never)]
    pub(super) fn place(
        &mut self,
        at: Timestamp,
        order: &NewOrder,
        events: &mut Vec<Event>,
    ) -> Result<Receipt, Reject> {
        let mut matches = std::mem::take(&mut self.matches);
        let receipt = match self.consider(at, order, &mut matches) {
            Ok(decided) => Ok(self.execute((at, order), &decided, &matches, events)),
            Err(reject) => Err(reject),
        };
        self.matches = matches;
        receipt
    }

    /// Every reason to refuse, in order of precedence; then what is to be done.
    fn consider(&self, at: Timestamp, order: &NewOrder, matches: &mut Vec<Match>) -> Result<Decided, Reject> {
        let (account, market) = self.tradable(at, order)?;
        let checked = check_shape(at, order, market, self.covers_dust(order, market))?;
        post_only_rests(order, market, checked.level)?;
        let taker = Walker {
            user: account.user,
            side: order.side,
            outcome: order.outcome,
            limit: checked.level,
            size: checked.size,
        };
        let walked = taker.walk(market, &self.orders, &self.accounts, matches);
        let decided = self.decide(order, (account, market), checked, walked)?;
        if decided.walked.shares.is_zero() {
            matches.clear();
        }
        Ok(decided)
    }

    fn tradable(&self, at: Timestamp, order: &NewOrder) -> Result<(&Account, &Market), Reject> {
        let account = self.account(order.account).ok_or(Reject::AccountNotFound)?;
        let market = self.market(order.market).ok_or(Reject::MarketNotFound)?;
        if market.is_resolved() || market.spec.ends_at.is_some_and(|ends| ends <= at) {
            return Err(Reject::MarketClosed);
        }
        if market.status == Status::Halted {
            return Err(Reject::MarketHalted);
        }
        if account.venue != market.spec.venue {
            return Err(Reject::WrongVenue);
        }
        account.may_act()?;
        Ok((account, market))
    }

    /// A sale of everything that is left may be smaller than the minimum, or dust could never be sold.
    fn covers_dust(&self, order: &NewOrder, market: &Market) -> bool {
        if order.side != Side::Sell || !order.terms.may_sell_dust {
            return false;
        }
        let Size::Shares(shares) = order.size else { return false };
        // A pair may be split finer than the lot; what is below it cannot be traded at all.
        let free = self.holding(order.account, order.market, order.outcome).free();
        shares.truncated_to(market.spec.lot) == free.truncated_to(market.spec.lot)
    }

    fn decide(
        &self,
        order: &NewOrder,
        (account, market): (&Account, &Market),
        checked: Checked,
        walked: Walked,
    ) -> Result<Decided, Reject> {
        let wanted = match checked.size {
            Size::Shares(shares) => shares,
            Size::Dollars(_) => walked.shares,
        };
        let rests = order.tif.may_rest() && !walked.is_full && !walked.met_self;
        let resting = if rests { wanted - walked.shares } else { Shares::ZERO };
        let (hold, needed) = match order.side {
            Side::Buy => {
                // Only an order with a price of its own, on the tick, may rest.
                let hold = if rests { resting.notional(order.limit) } else { Usd::ZERO };
                (hold, walked.notional + walked.fee + hold)
            }
            Side::Sell => (Usd::ZERO, walked.fee - walked.notional),
        };
        let takes = order.kind == OrderKind::Limit && order.side == Side::Buy && walked.shares.is_positive();
        if takes && wanted.notional(order.limit) < order.terms.taking_min {
            return Err(Reject::BelowMinimumNotional { minimum: order.terms.taking_min });
        }
        // What is set aside is there before anything is sold.
        let needed = match order.terms.set_aside {
            Usd::ZERO => needed,
            fee => needed.max(Usd::ZERO) + fee,
        };
        if !account.covers(needed) {
            return Err(Reject::InsufficientFunds { needed, available: account.available() });
        }
        if order.side == Side::Sell {
            let free = self.holding(order.account, order.market, order.outcome).free();
            if free < wanted {
                return Err(Reject::InsufficientPosition { needed: wanted, available: free });
            }
        }
        if walked.met_self && walked.shares.is_zero() && order.terms.refuses_own {
            return Err(Reject::MeetsOwn);
        }
        let fails = !walked.is_full && order.tif == TimeInForce::Fok;
        let empty = walked.shares.is_zero() && !rests && !walked.met_self;
        if order.kind == OrderKind::Market && (fails || empty) {
            return Err(not_fillable(order, market, checked));
        }
        if rests && account.open_orders >= self.limits.open_orders_max {
            return Err(Reject::LimitReached("open orders".to_owned()));
        }
        if resting > RESTING_MAX {
            return Err(Reject::LimitReached("shares in one order".to_owned()));
        }
        let closed = match (walked.is_full, walked.met_self, rests) {
            (true, _, _) => Some(CloseReason::Filled),
            (false, _, true) => None,
            (false, true, false) => Some(CloseReason::SelfTrade),
            (false, false, false) => Some(CloseReason::Unfilled),
        };
        let walked = if fails { Walked::default() } else { walked };
        Ok(Decided { checked, walked, resting, hold, closed, before: market.touch() })
    }

    fn execute(
        &mut self,
        (at, order): (Timestamp, &NewOrder),
        decided: &Decided,
        matches: &[Match],
        events: &mut Vec<Event>,
    ) -> Receipt {
        let Decided { checked, walked, resting, closed, before, .. } = *decided;
        let (id, first_trade) = (self.next_order, self.next_trade);
        self.next_order = OrderId(id.0 + 1);
        let position = self.position_slot(order.account, order.market);
        events.push(Event::Placed(Placed {
            order: id,
            account: order.account,
            market: order.market,
            outcome: order.outcome,
            side: order.side,
            kind: order.kind,
            size: checked.size,
            limit: order.limit,
            tif: order.tif,
            post_only: order.post_only,
        }));
        self.set_aside(order.account, order.terms.set_aside, events);
        for found in matches {
            self.trade((id, position), order, found, events);
        }
        if resting.is_positive() {
            self.rest((id, position), order, decided, events);
        }
        if let Some(reason) = closed {
            let price = self.markets[index(order.market.0 - 1)].grid.price(checked.level);
            let (market, account, outcome, side) = (order.market, order.account, order.outcome, order.side);
            let unrested = Shares::ZERO;
            events.push(Event::Closed { order: id, market, account, price, outcome, side, unrested, reason });
        }
        if !matches.is_empty() {
            let first = match Half::of(order.side, order.outcome) {
                Half::Bid => before.ask,
                Half::Ask => before.bid,
            };
            self.refine_at_edge(order.market, first, events);
        }
        Receipt::Placed {
            order: id,
            filled: walked.shares,
            notional: walked.notional,
            fee: walked.fee,
            resting,
            closed,
            available: self.accounts[index(order.account.0 - 1)].available(),
            holding: *self.positions.get(position).of(order.outcome),
            before,
            levels: walked.levels,
            first_trade,
            trades: u32::try_from(matches.len()).expect("BUG: more trades than open orders"),
            at,
        }
    }

    #[inline]
    fn trade(
        &mut self,
        (taker, position): (OrderId, u32),
        order: &NewOrder,
        found: &Match,
        events: &mut Vec<Event>,
    ) {
        let maker = self.orders.get(found.maker);
        let market = &mut self.markets[index(order.market.0 - 1)];
        let price = market.grid.price(maker.level);
        // Two buyers of both outcomes mint a pair, two sellers give one back.
        match (maker.side, order.side) {
            (Side::Buy, Side::Buy) => market.outstanding += found.shares,
            (Side::Sell, Side::Sell) => market.outstanding -= found.shares,
            (Side::Buy, Side::Sell) | (Side::Sell, Side::Buy) => {}
        }
        market.last_trade = Some(price);
        market.change(self.now);
        let ladder = market.ladder_mut();
        let left = maker.remaining - found.shares;
        ladder.reduce(&mut self.orders, found.maker, found.shares);
        if left.is_zero() {
            ladder.remove(&mut self.orders, found.maker);
        }
        let own = Market::in_terms_of(maker.outcome, price);
        let freed = match maker.side {
            Side::Buy => maker.remaining.notional(own) - left.notional(own),
            Side::Sell => Usd::ZERO,
        };
        let shares = found.shares;
        let resting = Leg {
            account: maker.account,
            position: maker.position,
            outcome: maker.outcome,
            side: maker.side,
            reserved: Some(freed),
            amount: found.maker_amount,
            fee: Usd::ZERO,
        };
        let incoming = Leg {
            account: order.account,
            position,
            outcome: order.outcome,
            side: order.side,
            reserved: None,
            amount: found.taker_amount,
            fee: found.fee,
        };
        let resting = self.settle_leg(&resting, order.market, shares);
        let incoming = self.settle_leg(&incoming, order.market, shares);
        self.fees += found.fee;
        let trade = self.next_trade;
        self.next_trade.0 += 1;
        events.push(Event::Traded(Trade {
            trade,
            market: order.market,
            price,
            shares,
            taker: Party { order: taker, side: order.side, moved: incoming },
            maker: Party { order: maker.id, side: maker.side, moved: resting },
            maker_remaining: left,
        }));
        if left.is_zero() {
            self.order_gone(&maker);
            events.push(Event::Closed {
                order: maker.id,
                market: order.market,
                account: maker.account,
                price,
                outcome: maker.outcome,
                side: maker.side,
                unrested: Shares::ZERO,
                reason: CloseReason::Filled,
            });
        }
    }

    /// One party's cash and shares.
    #[inline]
    fn settle_leg(&mut self, leg: &Leg, market: MarketId, shares: Shares) -> Moved {
        let Leg { account, outcome, amount, fee, .. } = *leg;
        let purse = &mut self.accounts[index(account.0 - 1)];
        let holding = self.positions.holding_mut(leg.position, outcome);
        let (cash, moved) = match leg.side {
            Side::Buy => {
                holding.gain(shares, amount);
                purse.reserved -= leg.reserved.unwrap_or_default();
                (-amount, shares)
            }
            Side::Sell => {
                if leg.reserved.is_some() {
                    holding.reserved -= shares;
                }
                holding.lose(shares, amount);
                (amount, -shares)
            }
        };
        purse.cash += cash - fee;
        Moved { account, market, outcome, shares: moved, cash, fee, after: *holding }
    }

    fn rest(
        &mut self,
        (id, position): (OrderId, u32),
        order: &NewOrder,
        decided: &Decided,
        events: &mut Vec<Event>,
    ) {
        let Checked { level, size, expires_at } = decided.checked;
        let Size::Shares(quantity) = size else { unreachable!("BUG: dollars never rest") };
        let open = Open {
            id,
            remaining: decided.resting,
            quantity,
            account: order.account,
            market: order.market,
            position,
            level,
            outcome: order.outcome,
            side: order.side,
            expires: expires_at.is_some(),
        };
        self.rest_open(open, decided.hold);
        if let Some(expires_at) = expires_at {
            self.expiring.insert((expires_at, id));
            self.expiries.insert(id, expires_at);
        }
        events.push(Event::Rested {
            order: id,
            market: order.market,
            price: Market::in_terms_of(order.outcome, order.limit),
            outcome: order.outcome,
            side: order.side,
            remaining: decided.resting,
        });
    }

    /// Puts an order into its book and reserves what it may need. Also how a checkpoint is read back.
    #[inline]
    pub(super) fn rest_open(&mut self, open: Open, hold: Usd) {
        let account = &mut self.accounts[index(open.account.0 - 1)];
        account.open_orders += 1;
        match open.side {
            Side::Buy => account.reserved += hold,
            Side::Sell => self.positions.holding_mut(open.position, open.outcome).reserved += open.remaining,
        }
        // Closed ones are swept out when they are three in four, so that a sweep costs each id little.
        if account.orders.len() >= 64 && account.orders.len() / 4 > index(account.open_orders) {
            account.sweep(&self.orders);
        }
        account.orders.push(open.id);
        let slot = self.orders.insert(open);
        let market = &mut self.markets[index(open.market.0 - 1)];
        market.change(self.now);
        market.ladder_mut().rest(&mut self.orders, slot);
    }

    /// What an open buy has reserved.
    pub(super) fn hold_of(&self, order: &Open) -> Usd {
        let market = &self.markets[index(order.market.0 - 1)];
        let price = Market::in_terms_of(order.outcome, market.grid.price(order.level));
        match order.side {
            Side::Buy => order.remaining.notional(price),
            Side::Sell => Usd::ZERO,
        }
    }

    /// What an account holds of an outcome.
    #[must_use]
    pub fn holding(&self, account: AccountId, market: MarketId, outcome: Outcome) -> Holding {
        let found = self.account(account).and_then(|account| account.position(market));
        found.map_or_else(Holding::default, |slot| *self.positions.get(slot).of(outcome))
    }

    /// Where an account's position on a market is kept, from now on if not before.
    #[inline]
    pub(super) fn position_slot(&mut self, account: AccountId, market: MarketId) -> u32 {
        match self.accounts[index(account.0 - 1)].position(market) {
            Some(slot) => slot,
            None => self.open_position(account, market),
        }
    }

    // Once for an account on a market, and so kept out of the way of every order.
    #[cold]
    fn open_position(&mut self, account: AccountId, market: MarketId) -> u32 {
        let slot = self.positions.add(Position { account, market, sides: [Holding::default(); 2] });
        let held = &mut self.accounts[index(account.0 - 1)].positions;
        let at = held.partition_point(|(before, _)| *before < market);
        held.insert(at, (market, slot));
        self.markets[index(market.0 - 1)].positions.push(slot);
        slot
    }
}

/// One party of a match.
#[derive(Clone, Copy, Debug)]
struct Leg {
    account: AccountId,
    position: u32,
    outcome: Outcome,
    side: Side,
    /// The maker's side of a match has reserved what it gives; this much of its cash is set free.
    reserved: Option<Usd>,
    /// What it pays or receives, fee not included.
    amount: Usd,
    fee: Usd,
}

impl Account {
    #[inline]
    pub(super) fn position(&self, market: MarketId) -> Option<u32> {
        // An account is mostly busy on its newest market.
        if let Some((newest, slot)) = self.positions.last()
            && *newest == market
        {
            return Some(*slot);
        }
        let found = self.positions.binary_search_by_key(&market, |(market, _)| *market).ok()?;
        Some(self.positions[found].1)
    }

    #[cold]
    fn sweep(&mut self, open: &Orders) {
        self.orders.retain(|id| open.find(*id).is_some());
    }

    /// Whether it is one of the system's own.
    #[must_use]
    pub fn is_house(&self) -> bool {
        self.role == Role::House
    }
}
