// @polymarket/client as its bots set it up: an environment forked from production, with our server's addresses.

import { createPublicClient, createSecureClient, forkEnvironmentConfig } from "@polymarket/client";
import { fetchBalanceAllowance } from "@polymarket/client/actions";
import { privateKey } from "@polymarket/client/viem";
import assert from "node:assert/strict";

import { addressOf } from "./bots.mjs";
import { baseUnits, number } from "./money.mjs";
import { Inbox } from "./sockets.mjs";

/** Everything the client asks, by the ready line. What is not served leads nowhere, instead of to the real service. */
export function environment(server) {
    const { clob, gamma, data, relayer, rtds } = server.surfaces;
    const nowhere = "http://127.0.0.1:9";
    return forkEnvironmentConfig({
        name: "papertape",
        rpc: nowhere,
        clob: {
            rest: clob,
            market: { ws: `${server.socketUrl}/ws/market` },
            user: { ws: `${server.socketUrl}/ws/user` },
        },
        gamma: { rest: gamma },
        data: { rest: data },
        relayer: { rest: relayer },
        rtds: { ws: rtds },
        combos: { rest: nowhere, ws: "ws://127.0.0.1:9", collateralReturn: { rest: nowhere } },
        perps: { rest: nowhere, ws: "ws://127.0.0.1:9" },
        sports: { ws: "ws://127.0.0.1:9" },
    });
}

/** Someone without a wallet. */
export function visitor(server) {
    return silentBefore(server, createPublicClient({ environment: environment(server) }));
}

/** A client that listens to nothing any more when the server stops. One that logged out has seen to that itself. */
function silentBefore(server, client) {
    server.closesFirst(() => client.closeSubscriptions().catch(() => {}));
    return client;
}

/** A bot that trades with the wallet it names, or without one with the client's default: its deposit wallet. */
export async function logIn(server, key, options = {}) {
    const mine = { environment: environment(server), signer: privateKey(key) };
    return silentBefore(server, await createSecureClient({ ...mine, ...options }));
}

/** A bot that trades as the bare owner of its key. */
export function logInAsOwner(server, key) {
    return logIn(server, key, { wallet: addressOf(key) });
}

/** All items of a paginated list, walked page by page to its end. */
export async function every(list, pagesMax = 200) {
    const items = [];
    let pages = 0;
    for await (const page of list) {
        pages += 1;
        assert.ok(pages <= pagesMax, `no end after ${pagesMax} pages`);
        assert.equal(page.hasMore, page.nextCursor !== undefined);
        items.push(...page.items);
    }
    return { items, pages };
}

/** Places a limit order: a GTC unless it has an expiration. */
export function place(bot, { token, side = "BUY", price, size = 10, ...more }) {
    return bot.placeLimitOrder({ tokenId: token, side, price: number(price), size, ...more });
}

/** Buys for so many dollars. */
export function buy(bot, token, amount, more = {}) {
    return bot.placeMarketOrder({ tokenId: token, side: "BUY", amount: number(amount), ...more });
}

/** Sells so many shares. */
export function sell(bot, token, size, more = {}) {
    return bot.placeMarketOrder({ tokenId: token, side: "SELL", shares: number(size), ...more });
}

/** An order that waits and met nobody, as this client tells it. */
export function rests(answer) {
    const { orderId, ...others } = answer;
    assert.match(orderId, /^0x[0-9a-f]{64}$/);
    const nothing = { makingAmount: "0", takingAmount: "0", tradeIds: [], transactionsHashes: [] };
    assert.deepEqual(others, { ok: true, status: "live", ...nothing });
    return orderId;
}

/** An order that met others at once. */
export function matched(answer, { gave, got, trades = 1 }) {
    const { ok, status, makingAmount, takingAmount, tradeIds } = answer;
    assert.deepEqual(
        { ok, status, makingAmount, takingAmount },
        { ok: true, status: "matched", makingAmount: gave, takingAmount: got },
    );
    assert.equal(new Set(tradeIds).size, trades);
    return answer.orderId;
}

/** This client throws what the server refuses: the status, and its words before the address that was asked. */
export async function isRefused(promise, error, status = 400) {
    await assert.rejects(promise, (thrown) => {
        assert.equal(thrown.name, "RequestRejectedError", `${thrown}`);
        assert.equal(thrown.status, status);
        const [words] = thrown.message.split(/ \(https?:/);
        if (typeof error === "string") {
            assert.equal(words, error);
        } else {
            assert.match(words, error);
        }
        return true;
    });
}

/** The cash of a bot in millionths of a dollar. */
export async function cash(bot) {
    return baseUnits((await fetchBalanceAllowance(bot, { assetType: "COLLATERAL" })).balance);
}

/** How many millionths of a share of a token a bot has. */
export async function holding(bot, tokenId) {
    return baseUnits((await fetchBalanceAllowance(bot, { assetType: "CONDITIONAL", tokenId })).balance);
}

/** What a subscription of the client tells, for a test that waits for the event it needs. */
export function listen(handle) {
    const inbox = new Inbox();
    (async () => {
        for await (const event of handle) {
            inbox.push(event);
        }
    })().catch((error) => inbox.push({ type: "broken", error }));
    return {
        expect: (type, fits = () => true) =>
            inbox.take(`an event "${type}"`, (event) => event.type === type && fits(event.payload)),
        next: () => inbox.take("an event", () => true),
    };
}
