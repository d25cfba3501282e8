//! What no real venue has: the clock, resets, settlements, the digest (design §9).
//!
//! Reading needs nothing; everything that steers the world needs the administrator's token.

mod positions;

use crate::http::{self, Endpoint, Surface, cors, header};
use crate::service::{ExchangeCommand, Service, Steering};
use crate::types::{KeyFailure, Outcome, Payout, Reject, Restriction};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A clock may jump so far at once, in seconds: ten years.
const JUMP_MAX: i64 = 315_360_000;

pub(super) fn surface() -> Surface {
    Surface {
        name: "sim",
        prefix: "",
        endpoints: [
            positions::endpoints(),
            vec![
                #[cfg(not(feature = "clob"))]
                Endpoint::new(Method::GET, "/", || web::get().to(|| async { HttpResponse::Ok().json("OK") })),
                health(),
                Endpoint::new(Method::GET, "/sim/clock", || web::get().to(get_clock)),
                Endpoint::new(Method::GET, "/sim/digest", || web::get().to(get_digest)),
                Endpoint::new(Method::POST, "/sim/clock/advance", || web::post().to(post_advance)),
                Endpoint::new(Method::POST, "/sim/clock/pause", || web::post().to(post_pause)),
                Endpoint::new(Method::POST, "/sim/clock/resume", || web::post().to(post_resume)),
                Endpoint::new(Method::POST, "/sim/reset", || web::post().to(post_reset)),
                Endpoint::new(Method::POST, "/sim/trading", || web::post().to(post_trading)),
                Endpoint::new(Method::POST, "/sim/markets/{market}/resolve", || web::post().to(post_resolve)),
            ],
        ]
        .concat(),
        refused: |request, why| respond(request, Err(Failure::new(403, why))),
        not_found: |request| Box::pin(async move { respond(&request, Err(Failure::new(404, "not found"))) }),
        wrong_verb: |request, _| {
            Box::pin(async move { respond(&request, Err(Failure::new(405, "method not allowed"))) })
        },
    }
}

/// Whether the world goes on.
pub(super) fn health() -> Endpoint {
    Endpoint::new(Method::GET, "/healthz", || web::get().to(get_health))
}

/// A refusal in this surface's words.
struct Failure {
    status: u16,
    message: String,
}

impl Failure {
    fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

/// Every refusal has its status; the sentence is the refusal's own.
impl From<Reject> for Failure {
    #[expect(clippy::too_many_lines, reason = "one row a refusal, and no wildcard")]
    fn from(reject: Reject) -> Self {
        let status = match &reject {
            Reject::Overloaded
            | Reject::Stopped(_)
            | Reject::Restricted { .. }
            | Reject::OutcomeUnknown
            | Reject::HistoryUnavailable => 503,
            Reject::AccountNotFound
            | Reject::MarketNotFound
            | Reject::OrderNotFound
            | Reject::UserNotFound
            | Reject::KeyNotFound
            | Reject::WalletNotFound => 404,
            Reject::PlanExhausted => 402,
            Reject::DailyOrdersUsed { .. } => 429,
            Reject::NotLinked(_)
            | Reject::ExchangeRefused(_)
            | Reject::SignerExpired
            | Reject::NotLetIn(KeyFailure::Restricted)
            | Reject::TradeNotAllowed
            | Reject::IssuanceClosed
            | Reject::IssuanceComingSoon
            | Reject::UpgradeNeeded
            | Reject::NotEntitled => 403,
            Reject::BadSignature
            | Reject::NotKeyOwner
            | Reject::NotKeyAddress
            | Reject::NotLetIn(
                KeyFailure::Unknown
                | KeyFailure::Deactivated
                | KeyFailure::Expired
                | KeyFailure::OwnerNotFound,
            ) => 401,
            Reject::Internal => 500,
            Reject::IdempotencyKeyReused
            | Reject::DuplicateClientOrderId(_)
            | Reject::MarketClosed
            | Reject::MarketHalted
            | Reject::MarketNotResolved
            | Reject::KeyEnded
            | Reject::NotFirstKey
            | Reject::KeysFull { .. }
            | Reject::CohortFull { .. }
            | Reject::DuplicateOrder(_)
            | Reject::WrongHeartbeat { .. }
            | Reject::GroupDecided
            | Reject::OrderNotOpen => 409,
            Reject::BadFee(_)
            | Reject::AccountsFull
            | Reject::MeetsOwn
            | Reject::MakerNotAllowed
            | Reject::WrongWalletKind
            | Reject::OrderVersion
            | Reject::WrongNonce
            | Reject::WrongFeeRate { .. }
            | Reject::WrongVenue
            | Reject::Unsupported
            | Reject::OffTick { .. }
            | Reject::InvalidQuantity
            | Reject::OffLot { .. }
            | Reject::BelowMinimumSize { .. }
            | Reject::BelowMinimumNotional { .. }
            | Reject::InvalidExpiration { .. }
            | Reject::PostOnlyMustRest
            | Reject::PostOnlyWouldCross
            | Reject::InsufficientFunds { .. }
            | Reject::InsufficientPosition { .. }
            | Reject::InsufficientLiquidity
            | Reject::NotFillable
            | Reject::LimitReached(_) => 400,
        };
        Self::new(status, reject.to_string())
    }
}

type Answer = Result<Value, Failure>;

fn respond(request: &HttpRequest, answer: Answer) -> HttpResponse {
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err(failure) => {
            let status = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, json!({"error": failure.message}))
        }
    };
    let mut response =
        HttpResponse::build(status).insert_header(("X-Request-Id", http::request_id(request))).json(body);
    cors(request, &mut response);
    response
}

fn service(request: &HttpRequest) -> Service {
    let service = request.app_data::<Data<Service>>().expect("BUG: an app without a service");
    Service::clone(service)
}

/// The right to steer the world, and the body that came with it.
async fn steering(request: &HttpRequest, payload: Payload) -> Result<(Steering, Bytes), Failure> {
    let body = http::body(payload).await;
    let token = header(request, "x-admin-token");
    let token = token.ok_or_else(|| Failure::new(401, "send the administrator's token in X-Admin-Token"))?;
    let steering = service(request).may_steer(token);
    let steering = steering.ok_or_else(|| Failure::new(403, "this is not the administrator's token"))?;
    let body = body.map_err(|_| Failure::new(413, "the body can't be read or is too large"))?;
    Ok((steering, body))
}

fn parse<Body: DeserializeOwned>(body: &[u8]) -> Result<Body, Failure> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    serde_json::from_slice(body)
        .map_err(|error| Failure::new(400, format!("the body is not what is expected: {error}")))
}

async fn get_health(request: HttpRequest) -> HttpResponse {
    let answer = match service(&request).why_stopped() {
        None => Ok(json!({"status": "ok"})),
        Some(why) => Err(Failure::new(503, why)),
    };
    respond(&request, answer)
}

async fn get_clock(request: HttpRequest) -> HttpResponse {
    let answer = clock(&service(&request)).await;
    respond(&request, answer)
}

async fn clock(service: &Service) -> Answer {
    let (is_virtual, is_paused) = service.clock_mode().await?;
    let now = service.now();
    Ok(json!({
        "mode": if is_virtual { "virtual" } else { "real" },
        "paused": is_paused,
        "now_ms": now.millis(),
    }))
}

async fn get_digest(request: HttpRequest) -> HttpResponse {
    let digest = service(&request).digest().await;
    let answer = digest.map(|(sequence, digest)| json!({"sequence": sequence.0, "digest": digest}));
    respond(&request, answer.map_err(Failure::from))
}

#[derive(Deserialize)]
struct Advance {
    seconds: i64,
}

async fn post_advance(request: HttpRequest, payload: Payload) -> HttpResponse {
    let answer = async {
        let (steering, body) = steering(&request, payload).await?;
        let Advance { seconds } = parse(&body)?;
        if !(0..=JUMP_MAX).contains(&seconds) {
            return Err(Failure::new(400, format!("seconds must be between 0 and {JUMP_MAX}")));
        }
        steering.advance(seconds).await.map_err(real_clock)?;
        clock(&service(&request)).await
    };
    respond(&request, answer.await)
}

async fn post_pause(request: HttpRequest, payload: Payload) -> HttpResponse {
    let answer = async {
        let (steering, _) = steering(&request, payload).await?;
        steering.pause(true).await.map_err(real_clock)?;
        clock(&service(&request)).await
    };
    respond(&request, answer.await)
}

async fn post_resume(request: HttpRequest, payload: Payload) -> HttpResponse {
    let answer = async {
        let (steering, _) = steering(&request, payload).await?;
        steering.pause(false).await.map_err(real_clock)?;
        clock(&service(&request)).await
    };
    respond(&request, answer.await)
}

fn real_clock(reject: Reject) -> Failure {
    if reject == Reject::Unsupported {
        return Failure::new(409, "this world lives in real time; start a new one with --clock virtual");
    }
    reject.into()
}

async fn post_reset(request: HttpRequest, payload: Payload) -> HttpResponse {
    let answer = async {
        let (steering, _) = steering(&request, payload).await?;
        let epoch = steering.reset().await?;
        Ok(json!({"epoch": epoch}))
    };
    respond(&request, answer.await)
}

/// What trading is restricted to, and for how long.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", tag = "mode")]
enum Trading {
    Normal,
    Restarting { seconds: u32 },
    Disabled { seconds: u32 },
    CancelOnly { seconds: u32 },
    PostOnly { seconds: u32 },
}

async fn post_trading(request: HttpRequest, payload: Payload) -> HttpResponse {
    let answer = async {
        let (steering, body) = steering(&request, payload).await?;
        steering.restrict(match parse(&body)? {
            Trading::Normal => None,
            Trading::Restarting { seconds } => Some((Restriction::Restarting, seconds)),
            Trading::Disabled { seconds } => Some((Restriction::Disabled, seconds)),
            Trading::CancelOnly { seconds } => Some((Restriction::CancelOnly, seconds)),
            Trading::PostOnly { seconds } => Some((Restriction::PostOnly, seconds)),
        });
        let until = service(&request).restriction().map(|(_, until)| until.millis());
        Ok(json!({"restricted_until_ms": until}))
    };
    respond(&request, answer.await)
}

#[derive(Deserialize)]
struct Resolve {
    outcome: String,
}

async fn post_resolve(request: HttpRequest, payload: Payload) -> HttpResponse {
    let answer = async {
        let (steering, body) = steering(&request, payload).await?;
        let Resolve { outcome } = parse(&body)?;
        let catalog = service(&request).catalog();
        let id = request.match_info().get("market").unwrap_or_default();
        let market = catalog.by_condition(id).ok_or_else(|| Failure::from(Reject::MarketNotFound))?;
        let labels = catalog.get(market).map(|spec| spec.facts.labels.clone()).unwrap_or_default();
        let named = |name: &str| outcome.eq_ignore_ascii_case(name);
        let payout = if named("split") {
            Payout::Split
        } else if named(&labels[0]) || named("yes") {
            Payout::Winner(Outcome::Yes)
        } else if named(&labels[1]) || named("no") {
            Payout::Winner(Outcome::No)
        } else {
            return Err(Failure::new(400, format!("outcome must be {}, {} or split", labels[0], labels[1])));
        };
        steering.administrate(ExchangeCommand::Resolve { market, payout }).await?;
        Ok(json!({"market": id, "outcome": outcome}))
    };
    respond(&request, answer.await)
}
