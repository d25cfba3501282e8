//! A server that is killed has forgotten nothing it said (design §1, §6).

use crate::harness::{Draw, Market, Options, Server, printed, run, signal, with};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::mpsc::{SyncSender, sync_channel};

const KILLS: u64 = 20;
const TRADERS: [&str; 3] = ["trader", "whale", "desk"];

/// What one client was told. Each has a market of its own, and its resting orders never meet its taking ones,
/// so nothing but its own requests changes what it was told.
struct Client {
    persona: &'static str,
    market: Market,
    draw: Draw,
    /// Every acknowledged order: its state and how much was filled, as last told.
    told: BTreeMap<u64, Told>,
    /// The request whose answer did not come.
    unanswered: Option<Unanswered>,
    sent: u32,
}

#[derive(Clone, Debug, PartialEq)]
struct Told {
    status: String,
    /// Of a filled order.
    filled: Option<(String, String)>,
    client_order_id: String,
}

enum Unanswered {
    Place(Value),
    Batch(Vec<Value>),
    Cancel(u64),
}

/// The answer did not come.
struct Gone;

impl Client {
    fn new(persona: &'static str, market: Market, seed: u64) -> Self {
        Self { persona, market, draw: Draw(seed), told: BTreeMap::new(), unanswered: None, sent: 0 }
    }

    fn order(&mut self) -> Value {
        self.sent += 1;
        let name = format!("{}-{}", self.persona, self.sent);
        let order = if self.draw.between(0, 3) == 0 {
            self.market.take("BUY", self.draw.between(5, 6))
        } else {
            self.market.limit("BUY", self.market.bid - self.draw.between(1, 4), self.draw.between(5, 9))
        };
        with(&order, &json!({"client_order_id": name}))
    }

    fn note(&mut self, placed: &Value) {
        let text = |member: &str| placed[member].as_str().expect("a text").to_owned();
        let status = text("status");
        let filled = (status == "FILLED").then(|| (text("quantity"), text("price")));
        let told = Told { status, filled, client_order_id: text("client_order_id") };
        self.told.insert(placed["order_id"].as_u64().expect("an id"), told);
    }

    /// One request, and what came of it.
    fn act(&mut self, server: &Server) -> Result<(), Gone> {
        let open = self.told.iter().rev().find(|(_, told)| told.status == "PENDING").map(|(id, _)| *id);
        match (self.draw.between(0, 9), open) {
            (0..=2, Some(id)) => self.cancel(server, id),
            (3, _) => self.batch(server),
            _ => {
                let order = self.order();
                self.place(server, order)
            }
        }
    }

    fn place(&mut self, server: &Server, order: Value) -> Result<(), Gone> {
        let answer = server.post("/v1/orders", &order).key(self.persona).try_send();
        let Ok(answer) = answer else {
            self.unanswered = Some(Unanswered::Place(order));
            return Err(Gone);
        };
        self.note(&answer.ok("an order"));
        Ok(())
    }

    fn batch(&mut self, server: &Server) -> Result<(), Gone> {
        let orders: Vec<_> = (0..5).map(|_| self.order()).collect();
        let body = json!({"orders": orders});
        let answer = server.post("/v1/orders/batch", &body).key(self.persona).try_send();
        let Ok(answer) = answer else {
            self.unanswered = Some(Unanswered::Batch(orders));
            return Err(Gone);
        };
        let answer = answer.ok("a batch");
        assert_eq!(answer["succeeded"], 5, "{answer}");
        for placed in answer["results"].as_array().expect("results") {
            self.note(placed);
        }
        Ok(())
    }

    fn cancel(&mut self, server: &Server, id: u64) -> Result<(), Gone> {
        let answer = server.delete(format!("/v1/orders/{id}")).key(self.persona).try_send();
        let Ok(answer) = answer else {
            self.unanswered = Some(Unanswered::Cancel(id));
            return Err(Gone);
        };
        answer.ok("a cancel");
        "CANCELLED".clone_into(&mut self.told.get_mut(&id).expect("its own order").status);
        Ok(())
    }

    fn trade(&mut self, server: &Server, acknowledged: &SyncSender<()>) {
        while self.act(server).is_ok() {
            // Nobody counts any more once the server is to be killed.
            if acknowledged.try_send(()).is_err() {}
        }
    }

    /// All it has, by id, as the server says now.
    fn orders(&self, server: &Server) -> BTreeMap<u64, Value> {
        let (mut all, mut cursor) = (BTreeMap::new(), String::new());
        loop {
            let path = format!("/v1/orders?limit=200&cursor={cursor}");
            let page = server.get(path).key(self.persona).send().ok("orders");
            for row in page["orders"].as_array().expect("rows") {
                all.insert(row["order_id"].as_u64().expect("an id"), row.clone());
            }
            match page["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => return all,
            }
        }
    }

    /// Everything it was told is so; what it was not told may be or not, but once at most.
    fn check(&mut self, server: &Server) {
        self.settle(server);
        let found = self.orders(server);
        for (id, told) in &self.told {
            let row = found.get(id).unwrap_or_else(|| panic!("order {id} of {} is lost", self.persona));
            assert_eq!(row["status"], told.status.as_str(), "{row}");
            assert_eq!(row["client_order_id"], told.client_order_id.as_str(), "{row}");
            if let Some((quantity, price)) = &told.filled {
                assert_eq!(
                    (&row["quantity"], &row["fill_price"]),
                    (&json!(quantity), &json!(price)),
                    "{row}"
                );
            }
        }
        assert_eq!(found.len(), self.told.len(), "{} has orders it never placed", self.persona);
        self.check_money(server);
    }

    /// What was in flight is asked for again: a retry finds the first answer, or makes it happen once.
    fn settle(&mut self, server: &Server) {
        match self.unanswered.take() {
            None => {}
            Some(Unanswered::Place(order)) => assert!(self.place(server, order).is_ok(), "the retry"),
            Some(Unanswered::Batch(orders)) => {
                for order in orders {
                    assert!(self.place(server, order).is_ok(), "the retry");
                }
            }
            Some(Unanswered::Cancel(id)) => {
                let answer = server.delete(format!("/v1/orders/{id}")).key(self.persona).send();
                assert!(answer.status == 200 || answer.code() == "ORDER_NOT_CANCELLABLE", "{}", answer.text);
                "CANCELLED".clone_into(&mut self.told.get_mut(&id).expect("its own order").status);
            }
        }
    }

    /// Shares held are those of its fills, and its fills are all there.
    fn check_money(&self, server: &Server) {
        let path = format!("/v1/account/positions?status=OPEN&market_id={}", self.market.condition);
        let held = server.get(path).key(self.persona).send().ok("positions");
        let filled: i64 = self
            .told
            .values()
            .filter_map(|told| told.filled.as_ref())
            .map(|(quantity, _)| quantity.parse::<i64>().expect("whole shares"))
            .sum();
        let held = held
            .as_array()
            .expect("positions")
            .first()
            .map_or("0", |row| row["quantity"].as_str().expect("text"));
        assert_eq!(held, filled.to_string(), "{}", self.persona);
    }
}

/// Everyone trades until so many requests were acknowledged; then the server dies.
fn trade_until_killed(server: &mut Server, clients: &mut [Client], acknowledgements: i64) {
    let (acknowledged, heard) = sync_channel(4_096);
    let pid = server.process_id();
    let shared = &*server;
    std::thread::scope(|scope| {
        for client in clients.iter_mut() {
            let acknowledged = acknowledged.clone();
            scope.spawn(move || client.trade(shared, &acknowledged));
        }
        drop(acknowledged);
        for _ in 0..acknowledgements {
            heard.recv().expect("they trade");
        }
        signal("KILL", pid);
    });
    server.kill();
}

#[test]
fn nothing_that_was_acknowledged_is_lost_when_the_server_is_killed_twenty_times() {
    let mut server = Server::start(Options::durable());
    // Nothing falls due by itself, so that the digest is what the clients made it.
    server.steer("/sim/clock/pause", &json!({}));
    let markets = server.markets(TRADERS.len());
    let mut clients: Vec<_> = TRADERS
        .into_iter()
        .zip(markets)
        .zip(1..)
        .map(|((who, market), seed)| Client::new(who, market, seed))
        .collect();
    let mut draw = Draw(4_711);
    let data = server.data_text();
    for kill in 1..=KILLS {
        trade_until_killed(&mut server, &mut clients, draw.between(1, 60));
        let digest = run(&["tape", "digest", "--data", &data]);
        if kill % 5 == 0 {
            let audit = run(&["audit", "--data", &data]);
            assert!(audit.status.success(), "after kill {kill}: {}", printed(&audit));
        }
        server.restart();
        assert_eq!(server.digest(), printed(&digest), "after kill {kill}");
        for client in &mut clients {
            client.check(&server);
        }
    }
    assert!(clients.iter().all(|client| client.told.len() > 50), "they traded");
    let digest = server.digest();
    server.stop();
    for command in ["digest", "replay"] {
        assert_eq!(printed(&run(&["tape", command, "--data", &data])), digest, "{command}");
    }
}
