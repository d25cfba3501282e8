//! Sockets that misbehave, and how sockets end (polysimulator.md §17).

use crate::harness::{Options, Server};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, client};

const CHANNELS: [&str; 4] = ["/v1/ws/prices", "/v1/ws/executions", "/v1/ws/market", "/v1/ws/user"];

type Socket = WebSocket<TcpStream>;

fn token(server: &Server, persona: &str) -> String {
    let minted = server.post("/v1/keys/ws-token", &json!({})).key(persona).send().ok("a socket token");
    minted["token"].as_str().expect("a token").to_owned()
}

fn open(server: &Server, path: &str, token: &str) -> Socket {
    let url = format!("ws://{}{path}?token={token}", server.address());
    client(url, server.connect()).expect("a handshake").0
}

/// A socket of the desk, which may have many.
fn desk(server: &Server, path: &str) -> Socket {
    open(server, path, &token(server, "desk"))
}

/// The next JSON frame; none if the socket was closed.
fn frame(socket: &mut Socket) -> Option<Value> {
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).expect("JSON")),
            Ok(Message::Ping(_) | Message::Pong(_)) => {}
            Ok(_) | Err(_) => return None,
        }
    }
}

/// How the socket was closed, after whatever else it still said.
fn close_code(socket: &mut Socket) -> u16 {
    loop {
        if let Message::Close(reason) = socket.read().expect("a close frame before the end") {
            return reason.expect("a code").code.into();
        }
    }
}

fn say(socket: &mut Socket, frame: &Value) {
    socket.send(Message::text(frame.to_string())).expect("sent");
}

/// It answers a ping on its own channel.
fn answers(socket: &mut Socket) {
    say(socket, &json!({"type": "ping"}));
    let is_pong = |frame: &Value| frame["type"] == "pong" || frame["event_type"] == "pong";
    loop {
        if is_pong(&frame(socket).expect("a pong")) {
            return;
        }
    }
}

#[test]
fn a_socket_without_a_good_token_is_accepted_and_closed_with_4001() {
    let server = Server::in_memory();
    let jwt = server.persona("trader", "jwt").to_owned();
    let key = server.key("trader").to_owned();
    for path in ["/v1/ws/prices", "/v1/ws/executions"] {
        for token in ["", "x", "a.b.c", &jwt, &key, &"x".repeat(5_000)] {
            assert_eq!(close_code(&mut open(&server, path, token)), 4001, "{path} {token}");
        }
    }
    let late = token(&server, "trader");
    server.advance(61);
    assert_eq!(close_code(&mut open(&server, "/v1/ws/prices", &late)), 4001, "a minute is over");
}

#[test]
fn a_user_has_as_many_sockets_as_its_plan_and_a_closed_one_is_free_again() {
    let server = Server::in_memory();
    let token = token(&server, "trader");
    let mut sockets: Vec<_> = CHANNELS.into_iter().take(3).map(|path| open(&server, path, &token)).collect();
    sockets.iter_mut().for_each(answers);
    assert_eq!(close_code(&mut open(&server, "/v1/ws/prices", &token)), 4002);
    let mut last = sockets.pop().expect("three");
    last.close(None).expect("closed");
    while last.read().is_ok() {}
    drop(last);
    // The seat is given up when the server notices, which the next open may come before.
    let mut tries = 0;
    while frame(&mut open(&server, "/v1/ws/prices", &token)).is_none() {
        tries += 1;
        assert!(tries < 1_000, "the seat is never free again");
    }
    answers(&mut sockets[0]);
}

#[test]
fn a_bot_that_closes_a_socket_is_answered_so_and_waits_for_nothing() {
    let server = Server::in_memory();
    let mut sockets: Vec<_> = CHANNELS.map(|path| desk(&server, path)).into();
    sockets.push(open(&server, "/ws/market", ""));
    for mut socket in sockets {
        socket.close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() })).expect("closed");
        assert_eq!(close_code(&mut socket), 1000, "the same code comes back");
        let end = socket.read();
        assert!(matches!(end, Err(Error::ConnectionClosed)), "and the connection ends in order: {end:?}");
    }
}

#[test]
fn a_plain_request_to_a_socket_is_refused_in_the_envelope() {
    let server = Server::in_memory();
    for path in CHANNELS {
        for method in ["GET", "POST", "DELETE"] {
            server.request(method, path).key("trader").send().assert_envelope(&format!("{method} {path}"));
        }
    }
}

#[test]
fn frames_that_mean_nothing_are_answered_and_end_nothing() {
    let server = Server::in_memory();
    for path in CHANNELS {
        let mut socket = desk(&server, path);
        for text in [
            "",
            "{",
            "null",
            "1",
            "[]",
            "{}",
            "\"x\"",
            r#"{"action":null}"#,
            r#"{"action":["subscribe"]}"#,
            r#"{"action":"fly"}"#,
            r#"{"action":"subscribe"}"#,
            r#"{"action":"subscribe","markets":null}"#,
            r#"{"action":"subscribe","markets":[1]}"#,
            r#"{"action":"subscribe","markets":["\u0000","../..","' OR 1"]}"#,
            r#"{"type":"market","assets_ids":{}}"#,
            r#"{"type":"market","assets_ids":["1"]}"#,
            r#"{"operation":"subscribe","assets_ids":[null]}"#,
            "\u{202e}\u{0}",
        ] {
            socket.send(Message::text(text)).expect("sent");
        }
        socket.send(Message::text("[".repeat(60_000))).expect("sent");
        socket.send(Message::binary(vec![0xff; 1_000])).expect("sent");
        answers(&mut socket);
    }
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

/// A client's frame as bytes, masked with zeros.
fn raw_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match u16::try_from(payload.len()) {
        Ok(length) if length < 126 => bytes.push(0x80 | u8::try_from(length).expect("short")),
        Ok(length) => {
            bytes.push(0x80 | 0x7e);
            bytes.extend(length.to_be_bytes());
        }
        Err(_) => {
            bytes.push(0x80 | 0x7f);
            bytes.extend(u64::try_from(payload.len()).expect("a length").to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

#[test]
fn bytes_that_break_the_protocol_end_their_own_socket_only() {
    let server = Server::in_memory();
    let mut bystander = desk(&server, "/v1/ws/prices");
    let mut broken = Vec::new();
    let endless = [vec![0x81, 0xff], u64::MAX.to_be_bytes().to_vec(), vec![0; 4]].concat();
    let too_long = raw_frame(0x81, &vec![b'x'; 70_000]);
    let pieces = [raw_frame(0x01, &vec![b'x'; 60_000]), raw_frame(0x80, &vec![b'x'; 60_000])].concat();
    for bytes in [
        raw_frame(0x81, b"\xff\xfe"),
        raw_frame(0xf1, b"reserved bits"),
        raw_frame(0x8f, b"an unknown kind"),
        raw_frame(0x80, b"goes on with nothing"),
        b"\x81\x05plain".to_vec(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        too_long,
        pieces,
        endless,
    ] {
        for path in CHANNELS {
            let mut stream = desk(&server, path).into_inner();
            stream.write_all(&bytes).expect("written");
            broken.push((path, bytes[..bytes.len().min(20)].to_vec(), stream));
        }
    }
    for (path, bytes, mut stream) in broken {
        let mut rest = Vec::new();
        // Closed, in order or not: the peer broke the rules.
        let end = stream.read_to_end(&mut rest);
        let is_open = end.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!is_open, "{path} is still open after {bytes:?}");
    }
    answers(&mut bystander);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

/// How much memory the server holds, in KiB.
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process_id())).expect("a status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

fn sockets_open(server: &Server) -> u64 {
    let status = server.get("/v1/status").send().ok("the status");
    status["websocket"]["connections"].as_u64().expect("a number")
}

#[test]
fn a_socket_that_never_reads_is_closed_holds_little_and_nobody_else_notices() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let mut bystander = desk(&server, "/v1/ws/prices");
    say(&mut bystander, &json!({"action": "subscribe", "markets": [market.condition]}));
    let before = resident(&server);
    let deaf = desk(&server, "/v1/ws/prices");
    assert_eq!(sockets_open(&server), 2);
    let mut deaf = deaf.into_inner();
    deaf.set_write_timeout(Some(Duration::from_secs(1))).expect("set");
    // Every frame is answered with one as long, until nothing more fits between the two.
    let long = raw_frame(0x81, json!({"action": "x".repeat(60_000)}).to_string().as_bytes());
    let mut sent = 0;
    while deaf.write_all(&long).is_ok() {
        sent += 1;
        assert!(sent < 5_000, "it takes everything and never minds");
    }
    assert!(sent > 50, "{sent}");
    server.post("/v1/orders", &market.take("BUY", 10)).key("trader").send().ok("others trade meanwhile");
    answers(&mut bystander);
    // Each try waits a second for room that never comes.
    let given_up = (0..25).any(|_| deaf.write_all(b"x").is_err() && sockets_open(&server) == 1);
    assert!(given_up, "it is not given up within 25 seconds");
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 64 * 1_024, "{grown} KiB for one socket");
    answers(&mut bystander);
    server.post("/v1/orders", &market.take("BUY", 10)).key("trader").send().ok("an order");
}

#[test]
fn a_reset_and_a_stop_close_every_socket_with_1001() {
    let mut server = Server::start(Options::durable());
    let open_all = |server: &Server| CHANNELS.map(|path| desk(server, path));
    let mut sockets = open_all(&server);
    sockets.iter_mut().for_each(answers);
    server.steer("/sim/reset", &json!({}));
    for (path, socket) in CHANNELS.iter().zip(&mut sockets) {
        assert_eq!(close_code(socket), 1001, "{path}");
    }
    let mut sockets = open_all(&server);
    sockets.iter_mut().for_each(answers);
    let readers = sockets.map(|mut socket| std::thread::spawn(move || close_code(&mut socket)));
    server.stop();
    for (path, reader) in CHANNELS.iter().zip(readers) {
        assert_eq!(reader.join().expect("read"), 1001, "{path}");
    }
}

#[test]
fn a_fill_is_told_to_its_owner_and_to_nobody_else() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let mut own = open(&server, "/v1/ws/executions", &token(&server, "trader"));
    let mut other = open(&server, "/v1/ws/executions", &token(&server, "whale"));
    for socket in [&mut own, &mut other] {
        assert_eq!(frame(socket).expect("a greeting")["type"], "connected");
    }
    let order = market.limit("BUY", market.ask, 10);
    let id = server.post("/v1/orders", &order).key("trader").send().ok("an order")["order_id"].clone();
    let told = frame(&mut own).expect("a fill");
    assert_eq!((&told["type"], &told["order_id"], &told["quantity"]), (&json!("fill"), &id, &json!("10")));
    say(&mut other, &json!({"action": "ping"}));
    assert_eq!(frame(&mut other).expect("a pong")["type"], "pong", "nothing came before it");
}
