//! Orders that end without trading: canceled, expired, or swept with their account.

use super::book::Open;
use super::event::{Event, Receipt};
use super::market::Market;
use super::{Exchange, Slot, index};
use crate::types::{AccountId, CloseReason, MarketId, OrderId, Outcome, Price, Reject, Side, Timestamp};

impl Exchange {
    // As for placing an order: apart from the other commands.
    #[inline(never)]
    pub(super) fn cancel(
        &mut self,
        account: AccountId,
        order: OrderId,
        events: &mut Vec<Event>,
    ) -> Result<Receipt, Reject> {
        let slot = self.own_open(account, order)?;
        let (open, price) = self.close(slot, CloseReason::Canceled, events);
        Ok(Receipt::Canceled {
            order,
            market: open.market,
            outcome: open.outcome,
            side: open.side,
            limit: Market::in_terms_of(open.outcome, price),
            quantity: open.quantity,
            remaining: open.remaining,
            available: self.accounts[index(account.0 - 1)].available(),
        })
    }

    /// Someone else's order is absent, not forbidden: a refusal would confirm that it exists.
    fn own_open(&self, account: AccountId, order: OrderId) -> Result<Slot, Reject> {
        if order.0 == 0 || order >= self.next_order {
            return Err(Reject::OrderNotFound);
        }
        let slot = self.orders.find(order).ok_or(Reject::OrderNotOpen)?;
        if self.orders.get(slot).account == account { Ok(slot) } else { Err(Reject::OrderNotFound) }
    }

    pub(super) fn cancel_all(
        &mut self,
        account: AccountId,
        market: Option<MarketId>,
        outcome: Option<Outcome>,
        events: &mut Vec<Event>,
    ) -> Result<Receipt, Reject> {
        self.account(account).ok_or(Reject::AccountNotFound)?;
        if let Some(market) = market {
            self.market(market).ok_or(Reject::MarketNotFound)?;
        }
        let chosen = |open: &Open| {
            market.is_none_or(|market| open.market == market)
                && outcome.is_none_or(|outcome| open.outcome == outcome)
        };
        Ok(Receipt::CanceledMany {
            orders: self.close_chosen(account, chosen, CloseReason::Canceled, events),
        })
    }

    pub(super) fn cancel_dead(
        &mut self,
        account: AccountId,
        events: &mut Vec<Event>,
    ) -> Result<Receipt, Reject> {
        self.account(account).ok_or(Reject::AccountNotFound)?;
        Ok(Receipt::CanceledMany {
            orders: self.close_chosen(account, |_| true, CloseReason::HeartbeatMissed, events),
        })
    }

    pub(super) fn expire(
        &mut self,
        at: Timestamp,
        order: OrderId,
        events: &mut Vec<Event>,
    ) -> Result<Receipt, Reject> {
        let expires_at = self.expiry(order).ok_or(Reject::OrderNotOpen)?;
        if expires_at > at {
            return Err(Reject::InvalidExpiration { earliest: expires_at });
        }
        let slot = self.orders.find(order).expect("BUG: an expiry without its order");
        self.close(slot, CloseReason::GtdExpired, events);
        Ok(Receipt::CanceledMany { orders: 1 })
    }

    /// Ends the chosen open orders of an account, the oldest first, and counts them.
    pub(super) fn close_chosen(
        &mut self,
        account: AccountId,
        chosen: impl Fn(&Open) -> bool,
        reason: CloseReason,
        events: &mut Vec<Event>,
    ) -> u32 {
        let slots: Vec<Slot> = self.accounts[index(account.0 - 1)]
            .orders
            .iter()
            .filter_map(|id| self.orders.find(*id))
            .filter(|slot| chosen(&self.orders.get(*slot)))
            .collect();
        for slot in &slots {
            self.close(*slot, reason, events);
        }
        u32::try_from(slots.len()).expect("BUG: more orders than an account may have")
    }

    /// Takes an open order out of its book and gives back what it reserved.
    #[inline]
    pub(super) fn close(
        &mut self,
        slot: Slot,
        reason: CloseReason,
        events: &mut Vec<Event>,
    ) -> (Open, Price) {
        let open = self.orders.get(slot);
        let market = &mut self.markets[index(open.market.0 - 1)];
        let price = market.grid.price(open.level);
        match open.side {
            Side::Buy => {
                let hold = open.remaining.notional(Market::in_terms_of(open.outcome, price));
                self.accounts[index(open.account.0 - 1)].reserved -= hold;
            }
            Side::Sell => self.positions.holding_mut(open.position, open.outcome).reserved -= open.remaining,
        }
        market.change(self.now);
        market.ladder_mut().remove(&mut self.orders, slot);
        self.order_gone(&open);
        events.push(Event::Closed {
            order: open.id,
            market: open.market,
            account: open.account,
            price,
            outcome: open.outcome,
            side: open.side,
            unrested: open.remaining,
            reason,
        });
        (open, price)
    }

    /// What else knows of an order that has left its book.
    #[inline]
    pub(super) fn order_gone(&mut self, open: &Open) {
        self.accounts[index(open.account.0 - 1)].open_orders -= 1;
        if open.expires
            && let Some(expires_at) = self.expiries.remove(&open.id)
        {
            self.expiring.remove(&(expires_at, open.id));
        }
    }
}
