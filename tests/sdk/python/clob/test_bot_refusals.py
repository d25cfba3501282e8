"""What is refused and in which words, asked of each client alike: bots look for these sentences."""

from __future__ import annotations

import time
from decimal import ROUND_DOWN, Decimal

from polysim_sdk import PolySimClient

from bots import BUY, SELL, Bot, Posted, refuses
from harness import Market
from places import neg_risk_market


def test_what_cannot_be_paid_for_is_refused_in_the_words_bots_look_for(bot: Bot, market: Market):
    """In none of the words that send the unified client to a chain for an allowance: it would fail there."""
    for token, side, price, shares in (
        (market.yes, BUY, market.ask, 100_000),
        (market.yes, BUY, market.inside(), 100_000),
        (market.yes, SELL, market.bid, 10),
        (market.no, SELL, 1 - market.bid, 10),
    ):
        with refuses("not enough balance / allowance", more=True):
            bot.post(bot.sign(token, side, price, shares))
    bot.hit(market.yes, BUY, market.ask, 20)
    with refuses("not enough balance / allowance", more=True):
        bot.post(bot.sign(market.yes, SELL, market.bid, "20.01"))
    with refuses("not enough balance / allowance", more=True):
        bot.take(market.yes, SELL, 21, "FAK", price=market.bid)
    assert (bot.open_orders(), bot.shares(market.yes)) == ([], 20)


def test_an_order_is_taken_once_in_its_life_and_never_again(bot: Bot, market: Market):
    resting = bot.sign(market.yes, BUY, market.inside())
    taking = bot.sign(market.yes, BUY, market.ask)
    assert (bot.post(resting).status, bot.post(taking).status) == ("live", "matched")
    for signed in (resting, taking):
        with refuses(f"order {bot.order_id(signed)} is invalid. Duplicated."):
            bot.post(signed)
    bot.cancel(bot.order_id(resting))
    with refuses(f"order {bot.order_id(resting)} is invalid. Duplicated."):
        bot.post(resting)
    assert (bot.open_orders(), bot.shares(market.yes)) == ([], 10)


def test_the_same_order_twice_in_a_batch_is_one_order(bot: Bot, market: Market):
    signed = bot.sign(market.yes, BUY, market.inside())
    order_id = bot.order_id(signed)
    first, second = bot.post_all([(signed, "GTC"), (signed, "GTC")])
    assert first == Posted(order_id)
    assert second.refusal == f"order {order_id} is invalid. Duplicated."
    assert [order.id for order in bot.open_orders()] == [order_id]


def test_an_expiration_must_be_a_minute_away_and_belongs_to_one_kind_of_order(bot: Bot, market: Market):
    now = int(time.time())
    for expiration, kind in ((now - 10, "GTD"), (now + 30, "GTD"), (0, "GTD"), (now + 600, "GTC")):
        with refuses("invalid expiration"):
            bot.post(bot.sign(market.yes, BUY, market.inside(), expiration=expiration), kind)
    with refuses("invalid expiration"):
        bot.post(bot.sign(market.yes, BUY, market.ask, expiration=now + 600), "FAK")
    # The clock of a machine and the world's may differ by a second or two.
    placed = bot.post(bot.sign(market.yes, BUY, market.inside(), expiration=now + 70), "GTD")
    assert [order.id for order in bot.open_orders()] == [placed.id]


def test_nobody_trades_in_anothers_name(bot: Bot, other: Bot, market: Market):
    signed = bot.sign(market.yes, BUY, market.inside())
    with refuses("the order owner has to be the owner of the API KEY"):
        bot.post_for(signed, other.creds.key)
    with refuses("the order signer address has to be the address of the API KEY"):
        other.post(signed)
    assert bot.open_orders() == other.open_orders() == []
    # Neither attempt has used the order up.
    assert bot.post(signed) == Posted(bot.order_id(signed))


def test_the_wrong_neg_risk_flag_is_an_invalid_signature(bot: Bot, trader: PolySimClient, market: Market):
    grouped = neg_risk_market(trader)
    for traded, is_grouped in ((market, False), (grouped, True)):
        with refuses("invalid signature"):
            bot.post(bot.sign(traded.yes, BUY, traded.inside(), neg_risk=not is_grouped))
        right = bot.sign(traded.yes, BUY, traded.inside(), neg_risk=is_grouped)
        assert bot.post(right) == Posted(bot.order_id(right, neg_risk=is_grouped))


def test_an_order_below_the_smallest_size_is_refused_unless_it_takes(bot: Bot, market: Market):
    signed = bot.sign(market.yes, BUY, market.inside(), "4.99")
    with refuses(f"order {bot.order_id(signed)} is invalid. Size (4.99) lower than the minimum: 5"):
        bot.post(signed)
    # A market order may be smaller, as long as it spends a dollar.
    spent = Decimal("1.01")
    assert bot.take(market.yes, BUY, spent, "FAK").got == (spent / market.ask).quantize(Decimal("0.0001"), ROUND_DOWN)
    with refuses("invalid amount for a marketable BUY order ($0.", more=True):
        bot.take(market.yes, BUY, "0.99", "FAK")
