//! What keeps a world going: the sequencer and the tape behind it, begun again from disk when either fails.

use super::catalog::Directory;
use super::clock::{Clock, ClockMode};
use super::follower::{self, ReplayError};
use super::hub::{Hub, Mirror, Notice};
use super::ledger::Ledger;
use super::sequencer::{Applied, Ended, Sequencer, Stale, TapeWriter, Work};
use super::state::State;
use super::tape::{Disk, Durability, Tape, Watermark};
use crate::types::{Reject, Sequence};
use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, after, bounded, select};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Batches between the sequencer and the tape: one is synced while the next is applied.
const PIPELINE: usize = 1;
/// How many records history may lag behind before trading slows down.
const LAG_MAX: u64 = 2_000_000;
/// How long each batch waits from there on.
const LAG_PAUSE: Duration = Duration::from_millis(20);
/// How long a recovery waits before it tries again.
const RETRY: Duration = Duration::from_millis(500);
/// What is said to those who come while the world ends.
pub(super) const STOPS: &str = "the server stops";

/// Keeps a sequencer and a tape writer running, and recovers from disk when they fail.
pub(super) struct Supervisor {
    pub(super) inbox: Receiver<Work>,
    pub(super) clock: Arc<Clock>,
    pub(super) watermark: Arc<Watermark>,
    pub(super) published: Arc<ArcSwap<Directory>>,
    pub(super) hub: Arc<Hub>,
    pub(super) stopped: Arc<Mutex<Option<String>>>,
    pub(super) stopping: Arc<AtomicBool>,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) durability: Durability,
    pub(super) to_drop: Receiver<Sequence>,
    pub(super) ledger: Ledger,
    pub(super) keep: u64,
}

impl Supervisor {
    /// Runs until the world is to stop.
    pub(super) fn run(self, state: State, tape: Tape) {
        let (mut state, mut tape) = (state, tape);
        loop {
            let from = tape.next();
            let Err(why) = self.run_once(state, tape) else { break };
            tracing::error!(why, "the world stopped and recovers from its tape");
            self.say_stopped(Some(why));
            // What failed before it wrote anything would only fail again at once.
            let failed_at_once = self.watermark.next() == from;
            if failed_at_once && !self.wait_a_little() {
                break;
            }
            let Some(recovered) = self.recover() else { break };
            (state, tape) = recovered;
            self.say_stopped(None);
            tracing::info!("the world recovered and takes commands again");
        }
        self.say_stopped(Some(STOPS.to_owned()));
        self.inbox.try_iter().for_each(|work| work.refuse(&Reject::Stopped(STOPS.to_owned())));
    }

    /// Runs until asked to stop.
    fn run_once(&self, state: State, tape: Tape) -> Result<(), String> {
        let (to_tape, from_sequencer) = bounded::<Applied>(PIPELINE);
        let (recycle, recycled) = bounded(PIPELINE + 2);
        let mut mirror = Mirror::of(&state);
        let mut writer = TapeWriter { tape, from_sequencer, recycle, watermark: &self.watermark };
        let mut sequencer = Sequencer {
            state,
            clock: &self.clock,
            mailbox: &self.inbox,
            to_tape,
            recycled,
            catalog: Arc::clone(&self.published.load().catalog),
            stale: Stale::default(),
        };
        std::thread::scope(|scope| {
            let writing =
                std::thread::Builder::new().name("tape".to_owned()).spawn_scoped(scope, move || {
                    writer.run(|applied, tape| {
                        self.publish(&mut mirror, applied);
                        self.drop_covered(tape);
                        self.wait_for_ledger();
                    })
                });
            let writing =
                writing.map_err(|error| format!("the operating system gives no thread: {error}"))?;
            let ended = catch_unwind(AssertUnwindSafe(|| sequencer.run()));
            drop(sequencer);
            let written = writing.join().unwrap_or_else(|_| Err("the tape thread panicked".to_owned()));
            match ended {
                Ok(Ended::Stopped) => written,
                Ok(Ended::TapeGone) => {
                    Err(written.err().unwrap_or_else(|| "the tape thread ended".to_owned()))
                }
                Err(_) => Err("the sequencer panicked".to_owned()),
            }
        })
    }

    /// What a durable batch shows, before anyone is answered.
    fn publish(&self, mirror: &mut Mirror, applied: &mut Applied) {
        if let Some(directory) = applied.published.take() {
            self.published.store(directory);
        }
        mirror.publish(&self.hub, &applied.committed);
        if applied.committed.began.is_some() {
            self.hub.announce(Notice::StartedOver);
        }
    }

    /// Trading goes on while history lags, up to a bound; from there on it goes as fast as a ledger that can be
    /// written follows, or slowly if it can't. Nothing is dropped.
    fn wait_for_ledger(&self) {
        let lag = self.ledger.lag();
        if lag > LAG_MAX {
            tracing::warn!(lag, "trading slows down: history lags too far behind");
            std::thread::park_timeout(LAG_PAUSE);
        }
    }

    fn drop_covered(&self, tape: &mut Tape) {
        let Some(checkpoint) = self.to_drop.try_iter().last() else { return };
        let covered = checkpoint.min(self.ledger.reached().unwrap_or_default());
        if let Err(error) = tape.drop_covered(covered, self.keep) {
            tracing::warn!(%error, "old segments of the tape can't be removed");
        }
    }

    /// Reads the world back from disk, however often that takes; none if it is told to stop meanwhile.
    fn recover(&self) -> Option<(State, Tape)> {
        while !self.stopping.load(Ordering::Acquire) {
            let recovered = Tape::open(Arc::clone(&self.disk), self.durability)
                .map_err(ReplayError::from)
                .and_then(|tape| Ok((self.read_back(&tape)?, tape)));
            match recovered {
                Ok((state, tape)) => {
                    self.watermark.raise(tape.next());
                    // A jump or a pause that is not on the tape did not happen, but time never runs backwards.
                    let (is_virtual, is_paused) = state.clock();
                    self.clock.set(ClockMode::of(is_virtual), self.clock.now().max(state.shown()), is_paused);
                    self.published.store(Arc::new(Directory::of(&state)));
                    self.hub.announce(Notice::StartedOver);
                    return Some((state, tape));
                }
                Err(error) => {
                    tracing::error!(%error, "the world can't recover yet");
                    self.say_stopped(Some(error.to_string()));
                }
            }
            if !self.wait_a_little() {
                return None;
            }
        }
        None
    }

    fn read_back(&self, tape: &Tape) -> Result<State, ReplayError> {
        let (end, seen) = (tape.next(), self.watermark.next());
        if end < seen {
            return Err(ReplayError::Short { end, seen: Sequence(seen.0 - 1) });
        }
        follower::recover(&self.disk, end)
    }

    /// Lets a moment pass, in which whoever still gets through is answered rather than kept waiting; false if
    /// the world is to stop.
    fn wait_a_little(&self) -> bool {
        let over = after(RETRY);
        loop {
            select! {
                recv(self.inbox) -> work => match work {
                    Ok(Work::Stop) | Err(_) => return false,
                    Ok(work) => work.refuse(&Reject::Stopped("it recovers from its tape".to_owned())),
                },
                recv(over) -> _ => return !self.stopping.load(Ordering::Acquire),
            }
        }
    }

    fn say_stopped(&self, why: Option<String>) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}
