//! What may be asked of the users and keys of a world, and what happened to them.

use super::customer::NewEndUser;
use super::key::{Key, Permissions, Scheme};
use super::tier::Tier;
use super::user::{GateChange, Gates, User};
use super::wallet::WalletKey;
use crate::types::{Address, KeyId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// What is kept of a fresh key's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Print {
    /// SHA-256 of all of it.
    pub hash: [u8; 32],
    /// Its first 16 characters.
    pub prefix: String,
}

/// A key that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewKey {
    /// Which surface's.
    pub scheme: Scheme,
    /// What is kept of it.
    pub print: Print,
    /// What it is to be called, at most 100 characters.
    pub name: Option<String>,
    /// Its limits; the plan's if none is asked for.
    pub tier: Option<Tier>,
    /// What it may do; what is usual for the tier if nothing is asked for.
    pub permissions: Option<Permissions>,
}

/// A key, if it is this user's and of this grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnKey {
    /// Whose it must be.
    pub user: UserId,
    /// Of which grammar it must be.
    pub scheme: Scheme,
    /// Which.
    pub key: KeyId,
}

/// Whom an administrator means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Whom {
    /// The user with this id.
    User(UserId),
    /// The user with this address; a new one if there is none.
    Email(String),
}

/// One thing to do to the users and keys of a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Somebody comes with a valid access token. The first time a user is made of it.
    Join {
        /// The token's subject.
        subject: String,
        /// The address in it, or nothing.
        email: String,
    },
    /// A key for a user who never had one of its grammar.
    IssueFirstKey(UserId, NewKey),
    /// One more key.
    IssueKey(UserId, NewKey),
    /// Somebody comes with a wallet that signed for it. The first time a user is made of it.
    JoinWallet(Address),
    /// Somebody proves a credential of an exchange. The first time a user is made of it.
    JoinCredential {
        /// What it denotes: one-way, and no secret.
        credential: [u8; 32],
        /// What the user is called.
        name: String,
    },
    /// Somebody signs in with a wallet, for Parsec's key that follows from it. The first time a user is made of it, unless
    /// there is one; a user that ever had such a key gets no other.
    SignIn(Address, Print),
    /// A builder asks for an end user.
    CreateEndUser(UserId, NewEndUser),
    /// A builder says how much an end user of its may ask in a second.
    LimitEndUser(UserId, UserId, u32),
    /// A builder ends an end user of its.
    DeactivateEndUser(UserId, UserId),
    /// A key for a wallet, unless it has the same one already.
    IssueWalletKey {
        /// Whose.
        user: UserId,
        /// What it follows from.
        wallet: WalletKey,
        /// What is kept of it.
        print: Print,
    },
    /// A key's name, or none.
    RenameKey(OwnKey, Option<String>),
    /// A replacement for a key, which ends a day later.
    RotateKey(OwnKey, Print),
    /// The end of a key, at once and for good.
    RevokeKey(OwnKey),
    /// An administrator turns a key off.
    DisableKey(KeyId),
    /// An administrator gives out an enterprise key with a cut-off (polysimulator.md §5.5).
    IssueBetaKey {
        /// To whom.
        whom: Whom,
        /// What is kept of it.
        print: Print,
        /// What it is called.
        name: Option<String>,
        /// When it is cut off.
        until: Timestamp,
        /// The cohort that its user joins.
        cohort: Option<String>,
    },
    /// Lets a user through the runtime gate, or not.
    Allow(UserId, bool),
    /// Puts a user under review, or ends that.
    Flag(UserId, bool),
    /// Removes a user. Its keys stay, and belong to nobody.
    DeleteUser(UserId),
    /// Takes a user into a cohort, or out of it.
    Enroll(UserId, String, bool),
    /// Sets switches.
    SetGates(GateChange),
}

impl Command {
    /// The builder whose word it must be, if it is a builder's.
    #[must_use]
    pub fn builder(&self) -> Option<UserId> {
        if let Self::CreateEndUser(builder, _)
        | Self::LimitEndUser(builder, ..)
        | Self::DeactivateEndUser(builder, _) = self
        {
            Some(*builder)
        } else {
            None
        }
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A user came to the world.
    UserJoined(UserId, Box<User>),
    /// A user whom an administrator had made came with its first access token.
    SubjectLearned(UserId, String),
    /// A key was made.
    KeyIssued(KeyId, Box<Key>),
    /// A key has another name.
    KeyRenamed(KeyId, Option<String>),
    /// A key has a successor, and ends at this moment.
    KeyRotated {
        /// Which.
        key: KeyId,
        /// What replaces it.
        successor: KeyId,
        /// When it ends.
        expires_at: Timestamp,
    },
    /// A key ended.
    KeyRevoked(KeyId),
    /// An administrator turned a key off.
    KeyDisabled(KeyId),
    /// The runtime gate lets a user in, or not.
    UserAllowed(UserId, bool),
    /// A user is under review, or not any more.
    UserFlagged(UserId, bool),
    /// A user is gone.
    UserDeleted(UserId),
    /// A user is in a cohort, or not any more.
    UserEnrolled(UserId, String, bool),
    /// The switches are these.
    GatesSet(Gates),
    /// An end user may ask so much in a second.
    EndUserLimited(UserId, u32),
    /// An end user is out of use.
    EndUserDeactivated(UserId),
    /// It is in use again, with a key of this generation.
    EndUserRevived(UserId, u32),
}
