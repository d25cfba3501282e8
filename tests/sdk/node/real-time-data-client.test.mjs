// @polymarket/real-time-data-client as its users write it: only the host has changed.

import { RealTimeDataClient } from "@polymarket/real-time-data-client";
import assert from "node:assert/strict";

import { Part, prove, soon } from "./harness.mjs";

const prices = new Part();

prices.inWorld("a subscription to crypto prices is told the price of bitcoin", async (server) => {
    const update = new Promise((resolve) => {
        const client = new RealTimeDataClient({
            host: server.surfaces.rtds,
            onConnect: () => client.subscribe({ subscriptions: [wanted] }),
            onMessage: (_, message) => resolve(message),
        });
        // It would connect again for ever to a server that has stopped.
        server.closesFirst(() => client.disconnect());
        client.connect();
    });
    const { topic, type, timestamp, payload } = await soon("an update", update);
    assert.deepEqual([topic, type, payload.symbol], ["crypto_prices", "update", "btcusdt"]);
    assert.ok(Number.isInteger(timestamp) && Number.isInteger(payload.timestamp));
    assert.ok(typeof payload.value === "number" && payload.value > 0);
});

const wanted = { topic: "crypto_prices", type: "update", filters: "btcusdt" };

prove("@polymarket/real-time-data-client 1.4.0", [prices]);
