//! Placing, canceling and watching over orders.

use super::Service;
use super::callers::MayTrade;
use super::history::OrderRow;
use crate::exchange::{self, Receipt as ExchangeReceipt};
use crate::types::{MarketId, NewOrder, OrderId, Outcome, Reject, Timestamp};
use crate::world::{Beat, Claim, Command, FeeHold, Receipt, Signed};
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
    /// What its wallet signed, if it came signed.
    pub signed: Option<Box<Signed>>,
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

/// The claim of an order that its wallet signed: whatever is signed is an order of its own.
#[must_use]
pub(super) fn claim_of(hash: &[u8]) -> Claim {
    let key = digest("signed-order", hash);
    Claim { key, body: key, client_order_id: None }
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
        self.place_holding(permit, wish, None).await
    }

    /// The same with what its terms set aside for a builder's fee.
    pub(super) async fn place_holding(
        &self,
        permit: &MayTrade,
        wish: Wish,
        fee: Option<Box<FeeHold>>,
    ) -> Result<Placed, Reject> {
        self.may_place_any()?;
        self.may_place(&wish.order)?;
        placed(self.world.command_in(permit.epoch(), command(permit, wish, fee)).await?)
    }

    /// Places several orders, one after the other. One refusal undoes no other.
    ///
    /// # Errors
    /// [`Reject`] if none of them was tried, or nobody can say.
    pub async fn place_many(
        &self,
        wishes: impl Iterator<Item = (MayTrade, Wish)>,
    ) -> Result<Vec<Result<Placed, Reject>>, Reject> {
        self.may_place_any()?;
        let (mut epoch, mut commands, mut results) = (None, Vec::new(), Vec::new());
        for (permit, wish) in wishes {
            let first = *epoch.get_or_insert(permit.epoch());
            assert_eq!(first, permit.epoch(), "BUG: permits of two epochs");
            let refusal = self.may_place(&wish.order).err();
            if refusal.is_none() {
                commands.push(command(&permit, wish, None));
            }
            results.push(refusal);
        }
        let Some(epoch) = epoch else { return Ok(Vec::new()) };
        let mut outcomes = self.world.commands_in(epoch, commands).await?.into_iter();
        let result = |refusal: Option<Reject>| match refusal {
            Some(reject) => Err(reject),
            None => placed(outcomes.next().unwrap_or(Err(Reject::Internal))?),
        };
        Ok(results.into_iter().map(result).collect())
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
        let first = permits.first().ok_or(Reject::AccountNotFound)?;
        let wanted: Vec<_> = orders.iter().map(|order| (*first, *order)).collect();
        self.cancel_each(permits, &wanted).await
    }

    /// Takes back every open order of one user's wallets, on a market and for an outcome if one is given.
    ///
    /// # Errors
    /// [`Reject`] if none of them was tried, or nobody can say.
    pub async fn cancel_open(
        &self,
        permits: &[MayTrade],
        market: Option<MarketId>,
        outcome: Option<Outcome>,
    ) -> Result<Vec<(OrderId, Result<ExchangeReceipt, NotCanceled>)>, Reject> {
        let epoch = permits.first().ok_or(Reject::AccountNotFound)?.epoch();
        let open = OpenOrders { epoch, permits: permits.to_vec(), market, outcome };
        let wanted = self.world.ask(open).await??;
        let outcomes = self.cancel_each(permits, &wanted).await?;
        Ok(wanted.into_iter().map(|(_, order)| order).zip(outcomes).collect())
    }

    /// Takes orders back, each on the wallet that it is thought to be on.
    async fn cancel_each(
        &self,
        permits: &[MayTrade],
        wanted: &[(MayTrade, OrderId)],
    ) -> Result<Vec<Result<ExchangeReceipt, NotCanceled>>, Reject> {
        self.may_cancel()?;
        let epoch = permits.first().ok_or(Reject::AccountNotFound)?.epoch();
        let commands = wanted.iter().map(|(permit, order)| cancel(permit, *order)).collect();
        let mut results = Vec::with_capacity(wanted.len());
        let mut left = Vec::new();
        for (outcome, tried) in self.world.commands_in(epoch, commands).await?.into_iter().zip(wanted) {
            let outcome = outcome.and_then(receipt);
            if matches!(outcome, Err(Reject::OrderNotOpen | Reject::OrderNotFound)) {
                left.push((results.len(), *tried));
            }
            results.push(outcome.map_err(NotCanceled::Refused));
        }
        if !left.is_empty() {
            for (place, result) in self.cancel_elsewhere(permits, left).await {
                results[place] = result;
            }
        }
        Ok(results)
    }

    /// The exchange knows open orders only: whether one that is not open on the wallet where it was looked for is
    /// on another, or over, or was never there, the ledger says. What others came to stands in any case.
    async fn cancel_elsewhere(
        &self,
        permits: &[MayTrade],
        left: Vec<(usize, (MayTrade, OrderId))>,
    ) -> Vec<(usize, Result<ExchangeReceipt, NotCanceled>)> {
        let all_refused = |reject: &Reject| {
            let refused = |(place, _): &(usize, _)| (*place, Err(NotCanceled::Refused(reject.clone())));
            left.iter().map(refused).collect()
        };
        let ids = left.iter().map(|(_, (_, order))| *order).collect();
        let rows = match self.orders_by_id(&MayTrade::read_all(permits), ids).await {
            Ok(rows) => rows,
            Err(reject) => return all_refused(&reject),
        };
        let (mut results, mut again, mut commands) = (Vec::new(), Vec::new(), Vec::new());
        for (place, (tried, order)) in left {
            let Some(row) = rows.get(&order) else {
                results.push((place, Err(NotCanceled::Refused(Reject::OrderNotFound))));
                continue;
            };
            let elsewhere =
                |permit: &&MayTrade| permit.account() == row.account && permit.account() != tried.account();
            match permits.iter().find(elsewhere) {
                None => results.push((place, Err(NotCanceled::Over(Box::new(row.clone()))))),
                Some(permit) => {
                    commands.push(cancel(permit, order));
                    again.push((place, row));
                }
            }
        }
        let Some(epoch) = permits.first().map(MayTrade::epoch).filter(|_| !commands.is_empty()) else {
            return results;
        };
        let outcomes = match self.world.commands_in(epoch, commands).await {
            Ok(outcomes) => outcomes,
            Err(reject) => vec![Err(reject); again.len()],
        };
        results.extend(again.into_iter().zip(outcomes).map(|((place, row), outcome)| {
            let result = match outcome.and_then(receipt) {
                Err(Reject::OrderNotOpen) => Err(NotCanceled::Over(Box::new(row.clone()))),
                outcome => outcome.map_err(NotCanceled::Refused),
            };
            (place, result)
        }));
        results
    }

    /// Arms the dead-man switch of a user's wallets. If no other beat comes in time, their orders end. A beat that names
    /// the one before it must name the last one. Gives
    /// the moment until which it is armed.
    ///
    /// # Errors
    /// The world's [`Reject`].
    pub async fn heartbeat(
        &self,
        permits: &[MayTrade],
        until: Timestamp,
        after: Option<Beat>,
    ) -> Result<Timestamp, Reject> {
        let (first, others) = permits.split_first().ok_or(Reject::AccountNotFound)?;
        let beat = |permit: &MayTrade, after| Command::Heartbeat {
            by: permit.by(),
            account: permit.account(),
            until,
            after,
        };
        // Beats are told apart by what they did to the first wallet: others may be younger than the last beat.
        let receipt = self.world.command_in(first.epoch(), beat(first, after)).await?;
        let Receipt::Armed(until) = receipt else { return Err(Reject::Internal) };
        let others = others.iter().map(|permit| beat(permit, None)).collect();
        let outcomes = self.world.commands_in(first.epoch(), others).await?;
        outcomes.into_iter().try_for_each(|outcome| outcome.map(drop))?;
        Ok(until)
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

fn command(permit: &MayTrade, wish: Wish, fee: Option<Box<FeeHold>>) -> Command {
    Command::Place {
        by: permit.by(),
        order: NewOrder { account: permit.account(), ..wish.order },
        claim: wish.claim,
        client_order_id: wish.client_order_id.map(String::into_boxed_str),
        signed: wish.signed,
        fee,
    }
}

fn receipt(receipt: Receipt) -> Result<ExchangeReceipt, Reject> {
    match receipt {
        Receipt::Exchange(receipt) => Ok(receipt),
        Receipt::Replayed(_)
        | Receipt::Issued(_)
        | Receipt::Opened(_)
        | Receipt::Armed(_)
        | Receipt::Selected(_)
        | Receipt::Done => Err(Reject::Internal),
    }
}

fn placed(receipt: Receipt) -> Result<Placed, Reject> {
    match receipt {
        Receipt::Exchange(receipt) => Ok(Placed::New(receipt)),
        Receipt::Replayed(order) => Ok(Placed::Replayed(order)),
        Receipt::Issued(_)
        | Receipt::Opened(_)
        | Receipt::Armed(_)
        | Receipt::Selected(_)
        | Receipt::Done => Err(Reject::Internal),
    }
}

/// The open orders of some wallets, the oldest of each first.
struct OpenOrders {
    epoch: u32,
    permits: Vec<MayTrade>,
    market: Option<MarketId>,
    outcome: Option<Outcome>,
}

impl crate::world::Query for OpenOrders {
    type Answer = Result<Vec<(MayTrade, OrderId)>, Reject>;
    fn ask(self, state: &crate::world::State) -> Self::Answer {
        let Self { epoch, permits, market, outcome } = self;
        state.must_be_in(epoch)?;
        let mut all = Vec::new();
        for permit in permits {
            let open = state.exchange().open_orders(permit.account()).filter(|open| {
                market.is_none_or(|market| open.market == market)
                    && outcome.is_none_or(|outcome| open.outcome == outcome)
            });
            all.extend(open.map(|open| (permit, open.id)));
        }
        Ok(all)
    }
}
