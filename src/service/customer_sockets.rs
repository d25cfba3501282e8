//! Sockets of Parsec's customers: what they follow and how much they were told (parsec.md §§6.9, 11).

use super::Service;
use super::customers::{Customer, customer_id, sees_all};
use crate::types::{AccountId, MarketId, Outcome, Reject, UserId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Sockets that have not said yet whose they are, of everybody together.
const WAITING_MAX: usize = 1_000;
/// Sockets one customer may have open.
const CONNECTIONS_MAX: u64 = 64;
/// Accounts of a customer that are remembered because of its requests.
const PROVED_MAX: usize = 64;

/// What was counted of one customer's sockets, or of everyone's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketTotals {
    /// Open now.
    pub connections: u64,
    /// Books followed now.
    pub subscriptions: u64,
    /// Opened ever.
    pub opened: u64,
    /// Closed ever.
    pub closed: u64,
    /// Keys that were not let in. Of a customer always 0: nobody knows whose they would be.
    pub auth_failures: u64,
    /// Messages that asked for books.
    pub subscribes: u64,
    /// Messages that asked for no more of them.
    pub unsubscribes: u64,
    /// Frames sent.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl SocketTotals {
    fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.subscriptions += other.subscriptions;
        self.opened += other.opened;
        self.closed += other.closed;
        self.auth_failures += other.auth_failures;
        self.subscribes += other.subscribes;
        self.unsubscribes += other.unsubscribes;
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

/// One outcome's book.
type Book = (MarketId, Outcome);

/// Which customer, of which epoch: a reset begins their numbers again.
type Counted = (u32, UserId);

/// What every customer's sockets do.
#[derive(Debug, Default)]
pub struct CustomerSockets {
    // A std mutex: held to count, never across an await.
    counts: Mutex<Counts>,
    waiting: AtomicUsize,
}

/// A socket that has not said yet whose it is. Dropping it makes room for another.
#[derive(Debug)]
pub struct WaitingSocket(Arc<CustomerSockets>);

impl Drop for WaitingSocket {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct Counts {
    customers: BTreeMap<Counted, SocketTotals>,
    /// How many of a customer's sockets follow a book.
    books: BTreeMap<(Counted, Book), u64>,
    /// The accounts that a customer last proved credentials of with its requests.
    proved: BTreeMap<Counted, VecDeque<AccountId>>,
    /// What tells a customer's sockets of one more.
    bells: BTreeMap<Counted, Arc<Notify>>,
    auth_failures: u64,
}

/// A customer's open socket. Dropping it closes its count.
#[derive(Debug)]
pub struct OpenSocket {
    all: Arc<CustomerSockets>,
    of: Counted,
    bell: Arc<Notify>,
    books: BTreeSet<Book>,
}

fn counted(customer: &Customer) -> Counted {
    (customer.epoch(), customer.user())
}

impl CustomerSockets {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A customer proved credentials of an account with a request: its sockets tell its fills from now on.
    pub(super) fn prove(&self, customer: &Customer, account: AccountId) {
        let (mut counts, of) = (self.counts(), counted(customer));
        let own = counts.proved.entry(of).or_default();
        if own.contains(&account) {
            return;
        }
        own.push_back(account);
        if own.len() > PROVED_MAX {
            own.pop_front();
        }
        if let Some(bell) = counts.bells.get(&of) {
            bell.notify_waiters();
        }
    }

    /// The accounts that a customer last proved credentials of, at most [`PROVED_MAX`].
    pub(super) fn proved(&self, customer: &Customer) -> Vec<AccountId> {
        self.counts().proved.get(&counted(customer)).into_iter().flatten().copied().collect()
    }
}

impl OpenSocket {
    /// What is rung when the customer proves credentials of one more account with a request.
    #[must_use]
    pub fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.bell)
    }

    fn count(&self, change: impl FnOnce(&mut SocketTotals)) {
        change(self.all.counts().customers.entry(self.of).or_default());
    }

    /// Follows one more book, if the customer's sockets do not follow `most` already.
    pub fn follow(&mut self, book: Book, most: u32) -> bool {
        if self.books.contains(&book) {
            return true;
        }
        let mut counts = self.all.counts();
        let own = counts.customers.entry(self.of).or_default();
        if own.subscriptions >= u64::from(most) {
            return false;
        }
        own.subscriptions += 1;
        *counts.books.entry((self.of, book)).or_default() += 1;
        drop(counts);
        self.books.insert(book);
        true
    }

    /// Follows a book no more.
    pub fn leave(&mut self, book: Book) {
        if self.books.remove(&book) {
            self.all.counts().leave(self.of, book);
        }
    }

    /// A message asked for books, or for no more of them.
    pub fn asked(&self, is_subscribe: bool) {
        self.count(|own| {
            own.subscribes += u64::from(is_subscribe);
            own.unsubscribes += u64::from(!is_subscribe);
        });
    }

    /// Frames of so many bytes in all were sent.
    pub fn sent(&self, frames: usize, bytes: usize) {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        self.count(|own| {
            own.messages += number(frames);
            own.bytes += number(bytes);
        });
    }
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        let mut counts = self.all.counts();
        for book in std::mem::take(&mut self.books) {
            counts.leave(self.of, book);
        }
        let own = counts.customers.entry(self.of).or_default();
        own.connections -= 1;
        own.closed += 1;
        if own.connections == 0 {
            counts.bells.remove(&self.of);
        }
    }
}

impl Counts {
    /// The markets whose books most sockets follow: a customer's, or everyone's.
    fn top(&self, of: Option<Counted>, most: usize) -> Vec<(MarketId, u64)> {
        let mut markets: BTreeMap<MarketId, u64> = BTreeMap::new();
        for ((follower, (market, _)), count) in &self.books {
            if of.is_none_or(|of| of == *follower) {
                *markets.entry(*market).or_default() += count;
            }
        }
        let mut all: Vec<_> = markets.into_iter().collect();
        all.sort_by(|(one, a), (other, b)| b.cmp(a).then(one.cmp(other)));
        all.truncate(most);
        all
    }

    /// What was counted before a reset is over, but for sockets that still close.
    fn forget_before(&mut self, epoch: u32) {
        let is_over = |of: &Counted| of.0 < epoch;
        if self.customers.keys().next().is_some_and(is_over) {
            self.customers.retain(|of, own| !is_over(of) || own.connections > 0);
        }
        if self.proved.keys().next().is_some_and(is_over) {
            self.proved.retain(|of, _| !is_over(of));
        }
    }

    fn leave(&mut self, of: Counted, book: Book) {
        self.customers.entry(of).or_default().subscriptions -= 1;
        if let Some(count) = self.books.get_mut(&(of, book)) {
            *count -= 1;
            if *count == 0 {
                self.books.remove(&(of, book));
            }
        }
    }
}

/// How much sockets do (§6.9).
#[derive(Clone, Debug, Default)]
pub struct SocketUsage {
    /// Of the customer, or of everyone.
    pub totals: SocketTotals,
    /// Of each customer, those with the most books first; only where everyone is shown.
    pub customers: Vec<(String, SocketTotals)>,
    /// The markets whose books most follow, with how many do.
    pub markets: Vec<(MarketId, u64)>,
}

impl Service {
    /// A place for one more socket that has yet to say whose it is; none if too many have.
    #[must_use]
    pub fn wait_socket(&self) -> Option<WaitingSocket> {
        let all = &self.customer_sockets;
        let is_one_more = |waiting: usize| (waiting < WAITING_MAX).then_some(waiting + 1);
        all.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, is_one_more).ok()?;
        Some(WaitingSocket(Arc::clone(all)))
    }

    /// A place for one more socket of a customer; none if it has too many.
    #[must_use]
    pub fn open_socket(&self, customer: &Customer) -> Option<OpenSocket> {
        let of = counted(customer);
        let mut counts = self.customer_sockets.counts();
        counts.forget_before(of.0);
        let own = counts.customers.entry(of).or_default();
        if own.connections >= CONNECTIONS_MAX {
            return None;
        }
        own.connections += 1;
        own.opened += 1;
        let bell = Arc::clone(counts.bells.entry(of).or_default());
        drop(counts);
        Some(OpenSocket { all: Arc::clone(&self.customer_sockets), of, bell, books: BTreeSet::new() })
    }

    /// Somebody came to a socket with what lets nobody in.
    pub fn note_stranger(&self) {
        self.customer_sockets.counts().auth_failures += 1;
    }

    /// How much a customer's sockets do.
    #[must_use]
    pub fn own_sockets(&self, customer: &Customer, most: usize) -> SocketUsage {
        let of = counted(customer);
        let counts = self.customer_sockets.counts();
        let totals = counts.customers.get(&of).copied().unwrap_or_default();
        SocketUsage { totals, customers: Vec::new(), markets: counts.top(Some(of), most) }
    }

    /// How much everyone's sockets do.
    ///
    /// # Errors
    /// [`Reject::NotEntitled`] if the customer may not see that.
    pub fn all_sockets(&self, customer: &Customer, most: usize) -> Result<SocketUsage, Reject> {
        let directory = self.directory_in(customer.epoch())?;
        if !sees_all(&directory.identity, customer.user()) {
            return Err(Reject::NotEntitled);
        }
        let counts = self.customer_sockets.counts();
        let mut totals = SocketTotals { auth_failures: counts.auth_failures, ..SocketTotals::default() };
        let mut customers = Vec::new();
        for ((epoch, user), own) in &counts.customers {
            totals.add(own);
            let name = directory.identity.user(*user).filter(|_| *epoch == customer.epoch()).map(customer_id);
            customers.extend(name.map(|name| (name, *own)));
        }
        customers.sort_by(|(one, a), (other, b)| b.subscriptions.cmp(&a.subscriptions).then(one.cmp(other)));
        customers.truncate(most);
        Ok(SocketUsage { totals, customers, markets: counts.top(None, most) })
    }
}
