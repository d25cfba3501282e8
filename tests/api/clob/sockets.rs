//! The sockets: what a bot hears there, and until when.

use super::wallet::{Draft, Wallet};
use crate::harness::{Market, Options, Server};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

type Socket = WebSocket<TcpStream>;

fn connected(server: &Server, path: &str) -> Socket {
    client(format!("ws://{}{path}", server.address()), server.connect()).expect("a socket").0
}

fn open(server: &Server, wallet: &Wallet, markets: &[&str]) -> Socket {
    let mut socket = connected(server, "/ws/user");
    let auth = json!({"apiKey": wallet.key, "secret": wallet.secret, "passphrase": wallet.passphrase});
    say(&mut socket, &json!({"auth": auth, "type": "user", "markets": markets}));
    in_step(&mut socket);
    socket
}

fn say(socket: &mut Socket, frame: &Value) {
    socket.send(Message::text(frame.to_string())).expect("sent");
}

/// What has come until a ping that follows all that was said is answered.
fn in_step(socket: &mut Socket) -> Vec<Value> {
    socket.send(Message::text("PING")).expect("sent");
    let mut events = Vec::new();
    loop {
        match socket.read().expect("a frame") {
            Message::Text(text) if text.as_str() == "PONG" => return events,
            Message::Text(text) => events.push(serde_json::from_str(&text).expect("JSON")),
            Message::Close(_) => panic!("the socket was closed"),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}

/// The next event that is told.
fn event(socket: &mut Socket) -> Value {
    loop {
        if let Message::Text(text) = socket.read().expect("a frame") {
            return serde_json::from_str(&text).expect("JSON");
        }
    }
}

fn bid(server: &Server, wallet: &Wallet, market: &Market, salt: u64) -> String {
    let cents = u64::try_from(market.bid).expect("positive") + 1;
    let (body, id) = wallet.order(&Draft::limit(&market.tokens[0], "BUY", cents, 10).salted(salt));
    wallet.post(server, "/order", &body).ok("an order");
    id
}

#[test]
fn a_bot_that_names_markets_hears_of_those_and_may_add_and_take_away() {
    let server = Server::in_memory();
    let mut markets = server.markets(2);
    let (other, one) = (markets.remove(1), markets.remove(0));
    let wallet = Wallet::stranger(20).with_key(&server);
    // One who hears everything tells when an order has been told of.
    let mut all = open(&server, &wallet, &[]);
    let mut some = open(&server, &wallet, &[&one.condition]);
    // Who hears everything goes on to, whatever it adds.
    say(&mut all, &json!({"operation": "subscribe", "markets": [one.condition]}));
    in_step(&mut all);
    let mut placed = |market: &Market, salt| {
        let id = bid(&server, &wallet, market, salt);
        assert_eq!((&event(&mut all)["id"], &json!("PLACEMENT")), (&json!(id), &json!("PLACEMENT")));
        id
    };
    placed(&other, 1);
    let first = placed(&one, 2);
    assert_eq!(event(&mut some)["id"], json!(first), "of the market that was named alone");
    say(
        &mut some,
        &json!({"operation": "subscribe", "markets": [other.condition.to_ascii_uppercase().replace("0X", "0x")]}),
    );
    in_step(&mut some);
    let second = placed(&other, 3);
    assert_eq!(event(&mut some)["id"], json!(second), "ids are read in either case");
    say(&mut some, &json!({"operation": "unsubscribe", "markets": [one.condition]}));
    in_step(&mut some);
    placed(&one, 4);
    let third = placed(&other, 5);
    assert_eq!(event(&mut some)["id"], json!(third));
    say(&mut some, &json!({"operation": "UNSUBSCRIBE", "markets": [other.condition]}));
    in_step(&mut some);
    let last = placed(&one, 6);
    assert_eq!(event(&mut some)["id"], json!(last), "no names are all of them");
}

#[test]
fn a_socket_ends_with_the_key_that_opened_it_and_tells_nothing_more() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let trader = Wallet::persona(&server, "trader");
    let mut socket = open(&server, &trader, &[]);
    let mut others = open(&server, &Wallet::stranger(21).with_key(&server), &[]);
    bid(&server, &trader, &market, 1);
    assert_eq!(event(&mut socket)["type"], "PLACEMENT");
    assert_eq!(trader.delete(&server, "/auth/api-key", &Value::Null).ok("deleted"), "OK");
    server.post("/v1/orders", &market.limit("BUY", market.bid + 1, 6)).key("trader").send().ok("an order");
    let end = socket.read().expect("an end");
    assert!(matches!(&end, Message::Close(Some(_))), "{end:?}");
    assert_eq!(in_step(&mut others), Vec::<Value>::new(), "nobody hears what others do");
}

#[test]
fn a_market_that_trades_at_an_edge_gets_finer_ticks_everywhere_and_keeps_them() {
    let mut server = Server::start(Options::durable());
    let market = server.markets(1).remove(0);
    let wallet = Wallet::stranger(3).with_key(&server);
    let [token, other] = &market.tokens;
    let trader = Wallet::persona(&server, "trader");
    let mut socket = connected(&server, "/ws/market");
    say(&mut socket, &json!({"assets_ids": market.tokens, "type": "market"}));
    in_step(&mut socket);
    let mut stream = BufReader::new(server.connect());
    let head =
        format!("GET /prices/stream?condition_ids={} HTTP/1.1\r\nHost: localhost\r\n\r\n", market.condition);
    stream.get_mut().write_all(head.as_bytes()).expect("sent");
    let mut streamed = stream.lines().map(|line| line.expect("a line"));
    assert!(streamed.any(|line| line == "event: snapshot"), "PolySimulator's stream follows the market");
    let (waits, id) = wallet.order(&Draft::limit(token, "BUY", 10, 10));
    wallet.post(&server, "/order", &waits).ok("an order that waits");
    // All that is offered, then something at 97 cents, which is bought.
    trader.place(&server, &Draft { kind: "FAK", ..Draft::limit(token, "BUY", 95, 7_000) }).ok("everything");
    trader.place(&server, &Draft::limit(token, "SELL", 97, 10)).ok("an offer");
    wallet.place(&server, &Draft::limit(token, "BUY", 97, 10).salted(2)).ok("a trade");
    let mut changes = Vec::new();
    while changes.len() < 2 {
        let frame = event(&mut socket);
        if frame["event_type"] == "tick_size_change" {
            assert_eq!(
                (&frame["market"], &frame["old_tick_size"]),
                (&json!(market.condition), &json!("0.01"))
            );
            changes.push((frame["asset_id"].clone(), frame["new_tick_size"].clone()));
        }
    }
    for token in &market.tokens {
        assert!(streamed.any(|line| line == "event: tick_size_change"), "the stream ended");
        let data = streamed.next().and_then(|line| line.strip_prefix("data: ").map(str::to_owned));
        let told: Value = serde_json::from_str(&data.expect("data")).expect("JSON");
        let ticks = [&told["old_tick_size"], &told["tick_size"]];
        assert_eq!((&told["asset_id"], ticks), (&json!(token), [&json!(0.01), &json!(0.001)]));
    }
    assert_eq!(changes, [(json!(token), json!("0.001")), (json!(other), json!("0.001"))]);
    let found = |server: &Server, path: String, pointer: &str| {
        server.get(path).send().ok("an answer").pointer(pointer).cloned().unwrap_or_default()
    };
    for restarts in [false, true] {
        if restarts {
            server.kill();
            server.restart();
        }
        let tick = found(&server, format!("/tick-size?token_id={other}"), "/minimum_tick_size");
        assert_eq!(tick, json!(0.001));
        assert_eq!(found(&server, format!("/book?token_id={token}"), "/tick_size"), json!("0.001"));
        assert_eq!(found(&server, format!("/clob-markets/{}", market.condition), "/mts"), json!(0.001));
        let shown =
            found(&server, format!("/gamma/markets?clob_token_ids={token}"), "/0/orderPriceMinTickSize");
        assert_eq!(shown, json!(0.001));
    }
    // Clients remember ticks: a price of the coarser grid is one of the finer, too.
    assert_eq!(wallet.get(&server, &format!("/data/order/{id}")).ok("an order")["status"], "LIVE");
    wallet.place(&server, &Draft::limit(token, "BUY", 11, 10).salted(3)).ok("whole cents");
    let fine = Draft { gives: 9_650_000, ..Draft::limit(token, "BUY", 96, 10).salted(4) };
    assert_eq!(wallet.place(&server, &fine).ok("between them")["status"], "live");
}
