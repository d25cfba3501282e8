//! A wallet's own orders and trades as they happen (§8.2).

use super::super::auth::reads_of;
use super::super::to_wire::{OrderEvent, Shown, status_name};
use super::{Channel, End, NO_SEAT, Step, Visit, json, pump};
use crate::service::callers::MayRead;
use crate::service::ear::Ear;
use crate::service::history::{FillFilter, OrderFilter, OrderRow, OrderStatus};
use crate::service::settlement::{MatchRow, Stage};
use crate::service::streams::SocketSeat;
use crate::service::wallet_keys::Credentials;
use crate::service::{Caller, ClobMode, Ended, Fill, Progress, Service, Signed, UserNews};
use crate::types::{MarketId, OrderId, Reject, Shares, Size, Timestamp};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// How long a socket may stay open before it says whose it is, on the wall's time.
const AUTH_WITHIN: Duration = Duration::from_secs(15);
/// How often settlement stages are looked at while some are due, on the wall's time: the world's own may be moved.
const STAGES_EVERY: Duration = Duration::from_millis(100);
/// Markets that one socket may name.
const MARKETS_MAX: usize = 1_000;
/// Trades whose later stages one socket waits for. What comes after them is told at once.
const STAGES_MAX: usize = 10_000;

const NO_AUTH: End = End { code: End::POLICY, reason: "" };

pub(super) async fn serve(visit: Visit) {
    let Visit { service, socket, address } = visit;
    // Before anything is looked up: a reset in between must close the socket.
    let notices = service.notices();
    let Some(seat) = service.take_anonymous_seat(address) else {
        return socket.close(NO_SEAT.code, NO_SEAT.reason).await;
    };
    let opens_until = Instant::now() + AUTH_WITHIN;
    let scope = Scope::Everything;
    let channel = User {
        service,
        address,
        caller: None,
        seat: Some(seat),
        scope,
        opens_until,
        due: BTreeMap::new(),
        looks_at: None,
    };
    pump(socket, notices, channel).await;
}

/// A frame from the client.
#[derive(Deserialize)]
struct Frame {
    auth: Option<Auth>,
    operation: Option<String>,
    markets: Option<Vec<String>>,
}

/// The three parts of a key. They never print.
#[derive(Deserialize)]
struct Auth {
    #[serde(rename = "apiKey")]
    key: Option<String>,
    secret: Option<String>,
    passphrase: Option<String>,
}

/// Whose news is told.
enum Scope {
    Everything,
    /// On these markets alone.
    Only(BTreeSet<MarketId>),
}

struct User {
    service: Service,
    address: IpAddr,
    caller: Option<Caller>,
    /// Nobody's until the socket says whose it is. Dropping it counts the socket out.
    seat: Option<SocketSeat>,
    scope: Scope,
    opens_until: Instant,
    /// Stages that trades have not come to yet, by when they will.
    due: BTreeMap<(Timestamp, u64), (MatchRow, Stage)>,
    /// When they are looked at next.
    looks_at: Option<Instant>,
}

impl Channel for User {
    async fn said(&mut self, text: &str, ear: &mut Ear) -> Step {
        let Ok(frame) = serde_json::from_str::<Frame>(text) else {
            // What can't be read is ignored, but not instead of saying whose the socket is.
            return if self.caller.is_some() { Step::nothing() } else { Step::end(NO_AUTH) };
        };
        let is_first = self.caller.is_none();
        if let Some(auth) = frame.auth {
            let Some(caller) = self.known(auth) else { return Step::end(NO_AUTH) };
            if self.caller.is_some_and(|known| known.user != caller.user) {
                return Step::end(NO_AUTH);
            }
            if self.caller.is_none() {
                let Some(seat) = self.service.take_wallet_seat(&caller, self.address) else {
                    return Step::end(NO_SEAT);
                };
                (self.seat, self.caller) = (Some(seat), Some(caller));
                ear.listen_to_user(caller.user, self.service.news_of(&caller));
            }
        }
        if self.caller.is_none() {
            return Step::end(NO_AUTH);
        }
        let markets = frame.markets.unwrap_or_default();
        let is_taken_away = frame.operation.is_some_and(|verb| verb.eq_ignore_ascii_case("unsubscribe"));
        if is_first {
            self.begin_scope(&markets);
        } else {
            self.change_scope(is_taken_away, &markets);
        }
        Step::nothing()
    }

    async fn told(&mut self, news: &UserNews) -> Step {
        let Some(caller) = self.caller else { return Step::nothing() };
        if !self.service.still_holds(&caller) {
            return Step::end(NO_AUTH);
        }
        let Ok(reads) = reads_of(&self.service, &caller) else { return Step::end(End::UNAVAILABLE) };
        let told = match news {
            UserNews::Accepted(accepted) => {
                self.order(&reads, accepted.placed.order, accepted.at, Change::Placed).await
            }
            UserNews::Ended(Ended { order, at, .. }) => self.order(&reads, *order, *at, Change::Ended).await,
            UserNews::Filled(fill) => self.filled(&reads, fill).await,
        };
        told.unwrap_or_else(Step::from)
    }

    fn wakes_at(&self) -> Option<Instant> {
        match (self.caller, self.due.is_empty()) {
            (None, _) => Some(self.opens_until),
            (Some(_), true) => None,
            (Some(_), false) => self.looks_at,
        }
    }

    async fn woken(&mut self) -> Step {
        if self.caller.is_none_or(|caller| !self.service.still_holds(&caller)) {
            return Step::end(NO_AUTH);
        }
        let (now, mut frames) = (self.service.now(), Vec::new());
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            let (reached, _) = *entry.key();
            let (row, stage) = entry.remove();
            frames.extend(self.trade(&row, stage, reached));
        }
        self.looks_at = Some(Instant::now() + STAGES_EVERY);
        Step::send(frames)
    }
}

/// What became of an order, as far as its frame differs.
#[derive(Clone, Copy)]
enum Change {
    Placed,
    Filled(Progress),
    Ended,
}

impl User {
    fn known(&self, auth: Auth) -> Option<Caller> {
        let given = Credentials { key: auth.key?, secret: auth.secret?, passphrase: auth.passphrase? };
        self.service.authenticate_credentials(&given)
    }

    /// The first frame names markets, or none for all of them.
    fn begin_scope(&mut self, markets: &[String]) {
        // Names that nobody knows are names all the same.
        if !markets.is_empty() {
            self.scope = Scope::Only(self.named(markets).take(MARKETS_MAX).collect());
        }
    }

    /// Later ones add and take away. Who hears everything goes on to: more is told than asked for, and nothing is missed.
    fn change_scope(&mut self, is_taken_away: bool, markets: &[String]) {
        let named: Vec<_> = self.named(markets).collect();
        let Scope::Only(known) = &mut self.scope else { return };
        if !is_taken_away {
            let room = MARKETS_MAX.saturating_sub(known.len());
            known.extend(named.into_iter().take(room));
            return;
        }
        for market in named {
            known.remove(&market);
        }
        // No names mean all of them, as in the first frame: clients widen their scope in this way.
        if known.is_empty() {
            self.scope = Scope::Everything;
        }
    }

    fn named(&self, markets: &[String]) -> impl Iterator<Item = MarketId> {
        let catalog = self.service.catalog();
        markets.iter().filter_map(move |id| catalog.by_condition(&id.to_ascii_lowercase()))
    }

    fn is_meant(&self, market: MarketId) -> bool {
        match &self.scope {
            Scope::Everything => true,
            Scope::Only(markets) => markets.contains(&market),
        }
    }

    async fn order(
        &self,
        reads: &MayRead,
        order: OrderId,
        at: Timestamp,
        change: Change,
    ) -> Result<Step, Reject> {
        let wanted = OrderFilter { ids: vec![order], limit: 1, ..OrderFilter::default() };
        // The user's other accounts are no wallets: nothing of theirs is found.
        let found = self.service.signed_rows(reads, wanted).await?.pop();
        Ok(Step::send(found.and_then(|found| self.order_frame(&found, at, change)).into_iter().collect()))
    }

    fn order_frame(
        &self,
        (row, signed): &(OrderRow, Option<Signed>),
        at: Timestamp,
        change: Change,
    ) -> Option<bytes::Bytes> {
        let catalog = self.service.catalog();
        let spec = catalog.get(row.market).filter(|_| self.is_meant(row.market))?;
        let (event, status, matched) = match change {
            Change::Placed => ("PLACEMENT", "LIVE", Shares::ZERO),
            // What a taker could not have was never there to be canceled.
            Change::Ended if row.now.status == OrderStatus::Cut => return None,
            Change::Ended => ("CANCELLATION", self.end_status(row), row.now.filled),
            Change::Filled(progress) => {
                let (matched, is_full) = reached(row, progress);
                ("UPDATE", if is_full || !row.tif.may_rest() { "MATCHED" } else { "LIVE" }, matched)
            }
        };
        let event = OrderEvent { event, status, matched, at };
        Some(json(&event.frame(&self.service, row, signed.as_ref(), spec)))
    }

    /// One client drops events with any other word than these, which strict mode says all the same.
    fn end_status(&self, row: &OrderRow) -> &'static str {
        match self.service.clob_mode() {
            ClobMode::Friendly => "CANCELED",
            ClobMode::Strict => status_name(row.now.status, row.now.reason),
        }
    }

    async fn filled(&mut self, reads: &MayRead, fill: &Fill) -> Result<Step, Reject> {
        let mut step = self.order(reads, fill.order, fill.at, Change::Filled(fill.progress)).await?;
        let wanted = FillFilter { trade: Some(fill.trade), limit: 2, ..FillFilter::default() };
        let rows = self.service.matches(reads, wanted).await?;
        let Some(row) = rows.into_iter().find(|row| row.own.fill.is_taker == fill.is_taker) else {
            return Ok(step);
        };
        for stage in Stage::ALL {
            let reached = self.service.reached_at(fill.at, stage);
            if reached <= self.service.now() || self.due.len() >= STAGES_MAX {
                step.frames.extend(self.trade(&row, stage, reached));
            } else {
                self.looks_at.get_or_insert_with(Instant::now);
                self.due.insert((reached, fill.trade.0), (row.clone(), stage));
            }
        }
        Ok(step)
    }

    fn trade(&self, row: &MatchRow, stage: Stage, reached: Timestamp) -> Option<bytes::Bytes> {
        let catalog = self.service.catalog();
        let market = row.own.fill.market;
        let spec = catalog.get(market).filter(|_| self.is_meant(market))?;
        let shown = Shown { service: &self.service, row, spec, stage: (stage, reached) };
        Some(json(&shown.event()))
    }
}

/// How much of an order had traded with a fill, and whether that was all.
fn reached(row: &OrderRow, progress: Progress) -> (Shares, bool) {
    match (progress, row.size) {
        (Progress::Waiting(left), Size::Shares(all)) => (all - left, left.is_zero()),
        (Progress::Taken(taken), Size::Shares(all)) => (taken, taken == all),
        // Dollars never wait; their last fill is the one after which nothing more came.
        (Progress::Taken(taken), Size::Dollars(_)) => (taken, taken == row.now.filled),
        (Progress::Waiting(_), Size::Dollars(_)) => (row.now.filled, true),
    }
}
