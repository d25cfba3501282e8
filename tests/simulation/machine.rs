//! One run: a machine with a disk, a clock and a world on it, that fails and starts again.

use super::commands::Chooser;
use super::disk::{Faults, Random, SimDisk};
use super::history::History;
use super::model::Model;
use papertape::types::{Sequence, Timestamp};
use papertape::world::record::RecordRef;
use papertape::world::scenario::{self, Scenario, Secrets};
use papertape::world::sequencer::due_command;
use papertape::world::tape::{
    self, Append, Batch, CheckpointError, Disk, Reader, Tape, TapeError, Watermark,
};
use papertape::world::{Command, Durability, Record, ReplayError, State, recover, replay};
use std::io::{Error, ErrorKind};
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;

/// Four users, one of them a builder, and the built-in markets, with rolling windows.
const SCENARIO: &str = r#"
seed = 7
markets = ["builtin:polymarket", "builtin:kalshi"]
opening_cash = "1000.00"
gates = { closed_beta = false, self_serve = false, allowlist = false }
fees = { crypto = 700, sports = 500, other = 500, kalshi = 700 }
agents = { enabled = false, markets = 0, period_ms = 2000 }
windows = [{ asset = "BTC", interval = "15M", pace_ms = 500 }]
main_cash = "1000.00"
users = [
    { name = "trader", plan = "pro", key = "active" },
    { name = "whale", plan = "pro_plus", key = "active" },
    { name = "expired", plan = "pro", key = "expired" },
    { name = "builder", plan = "enterprise", key = "active", builder = { qps_pool = 500 } },
]

[tiers]
anonymous = { requests_per_second = 10, requests_per_minute = 600, bootstraps_per_minute = 1, bootstraps_per_hour = 5 }
free = { requests_per_second = 2, requests_per_minute = 120, ws_connections_max = 1, batch_size_max = 1, in_flight_max = 4, baseline = "0.00", sandboxes_max = 3, sandbox_baseline = "10000.00", trades = false }
pro = { requests_per_second = 30, requests_per_minute = 1800, ws_connections_max = 3, batch_size_max = 5, in_flight_max = 9, baseline = "10000.00", sandboxes_max = 3, sandbox_baseline = "10000.00" }
pro_plus = { requests_per_second = 60, requests_per_minute = 3600, ws_connections_max = 10, batch_size_max = 10, in_flight_max = 12, baseline = "25000.00", sandboxes_max = 3, sandbox_baseline = "10000.00" }
enterprise = { requests_per_second = 100, requests_per_minute = 6000, ws_connections_max = 50, batch_size_max = 25, in_flight_max = 12, baseline = "10000.00", sandboxes_max = 3, sandbox_baseline = "10000.00" }
"#;

/// When every world begins: 2026-11-21, noon.
const NOON: Timestamp = Timestamp::from_seconds(1_795_262_400);

pub(crate) struct Machine {
    random: Random,
    disk: Arc<SimDisk>,
    durability: Durability,
    faults: Faults,
    segment_bytes: u64,
    tape_keep: u64,
    is_virtual: bool,
    secrets: Secrets,
    /// What the clock shows.
    now: Timestamp,
    model: Model,
    /// Where the ledger lies.
    directory: TempDir,
    /// Whether the last stop may have cost records that were not synced.
    lost_power: bool,
}

/// A world that runs.
struct Running {
    state: State,
    tape: Tape,
    follower: Follower,
    history: History,
}

/// The copy that takes the checkpoints.
struct Follower {
    state: State,
    reader: Reader,
    watermark: Arc<Watermark>,
    last_checkpoint: Option<Sequence>,
}

/// Why a world runs no longer.
enum Ended {
    /// A batch is not certain to be on disk; the process goes on.
    Unsure,
    /// The machine stopped.
    Off,
}

fn scenario() -> &'static Scenario {
    static PARSED: OnceLock<Scenario> = OnceLock::new();
    PARSED.get_or_init(|| Scenario::parse(SCENARIO).expect("it is valid"))
}

impl Machine {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let durability = if random.chance(200) { Durability::Process } else { Durability::Strict };
        // Without syncs only a disk that keeps its promises leaves no hole: see docs/decisions.
        let sync = if durability == Durability::Strict { 25 } else { 0 };
        let faults = if random.chance(300) {
            Faults::default()
        } else {
            Faults { read: 2, write: 15, sync, create: 80, replace: 150, remove: 150 }
        };
        Self {
            disk: SimDisk::new(random.next()),
            durability,
            faults,
            segment_bytes: 4_096 << random.below(7),
            // A ledger that lost records together with the tape is made again from record 0.
            tape_keep: if durability == Durability::Process || random.chance(500) {
                u64::MAX
            } else {
                100_000
            },
            is_virtual: random.chance(800),
            secrets: Secrets::new(random.next(), None),
            now: NOON.plus_millis(i64::try_from(random.below(86_400_000)).expect("small")),
            model: Model::new(),
            directory: tempfile::tempdir().expect("the system gives a directory"),
            lost_power: false,
            random,
        }
    }

    /// Runs so many steps over as many lives as that takes, then stops cleanly and looks at what is left.
    pub(crate) fn run(mut self, steps: u32) {
        let mut left = steps;
        let mut running = self.start();
        while left > 0 {
            left -= 1;
            let Err(ended) = self.step(&mut running) else { continue };
            running = match ended {
                Ended::Unsure => self.recover_in_place(running),
                Ended::Off => {
                    self.come_back();
                    self.start()
                }
            };
        }
        self.stop(running);
    }

    // -- Starting --

    /// Starts, however often that takes.
    fn start(&mut self) -> Running {
        for attempt in 0.. {
            // A disk that never works again proves nothing.
            let faults = if attempt < 10 { self.faults } else { Faults::default() };
            self.disk.set_faults(faults);
            match self.try_start() {
                Ok(running) => {
                    self.disk.set_faults(Faults { read: 0, ..self.faults });
                    return running;
                }
                Err(error) if self.disk.is_off() => {
                    drop(error);
                    self.come_back();
                }
                Err(error) => assert!(is_io(&error), "{error}"),
            }
        }
        unreachable!("a disk without faults works")
    }

    fn try_start(&mut self) -> Result<Running, ReplayError> {
        let disk = self.disk();
        let mut tape = Tape::open(Arc::clone(&disk), self.durability)?.with_segments_of(self.segment_bytes);
        if tape.is_empty() {
            recover(&disk, Sequence(0))?;
            self.begin(&mut tape)?;
        }
        let state = self.read_back(&tape)?;
        // As World::start does it: virtual time goes on from what it showed.
        self.now = if self.is_virtual { state.shown() } else { self.now.max(state.shown()) };
        let watermark = Arc::new(Watermark::new(tape.next()));
        let ledger = self.directory.path().join("ledger.sqlite");
        let history = History::start(&ledger, Arc::clone(&disk), Arc::clone(&watermark))?;
        let copy = State::restore(&state.snapshot()).expect("a state can be copied");
        assert_eq!(copy.digest(), state.digest(), "a copy is the same to the last byte");
        let follower = Follower {
            state: copy,
            reader: Reader::new(disk, Arc::clone(&watermark), tape.next()),
            watermark,
            last_checkpoint: tape::load_newest(&*self.disk)?.map(|checkpoint| checkpoint.sequence),
        };
        Ok(Running { state, tape, follower, history })
    }

    /// Writes record 0.
    fn begin(&mut self, tape: &mut Tape) -> Result<(), ReplayError> {
        assert!(self.model.records.is_empty() || self.may_have_lost(), "a world began over another");
        self.model.forget_from(0);
        let (mut state, mut batch) = (State::new(), Writing::default());
        batch.apply(&mut state, self.now, &self.reset(self.now)).expect("the scenario is valid");
        self.model.in_flight = batch.records;
        match tape.append(Sequence(0), &batch.batch.as_ref()) {
            Append::Durable => Ok(()),
            Append::Failed(cause) | Append::Unknown(cause) => {
                Err(TapeError::Io { name: "the tape".to_owned(), cause }.into())
            }
        }
    }

    fn may_have_lost(&self) -> bool {
        self.durability == Durability::Process && self.lost_power
    }

    /// Recovers the state, and compares it with everything that was acknowledged.
    fn read_back(&mut self, tape: &Tape) -> Result<State, ReplayError> {
        let state = recover(&self.disk(), tape.next())?;
        let end = usize::try_from(tape.next().0).expect("small");
        if end < self.model.records.len() {
            assert!(self.may_have_lost(), "{} acknowledged records are gone", self.model.records.len() - end);
            self.model.forget_from(end);
        }
        let known = u64::try_from(self.model.records.len()).expect("small");
        let behind = self.read_from(Sequence(known), tape.next())?;
        if behind.is_empty() {
            self.model.in_flight.clear();
        }
        // A batch whose outcome nobody was told is there whole, or not at all.
        assert_eq!(behind, self.model.in_flight, "what was in flight is there in part");
        self.model.acknowledge();
        self.lost_power = false;
        assert_eq!(
            state.digest(),
            self.model.state.digest(),
            "what was recovered is not what was acknowledged"
        );
        state.check().expect("it is sound");
        Ok(state)
    }

    fn read_from(&self, from: Sequence, end: Sequence) -> Result<Vec<Record>, ReplayError> {
        let mut reader = Reader::new(self.disk(), Arc::new(Watermark::new(end)), from);
        let mut all = Vec::new();
        while let Some(records) = reader.read()? {
            all.extend(records);
        }
        Ok(all)
    }

    /// A batch is unsure: the world comes back from disk, and whoever follows it goes on following.
    fn recover_in_place(&mut self, running: Running) -> Running {
        let Running { follower, history, .. } = running;
        for attempt in 0.. {
            let faults = if attempt < 10 { self.faults } else { Faults::default() };
            self.disk.set_faults(faults);
            let recovered = Tape::open(self.disk(), self.durability)
                .map_err(ReplayError::from)
                .map(|tape| tape.with_segments_of(self.segment_bytes))
                .and_then(|tape| Ok((self.read_back(&tape)?, tape)));
            match recovered {
                Ok((state, tape)) => {
                    self.disk.set_faults(Faults { read: 0, ..self.faults });
                    self.now = self.now.max(state.shown());
                    follower.watermark.raise(tape.next());
                    return Running { state, tape, follower, history };
                }
                Err(_) if self.disk.is_off() => {
                    self.come_back();
                    return self.start();
                }
                Err(error) => assert!(is_io(&error), "{error}"),
            }
        }
        unreachable!("a disk without faults works")
    }

    fn come_back(&mut self) {
        if self.random.chance(500) {
            self.disk.kill();
        } else {
            self.disk.lose_power();
            self.lost_power = true;
        }
    }

    fn disk(&self) -> Arc<dyn Disk> {
        self.disk.shared()
    }

    // -- Running --

    /// One batch, and what happens between two.
    fn step(&mut self, running: &mut Running) -> Result<(), Ended> {
        if self.random.chance(120) {
            self.disk.stop_after(self.random.below(40));
        }
        self.let_time_pass(&running.state);
        self.one_batch(running)?;
        if self.random.chance(300) {
            self.follow(running)?;
        }
        if self.random.chance(20) {
            // Killed while nothing was going on.
            self.disk.stop_after(0);
            drop(self.disk.sync("nothing"));
            return Err(Ended::Off);
        }
        Ok(())
    }

    fn let_time_pass(&mut self, state: &State) {
        let (is_virtual, is_paused) = state.clock();
        if !(is_virtual && is_paused) {
            let most = [1, 50, 5_000, 300_000, 1_200_000][self.random.index(5)];
            self.now = self.now.plus_millis(i64::try_from(self.random.below(most)).expect("small"));
        }
    }

    fn one_batch(&mut self, running: &mut Running) -> Result<(), Ended> {
        let Running { state, tape, follower, .. } = running;
        let mut writing = Writing::default();
        writing.run_due(state, self.now.max(state.at()));
        for _ in 0..=self.random.below(8) {
            let now = self.now.max(state.at());
            let command = self.choose(state, now);
            let before = self.random.chance(30).then(|| state.digest());
            let Ok(receipt) = writing.apply(state, now, &command) else {
                // A refusal changes nothing.
                assert!(before.is_none_or(|before| before == state.digest()), "{command:?}");
                continue;
            };
            self.model.in_flight.clone_from(&writing.records);
            self.model.check_retry(&command, receipt);
            if let Command::AdvanceClock { to } = command {
                self.now = to;
                writing.run_due(state, to);
            }
        }
        state.check().expect("no money was made or lost");
        assert_keys_are_few(state, self.now);
        self.model.in_flight = writing.records;
        if self.model.in_flight.is_empty() {
            return Ok(());
        }
        let first = self.model.in_flight[0].sequence;
        match tape.append(first, &writing.batch.as_ref()) {
            Append::Durable => {
                self.model.acknowledge();
                follower.watermark.raise(tape.next());
                Ok(())
            }
            Append::Failed(_) | Append::Unknown(_) if self.disk.is_off() => Err(Ended::Off),
            Append::Failed(_) | Append::Unknown(_) => Err(Ended::Unsure),
        }
    }

    fn choose(&mut self, state: &State, now: Timestamp) -> Command {
        if self.random.chance(4) {
            // A scenario is resolved a moment before the reset is carried out.
            let ago = i64::try_from(self.random.below(1_000_000)).expect("small");
            return self.reset(now.plus_millis(-ago));
        }
        Chooser { random: &mut self.random, state, now }.command()
    }

    fn reset(&self, at: Timestamp) -> Command {
        let genesis = scenario::resolve(scenario(), 7, at, self.is_virtual, &self.secrets);
        Command::Begin(Box::new(genesis.expect("the scenario is valid")))
    }

    /// The follower reads on, and now and then takes a checkpoint and lets old segments go.
    fn follow(&mut self, running: &mut Running) -> Result<(), Ended> {
        let Running { tape, follower, history, .. } = running;
        let commits = self.random.chance(500);
        if follower.read_on().is_err() || history.follow(commits).is_err() {
            assert!(self.disk.is_off(), "a reader failed on a disk that works");
            return Err(Ended::Off);
        }
        if self.random.chance(100) {
            assert_eq!(follower.state.digest(), self.model.state.digest(), "replay differs from live");
        }
        let must_sync = self.durability == Durability::Process;
        if self.random.chance(400) && (!must_sync || follower.reader.sync().is_ok()) {
            match tape::store(&*self.disk, &follower.state) {
                Ok(sequence) => {
                    if let Some(covered) = follower.last_checkpoint.replace(sequence) {
                        // What can't be removed now is removed later.
                        drop(tape.drop_covered(covered.min(history.reached()), self.tape_keep));
                    }
                }
                Err(CheckpointError::Io(..)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        if self.disk.is_off() { Err(Ended::Off) } else { Ok(()) }
    }

    // -- Stopping --

    /// A clean stop leaves a checkpoint of everything, and the tape alone makes the same world.
    fn stop(mut self, mut running: Running) {
        self.disk.kill();
        self.disk.set_faults(Faults::default());
        let follower = &mut running.follower;
        follower.read_on().expect("the disk works");
        running.history.check(&self.model.records);
        follower.reader.sync().expect("the disk works");
        tape::store(&*self.disk, &follower.state).expect("the disk works");
        self.lost_power = true;
        self.disk.lose_power();
        let tape = Tape::open(self.disk(), self.durability).expect("the disk works");
        let was = std::mem::replace(&mut self.durability, Durability::Strict); // Nothing may be missing now.
        let state = self.read_back(&tape).expect("the disk works");
        if tape.first() == Some(Sequence(0)) {
            let all = self.read_from(Sequence(0), tape.next()).expect("it is whole");
            assert_eq!(all, self.model.records, "the tape holds what was acknowledged");
            let mut replayed = State::new();
            for record in &all {
                replay(&mut replayed, record).expect("it does what it did");
            }
            assert_eq!(replayed.digest(), state.digest(), "replay differs from live");
            if was == Durability::Strict {
                self.damage();
            }
        }
    }

    /// A byte that is not what it was is noticed, unless it said nothing. Only what is wrong with the last
    /// batch can't be told from a torn tail.
    fn damage(&mut self) {
        let mut segments = self.disk.list().expect("it is on");
        segments.retain(|name| name.starts_with("tape-"));
        let name = segments.swap_remove(self.random.index(segments.len()));
        let mut bytes = self.disk.contents(&name);
        let at = self.random.index(bytes.len());
        bytes[at] ^= 1 << self.random.below(8);
        self.disk.put(&name, &bytes);
        let found = Tape::open(self.disk(), Durability::Strict)
            .map_err(ReplayError::from)
            .and_then(|tape| self.read_from(Sequence(0), tape.next()));
        if let Ok(found) = found {
            assert!(self.model.records.starts_with(&found), "{name}, byte {at}: records changed unnoticed");
            let most = self.model.last_batch;
            assert!(found.len() + most >= self.model.records.len(), "{name}, byte {at}: records vanished");
        }
    }
}

impl Follower {
    fn read_on(&mut self) -> Result<(), ReplayError> {
        while let Some(records) = self.reader.read()? {
            for record in &records {
                replay(&mut self.state, record)?;
            }
        }
        Ok(())
    }
}

/// A batch while it is filled, as the sequencer fills it.
#[derive(Default)]
struct Writing {
    batch: Batch,
    records: Vec<Record>,
}

impl Writing {
    fn apply(
        &mut self,
        state: &mut State,
        at: Timestamp,
        command: &Command,
    ) -> Result<papertape::world::Receipt, papertape::types::Reject> {
        let (mut events, mut notes) = (Vec::new(), Vec::new());
        let result = state.apply(at, command, &mut events, &mut notes);
        let receipt = match result {
            Ok(receipt) => receipt,
            Err(reject) => {
                assert!(events.is_empty() && notes.is_empty(), "a refusal told of something");
                return Err(reject);
            }
        };
        if matches!(receipt, papertape::world::Receipt::Replayed(_)) {
            return Ok(receipt);
        }
        let sequence = state.sequence().map_or(Sequence(0), Sequence::next);
        state.advance(sequence);
        self.batch.push(&RecordRef { sequence, at, command, events: &events, notes: &notes });
        self.records.push(Record { sequence, at, command: command.clone(), events, notes });
        Ok(receipt)
    }

    fn run_due(&mut self, state: &mut State, until: Timestamp) {
        while let Some((due_at, due)) = state.next_due().filter(|(at, _)| *at <= until) {
            let (at, command) = (due_at.max(state.at()), due_command(state, due, until));
            let outcome = self.apply(state, at, &command);
            assert!(outcome.is_ok(), "{due:?} was due but refused: {outcome:?}");
        }
    }
}

/// Five keys work at once, and a sixth while a rotated one still does, whoever asked in which order.
fn assert_keys_are_few(state: &State, now: Timestamp) {
    let identity = state.identity();
    for (user, _) in identity.users() {
        let works = |key: &papertape::identity::Key| key.usable(now.max(state.at())).is_ok();
        let working = identity.keys_of(user).filter(|(_, key)| works(key)).count();
        assert!(working <= 6, "user {user} has {working} keys that work");
    }
}

/// Whether the disk said so, which it may say again or not.
fn is_io(error: &ReplayError) -> bool {
    let cause: Option<&Error> = match error {
        ReplayError::Tape(TapeError::Io { cause, .. })
        | ReplayError::Checkpoint(CheckpointError::Io(_, cause)) => Some(cause),
        ReplayError::Tape(_)
        | ReplayError::Checkpoint(_)
        | ReplayError::Differs(_)
        | ReplayError::Gap(_)
        | ReplayError::Short { .. } => None,
    };
    cause.is_some_and(|cause| cause.kind() == ErrorKind::Other)
}
