//! Which account each user has for which purpose, and what PolySimulator's wallets are called (§14).

use crate::types::{AccountId, Address, DAY_MS, Reject, Timestamp, Usd, UserId, index};
use crate::world::scenario::{Genesis, Purse};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Sandbox wallets one user may ever make: each is an account, of which a world has only so many.
const SANDBOXES_EVER_MAX: u32 = 200;
/// Wallets besides its derived ones that one address may ever sign for.
const POTS_MAX: u32 = 16;
/// The stretch of time in which resets of a MAIN wallet are counted: 30 days.
const RESETS_COUNTED_MS: i64 = 30 * DAY_MS;

/// What may be asked of one's wallets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WalletCommand {
    /// A sandbox wallet.
    Open {
        /// What it is called, at most 64 characters.
        label: Option<String>,
    },
    /// A purse for a wallet that is not derived from the one that signs for it, unless there is one.
    OpenPot {
        /// The wallet.
        maker: Address,
        /// How orders for it are signed (polymarket-clob.md §4.4).
        signature_type: u8,
    },
    /// Another name, or none.
    Label(Purse, Option<String>),
    /// The end of a sandbox wallet. Its orders end with it; what it holds stays to be seen.
    Archive(Purse),
    /// Back to the opening cash: no orders, no positions.
    Reset(Purse),
}

/// A purse with what is written on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wallet {
    /// Its account.
    pub account: AccountId,
    /// What its owner calls it.
    pub label: Option<String>,
    /// Its opening cash, which a reset brings back, in micro-dollars. Zero until an API wallet's first key trades.
    pub baseline: Usd,
    /// 1 at first; a reset adds one.
    pub generation: u32,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was archived, if it was.
    pub archived_at: Option<Timestamp>,
    /// When it was reset, the last 30 days.
    resets: Vec<Timestamp>,
}

impl Wallet {
    /// Whether it may be reset once more.
    pub(super) fn may_reset(&self, at: Timestamp, most: Option<u32>) -> Result<(), Reject> {
        let recent = self.resets.iter().filter(|then| then.plus_millis(RESETS_COUNTED_MS) > at).count();
        let has_one_left = most.is_none_or(|most| u32::try_from(recent).is_ok_and(|recent| recent < most));
        if has_one_left { Ok(()) } else { Err(Reject::PlanExhausted) }
    }
}

/// The wallets of every user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wallets {
    all: BTreeMap<(UserId, Purse), Wallet>,
    /// Accounts that trade nothing.
    shut: BTreeMap<AccountId, Shut>,
    /// Whose each account is, and what for.
    owners: BTreeMap<AccountId, (UserId, Purse)>,
    /// Who signs for each pot, the first of them first.
    signers: BTreeMap<Address, Vec<UserId>>,
    /// The wallet that an account's last signed order was for.
    faces: BTreeMap<AccountId, Address>,
    /// The pot that a user took last with a signature type.
    makers: BTreeMap<(UserId, u8), Address>,
}

/// Why an account trades nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Shut {
    /// It was archived.
    Archived,
    /// It trades on the web only, which is not here (§14.1).
    Main,
}

impl Wallets {
    /// The wallets that a world begins with.
    pub(super) fn of(genesis: &Genesis, at: Timestamp) -> Self {
        let mut wallets = Self::default();
        for (user, purse, account) in &genesis.owners {
            let opened = account.0.checked_sub(1).and_then(|at| genesis.accounts.get(index(at)));
            let baseline = opened.map(|opened| opened.cash).unwrap_or_default();
            wallets.open((*user, *purse), *account, baseline, at);
        }
        wallets
    }

    /// A user's wallet for a purpose.
    #[must_use]
    pub fn get(&self, user: UserId, purse: Purse) -> Option<&Wallet> {
        self.all.get(&(user, purse))
    }

    /// Every wallet of a user, archived or not.
    pub fn of_user(&self, user: UserId) -> impl Iterator<Item = (Purse, &Wallet)> {
        let all = self.all.range((user, Purse::Polymarket)..);
        all.take_while(move |((owner, _), _)| *owner == user).map(|((_, purse), wallet)| (*purse, wallet))
    }

    /// Whether an account trades.
    ///
    /// # Errors
    /// [`Reject::WalletNotFound`] if it was archived, [`Reject::WrongWalletKind`] if it is a MAIN wallet's.
    pub fn must_trade(&self, account: AccountId) -> Result<(), Reject> {
        match self.shut.get(&account) {
            None => Ok(()),
            Some(Shut::Archived) => Err(Reject::WalletNotFound),
            Some(Shut::Main) => Err(Reject::WrongWalletKind),
        }
    }

    /// The purse that the user's next sandbox gets, if the plan allows one more.
    pub(super) fn next_sandbox(&self, user: UserId, most: u32) -> Result<Purse, Reject> {
        let sandboxes = || self.of_user(user).filter(|(purse, _)| matches!(purse, Purse::Sandbox(_)));
        let in_use = sandboxes().filter(|(_, wallet)| wallet.archived_at.is_none()).count();
        if u32::try_from(in_use).is_ok_and(|in_use| in_use < most) {
            let ever = u32::try_from(sandboxes().count()).unwrap_or(u32::MAX);
            if ever < SANDBOXES_EVER_MAX {
                return Ok(Purse::Sandbox(ever + 1));
            }
            return Err(Reject::LimitReached(format!("{SANDBOXES_EVER_MAX} sandbox wallets a user")));
        }
        Err(Reject::PlanExhausted)
    }

    /// Whose an account is, and what for; none for the world's own.
    #[must_use]
    pub fn whose(&self, account: AccountId) -> Option<(UserId, Purse)> {
        self.owners.get(&account).copied()
    }

    /// Who signs for a wallet that is derived from nobody's, the first of them first.
    #[must_use]
    pub fn signers_of_pot(&self, maker: Address) -> &[UserId] {
        self.signers.get(&maker).map(Vec::as_slice).unwrap_or_default()
    }

    /// The wallet that an account's last signed order was for: one account may be several wallets'.
    #[must_use]
    pub fn face(&self, account: AccountId) -> Option<Address> {
        self.faces.get(&account).copied()
    }

    pub(super) fn show(&mut self, account: AccountId, maker: Address) {
        self.faces.insert(account, maker);
    }

    /// The pot that a user took last with a signature type, if it took one.
    #[must_use]
    pub fn maker(&self, user: UserId, signature_type: u8) -> Option<Address> {
        self.makers.get(&(user, signature_type)).copied()
    }

    pub(super) fn use_maker(&mut self, user: UserId, signature_type: u8, maker: Address) {
        self.makers.insert((user, signature_type), maker);
    }

    /// Whether a user may have one more pot.
    pub(super) fn has_room_for_pot(&self, user: UserId) -> Result<(), Reject> {
        let pots = self.of_user(user).filter(|(purse, _)| matches!(purse, Purse::Pot(_))).count();
        if u32::try_from(pots).is_ok_and(|pots| pots < POTS_MAX) {
            return Ok(());
        }
        Err(Reject::LimitReached(format!("{POTS_MAX} wallets of one signer")))
    }

    /// A wallet that is in use.
    pub(super) fn in_use(&self, user: UserId, purse: Purse) -> Result<&Wallet, Reject> {
        let wallet = self.get(user, purse).filter(|wallet| wallet.archived_at.is_none());
        wallet.ok_or(Reject::WalletNotFound)
    }

    pub(super) fn open(&mut self, whose: (UserId, Purse), account: AccountId, baseline: Usd, at: Timestamp) {
        let wallet = Wallet {
            account,
            label: None,
            baseline,
            generation: 1,
            created_at: at,
            archived_at: None,
            resets: Vec::new(),
        };
        if whose.1 == Purse::Main {
            self.shut.insert(account, Shut::Main);
        }
        if let Purse::Pot(maker) = whose.1 {
            self.signers.entry(maker).or_default().push(whose.0);
        }
        self.owners.insert(account, whose);
        self.all.insert(whose, wallet);
    }

    pub(super) fn label(&mut self, user: UserId, purse: Purse, label: Option<&str>) {
        self.change(user, purse).label = label.map(str::to_owned);
    }

    pub(super) fn archive(&mut self, user: UserId, purse: Purse, at: Timestamp) {
        let wallet = self.change(user, purse);
        wallet.archived_at = Some(at);
        let account = wallet.account;
        self.shut.insert(account, Shut::Archived);
    }

    /// Starts a wallet over. Resets are remembered only where there may be so many of them in 30 days.
    pub(super) fn reset(&mut self, user: UserId, purse: Purse, most: Option<u32>, at: Timestamp) {
        let wallet = self.change(user, purse);
        wallet.generation = wallet.generation.saturating_add(1);
        wallet.resets.retain(|then| then.plus_millis(RESETS_COUNTED_MS) > at);
        if let Some(most) = most {
            wallet.resets.push(at);
            // A plan with more of them, or with no limit, may have left the list longer.
            let too_many = wallet.resets.len().saturating_sub(index(most));
            wallet.resets.drain(..too_many);
        }
    }

    pub(super) fn fund(&mut self, user: UserId, purse: Purse, baseline: Usd) {
        self.change(user, purse).baseline = baseline;
    }

    fn change(&mut self, user: UserId, purse: Purse) -> &mut Wallet {
        self.all.get_mut(&(user, purse)).expect("BUG: it was looked up before it was changed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resets_are_remembered_no_further_than_they_count() {
        let (user, at) = (UserId(1), Timestamp::from_seconds);
        let mut wallets = Wallets::default();
        wallets.open((user, Purse::Main), AccountId(1), Usd::ZERO, at(0));
        for second in 0..100 {
            wallets.reset(user, Purse::Main, None, at(second));
        }
        let remembered = |wallets: &Wallets| wallets.get(user, Purse::Main).expect("open").resets.clone();
        assert_eq!(remembered(&wallets), [], "a plan without a limit counts none");
        for second in 100..110 {
            wallets.reset(user, Purse::Main, Some(4), at(second));
        }
        assert_eq!(remembered(&wallets), [106, 107, 108, 109].map(at));
        let wallet = wallets.get(user, Purse::Main).expect("open");
        assert_eq!(wallet.generation, 111);
        assert_eq!(wallet.may_reset(at(110), Some(4)), Err(Reject::PlanExhausted));
        assert_eq!(wallet.may_reset(at(110), None), Ok(()));
    }
}
