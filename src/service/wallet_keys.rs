//! Wallets that sign, the credentials they get for it, and requests made with those (polymarket-clob.md §§3, 4).

use super::callers::{MayManage, MayRead, MayTrade, NotAllowed};
use super::{Caller, ClobMode, Service};
use crate::identity::ethereum::{self, Login};
use crate::identity::{self, Key, OwnKey, Print, Scheme, WalletKey, WalletKeyKind, hash_secret};
use crate::types::{AccountId, Address, KeyId, Reject, Timestamp, UserId};
use crate::world::scenario::Purse;
use crate::world::{Authority, Command};
use alloy_primitives::keccak256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use subtle::ConstantTimeEq;

/// How old a signed request may be in strict mode, in seconds of the wall's time or the world's (§3.3).
const AGE_MAX: i64 = 60;
/// How far ahead its stamp may be.
const AHEAD_MAX: i64 = 10;

/// What a wallet's key lets in with. It never prints.
pub struct Credentials {
    /// The key's id: a UUID, and no secret.
    pub key: String,
    /// What its holder signs requests with: base64url of 32 bytes, padded.
    pub secret: String,
    /// What goes with every request: 64 hexadecimal digits.
    pub passphrase: String,
}

/// The headers of a request that a wallet signed (§3.1).
#[derive(Clone, Copy, Debug)]
pub struct WalletLogin<'a> {
    /// The wallet's address, in any case.
    pub address: &'a str,
    /// 65 bytes in hexadecimal digits.
    pub signature: &'a str,
    /// Unix seconds as they were signed.
    pub timestamp: &'a str,
    /// Which of its keys is meant.
    pub nonce: &'a str,
}

/// A request signed with a key's secret (§4).
#[derive(Clone, Copy)]
pub struct SignedRequest<'a> {
    /// The wallet's address, in any case.
    pub address: &'a str,
    /// HMAC-SHA256 in base64url.
    pub signature: &'a str,
    /// Unix seconds as they were signed.
    pub timestamp: &'a str,
    /// The key's id.
    pub key: &'a str,
    /// The key's passphrase.
    pub passphrase: &'a str,
    /// The verb.
    pub method: &'a str,
    /// The path, without a query.
    pub path: &'a str,
    /// The body as it was sent.
    pub body: &'a [u8],
}

/// The proof that a wallet signed. Made in one place only.
#[derive(Clone, Copy, Debug)]
pub struct WalletProof {
    login: Login,
}

impl Service {
    /// Whether a wallet signed for its keys (§3.2); none if it did not, or (in strict mode) not just now.
    #[must_use]
    pub fn prove_wallet(&self, login: &WalletLogin<'_>) -> Option<WalletProof> {
        if !self.is_fresh(login.timestamp) {
            return None;
        }
        let login = ethereum::recover_login(login.address, login.timestamp, login.nonce, login.signature)?;
        Some(WalletProof { login })
    }

    /// Whether a stamp is of about now, which only strict mode asks.
    fn is_fresh(&self, stamp: &str) -> bool {
        let Ok(stamp) = stamp.parse::<i64>() else { return false };
        let is_near = |now: Timestamp| (now.seconds() - AGE_MAX..=now.seconds() + AHEAD_MAX).contains(&stamp);
        match self.clob_mode {
            ClobMode::Friendly => true,
            // A client may ask the server what time it is, which says the world's.
            ClobMode::Strict => is_near(self.world.clock().wall()) || is_near(self.now()),
        }
    }

    /// The key of a wallet and nonce, made if there is none. A wallet that nobody has seen becomes a user.
    ///
    /// # Errors
    /// [`Reject`]; in strict mode [`Reject::NotFirstKey`] if there is one already.
    pub async fn create_wallet_key(&self, proof: &WalletProof) -> Result<Credentials, Reject> {
        if self.clob_mode == ClobMode::Strict && self.known_wallet_key(proof).is_some() {
            return Err(Reject::NotFirstKey);
        }
        self.wallet_key(proof).await
    }

    /// The key of a wallet and nonce; friendly mode makes it if there is none.
    ///
    /// # Errors
    /// [`Reject`]; in strict mode [`Reject::KeyNotFound`] if there is none.
    pub async fn derive_wallet_key(&self, proof: &WalletProof) -> Result<Credentials, Reject> {
        match (self.known_wallet_key(proof), self.clob_mode) {
            (Some(known), _) => Ok(known),
            (None, ClobMode::Strict) => Err(Reject::KeyNotFound),
            (None, ClobMode::Friendly) => self.wallet_key(proof).await,
        }
    }

    fn known_wallet_key(&self, proof: &WalletProof) -> Option<Credentials> {
        let identity = &self.world.directory().identity;
        let user = identity.by_wallet(proof.login.address)?;
        // A flagged wallet gets nothing, its keys included.
        identity.user(user).filter(|user| !user.flagged)?;
        let (_, key) = identity.trading_key(user, proof.login.nonce)?;
        self.credentials(proof.login.address, key.wallet?, identity.epoch())
    }

    async fn wallet_key(&self, proof: &WalletProof) -> Result<Credentials, Reject> {
        let Login { address, nonce, .. } = proof.login;
        let join = identity::Command::JoinWallet(address);
        self.world.command(Command::Identity { by: Authority::System, command: join }).await?;
        let identity = std::sync::Arc::clone(&self.world.directory().identity);
        let user = identity.by_wallet(address).ok_or(Reject::UserNotFound)?;
        let wallet = identity.next_wallet_key(user, WalletKeyKind::Trading, Some(nonce));
        self.issue_to_wallet((user, address), wallet, identity.epoch()).await?;
        self.known_wallet_key(proof).ok_or(Reject::KeyNotFound)
    }

    async fn issue_to_wallet(
        &self,
        (user, address): (UserId, Address),
        wallet: WalletKey,
        epoch: u32,
    ) -> Result<Credentials, Reject> {
        let credentials = self.credentials(address, wallet, epoch).ok_or(Reject::Internal)?;
        let print = Print { hash: hash_secret(&credentials.key), prefix: credentials.key.clone() };
        let command = identity::Command::IssueWalletKey { user, wallet, print };
        let command = Command::Identity { by: Authority::System, command };
        self.world.command_in(epoch, command).await.map(|_| credentials)
    }

    /// What follows from the server's secret for a key: the same whenever it is asked for, and nothing of it is stored.
    fn credentials(&self, address: Address, wallet: WalletKey, epoch: u32) -> Option<Credentials> {
        let WalletKey { kind, nonce, generation } = wallet;
        let kind: &[u8] = match kind {
            WalletKeyKind::Trading => b"trading",
            WalletKeyKind::ReadOnly => b"read-only",
            WalletKeyKind::Builder => b"builder",
        };
        let (nonce, generation, epoch) = (nonce.to_be_bytes(), generation.to_be_bytes(), epoch.to_be_bytes());
        let derive = |label| {
            self.world.vault().derive(label, &[kind, address.as_slice(), &nonce, &generation, &epoch])
        };
        let id = derive("clob-key-id");
        Some(Credentials {
            key: uuid::Builder::from_random_bytes(*id.first_chunk()?).into_uuid().to_string(),
            secret: URL_SAFE.encode(derive("clob-secret")),
            passphrase: crate::world::state::hex(&derive("clob-passphrase")),
        })
    }

    /// Who signed a request with the secret of a wallet's key; none if anything about it is not right (§4.3).
    #[must_use]
    pub fn authenticate_request(&self, request: &SignedRequest<'_>) -> Option<Caller> {
        let (caller, own) = self.holder_of(WalletKeyKind::Trading, request.key, request.passphrase)?;
        let address = request.address.parse::<Address>().ok()?;
        let is_own = self.world.directory().identity.user(caller.user)?.wallet == Some(address);
        let SignedRequest { signature, timestamp, method, path, body, .. } = *request;
        let is_signed = ethereum::verifies(&own.secret, signature, timestamp, method, path, body);
        if !is_own || !is_signed || !self.is_fresh(timestamp) {
            return None;
        }
        self.note_use(&caller, self.now());
        Some(caller)
    }

    /// Who signed a request with the secret of a builder's key, which has no address beside it.
    #[must_use]
    pub fn authenticate_builder(&self, request: &SignedRequest<'_>) -> Option<Caller> {
        let (caller, own) = self.holder_of(WalletKeyKind::Builder, request.key, request.passphrase)?;
        let SignedRequest { signature, timestamp, method, path, body, .. } = *request;
        let is_signed = ethereum::verifies(&own.secret, signature, timestamp, method, path, body);
        (is_signed && self.is_fresh(timestamp)).then_some(caller)
    }

    /// Who knows all three parts of a wallet's key: what a socket asks for, which no request is signed for (§8.2).
    #[must_use]
    pub fn authenticate_credentials(&self, given: &Credentials) -> Option<Caller> {
        let (caller, own) = self.holder_of(WalletKeyKind::Trading, &given.key, &given.passphrase)?;
        let is_secret: bool = own.secret.as_bytes().ct_eq(given.secret.as_bytes()).into();
        is_secret.then_some(caller)
    }

    /// Who holds a key of a kind with its passphrase, and all that belongs to the key.
    fn holder_of(&self, kind: WalletKeyKind, id: &str, passphrase: &str) -> Option<(Caller, Credentials)> {
        let directory = self.world.directory();
        let identity = &directory.identity;
        let caller = identity.authenticate(Scheme::Clob, &hash_secret(id), self.now()).ok()?;
        let key = identity.key(caller.key?)?;
        let wallet = key.wallet.filter(|wallet| wallet.kind == kind)?;
        let own = self.credentials(identity.user(caller.user)?.wallet?, wallet, identity.epoch())?;
        let is_known: bool = own.passphrase.as_bytes().ct_eq(passphrase.as_bytes()).into();
        is_known.then_some((caller, own))
    }

    /// Whether a wallet gave out a key that only proves that.
    #[must_use]
    pub fn gave_out(&self, address: Address, key: &str) -> bool {
        let identity = &self.world.directory().identity;
        let keys = |user| identity.wallet_keys(user, WalletKeyKind::ReadOnly);
        identity.by_wallet(address).is_some_and(|user| keys(user).any(|(_, own)| own.prefix == key))
    }

    /// The address that a caller signs with.
    #[must_use]
    pub fn address_of(&self, caller: &Caller) -> Option<Address> {
        self.directory_in(caller.epoch).ok()?.identity.user(caller.user)?.wallet
    }

    /// The id of the key that a caller came with, if it is a wallet's.
    #[must_use]
    pub fn wallet_key_id(&self, key: KeyId) -> Option<String> {
        let directory = self.world.directory();
        directory.identity.key(key).filter(|key| key.wallet.is_some()).map(|key| key.prefix.clone())
    }

    /// The keys of a kind that a caller's wallet has and that work, the oldest first.
    ///
    /// # Errors
    /// [`Reject::NotLetIn`] after a reset.
    pub fn wallet_keys(&self, owner: &MayManage, kind: WalletKeyKind) -> Result<Vec<Key>, Reject> {
        let directory = self.directory_in(owner.epoch())?;
        Ok(directory.identity.wallet_keys(owner.user(), kind).map(|(_, key)| key.clone()).collect())
    }

    /// One more key of a kind that has no nonces.
    ///
    /// # Errors
    /// Identity's [`Reject`].
    pub async fn add_wallet_key(
        &self,
        owner: &MayManage,
        kind: WalletKeyKind,
    ) -> Result<Credentials, Reject> {
        let directory = self.directory_in(owner.epoch())?;
        let identity = &directory.identity;
        let address = identity.user(owner.user()).and_then(|user| user.wallet);
        let address = address.ok_or(Reject::NotEntitled)?;
        let wallet = identity.next_wallet_key(owner.user(), kind, None);
        self.issue_to_wallet((owner.user(), address), wallet, owner.epoch()).await
    }

    /// The end of a wallet's key, at once and for good.
    ///
    /// # Errors
    /// [`Reject::KeyNotFound`] if it is not the caller's.
    pub async fn end_wallet_key(
        &self,
        owner: &MayManage,
        kind: WalletKeyKind,
        id: Option<&str>,
    ) -> Result<(), Reject> {
        let directory = self.directory_in(owner.epoch())?;
        let is_meant = |key: &Key| id.is_none_or(|id| key.prefix == id);
        let found = directory.identity.wallet_keys(owner.user(), kind).find(|(_, key)| is_meant(key));
        let (key, _) = found.ok_or(Reject::KeyNotFound)?;
        let own = OwnKey { user: owner.user(), scheme: Scheme::Clob, key };
        let command = Command::Identity { by: owner.by(), command: identity::Command::RevokeKey(own) };
        self.world.command_in(owner.epoch(), command).await.map(drop)
    }

    /// As [`Service::end_wallet_key`], of the very key that the caller came with.
    ///
    /// # Errors
    /// [`Reject::KeyNotFound`] if it came with none.
    pub async fn end_own_key(&self, caller: &Caller) -> Result<(), Reject> {
        let key = caller.key.ok_or(Reject::KeyNotFound)?;
        let own = OwnKey { user: caller.user, scheme: Scheme::Clob, key };
        let command = identity::Command::RevokeKey(own);
        let command = Command::Identity { by: self.may_manage(caller).by(), command };
        self.world.command_in(caller.epoch, command).await.map(drop)
    }

    /// The purse that a caller's orders of a signature type draw on: the pot it took last, or else the account that all
    /// its derived wallets share (§4.4).
    ///
    /// # Errors
    /// [`Reject::NotLetIn`] after a reset.
    pub fn purse_for(&self, caller: &Caller, signature_type: u8) -> Result<Purse, Reject> {
        let directory = self.directory_in(caller.epoch)?;
        let maker = directory.wallets.maker(caller.user, signature_type);
        Ok(maker.map_or(Purse::Polymarket, Purse::Pot))
    }

    /// The proofs for everything a wallet trades on, its own account first.
    ///
    /// # Errors
    /// [`NotAllowed`] if the key may not trade.
    pub fn may_trade_wallets(&self, caller: &Caller) -> Result<Vec<MayTrade>, NotAllowed> {
        let directory = self.directory_in(caller.epoch).map_err(NotAllowed::Refused)?;
        let own = directory.wallets.of_user(caller.user).map(|(purse, _)| purse);
        own.filter(|purse| is_on_chain(*purse)).map(|purse| self.may_trade(caller, purse)).collect()
    }

    /// What everyone may see of a wallet on a public chain; none if nobody has it.
    #[must_use]
    pub fn wallet_on_chain(&self, address: Address) -> Option<MayRead> {
        let directory = self.world.directory();
        let epoch = directory.identity.epoch();
        if let Some(user) = directory.identity.by_wallet(address) {
            let account = directory.wallets.get(user, Purse::Polymarket)?.account;
            return Some(MayRead::public(user, vec![account], epoch));
        }
        // Several may sign for one wallet, each for a purse of its own: what is under it is all of theirs.
        let signers = directory.wallets.signers_of_pot(address);
        let pots = signers.iter().filter_map(|user| directory.wallets.get(*user, Purse::Pot(address)));
        let accounts = pots.map(|wallet| wallet.account).collect();
        signers.first().map(|user| MayRead::public(*user, accounts, epoch))
    }

    /// The address that is shown for an account: of the pot, or of its owner's wallet that was used last, or else of the one
    /// that signs. None for accounts that
    /// no wallet has.
    #[must_use]
    pub fn wallet_address(&self, account: AccountId) -> Option<Address> {
        let directory = self.world.directory();
        let (user, purse) = directory.wallets.whose(account)?;
        match purse {
            Purse::Pot(maker) => Some(maker),
            Purse::Polymarket => {
                let face = directory.wallets.face(account);
                face.or_else(|| directory.identity.user(user).and_then(|user| user.wallet))
            }
            Purse::Kalshi | Purse::Main | Purse::Sandbox(_) => None,
        }
    }

    /// As [`Service::wallet_address`]; for the world's own accounts one that is made up, the same whenever it is shown.
    #[must_use]
    pub fn shown_address(&self, account: AccountId) -> Address {
        self.wallet_address(account).unwrap_or_else(|| {
            let text = [b"account".as_slice(), &self.world.seed().to_be_bytes(), &account.0.to_be_bytes()];
            Address::from_word(keccak256(text.concat()))
        })
    }

    /// What everyone may see of an account that a wallet has; none if none has it.
    #[must_use]
    pub fn account_on_chain(&self, account: AccountId) -> Option<MayRead> {
        let directory = self.world.directory();
        let (user, purse) = directory.wallets.whose(account).filter(|(_, purse)| is_on_chain(*purse))?;
        directory.wallets.get(user, purse)?;
        Some(MayRead::public(user, vec![account], directory.identity.epoch()))
    }

    /// Whether the key that a caller came with still lets it in: a socket outlives the moment it was asked.
    #[must_use]
    pub fn still_holds(&self, caller: &Caller) -> bool {
        let Ok(directory) = self.directory_in(caller.epoch) else { return false };
        caller.key.is_some_and(|key| directory.identity.vouch(key, self.now()).is_ok())
    }
}

/// Whether a purse is a wallet's on Polymarket.
fn is_on_chain(purse: Purse) -> bool {
    match purse {
        Purse::Polymarket | Purse::Pot(_) => true,
        Purse::Kalshi | Purse::Main | Purse::Sandbox(_) => false,
    }
}

/// The refusal of a proof, as the world would say it.
impl From<NotAllowed> for Reject {
    fn from(failure: NotAllowed) -> Self {
        match failure {
            NotAllowed::Lacks(_) => Self::TradeNotAllowed,
            NotAllowed::NoExports => Self::PlanExhausted,
            NotAllowed::Refused(reject) => reject,
        }
    }
}
