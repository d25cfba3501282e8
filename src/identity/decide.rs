//! Who gets which key, and everything else that changes a user: first decided, then taken in.

use super::Identity;
use super::command::{Command, Event, NewKey, OwnKey, Print, Whom};
use super::key::{Key, Permission, Permissions, Scheme};
use super::tier::Tier;
use super::user::User;
use crate::types::{DAY_MS, Reject, Timestamp, UserId};

/// Active keys of one grammar a user may have (polysimulator.md §4.9).
pub const ACTIVE_KEYS_MAX: u32 = 5;
/// Keys of one grammar a user may ever have had: each stays in every checkpoint and in every list.
const KEYS_EVER_MAX: usize = 1_000;
/// How long a key works on after it was rotated: 24 hours (§4.5).
const OVERLAP_MS: i64 = DAY_MS;
/// Cohorts one user may be in.
const COHORTS_MAX: usize = 16;

impl Identity {
    /// What a command changes.
    ///
    /// # Errors
    /// The first [`Reject`], in order of precedence; nothing is to be changed then.
    pub fn decide(&self, at: Timestamp, command: &Command) -> Result<Vec<Event>, Reject> {
        match command {
            Command::Join { subject, email } => self.join(subject, email),
            Command::IssueFirstKey(user, wanted) => self.issue_first(at, *user, wanted),
            Command::IssueKey(user, wanted) => self.issue(at, *user, wanted),
            Command::JoinWallet(address) => self.join_wallet(*address),
            Command::JoinCredential { credential, name } => Ok(self.join_credential(*credential, name)),
            Command::SignIn(address, print) => self.sign_in(at, *address, print),
            Command::CreateEndUser(builder, new) => self.create_end_user(at, *builder, new),
            Command::LimitEndUser(builder, user, qps) => self.limit_end_user(*builder, *user, *qps),
            Command::DeactivateEndUser(builder, user) => self.deactivate(*builder, *user),
            Command::IssueWalletKey { user, wallet, print } => {
                self.issue_wallet_key(at, *user, (*wallet, print))
            }
            Command::RenameKey(own, name) => {
                self.own(own)?;
                Ok(vec![Event::KeyRenamed(own.key, name.clone())])
            }
            Command::RotateKey(own, print) => self.rotate(at, own, print),
            // Revoked twice is revoked: a retry must not look like a failure.
            Command::RevokeKey(own) => {
                let was_revoked = self.own(own)?.revoked;
                Ok(if was_revoked { Vec::new() } else { vec![Event::KeyRevoked(own.key)] })
            }
            Command::DisableKey(key) => {
                self.key(*key).ok_or(Reject::KeyNotFound)?;
                Ok(vec![Event::KeyDisabled(*key)])
            }
            Command::IssueBetaKey { whom, print, name, until, cohort } => {
                let key = Key {
                    permissions: self.tiers.usual(Tier::Enterprise),
                    ..beta_key(at, print, name.as_deref(), *until)
                };
                self.issue_beta(at, whom, key, cohort.as_deref())
            }
            Command::Allow(user, allowed) => self.of_user(*user, Event::UserAllowed(*user, *allowed)),
            Command::Flag(user, flagged) => self.of_user(*user, Event::UserFlagged(*user, *flagged)),
            Command::DeleteUser(user) => self.delete(*user),
            Command::Enroll(user, label, is_member) => self.enroll(*user, label, *is_member),
            Command::SetGates(change) => Ok(vec![Event::GatesSet(change.over(self.gates))]),
        }
    }

    /// Does what was decided. Events must come in the order in which they were decided.
    pub fn take_in(&mut self, event: &Event) {
        match event {
            Event::UserJoined(id, user) => {
                assert_eq!(self.add_user(User::clone(user)), *id, "BUG: users out of order");
            }
            Event::SubjectLearned(user, subject) => {
                self.by_subject.insert(subject.clone(), *user);
                self.user_mut(*user).subject.clone_from(subject);
            }
            Event::KeyIssued(id, key) => {
                assert_eq!(self.add_key(Key::clone(key)), *id, "BUG: keys out of order");
            }
            Event::KeyRenamed(key, name) => self.key_mut(*key).name.clone_from(name),
            Event::KeyRotated { key, successor, expires_at } => {
                let key = self.key_mut(*key);
                (key.successor, key.expires_at) = (Some(*successor), Some(*expires_at));
            }
            Event::KeyRevoked(key) => {
                let key = self.key_mut(*key);
                (key.revoked, key.active) = (true, false);
            }
            Event::KeyDisabled(key) => self.key_mut(*key).active = false,
            Event::UserAllowed(user, allowed) => self.user_mut(*user).allowlisted = *allowed,
            Event::UserFlagged(user, flagged) => self.user_mut(*user).flagged = *flagged,
            Event::UserDeleted(user) => self.user_mut(*user).deleted = true,
            Event::UserEnrolled(user, label, is_member) => {
                let cohorts = &mut self.user_mut(*user).cohorts;
                cohorts.retain(|cohort| cohort != label);
                if *is_member {
                    cohorts.push(label.clone());
                }
            }
            Event::GatesSet(gates) => self.gates = *gates,
            Event::EndUserLimited(user, qps_limit) => self.end_user_mut(*user).qps_limit = *qps_limit,
            Event::EndUserDeactivated(user) => self.end_user_mut(*user).active = false,
            Event::EndUserRevived(user, generation) => {
                let end_user = self.end_user_mut(*user);
                (end_user.active, end_user.generation) = (true, *generation);
            }
        }
    }

    fn of_user(&self, user: UserId, event: Event) -> Result<Vec<Event>, Reject> {
        self.user(user).ok_or(Reject::UserNotFound)?;
        Ok(vec![event])
    }

    /// A subject makes a user, unless it has one already or an administrator made one for its address.
    fn join(&self, subject: &str, email: &str) -> Result<Vec<Event>, Reject> {
        if self.subject(subject).is_some() {
            return Ok(Vec::new());
        }
        if self.was_deleted(subject) {
            return Err(Reject::UserNotFound);
        }
        let waits = |(_, user): &(UserId, &User)| user.subject.is_empty() && is_same(&user.email, email);
        if let Some((user, _)) = self.users().find(waits).filter(|_| !email.is_empty()) {
            return Ok(vec![Event::SubjectLearned(user, subject.to_owned())]);
        }
        let user = User { subject: subject.to_owned(), ..newcomer(email) };
        Ok(vec![Event::UserJoined(self.next_user(), Box::new(user))])
    }

    /// Whether a first key is to be had at all: to be asked before what is wished of it is looked at (§4.1).
    ///
    /// # Errors
    /// The first [`Reject`].
    pub fn may_have_first_key(&self, id: UserId, scheme: Scheme) -> Result<(), Reject> {
        let user = self.user(id).ok_or(Reject::UserNotFound)?;
        if self.keys_of(id).any(|(_, key)| key.scheme == scheme) {
            return Err(Reject::NotFirstKey);
        }
        self.must_be_open_to(user)
    }

    /// As [`Identity::may_have_first_key`], of one more.
    ///
    /// # Errors
    /// The first [`Reject`].
    pub fn may_have_key(&self, id: UserId) -> Result<(), Reject> {
        self.must_be_open_to(self.user(id).ok_or(Reject::UserNotFound)?)
    }

    fn issue_first(&self, at: Timestamp, user: UserId, wanted: &NewKey) -> Result<Vec<Event>, Reject> {
        self.may_have_first_key(user, wanted.scheme)?;
        self.issue(at, user, wanted)
    }

    fn issue(&self, at: Timestamp, id: UserId, wanted: &NewKey) -> Result<Vec<Event>, Reject> {
        let user = self.user(id).ok_or(Reject::UserNotFound)?;
        self.must_be_open_to(user)?;
        let tier = wanted.tier.unwrap_or(user.plan);
        if tier > user.plan {
            // Everything but an enterprise contract can be bought.
            return Err(if tier == Tier::Enterprise { Reject::NotEntitled } else { Reject::UpgradeNeeded });
        }
        let usual = self.tiers.usual(tier);
        let permissions = wanted.permissions.unwrap_or(usual);
        if permissions.include(Permission::Trade) && !usual.include(Permission::Trade) {
            return Err(Reject::UpgradeNeeded);
        }
        self.must_have_room(at, id, wanted.scheme, ACTIVE_KEYS_MAX)?;
        let NewKey { scheme, print, name, .. } = wanted;
        let key = Key { name: name.clone(), tier, permissions, ..fresh(id, *scheme, print, at) };
        Ok(vec![Event::KeyIssued(self.next_key(), Box::new(key))])
    }

    /// Gate 1 (polysimulator.md §5.2). Whom it lets through gets what the plan allows, and a free plan reads.
    fn must_be_open_to(&self, user: &User) -> Result<(), Reject> {
        let is_admitted = user.admin || !user.cohorts.is_empty();
        if is_admitted || !self.gates.closed_beta {
            return Ok(());
        }
        if !self.gates.self_serve {
            return Err(Reject::IssuanceClosed);
        }
        if user.plan == Tier::Free { Ok(()) } else { Err(Reject::IssuanceComingSoon) }
    }

    /// Whether a user has less than so many keys that work, and may have one more at all.
    pub(super) fn must_have_room(
        &self,
        at: Timestamp,
        user: UserId,
        scheme: Scheme,
        most: u32,
    ) -> Result<(), Reject> {
        let own = || self.keys_of(user).filter(|(_, key)| key.scheme == scheme);
        if own().count() >= KEYS_EVER_MAX {
            return Err(Reject::LimitReached(format!("{KEYS_EVER_MAX} keys a user")));
        }
        let active = own().filter(|(_, key)| key.usable(at).is_ok()).count();
        let has_room = u32::try_from(active).is_ok_and(|active| active < most);
        // A rotation may go one beyond what one is told.
        let told = if scheme == Scheme::Clob { most } else { ACTIVE_KEYS_MAX };
        if has_room { Ok(()) } else { Err(Reject::KeysFull { most: told }) }
    }

    fn own(&self, own: &OwnKey) -> Result<&Key, Reject> {
        let is_own = |key: &&Key| key.user == own.user && key.scheme == own.scheme;
        self.key(own.key).filter(is_own).ok_or(Reject::KeyNotFound)
    }

    fn rotate(&self, at: Timestamp, own: &OwnKey, print: &Print) -> Result<Vec<Event>, Reject> {
        let old = self.own(own)?;
        if old.usable(at).is_err() || old.successor.is_some() {
            return Err(Reject::KeyEnded);
        }
        // The overlap may take a user one key beyond what it may have (§4.5).
        self.must_have_room(at, own.user, own.scheme, ACTIVE_KEYS_MAX + 1)?;
        let successor = self.next_key();
        let key = Key {
            name: old.name.clone(),
            tier: old.tier,
            permissions: old.permissions,
            expires_at: old.expires_at,
            beta_until: old.beta_until,
            ..fresh(own.user, own.scheme, print, at)
        };
        let ends = at.plus_millis(OVERLAP_MS);
        let expires_at = match old.expires_at {
            // What a beta key shows as its end is its cut-off, which is none.
            Some(earlier) if old.beta_until.is_none() => earlier.min(ends),
            Some(_) | None => ends,
        };
        Ok(vec![
            Event::KeyIssued(successor, Box::new(key)),
            Event::KeyRotated { key: own.key, successor, expires_at },
        ])
    }

    fn issue_beta(
        &self,
        at: Timestamp,
        whom: &Whom,
        key: Key,
        cohort: Option<&str>,
    ) -> Result<Vec<Event>, Reject> {
        let mut events = Vec::new();
        let known = match whom {
            Whom::User(user) => Some(self.user(*user).map(|_| *user).ok_or(Reject::UserNotFound)?),
            Whom::Email(email) => {
                self.users().find(|(_, user)| is_same(&user.email, email)).map(|(id, _)| id)
            }
        };
        let user = known.unwrap_or_else(|| self.next_user());
        if let (None, Whom::Email(email)) = (known, whom) {
            events.push(Event::UserJoined(user, Box::new(newcomer(email))));
        }
        if let Some(label) = cohort {
            self.must_have_place(known, label)?;
            events.push(Event::UserEnrolled(user, label.to_owned(), true));
        }
        self.must_have_room(at, user, key.scheme, ACTIVE_KEYS_MAX)?;
        events.push(Event::UserAllowed(user, true));
        events.push(Event::KeyIssued(self.next_key(), Box::new(Key { user, ..key })));
        Ok(events)
    }

    fn enroll(&self, user: UserId, label: &str, is_member: bool) -> Result<Vec<Event>, Reject> {
        self.user(user).ok_or(Reject::UserNotFound)?;
        if is_member {
            self.must_have_place(Some(user), label)?;
        }
        Ok(vec![Event::UserEnrolled(user, label.to_owned(), is_member)])
    }

    /// Whether a cohort has a place for one more, or the user has one already.
    fn must_have_place(&self, user: Option<UserId>, label: &str) -> Result<(), Reject> {
        let own =
            user.and_then(|user| self.user(user)).map(|user| user.cohorts.as_slice()).unwrap_or_default();
        if own.iter().any(|cohort| cohort == label) {
            return Ok(());
        }
        if own.len() >= COHORTS_MAX {
            return Err(Reject::LimitReached(format!("{COHORTS_MAX} cohorts a user")));
        }
        let Some(cohort) = self.cohorts.iter().find(|cohort| cohort.label == label) else { return Ok(()) };
        let active = self.members(label);
        if active < cohort.cap { Ok(()) } else { Err(Reject::CohortFull { active, cap: cohort.cap }) }
    }
}

/// Whether two addresses are one: nobody tells capitals apart in them.
fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Somebody new: a free plan, in no cohort, not on the allowlist.
fn newcomer(email: &str) -> User {
    let name = email.split('@').next().unwrap_or_default();
    User { email: email.to_owned(), ..User::named(name, Tier::Free) }
}

/// An enterprise key with a cut-off, of nobody yet.
fn beta_key(at: Timestamp, print: &Print, name: Option<&str>, until: Timestamp) -> Key {
    Key {
        name: name.map(str::to_owned),
        tier: Tier::Enterprise,
        expires_at: Some(until),
        beta_until: Some(until),
        ..fresh(UserId::default(), Scheme::Polysim, print, at)
    }
}

pub(super) fn fresh(user: UserId, scheme: Scheme, print: &Print, at: Timestamp) -> Key {
    Key {
        user,
        scheme,
        hash: print.hash,
        prefix: print.prefix.clone(),
        name: None,
        tier: Tier::Free,
        permissions: Permissions::READ,
        active: true,
        revoked: false,
        created_at: at,
        expires_at: None,
        beta_until: None,
        successor: None,
        wallet: None,
    }
}

#[cfg(test)]
mod tests;
