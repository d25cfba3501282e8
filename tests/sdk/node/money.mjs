// Prices, shares and dollars as whole millionths. What a trade costs is worked out here a second time, from the
// published rules alone, so that the server is never asked to confirm itself.

import assert from "node:assert/strict";

export const DOLLAR = 1_000_000n;

/** A decimal as the wire must carry it: a string without exponent, needless zeros or a dot at its end. */
export function units(decimal) {
    assert.equal(typeof decimal, "string", `not a string: ${JSON.stringify(decimal)}`);
    assert.match(decimal, /^(0|[1-9]\d*)(\.\d{0,5}[1-9])?$/, "not a canonical decimal");
    const [whole, fraction = ""] = decimal.split(".");
    return BigInt(whole) * DOLLAR + BigInt(fraction.padEnd(6, "0"));
}

/** An amount in base units, as balances are told. */
export function baseUnits(integer) {
    assert.equal(typeof integer, "string", `not a string: ${JSON.stringify(integer)}`);
    assert.match(integer, /^(0|[1-9]\d*)$/, "not a whole number of base units");
    return BigInt(integer);
}

/** The canonical decimal of an amount. */
export function text(amount) {
    const fraction = (amount % DOLLAR).toString().padStart(6, "0").replace(/0+$/, "");
    return fraction ? `${amount / DOLLAR}.${fraction}` : `${amount / DOLLAR}`;
}

/** The amount as the clients take it from a bot. */
export function number(amount) {
    return Number(text(amount));
}

/** Whole shares. */
export function shares(count) {
    return BigInt(count) * DOLLAR;
}

/** What so many shares cost at a price. At the prices and sizes of these tests it is always a whole millionth. */
export function cost(price, size) {
    assert.equal((price * size) % DOLLAR, 0n, "a cost that needs a rounding rule");
    return (price * size) / DOLLAR;
}

/** What a taker pays for one match: shares × rate × p × (1 − p), cut to a hundred-thousandth of a dollar. */
export function fee(price, size, bps) {
    const exact = size * BigInt(bps) * price * (DOLLAR - price);
    const hundredThousandths = (exact * 100_000n) / 10n ** 22n;
    return hundredThousandths * 10n;
}

/** The levels of a side of a book, the best first: on the wire it is the last. */
export function bestFirst(levels) {
    return levels.map(({ price, size }) => ({ price: units(price), size: units(size) })).reverse();
}

/** The matches of a taker of so many shares, who takes the best level first. */
export function walk(levels, size) {
    const matches = [];
    for (const level of levels) {
        const taken = level.size < size ? level.size : size;
        if (taken > 0n) {
            matches.push({ price: level.price, size: taken });
            size -= taken;
        }
    }
    assert.equal(size, 0n, "more shares than the book holds");
    return matches;
}

/** What matches cost, and what they cost beside. */
export function total(matches, bps) {
    return {
        cost: matches.reduce((sum, match) => sum + cost(match.price, match.size), 0n),
        fee: matches.reduce((sum, match) => sum + fee(match.price, match.size, bps), 0n),
    };
}
