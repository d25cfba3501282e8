//! A user's wallets (polysimulator.md §14): what each holds and is called. Who may have how many, the world decides.

use super::callers::{MayManage, MayRead};
use super::{Caller, Purse, Service};
use crate::exchange::Receipt as ExchangeReceipt;
use crate::types::{AccountId, Reject, Usd};
use crate::world::{Command, Receipt, Wallet, WalletCommand};

/// A wallet as it stands.
#[derive(Clone, Debug)]
pub struct WalletView {
    /// What it is for.
    pub purse: Purse,
    /// What is written on it.
    pub wallet: Wallet,
    /// Cash that is not reserved, in micro-dollars.
    pub balance: Usd,
}

/// Whether PolySimulator shows a purse: other services' accounts are none of its wallets.
#[must_use]
pub fn is_wallet(purse: Purse) -> bool {
    match purse {
        Purse::Polymarket | Purse::Main | Purse::Sandbox(_) => true,
        Purse::Kalshi | Purse::Pot(_) => false,
    }
}

impl Service {
    /// What one of a user's accounts is for.
    ///
    /// # Errors
    /// [`Reject::WalletNotFound`] if it is no wallet of that user's; [`Reject::NotLetIn`] after a reset.
    pub fn purse_of(&self, caller: &Caller, account: AccountId) -> Result<Purse, Reject> {
        let directory = self.directory_in(caller.epoch)?;
        let mut own = directory.wallets.of_user(caller.user).filter(|(purse, _)| is_wallet(*purse));
        let found = own.find(|(_, wallet)| wallet.account == account).map(|(purse, _)| purse);
        found.ok_or(Reject::WalletNotFound)
    }

    /// Every wallet that a permit shows, in the order of their accounts.
    ///
    /// # Errors
    /// Why the world can't be asked.
    pub async fn wallets(&self, permit: &MayRead) -> Result<Vec<WalletView>, Reject> {
        let portfolios = self.portfolios(permit).await?;
        let directory = self.directory_in(permit.epoch())?;
        let view = |(purse, wallet): (Purse, &Wallet)| {
            let portfolio = portfolios.iter().find(|portfolio| portfolio.account == wallet.account)?;
            Some(WalletView { purse, wallet: wallet.clone(), balance: portfolio.available() })
        };
        let mut all: Vec<_> = directory.wallets.of_user(permit.user()).filter_map(view).collect();
        all.sort_by_key(|view| view.wallet.account);
        Ok(all)
    }

    /// As [`Service::wallets`], to who manages them.
    ///
    /// # Errors
    /// Why the world can't be asked.
    pub async fn own_wallets(&self, owner: &MayManage) -> Result<Vec<WalletView>, Reject> {
        self.wallets(&self.sees_own(owner)?).await
    }

    /// What the accounts that a permit shows began with, in micro-dollars.
    ///
    /// # Errors
    /// [`Reject::NotLetIn`] after a reset.
    pub fn baseline(&self, permit: &MayRead) -> Result<Usd, Reject> {
        let directory = self.directory_in(permit.epoch())?;
        let own = directory.wallets.of_user(permit.user());
        let shown = own.filter(|(_, wallet)| permit.accounts().contains(&wallet.account));
        Ok(shown.map(|(_, wallet)| wallet.baseline).sum())
    }

    /// One more sandbox wallet.
    ///
    /// # Errors
    /// The world's [`Reject`].
    pub async fn open_wallet(&self, owner: &MayManage, label: Option<String>) -> Result<Purse, Reject> {
        match self.wallet(owner, WalletCommand::Open { label }).await? {
            Receipt::Opened(purse) => Ok(purse),
            Receipt::Exchange(_)
            | Receipt::Replayed(_)
            | Receipt::Issued(_)
            | Receipt::Armed(_)
            | Receipt::Selected(_)
            | Receipt::Done => Err(Reject::Internal),
        }
    }

    /// Another name for a wallet, or none.
    ///
    /// # Errors
    /// The world's [`Reject`].
    pub async fn label_wallet(
        &self,
        owner: &MayManage,
        purse: Purse,
        label: Option<String>,
    ) -> Result<(), Reject> {
        self.wallet(owner, WalletCommand::Label(purse, label)).await.map(drop)
    }

    /// The end of a sandbox wallet.
    ///
    /// # Errors
    /// The world's [`Reject`].
    pub async fn archive_wallet(&self, owner: &MayManage, purse: Purse) -> Result<(), Reject> {
        self.wallet(owner, WalletCommand::Archive(purse)).await.map(drop)
    }

    /// Starts a wallet over: its opening cash, no orders, no positions, which go to the house.
    ///
    /// # Errors
    /// The world's [`Reject`].
    pub async fn reset_wallet(&self, owner: &MayManage, purse: Purse) -> Result<ExchangeReceipt, Reject> {
        match self.wallet(owner, WalletCommand::Reset(purse)).await? {
            Receipt::Exchange(receipt) => Ok(receipt),
            Receipt::Opened(_)
            | Receipt::Replayed(_)
            | Receipt::Issued(_)
            | Receipt::Armed(_)
            | Receipt::Selected(_)
            | Receipt::Done => Err(Reject::Internal),
        }
    }

    async fn wallet(&self, owner: &MayManage, command: WalletCommand) -> Result<Receipt, Reject> {
        self.world.command_in(owner.epoch(), Command::Wallet { by: owner.by(), command }).await
    }
}
