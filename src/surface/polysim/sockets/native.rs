//! `/v1/ws/prices` and `/v1/ws/executions` (§17.1 to §17.3).

use super::super::markets::by_condition;
use super::{
    Channel, NO_GOOD_TOKEN, NO_SEAT, NotAList, Step, Visit, frames, ids, json as bytes, now_ms, pump,
    take_in, token_holder,
};
use crate::service::ear::{Ear, Source};
use crate::service::streams::FollowedMarket;
use crate::service::{Fill, MarketUpdate, Service};
use crate::types::{MarketId, OrderKind, Reject, Venue};
use serde_json::{Value, json};
use std::sync::Arc;

/// Markets on one connection, for every tier (§6.1).
const MARKETS_MAX: usize = 50;

const PROTOCOL: &str = "1.0";
const TOKENS_NOT_MARKETS: &str = "'assets_ids' carries token IDs and is not a valid subscribe field — PolySim WS \
     broadcasts by condition_id. Pass 'markets' (PolySim) or 'conditions' (PM) with the condition_id list.";
const NO_LIST: &str = "'markets' must be a list (accepted aliases: markets, conditions)";

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Prices,
    Executions,
}

/// Serves one socket.
pub(super) async fn serve(visit: Visit, kind: Kind) {
    let notices = visit.service.notices();
    let Some(caller) = token_holder(&visit) else {
        return visit.socket.close(NO_GOOD_TOKEN.code, NO_GOOD_TOKEN.reason).await;
    };
    let Visit { service, socket, .. } = visit;
    let Some(_seat) = service.take_seat(&caller) else {
        return socket.close(NO_SEAT.code, NO_SEAT.reason).await;
    };
    let connected = json!({"type": "connected", "user_id": caller.user, "protocol_version": PROTOCOL});
    let fills = (kind == Kind::Executions).then(|| (caller.user, service.news_of(&caller)));
    let channel = Native { service, kind, markets: Vec::new() };
    pump(socket, Step::say(&connected), (notices, fills), channel).await;
}

struct Native {
    service: Service,
    kind: Kind,
    /// In the order in which they were named.
    markets: Vec<FollowedMarket>,
}

impl Channel for Native {
    async fn said(&mut self, text: &str, ear: &mut Ear) -> Step {
        let Ok(frame) = serde_json::from_str::<Value>(text) else { return error("Invalid JSON") };
        let action = frame.get("action").or_else(|| frame.get("type")).and_then(Value::as_str).unwrap_or("");
        match (action.to_ascii_lowercase().as_str(), self.kind) {
            ("ping", _) => Step::say(&json!({"type": "pong", "ts": now_ms(&self.service)})),
            ("subscribe", Kind::Prices) => match named(&frame) {
                Ok(ids) => self.subscribe(&ids, ear).await.unwrap_or_else(Step::from),
                Err(why) => error(why),
            },
            ("unsubscribe", Kind::Prices) => match named(&frame) {
                Ok(ids) => self.unsubscribe(&ids, ear),
                Err(why) => error(why),
            },
            (_, Kind::Prices) => {
                error(&format!("Unknown action: '{action}'. Use 'subscribe', 'unsubscribe' or 'ping'."))
            }
            (_, Kind::Executions) => error(&format!("Unknown action: '{action}'. Use 'ping'.")),
        }
    }

    async fn updated(&mut self, update: &Arc<MarketUpdate>) -> Step {
        let Some(market) = self.markets.iter_mut().find(|market| market.market == update.market) else {
            return Step::nothing();
        };
        match take_in(&self.service, market, update).await {
            Ok(None) => Step::nothing(),
            Ok(Some(may_share)) => {
                Step { frames: vec![frames::price_update(market, update, may_share)], end: None }
            }
            Err(reject) => reject.into(),
        }
    }

    fn filled(&mut self, fill: &Fill) -> Step {
        // Market orders are answered with their fills at once; only limit orders are told of here (§17.3).
        let catalog = self.service.catalog();
        match catalog.get(fill.market) {
            Some(spec) if fill.kind == OrderKind::Limit && spec.venue == Venue::Polymarket => {
                Step::say(&frames::execution(fill, spec))
            }
            Some(_) | None => Step::nothing(),
        }
    }

    fn overdue(&mut self) -> Step {
        Step::nothing()
    }

    fn deadline(&self) -> Option<tokio::time::Instant> {
        None
    }
}

/// The condition ids that a frame names.
fn named(frame: &Value) -> Result<Vec<&str>, &'static str> {
    match ids(frame, &["markets", "conditions"]) {
        Some(Ok(ids)) => Ok(ids),
        None if frame.get("assets_ids").is_some() => Err(TOKENS_NOT_MARKETS),
        Some(Err(NotAList)) | None => Err(NO_LIST),
    }
}

fn error(message: &str) -> Step {
    Step::say(&json!({"type": "error", "message": message}))
}

impl Native {
    async fn subscribe(&mut self, ids: &[&str], ear: &mut Ear) -> Result<Step, Reject> {
        let (mut wanted, mut unknown): (Vec<MarketId>, Vec<&str>) = (Vec::new(), Vec::new());
        for id in ids {
            match by_condition(&self.service, id) {
                Err(_) => unknown.push(id),
                Ok(market) if wanted.contains(&market) || self.follows(market) => {}
                Ok(market) => wanted.push(market),
            }
        }
        if self.markets.len() + wanted.len() + unknown.len() > MARKETS_MAX {
            return Ok(error(&format!("At most {MARKETS_MAX} markets per connection; nothing was added.")));
        }
        let mut step = Step::nothing();
        if !unknown.is_empty() {
            step = error(&format!("Unknown markets: {}", unknown.join(", ")));
        }
        let followed = self.service.follow(&wanted).await?;
        let first_new = self.markets.len();
        for followed in followed {
            ear.listen(followed.market.market, followed.updates);
            self.markets.push(followed.market);
        }
        step.frames.push(bytes(&self.subscribed()));
        let now = self.service.now();
        step.frames.extend(self.markets[first_new..].iter().map(|market| frames::price(market, now, true)));
        Ok(step)
    }

    fn unsubscribe(&mut self, ids: &[&str], ear: &mut Ear) -> Step {
        for market in &self.markets {
            if ids.contains(&market.spec.facts.condition_id.as_str()) {
                ear.forget(Source::Market(market.market));
            }
        }
        self.markets.retain(|market| !ids.contains(&market.spec.facts.condition_id.as_str()));
        Step::say(&self.subscribed())
    }

    fn follows(&self, market: MarketId) -> bool {
        self.markets.iter().any(|followed| followed.market == market)
    }

    fn subscribed(&self) -> Value {
        let ids: Vec<_> = self.markets.iter().map(|market| &market.spec.facts.condition_id).collect();
        json!({"type": "subscribed", "markets": ids})
    }
}
