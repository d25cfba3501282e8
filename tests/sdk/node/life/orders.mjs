// Limit orders that wait, and how they end.

import assert from "node:assert/strict";

import { cash, holding, logIn, newKey, orderId, signed, take } from "../bots.mjs";
import { Part, pickMarket, pickMarkets } from "../harness.mjs";
import { DOLLAR, cost, fee, number, shares, text } from "../money.mjs";
import { ORDER_ID, canceled, isAboutNow, matched, refused, rests, sameAddress } from "./checks.mjs";

const GONE = "Order not found or already canceled";
const NOBODYS = `0x${"a".repeat(64)}`;

export const orders = new Part();

orders.inWorld(
    "an order that waits is seen by its id, in the list and in the book until it is cancelled",
    async (server, kind) => {
        const market = await pickMarket(server);
        const bot = await logIn(kind, server, server.key("trader"));
        const before = await cash(bot);
        const price = market.inside();
        const order = await signed(bot, { token: market.yes, price, size: 10 });
        const id = rests(await kind.post(bot, order));
        assert.equal(id, orderId(order));

        const seen = await bot.getOrder(id);
        const { created_at, maker_address, ...others } = seen;
        isAboutNow(created_at);
        sameAddress(maker_address, server.personas.trader.address);
        assert.deepEqual(others, {
            id,
            status: "LIVE",
            owner: bot.creds.key,
            market: market.conditionId,
            asset_id: market.yes,
            side: "BUY",
            original_size: "10",
            size_matched: "0",
            price: text(price),
            associate_trades: [],
            outcome: "Yes",
            expiration: "0",
            order_type: "GTC",
        });
        for (const filter of [undefined, { id }, { market: market.conditionId }, { asset_id: market.yes }]) {
            assert.deepEqual(await bot.getOpenOrders(filter), [seen]);
        }
        assert.deepEqual(await bot.getOpenOrders({ asset_id: market.no }), []);
        const book = async () => (await bot.getOrderBook(market.yes)).bids.at(-1);
        assert.deepEqual(await book(), { price: text(price), size: "10" });
        const mirror = (await bot.getOrderBook(market.no)).asks.at(-1);
        assert.deepEqual(mirror, { price: text(DOLLAR - price), size: "10" });
        // What an order holds back is still the wallet's.
        assert.equal(await cash(bot), before);

        canceled(await bot.cancelOrder({ orderID: id }), [id]);
        assert.deepEqual(await bot.getOpenOrders(), []);
        assert.deepEqual(await book(), { price: text(market.bid), size: "200" });
        assert.equal((await bot.getOrder(id)).status, "CANCELED");
    },
);

orders.inWorld("an order is cancelled once, by its owner, while it waits", async (server, kind) => {
    const market = await pickMarket(server);
    const [bot, other] = [await logIn(kind, server, newKey()), await logIn(kind, server, newKey())];
    const id = rests(await kind.place(bot, { token: market.yes, price: market.inside() }));
    canceled(await other.cancelOrder({ orderID: id }), [], { [id]: GONE });
    refused(await other.getOrder(id), "Order not found", 404);
    assert.deepEqual(await other.getOpenOrders({ id }), []);
    canceled(await bot.cancelOrder({ orderID: id }), [id]);
    const again = await bot.cancelOrder({ orderID: id });
    assert.deepEqual(again.canceled, []);
    assert.match(again.not_canceled[id], /already canceled$/);
    canceled(await bot.cancelOrder({ orderID: NOBODYS }), [], { [NOBODYS]: GONE });
    const filled = await kind.place(bot, { token: market.yes, price: market.ask });
    canceled(await bot.cancelOrder({ orderID: filled.orderID }), [], { [filled.orderID]: "Order already matched" });
    refused(await bot.cancelOrder({ orderID: "nonsense" }), "Invalid orderID");
    refused(await bot.getOrder(NOBODYS), "Order not found", 404);
});

orders.inWorld("orders are cancelled by several ids, by token, by market and all", async (server, kind) => {
    const [here, there] = await pickMarkets(server, 2);
    const bot = await logIn(kind, server, server.key("trader"));
    const place = async (token, price) => rests(await kind.place(bot, { token, price }));
    const [a, b] = [await place(here.yes, 10_000n), await place(here.yes, 20_000n)];
    const [c, d] = [await place(here.no, 10_000n), await place(there.yes, 10_000n)];
    canceled(await bot.cancelOrders([a, NOBODYS]), [a], { [NOBODYS]: GONE });
    canceled(await bot.cancelMarketOrders({ asset_id: here.yes }), [b]);
    canceled(await bot.cancelMarketOrders({ market: here.conditionId }), [c]);
    assert.deepEqual(
        (await bot.getOpenOrders()).map(({ id }) => id),
        [d],
    );
    const [e, f] = [await place(here.yes, 10_000n), await place(there.no, 10_000n)];
    canceled(await bot.cancelMarketOrders({ market: there.conditionId, asset_id: there.no }), [f]);
    canceled(await bot.cancelAll(), [d, e]);
    canceled(await bot.cancelAll(), []);
    assert.deepEqual(await bot.getOpenOrders(), []);
});

orders.inWorld("an order that meets a part of what it wants waits for the rest", async (server, kind) => {
    const market = await pickMarket(server);
    const maker = await logIn(kind, server, server.key("desk"));
    const taker = await logIn(kind, server, server.key("trader"));
    const before = await cash(maker);
    const price = market.inside();
    const id = rests(await kind.place(maker, { token: market.yes, price }));
    // Yes at p meets No at 1 − p: the pair is made, and each pays his own price.
    const met = await kind.place(taker, { token: market.no, price: DOLLAR - price, size: 6 });
    matched(met, { gave: text(cost(DOLLAR - price, shares(6))), got: "6" });
    const order = await maker.getOrder(id);
    assert.deepEqual([order.status, order.size_matched, order.associate_trades], ["LIVE", "6", met.tradeIDs]);
    assert.deepEqual((await maker.getOrderBook(market.yes)).bids.at(-1), { price: text(price), size: "4" });
    canceled(await maker.cancelOrder({ orderID: id }), [id]);
    assert.equal((await maker.getOrder(id)).size_matched, "6");
    assert.equal(await cash(maker), before - cost(price, shares(6)));
    assert.equal(await holding(maker, market.yes), shares(6));

    // Larger than all that is inside the spread: it meets six shares, and is the new best bid with four.
    rests(await kind.place(maker, { token: market.no, price: DOLLAR - price, size: 6 }));
    const rest = await kind.place(taker, { token: market.yes, price, size: 10 });
    matched(rest, { gave: text(cost(price, shares(6))), got: "6" });
    const [waiting] = await taker.getOpenOrders();
    assert.deepEqual([waiting.id, waiting.status, waiting.size_matched], [rest.orderID, "LIVE", "6"]);
});

orders.inWorld("shares that were bought are sold by a limit order, and not twice", async (server, kind) => {
    const market = await pickMarket(server);
    const seller = await logIn(kind, server, server.key("trader"));
    const buyer = await logIn(kind, server, server.key("desk"));
    await take(seller, { token: market.yes, amount: cost(market.ask, shares(20)) });
    const before = await cash(seller);
    const price = market.inside();
    const id = rests(await kind.place(seller, { token: market.yes, side: "SELL", price, size: 20 }));
    const again = { token: market.yes, side: "SELL", price: market.inside(2n), size: 5 };
    refused(await kind.place(seller, again), /^not enough balance \/ allowance/);
    assert.equal(await holding(seller, market.yes), shares(20));

    matched(await kind.place(buyer, { token: market.yes, price, size: 20 }), {
        gave: text(cost(price, shares(20))),
        got: "20",
    });
    // The one who waited pays no fee.
    assert.equal(await cash(seller), before + cost(price, shares(20)));
    assert.equal(await holding(seller, market.yes), 0n);
    const sold = await seller.getOrder(id);
    assert.deepEqual([sold.status, sold.side, sold.size_matched], ["MATCHED", "SELL", "20"]);
});

orders.inWorld("a limit order that crosses pays what was asked, not what it would have paid", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, server.key("trader"));
    const before = await cash(bot);
    const price = market.ask + 2n * market.tick;
    const order = await signed(bot, { token: market.yes, price, size: 10 });
    const answer = await kind.post(bot, order);
    const paid = cost(market.ask, shares(10));
    assert.equal(matched(answer, { gave: text(paid), got: "10" }), orderId(order));
    assert.equal(await cash(bot), before - paid - fee(market.ask, shares(10), market.feeBps));
    assert.equal(await holding(bot, market.yes), shares(10));
    const seen = await bot.getOrder(answer.orderID);
    assert.deepEqual([seen.status, seen.price, seen.size_matched], ["MATCHED", text(price), "10"]);
    assert.deepEqual(seen.associate_trades, answer.tradeIDs);
    assert.deepEqual(await bot.getOpenOrders(), []);
});

orders.inWorld("a post-only order waits, or is refused where it would not", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, server.key("trader"));
    const place = (token, price) => kind.place(bot, { token, price }, { postOnly: true });
    for (const [token, price] of [
        [market.yes, market.ask],
        [market.no, DOLLAR - market.bid],
    ]) {
        refused(await place(token, price), "invalid post-only order: order crosses book");
    }
    const id = rests(await place(market.yes, market.inside()));
    assert.deepEqual(
        (await bot.getOpenOrders()).map((order) => order.id),
        [id],
    );
});

orders.inWorld("a GTD order dies at its time, and not before", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, server.key("trader"));
    const expiration = (await bot.getServerTime()) + 120;
    const order = { token: market.yes, price: market.inside(), expiration };
    const id = rests(await kind.place(bot, order, { type: "GTD" }));
    const seen = await bot.getOrder(id);
    assert.deepEqual([seen.order_type, seen.expiration], ["GTD", `${expiration}`]);
    await server.advance(30);
    assert.equal((await bot.getOpenOrders()).length, 1);
    await server.advance(120);
    assert.deepEqual(await bot.getOpenOrders(), []);
    assert.match((await bot.getOrder(id)).status, /^CANCELED/);
    assert.deepEqual((await bot.getOrderBook(market.yes)).bids.at(-1), { price: text(market.bid), size: "200" });
});

orders.inWorld("an expiration that is too near, missing or out of place is refused", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, server.key("trader"));
    const now = await bot.getServerTime();
    for (const [type, expiration] of [
        ["GTD", now + 30],
        ["GTD", 0],
        ["GTC", now + 3600],
    ]) {
        const order = { token: market.yes, price: market.inside(), expiration };
        refused(await kind.place(bot, order, { type }), "invalid expiration");
    }
    assert.deepEqual(await bot.getOpenOrders(), []);
});

orders.inWorld("more orders than a page holds are listed to the end", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, server.key("whale"));
    const placed = [];
    // The size of a page is the server's own affair: batches are posted until the first is full.
    while ((await bot.getOpenOrders(undefined, true)).length === placed.length) {
        assert.ok(placed.length < 1_500, "a page that is never full");
        const order = { token: market.yes, price: 10_000n, size: 5 };
        const batch = await Promise.all(Array.from({ length: 15 }, () => signed(bot, order)));
        const answers = await bot.postOrders(batch.map((one) => ({ order: one, orderType: "GTC" })));
        placed.push(...answers.map(rests));
    }
    assert.deepEqual((await bot.getOpenOrders()).map(({ id }) => id).sort(), placed.sort());
    canceled(await bot.cancelAll(), placed);
});

orders.inWorld("the settlement of a market cancels what waits and pays what won", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, server.key("trader"));
    await take(bot, { token: market.yes, amount: cost(market.ask, shares(20)) });
    const id = rests(await kind.place(bot, { token: market.yes, price: market.inside() }));
    const late = await signed(bot, { token: market.yes, price: market.inside() });
    const before = await cash(bot);
    await server.resolve(market, "Yes");
    assert.deepEqual(await bot.getOpenOrders(), []);
    assert.match((await bot.getOrder(id)).status, /^CANCELED/);
    assert.equal(await cash(bot), before + shares(20));
    assert.equal(await holding(bot, market.yes), 0n);
    const row = await bot.getMarket(market.conditionId);
    assert.deepEqual([row.closed, row.accepting_orders], [true, false]);
    assert.deepEqual(
        row.tokens.map(({ winner, price }) => [winner, price]),
        [
            [true, 1],
            [false, 0],
        ],
    );
    refused(await kind.post(bot, late), "the market is not yet ready to process new orders");
});

orders.inWorld("an order of a fine tick waits at its own price", async (server, kind) => {
    const market = await pickMarket(server, { negRisk: true, tick: "0.001" });
    const bot = await logIn(kind, server, server.key("trader"));
    const id = rests(await kind.place(bot, { token: market.yes, price: market.inside() }));
    assert.match(id, ORDER_ID);
    assert.equal((await bot.getOrder(id)).price, text(market.inside()));
    assert.equal(await bot.getTickSize(market.yes), "0.001");
    assert.equal(number(market.tick), 0.001);
});

orders.inWorld("an order's score is that it has none", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, newKey());
    const id = rests(await kind.place(bot, { token: market.yes, price: market.inside() }));
    assert.deepEqual(await bot.isOrderScoring({ order_id: id }), { scoring: false });
    assert.deepEqual(await bot.areOrdersScoring({ orderIds: [id] }), { [id]: false });
});
