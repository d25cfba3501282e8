// Parsec as a Node program speaks to it without an SDK: fetch, with some headers on every request, and a raw socket.
// Its own TypeScript client cannot be had from npm.

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { WebSocket } from "ws";

import { pickMarkets, soon } from "./harness.mjs";
import { number } from "./money.mjs";
import { Inbox } from "./sockets.mjs";

// -- Requests --

/** Someone with a key, and headers that every request of theirs carries. */
export class Caller {
    #server;
    #headers;

    constructor(server, { apiKey, defaultHeaders = {} }) {
        this.#server = server;
        this.#headers = { "X-API-Key": apiKey, ...defaultHeaders };
    }

    /** Whatever the server says to a request: status, headers, body. */
    async ask(method, path, body) {
        const json = body === undefined ? {} : { "Content-Type": "application/json" };
        const answer = await fetch(`${this.#server.url}/api/v1${path}`, {
            method,
            headers: { ...this.#headers, ...json },
            body: body === undefined ? undefined : JSON.stringify(body),
        });
        const text = await answer.text();
        return { status: answer.status, headers: answer.headers, body: text === "" ? null : JSON.parse(text) };
    }

    /** The body of an answer that must be a success. */
    async get(path) {
        return succeeded(`GET ${path}`, await this.ask("GET", path));
    }

    async post(path, body) {
        return succeeded(`POST ${path}`, await this.ask("POST", path, body));
    }

    async delete(path) {
        return succeeded(`DELETE ${path}`, await this.ask("DELETE", path));
    }
}

function succeeded(what, { status, body }) {
    assert.ok(status >= 200 && status < 300, `${what}: ${status} ${JSON.stringify(body)}`);
    return body;
}

/** Someone who calls with a persona's key. */
export function persona(server, name, defaultHeaders) {
    return new Caller(server, { apiKey: server.personas[name].pk_key, defaultHeaders });
}

/** The refusal a program branches on; the sentence too, where it is part of the contract. */
export function refused({ status, body }, code, expected, message) {
    assert.deepEqual([status, body?.code, body?.retryable], [expected, code, false], JSON.stringify(body));
    assert.equal(typeof body.error, "string");
    if (message !== undefined) {
        assert.equal(body.error, message);
    }
}

// -- Markets --

/** A market as this service shows it, with a price inside its spread and the one to take at. */
class ParsecMarket {
    constructor(row, inside, ask) {
        this.exchange = row.exchange;
        this.id = row.exchange_market_id;
        this.parsecId = row.parsec_id;
        this.inside = inside;
        this.ask = ask;
        this.byId = `exchange=${row.exchange}&market_id=${row.exchange_market_id}`;
    }

    /** An order to buy ten of Yes. */
    order(price, more = {}) {
        return { market_id: this.id, outcome: "Yes", side: "buy", price, size: 10, ...more };
    }
}

/** The first so many of Polymarket's. */
export async function polymarketMarkets(server, count) {
    const trader = persona(server, "trader");
    const found = [];
    for (const market of await pickMarkets(server, count)) {
        const selector = `scope=market&exchange=polymarket&exchange_market_id=${market.conditionId}`;
        const { markets } = await trader.get(`/markets?${selector}`);
        found.push(new ParsecMarket(markets[0], number(market.inside()), number(market.ask)));
    }
    return found;
}

export async function polymarketMarket(server) {
    const [market] = await polymarketMarkets(server, 1);
    return market;
}

/** Kalshi's first with room inside its spread. */
export async function kalshiMarket(server) {
    const trader = persona(server, "trader");
    const { markets } = await trader.get("/markets?exchanges=kalshi");
    for (const row of markets) {
        const { bids, asks } = await trader.get(`/orderbook?parsec_id=${row.parsec_id}`);
        const [bid, ask] = [bids, asks].map(([best]) => Math.round(best?.[0] * 100));
        if (ask - bid > 1) {
            return new ParsecMarket(row, (bid + 1) / 100, ask / 100);
        }
    }
    assert.fail("no market of Kalshi has room inside its spread");
}

// -- The socket --

/** A connection to the socket, and all it has said. */
export class Stream {
    #socket;
    #inbox = new Inbox();
    #closed;
    frames = [];

    /** Connects, and says nothing yet. */
    static async connect(server, path = "/ws") {
        const stream = new Stream();
        const socket = new WebSocket(`${server.socketUrl}${path}`);
        stream.#socket = socket;
        stream.#closed = new Promise((resolve) => {
            socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() }));
        });
        socket.on("message", (data) => {
            const frame = JSON.parse(data.toString());
            stream.frames.push(frame);
            stream.#inbox.push(frame);
        });
        server.closesFirst(() => stream.close());
        await soon(`a connection to ${path}`, new Promise((resolve, reject) => {
            socket.once("open", resolve);
            socket.once("error", reject);
        }));
        return stream;
    }

    /** Connects as somebody, who is let in. */
    static async open(server, apiKey) {
        const stream = await Stream.connect(server);
        stream.send({ type: "auth", api_key: apiKey });
        await stream.expect("auth_ok");
        return stream;
    }

    send(frame) {
        this.#socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
    }

    subscribe(...markets) {
        this.send({ type: "subscribe", markets });
    }

    /** The next frame of a kind that fits. */
    async expect(type, fits = () => true) {
        return this.#inbox.take(`a frame "${type}"`, (frame) => frame.type === type && fits(frame));
    }

    /** The next frame that fits, of whatever kind. */
    async any(fits) {
        return this.#inbox.take("a frame", fits);
    }

    /** The next frame about a book, which may not be missed: its number must be the next. */
    async nextOfBook() {
        return this.#inbox.take("a frame about a book", ({ type }) => type.startsWith("orderbook"));
    }

    async error(code, fits) {
        return this.expect("error", (frame) => frame.code === code && (fits?.(frame) ?? true));
    }

    /** Everything sent so far has been acted on: a ping is answered in turn, with the protocol's pong. */
    async inStep() {
        const pong = new Promise((resolve) => this.#socket.once("pong", resolve));
        this.#socket.ping();
        await soon("a pong", pong);
    }

    /** The code and the reason with which the server closes. */
    async closed() {
        return soon("the close", this.#closed);
    }

    async close() {
        this.#socket.close();
        await this.#closed;
    }
}

/** A book kept from a snapshot and what changed since. */
export class Book {
    #sides;

    constructor(snapshot) {
        assert.equal(snapshot.type, "orderbook");
        this.#sides = { bid: new Map(snapshot.bids), ask: new Map(snapshot.asks) };
        this.number = snapshot.server_seq;
    }

    /** Takes in a change, which must be the very next. */
    apply(delta) {
        assert.equal(delta.type, "orderbook_delta");
        assert.equal(delta.server_seq, this.number + 1, "a gap");
        assert.ok(delta.changes.length > 0, "a delta that changes nothing");
        this.number = delta.server_seq;
        for (const { side, price, size } of delta.changes) {
            if (size === 0) {
                assert.ok(this.#sides[side].delete(price), `no ${side} at ${price} to remove`);
            } else {
                this.#sides[side].set(price, size);
            }
        }
    }

    get levels() {
        const { bid, ask } = this.#sides;
        return { bids: [...bid].sort(([a], [b]) => b - a), asks: [...ask].sort(([a], [b]) => a - b) };
    }

    /** Takes in what a stream tells until the book is the one that is asked for. */
    async catchUp(stream, { bids, asks }) {
        while (!isDeepStrictEqual(this.levels, { bids, asks })) {
            this.apply(await stream.nextOfBook());
        }
    }
}
