//! Placing, canceling and watching over orders.

use super::Service;
use super::callers::MayTrade;
use crate::exchange::{self, Receipt as ExchangeReceipt};
use crate::types::{MarketId, NewOrder, OrderId, Outcome, Reject, Timestamp};
use crate::world::{Authority, Claim, Command, Receipt};
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
        permit: &MayTrade,
        wishes: Vec<Wish>,
    ) -> Result<Vec<Result<Placed, Reject>>, Reject> {
        let commands = wishes.into_iter().map(|wish| command(permit, wish)).collect();
        let outcomes = self.world.commands(commands).await?;
        Ok(outcomes.into_iter().map(|outcome| placed(outcome?)).collect())
    }

    /// Takes an order back.
    ///
    /// # Errors
    /// The exchange's [`Reject`].
    pub async fn cancel(&self, permit: &MayTrade, order: OrderId) -> Result<ExchangeReceipt, Reject> {
        let command = exchange::Command::Cancel { account: permit.account(), order };
        self.exchange(permit.by(), command).await
    }

    /// Takes several orders back, and says for each what became of it.
    ///
    /// # Errors
    /// [`Reject`] if none of them was tried, or nobody can say.
    pub async fn cancel_many(
        &self,
        permit: &MayTrade,
        orders: &[OrderId],
    ) -> Result<Vec<Result<ExchangeReceipt, Reject>>, Reject> {
        let cancel = |order: &OrderId| Command::Exchange {
            by: permit.by(),
            command: exchange::Command::Cancel { account: permit.account(), order: *order },
        };
        let outcomes = self.world.commands(orders.iter().map(cancel).collect()).await?;
        Ok(outcomes.into_iter().map(|outcome| receipt(outcome?)).collect())
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

    /// Arms the dead-man switch of an account. If no other beat comes in time, its orders end.
    ///
    /// # Errors
    /// The exchange's [`Reject`].
    pub async fn heartbeat(&self, permit: &MayTrade, until: Timestamp) -> Result<(), Reject> {
        let command = Command::Heartbeat { by: permit.by(), account: permit.account(), until };
        self.world.command(command).await.map(drop)
    }

    /// Starts an account over with so much cash. Its positions go to the house.
    ///
    /// # Errors
    /// The exchange's [`Reject`].
    pub async fn reset_account(
        &self,
        permit: &MayTrade,
        cash: crate::types::Usd,
    ) -> Result<ExchangeReceipt, Reject> {
        let house = self.world.ask(House).await?;
        let command = exchange::Command::ResetAccount { account: permit.account(), cash, house };
        self.exchange(permit.by(), command).await
    }

    async fn exchange(&self, by: Authority, command: exchange::Command) -> Result<ExchangeReceipt, Reject> {
        receipt(self.world.command(Command::Exchange { by, command }).await?)
    }
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
        Receipt::Replayed(_) | Receipt::Done => Err(Reject::Internal),
    }
}

fn placed(receipt: Receipt) -> Result<Placed, Reject> {
    match receipt {
        Receipt::Exchange(receipt) => Ok(Placed::New(receipt)),
        Receipt::Replayed(order) => Ok(Placed::Replayed(order)),
        Receipt::Done => Err(Reject::Internal),
    }
}

struct House;

impl crate::world::Query for House {
    type Answer = crate::types::AccountId;
    fn ask(self, state: &crate::world::State) -> Self::Answer {
        state.system().house
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
