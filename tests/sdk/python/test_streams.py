"""What the server tells by itself: the SDK's two sockets, its stream of spot prices, and the two channels in
Polymarket's shape with the library under it. (§24, 15)"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from polysim_sdk import AsyncPolySimClient, PolySimClient
from polysim_sdk.sse import aspot_stream, spot_stream
from polysim_sdk.ws import aexecutions_stream, aprices_stream, executions_stream, prices_stream
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from harness import (
    Frame,
    Market,
    Server,
    dec,
    done,
    expect,
    expect_next,
    opened,
    pick_market,
    pick_markets,
    rest,
    take,
)


def labelled(frame: Frame, label: str) -> dict[str, Any]:
    (outcome,) = [outcome for outcome in frame["outcomes"] if outcome["label"] == label]
    return outcome


class Socket:
    """A raw connection that speaks JSON."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, frame: Frame | str) -> None:
        await self._connection.send(frame if isinstance(frame, str) else json.dumps(frame))

    async def receive(self) -> Frame:
        return json.loads(await self._connection.recv())

    async def expect(self, kind: str, that: Callable[[Frame], bool] = lambda _: True) -> Frame:
        return await expect(self.receive, kind, that)

    async def in_step(self) -> None:
        """Everything sent so far has been acted on: frames are answered in turn, and a ping always is."""
        await self.send("ping")
        await self.expect("pong")

    async def closed(self) -> tuple[int, str]:
        """The code and reason the server closes with, after whatever it says before."""
        async with asyncio.timeout(10):
            try:
                while True:
                    await self._connection.recv()
            except ConnectionClosed as end:
                # Nothing received means cut off instead of closed, which is no code of the server's.
                return (end.rcvd.code, end.rcvd.reason) if end.rcvd else (0, "cut")


@asynccontextmanager
async def socket(server: Server, path: str) -> AsyncIterator[Socket]:
    async with connect(f"{server.ws_url}{path}") as connection:
        yield Socket(connection)


# -- Prices --


def test_prices_begin_with_the_market_as_it_is_and_follow_the_book(
    server: Server, trader: PolySimClient, desk: PolySimClient, market: Market
):
    with closing(prices_stream(trader, [market.condition_id])) as stream:
        connected = next(stream)
        assert (connected["type"], connected["protocol_version"]) == ("connected", "1.0")
        assert connected["user_id"] == server.personas["trader"]["user_id"]
        assert next(stream) == {"type": "subscribed", "markets": [market.condition_id]}

        first = expect_next(stream, "price")
        assert (first["market_id"], first["condition_id"]) == (market.condition_id, market.condition_id)
        assert (dec(first["best_bid"]), dec(first["best_ask"])) == (market.bid, market.ask)
        assert dec(first["buy"]) + dec(first["sell"]) == 1
        assert (first["active"], first["closed"]) == (True, False)
        assert isinstance(first["emit_ts_ms"], int)
        assert [outcome["token_id"] for outcome in first["outcomes"]] == [market.yes, market.no]
        assert labelled(first, "Yes")["price"] == first["buy"] == first["tokens"][market.yes]["price"]
        assert labelled(first, "No")["price"] == first["sell"] == first["tokens"][market.no]["price"]

        price = Decimal(market.inside())
        rest(desk, market, str(price))
        moved = expect_next(stream, "price", lambda frame: dec(frame["best_bid"]) == price)
        assert dec(moved["best_ask"]) == market.ask
        assert moved["buy"] == first["buy"], "placing an order moves no mark"

        take(trader, market, 10, outcome="No", price=str(1 - price))
        traded = expect_next(stream, "price", lambda frame: dec(frame["buy"]) == price)
        assert (dec(traded["last_trade"]), dec(traded["last_trade_size"])) == (price, 10)
        assert traded["last_trade_side"] in ("BUY", "SELL")
        assert dec(labelled(traded, "Yes")["last_trade"]) == price
        assert dec(traded["sell"]) == 1 - price
        # The bid that was taken is gone: from the same frame or the next.
        while dec(traded["best_bid"]) != market.bid:
            traded = expect_next(stream, "price")


async def test_prices_reach_an_asynchronous_bot_for_the_markets_it_named(server: Server, trader: PolySimClient):
    here, there, elsewhere = pick_markets(trader, 3)
    async with AsyncPolySimClient(api_key=server.key("desk"), base_url=server.base_url) as client:
        stream = aprices_stream(client, [here.condition_id, there.condition_id])
        acknowledged = await expect(stream.__anext__, "subscribed")
        assert set(acknowledged["markets"]) == {here.condition_id, there.condition_id}
        first = {(await expect(stream.__anext__, "price"))["market_id"] for _ in range(2)}
        assert first == {here.condition_id, there.condition_id}
        rest(trader, elsewhere, elsewhere.inside())
        rest(trader, there, there.inside())
        change = await expect(stream.__anext__, "price")
        assert (change["market_id"], dec(change["best_bid"])) == (there.condition_id, Decimal(there.inside()))
        await stream.aclose()


async def test_subscriptions_change_while_the_socket_is_open(server: Server, trader: PolySimClient):
    here, there = (market.condition_id for market in pick_markets(trader, 2))
    async with socket(server, f"/v1/ws/prices?token={trader.ws_token()['token']}") as prices:
        await prices.send({"action": "subscribe", "markets": [here]})
        assert (await prices.expect("subscribed"))["markets"] == [here]
        await prices.send({"type": "SUBSCRIBE", "conditions": [there]})
        assert set((await prices.expect("subscribed"))["markets"]) == {here, there}
        await prices.send({"action": "unsubscribe", "markets": [here]})
        assert (await prices.expect("subscribed"))["markets"] == [there]
        await prices.send({"action": "ping"})
        assert isinstance((await prices.expect("pong"))["ts"], int)


async def test_a_frame_that_makes_no_sense_is_answered_and_costs_nothing(server: Server, trader: PolySimClient):
    market = pick_market(trader)
    async with socket(server, f"/v1/ws/prices?token={trader.ws_token()['token']}") as prices:
        for frame, message in (
            ("{", "Invalid JSON"),
            ({"action": "dance"}, "Unknown action: 'dance'"),
            ({"action": "subscribe", "markets": market.condition_id}, "'markets' must be a list"),
            ({"action": "subscribe", "assets_ids": [market.yes]}, "'assets_ids' carries token IDs"),
        ):
            await prices.send(frame)
            assert message in (await prices.expect("error"))["message"]
        await prices.send({"action": "subscribe", "markets": [market.condition_id]})
        assert (await prices.expect("subscribed"))["markets"] == [market.condition_id]


async def test_the_fifty_first_market_is_refused_and_the_fifty_stay(server: Server, trader: PolySimClient):
    markets = [row["condition_id"] for row in trader.list_markets(limit=51, active_only=True)]
    assert len(markets) == 51
    async with socket(server, f"/v1/ws/prices?token={trader.ws_token()['token']}") as prices:
        await prices.send({"action": "subscribe", "markets": markets})
        assert (await prices.expect("error"))["message"]
        await prices.send({"action": "subscribe", "markets": markets[:50]})
        assert set((await prices.expect("subscribed"))["markets"]) == set(markets[:50])
        await prices.send({"action": "subscribe", "markets": markets[50:]})
        assert (await prices.expect("error"))["message"]
        await prices.send({"action": "unsubscribe", "markets": markets[1:50]})
        assert (await prices.expect("subscribed"))["markets"] == markets[:1]


# -- Executions --


def test_each_match_of_a_resting_order_is_one_fill(
    server: Server, trader: PolySimClient, desk: PolySimClient, market: Market
):
    take(desk, market, 20)
    with closing(executions_stream(trader)) as stream:
        connected = next(stream)
        assert (connected["type"], connected["user_id"]) == ("connected", server.personas["trader"]["user_id"])
        order = rest(trader, market, market.inside(), 20)
        take(desk, market, 5, side="SELL")
        take(desk, market, 15, side="SELL")
        fills = [expect_next(stream, "fill"), expect_next(stream, "fill")]
    for fill in fills:
        assert (fill["order_id"], fill["market_id"]) == (order["order_id"], market.condition_id)
        assert (fill["side"], fill["outcome"]) == ("BUY", "Yes")
        assert dec(fill["price"]) == Decimal(market.inside())
        assert fill["filled_at"]
    assert [dec(fill["quantity"]) for fill in fills] == [5, 15]


async def test_fills_of_limit_orders_are_told_to_their_owner_and_those_of_market_orders_are_not(
    server: Server, trader: PolySimClient, desk: PolySimClient, market: Market
):
    async with AsyncPolySimClient(api_key=server.key("desk"), base_url=server.base_url) as client:
        stream = aexecutions_stream(client)
        await expect(stream.__anext__, "connected")
        take(desk, market, 10)
        rest(trader, market, market.inside())
        crossing = desk.place_order(
            market_id=market.condition_id,
            side="SELL",
            outcome="Yes",
            quantity=10,
            order_type="limit",
            price=market.inside(),
        )
        assert crossing["status"] == "FILLED"
        fill = await expect(stream.__anext__, "fill")
        assert (fill["order_id"], fill["side"], dec(fill["quantity"])) == (crossing["order_id"], "SELL", 10)
        await stream.aclose()


async def test_a_stream_resumes_by_itself_when_the_server_comes_back(tmp_path_factory: pytest.TempPathFactory):
    server = Server(tmp_path_factory.mktemp("restarted"), durability="process")
    try:
        with server.client("trader") as trader:
            market = pick_market(trader)
            async with AsyncPolySimClient(api_key=server.key("desk"), base_url=server.base_url) as client:
                stream = aprices_stream(client, [market.condition_id])
                await expect(stream.__anext__, "price")
                rest(trader, market, market.inside())
                port = server.port
                # In a thread: a socket can only be closed properly while its client's loop turns.
                await asyncio.to_thread(server.stop)
                await asyncio.to_thread(server.start, port=port)
                await expect(stream.__anext__, "connected")
                first = await expect(stream.__anext__, "price")
                assert dec(first["best_bid"]) == Decimal(market.inside()), "the order outlived the restart"
                await stream.aclose()
    finally:
        server.stop()


# -- Spot prices --


# How a source of spot prices is called by what is streamed of it.
SOURCES = {
    "chainlink": {"chainlink", "chainlink_rtds"},
    "binance": {"binance", "polymarket_rtds", "relay_binance"},
}


@asynccontextmanager
async def spot(client: Any, *symbols: str, **options: Any) -> AsyncIterator[Callable[..., Any]]:
    """The stream of either client: a function that waits for the next event of a kind that fits."""
    is_async = isinstance(client, AsyncPolySimClient)
    stream = (aspot_stream if is_async else spot_stream)(client, list(symbols) or None, **options)

    async def heard(kind: str, that: Callable[[Any], bool] = lambda _: True) -> Any:
        async with asyncio.timeout(10):
            while True:
                event = await anext(stream) if is_async else next(stream)
                # A batch is its updates, one by one.
                batch = event["data"]["updates"] if event["event"] == f"{kind}_batch" else []
                for data in batch or ([event["data"]] if event["event"] == kind else []):
                    if that(data):
                        return data

    try:
        yield heard
    finally:
        await done(stream.aclose() if is_async else stream.close())


@pytest.mark.parametrize("source", SOURCES)
async def test_a_spot_price_is_streamed_as_it_stands_and_as_it_moves(server: Server, native: type, source: str):
    server.pause()
    async with (
        opened(native(base_url=server.base_url)) as client,
        spot(client, "BTC", crypto_source=source) as heard,
    ):
        price = (await done(client.get_spot("BTC")))["price"]
        first = await heard("crypto_price")
        assert (first["symbol"], first["price"]) == ("BTC", price)
        assert first["source"] in SOURCES[source]
        then = datetime.fromisoformat(first["timestamp"])

        def passed(data: dict[str, Any]) -> float:
            return (datetime.fromisoformat(data["timestamp"]) - then).total_seconds()

        server.advance(300)
        later = await heard("crypto_price", lambda data: passed(data) > 1)
        assert passed(later) == pytest.approx(300, abs=1)
        assert (later["symbol"], later["source"]) == ("BTC", first["source"])
        assert later["price"] == (await done(client.get_spot("BTC")))["price"]


async def test_a_spot_stream_has_the_symbols_it_was_asked_for_once_a_second(server: Server, native: type):
    server.pause()
    async with (
        opened(native(api_key=server.key("trader"), base_url=server.base_url)) as client,
        spot(client, "BTC", "ETH", crypto_source="chainlink") as heard,
    ):
        prices = {symbol: (await done(client.get_spot(symbol)))["price"] for symbol in ("BTC", "ETH")}
        await heard("crypto_price")
        began = time.monotonic()
        # The world's time stands, so that nothing moves: they are told all the same.
        told = [await heard("crypto_price") for _ in range(6)]
        assert time.monotonic() - began < 4
        assert {(data["symbol"], data["price"]) for data in told} == set(prices.items())


async def test_without_a_symbol_a_spot_stream_has_them_all(server: Server, native: type):
    async with (
        opened(native(base_url=server.base_url)) as client,
        spot(client, crypto_source="chainlink") as heard,
    ):
        missing = set((await done(client.get_spots()))["supported_symbols"])
        assert "BTC" in missing
        while missing:
            missing.discard((await heard("crypto_price"))["symbol"])


async def test_a_spot_stream_begins_with_the_markets_it_was_asked_for_and_follows_them(
    server: Server, native: type, trader: PolySimClient, desk: PolySimClient
):
    here, elsewhere = pick_markets(trader, 2)
    price = Decimal(here.inside())
    async with opened(native(base_url=server.base_url)) as client:
        stream = spot(client, "BTC", condition_ids=[here.condition_id], background=True)
        async with stream as heard:
            snapshot = await heard("snapshot")
            assert snapshot["prices"].keys() == {here.condition_id}
            opening = snapshot["prices"][here.condition_id]
            assert (dec(opening["best_bid"]), dec(opening["best_ask"])) == (here.bid, here.ask)

            rest(desk, elsewhere, elsewhere.inside())
            rest(desk, here, str(price))
            told: list[str] = []

            def is_best(data: dict[str, Any]) -> bool:
                told.append(data["condition_id"])
                return dec(data["best_bid"]) == price

            moved = await heard("market_price", is_best)
            assert dec(moved["best_ask"]) == here.ask

            take(trader, here, 10, outcome="No", price=str(1 - price))
            traded = await heard("market_price", lambda data: dec(data["buy"]) == price)
            assert dec(traded["last_trade_size"]) == 10
            assert dec(traded["sell"]) == 1 - price
            assert {*told, traded["condition_id"]} == {here.condition_id}


async def test_a_quiet_spot_stream_shows_that_it_lives(server: Server, native: type, trader: PolySimClient):
    market = pick_market(trader)
    async with (
        opened(native(base_url=server.base_url)) as client,
        spot(client, "BTC", condition_ids=[market.condition_id]) as heard,
    ):
        await heard("snapshot")
        began = time.monotonic()
        first = await heard("keepalive")
        assert time.monotonic() - began < 6
        assert isinstance(first["n"], int)
        assert datetime.fromisoformat(first["ts"]).utcoffset() is not None


def test_a_spot_stream_is_not_kept_by_a_cache_and_is_cut_but_never_ended(server: Server):
    """A clean end would have the SDK come back at once and without pause, again and again."""
    with httpx.stream("GET", f"{server.base_url}/prices/stream?crypto=BTC") as stream:
        assert (stream.status_code, stream.headers["Cache-Control"]) == (200, "no-cache")
        assert stream.headers["Content-Type"].partition(";")[0] == "text/event-stream"
        lines = stream.iter_lines()
        assert next(lines).startswith("event: ")
        server.stop()
        with pytest.raises(httpx.TransportError):
            list(lines)


async def test_a_spot_stream_resumes_by_itself_when_the_server_comes_back(serve: Callable[..., Server]):
    server = serve(durability="process")
    async with (
        AsyncPolySimClient(base_url=server.base_url) as client,
        spot(client, "BTC", crypto_source="chainlink") as heard,
    ):
        before = await heard("crypto_price")
        port = server.port
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start, port=port)
        server.advance(3600)
        moved = (await client.get_spot("BTC"))["timestamp"]
        after = await heard("crypto_price", lambda data: data["timestamp"] >= moved)
        assert datetime.fromisoformat(after["timestamp"]) > datetime.fromisoformat(before["timestamp"])


# -- Who may connect --


@pytest.mark.parametrize("channel", ["prices", "executions"])
@pytest.mark.parametrize("kind", ["none", "nonsense", "a key", "a session", "expired"])
async def test_a_socket_without_a_good_token_is_closed_with_4001(server: Server, channel: str, kind: str):
    with server.client("trader") as trader:
        token = {
            "none": lambda: "",
            "nonsense": lambda: "not.a.token",
            "a key": lambda: server.key("trader"),
            "a session": lambda: server.personas["trader"]["jwt"],
            "expired": lambda: trader.ws_token()["token"],
        }[kind]()
    if kind == "expired":
        server.advance(61)
    async with socket(server, f"/v1/ws/{channel}" + (f"?token={token}" if token else "")) as connection:
        assert await connection.closed() == (4001, "Invalid or expired token")


async def test_one_token_opens_as_many_sockets_as_the_plan_has(server: Server, trader: PolySimClient):
    minted = trader.ws_token()
    assert minted["expires_in"] == 60
    path = f"/v1/ws/prices?token={minted['token']}"
    other = f"/v1/ws/executions?token={minted['token']}"
    async with socket(server, path) as first, socket(server, path) as second, socket(server, other) as third:
        for connection in (first, second, third):
            await connection.expect("connected")
        async with socket(server, path) as fourth:
            assert await fourth.closed() == (4002, "Maximum WebSocket connections exceeded")


async def test_a_token_of_a_key_that_was_deleted_opens_no_socket_and_ends_none(server: Server):
    first = PolySimClient.bootstrap(jwt=server.jwt("newcomer"), name="first", base_url=server.base_url)
    with PolySimClient(api_key=first["raw_key"], base_url=server.base_url) as owner:
        path = f"/v1/ws/prices?token={owner.ws_token()['token']}"
        async with socket(server, path) as early:
            await early.expect("connected")
            owner.delete_key(first["id"])
            async with socket(server, path) as late:
                assert await late.closed() == (4001, "Invalid or expired token")
            await early.send({"action": "ping"})
            await early.expect("pong")


# -- In Polymarket's shape --


async def test_the_market_channel_begins_with_the_books_it_was_asked_for(server: Server, trader: PolySimClient):
    market = pick_market(trader)
    async with socket(server, "/v1/ws/market") as channel:
        await channel.send({"type": "market", "assets_ids": [market.yes, market.no]})
        books = {frame["asset_id"]: frame for frame in [await channel.expect("book") for _ in range(2)]}
        for token in (market.yes, market.no):
            book, snapshot = books[token], trader.get_book_by_token(token)
            assert book["market"] == market.condition_id
            assert (book["bids"], book["asks"]) == (snapshot["bids"], snapshot["asks"])
            assert (dec(book["tick_size"]), book["timestamp"].isdigit()) == (market.tick, True)


async def test_the_market_channel_follows_both_outcomes_of_one_ladder(
    server: Server, trader: PolySimClient, desk: PolySimClient, market: Market
):
    price = Decimal(market.inside())
    async with socket(server, "/v1/ws/market") as channel:
        await channel.send({"type": "market", "assets_ids": [market.yes, market.no]})
        await channel.in_step()
        rest(trader, market, str(price))
        awaited = {market.yes: ("best_bid", price), market.no: ("best_ask", 1 - price)}
        while awaited:
            frame = await channel.expect("price_change", lambda frame: frame["asset_id"] in awaited)
            side, level = awaited[frame["asset_id"]]
            (change,) = frame["price_changes"]
            if dec(change[side]) == level:
                del awaited[frame["asset_id"]]

        take(desk, market, 10, outcome="No", price=str(1 - price))
        trade = await channel.expect("last_trade_price")
        assert trade["market"] == market.condition_id
        assert dec(trade["price"]) == {market.yes: price, market.no: 1 - price}[trade["asset_id"]]
        assert trade["side"] in ("BUY", "SELL")


async def test_the_market_channel_takes_condition_ids_and_answers_a_ping_in_any_spelling(
    server: Server, trader: PolySimClient
):
    market = pick_market(trader)
    async with socket(server, "/v1/ws/market") as channel:
        await channel.send({"type": "subscribe", "markets": [market.condition_id]})
        assert {(await channel.expect("book"))["asset_id"] for _ in range(2)} == {market.yes, market.no}
        for ping in ("ping", "PING", {"type": "ping"}):
            await channel.send(ping)
            assert isinstance((await channel.expect("pong"))["ts"], int)


async def test_the_market_channel_says_what_is_wrong_and_stays_open(server: Server, trader: PolySimClient):
    tokens = [row["clob_token_ids"][0] for row in trader.list_markets(limit=51, active_only=True)]
    async with socket(server, "/v1/ws/market") as channel:
        for frame, error in (
            ("{", "INVALID_JSON"),
            ({"type": "market", "assets_ids": []}, "EMPTY_SUBSCRIBE"),
            ({"type": "market", "assets_ids": ["1" * 77]}, "UNKNOWN_ASSET"),
            ({"type": "market", "assets_ids": tokens}, "MAX_ASSETS_EXCEEDED"),
        ):
            await channel.send(frame)
            assert (await channel.expect("error"))["error"] == error
        await channel.send({"type": "market", "assets_ids": tokens[:1]})
        assert (await channel.expect("book"))["asset_id"] == tokens[0]


async def test_both_sides_of_a_match_see_their_own_trade(
    server: Server, trader: PolySimClient, desk: PolySimClient, market: Market
):
    price = Decimal(market.inside())
    async with socket(server, "/v1/ws/user") as maker, socket(server, "/v1/ws/user") as taker:
        for channel, persona in ((maker, "trader"), (taker, "desk")):
            key = {"apiKey": server.key(persona), "secret": "", "passphrase": ""}
            await channel.send({"type": "user", "markets": [market.condition_id], "auth": key})
            await channel.in_step()
        resting = rest(trader, market, str(price))
        crossing = take(desk, market, 10, outcome="No", price=str(1 - price))
        bought, sold = await maker.expect("trade"), await taker.expect("trade")
    for frame, token, outcome, at in (
        (bought, market.yes, "Yes", price),
        (sold, market.no, "No", 1 - price),
    ):
        assert (frame["event_type"], frame["type"], frame["status"]) == ("trade", "TRADE", "MATCHED")
        assert (frame["market"], frame["asset_id"], frame["outcome"]) == (market.condition_id, token, outcome)
        assert (frame["side"], dec(frame["size"]), dec(frame["price"])) == ("BUY", 10, at)
        assert frame["timestamp"].isdigit()
    assert str(crossing["order_id"]) == sold["taker_order_id"]
    assert (bought["fee_rate_bps"], sold["fee_rate_bps"]) == ("0", str(market.fee_bps))
    assert trader.get_order(resting["order_id"])["status"] == "FILLED"


@pytest.mark.parametrize(
    ("auth", "error"),
    [({}, "AUTH_REQUIRED"), ({"auth": {"apiKey": "ps_live_" + "0" * 64}}, "AUTH_INVALID")],
)
async def test_the_user_channel_needs_a_key_and_closes_without_one(server: Server, auth: dict[str, Any], error: str):
    async with socket(server, "/v1/ws/user") as channel:
        await channel.send({"type": "user", "markets": ["0x" + "0" * 64]} | auth)
        assert (await channel.expect("error"))["error"] == error
        assert (await channel.closed())[0] == 1008


async def test_a_token_opens_the_user_channel_too(
    server: Server, trader: PolySimClient, desk: PolySimClient, market: Market
):
    async with socket(server, f"/v1/ws/user?token={trader.ws_token()['token']}") as channel:
        await channel.send({"type": "user", "markets": [market.condition_id]})
        await channel.in_step()
        taken = take(trader, market, 10)
        trade = await channel.expect("trade")
        assert (trade["taker_order_id"], dec(trade["price"])) == (str(taken["order_id"]), market.ask)
