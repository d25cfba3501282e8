// Credentials in a default header, as Parsec's documentation has JavaScript programs send them, and the socket by hand.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";

import { Part, prove } from "./harness.mjs";
import { Book, Caller, Stream, persona, refused } from "./parsec.mjs";
import { kalshiMarket, polymarketMarket, polymarketMarkets } from "./parsec.mjs";

// -- Credentials --

/** Kalshi's, as nobody else has them. */
function kalshiKeys(name) {
    const der = randomBytes(96).toString("base64");
    const pem = `-----BEGIN RSA PRIVATE KEY-----\n${der}\n-----END RSA PRIVATE KEY-----\n`;
    return { api_key_id: `key-of-${name}`, private_key: pem };
}

/** A wallet's, and what belongs to it when nothing of it is known here. */
function walletKey() {
    return { private_key: `0x${randomBytes(32).toString("hex")}` };
}

/** Credentials set once, on the client: they travel with every request. */
function withCredentials(server, name, credentials) {
    return persona(server, name, { "X-Exchange-Credentials": btoa(JSON.stringify(credentials)) });
}

const VENUES = [
    { exchange: "kalshi", keys: () => kalshiKeys("whale"), pick: kalshiMarket, opening: { balance: 100_000 } },
    {
        exchange: "polymarket",
        keys: walletKey,
        pick: polymarketMarket,
        opening: { balance: "1000000000", allowance: `${2n ** 256n - 1n}` },
    },
];

/** The seven that take credentials, for an order and a market. */
function sevenEndpoints(exchange, order, id = "order_1") {
    return [
        ["POST", `/orders?exchange=${exchange}`, order],
        ["GET", `/orders?exchange=${exchange}`],
        ["GET", `/orders/${id}?exchange=${exchange}`],
        ["DELETE", `/orders/${id}?exchange=${exchange}`],
        ["GET", `/positions?exchange=${exchange}`],
        ["GET", `/fills?exchange=${exchange}`],
        ["GET", `/balance?exchange=${exchange}`],
    ];
}

const credentials = new Part();

for (const { exchange, keys, pick, opening } of VENUES) {
    const query = `?exchange=${exchange}`;

    credentials.inWorld(`credentials of ${exchange} reach one account on all seven endpoints`, async (server) => {
        const market = await pick(server);
        const caller = withCredentials(server, "whale", keys());
        const stranger = withCredentials(server, "whale", keys());
        assert.deepEqual(await caller.get(`/balance${query}`), { raw: opening });

        const rests = await caller.post(`/orders${query}`, market.order(market.inside));
        assert.deepEqual([rests.status, rests.filled, rests.market_id], ["open", 0, market.id]);
        const taken = await caller.post(`/orders${query}`, market.order(market.ask, { size: 20 }));
        assert.deepEqual([taken.status, taken.filled], ["filled", 20]);

        assert.deepEqual(await caller.get(`/orders${query}`), [rests]);
        assert.deepEqual(await caller.get(`/orders/${rests.id}${query}`), rests);
        const [position] = await caller.get(`/positions${query}`);
        assert.deepEqual([position.market_id, position.outcome, position.size], [market.id, "Yes", 20]);
        const fills = await caller.get(`/fills${query}`);
        assert.equal(fills.reduce((sum, { size }) => sum + size, 0), 20);
        assert.deepEqual(new Set(fills.map(({ order_id }) => order_id)), new Set([taken.id]));

        // Who has other credentials has another account, though their key here is the same.
        refused(await stranger.ask("GET", `/orders/${rests.id}${query}`), "order_not_found", 404);
        refused(await stranger.ask("DELETE", `/orders/${rests.id}${query}`), "order_not_found", 404);
        for (const path of ["/orders", "/positions", "/fills"]) {
            assert.deepEqual(await stranger.get(`${path}${query}`), []);
        }
        assert.deepEqual(await stranger.get(`/balance${query}`), { raw: opening });

        const canceled = await caller.delete(`/orders/${rests.id}${query}`);
        assert.deepEqual([canceled.id, canceled.status, canceled.filled], [rests.id, "cancelled", 0]);
    });

    credentials.inSharedWorld(`without credentials of ${exchange} none of the seven answers`, async (server) => {
        const market = await pick(server);
        const caller = persona(server, "whale");
        for (const request of sevenEndpoints(exchange, market.order(market.inside))) {
            refused(await caller.ask(...request), "credentials_required", 403);
        }
    });
}

credentials.inWorld("credentials as a default header change nothing on any other route", async (server) => {
    const market = await polymarketMarket(server);
    const { markets } = await persona(server, "trader").get(`/markets?parsec_id=${market.parsecId}&scope=market`);
    const pair = { condition_id: markets[0].condition_id, amount: "1000000" };
    const [user] = server.personas.builder.end_users;
    // What each of them answers to somebody without stored credentials: the header must not stand in for these.
    const others = [
        ["whale", 200, "GET", "/exchanges"],
        ["whale", 200, "GET", "/markets?limit=1"],
        ["whale", 200, "GET", "/events?limit=1"],
        ["whale", 200, "GET", `/orderbook?${market.byId}`],
        ["whale", 200, "GET", `/execution-price?${market.byId}&side=buy&amount=1`],
        ["whale", 200, "GET", `/price?${market.byId}`],
        ["whale", 200, "GET", `/trades?${market.byId}`],
        ["whale", 200, "GET", `/user-activity?address=${server.personas.whale.address}`],
        ["whale", 200, "GET", "/ping"],
        ["whale", 200, "GET", "/usage"],
        ["whale", 200, "GET", "/ws/usage"],
        ["whale", 200, "GET", "/wallet"],
        ["whale", 400, "POST", "/wallet/export-key", {}],
        ["whale", 400, "POST", "/onboard", { exchange: "kalshi", mode: "self" }],
        ["whale", 403, "POST", "/polymarket/ctf/split", pair],
        ["whale", 403, "POST", "/polymarket/ctf/merge", pair],
        ["whale", 403, "POST", "/polymarket/ctf/redeem", { condition_id: pair.condition_id }],
        // First, because the last one has deactivated the user for whom they are all asked again.
        ["builder", 200, "POST", "/builder/users", { external_id: user.external_id }],
        ["builder", 200, "GET", "/builder/pool"],
        ["builder", 200, "GET", "/builder/users"],
        ["builder", 200, "GET", `/builder/users/${user.customer_id}`],
        ["builder", 200, "PATCH", `/builder/users/${user.customer_id}`, { qps_limit: 10 }],
        ["builder", 200, "GET", "/builder/escrow/config"],
        ["builder", 400, "POST", "/builder/onboard", { ...user, exchange: "kalshi", mode: "self" }],
        ["builder", 204, "DELETE", `/builder/users/${user.customer_id}`],
    ];
    const headers = [btoa(JSON.stringify(walletKey())), btoa(JSON.stringify(kalshiKeys("whale"))), "not base64 at all"];
    for (const value of headers) {
        for (const [name, expected, ...request] of others) {
            const { status, body } = await persona(server, name, { "X-Exchange-Credentials": value }).ask(...request);
            assert.equal(status, expected, `${request.slice(0, 2).join(" ")}: ${JSON.stringify(body)}`);
        }
        const caller = persona(server, "whale", { "X-Exchange-Credentials": value });
        for (const { exchange, has_credentials, authenticated } of await caller.get("/ping")) {
            assert.deepEqual([has_credentials, authenticated], [false, false], exchange);
        }
        for (const { id, has } of await caller.get("/exchanges")) {
            assert.deepEqual([has.create_order, has.cancel_order], [false, false], id);
        }
        assert.deepEqual((await caller.get("/wallet")).wallets, []);
    }
});

credentials.inSharedWorld("the example with only `clob_*` fields is told to send the private key", async (server) => {
    const market = await polymarketMarket(server);
    const onlyClob = { clob_api_key: "key", clob_api_secret: "secret", clob_api_passphrase: "passphrase" };
    const [user] = server.personas.builder.end_users;
    const callers = [
        withCredentials(server, "whale", onlyClob),
        // As a builder's backend sends it, for a user who is not onboarded.
        new Caller(server, {
            apiKey: server.personas.builder.pk_key,
            defaultHeaders: {
                "X-Builder-Customer-Id": user.customer_id,
                "X-Exchange-Credentials": btoa(JSON.stringify(onlyClob)),
            },
        }),
        // Stored credentials do not fill the gap: the request's own come first.
        withCredentials(server, "trader", onlyClob),
    ];
    const message = "private_key is required for polymarket per-request credentials";
    for (const caller of callers) {
        for (const request of sevenEndpoints("polymarket", market.order(market.inside))) {
            refused(await caller.ask(...request), "missing_parameter", 400, message);
        }
    }
});

credentials.inSharedWorld("credentials that cannot be right are told what is wrong about them", async (server) => {
    const text = (value) => btoa(JSON.stringify(value));
    const { api_key_id, private_key } = kalshiKeys("somebody");
    const both = "api_key_id and private_key are required for kalshi credentials";
    const notPem = "invalid kalshi private key: expected PEM";
    const cases = [
        ["kalshi", "{}", "bad_request", "invalid X-Exchange-Credentials header: not valid base64"],
        ["kalshi", btoa("{"), "bad_request", "invalid X-Exchange-Credentials header: not valid JSON"],
        ["kalshi", text([private_key]), "bad_request", "invalid X-Exchange-Credentials header: not valid JSON"],
        ["kalshi", text({ api_key_id }), "missing_parameter", both],
        ["kalshi", text({ api_key_id: "", private_key }), "missing_parameter", both],
        ["kalshi", text({ api_key_id, private_key: "MIIE" }), "bad_request", notPem],
        ["polymarket", text({ private_key: "0x12" }), "bad_request", "invalid polymarket private key"],
        ["polymarket", text({ private_key: "12".repeat(32) }), "bad_request", "invalid polymarket private key"],
    ];
    for (const [exchange, value, code, message] of cases) {
        const caller = persona(server, "whale", { "X-Exchange-Credentials": value });
        refused(await caller.ask("GET", `/balance?exchange=${exchange}`), code, 400, message);
    }
});

credentials.inWorld("however the same credentials are written they are the same account", async (server) => {
    const market = await kalshiMarket(server);
    const keys = kalshiKeys("whale");
    const json = JSON.stringify(keys);
    const written = [
        btoa(json),
        btoa(json).replace(/=+$/, ""),
        Buffer.from(json).toString("base64url"),
        btoa(JSON.stringify(keys, null, 2)),
        btoa(json).replace(/(.{76})/g, "$1 "),
        // Some shells turn the two characters `\n` into a line's end before they are encoded.
        btoa(json.replaceAll("\\n", "\n")),
    ];
    const ids = [];
    for (const value of written) {
        const caller = persona(server, "whale", { "X-Exchange-Credentials": value });
        ids.unshift((await caller.post("/orders?exchange=kalshi", market.order(market.inside, { size: 1 }))).id);
        const listed = await caller.get("/orders?exchange=kalshi");
        assert.deepEqual(listed.map(({ id }) => id), ids, value);
    }
});

credentials.inSharedWorld("what a venue cannot do is a 501 that asks not to be tried again", async (server) => {
    const market = await polymarketMarket(server);
    const order = market.order(market.inside);
    const later = { order_type: "gtd", expiration: `${Math.floor(Date.now() / 1000) + 86_400}` };
    const requests = [
        // Whatever the market and whoever asks: an order that was never tried cannot be known to the venue.
        ["/orders?exchange=kalshi", { ...order, market_id: "does-not-matter", params: { order_type: "fok" } }],
        ["/orders?exchange=kalshi", { ...order, market_id: "does-not-matter", params: later }],
        ["/orders?exchange=limitless", order],
    ];
    for (const name of ["whale", "trader"]) {
        for (const [path, body] of requests) {
            const answer = await persona(server, name).ask("POST", path, body);
            refused(answer, "not_supported", 501);
            assert.equal(answer.headers.get("x-should-retry"), "false");
            assert.match(answer.headers.get("content-type"), /^application\/json/);
        }
    }
});

prove("Parsec's per-request credentials from JavaScript", [credentials]);

// -- The socket --

const streams = new Part();

for (const path of ["/ws", "//ws"]) {
    streams.inSharedWorld(`nothing is said on ${path} before the key, and then whose it is`, async (server) => {
        const stream = await Stream.connect(server, path);
        await stream.inStep();
        assert.deepEqual(stream.frames, []);
        stream.send({ type: "auth", api_key: server.personas.trader.pk_key });
        await stream.expect("auth_ok");
        assert.deepEqual(stream.frames[0], { type: "auth_ok", customer_id: server.personas.trader.auth_user_id });
    });
}

streams.inSharedWorld("a key that is not one ends the connection for good", async (server) => {
    for (const key of ["pk_invalid_key", `pk_live_${"0".repeat(32)}`, ""]) {
        const stream = await Stream.connect(server);
        stream.send({ type: "auth", api_key: key });
        assert.deepEqual(await stream.closed(), { code: 1008, reason: "invalid api key" });
        assert.deepEqual(stream.frames, [{ type: "auth_error", code: 1002, message: "invalid api key" }]);
    }
});

streams.inSharedWorld("what comes before the key is refused, and so is a second key", async (server) => {
    const { parsecId } = await polymarketMarket(server);
    const stream = await Stream.connect(server);
    stream.subscribe({ parsec_id: parsecId });
    assert.equal((await stream.error(1001)).message, "authentication required");
    const auth = { type: "auth", api_key: server.personas.trader.pk_key };
    stream.send(auth);
    await stream.expect("auth_ok");
    stream.send(auth);
    assert.equal((await stream.error(1001)).message, "already authenticated");
    // And it serves on.
    stream.subscribe({ parsec_id: parsecId });
    assert.equal((await stream.expect("orderbook")).parsec_id, parsecId);
});

streams.inSharedWorld("outcome and depth may be null; a snapshot is the book that is asked for", async (server) => {
    const trader = persona(server, "trader");
    for (const market of [await polymarketMarket(server), await kalshiMarket(server)]) {
        const book = await trader.get(`/orderbook?parsec_id=${market.parsecId}`);
        const stream = await Stream.open(server, server.personas.trader.pk_key);
        stream.subscribe({ parsec_id: market.parsecId, outcome: null, depth: null });
        stream.subscribe({ exchange: market.exchange, market_id: market.id, outcome: "yes" });
        for (const how of ["by its id, outcome null", "by exchange and market, outcome in small letters"]) {
            const snapshot = await stream.expect("orderbook");
            assert.equal(snapshot.outcome, "Yes", how);
            for (const field of ["parsec_id", "exchange", "market_id", "token_id", "tick_size", "bids", "asks"]) {
                assert.deepEqual(snapshot[field], book[field], `${field}, ${how}`);
            }
            const { kind, book_state, feed_state } = snapshot;
            assert.deepEqual([kind, book_state, feed_state], ["snapshot", "fresh", "healthy"]);
            assert.ok(Number.isInteger(snapshot.server_seq) && snapshot.server_seq >= 1);
        }
    }
});

streams.inSharedWorld("a message or a market that makes no sense is an error of its own", async (server) => {
    const { parsecId } = await polymarketMarket(server);
    const stream = await Stream.open(server, server.personas.trader.pk_key);
    for (const senseless of ["{", '"auth"', { type: "dance" }, { type: "subscribe" }]) {
        stream.send(senseless);
        assert.equal((await stream.error(2001)).message, "invalid message");
    }
    stream.send({ type: "resync", parsec_id: parsecId });
    await stream.error(2001, (frame) => frame.parsec_id === parsecId);
    // One bad entry does not spoil the others.
    stream.subscribe(
        { parsec_id: "kalshi:NO-SUCH-MARKET" },
        { parsec_id: parsecId, outcome: "Maybe" },
        { outcome: "Yes" },
        { parsec_id: parsecId },
    );
    await stream.error(2002, (frame) => frame.parsec_id === "kalshi:NO-SUCH-MARKET");
    await stream.error(2005, (frame) => frame.parsec_id === parsecId);
    await stream.error(2001, (frame) => !("parsec_id" in frame));
    await stream.expect("orderbook");
});

streams.inWorld(
    "more messages than a connection may send are refused one by one",
    async (server) => {
        const { parsecId } = await polymarketMarket(server);
        const stream = await Stream.open(server, server.personas.trader.pk_key);
        const sent = 40;
        for (let count = 0; count < sent; count += 1) {
            stream.subscribe({ parsec_id: parsecId });
        }
        const answers = { orderbook: 0, error: 0 };
        const isAnswer = ({ type, code }) => type === "orderbook" || (type === "error" && code === 3001);
        for (let count = 0; count < sent; count += 1) {
            answers[(await stream.any(isAnswer)).type] += 1;
        }
        // The burst, and what three a second bring while forty frames are read.
        assert.ok(answers.orderbook >= 10 && answers.orderbook <= 20, `${answers.orderbook} let through`);
        await stream.inStep();
    },
    { PAPERTAPE_RATE_LIMITS: "on" },
);

streams.inSharedWorld("a tier's subscriptions are counted over all connections of the customer", async (server) => {
    const ids = (await polymarketMarkets(server, 5)).map(({ parsecId }) => parsecId);
    const key = server.personas.reader.pk_key;
    const [one, other] = [await Stream.open(server, key), await Stream.open(server, key)];
    one.subscribe(...ids.slice(0, 4).map((parsec_id) => ({ parsec_id })));
    const full = { type: "error", code: 3002, message: "max subscriptions reached (limit: 3, tier: free)" };
    assert.deepEqual(await one.error(3002), { ...full, parsec_id: ids[3] });
    for (const id of ids.slice(0, 3)) {
        await one.expect("orderbook", ({ parsec_id }) => parsec_id === id);
    }
    other.subscribe({ parsec_id: ids[4] });
    assert.deepEqual(await other.error(3002), { ...full, parsec_id: ids[4] });
    one.send({ type: "unsubscribe", markets: [{ parsec_id: ids[0] }] });
    await one.inStep();
    other.subscribe({ parsec_id: ids[4] });
    await other.expect("orderbook", ({ parsec_id }) => parsec_id === ids[4]);
});

for (const { exchange, pick } of VENUES) {
    streams.inWorld(`a book kept from a stream of ${exchange} has no gap and is the book`, async (server) => {
        const market = await pick(server);
        const trader = persona(server, "trader");
        const query = `?exchange=${exchange}`;
        const stream = await Stream.open(server, server.personas.trader.pk_key);
        stream.subscribe({ parsec_id: market.parsecId });
        const book = new Book(await stream.nextOfBook());
        const inStep = async () => book.catchUp(stream, await trader.get(`/orderbook?parsec_id=${market.parsecId}`));
        await inStep();

        const { id } = await trader.post(`/orders${query}`, market.order(market.inside));
        await inStep();
        await trader.delete(`/orders/${id}${query}`);
        await inStep();
        const taken = await trader.post(`/orders${query}`, market.order(market.ask, { size: 20 }));
        await inStep();

        // One execution is a trade of the market's and a fill of the customer's; neither takes a number of the book.
        const trade = await stream.expect("activity", ({ kind }) => kind === "trade");
        const fill = await stream.expect("activity", ({ kind }) => kind === "fill");
        const execution = [market.parsecId, "Yes", market.ask, 20];
        for (const { parsec_id, outcome, price, size } of [trade, fill]) {
            assert.deepEqual([parsec_id, outcome, price, size], execution);
        }
        assert.deepEqual([fill.order_id, fill.side, fill.liquidity_role], [taken.id, "buy", "taker"]);
        assert.equal(typeof trade.trade_id, "string");
        assert.equal(typeof fill.fill_id, "string");
        let current = 0;
        for (const { type, server_seq } of stream.frames) {
            current = type.startsWith("orderbook") ? server_seq : current;
            assert.ok(type !== "activity" || server_seq === current, `an activity's ${server_seq} at ${current}`);
        }
    });
}

streams.inWorld("after a resync the numbers go on from the new snapshot", async (server) => {
    const market = await polymarketMarket(server);
    const trader = persona(server, "trader");
    const stream = await Stream.open(server, server.personas.trader.pk_key);
    stream.subscribe({ parsec_id: market.parsecId, depth: 1 });
    const first = await stream.nextOfBook();
    assert.deepEqual([first.bids.length, first.asks.length], [1, 1]);
    const { id } = await trader.post("/orders?exchange=polymarket", market.order(market.inside));
    // Of one level a side, the better price pushes the other out.
    const sets = { side: "bid", price: market.inside, size: 10 };
    const removes = { side: "bid", price: first.bids[0][0], size: 0 };
    const delta = await stream.nextOfBook();
    assert.equal(delta.server_seq, first.server_seq + 1);
    assert.deepEqual([...delta.changes].sort((a, b) => b.price - a.price), [sets, removes]);

    stream.send({ type: "resync", parsec_id: market.parsecId, outcome: "Yes" });
    const again = await stream.nextOfBook();
    assert.deepEqual([again.type, again.bids], ["orderbook", [[market.inside, 10]]]);
    const book = new Book(again);
    await trader.delete(`/orders/${id}?exchange=polymarket`);
    book.apply(await stream.nextOfBook());
    assert.deepEqual(book.levels, { bids: first.bids, asks: first.asks });
});

streams.inWorld("nothing is told of a market any more that was unsubscribed", async (server) => {
    const [market, other] = await polymarketMarkets(server, 2);
    const trader = persona(server, "trader");
    const stream = await Stream.open(server, server.personas.trader.pk_key);
    stream.subscribe({ parsec_id: market.parsecId }, { parsec_id: other.parsecId });
    await stream.nextOfBook();
    await stream.nextOfBook();
    stream.send({ type: "unsubscribe", markets: [{ parsec_id: market.parsecId, outcome: "yes" }] });
    await stream.inStep();
    await trader.post("/orders?exchange=polymarket", market.order(market.inside));
    await trader.post("/orders?exchange=polymarket", other.order(other.inside));
    // What the other market tells comes later than anything of the first would.
    const { parsec_id, type } = await stream.nextOfBook();
    assert.deepEqual([parsec_id, type], [other.parsecId, "orderbook_delta"]);
});

streams.inSharedWorld("a ping brings a heartbeat with the wall's time", async (server) => {
    const stream = await Stream.open(server, server.personas.trader.pk_key);
    await stream.inStep();
    const { ts_ms } = await stream.expect("heartbeat");
    assert.ok(Number.isInteger(ts_ms) && Math.abs(ts_ms - Date.now()) < 5_000, `${ts_ms}`);
});

prove("Parsec's socket", [streams]);
