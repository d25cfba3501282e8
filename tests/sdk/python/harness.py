"""What the suites share: the server as a process, the markets they trade in, the money they expect.

It knows the server's command line and ready line, and nothing of its inside. What a trade costs is worked
out here a second time, from the published rules alone, so that the server is never asked to confirm itself.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import inspect
import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from polysim_sdk import ApiError, PolySimClient

REPOSITORY = Path(__file__).resolve().parents[3]

# A debug build on a busy machine starts in about a second; the contract for stopping is five.
READY_WITHIN = 20.0
STOP_WITHIN = 5.0
FRAME_WITHIN = 10.0

# Basis points a taker pays, by category; makers pay nothing.
FEE_BPS = {
    "crypto": 700,
    "finance": 400,
    "politics": 400,
    "mentions": 400,
    "tech": 400,
    "economics": 500,
    "culture": 500,
    "weather": 500,
    "other": 500,
    "sports": 500,
    "geopolitics": 0,
}

# Shares at the five opening levels of either side, the best price first.
OPENING_SIZES = [Decimal(size) for size in (200, 400, 800, 1600, 3200)]


# -- The server --


def binary() -> Path:
    """The server under test: `PAPERTAPE_BIN`, else the debug build of this tree."""
    path = Path(os.environ.get("PAPERTAPE_BIN", REPOSITORY / "target" / "debug" / "papertape"))
    assert path.is_file(), f"no server at {path}: build it, or name one in PAPERTAPE_BIN"
    return path


class Server:
    """One running world on a free port, with a virtual clock and nobody in it but the test.

    Rate limits are off unless a test is about them: the SDK answers a 429 by sleeping, which would make a
    suite slow where it should fail.
    """

    def __init__(
        self,
        directory: Path,
        *,
        durability: str,
        rate_limits: bool = False,
        settings: Mapping[str, str] | None = None,
        arguments: Iterable[str] = (),
    ) -> None:
        self.directory = directory
        self._durability = durability
        self._settings = ({} if rate_limits else {"PAPERTAPE_RATE_LIMITS": "off"}) | dict(settings or {})
        self._arguments = list(arguments)
        self._log = directory / "server.log"
        self.start(port=0)

    def start(self, *, port: int) -> None:
        """Starts on the directory as it is; a second start finds what the first one left."""
        # Someone's own settings must not decide how the suite runs.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PAPERTAPE_")}
        environment |= self._settings
        command: list[str | Path] = [
            binary(), "serve",
            "--listen", f"127.0.0.1:{port}",
            "--data", self.directory / "data",
            "--durability", self._durability,
            "--clock", "virtual",
            "--no-agents",
            "--json",
            *self._arguments,
        ]  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment)
        lines: queue.Queue[bytes] = queue.Queue()
        # It reads on after the first line: a pipe nobody empties would stop the server once it is full.
        threading.Thread(target=_pump, args=(self._process.stdout, lines), daemon=True).start()
        try:
            ready = json.loads(lines.get(timeout=READY_WITHIN))
            assert ready["event"] == "ready", ready
        except (queue.Empty, ValueError, AssertionError) as error:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"no ready line ({error!r}); the log says:\n{self.log()}") from error
        self.base_url: str = ready["base_url"]
        self.surfaces: dict[str, str] = ready["surfaces"]
        self.personas: dict[str, dict[str, Any]] = ready["personas"]

    def stop(self) -> None:
        """Asks it to stop, as a service manager would, and holds it to its word."""
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(timeout=STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            pytest.fail(f"not stopped {STOP_WITHIN:g} s after SIGTERM; the log says:\n{self.log()}")
        assert code == 0, f"exit code {code} after SIGTERM; the log says:\n{self.log()}"

    @property
    def port(self) -> int:
        return int(self.base_url.rsplit(":", 1)[1])

    @property
    def ws_url(self) -> str:
        return self.base_url.replace("http://", "ws://", 1)

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def key(self, persona: str) -> str:
        return self.personas[persona]["ps_key"]

    def jwt(self, persona: str) -> str:
        """The access token of a persona's session on the web page."""
        return self.personas[persona]["jwt"]

    def user_id(self, persona: str) -> int:
        return self.personas[persona]["user_id"]

    def client(self, persona: str) -> PolySimClient:
        """The native client as a user makes it: only base URL and key differ from production."""
        return PolySimClient(api_key=self.key(persona), base_url=self.base_url)

    def raw(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        jwt: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """One request as no SDK sends it, for what an SDK does not show: headers, bodies, other credentials."""
        credentials = ({"X-API-Key": key} if key else {}) | ({"Authorization": f"Bearer {jwt}"} if jwt else {})
        return httpx.request(
            method, f"{self.base_url}{path}", headers=credentials | dict(headers or {}), timeout=30, **more
        )

    def admin(self, path: str, body: Any = None, *, method: str = "POST") -> Any:
        """What no SDK has: the gates and the lists behind them, and, as no real venue has it, the clock."""
        token = self.personas["admin"]["admin_token"]
        answer = self.raw(method, path, json=body, headers={"X-Admin-Token": token})
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def pause(self) -> int:
        """Stops world time, which from now on only `advance` moves; the time it stands at, in milliseconds."""
        return self.admin("/sim/clock/pause", {})["now_ms"]

    def advance(self, seconds: int) -> None:
        """Moves world time; everything that fell due in between has happened when it returns."""
        self.admin("/sim/clock/advance", {"seconds": seconds})

    def resolve(self, market: Market, outcome: str) -> None:
        self.admin(f"/sim/markets/{market.condition_id}/resolve", {"outcome": outcome})


def _pump(stream: Any, lines: queue.Queue[bytes]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(b"")


# -- Credentials --


def session(secret: str, claims: Mapping[str, Any], *, algorithm: str = "HS256") -> str:
    """An access token as Supabase signs them: HMAC-SHA256, whatever the header claims was used."""

    def encoded(part: Any) -> str:
        text = part if isinstance(part, bytes) else json.dumps(part).encode()
        return base64.urlsafe_b64encode(text).rstrip(b"=").decode()

    signed = f"{encoded({'alg': algorithm, 'typ': 'JWT'})}.{encoded(dict(claims))}"
    if algorithm == "none":
        return f"{signed}."
    return f"{signed}.{encoded(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))}"


# -- Numbers --


def dec(value: Any) -> Decimal:
    """A decimal as the wire must carry it: a string without an exponent."""
    assert isinstance(value, str), f"not a decimal string: {value!r}"
    assert "e" not in value.lower(), f"an exponent: {value!r}"
    return Decimal(value)


def cents(amount: Decimal) -> Decimal:
    """What this surface shows of an amount the ledger keeps to the micro-dollar."""
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def shown(value: Any) -> Decimal:
    """A cash figure: exactly two decimals."""
    amount = dec(value)
    assert amount.as_tuple().exponent == -2, f"not two decimals: {value!r}"
    return amount


# A price and how many shares at it: a level of a book, or one match.
Match = tuple[Decimal, Decimal]


def bids(book: dict[str, Any]) -> list[Match]:
    """The best bid first."""
    return sorted(((dec(level["price"]), dec(level["size"])) for level in book["bids"]), reverse=True)


def asks(book: dict[str, Any]) -> list[Match]:
    """The best ask first."""
    return sorted((dec(level["price"]), dec(level["size"])) for level in book["asks"])


def walk(levels: Iterable[Match], shares: Decimal) -> list[Match]:
    """The matches of a taker of `shares`, who takes the best level first."""
    matches = []
    for price, size in levels:
        taken = min(size, shares)
        if taken > 0:
            matches.append((price, taken))
            shares -= taken
    assert shares == 0, f"{shares} shares more than the book holds"
    return matches


def notional(matches: Iterable[Match]) -> Decimal:
    return sum((price * shares for price, shares in matches), Decimal(0))


def fee(matches: Iterable[Match], bps: int) -> Decimal:
    """Charged per match at its own price, truncated to 1e-5 dollars."""
    rate = Decimal(bps) / 10_000
    return sum(
        ((shares * rate * price * (1 - price)).quantize(Decimal("0.00001"), ROUND_DOWN) for price, shares in matches),
        Decimal(0),
    )


# -- Markets --


@dataclass(frozen=True)
class Market:
    """An open Yes/No market with room inside its spread, as its opening book shows it."""

    condition_id: str
    slug: str
    question: str
    category: str
    yes: str
    no: str
    bid: Decimal
    ask: Decimal
    tick: Decimal
    min_size: Decimal

    def inside(self, steps: int = 1) -> str:
        """The price `steps` ticks above the best bid: an order there becomes the best and does not cross."""
        price = self.bid + steps * self.tick
        assert price < self.ask
        return str(price)

    @property
    def fee_bps(self) -> int:
        return FEE_BPS[self.category]

    def fee(self, price: Decimal, shares: Decimal | int) -> Decimal:
        return fee([(price, Decimal(shares))], self.fee_bps)


def pick_markets(
    client: PolySimClient,
    count: int,
    *,
    category: str | None = None,
    low: str = "0.20",
    high: str = "0.80",
    tick: str = "0.01",
) -> list[Market]:
    """The first `count` open Yes/No markets priced between `low` and `high`, three prices inside their spread.

    One tick size at a time, because at whole cents and four decimals of a share every cost is a whole number
    of micro-dollars: what is expected needs no rounding rule. None of a neg-risk group, because resolving
    one of those concerns its siblings.
    """
    found: list[Market] = []
    for row in client.list_markets(limit=200, active_only=True):
        if row["closed"] or row["outcomes"] != ["Yes", "No"] or row["last_price"] is None:
            continue
        name = (row["category"] or "other").lower()
        if (category is not None and name != category) or not Decimal(low) <= dec(row["last_price"]) <= Decimal(high):
            continue
        # By token, because that read is public: someone without a key picks markets too.
        book = client.get_book_by_token(row["clob_token_ids"][0])
        if book["neg_risk"] or dec(book["tick_size"]) != Decimal(tick) or not book["bids"] or not book["asks"]:
            continue
        bid, ask = bids(book)[0][0], asks(book)[0][0]
        if Decimal(low) <= bid and ask <= Decimal(high) and (ask - bid) / Decimal(tick) > 3:
            yes, no = row["clob_token_ids"]
            found.append(
                Market(
                    condition_id=row["condition_id"],
                    slug=row["slug"],
                    question=row["question"],
                    category=name,
                    yes=yes,
                    no=no,
                    bid=bid,
                    ask=ask,
                    tick=Decimal(tick),
                    min_size=dec(book["min_order_size"]),
                )
            )
        if len(found) == count:
            return found
    pytest.fail(f"{len(found)} of {count} markets: category {category}, prices {low} to {high}, tick {tick}")


def pick_market(client: PolySimClient, **where: Any) -> Market:
    return pick_markets(client, 1, **where)[0]


# -- Accounts --


def exact_cash(client: PolySimClient) -> Decimal:
    """Cash with reservations to the micro-dollar, which only the portfolio gives away: its total is exact."""
    portfolio = client.portfolio()
    return dec(portfolio["balance"]["total_value"]) - sum(
        (dec(position["market_value"]) for position in portfolio["positions"]), Decimal(0)
    )


def rest(client: PolySimClient, market: Market, price: str, shares: Any = 10, **more: Any) -> dict[str, Any]:
    """A limit order that waits in the book: a buy of Yes unless told otherwise."""
    order = {"side": "BUY", "outcome": "Yes", "order_type": "limit"} | more
    placed = client.place_order(market_id=market.condition_id, quantity=shares, price=price, **order)
    assert placed["status"] == "PENDING", placed
    return placed


def take(client: PolySimClient, market: Market, shares: Any = 10, **more: Any) -> dict[str, Any]:
    """A market order that fills at once and in full: a buy of Yes unless told otherwise."""
    order = {"side": "BUY", "outcome": "Yes"} | more
    order.setdefault("price", "0.99" if order["side"] == "BUY" else "0.01")
    placed = client.place_order(market_id=market.condition_id, quantity=shares, **order)
    assert placed["status"] == "FILLED", placed
    return placed


# -- Both twins of a client --


async def done(answer: Any) -> Any:
    """What a blocking client returned, or what its asynchronous twin will have: one test can drive both."""
    return await answer if inspect.isawaitable(answer) else answer


async def every(items: Any) -> list[Any]:
    """All that an iterator yields, blocking or not."""
    return [item async for item in items] if hasattr(items, "__aiter__") else list(items)


@contextlib.asynccontextmanager
async def opened(client: Any) -> AsyncIterator[Any]:
    """Either twin, closed at the end."""
    if hasattr(client, "__aenter__"):
        async with client:
            yield client
    else:
        with client:
            yield client


@contextlib.contextmanager
def refused(code: str, status: int = 400) -> Iterator[pytest.ExceptionInfo[ApiError]]:
    """The SDK raises, with the status and the stable code a bot would branch on."""
    with pytest.raises(ApiError) as caught:
        yield caught
    assert (caught.value.status_code, caught.value.code) == (status, code), caught.value


# -- Streams --

Frame = dict[str, Any]


def is_kind(frame: Frame, kind: str) -> bool:
    """Native frames say `type`, Polymarket's `event_type`."""
    return kind in (frame.get("event_type"), frame.get("type"))


async def expect(
    receive: Callable[[], Awaitable[Frame]], kind: str, that: Callable[[Frame], bool] = lambda _: True
) -> Frame:
    """The next frame of a kind that fits; others before it are none of the caller's business."""
    async with asyncio.timeout(FRAME_WITHIN):
        while True:
            frame = await receive()
            if is_kind(frame, kind) and that(frame):
                return frame


def expect_next(stream: Iterator[Frame], kind: str, that: Callable[[Frame], bool] = lambda _: True) -> Frame:
    """`expect` for a blocking stream, whose deadline is the test's own."""
    return next(frame for frame in stream if is_kind(frame, kind) and that(frame))
