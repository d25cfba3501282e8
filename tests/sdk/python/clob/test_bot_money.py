"""Whose money and shares are where, asked of each client alike, to the micro-dollar."""

from __future__ import annotations

from decimal import Decimal

import pytest
from polysim_sdk import PolySimClient

from bots import ALLOWANCE_MAX, BUY, SELL, Bot, MakeBot, refuses
from clients import Py1
from harness import Market, Server, cents, dec, exact_cash, fee, notional, pick_market
from places import neg_risk_market

OPENING = Decimal(10_000)


def test_everything_is_allowed_from_the_start_and_on_every_contract(bot: Bot, market: Market):
    """So that no client ever sets out to approve something on a chain."""
    for balance in (bot.balance(), bot.balance(market.yes)):
        # Both exchanges of three generations at least, some of them at one address, and the adapter.
        assert len(balance.allowances) >= 5
        assert set(balance.allowances.values()) == {ALLOWANCE_MAX}
        assert all(len(contract) == 42 and contract.startswith("0x") for contract in balance.allowances)
    assert (bot.balance().units, bot.balance(market.yes).units) == (10_000_000_000, 0)


def test_an_order_that_walks_the_book_pays_each_level_its_price_and_a_fee_for_each(bot: Bot, market: Market):
    placed = bot.post(bot.sign(market.yes, BUY, market.ask + market.tick, 250))
    matches = [(market.ask, Decimal(200)), (market.ask + market.tick, Decimal(50))]
    assert (placed.status, placed.gave, placed.got) == ("matched", notional(matches), 250)
    assert (bot.cash(), bot.shares(market.yes)) == (
        OPENING - notional(matches) - fee(matches, market.fee_bps),
        250,
    )
    trades = {trade.id: trade for trade in bot.trades()}
    assert tuple(trades) == placed.trades or tuple(reversed(trades)) == placed.trades
    for trade_id, hash_, (price, shares) in zip(placed.trades, placed.hashes, matches, strict=True):
        trade = trades[trade_id]
        assert (trade.price, trade.shares, trade.hash) == (price, shares, hash_)
        assert (trade.taker_order, trade.side, trade.role) == (placed.id, BUY, "TAKER")
        (maker,) = trade.makers
        # The house sells Yes, or buys No: either is an offer of Yes at this price.
        assert (maker.token, maker.side, maker.price, maker.shares) in (
            (market.yes, SELL, price, shares),
            (market.no, BUY, 1 - price, shares),
        )
    assert len(set(placed.hashes)) == 2
    assert all(len(hash_) == 66 and hash_.startswith("0x") for hash_ in placed.hashes)


@pytest.mark.parametrize("category", ["crypto", "politics", "sports", "geopolitics"])
def test_the_taker_pays_the_fee_of_the_markets_category(make_bot: MakeBot, trader: PolySimClient, category: str):
    bot = make_bot(Py1, "trader")
    market = pick_market(trader, category=category)
    bot.hit(market.yes, BUY, market.ask, "12.34")
    cash = OPENING - Decimal("12.34") * market.ask - market.fee(market.ask, Decimal("12.34"))
    assert bot.cash() == cash
    bot.hit(market.yes, SELL, market.bid, "12.34")
    assert bot.cash() == cash + Decimal("12.34") * market.bid - market.fee(market.bid, Decimal("12.34"))
    assert bot.shares(market.yes) == 0


def test_an_account_shows_the_same_money_through_both_doors(bot: Bot, trader: PolySimClient, market: Market):
    bot.hit(market.yes, BUY, market.ask, "33.33")
    bot.hit(market.no, BUY, 1 - market.bid, 20)
    assert bot.cash() == exact_cash(trader) < OPENING
    # PolySimulator shows cents, and of them what no open order holds.
    assert dec(trader.balance()["balance"]) == cents(bot.cash())
    bot.rest(market.yes, BUY, market.inside(), 100)
    assert bot.cash() == exact_cash(trader)
    assert dec(trader.balance()["balance"]) == cents(bot.cash() - 100 * Decimal(market.inside()))
    held = {position["outcome"]: dec(position["quantity"]) for position in trader.positions(status="OPEN")}
    assert held == {"Yes": bot.shares(market.yes), "No": bot.shares(market.no)}
    assert held == {"Yes": Decimal("33.33"), "No": Decimal(20)}


def test_what_an_order_holds_cannot_be_spent_twice(bot: Bot, market: Market):
    price = Decimal(market.inside())
    most = (OPENING / price).quantize(Decimal("0.01"), "ROUND_DOWN")
    order_id = bot.rest(market.yes, BUY, price, most)
    with refuses("not enough balance / allowance", more=True):
        bot.post(bot.sign(market.yes, BUY, price, 10))
    bot.cancel(order_id)
    bot.rest(market.yes, BUY, price, 10)


@pytest.mark.parametrize("tick", ["0.01", "0.001"])
def test_a_neg_risk_market_is_traded_under_its_own_contract(bot: Bot, other: Bot, trader: PolySimClient, tick: str):
    market = neg_risk_market(trader, tick=tick)
    price = Decimal(market.inside(2))
    signed = bot.sign(market.yes, BUY, price, 20)
    crossing = other.sign(market.no, BUY, 1 - price, 20)
    assert bot.post(signed).id == bot.order_id(signed, neg_risk=True) != bot.order_id(signed)
    taken = other.post(crossing)
    assert (taken.id, taken.status, taken.gave, taken.got) == (
        other.order_id(crossing, neg_risk=True),
        "matched",
        20 * (1 - price),
        20,
    )
    assert (bot.shares(market.yes), other.shares(market.no)) == (20, 20)
    assert bot.cash() == OPENING - 20 * price
    assert other.cash() == OPENING - 20 * (1 - price) - market.fee(1 - price, 20)


def test_a_resolved_market_cancels_what_rests_pays_the_winner_and_takes_no_more(
    server: Server, bot: Bot, other: Bot, trader: PolySimClient, market: Market
):
    price = Decimal(market.inside(2))
    order_id = bot.rest(market.yes, BUY, price, 30)
    other.hit(market.no, BUY, 1 - price, 20)
    late = bot.sign(market.yes, BUY, price)
    server.resolve(market, "Yes")
    assert bot.open_orders() == []
    assert (bot.order(order_id).status[: len("CANCELED")], bot.order(order_id).matched) == ("CANCELED", 20)
    assert (bot.shares(market.yes), other.shares(market.no)) == (0, 0)
    assert bot.cash() == exact_cash(trader) == OPENING - 20 * price + 20
    assert other.cash() == OPENING - 20 * (1 - price) - market.fee(1 - price, 20)
    with refuses("the market is not yet ready to process new orders"):
        bot.post(late)
