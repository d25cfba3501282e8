// What @polymarket/client tells by itself: its subscriptions to a market, to its own account, and to prices.

import assert from "node:assert/strict";

import { Part, pickMarket, prove, until } from "./harness.mjs";
import { DOLLAR, cost, shares, text } from "./money.mjs";
import { Replay } from "./sockets.mjs";
import { buy, listen, logIn, logInAsOwner, place, rests, sell, visitor } from "./unified.mjs";

const subscriptions = new Part();

subscriptions.inWorld("a book kept from a subscription is the book that is asked for", async (server) => {
    const market = await pickMarket(server);
    const tokens = [market.yes, market.no];
    const client = visitor(server);
    const bot = await logInAsOwner(server, server.key("trader"));
    const events = listen(await client.subscribe([{ topic: "market", tokenIds: tokens }]));
    const replay = new Replay();
    for (const token of tokens) {
        const { payload } = await events.expect("book", ({ tokenId }) => tokenId === token);
        replay.snapshot(token, payload);
    }
    const inStep = async () => {
        for (const token of tokens) {
            await replay.until(await client.fetchOrderBook({ tokenId: token }), token, async () => {
                takeIn(replay, await events.next());
            });
        }
    };
    await inStep();
    const id = rests(await place(bot, { token: market.yes, price: market.inside() }));
    await inStep();
    await bot.cancelOrder({ orderId: id });
    await inStep();
    await buy(bot, market.yes, cost(market.ask, shares(230)));
    await inStep();
    await sell(bot, market.yes, shares(30));
    await inStep();
});

subscriptions.inWorld(
    "a subscription to more tells of the best prices, the last trade and the settlement",
    async (server) => {
        const market = await pickMarket(server);
        const bot = await logInAsOwner(server, server.key("trader"));
        const wanted = { topic: "market", tokenIds: [market.yes], customFeatureEnabled: true };
        const events = listen(await bot.subscribe([wanted]));
        await events.expect("book");
        const price = market.inside();
        rests(await place(bot, { token: market.yes, price }));
        const { payload: best } = await events.expect("best_bid_ask");
        assert.deepEqual(
            [best.bestBid, best.bestAsk, best.spread],
            [text(price), text(market.ask), text(market.ask - price)],
        );
        await buy(bot, market.yes, cost(market.ask, shares(20)));
        const { payload: last } = await events.expect("last_trade_price");
        assert.deepEqual([last.tokenId, last.price, last.size, last.side], [market.yes, text(market.ask), "20", "BUY"]);
        await server.resolve(market, "Yes");
        const { payload: end } = await events.expect("market_resolved");
        assert.deepEqual([end.market, end.winningTokenId, end.winningOutcome], [market.conditionId, market.yes, "Yes"]);
    },
);

for (const [name, enter] of [
    ["the bare key", logInAsOwner],
    ["its deposit wallet", logIn],
]) {
    subscriptions.inWorld(`a bot that trades from ${name} is told of its own orders and fills`, async (server) => {
        const market = await pickMarket(server);
        const bot = await enter(server, server.key("trader"));
        const maker = await logInAsOwner(server, server.key("desk"));
        const events = listen(await bot.subscribe([{ topic: "user", markets: [market.conditionId] }]));
        await isHeard(bot, market, events);

        const price = market.inside();
        const id = rests(await place(bot, { token: market.yes, price }));
        const { payload: placed } = await events.expect("order", (order) => order.id === id);
        assert.deepEqual([placed.orderEventType, placed.status, placed.price], ["PLACEMENT", "LIVE", text(price)]);
        await place(maker, { token: market.no, price: DOLLAR - price, size: 6 });
        const { payload: updated } = await events.expect("order", (order) => order.id === id);
        assert.deepEqual([updated.orderEventType, updated.sizeMatched], ["UPDATE", "6"]);
        const { payload: fill } = await events.expect("trade", ({ status }) => status === "TRADE_STATUS_CONFIRMED");
        assert.deepEqual([fill.traderSide, fill.size, fill.tokenId], ["MAKER", "6", market.no]);
        const [met] = fill.makerOrders;
        assert.deepEqual([met.orderId, met.matchedAmount, met.price, met.tokenId], [id, "6", text(price), market.yes]);
        await bot.cancelOrder({ orderId: id });
        const { payload: ended } = await events.expect("order", (order) => order.id === id);
        assert.deepEqual([ended.orderEventType, ended.status], ["CANCELLATION", "CANCELED"]);

        const answer = await buy(bot, market.yes, cost(market.ask, shares(20)));
        const { payload: own } = await events.expect("trade", ({ takerOrderId }) => takerOrderId === answer.orderId);
        assert.deepEqual(
            [own.id, own.traderSide, own.price, own.size],
            [answer.tradeIds[0], "TAKER", text(market.ask), "20"],
        );
    });
}

subscriptions.inWorld("prices of the world outside are told by their symbol", async (server) => {
    const events = listen(await visitor(server).subscribe([{ topic: "prices.crypto.binance", symbols: ["btcusdt"] }]));
    const { payload } = await events.expect("update");
    assert.equal(payload.symbol, "btcusdt");
    assert.ok(Number(payload.value) > 0);
    assert.ok(Math.abs(payload.timestamp - Date.now()) < 60_000);
});

/** Takes an event of a market subscription into a kept book. */
function takeIn(replay, { type, payload }) {
    if (type === "book") {
        replay.snapshot(payload.tokenId, payload);
    } else if (type === "price_change") {
        for (const change of payload.priceChanges) {
            replay.change(change.tokenId, change);
        }
    }
}

/** Waits until a user's subscription is in force: nothing acknowledges it, so small orders knock until one is heard. */
async function isHeard(bot, market, events) {
    let isHeardOf = false;
    events.expect("order").then(
        () => (isHeardOf = true),
        () => {},
    );
    await until("a subscription in force", async () => {
        rests(await place(bot, { token: market.yes, price: 10_000n, size: 5 }));
        await bot.cancelAll();
        return isHeardOf;
    });
}

prove("@polymarket/client 0.2.0: subscriptions", [subscriptions]);
