"""What no SDK sends and every server must answer: other headers, other credentials, requests that make no sense.
(§24, 4 and 7)"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from polysim_sdk import PolySimClient

from harness import Server, bids, pick_market, rest

NOBODYS_KEY = "ps_live_" + "0" * 64


def whose(server: Server, headers: dict[str, str]) -> int:
    answer = server.raw("GET", "/v1/me", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["user_id"]


# -- Credentials --


def test_a_key_is_taken_from_each_of_its_headers(shared: Server):
    key = shared.key("trader")
    for headers in (
        {"X-API-Key": key},
        {"POLY_API_KEY": key},
        {"Poly-API-Key": key},
        {"Authorization": f"Bearer {key}"},
    ):
        assert whose(shared, headers) == shared.user_id("trader"), headers


def test_of_several_credentials_the_key_in_its_own_header_wins(shared: Server):
    other = shared.key("desk")
    for headers in (
        {"POLY_API_KEY": other},
        {"Poly-API-Key": other},
        {"Authorization": f"Bearer {other}"},
        {"Authorization": f"Bearer {shared.jwt('desk')}"},
    ):
        assert whose(shared, headers) == shared.user_id("desk")
        assert whose(shared, headers | {"X-API-Key": shared.key("trader")}) == shared.user_id("trader")
        # It wins also when it is good for nothing, and an empty one is none.
        wrong = shared.raw("GET", "/v1/me", headers=headers | {"X-API-Key": NOBODYS_KEY})
        assert (wrong.status_code, wrong.headers["X-Polysim-Code"]) == (401, "INVALID_KEY")
        assert whose(shared, headers | {"X-API-Key": ""}) == shared.user_id("desk")


def test_an_alias_trades_as_the_key_does(server: Server, trader: PolySimClient):
    market = pick_market(trader)
    order = {"market_id": market.condition_id, "side": "BUY", "outcome": "Yes", "order_type": "limit"}
    placed = server.raw(
        "POST",
        "/v1/orders",
        headers={"POLY_API_KEY": server.key("trader")},
        json=order | {"quantity": "10", "price": market.inside()},
    ).json()
    assert trader.get_order(placed["order_id"])["status"] == "PENDING"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/orders"),
        ("POST", "/v1/orders"),
        ("DELETE", "/v1/orders/1"),
        ("POST", "/v1/cancel-all"),
        ("GET", "/v1/data/orders"),
        ("GET", "/v1/markets"),
        ("GET", "/v1/events"),
        ("GET", "/v1/book?token_id=1"),
        ("GET", "/v1/time"),
        ("GET", "/v1/account/balance"),
        ("GET", "/v1/account/positions"),
        ("GET", "/v1/account/settlements"),
        ("POST", "/v1/account/reset-api-balance"),
    ],
)
def test_a_session_does_not_pass_for_a_key(shared: Server, method: str, path: str):
    jwt = shared.jwt("trader")
    assert whose(shared, {"Authorization": f"Bearer {jwt}"}) == shared.user_id("trader")
    answer = shared.raw(method, path, jwt=jwt, json={})
    assert (answer.status_code, answer.headers["X-Polysim-Code"]) == (401, "MISSING_API_KEY")


def test_public_reads_ask_for_no_key_and_refuse_a_wrong_one(server: Server, trader: PolySimClient):
    market = pick_market(trader)
    rest(trader, market, market.inside(), 15)
    path = f"/v1/book?token_id={market.yes}"
    book = server.raw("GET", path).json()
    assert [str(price) for price, size in bids(book) if size == 15] == [market.inside()]
    wrong = server.raw("GET", path, key=NOBODYS_KEY)
    assert (wrong.status_code, wrong.headers["X-Polysim-Code"]) == (401, "INVALID_KEY")


# -- Refusals --

WRONG: dict[str, tuple[int, str, str, str, dict[str, Any]]] = {
    "an unknown path": (404, "NOT_FOUND", "GET", "/v1/nothing/of/the/kind", {}),
    "a wrong verb": (405, "HTTP_405", "PUT", "/v1/orders", {"json": {}}),
    "a body that is no json": (400, "INVALID_BODY", "POST", "/v1/orders", {"content": b"{"}),
    "a body of another type": (400, "INVALID_BODY", "POST", "/v1/orders", {"content": b'"order"'}),
    "a list where an object is read": (400, "INVALID_BODY", "POST", "/v1/orders/batch", {"json": []}),
    "an empty order": (422, "VALIDATION_FAILED", "POST", "/v1/orders", {"json": {}}),
    "a body too large": (413, "HTTP_413", "POST", "/v1/orders", {"content": b" " * 40_000_000}),
    "a market that is not there": (404, "MARKET_NOT_FOUND", "GET", "/v1/markets/0x" + "0" * 64, {}),
    "an order that is not there": (404, "ORDER_NOT_FOUND", "GET", "/v1/orders/999999999", {}),
    "a cancellation unconfirmed": (400, "CONFIRMATION_REQUIRED", "POST", "/v1/cancel-all", {"json": {}}),
    "a page too long": (422, "VALIDATION_FAILED", "GET", "/v1/markets?limit=1000", {}),
    "an interval unknown": (400, "INVALID_INTERVAL", "GET", "/v1/markets/0x{0}/candles?interval=7m", {}),
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("is_verbose", [False, True], ids=["short", "verbose"])
def test_every_refusal_is_json_with_a_code_and_the_id_of_the_request(
    shared: Server, visitor: PolySimClient, kind: str, is_verbose: bool
):
    status, code, method, path, body = WRONG[kind]
    if "{0}" in path:
        path = path.replace("0x{0}", pick_market(visitor).condition_id)
    request = str(uuid.uuid4())
    headers = {"X-Request-Id": request} | ({"X-Polysim-Verbose": "true"} if is_verbose else {})
    answer = shared.raw(method, path, key=shared.key("trader"), headers=headers, **body)
    assert (answer.status_code, answer.headers["X-Polysim-Code"]) == (status, code)
    assert answer.headers["X-Request-Id"] == request
    assert answer.headers["Content-Type"].partition(";")[0] == "application/json"
    told = answer.json()
    if is_verbose:
        assert told.keys() == {"error", "message", "details", "request_id"}
        assert (told["error"], told["request_id"]) == (code, request)
        assert told["message"]
        if status == 422:
            assert all(error.keys() == {"loc", "msg", "type"} for error in told["details"]["errors"])
    else:
        more = {"supported_intervals"} if code == "INVALID_INTERVAL" else set()
        assert told.keys() == {"error"} | more
        assert isinstance(told["error"], str)
        assert told["error"]
    # And the next request is answered as if nothing had been.
    assert visitor.me()["user_id"] == shared.user_id("trader")


@pytest.mark.parametrize(
    ("credentials", "code"),
    [
        ({}, "MISSING_API_KEY"),
        ({"key": NOBODYS_KEY}, "INVALID_KEY"),
        ({"persona": "expired"}, "KEY_EXPIRED"),
        ({"persona": "deactivated"}, "KEY_DEACTIVATED"),
        ({"persona": "waitlisted"}, "ACCESS_RESTRICTED"),
    ],
)
def test_who_is_refused_hears_so_in_the_same_shape(shared: Server, credentials: dict[str, str], code: str):
    key = credentials.get("key") or ("persona" in credentials and shared.key(credentials["persona"])) or None
    short = shared.raw("GET", "/v1/account/balance", key=key)
    assert (short.headers["X-Polysim-Code"], list(short.json())) == (code, ["error"])
    assert uuid.UUID(short.headers["X-Request-Id"])
    told = shared.raw("GET", "/v1/account/balance", key=key, headers={"X-Polysim-Verbose": "true"}).json()
    assert told == {"error": code, "message": short.json()["error"], "details": None} | {
        "request_id": told["request_id"]
    }


def test_what_a_plan_lacks_is_told_with_where_to_get_it(shared: Server):
    refusal = shared.raw("POST", "/v1/account/reset-api-balance", key=shared.key("reader"), json={})
    assert (refusal.status_code, refusal.headers["X-Polysim-Code"]) == (402, "UPGRADE_REQUIRED")
    assert refusal.json().keys() == {"error", "feature_key", "upgrade_url"}
    assert refusal.json()["upgrade_url"] == "/pricing"


def test_a_book_is_never_kept_by_a_cache_and_nothing_is_redirected(shared: Server, public: PolySimClient):
    market = pick_market(public)
    book = shared.raw("GET", f"/v1/book?token_id={market.yes}")
    assert book.headers["Cache-Control"] == "no-store"
    assert shared.raw("GET", f"/v1/markets/by-slug/{market.slug}").headers["Cache-Control"] == "no-store"
    assert shared.raw("GET", "/prices/live/BTC").headers["Cache-Control"] == "no-cache"
    assert shared.raw("GET", "/v1/markets/", key=shared.key("trader")).status_code == 404


def test_a_page_in_a_browser_may_read_every_header_of_ours(shared: Server):
    answer = shared.raw("GET", "/v1/me", key=shared.key("trader"), headers={"Origin": "http://localhost:3000"})
    exposed = {name.strip().lower() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
    limits = {name for name in answer.headers if "ratelimit" in name}
    assert len(limits) == 12
    assert {"x-polysim-code", "x-request-id", "retry-after", "x-api-beta-cutoff"} <= exposed
    assert limits - exposed == set()
