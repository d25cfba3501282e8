//! Builders' fees on their end users' orders (parsec.md §9.8): what a payer must have signed, so that it may be taken.

use super::Service;
use super::customers::Customer;
use crate::identity::Escrow;
use crate::identity::ethereum::{PullFee, recover_fee};
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

impl Service {
    /// How a builder collects fees on a customer's orders; none if it does not, or nobody asks for an end user.
    ///
    /// # Errors
    /// [`Reject::NotLetIn`] after a reset.
    pub fn collects_fees(&self, customer: &Customer, venue: Venue) -> Result<Option<Escrow>, Reject> {
        if venue != Venue::Polymarket || !customer.is_acting() {
            return Ok(None);
        }
        self.escrow_of(customer.caller().user, customer.epoch())
    }

    /// What is to be set aside for a builder's fee on an order.
    ///
    /// # Errors
    /// [`Reject::BadFee`] if what was signed will not do.
    pub fn fee_on(&self, escrow: &Escrow, given: Option<&FeeAuth>) -> Result<Box<FeeHold>, Reject> {
        let bad = |failure| Err(Reject::BadFee(failure));
        let Some(fee) = given else { return bad(FeeFailure::Missing) };
        if fee.payer_address != Some(fee.payer) {
            return bad(FeeFailure::OtherPayer);
        }
        if Timestamp::from_seconds(fee.deadline) <= self.now() {
            return bad(FeeFailure::Late);
        }
        if fee.amount < escrow.fee_min || !fee.amount.is_positive() {
            return bad(FeeFailure::TooSmall);
        }
        let signer = fee.signer_address.unwrap_or(fee.payer);
        let signed = PullFee {
            order_id: fee.order_id,
            payer: fee.payer,
            amount: fee.amount.micros().unsigned_abs(),
            deadline: fee.deadline.unsigned_abs(),
        };
        if recover_fee(&signed, &fee.signature) != Some(signer) {
            return bad(FeeFailure::Unsigned);
        }
        Ok(Box::new(hold(fee, escrow)))
    }
}

fn hold(fee: &FeeAuth, escrow: &Escrow) -> FeeHold {
    let usual = escrow.affiliate.as_deref().and_then(|text| text.parse().ok());
    FeeHold {
        id: fee.order_id.0,
        amount: fee.amount,
        until: Timestamp::from_seconds(fee.deadline),
        payee: fee.affiliate.or(usual),
        share_bps: escrow.affiliate_bps,
    }
}
