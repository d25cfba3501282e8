"""The calls of Parsec's documentation, as a reader pastes them into a shell: only host, key and ids are the reader's.

curl gets what it says beyond the documentation from its configuration file, so that the commands stay what they are.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness import Server, pick_market

HOST = "https://api.parsecapi.com"
BUILDER_KEY = "pk_live_YOUR_BUILDER_KEY"
KEY = "pk_live_YOUR_KEY"

CREATE_USER = """\
curl -X POST "https://api.parsecapi.com/api/v1/builder/users" \\
  -H "X-API-Key: pk_live_YOUR_BUILDER_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{
    "external_id": "user_001",
    "email": "alice@example.com",
    "eoa_address": "0x1234567890abcdef1234567890abcdef12345678"
  }'
"""
CREATE_PER_REQUEST_USER = """\
curl -X POST "https://api.parsecapi.com/api/v1/builder/users" \\
  -H "X-API-Key: pk_live_YOUR_BUILDER_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{"external_id": "user_005"}'
"""
LIST_USERS = """\
curl "https://api.parsecapi.com/api/v1/builder/users?limit=20" \\
  -H "X-API-Key: pk_live_YOUR_BUILDER_KEY"
"""
LIST_MORE_USERS = """\
curl "https://api.parsecapi.com/api/v1/builder/users?limit=1&cursor=NEXT_CURSOR" \\
  -H "X-API-Key: pk_live_YOUR_BUILDER_KEY"
"""
GET_USER = """\
curl "https://api.parsecapi.com/api/v1/builder/users/CUSTOMER_ID" \\
  -H "X-API-Key: pk_live_YOUR_BUILDER_KEY"
"""
UPDATE_USER = """\
curl -X PATCH "https://api.parsecapi.com/api/v1/builder/users/CUSTOMER_ID" \\
  -H "X-API-Key: pk_live_YOUR_BUILDER_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{"qps_limit": 20}'
"""
DEACTIVATE_USER = """\
curl -X DELETE "https://api.parsecapi.com/api/v1/builder/users/CUSTOMER_ID" \\
  -H "X-API-Key: pk_live_YOUR_BUILDER_KEY"
"""
POOL = """\
curl "https://api.parsecapi.com/api/v1/builder/pool" \\
  -H "X-API-Key: pk_live_YOUR_BUILDER_KEY"
"""
IMPERSONATED_ORDER = """\
curl -X POST "https://api.parsecapi.com/api/v1/orders?exchange=polymarket" \\
  -H "X-API-Key: pk_live_YOUR_BUILDER_KEY" \\
  -H "X-Builder-Customer-Id: CUSTOMER_ID" \\
  -H "Content-Type: application/json" \\
  -d '{
    "market_id": "0x...",
    "outcome": "Yes",
    "side": "buy",
    "price": 0.55,
    "size": 100
  }'
"""
CREDENTIALS = """\
CREDS=$(echo -n '{"api_key_id":"your-key-id","private_key":"-----BEGIN RSA PRIVATE KEY-----\\nMIIE..."}' | base64)
"""
POSITIONS = f"""\
{CREDENTIALS}
curl -H "X-API-Key: pk_live_YOUR_KEY" \\
  -H "X-Exchange-Credentials: $CREDS" \\
  "https://api.parsecapi.com/api/v1/positions?exchange=kalshi"
"""
PER_REQUEST_ORDER = f"""\
{CREDENTIALS}
curl -X POST "https://api.parsecapi.com/api/v1/orders?exchange=kalshi" \\
  -H "X-API-Key: pk_live_YOUR_BUILDER_KEY" \\
  -H "X-Builder-Customer-Id: CUSTOMER_ID" \\
  -H "X-Exchange-Credentials: $CREDS" \\
  -H "Content-Type: application/json" \\
  -d '{{"market_id": "KXBTC-26FEB18", "outcome": "Yes", "side": "buy", "price": 0.65, "size": 10}}'
"""

# GNU's base64 breaks its lines, the documentation's author's does not; a header cannot hold a line's end.
UNBROKEN = "base64() { command base64 | tr -d '\\n'; }\n"

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Said:
    status: int
    content_type: str
    text: str

    @property
    def body(self) -> Any:
        assert self.content_type.startswith("application/json"), self
        return json.loads(self.text)


# What stands in a call for something of the reader's, with that; and in which shell.
Paste = Callable[..., Said]


@pytest.fixture
def paste(server: Server, tmp_path: Path) -> Paste:
    (tmp_path / ".curlrc").write_text('silent\nshow-error\nwrite-out = "\\n%{http_code} %{content_type}"\n')
    keys = {BUILDER_KEY: server.personas["builder"]["pk_key"], KEY: server.personas["whale"]["pk_key"]}

    def paste(call: str, *, shell: str = "sh", **ids: str) -> Said:
        for placeholder, real in ({HOST: server.base_url} | keys | ids).items():
            call = call.replace(placeholder, real)
        command = [shell, "-c", UNBROKEN + call]
        shown = subprocess.run(command, env=os.environ | {"CURL_HOME": str(tmp_path)}, capture_output=True, text=True)
        assert shown.returncode == 0, f"{call}\n{shown.stderr}"
        text, _, told = shown.stdout.rpartition("\n")
        status, _, content_type = told.partition(" ")
        return Said(int(status), content_type, text)

    return paste


def onboard(server: Server, customer_id: str) -> None:
    """A wallet that Parsec makes, and the account it pays for on Polymarket."""
    body = {"customer_id": customer_id, "exchange": "polymarket", "mode": "managed"}
    key = server.personas["builder"]["pk_key"]
    answer = server.raw("POST", "/api/v1/builder/onboard", key=key, json=body)
    assert answer.status_code == 200, answer.text


def kalshi_market(server: Server, key: str) -> str:
    """One whose whole order of the example is sold below its price."""
    rows = server.raw("GET", "/api/v1/markets", key=key, params={"exchanges": "kalshi"}).json()["markets"]
    for row in rows:
        query = {"parsec_id": row["parsec_id"], "side": "buy", "amount": 10}
        estimate = server.raw("GET", "/api/v1/execution-price", key=key, params=query).json()
        if estimate["fully_filled"] and estimate["worst_price"] <= 0.65:
            return row["exchange_market_id"]
    pytest.fail("Kalshi sells ten of nothing at 0.65")


def test_an_order_for_an_end_user_is_the_end_users(server: Server, paste: Paste) -> None:
    user = server.personas["builder"]["end_users"][0]
    onboard(server, user["customer_id"])
    with server.client("trader") as client:
        # Where 0.55 is below what others bid, so that the example's order rests.
        market = pick_market(client, low="0.56", high="0.90")
    said = paste(IMPERSONATED_ORDER, CUSTOMER_ID=user["customer_id"], **{"0x...": market.condition_id})
    assert said.status == 200, said
    order = said.body
    native = market_id(server, market.condition_id)
    expected = {"market_id": native, "outcome": "Yes", "side": "buy", "price": 0.55, "size": 100, "filled": 0}
    assert order | expected | {"status": "open"} == order
    assert re.fullmatch(r"[A-Za-z0-9_-]+", order["id"])
    assert order["created_at"].endswith("Z")
    # The user, who needs nobody's help to see it, and nobody else: the builder has no account of its own there.
    own = server.raw("GET", "/api/v1/orders", key=user["api_key"], params={"exchange": "polymarket"})
    assert own.json() == [order]
    balance = server.raw("GET", "/api/v1/balance", key=user["api_key"], params={"exchange": "polymarket"})
    assert balance.json()["raw"]["balance"] == str(1_000_000_000 - 55_000_000)


def market_id(server: Server, condition_id: str) -> str:
    query = {"scope": "market", "exchange": "polymarket", "exchange_market_id": condition_id}
    answer = server.raw("GET", "/api/v1/markets", key=server.personas["trader"]["pk_key"], params=query)
    return answer.json()["markets"][0]["exchange_market_id"]


def test_a_user_is_made_once_and_found_again(paste: Paste) -> None:
    made = paste(CREATE_USER)
    assert made.status == 201, made
    user = made.body
    assert UUID.fullmatch(user["customer_id"])
    assert re.fullmatch(r"pk_live_[0-9a-f]{32}", user["api_key"])
    expected = {
        "external_id": "user_001",
        "status": "complete",
        "tier": "free",
        "qps_limit": 10,
        "linked_exchanges": [],
        "fee_escrow_enabled": False,
    }
    assert user | expected == user
    assert user.get("wallet") is None
    again = paste(CREATE_USER)
    assert (again.status, again.body) == (200, user)
    read = paste(GET_USER, CUSTOMER_ID=user["customer_id"])
    assert (read.status, read.body) == (200, user)


def test_users_are_listed_page_by_page_in_the_order_of_their_external_ids(server: Server, paste: Paste) -> None:
    created = paste(CREATE_USER).body
    said = paste(LIST_USERS)
    assert said.status == 200, said
    users = said.body["users"]
    externals = [user["external_id"] for user in users]
    known = {user["external_id"] for user in server.personas["builder"]["end_users"]}
    assert externals == sorted(known | {"user_001"})
    assert (said.body["count"], "next_cursor" in said.body) == (3, False)
    assert created in users

    pages = [paste(LIST_USERS.replace("limit=20", "limit=1")).body]
    while (cursor := pages[-1].get("next_cursor")) is not None:
        pages.append(paste(LIST_MORE_USERS, NEXT_CURSOR=cursor).body)
    assert [page["users"] for page in pages] == [[user] for user in users]
    assert [page["count"] for page in pages] == [1, 1, 1]
    assert "next_cursor" not in pages[-1]


def test_a_users_limit_is_changed_and_counts_against_the_pool(server: Server, paste: Paste) -> None:
    before = paste(POOL)
    users = paste(LIST_USERS).body["users"]
    limits = {user["customer_id"]: user["qps_limit"] for user in users}
    pool = {"qps_pool": 500, "end_user_count": 2, "total_allocated_qps": sum(limits.values())}
    assert (before.status, before.body) == (200, pool)

    changed = users[0]
    said = paste(UPDATE_USER, CUSTOMER_ID=changed["customer_id"])
    assert (said.status, said.body) == (200, changed | {"qps_limit": 20})
    assert paste(GET_USER, CUSTOMER_ID=changed["customer_id"]).body == said.body
    limits[changed["customer_id"]] = 20
    assert paste(POOL).body == pool | {"total_allocated_qps": sum(limits.values())}


def test_a_deactivated_user_is_done_with(server: Server, paste: Paste) -> None:
    user, other = server.personas["builder"]["end_users"]
    onboard(server, user["customer_id"])
    pool = paste(POOL).body
    for _ in range(2):
        said = paste(DEACTIVATE_USER, CUSTOMER_ID=user["customer_id"])
        assert (said.status, said.text) == (204, "")
    own = server.raw("GET", "/api/v1/usage", key=user["api_key"])
    assert (own.status_code, own.json()["error"]) == (401, "invalid API key")
    with server.client("trader") as client:
        market = pick_market(client)
    order = paste(IMPERSONATED_ORDER, CUSTOMER_ID=user["customer_id"], **{"0x...": market.condition_id})
    assert (order.status, order.body["code"]) == (403, "credentials_required")
    left = paste(GET_USER, CUSTOMER_ID=user["customer_id"]).body
    assert (left["external_id"], left["linked_exchanges"], left.get("wallet")) == (user["external_id"], [], None)
    limit = paste(GET_USER, CUSTOMER_ID=other["customer_id"]).body["qps_limit"]
    assert paste(POOL).body == pool | {"end_user_count": 1, "total_allocated_qps": limit}


@pytest.mark.parametrize(("first", "second"), [("bash", "sh"), ("sh", "bash")])
def test_credentials_that_travel_with_a_request_reach_one_account_from_any_shell(
    server: Server, paste: Paste, first: str, second: str
) -> None:
    """Of what is encoded, one shell's echo leaves `\\n` alone, another's makes it a line's end: it is the same key."""
    said = paste(POSITIONS, shell=first)
    assert (said.status, said.body) == (200, [])
    user = server.personas["builder"]["end_users"][0]
    ticker = kalshi_market(server, server.personas["builder"]["pk_key"])
    ids = {"CUSTOMER_ID": user["customer_id"], "KXBTC-26FEB18": ticker}
    order = paste(PER_REQUEST_ORDER, shell=first, **ids)
    assert order.status == 200, order
    assert (order.body["status"], order.body["filled"], order.body["market_id"]) == ("filled", 10, ticker)
    # The account belongs to the credentials, not to the key of whoever sends them.
    (position,) = paste(POSITIONS, shell=second).body
    assert (position["market_id"], position["outcome"], position["size"]) == (ticker, "Yes", 10)


def test_a_user_whose_credentials_travel_has_none_here(server: Server, paste: Paste) -> None:
    made = paste(CREATE_PER_REQUEST_USER)
    assert made.status == 201, made
    ids = {"CUSTOMER_ID": made.body["customer_id"]}
    ids["KXBTC-26FEB18"] = kalshi_market(server, server.personas["builder"]["pk_key"])
    assert paste(PER_REQUEST_ORDER, **ids).body["status"] == "filled"
    assert paste(GET_USER, **ids).body == made.body
    without = PER_REQUEST_ORDER.replace('  -H "X-Exchange-Credentials: $CREDS" \\\n', "")
    refused = paste(without, **ids)
    expected = {"error": "exchange credentials required: kalshi", "code": "credentials_required", "retryable": False}
    assert (refused.status, refused.body) == (403, expected)
