//! Pairs made and given back, shares of groups converted, and winnings taken (polymarket-clob.md §7.7).

use super::Service;
use super::callers::{MayRead, MayTrade};
use super::history::ConversionRow;
use crate::exchange::{self, Receipt as ExchangeReceipt};
use crate::types::{MarketId, Reject, Shares, Usd};
use crate::world::ledger::query;
use crate::world::{Command, Query, Receipt, State};

/// What becomes of shares or dollars without a trade.
#[derive(Clone, Debug)]
pub enum Conversion {
    /// Dollars into as many pairs.
    Split(MarketId, Shares),
    /// Pairs into as many dollars.
    Merge(MarketId, Shares),
    /// Shares of a resolved market into what they are owed.
    Redeem(MarketId),
    /// Shares of the second outcome of some markets of a group into shares of the first outcome of its others.
    Convert(Vec<MarketId>, Shares),
}

impl Service {
    /// Converts, and says which dollars came in, or went out if negative.
    ///
    /// # Errors
    /// The exchange's [`Reject`].
    pub async fn convert(&self, permit: &MayTrade, conversion: Conversion) -> Result<Usd, Reject> {
        let account = permit.account();
        let command = match conversion {
            Conversion::Split(market, shares) => exchange::Command::Split { account, market, shares },
            Conversion::Merge(market, shares) => exchange::Command::Merge { account, market, shares },
            Conversion::Redeem(market) => exchange::Command::Redeem { account, market },
            Conversion::Convert(markets, shares) => {
                let adapter = self.world.ask(Adapter).await?;
                exchange::Command::Convert { account, markets, shares, adapter }
            }
        };
        let command = Command::Exchange { by: permit.by(), command };
        match self.world.command_in(permit.epoch(), command).await? {
            Receipt::Exchange(ExchangeReceipt::Paid(dollars)) => Ok(dollars),
            Receipt::Exchange(_)
            | Receipt::Replayed(_)
            | Receipt::Issued(_)
            | Receipt::Opened(_)
            | Receipt::Armed(_)
            | Receipt::Selected(_)
            | Receipt::Done => Err(Reject::Internal),
        }
    }

    /// What the accounts that a permit names have converted, the newest first, at most so many.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`].
    pub async fn conversions(&self, permit: &MayRead, limit: u32) -> Result<Vec<ConversionRow>, Reject> {
        let accounts = permit.accounts().to_vec();
        self.own_history(permit, move |db| query::conversions(db, &accounts, limit)).await
    }
}

/// The account that converts shares of groups.
struct Adapter;

impl Query for Adapter {
    type Answer = crate::types::AccountId;
    fn ask(self, state: &State) -> Self::Answer {
        state.system().adapter
    }
}
