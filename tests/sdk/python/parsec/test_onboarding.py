"""How a customer comes by an exchange account: managed wallets, credentials of their own. (§8.1 to 8.3)"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from eth_account import Account
from parsec_api import BadRequestError, omit
from py_clob_client.client import ClobClient

from harness import Server
from twins import Api, declined
from venues import KALSHI, OPENING, POLYMARKET, Market, cash, clob_keys, kalshi_keys, pick_market, rest, take

ADDRESS = "0x[0-9a-f]{40}"
# What the whale has on Polymarket, through every door.
WHALES = Decimal(25_000)
SOMEONES = "0x" + "1a" * 20


async def linked(api: Api) -> dict[str, bool]:
    return {row.exchange: row.has_credentials for row in (await api.wallet.retrieve()).linked_exchanges}


# -- Managed --


async def test_a_managed_wallet_is_a_real_one_and_trades(whale: Api, market: Market):
    nothing = await whale.wallet.retrieve()
    assert (nothing.wallet, nothing.wallets, nothing.session_signer, nothing.linked_exchanges) == (None, [], None, [])
    done = await whale.onboard.create(exchange=POLYMARKET, mode="managed")
    assert (done.exchange, done.mode, done.status) == (POLYMARKET, "managed", "complete")
    assert done.steps_completed == ["wallet_eoa_created", "exchange_linked"]
    assert (done.linked_exchanges, done.safe_address) == ([POLYMARKET], None)
    assert re.fullmatch(ADDRESS, done.eoa_address)

    # The key that is handed out is the key of that very address.
    exported = await whale.wallet.export_key()
    assert re.fullmatch("0x[0-9a-f]{64}", exported.private_key)
    assert Account.from_key(exported.private_key).address.lower() == done.eoa_address
    assert await whale.wallet.export_key(wallet_type="eoa") == exported

    # A ready user's wallet is the one that it has everywhere.
    assert await cash(whale, POLYMARKET) == WHALES
    await take(whale, market, 10)
    assert await cash(whale, POLYMARKET) == WHALES - market.cost((market.ask, Decimal(10)))
    (ping,) = await whale.account.ping(exchange=POLYMARKET)
    assert (ping.has_credentials, ping.authenticated) == (True, True)


async def test_a_wallet_shows_its_address_its_signer_and_its_dollars(server: Server, whale: Api):
    now = server.pause() // 1000
    address = (await whale.onboard.create(exchange=POLYMARKET, mode="managed")).eoa_address
    shown = await whale.wallet.retrieve()
    wallet = shown.wallet
    assert shown.wallets == [wallet]
    assert (wallet.eoa_address, wallet.wallet_type, wallet.chain_id) == (address, "eoa", 137)
    assert wallet.safe_address is None
    assert wallet.privy_wallet_id
    assert int(wallet.created_at.timestamp()) == now
    (dollars,) = wallet.balances
    assert (dollars.token, dollars.decimals, dollars.raw_balance) == ("USDC", 6, "25000000000")
    assert Decimal(dollars.balance) == WHALES
    assert shown.session_signer.active
    assert shown.session_signer.expires_at > wallet.created_at
    assert await linked(whale) == {POLYMARKET: True}


async def test_who_is_linked_already_is_told_so_and_keeps_the_wallet(whale: Api):
    first = await whale.onboard.create(exchange=POLYMARKET, mode="managed")
    again = await whale.onboard.create(exchange=POLYMARKET, mode="managed")
    assert (again.status, again.steps_completed) == ("already_linked", [])
    assert (again.eoa_address, again.linked_exchanges) == (first.eoa_address, [POLYMARKET])
    assert len((await whale.wallet.retrieve()).wallets) == 1
    assert await cash(whale, POLYMARKET) == WHALES


async def test_a_safe_belongs_to_the_address_it_was_made_for(whale: Api, market: Market):
    done = await whale.onboard.create(
        exchange=POLYMARKET, mode="managed", wallet_type="safe", eoa_address=SOMEONES, chain_id=137
    )
    assert done.steps_completed == ["external_eoa_provided", "wallet_safe_created", "exchange_linked"]
    assert (done.status, done.eoa_address, done.linked_exchanges) == ("complete", SOMEONES, [POLYMARKET])
    assert re.fullmatch(ADDRESS, done.safe_address)
    assert done.safe_address != SOMEONES
    (wallet,) = (await whale.wallet.retrieve()).wallets
    assert (wallet.wallet_type, wallet.eoa_address, wallet.safe_address) == ("safe", SOMEONES, done.safe_address)
    assert wallet.privy_wallet_id == ""
    # Its key is at home with its owner.
    with declined(400, "bad_request"):
        await whale.wallet.export_key(wallet_type="safe")
    await rest(whale, market)
    assert await cash(whale, POLYMARKET) == OPENING - 10 * market.inside()


async def test_without_a_managed_wallet_there_is_no_key_to_export(visitor: Api):
    with declined(400, "bad_request"):
        await visitor.wallet.export_key()


# -- Self --


async def test_keys_of_kalshi_are_stored_and_replaced(whale: Api):
    market = await pick_market(whale, KALSHI)
    for name, spent in (("ann", 10), ("bob", 0)):
        done = await whale.onboard.create(exchange=KALSHI, mode="self", **kalshi_keys(name))
        assert (done.exchange, done.mode, done.status) == (KALSHI, "self", "complete")
        assert done.steps_completed == ["credentials_validated", "credentials_stored"]
        assert (done.eoa_address, done.safe_address, done.linked_exchanges) == (None, None, [KALSHI])
        # Others' keys lead to another account, and each of them opens with the same.
        assert await cash(whale, KALSHI) == OPENING
        if spent:
            await take(whale, market, spent)
    assert await whale.positions.list(exchange=KALSHI) == []
    await whale.onboard.create(exchange=KALSHI, mode="self", **kalshi_keys("ann"))
    (position,) = await whale.positions.list(exchange=KALSHI)
    assert (position.market_id, position.size) == (market.id, 10)
    assert await linked(whale) == {KALSHI: True}


async def test_a_wallets_own_key_trades_the_wallets_account(server: Server, whale: Api, market: Market):
    key = Account.create().key.to_0x_hex()
    done = await whale.onboard.create(exchange=POLYMARKET, mode="self", private_key=key, **clob_keys("ann"))
    assert (done.status, done.steps_completed) == ("complete", ["credentials_stored"])
    assert (done.eoa_address, done.safe_address, done.linked_exchanges) == (None, None, [POLYMARKET])
    assert await cash(whale, POLYMARKET) == OPENING
    placed = await rest(whale, market)
    # The same account that the wallet has behind Polymarket's own client.
    bot = ClobClient(server.base_url, chain_id=137, key=key)
    bot.set_api_creds(bot.create_or_derive_api_creds())
    (order,) = bot.get_orders()
    assert (order["market"], Decimal(order["price"])) == (market.condition_id, market.inside())
    bot.cancel_all()
    assert (await whale.orders.retrieve(placed.id, exchange=POLYMARKET)).status == "cancelled"


async def test_api_keys_without_the_wallets_key_read_and_do_not_trade(server: Server, whale: Api, market: Market):
    bot = ClobClient(server.base_url, chain_id=137, key=server.personas["trader"]["private_key"])
    creds = bot.create_or_derive_api_creds()
    await whale.onboard.create(
        exchange=POLYMARKET,
        mode="self",
        clob_api_key=creds.api_key,
        clob_api_secret=creds.api_secret,
        clob_api_passphrase=creds.api_passphrase,
    )
    # Keys that were issued here prove the account they were issued for.
    assert await cash(whale, POLYMARKET) == 10_000
    assert await whale.orders.list(exchange=POLYMARKET) == []
    with declined(403, "credentials_required"):
        await rest(whale, market)


async def test_both_venues_can_be_linked(whale: Api):
    await whale.onboard.create(exchange=POLYMARKET, mode="managed")
    done = await whale.onboard.create(exchange=KALSHI, mode="self", **kalshi_keys("ann"))
    assert sorted(done.linked_exchanges) == [KALSHI, POLYMARKET]
    assert await linked(whale) == {POLYMARKET: True, KALSHI: True}
    able = {row.id for row in await whale.exchanges.list() if row.has.create_order}
    assert able == {POLYMARKET, KALSHI}


# -- Why not --


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"exchange": omit, "mode": "managed"}, "missing_parameter"),
        ({"exchange": POLYMARKET, "mode": omit}, "missing_parameter"),
        ({"exchange": POLYMARKET, "mode": "borrowed"}, None),
        ({"exchange": KALSHI, "mode": "managed"}, None),
        ({"exchange": POLYMARKET, "mode": "managed", "wallet_type": "safe"}, None),
        ({"exchange": POLYMARKET, "mode": "managed", "wallet_type": "safe", "eoa_address": "0x12"}, None),
        ({"exchange": POLYMARKET, "mode": "managed", "wallet_type": "eoa", "eoa_address": SOMEONES}, None),
        ({"exchange": POLYMARKET, "mode": "managed", "wallet_type": "paper"}, None),
        ({"exchange": POLYMARKET, "mode": "self"}, "missing_parameter"),
        ({"exchange": POLYMARKET, "mode": "self", "private_key": "0x" + "42" * 32}, "missing_parameter"),
        ({"exchange": POLYMARKET, "mode": "self", "private_key": "0x12", **clob_keys("ann")}, "bad_request"),
        ({"exchange": KALSHI, "mode": "self", "api_key_id": "ann"}, "missing_parameter"),
        ({"exchange": KALSHI, "mode": "self", "private_key": "-----BEGIN PRIVATE KEY-----"}, "missing_parameter"),
        ({"exchange": KALSHI, "mode": "self", "api_key_id": "ann", "private_key": "not-a-pem"}, "bad_request"),
    ],
)
async def test_what_leads_to_no_account_is_refused(
    shared: Server, enter: Any, asked: dict[str, Any], code: str | None
):
    whale = enter(shared, "whale")
    with pytest.raises(BadRequestError) as caught:
        await whale.onboard.create(**asked)
    assert code in (None, caught.value.code)
    assert await linked(whale) == {}


async def test_an_exchange_that_takes_nobody_on_is_told_apart_from_an_unknown_one(visitor: Api):
    with declined(404, "exchange_not_found"):
        await visitor.onboard.create(exchange="doesnotexist", mode="managed")
    with declined(501, "not_supported"):
        await visitor.onboard.create(exchange="limitless", mode="managed")


async def test_credentials_that_the_exchange_refuses_are_not_stored(whale: Api):
    refused = kalshi_keys("ann") | {"api_key_id": "invalid-key-of-ann"}
    with declined(403, "authentication_failed", "exchange authentication failed: kalshi"):
        await whale.onboard.create(exchange=KALSHI, mode="self", **refused)
    assert await linked(whale) == {}
    with declined(403, "credentials_required"):
        await whale.account.balance(exchange=KALSHI)


async def test_no_secret_comes_back(whale: Api):
    keys = kalshi_keys("ann")
    answers = [
        await whale.onboard.with_raw_response.create(exchange=KALSHI, mode="self", **keys),
        await whale.wallet.with_raw_response.retrieve(),
        await whale.account.with_raw_response.balance(exchange=KALSHI),
    ]
    for answer in answers:
        text = answer.http_response.text
        assert not [line for line in keys["private_key"].splitlines() if line in text]
