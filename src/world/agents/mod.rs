//! House liquidity: a maker and a noise taker in many markets, and the recorded books of rolling windows.
//!
//! Agents know nothing that another client could not: they ask for the book and send ordinary commands.

mod maker;
mod noise;
mod view;
mod windows;

use super::clock::Clock;
use super::record::{Authority, Command};
use super::running::{Mailbox, World};
use super::scenario::{AgentRules, HOUSE_TERMS, Recordings};
use crate::types::{MarketId, NewOrder};
use maker::Maker;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use view::{Candidates, View};
use windows::Replay;

/// The running agents. Dropping them ends them.
#[derive(Debug)]
pub struct Agents {
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Agents {
    /// Lets agents trade on a world.
    ///
    /// # Panics
    /// If the operating system gives no thread.
    #[must_use]
    pub fn start(world: &World, rules: AgentRules) -> Self {
        let ending = Arc::new(AtomicBool::new(false));
        let mut crowd = Crowd {
            mailbox: world.mailbox(),
            clock: Arc::clone(world.clock()),
            rng: ChaCha12Rng::seed_from_u64(world.seed()),
            rules,
            makers: Vec::new(),
            replays: Vec::new(),
            next: 0,
            epoch: None,
        };
        let stop = Arc::clone(&ending);
        let body = move || crowd.run(&stop);
        let thread = std::thread::Builder::new().name("agents".to_owned()).spawn(body);
        Self { ending, thread: Some(thread.expect("BUG: the operating system gives no thread")) }
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Release);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the agents panicked");
        }
    }
}

struct Crowd {
    mailbox: Mailbox,
    clock: Arc<Clock>,
    rng: ChaCha12Rng,
    rules: AgentRules,
    makers: Vec<Maker>,
    replays: Vec<Replay>,
    next: usize,
    /// Which epoch the agents know; another one is another world.
    epoch: Option<u32>,
}

impl Crowd {
    fn run(&mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Acquire) {
            std::thread::park_timeout(self.pause());
            // While time stands still nobody acts, and a world that takes no commands is left alone.
            if self.clock.until(self.clock.now()).is_some() && self.meet_world().is_some() {
                self.act();
            }
        }
    }

    /// One market after the other, each once a period.
    fn pause(&self) -> Duration {
        let markets = u32::try_from(self.makers.len().max(1)).unwrap_or(u32::MAX);
        Duration::from_millis(u64::from((self.rules.period_ms / markets).max(1)))
    }

    /// Notices when the world began anew, and chooses markets then.
    fn meet_world(&mut self) -> Option<()> {
        let found = self.mailbox.ask(Candidates { most: self.rules.markets, known: self.epoch })?;
        if let Some(found) = found.markets {
            self.makers = found.into_iter().map(Maker::new).collect();
            self.replays.clear();
        }
        self.epoch = Some(found.epoch);
        self.replays.retain(|replay| found.windows.iter().any(|window| window.market == replay.market()));
        for window in found.windows {
            if !self.replays.iter().any(|replay| replay.market() == window.market) {
                self.replays.push(Replay::new(window, Recordings::embedded()));
            }
        }
        Some(())
    }

    fn act(&mut self) {
        let now = self.clock.now();
        for at in 0..self.replays.len() {
            if !self.replays[at].is_due(now) {
                continue;
            }
            let Some(view) = self.look(self.replays[at].market()) else { continue };
            let mut commands = self.replays[at].advance(now, &view);
            commands.extend(noise::take(&mut self.rng, &view));
            self.send(commands);
        }
        if self.makers.is_empty() {
            return;
        }
        self.next = (self.next + 1) % self.makers.len();
        let Some(view) = self.look(self.makers[self.next].market()) else { return };
        let commands = if self.rng.next_u32().is_multiple_of(2) {
            self.makers[self.next].quote(&mut self.rng, &view)
        } else {
            noise::take(&mut self.rng, &view).into_iter().collect()
        };
        self.send(commands);
    }

    fn look(&self, market: MarketId) -> Option<View> {
        self.mailbox.ask(view::Look(market))?
    }

    /// A refused quote is no failure: somebody was there first, and the next one will fit.
    fn send(&self, commands: Vec<Command>) {
        if !commands.is_empty() && self.mailbox.commands(commands).is_none() {
            tracing::debug!("the world takes no commands from the agents");
        }
    }
}

fn place(order: NewOrder) -> Command {
    let order = NewOrder { terms: HOUSE_TERMS, ..order };
    Command::Place {
        by: Authority::System,
        order,
        claim: None,
        client_order_id: None,
        signed: None,
        fee: None,
    }
}

/// A number below `n`, every one as likely as the others to within one in four billion.
fn below(rng: &mut ChaCha12Rng, n: u32) -> u32 {
    let scaled = (u64::from(rng.next_u32()) * u64::from(n)) >> 32;
    u32::try_from(scaled).expect("BUG: below a u32")
}
