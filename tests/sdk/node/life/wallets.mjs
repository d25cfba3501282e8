// One owner, several wallets: whichever of them an order names, it is the same purse.

import assert from "node:assert/strict";

import { AMOY, KNOWN, SIGNATURE_TYPE, cash, holding, logIn, orderId, signed, take } from "../bots.mjs";
import { Part, pickMarket, pickMarkets } from "../harness.mjs";
import { cost, fee, shares, text } from "../money.mjs";
import { canceled, matched, rests, sameAddress } from "./checks.mjs";

export const wallets = new Part();

const derived = [
    ["proxy", { signatureType: SIGNATURE_TYPE.proxy, funder: KNOWN.proxy }],
    ["Safe", { signatureType: SIGNATURE_TYPE.safe, funder: KNOWN.safe }],
];
for (const [name, options] of derived) {
    wallets.inWorld(`a ${name} wallet trades with its owner's money`, async (server, kind) => {
        const market = await pickMarket(server);
        const owner = await logIn(kind, server, KNOWN.key);
        const bot = await logIn(kind, server, KNOWN.key, options);
        assert.deepEqual(bot.creds, owner.creds);
        const before = await cash(bot);
        assert.equal(await cash(owner), before);

        const order = await signed(bot, { token: market.yes, price: market.inside() });
        sameAddress(order.maker, options.funder);
        const id = rests(await kind.post(bot, order));
        assert.equal(id, orderId(order));
        const [seen] = await owner.getOpenOrders();
        assert.equal(seen.id, id);
        sameAddress(seen.maker_address, options.funder);
        canceled(await owner.cancelOrder({ orderID: id }), [id]);

        const spent = cost(market.ask, shares(20));
        const answer = await take(bot, { token: market.yes, amount: spent });
        matched(answer, { gave: text(spent), got: "20" });
        const left = before - spent - fee(market.ask, shares(20), market.feeBps);
        assert.deepEqual([await cash(bot), await cash(owner)], [left, left]);
        assert.deepEqual([await holding(bot, market.yes), await holding(owner, market.yes)], [shares(20), shares(20)]);
        const [trade] = await bot.getTrades({ maker_address: options.funder });
        sameAddress(trade.maker_address, options.funder);
    });
}

wallets.inWorld("a group's market is traded from a Safe too", async (server, kind) => {
    const [market] = await pickMarkets(server, 1, { negRisk: true });
    const bot = await logIn(kind, server, KNOWN.key, { signatureType: SIGNATURE_TYPE.safe, funder: KNOWN.safe });
    const order = await signed(bot, { token: market.no, price: 10_000n });
    assert.equal(rests(await kind.post(bot, order)), orderId(order, { negRisk: true }));
});

wallets.inWorld("an order signed for the test network is as good as one for Polygon", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, KNOWN.key, { chain: AMOY });
    const order = await signed(bot, { token: market.yes, price: market.inside() });
    assert.equal(rests(await kind.post(bot, order)), orderId(order, { chain: AMOY }));
});
