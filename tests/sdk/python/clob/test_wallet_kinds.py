"""The wallets a key owns beside itself: a proxy, a Safe and, of the newer clients, a deposit wallet."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from decimal import Decimal

import pytest
from polymarket import SecureClient
from polysim_sdk import PolySimClient

from bots import BUY, DEPOSIT, EOA, PROXY, REFUSED, SAFE, SELL, Bot, MakeBot, Posted, environment, refuses, wallet_of
from clients import Py1, Py2, Py2First, Pyu
from harness import Market, Server
from places import neg_risk_market

OPENING = Decimal(10_000)

# The first generation knows no deposit wallets.
KINDS = [
    (client, kind)
    for client in (Py1, Py2, Py2First, Pyu)
    for kind in (PROXY, SAFE, DEPOSIT)
    if kind != DEPOSIT or client in (Py2, Pyu)
]
NAMES = {PROXY: "proxy", SAFE: "safe", DEPOSIT: "deposit"}
every_kind = pytest.mark.parametrize(
    ("client", "kind"), KINDS, ids=[f"{client.name}-{NAMES[kind]}" for client, kind in KINDS]
)


@every_kind
def test_every_wallet_of_a_key_draws_on_one_account(make_bot: MakeBot, client: type[Bot], kind: int, market: Market):
    itself, bot, other = make_bot(client, "trader"), make_bot(client, "trader", kind), make_bot(client, "desk")
    assert (bot.address, bot.creds) == (itself.address, itself.creds)
    assert bot.wallet == wallet_of(bot.address, kind) != bot.address

    price = Decimal(market.inside(2))
    signed = bot.sign(market.yes, BUY, price, 20)
    placed = bot.post(signed)
    assert placed == Posted(bot.order_id(signed))
    (resting,) = bot.open_orders()
    assert (resting.id, resting.wallet, resting.shares) == (placed.id, bot.wallet, 20)
    assert itself.open_orders() == [resting]

    other.hit(market.no, BUY, 1 - price, 10)
    assert itself.cash() == bot.cash() == OPENING - 10 * price
    assert itself.shares(market.yes) == bot.shares(market.yes) == 10
    assert itself.trades() == bot.trades() == [replace(trade, role="MAKER") for trade in other.trades()]
    assert itself.cancel(placed.id) == ([placed.id], {})
    # What one wallet of the key has bought, another sells.
    sold = itself.hit(market.yes, SELL, market.bid, 10)
    assert bot.cash() == OPENING - 10 * price + sold.got - market.fee(market.bid, 10)


@every_kind
def test_a_stranger_is_funded_whatever_wallet_it_comes_with(
    make_bot: MakeBot, client: type[Bot], kind: int, market: Market
):
    stranger = make_bot(client, kind=kind)
    funded = stranger.cash()
    assert funded >= 100
    placed = stranger.hit(market.yes, BUY, market.ask, 10)
    assert stranger.cash() == funded - placed.gave - market.fee(market.ask, 10)
    assert [trade.taker_order for trade in stranger.trades()] == [placed.id]


def test_a_deposit_wallets_order_in_a_neg_risk_market_is_signed_for_that_contract(
    make_bot: MakeBot, trader: PolySimClient
):
    grouped = neg_risk_market(trader)
    for client in (Py2, Pyu):
        bot = make_bot(client, kind=DEPOSIT)
        with refuses("invalid signature"):
            bot.post(bot.sign(grouped.yes, BUY, grouped.inside(), neg_risk=False))
        signed = bot.sign(grouped.yes, BUY, grouped.inside())
        assert bot.post(signed) == Posted(bot.order_id(signed, neg_risk=True))


@pytest.mark.parametrize(
    ("client", "kind"), [pair for pair in KINDS if pair[0] is not Pyu], ids=lambda value: getattr(value, "name", None)
)
def test_nobody_reaches_the_account_behind_a_wallet_that_is_anothers(
    make_bot: MakeBot, client: type[Bot], kind: int, market: Market
):
    owner, thief = make_bot(client, "trader", kind), make_bot(client, "desk", kind)
    owner.hit(market.yes, BUY, market.ask, 20)
    cash = owner.cash()
    # A funder is nothing but an argument, and everybody knows everybody's address.
    thief.client.builder.funder = owner.wallet
    for side, price in ((BUY, market.ask), (SELL, market.bid)):
        # Refused, or an order of the thief's own account: which of the two, nobody promises.
        with contextlib.suppress(*REFUSED):
            thief.post(thief.sign(market.yes, side, price, 20))
    assert (owner.cash(), owner.shares(market.yes)) == (cash, 20)
    assert (len(owner.trades()), owner.open_orders()) == (1, [])


def test_a_key_that_does_not_own_a_deposit_wallet_cannot_sign_for_it(server: Server, market: Market):
    """The unified client signs such an order as a delegated key, which nobody here can be."""
    key, wallet = server.personas["desk"]["private_key"], wallet_of(server.personas["trader"]["address"], DEPOSIT)
    with SecureClient.create(private_key=key, wallet=wallet, environment=environment(server)) as client:
        with refuses("invalid signature"):
            client.place_limit_order(token_id=market.yes, price=market.inside(), size=10, side=BUY)


def test_the_unified_client_picks_the_deposit_wallet_when_it_is_given_none(server: Server, market: Market):
    """It asks the relayer whether that wallet is deployed, and would go to a chain if it were not."""
    key = server.personas["trader"]["private_key"]
    address = server.personas["trader"]["address"]
    with SecureClient.create(private_key=key, environment=environment(server)) as client:
        assert client.wallet_type == "DEPOSIT_WALLET"
        assert (client.signer, client.wallet) == (address, wallet_of(address, DEPOSIT))
        placed = client.place_limit_order(token_id=market.yes, price=market.inside(), size=10, side=BUY)
        assert (placed.ok, placed.status) == (True, "live")
        (resting,) = client.list_open_orders().iter_items()
        assert (resting.id, resting.maker_address) == (placed.order_id, client.wallet)
        assert client.is_gasless_ready()
    with SecureClient.create(private_key=key, wallet=address, environment=environment(server)) as client:
        assert client.wallet_type == "EOA"
        assert client.cancel_order(order_id=placed.order_id).canceled == (placed.order_id,)


def test_each_wallet_of_a_key_is_known_to_the_unified_client_by_its_address(server: Server):
    key, address = (server.personas["trader"][name] for name in ("private_key", "address"))
    types = {EOA: "EOA", PROXY: "POLY_PROXY", SAFE: "GNOSIS_SAFE", DEPOSIT: "DEPOSIT_WALLET"}
    balances = set()
    for kind, name in types.items():
        wallet = wallet_of(address, kind)
        with SecureClient.create(private_key=key, wallet=wallet, environment=environment(server)) as client:
            assert (client.wallet, client.wallet_type) == (wallet, name)
            balances.add(client.get_balance_allowance(asset_type="COLLATERAL").balance)
    assert balances == {10_000_000_000}
