//! `papertape demo`: a bot trades over real HTTP and WebSocket on an exchange in memory, for everyone to watch.

use super::serve::Running;
use crate::config::{DurabilityName, Settings};
use crate::world::ledger;
use anyhow::{Context, bail};
use awc::Client;
use awc::ws::{Frame, Message};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// How long the bot trades
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

/// How many markets the bot quotes.
const MARKETS: usize = 6;
/// How long the bot waits from one round to the next.
const ROUND: Duration = Duration::from_millis(400);
/// Every so many rounds the bot takes all its quotes back.
const CANCEL_EVERY: u32 = 12;

pub(super) fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let settings = Settings {
        listen: "127.0.0.1:0".to_owned(),
        durability: DurabilityName::Memory,
        ..Settings::default()
    };
    actix_web::rt::System::new().block_on(async {
        let running = Running::start(&settings)?;
        let shown = show(&running, Duration::from_secs(flags.seconds)).await;
        let audited = if shown.is_ok() { audit(&running).await } else { Ok(true) };
        running.stop().await;
        shown?;
        Ok(if audited? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

async fn show(running: &Running, length: Duration) -> anyhow::Result<()> {
    let base = running.base_url();
    let trader = running.personas.iter().find(|persona| persona.name == "trader");
    let key = trader.and_then(|persona| persona.ps_key.clone()).context("the scenario has no trader")?;
    let bot = Bot { client: Client::default(), base, key };
    println!("papertape demo: {} with 123 real markets and house agents; the world is in memory", bot.base);
    let markets = bot.markets().await?;
    for market in &markets {
        println!("  trading {:<60} {} / {}", clip(&market.question), market.bid, market.ask);
    }
    println!(
        "\nThe bot quotes inside the spread, takes now and then, and cancels. Its fills, as they arrive:"
    );
    let fills = actix_web::rt::spawn(watch(bot.executions().await?));
    bot.trade(&markets, length).await?;
    bot.post("/v1/cancel-all?confirm=true", &json!({})).await?;
    fills.abort();
    bot.report().await
}

/// A market the bot trades, with its best prices as texts.
struct Market {
    id: String,
    question: String,
    bid: String,
    ask: String,
    tick: i64,
}

/// A bot as anyone could write it: it knows a base URL and a key.
struct Bot {
    client: Client,
    base: String,
    key: String,
}

impl Bot {
    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request =
            self.client.get(format!("{}{path}", self.base)).insert_header(("X-API-Key", self.key.as_str()));
        let mut response = request.send().await.map_err(|error| anyhow::anyhow!("GET {path}: {error}"))?;
        let body = response.body().limit(1 << 22).await?;
        if !response.status().is_success() {
            bail!("GET {path}: {} {}", response.status(), String::from_utf8_lossy(&body));
        }
        Ok(serde_json::from_slice(&body)?)
    }

    /// A refused order is part of a bot's day: the answer says so, and the bot goes on.
    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request =
            self.client.post(format!("{}{path}", self.base)).insert_header(("X-API-Key", self.key.as_str()));
        let mut response =
            request.send_json(body).await.map_err(|error| anyhow::anyhow!("POST {path}: {error}"))?;
        Ok(serde_json::from_slice(&response.body().await?)?)
    }

    /// Markets with room inside a spread away from the edges, those that trade most first.
    async fn markets(&self) -> anyhow::Result<Vec<Market>> {
        let listed = self.get("/v1/markets?limit=200&active_only=true").await?;
        let mut found = Vec::new();
        for row in listed.as_array().context("a list of markets")? {
            let id = row["condition_id"].as_str().unwrap_or_default();
            let is_central = row["last_price"]
                .as_str()
                .and_then(ten_thousandths)
                .is_some_and(|at| (2_000..=8_000).contains(&at));
            if !is_central || row["slug"].as_str().is_some_and(|slug| slug.contains("-updown-")) {
                continue;
            }
            found.extend(self.look(id, row["question"].as_str().unwrap_or_default()).await?);
            if found.len() == MARKETS {
                break;
            }
        }
        if found.is_empty() {
            bail!("the scenario has no market to trade")
        }
        Ok(found)
    }

    async fn look(&self, id: &str, question: &str) -> anyhow::Result<Option<Market>> {
        let book = self.get(&format!("/v1/markets/{id}/book")).await?;
        let best = |side: &str| book[side].as_array()?.last()?["price"].as_str().map(str::to_owned);
        let tick = book["tick_size"].as_str().and_then(ten_thousandths).unwrap_or(100);
        Ok(best("bids").zip(best("asks")).map(|(bid, ask)| Market {
            id: id.to_owned(),
            question: question.to_owned(),
            bid,
            ask,
            tick,
        }))
    }

    async fn trade(&self, markets: &[Market], length: Duration) -> anyhow::Result<()> {
        let ends = actix_web::rt::time::Instant::now() + length;
        let mut round = 0_u32;
        while actix_web::rt::time::Instant::now() < ends {
            let market = &markets[crate::types::index(round) % markets.len()];
            if let Some(market) = self.look(&market.id, &market.question).await? {
                // Another third of the markets is taken from on every turn through them.
                let turn = round / u32::try_from(markets.len()).unwrap_or(1);
                self.act(&market, (round + turn).is_multiple_of(3)).await?;
            }
            round += 1;
            if round.is_multiple_of(CANCEL_EVERY) {
                let answer = self.post("/v1/cancel-all?confirm=true", &json!({})).await?;
                let canceled = answer["canceled"].as_array().map_or(0, Vec::len);
                println!("  canceled {canceled} quotes");
            }
            actix_web::rt::time::sleep(ROUND).await;
        }
        Ok(())
    }

    /// Quotes a tick inside the spread on both sides, or takes what is offered.
    async fn act(&self, market: &Market, takes: bool) -> anyhow::Result<()> {
        let (Some(bid), Some(ask)) = (ten_thousandths(&market.bid), ten_thousandths(&market.ask)) else {
            return Ok(());
        };
        let order = |outcome: &str, price: i64, tif: &str| {
            json!({
                "market_id": market.id, "side": "BUY", "outcome": outcome, "quantity": "25", "order_type": "limit",
                "price": price_text(price), "time_in_force": tif,
            })
        };
        if takes {
            self.post("/v1/orders", &order("YES", ask, "IOC")).await?;
        } else if ask - bid > 2 * market.tick {
            self.post("/v1/orders", &order("YES", bid + market.tick, "GTC")).await?;
            self.post("/v1/orders", &order("NO", 10_000 - ask + market.tick, "GTC")).await?;
        }
        Ok(())
    }

    async fn executions(&self) -> anyhow::Result<Stream> {
        let token = self.post("/v1/keys/ws-token", &json!({})).await?;
        let token = token["token"].as_str().context("a socket token")?;
        let url = format!("{}/v1/ws/executions?token={token}", self.base.replacen("http", "ws", 1));
        let (_, stream) =
            self.client.ws(url).connect().await.map_err(|error| anyhow::anyhow!("the socket: {error}"))?;
        Ok(stream)
    }

    async fn report(&self) -> anyhow::Result<()> {
        let portfolio = self.get("/v1/account/portfolio").await?;
        let balance = &portfolio["balance"];
        let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        println!("\nAfterwards: {} trades", portfolio["total_trades"]);
        println!(
            "  cash {}  total {}  profit and loss {}",
            text(&balance["balance"]),
            text(&balance["total_value"]),
            text(&balance["unrealized_pnl"])
        );
        for position in portfolio["positions"].as_array().into_iter().flatten() {
            let question = position["market_question"].as_str().unwrap_or_default();
            println!(
                "  {:>8} {:<4} {:<50} paid {} now {}",
                text(&position["quantity"]),
                text(&position["outcome"]),
                clip(question),
                text(&position["avg_entry_price"]),
                text(&position["current_price"]),
            );
        }
        Ok(())
    }
}

type Stream = actix_codec::Framed<awc::BoxedSocket, awc::ws::Codec>;

/// Prints fills as they arrive.
async fn watch(mut stream: Stream) {
    while let Some(Ok(frame)) = stream.next().await {
        match frame {
            Frame::Text(text) => print_fill(&text),
            Frame::Ping(bytes) => {
                if stream.send(Message::Pong(bytes)).await.is_err() {
                    return;
                }
            }
            Frame::Close(_) => return,
            Frame::Binary(_) | Frame::Continuation(_) | Frame::Pong(_) => {}
        }
    }
}

fn print_fill(text: &[u8]) {
    let Ok(fill) = serde_json::from_slice::<Value>(text) else { return };
    if fill["type"] == "fill" {
        let word = |name: &str| fill[name].as_str().unwrap_or("?").to_owned();
        let market: String = word("market_id").chars().take(10).collect();
        println!(
            "  fill {:>4} {:<4} {:>6} @ {:<6} order {} {market}…",
            word("side"),
            word("outcome"),
            word("quantity"),
            word("price"),
            fill["order_id"]
        );
    }
}

async fn audit(running: &Running) -> anyhow::Result<bool> {
    let ledger = running.world.ledger().clone();
    if let Some(last) = running.world.durable().0.checked_sub(1) {
        ledger.wait_for(crate::types::Sequence(last)).await?;
    }
    let report = actix_web::web::block(move || ledger.read(ledger::audit)).await??;
    println!("\n{report}");
    Ok(report.passes())
}

fn ten_thousandths(text: &str) -> Option<i64> {
    crate::types::parse_truncated(text, 4).ok()
}

fn price_text(ten_thousandths: i64) -> String {
    crate::types::format_scaled(ten_thousandths, 4, 0)
}

fn clip(text: &str) -> String {
    if text.chars().count() <= 50 { text.to_owned() } else { text.chars().take(49).chain(['…']).collect() }
}
