// The life of a bot of @polymarket/clob-client-v2, which asks the server which generation of orders to sign.

import { adjustBuyAmountForFees } from "@polymarket/clob-client-v2";
import assert from "node:assert/strict";

import { KNOWN, SIGNATURE_TYPE, V2, cash, holding, logIn, newKey, orderId, signed, take } from "./bots.mjs";
import { Part, pickMarket, prove } from "./harness.mjs";
import { canceled, matched, refused, rests, sameAddress } from "./life/checks.mjs";
import { keys } from "./life/keys.mjs";
import { markets } from "./life/markets.mjs";
import { orders } from "./life/orders.mjs";
import { refusals } from "./life/refusals.mjs";
import { streams } from "./life/streams.mjs";
import { trades } from "./life/trades.mjs";
import { wallets } from "./life/wallets.mjs";
import { DOLLAR, cost, fee, number, shares, text, units } from "./money.mjs";

// Basis points a taker pays, by category; makers pay nothing.
const FEE_BPS = { crypto: 700, finance: 400, politics: 400, mentions: 400, tech: 400, geopolitics: 0 };
const OTHER_FEE_BPS = 500;
const BUILDER = `0x${"0b".repeat(32)}`;

const own = new Part();

own.inSharedWorld("a market's compact form says what its full form and its tokens say", async (server) => {
    const visitor = V2.client(server);
    for (const negRisk of [false, true]) {
        const market = await pickMarket(server, { negRisk });
        const row = await visitor.getMarket(market.conditionId);
        const info = await visitor.getClobMarketInfo(market.conditionId);
        assert.deepEqual([info.c, info.nr, info.mts], [market.conditionId, negRisk, row.minimum_tick_size]);
        assert.deepEqual([info.mos, info.mbf, info.tbf, info.ao], [row.minimum_order_size, 0, 0, true]);
        assert.deepEqual(info.t, [
            { t: market.yes, o: "Yes" },
            { t: market.no, o: "No" },
        ]);
        const byToken = await server.raw("GET", `/markets-by-token/${market.no}`);
        assert.deepEqual(byToken, {
            condition_id: market.conditionId,
            primary_token_id: market.yes,
            secondary_token_id: market.no,
        });
    }
    assert.equal(await visitor.getVersion(), 2);
});

own.inSharedWorld("the fee a market publishes is its category's", async (server) => {
    const headers = { "X-API-Key": server.personas.trader.ps_key };
    const rows = await server.raw("GET", "/v1/markets?limit=200&active_only=true", { headers });
    const visitor = V2.client(server);
    const seen = new Set();
    for (const { condition_id, category } of rows.filter(({ outcomes }) => outcomes.join() === "Yes,No")) {
        const name = (category ?? "other").toLowerCase();
        if (!seen.has(name)) {
            seen.add(name);
            const { fd } = await visitor.getClobMarketInfo(condition_id);
            const published = Math.round((fd?.r ?? 0) * 10_000);
            assert.equal(published, FEE_BPS[name] ?? OTHER_FEE_BPS, `${condition_id}: ${name}`);
            assert.ok(!fd || (fd.e === 1 && fd.to === true));
        }
    }
    assert.ok(seen.size > 3, `categories ${[...seen]}`);
});

own.inWorld("a deposit wallet signs for itself and trades with its owner's money", async (server) => {
    const market = await pickMarket(server);
    const owner = await logIn(V2, server, KNOWN.key);
    const options = { signatureType: SIGNATURE_TYPE.deposit, funder: KNOWN.deposit };
    const bot = await logIn(V2, server, KNOWN.key, options);
    const before = await cash(owner);
    assert.equal(await cash(bot), before);
    const order = await signed(bot, { token: market.yes, price: market.inside() });
    assert.deepEqual([order.maker, order.signer], [KNOWN.deposit, KNOWN.deposit]);
    assert.equal(order.signature.length, 2 + 2 * 317);
    const id = rests(await V2.post(bot, order));
    assert.equal(id, orderId(order));
    sameAddress((await owner.getOrder(id)).maker_address, KNOWN.deposit);
    canceled(await owner.cancelAll(), [id]);

    const spent = cost(market.ask, shares(20));
    matched(await take(bot, { token: market.yes, amount: spent }), { gave: text(spent), got: "20" });
    assert.equal(await cash(owner), before - spent - fee(market.ask, shares(20), market.feeBps));
    assert.equal(await holding(owner, market.yes), shares(20));
    const sale = { token: market.yes, side: "SELL", amount: shares(20) };
    matched(await take(bot, sale, "FAK"), { gave: "20", got: text(cost(market.bid, shares(20))) });
});

own.inWorld("a deposit wallet of a group's market signs for the group's exchange", async (server) => {
    const market = await pickMarket(server, { negRisk: true });
    const bot = await logIn(V2, server, KNOWN.key, { signatureType: SIGNATURE_TYPE.deposit, funder: KNOWN.deposit });
    const order = await signed(bot, { token: market.yes, price: market.inside() });
    assert.equal(rests(await V2.post(bot, order)), orderId(order, { negRisk: true }));
    refused(
        await V2.place(bot, { token: market.yes, price: market.inside() }, { options: { negRisk: false } }),
        "invalid signature",
    );
});

own.inWorld("nobody signs for a deposit wallet but its owner", async (server) => {
    const market = await pickMarket(server);
    const bot = await logIn(V2, server, KNOWN.key, { signatureType: SIGNATURE_TYPE.deposit, funder: KNOWN.deposit });
    const stranger = await logIn(V2, server, newKey(), {
        signatureType: SIGNATURE_TYPE.deposit,
        funder: KNOWN.deposit,
    });
    const order = await signed(stranger, { token: market.yes, price: market.inside() });
    const answer = await V2.post(bot, order);
    assert.equal(answer.status, 400);
    assert.match(answer.error, /^(invalid signature|the order signer address has to be the address of the API KEY)$/);
    assert.deepEqual(await bot.getOpenOrders(), []);
});

own.inWorld("orders of both generations wait in one book", async (server) => {
    const market = await pickMarket(server);
    const bot = await logIn(V2, server, newKey());
    const order = { token: market.yes, price: market.inside() };
    const [older, newer] = [await signed(bot, order, { version: 1 }), await signed(bot, order)];
    assert.deepEqual(["nonce" in older, "nonce" in newer], [true, false]);
    for (const one of [older, newer]) {
        assert.equal(rests(await V2.post(bot, one)), orderId(one));
    }
    assert.deepEqual((await bot.getOrderBook(market.yes)).bids.at(-1), { price: text(order.price), size: "20" });
});

own.inWorld("the expiration of an order is no part of what its id stands for", async (server) => {
    const market = await pickMarket(server);
    const bot = await logIn(V2, server, newKey());
    const expiration = (await bot.getServerTime()) + 3600;
    const order = await signed(bot, { token: market.yes, price: market.inside(), expiration });
    const later = { ...order, expiration: `${expiration + 60}` };
    const id = rests(await V2.post(bot, later, "GTD"));
    assert.equal(id, orderId(order));
    assert.equal((await bot.getOrder(id)).expiration, `${expiration + 60}`);
});

own.inWorld("a bot that says how much it has spends no more than that, fees included", async (server) => {
    const market = await pickMarket(server);
    const bot = await logIn(V2, server, newKey());
    const amount = 40n * DOLLAR;
    const answer = await take(bot, { token: market.yes, amount, userUSDCBalance: number(amount) });
    matched(answer, { gave: answer.makingAmount, got: answer.takingAmount });
    const rate = market.feeBps / 10_000;
    const adjusted = adjustBuyAmountForFees(40, number(market.ask), 40, rate, 1, 0);
    const gave = units(answer.makingAmount);
    assert.ok(Math.abs(number(gave) - adjusted) < 0.02, `${text(gave)} given, ${adjusted} wanted`);
    const charged = fee(market.ask, units(answer.takingAmount), market.feeBps);
    assert.equal(await cash(bot), 1_000n * DOLLAR - gave - charged);
    assert.ok(gave + charged <= amount);
});

own.inWorld("an order may name its builder, whom nobody has to pay", async (server) => {
    const market = await pickMarket(server);
    const bot = await logIn(V2, server, newKey());
    const order = await signed(bot, { token: market.yes, price: market.ask, builderCode: BUILDER });
    const answer = await V2.post(bot, order);
    matched(answer, { gave: text(cost(market.ask, shares(10))), got: "10" });
    assert.equal(answer.orderID, orderId(order));
    assert.equal(
        1_000n * DOLLAR - (await cash(bot)),
        cost(market.ask, shares(10)) + fee(market.ask, shares(10), market.feeBps),
    );
    const page = await bot.getBuilderTrades({ builder_code: BUILDER });
    assert.equal(page.next_cursor, "LTE=");
    assert.ok(Array.isArray(page.trades));
});

own.inWorld("there is nothing from before the migration", async (server) => {
    const bot = await logIn(V2, server, newKey());
    assert.deepEqual(await bot.getPreMigrationOrders(), []);
    const { key } = await bot.createBuilderApiKey();
    assert.equal(await bot.revokeBuilderApiKey(), "OK");
    const live = (await bot.getBuilderApiKeys()).filter((one) => one.key === key && !one.revokedAt);
    assert.deepEqual(live, []);
});

own.inWorld("a strict server takes orders of the second generation", strictly, { PAPERTAPE_CLOB_MODE: "strict" });

/** From a deposit wallet, which is all that the service lets newcomers trade from. */
async function strictly(server) {
    const market = await pickMarket(server);
    const bot = await logIn(V2, server, KNOWN.key, { signatureType: SIGNATURE_TYPE.deposit, funder: KNOWN.deposit });
    rests(await V2.place(bot, { token: market.yes, price: market.inside() }));
}

prove(V2.name, [keys, markets, orders, trades, refusals, wallets, streams, own], V2);
