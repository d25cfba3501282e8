//! The ids of orders, trades and heartbeats on Polymarket's wire, and what they name (polymarket-clob.md §6.5, §7.4).

use super::Service;
use super::callers::MayRead;
use super::orders::claim_of;
use crate::types::{OrderId, Reject, Timestamp, TradeId, UserId};
use crate::world::ledger::query;
use crate::world::{Query, Signed, State};
use alloy_primitives::keccak256;
use std::collections::BTreeMap;

impl Service {
    /// Which of a user's orders some ids name. Ids that name none of them are left out.
    ///
    /// # Errors
    /// Why the world, or history, can't be asked.
    pub async fn find_orders(
        &self,
        reads: &MayRead,
        digests: &[[u8; 32]],
    ) -> Result<BTreeMap<[u8; 32], OrderId>, Reject> {
        let mut found = BTreeMap::new();
        let mut signed = Vec::new();
        for digest in digests {
            match self.unsigned_order(digest) {
                Some(order) => drop(found.insert(*digest, order)),
                None => signed.push(*digest),
            }
        }
        if signed.is_empty() {
            return Ok(found);
        }
        let claimed = Claimed { epoch: reads.epoch(), user: reads.user(), digests: signed.clone() };
        found.extend(self.world.ask(claimed).await??);
        signed.retain(|digest| !found.contains_key(digest));
        if !signed.is_empty() {
            found.extend(self.signed_in_history(reads, signed).await?);
        }
        Ok(found)
    }

    /// The id of an order on this wire: what its wallet signed, or else a hash of world and number that ends with the
    /// number, so that it can be read back (design §3).
    #[must_use]
    pub fn digest_of(&self, order: OrderId, signed: Option<&Signed>) -> [u8; 32] {
        signed.map_or_else(|| self.numbered("order", order.0), |signed| signed.digest)
    }

    fn unsigned_order(&self, digest: &[u8; 32]) -> Option<OrderId> {
        let number = u64::from_be_bytes(*digest.last_chunk()?);
        (self.numbered("order", number) == *digest).then_some(OrderId(number))
    }

    /// A hash of the world and a number that ends with the number.
    fn numbered(&self, what: &str, number: u64) -> [u8; 32] {
        let mut text = [what.as_bytes(), &self.world.seed().to_be_bytes()].concat();
        text.extend(number.to_be_bytes());
        let mut hash = keccak256(text).0;
        hash[24..].copy_from_slice(&number.to_be_bytes());
        hash
    }

    /// The hash that a trade's settlement has, which is simulated (§7.4): `0x` and 64 hexadecimal digits.
    #[must_use]
    pub fn transaction_hash(&self, trade: TradeId) -> String {
        let text = [b"transaction".as_slice(), &self.world.seed().to_be_bytes(), &trade.0.to_be_bytes()];
        keccak256(text.concat()).to_string()
    }

    /// A trade's id on this wire: a UUID that it can be read back from.
    #[must_use]
    pub fn trade_uuid(&self, trade: TradeId) -> String {
        self.uuid_of("trade", trade.0)
    }

    /// The id of the heartbeat that armed a user's switch until a moment, which can be read back from it.
    #[must_use]
    pub fn beat_id(&self, user: UserId, until: Timestamp) -> String {
        self.uuid_of(&format!("beat of {user}"), until.millis().unsigned_abs())
    }

    /// The moment until which the heartbeat with an id armed a user's switch.
    #[must_use]
    pub fn beat_of(&self, user: UserId, id: &str) -> Option<Timestamp> {
        let number = self.number_of(&format!("beat of {user}"), id)?;
        i64::try_from(number).ok().map(Timestamp::from_millis)
    }

    /// A UUID that a number can be read back from, if it is not beyond 62 bits.
    fn uuid_of(&self, what: &str, number: u64) -> String {
        let hash = self.numbered(what, number);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&hash[..8]);
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
    }

    /// The number in such a UUID, if it is one.
    fn number_of(&self, what: &str, id: &str) -> Option<u64> {
        let bytes = uuid::Uuid::try_parse(id).ok()?.into_bytes();
        // The variant stands in the two highest bits.
        let number = u64::from_be_bytes(*bytes.last_chunk()?) & (u64::MAX >> 2);
        (self.uuid_of(what, number) == id.to_ascii_lowercase()).then_some(number)
    }

    /// The trade that an id names.
    #[must_use]
    pub fn trade_of_uuid(&self, id: &str) -> Option<TradeId> {
        self.number_of("trade", id).map(TradeId)
    }

    /// The ids that some of a user's orders have on this wire.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn digests(
        &self,
        reads: &MayRead,
        orders: Vec<OrderId>,
    ) -> Result<BTreeMap<OrderId, [u8; 32]>, Reject> {
        let asked = orders.clone();
        let signed = self.own_history(reads, move |db| query::signed(db, asked)).await?;
        let id = |order: OrderId| (order, self.digest_of(order, signed.get(&order)));
        Ok(orders.into_iter().map(id).collect())
    }
}

/// The orders that some hashes were claimed for.
struct Claimed {
    epoch: u32,
    user: UserId,
    digests: Vec<[u8; 32]>,
}

impl Query for Claimed {
    type Answer = Result<Vec<([u8; 32], OrderId)>, Reject>;
    fn ask(self, state: &State) -> Self::Answer {
        state.must_be_in(self.epoch)?;
        let find = |digest: [u8; 32]| Some((digest, state.claimed(self.user, &claim_of(&digest))?));
        Ok(self.digests.into_iter().filter_map(find).collect())
    }
}
