"""What Parsec's socket tells, as the SDK hands it on and as it comes over the wire."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from parsec_api.streaming import Activity, OrderbookSnapshot, ParsecWebSocket, StreamingOrderbookLevel, WsError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from harness import FRAME_WITHIN, Frame, Match, Server
from twins import Api
from venues import num

NOBODYS_MARKET = "polymarket:0"


class Feed:
    """Everything the SDK's socket calls back with, in order, one queue for each event."""

    def __init__(self, socket: ParsecWebSocket) -> None:
        self.socket = socket
        self._mistakes = count()
        self._told: dict[str, asyncio.Queue[Any]] = {}
        for event in ("orderbook", "activity", "error", "connected", "disconnected", "heartbeat"):
            socket.on(event)(self._listener(event))

    def _listener(self, event: str) -> Any:
        told = self._told[event] = asyncio.Queue()

        async def note(*arguments: Any) -> None:
            # Copied, because the SDK goes on changing the very lists of a book that it has handed out.
            told.put_nowait(copy.deepcopy(arguments))

        return note

    async def next(self, event: str) -> Any:
        async with asyncio.timeout(FRAME_WITHIN):
            arguments = await self._told[event].get()
        return arguments[0] if arguments else None

    def left(self, event: str) -> int:
        """How many of them nobody has asked for."""
        return self._told[event].qsize()

    async def book(self) -> OrderbookSnapshot:
        return await self.next("orderbook")

    async def activity(self) -> Activity:
        return await self.next("activity")

    async def in_step(self) -> None:
        """What was sent so far has been acted on: messages are handled in turn, and a mistake is always answered."""
        # Another one each time, because the SDK does not subscribe twice to the same.
        mistake = f"{NOBODYS_MARKET}{next(self._mistakes)}"
        self.socket.subscribe(parsec_id=mistake)
        error: WsError = await self.next("error")
        assert (error.code, error.parsec_id) == (2002, mistake)


@asynccontextmanager
async def following(socket: ParsecWebSocket) -> AsyncIterator[Feed]:
    """Connected, and closed at the end."""
    feed = Feed(socket)
    await socket.connect()
    try:
        yield feed
    finally:
        await socket.close()


def side(told: list[StreamingOrderbookLevel]) -> list[Match]:
    return [(num(level.price), num(level.size)) for level in told]


def own_side(told: list[dict[str, float]]) -> list[Match]:
    """A side of the book that the SDK keeps."""
    return [(num(level["price"]), num(level["size"])) for level in told]


async def sides(api: Api, parsec_id: str, **how: Any) -> tuple[list[Match], list[Match]]:
    """The same book, asked for."""
    book = await api.orderbook.retrieve(parsec_id=parsec_id, **how)
    return tuple([(num(price), num(size)) for price, size in levels] for levels in (book.bids, book.asks))


class Wire:
    """The socket without the SDK, for what the SDK keeps to itself or does not send."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, frame: Frame | str) -> None:
        await self.connection.send(frame if isinstance(frame, str) else json.dumps(frame))

    async def receive(self) -> Frame:
        async with asyncio.timeout(FRAME_WITHIN):
            return json.loads(await self.connection.recv())

    async def expect(self, kind: str) -> Frame:
        """The next frame, which is of that kind unless the server happened to be due a heartbeat."""
        while True:
            frame = await self.receive()
            if frame["type"] != "heartbeat" or kind == "heartbeat":
                assert frame["type"] == kind, frame
                return frame

    async def closed(self) -> tuple[int, str]:
        """The code and reason the server closes with, after whatever it says before."""
        async with asyncio.timeout(FRAME_WITHIN):
            try:
                while True:
                    await self.connection.recv()
            except ConnectionClosed as end:
                return (end.rcvd.code, end.rcvd.reason) if end.rcvd else (0, "cut")


@asynccontextmanager
async def wire(server: Server, key: str | None = None) -> AsyncIterator[Wire]:
    """Connected, and authenticated if there is a key."""
    async with connect(f"{server.ws_url}/ws") as connection:
        socket = Wire(connection)
        if key:
            await socket.send({"type": "auth", "api_key": key})
            # Nothing may come before it.
            assert (await socket.receive())["type"] == "auth_ok"
        yield socket
