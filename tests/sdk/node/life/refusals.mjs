// What the exchange refuses, in the words bots look for, and that a refusal leaves nothing behind.

import assert from "node:assert/strict";

import { cash, logIn, newKey, orderId, signed, take } from "../bots.mjs";
import { Part, pickMarket } from "../harness.mjs";
import { DOLLAR, number, shares, text } from "../money.mjs";
import { NO_MONEY, canceled, matched, refused, rests } from "./checks.mjs";

export const refusals = new Part();

refusals.inWorld(
    "money that is not there is refused in the words that start no approval on a chain",
    async (server, kind) => {
        const market = await pickMarket(server);
        const bot = await logIn(kind, server, newKey());
        const answers = [
            await kind.place(bot, { token: market.yes, price: market.inside(), size: 100_000 }),
            await kind.place(bot, { token: market.yes, side: "SELL", price: market.inside(), size: 10 }),
            await take(bot, { token: market.yes, amount: 1_100n * DOLLAR, price: market.asks.at(-1).price }),
            await take(bot, { token: market.no, side: "SELL", amount: shares(10), price: 10_000n }),
        ];
        for (const answer of answers) {
            refused(answer, NO_MONEY);
            assert.doesNotMatch(answer.error, /allowance is not enough/);
        }
        assert.deepEqual([await bot.getOpenOrders(), await cash(bot)], [[], 1_000n * DOLLAR]);
    },
);

refusals.inWorld("what waits holds its money back until it is cancelled", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, newKey());
    const price = market.inside();
    const size = Math.floor(600 / number(price));
    const first = rests(await kind.place(bot, { token: market.yes, price, size }));
    refused(await kind.place(bot, { token: market.yes, price, size }), NO_MONEY);
    canceled(await bot.cancelOrder({ orderID: first }), [first]);
    rests(await kind.place(bot, { token: market.yes, price, size }));
});

refusals.inWorld(
    "in a batch the bad order is refused and the good ones stand, in the order they came",
    async (server, kind) => {
        const market = await pickMarket(server);
        const bot = await logIn(kind, server, newKey());
        const make = (size) => signed(bot, { token: market.yes, price: market.inside(), size });
        const orders = [await make(10), await make(4), await make(11)];
        const answers = await bot.postOrders(orders.map((order) => ({ order, orderType: "GTC" })));
        assert.equal(answers.length, 3);
        assert.deepEqual([rests(answers[0]), rests(answers[2])], [orderId(orders[0]), orderId(orders[2])]);
        const { errorMsg, tradeIDs, transactionsHashes, ...others } = answers[1];
        assert.equal(errorMsg, `order ${orderId(orders[1])} is invalid. Size (4) lower than the minimum: 5`);
        assert.deepEqual(others, { orderID: "", takingAmount: "", makingAmount: "", status: "", success: true });
        assert.deepEqual([tradeIDs ?? [], transactionsHashes ?? []], [[], []]);
        assert.deepEqual((await bot.getOpenOrders()).map(({ original_size }) => original_size).sort(), ["10", "11"]);
    },
);

refusals.inWorld("a batch of more than fifteen is refused whole", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, newKey());
    const order = { token: market.yes, price: 10_000n, size: 5 };
    const batch = await Promise.all(Array.from({ length: 16 }, () => signed(bot, order)));
    const answer = await bot.postOrders(batch.map((one) => ({ order: one, orderType: "GTC" })));
    refused(answer, "Too many orders in payload: 16, max allowed: 15");
    assert.deepEqual(await bot.getOpenOrders(), []);
});

refusals.inWorld("the same order is taken once", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, newKey());
    const order = await signed(bot, { token: market.yes, price: market.inside() });
    const id = rests(await kind.post(bot, order));
    const duplicated = `order ${id} is invalid. Duplicated.`;
    refused(await kind.post(bot, order), duplicated);
    canceled(await bot.cancelOrder({ orderID: id }), [id]);
    refused(await kind.post(bot, order), duplicated);
});

refusals.inWorld(
    "a price off the tick and a size under the minimum are refused by name and number",
    async (server, kind) => {
        const market = await pickMarket(server);
        const bot = await logIn(kind, server, newKey());
        const price = market.bid + market.tick / 2n;
        const off = await kind.sign(bot, { token: market.yes, price }, { tickSize: "0.001" });
        const tick = `Price (${text(price)}) breaks minimum tick size rule: 0.01`;
        refused(await kind.post(bot, off), `order ${orderId(off)} is invalid. ${tick}`);
        const small = await signed(bot, { token: market.yes, price: market.inside(), size: 4.99 });
        const minimum = `order ${orderId(small)} is invalid. Size (4.99) lower than the minimum: 5`;
        refused(await kind.post(bot, small), minimum);
    },
);

refusals.inWorld(
    "a market buy is worth a dollar at least, and may be of fewer shares than an order that waits",
    async (server, kind) => {
        const market = await pickMarket(server);
        const bot = await logIn(kind, server, newKey());
        const buy = (amount) => take(bot, { token: market.yes, amount, price: market.ask }, "FAK");
        refused(await buy(DOLLAR / 2n), /^invalid amount for a marketable BUY order \(\$?0\.5\), min size: \$?1$/);
        const answer = await buy(DOLLAR);
        matched(answer, { gave: answer.makingAmount, got: answer.takingAmount });
        assert.ok(Number(answer.takingAmount) < 5);
    },
);

refusals.inWorld("an order for a market of a group is good under the group's exchange alone", async (server, kind) => {
    for (const negRisk of [true, false]) {
        const market = await pickMarket(server, { negRisk });
        const bot = await logIn(kind, server, newKey());
        const order = { token: market.yes, price: market.inside() };
        refused(await kind.place(bot, order, { options: { negRisk: !negRisk } }), "invalid signature");
        const good = await signed(bot, order);
        assert.equal(rests(await kind.post(bot, good)), orderId(good, { negRisk }));
        assert.equal((await bot.getOrderBook(market.yes)).neg_risk, negRisk);
    }
});

refusals.inWorld("an order that was changed after it was signed is refused", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, newKey());
    const order = await signed(bot, { token: market.yes, price: market.inside() });
    // Twice as much at the same price: nothing but the signature is wrong with it.
    const [makerAmount, takerAmount] = [order.makerAmount, order.takerAmount].map((amount) => `${2n * BigInt(amount)}`);
    refused(await kind.post(bot, { ...order, makerAmount, takerAmount }), "invalid signature");
    assert.deepEqual(await bot.getOpenOrders(), []);
});

refusals.inWorld("nobody posts an order that somebody else signed", async (server, kind) => {
    const market = await pickMarket(server);
    const [bot, other] = [await logIn(kind, server, newKey()), await logIn(kind, server, newKey())];
    const order = await signed(other, { token: market.yes, price: market.inside() });
    const refusal = "the order signer address has to be the address of the API KEY";
    refused(await kind.post(bot, order), refusal);
    rests(await kind.post(other, order));
});
