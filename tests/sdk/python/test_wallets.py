"""Wallets: which there are, sandboxes made and ended, and that what is traded on one stays on it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from polysim_sdk import ApiError, PolySimClient
from polysim_sdk.pagination import iter_wallets

from harness import Market, Server, asks, cents, dec, done, opened, refused, rest, shown, take

OPENING = Decimal(10_000)


async def kinds(client: Any) -> dict[str, dict[str, Any]]:
    """The wallets a user has from the beginning, by their kinds."""
    return {wallet["kind"]: wallet for wallet in await done(client.list_wallets())}


async def sandbox(client: Any, name: str = "sandbox") -> dict[str, Any]:
    return await done(client.create_wallet(name=name, kind="SANDBOX"))


async def place(client: Any, market: Market, wallet: int, **more: Any) -> dict[str, Any]:
    """An order on a wallet: the SDK has no argument for it, but hands the entries of a batch on as they are."""
    order = {"market_id": market.condition_id, "side": "BUY", "outcome": "Yes", "quantity": 10, "price": "0.99"}
    (placed,) = await done(client.place_orders([order | {"wallet_id": wallet} | more]))
    return placed


# -- Which there are --


async def test_every_user_has_an_api_wallet_and_a_main_one(twin: Any, trader: PolySimClient, market: Market):
    take(trader, market, 10)
    wallets = await kinds(twin)
    assert wallets.keys() == {"API", "MAIN"}
    api, main = wallets["API"], wallets["MAIN"]
    assert shown(api["balance"]) == cents(OPENING - 10 * market.ask - market.fee(market.ask, 10))
    assert (api["baseline"], main["balance"]) == ("10000.00", "1000.00")
    for wallet in (api, main):
        assert isinstance(wallet["id"], int)
        assert (wallet["status"], wallet["generation"], wallet["archived_at"]) == ("active", 1, None)
        assert (wallet["parent_wallet_id"], wallet["competition_id"], wallet["is_legacy"]) == (None, None, False)
        assert await done(twin.get_wallet(wallet["id"])) == wallet
    assert (await done(twin.me(wallet_id=str(main["id"]))))["balance"] == "1000.00"


async def test_a_session_sees_and_makes_the_same_wallets_as_a_key(server: Server, twin: Any):
    jwt = server.jwt("trader")
    made = server.raw("POST", "/v1/me/wallets", jwt=jwt, json={"label": "from the page", "kind": "SANDBOX"})
    assert made.status_code == 201
    assert await done(twin.get_wallet(made.json()["id"])) == made.json()
    assert server.raw("GET", "/v1/me/wallets", jwt=jwt).json() == {"wallets": await done(twin.list_wallets())}


async def test_wallets_are_listed_page_by_page(twin: Any, trader: PolySimClient):
    made = [(await sandbox(twin, f"sandbox-{number}"))["id"] for number in range(3)]
    everything = [wallet["id"] for wallet in await done(twin.list_wallets())]
    assert set(made) < set(everything)
    assert len(everything) == len(set(everything)) == 5
    assert [wallet["id"] for wallet in iter_wallets(trader)] == everything
    assert [wallet["id"] for wallet in iter_wallets(trader, page_size=2)] == everything
    pages = [await done(twin.list_wallets(limit=3, offset=offset)) for offset in (0, 3, 6)]
    assert [[wallet["id"] for wallet in page] for page in pages] == [everything[:3], everything[3:], []]


# -- Sandboxes --


async def test_a_sandbox_opens_with_the_plans_cash_and_bears_the_name_it_was_given(twin: Any):
    made = await sandbox(twin, "momentum")
    assert (made["kind"], made["label"], made["status"]) == ("SANDBOX", "momentum", "active")
    assert (made["balance"], made["baseline"], made["generation"]) == ("10000.00", "10000.00", 1)
    assert await done(twin.get_wallet(made["id"])) == made
    renamed = await done(twin.update_wallet(made["id"], name="mean reversion"))
    assert renamed == made | {"label": "mean reversion"}
    assert await done(twin.get_wallet(made["id"])) == renamed
    with refused("VALIDATION_FAILED", 422):
        await done(twin.update_wallet(made["id"], name="x" * 65))


async def test_what_is_traded_on_a_sandbox_stays_on_it(server: Server, twin: Any, market: Market):
    wallet = (await sandbox(twin))["id"]
    matches = asks(await done(twin.get_book(market.condition_id)))
    assert matches[0][0] == market.ask
    placed = await place(twin, market, wallet)
    resting = await place(twin, market, wallet, order_type="limit", price=market.inside(), quantity=20)
    assert (placed["status"], resting["status"]) == ("FILLED", "PENDING")
    spent = 10 * market.ask + market.fee(market.ask, 10)
    left = cents(OPENING - spent - 20 * Decimal(market.inside()))

    here = str(wallet)
    assert shown((await done(twin.get_wallet(wallet)))["balance"]) == left
    assert shown((await done(twin.me(wallet_id=here)))["balance"]) == left
    (position,) = await done(twin.positions(status="OPEN", wallet_id=here))
    assert (position["market_id"], dec(position["quantity"])) == (market.condition_id, 10)
    portfolio = await done(twin.portfolio(wallet_id=here))
    assert (portfolio["total_trades"], shown(portfolio["balance"]["balance"])) == (1, left)
    assert [row["order_id"] for row in await done(twin.history(wallet_id=here))] == [placed["order_id"]]
    assert [row["order_id"] for row in await done(twin.list_orders(wallet_id=here))] == [
        resting["order_id"],
        placed["order_id"],
    ]
    assert (await done(twin.get_order(resting["order_id"], wallet_id=wallet)))["status"] == "PENDING"
    assert shown((await done(twin.equity(wallet_id=here)))[-1]["cash_balance"]) == cents(OPENING - spent)

    # The API wallet, which is meant when none is named, has seen nothing of it.
    assert (await done(twin.balance()))["balance"] == (await done(twin.me()))["balance"] == "10000.00"
    assert await done(twin.positions()) == await done(twin.history()) == await done(twin.list_orders()) == []
    assert (await done(twin.portfolio(wallet_id="api")))["positions"] == []
    with refused("ORDER_NOT_FOUND", 404):
        api = (await kinds(twin))["API"]["id"]
        await done(twin.get_order(resting["order_id"], wallet_id=api))

    server.resolve(market, "Yes")
    assert (await done(twin.settlements()))["data"] == []
    (settled,) = (await done(twin.settlements(wallet_id=here)))["data"]
    assert (settled["wallet_id"], settled["result"], dec(settled["payout"])) == (wallet, "won", 10)
    assert shown((await done(twin.get_wallet(wallet)))["balance"]) == cents(OPENING - spent + 10)


async def test_all_wallets_are_read_together_by_asking_for_all(twin: Any, trader: PolySimClient, market: Market):
    wallet = (await sandbox(twin))["id"]
    sandboxed = await place(twin, market, wallet)
    mine = take(trader, market, 5)
    orders = {sandboxed["order_id"], mine["order_id"]}
    assert {row["order_id"] for row in await done(twin.history(wallet_id="all"))} == orders
    assert {row["order_id"] for row in await done(twin.list_orders(wallet_id="ALL"))} == orders
    positions = await done(twin.positions(status="OPEN", wallet_id="all"))
    assert sorted(dec(position["quantity"]) for position in positions) == [5, 10]
    assert [dec(position["quantity"]) for position in await done(twin.positions())] == [5]


async def test_shares_of_one_wallet_cannot_be_sold_from_another(twin: Any, trader: PolySimClient, market: Market):
    wallet = (await sandbox(twin))["id"]
    take(trader, market, 10)
    refusal = await place(twin, market, wallet, side="SELL", price="0.01")
    assert (refusal["status"], refusal["error"]) == ("REJECTED", "INSUFFICIENT_POSITION")
    with refused("INSUFFICIENT_BALANCE"):
        rest(trader, market, "0.01", 1_000_000)
    assert (await place(twin, market, wallet, order_type="limit", price="0.01", quantity=1_000_000))["status"] == (
        "PENDING"
    )


async def test_a_reset_sandbox_begins_again(twin: Any, market: Market):
    wallet = (await sandbox(twin))["id"]
    await place(twin, market, wallet)
    resting = await place(twin, market, wallet, order_type="limit", price=market.inside())
    again = await done(twin.reset_wallet(wallet))
    assert (again["id"], again["balance"], again["generation"]) == (wallet, "10000.00", 2)
    assert await done(twin.get_wallet(wallet)) == again
    assert await done(twin.positions(status="OPEN", wallet_id=str(wallet))) == []
    assert (await done(twin.get_order(resting["order_id"], wallet_id=wallet)))["status"] == "CANCELLED"


async def test_an_archived_sandbox_trades_no_more(twin: Any, market: Market):
    wallet = (await sandbox(twin))["id"]
    await place(twin, market, wallet)
    archived = await done(twin.archive_wallet(wallet))
    assert (archived["id"], archived["status"]) == (wallet, "archived")
    assert archived["archived_at"] is not None
    assert await done(twin.get_wallet(wallet)) == archived
    refusal = await place(twin, market, wallet)
    assert (refusal["status"], refusal["order_id"]) == ("REJECTED", 0)
    assert refusal["error"]
    assert len(await done(twin.history(wallet_id=str(wallet)))) == 1


async def test_a_plan_has_a_number_of_sandboxes(twin: Any):
    made = [(await sandbox(twin, f"sandbox-{number}"))["id"] for number in range(3)]
    with refused("UPGRADE_REQUIRED", 402) as caught:
        await sandbox(twin, "one too many")
    assert caught.value.payload["feature_key"] == "wallets.sandbox_baseline"
    assert caught.value.payload["upgrade_url"] == "/pricing"
    assert {wallet["id"] for wallet in await done(twin.list_wallets()) if wallet["kind"] == "SANDBOX"} == set(made)


@pytest.mark.parametrize(("persona", "baseline"), [("trader", "10000.00"), ("whale", "25000.00")])
async def test_a_sandbox_opens_with_what_the_plan_gives(native: type, server: Server, persona: str, baseline: str):
    async with opened(native(api_key=server.key(persona), base_url=server.base_url)) as client:
        made = await sandbox(client)
        assert (made["balance"], made["baseline"]) == (baseline, baseline)


async def test_a_free_plan_has_no_sandbox(native: type, server: Server):
    async with opened(native(api_key=server.key("reader"), base_url=server.base_url)) as client:
        with refused("UPGRADE_REQUIRED", 402) as caught:
            await sandbox(client)
        assert caught.value.payload["feature_key"] == "wallets.sandbox_baseline"
        assert (await kinds(client)).keys() == {"API", "MAIN"}


# -- What wallets may not --


async def test_the_wallets_from_the_beginning_stay_and_no_other_kind_is_made(twin: Any):
    for wallet in (await kinds(twin)).values():
        with pytest.raises(ApiError) as caught:
            await done(twin.archive_wallet(wallet["id"]))
        assert (caught.value.status_code, bool(caught.value.code)) == (400, True)
        assert (await done(twin.get_wallet(wallet["id"])))["status"] == "active"
    for kind in ("API", "MAIN", "COMPETITION", "PIGGY_BANK"):
        with pytest.raises(ApiError) as caught:
            await done(twin.create_wallet(name="another", kind=kind))
        assert caught.value.status_code in (400, 422), kind
    assert len(await done(twin.list_wallets())) == 2


async def test_the_main_wallet_does_not_trade_here(twin: Any, market: Market):
    main = (await kinds(twin))["MAIN"]["id"]
    refusal = await place(twin, market, main)
    assert (refusal["status"], refusal["order_id"]) == ("REJECTED", 0)
    assert (await done(twin.get_wallet(main)))["balance"] == "1000.00"
    assert await done(twin.history(wallet_id="all")) == []


async def test_anothers_wallet_is_not_there(server: Server, twin: Any, desk: PolySimClient, market: Market):
    theirs = (await sandbox(desk))["id"]
    for ask in (
        lambda: twin.get_wallet(theirs),
        lambda: twin.update_wallet(theirs, name="mine"),
        lambda: twin.archive_wallet(theirs),
        lambda: twin.reset_wallet(theirs),
        lambda: twin.positions(wallet_id=str(theirs)),
        lambda: twin.me(wallet_id=str(theirs)),
        lambda: twin.get_wallet(999_999_999),
    ):
        with refused("WALLET_NOT_FOUND", 404):
            await done(ask())
    refusal = await place(twin, market, theirs)
    assert (refusal["status"], refusal["error"]) == ("REJECTED", "WALLET_NOT_FOUND")
    with refused("VALIDATION_FAILED", 422):
        await done(twin.positions(wallet_id="some"))
    assert desk.get_wallet(theirs)["label"] == "sandbox"


@pytest.mark.parametrize(("persona", "resets"), [("reader", 1), ("trader", 4)])
async def test_the_main_wallet_is_reset_as_often_as_the_plan_allows_in_thirty_days(
    native: type, server: Server, persona: str, resets: int
):
    async with opened(native(api_key=server.key(persona), base_url=server.base_url)) as client:
        main = (await kinds(client))["MAIN"]["id"]
        for number in range(resets):
            again = await done(client.reset_wallet(main))
            assert (again["balance"], again["generation"]) == ("1000.00", number + 2)
        with refused("UPGRADE_REQUIRED", 402):
            await done(client.reset_wallet(main))
        assert (await done(client.get_wallet(main)))["generation"] == resets + 1
        server.advance(30 * 86_400 + 1)
        assert (await done(client.reset_wallet(main)))["generation"] == resets + 2
