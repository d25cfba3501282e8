//! `/v1/ws/market` and `/v1/ws/user`, in Polymarket's shape (§17.4).

use super::super::markets::by_condition;
use super::{
    Channel, End, NO_GOOD_TOKEN, NO_SEAT, NotAList, Step, Visit, frames, ids, now_ms, pump, take_in,
    token_holder,
};
use crate::service::ear::{Ear, Source};
use crate::service::streams::{FollowedMarket, SocketSeat};
use crate::service::{Caller, Fill, MarketUpdate, Service};
use crate::types::{MarketId, Outcome, Reject, Sequence, Venue};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Tokens on one connection; a condition id counts as its two.
const TOKENS_MAX: usize = 50;
/// How long a peer of the user channel may take to say who it is.
const AUTH_WITHIN: Duration = Duration::from_secs(30);

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Market,
    User,
}

/// Serves one socket.
pub(super) async fn serve(visit: Visit, kind: Kind) {
    let notices = visit.service.notices();
    let caller = token_holder(&visit);
    let Visit { service, socket, address, token } = visit;
    if token.is_some() && caller.is_none() {
        return socket.close(NO_GOOD_TOKEN.code, NO_GOOD_TOKEN.reason).await;
    }
    let seat = match &caller {
        Some(caller) => service.take_seat(caller),
        // Whoever does not say who it is counts among the strangers, on the user channel until it does.
        None => service.take_anonymous_seat(address),
    };
    let Some(seat) = seat else {
        return socket.close(NO_SEAT.code, NO_SEAT.reason).await;
    };
    let fills =
        caller.as_ref().filter(|_| kind == Kind::User).map(|caller| (caller.user, service.news_of(caller)));
    let channel = Polymarket {
        service,
        kind,
        caller,
        seat,
        auth_by: Instant::now() + AUTH_WITHIN,
        tokens: BTreeMap::new(),
        followed: BTreeMap::new(),
        all_markets: false,
    };
    pump(socket, Step::nothing(), (notices, fills), channel).await;
}

/// A token as the exchange knows it.
type Token = (MarketId, Outcome);

struct Polymarket {
    service: Service,
    kind: Kind,
    /// Who speaks, once that is known.
    caller: Option<Caller>,
    /// Held so that the socket stays counted.
    seat: SocketSeat,
    auth_by: Instant,
    /// What is listened to, and the last record in the book that was shown of it.
    tokens: BTreeMap<Token, Sequence>,
    /// On the market channel: the markets of those tokens.
    followed: BTreeMap<MarketId, FollowedMarket>,
    /// On the user channel: whether it hears of every market, because it named none.
    all_markets: bool,
}

/// A refusal that leaves the socket open.
struct Complaint(&'static str, String);

impl From<Complaint> for Step {
    fn from(Complaint(error, message): Complaint) -> Self {
        Self::say(&json!({"event_type": "error", "error": error, "message": message}))
    }
}

fn complaint(error: &'static str, message: &str) -> Step {
    Complaint(error, message.to_owned()).into()
}

impl Channel for Polymarket {
    async fn said(&mut self, text: &str, ear: &mut Ear) -> Step {
        if text.trim().eq_ignore_ascii_case("ping") {
            return self.pong();
        }
        let Ok(frame) = serde_json::from_str::<Value>(text) else {
            return complaint("INVALID_JSON", "Frame is not valid JSON");
        };
        let word = |name: &str| frame.get(name).and_then(Value::as_str).map(str::to_ascii_lowercase);
        let (kind, operation) = (word("type"), word("operation"));
        if kind.as_deref() == Some("ping") {
            return self.pong();
        }
        if let Some(refused) = self.authenticate(&frame, ear) {
            return refused;
        }
        match (operation.as_deref(), kind.as_deref()) {
            (Some("unsubscribe"), _) => self.unsubscribe(&frame, ear),
            (Some("subscribe"), _) | (None, Some("market" | "user" | "subscribe")) => {
                self.subscribe(&frame, ear).await.unwrap_or_else(Step::from)
            }
            (Some(_) | None, _) => complaint("UNKNOWN_FRAME", "Unknown frame"),
        }
    }

    async fn updated(&mut self, update: &Arc<MarketUpdate>) -> Step {
        let Some(market) = self.followed.get_mut(&update.market) else { return Step::nothing() };
        let may_share = match take_in(&self.service, market, update).await {
            Ok(None) => return Step::nothing(),
            Ok(Some(may_share)) => may_share,
            Err(reject) => return reject.into(),
        };
        let is_news = |outcome: &Outcome| {
            self.tokens.get(&(update.market, *outcome)).is_some_and(|shown| update.sequence > *shown)
        };
        let frames = Outcome::BOTH
            .into_iter()
            .filter(is_news)
            .flat_map(|outcome| frames::token_update(market, outcome, update, may_share));
        Step { frames: frames.collect(), end: None }
    }

    fn filled(&mut self, fill: &Fill) -> Step {
        let catalog = self.service.catalog();
        let Some(spec) = catalog.get(fill.market) else { return Step::nothing() };
        // Nothing is told before the subscribe frame.
        let is_wanted = self.all_markets || self.tokens.contains_key(&(fill.market, fill.outcome));
        if is_wanted && spec.venue == Venue::Polymarket {
            return Step::say(&frames::trade(fill, spec));
        }
        Step::nothing()
    }

    fn overdue(&mut self) -> Step {
        auth_required()
    }

    fn deadline(&self) -> Option<Instant> {
        (self.kind == Kind::User && self.caller.is_none()).then_some(self.auth_by)
    }
}

fn auth_required() -> Step {
    complaint("AUTH_REQUIRED", "auth.apiKey is required")
        .then(End { code: End::POLICY, reason: "Auth required" })
}

impl Polymarket {
    fn pong(&self) -> Step {
        Step::say(&json!({"event_type": "pong", "ts": now_ms(&self.service)}))
    }

    /// Takes the key in a frame, unless a token said already who speaks. Gives the refusal, if there is one.
    fn authenticate(&mut self, frame: &Value, ear: &mut Ear) -> Option<Step> {
        if self.caller.is_some() {
            return None;
        }
        let key = frame.get("auth").and_then(|auth| auth.get("apiKey")).and_then(Value::as_str);
        let Some(key) = key.filter(|key| !key.is_empty()) else {
            return (self.kind == Kind::User).then(auth_required);
        };
        let Ok(caller) = self.service.authenticate_key(key) else {
            let end = End { code: End::POLICY, reason: "Auth invalid" };
            return Some(complaint("AUTH_INVALID", "Invalid API key").then(end));
        };
        let Some(seat) = self.service.take_seat(&caller) else {
            return Some(complaint("MAX_WS_EXCEEDED", NO_SEAT.reason).then(NO_SEAT));
        };
        if self.kind == Kind::User {
            ear.listen_to_user(caller.user, self.service.news_of(&caller));
        }
        self.seat = seat;
        self.caller = Some(caller);
        None
    }

    /// The tokens that a frame names: token ids and condition ids are taken on both channels.
    fn named(&self, frame: &Value) -> Result<(Vec<Token>, Vec<String>), Complaint> {
        let lists = [ids(frame, &["assets_ids", "asset_ids"]), ids(frame, &["markets", "conditions"])];
        let (mut tokens, mut unknown) = (Vec::new(), Vec::new());
        let catalog = self.service.catalog();
        for list in lists.into_iter().flatten() {
            let wrong = |NotAList| Complaint("INVALID_SUBSCRIBE", "ids must be a list of strings".to_owned());
            for id in list.map_err(wrong)? {
                if let Some(token) = catalog.by_token(id) {
                    tokens.push(token);
                } else if let Ok(market) = by_condition(&self.service, id) {
                    tokens.extend(Outcome::BOTH.map(|outcome| (market, outcome)));
                } else {
                    unknown.push(id.to_owned());
                }
            }
        }
        Ok((tokens, unknown))
    }

    async fn subscribe(&mut self, frame: &Value, ear: &mut Ear) -> Result<Step, Reject> {
        let (tokens, unknown) = match self.named(frame) {
            Ok(named) => named,
            Err(complaint) => return Ok(complaint.into()),
        };
        if tokens.is_empty() && unknown.is_empty() {
            if self.kind == Kind::User {
                self.all_markets = true;
                return Ok(Step::nothing());
            }
            return Ok(complaint("EMPTY_SUBSCRIBE", "No ids to subscribe to"));
        }
        let new: BTreeSet<_> = tokens.into_iter().filter(|token| !self.tokens.contains_key(token)).collect();
        if self.tokens.len() + new.len() + unknown.len() > TOKENS_MAX {
            let message = format!("At most {TOKENS_MAX} token ids per connection; nothing was added");
            return Ok(complaint("MAX_ASSETS_EXCEEDED", &message));
        }
        let mut step = Step::nothing();
        if !unknown.is_empty() {
            step = complaint("UNKNOWN_ASSET", &format!("Unknown ids: {}", unknown.join(", ")));
        }
        match self.kind {
            Kind::Market => self.follow(&new, ear, &mut step).await?,
            Kind::User => self.tokens.extend(new.into_iter().map(|token| (token, Sequence::default()))),
        }
        Ok(step)
    }

    /// Follows the markets of new tokens and shows their books.
    async fn follow(&mut self, new: &BTreeSet<Token>, ear: &mut Ear, step: &mut Step) -> Result<(), Reject> {
        let markets: BTreeSet<_> = new.iter().map(|(market, _)| *market).collect();
        let unheard: Vec<_> =
            markets.into_iter().filter(|market| !self.followed.contains_key(market)).collect();
        for followed in self.service.follow(&unheard).await? {
            ear.listen(followed.market.market, followed.updates);
            self.followed.insert(followed.market.market, followed.market);
        }
        for (market, outcome) in new {
            // Looked at after listening began, perhaps long after: what the book shows is not told again.
            let view = self.service.book(*market).await?;
            step.frames.push(frames::book(&view, *outcome));
            self.tokens.insert((*market, *outcome), view.sequence);
        }
        Ok(())
    }

    fn unsubscribe(&mut self, frame: &Value, ear: &mut Ear) -> Step {
        let (tokens, _) = match self.named(frame) {
            Ok(named) => named,
            Err(complaint) => return complaint.into(),
        };
        for token in &tokens {
            self.tokens.remove(token);
        }
        let tokens = &self.tokens;
        self.followed.retain(|market, _| {
            let is_wanted = Outcome::BOTH.iter().any(|outcome| tokens.contains_key(&(*market, *outcome)));
            if !is_wanted {
                ear.forget(Source::Market(*market));
            }
            is_wanted
        });
        Step::nothing()
    }
}
