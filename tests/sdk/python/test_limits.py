"""Rate limits, with the clock stopped: what fits in a second or a minute is counted and not raced. (§24, 16)"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from polysim_sdk import PolySimClient, RateLimitError

from harness import Server, done, opened, refused

PREFIXES = ("x-ratelimit-", "x-polysim-ratelimit-")


@pytest.fixture
def limited(serve: Callable[..., Server]) -> Iterator[Server]:
    """A world that counts, in which no time passes by itself."""
    server = serve(rate_limits=True)
    server.pause()
    return server


def limits(answer: httpx.Response, prefix: str = PREFIXES[0]) -> dict[str, str]:
    """The headers of one prefix, by what comes after it."""
    return {name[len(prefix) :]: value for name, value in answer.headers.items() if name.startswith(prefix)}


def me(server: Server, persona: str) -> httpx.Response:
    return server.raw("GET", "/v1/me", key=server.key(persona))


def test_the_third_request_in_a_second_is_one_too_many_for_a_free_plan(limited: Server):
    assert [me(limited, "reader").status_code for _ in range(2)] == [200, 200]
    refusal = me(limited, "reader")
    assert (refusal.status_code, refusal.headers["X-Polysim-Code"]) == (429, "RATE_LIMIT_EXCEEDED")
    assert refusal.headers["Retry-After"] == "1"
    assert refusal.json() == {"error": "Rate limit exceeded. Retry after 1s."}
    # Another key has windows of its own, and a second later there is a new one.
    assert me(limited, "trader").status_code == 200
    limited.advance(1)
    assert me(limited, "reader").status_code == 200


@pytest.mark.parametrize("path", ["/v1/me", "/v1/markets?limit=1", "/v1/orders", "/v1/orders/999999999", "/v1/keys"])
def test_every_answer_to_a_key_says_what_is_left_of_its_limits(limited: Server, path: str):
    now = limited.pause() // 1000
    key = limited.key("reader")
    first, second = (limited.raw("GET", path, key=key) for _ in range(2))
    for answer, used in ((first, 1), (second, 2)):
        assert limits(answer) == {
            "tier": "free",
            "limit": "120",
            "remaining": str(120 - used),
            "limit-per-second": "2",
            "remaining-per-second": str(2 - used),
            "reset": str(now - now % 60 + 60),
        }
        assert limits(answer, PREFIXES[1]) == limits(answer)
    refusal = limited.raw("GET", path, key=key)
    assert refusal.status_code == 429
    assert (limits(refusal)["tier"], limits(refusal)["remaining-per-second"]) == ("free", "0")


@pytest.mark.parametrize(
    ("persona", "tier", "per_second"),
    [("trader", "pro", 30), ("whale", "pro_plus", 60), ("desk", "enterprise", 100), ("beta-expired", "free", 2)],
)
def test_each_tier_has_its_own_limits(limited: Server, persona: str, tier: str, per_second: int):
    with httpx.Client(base_url=limited.base_url, headers={"X-API-Key": limited.key(persona)}) as client:
        answers = [client.get("/v1/me") for _ in range(per_second + 1)]
    assert [answer.status_code for answer in answers] == [200] * per_second + [429]
    assert [limits(answer)["remaining-per-second"] for answer in answers[:-1]] == [
        str(left) for left in range(per_second - 1, -1, -1)
    ]
    assert limits(answers[0])["tier"] == tier
    assert (limits(answers[0])["limit-per-second"], limits(answers[0])["limit"]) == (
        str(per_second),
        str(60 * per_second),
    )
    # A key past its cut-off hears so, also where it is refused.
    cut_off = {answer.headers.get("X-API-Beta-Cutoff") for answer in answers}
    assert cut_off == ({"expired"} if persona == "beta-expired" else {None})


def test_the_published_limits_are_the_enforced_ones(limited: Server):
    with PolySimClient(base_url=limited.base_url) as public:
        table = {row["tier"]: row for row in public.tiers()}
    for persona, tier in (("reader", "free"), ("trader", "pro"), ("whale", "pro_plus"), ("desk", "enterprise")):
        shown = limits(me(limited, persona))
        assert shown["limit-per-second"] == str(table[tier]["requests_per_second"])
        assert shown["limit"] == str(table[tier]["requests_per_minute"])


async def test_the_sdk_is_told_how_long_to_wait(native: type, limited: Server):
    key = {"api_key": limited.key("reader"), "base_url": limited.base_url}
    async with opened(native(**key, max_retries=0)) as client:
        assert (await done(client.me()))["tier"] == "free"
        await done(client.me())
        with pytest.raises(RateLimitError) as caught:
            await done(client.me())
        assert (caught.value.retry_after, caught.value.code) == (1, "RATE_LIMIT_EXCEEDED")
        assert caught.value.payload == {"error": "Rate limit exceeded. Retry after 1s."}
        assert caught.value.request_id
        limited.advance(1)
        assert (await done(client.me()))["tier"] == "free"


def test_a_refused_request_has_done_nothing_and_a_batch_counts_once(limited: Server):
    """Order writes are counted like everything else; only what was let through happens."""
    key = limited.key("trader")
    markets = limited.raw("GET", "/v1/markets?limit=1&active_only=true", key=key).json()
    order = {"market_id": markets[0]["condition_id"], "side": "BUY", "outcome": "Yes", "order_type": "limit"}
    batch = {"orders": [order | {"quantity": "5", "price": "0.01"}] * 5}
    with httpx.Client(base_url=limited.base_url, headers={"X-API-Key": key}) as client:
        answers = [client.post("/v1/orders/batch", json=batch) for _ in range(30)]
        assert [answer.status_code for answer in answers] == [200] * 29 + [429]
        limited.advance(1)
        assert len(client.get("/v1/orders?status=PENDING&limit=200").json()["orders"]) == 29 * 5


def test_somebody_without_a_key_is_counted_by_address_and_told_less(limited: Server):
    with httpx.Client(base_url=limited.base_url) as client:
        answers = [client.get("/v1/markets?limit=1") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    refusal = answers[-1]
    assert refusal.headers["X-Polysim-Code"] == "RATE_LIMIT_EXCEEDED"
    assert int(refusal.headers["Retry-After"]) >= 1
    assert refusal.headers["X-Request-Id"]
    assert [limits(refusal, prefix) for prefix in PREFIXES] == [{}, {}]
    # A key is counted by itself, whatever its address has used up.
    assert me(limited, "trader").status_code == 200
    limited.advance(int(refusal.headers["Retry-After"]))
    assert limited.raw("GET", "/v1/markets?limit=1").status_code == 200


def test_limits_can_be_switched_off(shared: Server):
    with httpx.Client(base_url=shared.base_url, headers={"X-API-Key": shared.key("reader")}) as client:
        assert {client.get("/v1/me").status_code for _ in range(200)} == {200}


# -- First keys (§24, 2) --


async def test_a_first_key_can_be_asked_for_once_a_minute(native: type, limited: Server):
    first = {"jwt": limited.jwt("newcomer"), "name": "first", "base_url": limited.base_url}
    created = await done(native.bootstrap(**first))
    with pytest.raises(RateLimitError) as caught:
        await done(native.bootstrap(**first, max_retries=0))
    assert 1 <= caught.value.retry_after <= 60
    assert caught.value.payload.keys() == {"error"}
    # Told in time, the caller waits; then the answer is about the key again.
    limited.advance(int(caught.value.retry_after))
    with refused("BOOTSTRAP_NOT_ALLOWED"):
        await done(native.bootstrap(**first, max_retries=0))
    async with opened(native(api_key=created["raw_key"], base_url=limited.base_url)) as client:
        assert (await done(client.me()))["key_count"] == 1


async def test_a_first_key_can_be_asked_for_five_times_an_hour(native: type, limited: Server):
    """Refusals count too, and a wait of more than a minute is one the SDK does not sleep through."""
    first: dict[str, Any] = {"jwt": limited.jwt("outsider"), "name": "first", "base_url": limited.base_url}
    for _ in range(5):
        with refused("CLOSED_BETA", 403):
            await done(native.bootstrap(**first, max_retries=0))
        limited.advance(61)
    with pytest.raises(RateLimitError) as caught:
        await done(native.bootstrap(**first))
    assert 60 < caught.value.retry_after <= 3600
    limited.advance(int(caught.value.retry_after))
    with refused("CLOSED_BETA", 403):
        await done(native.bootstrap(**first, max_retries=0))
