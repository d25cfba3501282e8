//! The books that a socket follows (§§11.3 to 11.7): each with its own depth and its own numbers.

use super::super::error::Failure;
use super::super::number::rounded;
use super::super::selector::{Chosen, choose, outcome_of};
use super::super::text::parsec_id;
use super::frames::{self, Level};
use crate::http::{End, Step};
use crate::service::customer_sockets::OpenSocket;
use crate::service::ear::{Ear, Source};
use crate::service::replica::Replica;
use crate::service::{Bucket, CustomerRules, Fill, MarketUpdate, Service, Status};
use crate::types::{MarketId, Outcome, Reject, Timestamp};
use bytes::Bytes;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::time::Instant;

/// Entries that one message may have: more than any tier follows.
const ENTRIES_MAX: usize = 1_000;
/// Levels a side unless a number is asked for.
const DEPTH: usize = 50;
/// Messages a second that ask for something, and so many at once: a client that must ask for several books again is not
/// held up.
const ASKS: (u32, u32) = (3, 10);

/// A book as it is followed.
type Book = (MarketId, Outcome);

/// What a socket was told of a book.
struct Followed {
    depth: usize,
    /// The number of the last message about the book.
    number: u64,
    bids: Vec<Level>,
    asks: Vec<Level>,
    /// Whether it was told to ask for the book again, and has not yet.
    is_lost: bool,
    /// Whether it was told that it reads too slowly, and has not caught up since.
    is_warned: bool,
}

/// Everything that one socket follows.
pub(super) struct Books {
    service: Service,
    tier: &'static str,
    rules: CustomerRules,
    seat: OpenSocket,
    followed: BTreeMap<Book, Followed>,
    /// The markets of those books.
    markets: BTreeMap<MarketId, Replica>,
    asks: Bucket,
    began: Instant,
}

/// A book that a message names.
struct Named {
    chosen: Chosen,
    outcome: Outcome,
}

impl Books {
    pub(super) fn new(
        service: Service,
        (tier, rules): (&'static str, CustomerRules),
        seat: OpenSocket,
    ) -> Self {
        Self {
            service,
            tier,
            rules,
            seat,
            followed: BTreeMap::new(),
            markets: BTreeMap::new(),
            asks: Bucket::default(),
            began: Instant::now(),
        }
    }

    /// What is counted of the socket.
    pub(super) fn seat(&self) -> &OpenSocket {
        &self.seat
    }

    /// Whether one more message may ask for something now.
    fn may_ask(&mut self) -> Result<(), Step> {
        let passed = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let (rate, burst) = ASKS;
        match self.asks.take(Timestamp::from_millis(passed), rate, burst) {
            Some(_) => Ok(()),
            None => Err(Step::send(vec![frames::error(3001, "rate limited", None)])),
        }
    }

    /// What an entry of a message names, or what is wrong with it.
    fn read(&self, entry: &Value) -> Result<Named, Wrong> {
        let text = |name: &str| match entry.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            // An outcome may be its number.
            Some(Value::Number(number)) if name == "outcome" => Ok(Some(number.to_string())),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(Wrong::shape(None))
            }
        };
        let [parsec, exchange, native] = [text("parsec_id")?, text("exchange")?, text("market_id")?];
        let pair = || Some(format!("{}:{}", exchange.as_deref()?, native.as_deref()?));
        let named = parsec.clone().or_else(pair);
        let chosen =
            choose(&self.service.catalog(), parsec.as_deref(), exchange.as_deref(), native.as_deref());
        let chosen = chosen.map_err(|failure| Wrong::selector(&failure, named.clone()))?;
        let outcome = text("outcome").map_err(|_| Wrong::shape(named.clone()))?;
        let outcome = outcome_of(&chosen.spec, outcome.as_deref()).map_err(|failure| Wrong {
            code: 2005,
            text: failure.error,
            named: named.clone(),
        })?;
        Ok(Named { chosen, outcome })
    }

    /// How many levels an entry asks for: as many as are asked for if that many are shown, else the most or the fewest.
    fn depth(entry: &Value) -> Result<usize, Wrong> {
        match entry.get("depth") {
            None | Some(Value::Null) => Ok(DEPTH),
            Some(Value::Number(number)) => {
                let depth = rounded(&number.to_string(), 0).unwrap_or_default();
                Ok(usize::try_from(depth.max(0)).unwrap_or(usize::MAX))
            }
            Some(Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
                let named = entry.get("parsec_id").and_then(Value::as_str).map(str::to_owned);
                Err(Wrong::shape(named))
            }
        }
    }

    pub(super) async fn subscribe(&mut self, message: &Value, ear: &mut Ear) -> Step {
        if let Err(step) = self.may_ask() {
            return step;
        }
        self.seat.asked(true);
        let entries = match entries(message) {
            Ok(entries) => entries,
            Err(wrong) => return Step::send(vec![wrong.frame()]),
        };
        let (mut all, mut shown) = (Vec::new(), BTreeSet::new());
        for entry in entries {
            let named = self.read(entry).and_then(|named| Ok((Self::depth(entry)?, named)));
            let (depth, named) = match named {
                Ok(named) => named,
                Err(wrong) => {
                    all.push(wrong.frame());
                    continue;
                }
            };
            // Named twice in one message it is shown once.
            if !shown.insert((named.chosen.market, named.outcome)) {
                continue;
            }
            match self.follow(&named, depth, ear).await {
                Ok(frame) => all.push(frame),
                Err(step) => {
                    all.extend(step.frames);
                    if let Some(end) = step.end {
                        return Step::send(all).then(end);
                    }
                }
            }
        }
        Step::send(all)
    }

    /// Follows a book, or shows it again at another depth. Nothing but its first snapshot says that it worked.
    async fn follow(&mut self, named: &Named, depth: usize, ear: &mut Ear) -> Result<Bytes, Step> {
        let book = (named.chosen.market, named.outcome);
        let id = parsec_id(&named.chosen.spec);
        if !self.seat.follow(book, self.rules.subscriptions_max) {
            let limit = self.rules.subscriptions_max;
            let text = format!("max subscriptions reached (limit: {limit}, tier: {})", self.tier);
            return Err(Step::send(vec![frames::error(3002, &text, Some(&id))]));
        }
        if !self.markets.contains_key(&book.0)
            && let Err(reject) = self.listen(book.0, ear).await
        {
            self.seat.leave(book);
            if reject == Reject::MarketNotFound {
                return Err(Step::send(vec![frames::error(2002, "market not found", Some(&id))]));
            }
            return Err(Step::from(reject));
        }
        let most = usize::try_from(self.rules.depth_max).unwrap_or(usize::MAX).max(1);
        let depth = depth.clamp(1, most);
        let followed = self.followed.entry(book).or_insert_with(Followed::new);
        followed.depth = depth;
        Ok(self.snapshot(book))
    }

    async fn listen(&mut self, market: MarketId, ear: &mut Ear) -> Result<(), Reject> {
        for followed in self.service.follow(&[market]).await? {
            match followed.view.status {
                // Nothing more happens to what is over.
                Status::Resolved(_) => {}
                Status::Open | Status::Halted => ear.listen(market, followed.updates),
            }
            self.markets.insert(market, Replica::of(&followed.view));
        }
        Ok(())
    }

    /// The whole book as it is seen now, with its next number.
    fn snapshot(&mut self, book: Book) -> Bytes {
        let replica = self.markets.get(&book.0).expect("BUG: a book without its market");
        let followed = self.followed.get_mut(&book).expect("BUG: a book that is not followed");
        let [bids, asks] = replica.levels(book.1, followed.depth);
        (followed.bids, followed.asks) = (bids, asks);
        followed.number += 1;
        (followed.is_lost, followed.is_warned) = (false, false);
        let levels = [followed.bids.as_slice(), followed.asks.as_slice()];
        frames::snapshot(replica, book.1, levels, (followed.number, self.service.now()))
    }

    pub(super) fn unsubscribe(&mut self, message: &Value, ear: &mut Ear) -> Step {
        if let Err(step) = self.may_ask() {
            return step;
        }
        self.seat.asked(false);
        let entries = match entries(message) {
            Ok(entries) => entries,
            Err(wrong) => return Step::send(vec![wrong.frame()]),
        };
        let mut all = Vec::new();
        for entry in entries {
            match self.read(entry) {
                Ok(named) => self.leave((named.chosen.market, named.outcome), ear),
                // What nobody knows nobody follows (§11.3).
                Err(wrong) if wrong.is_unknown() => {}
                Err(wrong) => all.push(wrong.frame()),
            }
        }
        Step::send(all)
    }

    fn leave(&mut self, book: Book, ear: &mut Ear) {
        self.followed.remove(&book);
        self.seat.leave(book);
        if Outcome::BOTH.iter().all(|outcome| !self.followed.contains_key(&(book.0, *outcome))) {
            self.markets.remove(&book.0);
            ear.forget(Source::Market(book.0));
        }
    }

    pub(super) fn resync(&mut self, message: &Value) -> Step {
        if let Err(step) = self.may_ask() {
            return step;
        }
        let named = match self.read(message) {
            Ok(named) => named,
            Err(wrong) => return Step::send(vec![wrong.frame()]),
        };
        let book = (named.chosen.market, named.outcome);
        if self.followed.contains_key(&book) {
            return Step::send(vec![self.snapshot(book)]);
        }
        let id = parsec_id(&named.chosen.spec);
        Step::send(vec![frames::error(2001, "not subscribed", Some(&id))])
    }

    /// What an update means to each book of its market: what traded, then what of the view changed.
    pub(super) fn updated(&mut self, update: &Arc<MarketUpdate>, is_filling: bool) -> Step {
        let Some(replica) = self.markets.get_mut(&update.market) else { return Step::nothing() };
        if replica.take_in(update).is_none() {
            return Step::nothing();
        }
        let (replica, now) = (&*replica, self.service.now());
        let mut all = Vec::new();
        for outcome in Outcome::BOTH {
            let Some(followed) = self.followed.get_mut(&(update.market, outcome)) else { continue };
            // Until it is shown anew nothing is said of it.
            if followed.is_lost {
                continue;
            }
            let number = followed.number;
            let stamps = (number, update.at, now);
            all.extend(update.trades.iter().map(|trade| frames::trade(replica, outcome, trade, stamps)));
            all.extend(followed.delta(replica, outcome, (update.at, now)));
            if is_filling && !followed.is_warned {
                all.push(frames::about("slow_reader", replica, outcome));
            }
            followed.is_warned = is_filling;
        }
        Step::send(all)
    }

    /// One of the customer's own orders traded on a market that is followed.
    pub(super) fn filled(&self, fill: &Fill) -> Step {
        let Some(replica) = self.markets.get(&fill.market) else { return Step::nothing() };
        let of = |outcome| self.followed.get(&(fill.market, outcome));
        let followed = of(fill.outcome).or_else(|| of(fill.outcome.complement()));
        let Some(followed) = followed else { return Step::nothing() };
        Step::send(vec![frames::fill(replica, fill, (followed.number, self.service.now()))])
    }

    /// Updates of a market were lost, because the socket did not read in time: its books must be asked for again, and
    /// until then nothing is said of them.
    pub(super) async fn fell_behind(&mut self, market: MarketId, ear: &mut Ear) -> Step {
        ear.forget(Source::Market(market));
        self.markets.remove(&market);
        if let Err(reject) = self.listen(market, ear).await {
            tracing::debug!(%reject, "a market can't be followed again");
            return Step::end(End::UNAVAILABLE);
        }
        let mut all = Vec::new();
        for outcome in Outcome::BOTH {
            let replica = self.markets.get(&market);
            if let (Some(followed), Some(replica)) = (self.followed.get_mut(&(market, outcome)), replica) {
                if !followed.is_lost {
                    all.push(frames::about("resync_required", replica, outcome));
                }
                followed.is_lost = true;
            }
        }
        Step::send(all)
    }
}

impl Followed {
    fn new() -> Self {
        Self { depth: DEPTH, number: 0, bids: Vec::new(), asks: Vec::new(), is_lost: false, is_warned: false }
    }

    /// What of the view changed since it was told last, if anything did (§11.5).
    fn delta(&mut self, replica: &Replica, outcome: Outcome, at: (Timestamp, Timestamp)) -> Option<Bytes> {
        let [bids, asks] = replica.levels(outcome, self.depth);
        let changes = [frames::changes(&self.bids, &bids), frames::changes(&self.asks, &asks)];
        if changes.iter().all(Vec::is_empty) {
            return None;
        }
        (self.bids, self.asks) = (bids, asks);
        self.number += 1;
        Some(frames::delta(replica, outcome, &changes, (self.number, at.0, at.1)))
    }
}

/// What is wrong with an entry of a message, in the socket's own numbers (§11.9).
struct Wrong {
    code: u16,
    text: String,
    /// The market that it names, so that its sender knows which entry is meant.
    named: Option<String>,
}

impl Wrong {
    fn shape(named: Option<String>) -> Self {
        Self { code: 2001, text: "invalid message".to_owned(), named }
    }

    fn selector(failure: &Failure, named: Option<String>) -> Self {
        let code = match failure.code {
            "exchange_not_found" => 2003,
            "market_not_found" => 2002,
            _ => 2001,
        };
        Self { code, text: failure.error.clone(), named }
    }

    fn is_unknown(&self) -> bool {
        self.code != 2001
    }

    fn frame(&self) -> Bytes {
        frames::error(self.code, &self.text, self.named.as_deref())
    }
}

/// The entries of a message. One that is wrong fails no other.
fn entries(message: &Value) -> Result<&[Value], Wrong> {
    let entries = message.get("markets").and_then(Value::as_array).ok_or_else(|| Wrong::shape(None))?;
    if entries.len() > ENTRIES_MAX {
        let text = format!("more than {ENTRIES_MAX} markets in one message");
        return Err(Wrong { code: 2001, text, named: None });
    }
    Ok(entries)
}
