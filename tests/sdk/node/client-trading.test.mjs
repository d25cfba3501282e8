// The life of a bot of @polymarket/client: how it logs in with each of its wallets, and trades.

import { updateBalanceAllowance } from "@polymarket/client/actions";
import assert from "node:assert/strict";

import { KNOWN, addressOf, newKey } from "./bots.mjs";
import { Part, pickMarket, pickMarkets, prove } from "./harness.mjs";
import { HASH, UUID, canceled as told, sameAddress } from "./life/checks.mjs";
import { DOLLAR, cost, fee, number, shares, text, total, units, walk } from "./money.mjs";
import { buy, cash, every, holding, isRefused, logIn, logInAsOwner, matched, place, rests, sell } from "./unified.mjs";

const NO_MONEY = /^not enough balance \/ allowance/;
const GONE = "Order not found or already canceled";
const NOBODYS = `0x${"a".repeat(64)}`;

/** An answer to a wish to cancel: this client spells its members the other way. */
function canceled({ canceled: ids, notCanceled: not_canceled }, expected, others) {
    told({ canceled: ids, not_canceled }, expected, others);
}

const account = new Part();

account.inSharedWorld(
    "a bot that names no wallet trades from its deposit wallet, and needs no chain",
    async (server) => {
        const bot = await logIn(server, KNOWN.key);
        const { signer, wallet, walletType } = bot.account;
        assert.deepEqual([signer, walletType], [KNOWN.address, 3]);
        sameAddress(wallet, KNOWN.deposit);
        assert.match(bot.credentials.key, UUID);
    },
);

account.inSharedWorld(
    "a bot trades from whichever of its wallets it names, with one key and one purse",
    async (server) => {
        const key = newKey();
        const own = [KNOWN.address, KNOWN.proxy, KNOWN.safe, KNOWN.deposit, KNOWN.beaconDeposit];
        const bots = await Promise.all(own.map((wallet) => logIn(server, KNOWN.key, { wallet })));
        assert.deepEqual(
            bots.map(({ account }) => account.walletType),
            [0, 1, 2, 3, 3],
        );
        assert.equal(new Set(bots.map(({ credentials }) => credentials.key)).size, 1);
        assert.equal(new Set(await Promise.all(bots.map(cash))).size, 1);
        assert.equal((await logInAsOwner(server, key)).account.walletType, 0);
    },
);

account.inSharedWorld("stored credentials are kept while they are good", async (server) => {
    const key = newKey();
    const { credentials } = await logInAsOwner(server, key);
    const again = await logIn(server, key, { wallet: addressOf(key), credentials });
    assert.deepEqual(again.credentials, credentials);
    const other = await logIn(server, key, { wallet: addressOf(key), nonce: 7 });
    assert.notEqual(other.credentials.key, credentials.key);
});

account.inSharedWorld("a bot that ends its authentication leaves credentials that let nobody in", async (server) => {
    const key = newKey();
    const wallet = addressOf(key);
    const bot = await logInAsOwner(server, key);
    const { credentials } = bot;
    const stale = await logIn(server, key, { wallet, credentials });
    const left = await bot.endAuthentication();
    assert.ok(left.isPublicClient());
    await isRefused(every(stale.listOpenOrders()), "Unauthorized/Invalid api key", 401);
    // Who comes with the deleted credentials signs in afresh.
    const reborn = await logIn(server, key, { wallet, credentials });
    assert.deepEqual((await every(reborn.listOpenOrders())).items, []);
});

account.inSharedWorld("what a new account is told of itself", async (server) => {
    const bot = await logInAsOwner(server, newKey());
    assert.equal(await cash(bot), 1_000n * DOLLAR);
    const { allowances } = await updateBalanceAllowance(bot, { assetType: "COLLATERAL" });
    for (const allowance of Object.values(allowances)) {
        assert.equal(allowance, 2n ** 256n - 1n);
    }
    assert.equal(await bot.fetchClosedOnlyMode(), false);
    assert.deepEqual(await bot.fetchNotifications(), []);
    await bot.dropNotifications({ ids: ["1"] });
});

const trading = new Part();

for (const [name, enter] of [
    ["the bare key", logInAsOwner],
    ["its deposit wallet", logIn],
]) {
    trading.inWorld(
        `a bot trades from ${name}: an order that waits, one that is met, one that is cancelled`,
        async (server) => {
            await lives(server, await enter(server, server.key("trader")));
        },
    );
}

trading.inWorld("orders of every wallet of an owner stand in one list", async (server) => {
    const market = await pickMarket(server);
    const own = [KNOWN.address, KNOWN.proxy, KNOWN.safe, KNOWN.deposit, KNOWN.beaconDeposit];
    const bots = await Promise.all(own.map((wallet) => logIn(server, KNOWN.key, { wallet })));
    for (const bot of bots) {
        rests(await place(bot, { token: market.yes, price: market.inside() }));
    }
    const { items } = await every(bots[0].listOpenOrders());
    const wallets = items.map(({ makerAddress }) => makerAddress.toLowerCase()).sort();
    assert.deepEqual(wallets, own.map((wallet) => wallet.toLowerCase()).sort());
});

trading.inWorld("a market order buys and sells, all or what there is", async (server) => {
    const market = await pickMarket(server);
    const bot = await logInAsOwner(server, server.key("trader"));
    const before = await cash(bot);
    const matches = walk(market.asks, shares(300));
    const spent = total(matches, market.feeBps);
    const answer = await buy(bot, market.yes, spent.cost, { orderType: "FOK" });
    matched(answer, { gave: text(spent.cost), got: "300", trades: 2 });
    assert.equal(await cash(bot), before - spent.cost - spent.fee);
    const hashes = await bot.waitForOrderFillSettlement(answer);
    assert.ok(hashes.length > 0 && hashes.every((hash) => HASH.test(hash)));

    const brought = cost(market.bid, shares(100));
    const sold = await sell(bot, market.yes, shares(100), { minPrice: number(market.bid) });
    matched(sold, { gave: "100", got: text(brought) });
    const charged = fee(market.bid, shares(100), market.feeBps);
    assert.equal(await cash(bot), before - spent.cost - spent.fee + brought - charged);
    assert.equal(await holding(bot, market.yes), shares(200));
});

trading.inWorld("a bound on the price is kept, and what it leaves is dropped or killed", async (server) => {
    const market = await pickMarket(server);
    const bot = await logInAsOwner(server, server.key("trader"));
    const maxPrice = number(market.ask);
    const amount = cost(market.ask, shares(250));
    const killed = "order couldn't be fully filled. FOK orders are fully filled or killed.";
    await isRefused(buy(bot, market.yes, amount, { maxPrice, orderType: "FOK" }), killed);
    const some = await buy(bot, market.yes, amount, { maxPrice });
    matched(some, { gave: text(cost(market.ask, shares(200))), got: "200" });
    const nothing = /^no orders found to match with FAK order\./;
    await isRefused(buy(bot, market.yes, amount, { maxPrice }), nothing);
    assert.deepEqual((await every(bot.listOpenOrders())).items, []);
});

trading.inWorld("a bound on what is spent includes the fee", async (server) => {
    const market = await pickMarket(server);
    const bot = await logInAsOwner(server, newKey());
    const answer = await buy(bot, market.yes, 40n * DOLLAR, { maxSpend: 40 });
    const [gave, got] = [units(answer.makingAmount), units(answer.takingAmount)];
    const charged = fee(market.ask, got, market.feeBps);
    assert.equal(await cash(bot), 1_000n * DOLLAR - gave - charged);
    assert.ok(gave + charged <= 40n * DOLLAR, `${text(gave + charged)} spent of 40`);
    assert.ok(gave + charged > 39_950_000n, `${text(gave + charged)} spent of 40`);
});

trading.inWorld("an expiration, and an order that must not take", async (server) => {
    const market = await pickMarket(server);
    const bot = await logInAsOwner(server, newKey());
    const expiration = Math.floor(Date.now() / 1000) + 300;
    const id = rests(await place(bot, { token: market.yes, price: market.inside(), expiration }));
    const order = await bot.fetchOrder({ orderId: id });
    assert.equal(order.orderType, "GTD");
    rests(await place(bot, { token: market.yes, price: market.inside(2n), postOnly: true }));
    const crossing = place(bot, { token: market.yes, price: market.ask, postOnly: true });
    await isRefused(crossing, "invalid post-only order: order crosses book");
    await server.advance(400);
    const { items } = await every(bot.listOpenOrders());
    assert.deepEqual(
        items.map(({ price }) => price),
        [text(market.inside(2n))],
    );
});

trading.inWorld("a batch tells of each of its orders whether it stands", async (server) => {
    const market = await pickMarket(server);
    const bot = await logInAsOwner(server, newKey());
    const make = (price, more) =>
        bot.createLimitOrder({ tokenId: market.yes, side: "BUY", price: number(price), size: 10, ...more });
    const batch = [
        await make(market.inside()),
        await make(market.ask, { postOnly: true }),
        await make(market.inside(), { size: 100_000 }),
        await make(market.inside(2n)),
    ];
    const answers = await bot.postOrders(batch);
    assert.deepEqual(
        answers.map(({ ok, code }) => (ok ? "stands" : code)),
        ["stands", "post_only_would_cross", "insufficient_balance_or_allowance", "stands"],
    );
    assert.match(answers[2].message, NO_MONEY);
    assert.equal((await every(bot.listOpenOrders())).items.length, 2);
    const again = bot.postOrder(batch[0]);
    await isRefused(again, `order ${answers[0].orderId} is invalid. Duplicated.`);
});

trading.inWorld("money that is not there is refused, and no approval is tried", async (server) => {
    const market = await pickMarket(server);
    const bot = await logInAsOwner(server, newKey());
    await isRefused(place(bot, { token: market.yes, price: market.inside(), size: 100_000 }), NO_MONEY);
    await isRefused(place(bot, { token: market.yes, side: "SELL", price: market.inside() }), NO_MONEY);
    await isRefused(sell(bot, market.no, shares(10)), NO_MONEY);
    await isRefused(place(bot, { token: market.yes, price: market.inside(), size: 4 }), /lower than the minimum: 5$/);
});

trading.inWorld("a market of a group is traded as any other", async (server) => {
    const market = await pickMarket(server, { negRisk: true });
    for (const bot of [await logInAsOwner(server, newKey()), await logIn(server, newKey())]) {
        rests(await place(bot, { token: market.yes, price: market.inside() }));
        const amount = cost(market.ask, shares(20));
        matched(await buy(bot, market.yes, amount), { gave: text(amount), got: "20" });
    }
});

trading.inWorld("orders are cancelled by id, by several, by token, by market and all", async (server) => {
    const [here, there] = await pickMarkets(server, 2);
    const bot = await logInAsOwner(server, newKey());
    const at = async (token) => rests(await place(bot, { token, price: 10_000n }));
    const [a, b, c] = [await at(here.yes), await at(here.yes), await at(here.yes)];
    const [d, e, f] = [await at(here.no), await at(there.yes), await at(there.no)];
    canceled(await bot.cancelOrder({ orderId: a }), [a]);
    canceled(await bot.cancelOrder({ orderId: NOBODYS }), [], { [NOBODYS]: GONE });
    canceled(await bot.cancelOrders({ orderIds: [b, NOBODYS] }), [b], { [NOBODYS]: GONE });
    canceled(await bot.cancelMarketOrders({ tokenId: here.yes }), [c]);
    canceled(await bot.cancelMarketOrders({ market: here.conditionId }), [d]);
    canceled(await bot.cancelAll(), [e, f]);
    assert.deepEqual((await every(bot.listOpenOrders())).items, []);
    await isRefused(bot.fetchOrder({ orderId: NOBODYS }), "Order not found", 404);
});

trading.inWorld("more orders than a page holds are listed to the end", async (server) => {
    const market = await pickMarket(server);
    const bot = await logInAsOwner(server, server.key("whale"));
    const placed = [];
    while (!(await bot.listOpenOrders().firstPage()).hasMore) {
        assert.ok(placed.length < 1_500, "a page that is never full");
        const request = { tokenId: market.yes, side: "BUY", price: 0.01, size: 5 };
        const batch = await Promise.all(Array.from({ length: 15 }, () => bot.createLimitOrder(request)));
        placed.push(...(await bot.postOrders(batch)).map(rests));
    }
    const { items, pages } = await every(bot.listOpenOrders());
    assert.equal(pages, 2);
    assert.deepEqual(items.map(({ id }) => id).sort(), placed.sort());
});

/** What a bot does in an ordinary hour, whichever wallet it trades from. */
async function lives(server, bot) {
    const market = await pickMarket(server);
    const before = await cash(bot);
    const price = market.inside();
    const id = rests(await place(bot, { token: market.yes, price }));
    const order = await bot.fetchOrder({ orderId: id });
    const { conditionId, tokenId, side, originalSize, sizeMatched, status, makerAddress } = order;
    assert.deepEqual([conditionId, tokenId, side, status], [market.conditionId, market.yes, "BUY", "LIVE"]);
    assert.deepEqual([order.price, originalSize, sizeMatched], [text(price), "10", "0"]);
    sameAddress(makerAddress, bot.account.wallet);
    for (const filter of [{}, { tokenId: market.yes }, { market: market.conditionId }, { id }]) {
        assert.deepEqual((await every(bot.listOpenOrders(filter))).items, [order]);
    }
    assert.equal(await cash(bot), before);
    canceled(await bot.cancelOrder({ orderId: id }), [id]);

    const spent = cost(market.ask, shares(20));
    const answer = await buy(bot, market.yes, spent);
    matched(answer, { gave: text(spent), got: "20" });
    assert.equal(await cash(bot), before - spent - fee(market.ask, shares(20), market.feeBps));
    assert.equal(await holding(bot, market.yes), shares(20));
    const { items } = await every(bot.listAccountTrades({ market: market.conditionId }));
    const [trade] = items;
    assert.deepEqual([items.length, trade.id, trade.takerOrderId], [1, answer.tradeIds[0], answer.orderId]);
    assert.deepEqual([trade.price, trade.size, trade.side], [text(market.ask), "20", "BUY"]);
    assert.deepEqual([trade.status, trade.traderSide], ["TRADE_STATUS_CONFIRMED", "TAKER"]);
    sameAddress(trade.makerAddress, bot.account.wallet);
    assert.deepEqual(await bot.waitForOrderFillSettlement(answer), [trade.transactionHash]);

    const offer = rests(await place(bot, { token: market.yes, side: "SELL", price, size: 20 }));
    canceled(await bot.cancelAll(), [offer]);
    matched(await sell(bot, market.yes, shares(20)), { gave: "20", got: text(cost(market.bid, shares(20))) });
    assert.equal(await holding(bot, market.yes), 0n);
}

prove("@polymarket/client 0.2.0: an account", [account]);
prove("@polymarket/client 0.2.0: trading", [trading]);
