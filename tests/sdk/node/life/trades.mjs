// Market orders, what each side of a match pays, and what both are told of it afterwards.

import assert from "node:assert/strict";

import { addressOf, cash, holding, logIn, newKey, signed, take } from "../bots.mjs";
import { Part, pickMarket } from "../harness.mjs";
import { DOLLAR, cost, fee, shares, text, total, units, walk } from "../money.mjs";
import { HASH, isAboutNow, matched, refused, rests, sameAddress } from "./checks.mjs";

// The smallest part of a share that changes hands.
const LOT = 100n;

export const trades = new Part();

trades.inWorld("a market buy spends its dollars at the best price", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, server.key("trader"));
    for (const type of ["FOK", "FAK"]) {
        const [money, held] = [await cash(bot), await holding(bot, market.yes)];
        const amount = cost(market.ask, shares(20));
        matched(await take(bot, { token: market.yes, amount }, type), { gave: text(amount), got: "20" });
        assert.equal(await cash(bot), money - amount - fee(market.ask, shares(20), market.feeBps));
        assert.equal(await holding(bot, market.yes), held + shares(20));
    }
    assert.deepEqual(await bot.getOpenOrders(), []);
});

trades.inWorld(
    "a market buy of dollars that buy no whole number of shares spends all but a lot's worth",
    async (server, kind) => {
        const market = await pickMarket(server);
        const bot = await logIn(kind, server, server.key("trader"));
        const before = await cash(bot);
        const answer = await take(bot, { token: market.yes, amount: 10n * DOLLAR });
        const [gave, got] = [units(answer.makingAmount), units(answer.takingAmount)];
        assert.equal(gave, cost(market.ask, got));
        assert.ok(gave <= 10n * DOLLAR && 10n * DOLLAR - gave < cost(market.ask, LOT), `${text(gave)} spent of 10`);
        assert.equal(await cash(bot), before - gave - fee(market.ask, got, market.feeBps));
    },
);

trades.inWorld("a market buy that walks two levels is two trades, each at its own price", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, server.key("trader"));
    const before = await cash(bot);
    const matches = walk(market.asks, shares(300));
    const spent = total(matches, market.feeBps);
    const answer = await take(bot, { token: market.yes, amount: spent.cost });
    matched(answer, { gave: text(spent.cost), got: "300", trades: 2 });
    assert.equal(await cash(bot), before - spent.cost - spent.fee);

    const told = await bot.getTrades({ market: market.conditionId });
    const rows = told.map(({ price, size }) => ({ price: units(price), size: units(size) }));
    assert.deepEqual(
        rows.sort((left, right) => Number(left.price - right.price)),
        matches,
    );
    assert.deepEqual(told.map(({ id }) => id).sort(), [...answer.tradeIDs].sort());
    const hashes = new Set(told.map(({ transaction_hash }) => transaction_hash));
    assert.deepEqual(new Set(answer.transactionsHashes), hashes);
    for (const trade of told) {
        assert.equal(trade.taker_order_id, answer.orderID);
        assert.deepEqual(await bot.getTrades({ id: trade.id }), [trade]);
    }
});

trades.inWorld("a market sale takes the best bids, and the fee is kept from what it brings", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, server.key("trader"));
    await take(bot, { token: market.yes, amount: cost(market.ask, shares(50)) });
    for (const type of ["FOK", "FAK"]) {
        const before = await cash(bot);
        const brought = cost(market.bid, shares(20));
        const sale = { token: market.yes, side: "SELL", amount: shares(20) };
        matched(await take(bot, sale, type), { gave: "20", got: text(brought) });
        assert.equal(await cash(bot), before + brought - fee(market.bid, shares(20), market.feeBps));
    }
    assert.equal(await holding(bot, market.yes), shares(10));
});

trades.inWorld("a FOK that cannot be filled in full is killed, and nothing has happened", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, server.key("trader"));
    const before = await cash(bot);
    const buy = { token: market.yes, price: market.ask, amount: cost(market.ask, shares(201)) };
    const killed = "order couldn't be fully filled. FOK orders are fully filled or killed.";
    refused(await take(bot, buy, "FOK"), killed);
    assert.deepEqual([await cash(bot), await holding(bot, market.yes)], [before, 0n]);
    assert.deepEqual(await bot.getTrades(), []);
    assert.equal((await bot.getOrderBook(market.yes)).asks.at(-1).size, "200");
});

trades.inWorld(
    "a FAK fills what is there and drops the rest, and is killed if there is nothing",
    async (server, kind) => {
        const market = await pickMarket(server);
        const bot = await logIn(kind, server, server.key("trader"));
        const buy = { token: market.yes, price: market.ask, amount: cost(market.ask, shares(250)) };
        const filled = { gave: text(cost(market.ask, shares(200))), got: "200" };
        const id = matched(await take(bot, buy, "FAK"), filled);
        assert.deepEqual(await bot.getOpenOrders(), []);
        assert.equal((await bot.getOrder(id)).size_matched, "200");
        // The level is gone: the same order finds nothing any more.
        refused(
            await take(bot, buy, "FAK"),
            "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.",
        );
    },
);

trades.inWorld("both sides of a trade are told the same trade, each from his own side", async (server, kind) => {
    const market = await pickMarket(server);
    const [maker, taker] = await Promise.all(["desk", "trader"].map((name) => logIn(kind, server, server.key(name))));
    const price = market.inside();
    const makerOrder = rests(await kind.place(maker, { token: market.yes, price }));
    const answer = await kind.place(taker, { token: market.no, price: DOLLAR - price });
    const [seen] = await taker.getTrades();
    const { match_time, last_update, bucket_index, maker_address, maker_orders, fee_rate_bps, ...others } = seen;
    for (const stamp of [match_time, last_update]) {
        isAboutNow(Number(stamp));
        assert.equal(typeof stamp, "string");
    }
    assert.ok(Number.isInteger(bucket_index));
    assert.equal(typeof fee_rate_bps, "string");
    sameAddress(maker_address, server.personas.trader.address);
    assert.match(others.transaction_hash, HASH);
    assert.deepEqual(others, {
        id: answer.tradeIDs[0],
        taker_order_id: answer.orderID,
        market: market.conditionId,
        asset_id: market.no,
        side: "BUY",
        size: "10",
        price: text(DOLLAR - price),
        status: "CONFIRMED",
        outcome: "No",
        owner: taker.creds.key,
        transaction_hash: answer.transactionsHashes[0],
        trader_side: "TAKER",
        type: "TAKER",
    });
    const [{ fee_rate_bps: _, maker_address: makerAddress, outcome_index: index = 0, ...made }, ...noOther] =
        maker_orders;
    assert.deepEqual([index, noOther], [0, []]);
    sameAddress(makerAddress, server.personas.desk.address);
    assert.deepEqual(made, {
        order_id: makerOrder,
        owner: maker.creds.key,
        matched_amount: "10",
        price: text(price),
        asset_id: market.yes,
        outcome: "Yes",
        side: "BUY",
    });
    const [{ type: _own, ...told }, ...noMore] = await maker.getTrades();
    const { type: _his, ...shared } = seen;
    assert.deepEqual([told, noMore], [{ ...shared, trader_side: "MAKER" }, []]);
});

trades.inWorld("trades are found by their market, token and time", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, server.key("trader"));
    const buy = () => take(bot, { token: market.yes, amount: cost(market.ask, shares(20)) });
    const first = (await buy()).tradeIDs[0];
    await server.advance(100);
    const between = await bot.getServerTime();
    await server.advance(100);
    const second = (await buy()).tradeIDs[0];
    const found = async (filter) => (await bot.getTrades(filter)).map(({ id }) => id).sort();
    const both = [first, second].sort();
    assert.deepEqual(await found({ asset_id: market.yes }), both);
    assert.deepEqual(await found({ asset_id: market.no }), []);
    assert.deepEqual(await found({ maker_address: server.personas.trader.address }), both);
    assert.deepEqual(await found({ maker_address: addressOf(newKey()) }), []);
    assert.deepEqual(await found({ before: `${between}` }), [first]);
    assert.deepEqual(await found({ after: `${between}` }), [second]);
    const page = await bot.getTradesPaginated({ market: market.conditionId });
    assert.deepEqual([page.count, page.next_cursor, page.trades.length], [2, "LTE=", 2]);
});

trades.inWorld("more trades than a page holds are listed to the end", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, server.key("whale"));
    const made = [];
    // Five shares divide every opening level, so that each order is one match and each match one trade.
    while ((await bot.getTrades(undefined, true)).length === made.length) {
        assert.ok(made.length < 1_200, "a page that is never full");
        const order = { token: market.yes, price: market.asks.at(-1).price, size: 5 };
        const batch = await Promise.all(Array.from({ length: 15 }, () => signed(bot, order)));
        const answers = await bot.postOrders(batch.map((one) => ({ order: one, orderType: "GTC" })));
        made.push(...answers.flatMap(({ tradeIDs }) => tradeIDs));
    }
    const told = await bot.getTrades();
    assert.deepEqual(told.map(({ id }) => id).sort(), made.sort());
    const bought = shares(5 * made.length);
    assert.equal(await holding(bot, market.yes), bought);
    const spent = told.reduce((sum, { price, size }) => sum + cost(units(price), units(size)), 0n);
    assert.equal(spent, total(walk(market.asks, bought), market.feeBps).cost);
});

const buy = (bot, token, price) => take(bot, { token, amount: cost(price, shares(10)) });

/** The three ways in which two orders meet. */
const MEETINGS = [
    {
        name: "shares change hands",
        prepare: (market, maker) => buy(maker, market.yes, market.ask),
        make: (market, price) => ({ token: market.yes, side: "SELL", price }),
        meet: (market, price) => ({ token: market.yes, side: "BUY", price }),
    },
    {
        name: "two buyers of both outcomes make new pairs",
        prepare: async () => {},
        make: (market, price) => ({ token: market.yes, side: "BUY", price }),
        meet: (market, price) => ({ token: market.no, side: "BUY", price: DOLLAR - price }),
    },
    {
        name: "two sellers of both outcomes give pairs back",
        prepare: async (market, maker, taker) => {
            await buy(maker, market.yes, market.ask);
            await buy(taker, market.no, DOLLAR - market.bid);
        },
        make: (market, price) => ({ token: market.yes, side: "SELL", price }),
        meet: (market, price) => ({ token: market.no, side: "SELL", price: DOLLAR - price }),
    },
];

for (const { name, prepare, make, meet } of MEETINGS) {
    trades.inWorld(`${name}: each pays or gets his own price, and only who came pays a fee`, async (server, kind) => {
        const market = await pickMarket(server);
        const [maker, taker] = [await logIn(kind, server, newKey()), await logIn(kind, server, newKey())];
        const price = market.inside();
        await prepare(market, maker, taker);
        const [makerCash, takerCash] = [await cash(maker), await cash(taker)];
        rests(await kind.place(maker, make(market, price)));
        const order = meet(market, price);
        const moved = cost(order.price, shares(10));
        const [gave, got] = order.side === "BUY" ? [text(moved), "10"] : ["10", text(moved)];
        matched(await kind.place(taker, order), { gave, got });
        const paid = (side, at) => (side === "BUY" ? -cost(at, shares(10)) : cost(at, shares(10)));
        const own = make(market, price);
        assert.equal(await cash(maker), makerCash + paid(own.side, own.price));
        const charged = fee(order.price, shares(10), market.feeBps);
        assert.equal(await cash(taker), takerCash + paid(order.side, order.price) - charged);
    });
}
