// What the suites share: the server as a process, worlds for tests to run in, markets to trade in, and how they wait.
// It knows the server's command line, its ready line and its public market data, and nothing of its inside.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { WebSocket } from "ws";

import { bestFirst, units } from "./money.mjs";

// A debug build on a busy machine starts in about a second; the contract for stopping is five.
const READY_WITHIN = 20_000;
const STOP_WITHIN = 5_000;
// How long an event may take, and how often a state is asked for that no event announces.
const EVENT_WITHIN = 10_000;
const ASK_AGAIN_AFTER = 20;
// The deadline of a wait that has none of its own.
const TEST_WITHIN = 60_000;
// How much of the server's log is told with a failure.
const LOG_LINES = 40;

// HTTP libraries honour proxies, and a proxy cannot reach this machine's own loopback.
process.env.NO_PROXY = process.env.no_proxy = "127.0.0.1,localhost";

// @polymarket/client takes the platform's own WebSocket, which Node has since version 22.
globalThis.WebSocket ??= WebSocket;

// -- Waiting --

/** What a promise gives, unless it takes too long. */
export async function soon(what, promise, within = EVENT_WITHIN) {
    const given = new AbortController();
    const late = pause(within, null, { signal: given.signal }).then(() => assert.fail(`${what}: not in ${within} ms`));
    try {
        return await Promise.race([promise, late]);
    } finally {
        given.abort();
        late.catch(() => {});
    }
}

/** What `ask` answers once it is true: for what comes to pass without an event. */
export async function until(what, ask, within = EVENT_WITHIN) {
    const deadline = performance.now() + within;
    for (;;) {
        const answer = await ask();
        if (answer) {
            return answer;
        }
        assert.ok(performance.now() < deadline, `${what}: not in ${within} ms`);
        await pause(ASK_AGAIN_AFTER);
    }
}

// -- The server --

/** One running world on a free port, in memory, with a virtual clock and nobody in it but the test. */
class Server {
    #process;
    #ended;
    #directory;
    #closers = [];

    static async start(settings = {}) {
        const server = new Server();
        server.#directory = await mkdtemp(join(tmpdir(), "papertape-node-"));
        const log = await open(join(server.#directory, "server.log"), "a");
        server.#process = spawn(binary(), commandLine(server.#directory), {
            env: environment(settings),
            stdio: ["ignore", "pipe", log.fd],
        });
        await log.close();
        server.#ended = new Promise((resolve) => server.#process.once("exit", (...end) => resolve(end)));
        process.once("exit", server.#kill);
        await server.#readReadyLine();
        return server;
    }

    async #readReadyLine() {
        const lines = createInterface(this.#process.stdout);
        const line = new Promise((resolve, reject) => {
            lines.once("line", resolve);
            lines.once("close", () => reject(new Error("it ended")));
            this.#process.once("error", reject);
        });
        try {
            // It is read on after the first line: a pipe that nobody empties would stop the server once it is full.
            const ready = JSON.parse(await soon("the ready line", line, READY_WITHIN));
            assert.equal(ready.event, "ready");
            this.url = ready.base_url;
            this.surfaces = ready.surfaces;
            // A client without an address of ours would take its own: the real service's.
            for (const surface of ["clob", "gamma", "data", "relayer", "rtds"]) {
                assert.ok(this.surfaces[surface], `no ${surface} in ${Object.keys(this.surfaces)}`);
            }
            this.personas = ready.personas;
        } catch (error) {
            this.#kill();
            const log = await this.log();
            await rm(this.#directory, { recursive: true });
            throw new Error(`no server: ${error.message}; the log says:\n${log}`);
        }
    }

    #kill = () => this.#process.kill("SIGKILL");

    get socketUrl() {
        return this.url.replace("http://", "ws://");
    }

    /** The private key of a ready user. */
    key(persona) {
        return this.personas[persona].private_key;
    }

    async log() {
        return readFile(join(this.#directory, "server.log"), "utf8");
    }

    /** Something to close before the server stops, so that no client takes its end for a lost connection. */
    closesFirst(close) {
        this.#closers.push(close);
    }

    /** Asks it to stop, as a service manager would, and holds it to its word. */
    async stop() {
        try {
            for (const close of this.#closers) {
                await close();
            }
            this.#process.kill("SIGTERM");
            const [code, signal] = await soon("the end after SIGTERM", this.#ended, STOP_WITHIN);
            assert.deepEqual([code, signal], [0, null], `it did not end well; the log says:\n${await this.log()}`);
        } finally {
            this.#kill();
            process.off("exit", this.#kill);
            await rm(this.#directory, { recursive: true });
        }
    }

    /** One request as no client sends it. */
    async raw(method, path, { headers = {}, body } = {}) {
        const request = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
        const answer = await fetch(`${this.url}${path}`, request);
        assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
        return answer.json();
    }

    /** What no real venue has, for its administrator. */
    async admin(path, body) {
        return this.raw("POST", path, { headers: { "X-Admin-Token": this.personas.admin.admin_token }, body });
    }

    /** Moves world time; everything that fell due in between has happened when it returns. */
    async advance(seconds) {
        await this.admin("/sim/clock/advance", { seconds });
    }

    async resolve(market, outcome) {
        await this.admin(`/sim/markets/${market.conditionId}/resolve`, { outcome });
    }
}

function binary() {
    const path = process.env.PAPERTAPE_BIN;
    assert.ok(path, "name the server's binary in PAPERTAPE_BIN");
    return path;
}

function commandLine(directory) {
    const flags = ["--no-agents", "--json", "--durability", "memory", "--clock", "virtual"];
    return ["serve", "--listen", "127.0.0.1:0", "--data", join(directory, "data"), ...flags];
}

/** Rate limits are off, and someone's own settings do not decide how the suite runs. */
function environment(settings) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("PAPERTAPE_"));
    return { ...Object.fromEntries(inherited), PAPERTAPE_RATE_LIMITS: "off", ...settings };
}

// -- Tests --

/** Sentences to prove, each by a test. What is true of several packages is written once, and each gets its `kind`. */
export class Part {
    #tests = [];

    /** A test in a world of its own, so that it sees nobody else's orders, clock or money and can run alone. */
    inWorld(sentence, body, settings) {
        this.#tests.push((_, kind) => {
            test(sentence, { timeout: TEST_WITHIN }, async (t) => {
                const server = await Server.start(settings);
                t.after(() => server.stop());
                await readWithLog(t, server, () => body(server, kind));
            });
        });
    }

    /** A test that only reads, or only touches what belongs to wallets of its own. */
    inSharedWorld(sentence, body) {
        this.#tests.push((shared, kind) => {
            test(sentence, { timeout: TEST_WITHIN }, async (t) => {
                const server = await shared();
                await readWithLog(t, server, () => body(server, kind));
            });
        });
    }

    register(shared, kind) {
        for (const add of this.#tests) {
            add(shared, kind);
        }
    }
}

/** Proves some parts of a package, with one world for all tests that share theirs. */
export function prove(name, parts, kind) {
    describe(name, () => {
        let world;
        const shared = () => (world ??= Server.start());
        after(async () => (await world)?.stop());
        for (const part of parts) {
            part.register(shared, kind);
        }
    });
}

/** A failure is read with the server's side of it. */
async function readWithLog(t, server, body) {
    try {
        await body();
    } catch (error) {
        for (const line of (await server.log()).split("\n").slice(-LOG_LINES)) {
            t.diagnostic(`server: ${line}`);
        }
        throw error;
    }
}

// -- Markets --

/** Every market of the exchange, read as any visitor may. */
export async function everyMarket(server) {
    const rows = [];
    for (let cursor = "MA=="; cursor !== "LTE=";) {
        const page = await server.raw("GET", `/markets?next_cursor=${encodeURIComponent(cursor)}`);
        rows.push(...page.data);
        cursor = page.next_cursor;
    }
    return rows;
}

/** Yes/No markets are the recorded ones. The others include windows that come and go with the clock. */
export function isYesNo(row) {
    return row.tokens.map(({ outcome }) => outcome).join() === "Yes,No";
}

/** An open Yes/No market with room inside its spread, as its opening book shows it. */
class Market {
    constructor(row, book, info) {
        this.conditionId = row.condition_id;
        this.question = row.question;
        this.slug = row.market_slug;
        this.negRisk = row.neg_risk;
        [this.yes, this.no] = row.tokens.map(({ token_id }) => token_id);
        this.tick = units(book.tick_size);
        this.bids = bestFirst(book.bids);
        this.asks = bestFirst(book.asks);
        this.bid = this.bids[0].price;
        this.ask = this.asks[0].price;
        this.feeBps = Math.round((info.fd?.r ?? 0) * 10_000);
    }

    /** The price so many ticks above the best bid: an order there becomes the best and does not cross. */
    inside(steps = 1n) {
        const price = this.bid + steps * this.tick;
        assert.ok(price < this.ask, "no room inside the spread");
        return price;
    }
}

/** The first so many open Yes/No markets of a kind, priced between 0.20 and 0.80, three prices inside their spread.
 *
 * At whole cents a few shares cost a whole number of millionths: what is expected needs no rounding rule.
 */
export async function pickMarkets(server, count, { negRisk = false, tick = "0.01" } = {}) {
    const rows = (await everyMarket(server)).filter(
        (row) =>
            !row.closed &&
            row.accepting_orders &&
            isYesNo(row) &&
            row.neg_risk === negRisk &&
            row.minimum_tick_size === Number(tick),
    );
    const books = await server.raw("POST", "/books", {
        body: rows.map((row) => ({ token_id: row.tokens[0].token_id })),
    });
    const found = [];
    for (const book of books.filter((one) => one.bids.length > 0 && one.asks.length > 0)) {
        const [bid, ask] = [units(book.bids.at(-1).price), units(book.asks.at(-1).price)];
        if (bid >= 200_000n && ask <= 800_000n && (ask - bid) / units(tick) > 3n && found.length < count) {
            const row = rows.find(({ condition_id }) => condition_id === book.market);
            found.push(new Market(row, book, await server.raw("GET", `/clob-markets/${book.market}`)));
        }
    }
    assert.equal(found.length, count, `not enough markets: neg risk ${negRisk}, tick ${tick}`);
    return found;
}

export async function pickMarket(server, where) {
    const [market] = await pickMarkets(server, 1, where);
    return market;
}
