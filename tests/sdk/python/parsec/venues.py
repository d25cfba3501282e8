"""The two venues as Parsec shows them: their markets, what a trade there costs, the money of an account.

Markets are found in the files the server was built from, and costs are worked out here a second time, so that the
server is never asked to confirm itself.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from functools import cache
from hashlib import sha256
from typing import Any

import pytest
from Crypto.PublicKey import RSA

from harness import FEE_BPS, REPOSITORY, Match, Server, fee, notional
from twins import Api

POLYMARKET, KALSHI = "polymarket", "kalshi"
VENUES = (POLYMARKET, KALSHI)

# What an account holds that was seen for the first time.
OPENING = Decimal(1_000)
CENT = Decimal("0.01")


# -- Numbers --


def num(value: float) -> Decimal:
    """A number of the wire, digit for digit: the shortest text that reads as the same float is the text it came as."""
    assert isinstance(value, int | float), f"not a JSON number: {value!r}"
    return Decimal(str(value))


def levels(side: Iterable[Iterable[float]]) -> list[Match]:
    return [(num(price), num(size)) for price, size in side]


def best_of(side: Iterable[Match], shares: Decimal | int) -> list[Match]:
    """The matches of a taker who wants `shares` and gets what there is."""
    left, taken = Decimal(shares), []
    for price, size in side:
        if left > 0:
            taken.append((price, min(size, left)))
            left -= taken[-1][1]
    return taken


# -- Markets --


@dataclass(frozen=True)
class Market:
    """An open Yes/No market with room inside its spread, and the opening book of Yes."""

    exchange: str
    id: str
    # Of Polymarket; elsewhere the market has no other name.
    condition_id: str
    tokens: tuple[str, str]
    category: str
    question: str
    tick: Decimal
    min_size: Decimal
    bids: tuple[Match, ...]
    asks: tuple[Match, ...]

    @property
    def parsec_id(self) -> str:
        return f"{self.exchange}:{self.id}"

    @property
    def pair(self) -> dict[str, str]:
        """The other way to name it."""
        return {"exchange": self.exchange, "market_id": self.id}

    @property
    def bid(self) -> Decimal:
        return self.bids[0][0]

    @property
    def ask(self) -> Decimal:
        return self.asks[0][0]

    def inside(self, steps: int = 1) -> Decimal:
        """The price `steps` ticks above the best bid: an order there becomes the best and does not cross."""
        price = self.bid + steps * self.tick
        assert price < self.ask
        return price

    def fee(self, *matches: Match) -> Decimal:
        """What their taker pays; a maker pays nothing."""
        if self.exchange == POLYMARKET:
            return fee(matches, FEE_BPS[self.category])
        whole = (Decimal("0.07") * price * (1 - price) * shares for price, shares in matches)
        return sum((amount.quantize(CENT, ROUND_CEILING) for amount in whole), Decimal(0))

    def cost(self, *matches: Match) -> Decimal:
        """What a buyer's cash goes down by."""
        return notional(matches) + self.fee(*matches)


@cache
def recorded(exchange: str) -> tuple[dict[str, Any], ...]:
    """Every market the default scenario takes from a venue, as its file tells it."""
    lines = (REPOSITORY / "fixtures" / "markets" / f"{exchange}.jsonl").read_text().splitlines()
    return tuple(json.loads(line) for line in lines)


def _candidates(exchange: str) -> Iterator[dict[str, Any]]:
    """Names of markets quoted in whole cents, away from the edges, and none of a group where one decides another."""
    for row in recorded(exchange):
        if exchange == POLYMARKET:
            if row["closed"] or row["neg_risk"] or row["tick_size"] != "0.01" or row["outcomes"] != ["Yes", "No"]:
                continue
            quotes = row["best_bid"], row["best_ask"]
            name = row["gamma_id"], row["condition_id"], tuple(row["token_ids"]), row["category"] or "other"
            low = "0.20"
        else:
            if row["price_ranges"] != [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}]:
                continue
            quotes = row["yes_bid_dollars"], row["yes_ask_dollars"]
            name = row["ticker"], "", ("", ""), ""
            low = "0.10"
        if None not in quotes and Decimal(low) <= Decimal(quotes[0]) and Decimal(quotes[1]) <= Decimal("0.80"):
            yield dict(zip(("id", "condition_id", "tokens", "category"), name, strict=True))


async def pick_markets(api: Api, exchange: str, count: int) -> list[Market]:
    """The first `count` with three prices inside their spread."""
    found: list[Market] = []
    for name in _candidates(exchange):
        book = await api.orderbook.retrieve(exchange=exchange, market_id=name["id"])
        bids, asks, tick = levels(book.bids), levels(book.asks), num(book.tick_size)
        if not bids or not asks or (asks[0][0] - bids[0][0]) / tick <= 3:
            continue
        (row,) = (await api.markets.list(parsec_id=book.parsec_id)).markets
        found.append(
            Market(
                exchange=exchange,
                question=row.question,
                tick=tick,
                min_size=num(book.min_order_size),
                bids=tuple(bids),
                asks=tuple(asks),
                **name,
            )
        )
        if len(found) == count:
            return found
    pytest.fail(f"{len(found)} of {count} markets on {exchange}")


async def pick_market(api: Api, exchange: str = POLYMARKET) -> Market:
    (market,) = await pick_markets(api, exchange, 1)
    return market


def resolve(server: Server, market: Market, outcome: str) -> None:
    server.admin(f"/sim/markets/{market.condition_id or market.id}/resolve", {"outcome": outcome})


# -- Accounts --


async def cash(api: Api, exchange: str, **how: Any) -> Decimal:
    """Dollars that no open order has set aside, out of what each venue writes in its own unit."""
    raw = (await api.account.balance(exchange=exchange, **how)).raw
    if exchange == POLYMARKET:
        assert isinstance(raw["balance"], str)
        assert raw["balance"].isdecimal(), raw
        assert raw["allowance"] == str(2**256 - 1)
        return Decimal(raw["balance"]) / 1_000_000
    assert type(raw["balance"]) is int, raw
    return Decimal(raw["balance"]) / 100


async def rest(api: Api, market: Market, price: Decimal | None = None, size: Any = 10, **more: Any) -> Any:
    """A limit order that waits in the book: a buy of Yes just inside the spread unless told otherwise."""
    order = {"outcome": "Yes", "side": "buy"} | more
    price = market.inside() if price is None else price
    placed = await api.orders.create(**market.pair, price=float(price), size=float(size), **order)
    assert (placed.status, placed.filled) == ("open", 0), placed
    return placed


async def take(api: Api, market: Market, size: Any = 10, **more: Any) -> Any:
    """A limit order that fills at once and in full: a buy of Yes at any price unless told otherwise."""
    order = {"outcome": "Yes", "side": "buy"} | more
    order.setdefault("price", 0.99 if order["side"] == "buy" else 0.01)
    placed = await api.orders.create(**market.pair, size=float(size), **order)
    assert (placed.status, num(placed.filled)) == ("filled", Decimal(str(size))), placed
    return placed


# -- Credentials --


@cache
def pem(name: str) -> str:
    """Someone's RSA key as Kalshi hands them out; short, because nobody signs with it here."""
    del name  # Each has one of their own, which the cache remembers.
    return RSA.generate(1024).export_key().decode()


def kalshi_keys(name: str, secret: str = "") -> dict[str, str]:
    """What `name` got from Kalshi; with another `secret`, what someone has who knows the id alone."""
    return {"api_key_id": f"key-of-{name}", "private_key": pem(secret or name)}


def clob_keys(name: str) -> dict[str, str]:
    """API keys of a wallet, which nobody here has issued."""
    secret = base64.urlsafe_b64encode(sha256(name.encode()).digest()).decode()
    return {"clob_api_key": f"clob-key-of-{name}", "clob_api_secret": secret, "clob_api_passphrase": f"pass-{name}"}


def header(credentials: Any) -> str:
    """A value of X-Exchange-Credentials."""
    return base64.b64encode(json.dumps(credentials).encode()).decode()


def acting_for(customer_id: str) -> dict[str, Any]:
    """What a builder adds to a call to make it in the name of an end user."""
    return {"extra_headers": {"X-Builder-Customer-Id": customer_id}}
