// The two packages that speak of a ClobClient, as their bots build and call them. They differ in how a client is made,
// in the place of a flag or two, and in the generation of order they sign; a test of what both do is written once.

import { Wallet } from "@ethersproject/wallet";
import * as clobClient from "@polymarket/clob-client";
import * as clobClientV2 from "@polymarket/clob-client-v2";
import { createWalletClient, custom, hashTypedData } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { polygon } from "viem/chains";

import { baseUnits, number } from "./money.mjs";

const POLYGON = 137;
export const AMOY = 80002;

/** The well-known development key, whose wallets are known: each derived from it by another factory. */
export const KNOWN = {
    key: "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    address: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    proxy: "0x365f0CA36Ae1f641E02fE3B7743673da42A13A70",
    safe: "0xd93B25cb943D14d0d34FBaF01Fc93a0f8b5F6E47",
    deposit: "0xdf8b9E8f9AB23f261F6e1B171B7454ae6E46Ba76",
    beaconDeposit: "0xBc0fF067b7740Eff76C1ca93c875Ba6B890d6B50",
};

export const SIGNATURE_TYPE = { eoa: 0, proxy: 1, safe: 2, deposit: 3 };

/** A wallet that no exchange has seen before. */
export function newKey() {
    return generatePrivateKey();
}

export function addressOf(key) {
    return privateKeyToAccount(key).address;
}

// -- Orders --

const ORDER_V1 =
    "uint256 salt,address maker,address signer,address taker,uint256 tokenId,uint256 makerAmount,uint256 takerAmount," +
    "uint256 expiration,uint256 nonce,uint256 feeRateBps,uint8 side,uint8 signatureType";
const ORDER_V2 =
    "uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,uint8 side," +
    "uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder";

/** The id an order must have: the digest of what its wallet signed, worked out without the client's own builder. */
export function orderId(order, { negRisk = false, chain = POLYGON } = {}) {
    const version = "timestamp" in order ? 2 : 1;
    const contracts = clobClientV2.getContractConfig(chain);
    const standard = version === 1 ? contracts.exchange : contracts.exchangeV2;
    const grouped = version === 1 ? contracts.negRiskExchange : contracts.negRiskExchangeV2;
    const members = (version === 1 ? ORDER_V1 : ORDER_V2).split(",").map((member) => {
        const [type, name] = member.split(" ");
        return { name, type };
    });
    return hashTypedData({
        domain: {
            name: "Polymarket CTF Exchange",
            version: `${version}`,
            chainId: chain,
            verifyingContract: negRisk ? grouped : standard,
        },
        types: { Order: members },
        primaryType: "Order",
        message: Object.fromEntries(members.map(({ name, type }) => [name, memberOf(order, name, type)])),
    });
}

function memberOf(order, name, type) {
    if (name === "side") {
        return [1, "SELL"].includes(order.side) ? 1 : 0;
    }
    return type === "uint256" ? BigInt(order[name]) : order[name];
}

/** A limit order as both packages take it. */
function limit({ token, side = "BUY", price, size = 10, ...more }) {
    return { tokenID: token, side, price: number(price), size, ...more };
}

// -- The packages --

export const V1 = {
    name: "@polymarket/clob-client 5.8.1",
    version: 1,

    signer: (key) => new Wallet(key),

    client(server, { signer, creds, chain = POLYGON, signatureType, funder, throwOnError, useServerTime } = {}) {
        const rest = [undefined, useServerTime, undefined, undefined, undefined, undefined, throwOnError];
        return new clobClient.ClobClient(server.url, chain, signer, creds, signatureType, funder, ...rest);
    },

    /** Places a limit order: a GTC unless told otherwise. */
    place(bot, order, { type = "GTC", postOnly = false, options } = {}) {
        return bot.createAndPostOrder(limit(order), options, type, false, postOnly);
    },

    /** Posts an order that is already signed. */
    post(bot, order, type = "GTC") {
        return bot.postOrder(order, type);
    },

    /** Signs an order without the client's own checks, for what only the server may refuse. */
    sign(bot, order, options) {
        return bot.orderBuilder.buildOrder(limit(order), { negRisk: false, tickSize: "0.01", ...options });
    },
};

export const V2 = {
    name: "@polymarket/clob-client-v2 1.1.0",
    version: 2,

    /** A wallet client of viem signs by itself. A chain is what it never needs here. */
    signer(key) {
        const request = async ({ method }) => {
            throw new Error(`asked a chain: ${method}`);
        };
        return createWalletClient({
            account: privateKeyToAccount(key),
            chain: polygon,
            transport: custom({ request }),
        });
    },

    client(server, { signer, creds, chain = POLYGON, signatureType, funder, throwOnError, useServerTime } = {}) {
        const options = { signatureType, funderAddress: funder, throwOnError, useServerTime };
        return new clobClientV2.ClobClient({ host: server.url, chain, signer, creds, ...options });
    },

    place(bot, order, { type = "GTC", postOnly = false, options } = {}) {
        return bot.createAndPostOrder(limit(order), options, type, postOnly, false);
    },

    post(bot, order, type = "GTC") {
        return bot.postOrder(order, type);
    },

    sign(bot, order, options) {
        return bot.orderBuilder.buildOrder(limit(order), { negRisk: false, tickSize: "0.01", ...options }, 2);
    },
};

// -- What bots of both do --

/** A client with credentials, as a bot starts: it makes or derives its key, then begins anew with it. */
export async function logIn(kind, server, key, options = {}) {
    const signer = kind.signer(key);
    const creds = await kind.client(server, { signer, ...options }).createOrDeriveApiKey();
    return kind.client(server, { signer, creds, ...options });
}

/** A limit order of a bot, signed with all the client's checks. */
export function signed(bot, order, options) {
    return bot.createOrder(limit(order), options);
}

/** Places a market order: a FOK unless told otherwise. A buy is given in dollars, a sale in shares. */
export function take(bot, { token, side = "BUY", amount, price, ...more }, type = "FOK") {
    const worst = price === undefined ? {} : { price: number(price) };
    const order = { tokenID: token, side, amount: number(amount), orderType: type, ...worst, ...more };
    return bot.createAndPostMarketOrder(order, undefined, type);
}

/** The cash of a bot in millionths of a dollar. */
export async function cash(bot) {
    return baseUnits((await bot.getBalanceAllowance({ asset_type: "COLLATERAL" })).balance);
}

/** How many millionths of a share of a token a bot has. */
export async function holding(bot, token) {
    return baseUnits((await bot.getBalanceAllowance({ asset_type: "CONDITIONAL", token_id: token })).balance);
}
