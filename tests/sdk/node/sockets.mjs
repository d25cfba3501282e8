// What is told without being asked: a socket by hand, an inbox for its events, and a book kept from them.

import { isDeepStrictEqual } from "node:util";
import { WebSocket } from "ws";

import { soon } from "./harness.mjs";
import { units } from "./money.mjs";

/** Events in the order in which they came, for a test that waits for the one it needs. */
export class Inbox {
    #events = [];
    #arrived = withResolvers();

    push(event) {
        this.#events.push(event);
        const { resolve } = this.#arrived;
        this.#arrived = withResolvers();
        resolve();
    }

    /** Takes the first event that fits. Those before it stay: between kinds of event there is no order to rely on. */
    async take(what, fits) {
        return soon(what, this.#next(fits));
    }

    async #next(fits) {
        for (;;) {
            const at = this.#events.findIndex(fits);
            if (at >= 0) {
                return this.#events.splice(at, 1)[0];
            }
            await this.#arrived.promise;
        }
    }
}

function withResolvers() {
    const made = {};
    made.promise = new Promise((resolve) => {
        made.resolve = resolve;
    });
    return made;
}

/** A raw connection, as bots write it whose client has no sockets. */
export class Socket {
    #socket;
    #inbox = new Inbox();
    #closed;

    /** Opens a channel of a server and says what it wants to hear. */
    static async open(server, path, firstFrame) {
        const opened = new Socket();
        opened.#socket = new WebSocket(`${server.socketUrl}${path}`);
        opened.#closed = new Promise((resolve) => opened.#socket.once("close", resolve));
        opened.#socket.on("message", (data) => opened.#receive(data.toString()));
        server.closesFirst(() => opened.close());
        await soon(`a connection to ${path}`, opened.#opening());
        opened.send(firstFrame);
        return opened;
    }

    #opening() {
        return new Promise((resolve, reject) => {
            this.#socket.once("open", resolve);
            this.#socket.once("error", reject);
        });
    }

    #receive(message) {
        if (message === "PONG") {
            this.#inbox.push({ event_type: "PONG" });
            return;
        }
        // One event or several: both are ordinary.
        for (const event of [JSON.parse(message)].flat()) {
            this.#inbox.push(event);
        }
    }

    send(frame) {
        this.#socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
    }

    async expect(kind, fits = () => true) {
        return this.#inbox.take(`an event "${kind}"`, (event) => event.event_type === kind && fits(event));
    }

    /** Any event at all, whichever comes next. */
    async next() {
        return this.#inbox.take("an event", () => true);
    }

    /** Everything sent so far has been acted on: frames are answered in turn, and a ping always is. */
    async inStep() {
        this.send("PING");
        await this.expect("PONG");
    }

    /** The code with which the server closes. */
    async closed() {
        return soon("the close", this.#closed);
    }

    async close() {
        this.#socket.close();
        await this.#closed;
    }
}

/** The books of some tokens, kept from a snapshot and what changed since, as a bot keeps them. */
export class Replay {
    #books = new Map();

    snapshot(token, { bids, asks, hash }) {
        const levels = (side) => new Map(side.map(({ price, size }) => [price, size]));
        this.#books.set(token, { BUY: levels(bids), SELL: levels(asks), hash });
    }

    change(token, { side, price, size, hash }) {
        const book = this.#books.get(token);
        if (size === "0") {
            book[side].delete(price);
        } else {
            book[side].set(price, size);
        }
        book.hash = hash;
    }

    /** What the socket of a client without one of its own tells. */
    apply(event) {
        if (event.event_type === "book") {
            this.snapshot(event.asset_id, event);
        } else if (event.event_type === "price_change") {
            for (const change of event.price_changes.filter(({ asset_id }) => this.#books.has(asset_id))) {
                this.change(change.asset_id, change);
            }
        }
    }

    /** Takes in what comes until the token's book is the one asked for: nothing else tells that all has come. */
    async until(expected, token, takeIn) {
        const { bids, asks, hash } = expected;
        while (!isDeepStrictEqual(this.#book(token), { bids, asks, hash })) {
            await takeIn();
        }
    }

    /** A book in the order of the wire: the best level is the last of its side. */
    #book(token) {
        const { BUY, SELL, hash } = this.#books.get(token);
        const rising = (side) => [...side].map(([price, size]) => ({ price, size })).sort(byPrice);
        return { bids: rising(BUY), asks: rising(SELL).reverse(), hash };
    }
}

function byPrice(left, right) {
    return Number(units(left.price) - units(right.price));
}
