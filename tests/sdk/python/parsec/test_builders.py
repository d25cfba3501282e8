"""A builder's end users: created, listed, limited, onboarded, deactivated. (§2.7, 9)"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from eth_account import Account
from parsec_api import BadRequestError, omit

from harness import Server
from twins import Api, declined
from venues import (
    KALSHI,
    OPENING,
    POLYMARKET,
    Market,
    acting_for,
    cash,
    clob_keys,
    header,
    kalshi_keys,
    levels,
    pick_market,
    rest,
    take,
)

UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
PK_KEY = "pk_live_[0-9a-f]{32}"
ADDRESS = "0x[0-9a-fA-F]{40}"
SOMEONES = "0x" + "1a" * 20
NOT_OWNED = "end-user not found or not owned by this builder"


@pytest.fixture
def builder2(server: Server, enter: Any) -> Api:
    return enter(server, "builder2")


# -- Users --


async def test_a_new_user_has_an_id_a_key_and_nothing_else(server: Server, builder: Api):
    now = server.pause() // 1000
    answer = await builder.builder.users.with_raw_response.create(
        external_id="user_001", email="user@example.test", qps_limit=25, eoa_address=SOMEONES
    )
    assert answer.status_code == 201
    user = await builder.builder.users.create(external_id="user_001")
    assert re.fullmatch(UUID, user.customer_id)
    assert re.fullmatch(PK_KEY, user.api_key)
    assert (user.external_id, user.status, user.tier, user.qps_limit) == ("user_001", "complete", "free", 25)
    # An address is remembered by nobody: it is given again with a Safe.
    assert (user.linked_exchanges, user.wallet) == ([], None)
    shown = await builder.builder.users.retrieve(user.customer_id)
    assert int(shown.created_at.timestamp()) == now
    assert (shown.customer_id, shown.external_id, shown.api_key) == (user.customer_id, "user_001", user.api_key)
    assert (shown.tier, shown.qps_limit, shown.fee_escrow_enabled) == ("free", 25, user.fee_escrow_enabled)


async def test_creating_a_user_again_finds_the_first(builder: Api):
    create = builder.builder.users.with_raw_response.create
    first, again = await create(external_id="user_001"), await create(external_id="user_001", qps_limit=99)
    assert (first.status_code, again.status_code) == (201, 200)
    one, two = first.http_response.json(), again.http_response.json()
    # The same user, whose limit is the one it was created with.
    assert one == two
    assert one["qps_limit"] == 10


async def test_two_builders_may_call_their_users_the_same(builder: Api, builder2: Api):
    mine, theirs = [await who.builder.users.create(external_id="user_001") for who in (builder, builder2)]
    assert mine.external_id == theirs.external_id
    assert mine.customer_id != theirs.customer_id
    assert mine.api_key != theirs.api_key
    for ask in (
        builder.builder.users.retrieve,
        builder.builder.users.deactivate,
        lambda customer_id: builder.builder.users.update(customer_id, qps_limit=1),
    ):
        for customer_id in (theirs.customer_id, "no-such-user"):
            with declined(404, "not_found", "end-user not found"):
                await ask(customer_id)
    assert (await builder2.builder.users.retrieve(theirs.customer_id)).qps_limit == 10


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"external_id": omit}, "missing_parameter"),
        ({"external_id": ""}, None),
        ({"external_id": "user", "qps_limit": 0}, "bad_request"),
        ({"external_id": "user", "qps_limit": -1}, "bad_request"),
        ({"external_id": "user", "qps_limit": 1.5}, "bad_request"),
        ({"external_id": "user", "eoa_address": "0x12"}, "bad_request"),
    ],
)
async def test_a_user_that_makes_no_sense_is_not_created(
    shared: Server, enter: Any, asked: dict[str, Any], code: str | None
):
    builder = enter(shared, "builder")
    with pytest.raises(BadRequestError) as caught:
        await builder.builder.users.create(**asked)
    assert code in (None, caught.value.code)
    assert (await builder.builder.pool()).end_user_count == 2


async def test_users_are_listed_by_their_external_id_a_page_at_a_time(builder2: Api):
    names = ["user_10", "user_02", "ann", "user_01", "zoe"]
    keys = {name: (await builder2.builder.users.create(external_id=name)).api_key for name in names}
    whole = await builder2.builder.users.list()
    assert [user.external_id for user in whole.users] == sorted(names)
    assert {user.external_id: user.api_key for user in whole.users} == keys
    assert (whole.count, whole.next_cursor) == (5, None)
    seen, cursor, counts = [], {}, []
    while True:
        page = await builder2.builder.users.list(limit=2, **cursor)
        seen += [user.external_id for user in page.users]
        counts.append(page.count)
        if page.next_cursor is None:
            break
        cursor = {"cursor": page.next_cursor}
    assert (seen, counts) == (sorted(names), [2, 2, 1])
    with declined(400, "bad_request"):
        await builder2.builder.users.list(cursor="!")


async def test_the_ready_builder_has_the_two_users_of_the_ready_line(shared: Server, enter: Any):
    builder = enter(shared, "builder")
    listed = (await builder.builder.users.list()).users
    assert sorted((user.customer_id, user.external_id, user.api_key) for user in listed) == sorted(
        (user["customer_id"], user["external_id"], user["api_key"])
        for user in shared.personas["builder"]["end_users"]
    )
    assert {tuple(user.linked_exchanges) for user in listed} == {()}


async def test_the_limit_is_all_that_can_be_changed(builder: Api):
    user = await builder.builder.users.create(external_id="user_001")
    changed = await builder.builder.users.update(user.customer_id, qps_limit=40)
    assert (changed.qps_limit, changed.api_key) == (40, user.api_key)
    assert await builder.builder.users.update(user.customer_id) == changed
    assert (await builder.builder.users.retrieve(user.customer_id)).qps_limit == 40
    for qps_limit in (0, -5):
        with declined(400, "bad_request"):
            await builder.builder.users.update(user.customer_id, qps_limit=qps_limit)
    assert (await builder.builder.users.retrieve(user.customer_id)).qps_limit == 40


# -- Pool and escrow --


async def test_the_pool_adds_up_what_was_promised_which_may_be_more_than_it_holds(builder: Api):
    before = await builder.builder.pool()
    limits = [user.qps_limit for user in (await builder.builder.users.list()).users]
    assert (before.qps_pool, before.end_user_count, before.total_allocated_qps) == (500, 2, sum(limits))
    user = await builder.builder.users.create(external_id="user_001", qps_limit=600)
    after = await builder.builder.pool()
    assert (after.qps_pool, after.end_user_count, after.total_allocated_qps) == (500, 3, sum(limits) + 600)
    await builder.builder.users.update(user.customer_id, qps_limit=20)
    assert (await builder.builder.pool()).total_allocated_qps == sum(limits) + 20


async def test_the_terms_of_the_fee_escrow_are_the_same_wherever_they_are_told(shared: Server, enter: Any):
    builder = enter(shared, "builder")
    config = await builder.builder.escrow.config()
    for address in (config.escrow_contract_address, config.treasury_address):
        assert re.fullmatch(ADDRESS, address)
    assert config.min_fee_usdc.isdecimal()
    assert config.min_fee_bps >= 0
    assert 0 <= config.affiliate_fee_bps <= 10_000
    for user in (await builder.builder.users.list()).users:
        told = user.fee_escrow_enabled, user.fee_bps, user.affiliate_address
        assert told == (config.fee_escrow_enabled, config.fee_bps, config.affiliate_address)


async def test_only_a_builder_has_users(shared: Server, enter: Any):
    end_user = shared.personas["builder"]["end_users"][0]
    for who in ("trader", "desk", "admin", end_user["api_key"]):
        api = enter(shared, who)
        for ask in (
            api.builder.pool,
            api.builder.escrow.config,
            api.builder.users.list,
            lambda api=api: api.builder.users.create(external_id="user"),
            lambda api=api: api.builder.users.retrieve(end_user["customer_id"]),
            lambda api=api: api.builder.users.update(end_user["customer_id"], qps_limit=1),
            lambda api=api: api.builder.users.deactivate(end_user["customer_id"]),
            lambda api=api: api.builder.onboard.create(
                customer_id=end_user["customer_id"], exchange=POLYMARKET, mode="managed"
            ),
        ):
            with declined(403, "forbidden", "builder account required"):
                await ask()


# -- Onboarding --


async def test_a_managed_user_trades_through_the_builder(builder: Api):
    user = await builder.builder.users.create(external_id="user_001")
    acting = acting_for(user.customer_id)
    answer = await builder.builder.onboard.create(customer_id=user.customer_id, exchange=POLYMARKET, mode="managed")
    assert (answer.customer_id, answer.exchange, answer.mode, answer.status) == (
        user.customer_id, POLYMARKET, "managed", "complete",
    )  # fmt: skip
    assert answer.steps_completed == ["wallet_eoa_created", "exchange_linked"]
    assert (answer.linked_exchanges, answer.safe_address) == ([POLYMARKET], None)
    # Whoever onboards learns whom to act for.
    assert (answer.external_id, answer.api_key) == ("user_001", user.api_key)
    shown = await builder.builder.users.retrieve(user.customer_id)
    assert (shown.linked_exchanges, shown.wallet.eoa_address) == ([POLYMARKET], answer.eoa_address)
    assert shown.wallet.wallet_type == answer.wallet.wallet_type == "eoa"
    exported = await builder.wallet.export_key(**acting)
    assert Account.from_key(exported.private_key).address.lower() == answer.eoa_address

    market = await pick_market(builder)
    order = await take(builder, market, 10, **acting)
    (fill,) = await builder.fills.list(exchange=POLYMARKET, **acting)
    assert fill.order_id == order.id
    (position,) = await builder.positions.list(exchange=POLYMARKET, **acting)
    assert (position.market_id, position.size) == (market.id, 10)
    assert await cash(builder, POLYMARKET, **acting) == OPENING - market.cost((market.ask, Decimal(10)))


async def test_onboarding_a_user_again_does_nothing_and_is_complete(builder: Api):
    user = await builder.builder.users.create(external_id="user_001")
    onboard = {"customer_id": user.customer_id, "exchange": POLYMARKET, "mode": "managed"}
    first = await builder.builder.onboard.create(**onboard)
    again = await builder.builder.onboard.create(**onboard)
    assert (again.status, again.steps_completed, again.eoa_address) == ("complete", [], first.eoa_address)


async def test_a_user_brings_a_safe_or_keys_of_either_venue(builder: Api):
    users = [await builder.builder.users.create(external_id=name) for name in ("safe", "wallet", "kalshi")]
    safe, wallet, kalshi = (user.customer_id for user in users)
    made = await builder.builder.onboard.create(
        customer_id=safe, exchange=POLYMARKET, mode="managed", wallet_type="safe", eoa_address=SOMEONES
    )
    assert made.steps_completed == ["external_eoa_provided", "wallet_safe_created", "exchange_linked"]
    assert (made.eoa_address, made.wallet.safe_address) == (SOMEONES, made.safe_address)
    stored = await builder.builder.onboard.create(
        customer_id=wallet,
        exchange=POLYMARKET,
        mode="self",
        private_key=Account.create().key.to_0x_hex(),
        **clob_keys("ann"),
    )
    assert (stored.steps_completed, stored.linked_exchanges) == (["credentials_stored"], [POLYMARKET])
    keys = await builder.builder.onboard.create(
        customer_id=kalshi, exchange=KALSHI, mode="self", **kalshi_keys("ann")
    )
    assert keys.steps_completed == ["credentials_validated", "credentials_stored"]
    for customer_id, exchange in ((safe, POLYMARKET), (wallet, POLYMARKET), (kalshi, KALSHI)):
        assert await cash(builder, exchange, **acting_for(customer_id)) == OPENING
        shown = await builder.builder.users.retrieve(customer_id)
        assert shown.linked_exchanges == [exchange]
    assert (await builder.builder.users.retrieve(kalshi)).wallet is None


async def test_nobody_is_onboarded_by_somebody_elses_builder(builder: Api, builder2: Api):
    theirs = await builder2.builder.users.create(external_id="user_001")
    for customer_id in (theirs.customer_id, "no-such-user"):
        with declined(403, "forbidden", NOT_OWNED):
            await builder.builder.onboard.create(customer_id=customer_id, exchange=POLYMARKET, mode="managed")
    assert (await builder2.builder.users.retrieve(theirs.customer_id)).linked_exchanges == []
    with declined(400, "bad_request"):
        await builder2.builder.onboard.create(customer_id=theirs.customer_id, exchange=KALSHI, mode="managed")


# -- Deactivation --


async def test_a_deactivated_user_keeps_a_name_and_loses_everything_that_acts(
    server: Server, builder: Api, enter: Any, market: Market
):
    user = await builder.builder.users.create(external_id="user_001", qps_limit=30)
    acting = acting_for(user.customer_id)
    await builder.builder.onboard.create(customer_id=user.customer_id, exchange=POLYMARKET, mode="managed")
    await rest(builder, market, **acting)
    pool = await builder.builder.pool()

    answer = await builder.builder.users.with_raw_response.deactivate(user.customer_id)
    assert (answer.status_code, answer.http_response.content) == (204, b"")
    # The user's own key is no key any more.
    own = enter(server, user.api_key)
    for ask in (own.exchanges.list, own.account.usage):
        with declined(401, "unauthorized", "invalid API key"):
            await ask()
    # The builder still knows the user, who can do nothing.
    shown = await builder.builder.users.retrieve(user.customer_id)
    assert (shown.external_id, shown.linked_exchanges, shown.wallet) == ("user_001", [], None)
    for ask in (builder.account.balance, builder.orders.list, builder.positions.list, builder.fills.list):
        with declined(403, "credentials_required"):
            await ask(exchange=POLYMARKET, **acting)
    with declined(403, "credentials_required"):
        await rest(builder, market, **acting)
    wallet = await builder.wallet.retrieve(**acting)
    assert (wallet.wallets, wallet.session_signer) == ([], None)
    # What was open is gone from the book.
    assert levels((await builder.orderbook.retrieve(**market.pair)).bids) == [*market.bids]
    after = await builder.builder.pool()
    assert after.end_user_count == pool.end_user_count - 1
    assert after.total_allocated_qps == pool.total_allocated_qps - 30


async def test_deactivating_twice_is_once(builder: Api):
    user = await builder.builder.users.create(external_id="user_001")
    assert await builder.builder.users.deactivate(user.customer_id) is None
    assert await builder.builder.users.deactivate(user.customer_id) is None
    assert (await builder.builder.pool()).end_user_count == 2


async def test_credentials_of_the_request_work_for_a_deactivated_user(builder: Api):
    user = await builder.builder.users.create(external_id="user_001")
    await builder.builder.users.deactivate(user.customer_id)
    how = acting_for(user.customer_id) | {"x_exchange_credentials": header(kalshi_keys("ann"))}
    assert await cash(builder, KALSHI, **how) == OPENING


async def test_a_deactivated_user_comes_back_with_a_new_key(server: Server, builder: Api, enter: Any):
    user = await builder.builder.users.create(external_id="user_001")
    await builder.builder.users.deactivate(user.customer_id)
    answer = await builder.builder.users.with_raw_response.create(external_id="user_001")
    again = answer.http_response.json()
    assert (answer.status_code, again["customer_id"]) == (200, user.customer_id)
    assert again["api_key"] != user.api_key
    assert re.fullmatch(PK_KEY, again["api_key"])
    assert (await enter(server, again["api_key"]).account.usage()).tier == "free"
    with declined(401, "unauthorized"):
        await enter(server, user.api_key).account.usage()
    assert (await builder.builder.pool()).end_user_count == 3


async def test_a_deactivated_user_trades_again_once_onboarded_again(builder: Api, market: Market):
    user = await builder.builder.users.create(external_id="user_001")
    onboard = {"customer_id": user.customer_id, "exchange": POLYMARKET, "mode": "managed"}
    await builder.builder.onboard.create(**onboard)
    await builder.builder.users.deactivate(user.customer_id)
    back = await builder.builder.onboard.create(**onboard)
    assert (back.status, back.linked_exchanges) == ("complete", [POLYMARKET])
    assert back.steps_completed == ["wallet_eoa_created", "exchange_linked"]
    order = await take(builder, market, 10, **acting_for(user.customer_id))
    assert order.filled == 10
    assert (await builder.builder.pool()).end_user_count == 3
