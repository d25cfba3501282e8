//! Placing, canceling and watching over orders.

use super::Service;
use super::callers::MayTrade;
use super::history::OrderRow;
use crate::exchange::{self, Receipt as ExchangeReceipt};
use crate::types::{MarketId, NewOrder, OrderId, Outcome, Reject, Timestamp};
use crate::world::{Claim, Command, Receipt};
use sha2::{Digest, Sha256};

/// A wish to place an order.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The order. Its account is the permit's.
    pub order: NewOrder,
    /// What a retry will bring again.
    pub claim: Option<Claim>,
    /// The client's own id.
    pub client_order_id: Option<String>,
}

/// What became of a wish.
#[derive(Clone, Copy, Debug)]
pub enum Placed {
    /// A new order.
    New(ExchangeReceipt),
    /// The order that the same request made before.
    Replayed(OrderId),
}

/// A claim from the client's texts: only digests of them go on the tape.
#[must_use]
pub fn claim(idempotency_key: Option<&str>, client_order_id: Option<&str>, body: &[u8]) -> Option<Claim> {
    let client = client_order_id.map(|id| digest("client-order-id", id.as_bytes()));
    let key = idempotency_key.map(|key| digest("idempotency-key", key.as_bytes())).or(client)?;
    Some(Claim { key, body: digest("body", body), client_order_id: client })
}

fn digest(label: &str, text: &[u8]) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(label.as_bytes());
    hash.update([0]);
    hash.update(text);
    let digest: [u8; 32] = hash.finalize().into();
    *digest.first_chunk().expect("BUG: 32 bytes hold 16")
}

impl Service {
    /// Places an order.
    ///
    /// # Errors
    /// The exchange's [`Reject`].
    pub async fn place(&self, permit: &MayTrade, wish: Wish) -> Result<Placed, Reject> {
        placed(self.world.command(command(permit, wish)).await?)
    }

    /// Places several orders, one after the other. One refusal undoes no other.
    ///
    /// # Errors
    /// [`Reject`] if none of them was tried, or nobody can say.
    pub async fn place_many(
        &self,
        wishes: impl Iterator<Item = (MayTrade, Wish)>,
    ) -> Result<Vec<Result<Placed, Reject>>, Reject> {
        let commands = wishes.map(|(permit, wish)| command(&permit, wish)).collect();
        let outcomes = self.world.commands(commands).await?;
        Ok(outcomes.into_iter().map(|outcome| placed(outcome?)).collect())
    }

    /// Takes orders back, on whichever of one user's wallets each is, and says for each what became of it. Most are
    /// on the first.
    ///
    /// # Errors
    /// [`Reject`] if none of them was tried, or nobody can say.
    pub async fn cancel(
        &self,
        permits: &[MayTrade],
        orders: &[OrderId],
    ) -> Result<Vec<Result<ExchangeReceipt, NotCanceled>>, Reject> {
        let Some(first) = permits.first() else { return Err(Reject::AccountNotFound) };
        let commands = orders.iter().map(|order| cancel(first, *order)).collect();
        let mut results = Vec::with_capacity(orders.len());
        for (order, outcome) in orders.iter().zip(self.world.commands(commands).await?) {
            results.push(match outcome.and_then(receipt) {
                Err(Reject::OrderNotOpen | Reject::OrderNotFound) => {
                    self.cancel_elsewhere(permits, *order).await?
                }
                outcome => outcome.map_err(NotCanceled::Refused),
            });
        }
        Ok(results)
    }

    /// The exchange knows open orders only: whether one that is not open on the first wallet is on another, or
    /// over, or was never there, the ledger says.
    async fn cancel_elsewhere(
        &self,
        permits: &[MayTrade],
        order: OrderId,
    ) -> Result<Result<ExchangeReceipt, NotCanceled>, Reject> {
        let Some(row) = self.order(&MayTrade::read_all(permits), order).await? else {
            return Ok(Err(NotCanceled::Refused(Reject::OrderNotFound)));
        };
        let other = permits.iter().skip(1).find(|permit| permit.account() == row.account);
        let Some(permit) = other else { return Ok(Err(NotCanceled::Over(Box::new(row)))) };
        Ok(match self.world.command(cancel(permit, order)).await.and_then(receipt) {
            Err(Reject::OrderNotOpen) => Err(NotCanceled::Over(Box::new(row))),
            outcome => outcome.map_err(NotCanceled::Refused),
        })
    }

    /// The open orders of an account, the oldest first, on a market and for an outcome if one is given.
    ///
    /// # Errors
    /// Why the world can't be asked.
    pub async fn open_orders(
        &self,
        permit: &MayTrade,
        market: Option<MarketId>,
        outcome: Option<Outcome>,
    ) -> Result<Vec<OrderId>, Reject> {
        self.world.ask(OpenOrders { account: permit.account(), market, outcome }).await
    }

    /// Arms the dead-man switch of a user's wallets. If no other beat comes in time, their orders end.
    ///
    /// # Errors
    /// The world's [`Reject`].
    pub async fn heartbeat(&self, permits: &[MayTrade], until: Timestamp) -> Result<(), Reject> {
        let beat =
            |permit: &MayTrade| Command::Heartbeat { by: permit.by(), account: permit.account(), until };
        let outcomes = self.world.commands(permits.iter().map(beat).collect()).await?;
        outcomes.into_iter().try_for_each(|outcome| outcome.map(drop))
    }
}

/// Why an order was not taken back.
#[derive(Clone, Debug)]
pub enum NotCanceled {
    /// It is over.
    Over(Box<OrderRow>),
    /// It was refused.
    Refused(Reject),
}

fn cancel(permit: &MayTrade, order: OrderId) -> Command {
    let command = exchange::Command::Cancel { account: permit.account(), order };
    Command::Exchange { by: permit.by(), command }
}

fn command(permit: &MayTrade, wish: Wish) -> Command {
    Command::Place {
        by: permit.by(),
        order: NewOrder { account: permit.account(), ..wish.order },
        claim: wish.claim,
        client_order_id: wish.client_order_id.map(String::into_boxed_str),
    }
}

fn receipt(receipt: Receipt) -> Result<ExchangeReceipt, Reject> {
    match receipt {
        Receipt::Exchange(receipt) => Ok(receipt),
        Receipt::Replayed(_) | Receipt::Issued(_) | Receipt::Opened(_) | Receipt::Done => {
            Err(Reject::Internal)
        }
    }
}

fn placed(receipt: Receipt) -> Result<Placed, Reject> {
    match receipt {
        Receipt::Exchange(receipt) => Ok(Placed::New(receipt)),
        Receipt::Replayed(order) => Ok(Placed::Replayed(order)),
        Receipt::Issued(_) | Receipt::Opened(_) | Receipt::Done => Err(Reject::Internal),
    }
}

struct OpenOrders {
    account: crate::types::AccountId,
    market: Option<MarketId>,
    outcome: Option<Outcome>,
}

impl crate::world::Query for OpenOrders {
    type Answer = Vec<OrderId>;
    fn ask(self, state: &crate::world::State) -> Self::Answer {
        let open = state.exchange().open_orders(self.account);
        let chosen = open.filter(|open| {
            self.market.is_none_or(|market| open.market == market)
                && self.outcome.is_none_or(|outcome| open.outcome == outcome)
        });
        chosen.map(|open| open.id).collect()
    }
}
