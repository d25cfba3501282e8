"""Who may have a key and who may act with one, and that an administrator's change holds from the next request on.
(§24, 5 and 6)"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from polysim_sdk import PolySimClient

from harness import Server, done, opened, pick_market, refused, take

COHORT = "beta-2026-05"
HOUR = 3600


def cohort(server: Server, persona: str, *, method: str = "PUT") -> None:
    server.admin(f"/admin/cohorts/{COHORT}/users/{server.user_id(persona)}", method=method)


def allow(server: Server, persona: str, *, method: str = "POST") -> None:
    server.admin("/admin/allowlist", {"user_id": server.user_id(persona)}, method=method)


def beta_key(server: Server, *, lasting: int = HOUR, **whom: Any) -> dict[str, Any]:
    """An enterprise key that is cut off in so many seconds of the world's time."""
    until = datetime.fromtimestamp(server.pause() // 1000 + lasting, UTC).isoformat()
    return server.admin("/admin/api-keys/issue-beta", {"name": "beta", "beta_until": until} | whom)


def client_of(created: dict[str, Any], server: Server) -> PolySimClient:
    return PolySimClient(api_key=created["raw_key"], base_url=server.base_url)


# -- Who gets a key --


async def test_a_first_key_is_for_members_of_a_cohort(native: type, server: Server):
    first = {"jwt": server.jwt("outsider"), "name": "first", "base_url": server.base_url}
    with refused("CLOSED_BETA", 403) as caught:
        await done(native.bootstrap(**first))
    assert list(caught.value.payload) == ["error"]
    assert "closed beta" in caught.value.payload["error"]
    cohort(server, "outsider")
    created = await done(native.bootstrap(**first))
    assert (created["rate_limit_tier"], created["permissions"]) == ("pro", ["read", "trade"])
    async with opened(native(api_key=created["raw_key"], base_url=server.base_url)) as client:
        assert (await done(client.create_key(name="second")))["name"] == "second"
        # Out of the cohort there are no new keys, and those that there are go on.
        cohort(server, "outsider", method="DELETE")
        with refused("CLOSED_BETA", 403):
            await done(client.create_key(name="third"))
        assert (await done(client.me()))["key_count"] == 2


async def test_when_keys_are_self_served_a_free_plan_gets_one_that_reads_and_a_paying_one_waits(
    native: type, server: Server
):
    first = {"jwt": server.jwt("outsider"), "name": "first", "base_url": server.base_url}
    async with opened(native(api_key=server.key("reader"), base_url=server.base_url)) as reader:
        with refused("CLOSED_BETA", 403):
            await done(reader.create_key(name="second"))
        server.admin("/admin/gates", {"self_serve": True}, method="PUT")
        created = await done(reader.create_key(name="second"))
        assert (created["rate_limit_tier"], created["permissions"]) == ("free", ["read"])
        with refused("TIER_REQUIRES_UPGRADE", 403):
            await done(reader.create_key(name="third", permissions=["read", "trade"]))
    with refused("API_PRO_COMING_SOON", 403) as caught:
        await done(native.bootstrap(**first))
    assert list(caught.value.payload) == ["error"]
    # The rest of the switches stood: the beta is still closed, and its members are let in.
    cohort(server, "outsider")
    assert (await done(native.bootstrap(**first)))["permissions"] == ["read", "trade"]


async def test_when_the_beta_is_over_a_paying_plan_gets_a_key_that_trades(native: type, server: Server):
    server.admin("/admin/gates", {"closed_beta": False}, method="PUT")
    created = await done(native.bootstrap(jwt=server.jwt("outsider"), name="first", base_url=server.base_url))
    with client_of(created, server) as client:
        take(client, pick_market(client), 10)
        assert len(client.history()) == 1


def test_the_cohorts_standing_counts_its_members(server: Server):
    before = server.raw("GET", "/api/beta/cohort-status").json()
    assert (before["cohort_label"], before["available"]) == (COHORT, True)
    cohort(server, "outsider")
    after = server.raw("GET", "/api/beta/cohort-status").json()
    assert after == before | {"active": before["active"] + 1}
    assert after["cap"] > after["active"]


# -- Who may act --


async def test_who_leaves_the_allowlist_is_restricted_from_the_next_request_on_and_back_after_it(
    server: Server, twin: Any, public: PolySimClient
):
    me = {"user_id": server.user_id("trader")}
    assert me in server.admin("/admin/allowlist", method="GET")
    assert (await done(twin.me()))["user_id"] == me["user_id"]
    allow(server, "trader", method="DELETE")
    assert me not in server.admin("/admin/allowlist", method="GET")
    for ask in (twin.me, twin.balance, twin.list_keys, twin.list_markets, twin.list_wallets, twin.cancel_all):
        with refused("ACCESS_RESTRICTED", 403) as caught:
            await done(ask())
        assert caught.value.payload == {"error": "API access restricted. Contact support to request access."}
    session = server.raw("GET", "/v1/me", jwt=server.jwt("trader"))
    assert (session.status_code, session.headers["X-Polysim-Code"]) == (403, "ACCESS_RESTRICTED")
    assert server.raw("GET", "/v1/markets").status_code == 200, "somebody without a key"
    allow(server, "trader")
    assert (await done(twin.me()))["user_id"] == me["user_id"]
    assert (await done(twin.balance()))["balance"] == "10000.00"


async def test_who_is_under_review_is_restricted_though_on_the_allowlist(server: Server, twin: Any):
    path = f"/admin/users/{server.user_id('trader')}/flag"
    server.admin(path, {"flagged": True})
    with refused("ACCESS_RESTRICTED", 403):
        await done(twin.me())
    server.admin(path, {"flagged": False})
    assert (await done(twin.me()))["user_id"] == server.user_id("trader")


async def test_the_allowlist_can_be_put_out_of_force(native: type, server: Server):
    async with opened(native(api_key=server.key("waitlisted"), base_url=server.base_url)) as client:
        with refused("ACCESS_RESTRICTED", 403):
            await done(client.me())
        server.admin("/admin/gates", {"allowlist": False}, method="PUT")
        assert (await done(client.me()))["user_id"] == server.user_id("waitlisted")


async def test_a_first_key_is_decided_by_the_cohort_and_used_by_leave_of_the_allowlist(
    native: type, server: Server
):
    allow(server, "newcomer", method="DELETE")
    created = await done(native.bootstrap(jwt=server.jwt("newcomer"), name="first", base_url=server.base_url))
    async with opened(native(api_key=created["raw_key"], base_url=server.base_url)) as client:
        with refused("ACCESS_RESTRICTED", 403):
            await done(client.me())
        allow(server, "newcomer")
        assert (await done(client.me()))["key_count"] == 1


async def test_a_key_that_was_disabled_and_a_user_who_was_deleted_are_told_apart(server: Server, twin: Any):
    key = next(key for key in await done(twin.list_keys()) if key["key_prefix"] == server.key("trader")[:16])
    server.admin(f"/admin/api-keys/{key['id']}/disable")
    with refused("KEY_DEACTIVATED", 401):
        await done(twin.me())
    with server.client("desk") as desk:
        assert desk.me()["user_id"] == server.user_id("desk")
        server.admin(f"/admin/users/{server.user_id('desk')}", method="DELETE")
        with refused("KEY_OWNER_NOT_FOUND", 401):
            desk.me()


# -- Beta keys --


async def test_a_beta_key_past_its_cut_off_reads_at_the_free_plans_limits(native: type, server: Server):
    created = beta_key(server, user_id=server.user_id("outsider"))
    assert (created["rate_limit_tier"], created["permissions"]) == ("enterprise", ["read", "trade"])
    assert datetime.fromisoformat(created["beta_until"]).timestamp() > server.pause() / 1000
    key = created["raw_key"]
    async with opened(native(api_key=key, base_url=server.base_url)) as client:
        market = pick_market(client_of(created, server))
        order = {"market_id": market.condition_id, "side": "BUY", "outcome": "Yes", "quantity": 10, "price": "0.99"}
        assert (await done(client.place_order(**order)))["status"] == "FILLED"
        assert (await done(client.me()))["tier"] == "enterprise"
        assert "X-API-Beta-Cutoff" not in server.raw("GET", "/v1/me", key=key).headers

        server.advance(HOUR + 1)

        me = await done(client.me())
        assert (me["tier"], me["permissions"]) == ("free", ["read"])
        (position,) = await done(client.positions(status="OPEN"))
        assert position["market_id"] == market.condition_id
        with refused("INSUFFICIENT_PERMISSION", 403):
            await done(client.place_order(**order))
        # What was issued stays written down as it was.
        (listed,) = await done(client.list_keys())
        assert (listed["id"], listed["rate_limit_tier"], listed["is_active"]) == (created["id"], "enterprise", True)
    for path in ("/v1/me", "/v1/markets", "/v1/orders/999999999"):
        assert server.raw("GET", path, key=key).headers["X-API-Beta-Cutoff"] == "expired", path


def test_a_beta_key_lets_its_user_in_whoever_it_is(server: Server):
    with server.client("waitlisted") as waitlisted:
        with refused("ACCESS_RESTRICTED", 403):
            waitlisted.me()
        with client_of(beta_key(server, user_id=server.user_id("waitlisted")), server) as client:
            assert (client.me()["tier"], client.me()["user_id"]) == ("enterprise", server.user_id("waitlisted"))
        assert waitlisted.me()["key_count"] == 2
    with client_of(beta_key(server, email="stranger@example.org"), server) as stranger:
        assert stranger.me()["email"] == "stranger@example.org"
        assert {"user_id": stranger.me()["user_id"]} in server.admin("/admin/allowlist", method="GET")


# -- Who administers --


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/allowlist"),
        ("POST", "/admin/allowlist"),
        ("DELETE", "/admin/allowlist"),
        ("POST", "/admin/users/1/flag"),
        ("DELETE", "/admin/users/1"),
        ("POST", "/admin/api-keys/1/disable"),
        ("POST", "/admin/api-keys/issue-beta"),
        ("PUT", f"/admin/cohorts/{COHORT}/users/1"),
        ("DELETE", f"/admin/cohorts/{COHORT}/users/1"),
        ("PUT", "/admin/gates"),
    ],
)
def test_only_the_administrators_token_administers(shared: Server, visitor: PolySimClient, method: str, path: str):
    key = shared.key("admin")
    assert shared.raw(method, path, key=key, json={}).status_code == 401
    assert shared.raw(method, path, jwt=shared.jwt("admin"), json={}).status_code == 401
    assert shared.raw(method, path, json={}, headers={"X-Admin-Token": "0" * 64}).status_code == 403
    assert visitor.me()["user_id"] == shared.user_id("trader")


# -- What a session sees of its plan --


def test_what_a_plan_includes_is_told_to_a_session_alone(shared: Server):
    path = "/v1/account/me/entitlements"
    told = shared.raw("GET", path, jwt=shared.jwt("trader")).json()
    assert (told["user_id"], told["plan"], told["tier"]) == (shared.user_id("trader"), "pro", "pro")
    assert (told["features"]["wallets.sandbox_max"], told["features"]["export.csv"]) == (3, True)
    free = shared.raw("GET", path, jwt=shared.jwt("reader")).json()
    assert (free["plan"], free["features"]["export.csv"]) == ("free", False)
    for credentials in ({}, {"key": shared.key("trader")}):
        refusal = shared.raw("GET", path, **credentials)
        assert (refusal.status_code, refusal.headers["X-Polysim-Code"]) == (401, "MISSING_AUTH")
