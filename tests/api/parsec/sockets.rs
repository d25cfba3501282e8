//! The socket (§11): what no SDK sends, and what happens to those that do not read.

use super::{Caller, end_user, text};
use crate::harness::{Market, Options, Server};
use serde_json::{Value, json};
use std::net::TcpStream;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

type Socket = WebSocket<TcpStream>;

fn connected(server: &Server, path: &str) -> Socket {
    client(format!("ws://{}{path}", server.address()), server.connect()).expect("a socket").0
}

fn say(socket: &mut Socket, frame: &Value) {
    socket.send(Message::text(frame.to_string())).expect("sent");
}

/// The next message but heartbeats.
fn heard(socket: &mut Socket) -> Value {
    loop {
        match socket.read().expect("a frame") {
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text).expect("JSON");
                if message["type"] != "heartbeat" {
                    return message;
                }
            }
            Message::Close(close) => panic!("closed: {close:?}"),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}

/// The code and reason with which a socket is closed.
fn closed(socket: &mut Socket) -> (u16, String) {
    loop {
        if let Message::Close(close) = socket.read().expect("a frame") {
            let close = close.expect("a reason");
            return (close.code.into(), close.reason.to_string());
        }
    }
}

fn open(server: &Server, key: &str) -> Socket {
    let mut socket = connected(server, "/ws");
    say(&mut socket, &json!({"type": "auth", "api_key": key}));
    assert_eq!(heard(&mut socket)["type"], "auth_ok");
    socket
}

/// A name of the market over all venues: its condition id is taken wherever its own is.
fn named(market: &Market) -> String {
    format!("polymarket:{}", market.condition)
}

fn follow(socket: &mut Socket, market: &Market, depth: u32) -> Value {
    say(
        socket,
        &json!({"type": "subscribe", "markets": [{"parsec_id": named(market), "outcome": null, "depth": depth}]}),
    );
    heard(socket)
}

#[test]
fn nothing_is_said_to_a_socket_before_it_says_whose_it_is() {
    let server = Server::in_memory();
    let key = server.persona("trader", "pk_key").to_owned();
    // A base URL that ends in a slash makes two of them.
    for path in ["/ws", "//ws"] {
        let mut socket = connected(&server, path);
        say(&mut socket, &json!({"type": "subscribe", "markets": []}));
        assert_eq!(
            heard(&mut socket),
            json!({"type": "error", "code": 1001, "message": "authentication required"})
        );
        say(&mut socket, &json!({"type": "auth", "api_key": key}));
        let customer = server.persona("trader", "auth_user_id");
        assert_eq!(heard(&mut socket), json!({"type": "auth_ok", "customer_id": customer}));
        say(&mut socket, &json!({"type": "auth", "api_key": key}));
        assert_eq!(
            heard(&mut socket),
            json!({"type": "error", "code": 1001, "message": "already authenticated"})
        );
        for nonsense in ["", "x", "[]", "{}", r#"{"type":"dance"}"#, r#"{"type":"subscribe"}"#] {
            socket.send(Message::text(nonsense)).expect("sent");
            assert_eq!(
                heard(&mut socket),
                json!({"type": "error", "code": 2001, "message": "invalid message"})
            );
        }
    }
}

#[test]
fn a_bad_key_is_told_so_and_the_socket_is_closed() {
    let server = Server::in_memory();
    for auth in [
        json!({"type": "auth", "api_key": "pk_invalid_key"}),
        json!({"type": "auth"}),
        json!({"type": "auth", "api_key": server.persona("revoked", "pk_key")}),
        // A terminal's token is none of a key's, nor the other way round.
        json!({"type": "auth_terminal", "token": server.persona("trader", "pk_key")}),
        json!({"type": "auth_terminal", "token": server.persona("trader", "jwt")}),
    ] {
        let mut socket = connected(&server, "/ws");
        say(&mut socket, &auth);
        assert_eq!(
            heard(&mut socket),
            json!({"type": "auth_error", "code": 1002, "message": "invalid api key"}),
            "{auth}"
        );
        assert_eq!(closed(&mut socket), (1008, "invalid api key".to_owned()));
    }
}

#[test]
fn a_terminal_s_token_opens_a_socket_and_a_request_until_its_key_ends() {
    let server = Server::in_memory();
    let builder = Caller::persona(&server, "builder");
    let made = end_user(&server, &builder, "user_001");
    let own = Caller::key(text(&made, "api_key"));
    let booted = own.post(&server, "/dev/session/bootstrap", &json!({})).ok("a token");
    assert_eq!((&booted["customer_id"], &booted["api_key"]), (&made["customer_id"], &made["api_key"]));
    let token = text(&booted, "terminal_read_token").to_owned();
    let mut socket = connected(&server, "/ws");
    say(&mut socket, &json!({"type": "auth_terminal", "token": token}));
    assert_eq!(heard(&mut socket), json!({"type": "auth_ok", "customer_id": made["customer_id"]}));
    assert_eq!(server.get("/api/v1/usage").bearer(&token).send().status, 200);
    // For nothing else is it of any use.
    assert_eq!(server.get("/v1/me").bearer(&token).send().status, 401);
    builder.delete(&server, &format!("/builder/users/{}", text(&made, "customer_id")));
    assert_eq!(closed(&mut socket), (1008, "api key revoked".to_owned()));
    assert_eq!(server.get("/api/v1/usage").bearer(&token).send().status, 401);
}

#[test]
fn a_book_is_followed_level_by_level_without_a_gap_whatever_trades() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let trader = Caller::persona(&server, "trader");
    let mut socket = open(&server, &trader.key);
    let snapshot = follow(&mut socket, &market, 2);
    assert_eq!(
        (&snapshot["type"], &snapshot["kind"], &snapshot["outcome"]),
        (&json!("orderbook"), &json!("snapshot"), &json!("Yes"))
    );
    assert_eq!((snapshot["bids"].as_array().unwrap().len(), &snapshot["server_seq"]), (2, &json!(1)));
    // A new best bid pushes the second out of the window.
    trader.order(&server, &market, "buy", (market.bid + 1, 10)).ok("an order");
    let delta = heard(&mut socket);
    assert_eq!((&delta["type"], &delta["server_seq"]), (&json!("orderbook_delta"), &json!(2)));
    let out = &snapshot["bids"][1][0];
    assert_eq!(
        delta["changes"],
        json!([
            {"side": "bid", "price": out, "size": 0},
            {"side": "bid", "price": super::number(market.bid + 1), "size": 10},
        ])
    );
    // Far below it, nothing that is shown changes; then a trade, which has no number of its own.
    trader.order(&server, &market, "buy", (1, 10)).ok("an order");
    let bought = trader.order(&server, &market, "buy", (market.ask, 5)).ok("an order");
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let message = heard(&mut socket);
        let kind = message["kind"].as_str().or(message["type"].as_str()).unwrap().to_owned();
        match kind.as_str() {
            "trade" => {
                assert_eq!((&message["side"], &message["size"]), (&json!("buy"), &json!(5)));
                assert_eq!(message["server_seq"], 2, "the number of the book's last message");
            }
            "fill" => {
                assert_eq!(
                    (&message["order_id"], &message["liquidity_role"]),
                    (&bought["id"], &json!("taker"))
                );
            }
            _ => assert_eq!(message["server_seq"], 3, "{message}"),
        }
        seen.push(kind);
    }
    seen.sort();
    assert_eq!(seen, ["fill", "orderbook_delta", "trade"]);
    say(&mut socket, &json!({"type": "resync", "parsec_id": named(&market), "outcome": "yes"}));
    let again = heard(&mut socket);
    assert_eq!((&again["type"], &again["server_seq"]), (&json!("orderbook"), &json!(4)));
}

#[test]
fn nobody_hears_of_another_s_fills() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let trader = Caller::persona(&server, "trader");
    let mut other = open(&server, server.persona("whale", "pk_key"));
    follow(&mut other, &market, 1);
    trader.order(&server, &market, "buy", (market.ask, 5)).ok("an order");
    let mut kinds = vec![heard(&mut other)["kind"].clone()];
    while kinds.last() != Some(&json!("trade")) {
        kinds.push(heard(&mut other)["kind"].clone());
    }
    // What follows the trade of its own is there before anything that is asked for then.
    say(&mut other, &json!({"type": "resync", "parsec_id": named(&market)}));
    while kinds.last() != Some(&json!("snapshot")) {
        kinds.push(heard(&mut other)["kind"].clone());
    }
    assert!(!kinds.contains(&json!("fill")), "{kinds:?}");
}

#[test]
fn what_a_message_names_wrongly_is_said_for_each_and_fails_no_other() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let mut socket = open(&server, server.persona("reader", "pk_key"));
    let entries = json!([
        {"parsec_id": "x"},
        {"parsec_id": "doesnotexist:1"},
        {"parsec_id": "polymarket:1"},
        {"parsec_id": named(&market), "outcome": "Maybe"},
        {"exchange": "polymarket"},
        {"parsec_id": named(&market), "depth": "deep"},
        {"exchange": "polymarket", "market_id": market.condition, "outcome": "no"},
    ]);
    say(&mut socket, &json!({"type": "subscribe", "markets": entries}));
    let codes: Vec<_> = (0..6).map(|_| heard(&mut socket)["code"].clone()).collect();
    assert_eq!(codes, [json!(2001), json!(2003), json!(2002), json!(2005), json!(2001), json!(2001)]);
    let snapshot = heard(&mut socket);
    assert_eq!((&snapshot["type"], &snapshot["outcome"]), (&json!("orderbook"), &json!("No")));
    say(&mut socket, &json!({"type": "resync", "parsec_id": named(&market), "outcome": "Yes"}));
    assert_eq!(heard(&mut socket)["code"], 2001, "what is not followed");
    say(&mut socket, &json!({"type": "unsubscribe", "markets": [{"parsec_id": named(&market)}]}));
    // A free key follows three books on all of its sockets.
    let markets = server.markets(4);
    let mut second = open(&server, server.persona("reader", "pk_key"));
    let wanted: Vec<_> =
        markets.iter().map(|market| json!({"parsec_id": named(market), "outcome": "Yes"})).collect();
    say(&mut second, &json!({"type": "subscribe", "markets": wanted}));
    let answers: Vec<_> = (0..4).map(|_| heard(&mut second)).collect();
    let kinds: Vec<_> = answers.iter().map(|answer| answer["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["orderbook", "orderbook", "error", "error"]);
    assert_eq!(answers[3]["message"], "max subscriptions reached (limit: 3, tier: free)");
    // Where one is left there is room for another.
    say(
        &mut socket,
        &json!({"type": "unsubscribe", "markets": [{"parsec_id": named(&market), "outcome": "NO"}]}),
    );
    say(&mut socket, &json!({"type": "subscribe", "markets": [wanted[3]]}));
    assert_eq!(heard(&mut socket)["type"], "orderbook");
}

#[test]
fn who_asks_too_often_is_told_and_loses_nothing_else() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let mut socket = open(&server, server.persona("trader", "pk_key"));
    for _ in 0..40 {
        say(&mut socket, &json!({"type": "subscribe", "markets": [{"parsec_id": named(&market)}]}));
    }
    let answers: Vec<_> = (0..40).map(|_| heard(&mut socket)).collect();
    let passed = answers.iter().filter(|answer| answer["type"] == "orderbook").count();
    assert!((10..30).contains(&passed), "{passed} of 40");
    let numbers: Vec<_> = answers.iter().filter_map(|answer| answer["server_seq"].as_u64()).collect();
    assert!(numbers.iter().copied().eq((1..).take(numbers.len())), "{numbers:?}");
    let limited = json!({"type": "error", "code": 3001, "message": "rate limited"});
    assert!(answers.iter().filter(|answer| answer["type"] != "orderbook").all(|answer| *answer == limited));
}

#[test]
fn a_message_that_is_too_long_ends_the_socket_and_a_reset_does_too() {
    let server = Server::in_memory();
    let mut socket = open(&server, server.persona("trader", "pk_key"));
    socket.send(Message::text("x".repeat(70_000))).expect("sent");
    assert_eq!(closed(&mut socket).0, 1009);
    let mut socket = open(&server, server.persona("trader", "pk_key"));
    server.steer("/sim/reset", &json!({}));
    assert_eq!(closed(&mut socket).0, 1001);
}

#[test]
fn fills_on_an_account_of_credentials_in_a_request_are_told_to_the_sockets_of_whoever_sent_them() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let builder = Caller::persona(&server, "builder");
    let mut socket = open(&server, &builder.key);
    follow(&mut socket, &market, 5);
    let given = builder.with(&super::wallet(97));
    // The first proof makes the account; from then on the socket listens to it.
    assert_eq!(given.cash(&server), 1_000_000_000);
    given.order(&server, &market, "buy", (market.ask, 5)).ok("an order");
    let fill = loop {
        let message = heard(&mut socket);
        if message["kind"] == "fill" {
            break message;
        }
    };
    assert_eq!(fill["size"], 5);
}

#[test]
fn an_entry_is_taken_as_it_is_meant_and_one_that_is_wrong_is_named() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let mut socket = open(&server, server.persona("trader", "pk_key"));
    let id = named(&market);
    let ask = |socket: &mut Socket, kind: &str, entries: Value| {
        say(socket, &json!({"type": kind, "markets": entries}));
    };
    // Beyond what is shown it is the most or the fewest; the outcome may be a number; named twice it comes once.
    for (entry, levels) in [
        (json!({"parsec_id": id, "depth": -1}), 1),
        (json!({"parsec_id": id, "depth": 1.0, "outcome": 0}), 1),
        (json!({"parsec_id": id, "depth": 2, "outcome": "0"}), 2),
    ] {
        ask(&mut socket, "subscribe", json!([entry, entry]));
        let snapshot = heard(&mut socket);
        assert_eq!(
            (&snapshot["kind"], snapshot["bids"].as_array().map(Vec::len)),
            (&json!("snapshot"), Some(levels))
        );
    }
    let wrong = |code: u16, message: &str, id: Option<&str>| {
        let mut error = json!({"type": "error", "code": code, "message": message});
        if let Some(id) = id {
            error["parsec_id"] = id.into();
        }
        error
    };
    let native = market.condition.as_str();
    ask(
        &mut socket,
        "subscribe",
        json!([
            {"parsec_id": id, "depth": "x"},
            {"exchange": "polymarket", "market_id": native, "outcome": "Perhaps"},
            {"exchange": "polymarket", "market_id": "nothing"},
            0,
        ]),
    );
    assert_eq!(heard(&mut socket), wrong(2001, "invalid message", Some(&id)));
    let unknown = heard(&mut socket);
    assert_eq!((&unknown["code"], &unknown["parsec_id"]), (&json!(2005), &json!(id)));
    assert_eq!(heard(&mut socket)["parsec_id"], "polymarket:nothing");
    assert_eq!(heard(&mut socket)["code"], 2001);
    // Nobody follows what nobody knows, and how deep it was is no matter.
    ask(&mut socket, "unsubscribe", json!([{"parsec_id": "kalshi:zz"}, {"parsec_id": id, "depth": "x"}]));
    say(&mut socket, &json!({"type": "resync", "parsec_id": id}));
    assert_eq!(heard(&mut socket), wrong(2001, "not subscribed", Some(&own(&server, &market))));
    // Nor does anyone ask for thousands at once.
    ask(&mut socket, "subscribe", json!(vec![0; 30_000]));
    assert_eq!(heard(&mut socket)["message"], "more than 1000 markets in one message");
}

/// The market's id over all venues, as the surface writes it.
fn own(server: &Server, market: &Market) -> String {
    let price = Caller::persona(server, "trader").get(server, &format!("/price?parsec_id={}", named(market)));
    text(&price.ok("a price"), "parsec_id").to_owned()
}

#[test]
fn a_surface_alone_answers_at_its_own_address_and_nothing_else() {
    let arguments = vec!["--listen-parsec".to_owned(), "localhost:0".to_owned()];
    let server = Server::start(Options { arguments, ..Options::default() });
    let base = server.surfaces["parsec"].as_str().expect("an address").to_owned();
    assert_ne!(base, server.base);
    let key = server.persona("trader", "pk_key");
    let ask = |path: &str| server.get(format!("{base}{path}")).header("X-API-Key", key).send();
    assert_eq!(ask("/api/v1/exchanges").status, 200);
    // A script that waits for the port asks this one.
    assert_eq!(server.get(format!("{base}/healthz")).send().ok("alive"), json!({"status": "ok"}));
    for path in ["/v1/markets", "/gamma/markets", "/sim/clock", "/", "/api/geoblock"] {
        let answer = ask(path);
        super::refused(&answer, path, 404, "not_found");
    }
    let wrong = server.request("PUT", format!("{base}/api/v1/orders")).send();
    super::refused(&wrong, "a verb", 405, "bad_request");
}
