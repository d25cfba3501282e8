//! Builders' fees on their end users' orders (parsec.md §9.8): what a payer must have signed, so that it may be taken.

use super::Service;
use super::callers::MayTrade;
use super::customers::Customer;
use super::orders::{Placed, Wish};
use crate::identity::Escrow;
use crate::identity::ethereum::{PullFee, derived, recover_fee};
use crate::types::{Address, FeeFailure, Reject, Timestamp, Usd, Venue};
use crate::world::FeeHold;
use alloy_primitives::{B256, address};

pub use crate::identity::ethereum::FEE_CONTRACT;

/// Where the part of a fee goes that is nobody's: made up.
pub const TREASURY: Address = address!("7ea5000000000000000000000000000000000001");

/// What a payer signed, as it came with an order.
#[derive(Clone, Debug)]
pub struct FeeAuth {
    /// Its id: no other may have it.
    pub order_id: B256,
    /// Who pays.
    pub payer: Address,
    /// How much, in micro-dollars.
    pub amount: Usd,
    /// Until when it may be taken, in unix seconds.
    pub deadline: i64,
    /// 65 bytes.
    pub signature: Vec<u8>,
    /// Who pays, as the order says.
    pub payer_address: Option<Address>,
    /// Who signed, as the order says; the payer if it does not.
    pub signer_address: Option<Address>,
    /// Who gets the builder's part, if not its usual address.
    pub affiliate: Option<Address>,
}

impl FeeAuth {
    fn signer(&self) -> Address {
        self.signer_address.unwrap_or(self.payer)
    }
}

impl Service {
    /// Places a customer's order, with the fee on it that its builder collects. What was signed for that is read only if
    /// it does.
    ///
    /// # Errors
    /// [`Reject::BadFee`] if what was signed will not do, and those of [`Service::place`].
    pub async fn place_for<E: From<Reject>>(
        &self,
        (customer, permit): (&Customer, &MayTrade),
        venue: Venue,
        mut wish: Wish,
        fee: impl FnOnce() -> Result<Option<FeeAuth>, E>,
    ) -> Result<Placed, E> {
        let mut hold = None;
        if let Some(escrow) = self.collects_fees(customer, venue)? {
            let fee = signed_fee(&escrow, fee()?)?;
            self.must_be_theirs(customer, permit, &fee)?;
            wish.order.terms.set_aside = fee.amount;
            hold = Some(Box::new(hold_of(&fee, &escrow)));
        }
        Ok(self.place_holding(permit, wish, hold).await?)
    }

    /// Nobody signs away what another has: whoever signed is whom the account is known to obey.
    fn must_be_theirs(&self, customer: &Customer, permit: &MayTrade, fee: &FeeAuth) -> Result<(), Reject> {
        let directory = self.directory_in(customer.epoch())?;
        let made = directory.customers.wallet(customer.user());
        let made = made.filter(|made| made.account == permit.account()).map(|made| made.eoa);
        let owner = directory.identity.user(permit.reads().user()).and_then(|owner| owner.wallet);
        let is_theirs = made.or(owner).is_none_or(|known| known == fee.signer());
        if is_theirs { Ok(()) } else { Err(Reject::BadFee(FeeFailure::NotTheirs)) }
    }

    /// How a builder collects fees on a customer's orders; none if it does not, or nobody asks for an end user.
    fn collects_fees(&self, customer: &Customer, venue: Venue) -> Result<Option<Escrow>, Reject> {
        if venue != Venue::Polymarket || !customer.is_acting() {
            return Ok(None);
        }
        self.escrow_of(customer.caller().user, customer.epoch())
    }
}

/// What a payer signed, if it will do. Whether it comes in time and for the first time, the world says.
fn signed_fee(escrow: &Escrow, given: Option<FeeAuth>) -> Result<FeeAuth, Reject> {
    let bad = |failure| Err(Reject::BadFee(failure));
    let Some(fee) = given else { return bad(FeeFailure::Missing) };
    if fee.payer_address != Some(fee.payer) {
        return bad(FeeFailure::OtherPayer);
    }
    if fee.amount < escrow.fee_min || !fee.amount.is_positive() {
        return bad(FeeFailure::TooSmall);
    }
    let signed = PullFee {
        order_id: fee.order_id,
        payer: fee.payer,
        amount: fee.amount.micros().unsigned_abs(),
        deadline: fee.deadline.unsigned_abs(),
    };
    if recover_fee(&signed, &fee.signature) != Some(fee.signer()) {
        return bad(FeeFailure::Unsigned);
    }
    let contracts = derived(fee.signer());
    let own = [fee.signer(), contracts.proxy, contracts.safe, contracts.deposit, contracts.deposit_beacon];
    if !own.contains(&fee.payer) {
        return bad(FeeFailure::NotTheirs);
    }
    Ok(fee)
}

fn hold_of(fee: &FeeAuth, escrow: &Escrow) -> FeeHold {
    FeeHold {
        id: fee.order_id.0,
        until: Timestamp::from_seconds(fee.deadline),
        payee: fee.affiliate.or(escrow.affiliate),
        share_bps: escrow.affiliate_bps,
    }
}
