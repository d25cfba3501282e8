// The life of a bot of @polymarket/clob-client, which signs the first generation of orders and is the most copied.

import assert from "node:assert/strict";

import { KNOWN, SIGNATURE_TYPE, V1, logIn, newKey, signed } from "./bots.mjs";
import { Part, pickMarket, prove } from "./harness.mjs";
import { refused, rests } from "./life/checks.mjs";
import { keys } from "./life/keys.mjs";
import { markets } from "./life/markets.mjs";
import { orders } from "./life/orders.mjs";
import { refusals } from "./life/refusals.mjs";
import { streams } from "./life/streams.mjs";
import { trades } from "./life/trades.mjs";
import { wallets } from "./life/wallets.mjs";

const own = new Part();

own.inWorld("an order signs the market's base fee and the account's first nonce, and no other", async (server) => {
    const market = await pickMarket(server);
    const bot = await logIn(V1, server, newKey());
    const order = { token: market.yes, price: market.inside() };
    const { feeRateBps, nonce, taker } = await signed(bot, { ...order, feeRateBps: 100 });
    assert.deepEqual([feeRateBps, nonce, taker], ["0", "0", `0x${"0".repeat(40)}`]);
    const wrongFee = await V1.sign(bot, { ...order, feeRateBps: 100 });
    refused(await V1.post(bot, wrongFee), /^invalid fee rate/);
    refused(await V1.place(bot, { ...order, nonce: 1 }), "invalid nonce");
    refused(await V1.place(bot, { ...order, taker: newAddress() }), "Invalid order payload");
    rests(await V1.place(bot, order));
});

own.inWorld("a read-only key is known to whoever asks about its address", async (server) => {
    const bot = await logIn(V1, server, server.key("trader"));
    const { apiKey } = await bot.createReadonlyApiKey();
    const answer = await bot.validateReadonlyApiKey(server.personas.trader.address, apiKey);
    assert.equal(typeof answer, "string");
});

own.inWorld("a strict server takes no orders of the first generation", strictly, { PAPERTAPE_CLOB_MODE: "strict" });

async function strictly(server) {
    const market = await pickMarket(server);
    const bot = await logIn(V1, server, KNOWN.key, { signatureType: SIGNATURE_TYPE.safe, funder: KNOWN.safe });
    refused(await V1.place(bot, { token: market.yes, price: market.inside() }), "order_version_mismatch");
}

function newAddress() {
    return `0x${"1".repeat(40)}`;
}

prove(V1.name, [keys, markets, orders, trades, refusals, wallets, streams, own], V1);
