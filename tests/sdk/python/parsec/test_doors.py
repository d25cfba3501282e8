"""One account, many doors: what is done through Parsec shows through PolySimulator's SDK and Polymarket's own client,
and the other way round."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from eth_account import Account
from polysim_sdk import PolySimClient
from py_clob_client.client import ClobClient
from py_clob_client.clob_types import AssetType, BalanceAllowanceParams, OrderArgs, TradeParams

from harness import Server, dec, exact_cash
from twins import Api
from venues import OPENING, POLYMARKET, Market, cash, header, num, rest, take

FUNDS = Decimal(10_000)


def wallet(server: Server, key: str) -> ClobClient:
    """Polymarket's client with a wallet's key."""
    bot = ClobClient(server.base_url, chain_id=137, key=key)
    bot.set_api_creds(bot.create_or_derive_api_creds())
    return bot


@pytest.fixture
def clob(server: Server) -> ClobClient:
    """The trader's wallet."""
    return wallet(server, server.personas["trader"]["private_key"])


@pytest.fixture
def polysim(server: Server) -> Iterator[PolySimClient]:
    """The trader's API wallet."""
    with server.client("trader") as client:
        yield client


def money(clob: ClobClient) -> Decimal:
    """What the wallet holds, with what its open orders wait for: on a chain nothing is set aside."""
    return Decimal(clob.get_balance_allowance(BalanceAllowanceParams(AssetType.COLLATERAL))["balance"]) / 1_000_000


# -- Orders --


async def test_an_order_of_parsec_is_open_through_every_door_and_is_canceled_through_another(
    trader: Api, polysim: PolySimClient, clob: ClobClient, market: Market
):
    for door in (polysim, clob):
        placed = await rest(trader, market, size=12.5)
        (row,) = polysim.data_orders()["data"]
        assert placed.id == f"order_{row['id']}"
        assert (row["market"], row["outcome"], row["side"]) == (market.condition_id, "Yes", "BUY")
        assert (dec(row["price"]), dec(row["original_size"])) == (market.inside(), Decimal("12.5"))
        (order,) = clob.get_orders()
        assert (order["market"], order["asset_id"], order["side"]) == (market.condition_id, market.tokens[0], "BUY")
        assert (Decimal(order["price"]), Decimal(order["original_size"])) == (market.inside(), Decimal("12.5"))
        door.cancel_order(row["id"]) if door is polysim else door.cancel(order["id"])
        ended = await trader.orders.retrieve(placed.id, exchange=POLYMARKET)
        assert (ended.status, ended.filled) == ("cancelled", 0)
        assert await cash(trader, POLYMARKET) == FUNDS


async def test_an_order_of_polysimulator_is_open_for_parsec_and_canceled_by_it(
    trader: Api, polysim: PolySimClient, market: Market
):
    placed = polysim.place_order(
        market_id=market.condition_id, side="BUY", outcome="No", order_type="limit", quantity=10,
        price=str(1 - market.ask),
    )  # fmt: skip
    (order,) = await trader.orders.list(exchange=POLYMARKET)
    assert order.id == f"order_{placed['order_id']}"
    assert (order.market_id, order.outcome, order.side) == (market.id, "No", "buy")
    assert (num(order.price), order.size, order.status) == (1 - market.ask, 10, "open")
    assert (await trader.orders.cancel(order.id, exchange=POLYMARKET)).status == "cancelled"
    assert polysim.get_order(placed["order_id"])["status"] == "CANCELLED"


async def test_an_order_signed_by_the_wallet_is_open_for_parsec_and_canceled_by_it(
    trader: Api, clob: ClobClient, market: Market
):
    args = OrderArgs(token_id=market.tokens[0], price=float(market.inside()), size=10, side="BUY")
    posted = clob.post_order(clob.create_order(args))
    (order,) = await trader.orders.list(exchange=POLYMARKET)
    assert (order.market_id, order.outcome, order.side) == (market.id, "Yes", "buy")
    assert (num(order.price), order.size, order.status) == (market.inside(), 10, "open")
    await trader.orders.cancel(order.id, exchange=POLYMARKET)
    assert clob.get_orders() == []
    assert clob.get_order(posted["orderID"])["status"] == "CANCELED"


# -- Shares and money --


async def test_shares_bought_through_one_door_are_sold_through_the_others(
    trader: Api, polysim: PolySimClient, clob: ClobClient, market: Market
):
    await take(trader, market, 30)
    left = FUNDS - market.cost((market.ask, Decimal(30)))
    assert await cash(trader, POLYMARKET) == exact_cash(polysim) == money(clob) == left
    (held,) = polysim.positions(status="OPEN")
    assert (held["outcome"], dec(held["quantity"]), dec(held["avg_entry_price"])) == ("Yes", 30, market.ask)

    polysim.place_order(market_id=market.condition_id, side="SELL", outcome="Yes", quantity=10, price="0.01")
    args = OrderArgs(token_id=market.tokens[0], price=float(market.bid), size=10, side="SELL")
    assert clob.post_order(clob.create_order(args))["status"] == "matched"
    await take(trader, market, 10, side="sell")
    left += 3 * (10 * market.bid - market.fee((market.bid, Decimal(10))))
    assert await cash(trader, POLYMARKET) == exact_cash(polysim) == money(clob) == left
    assert await trader.positions.list(exchange=POLYMARKET) == polysim.positions(status="OPEN") == []

    # One history, whoever reads it.
    told = [(fill.side, num(fill.price), num(fill.size)) for fill in await trader.fills.list(exchange=POLYMARKET)]
    assert told == 3 * [("sell", market.bid, 10)] + [("buy", market.ask, 30)]
    rows = polysim.data_trades()["data"]
    assert sorted((row["side"].lower(), dec(row["price"]), dec(row["size"])) for row in rows) == sorted(told)
    trades = clob.get_trades(TradeParams())
    seen = [(trade["side"].lower(), Decimal(trade["price"]), Decimal(trade["size"])) for trade in trades]
    assert sorted(seen) == sorted(told)


async def test_parsec_and_polysimulator_trade_with_each_other(
    trader: Api, desk: Api, polysim: PolySimClient, server: Server, market: Market
):
    price = market.inside()
    order = await rest(desk, market, size=20)
    filled = polysim.place_order(
        market_id=market.condition_id, side="BUY", outcome="No", quantity=20, price=str(1 - price)
    )
    assert filled["status"] == "FILLED"
    assert (await desk.orders.retrieve(order.id, exchange=POLYMARKET)).status == "filled"
    assert await cash(desk, POLYMARKET) == FUNDS - 20 * price
    with server.client("desk") as other:
        assert exact_cash(other) == FUNDS - 20 * price
    assert await cash(trader, POLYMARKET) == FUNDS - market.cost((1 - price, Decimal(20)))


# -- Wallets of Parsec --


async def test_the_exported_key_of_a_managed_wallet_opens_it_in_polymarkets_client(
    server: Server, whale: Api, market: Market
):
    await whale.onboard.create(exchange=POLYMARKET, mode="managed")
    order = await rest(whale, market)
    bot = wallet(server, (await whale.wallet.export_key()).private_key)
    assert money(bot) == 25_000
    (open_order,) = bot.get_orders()
    assert Decimal(open_order["price"]) == market.inside()
    bot.cancel_all()
    assert (await whale.orders.retrieve(order.id, exchange=POLYMARKET)).status == "cancelled"


async def test_a_wallet_that_signed_for_polymarket_is_reached_by_its_key(server: Server, whale: Api, market: Market):
    key = Account.create().key.to_0x_hex()
    bot = wallet(server, key)
    args = OrderArgs(token_id=market.tokens[0], price=float(market.ask), size=10, side="BUY")
    assert bot.post_order(bot.create_order(args))["status"] == "matched"
    how = {"x_exchange_credentials": header({"private_key": key})}
    (position,) = await whale.positions.list(exchange=POLYMARKET, **how)
    assert (position.market_id, position.outcome, position.size) == (market.id, "Yes", 10)
    assert await cash(whale, POLYMARKET, **how) == OPENING - market.cost((market.ask, Decimal(10)))
