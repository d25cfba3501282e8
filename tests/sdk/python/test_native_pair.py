"""Both native clients, method by method: what each reads is what an earlier step of the same test caused.

`test_native.py` and `test_native_async.py` go deep where there is much to say. Here one text drives either
client, so that no method is left out and neither twin falls behind the other. Keys, wallets, exports and
streams have suites of their own.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from polysim_sdk import PolySimClient, ValidationError, updown
from websockets.asyncio.client import connect

from harness import Market, Server, asks, bids, cents, dec, done, exact_cash, pick_market, refused, rest, shown, take

OPENING = Decimal(10_000)


def seconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()


# -- The account --


async def test_a_purchase_shows_in_every_view_of_the_account(twin: Any, market: Market):
    placed = await done(
        twin.place_order(market_id=market.condition_id, side="BUY", outcome="Yes", quantity=10, price="0.99")
    )
    assert (placed["status"], dec(placed["price"])) == ("FILLED", market.ask)
    left = cents(OPENING - 10 * market.ask - market.fee(market.ask, 10))

    assert shown((await done(twin.balance()))["balance"]) == left
    assert shown((await done(twin.me()))["balance"]) == left
    portfolio = await done(twin.portfolio())
    assert (portfolio["total_trades"], shown(portfolio["balance"]["balance"])) == (1, left)
    (position,) = await done(twin.positions(status="OPEN"))
    assert (position["market_id"], position["outcome"]) == (market.condition_id, "Yes")
    assert (dec(position["quantity"]), dec(position["avg_entry_price"])) == (10, market.ask)
    assert shown((await done(twin.equity()))[-1]["cash_balance"]) == left

    (row,) = await done(twin.history(market_id=market.condition_id))
    assert (row["order_id"], dec(row["quantity"])) == (placed["order_id"], 10)
    (trade,) = (await done(twin.data_trades(market=market.condition_id)))["data"]
    assert (trade["taker_order_id"], trade["asset_id"]) == (str(placed["order_id"]), market.yes)
    (order,) = await done(twin.list_orders(status="FILLED"))
    assert order["order_id"] == placed["order_id"]
    assert (await done(twin.get_order(placed["order_id"])))["status"] == "FILLED"


async def test_a_resting_order_is_in_the_book_until_it_is_canceled(twin: Any, market: Market):
    price = Decimal(market.inside())
    placed = await done(
        twin.place_order(
            market_id=market.condition_id,
            side="BUY",
            outcome="Yes",
            quantity=12,
            order_type="limit",
            price=str(price),
        )
    )
    assert placed["status"] == "PENDING"
    assert bids(await done(twin.get_book(market.condition_id)))[0] == (price, 12)
    assert asks(await done(twin.get_book_by_token(market.no)))[0] == (1 - price, 12)
    (row,) = (await done(twin.data_orders(asset_id=market.yes)))["data"]
    assert (row["id"], dec(row["price"])) == (str(placed["order_id"]), price)

    canceled = await done(twin.cancel_order(placed["order_id"]))
    assert (canceled["order_id"], canceled["status"]) == (placed["order_id"], "CANCELLED")
    assert (await done(twin.get_order(placed["order_id"])))["status"] == "CANCELLED"
    assert (await done(twin.data_orders()))["data"] == []
    assert bids(await done(twin.get_book(market.condition_id)))[0][0] == market.bid


async def test_what_a_batch_placed_is_swept_by_market_and_whole(twin: Any, market: Market):
    order = {"market_id": market.condition_id, "side": "BUY", "outcome": "Yes", "order_type": "limit"}
    rows = await done(twin.place_orders([order | {"quantity": 5, "price": "0.01"}] * 2))
    placed = {str(row["order_id"]) for row in rows}
    assert len(placed) == 2
    assert set((await done(twin.cancel_market_orders(market.condition_id)))["canceled"]) == placed
    (last,) = await done(twin.place_orders([order | {"quantity": 5, "price": "0.02"}]))
    assert (await done(twin.cancel_all()))["canceled"] == [str(last["order_id"])]
    assert await done(twin.list_orders(status="OPEN")) == []


async def test_a_reset_closes_what_was_bought_and_cancels_what_rests(
    twin: Any, trader: PolySimClient, market: Market
):
    take(trader, market, 10)
    order = rest(trader, market, market.inside())
    answer = await done(twin.reset_api_balance())
    assert (answer["positions_closed"], answer["orders_cancelled"]) == (1, 1)
    assert answer["new_api_balance"] == (await done(twin.balance()))["balance"] == "10000.00"
    assert (await done(twin.get_order(order["order_id"])))["status"] == "CANCELLED"


async def test_a_resolution_is_settled_and_closes_the_market_in_every_reading(
    server: Server, twin: Any, trader: PolySimClient, market: Market
):
    take(trader, market, 10)
    server.resolve(market, "Yes")
    (settled,) = (await done(twin.settlements()))["data"]
    assert (settled["market_id"], settled["result"], dec(settled["payout"])) == (market.condition_id, "won", 10)
    assert (await done(twin.get_market(market.condition_id)))["resolved_outcome"] == "Yes"
    by_slug = await done(twin.get_market_by_slug(market.slug))
    assert (by_slug["resolved_outcome"], by_slug["closed"]) == ("Yes", True)
    open_ones = await done(twin.list_markets(limit=200, active_only=True))
    assert market.condition_id not in [row["id"] for row in open_ones]


async def test_a_trade_is_the_last_price_of_its_market_and_a_candle(
    twin: Any, trader: PolySimClient, market: Market
):
    take(trader, market, 25)
    (row,) = [row for row in await done(twin.list_markets(limit=200)) if row["id"] == market.condition_id]
    assert (dec(row["last_price"]), dec(row["live_price"]["buy"])) == (market.ask, market.ask)
    detail = await done(twin.get_market(market.condition_id))
    assert dec(detail["live_price"]["sell"]) == 1 - market.ask
    events = await done(twin.list_events(limit=200, search=detail["event_title"]))
    (listed,) = [
        entry for event in events for entry in event["markets"] if entry["condition_id"] == market.condition_id
    ]
    assert dec(listed["live_price"]["buy"]) == market.ask
    candle = (await done(twin.get_candles(market.condition_id, interval="1h")))[-1]
    assert (dec(candle["c"]), dec(candle["v"])) == (market.ask, 25)


# -- Up or down --


async def test_a_window_that_opens_is_listed_has_its_own_token_and_begins_at_the_spot_price(
    server: Server, twin: Any
):
    now = server.pause() / 1000
    before = updown.next_to_expire(await done(twin.list_updown(asset="BTC", interval="15M", live=True)))
    assert before is not None
    server.advance(math.ceil(seconds(before["end_date"]) - now))

    payload = await done(twin.get_updown(asset="BTC", interval="15M"))
    (window,) = payload["markets"]
    assert window["condition_id"] != before["condition_id"]
    assert seconds(window["start_date"]) == seconds(before["end_date"])
    (live,) = await done(twin.list_updown(asset="BTC", interval="15M", live=True))
    assert live["condition_id"] == window["condition_id"]

    # Time stands less than a second after the beginning, and no price moves by more than this in a second.
    spot = await done(twin.get_spot("BTC"))
    strike = await done(twin.get_price_to_beat(window["condition_id"]))
    assert abs(strike["price"] - spot["price"]) < 0.0003 * spot["price"]
    assert seconds(strike["start_date"]) == seconds(window["start_date"])
    assert updown.price_to_beat(window) == strike["price"]
    assert payload["crypto_prices"]["BTC"]["price"] == spot["price"]
    assert (await done(twin.get_spots()))["prices"]["BTC"]["price"] == spot["price"]

    (_, down) = json.loads(window["markets"][0]["token_ids"])
    found = await done(twin.get_market_by_token(down))
    assert (found["condition_id"], found["outcome"]) == (window["condition_id"], "Down")


async def test_spot_prices_move_with_the_worlds_time(server: Server, twin: Any):
    server.pause()

    async def prices() -> dict[str, float]:
        spots = await done(twin.get_spots())
        assert set(spots["supported_symbols"]) == set(updown.ASSETS)
        for symbol, spot in spots["prices"].items():
            assert (await done(twin.get_spot(symbol)))["price"] == spot["price"]
        return {symbol: spot["price"] for symbol, spot in spots["prices"].items()}

    before, asked_at = await prices(), (await done(twin.get_spot("ETH")))["timestamp"]
    assert before.keys() == set(updown.ASSETS)
    assert await prices() == before
    server.advance(300)
    # One may stand at the same cent again; all of them do not.
    assert await prices() != before
    asked_again_at = (await done(twin.get_spot("ETH")))["timestamp"]
    assert seconds(asked_again_at) - seconds(asked_at) == pytest.approx(300, abs=1)


def test_every_asset_has_a_window_of_every_interval(server: Server, trader: PolySimClient):
    now = datetime.fromtimestamp(server.pause() / 1000, UTC)
    lengths = {"5M": 300, "15M": 900, "1H": 3600, "4H": 14_400, "daily": 86_400}
    assert set(lengths) == set(updown.INTERVALS)
    for asset in updown.ASSETS:
        windows = trader.list_updown(asset=asset, live=True)
        assert {window["asset"] for window in windows} == {asset}
        for interval, length in lengths.items():
            of_interval = [window for window in windows if window["interval"] == interval]
            window = updown.next_to_expire(of_interval, now=now)
            assert window is not None, (asset, interval)
            assert seconds(window["end_date"]) - seconds(window["start_date"]) == length
            assert trader.get_price_to_beat(window["condition_id"])["price"] == updown.price_to_beat(window)
    payload = trader.get_updown()
    assert set(payload["available_assets"]) == set(updown.ASSETS)
    assert set(payload["available_intervals"]) == set(updown.INTERVALS)


# -- Who asks --


async def test_the_tiers_say_the_batch_size_that_is_enforced(twin: Any, market: Market):
    order = {"market_id": market.condition_id, "side": "BUY", "outcome": "Yes", "order_type": "limit"}
    with pytest.raises(ValidationError, match=r"Batch size 6 exceeds tier limit \(5\)"):
        await done(twin.place_orders([order | {"quantity": 5, "price": "0.01"}] * 6))
    (row,) = [row for row in await done(twin.tiers()) if row["tier"] == (await done(twin.me()))["tier"]]
    assert row["max_batch_size"] == 5
    assert len(await done(twin.place_orders([order | {"quantity": 5, "price": "0.01"}] * 5))) == 5


async def test_a_minted_token_opens_a_socket_of_its_user(server: Server, twin: Any, market: Market):
    minted = await done(twin.ws_token())
    assert minted["expires_in"] == 60
    async with connect(f"{server.ws_url}/v1/ws/executions?token={minted['token']}") as connection:
        connected = json.loads(await connection.recv())
    assert (connected["type"], connected["user_id"]) == ("connected", server.user_id("trader"))


async def test_a_closed_client_asks_nothing_more(server: Server, native: type):
    client = native(api_key=server.key("trader"), base_url=server.base_url)
    assert (await done(client.me()))["user_id"] == server.user_id("trader")
    await done(client.close() if native is PolySimClient else client.aclose())
    with pytest.raises(RuntimeError, match="closed"):
        await done(client.me())


# -- Simulation, which the venue itself keeps dark --


async def test_simulation_answers_that_it_is_not_there(twin: Any, trader: PolySimClient):
    """An authorised state of the contract, and the one these methods were written against."""
    condition_id = pick_market(trader).condition_id
    span = {"start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z"}
    simulation = twin.simulation
    for ask in (
        lambda: simulation.fill(condition_id=condition_id, shares="10", at=span["start"]),
        lambda: simulation.coverage(condition_id, **span),
        lambda: simulation.fill_models(),
        lambda: simulation.book(condition_id=condition_id, at=span["start"]),
        lambda: simulation.create_backtest(condition_ids=[condition_id], strategy={}, **span),
        lambda: simulation.list_backtests(),
        lambda: simulation.get_backtest("1"),
        lambda: simulation.list_trades("1"),
        lambda: simulation.list_equity("1"),
        lambda: simulation.cancel_backtest("1"),
        lambda: simulation.wait("1"),
    ):
        with refused("NOT_FOUND", 404):
            await done(ask())
    assert exact_cash(trader) == OPENING
