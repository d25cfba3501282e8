"""Credentials that come with the request and stay nowhere. (§2.6)"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from eth_account import Account
from parsec_api import omit

from harness import Server
from twins import Api, declined
from venues import (
    KALSHI,
    OPENING,
    POLYMARKET,
    VENUES,
    Market,
    acting_for,
    cash,
    header,
    kalshi_keys,
    pick_market,
    rest,
    take,
)

# The seven that honour the header, each asked for something that needs an account.
SEVEN: dict[str, Callable[..., Any]] = {
    "orders.create": lambda api, market, **how: api.orders.create(
        **market.pair, outcome="Yes", side="buy", price=float(market.inside()), size=10, **how
    ),
    "orders.list": lambda api, market, **how: api.orders.list(exchange=market.exchange, **how),
    "orders.retrieve": lambda api, market, **how: api.orders.retrieve("order_1", exchange=market.exchange, **how),
    "orders.cancel": lambda api, market, **how: api.orders.cancel("order_1", exchange=market.exchange, **how),
    "positions.list": lambda api, market, **how: api.positions.list(exchange=market.exchange, **how),
    "fills.list": lambda api, market, **how: api.fills.list(exchange=market.exchange, **how),
    "account.balance": lambda api, market, **how: api.account.balance(exchange=market.exchange, **how),
}


def keys_of(name: str, exchange: str) -> dict[str, str]:
    if exchange == KALSHI:
        return kalshi_keys(name)
    return {"private_key": Account.from_key(name.encode().rjust(32, b"\1")).key.to_0x_hex()}


def sent(name: str, exchange: str) -> dict[str, str]:
    """The argument of the seven that carries `name`'s credentials."""
    return {"x_exchange_credentials": header(keys_of(name, exchange))}


# -- What they reach --


async def test_an_order_lives_its_whole_life_with_credentials_of_each_request(whale: Api, there: Market):
    exchange = there.exchange
    ann = sent("ann", exchange)
    assert await cash(whale, exchange, **ann) == OPENING
    bought = await take(whale, there, 10, **ann)
    resting = await rest(whale, there, size=20, **ann)
    assert await whale.orders.retrieve(bought.id, exchange=exchange, **ann) == bought
    assert [order.id for order in await whale.orders.list(exchange=exchange, status="all", **ann)] == [
        resting.id, bought.id,
    ]  # fmt: skip
    (fill,) = await whale.fills.list(exchange=exchange, **ann)
    assert (fill.order_id, fill.size) == (bought.id, 10)
    (position,) = await whale.positions.list(exchange=exchange, **ann)
    assert (position.market_id, position.outcome, position.size) == (there.id, "Yes", 10)
    spent = there.cost((there.ask, Decimal(10)))
    assert await cash(whale, exchange, **ann) == OPENING - spent - 20 * there.inside()
    canceled = await whale.orders.cancel(resting.id, exchange=exchange, **ann)
    assert canceled.status == "cancelled"
    assert await cash(whale, exchange, **ann) == OPENING - spent

    # Nothing of it was kept.
    for ask in SEVEN.values():
        with declined(403, "credentials_required", f"exchange credentials required: {exchange}"):
            await ask(whale, there)
    assert (await whale.wallet.retrieve()).linked_exchanges == []


async def test_the_same_credentials_reach_the_same_account_whoever_sends_them(whale: Api, desk: Api, there: Market):
    ann = sent("ann", there.exchange)
    order = await rest(whale, there, **ann)
    assert await desk.orders.list(exchange=there.exchange, **ann) == [order]
    canceled = await desk.orders.cancel(order.id, exchange=there.exchange, **ann)
    assert (canceled.id, canceled.status) == (order.id, "cancelled")
    assert await whale.orders.retrieve(order.id, exchange=there.exchange, **ann) == canceled
    # Without them, the desk's own account, which has never seen that order.
    with declined(404, "order_not_found"):
        await desk.orders.retrieve(order.id, exchange=there.exchange)


async def test_credentials_of_the_request_come_before_stored_ones(trader: Api, there: Market):
    before = await cash(trader, there.exchange)
    order = await take(trader, there, 10, **sent("ann", there.exchange))
    assert await cash(trader, there.exchange) == before
    assert await trader.positions.list(exchange=there.exchange) == []
    with declined(404, "order_not_found"):
        await trader.orders.retrieve(order.id, exchange=there.exchange)


async def test_a_wrong_secret_reaches_an_account_of_its_own_and_nobody_elses(whale: Api):
    market = await pick_market(whale, KALSHI)
    order = await rest(whale, market, **sent("ann", KALSHI))
    # Somebody knows ann's key id, which is no secret, and has another key.
    guess = {"x_exchange_credentials": header(kalshi_keys("ann", secret="mallory"))}
    assert await whale.orders.list(exchange=KALSHI, status="all", **guess) == []
    assert await cash(whale, KALSHI, **guess) == OPENING
    for ask in (whale.orders.retrieve, whale.orders.cancel):
        with declined(404, "order_not_found"):
            await ask(order.id, exchange=KALSHI, **guess)
    assert (await whale.orders.retrieve(order.id, exchange=KALSHI, **sent("ann", KALSHI))).status == "open"


async def test_the_key_of_a_wallet_reaches_the_wallets_account(
    server: Server, whale: Api, trader: Api, market: Market
):
    order = await rest(trader, market)
    wallet = {"x_exchange_credentials": header({"private_key": server.personas["trader"]["private_key"]})}
    assert await whale.orders.list(exchange=POLYMARKET, **wallet) == [order]
    assert await cash(whale, POLYMARKET, **wallet) == 10_000 - 10 * market.inside()


async def test_stored_and_sent_credentials_mean_the_same_account(whale: Api, desk: Api):
    market = await pick_market(whale, KALSHI)
    await whale.onboard.create(exchange=KALSHI, mode="self", **kalshi_keys("ann"))
    await take(whale, market, 10)
    (position,) = await desk.positions.list(exchange=KALSHI, **sent("ann", KALSHI))
    assert (position.market_id, position.size) == (market.id, 10)


async def test_an_end_user_trades_without_ever_being_onboarded(builder: Api, there: Market):
    user = await builder.builder.users.create(external_id="user_005")
    acting = acting_for(user.customer_id)
    order = await take(builder, there, 10, **acting, **sent("ann", there.exchange))
    assert (order.market_id, order.outcome) == (there.id, "Yes")
    assert (await builder.builder.users.retrieve(user.customer_id)).linked_exchanges == []
    with declined(403, "credentials_required"):
        await take(builder, there, 10, **acting)
    # And not the builder either.
    with declined(403, "credentials_required"):
        await builder.orders.list(exchange=there.exchange)


async def test_credentials_in_the_body_of_an_order_win_over_the_header(whale: Api, there: Market):
    exchange = there.exchange
    order = await rest(whale, there, credentials=keys_of("ann", exchange), **sent("bob", exchange))
    assert await whale.orders.list(exchange=exchange, **sent("ann", exchange)) == [order]
    assert await whale.orders.list(exchange=exchange, **sent("bob", exchange)) == []


# -- How they are written --


@pytest.mark.parametrize("exchange", VENUES)
async def test_base64_is_read_in_either_alphabet_with_and_without_padding(shared: Server, enter: Any, exchange: str):
    whale = enter(shared, "whale")
    # Bytes that the alphabets write differently, and a length that wants padding.
    text = json.dumps(keys_of("ann", exchange) | {"note": "???"}).encode()
    text += b" " * ((1 - len(text)) % 3)
    standard, safe = base64.b64encode(text).decode(), base64.urlsafe_b64encode(text).decode()
    assert standard != safe
    assert standard.endswith("==")
    for value in (standard, safe, standard.rstrip("="), safe.rstrip("=")):
        assert await cash(whale, exchange, x_exchange_credentials=value) == OPENING


async def test_a_pem_whose_line_breaks_the_shell_made_real_is_read(shared: Server, enter: Any):
    whale = enter(shared, "whale")
    text = json.dumps(kalshi_keys("ann")).replace("\\n", "\n")
    assert await cash(whale, KALSHI, x_exchange_credentials=base64.b64encode(text.encode()).decode()) == OPENING


NOT_BASE64 = "invalid X-Exchange-Credentials header: not valid base64"
NOT_JSON = "invalid X-Exchange-Credentials header: not valid JSON"
KALSHI_NEEDS = "api_key_id and private_key are required for kalshi credentials"
POLYMARKET_NEEDS = "private_key is required for polymarket per-request credentials"
CLOB_ONLY = {"clob_api_key": "key", "clob_api_secret": "c2VjcmV0", "clob_api_passphrase": "passphrase"}


@pytest.mark.parametrize("method", SEVEN)
@pytest.mark.parametrize(
    ("exchange", "value", "code", "text"),
    [
        (KALSHI, "X-Exchange-Credentials!", "bad_request", NOT_BASE64),
        (KALSHI, base64.b64encode(b"{").decode(), "bad_request", NOT_JSON),
        (POLYMARKET, header(["a", "list"]), "bad_request", NOT_JSON),
        (KALSHI, header({"api_key_id": "ann"}), "missing_parameter", KALSHI_NEEDS),
        (KALSHI, header({"api_key_id": "", "private_key": "any"}), "missing_parameter", KALSHI_NEEDS),
        (KALSHI, header({"api_key_id": "ann", "private_key": "any"}), "bad_request",
         "invalid kalshi private key: expected PEM"),
        # The sample in Parsec's own guide for builders.
        (POLYMARKET, header(CLOB_ONLY), "missing_parameter", POLYMARKET_NEEDS),
        (POLYMARKET, header({"private_key": "0x12"}), "bad_request", "invalid polymarket private key"),
    ],
    ids=["base64", "json", "list", "half", "empty", "pem", "clob-only", "hex"],
)  # fmt: skip
async def test_credentials_that_say_nothing_are_refused_on_each_of_the_seven(
    shared: Server, enter: Any, method: str, exchange: str, value: str, code: str, text: str
):
    whale = enter(shared, "whale")
    market = await pick_market(whale, exchange)
    with declined(400, code, text):
        await SEVEN[method](whale, market, x_exchange_credentials=value)


@pytest.mark.parametrize("exchange", VENUES)
async def test_credentials_are_read_before_the_market_is_looked_for_and_after_the_order(
    shared: Server, enter: Any, exchange: str
):
    whale = enter(shared, "whale")
    order = {"exchange": exchange, "market_id": "NOTHING", "outcome": "Yes", "side": "buy", "price": 0.5, "size": 10}
    for value in (omit, "!"):
        how = {"x_exchange_credentials": value}
        with declined(400, "bad_request"):
            await whale.orders.create(**(order | {"price": 2}), **how)
    with declined(404, "market_not_found"):
        await whale.orders.create(**order, **sent("ann", exchange))


async def test_elsewhere_the_header_means_nothing(shared: Server, enter: Any):
    # As a user has it who sets it once for all calls; and even one that is no header at all.
    for value in (header(kalshi_keys("ann")), "!"):
        whale = enter(shared, "whale", default_headers={"X-Exchange-Credentials": value})
        assert await whale.exchanges.list()
        assert (await whale.markets.list(exchanges=[KALSHI], limit=1)).markets
        assert (await whale.account.usage()).tier == "pro"
        (ping,) = await whale.account.ping(exchange=KALSHI)
        assert (ping.has_credentials, ping.authenticated) == (False, False)
        assert (await whale.wallet.retrieve()).linked_exchanges == []
        with declined(403, "forbidden"):
            await whale.builder.pool()


async def test_a_header_for_all_calls_has_to_be_given_to_each_of_the_seven(server: Server, enter: Any, there: Market):
    value = {"X-Exchange-Credentials": header(keys_of("ann", there.exchange))}
    whale = enter(server, "whale", default_headers=value)
    # This SDK takes it off again, on the seven and nowhere else: their argument, when it is left out, removes it.
    with declined(403, "credentials_required"):
        await rest(whale, there)
    order = await rest(whale, there, extra_headers=value)
    assert await whale.orders.list(exchange=there.exchange, extra_headers=value) == [order]
    assert await whale.orders.list(exchange=there.exchange, **sent("ann", there.exchange)) == [order]


async def test_no_secret_comes_back(whale: Api, there: Market):
    keys = keys_of("ann", there.exchange)
    how = {"x_exchange_credentials": header(keys)}
    answers = [
        await whale.orders.with_raw_response.list(exchange=there.exchange, **how),
        await whale.account.with_raw_response.balance(exchange=there.exchange, **how),
    ]
    with declined(404, "order_not_found") as caught:
        await whale.orders.retrieve("order_1", exchange=there.exchange, **how)
    secrets = [how["x_exchange_credentials"], *keys["private_key"].splitlines()]
    for text in [*(answer.http_response.text for answer in answers), caught.value.response.text]:
        assert not [secret for secret in secrets if secret in text]
