//! Cash and positions as they stand.

use super::Service;
use super::callers::MayRead;
use crate::exchange::{Holding, MarketSpec, Status};
use crate::types::{AccountId, MarketId, Outcome, Price, Reject, Sequence, Shares, Timestamp, Usd};
use crate::world::{Query, State};
use std::sync::Arc;

/// One account at one moment.
#[derive(Clone, Debug)]
pub struct Portfolio {
    /// Which.
    pub account: AccountId,
    /// Cash, what is reserved included.
    pub cash: Usd,
    /// Cash reserved for open orders.
    pub reserved: Usd,
    /// Cash that open orders set aside for fees of somebody else's: not in `cash`, but not paid yet either.
    pub set_aside: Usd,
    /// What is held, in the order of markets.
    pub held: Vec<Held>,
    /// The last record in this.
    pub sequence: Sequence,
    /// When.
    pub at: Timestamp,
}

/// What is held of one outcome.
#[derive(Clone, Debug)]
pub struct Held {
    /// Which market.
    pub market: MarketId,
    /// Its facts and rules.
    pub spec: Arc<MarketSpec>,
    /// Whether it trades.
    pub status: Status,
    /// Which answer.
    pub outcome: Outcome,
    /// How much, and what it cost.
    pub holding: Holding,
    /// What a share is valued at; none if nobody knows.
    pub mark: Option<Price>,
}

impl Held {
    /// What the shares are worth at the mark, or what they cost where there is none.
    #[must_use]
    pub fn value(&self) -> Usd {
        self.mark.map_or(self.holding.cost, |mark| self.holding.shares.notional(mark))
    }
}

impl Portfolio {
    /// Cash that may be spent.
    #[must_use]
    pub fn available(&self) -> Usd {
        self.cash - self.reserved
    }

    /// What everything is worth: cash, reserved or not, and the positions at their marks.
    #[must_use]
    pub fn value(&self) -> Usd {
        self.cash + self.set_aside + self.held.iter().map(Held::value).sum::<Usd>()
    }

    /// How many shares of an outcome are held.
    #[must_use]
    pub fn shares(&self, market: MarketId, outcome: Outcome) -> Shares {
        let found = self.held.iter().find(|held| held.market == market && held.outcome == outcome);
        found.map_or(Shares::ZERO, |held| held.holding.shares)
    }
}

impl Service {
    /// The accounts a permit names, at one moment.
    ///
    /// # Errors
    /// [`Reject::NotLetIn`] after a reset, or why the world can't be asked.
    pub async fn portfolios(&self, permit: &MayRead) -> Result<Vec<Portfolio>, Reject> {
        let (epoch, accounts) = (permit.epoch(), permit.accounts().to_vec());
        self.world.ask(Portfolios { epoch, accounts }).await?
    }
}

impl Service {
    /// Who holds what of a market's outcomes, the world's own accounts left out: public on a chain.
    ///
    /// # Errors
    /// [`Reject::MarketNotFound`], or why the world can't be asked.
    pub async fn holders(&self, market: MarketId) -> Result<Vec<(AccountId, [Shares; 2])>, Reject> {
        self.world.ask(Holders(market)).await?
    }
}

struct Holders(MarketId);

impl Query for Holders {
    type Answer = Result<Vec<(AccountId, [Shares; 2])>, Reject>;
    fn ask(self, state: &State) -> Self::Answer {
        let Self(market) = self;
        let exchange = state.exchange();
        exchange.market(market).ok_or(Reject::MarketNotFound)?;
        let traders =
            exchange.accounts().iter().filter(|account| state.wallets().whose(account.id).is_some());
        let held = traders.map(|account| {
            let shares = Outcome::BOTH.map(|outcome| exchange.holding(account.id, market, outcome).shares);
            (account.id, shares)
        });
        Ok(held.filter(|(_, shares)| shares.iter().any(|shares| shares.is_positive())).collect())
    }
}

struct Portfolios {
    epoch: u32,
    accounts: Vec<AccountId>,
}

impl Query for Portfolios {
    type Answer = Result<Vec<Portfolio>, Reject>;
    fn ask(self, state: &State) -> Self::Answer {
        state.must_be_in(self.epoch)?;
        let portfolio = |account| portfolio(state, account).ok_or(Reject::AccountNotFound);
        self.accounts.into_iter().map(portfolio).collect()
    }
}

fn portfolio(state: &State, account: AccountId) -> Option<Portfolio> {
    let exchange = state.exchange();
    let purse = exchange.account(account)?;
    let held = exchange.positions(account).flat_map(|position| {
        let market = exchange.market(position.market).expect("BUG: a position on no market");
        Outcome::BOTH.map(|outcome| Held {
            market: position.market,
            spec: Arc::clone(&market.spec),
            status: market.status,
            outcome,
            holding: *position.of(outcome),
            mark: market.touch().mark.map(|mark| crate::exchange::Market::in_terms_of(outcome, mark)),
        })
    });
    Some(Portfolio {
        account,
        cash: purse.cash,
        reserved: purse.reserved,
        set_aside: purse.escrow,
        held: held.filter(|held| held.holding.shares.is_positive()).collect(),
        sequence: state.sequence().unwrap_or_default(),
        at: state.at(),
    })
}
