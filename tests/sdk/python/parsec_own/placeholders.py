"""Runs Parsec's shape tests (`tests/api_resources` of its source distribution) against a real server.

They were written for a stub that answers anything with a canned body: each is marked as skipped, and what it sends as
a field is mostly the field's own name. This plugin of their pytest takes the mark away and puts something real in the
place of each placeholder, where the SDK lets requests be changed. Neither its tests nor its files are touched.

`TABLE` is the whole of it: a placeholder that no row speaks of fails its test, and a row that no request needs fails
the run.
"""

from __future__ import annotations

import fnmatch
import itertools
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from parsec_api import AsyncParsecAPI, ParsecAPI
from parsec_api._models import FinalRequestOptions

MARK = "Mock server tests are disabled"
CONDITION = "0x1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef"

# What `own_world.prepare` has made, in the file that the variable names.
WORLD = json.loads(Path(os.environ["PARSEC_OWN_WORLD"]).read_text())
NOW = int(time.time())
HOUR = 3600

ABSENT, ANYTHING = object(), object()
DROP, KEEP = object(), object()


# -- One request --


class Request:
    """A request on its way out: its fields by their place and name, and what the real ones are."""

    _numbers = itertools.count(1)
    _api = httpx.Client(base_url=f"{WORLD['base_url']}/api/v1", timeout=30)

    def __init__(self, api_key: str, options: FinalRequestOptions) -> None:
        self._options = options
        self.path = options.url.removeprefix("/api/v1").split("/")
        headers = options.headers if isinstance(options.headers, dict) else {}
        self.places: dict[str, dict[str, Any]] = {
            "header": {"X-API-Key": api_key} | headers,
            "query": dict(options.params),
            "body": dict(options.json_data) if isinstance(options.json_data, dict) else {},
            "path": {segment: segment for segment in self.path if segment.endswith("_id")},
        }
        self.route = f"{options.method.upper()} {'/'.join(self.path)}"
        # The SDK keeps what a test leaves out, as a value of its own.
        self.has_credentials = isinstance(headers.get("X-Exchange-Credentials"), str)
        self.is_of_group = "neg_risk" in self.places["body"]

    def options(self) -> FinalRequestOptions:
        """The request as it goes out."""
        options = self._options
        filled = "/".join(self.places["path"].get(segment, segment) for segment in self.path)
        options.url = f"/api/v1{filled}"
        options.headers, options.params = self.places["header"], self.places["query"]
        if isinstance(options.json_data, dict):
            options.json_data = self.places["body"]
        return options

    @property
    def venue(self) -> dict[str, Any]:
        """With its own credentials a request goes to Kalshi, without to the trader's account on Polymarket."""
        return WORLD["venues"]["kalshi" if self.has_credentials else "polymarket"]

    # What each request gets for itself, made when it is needed.

    def new_user(self) -> dict[str, Any]:
        external_id = f"made-for-request-{next(self._numbers)}"
        return self._post("/builder/users", {"external_id": external_id}, {"X-API-Key": WORLD["builder_key"]})

    def new_order(self) -> str:
        headers = {"X-API-Key": WORLD["trader_key"]}
        if self.has_credentials:
            headers["X-Exchange-Credentials"] = WORLD["kalshi_header"]
        order = {name: self.venue[name] for name in ("market_id", "outcome")}
        order |= {"side": "buy", "price": self.venue["low"], "size": self.venue["min_size"]}
        return self._post(f"/orders?exchange={self.venue['exchange']}", order, headers)["id"]

    def new_address(self) -> str:
        return f"0x{next(self._numbers):040x}"

    def redeemable(self) -> str:
        return WORLD["redeemable_group" if self.is_of_group else "redeemable"].pop()

    def _post(self, path: str, body: Any, headers: dict[str, str]) -> Any:
        answer = self._api.post(path, json=body, headers=headers)
        assert answer.is_success, f"POST {path}: {answer.status_code} {answer.text}"
        return answer.json()


Real = Callable[[Request, Any], Any]


def just(value: Any) -> Real:
    return lambda _request, _sent: value


def world(name: str) -> Real:
    return lambda _request, _sent: WORLD[name]


def venue(name: str) -> Real:
    return lambda request, _sent: request.venue[name]


def new_user(name: str) -> Real:
    return lambda request, _sent: request.new_user()[name]


def of_kalshi(_: Request, sent: dict[str, str]) -> dict[str, str]:
    return sent | WORLD["kalshi_credentials"]


# -- The table --


@dataclass(frozen=True, eq=False)
class Row:
    """A placeholder and what goes out instead. `sent` is the field's own name unless the row says otherwise."""

    routes: str
    fields: str
    real: Real | object
    why: str
    sent: Any = None

    def is_for(self, route: str) -> bool:
        return any(fnmatch.fnmatchcase(route, pattern) for pattern in self.routes.split(", "))

    def matches(self, name: str, value: Any) -> bool:
        if self.sent is ANYTHING:
            return value is not ABSENT
        wanted = name if self.sent is None else self.sent
        return type(value) is type(wanted) and value == wanted


SELECTED = "GET /orderbook, GET /execution-price, GET /price, GET /trades"
LISTED = "GET /markets, GET /events"
ONBOARD = "POST /onboard, POST /builder/onboard"
CTF = "POST /polymarket/ctf/*"
KEY = "My API Key"

# The first row that fits a field is the one that counts.
TABLE = [
    # Who asks.
    Row("* /builder/*", "header X-API-Key", world("builder_key"), "end users are a builder's", KEY),
    Row("* /wallet*", "header X-API-Key", world("wallet_owner_key"), "a managed wallet is there to be seen", KEY),
    Row("POST /onboard", "header X-API-Key", new_user("api_key"), "for a new user there is something to do", KEY),
    Row("*", "header X-API-Key", world("trader_key"), "who has credentials for both venues", KEY),
    # With what right.
    Row("*", "header X-Exchange-Credentials", world("kalshi_header"), "an account that nothing else leads to"),
    Row("POST /orders", "body credentials", of_kalshi, "the same; Kalshi reads two of the five", ANYTHING),
    Row("POST /orders", "body fee_auth", KEEP, "escrow is a builder's: ignored from anybody else", ANYTHING),
    Row("POST /orders", "body affiliate, payer_address, signer_address", KEEP, "as fee_auth"),
    Row("POST /orders", "body params", KEEP, "unknown keys are ignored", ANYTHING),
    # Where.
    Row("GET /events", "query event_id, exchange, exchange_group_id", DROP, "one event or a list, not both"),
    Row(
        "GET /markets",
        "query event_id, exchange, exchange_group_id, exchange_market_id, parsec_id",
        DROP,
        "selectors of other scopes than the one it names, `list`",
    ),
    Row("GET /markets", "query external_market_keys, parsec_ids", DROP, "as above", ["string"]),
    Row("GET /user-activity", "query exchanges", just(["polymarket"]), "where an account is an address", ["string"]),
    Row(LISTED, "query exchanges", just(["kalshi", "polymarket"]), "both venues", ["string"]),
    Row("*", "query exchange", venue("exchange"), "see `Request.venue`"),
    Row(ONBOARD, "body exchange", just("polymarket"), "the venue with managed wallets"),
    Row("*", "query market_id", venue("market_id"), "the market that was traded in"),
    Row("*", "query parsec_id", venue("parsec_id"), "the same market: both selectors may be there if they agree"),
    Row("POST /orders", "body market_id", venue("market_id"), "as above"),
    Row(SELECTED, "query parsec_id", venue("parsec_id"), "no selector at all is a 400", ABSENT),
    Row("*", "query outcome", venue("outcome"), "the first outcome's label"),
    Row("POST /orders", "body outcome", venue("outcome"), "as above"),
    # How much.
    Row("POST /orders", "body price", venue("low"), "the lowest price there is, where an order to buy rests", 0),
    Row("POST /orders", "body size", venue("min_size"), "the smallest order the market takes", 0),
    Row("GET /execution-price", "query amount", just(1), "more than nothing", 0),
    Row(LISTED, "query min_volume, min_liquidity", KEEP, "a minimum of nothing", 0),
    Row("POST /builder/users, PATCH *", "body qps_limit", just(10), "at least 1; 10 is what it is already", 0),
    Row("GET /builder/users", "query limit", KEEP, "clamped to 1", 0),
    # When.
    Row("GET /price", "query at_ts", DROP, "a moment or a range, not both", 0),
    Row("*", "query start_ts", just(NOW - HOUR), "1970 is further back than the tier may look", 0),
    Row("*", "query end_ts", just(NOW + HOUR), "the range ends after what was done in it", 0),
    # Which page, and of what.
    Row(LISTED, "query cursor", just("0"), "here a cursor is an offset"),
    Row("GET /trades", "query cursor", world("trades_cursor"), "the second page's"),
    Row("GET /builder/users", "query cursor", world("users_cursor"), "the second page's"),
    Row("GET /orderbook", "query cursor", DROP, "of history, which may have one page"),
    Row("GET /markets", "query search", venue("question"), "words of a market that is there"),
    Row("GET /events", "query search", world("event_title"), "words of an event that is there"),
    Row(LISTED, "query status", just("active"), "a status that exists"),
    Row("GET /ws/usage", "query scope", just("self"), "the other one is for an administrator"),
    # Whose.
    Row("* /orders/*", "path order_id", lambda request, _: request.new_order(), "an order that rests, for each"),
    Row("DELETE *", "path customer_id", new_user("customer_id"), "somebody to be deactivated, for each"),
    Row("* /builder/users/*", "path customer_id", world("end_user"), "the builder's first user"),
    Row("POST /builder/onboard", "body customer_id", new_user("customer_id"), "somebody without a wallet, for each"),
    Row("POST /builder/users", "body external_id", KEEP, "a fine id: the first call makes the user, others find it"),
    Row("POST /builder/users", "body email", KEEP, "nobody writes to it"),
    Row("GET /user-activity", "query address", world("address"), "the trader's wallet"),
    Row("POST *", "body eoa_address", lambda request, _: request.new_address(), "an address, nobody else's"),
    Row(ONBOARD, "body wallet_type", just("safe"), "the type that goes with an address"),
    Row(ONBOARD, "body chain_id", just(137), "the chain the Safe is on", 0),
    Row(
        ONBOARD,
        "body api_key_id, clob_api_key, clob_api_passphrase, clob_api_secret, private_key",
        DROP,
        "of mode `self`, and this is `managed`",
    ),
    # Pairs.
    Row(f"{CTF}redeem", "body condition_id", lambda r, _: r.redeemable(), "resolved, and not paid yet", CONDITION),
    Row(CTF, "body condition_id", world("condition_id"), "the market of which the trader has pairs", CONDITION),
]

# What no row makes meaningful.
LIMITS = {
    "test_path_params_*": "an empty id is refused by the client itself: these 25 never reach the server",
    "GET /orderbook with all parameters": "is history, and passes without a snapshot in it",
    "fee_auth, affiliate, payer_address, signer_address": "are read from builders only, and are ignored here",
    "POST /builder/users": "but for the first it finds a user instead of making one",
}


def rewrite(api_key: str, options: FinalRequestOptions) -> FinalRequestOptions:
    request = Request(api_key, options)
    settled = set()
    for row in TABLE:
        if not row.is_for(request.route):
            continue
        place, _, names = row.fields.partition(" ")
        fields = request.places[place]
        for name in names.split(", "):
            sent = fields.get(name, ABSENT)
            if (place, name) in settled or not row.matches(name, sent):
                continue
            settled.add((place, name))
            unused.discard(row)
            if row.real is DROP:
                del fields[name]
            elif row.real is not KEEP:
                fields[name] = row.real(request, sent)  # type: ignore[operator]
    for place, fields in request.places.items():
        for name, value in fields.items():
            is_placeholder = value in (name, ["string"]) or type(value) is dict or (type(value) is int and value == 0)
            assert (place, name) in settled or not is_placeholder, f"{request.route}: no row for {place} {name} {value}"
    return request.options()


unused = set(TABLE)


# -- The plugin --


def pytest_configure() -> None:
    """Puts the table where the SDK asks whether a request is to be changed."""

    async def rewrite_later(client: AsyncParsecAPI, options: FinalRequestOptions) -> FinalRequestOptions:
        return rewrite(client.api_key, options)

    ParsecAPI._prepare_options = lambda client, options: rewrite(client.api_key, options)  # type: ignore[method-assign]
    AsyncParsecAPI._prepare_options = rewrite_later  # type: ignore[method-assign]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        kept = [mark for mark in item.own_markers if mark.name != "skip" or mark.kwargs.get("reason") != MARK]
        assert len(kept) == len(item.own_markers) - 1, f"{item.nodeid} is not skipped for the known reason"
        item.own_markers[:] = kept
    for module in {item.module for item in items}:  # type: ignore[attr-defined]
        check_lists_too(module)


# Lists that the prepared world gives something to show: an empty one has the shape of every list.
NEVER_EMPTY = ("asks", "bids", "candles", "events", "exchanges", "markets", "trades", "users", "wallets")


def check_lists_too(module: ModuleType) -> None:
    check_shape = module.assert_matches_type

    def assert_matches_type(type_: Any, value: Any, **more: Any) -> None:
        check_shape(type_, value, **more)
        lists = {"the answer": value} | {name: getattr(value, name, None) for name in NEVER_EMPTY}
        empty = [name for name, one in lists.items() if one in ([], {})]
        assert not empty, f"empty: {', '.join(empty)}"

    module.assert_matches_type = assert_matches_type  # type: ignore[attr-defined]


def pytest_sessionfinish(session: pytest.Session) -> None:
    if unused and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for row in unused:
        terminalreporter.write_line(f"no request needs: {row}")
