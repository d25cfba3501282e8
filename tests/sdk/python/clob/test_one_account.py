"""A persona's account is one and the same behind PolySimulator's key and Polymarket's wallet."""

from __future__ import annotations

from decimal import Decimal

from polysim_sdk import PolySimClient

from bots import BUY, SELL, Bot
from harness import Market, dec, exact_cash, rest, take

OPENING = Decimal(10_000)


def test_an_order_placed_with_a_key_is_open_for_the_wallet_and_canceled_by_it(
    bot: Bot, trader: PolySimClient, market: Market
):
    placed = rest(trader, market, market.inside(), "12.5")
    (resting,) = bot.open_orders()
    assert (resting.market, resting.token, resting.outcome) == (market.condition_id, market.yes, "Yes")
    assert (resting.side, resting.price, resting.shares) == (BUY, Decimal(market.inside()), Decimal("12.5"))
    assert (resting.matched, resting.status, resting.kind) == (0, "LIVE", "GTC")
    assert len(resting.id) == 66
    assert resting.id.startswith("0x")
    assert bot.order(resting.id) == resting
    assert bot.cancel(resting.id) == ([resting.id], {})
    assert trader.get_order(placed["order_id"])["status"] == "CANCELLED"
    assert trader.balance()["balance"] == "10000.00"


def test_an_order_signed_by_the_wallet_is_open_for_the_key_and_canceled_by_it(
    bot: Bot, trader: PolySimClient, market: Market
):
    order_id = bot.rest(market.no, BUY, 1 - market.ask, "12.5")
    (row,) = trader.data_orders()["data"]
    assert (row["market"], row["outcome"], row["side"]) == (market.condition_id, "No", "BUY")
    assert (dec(row["price"]), dec(row["original_size"])) == (1 - market.ask, Decimal("12.5"))
    assert trader.cancel_order(row["id"])["status"] == "CANCELLED"
    assert bot.open_orders() == []
    assert bot.order(order_id).status == "CANCELED"


def test_all_orders_of_an_account_are_canceled_through_either_door(bot: Bot, trader: PolySimClient, market: Market):
    for cancel_all in (bot.cancel_all, trader.cancel_all):
        bot.rest(market.yes, BUY, market.inside())
        rest(trader, market, market.inside(2))
        assert len(bot.open_orders()) == len(trader.data_orders()["data"]) == 2
        cancel_all()
        assert bot.open_orders() == trader.data_orders()["data"] == []


def test_shares_bought_through_one_door_are_sold_through_the_other(bot: Bot, trader: PolySimClient, market: Market):
    take(trader, market, 20)
    assert bot.shares(market.yes) == 20
    cash = OPENING - 20 * market.ask - market.fee(market.ask, 20)
    assert bot.cash() == exact_cash(trader) == cash
    sold = bot.hit(market.yes, SELL, market.bid, 15)
    cash += sold.got - market.fee(market.bid, 15)
    assert bot.cash() == exact_cash(trader) == cash
    (position,) = trader.positions(status="OPEN")
    assert (position["outcome"], dec(position["quantity"])) == ("Yes", 5)
    take(trader, market, 5, side="SELL")
    assert bot.shares(market.yes) == 0

    told = sorted((trade.side, trade.price, trade.shares) for trade in bot.trades())
    assert told == sorted([(BUY, market.ask, 20), (SELL, market.bid, 15), (SELL, market.bid, 5)])
    rows = trader.data_trades()["data"]
    assert sorted((row["side"], dec(row["price"]), dec(row["size"])) for row in rows) == told


def test_a_key_and_a_wallet_trade_with_each_other(bot: Bot, desk: PolySimClient, market: Market):
    price = Decimal(market.inside(2))
    order_id = bot.rest(market.yes, BUY, price, 20)
    take(desk, market, 20, outcome="No", price=str(1 - price))
    assert (bot.order(order_id).status, bot.order(order_id).matched) == ("MATCHED", 20)
    assert exact_cash(desk) == OPENING - 20 * (1 - price) - market.fee(1 - price, 20)

    rest(desk, market, str(1 - price), 10, outcome="No", side="SELL")
    merged = bot.hit(market.yes, SELL, price, 10)
    assert merged.got == 10 * price
    assert (bot.shares(market.yes), bot.cash()) == (10, OPENING - 10 * price - market.fee(price, 10))
