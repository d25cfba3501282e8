"""Who asks and how much: keys, tiers, limits, what was used, what others may see. (§2.4, 3, 6.8 to 6.10, 7.9)"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from parsec_api import BadRequestError

from harness import Server
from twins import Api, declined
from venues import POLYMARKET, VENUES, pick_market, take

MONTHLY = {"free": 10_000, "pro": 5_000_000, "scale": 0}
LIMITS = {
    # Requests a second and at once, days back, subscriptions and levels of a socket; 0 is no limit.
    "free": (5, 5, 5, 3, 10),
    "pro": (60, 120, 30, 500, 100),
    "scale": (200, 400, 0, 2_000, 100),
}


def month_of(second: int) -> tuple[int, int]:
    """The calendar month of a moment, in UTC."""
    start = datetime.fromtimestamp(second, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    year, month = divmod(start.year * 12 + start.month, 12)
    return int(start.timestamp()), int(start.replace(year=year, month=month + 1).timestamp())


# -- Keys --


async def test_an_unknown_key_is_refused_for_the_smallest_thing(shared: Server, enter: Any):
    for key in ("invalid-api-key", "pk_live_" + "0" * 32, shared.key("trader")):
        stranger = enter(shared, key)
        for ask in (stranger.exchanges.list, stranger.account.usage, stranger.wallet.retrieve, stranger.builder.pool):
            with declined(401, "unauthorized", "invalid API key"):
                await ask()


def test_no_key_is_told_apart_from_a_wrong_one(shared: Server):
    # The SDK does not start without one.
    answer = shared.raw("GET", "/api/v1/exchanges")
    assert answer.status_code == 401
    assert answer.json() == {"error": "missing X-API-Key header", "code": "unauthorized", "retryable": False}


async def test_an_answer_carries_the_callers_tier_and_what_is_left_of_the_month(serve: Any, enter: Any):
    server = serve(rate_limits=True)
    start, end = month_of(server.pause() // 1000)
    for who, tier in (("reader", "free"), ("trader", "pro"), ("desk", "scale")):
        api = enter(server, who)
        headers = [(await api.exchanges.with_raw_response.list()).headers for _ in range(2)]
        assert [row["x-parsec-tier"] for row in headers] == [tier, tier]
        assert [int(row["x-ratelimit-monthly-limit"]) for row in headers] == [MONTHLY[tier]] * 2
        if MONTHLY[tier]:
            first, second = (int(row["x-ratelimit-monthly-remaining"]) for row in headers)
            assert first - second == 1
            assert int(headers[0]["x-ratelimit-monthly-reset"]) == end
        usage = await api.account.usage()
        assert (usage.tier, usage.billing_period_start, usage.billing_period_end) == (tier, start, end)


# -- Usage --


@pytest.mark.parametrize(
    ("who", "tier"), [("reader", "free"), ("trader", "pro"), ("whale", "pro"), ("desk", "scale")]
)
async def test_a_tier_has_its_limits(shared: Server, enter: Any, who: str, tier: str):
    usage = await enter(shared, who).account.usage()
    limits = usage.limits
    assert (usage.tier, limits.monthly_requests) == (tier, MONTHLY[tier])
    assert LIMITS[tier] == (
        limits.rest_qps, limits.rest_qps_burst, limits.history_max_age_days, limits.ws_max_subscriptions,
        limits.ws_max_depth,
    )  # fmt: skip
    assert (usage.usage.ws_active_connections, usage.usage.ws_active_subscriptions) == (0, 0)


async def test_each_request_counts_once_and_a_refused_caller_not_at_all(serve: Any, enter: Any):
    server = serve(rate_limits=True)
    desk, stranger = enter(server, "desk"), enter(server, "pk_live_" + "0" * 32)
    before = (await desk.account.usage()).usage.monthly_requests
    for _ in range(3):
        await desk.exchanges.list()
    with declined(404, "market_not_found"):
        await desk.markets.list(parsec_id="kalshi:KXNOTHING")
    with declined(401, "unauthorized"):
        await stranger.exchanges.list()
    with declined(403, "forbidden"):
        await desk.builder.pool()
    # Three lists, a market that is not there, and one of the two questions.
    assert (await desk.account.usage()).usage.monthly_requests == before + 5


# -- Limits --


async def test_a_second_holds_so_many_requests_of_a_tier(serve: Any, enter: Any):
    server = serve(rate_limits=True)
    server.pause()
    # The SDK would wait and try again.
    reader = enter(server, "reader", max_retries=0)
    for _ in range(5):
        await reader.exchanges.list()
    with declined(429, "rate_limit_exceeded", "rate limit exceeded", retryable=True) as caught:
        await reader.exchanges.list()
    assert (caught.value.body["tier"], caught.value.body["limit_qps"]) == ("free", 5)
    assert caught.value.response.headers["retry-after"] == "1"
    # Nobody else waits for it.
    await enter(server, "trader").exchanges.list()
    server.advance(1)
    for _ in range(5):
        await reader.exchanges.list()


async def test_pro_may_burst_for_two_seconds(serve: Any, enter: Any):
    server = serve(rate_limits=True)
    server.pause()
    trader = enter(server, "trader", max_retries=0)
    for _ in range(120):
        await trader.exchanges.list()
    with declined(429, "rate_limit_exceeded", retryable=True) as caught:
        await trader.exchanges.list()
    assert (caught.value.body["tier"], caught.value.body["limit_qps"]) == ("pro", 60)


async def test_an_end_user_is_held_to_a_limit_of_their_own_and_the_pool_is_told(serve: Any, enter: Any):
    server = serve(rate_limits=True)
    server.pause()
    builder = enter(server, "builder", max_retries=0)
    user = await builder.builder.users.create(external_id="slow", qps_limit=1)
    acting = {"extra_headers": {"X-Builder-Customer-Id": user.customer_id}}
    headers = (await builder.exchanges.with_raw_response.list(**acting)).headers
    assert (headers["x-ratelimit-user-limit"], headers["x-ratelimit-user-remaining"]) == ("1", "0")
    assert headers["x-ratelimit-pool-limit"] == "500"
    left = int(headers["x-ratelimit-pool-remaining"])
    with declined(429, "rate_limit_exceeded", "rate limit exceeded", retryable=True) as caught:
        await builder.exchanges.list(**acting)
    assert caught.value.body["limit_qps"] == 1
    refused = caught.value.response.headers
    assert (refused["retry-after"], refused["x-ratelimit-user-remaining"]) == ("1", "0")
    # What the user was refused stays in the pool, for the builder's other users.
    assert int(refused["x-ratelimit-pool-remaining"]) == left
    other = server.personas["builder"]["end_users"][0]["customer_id"]
    await builder.exchanges.list(extra_headers={"X-Builder-Customer-Id": other})
    # Their own key is held to the same limit and takes nothing from the pool.
    server.advance(1)
    own = enter(server, user.api_key, max_retries=0)
    await own.exchanges.list()
    with declined(429, "rate_limit_exceeded", retryable=True):
        await own.exchanges.list()


# -- Ping --


async def test_a_ping_says_where_one_could_trade(shared: Server, visitor: Api, enter: Any):
    told = {row.exchange: row for row in await visitor.account.ping()}
    assert set(told) >= set(VENUES)
    for exchange in VENUES:
        row = told[exchange]
        assert (row.has_credentials, row.authenticated, row.message) == (True, True, "authenticated")
        assert await visitor.account.ping(exchange=exchange) == [row]
        (none,) = await enter(shared, "whale").account.ping(exchange=exchange)
        assert (none.has_credentials, none.authenticated, none.message) == (False, False, "not authenticated")
    with declined(404, "exchange_not_found"):
        await visitor.account.ping(exchange="doesnotexist")


# -- What others may see --


async def test_the_positions_of_an_address_are_public(server: Server, trader: Api, desk: Api):
    address = server.personas["trader"]["address"]
    before = await desk.account.user_activity(address=address)
    # Each exchange that is asked by default answers for itself.
    assert set(before.status) == {POLYMARKET, "opinion", "limitless", "predictfun"}
    assert {name for name, status in before.status.items() if status.success} == set(before.exchanges)
    assert all(status.error for status in before.status.values() if not status.success)
    assert before.exchanges[POLYMARKET]["positions"] == []
    market = await pick_market(trader)
    await take(trader, market, 10)
    for spelling in (address, address.lower()):
        after = await desk.account.user_activity(address=spelling, exchanges=[POLYMARKET])
        assert (set(after.status), set(after.exchanges)) == ({POLYMARKET}, {POLYMARKET})
        assert len(after.exchanges[POLYMARKET]["positions"]) == 1
    assert (await desk.account.user_activity(address="0x" + "0" * 40, exchanges=[POLYMARKET], limit=1)).exchanges[
        POLYMARKET
    ]["positions"] == []
    with pytest.raises(BadRequestError):
        await desk.account.user_activity(address="")


# -- Sockets --


async def test_without_a_socket_nothing_of_one_is_used(shared: Server, visitor: Api):
    told = await visitor.websocket.usage()
    assert (told.scope, told.customers, told.top_markets) == ("self", [], [])
    assert (told.totals.active_connections, told.totals.active_subscriptions) == (0, 0)
    assert told.customer.customer_id == shared.personas["trader"]["auth_user_id"]
    assert told.updated_at_ms > 0
    with declined(403, "forbidden"):
        await visitor.websocket.usage(scope="global")


async def test_an_administrator_sees_everybodys_sockets(shared: Server, enter: Any):
    told = await enter(shared, "admin").websocket.usage(scope="global", limit=5)
    assert told.scope == "global"
    assert len(told.customers) <= 5
    assert told.totals.auth_failures_total >= 0
