//! Work on its way to the sequencer, gathered so that many pieces cost it one wake-up.
//!
//! Waking the sequencer's thread costs more than an order does. Whoever comes first waits until everything else
//! that is ready on its thread has run, and then sends what came together.

use super::sequencer::Work;
use super::supervisor::STOPS;
use crate::types::Reject;
use crossbeam_channel::{Sender, TrySendError};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many pieces of work go at once, so that nobody's waits for many others to come.
const TOGETHER_MAX: usize = 256;

/// Where work waits for company.
pub(super) struct Outbox {
    mailbox: Sender<Work>,
    // A std mutex: held for a push or a take and never across an await.
    waiting: Mutex<Vec<Work>>,
}

impl Outbox {
    pub(super) fn new(mailbox: Sender<Work>) -> Self {
        Self { mailbox, waiting: Mutex::default() }
    }

    /// Sends work. Its own channel tells what becomes of it, a refusal for want of room too.
    pub(super) async fn send(&self, work: Work) {
        let (count, full) = self.add(work);
        if count == 1 {
            // Sends even if the caller goes away meanwhile: others count on it.
            let _sends = Sending(self);
            tokio::task::yield_now().await;
        } else if let Some(full) = full {
            self.hand_over(full);
        }
    }

    /// How many pieces wait now, and all of them if they must not wait for more.
    fn add(&self, work: Work) -> (usize, Option<Vec<Work>>) {
        let mut waiting = self.lock();
        waiting.push(work);
        let count = waiting.len();
        (count, (count >= TOGETHER_MAX).then(|| std::mem::take(&mut *waiting)))
    }

    fn hand_over(&self, mut waiting: Vec<Work>) {
        let work = if waiting.len() > 1 { Some(Work::Several(waiting)) } else { waiting.pop() };
        let Some(work) = work else { return };
        match self.mailbox.try_send(work) {
            Ok(()) => {}
            Err(TrySendError::Full(work)) => work.refuse(&Reject::Overloaded),
            Err(TrySendError::Disconnected(work)) => work.refuse(&Reject::Stopped(STOPS.to_owned())),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Work>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("waiting", &self.lock().len()).finish_non_exhaustive()
    }
}

/// The duty to send what waits.
struct Sending<'a>(&'a Outbox);

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        let waiting = std::mem::take(&mut *self.0.lock());
        self.0.hand_over(waiting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::{Receiver, bounded};
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn outbox() -> (Outbox, Receiver<Work>) {
        let (mailbox, inbox) = bounded(4);
        (Outbox::new(mailbox), inbox)
    }

    /// How many pieces came, message by message.
    fn came(inbox: &Receiver<Work>) -> Vec<usize> {
        inbox.try_iter().map(|work| if let Work::Several(all) = work { all.len() } else { 1 }).collect()
    }

    fn poll(sending: std::pin::Pin<&mut impl Future<Output = ()>>) -> Poll<()> {
        sending.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn what_comes_while_the_first_waits_goes_with_it() {
        let (outbox, inbox) = outbox();
        let (mut first, mut second) = (pin!(outbox.send(Work::Stop)), pin!(outbox.send(Work::Stop)));
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_ready());
        assert!(inbox.is_empty());
        assert!(poll(first).is_ready());
        assert_eq!(came(&inbox), [2]);
    }

    #[test]
    fn the_others_are_sent_even_if_the_first_goes_away() {
        let (outbox, inbox) = outbox();
        let mut first = Box::pin(outbox.send(Work::Stop));
        assert!(poll(first.as_mut()).is_pending() && poll(pin!(outbox.send(Work::Stop))).is_ready());
        drop(first);
        assert_eq!(came(&inbox), [2]);
    }

    #[test]
    fn nobody_waits_for_more_than_the_most() {
        let (outbox, inbox) = outbox();
        let mut first = pin!(outbox.send(Work::Stop));
        assert!(poll(first.as_mut()).is_pending());
        for _ in 1..TOGETHER_MAX {
            assert!(poll(pin!(outbox.send(Work::Stop))).is_ready());
        }
        assert_eq!(came(&inbox), [TOGETHER_MAX]);
    }
}
