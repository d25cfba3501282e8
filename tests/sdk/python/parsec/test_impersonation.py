"""Acting for an end user: the builder's key, and the header that names the user. (§2.3, 2.4)"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from harness import Server
from twins import Api, declined
from venues import KALSHI, OPENING, POLYMARKET, Market, acting_for, cash, kalshi_keys, pick_market, rest, take

NOT_A_BUILDER = "X-Builder-Customer-Id requires a builder account"
NOT_OWNED = "end-user not found or not owned by this builder"

# A call of every kind that can be made for somebody.
CALLS: dict[str, Callable[..., Any]] = {
    "account.balance": lambda api, **how: api.account.balance(exchange=POLYMARKET, **how),
    "account.ping": lambda api, **how: api.account.ping(**how),
    "account.usage": lambda api, **how: api.account.usage(**how),
    "account.user_activity": lambda api, **how: api.account.user_activity(address="0x" + "0" * 40, **how),
    "ctf.merge": lambda api, **how: api.ctf.merge(condition_id="0x" + "0" * 64, amount="1000000", **how),
    "ctf.redeem": lambda api, **how: api.ctf.redeem(condition_id="0x" + "0" * 64, **how),
    "ctf.split": lambda api, **how: api.ctf.split(condition_id="0x" + "0" * 64, amount="1000000", **how),
    "events.list": lambda api, **how: api.events.list(exchanges=[KALSHI], **how),
    "exchanges.list": lambda api, **how: api.exchanges.list(**how),
    "execution_price.retrieve": lambda api, **how: api.execution_price.retrieve(
        parsec_id="kalshi:KXELONMARS-99", side="buy", amount=1, **how
    ),
    "fills.list": lambda api, **how: api.fills.list(exchange=POLYMARKET, **how),
    "markets.list": lambda api, **how: api.markets.list(exchanges=[KALSHI], limit=1, **how),
    "onboard.create": lambda api, **how: api.onboard.create(exchange=POLYMARKET, mode="managed", **how),
    "orderbook.retrieve": lambda api, **how: api.orderbook.retrieve(parsec_id="kalshi:KXELONMARS-99", **how),
    "orders.cancel": lambda api, **how: api.orders.cancel("order_1", exchange=POLYMARKET, **how),
    "orders.create": lambda api, **how: api.orders.create(
        exchange=POLYMARKET, market_id="1", outcome="Yes", side="buy", price=0.5, size=10, **how
    ),
    "orders.list": lambda api, **how: api.orders.list(exchange=POLYMARKET, **how),
    "orders.retrieve": lambda api, **how: api.orders.retrieve("order_1", exchange=POLYMARKET, **how),
    "positions.list": lambda api, **how: api.positions.list(exchange=POLYMARKET, **how),
    "price.retrieve": lambda api, **how: api.price.retrieve(parsec_id="kalshi:KXELONMARS-99", **how),
    "trades.list": lambda api, **how: api.trades.list(parsec_id="kalshi:KXELONMARS-99", **how),
    "wallet.export_key": lambda api, **how: api.wallet.export_key(**how),
    "wallet.retrieve": lambda api, **how: api.wallet.retrieve(**how),
    "websocket.usage": lambda api, **how: api.websocket.usage(**how),
}


@pytest_asyncio.fixture
async def user(builder: Api) -> Any:
    """An end user with a managed wallet."""
    created = await builder.builder.users.create(external_id="user_001")
    await builder.builder.onboard.create(customer_id=created.customer_id, exchange=POLYMARKET, mode="managed")
    return created


async def test_a_builder_and_the_user_with_a_key_of_their_own_do_the_same(
    server: Server, builder: Api, enter: Any, user: Any, market: Market
):
    acting, own = acting_for(user.customer_id), enter(server, user.api_key)
    order = await rest(builder, market, **acting)
    assert await own.orders.list(exchange=POLYMARKET) == [order]
    assert await own.orders.retrieve(order.id, exchange=POLYMARKET) == order
    assert await cash(own, POLYMARKET) == await cash(builder, POLYMARKET, **acting) == OPENING - 10 * market.inside()
    canceled = await own.orders.cancel(order.id, exchange=POLYMARKET)
    assert await builder.orders.retrieve(order.id, exchange=POLYMARKET, **acting) == canceled
    await take(own, market, 10)
    (fill,) = await builder.fills.list(exchange=POLYMARKET, **acting)
    assert [fill] == await own.fills.list(exchange=POLYMARKET)
    assert (await own.wallet.retrieve()).wallets == (await builder.wallet.retrieve(**acting)).wallets
    assert {row.exchange: row.authenticated for row in await builder.account.ping(**acting)} == {
        row.exchange: row.exchange == POLYMARKET for row in await own.account.ping()
    }


async def test_what_is_done_for_one_user_is_nobody_elses(builder: Api, user: Any, market: Market):
    other = await builder.builder.users.create(external_id="user_002")
    await builder.builder.onboard.create(customer_id=other.customer_id, exchange=POLYMARKET, mode="managed")
    order = await take(builder, market, 10, **acting_for(user.customer_id))
    assert await builder.positions.list(exchange=POLYMARKET, **acting_for(other.customer_id)) == []
    assert await cash(builder, POLYMARKET, **acting_for(other.customer_id)) == OPENING
    with declined(404, "order_not_found"):
        await builder.orders.retrieve(order.id, exchange=POLYMARKET, **acting_for(other.customer_id))
    # The builder's own account is another one still, and has no credentials yet.
    with declined(403, "credentials_required"):
        await builder.orders.list(exchange=POLYMARKET)
    await builder.onboard.create(exchange=POLYMARKET, mode="managed")
    assert await builder.positions.list(exchange=POLYMARKET) == []
    assert await cash(builder, POLYMARKET) == 10_000


async def test_two_users_of_a_builder_trade_with_each_other(server: Server, builder: Api, market: Market):
    maker, taker = (user["customer_id"] for user in server.personas["builder"]["end_users"])
    for customer_id in (maker, taker):
        await builder.builder.onboard.create(customer_id=customer_id, exchange=POLYMARKET, mode="managed")
    order = await rest(builder, market, **acting_for(maker))
    price = 1 - market.inside()
    await take(builder, market, 10, outcome="No", price=float(price), **acting_for(taker))
    filled = await builder.orders.retrieve(order.id, exchange=POLYMARKET, **acting_for(maker))
    assert (filled.status, filled.filled) == ("filled", 10)
    assert await cash(builder, POLYMARKET, **acting_for(maker)) == OPENING - 10 * market.inside()
    assert await cash(builder, POLYMARKET, **acting_for(taker)) == OPENING - market.cost((price, Decimal(10)))


async def test_a_user_onboards_and_splits_through_the_builder(builder: Api, market: Market):
    created = await builder.builder.users.create(external_id="user_003")
    acting = acting_for(created.customer_id)
    managed = {"exchange": POLYMARKET, "mode": "managed"}
    stored = {"exchange": KALSHI, "mode": "self", **kalshi_keys("ann")}
    for asked in (managed, stored):
        assert (await builder.onboard.create(**asked, **acting)).status == "complete"
    shown = await builder.builder.users.retrieve(created.customer_id)
    assert sorted(shown.linked_exchanges) == [KALSHI, POLYMARKET]
    await builder.ctf.split(condition_id=market.condition_id, amount="10000000", **acting)
    assert await cash(builder, POLYMARKET, **acting) == OPENING - 10
    await builder.ctf.merge(condition_id=market.condition_id, amount="10000000", **acting)
    assert await cash(builder, POLYMARKET, **acting) == OPENING


async def test_usage_is_the_users_own(builder: Api, user: Any):
    await builder.builder.users.update(user.customer_id, qps_limit=17)
    usage = await builder.account.usage(**acting_for(user.customer_id))
    assert (usage.tier, usage.limits.rest_qps, usage.limits.rest_qps_burst) == ("free", 17, 17)
    sockets = await builder.websocket.usage(**acting_for(user.customer_id))
    assert sockets.customer.customer_id == user.customer_id


async def test_among_the_builders_own_calls_the_header_means_nothing(builder: Api, user: Any):
    # As a builder has it who set it once for all calls.
    for customer_id in (user.customer_id, "no-such-user"):
        acting = acting_for(customer_id)
        assert (await builder.builder.pool(**acting)).qps_pool == 500
        assert (await builder.builder.users.retrieve(user.customer_id, **acting)).external_id == "user_001"
        assert (await builder.builder.users.list(**acting)).count == 3
        assert await builder.builder.escrow.config(**acting) == await builder.builder.escrow.config()
        assert (await builder.builder.users.update(user.customer_id, qps_limit=11, **acting)).qps_limit == 11
        assert (await builder.builder.users.create(external_id="user_001", **acting)).customer_id == user.customer_id


# -- Who may not --


@pytest.mark.parametrize("call", CALLS)
async def test_no_call_is_made_for_a_user_of_somebody_else(shared: Server, enter: Any, call: str):
    users = shared.personas["builder"]["end_users"]
    for who, customer_id, text in (
        ("trader", users[0]["customer_id"], NOT_A_BUILDER),
        # Not even for oneself, nor for a user of the same builder.
        (users[0]["api_key"], users[0]["customer_id"], NOT_A_BUILDER),
        (users[0]["api_key"], users[1]["customer_id"], NOT_A_BUILDER),
        ("builder2", users[0]["customer_id"], NOT_OWNED),
        ("builder", "no-such-user", NOT_OWNED),
        ("builder", shared.personas["trader"]["auth_user_id"], NOT_OWNED),
    ):
        with declined(403, "forbidden", text):
            await CALLS[call](enter(shared, who), **acting_for(customer_id))
    with declined(401, "unauthorized", "invalid API key"):
        await CALLS[call](enter(shared, "pk_live_" + "0" * 32), **acting_for(users[0]["customer_id"]))


def test_a_bearer_token_does_not_impersonate(shared: Server):
    # No SDK sends one; decided before the token is looked at.
    user = shared.personas["builder"]["end_users"][0]["customer_id"]
    for token in (shared.personas["builder"]["pk_key"], "no-such-token"):
        answer = shared.raw("GET", "/api/v1/exchanges", jwt=token, headers={"X-Builder-Customer-Id": user})
        assert answer.status_code == 400
        assert answer.json() == {
            "error": "X-Builder-Customer-Id cannot be used with Bearer token auth",
            "code": "bad_request",
            "retryable": False,
        }


async def test_an_empty_header_names_nobody(visitor: Api):
    assert await cash(visitor, POLYMARKET, **acting_for("")) == 10_000
    assert (await visitor.account.usage(**acting_for(""))).tier == "pro"


async def test_public_data_is_the_same_for_a_user(shared: Server, enter: Any):
    builder = enter(shared, "builder")
    acting = acting_for(shared.personas["builder"]["end_users"][0]["customer_id"])
    market = await pick_market(builder)
    for call in (builder.orderbook.retrieve, builder.trades.list, builder.price.retrieve):
        own, theirs = await call(parsec_id=market.parsec_id), await call(parsec_id=market.parsec_id, **acting)
        for answer in (own, theirs):
            # The moment of asking is all that may differ.
            if hasattr(answer, "timestamp"):
                answer.timestamp = None
        assert own == theirs
