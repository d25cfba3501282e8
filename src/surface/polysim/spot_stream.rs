//! `GET /prices/stream`: spot prices and market prices as Server-Sent Events (§16.3).
//!
//! The stream never ends cleanly, because a client would come back at once and without pause: it is broken off.

use super::auth::Passerby;
use super::call::{Answer, Call, Closed, Reply, endpoint};
use super::error::Failure;
use super::markets::by_condition;
use super::sockets::{frames, take_in};
use super::to_wire::{iso, number, rendered_book};
use super::updown::{self, SOURCE, dollars};
use crate::http::{Endpoint, address};
use crate::service::ear::{Ear, Heard};
use crate::service::streams::FollowedMarket;
use crate::service::{MarketSpec, MarketUpdate, Notice, Service, Spot};
use crate::types::{MarketId, Outcome, Price, Reject, Timestamp};
use actix_web::http::Method;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::Stream;
use futures_util::stream::poll_fn;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, timeout};

/// Markets, or assets, on one stream: as many as markets on one socket.
const LISTED_MAX: usize = 50;
/// Events that may wait for one reader.
const WAITING_MAX: usize = 64;
/// How long a reader may take to make room for one more event before it is given up.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// How often spot prices are told.
const EVERY: Duration = Duration::from_secs(1);
/// After so many of those a sign of life besides.
const KEEPALIVE_EVERY: u64 = 5;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, "/prices/stream", get_stream)]
}

#[derive(Deserialize)]
struct Query {
    crypto: Option<String>,
    crypto_source: Option<String>,
    condition_ids: Option<String>,
}

async fn get_stream(call: Call<Passerby>) -> Answer {
    let query: Query = call.query()?;
    let source = match query.crypto_source.as_deref() {
        None | Some("" | "chainlink") => SOURCE,
        Some("binance") => "binance",
        Some(_) => return Err(Failure::invalid_query("crypto_source", "must be 'chainlink' or 'binance'")),
    };
    // Before anything is looked up: a reset in between breaks the stream off.
    let notices = call.service.notices();
    let ids = listed("condition_ids", query.condition_ids.as_deref())?;
    let assets = listed("crypto", query.crypto.as_deref())?;
    let markets = ids.iter().map(|id| by_condition(&call.service, id)).collect::<Result<Vec<_>, _>>()?;
    let spots = spots(&call.service, &assets, !markets.is_empty()).await?;
    let seat = call.service.take_anonymous_seat(address(&call.request)).ok_or_else(|| {
        let busy = Failure::new(503, "SERVER_BUSY", "As many streams are open as may be");
        Failure { retry_after: Some(1), ..busy }
    })?;
    let (to, events) = mpsc::channel(WAITING_MAX);
    let told = Told { service: call.service.clone(), spots, source, to };
    let follows = told.follow(&markets, notices).await?;
    actix_web::rt::spawn(told.tell(follows));
    Ok(Reply::events(unending(events, seat)).with("Cache-Control", "no-cache"))
}

/// Events until their teller is gone, which breaks the stream off: nothing more to come is no clean end. The stream
/// keeps its seat as long as its connection lasts, also that of a reader who was given up.
fn unending<Seat>(
    mut events: mpsc::Receiver<Bytes>,
    seat: Seat,
) -> impl Stream<Item = Result<Bytes, Closed>> {
    poll_fn(move |context| {
        let _kept = &seat;
        events.poll_recv(context).map(|event| Some(event.ok_or(Closed)))
    })
}

/// The words of a list with commas between them, each once.
fn listed<'a>(member: &'static str, text: Option<&'a str>) -> Result<Vec<&'a str>, Failure> {
    let mut words = Vec::new();
    for word in text.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty()) {
        if !words.contains(&word) {
            words.push(word);
        }
        if words.len() > LISTED_MAX {
            return Err(Failure::invalid_query(member, &format!("must name at most {LISTED_MAX}")));
        }
    }
    Ok(words)
}

/// The price paths of the assets that are named. If none is: all, or none where markets are what is wanted.
async fn spots(
    service: &Service,
    named: &[&str],
    wants_markets: bool,
) -> Result<Vec<(String, Spot)>, Failure> {
    let known = updown::spots(service).await?;
    if named.is_empty() {
        return Ok(if wants_markets { Vec::new() } else { known.into_iter().collect() });
    }
    let find = |name: &&str| {
        let symbol = name.to_ascii_uppercase();
        let spot = known.get(&symbol).cloned();
        spot.map(|spot| (symbol, spot)).ok_or_else(|| Failure::new(404, "NOT_FOUND", "Unknown symbol"))
    };
    named.iter().map(find).collect()
}

/// One stream: what is told, and to whom.
struct Told {
    service: Service,
    spots: Vec<(String, Spot)>,
    source: &'static str,
    to: mpsc::Sender<Bytes>,
}

/// What a stream listens to.
struct Follows {
    notices: Receiver<Notice>,
    ear: Ear,
    markets: Vec<FollowedMarket>,
}

impl Told {
    async fn follow(&self, markets: &[MarketId], notices: Receiver<Notice>) -> Result<Follows, Reject> {
        let (mut ear, mut known) = (Ear::default(), Vec::new());
        for followed in self.service.follow(markets).await? {
            ear.listen(followed.market.market, followed.updates);
            known.push(followed.market);
        }
        Ok(Follows { notices, ear, markets: known })
    }

    /// Tells until the reader is gone or does not read, or must come back later: then the connection is broken off.
    async fn tell(self, mut follows: Follows) {
        let mut ticks = tokio::time::interval(EVERY);
        // Whoever read slowly is told what is true now, and not what was.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut told = 0_u64;
        let mut events = self.snapshot(&follows);
        loop {
            for event in events {
                if !matches!(timeout(READ_WITHIN, self.to.send(event)).await, Ok(Ok(()))) {
                    return;
                }
            }
            let next = tokio::select! {
                biased;
                notice = follows.notices.recv() => match notice {
                    Ok(Notice::StartedOver | Notice::Stopping)
                    | Err(RecvError::Lagged(_) | RecvError::Closed) => None,
                },
                _ = ticks.tick() => {
                    told += 1;
                    Some(self.tick(told))
                }
                heard = follows.ear.next() => match heard {
                    Heard::Update(update) => self.updated(&mut follows, &update).await,
                    Heard::News(_) | Heard::Listed(_) => Some(Vec::new()),
                    Heard::Behind(_) | Heard::Silence => None,
                },
            };
            let Some(next) = next else { return };
            events = next;
        }
    }

    /// What is true at first, for a stream that names markets.
    fn snapshot(&self, follows: &Follows) -> Vec<Bytes> {
        if follows.markets.is_empty() {
            return Vec::new();
        }
        let now = self.service.now();
        let mut prices: Map<String, Value> = Map::new();
        for market in &follows.markets {
            let frame = frames::price(market, now, true);
            let frame = serde_json::from_slice(&frame).expect("BUG: a frame that is no JSON");
            prices.insert(market.spec.facts.condition_id.clone(), frame);
        }
        let crypto: Map<String, Value> =
            self.spots.iter().map(|(symbol, spot)| (symbol.clone(), self.spot(symbol, spot))).collect();
        vec![event("snapshot", &json!({"prices": prices, "crypto": crypto}))]
    }

    fn tick(&self, told: u64) -> Vec<Bytes> {
        let spots = self.spots.iter();
        let mut events: Vec<_> =
            spots.map(|(symbol, spot)| event("crypto_price", &self.spot(symbol, spot))).collect();
        if told.is_multiple_of(KEEPALIVE_EVERY) {
            let beat = json!({"ts": iso(self.service.now()), "n": told / KEEPALIVE_EVERY});
            events.push(event("keepalive", &beat));
        }
        events
    }

    fn spot(&self, symbol: &str, spot: &Spot) -> Value {
        let now = self.service.now();
        json!({"symbol": symbol, "price": dollars(spot.at(now)), "source": self.source, "timestamp": iso(now)})
    }

    /// A market's new price and its books; none if the world can't be asked any more.
    async fn updated(&self, follows: &mut Follows, update: &Arc<MarketUpdate>) -> Option<Vec<Bytes>> {
        let market = follows.markets.iter_mut().find(|market| market.market == update.market)?;
        let Some(may_share) = take_in(&self.service, market, update).await.ok()? else {
            return Some(Vec::new());
        };
        let mut events = vec![framed("market_price", &frames::price_update(market, update, may_share))];
        let view = self.service.book(update.market).await.ok()?;
        events.extend(Outcome::BOTH.map(|outcome| framed("orderbook", &rendered_book(&view, outcome))));
        events
            .extend(update.ticks.iter().flat_map(|ticks| tick_size_change(&market.spec, *ticks, update.at)));
        Some(events)
    }
}

/// A market got finer ticks, told of both tokens (§16.3).
fn tick_size_change(spec: &MarketSpec, [old, new]: [Price; 2], at: Timestamp) -> [Bytes; 2] {
    const NAME: &str = "tick_size_change";
    spec.facts.token_ids.each_ref().map(|token| {
        let frame = json!({
            "type": NAME,
            "market": spec.facts.condition_id,
            "asset_id": token,
            "tick_size": number(&new.plain()),
            "old_tick_size": number(&old.plain()),
            "side": null,
            "ts_ms": at.millis(),
        });
        event(NAME, &frame)
    })
}

fn event(name: &str, data: &impl serde::Serialize) -> Bytes {
    framed(name, &serde_json::to_vec(data).expect("BUG: an event that can't be written as JSON"))
}

/// An event whose data was written before.
fn framed(name: &str, data: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(name.len() + data.len() + 16);
    for part in [b"event: ", name.as_bytes(), b"\ndata: ", data, b"\n\n"] {
        frame.put_slice(part);
    }
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;

    #[actix_web::test]
    async fn a_reader_that_lags_hears_what_waits_and_is_then_broken_off() {
        let (to, events) = mpsc::channel(2);
        for event in [&b"one"[..], b"two"] {
            to.try_send(Bytes::from_static(event)).expect("room");
        }
        assert!(to.try_send(Bytes::from_static(b"three")).is_err(), "no room to say that it is over");
        drop(to);
        let seat = Arc::new(());
        let mut stream = unending(events, Arc::clone(&seat));
        assert_eq!(stream.next().await, Some(Ok(Bytes::from_static(b"one"))));
        assert_eq!(stream.next().await, Some(Ok(Bytes::from_static(b"two"))));
        assert_eq!(stream.next().await, Some(Err(Closed)), "no clean end");
        assert_eq!(Arc::strong_count(&seat), 2, "the seat is taken as long as the stream is there");
        drop(stream);
        assert_eq!(Arc::strong_count(&seat), 1);
    }
}
