//! What one connection listens to, gathered in one place.

use super::{MarketUpdate, UserNews};
use crate::types::{MarketId, UserId};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// News that may wait for one connection, besides what waits in the hub.
const EAR_MAX: usize = 64;

/// Something a connection hears.
#[derive(Debug)]
pub enum Heard {
    /// What became of a market that it listens to.
    Update(Arc<MarketUpdate>),
    /// A market is new.
    Listed(MarketId),
    /// What became of its user's orders.
    News(Arc<UserNews>),
    /// The hub did not wait any longer. Nothing more comes from where it was lost.
    Behind(Source),
    /// The hub is gone.
    Silence,
}

/// Where news may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A market.
    Market(MarketId),
    /// The list of markets.
    Listings,
    /// A user whose orders concern the connection.
    User(UserId),
}

/// What a connection listens to. Its task owns it; when it ends, so do all listeners.
#[derive(Debug)]
pub struct Ear {
    heard: mpsc::Receiver<Heard>,
    to: mpsc::Sender<Heard>,
    listeners: BTreeMap<Source, Listener>,
}

/// A task that passes news on. Dropping it ends the task.
#[derive(Debug)]
struct Listener(JoinHandle<()>);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Default for Ear {
    fn default() -> Self {
        let (to, heard) = mpsc::channel(EAR_MAX);
        Self { heard, to, listeners: BTreeMap::new() }
    }
}

impl Ear {
    /// Listens to a market, from where its updates begin. Needs a runtime, as all of these.
    pub fn listen(&mut self, market: MarketId, updates: Receiver<Arc<MarketUpdate>>) {
        self.add(Source::Market(market), updates, Heard::Update);
    }

    /// Listens to the list of markets.
    pub fn listen_to_listings(&mut self, listings: Receiver<MarketId>) {
        self.add(Source::Listings, listings, Heard::Listed);
    }

    /// Listens to what becomes of a user's orders.
    pub fn listen_to_user(&mut self, user: UserId, news: Receiver<Arc<UserNews>>) {
        self.add(Source::User(user), news, Heard::News);
    }

    /// Listens to a source no more. What was heard already still comes.
    pub fn forget(&mut self, source: Source) {
        self.listeners.remove(&source);
    }

    /// Whether a connection takes what it hears so slowly that most of what may wait does.
    #[must_use]
    pub fn is_filling(&self) -> bool {
        self.heard.len() >= EAR_MAX / 4 * 3
    }

    /// The next thing that is heard, in the order in which each source told it.
    pub async fn next(&mut self) -> Heard {
        self.heard.recv().await.expect("BUG: the ear's own sender is gone")
    }

    fn add<News: Clone + Send + 'static>(
        &mut self,
        source: Source,
        from: Receiver<News>,
        wrap: fn(News) -> Heard,
    ) {
        let listener = Listener(tokio::spawn(pass_on(source, from, self.to.clone(), wrap)));
        self.listeners.insert(source, listener);
    }
}

/// Passes news on in order. A connection that does not take them holds its listeners up until the hub has no more room
/// for them; then it is told that it is behind.
async fn pass_on<News: Clone>(
    source: Source,
    mut from: Receiver<News>,
    to: mpsc::Sender<Heard>,
    wrap: fn(News) -> Heard,
) {
    loop {
        let (heard, is_last) = match from.recv().await {
            Ok(news) => (wrap(news), false),
            Err(RecvError::Lagged(_)) => (Heard::Behind(source), true),
            Err(RecvError::Closed) => (Heard::Silence, true),
        };
        if to.send(heard).await.is_err() || is_last {
            return;
        }
    }
}
