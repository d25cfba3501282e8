// A bot's credentials: from its wallet's signature to the day they are deleted.

import assert from "node:assert/strict";

import { AMOY, addressOf, cash, logIn, newKey, take } from "../bots.mjs";
import { Part, pickMarket } from "../harness.mjs";
import { shares } from "../money.mjs";
import { UUID, canceled, isAboutNow, refused, rests } from "./checks.mjs";

const UNAUTHORIZED = "Unauthorized/Invalid api key";

export const keys = new Part();

keys.inSharedWorld("a key created twice, derived, and derived again is one key", async (server, kind) => {
    const bot = kind.client(server, { signer: kind.signer(newKey()) });
    const created = await bot.createApiKey();
    assert.match(created.key, UUID);
    assert.match(created.secret, /^[A-Za-z0-9_-]{43}=$/);
    assert.ok(created.passphrase.length > 0);
    for (const again of [bot.createApiKey(), bot.deriveApiKey(), bot.createOrDeriveApiKey(), bot.deriveApiKey()]) {
        assert.deepEqual(await again, created);
    }
});

keys.inSharedWorld("a key may be derived that nobody created", async (server, kind) => {
    const bot = kind.client(server, { signer: kind.signer(newKey()) });
    const derived = await bot.deriveApiKey();
    assert.match(derived.key, UUID);
    assert.deepEqual(await bot.createApiKey(), derived);
});

keys.inSharedWorld("another nonce is another key, and a wallet's keys are listed", async (server, kind) => {
    const signer = kind.signer(newKey());
    const first = await kind.client(server, { signer }).createApiKey();
    const second = await kind.client(server, { signer }).createApiKey(7);
    assert.notEqual(second.key, first.key);
    for (const creds of [first, second]) {
        const { apiKeys } = await kind.client(server, { signer, creds }).getApiKeys();
        assert.deepEqual(apiKeys.sort(), [first.key, second.key].sort());
    }
});

keys.inSharedWorld("a signature for the test network is as good as one for Polygon", async (server, kind) => {
    const signer = kind.signer(newKey());
    const there = await kind.client(server, { signer, chain: AMOY }).createApiKey();
    assert.deepEqual(await kind.client(server, { signer }).createApiKey(), there);
});

keys.inSharedWorld(
    "a deleted key is refused from then on, and another opens the same account",
    async (server, kind) => {
        const key = newKey();
        const bot = await logIn(kind, server, key);
        const money = await cash(bot);
        assert.equal(await bot.deleteApiKey(), "OK");
        refused(await bot.getApiKeys(), UNAUTHORIZED, 401);
        refused(await bot.cancelAll(), UNAUTHORIZED, 401);
        const signer = kind.signer(key);
        const creds = await kind.client(server, { signer }).createApiKey(1);
        const reborn = kind.client(server, { signer, creds });
        assert.deepEqual(await reborn.getApiKeys(), { apiKeys: [creds.key] });
        assert.equal(await cash(reborn), money);
    },
);

keys.inSharedWorld("after its key is deleted, a bot that starts again is let in again", async (server, kind) => {
    const key = newKey();
    await (await logIn(kind, server, key)).deleteApiKey();
    const { apiKeys } = await (await logIn(kind, server, key)).getApiKeys();
    assert.equal(apiKeys.length, 1);
});

keys.inSharedWorld("a wrong secret, passphrase, key or wallet is refused in the same words", async (server, kind) => {
    const key = newKey();
    const signer = kind.signer(key);
    const { creds } = await logIn(kind, server, key);
    const wrong = [
        { creds: { ...creds, secret: Buffer.alloc(32).toString("base64url") + "=" }, signer },
        { creds: { ...creds, passphrase: "0".repeat(64) }, signer },
        { creds: { ...creds, key: "00000000-0000-4000-8000-000000000000" }, signer },
        { creds, signer: kind.signer(newKey()) },
    ];
    for (const options of wrong) {
        refused(await kind.client(server, options).getApiKeys(), UNAUTHORIZED, 401);
    }
});

keys.inSharedWorld("a signature made for someone else opens nothing", async (server, kind) => {
    const signer = kind.signer(newKey());
    const imposter = kind.client(server, { signer: pretending(signer, addressOf(newKey())) });
    const { key, secret, passphrase } = await imposter.createOrDeriveApiKey();
    assert.deepEqual([key, secret, passphrase], [undefined, undefined, undefined]);
    const loud = kind.client(server, { signer: pretending(signer, addressOf(newKey())), throwOnError: true });
    await assert.rejects(loud.createApiKey(), (error) => {
        assert.deepEqual([error.status, error.message], [401, "Invalid L1 Request headers"]);
        return true;
    });
});

keys.inSharedWorld("a wallet that nobody knew has money at its first sight", async (server, kind) => {
    const bot = await logIn(kind, server, newKey());
    const { balance, allowances } = await bot.getBalanceAllowance({ asset_type: "COLLATERAL" });
    assert.equal(balance, "1000000000");
    // The most there is, for every exchange: no client may ever think of an approval on a chain.
    assert.ok(Object.keys(allowances).length >= 4);
    assert.deepEqual(new Set(Object.values(allowances)), new Set([`${2n ** 256n - 1n}`]));
    await bot.updateBalanceAllowance({ asset_type: "COLLATERAL" });
    assert.deepEqual(await bot.getClosedOnlyMode(), { closed_only: false });
    assert.ok(Array.isArray(await bot.getNotifications()));
    assert.equal(await bot.dropNotifications({ ids: ["1"] }), "OK");
});

keys.inSharedWorld("a read-only key and a builder's key come and go", async (server, kind) => {
    const bot = await logIn(kind, server, newKey());
    const { apiKey } = await bot.createReadonlyApiKey();
    assert.deepEqual(await bot.getReadonlyApiKeys(), [apiKey]);
    assert.equal(await bot.deleteReadonlyApiKey(apiKey), true);
    assert.deepEqual(await bot.getReadonlyApiKeys(), []);
    const builder = await bot.createBuilderApiKey();
    assert.match(builder.key, UUID);
    assert.deepEqual(
        (await bot.getBuilderApiKeys()).map(({ key }) => key),
        [builder.key],
    );
});

keys.inWorld("a bot may ask the server for the time before it signs", async (server, kind) => {
    await server.advance(3600);
    const bot = kind.client(server, { signer: kind.signer(newKey()), useServerTime: true });
    const hourLater = await bot.getServerTime();
    isAboutNow(hourLater - 3600);
    assert.match((await bot.createApiKey()).key, UUID);
});

keys.inWorld("a bot whose heart stops beating has its orders cancelled", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, newKey());
    const id = rests(await kind.place(bot, { token: market.yes, price: market.inside() }));
    const first = await bot.postHeartbeat();
    assert.match(first.heartbeat_id, UUID);
    await server.advance(1);
    const second = await bot.postHeartbeat(first.heartbeat_id);
    assert.notEqual(second.heartbeat_id, first.heartbeat_id);
    const stale = await bot.postHeartbeat(first.heartbeat_id);
    assert.deepEqual(stale, {
        error: { error_msg: "Invalid Heartbeat ID", heartbeat_id: second.heartbeat_id },
        status: 400,
    });
    await server.advance(5);
    assert.deepEqual(
        (await bot.getOpenOrders()).map((order) => order.id),
        [id],
    );
    await server.advance(20);
    assert.deepEqual(await bot.getOpenOrders(), []);
});

keys.inWorld("a bot that wants errors thrown gets the status, the words and the body", async (server, kind) => {
    const market = await pickMarket(server);
    const bot = await logIn(kind, server, newKey(), { throwOnError: true });
    await assert.rejects(
        take(bot, { token: market.yes, side: "SELL", amount: shares(10), price: market.bid }),
        (error) => {
            assert.equal(error.name, "ApiError");
            assert.deepEqual([error.status, error.data.error], [400, error.message]);
            assert.match(error.message, /^not enough balance \/ allowance/);
            return true;
        },
    );
    canceled(await bot.cancelAll(), []);
});

/** A wallet that signs with its own key and claims another address. */
function pretending(signer, address) {
    const claim = { getAddress: async () => address, account: { ...signer.account, address } };
    return new Proxy(signer, { get: (target, name) => (name in claim ? claim[name] : target[name]) });
}
