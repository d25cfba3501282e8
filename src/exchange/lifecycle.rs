//! Everything about accounts and markets that is not an order: opening, granting, halting, resolving,
//! redeeming, pairs, starting over.

use super::account::{Account, Holding, Role};
use super::book::{Grid, Half};
use super::command::OpenAccount;
use super::event::{Event, Moved, Receipt};
use super::market::{Market, MarketSpec, Settlement, Status};
use super::{Exchange, Slot, index};
use crate::types::{AccountId, CloseReason, MarketId, Outcome, Payout, Reject, Shares, Usd};
use std::sync::Arc;

/// The most dollars that may ever be granted, or taken back: far from where sums of `i64` end.
const CREATED_MAX: Usd = Usd::from_dollars(1_000_000_000_000);

/// One holding.
type Whose = (AccountId, MarketId, Outcome);

impl Exchange {
    /// Whether these accounts may all be opened.
    ///
    /// # Errors
    /// [`Reject::AccountsFull`], or why one of them can't be.
    pub fn may_open<'a>(&self, wanted: impl Iterator<Item = &'a OpenAccount>) -> Result<(), Reject> {
        let (mut accounts, mut cash) = (self.accounts.len(), Usd::ZERO);
        for new in wanted {
            accounts += 1;
            if accounts > index(self.limits.accounts_max) {
                return Err(Reject::AccountsFull);
            }
            if new.cash.is_negative() {
                return Err(Reject::InvalidQuantity);
            }
            self.may_create(new.cash)?;
            cash += new.cash;
        }
        self.may_create(cash)
    }

    pub(super) fn open_account(
        &mut self,
        new: &OpenAccount,
        events: &mut Vec<Event>,
    ) -> Result<Receipt, Reject> {
        self.may_open(std::iter::once(new))?;
        let id = AccountId(u32::try_from(self.accounts.len() + 1).expect("BUG: below accounts_max"));
        self.accounts.push(Account::new(id, new.user, new.venue, new.role, new.cash));
        self.granted += new.cash;
        events.push(Event::AccountOpened { account: id, user: new.user, venue: new.venue, cash: new.cash });
        Ok(Receipt::Opened(id))
    }

    pub(super) fn grant(
        &mut self,
        account: AccountId,
        amount: Usd,
        events: &mut Vec<Event>,
    ) -> Result<Receipt, Reject> {
        let purse = self.account(account).ok_or(Reject::AccountNotFound)?;
        if amount.is_negative() {
            purse.may_act()?;
            // Negated only once it is known to be small: the lowest number has no opposite.
            let needed = if amount < -CREATED_MAX { CREATED_MAX } else { -amount };
            if !purse.covers(needed) {
                return Err(Reject::InsufficientFunds { needed, available: purse.available() });
            }
        }
        self.may_create(amount)?;
        self.move_cash(account, amount, events);
        Ok(Receipt::Done)
    }

    /// Whether so much play money may still come into the world, or leave it. The bound keeps every sum of
    /// cash in range, whatever an administrator types.
    fn may_create(&self, amount: Usd) -> Result<(), Reject> {
        let after = |sum: Usd, more: i64| {
            sum.micros().checked_add(more).is_some_and(|sum| sum <= CREATED_MAX.micros())
        };
        let (given, taken) = (amount.micros().max(0), amount.micros().min(0).saturating_neg());
        if after(self.granted, given) && after(self.withdrawn, taken) {
            Ok(())
        } else {
            Err(Reject::LimitReached("play money".to_owned()))
        }
    }

    fn move_cash(&mut self, account: AccountId, amount: Usd, events: &mut Vec<Event>) {
        self.accounts[index(account.0 - 1)].cash += amount;
        if amount.is_negative() {
            self.withdrawn -= amount;
        } else {
            self.granted += amount;
        }
        events.push(Event::Granted { account, amount });
    }

    pub(super) fn list_market(
        &mut self,
        spec: &MarketSpec,
        events: &mut Vec<Event>,
    ) -> Result<Receipt, Reject> {
        let grid = Grid::new(&spec.ticks).map_err(|_| Reject::Unsupported)?;
        if !spec.lot.is_positive() || spec.minimum.is_negative() || spec.fees.rate_bps > 10_000 {
            return Err(Reject::Unsupported);
        }
        let id = MarketId(u32::try_from(self.markets.len() + 1).expect("BUG: four billion markets"));
        if let Some(group) = spec.group {
            self.groups.entry(group).or_default().push(id);
        }
        self.markets.push(Market {
            id,
            status: spec.resolved.map_or(Status::Open, Status::Resolved),
            spec: Arc::new(spec.clone()),
            grid,
            outstanding: Shares::ZERO,
            last_trade: None,
            version: 0,
            changed_at: self.now,
            ladder: None,
            positions: Vec::new(),
        });
        events.push(Event::MarketListed { market: id });
        Ok(Receipt::Listed(id))
    }

    pub(super) fn set_status(
        &mut self,
        market: MarketId,
        to: Status,
        events: &mut Vec<Event>,
    ) -> Result<Receipt, Reject> {
        let now = self.now;
        let found = self.market_mut(market).ok_or(Reject::MarketNotFound)?;
        if found.is_resolved() {
            return Err(Reject::MarketClosed);
        }
        found.status = to;
        found.change(now);
        events.push(Event::MarketHalted { market, halted: to == Status::Halted });
        Ok(Receipt::Done)
    }

    pub(super) fn resolve(
        &mut self,
        market: MarketId,
        payout: Payout,
        events: &mut Vec<Event>,
    ) -> Result<Receipt, Reject> {
        let found = self.market(market).ok_or(Reject::MarketNotFound)?;
        if found.is_resolved() {
            return Err(Reject::MarketClosed);
        }
        let excluded = self.excluded_by(market, payout)?;
        self.settle(market, payout, events);
        for other in excluded {
            self.settle(other, Payout::Winner(Outcome::No), events);
        }
        Ok(Receipt::Done)
    }

    /// Ends a market's trading with its answer.
    fn settle(&mut self, market: MarketId, payout: Payout, events: &mut Vec<Event>) {
        for slot in self.resting(market) {
            self.close(slot, CloseReason::MarketResolved, events);
        }
        let now = self.now;
        let found = self.market_mut(market).expect("BUG: it was there");
        found.status = Status::Resolved(payout);
        found.change(now);
        found.ladder = None;
        let settlement = found.spec.settlement;
        let dust = self.sweep_dust(market, payout);
        events.push(Event::MarketResolved { market, payout, dust });
        if settlement == Settlement::Auto {
            for account in self.holders(market) {
                self.pay(account, market, payout, events);
            }
        }
    }

    /// The orders of a market's book: bids, then asks, each best first and oldest first.
    fn resting(&self, market: MarketId) -> Vec<Slot> {
        let Some(ladder) = self.market(market).and_then(|market| market.ladder.as_ref()) else {
            return Vec::new();
        };
        let mut slots = Vec::new();
        for half in [Half::Bid, Half::Ask] {
            for (level, _) in ladder.levels(half) {
                slots.extend(std::iter::successors(ladder.front(level), |slot| {
                    super::Ladder::after(&self.orders, *slot)
                }));
            }
        }
        slots
    }

    /// Accounts with a position on a market, in the order of their ids: the order of where positions are
    /// kept differs after a restart.
    fn holders(&self, market: MarketId) -> Vec<AccountId> {
        let slots = self.market(market).map(|market| market.positions.as_slice()).unwrap_or_default();
        let mut holders: Vec<_> = slots.iter().map(|slot| self.positions.get(*slot).account).collect();
        holders.sort_unstable();
        holders
    }

    /// Pays what a resolved market owes to one account.
    fn pay(&mut self, account: AccountId, market: MarketId, payout: Payout, events: &mut Vec<Event>) -> Usd {
        // Who never held anything here is owed nothing, and needs no record of that.
        let Some(slot) = self.accounts[index(account.0 - 1)].position(market) else { return Usd::ZERO };
        let mut paid = Usd::ZERO;
        for outcome in Outcome::BOTH {
            let shares = self.positions.get(slot).of(outcome).shares;
            if shares.is_zero() {
                continue;
            }
            let cash = payout.pays(outcome, shares);
            let moved = self.give((account, market, outcome), shares, cash);
            self.accounts[index(account.0 - 1)].cash += cash;
            // Collateral is counted in dollars from here on: each dollar paid leaves it.
            self.markets[index(market.0 - 1)].outstanding -= Shares::from_micros(cash.micros());
            paid += cash;
            events.push(Event::Settled(moved));
        }
        paid
    }

    /// Collateral that halving leaves to nobody goes to fees, at resolution: holdings cannot change
    /// afterwards but by being paid, so what they are owed is known, whenever they ask for it.
    fn sweep_dust(&mut self, market: MarketId, payout: Payout) -> Usd {
        let market = &mut self.markets[index(market.0 - 1)];
        let owed: Usd = market.positions.iter().map(|slot| self.positions.get(*slot).pays(payout)).sum();
        let dust = market.outstanding.face_value() - owed;
        market.outstanding = Shares::from_micros(owed.micros());
        self.fees += dust;
        dust
    }

    pub(super) fn redeem(
        &mut self,
        account: AccountId,
        market: MarketId,
        events: &mut Vec<Event>,
    ) -> Result<Receipt, Reject> {
        self.account(account).ok_or(Reject::AccountNotFound)?;
        let Status::Resolved(payout) = self.market(market).ok_or(Reject::MarketNotFound)?.status else {
            return Err(Reject::MarketNotResolved);
        };
        Ok(Receipt::Paid(self.pay(account, market, payout, events)))
    }

    /// Shares leave a holding for cash that the caller moves.
    pub(super) fn give(&mut self, of: Whose, shares: Shares, cash: Usd) -> Moved {
        let (account, market, outcome) = of;
        let slot = self.position_slot(account, market);
        let holding = self.positions.holding_mut(slot, outcome);
        holding.lose(shares, cash);
        let after = *holding;
        Moved { account, market, outcome, shares: -shares, cash, fee: Usd::ZERO, after }
    }

    /// Shares come to a holding for cash that the caller moves.
    pub(super) fn take(&mut self, of: Whose, shares: Shares, cash: Usd) -> Moved {
        let (account, market, outcome) = of;
        let slot = self.position_slot(account, market);
        let holding = self.positions.holding_mut(slot, outcome);
        holding.gain(shares, cash);
        let after = *holding;
        Moved { account, market, outcome, shares, cash: -cash, fee: Usd::ZERO, after }
    }

    pub(super) fn split(
        &mut self,
        account: AccountId,
        market: MarketId,
        shares: Shares,
        events: &mut Vec<Event>,
    ) -> Result<Receipt, Reject> {
        self.pairs_allowed(account, market, shares)?;
        let purse = &self.accounts[index(account.0 - 1)];
        let needed = shares.face_value();
        if !purse.covers(needed) {
            return Err(Reject::InsufficientFunds { needed, available: purse.available() });
        }
        self.accounts[index(account.0 - 1)].cash -= needed;
        self.markets[index(market.0 - 1)].outstanding += shares;
        let half = Usd::from_micros(needed.micros() / 2);
        let yes = self.take((account, market, Outcome::Yes), shares, half);
        let no = self.take((account, market, Outcome::No), shares, needed - half);
        events.push(Event::Converted { yes, no });
        Ok(Receipt::Paid(-needed))
    }

    pub(super) fn merge(
        &mut self,
        account: AccountId,
        market: MarketId,
        shares: Shares,
        events: &mut Vec<Event>,
    ) -> Result<Receipt, Reject> {
        self.pairs_allowed(account, market, shares)?;
        let [yes, no]: [Holding; 2] = Outcome::BOTH.map(|outcome| self.holding(account, market, outcome));
        let available = yes.free().min(no.free());
        if available < shares {
            return Err(Reject::InsufficientPosition { needed: shares, available });
        }
        let paid = shares.face_value();
        self.accounts[index(account.0 - 1)].cash += paid;
        self.markets[index(market.0 - 1)].outstanding -= shares;
        let half = Usd::from_micros(paid.micros() / 2);
        let yes = self.give((account, market, Outcome::Yes), shares, half);
        let no = self.give((account, market, Outcome::No), shares, paid - half);
        events.push(Event::Converted { yes, no });
        Ok(Receipt::Paid(paid))
    }

    pub(super) fn pairs_allowed(
        &self,
        account: AccountId,
        market: MarketId,
        shares: Shares,
    ) -> Result<(), Reject> {
        let account = self.account(account).ok_or(Reject::AccountNotFound)?;
        let market = self.market(market).ok_or(Reject::MarketNotFound)?;
        if market.is_resolved() {
            return Err(Reject::MarketClosed);
        }
        if account.venue != market.spec.venue {
            return Err(Reject::WrongVenue);
        }
        account.may_act()?;
        if !shares.is_positive() {
            return Err(Reject::InvalidQuantity);
        }
        Ok(())
    }

    pub(super) fn reset(
        &mut self,
        account: AccountId,
        cash: Usd,
        house: AccountId,
        events: &mut Vec<Event>,
    ) -> Result<Receipt, Reject> {
        let purse = self.account(account).ok_or(Reject::AccountNotFound)?;
        purse.may_act()?;
        let venue = purse.venue;
        let taker = self.account(house).ok_or(Reject::AccountNotFound)?;
        if taker.role != Role::House || taker.venue != venue || account == house || cash.is_negative() {
            return Err(Reject::Unsupported);
        }
        // What is taken aside comes back with the orders that it was for, and is a part of the new cash.
        let cash = cash - purse.escrow;
        if cash.is_negative() {
            return Err(Reject::InsufficientFunds { needed: purse.escrow, available: cash + purse.escrow });
        }
        // What has to be created is less than all of the new cash, what is destroyed less than all there is.
        self.may_create(cash)?;
        let orders = self.close_chosen(account, |_| true, CloseReason::AccountReset, events);
        let held: Vec<_> = self
            .positions(account)
            .flat_map(|position| {
                Outcome::BOTH.map(|outcome| (position.market, outcome, position.of(outcome).shares))
            })
            .filter(|(_, _, shares)| shares.is_positive())
            .collect();
        for &(market, outcome, shares) in &held {
            // Shares of a known answer are as good as cash: paid, not joined with the house's, because two
            // halves rounded down are less than half of the sum.
            if let Status::Resolved(payout) = self.markets[index(market.0 - 1)].status {
                self.pay(account, market, payout, events);
                continue;
            }
            let from = self.give((account, market, outcome), shares, Usd::ZERO);
            let to = self.take((house, market, outcome), shares, Usd::ZERO);
            events.push(Event::Surrendered { from, to });
        }
        let difference = cash - self.accounts[index(account.0 - 1)].cash;
        if !difference.is_zero() {
            self.move_cash(account, difference, events);
        }
        let positions = u32::try_from(held.len()).expect("BUG: more positions than markets");
        let cash = cash + self.accounts[index(account.0 - 1)].escrow;
        Ok(Receipt::Reset { positions, orders, cash })
    }
}
