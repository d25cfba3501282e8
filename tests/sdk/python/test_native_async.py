"""The asynchronous native client: that it reads what its blocking twin reads, and what only it can do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from polysim_sdk import ApiError, ApiKeyRequiredError, AsyncPolySimClient, PolySimClient, ValidationError
from polysim_sdk.pagination import aiter_history, aiter_markets, aiter_orders, aiter_settlements

from harness import Market, Server, asks, bids, cents, dec, exact_cash, refused, rest, shown, take

# What may differ between two readings of a world in which nothing happened in between.
VOLATILE = {
    "timestamp",
    "updated_at",
    "age_seconds",
    "quote_age_ms",
    "last_used_at",
    "cache_hit",
    "age_ms",
    "price_age_ms",
}


def still(answer: Any) -> Any:
    """An answer without its readings of the clock."""
    match answer:
        case dict():
            return {name: still(value) for name, value in answer.items() if name not in VOLATILE}
        case list():
            return [still(value) for value in answer]
        case _:
            return answer


@pytest_asyncio.fixture
async def bot(server: Server) -> AsyncIterator[AsyncPolySimClient]:
    """The trader, asynchronously."""
    async with AsyncPolySimClient(api_key=server.key("trader"), base_url=server.base_url) as client:
        yield client


READS = [
    "me",
    "balance",
    "positions",
    "portfolio",
    "history",
    "settlements",
    "equity",
    "list_markets",
    "list_events",
    "list_orders",
    "data_orders",
    "data_trades",
    "list_keys",
    "tiers",
]


async def test_the_account_reads_the_same_as_through_the_blocking_client(
    trader: PolySimClient, market: Market, bot: AsyncPolySimClient
):
    take(trader, market, 10)
    rest(trader, market, market.inside())
    for read in READS:
        assert still(await getattr(bot, read)()) == still(getattr(trader, read)()), read


async def test_a_market_reads_the_same_as_through_the_blocking_client(
    trader: PolySimClient, market: Market, bot: AsyncPolySimClient
):
    take(trader, market, 10)
    for read, arguments in {
        "get_market": (market.condition_id,),
        "get_market_by_slug": (market.slug,),
        "get_market_by_token": (market.no,),
        "get_book": (market.condition_id,),
        "get_book_by_token": (market.no,),
        "get_candles": (market.condition_id,),
    }.items():
        assert still(await getattr(bot, read)(*arguments)) == still(getattr(trader, read)(*arguments)), read
    windows = await bot.list_updown(asset="BTC", interval="15M", live=True)
    assert [window["slug"] for window in windows] == [
        window["slug"] for window in trader.list_updown(asset="BTC", interval="15M", live=True)
    ]
    assert (await bot.get_updown())["total"] >= len(windows) > 0
    strike = await bot.get_price_to_beat(windows[0]["condition_id"])
    assert strike == trader.get_price_to_beat(windows[0]["condition_id"])
    assert (await bot.get_spot("BTC"))["symbol"] == "BTC"
    assert "BTC" in (await bot.get_spots())["prices"]


async def test_without_a_key_public_data_is_served_and_anything_else_asks_for_one(shared: Server):
    async with AsyncPolySimClient(base_url=shared.base_url) as client:
        assert await client.list_markets(limit=1)
        with pytest.raises(ApiKeyRequiredError):
            await client.me()


async def test_an_order_lives_from_placing_to_canceling(bot: AsyncPolySimClient, market: Market):
    order = {"market_id": market.condition_id, "outcome": "Yes"}
    resting = await bot.place_order(**order, side="BUY", order_type="limit", price=market.inside(), quantity=10)
    assert resting["status"] == "PENDING"
    assert bids(await bot.get_book(market.condition_id))[0] == (Decimal(market.inside()), 10)
    filled = await bot.place_order(**order, side="BUY", amount=20, price=0.99)
    assert (filled["status"], filled["amount_interpreted_as"]) == ("FILLED", "usd_notional")
    canceled = await bot.cancel_order(resting["order_id"])
    assert (canceled["order_id"], canceled["status"]) == (resting["order_id"], "CANCELLED")
    assert (await bot.get_order(resting["order_id"]))["status"] == "CANCELLED"
    sold = await bot.place_order(**order, side="SELL", quantity=filled["quantity"], price="0.01")
    assert (sold["status"], dec(sold["price"])) == ("FILLED", market.bid)
    assert await bot.positions(status="OPEN") == []


async def test_refusals_are_raised_with_their_codes(bot: AsyncPolySimClient, market: Market):
    order = {"market_id": market.condition_id, "side": "BUY", "outcome": "Yes", "order_type": "limit"}
    with refused("INVALID_ORDER_MIN_TICK_SIZE"):
        await bot.place_order(**order, quantity=10, price=str(market.bid + market.tick / 2))
    with refused("POST_ONLY_WOULD_CROSS"):
        await bot.place_order(**order, quantity=10, price=str(market.ask), post_only=True)
    with refused("INSUFFICIENT_POSITION"):
        await bot.place_order(**(order | {"side": "SELL"}), quantity=10, price=str(market.ask))
    with refused("ORDER_NOT_FOUND", 404):
        await bot.cancel_order(999_999_999)
    with pytest.raises(ValidationError, match="exceeds tier limit"):
        await bot.place_orders([order | {"quantity": 5, "price": "0.01"}] * 6)


async def test_a_batch_a_sweep_of_one_market_and_a_sweep_of_all(bot: AsyncPolySimClient, market: Market):
    order = {"market_id": market.condition_id, "side": "BUY", "outcome": "Yes", "order_type": "limit"}
    rows = await bot.place_orders([order | {"quantity": 5, "price": "0.01"}] * 3)
    placed = {str(row["order_id"]) for row in rows}
    assert len(placed) == 3
    assert set((await bot.cancel_market_orders(market.condition_id))["canceled"]) == placed
    await bot.place_order(**order, quantity=5, price="0.02")
    assert len((await bot.cancel_all())["canceled"]) == 1
    assert await bot.list_orders(status="OPEN") == []
    assert (await bot.reset_api_balance())["new_api_balance"] == "10000.00"


async def test_retries_that_race_their_first_attempt_place_one_order(
    server: Server, trader: PolySimClient, market: Market
):
    async def attempt() -> dict[str, Any] | None:
        # A client each, because one client spaces its requests.
        async with AsyncPolySimClient(api_key=server.key("trader"), base_url=server.base_url) as client:
            try:
                return await client.place_order(
                    market_id=market.condition_id,
                    side="BUY",
                    outcome="Yes",
                    quantity=10,
                    price="0.99",
                    idempotency_key="once",
                )
            except ApiError as error:
                # The only other answer there may be: the first is still running.
                if error.code != "IDEMPOTENCY_CONFLICT_PENDING":
                    raise
                return None

    answers = [answer for answer in await asyncio.gather(*(attempt() for _ in range(8))) if answer]
    assert len({answer["order_id"] for answer in answers}) == 1
    assert sum(not answer["is_replay"] for answer in answers) == 1
    assert len(trader.history()) == 1
    assert exact_cash(trader) == 10_000 - 10 * market.ask - market.fee(market.ask, 10)


async def test_many_users_at_once_are_each_charged_for_their_own(
    server: Server, trader: PolySimClient, desk: PolySimClient, market: Market
):
    async def spend(persona: str, orders: int) -> None:
        async with AsyncPolySimClient(api_key=server.key(persona), base_url=server.base_url) as client:
            await asyncio.gather(
                *(
                    client.place_order(
                        market_id=market.condition_id, side="BUY", outcome="Yes", quantity=5, price="0.99"
                    )
                    for _ in range(orders)
                )
            )

    await asyncio.gather(spend("trader", 10), spend("desk", 15))
    for client, orders in ((trader, 10), (desk, 15)):
        assert exact_cash(client) == 10_000 - orders * (5 * market.ask + market.fee(market.ask, 5))
        assert shown(client.balance()["balance"]) == cents(exact_cash(client))
    assert asks(trader.get_book(market.condition_id))[0] == (market.ask, 200 - 25 * 5)


async def test_walking_the_pages_finds_every_row_once(
    server: Server, trader: PolySimClient, bot: AsyncPolySimClient, market: Market
):
    orders = [take(trader, market, 5)["order_id"] for _ in range(3)]
    server.resolve(market, "Yes")
    assert [row["order_id"] async for row in aiter_orders(bot, page_size=2)] == orders[::-1]
    assert [row["order_id"] async for row in aiter_history(bot, page_size=2)] == orders[::-1]
    assert [row["market_id"] async for row in aiter_settlements(bot, page_size=1)] == [market.condition_id]
    ids = [row["id"] async for row in aiter_markets(bot, page_size=60)]
    assert len(ids) == len(set(ids)) > 60


async def test_books_are_read_side_by_side(public: PolySimClient, shared: Server):
    rows = public.list_markets(limit=20, active_only=True)
    async with AsyncPolySimClient(api_key=shared.key("desk"), base_url=shared.base_url) as client:
        books = await asyncio.gather(*(client.get_book(row["condition_id"]) for row in rows))
    assert [book["market"] for book in books] == [row["condition_id"] for row in rows]
