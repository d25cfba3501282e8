"""An order's life on either venue, the lists it is in, and why one is refused. (§7.1 to 7.5)"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from parsec_api import omit

from harness import Server
from twins import Api, declined
from venues import (
    KALSHI,
    POLYMARKET,
    Market,
    best_of,
    cash,
    levels,
    num,
    pick_market,
    pick_markets,
    resolve,
    rest,
    take,
)

FUNDS = {POLYMARKET: Decimal(10_000), KALSHI: Decimal(1_000)}


# -- Its life --


async def test_an_order_rests_in_the_book_and_sets_its_cash_aside_until_it_is_canceled(
    server: Server, trader: Api, there: Market
):
    start = server.pause() // 1000
    price = there.inside()
    placed = await trader.orders.create(
        **there.pair, outcome="yes", side="buy", price=float(price), size=10, params={"order_type": "gtc"}
    )
    assert re.fullmatch("order_[0-9]+", placed.id)
    # As the venue names them, however they were asked for.
    assert (placed.market_id, placed.outcome, placed.side) == (there.id, "Yes", "buy")
    assert (num(placed.price), placed.size, placed.filled, placed.status) == (price, 10, 0, "open")
    assert (int(placed.created_at.timestamp()), placed.updated_at) == (start, None)
    assert await trader.orders.retrieve(placed.id, exchange=there.exchange) == placed
    assert await trader.orders.list(exchange=there.exchange) == [placed]
    assert levels((await trader.orderbook.retrieve(**there.pair)).bids)[0] == (price, 10)
    assert await cash(trader, there.exchange) == FUNDS[there.exchange] - 10 * price

    server.advance(60)
    canceled = await trader.orders.cancel(placed.id, exchange=there.exchange)
    assert (canceled.id, canceled.status, canceled.filled) == (placed.id, "cancelled", 0)
    assert (canceled.created_at, int(canceled.updated_at.timestamp())) == (placed.created_at, start + 60)
    assert await trader.orders.retrieve(placed.id, exchange=there.exchange) == canceled
    assert await trader.orders.list(exchange=there.exchange) == []
    assert levels((await trader.orderbook.retrieve(**there.pair)).bids) == [*there.bids]
    assert await cash(trader, there.exchange) == FUNDS[there.exchange]


async def test_a_cancel_that_is_sent_again_finds_the_first_answer(server: Server, trader: Api, market: Market):
    server.pause()
    placed = await rest(trader, market)
    server.advance(1)
    canceled = await trader.orders.cancel(placed.id, exchange=POLYMARKET)
    server.advance(1)
    # The SDK does this by itself when an answer gets lost.
    assert await trader.orders.cancel(placed.id, exchange=POLYMARKET) == canceled


async def test_an_order_fills_at_the_prices_of_the_book_and_not_at_its_limit(trader: Api, there: Market):
    placed = await trader.orders.create(**there.pair, outcome="Yes", side="buy", price=0.99, size=250)
    matches = best_of(there.asks, 250)
    assert (placed.status, placed.filled, placed.size, placed.price) == ("filled", 250, 250, 0.99)
    assert await cash(trader, there.exchange) == FUNDS[there.exchange] - there.cost(*matches)
    fills = await trader.fills.list(exchange=there.exchange)
    assert sorted((num(fill.price), num(fill.size)) for fill in fills) == matches
    with declined(400, "bad_request", "order is not open"):
        await trader.orders.cancel(placed.id, exchange=there.exchange)


async def test_a_condition_id_or_a_parsec_id_names_the_market_of_an_order(trader: Api, market: Market):
    order = {"exchange": POLYMARKET, "outcome": "NO", "side": "buy", "price": float(1 - market.ask), "size": 10}
    for name in (market.condition_id, market.parsec_id, market.id):
        placed = await trader.orders.create(market_id=name, **order)
        assert (placed.market_id, placed.outcome) == (market.id, "No")
        assert await trader.orders.list(exchange=POLYMARKET, market_id=name, status="all", limit=1) == [placed]


async def test_an_order_is_filled_step_by_step_and_keeps_what_it_got(trader: Api, desk: Api, there: Market):
    price = there.inside()
    placed = await rest(trader, there, size=20)
    # Who buys No at the complement mints a pair with who buys Yes.
    await take(desk, there, 5, outcome="No", price=float(1 - price))
    order = await trader.orders.retrieve(placed.id, exchange=there.exchange)
    assert (order.status, order.filled, order.size) == ("partially_filled", 5, 20)
    assert order.updated_at is not None
    assert [row.id for row in await trader.orders.list(exchange=there.exchange)] == [placed.id]
    canceled = await trader.orders.cancel(placed.id, exchange=there.exchange)
    assert (canceled.status, canceled.filled) == ("cancelled", 5)
    # The maker paid no fee; the taker's is on top.
    assert await cash(trader, there.exchange) == FUNDS[there.exchange] - 5 * price
    mine = (1 - price, Decimal(5))
    assert await cash(desk, there.exchange) == FUNDS[there.exchange] - there.cost(mine)


async def test_what_was_bought_is_sold(trader: Api, there: Market):
    await take(trader, there, 30)
    await take(trader, there, 10, side="sell")
    bought, sold = (there.ask, Decimal(30)), (there.bid, Decimal(10))
    left = FUNDS[there.exchange] - there.cost(bought) + 10 * there.bid - there.fee(sold)
    assert await cash(trader, there.exchange) == left
    # An order to sell sets shares aside and no cash.
    offer = await rest(trader, there, price=there.inside(2), size=20, side="sell")
    assert await cash(trader, there.exchange) == left
    with declined(402, "insufficient_funds"):
        await trader.orders.create(**there.pair, outcome="Yes", side="sell", price=0.9, size=5)
    await trader.orders.cancel(offer.id, exchange=there.exchange)


# -- The lists --


async def test_open_orders_and_closed_ones_are_listed_newest_first(server: Server, trader: Api, exchange: str):
    here, elsewhere = await pick_markets(trader, exchange, 2)
    start = server.pause() // 1000
    ids = {}
    for name, market in (("first", here), ("canceled", here), ("elsewhere", elsewhere)):
        ids[name] = (await rest(trader, market)).id
        server.advance(10)
    ids["filled"] = (await take(trader, here)).id
    await trader.orders.cancel(ids["canceled"], exchange=exchange)

    async def listed(**query: Any) -> list[str]:
        names = {order_id: name for name, order_id in ids.items()}
        return [names[order.id] for order in await trader.orders.list(exchange=exchange, **query)]

    assert await listed() == await listed(status="open") == ["elsewhere", "first"]
    assert await listed(status="closed") == ["filled", "canceled"]
    assert await listed(status="all") == ["filled", "elsewhere", "canceled", "first"]
    assert await listed(status="all", limit=2) == ["filled", "elsewhere"]
    assert await listed(status="all", market_id=elsewhere.id) == await listed(market_id=elsewhere.id) == ["elsewhere"]
    # Both ends belong to the range.
    assert await listed(status="all", start_ts=start + 10, end_ts=start + 20) == ["elsewhere", "canceled"]
    assert await listed(status="all", end_ts=start - 1) == []


async def test_an_order_is_nobody_elses(trader: Api, desk: Api, there: Market):
    placed = await rest(trader, there)
    assert await desk.orders.list(exchange=there.exchange, status="all") == []
    for order_id in (placed.id, "order_999999999", "not-an-order"):
        for ask in (desk.orders.retrieve, desk.orders.cancel):
            with declined(404, "order_not_found"):
                await ask(order_id, exchange=there.exchange)
    # Nor is it of the other venue.
    other = KALSHI if there.exchange == POLYMARKET else POLYMARKET
    with declined(404, "order_not_found"):
        await trader.orders.retrieve(placed.id, exchange=other)
    assert (await trader.orders.retrieve(placed.id, exchange=there.exchange)).status == "open"


# -- Why not --


async def test_who_cannot_pay_is_told_so_and_nothing_is_set_aside(trader: Api, there: Market):
    with declined(402, "insufficient_funds") as caught:
        await trader.orders.create(**there.pair, outcome="Yes", side="buy", price=float(there.bid), size=1_000_000)
    assert caught.value.is_insufficient_funds()
    with declined(402, "insufficient_funds"):
        await trader.orders.create(**there.pair, outcome="Yes", side="sell", price=float(there.bid), size=5)
    assert await cash(trader, there.exchange) == FUNDS[there.exchange]
    assert await trader.orders.list(exchange=there.exchange, status="all") == []


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"price": 0.5055}, "price must be a multiple of 0.01"),
        ({"price": 0}, None),
        ({"price": 1}, None),
        ({"price": -0.5}, None),
        ({"size": 0}, None),
        ({"size": -5}, None),
        ({"size": "ten"}, None),
        ({"side": "hold"}, None),
        ({"outcome": "Perhaps"}, None),
        ({"params": {"order_type": "someday"}}, None),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(
    visitor: Api, exchange: str, wrong: dict[str, Any], text: str | None
):
    market = await pick_market(visitor, exchange)
    order = {"outcome": "Yes", "side": "buy", "price": 0.05, "size": 10} | wrong
    with declined(400, "bad_request", text):
        await visitor.orders.create(**market.pair, **order)


async def test_each_venue_has_its_smallest_order(trader: Api):
    for exchange, too_small, smallest in ((POLYMARKET, 4.99, 5), (KALSHI, 0.001, 0.01)):
        market = await pick_market(trader, exchange)
        text = "size below minimum of 5" if exchange == POLYMARKET else None
        with declined(400, "bad_request", text):
            await rest(trader, market, size=too_small)
        assert (await rest(trader, market, size=smallest)).size == smallest


async def test_a_missing_field_is_named(visitor: Api, exchange: str):
    market = await pick_market(visitor, exchange)
    order = {"outcome": "Yes", "side": "buy", "price": 0.05, "size": 10, "market_id": market.id}
    for name in order:
        # The SDK insists on every argument, but not on a value.
        with declined(400, "missing_parameter", f"{name} is required"):
            await visitor.orders.create(exchange=exchange, **(order | {name: omit}))


async def test_an_order_needs_a_market_that_is_open(server: Server, trader: Api, there: Market):
    order = {"outcome": "Yes", "side": "buy", "price": 0.05, "size": 10}
    with declined(404, "market_not_found"):
        await trader.orders.create(exchange=there.exchange, market_id="NOTHING", **order)
    resting = await rest(trader, there)
    resolve(server, there, "Yes")
    with declined(400, "bad_request", "market is not active"):
        await trader.orders.create(**there.pair, **order)
    # What rested when the market ended was given back.
    assert (await trader.orders.retrieve(resting.id, exchange=there.exchange)).status == "cancelled"
    assert await cash(trader, there.exchange) == FUNDS[there.exchange]


async def test_an_exchange_must_be_one_that_is_traded_on(visitor: Api):
    order = {"market_id": "1", "outcome": "Yes", "side": "buy", "price": 0.05, "size": 10}
    for ask in (
        lambda exchange: visitor.orders.create(exchange=exchange, **order),
        lambda exchange: visitor.orders.list(exchange=exchange),
        lambda exchange: visitor.orders.retrieve("order_1", exchange=exchange),
        lambda exchange: visitor.orders.cancel("order_1", exchange=exchange),
        lambda exchange: visitor.positions.list(exchange=exchange),
        lambda exchange: visitor.fills.list(exchange=exchange),
        lambda exchange: visitor.account.balance(exchange=exchange),
    ):
        with declined(404, "exchange_not_found"):
            await ask("doesnotexist")
        with declined(501, "not_supported"):
            await ask("limitless")


async def test_who_has_no_credentials_is_asked_for_them(whale: Api, there: Market):
    text = f"exchange credentials required: {there.exchange}"
    for ask in (
        lambda: whale.orders.create(**there.pair, outcome="Yes", side="buy", price=0.05, size=10),
        lambda: whale.orders.list(exchange=there.exchange),
        lambda: whale.orders.retrieve("order_1", exchange=there.exchange),
        lambda: whale.orders.cancel("order_1", exchange=there.exchange),
        lambda: whale.positions.list(exchange=there.exchange),
        lambda: whale.fills.list(exchange=there.exchange),
        lambda: whale.account.balance(exchange=there.exchange),
    ):
        with declined(403, "credentials_required", text):
            await ask()
