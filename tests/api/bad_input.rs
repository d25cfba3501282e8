//! What no client should send: always the surface's own envelope, never a fault of ours, nobody else notices.

use crate::harness::{Answer, Market, Server, with};
use serde_json::{Value, json};
use std::io::{Read, Write};

/// Texts that are no number anyone takes; as JSON they stand for themselves.
const NO_NUMBERS: [&str; 22] = [
    r#""NaN""#,
    r#""Infinity""#,
    r#""-Infinity""#,
    r#""1e3""#,
    "1e3",
    "1E400",
    "1e-9",
    r#""""#,
    r#"" ""#,
    r#""+5""#,
    r#""5.""#,
    r#""0x10""#,
    r#""1,000""#,
    r#""1_000""#,
    r#""٣""#,
    r#""５""#,
    "true",
    "[]",
    "{}",
    "[5]",
    r#""1.2.3""#,
    r#""--5""#,
];
/// JSON that is none.
const NO_JSON: [&str; 16] = [
    "{",
    "}",
    "[",
    "nul",
    "NaN",
    "{\"a\":NaN}",
    "{\"a\":Infinity}",
    "{'a':1}",
    "{\"a\":1,}",
    "{\"a\" 1}",
    "{a:1}",
    "\"open",
    "{}{}",
    "\u{feff}{}",
    "{\"a\":01}",
    "{\"a\":\"\u{1}\"}",
];
/// Ids of every wrong shape, ready for a path.
fn ids() -> Vec<String> {
    let mut ids: Vec<String> = [
        "0",
        "-1",
        "+1",
        "1.0",
        "1e3",
        "18446744073709551615",
        "18446744073709551616",
        "%20",
        "%00",
        "%0a",
        "..",
        "..%2f",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
        "1'%20OR%20'1'='1",
        "1;DROP%20TABLE%20orders;--",
        "%F0%9F%98%80",
        "%ff%fe",
        "%D9%A3",
        "null",
        "undefined",
        "NaN",
        "0x1",
        "%25",
        "*",
        "1%2c2",
        "{id}",
        "~",
    ]
    .map(str::to_owned)
    .into();
    ids.push("9".repeat(10_000));
    ids.push("a".repeat(10_000));
    ids
}

/// Refused in the envelope, and the server is none the worse.
fn refused(what: &str, answer: &Answer) {
    answer.assert_envelope(&what.chars().take(120).collect::<String>());
}

fn well(server: &Server) {
    assert_eq!(server.get("/v1/health").send().status, 200);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

fn order_text(market: &Market, member: &str, value: &str) -> String {
    let mut order = market.limit("BUY", market.bid, 10);
    order[member] = json!("@");
    order.to_string().replace("\"@\"", value)
}

#[test]
fn what_is_no_number_is_refused_wherever_a_number_is_expected() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let forty = "1234567890123456789012345678901234567890";
    let texts = NO_NUMBERS.map(str::to_owned).into_iter();
    for text in
        texts.chain([forty.to_owned(), format!("\"{forty}\""), format!("-{forty}"), "9".repeat(5_000)])
    {
        for member in ["quantity", "price", "wallet_id"] {
            let body = order_text(&market, member, &text);
            let answer = server.request("POST", "/v1/orders").key("trader").body(body).send();
            refused(&format!("{member} {text}"), &answer);
        }
        let expires = order_text(&market, "expiration", &text)
            .replace("\"limit\"", "\"limit\",\"time_in_force\":\"GTD\"");
        refused(&text, &server.request("POST", "/v1/orders").key("trader").body(expires).send());
        let flat =
            format!(r#"{{"token_id":"{}","side":"BUY","price":"0.5","size":{text}}}"#, market.tokens[0]);
        refused(&text, &server.request("POST", "/v1/clob/order").key("trader").body(flat).send());
        let signed = format!(
            r#"{{"order":{{"tokenId":"{}","makerAmount":{text},"takerAmount":"1","side":"BUY"}}}}"#,
            market.tokens[0]
        );
        refused(&text, &server.request("POST", "/v1/order").key("trader").body(signed).send());
        let beat = format!(r#"{{"interval_ms":{text}}}"#);
        refused(&text, &server.request("POST", "/v1/heartbeats").key("trader").body(beat).send());
    }
    for digits in ["0.000000000000000000000000000000000000001", "-0.00001", "-0", "0.00009"] {
        let body = order_text(&market, "quantity", digits);
        refused(digits, &server.request("POST", "/v1/orders").key("trader").body(body).send());
    }
    let open = server.get("/v1/orders").key("trader").send().ok("orders");
    assert_eq!(open["orders"], json!([]), "nothing of it became an order");
    well(&server);
}

#[test]
fn extra_digits_of_a_quantity_are_cut_off() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let body = order_text(&market, "quantity", "5.00019999999999999999999999999999999999");
    let placed = server.request("POST", "/v1/orders").key("trader").body(body).send().ok("an order");
    assert_eq!(placed["quantity"], "5.0001");
}

#[test]
fn null_and_wrong_types_are_refused_in_every_member() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let native = market.limit("BUY", market.bid, 10);
    let signed = json!({"order": {"tokenId": market.tokens[0], "makerAmount": "5000000", "takerAmount": "10000000",
        "side": "BUY", "expiration": "0"}, "orderType": "GTC"});
    let flat = json!({"token_id": market.tokens[0], "side": "BUY", "price": "0.5", "size": 10});
    for (path, good) in [("/v1/orders", &native), ("/v1/order", &signed), ("/v1/clob/order", &flat)] {
        for member in good.as_object().unwrap().keys() {
            for value in
                [json!([]), json!({}), json!([[1]]), json!(true), json!("\u{0}"), json!("x".repeat(10_000))]
            {
                let answer = server.post(path, &with(good, &json!({ member: value }))).key("trader").send();
                refused(&format!("{path} {member} {value}"), &answer);
            }
        }
        let nothing: serde_json::Map<String, Value> =
            good.as_object().unwrap().keys().map(|member| (member.clone(), Value::Null)).collect();
        refused(path, &server.post(path, &Value::Object(nothing)).key("trader").send());
    }
    for member in ["tokenId", "makerAmount", "takerAmount", "side"] {
        for value in [Value::Null, json!([]), json!({}), json!(true), json!("")] {
            let order = with(&signed["order"], &json!({ member: value }));
            let answer = server.post("/v1/order", &json!({"order": order})).key("trader").send();
            refused(&format!("{member} {value}"), &answer);
        }
    }
    well(&server);
}

#[test]
fn a_body_that_is_not_what_a_route_reads_is_refused() {
    let server = Server::in_memory();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_object = format!("{}1{}", r#"{"a":"#.repeat(30_000), "}".repeat(30_000));
    let routes = [
        ("POST", "/v1/orders"),
        ("POST", "/v1/orders/batch"),
        ("POST", "/v1/order"),
        ("POST", "/v1/clob/order"),
        ("DELETE", "/v1/order"),
        ("DELETE", "/v1/orders"),
        ("POST", "/v1/heartbeats"),
        ("POST", "/v1/prices/batch"),
        ("POST", "/v1/books"),
        ("POST", "/v1/midpoints"),
        ("POST", "/v1/spreads"),
        ("POST", "/v1/prices"),
    ];
    for (method, path) in routes {
        let send = |body: &[u8]| server.request(method, path).key("desk").body(body).send();
        for body in NO_JSON.into_iter().chain([deep.as_str(), deep_object.as_str()]) {
            let answer = send(body.as_bytes());
            // An array here is a list of orders, each of which is refused at its place.
            if (method, path) == ("POST", "/v1/orders") && answer.status == 200 {
                assert_eq!(answer.json[0]["success"], false, "{}", answer.text);
                continue;
            }
            refused(&format!("{method} {path} {}", body.chars().take(20).collect::<String>()), &answer);
        }
        for body in [
            "null",
            "1",
            "\"text\"",
            "true",
            "[null]",
            "[1,[]]",
            "{\"orders\":null}",
            "{\"orders\":[]}",
            "{\"orders\":{}}",
            "{\"items\":1}",
        ] {
            let answer = send(body.as_bytes());
            let is_list = method == "DELETE" || path.ends_with("batch") || answer.status == 200;
            assert!(answer.status < 500, "{method} {path} {body}: {}", answer.text);
            if answer.status != 200 || !is_list {
                refused(&format!("{method} {path} {body}"), &answer);
            }
        }
        refused(path, &send(b"{\"a\":\"\xff\xfe\"}"));
        refused(path, &send(b"\xff\xfe"));
        refused(path, &send(&[0; 64]));
    }
    well(&server);
}

#[test]
fn a_list_does_not_pass_for_an_object_with_members_in_order() {
    let server = Server::in_memory();
    let beat = server.post("/v1/heartbeats", &json!([1_000, null])).key("trader").send();
    beat.refused("a heartbeat", 400, "INVALID_BODY");
    let market = server.markets(1).remove(0);
    let order =
        json!([market.condition, "BUY", "Yes", "5", null, "limit", "0.10", "GTC", null, null, false, null]);
    let answer =
        server.post("/v1/orders/batch", &json!({"orders": [order]})).key("trader").send().ok("a batch");
    assert_eq!((&answer["failed"], &answer["results"][0]["error"]), (&json!(1), &json!("VALIDATION_FAILED")));
    let whole = server.post("/v1/orders/batch", &json!([[order]])).key("trader").send();
    whole.refused("a batch", 400, "INVALID_BODY");
}

#[test]
fn a_member_that_is_said_twice_is_refused() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let text = market.limit("BUY", market.bid, 10).to_string();
    let twice = text.replacen('{', "{\"quantity\":\"5\",", 1);
    server.request("POST", "/v1/orders").key("trader").body(twice).send().refused(
        "twice",
        422,
        "VALIDATION_FAILED",
    );
}

#[test]
fn a_body_over_the_limit_is_413_and_one_at_the_limit_is_read() {
    let server = Server::in_memory();
    let padded = |bytes: usize| format!("{{}}{}", " ".repeat(bytes - 2));
    for (bytes, status, code) in [
        (256 * 1024, 400, "CONFIRMATION_REQUIRED"),
        (256 * 1024 + 1, 413, "HTTP_413"),
        (3 * 256 * 1024, 413, "HTTP_413"),
    ] {
        let request = server.request("POST", "/v1/cancel-all").key("trader").body(padded(bytes));
        request.send().refused(&format!("{bytes} bytes"), status, code);
    }
    let token = server.admin_token().to_owned();
    let request = server.request("POST", "/sim/clock/pause").header("X-Admin-Token", token);
    let answer = request.body(padded(300 * 1024)).send();
    assert_eq!(answer.status, 413, "{}", answer.text);
    // Without a length, in pieces.
    let key = server.key("trader");
    let mut chunked = format!(
        "POST /v1/cancel-all HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    );
    for _ in 0..5 {
        chunked.extend(["10000\r\n", &" ".repeat(0x10000), "\r\n"]);
    }
    chunked.push_str("0\r\n\r\n");
    let answer = server.raw(chunked.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("x-polysim-code: HTTP_413"), "{answer}");
    well(&server);
}

#[test]
fn the_type_of_a_body_does_not_matter_and_a_read_may_carry_one() {
    let server = Server::in_memory();
    let market = server.markets(1).remove(0);
    let order = market.limit("BUY", market.bid, 5).to_string();
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x", ""]
    {
        let key = server.key("trader");
        let answer = server.raw(
            format!(
                "POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nContent-Type: {kind}\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n{order}",
                order.len()
            )
            .as_bytes(),
        );
        assert!(answer.starts_with("HTTP/1.1 200"), "{kind}: {answer}");
    }
    let encoded = server.request("POST", "/v1/orders").key("trader").header("Content-Encoding", "gzip");
    let answer = encoded.body(vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0]).send();
    refused("a gzip body is not unpacked", &answer);
    for body in ["{}", "rubbish", "[1]"] {
        let get = server.raw(
            format!(
                "GET /v1/time HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            )
            .as_bytes(),
        );
        assert!(get.starts_with("HTTP/1.1 200"), "{get}");
    }
}

#[test]
fn an_id_of_any_shape_finds_nothing_and_breaks_nothing() {
    let server = Server::in_memory();
    for id in ids() {
        for (method, path) in [
            ("GET", format!("/v1/orders/{id}")),
            ("DELETE", format!("/v1/orders/{id}")),
            ("GET", format!("/v1/order/{id}")),
            ("GET", format!("/v1/data/order/{id}")),
            ("GET", format!("/v1/markets/{id}")),
            ("GET", format!("/v1/markets/{id}/book")),
            ("GET", format!("/v1/markets/{id}/candles")),
            ("GET", format!("/v1/markets/by-slug/{id}")),
            ("GET", format!("/v1/markets-by-token/{id}")),
            ("GET", format!("/v1/clob/book/{id}")),
            ("GET", format!("/v1/tick-size/{id}")),
            ("GET", format!("/v1/neg-risk/{id}")),
            ("GET", format!("/v1/book?token_id={id}")),
            ("GET", format!("/v1/price?side=BUY&token_id={id}")),
            ("GET", format!("/v1/fee-rate?token_id={id}")),
            ("DELETE", format!("/v1/cancel-market-orders?market={id}")),
            ("DELETE", format!("/v1/cancel-market-orders?asset_id={id}")),
        ] {
            // A braced id is a pattern of ours, not text a client may send unescaped.
            let path = path.replace('{', "%7B").replace('}', "%7D");
            let answer = raw_get(&server, method, &path);
            let line = answer.lines().next().unwrap_or_default().to_owned();
            let what = format!("{method} {} -> {line}", path.chars().take(80).collect::<String>());
            assert!(line.starts_with("HTTP/1.1 4"), "{what}");
            assert!(
                answer.contains("x-polysim-code: ") && answer.contains("{\"error\":\""),
                "{what}: {answer}"
            );
        }
        for path in [
            "/v1/data/orders?id=",
            "/v1/data/orders?market=",
            "/v1/data/trades?asset_id=",
            "/v1/orders?market_id=",
        ] {
            let answer = raw_get(&server, "GET", &format!("{path}{}", id.replace(['{', '}'], "")));
            let line = answer.lines().next().unwrap_or_default();
            assert!(line.starts_with("HTTP/1.1 200"), "{path}{id}: {line}");
        }
    }
    for id in
        [json!(""), json!("x".repeat(10_000)), json!("\u{202e}1"), json!("1\u{0}"), json!(1.5), json!(-1)]
    {
        let answer =
            server.delete("/v1/order").json(&json!({"orderID": id})).key("trader").send().ok("not found");
        assert_eq!(answer["canceled"], json!([]), "{id}");
    }
    well(&server);
}

/// As it stands: a client library would tidy the path up.
fn raw_get(server: &Server, method: &str, path: &str) -> String {
    let key = server.key("trader");
    server.raw(
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nConnection: close\r\n\r\n"
        )
        .as_bytes(),
    )
}

#[test]
fn pages_out_of_range_are_refused_by_name() {
    let server = Server::in_memory();
    for (path, most) in [
        ("/v1/markets", 200),
        ("/v1/events", 200),
        ("/v1/keys", 200),
        ("/v1/orders", 200),
        ("/v1/account/history", 200),
        ("/v1/account/settlements", 500),
        ("/v1/data/orders", 500),
        ("/v1/data/trades", 500),
        ("/v1/markets/updown", 500),
    ] {
        let get = |limit: &str| server.get(format!("{path}?limit={limit}")).key("trader").send();
        assert_eq!(get(&most.to_string()).status, 200, "{path}");
        for limit in ["0", "-1", "x", "1.5", "99999999999999999999", &(most + 1).to_string()] {
            get(limit).refused(&format!("{path} {limit}"), 422, "VALIDATION_FAILED");
        }
    }
    for path in ["/v1/markets", "/v1/orders", "/v1/account/history", "/v1/keys"] {
        for offset in ["-1", "x", "1e9"] {
            let answer = server.get(format!("{path}?offset={offset}")).key("trader").send();
            answer.refused(&format!("{path} {offset}"), 422, "VALIDATION_FAILED");
        }
        let far = server.get(format!("{path}?offset=4294967295&limit=200")).key("trader").send();
        assert_eq!(far.status, 200, "{path}: {}", far.text);
    }
    for days in ["0", "-1", "91", "9223372036854775807"] {
        refused(days, &server.get(format!("/v1/account/equity?days={days}")).key("trader").send());
    }
    for time in ["9223372036854775807", "-9223372036854775808", "99999999999999999999999"] {
        for path in ["/v1/data/orders?before=", "/v1/data/orders?after=", "/v1/data/trades?after="] {
            let answer = server.get(format!("{path}{time}")).key("trader").send();
            assert!(answer.status < 500, "{path}{time}: {}", answer.text);
        }
    }
    well(&server);
}

#[test]
fn bytes_that_are_no_http_are_refused_and_nobody_else_notices() {
    let server = Server::in_memory();
    let mut open = Vec::new();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\x00\x01\x02\x03\x04\xff\xfe\r\n\r\n",
        b"HELLO\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /v1/time HTTP/9.9\r\n\r\n",
        b"GET /v1/time HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n",
        b"POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let mut stream = server.connect();
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        if stream.read_to_end(&mut answer).is_ok() {
            let text = String::from_utf8_lossy(&answer);
            assert!(answer.is_empty() || text.starts_with("HTTP/1.1 4"), "{bytes:?}: {text}");
        }
    }
    // Half a request each, left open: everyone else is served all the same.
    for _ in 0..200 {
        let mut stream = server.connect();
        stream
            .write_all(b"POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
            .unwrap();
        open.push(stream);
    }
    let market = server.markets(1).remove(0);
    server.post("/v1/orders", &market.limit("BUY", market.bid, 5)).key("trader").send().ok("an order");
    drop(open);
    well(&server);
}

#[test]
fn a_stranger_host_or_page_is_refused_in_the_envelope() {
    let server = Server::in_memory();
    for (header, value) in [("Host", "evil.example"), ("Origin", "https://evil.example"), ("Origin", "null")]
    {
        for path in ["/v1/time", "/v1/orders", "/v1/nothing"] {
            let answer = server.get(path).header(header, value).send();
            assert_eq!(answer.status, 403, "{header}: {}", answer.text);
            assert!(answer.json["error"].is_string(), "{}", answer.text);
            refused(&format!("{header} {value} {path}"), &answer);
        }
    }
}
