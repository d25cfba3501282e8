//! Starting a world, talking to it, and stopping it.

use super::catalog::Directory;
use super::clock::{Clock, ClockMode};
use super::follower::{self, Follower, ReplayError, WantDigest};
use super::hub::{Hub, Notice};
use super::ledger::{self, Ledger};
use super::meters::Meters;
use super::outbox::Outbox;
use super::record::{Authority, Command, Receipt, RecordRef};
use super::scenario::{self, Scenario, ScenarioError, Secrets};
use super::sequencer::{Outcome, Work};
use super::state::State;
use super::supervisor::{STOPS, Supervisor};
use super::tape::{
    Append, Batch, Disk, Durability, FileDisk, MemoryDisk, Reader, Tape, TapeError, Watermark,
};
use super::vault::{Vault, VaultError};
use crate::identity::{self, GateChange};
use crate::types::{Reject, Sequence};
use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// How much work may wait for the sequencer.
const MAILBOX_MAX: usize = 16_384;
/// Tape kept in memory when there is no file.
const MEMORY_KEPT: u64 = 128 << 20;

/// How a world is to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where its files lie. Ignored for [`Durability::Memory`].
    pub data: PathBuf,
    /// How sure a reply is.
    pub durability: Durability,
    /// Which time it lives in, if it is new.
    pub clock: ClockMode,
    /// What it starts from, if it is new.
    pub scenario: Scenario,
    /// Whether the scenario was given, so that an older world must have begun with it.
    pub scenario_given: bool,
    /// The seed, if it was given.
    pub seed: Option<u64>,
    /// Switches that were given.
    pub gates: GateChange,
    /// The secret of access tokens, if it was given.
    pub jwt_secret: Option<String>,
    /// The server's own secret in hexadecimal digits, if it was given; else it lies in the directory.
    pub master_key: Option<String>,
    /// How many bytes of covered tape are kept.
    pub tape_keep: u64,
}

/// Why a world can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another server has the directory.
    #[error("{0} is in use by another server")]
    InUse(String),
    /// Its files can't be used.
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
    /// Its own secret can't be had.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Its tape can't be used.
    #[error(transparent)]
    Tape(#[from] TapeError),
    /// Its tape can't be replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// Its ledger can't be used.
    #[error(transparent)]
    Ledger(#[from] ledger::LedgerError),
    /// Its scenario is not valid.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// It began with something else than what was asked for.
    #[error("the world in {0} began with another {1}; leave the option out, or use another directory")]
    Other(String, &'static str),
}

/// A running world. Dropping it stops it.
#[derive(Debug)]
pub struct World {
    mailbox: Sender<Work>,
    outbox: Outbox,
    published: Arc<ArcSwap<Directory>>,
    clock: Arc<Clock>,
    hub: Arc<Hub>,
    ledger: Ledger,
    meters: Arc<Meters>,
    watermark: Arc<Watermark>,
    stopped: Arc<Mutex<Option<String>>>,
    wants_digest: Mutex<Option<Sender<WantDigest>>>,
    secrets: Secrets,
    scenario: Scenario,
    seed: u64,
    /// Set before anything else when the world is to stop, so that nothing that fails can outlive it.
    stopping: Arc<AtomicBool>,
    ending: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    places: Places,
}

impl World {
    /// Opens the world in a directory, or begins a new one there.
    ///
    /// # Errors
    /// [`StartError`] if neither can be done. Nothing was changed then that a later start would miss.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let in_memory = options.durability == Durability::Memory;
        let places = Places::open(&options, in_memory)?;
        Self::start_on(places, in_memory, options)
    }

    fn start_on(places: Places, in_memory: bool, mut options: Options) -> Result<Self, StartError> {
        // What was given holds for a new world, for every reset of it, and for one that began otherwise.
        options.scenario.set_gates(options.gates.over(options.scenario.gates()));
        let disk = Arc::clone(&places.disk);
        let (state, tape) = read_back(&disk, &options)?;
        let seed = state.seed();
        places.vault.keep_only(state.customers().sealed());
        let (is_virtual, is_paused) = state.clock();
        let clock = Arc::new(Clock::showing(ClockMode::of(is_virtual), state.shown(), is_paused));
        let watermark = Arc::new(Watermark::new(tape.next()));
        let published = Arc::new(ArcSwap::from_pointee(Directory::of(&state)));
        let (mailbox, inbox) = bounded(MAILBOX_MAX);
        let (wants_digest, wants) = bounded(64);
        let (covered, to_drop) = bounded(4);
        let source = ledger::Source { disk: Arc::clone(&disk), watermark: Arc::clone(&watermark) };
        let (ledger, writer) = Ledger::start(&places.ledger, source)?;
        let meters = Arc::new(Meters::new(Arc::clone(&clock), writer.meters()?));
        let world = Self {
            outbox: Outbox::new(mailbox.clone()),
            mailbox,
            published: Arc::clone(&published),
            clock: Arc::clone(&clock),
            hub: Arc::new(Hub::new()),
            ledger,
            meters,
            watermark: Arc::clone(&watermark),
            stopped: Arc::default(),
            wants_digest: Mutex::new(Some(wants_digest)),
            secrets: Secrets::new(seed, options.jwt_secret),
            scenario: options.scenario,
            seed,
            stopping: Arc::default(),
            ending: Arc::default(),
            threads: Mutex::default(),
            places,
        };
        let follower = world.follower(&state, tape.next(), (wants, covered), options.durability);
        world.spawn("ledger", {
            let (ledger, ending) = (world.ledger.clone(), Arc::clone(&world.ending));
            let meters = Arc::clone(&world.meters);
            move || ledger::run(writer, &ledger, &meters, &ending)
        });
        world.spawn("follower", {
            let stopped = Arc::clone(&world.stopped);
            move || {
                if let Err(error) = follower.run() {
                    tracing::error!(%error, "replay differs from live");
                    *stopped.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
                }
            }
        });
        let supervisor = Supervisor {
            inbox,
            clock,
            watermark,
            published,
            hub: Arc::clone(&world.hub),
            stopped: Arc::clone(&world.stopped),
            stopping: Arc::clone(&world.stopping),
            disk,
            durability: options.durability,
            to_drop,
            ledger: world.ledger.clone(),
            keep: if in_memory { MEMORY_KEPT } else { options.tape_keep },
        };
        world.spawn("sequencer", move || supervisor.run(state, tape));
        Ok(world)
    }

    /// The follower of a tape that ends before `next`, with a copy of the state there.
    fn follower(
        &self,
        state: &State,
        next: Sequence,
        (wants, covered): (Receiver<WantDigest>, Sender<Sequence>),
        durability: Durability,
    ) -> Follower {
        let in_memory = durability == Durability::Memory;
        let disk = &self.places.disk;
        let copy = State::restore(&state.snapshot()).expect("BUG: a state that can't be copied");
        let last_checkpoint = if in_memory { copy.sequence() } else { newest_checkpoint(&**disk) };
        Follower {
            reader: Reader::new(Arc::clone(disk), Arc::clone(&self.watermark), next),
            state: copy,
            watermark: Arc::clone(&self.watermark),
            disk: Arc::clone(disk),
            vault: Arc::clone(&self.places.vault),
            wants,
            covered,
            keeps_checkpoints: !in_memory,
            last_checkpoint,
            must_sync: durability == Durability::Process,
        }
    }

    fn spawn(&self, name: &str, body: impl FnOnce() + Send + 'static) {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body);
        let thread = thread.expect("BUG: the operating system gives no thread");
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
    }

    /// Carries a command out, in whichever epoch it comes to.
    ///
    /// # Errors
    /// Its [`Reject`]; [`Reject::OutcomeUnknown`] if nobody can say what became of it.
    pub async fn command(&self, command: Command) -> Outcome {
        self.send_one(None, command).await
    }

    /// Carries a command out in an epoch alone: after a reset its ids would name others.
    ///
    /// # Errors
    /// As [`World::command`]; [`Reject::NotLetIn`] in another epoch.
    pub async fn command_in(&self, epoch: u32, command: Command) -> Outcome {
        self.send_one(Some(epoch), command).await
    }

    async fn send_one(&self, epoch: Option<u32>, command: Command) -> Outcome {
        let (reply, answer) = oneshot::channel();
        self.may_send()?;
        self.outbox.send(Work::One(epoch, Box::new(command), reply)).await;
        answer.await.unwrap_or(Err(Reject::OutcomeUnknown))
    }

    /// Carries several commands out in an epoch alone, one after the other. One refusal undoes no other.
    ///
    /// # Errors
    /// [`Reject`] if none of them was tried, or nobody can say.
    pub async fn commands_in(&self, epoch: u32, commands: Vec<Command>) -> Result<Vec<Outcome>, Reject> {
        let (reply, answer) = oneshot::channel();
        self.may_send()?;
        self.outbox.send(Work::Many(Some(epoch), commands, reply)).await;
        let outcomes = answer.await.map_err(|_| Reject::OutcomeUnknown)?;
        match outcomes.first() {
            // Only work that never reached the state is refused so, and then all of it.
            Some(Err(reject @ (Reject::Overloaded | Reject::Stopped(_)))) => Err(reject.clone()),
            // Whoever may not come in is told so, and not order by order.
            Some(Err(reject @ Reject::NotLetIn(_)))
                if outcomes.iter().all(|outcome| outcome.as_ref() == Err(reject)) =>
            {
                Err(reject.clone())
            }
            _ => Ok(outcomes),
        }
    }

    /// Asks a question about the state. The answer comes when what it shows is durable.
    ///
    /// # Errors
    /// [`Reject`] if it could not be asked.
    pub async fn ask<Q: Query>(&self, query: Q) -> Result<Q::Answer, Reject> {
        let (reply, answer) = oneshot::channel();
        self.send(Work::Ask(Box::new(move |state| {
            let found = query.ask(state);
            // Whoever asked may be gone, which is theirs to know.
            Box::new(move || drop(reply.send(found)))
        })))?;
        answer.await.map_err(|_| Reject::Stopped("it recovers from its tape".to_owned()))
    }

    fn may_send(&self) -> Result<(), Reject> {
        match &*self.stopped.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(why) => Err(Reject::Stopped(why.clone())),
            None => Ok(()),
        }
    }

    fn send(&self, work: Work) -> Result<(), Reject> {
        self.may_send()?;
        self.mailbox.try_send(work).map_err(|error| match error {
            TrySendError::Full(_) => Reject::Overloaded,
            TrySendError::Disconnected(_) => Reject::Stopped(STOPS.to_owned()),
        })
    }

    /// A way to send commands from a plain thread.
    #[must_use]
    pub fn mailbox(&self) -> Mailbox {
        Mailbox { work: self.mailbox.clone() }
    }

    /// Users, keys, accounts and markets, as durable as any answer.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        self.published.load_full()
    }

    /// The world's clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    /// Where updates come from.
    #[must_use]
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// History.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// When keys were last used.
    #[must_use]
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// The first record that is not durable yet.
    #[must_use]
    pub fn durable(&self) -> Sequence {
        self.watermark.next()
    }

    /// Why the world takes no commands, if it does not.
    #[must_use]
    pub fn why_stopped(&self) -> Option<String> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What its secrets are derived from.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// What only this server knows.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.places.vault
    }

    /// The scenario it runs on.
    #[must_use]
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The seed of everything drawn.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The scenario at this moment: what a reset begins with.
    ///
    /// # Errors
    /// [`ScenarioError`] if its market files are gone.
    pub fn beginning(&self, is_virtual: bool) -> Result<Command, ScenarioError> {
        let genesis =
            scenario::resolve(&self.scenario, self.seed, self.clock.now(), is_virtual, &self.secrets)?;
        Ok(Command::Begin(Box::new(genesis)))
    }

    /// The digest of the state, and the record after which it was taken: now or a little later.
    ///
    /// # Errors
    /// [`Reject::Stopped`] if nobody can say.
    pub async fn digest(&self) -> Result<(Sequence, String), Reject> {
        let least = self.ask(LastSequence).await?;
        let (reply, answer) = oneshot::channel();
        let wants = self.wants_digest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let wants = wants.ok_or_else(|| Reject::Stopped("it stops".to_owned()))?;
        wants.try_send(WantDigest { least, reply }).map_err(|_| Reject::Overloaded)?;
        answer.await.map_err(|_| Reject::Stopped("replay differs from live".to_owned()))
    }

    /// Finishes what waits, takes a last checkpoint and ends every thread. What comes later is refused.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.hub.announce(Notice::Stopping);
        // A full mailbox empties itself: the sequencer is still there to take from it.
        drop(self.mailbox.send(Work::Stop));
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        // The sequencer, which came last, goes first: the others then follow to the end of the tape.
        for thread in threads.into_iter().rev() {
            if thread.join().is_err() {
                tracing::error!("a thread of the world panicked");
            }
            self.ending.store(true, Ordering::Release);
            self.wants_digest.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A question about the state, answered on the sequencer's thread: it must be quick.
pub trait Query: Send + 'static {
    /// What it is answered with.
    type Answer: Send + 'static;
    /// The answer.
    fn ask(self, state: &State) -> Self::Answer;
}

/// Which record came last.
struct LastSequence;

impl Query for LastSequence {
    type Answer = Sequence;
    fn ask(self, state: &State) -> Sequence {
        state.sequence().unwrap_or_default()
    }
}

/// Sends commands from a plain thread, such as the house's agents.
#[derive(Clone, Debug)]
pub struct Mailbox {
    work: Sender<Work>,
}

impl Mailbox {
    /// Carries commands out and waits for what becomes of them; none if the world takes none.
    #[must_use]
    pub fn commands(&self, commands: Vec<Command>) -> Option<Vec<Result<Receipt, Reject>>> {
        let (reply, answer) = oneshot::channel();
        self.work.send_timeout(Work::Many(None, commands, reply), Duration::from_secs(1)).ok()?;
        answer.blocking_recv().ok()
    }

    /// Asks a question from a plain thread.
    #[must_use]
    pub fn ask<Q: Query>(&self, query: Q) -> Option<Q::Answer> {
        let (reply, answer) = oneshot::channel();
        let question = Box::new(move |state: &State| -> super::sequencer::Release {
            let found = query.ask(state);
            Box::new(move || drop(reply.send(found)))
        });
        self.work.send_timeout(Work::Ask(question), Duration::from_secs(1)).ok()?;
        answer.blocking_recv().ok()
    }
}

/// Where tape and ledger lie, and what keeps a second server out.
#[derive(Debug)]
struct Places {
    disk: Arc<dyn Disk>,
    ledger: PathBuf,
    vault: Arc<Vault>,
    /// Locked as long as the world runs.
    _lock: Option<std::fs::File>,
    /// A ledger without a tape on disk is gone with the world.
    _temporary: Option<tempfile::TempDir>,
}

impl Places {
    fn open(options: &Options, in_memory: bool) -> Result<Self, StartError> {
        let io = |path: &Path| {
            let name = path.display().to_string();
            move |error| StartError::Io(name, error)
        };
        let given = options.master_key.as_deref();
        if in_memory {
            let vault = Arc::new(Vault::passing(given)?);
            return Self::on(Arc::new(MemoryDisk::default()), vault)
                .map_err(io(Path::new("a temporary directory")));
        }
        let tape = options.data.join("tape");
        let disk = FileDisk::open(&tape).map_err(io(&tape))?;
        let path = options.data.join("lock");
        let lock = std::fs::File::create(&path).map_err(io(&path))?;
        lock.try_lock().map_err(|_| StartError::InUse(options.data.display().to_string()))?;
        let ledger = options.data.join("ledger.sqlite");
        let vault = Arc::new(Vault::open(&options.data, given)?);
        Ok(Self { disk: Arc::new(disk), ledger, vault, _lock: Some(lock), _temporary: None })
    }

    /// A tape on a disk that is no directory; the ledger lies in one of its own, which ends with the world.
    fn on(disk: Arc<dyn Disk>, vault: Arc<Vault>) -> std::io::Result<Self> {
        let temporary = tempfile::Builder::new().prefix("papertape-").tempdir()?;
        let ledger = temporary.path().join("ledger.sqlite");
        Ok(Self { disk, ledger, vault, _lock: None, _temporary: Some(temporary) })
    }
}

/// A world as it was left, or as it begins.
fn read_back(disk: &Arc<dyn Disk>, options: &Options) -> Result<(State, Tape), StartError> {
    let mut tape = Tape::open(Arc::clone(disk), options.durability)?;
    if tape.is_empty() {
        // A checkpoint without its tape is refused before a new world is written over the old one.
        follower::recover(disk, Sequence(0))?;
        begin(&mut tape, options)?;
    }
    let mut state = follower::recover(disk, tape.next())?;
    check_source(&state, options)?;
    set_gates(&mut state, &mut tape, options.gates)?;
    Ok((state, tape))
}

/// Writes record 0.
fn begin(tape: &mut Tape, options: &Options) -> Result<(), StartError> {
    let seed = options.seed.unwrap_or(options.scenario.seed);
    let secrets = Secrets::new(seed, options.jwt_secret.clone());
    let at = Clock::new(ClockMode::Real).now();
    let genesis =
        scenario::resolve(&options.scenario, seed, at, options.clock == ClockMode::Virtual, &secrets)?;
    let command = Command::Begin(Box::new(genesis));
    let (mut events, mut notes) = (Vec::new(), Vec::new());
    let applied = State::new().apply(at, &command, &mut events, &mut notes);
    applied.map_err(|reject| ScenarioError::Invalid(reject.to_string()))?;
    let mut batch = Batch::default();
    batch.push(&RecordRef { sequence: Sequence(0), at, command: &command, events: &events, notes: &notes });
    append(tape, &batch)
}

/// Switches that were given and are other than what the world has: a command like any other (design §6).
fn set_gates(state: &mut State, tape: &mut Tape, given: GateChange) -> Result<(), StartError> {
    let found = *state.identity().gates();
    if given.over(found) == found {
        return Ok(());
    }
    let command = identity::Command::SetGates(given);
    let command = Command::Identity { by: Authority::System, command };
    let (sequence, mut events, mut notes) = (tape.next(), Vec::new(), Vec::new());
    // The world's clock goes on from its last record, which no wall says the time of.
    let at = state.shown();
    let applied = state.apply(at, &command, &mut events, &mut notes);
    applied.map_err(|reject| ScenarioError::Invalid(reject.to_string()))?;
    state.advance(sequence);
    let mut batch = Batch::default();
    batch.push(&RecordRef { sequence, at, command: &command, events: &events, notes: &notes });
    append(tape, &batch)
}

/// What is written before anyone else writes.
fn append(tape: &mut Tape, batch: &Batch) -> Result<(), StartError> {
    match tape.append(tape.next(), &batch.as_ref()) {
        Append::Durable => Ok(()),
        Append::Failed(error) | Append::Unknown(error) => Err(StartError::Io("the tape".to_owned(), error)),
    }
}

/// Record 0 is authoritative: only what was given explicitly is compared with it (design §6).
fn check_source(state: &State, options: &Options) -> Result<(), StartError> {
    let data = || options.data.display().to_string();
    if options.scenario_given && options.scenario.source() != state.source() {
        return Err(StartError::Other(data(), "scenario"));
    }
    if options.seed.is_some_and(|seed| seed != state.seed()) {
        return Err(StartError::Other(data(), "seed"));
    }
    Ok(())
}

fn newest_checkpoint(disk: &dyn Disk) -> Option<Sequence> {
    super::tape::load_newest(disk).ok().flatten().map(|checkpoint| checkpoint.sequence)
}

#[cfg(test)]
mod tests;
