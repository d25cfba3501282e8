//! The one thread that owns the state, and the one that writes the tape behind it.
//!
//! The sequencer takes everything that waits, applies it, and hands the batch on; while the tape syncs it,
//! the next batch is applied. Replies and answers leave only after their batch is durable.

use super::catalog::{Catalog, Directory};
use super::clock::{Clock, ClockMode};
use super::hub::Committed;
use super::record::{Command, Note, Receipt, RecordRef};
use super::scenario;
use super::state::{Due, State};
use super::tape::{Append, Batch, Tape, Watermark};
use crate::exchange::Event;
use crate::types::{MarketId, Reject, Sequence, Timestamp, index};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How many pieces of work go into one batch.
const BATCH_MAX: usize = 2_048;
/// A batch with so many bytes takes no more work.
const BATCH_BYTES: usize = 8 << 20;
/// The longest nap: a wake-up now and then costs nothing and forgives a clock that was set.
const NAP: Duration = Duration::from_secs(1);

/// What a command comes to.
pub type Outcome = Result<Receipt, Reject>;

/// An answer that waits until what it shows is durable.
pub type Release = Box<dyn FnOnce() + Send>;

/// Something for the sequencer to do.
pub enum Work {
    /// One command, in an epoch alone if one is given.
    One(Option<u32>, Box<Command>, oneshot::Sender<Outcome>),
    /// Several, one after the other; one refusal undoes no other.
    Many(Option<u32>, Vec<Command>, oneshot::Sender<Vec<Outcome>>),
    /// What came together, from different callers.
    Several(Vec<Work>),
    /// A question about the state.
    Ask(Box<dyn FnOnce(&State) -> Release + Send>),
    /// Finish what waits and end.
    Stop,
}

/// An answer on its way.
enum Reply {
    One(oneshot::Sender<Outcome>, Outcome),
    Many(oneshot::Sender<Vec<Outcome>>, Vec<Outcome>),
    Asked(Release),
}

/// A batch between the two threads.
#[derive(Default)]
pub(super) struct Applied {
    batch: Batch,
    first: Sequence,
    replies: Vec<Reply>,
    pub(super) committed: Committed,
    /// What readers must see before anyone is answered.
    pub(super) published: Option<Arc<Directory>>,
}

/// Why the sequencer ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It was asked to.
    Stopped,
    /// The tape thread is gone, and says why itself.
    TapeGone,
}

/// The state with its surroundings, while it runs.
pub(super) struct Sequencer<'a> {
    pub(super) state: State,
    pub(super) clock: &'a Clock,
    pub(super) mailbox: &'a Receiver<Work>,
    pub(super) to_tape: Sender<Applied>,
    /// Batches come back here to be filled again.
    pub(super) recycled: Receiver<Applied>,
    /// The markets as they were published last.
    pub(super) catalog: Arc<Catalog>,
    pub(super) stale: Stale,
}

/// What of the published directory is no longer true.
#[derive(Clone, Debug, Default)]
pub(super) struct Stale {
    /// Whether there are more markets, or others.
    catalog: bool,
    /// Markets whose rules changed.
    rules: BTreeSet<MarketId>,
    people: bool,
}

impl Sequencer<'_> {
    /// Works until it is told to stop or nobody writes the tape any more.
    pub(super) fn run(&mut self) -> Ended {
        loop {
            let first = match self.mailbox.recv_timeout(self.nap()) {
                Ok(work) => Some(work),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Ended::Stopped,
            };
            let mut applied = self.recycled.try_recv().unwrap_or_default();
            applied.first = self.state.sequence().map_or(Sequence(0), Sequence::next);
            self.run_due(self.now(), &mut applied);
            let mut stopping = false;
            for work in first.into_iter().chain(self.mailbox.try_iter()).take(BATCH_MAX) {
                stopping |= matches!(work, Work::Stop);
                self.handle(work, &mut applied);
                if stopping || applied.batch.as_ref().payload.len() >= BATCH_BYTES {
                    break;
                }
            }
            applied.published = self.directory();
            let is_empty = applied.replies.is_empty() && applied.batch.records() == 0;
            if !is_empty && self.to_tape.send(applied).is_err() {
                return Ended::TapeGone;
            }
            if stopping {
                return Ended::Stopped;
            }
        }
    }

    /// What a batch changed for every reader, made once for all that is in it; none if it changed nothing.
    fn directory(&mut self) -> Option<Arc<Directory>> {
        let Stale { catalog, rules, people } = std::mem::take(&mut self.stale);
        let catalog = catalog || !rules.is_empty();
        if catalog {
            let (exchange, epoch) = (self.state.exchange(), self.state.epoch());
            let is_same = self.catalog.epoch() == epoch;
            let renewed = || self.catalog.renewed(exchange, &rules).extended(exchange);
            self.catalog = Arc::new(if is_same { renewed() } else { Catalog::of(exchange, epoch) });
        }
        (catalog || people).then(|| Arc::new(Directory::with(&self.state, Arc::clone(&self.catalog))))
    }

    fn nap(&self) -> Duration {
        let due = self.state.next_due().and_then(|(at, _)| self.clock.until(at));
        due.unwrap_or(NAP).min(NAP)
    }

    /// World time, which never runs backwards.
    fn now(&self) -> Timestamp {
        self.clock.now().max(self.state.at())
    }

    fn handle(&mut self, work: Work, applied: &mut Applied) {
        match work {
            Work::One(epoch, command, reply) => {
                let outcome = self.carry_out(epoch, &command, applied);
                applied.replies.push(Reply::One(reply, outcome));
            }
            Work::Many(epoch, commands, reply) => {
                let outcomes =
                    commands.iter().map(|command| self.carry_out(epoch, command, applied)).collect();
                applied.replies.push(Reply::Many(reply, outcomes));
            }
            Work::Several(all) => all.into_iter().for_each(|work| self.handle(work, applied)),
            Work::Ask(question) => applied.replies.push(Reply::Asked(question(&self.state))),
            Work::Stop => {}
        }
    }

    fn carry_out(&mut self, epoch: Option<u32>, command: &Command, applied: &mut Applied) -> Outcome {
        // Whoever was let in before a reset is nobody now, and the ids in the command are somebody else's.
        epoch.map_or(Ok(()), |epoch| self.state.must_be_in(epoch))?;
        let now = self.now();
        let receipt = self.apply(now, command, applied)?;
        match command {
            Command::AdvanceClock { to } => {
                self.set_clock(*to);
                self.run_due(*to, applied);
            }
            Command::Begin(_) | Command::PauseClock | Command::ResumeClock => self.set_clock(now),
            Command::Place { .. }
            | Command::Exchange { .. }
            | Command::Heartbeat { .. }
            | Command::SwitchFired { .. }
            | Command::Roll(_)
            | Command::Identity { .. }
            | Command::Wallet { .. }
            | Command::Customer { .. } => {}
        }
        Ok(receipt)
    }

    fn set_clock(&self, shown: Timestamp) {
        let (is_virtual, is_paused) = self.state.clock();
        self.clock.set(ClockMode::of(is_virtual), shown, is_paused);
    }

    /// Applies one command and writes its record, unless it was refused or changed nothing.
    fn apply(&mut self, at: Timestamp, command: &Command, applied: &mut Applied) -> Outcome {
        let events = &mut applied.committed.events;
        let from = events.len();
        let mut notes = Vec::new();
        let wallets = Arc::as_ptr(self.state.wallets());
        let receipt = self.state.apply(at, command, events, &mut notes)?;
        if matches!(receipt, Receipt::Replayed(_)) {
            return Ok(receipt);
        }
        let sequence = self.state.sequence().map_or(Sequence(0), Sequence::next);
        self.state.advance(sequence);
        let new = &events[from..];
        for event in new {
            if let Event::TicksRefined { market, .. } = event {
                self.stale.rules.insert(*market);
            }
            self.stale.catalog |= matches!(event, Event::MarketListed { .. });
        }
        let began = notes.iter().any(|note| matches!(note, Note::Began { .. }));
        applied.batch.push(&RecordRef { sequence, at, command, events: new, notes: &notes });
        applied.committed.records.push((sequence, at, events.len()));
        if began {
            applied.committed.began = Some(sequence);
        }
        self.stale.catalog |= began;
        let is_peoples =
            matches!(command, Command::Identity { .. } | Command::Wallet { .. } | Command::Customer { .. });
        self.stale.people |= began || is_peoples;
        // An order for another of a wallet's addresses changes them too. What was published is shared, and so copied first.
        self.stale.people |= Arc::as_ptr(self.state.wallets()) != wallets;
        Ok(receipt)
    }

    /// Carries out what is due, each at its own time.
    fn run_due(&mut self, until: Timestamp, applied: &mut Applied) {
        while let Some((due_at, due)) = self.state.next_due().filter(|(at, _)| *at <= until) {
            let at = due_at.max(self.state.at());
            let command = due_command(&self.state, due, until);
            let outcome = self.apply(at, &command, applied);
            assert!(outcome.is_ok(), "BUG: {due:?} was due but refused: {outcome:?}");
        }
    }
}

/// The command that a due moment stands for. `until` is how far time goes on before anyone can act again.
#[must_use]
pub fn due_command(state: &State, due: Due, until: Timestamp) -> Command {
    let by = super::record::Authority::System;
    match due {
        Due::Expire(order) => Command::Exchange { by, command: crate::exchange::Command::Expire { order } },
        Due::Switch(account) => Command::SwitchFired { account },
        Due::Roll(number) => scenario::roll(state.seed(), number, &state.series()[index(number)], until),
    }
}

/// The thread behind the sequencer: makes batches durable, then lets their answers go.
pub(super) struct TapeWriter<'a> {
    pub(super) tape: Tape,
    pub(super) from_sequencer: Receiver<Applied>,
    pub(super) recycle: Sender<Applied>,
    pub(super) watermark: &'a Watermark,
}

impl TapeWriter<'_> {
    /// Writes until the sequencer is gone.
    ///
    /// # Errors
    /// Why a batch is not certain to be durable. Everyone who waited was told.
    pub(super) fn run(&mut self, mut publish: impl FnMut(&mut Applied, &mut Tape)) -> Result<(), String> {
        while let Ok(mut applied) = self.from_sequencer.recv() {
            if applied.batch.records() > 0 {
                match self.tape.append(applied.first, &applied.batch.as_ref()) {
                    Append::Durable => self.watermark.raise(self.tape.next()),
                    Append::Failed(error) | Append::Unknown(error) => {
                        // They were in flight: nobody can know what became of their commands.
                        applied.refuse();
                        self.from_sequencer.try_iter().for_each(Applied::refuse);
                        return Err(format!("the tape can't be written: {error}"));
                    }
                }
                publish(&mut applied, &mut self.tape);
            }
            self.release(applied);
        }
        Ok(())
    }

    fn release(&self, mut applied: Applied) {
        for reply in applied.replies.drain(..) {
            reply.send();
        }
        applied.batch.clear();
        applied.committed.events.clear();
        applied.committed.records.clear();
        applied.committed.began = None;
        applied.published = None;
        // A full pool lets this one go.
        drop(self.recycle.try_send(applied));
    }
}

impl Applied {
    /// Tells everyone who waits for this batch that its outcome is not known.
    pub(super) fn refuse(self) {
        for reply in self.replies {
            match reply {
                Reply::One(sender, _) => drop(sender.send(Err(Reject::OutcomeUnknown))),
                Reply::Many(sender, outcomes) => {
                    drop(sender.send(vec![Err(Reject::OutcomeUnknown); outcomes.len()]));
                }
                // The question's sender goes with it, which its asker notices.
                Reply::Asked(_) => {}
            }
        }
    }
}

impl Reply {
    /// A receiver that is gone stopped waiting: the command ran to its end all the same.
    fn send(self) {
        match self {
            Self::One(sender, outcome) => drop(sender.send(outcome)),
            Self::Many(sender, outcomes) => drop(sender.send(outcomes)),
            Self::Asked(release) => release(),
        }
    }
}

impl Work {
    /// Refuses work that never reached the state.
    pub(super) fn refuse(self, reject: &Reject) {
        match self {
            Self::One(_, _, sender) => drop(sender.send(Err(reject.clone()))),
            Self::Many(_, commands, sender) => drop(sender.send(vec![Err(reject.clone()); commands.len()])),
            Self::Several(all) => all.into_iter().for_each(|work| work.refuse(reject)),
            Self::Ask(_) | Self::Stop => {}
        }
    }
}
