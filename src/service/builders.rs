//! What builders do with their end users (parsec.md §9).

use super::Service;
use super::customers::{Customer, MayBuild, customer_id};
use super::keys::RawKey;
use super::onboarding::WalletNow;
use crate::identity::{self, EndUser, Escrow, NewEndUser, hash_secret};
use crate::types::{Reject, UserId, Venue};
use crate::world::{Authority, Command};

/// An end user as its builder sees it.
pub struct EndUserView {
    /// Its id on the wire.
    pub customer_id: String,
    /// What makes it one.
    pub end_user: EndUser,
    /// Its key, which its builder may see at any time.
    pub key: RawKey,
    /// The venues that it has credentials for.
    pub venues: Vec<Venue>,
    /// The wallet that was made for it.
    pub wallet: Option<WalletNow>,
    /// How its builder collects fees on its orders, if it does.
    pub escrow: Option<Escrow>,
}

/// What a builder shares out (§9.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Requests a second in all.
    pub qps_pool: u32,
    /// End users in use.
    pub end_users: usize,
    /// Requests a second that they may ask, each of them on its own.
    pub allocated: u64,
}

impl Service {
    /// An end user, made if the builder has none under its own id for it. Says whether it was.
    ///
    /// # Errors
    /// [`Reject::LimitReached`] if the id is too long or there are too many.
    pub async fn create_end_user(
        &self,
        builder: &MayBuild,
        external_id: &str,
        qps_limit: Option<u32>,
    ) -> Result<(EndUserView, bool), Reject> {
        let known = |service: &Self| {
            let directory = service.directory_in(builder.customer().epoch())?;
            let known = directory.identity.end_user(builder.builder(), external_id);
            Ok::<_, Reject>(known.map(|(user, known)| (user, known.clone())))
        };
        let before = known(self)?;
        if before.as_ref().is_none_or(|(_, before)| !before.active) {
            self.make_end_user(builder, external_id, qps_limit, before.as_ref()).await?;
        }
        let (user, _) = known(self)?.ok_or(Reject::Internal)?;
        Ok((self.end_user_view(builder, user).await?, before.is_none()))
    }

    /// An end user in use that a builder has under its own id for it.
    ///
    /// # Errors
    /// [`Reject::NotLetIn`] after a reset.
    pub async fn known_end_user(
        &self,
        builder: &MayBuild,
        external_id: &str,
    ) -> Result<Option<EndUserView>, Reject> {
        let directory = self.directory_in(builder.customer().epoch())?;
        let known = directory.identity.end_user(builder.builder(), external_id);
        match known.filter(|(_, known)| known.active).map(|(user, _)| user) {
            Some(user) => self.end_user_view(builder, user).await.map(Some),
            None => Ok(None),
        }
    }

    async fn make_end_user(
        &self,
        builder: &MayBuild,
        external_id: &str,
        qps_limit: Option<u32>,
        before: Option<&(UserId, EndUser)>,
    ) -> Result<(), Reject> {
        let (owner, epoch) = (builder.builder(), builder.customer().epoch());
        let parts: [&[u8]; 3] = [&owner.0.to_be_bytes(), external_id.as_bytes(), &epoch.to_be_bytes()];
        let id = self.world.vault().derive("customer-id", &parts);
        let id = uuid::Builder::from_random_bytes(*id.first_chunk().expect("BUG: 32 bytes hold 16"));
        let customer = before.map_or(id.into_uuid().into_bytes(), |(_, before)| before.customer);
        let generation = before.map_or(0, |(_, before)| before.generation + 1);
        let print = self.end_user_key(&customer, generation).print();
        let external_id = external_id.to_owned();
        let new = NewEndUser { external_id, qps_limit, customer, generation, print };
        match self.build(builder, identity::Command::CreateEndUser(owner, new)).await {
            // Somebody else made it at the same time.
            Err(Reject::KeyEnded) => Ok(()),
            outcome => outcome,
        }
    }

    async fn build(&self, builder: &MayBuild, command: identity::Command) -> Result<(), Reject> {
        let by: Authority = builder.customer().by(None);
        let command = Command::Identity { by, command };
        self.world.command_in(builder.customer().epoch(), command).await.map(drop)
    }

    /// An end user's key: it follows from its id, and is stored nowhere (design §7).
    fn end_user_key(&self, customer: &[u8; 16], generation: u32) -> RawKey {
        self.derived_key("parsec-end-user", &[customer, &generation.to_be_bytes()])
    }

    /// The key of an end user: derived by the vault, or of a ready one from the seed.
    /// With another server's secret it can't be told again, though it still works: then as much as is kept of it.
    fn shown_key(&self, builder: &MayBuild, user: UserId, end_user: &EndUser) -> Result<RawKey, Reject> {
        let directory = self.directory_in(builder.customer().epoch())?;
        let derived = self.end_user_key(&end_user.customer, end_user.generation);
        let newest =
            directory.identity.keys_of(user).last().map(|(_, key)| key).ok_or(Reject::KeyNotFound)?;
        if newest.hash == hash_secret(derived.expose()) {
            return Ok(derived);
        }
        let owner = directory.identity.user(end_user.builder).ok_or(Reject::UserNotFound)?;
        let name = format!("{}/{}", owner.name, end_user.external_id);
        let ready = RawKey::of(self.world.secrets().parsec_key(&name));
        let is_ready = newest.hash == hash_secret(ready.expose());
        Ok(if is_ready { ready } else { RawKey::of(newest.prefix.clone()) })
    }

    /// A builder's end user by its id on the wire.
    ///
    /// # Errors
    /// [`Reject::UserNotFound`] if it is not the builder's.
    pub async fn end_user(&self, builder: &MayBuild, customer_id: &str) -> Result<EndUserView, Reject> {
        let user = self.own_end_user(builder, customer_id).ok_or(Reject::UserNotFound)?;
        self.end_user_view(builder, user).await
    }

    async fn end_user_view(&self, builder: &MayBuild, user: UserId) -> Result<EndUserView, Reject> {
        let epoch = builder.customer().epoch();
        let directory = self.directory_in(epoch)?;
        let found = directory.identity.user(user).ok_or(Reject::UserNotFound)?;
        let end_user = found.end_user.as_deref().cloned().ok_or(Reject::UserNotFound)?;
        Ok(EndUserView {
            customer_id: customer_id(found),
            key: self.shown_key(builder, user, &end_user)?,
            venues: directory.customers.venues(user).collect(),
            wallet: self.wallet_now(epoch, user).await?,
            escrow: self.escrow_of(end_user.builder, epoch)?,
            end_user,
        })
    }

    /// How many of a builder's end users come after one of its own ids, in their order, at most so many; and whether
    /// there are more.
    ///
    /// # Errors
    /// [`Reject::NotLetIn`] after a reset.
    pub async fn end_users(
        &self,
        builder: &MayBuild,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<EndUserView>, bool), Reject> {
        let directory = self.directory_in(builder.customer().epoch())?;
        let mut users: Vec<_> = directory
            .identity
            .end_users(builder.builder(), after)
            .map(|(user, _)| user)
            .take(limit + 1)
            .collect();
        let has_more = users.len() > limit;
        users.truncate(limit);
        let mut views = Vec::with_capacity(users.len());
        for user in users {
            views.push(self.end_user_view(builder, user).await?);
        }
        Ok((views, has_more))
    }

    /// Says how much an end user may ask in a second.
    ///
    /// # Errors
    /// [`Reject::UserNotFound`] if it is not the builder's.
    pub async fn limit_end_user(
        &self,
        builder: &MayBuild,
        customer_id: &str,
        qps_limit: u32,
    ) -> Result<(), Reject> {
        let user = self.own_end_user(builder, customer_id).ok_or(Reject::UserNotFound)?;
        self.build(builder, identity::Command::LimitEndUser(builder.builder(), user, qps_limit)).await
    }

    /// Ends an end user: its key, its credentials, its wallet and its open orders. The world destroys what is sealed of
    /// it.
    ///
    /// # Errors
    /// [`Reject::UserNotFound`] if it is not the builder's.
    pub async fn deactivate_end_user(&self, builder: &MayBuild, customer_id: &str) -> Result<(), Reject> {
        let user = self.own_end_user(builder, customer_id).ok_or(Reject::UserNotFound)?;
        self.build(builder, identity::Command::DeactivateEndUser(builder.builder(), user)).await
    }

    /// Makes an end user that was deactivated anew before it is onboarded again.
    pub(super) async fn must_be_in_use(&self, customer: &Customer) -> Result<(), Reject> {
        let Some(end_user) = self.profile(customer)?.end_user.filter(|end_user| !end_user.active) else {
            return Ok(());
        };
        let builder = self.may_build(customer).ok_or(Reject::NotEntitled)?;
        let known = (customer.user(), end_user.clone());
        self.make_end_user(&builder, &end_user.external_id, None, Some(&known)).await
    }

    /// What a builder shares out.
    ///
    /// # Errors
    /// [`Reject::NotLetIn`] after a reset.
    pub fn pool(&self, builder: &MayBuild) -> Result<Pool, Reject> {
        let directory = self.directory_in(builder.customer().epoch())?;
        let owner = directory.identity.user(builder.builder()).ok_or(Reject::UserNotFound)?;
        let in_use = directory.identity.end_users(builder.builder(), None);
        let limits: Vec<_> =
            in_use.filter(|(_, own)| own.active).map(|(_, own)| u64::from(own.qps_limit)).collect();
        Ok(Pool {
            qps_pool: owner.builder.as_ref().map_or(0, |rules| rules.qps_pool),
            end_users: limits.len(),
            allocated: limits.iter().sum(),
        })
    }

    /// How a builder collects fees, if it does.
    ///
    /// # Errors
    /// [`Reject::NotLetIn`] after a reset.
    pub fn escrow(&self, builder: &MayBuild) -> Result<Option<Escrow>, Reject> {
        self.escrow_of(builder.builder(), builder.customer().epoch())
    }

    pub(super) fn escrow_of(&self, builder: UserId, epoch: u32) -> Result<Option<Escrow>, Reject> {
        let directory = self.directory_in(epoch)?;
        let rules = directory.identity.user(builder).and_then(|user| user.builder.as_ref());
        Ok(rules.and_then(|rules| rules.escrow.clone()))
    }
}
