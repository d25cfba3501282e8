"""The two sockets as the older clients' users speak to them: frames written by hand. Neither package has its own.

A frame of the server holds one event or a list of them; whoever reads here gets one event at a time.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from bots import Creds
from harness import FRAME_WITHIN, Frame, Match, Server, dec


class Socket:
    """One connection, which waits for an event and never for a time."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._waiting: deque[Frame] = deque()

    def send(self, frame: Frame) -> None:
        self._connection.send(json.dumps(frame))

    def receive(self, deadline: float) -> Frame:
        while not self._waiting:
            self._waiting.extend(events(self._connection.recv(timeout=max(0.0, deadline - time.monotonic()))))
        return self._waiting.popleft()

    def until(self, that: Callable[[Frame], bool]) -> list[Frame]:
        """Every event up to the first that fits."""
        seen: list[Frame] = []
        deadline = time.monotonic() + FRAME_WITHIN
        while not seen or not that(seen[-1]):
            try:
                seen.append(self.receive(deadline))
            except TimeoutError:
                raise AssertionError(f"it has not come within {FRAME_WITHIN:g} s, but these: {seen}") from None
        return seen

    def expect(self, kind: str, that: Callable[[Frame], bool] = lambda _: True) -> Frame:
        """The next event of a kind that fits."""
        return self.until(lambda event: event["event_type"] == kind and that(event))[-1]

    def in_step(self) -> list[Frame]:
        """Has everything sent so far acted on: frames are answered in turn, and a `PING` always is.

        What has come before the answer; all of it is still to be received.
        """
        self._connection.send("PING")
        deadline = time.monotonic() + FRAME_WITHIN
        while (text := self._connection.recv(timeout=max(0.0, deadline - time.monotonic()))) != "PONG":
            self._waiting.extend(events(text))
        return list(self._waiting)

    def closed(self) -> int:
        """The code the server closes with."""
        try:
            while True:
                self._connection.recv(timeout=FRAME_WITHIN)
        except ConnectionClosed as end:
            return end.rcvd.code if end.rcvd else 0


def events(text: str | bytes) -> list[Frame]:
    frame = json.loads(text)
    listed = frame if isinstance(frame, list) else [frame]
    for event in listed:
        # Milliseconds as text: the unified client drops an event with a number there.
        assert isinstance(event["timestamp"], str), event
        assert len(event["timestamp"]) == 13, event
    return listed


@contextmanager
def socket(server: Server, path: str, first: Frame) -> Iterator[Socket]:
    with connect(f"{server.ws_url}{path}") as connection:
        opened = Socket(connection)
        opened.send(first)
        yield opened


def market_socket(server: Server, *tokens: str, **more: Any) -> Any:
    return socket(server, "/ws/market", {"type": "market", "assets_ids": list(tokens), **more})


@contextmanager
def user_socket(server: Server, creds: Creds, *markets: str) -> Iterator[Socket]:
    """Of one user; once it is subscribed, which the server says nothing about."""
    auth = {"apiKey": creds.key, "secret": creds.secret, "passphrase": creds.passphrase}
    with socket(server, "/ws/user", {"type": "user", "auth": auth, "markets": list(markets)}) as opened:
        assert opened.in_step() == []
        yield opened


class Replay:
    """The books of some tokens as nothing but events tell them."""

    def __init__(self) -> None:
        self.hashes: dict[str, str] = {}
        self._levels: dict[tuple[str, str], dict[Decimal, Decimal]] = {}

    def apply(self, event: Frame) -> None:
        if event["event_type"] == "book":
            self.hashes[event["asset_id"]] = event["hash"]
            for side, half in (("BUY", "bids"), ("SELL", "asks")):
                self._levels[event["asset_id"], side] = dict(levels(event[half]))
        elif event["event_type"] == "price_change":
            for change in event["price_changes"]:
                self._change(change)
            for change in event["price_changes"]:
                self._check_best(change)

    def _change(self, change: Frame) -> None:
        level = self._levels.setdefault((change["asset_id"], change["side"]), {})
        price, size = dec(change["price"]), dec(change["size"])
        if size == 0:
            level.pop(price, None)
        else:
            # A level's new total, not what was added to it.
            level[price] = size
        self.hashes[change["asset_id"]] = change["hash"]

    def _check_best(self, change: Frame) -> None:
        """Every change says what is best after it; a missing bid is 0 and a missing ask 1."""
        bids, asks = (self._levels.get((change["asset_id"], side), {}) for side in ("BUY", "SELL"))
        best = (max(bids, default=Decimal(0)), min(asks, default=Decimal(1)))
        assert (dec(change["best_bid"]), dec(change["best_ask"])) == best, change

    def book(self, token: str) -> tuple[list[Match], list[Match]]:
        """Bids and asks in the order of the wire: the best level last."""
        bids, asks = (self._levels[token, side] for side in ("BUY", "SELL"))
        return sorted(bids.items()), sorted(asks.items(), reverse=True)


def levels(half: list[dict[str, str]]) -> list[Match]:
    """One half of a book, as it stands on the wire."""
    return [(dec(level["price"]), dec(level["size"])) for level in half]
