//! What only the administrator may do to a world.

use super::Service;
use super::keys::{FreshKey, fresh_key};
use crate::exchange;
use crate::identity::{self, GateChange, Gates, Whom};
use crate::types::{KeyId, Reject, Restriction, Sequence, Timestamp, UserId};
use crate::world::{Authority, Command, Query, State};

/// The proof that its holder may steer the world. Made in one place only.
#[derive(Clone, Debug)]
pub struct Steering {
    service: Service,
}

impl Service {
    /// The proof that a token is the administrator's; none if it is not.
    #[must_use]
    pub fn may_steer(&self, token: &str) -> Option<Steering> {
        self.is_admin_token(token).then(|| Steering { service: self.clone() })
    }

    /// Whether time is virtual, and whether it stands still.
    ///
    /// # Errors
    /// Why the world can't be asked.
    pub async fn clock_mode(&self) -> Result<(bool, bool), Reject> {
        self.world.ask(ClockOf).await
    }

    /// The digest of the state and the record after which it was taken.
    ///
    /// # Errors
    /// Why nobody can say.
    pub async fn digest(&self) -> Result<(Sequence, String), Reject> {
        self.world.digest().await
    }

    /// Why the world takes no commands, if it does not.
    #[must_use]
    pub fn why_stopped(&self) -> Option<String> {
        self.world.why_stopped()
    }
}

impl Steering {
    /// Restricts trading for so many seconds of the world's time, or no more.
    pub fn restrict(&self, to: Option<(Restriction, u32)>) {
        self.service.restrict(to);
    }

    /// Moves virtual time forward. Everything that falls due on the way happens at its own time.
    ///
    /// # Errors
    /// [`Reject::Unsupported`] in real time.
    pub async fn advance(&self, seconds: i64) -> Result<(), Reject> {
        let to = self.service.now().plus_millis(seconds.saturating_mul(1_000));
        self.service.world.command(Command::AdvanceClock { to }).await.map(drop)
    }

    /// Lets virtual time stand still, or run again.
    ///
    /// # Errors
    /// [`Reject::Unsupported`] in real time.
    pub async fn pause(&self, still: bool) -> Result<(), Reject> {
        let command = if still { Command::PauseClock } else { Command::ResumeClock };
        self.service.world.command(command).await.map(drop)
    }

    /// Begins the scenario anew, now. Gives how often that was done.
    ///
    /// # Errors
    /// [`Reject`] if the scenario can't be read any more, or the world takes no commands.
    pub async fn reset(&self) -> Result<u32, Reject> {
        let (is_virtual, _) = self.service.clock_mode().await?;
        let world = self.service.world.clone();
        let began = tokio::task::spawn_blocking(move || world.beginning(is_virtual)).await;
        let command = began.map_err(|_| Reject::Internal)?.map_err(|error| {
            tracing::error!(%error, "the scenario can't be read for a reset");
            Reject::Internal
        })?;
        self.service.world.command(command).await?;
        self.service.world.ask(EpochOf).await
    }

    /// Something an administrator may do to the exchange.
    ///
    /// # Errors
    /// The exchange's [`Reject`].
    pub async fn administrate(&self, command: exchange::Command) -> Result<(), Reject> {
        let command = Command::Exchange { by: Authority::System, command };
        self.service.world.command(command).await.map(drop)
    }
}

/// A beta key to give out (polysimulator.md §5.5).
#[derive(Clone, Debug)]
pub struct BetaWish {
    /// To whom.
    pub whom: Whom,
    /// What it is to be called.
    pub name: Option<String>,
    /// When it is cut off.
    pub until: Timestamp,
    /// The cohort that its user joins.
    pub cohort: Option<String>,
}

impl Steering {
    /// The users on the allowlist.
    #[must_use]
    pub fn allowlist(&self) -> Vec<UserId> {
        let directory = self.service.world.directory();
        directory.identity.users().filter(|(_, user)| user.allowlisted).map(|(id, _)| id).collect()
    }

    /// Gives out an enterprise key with a cut-off, and lets its user in.
    ///
    /// # Errors
    /// Identity's [`Reject`].
    pub async fn issue_beta_key(&self, wish: BetaWish) -> Result<FreshKey, Reject> {
        let raw = fresh_key()?;
        let BetaWish { whom, name, until, cohort } = wish;
        let command = identity::Command::IssueBetaKey { whom, print: raw.print(), name, until, cohort };
        self.service.made(None, raw, command).await
    }

    /// Lets a user through the runtime gate, or not.
    ///
    /// # Errors
    /// [`Reject::UserNotFound`].
    pub async fn allow(&self, user: UserId, allowed: bool) -> Result<(), Reject> {
        self.people(identity::Command::Allow(user, allowed)).await
    }

    /// Puts a user under review, or ends that.
    ///
    /// # Errors
    /// [`Reject::UserNotFound`].
    pub async fn flag(&self, user: UserId, flagged: bool) -> Result<(), Reject> {
        self.people(identity::Command::Flag(user, flagged)).await
    }

    /// Removes a user. Its orders end, its keys belong to nobody.
    ///
    /// # Errors
    /// [`Reject::UserNotFound`].
    pub async fn delete_user(&self, user: UserId) -> Result<(), Reject> {
        self.people(identity::Command::DeleteUser(user)).await
    }

    /// Turns a key off.
    ///
    /// # Errors
    /// [`Reject::KeyNotFound`].
    pub async fn disable_key(&self, key: KeyId) -> Result<(), Reject> {
        self.people(identity::Command::DisableKey(key)).await
    }

    /// Takes a user into a cohort, or out of it.
    ///
    /// # Errors
    /// [`Reject::UserNotFound`] or [`Reject::CohortFull`].
    pub async fn enroll(&self, user: UserId, label: String, is_member: bool) -> Result<(), Reject> {
        self.people(identity::Command::Enroll(user, label, is_member)).await
    }

    /// Sets switches, and gives all as they are then.
    ///
    /// # Errors
    /// Why the world takes no commands.
    pub async fn set_gates(&self, change: GateChange) -> Result<Gates, Reject> {
        self.people(identity::Command::SetGates(change)).await?;
        Ok(*self.service.world.directory().identity.gates())
    }

    async fn people(&self, command: identity::Command) -> Result<(), Reject> {
        self.service.change(None, command).await.map(drop)
    }
}

struct ClockOf;

impl Query for ClockOf {
    type Answer = (bool, bool);
    fn ask(self, state: &State) -> (bool, bool) {
        state.clock()
    }
}

struct EpochOf;

impl Query for EpochOf {
    type Answer = u32;
    fn ask(self, state: &State) -> u32 {
        state.epoch()
    }
}
