//! Orders that a wallet signed (polymarket-clob.md §6): whose they are and what they ask for. Whether they trade is the
//! exchange's to say.

use super::callers::{MayRead, MayTrade};
use super::history::OrderRow;
use super::orders::{Placed, Wish, claim_of};
use super::{Caller, ClobMode, MarketSpec, Service};
use crate::exchange::{Slack, limit_of_ratio};
use crate::identity::ethereum::{self, Form, SignedOrder, derived};
use crate::types::{
    AccountId, Address, MarketId, NewOrder, OrderId, OrderKind, Outcome, Reject, Shares, Side, Size, Terms,
    TimeInForce, Timestamp, Usd, UserId,
};
use crate::world::ledger::query;
use crate::world::scenario::Purse;
use crate::world::{Authority, Command, Query, Signed, State, WalletCommand};
use alloy_primitives::{B256, U256};
use std::collections::BTreeMap;

/// An expiry lies at least so far ahead (§6.9), and as long before it production stops matching.
const LEAD_MS: i64 = 60_000;
/// The same for a moment within a second: stamps are whole ones.
const LEAD_WHOLE_MS: i64 = LEAD_MS - 999;
/// What a buy that takes something must be worth (§6.9).
const TAKING_MIN: Usd = Usd::from_dollars(1);

/// How long a signed order may wait (§6.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedTif {
    /// Until filled or canceled.
    Gtc,
    /// Until its expiration.
    Gtd,
    /// All of it now, or nothing.
    Fok,
    /// What is there now.
    Fak,
}

/// A signed order as it came.
#[derive(Clone, Debug)]
pub struct SignedWish {
    /// What was signed.
    pub order: SignedOrder,
    /// Its signature.
    pub signature: Vec<u8>,
    /// The id of the key that it is placed with.
    pub owner: String,
    /// How long it may wait.
    pub tif: SignedTif,
    /// When it ends, in unix seconds; 0 for never.
    pub expiration: U256,
    /// Whether it refuses to take.
    pub post_only: bool,
}

/// A signed order that passed every check of its own.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The right to trade for its wallet.
    pub permit: MayTrade,
    /// What it asks for.
    pub wish: Wish,
    /// Its id.
    pub digest: B256,
}

/// Why a signed order is refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Its id, once that is known.
    pub digest: Option<B256>,
    /// Why.
    pub why: Reject,
}

impl From<Reject> for Refusal {
    fn from(why: Reject) -> Self {
        Self { digest: None, why }
    }
}

impl Service {
    /// Whose a signed order is and what it asks for. Costs about what one public-key recovery costs, on the caller's thread.
    ///
    /// # Errors
    /// [`Refusal`], in the order of polymarket-clob.md §5.5.
    pub async fn check_signed(&self, caller: &Caller, signed: &SignedWish) -> Result<Checked, Refusal> {
        let directory = self.directory_in(caller.epoch)?;
        let key = caller.key.ok_or(Reject::TradeNotAllowed)?;
        let owner = directory.identity.key(key).ok_or(Reject::KeyNotFound)?;
        if owner.prefix != signed.owner {
            return Err(Reject::NotKeyOwner.into());
        }
        let address = directory.identity.wallet_of(key).ok_or(Reject::NotKeyAddress)?;
        let order = &signed.order;
        let (market, outcome) =
            directory.catalog.by_token(&order.token.to_string()).ok_or(Reject::MarketNotFound)?;
        let spec = directory.catalog.get(market).ok_or(Reject::MarketNotFound)?;
        self.must_be_taken(order, address)?;
        let recovered =
            ethereum::recover(order, &signed.signature, spec.facts.neg_risk).ok_or(Reject::BadSignature)?;
        if recovered.owner != address {
            return Err(Reject::NotKeyAddress.into());
        }
        let refused = |why| Refusal { digest: Some(recovered.digest), why };
        let purse = self.purse_of_maker(order, address).map_err(refused)?;
        let wanted = self.order_of(signed, (market, outcome), spec).map_err(refused)?;
        self.may_place(&wanted).map_err(refused)?;
        // Last, so that an order that can't be takes up no pot.
        if let Purse::Pot(maker) = purse {
            self.open_pot(caller, maker, order.signature_type).await.map_err(refused)?;
        }
        let permit = self.may_trade(caller, purse).map_err(|failure| refused(failure.into()))?;
        let digest = recovered.digest;
        let shares = if order.is_sell { order.maker_amount } else { order.taker_amount };
        let shares = Shares::from_micros(amount(shares).map_err(refused)?);
        let signed = Signed { digest: digest.0, maker: order.maker, builder: order.builder.0, shares };
        let wish = Wish {
            order: wanted,
            claim: Some(claim_of(digest.as_slice())),
            client_order_id: None,
            signed: Some(Box::new(signed)),
        };
        Ok(Checked { permit, wish, digest })
    }

    /// What is asked of an order before its signature is looked at.
    fn must_be_taken(&self, order: &SignedOrder, address: Address) -> Result<(), Reject> {
        if order.signature_type <= 2 && order.signer != address {
            return Err(Reject::NotKeyAddress);
        }
        if order.generation == Form::V2 {
            return Ok(());
        }
        if self.clob_mode == ClobMode::Strict {
            return Err(Reject::OrderVersion);
        }
        // There is no operator who could be named as the only taker.
        if order.taker != Address::ZERO {
            return Err(Reject::Unsupported);
        }
        // Nobody can raise a nonce here, and no market has a fee of the first generation.
        if !order.nonce.is_zero() {
            return Err(Reject::WrongNonce);
        }
        if !order.fee_rate_bps.is_zero() {
            return Err(Reject::WrongFeeRate { expected: 0 });
        }
        Ok(())
    }

    /// Whose money an order trades (design §7): its signer's own account for the signer and the wallets that are derived
    /// from it, else a pot. Strict mode asks for the very wallet that the signature type names.
    fn purse_of_maker(&self, order: &SignedOrder, address: Address) -> Result<Purse, Reject> {
        let own = derived(address);
        let named: &[Address] = match order.signature_type {
            0 => &[address],
            1 => &[own.proxy],
            2 => &[own.safe],
            _ => &[own.deposit, own.deposit_beacon],
        };
        if self.clob_mode == ClobMode::Strict && order.signature_type == 0 {
            return Err(Reject::MakerNotAllowed);
        }
        if named.contains(&order.maker) {
            return Ok(Purse::Polymarket);
        }
        let is_own = [address, own.proxy, own.safe, own.deposit, own.deposit_beacon].contains(&order.maker);
        match (self.clob_mode, order.signature_type) {
            (ClobMode::Strict, _) | (_, 0) => Err(Reject::BadSignature),
            (ClobMode::Friendly, _) if is_own => Ok(Purse::Polymarket),
            (ClobMode::Friendly, _) => Ok(Purse::Pot(order.maker)),
        }
    }

    async fn open_pot(&self, caller: &Caller, maker: Address, signature_type: u8) -> Result<(), Reject> {
        let directory = self.directory_in(caller.epoch)?;
        let is_known = directory.wallets.get(caller.user, Purse::Pot(maker)).is_some()
            && directory.wallets.maker(caller.user, signature_type) == Some(maker);
        if is_known {
            return Ok(());
        }
        let key = caller.key.ok_or(Reject::TradeNotAllowed)?;
        let command = WalletCommand::OpenPot { maker, signature_type };
        let command = Command::Wallet { by: Authority::Key(key), command };
        self.world.command_in(caller.epoch, command).await.map(drop)
    }

    /// What a signed order asks for, in the exchange's own terms (§6.8, §6.9).
    fn order_of(
        &self,
        signed: &SignedWish,
        (market, outcome): (MarketId, Outcome),
        spec: &MarketSpec,
    ) -> Result<NewOrder, Reject> {
        let (gives, wants) = (amount(signed.order.maker_amount)?, amount(signed.order.taker_amount)?);
        let (side, dollars, shares) = if signed.order.is_sell {
            (Side::Sell, Usd::from_micros(wants), Shares::from_micros(gives))
        } else {
            (Side::Buy, Usd::from_micros(gives), Shares::from_micros(wants))
        };
        let (kind, slack) = match signed.tif {
            SignedTif::Gtc | SignedTif::Gtd => (OrderKind::Limit, Slack::Resting),
            SignedTif::Fok | SignedTif::Fak => (OrderKind::Market, Slack::Taking),
        };
        let is_dollars = kind == OrderKind::Market && side == Side::Buy;
        Ok(NewOrder {
            // The permit's, once it is placed.
            account: AccountId::default(),
            market,
            outcome,
            side,
            kind,
            size: if is_dollars { Size::Dollars(dollars) } else { Size::Shares(shares) },
            limit: limit_of_ratio(&spec.ticks, dollars, shares, slack)?,
            tif: self.tif_of(signed)?,
            post_only: signed.post_only,
            terms: self.signed_terms(),
        })
    }

    fn tif_of(&self, signed: &SignedWish) -> Result<TimeInForce, Reject> {
        let earliest = self.now().plus_millis(LEAD_MS);
        let invalid = || Reject::InvalidExpiration { earliest };
        let seconds = i64::try_from(signed.expiration).map_err(|_| invalid())?;
        match signed.tif {
            SignedTif::Gtd if seconds > 0 => {
                let expires_at = Timestamp::from_seconds(seconds);
                Ok(TimeInForce::Gtd(match self.clob_mode {
                    ClobMode::Friendly => expires_at,
                    // Production stops matching a minute before the stamp.
                    ClobMode::Strict => expires_at.plus_millis(-LEAD_MS),
                }))
            }
            SignedTif::Gtd => Err(invalid()),
            SignedTif::Gtc | SignedTif::Fok | SignedTif::Fak if seconds > 0 => Err(invalid()),
            SignedTif::Gtc => Ok(TimeInForce::Gtc),
            SignedTif::Fok => Ok(TimeInForce::Fok),
            SignedTif::Fak => Ok(TimeInForce::Ioc),
        }
    }

    fn signed_terms(&self) -> Terms {
        Terms {
            notional_min: TAKING_MIN,
            taking_min: TAKING_MIN,
            gtd_lead_ms: match self.clob_mode {
                ClobMode::Friendly => LEAD_WHOLE_MS,
                ClobMode::Strict => 0,
            },
            may_sell_dust: false,
            may_take_less: true,
            refuses_own: true,
            ..Terms::PLAIN
        }
    }

    /// Places signed orders of one caller, one after the other. One refusal undoes no other.
    ///
    /// # Errors
    /// [`Reject`] if none of them was tried, or nobody can say.
    pub async fn place_signed(
        &self,
        caller: &Caller,
        orders: Vec<Checked>,
    ) -> Result<Vec<Result<super::ExchangeReceipt, Reject>>, Reject> {
        if orders.is_empty() {
            return Ok(Vec::new());
        }
        // Of all that the caller trades on: an order of one purse may come beside one of another.
        let reads = MayTrade::read_all(&self.may_trade_wallets(caller)?);
        let digests = orders.iter().map(|order| order.digest.0).collect();
        let before = self.signed_before(&reads, digests).await?;
        let (mut results, mut wishes) = (Vec::new(), Vec::new());
        for Checked { permit, wish, digest } in orders {
            results.push(before.get(&digest.0).map(|order| Err(Reject::DuplicateOrder(*order))));
            if !before.contains_key(&digest.0) {
                wishes.push((permit, wish));
            }
        }
        let mut placed = self.place_many(wishes.into_iter()).await?.into_iter();
        let result = |refused: Option<_>| {
            refused.unwrap_or_else(|| match placed.next().unwrap_or(Err(Reject::Internal)) {
                Ok(Placed::New(receipt)) => Ok(receipt),
                Ok(Placed::Replayed(order)) => Err(Reject::DuplicateOrder(order)),
                Err(reject) => Err(reject),
            })
        };
        Ok(results.into_iter().map(result).collect())
    }

    /// Those of some hashes whose orders only history remembers: the state forgets them after a day, or when there are
    /// too many.
    async fn signed_before(
        &self,
        reads: &MayRead,
        digests: Vec<[u8; 32]>,
    ) -> Result<BTreeMap<[u8; 32], OrderId>, Reject> {
        let remembers = RemembersAll { epoch: reads.epoch(), user: reads.user(), at: self.now() };
        if self.world.ask(remembers).await?? {
            return Ok(BTreeMap::new());
        }
        self.signed_in_history(reads, digests).await
    }

    /// Those of some hashes that history knows orders of.
    pub(super) async fn signed_in_history(
        &self,
        reads: &MayRead,
        digests: Vec<[u8; 32]>,
    ) -> Result<BTreeMap<[u8; 32], OrderId>, Reject> {
        let accounts = reads.accounts().to_vec();
        self.own_history(reads, move |db| {
            let find = |digest: [u8; 32]| {
                let found = query::claimed(db, &accounts, &claim_of(&digest).key)?;
                Ok(found.map(|claimed| (digest, claimed.order)))
            };
            digests.into_iter().filter_map(|digest| find(digest).transpose()).collect()
        })
        .await
    }

    /// The stamp that an order was given which ends at a moment.
    #[must_use]
    pub fn stamp_of(&self, ends_at: Timestamp) -> Timestamp {
        match self.clob_mode {
            ClobMode::Friendly => ends_at,
            ClobMode::Strict => ends_at.plus_millis(LEAD_MS),
        }
    }

    /// Orders with what their wallets signed, the newest first.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn signed_rows(
        &self,
        reads: &MayRead,
        filter: super::history::OrderFilter,
    ) -> Result<Vec<(OrderRow, Option<Signed>)>, Reject> {
        let rows = self.orders(reads, filter).await?;
        let ids: Vec<_> = rows.iter().map(|row| row.order).collect();
        let mut signed = self.own_history(reads, move |db| query::signed(db, ids)).await?;
        Ok(rows
            .into_iter()
            .map(|row| (signed.remove(&row.order), row))
            .map(|(signed, row)| (row, signed))
            .collect())
    }
}

/// An amount of micro-dollars or micro-shares.
fn amount(value: U256) -> Result<i64, Reject> {
    i64::try_from(value).ok().filter(|value| *value > 0).ok_or(Reject::InvalidQuantity)
}

/// Whether the state has forgotten none of a user's claims.
struct RemembersAll {
    epoch: u32,
    user: UserId,
    at: Timestamp,
}

impl Query for RemembersAll {
    type Answer = Result<bool, Reject>;
    fn ask(self, state: &State) -> Self::Answer {
        state.must_be_in(self.epoch)?;
        Ok(state.remembers_all(self.user, self.at))
    }
}
