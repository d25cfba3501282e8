// What a bot reads before it trades, and that all of it says the same.

import assert from "node:assert/strict";

import { logIn, take } from "../bots.mjs";
import { isYesNo, Part, pickMarket, pickMarkets } from "../harness.mjs";
import { DOLLAR, cost, shares, text, units } from "../money.mjs";
import { isAboutNow, refused } from "./checks.mjs";

const NO_BOOK = "No orderbook exists for the requested token id";
const NO_TOKEN = "1".repeat(77);
// In this order, and no others: the client hashes what it was sent.
const BOOK_MEMBERS =
    "market asset_id timestamp hash bids asks min_order_size tick_size neg_risk last_trade_price".split(" ");
const OPENING_SIZES = ["200", "400", "800", "1600", "3200"];

export const markets = new Part();

markets.inSharedWorld("the server is well and knows the time", async (server, kind) => {
    const visitor = kind.client(server);
    assert.equal(await visitor.getOk(), "OK");
    isAboutNow(await visitor.getServerTime());
});

markets.inSharedWorld("the pages of every list of markets end, and each market is there once", async (server, kind) => {
    const visitor = kind.client(server);
    const recorded = async (list) => (await walked(list)).filter(isYesNo).map(({ condition_id }) => condition_id);
    const all = await recorded((cursor) => visitor.getMarkets(cursor));
    assert.ok(all.length > 50, `${all.length} markets`);
    assert.equal(new Set(all).size, all.length);
    assert.deepEqual(await recorded((cursor) => visitor.getSimplifiedMarkets(cursor)), all);
    const sampled = await recorded((cursor) => visitor.getSamplingMarkets(cursor));
    assert.deepEqual(await recorded((cursor) => visitor.getSamplingSimplifiedMarkets(cursor)), sampled);
    assert.deepEqual(
        sampled.filter((id) => !all.includes(id)),
        [],
    );
});

markets.inSharedWorld("a market of a list, by its id and by its tokens is the same market", async (server, kind) => {
    const visitor = kind.client(server);
    const all = (await walked((cursor) => visitor.getMarkets(cursor))).filter(isYesNo);
    for (const negRisk of [false, true]) {
        const row = all.find((one) => !one.closed && one.neg_risk === negRisk);
        assert.deepEqual(await visitor.getMarket(row.condition_id), row);
        assert.deepEqual([row.maker_base_fee, row.taker_base_fee, row.minimum_order_size], [0, 0, 5]);
        for (const { token_id } of row.tokens) {
            assert.equal(await visitor.getTickSize(token_id), `${row.minimum_tick_size}`);
            assert.equal(await visitor.getNegRisk(token_id), negRisk);
            assert.equal(await visitor.getFeeRateBps(token_id), 0);
        }
    }
    refused(await visitor.getMarket(`0x${"0".repeat(64)}`), "market not found", 404);
});

markets.inSharedWorld("a closed market has a winner and no book", async (server, kind) => {
    const visitor = kind.client(server);
    const row = (await walked((cursor) => visitor.getMarkets(cursor))).find((one) => one.closed && isYesNo(one));
    assert.equal(row.accepting_orders, false);
    assert.deepEqual(row.tokens.map(({ winner, price }) => [winner, price]).sort(), [
        [false, 0],
        [true, 1],
    ]);
    refused(await visitor.getOrderBook(row.tokens[0].token_id), NO_BOOK, 404);
});

markets.inSharedWorld(
    "the best level of a book is its last, and the other token's book is its mirror",
    async (server, kind) => {
        const market = await pickMarket(server);
        const visitor = kind.client(server);
        const yes = await visitor.getOrderBook(market.yes);
        assert.deepEqual(Object.keys(yes), BOOK_MEMBERS);
        assert.deepEqual([yes.market, yes.asset_id, yes.neg_risk], [market.conditionId, market.yes, false]);
        assert.deepEqual([yes.min_order_size, yes.tick_size], ["5", text(market.tick)]);
        isAboutNow(Math.floor(Number(yes.timestamp) / 1000));
        const best = { bids: market.bid, asks: market.ask };
        for (const [side, step] of [
            ["bids", -market.tick],
            ["asks", market.tick],
        ]) {
            const expected = OPENING_SIZES.map((size, at) => ({ price: text(best[side] + BigInt(at) * step), size }));
            assert.deepEqual(yes[side], expected.reverse());
        }
        const no = await visitor.getOrderBook(market.no);
        const mirrored = (levels) => levels.map(({ price, size }) => ({ price: text(DOLLAR - units(price)), size }));
        assert.deepEqual([no.bids, no.asks], [mirrored(yes.asks), mirrored(yes.bids)]);
    },
);

markets.inSharedWorld("the hash of a book is the one the client works out", async (server, kind) => {
    const visitor = kind.client(server);
    const found = await pickMarkets(server, 3);
    const tokens = found.flatMap(({ yes, no }) => [yes, no]);
    const books = await visitor.getOrderBooks(tokens.map((token_id) => ({ token_id })));
    assert.deepEqual(books.map(({ asset_id }) => asset_id).sort(), [...tokens].sort());
    for (const book of books) {
        const received = book.hash;
        assert.equal(await visitor.getOrderBookHash(book), received);
        assert.equal((await visitor.getOrderBook(book.asset_id)).hash, received);
    }
});

markets.inSharedWorld("every price is read off the book", async (server, kind) => {
    const { yes, no, bid, ask } = await pickMarket(server);
    const visitor = kind.client(server);
    const middle = (bid + ask) / 2n;
    assert.deepEqual(await visitor.getMidpoint(yes), { mid: text(middle) });
    assert.deepEqual(await visitor.getPrice(yes, "BUY"), { price: text(bid) });
    assert.deepEqual(await visitor.getPrice(yes, "SELL"), { price: text(ask) });
    assert.deepEqual(await visitor.getPrice(no, "BUY"), { price: text(DOLLAR - ask) });
    assert.deepEqual(await visitor.getSpread(yes), { spread: text(ask - bid) });
    const both = [{ token_id: yes }, { token_id: no }];
    assert.deepEqual(await visitor.getMidpoints(both), { [yes]: text(middle), [no]: text(DOLLAR - middle) });
    assert.deepEqual(await visitor.getSpreads(both), { [yes]: text(ask - bid), [no]: text(ask - bid) });
    const asked = [
        { token_id: yes, side: "BUY" },
        { token_id: yes, side: "SELL" },
        { token_id: no, side: "SELL" },
    ];
    assert.deepEqual(await visitor.getPrices(asked), {
        [yes]: { BUY: text(bid), SELL: text(ask) },
        [no]: { SELL: text(DOLLAR - bid) },
    });
});

markets.inSharedWorld("a token that nobody knows is refused everywhere in the same words", async (server, kind) => {
    const visitor = kind.client(server);
    const answers = [
        visitor.getOrderBook(NO_TOKEN),
        visitor.getMidpoint(NO_TOKEN),
        visitor.getPrice(NO_TOKEN, "BUY"),
        visitor.getSpread(NO_TOKEN),
    ];
    for (const answer of await Promise.all(answers)) {
        refused(answer, NO_BOOK, 404);
    }
    assert.deepEqual(await visitor.getOrderBooks([{ token_id: NO_TOKEN }]), []);
});

markets.inSharedWorld(
    "before its first trade a token has a last price and a side all clients can read",
    async (server, kind) => {
        const { yes } = await pickMarket(server);
        const { price, side } = await kind.client(server).getLastTradePrice(yes);
        assert.ok(units(price) > 0n);
        assert.equal(side, "BUY");
    },
);

markets.inWorld("after a trade the last price, its side and the history are the trade's", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, server.key("trader"));
    await take(bot, { token: market.yes, amount: cost(market.ask, shares(20)) });
    const price = text(market.ask);
    assert.deepEqual(await bot.getLastTradePrice(market.yes), { price, side: "BUY" });
    assert.deepEqual(await bot.getLastTradesPrices([{ token_id: market.yes }]), [
        { token_id: market.yes, price, side: "BUY" },
    ]);
    assert.equal((await bot.getOrderBook(market.yes)).last_trade_price, price);
    await server.advance(120);
    const { history } = await bot.getPricesHistory({ market: market.yes, interval: "max", fidelity: 1 });
    assert.equal(history.at(-1).p, Number(price));
    assert.ok(history.every(({ t, p }) => Number.isInteger(t) && typeof p === "number"));
});

markets.inSharedWorld("what is not simulated answers that there is nothing", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, server.key("desk"));
    const today = new Date().toISOString().slice(0, 10);
    assert.deepEqual(await bot.getCurrentRewards(), []);
    assert.deepEqual(await bot.getRawRewardsForMarket(market.conditionId), []);
    assert.deepEqual(await bot.getEarningsForUserForDay(today), []);
    assert.deepEqual(await bot.getTotalEarningsForUserForDay(today), []);
    assert.deepEqual(await bot.getUserEarningsAndMarketsConfig(today), []);
    assert.deepEqual(await bot.getRewardPercentages(), {});
    assert.ok(Array.isArray(await bot.getMarketTradesEvents(market.conditionId)));
});

/** All rows of a list, page by page to its end. */
async function walked(list) {
    const rows = [];
    for (let cursor = "MA=="; cursor !== "LTE=";) {
        const page = await list(cursor);
        assert.equal(page.count, page.data.length);
        assert.ok(Number.isInteger(page.limit) && page.count <= page.limit);
        rows.push(...page.data);
        assert.notEqual(page.next_cursor, cursor, "a page that is its own next");
        cursor = page.next_cursor;
    }
    return rows;
}
