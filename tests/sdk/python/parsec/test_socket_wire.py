"""The socket as it is on the wire: what the SDK's own client does not show or does not send. (§11)"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from websockets.asyncio.client import connect

from feeds import wire
from harness import Server
from twins import Api
from venues import KALSHI, Market, levels, pick_market, pick_markets, rest, take


def selector(market: Market, **more: Any) -> dict[str, Any]:
    return {"parsec_id": market.parsec_id, "outcome": "Yes"} | more


def subscribe(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"type": "subscribe", "markets": list(entries)}


# -- Authentication --


async def test_nothing_is_said_before_the_first_message_and_then_who_it_is(shared: Server):
    trader = shared.personas["trader"]
    async with wire(shared) as socket:
        await socket.send({"type": "auth", "api_key": trader["pk_key"]})
        assert await socket.receive() == {"type": "auth_ok", "customer_id": trader["auth_user_id"]}
        await socket.send({"type": "auth", "api_key": trader["pk_key"]})
        error = await socket.expect("error")
        assert (error["code"], error["message"]) == (1001, "already authenticated")


async def test_what_is_sent_too_early_is_refused_and_a_key_still_accepted(shared: Server):
    async with wire(shared) as socket:
        await socket.send(subscribe({"parsec_id": "kalshi:KXELONMARS-99"}))
        error = await socket.receive()
        assert (error["type"], error["code"], error["message"]) == ("error", 1001, "authentication required")
        await socket.send({"type": "auth", "api_key": shared.personas["trader"]["pk_key"]})
        assert (await socket.receive())["type"] == "auth_ok"


async def test_a_wrong_key_is_answered_and_the_socket_closed(shared: Server):
    async with wire(shared) as socket:
        await socket.send({"type": "auth", "api_key": "pk_invalid_key"})
        assert await socket.receive() == {"type": "auth_error", "code": 1002, "message": "invalid api key"}
        assert await socket.closed() == (1008, "invalid api key")


async def test_the_path_with_two_slashes_is_the_same_socket(shared: Server):
    # The TypeScript client makes it of a base URL that ends in one.
    async with connect(f"{shared.ws_url}//ws") as connection:
        await connection.send(json.dumps({"type": "auth", "api_key": shared.personas["trader"]["pk_key"]}))
        assert json.loads(await connection.recv())["type"] == "auth_ok"


# -- Books --


async def test_a_book_is_complete_in_one_message(visitor: Api, shared: Server):
    market = await pick_market(visitor)
    async with wire(shared, visitor.key) as socket:
        await socket.send(subscribe({"exchange": market.exchange, "market_id": market.id}))
        book = await socket.expect("orderbook")
        assert (book["parsec_id"], book["exchange"], book["market_id"]) == (
            market.parsec_id, market.exchange, market.id,
        )  # fmt: skip
        assert (book["kind"], book["outcome"], book["token_id"]) == ("snapshot", "Yes", market.tokens[0])
        assert (levels(book["bids"]), levels(book["asks"])) == ([*market.bids], [*market.asks])
        assert (book["tick_size"], book["title"]) == (float(market.tick), market.question)
        assert (book["book_state"], book["feed_state"]) == ("fresh", "healthy")


async def test_a_change_says_what_each_level_holds_now(trader: Api, desk: Api, server: Server, there: Market):
    price = float(there.inside())
    async with wire(server, trader.key) as socket:
        await socket.send(subscribe(selector(there)))
        number = (await socket.expect("orderbook"))["server_seq"]
        placed = []
        for size, change in (
            (10, lambda: rest(desk, there, size=10)),
            (25, lambda: rest(desk, there, size=15)),
            (15, lambda: desk.orders.cancel(placed[0].id, exchange=there.exchange)),
            (0, lambda: desk.orders.cancel(placed[1].id, exchange=there.exchange)),
        ):
            placed.append(await change())
            number += 1
            delta = await socket.expect("orderbook_delta")
            assert delta["server_seq"] == number
            assert delta["changes"] == [{"side": "bid", "price": price, "size": size}]
            assert (delta["parsec_id"], delta["outcome"], delta["feed_state"]) == (there.parsec_id, "Yes", "healthy")


async def test_subscribing_again_gives_the_book_again_at_the_new_depth(visitor: Api, shared: Server):
    market = await pick_market(visitor)
    async with wire(shared, visitor.key) as socket:
        for depth in (5, 1, 3):
            await socket.send(subscribe(selector(market, depth=depth)))
            book = await socket.expect("orderbook")
            assert (len(book["bids"]), len(book["asks"])) == (depth, depth)


async def test_what_was_unsubscribed_is_not_told_any_more(server: Server, trader: Api, desk: Api):
    here, there = await pick_market(trader), await pick_market(trader, KALSHI)
    async with wire(server, trader.key) as socket:
        for market in (here, there):
            await socket.send(subscribe(selector(market)))
            await socket.expect("orderbook")
        await socket.send({"type": "unsubscribe", "markets": [selector(here)]})
        # Nothing acknowledges it, but messages are handled in turn and this one is answered.
        await socket.send("{")
        await socket.expect("error")
        await take(desk, here, 10)
        await rest(desk, there)
        assert (await socket.expect("orderbook_delta"))["parsec_id"] == there.parsec_id


async def test_a_resync_gives_the_book_again_and_goes_on_from_there(
    trader: Api, desk: Api, server: Server, market: Market
):
    async with wire(server, trader.key) as socket:
        await socket.send({"type": "resync", **selector(market)})
        assert (await socket.expect("error"))["code"] == 2001
        await socket.send(subscribe(selector(market)))
        await socket.expect("orderbook")
        await rest(desk, market)
        await socket.expect("orderbook_delta")
        await socket.send({"type": "resync", **selector(market)})
        book = await socket.expect("orderbook")
        assert levels(book["bids"])[0] == (market.inside(), 10)
        await rest(desk, market, price=market.inside(2))
        assert (await socket.expect("orderbook_delta"))["server_seq"] == book["server_seq"] + 1


# -- What is refused --


@pytest.mark.parametrize(
    "message", ["{", "[]", '"subscribe"', {"type": "dance"}, {"type": "subscribe"}, {"markets": []}]
)
async def test_a_message_that_makes_no_sense_costs_nothing(shared: Server, visitor: Api, message: Any):
    async with wire(shared, visitor.key) as socket:
        await socket.send(message)
        error = await socket.expect("error")
        assert (error["code"], error["message"]) == (2001, "invalid message")
        await socket.send(subscribe({"parsec_id": "kalshi:KXELONMARS-99", "outcome": None, "depth": None}))
        assert (await socket.expect("orderbook"))["outcome"] == "Yes"


async def test_a_tier_watches_so_many_books_on_all_its_sockets_together(server: Server, trader: Api):
    markets = [*await pick_markets(trader, "polymarket", 3), await pick_market(trader, KALSHI)]
    key = server.personas["reader"]["pk_key"]
    async with wire(server, key) as first, wire(server, key) as second:
        for socket, watched in ((first, markets[:2]), (second, markets[2:3])):
            for market in watched:
                await socket.send(subscribe(selector(market)))
                await socket.expect("orderbook")
        await second.send(subscribe(selector(markets[3])))
        assert await second.expect("error") == {
            "type": "error",
            "code": 3002,
            "message": "max subscriptions reached (limit: 3, tier: free)",
            "parsec_id": markets[3].parsec_id,
        }
        # One that is given up makes room for another.
        await second.send({"type": "unsubscribe", "markets": [selector(markets[2])]})
        await second.send(subscribe(selector(markets[3])))
        assert (await second.expect("orderbook"))["parsec_id"] == markets[3].parsec_id


# -- Signs of life --


async def test_a_ping_is_answered_by_a_pong_and_a_heartbeat_in_real_time(shared: Server, visitor: Api):
    async with wire(shared, visitor.key) as socket:
        await (await socket.connection.ping())
        beat = await socket.expect("heartbeat")
        assert -60_000 < beat["ts_ms"] - time.time() * 1000 < 5_000
