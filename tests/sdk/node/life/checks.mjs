// What an answer must be, said once.

import assert from "node:assert/strict";

export const ORDER_ID = /^0x[0-9a-f]{64}$/;
export const HASH = /^0x[0-9a-f]{64}$/;
export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
export const NO_MONEY = /^not enough balance \/ allowance/;

/** A refusal, which these clients return instead of throwing it: a status, and words that bots look for. */
export function refused(answer, error, status = 400) {
    const expected = typeof error === "string" ? (text) => text === error : (text) => error.test(text);
    const isIt = answer?.status === status && typeof answer?.error === "string" && expected(answer.error);
    assert.ok(isIt, `not ${status} ${error}: ${JSON.stringify(answer)}`);
}

/** An order that waits in the book and met nobody. All eight members, always. */
export function rests(answer) {
    const { orderID, ...others } = answer;
    assert.match(orderID, ORDER_ID);
    assert.deepEqual(others, {
        errorMsg: "",
        takingAmount: "",
        makingAmount: "",
        status: "live",
        transactionsHashes: [],
        tradeIDs: [],
        success: true,
    });
    return orderID;
}

/** An order that met others at once: what it gave, what it got, in how many trades. */
export function matched(answer, { gave, got, trades = 1 }) {
    const { orderID, transactionsHashes, tradeIDs, ...others } = answer;
    assert.deepEqual(others, { errorMsg: "", makingAmount: gave, takingAmount: got, status: "matched", success: true });
    assert.match(orderID, ORDER_ID);
    assert.equal(new Set(tradeIDs).size, trades);
    assert.ok(transactionsHashes.length > 0);
    for (const hash of transactionsHashes) {
        assert.match(hash, HASH);
    }
    return orderID;
}

/** An answer to a wish to cancel. */
export function canceled(answer, ids, others = {}) {
    assert.deepEqual(Object.keys(answer).sort(), ["canceled", "not_canceled"]);
    assert.deepEqual([...answer.canceled].sort(), [...ids].sort());
    assert.deepEqual(answer.not_canceled, others);
}

/** The same address, however it is written. */
export function sameAddress(left, right) {
    assert.equal(left.toLowerCase(), right.toLowerCase());
}

/** A stamp of whole seconds, close to now. */
export function isAboutNow(seconds) {
    assert.ok(Number.isInteger(seconds), `not whole seconds: ${seconds}`);
    assert.ok(Math.abs(seconds - Date.now() / 1000) < 60, `not about now: ${seconds}`);
}
