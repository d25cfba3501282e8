// The two channels, by hand as the users of these packages write them: neither ships a socket of its own.

import assert from "node:assert/strict";

import { cash, logIn, newKey, take } from "../bots.mjs";
import { Part, pickMarket, pickMarkets } from "../harness.mjs";
import { DOLLAR, cost, shares, text } from "../money.mjs";
import { Replay, Socket } from "../sockets.mjs";
import { HASH, canceled, isAboutNow, matched, rests, sameAddress } from "./checks.mjs";

export const streams = new Part();

streams.inWorld("a book kept from the market channel is the book that is asked for", async (server, kind) => {
    const market = await pickMarket(server);
    const tokens = [market.yes, market.no];
    const bot = await logIn(kind, server, server.key("trader"));
    const channel = await Socket.open(server, "/ws/market", { type: "market", assets_ids: tokens });
    const replay = new Replay();
    for (const _ of tokens) {
        replay.apply(await channel.expect("book"));
    }
    const inStep = async () => {
        for (const token of tokens) {
            await replay.until(await bot.getOrderBook(token), token, async () => replay.apply(await channel.next()));
        }
    };
    await inStep();
    const bid = rests(await kind.place(bot, { token: market.yes, price: market.inside() }));
    await inStep();
    const other = rests(await kind.place(bot, { token: market.no, price: DOLLAR - market.inside(3n), size: 7 }));
    await inStep();
    for (const id of [bid, other]) {
        canceled(await bot.cancelOrder({ orderID: id }), [id]);
        await inStep();
    }
    const paid = cost(market.ask, shares(200));
    matched(await take(bot, { token: market.yes, amount: paid }), { gave: text(paid), got: "200" });
    await inStep();
    const sale = { token: market.yes, side: "SELL", amount: shares(30) };
    matched(await take(bot, sale), { gave: "30", got: text(cost(market.bid, shares(30))) });
    await inStep();
});

streams.inWorld(
    "an order's coming and going is told for both tokens, with the best prices after it",
    async (server, kind) => {
        const market = await pickMarket(server);
        const bot = await logIn(kind, server, server.key("trader"));
        const first = { type: "market", assets_ids: [market.yes], custom_feature_enabled: true };
        const channel = await Socket.open(server, "/ws/market", first);
        await channel.expect("book");
        const price = market.inside();
        const id = rests(await kind.place(bot, { token: market.yes, price }));
        const both = (best, size) => [
            [market.yes, "BUY", text(price), size, text(best), text(market.ask)],
            [market.no, "SELL", text(DOLLAR - price), size, text(DOLLAR - market.ask), text(DOLLAR - best)],
        ];
        await changed(channel, market, both(price, "10"));
        const { event_type: _, timestamp, ...best } = await channel.expect("best_bid_ask");
        assert.match(timestamp, /^\d{13}$/);
        assert.deepEqual(best, {
            market: market.conditionId,
            asset_id: market.yes,
            best_bid: text(price),
            best_ask: text(market.ask),
            spread: text(market.ask - price),
        });
        await bot.cancelOrder({ orderID: id });
        await changed(channel, market, both(market.bid, "0"));
    },
);

streams.inWorld("a trade is told as the last price, from the taker's side", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, server.key("trader"));
    const channel = await Socket.open(server, "/ws/market", { type: "market", assets_ids: [market.yes] });
    await channel.expect("book");
    const answer = await take(bot, { token: market.yes, amount: cost(market.ask, shares(20)) });
    const told = await channel.expect("last_trade_price");
    const { price, size, side, asset_id, transaction_hash } = told;
    assert.deepEqual([asset_id, price, size, side], [market.yes, text(market.ask), "20", "BUY"]);
    assert.equal(transaction_hash, answer.transactionsHashes[0]);
    isAboutNow(Math.floor(Number(told.timestamp) / 1000));
});

streams.inWorld("the settlement of a market is told to who asked for more", async (server) => {
    const market = await pickMarket(server);
    const first = { type: "market", assets_ids: [market.yes, market.no], custom_feature_enabled: true };
    const channel = await Socket.open(server, "/ws/market", first);
    await channel.expect("book");
    await server.resolve(market, "No");
    const told = await channel.expect("market_resolved");
    assert.deepEqual([told.market, told.winning_asset_id, told.winning_outcome], [market.conditionId, market.no, "No"]);
});

streams.inWorld("a token is added to a market channel, and taken off it", async (server, kind) => {
    const [here, there] = await pickMarkets(server, 2);
    const bot = await logIn(kind, server, server.key("trader"));
    const channel = await Socket.open(server, "/ws/market", { type: "market", assets_ids: [here.yes] });
    await channel.expect("book", ({ asset_id }) => asset_id === here.yes);
    channel.send({ operation: "subscribe", assets_ids: [there.yes] });
    await channel.expect("book", ({ asset_id }) => asset_id === there.yes);
    channel.send({ operation: "unsubscribe", assets_ids: [here.yes] });
    await channel.inStep();
    for (const token of [here.yes, there.yes]) {
        rests(await kind.place(bot, { token, price: 10_000n }));
    }
    assert.equal((await channel.next()).market, there.conditionId);
});

streams.inWorld("a bot is told of its own order and its own fill, and so is who it met", async (server, kind) => {
    const market = await pickMarket(server);
    const maker = await logIn(kind, server, server.key("desk"));
    const taker = await logIn(kind, server, server.key("trader"));
    const [makers, takers] = [await listening(server, maker), await listening(server, taker)];
    const price = market.inside();
    const id = rests(await kind.place(maker, { token: market.yes, price }));
    const placed = await makers.expect("order");
    assert.deepEqual([placed.type, placed.id, placed.status], ["PLACEMENT", id, "LIVE"]);
    assert.deepEqual([placed.owner, placed.market, placed.asset_id], [maker.creds.key, market.conditionId, market.yes]);
    assert.deepEqual([placed.side, placed.price, placed.outcome], ["BUY", text(price), "Yes"]);
    assert.deepEqual([placed.original_size, placed.size_matched], ["10", "0"]);
    assert.match(placed.created_at, /^\d{10}$/);
    assert.match(placed.timestamp, /^\d{13}$/);
    sameAddress(placed.maker_address, server.personas.desk.address);

    const answer = await kind.place(taker, { token: market.no, price: DOLLAR - price, size: 6 });
    const updated = await makers.expect("order");
    assert.deepEqual([updated.type, updated.id, updated.size_matched], ["UPDATE", id, "6"]);
    await takers.expect("order", ({ type, id: own }) => type === "PLACEMENT" && own === answer.orderID);
    for (const [channel, side] of [
        [makers, "MAKER"],
        [takers, "TAKER"],
    ]) {
        await filled(channel, side, { answer, market, price, makerOrder: id });
    }

    canceled(await maker.cancelOrder({ orderID: id }), [id]);
    const ended = await makers.expect("order");
    assert.deepEqual([ended.type, ended.id, ended.status, ended.size_matched], ["CANCELLATION", id, "CANCELED", "6"]);
});

streams.inWorld("a user channel with a filter tells of its markets alone", async (server, kind) => {
    const [here, there] = await pickMarkets(server, 2);
    const bot = await logIn(kind, server, server.key("trader"));
    const channel = await listening(server, bot, [there.conditionId]);
    rests(await kind.place(bot, { token: here.yes, price: 10_000n }));
    rests(await kind.place(bot, { token: there.yes, price: 10_000n }));
    assert.equal((await channel.next()).market, there.conditionId);
});

streams.inWorld("a user channel with wrong credentials is closed", async (server, kind) => {
    const bot = await logIn(kind, server, newKey());
    const secret = `${Buffer.alloc(32).toString("base64url")}=`;
    const channel = await Socket.open(server, "/ws/user", hello({ ...bot.creds, secret }));
    assert.equal(await channel.closed(), 1008);
    assert.equal(await cash(bot), 1_000n * DOLLAR);
});

/** The first frame of a user channel. */
function hello({ key, secret, passphrase }, markets = []) {
    return { type: "user", auth: { apiKey: key, secret, passphrase }, markets };
}

/** A user channel that is known to listen: nothing acknowledges its first frame. */
async function listening(server, bot, markets) {
    const channel = await Socket.open(server, "/ws/user", hello(bot.creds, markets));
    await channel.inStep();
    return channel;
}

/** The next change of a market's book: for each token side, price, what is there now, and the best of both sides. */
async function changed(channel, market, expected) {
    const { price_changes, timestamp, market: id } = await channel.expect("price_change");
    assert.equal(id, market.conditionId);
    assert.match(timestamp, /^\d{13}$/);
    const told = price_changes.map(({ asset_id, side, price, size, best_bid, best_ask, hash }) => {
        assert.match(hash, /^[0-9a-f]{40}$/);
        return [asset_id, side, price, size, best_bid, best_ask];
    });
    assert.deepEqual(told.sort(), expected.sort());
}

/** A fill from one side: every step of its life to the last, in one and the same trade. */
async function filled(channel, side, { answer, market, price, makerOrder }) {
    let trade;
    const steps = [];
    do {
        trade = await channel.expect("trade");
        steps.push(trade.status);
        assert.deepEqual([trade.type, trade.id, trade.trader_side], ["TRADE", answer.tradeIDs[0], side]);
        assert.deepEqual([trade.asset_id, trade.side, trade.outcome], [market.no, "BUY", "No"]);
        assert.deepEqual([trade.price, trade.size, trade.taker_order_id], [text(DOLLAR - price), "6", answer.orderID]);
        const [{ order_id, matched_amount, price: makerPrice, asset_id }] = trade.maker_orders;
        assert.deepEqual([order_id, matched_amount], [makerOrder, "6"]);
        assert.deepEqual([makerPrice, asset_id], [text(price), market.yes]);
        // One spelling of the two: a client that knows both takes them for the same field, sent twice.
        assert.ok("match_time" in trade && !("matchtime" in trade));
    } while (trade.status !== "CONFIRMED");
    assert.match(trade.transaction_hash, HASH);
    const usual = ["MATCHED", "MINED", "CONFIRMED"];
    assert.deepEqual(
        steps,
        usual.filter((step) => steps.includes(step)),
    );
}
