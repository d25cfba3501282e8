//! Cash that is held for a fee of somebody else's (parsec.md §9.8): taken aside, paid out by and by, or given back.
//!
//! Whose fee it is and when it is due is not decided here: the exchange keeps the money, so that it is conserved.

use super::event::{Event, Receipt};
use super::{Exchange, index};
use crate::types::{AccountId, Reject, Usd};

impl Exchange {
    /// Takes cash aside that an order's account was found to have.
    pub(super) fn set_aside(&mut self, account: AccountId, amount: Usd, events: &mut Vec<Event>) {
        if amount.is_positive() {
            let purse = &mut self.accounts[index(account.0 - 1)];
            purse.cash -= amount;
            purse.escrow += amount;
            events.push(Event::Held { account, amount });
        }
    }

    /// Gives held cash back.
    pub(super) fn release(
        &mut self,
        account: AccountId,
        amount: Usd,
        events: &mut Vec<Event>,
    ) -> Result<Receipt, Reject> {
        self.must_hold(account, amount)?;
        let purse = &mut self.accounts[index(account.0 - 1)];
        purse.escrow -= amount;
        purse.cash += amount;
        events.push(Event::Released { account, amount });
        Ok(Receipt::Done)
    }

    /// Pays held cash out: a share of it to somebody, the rest to the fees.
    pub(super) fn pay_held(
        &mut self,
        account: AccountId,
        amount: Usd,
        share: Option<(AccountId, Usd)>,
        events: &mut Vec<Event>,
    ) -> Result<Receipt, Reject> {
        self.must_hold(account, amount)?;
        if let Some((to, part)) = share {
            self.account(to).ok_or(Reject::AccountNotFound)?.may_act()?;
            if part.is_negative() || part > amount {
                return Err(Reject::InvalidQuantity);
            }
        }
        self.accounts[index(account.0 - 1)].escrow -= amount;
        let mut kept = amount;
        if let Some((to, part)) = share {
            self.accounts[index(to.0 - 1)].cash += part;
            kept -= part;
        }
        self.fees += kept;
        events.push(Event::HeldPaid { account, amount, share });
        Ok(Receipt::Paid(amount))
    }

    fn must_hold(&self, account: AccountId, amount: Usd) -> Result<(), Reject> {
        let held = self.account(account).ok_or(Reject::AccountNotFound)?.escrow;
        if amount.is_positive() && amount <= held { Ok(()) } else { Err(Reject::InvalidQuantity) }
    }
}
