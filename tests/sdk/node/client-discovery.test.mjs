// What a bot of @polymarket/client finds out: markets and events, books and prices, and what its trades have made.

import { fetchMarketInfo, fetchNegRisk, fetchTickSize, resolveConditionByToken } from "@polymarket/client/actions";
import assert from "node:assert/strict";

import { newKey } from "./bots.mjs";
import { Part, everyMarket, isYesNo, pickMarket, prove } from "./harness.mjs";
import { sameAddress } from "./life/checks.mjs";
import { DOLLAR, cost, fee, number, shares, text } from "./money.mjs";
import { buy, every, isRefused, logIn, logInAsOwner, matched, sell, visitor } from "./unified.mjs";

const prices = new Part();

prices.inSharedWorld("the markets of Gamma are those of the exchange, page by page to their end", async (server) => {
    const { items, pages } = await every(visitor(server).listMarkets({ pageSize: 10 }));
    assert.ok(pages > 1);
    const found = items.filter(({ outcomes }) => outcomes.yes.label === "Yes").map(({ conditionId }) => conditionId);
    const open = (await everyMarket(server)).filter((row) => !row.closed && isYesNo(row));
    assert.deepEqual(found.sort(), open.map(({ condition_id }) => condition_id).sort());
});

prices.inSharedWorld("a market is the same by its id, its slug, its tokens and its condition", async (server) => {
    const client = visitor(server);
    for (const negRisk of [false, true]) {
        const picked = await pickMarket(server, { negRisk });
        const market = await client.fetchMarket({ slug: picked.slug });
        assert.deepEqual(await client.fetchMarket({ id: market.id }), market);
        for (const filter of [
            { conditionIds: [picked.conditionId] },
            { clobTokenIds: [picked.no] },
            { slug: [picked.slug] },
        ]) {
            const { items } = await every(client.listMarkets(filter));
            assert.deepEqual(
                items.map(({ id }) => id),
                [market.id],
            );
        }
        const { state, trading, prices, outcomes } = market;
        assert.deepEqual([market.conditionId, market.question], [picked.conditionId, picked.question]);
        assert.deepEqual(
            [state.active, state.closed, state.acceptingOrders, state.negRisk],
            [true, false, true, negRisk],
        );
        assert.deepEqual([outcomes.yes.tokenId, outcomes.no.tokenId], [picked.yes, picked.no]);
        assert.deepEqual([trading.minimumTickSize, trading.minimumOrderSize], [number(picked.tick), "5"]);
        assert.equal(Number(trading.feeSchedule?.rate ?? 0), picked.feeBps / 10_000);
        assert.deepEqual([prices.bestBid, prices.bestAsk], [text(picked.bid), text(picked.ask)]);
        assert.equal(prices.spread, text(picked.ask - picked.bid));
    }
    await isRefused(client.fetchMarket({ slug: "nobody-ever-asked-this" }), /./, 404);
});

prices.inSharedWorld("every event is found with its markets, page by page to the end", async (server) => {
    const client = visitor(server);
    const { items, pages } = await every(client.listEvents({ pageSize: 5 }));
    assert.ok(pages > 1);
    assert.equal(new Set(items.map(({ id }) => id)).size, items.length);
    const grouped = items.find(({ markets }) => markets.length > 1 && markets.every(({ state }) => state.negRisk));
    const event = await client.fetchEvent({ id: grouped.id });
    assert.deepEqual(await client.fetchEvent({ slug: event.slug }), event);
    for (const { slug } of event.markets) {
        const market = await client.fetchMarket({ slug });
        assert.deepEqual(
            market.events.map(({ id }) => id),
            [event.id],
        );
    }
    const { items: results } = await client.search({ q: event.title }).firstPage();
    assert.ok(results.events.some(({ id }) => id === event.id));
});

prices.inSharedWorld("tags are listed, and a market's are among them", async (server) => {
    const client = visitor(server);
    const { items } = await every(client.listTags());
    assert.ok(items.length > 0);
    const picked = await pickMarket(server);
    const market = await client.fetchMarket({ slug: picked.slug, includeTag: true });
    const tags = await client.fetchMarketTags({ id: market.id });
    assert.ok(tags.length > 0);
    const known = new Set(items.map(({ id }) => id));
    assert.deepEqual(
        tags.filter(({ id }) => !known.has(id)),
        [],
    );
});

prices.inSharedWorld("books and prices are the exchange's", async (server) => {
    const client = visitor(server);
    const { conditionId, yes, no, bid, ask, tick, feeBps } = await pickMarket(server);
    const book = await client.fetchOrderBook({ tokenId: yes });
    assert.deepEqual([book.conditionId, book.tokenId, book.negRisk], [conditionId, yes, false]);
    assert.deepEqual([book.bids.at(-1).price, book.asks.at(-1).price], [text(bid), text(ask)]);
    const both = [{ tokenId: yes }, { tokenId: no }];
    const books = await client.fetchOrderBooks(both);
    assert.deepEqual(
        books.find(({ tokenId }) => tokenId === yes),
        book,
    );
    const middle = (bid + ask) / 2n;
    assert.equal(await client.fetchMidpoint({ tokenId: yes }), text(middle));
    assert.deepEqual(await client.fetchMidpoints(both), { [yes]: text(middle), [no]: text(DOLLAR - middle) });
    assert.equal(await client.fetchPrice({ tokenId: yes, side: "BUY" }), text(bid));
    assert.equal(await client.fetchPrice({ tokenId: yes, side: "SELL" }), text(ask));
    const sides = [
        { tokenId: yes, side: "BUY" },
        { tokenId: no, side: "BUY" },
    ];
    assert.deepEqual(await client.fetchPrices(sides), { [yes]: { BUY: text(bid) }, [no]: { BUY: text(DOLLAR - ask) } });
    assert.equal(await client.fetchSpread({ tokenId: yes }), text(ask - bid));
    assert.deepEqual(await client.fetchSpreads(both), { [yes]: text(ask - bid), [no]: text(ask - bid) });
    assert.equal((await client.fetchLastTradePrice({ tokenId: yes })).side, "BUY");
    assert.equal(await client.estimateMarketPrice({ tokenId: yes, side: "BUY", amount: 10 }), number(ask));
    assert.equal(await client.estimateMarketPrice({ tokenId: yes, side: "SELL", shares: 300 }), number(bid - tick));
    assert.equal(await fetchTickSize(client, { tokenId: yes }), number(tick));
    assert.equal(await fetchNegRisk(client, { tokenId: yes }), false);
    assert.equal(await resolveConditionByToken(client, { tokenId: no }), conditionId);
    const info = await fetchMarketInfo(client, { conditionId });
    assert.equal(info.feeInfo.rate, feeBps / 10_000);
    assert.deepEqual(
        info.tokens.map(({ tokenId }) => tokenId),
        [yes, no],
    );
    await isRefused(
        client.fetchOrderBook({ tokenId: "1".repeat(77) }),
        "No orderbook exists for the requested token id",
        404,
    );
});

const history = new Part();

for (const [name, enter] of [
    ["the bare key", logInAsOwner],
    ["its deposit wallet", logIn],
]) {
    history.inWorld(`what was bought from ${name} is a position, a trade and an activity`, async (server) => {
        const market = await pickMarket(server);
        const bot = await enter(server, newKey());
        assert.deepEqual((await every(bot.listPositions())).items, []);
        const amount = cost(market.ask, shares(20));
        const answer = await buy(bot, market.yes, amount);
        matched(answer, { gave: text(amount), got: "20" });
        await isHeld(bot, market, 20);
        await isRecorded(bot, market, answer);
    });
}

history.inWorld("a part that was sold leaves the rest at the same average", async (server) => {
    const market = await pickMarket(server);
    const bot = await logInAsOwner(server, newKey());
    await buy(bot, market.yes, cost(market.ask, shares(20)));
    await sell(bot, market.yes, shares(15));
    const { items } = await every(bot.listPositions());
    const [{ size, avgPrice, curPrice, totalBought }] = items;
    assert.deepEqual([size, avgPrice, curPrice, totalBought], ["5", text(market.ask), text(market.bid), "20"]);
});

history.inWorld("trades are listed page by page to their end, newest first", async (server) => {
    const market = await pickMarket(server);
    const bot = await logInAsOwner(server, newKey());
    for (const count of [5, 6, 7, 8, 9]) {
        await buy(bot, market.yes, cost(market.ask, shares(count)));
        await server.advance(2);
    }
    const user = bot.account.wallet;
    for (const list of [
        bot.listTrades({ user, pageSize: 2 }),
        visitor(server).listTrades({ market: [market.conditionId], user, pageSize: 2 }),
    ]) {
        const { items, pages } = await every(list);
        assert.deepEqual([items.map(({ size }) => size), pages], [["9", "8", "7", "6", "5"], 3]);
    }
    const { items: activity } = await every(bot.listActivity({ pageSize: 2 }));
    assert.deepEqual(
        activity.map((row) => row.shares),
        ["9", "8", "7", "6", "5"],
    );
});

history.inWorld("a position whose market was settled is closed with what it won", async (server) => {
    const market = await pickMarket(server);
    const bot = await logInAsOwner(server, newKey());
    await buy(bot, market.yes, cost(market.ask, shares(20)));
    await server.resolve(market, "Yes");
    assert.deepEqual((await every(bot.listPositions())).items, []);
    const { items } = await every(bot.listClosedPositions());
    const [closed] = items;
    assert.deepEqual([items.length, closed.conditionId, closed.tokenId], [1, market.conditionId, market.yes]);
    assert.deepEqual([closed.avgPrice, closed.curPrice, closed.totalBought], [text(market.ask), "1", "20"]);
    const won = shares(20) - cost(market.ask, shares(20));
    const least = won - fee(market.ask, shares(20), market.feeBps);
    const told = Number(closed.realizedPnl);
    assert.ok(told <= number(won) && told >= number(least), `won ${told}, not ${text(least)} to ${text(won)}`);
});

/** A position bought at the best price, at which its market was last traded. */
async function isHeld(bot, market, count) {
    const [position, ...noOther] = (await every(bot.listPositions({ pageSize: 1 }))).items;
    assert.deepEqual(noOther, []);
    const paid = text(cost(market.ask, shares(count)));
    sameAddress(position.wallet, bot.account.wallet);
    const { conditionId, tokenId, oppositeTokenId, outcome, oppositeOutcome, outcomeIndex, negativeRisk } = position;
    assert.deepEqual([conditionId, tokenId, oppositeTokenId], [market.conditionId, market.yes, market.no]);
    assert.deepEqual([outcome, oppositeOutcome, outcomeIndex, negativeRisk], ["Yes", "No", 0, false]);
    const { size, avgPrice, initialValue, curPrice, currentValue, cashPnl, title, slug } = position;
    assert.deepEqual([size, avgPrice, initialValue], [`${count}`, text(market.ask), paid]);
    assert.deepEqual([curPrice, currentValue, cashPnl], [text(market.ask), paid, "0"]);
    assert.deepEqual([title, slug], [market.question, market.slug]);
    const [{ value }] = await bot.fetchPortfolioValue();
    assert.equal(value, paid);
    assert.equal((await bot.fetchTradedMarketCount()).traded, 1);
    const holders = await bot.listMarketHolders({ market: [market.conditionId], limit: 20 });
    const mine = holders.find(({ token }) => token === market.yes).holders.filter(isMine(bot));
    assert.deepEqual(
        mine.map(({ amount, outcomeIndex: index }) => [amount, index]),
        [[`${count}`, 0]],
    );
}

/** The one trade of an order, in the public list and among the account's doings. */
async function isRecorded(bot, market, answer) {
    const [hash] = await bot.waitForOrderFillSettlement(answer);
    const [trade, ...noOther] = (await every(bot.listTrades({ user: bot.account.wallet }))).items;
    assert.deepEqual(noOther, []);
    const { side, tokenId, conditionId, size, price, outcome, transactionHash } = trade;
    assert.deepEqual([side, tokenId, conditionId], ["BUY", market.yes, market.conditionId]);
    assert.deepEqual([size, price, outcome, transactionHash], ["20", text(market.ask), "Yes", hash]);
    const [doing] = (await every(bot.listActivity({ type: ["TRADE"] }))).items;
    assert.deepEqual([doing.type, doing.shares, doing.price], ["TRADE", "20", text(market.ask)]);
    assert.deepEqual([doing.amount, doing.transactionHash], [text(cost(market.ask, shares(20))), hash]);
    assert.equal(doing.timestamp, trade.timestamp);
}

function isMine(bot) {
    return ({ wallet }) => wallet.toLowerCase() === bot.account.wallet.toLowerCase();
}

prove("@polymarket/client 0.2.0: markets and prices", [prices]);
prove("@polymarket/client 0.2.0: positions and history", [history]);
