"""What Parsec's shape tests need the world to hold, so that their answers are more than empty lists.

Their placeholders stand for a market, an order, a user somebody has. Here somebody gets them, through the very
surface that is tested, and `placeholders.py` puts them into the requests.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from typing import Any

from harness import REPOSITORY, Server, pick_market

# How often the tests redeem: once in every client for each way to call it, and with all parameters.
CLIENTS = 5
PLAIN_REDEEMS = 3 * CLIENTS
GROUP_REDEEMS = CLIENTS
# They merge as often, a pair at a time; there are more pairs than that.
MERGES = 3 * CLIENTS
PAIR = 1_000_000

# Nobody signs with it here, and a venue that does not exist cannot check it: its form is what must be right.
KALSHI_CREDENTIALS = {
    "api_key_id": "0f6b1f0a-2d3c-4b5e-8a97-c1d2e3f40506",
    "private_key": f"-----BEGIN RSA PRIVATE KEY-----\n{'MIIEowIBAAKCAQEA' * 4}\n-----END RSA PRIVATE KEY-----\n",
}


def header(credentials: dict[str, str]) -> str:
    """A value of X-Exchange-Credentials."""
    return base64.b64encode(json.dumps(credentials).encode()).decode()


class Api:
    """Parsec as no SDK of theirs asks it: what prepares a test must not be what it tests."""

    def __init__(self, server: Server, key: str) -> None:
        self._server = server
        self._key = key

    def __call__(self, method: str, path: str, body: Any = None, *, headers: Any = None, **query: Any) -> Any:
        more = {"json": body} if body is not None else {}
        answer = self._server.raw(method, f"/api/v1{path}", key=self._key, headers=headers, params=query, **more)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()


def prepare(server: Server) -> dict[str, Any]:
    """Fills the world, and tells what is in it now: text that goes into a file for the other process."""
    trader, builder = (Api(server, server.personas[name]["pk_key"]) for name in ("trader", "builder"))
    with server.client("trader") as client:
        condition = pick_market(client).condition_id
    polymarket = trader("GET", "/markets", scope="market", exchange="polymarket", exchange_market_id=condition)
    kalshi = trader("GET", "/markets", exchanges="kalshi", status="active")
    venues = {
        "polymarket": _with_book(trader, polymarket["markets"]),
        "kalshi": _with_book(trader, kalshi["markets"]),
    }
    # An order, a fill and a position in either account; two trades, so that a page of one has another after it.
    for venue, headers in (("polymarket", None), ("kalshi", {"X-Exchange-Credentials": header(KALSHI_CREDENTIALS)})):
        order = {name: venues[venue][name] for name in ("market_id", "outcome")} | {"side": "buy", "size": 10}
        for price in ("ask", "ask", "low"):
            body = order | {"price": venues[venue][price]}
            trader("POST", "/orders", body, headers=headers, exchange=venue)

    plain, group = _redeemable(but=condition)
    for one in plain + group:
        trader("POST", "/polymarket/ctf/split", {"condition_id": one, "amount": str(PAIR)})
    trader("POST", "/polymarket/ctf/split", {"condition_id": condition, "amount": str(2 * MERGES * PAIR)})
    # A pair is paid whichever of the two wins; in a group Yes would decide the others too.
    for one in plain + group:
        server.admin(f"/sim/markets/{one}/resolve", {"outcome": "No"})

    owner = builder("POST", "/builder/users", {"external_id": "has-a-wallet"})
    managed = {"customer_id": owner["customer_id"], "exchange": "polymarket", "mode": "managed"}
    builder("POST", "/builder/onboard", managed)

    # Asked for now, because what was resolved is not active any more.
    events = trader("GET", "/events", exchanges="kalshi,polymarket", status="active", limit=1)["events"]
    return {
        "base_url": server.base_url,
        "trader_key": server.personas["trader"]["pk_key"],
        "builder_key": server.personas["builder"]["pk_key"],
        "wallet_owner_key": owner["api_key"],
        "end_user": server.personas["builder"]["end_users"][0]["customer_id"],
        "address": server.personas["trader"]["address"],
        "kalshi_credentials": KALSHI_CREDENTIALS,
        "kalshi_header": header(KALSHI_CREDENTIALS),
        "venues": venues,
        "condition_id": condition,
        "redeemable": plain,
        "redeemable_group": group,
        "event_title": events[0]["title"],
        "trades_cursor": _second_page(trader, "/trades", parsec_id=venues["polymarket"]["parsec_id"]),
        "users_cursor": _second_page(builder, "/builder/users"),
    }


def _with_book(api: Api, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The first market with both sides: nobody sells at its lowest price, so that an order to buy there rests."""
    for row in rows:
        book = api("GET", "/orderbook", parsec_id=row["parsec_id"])
        if book["bids"] and book["asks"]:
            return {
                "exchange": row["exchange"],
                "market_id": row["exchange_market_id"],
                "parsec_id": row["parsec_id"],
                "question": row["question"],
                "outcome": row["outcomes"][0]["name"],
                "low": book["tick_size"],
                "ask": book["asks"][0][0],
                "min_size": book["min_order_size"],
            }
    raise AssertionError("no market has both sides")


def _second_page(api: Api, path: str, **query: Any) -> str:
    return api("GET", path, limit=1, **query)["next_cursor"]


def _redeemable(but: str) -> tuple[list[str], list[str]]:
    """Markets for each redemption to have one of its own, and as many of one neg-risk group, by the recorded files."""
    lines = (REPOSITORY / "fixtures" / "markets" / "polymarket.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if not row["closed"] and row["outcomes"] == ["Yes", "No"]]
    plain = [row["condition_id"] for row in rows if not row["neg_risk"] and row["condition_id"] != but]
    groups = Counter(row["neg_risk_market_id"] for row in rows if row["neg_risk"])
    largest, _ = groups.most_common(1)[0]
    group = [row["condition_id"] for row in rows if row["neg_risk_market_id"] == largest]
    assert len(plain) >= PLAIN_REDEEMS and len(group) >= GROUP_REDEEMS
    return plain[:PLAIN_REDEEMS], group[:GROUP_REDEEMS]
