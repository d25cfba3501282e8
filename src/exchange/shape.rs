//! What an order says of itself, held against the rules of its market. Nothing here knows who has what.

use super::book::Half;
use super::market::Market;
use crate::types::{LimitRule, NewOrder, OrderKind, Reject, Shares, Side, Size, TimeInForce, Timestamp};

/// An order that passed every check of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checked {
    /// Where it may trade up to, or rest.
    pub(super) level: u16,
    /// Cut to the lot.
    pub(super) size: Size,
    pub(super) expires_at: Option<Timestamp>,
}

pub(super) fn check_shape(
    at: Timestamp,
    order: &NewOrder,
    market: &Market,
    sells_dust: bool,
) -> Result<Checked, Reject> {
    let spec = &market.spec;
    let is_market_buy = order.kind == OrderKind::Market && order.side == Side::Buy;
    let may_rest = order.tif.may_rest();
    if (order.kind == OrderKind::Market && may_rest)
        || (matches!(order.size, Size::Dollars(_)) && !is_market_buy)
    {
        return Err(Reject::Unsupported);
    }
    if order.terms.set_aside.is_negative() {
        return Err(Reject::InvalidQuantity);
    }
    let rule = if order.kind == OrderKind::Market { LimitRule::Worst } else { LimitRule::OnTick };
    let level = limit_level(order, market, rule)?;
    let size = match order.size {
        Size::Shares(shares) => {
            let asked = shares;
            let shares = shares.truncated_to(spec.lot);
            if order.terms.whole_lots && shares != asked {
                return Err(Reject::OffLot { lot: spec.lot });
            }
            if !shares.is_positive() {
                return Err(Reject::InvalidQuantity);
            }
            let may_be_less = sells_dust || (order.kind == OrderKind::Market && order.terms.may_take_less);
            if shares < spec.minimum && !may_be_less {
                return Err(Reject::BelowMinimumSize { minimum: spec.minimum });
            }
            Size::Shares(shares)
        }
        Size::Dollars(dollars) if !dollars.is_positive() => return Err(Reject::InvalidQuantity),
        Size::Dollars(dollars) if dollars < order.terms.notional_min => {
            return Err(Reject::BelowMinimumNotional { minimum: order.terms.notional_min });
        }
        Size::Dollars(dollars) => Size::Dollars(dollars),
    };
    let expires_at = match order.tif {
        TimeInForce::Gtd(expires_at) => {
            // Never now: an order must be able to trade before it ends.
            let earliest = at.plus_millis(order.terms.gtd_lead_ms.max(1));
            if expires_at < earliest {
                return Err(Reject::InvalidExpiration { earliest });
            }
            Some(expires_at)
        }
        TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok => None,
    };
    Ok(Checked { level, size, expires_at })
}

/// The limit as a level of the book. A worst price is rounded down for a buy, up for a sale (design §3).
fn limit_level(order: &NewOrder, market: &Market, rule: LimitRule) -> Result<u16, Reject> {
    let grid = &market.grid;
    let price = Market::in_terms_of(order.outcome, order.limit);
    match rule {
        LimitRule::OnTick => {
            grid.level(price).ok_or_else(|| Reject::OffTick { price: order.limit, tick: grid.tick(price) })
        }
        // Buying the second outcome at or below a price is selling the first at or above its complement.
        LimitRule::Worst => Ok(match Half::of(order.side, order.outcome) {
            Half::Bid => grid.at_or_below(price),
            Half::Ask => grid.at_or_above(price),
        }),
    }
}

pub(super) fn post_only_rests(order: &NewOrder, market: &Market, level: u16) -> Result<(), Reject> {
    if !order.post_only {
        return Ok(());
    }
    if !order.tif.may_rest() || order.kind == OrderKind::Market {
        return Err(Reject::PostOnlyMustRest);
    }
    let half = Half::of(order.side, order.outcome);
    let crosses = market.best(half.opposite()).is_some_and(|touch| match half {
        Half::Bid => touch <= level,
        Half::Ask => touch >= level,
    });
    if crosses { Err(Reject::PostOnlyWouldCross) } else { Ok(()) }
}

pub(super) fn not_fillable(order: &NewOrder, market: &Market, checked: Checked) -> Reject {
    let half = Half::of(order.side, order.outcome).opposite();
    let all: Shares =
        market.ladder.iter().flat_map(|ladder| ladder.levels(half)).map(|(_, shares)| shares).sum();
    match checked.size {
        Size::Shares(shares) if all < shares => Reject::InsufficientLiquidity,
        Size::Shares(_) | Size::Dollars(_) => Reject::NotFillable,
    }
}
