//! Placing an order: who may, whether it came before, and what goes with it.

use super::{FeeHold, State};
use crate::exchange::{self, Event};
use crate::types::{AccountId, NewOrder, Reject, Timestamp, UserId};
use crate::world::record::{Authority, Claim, Receipt, Signed};
use crate::world::scenario::Purse;
use std::sync::Arc;

/// An order, and what goes with it.
pub(super) struct Placing<'a> {
    pub(super) order: &'a NewOrder,
    pub(super) claim: Option<&'a Claim>,
    pub(super) signed: Option<&'a Signed>,
    pub(super) fee: Option<&'a FeeHold>,
}

impl State {
    pub(super) fn place(
        &mut self,
        at: Timestamp,
        by: Authority,
        Placing { order, claim, signed, fee }: &Placing<'_>,
        events: &mut Vec<Event>,
    ) -> Result<Receipt, Reject> {
        let tier = self.vouch_trade(by, at)?;
        let user = self.exchange.account(order.account).ok_or(Reject::AccountNotFound)?.user;
        // What a wallet signed is placed once, ever.
        let young_at = signed.is_none().then_some(at);
        if let Some(claim) = claim
            && let Some(earlier) = self.about.claims.find(user, claim, young_at)?
        {
            return Ok(Receipt::Replayed(earlier));
        }
        self.wallets.must_trade(order.account)?;
        self.must_be_nobodys(order.account, *signed)?;
        let is_counted = self.has_an_order_left(tier, user, at)?;
        let receipt = self.place_with_fee(at, order, *fee, events)?;
        if is_counted {
            self.about.daily.count(user, at);
        }
        let maker = signed.map(|signed| signed.maker);
        if let Some(maker) = maker.filter(|maker| self.wallets.face(order.account) != Some(*maker)) {
            Arc::make_mut(&mut self.wallets).show(order.account, maker);
        }
        if let exchange::Receipt::Placed { order, resting, .. } = receipt {
            if let Some(claim) = claim {
                self.about.claims.remember(user, claim, order, at);
            }
            if let Some(end_user) = self.end_user_of(by)
                && resting.is_positive()
            {
                self.about.entrusted.add(end_user, order);
            }
        }
        Ok(Receipt::Exchange(receipt))
    }

    /// The builder's end user that an order is placed for, if it is for one.
    fn end_user_of(&self, by: Authority) -> Option<UserId> {
        let Authority::Customer { customer, .. } = by else { return None };
        self.identity.user(customer)?.end_user.as_ref().map(|_| customer)
    }

    /// Whoever signs with the very address of a pot, or one that it is derived from, has it for its own from then on: no
    /// other signer may show orders under it.
    fn must_be_nobodys(&self, account: AccountId, signed: Option<&Signed>) -> Result<(), Reject> {
        let Some(Signed { maker, .. }) = signed else { return Ok(()) };
        let is_pot = self.wallets.whose(account).is_some_and(|(_, purse)| purse == Purse::Pot(*maker));
        let is_taken = is_pot && self.identity.by_wallet(*maker).is_some();
        if is_taken { Err(Reject::BadSignature) } else { Ok(()) }
    }
}
