"""The life of an order, asked of each client alike; what only one of them has is in a file of its own."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal

import pytest
from polymarket import OrderHeartbeatMismatchError
from polysim_sdk import PolySimClient

from bots import BUY, MISSING_ORDER, REFUSED, SELL, Bot, Order, Posted, Resting, Trade, refuses
from harness import Market, Server, bids, exact_cash, pick_markets

OPENING = Decimal(10_000)
FOK_KILLED = "order couldn't be fully filled. FOK orders are fully filled or killed."
FAK_KILLED = (
    "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
)


# -- Orders that rest --


def test_a_limit_order_rests_under_the_id_its_client_computes(bot: Bot, market: Market):
    signed = bot.sign(market.yes, BUY, market.inside(), "10.5")
    placed = bot.post(signed)
    assert placed == Posted(bot.order_id(signed))
    resting = Order(
        id=placed.id,
        status="LIVE",
        owner=bot.creds.key,
        wallet=bot.wallet,
        market=market.condition_id,
        token=market.yes,
        outcome="Yes",
        side=BUY,
        price=Decimal(market.inside()),
        shares=Decimal("10.5"),
        matched=Decimal(0),
        kind="GTC",
    )
    assert bot.order(placed.id) == resting
    for where in ({}, {"id": placed.id}, {"market": market.condition_id}, {"asset_id": market.yes}):
        assert bot.open_orders(**where) == [resting]
    assert bot.open_orders(asset_id=market.no) == []
    assert bot.open_orders(id=MISSING_ORDER) == []


def test_a_sale_of_what_one_has_rests_and_the_shares_are_still_ones_own(bot: Bot, market: Market):
    bot.hit(market.yes, BUY, market.ask, 20)
    order_id = bot.rest(market.yes, SELL, market.inside(3), "12.25")
    (resting,) = bot.open_orders()
    assert (resting.id, resting.side, resting.price) == (order_id, SELL, Decimal(market.inside(3)))
    assert (resting.shares, resting.matched) == (Decimal("12.25"), 0)
    assert bot.shares(market.yes) == 20


def test_a_canceled_order_gives_its_money_back_and_is_canceled_once(bot: Bot, trader: PolySimClient, market: Market):
    order_id = bot.rest(market.yes, BUY, market.inside(), 1000)
    assert Decimal(trader.balance()["balance"]) == OPENING - 1000 * Decimal(market.inside())
    assert bot.cancel(order_id) == ([order_id], {})
    assert (trader.balance()["balance"], bot.open_orders()) == ("10000.00", [])
    assert bot.order(order_id).status == "CANCELED"
    canceled, reasons = bot.cancel(order_id)
    assert (canceled, list(reasons)) == ([], [order_id])
    assert "already canceled" in reasons[order_id]
    assert bot.cancel(MISSING_ORDER) == ([], {MISSING_ORDER: "Order not found or already canceled"})


def test_a_filled_order_cannot_be_canceled(bot: Bot, market: Market):
    filled = bot.hit(market.yes, BUY, market.ask)
    assert bot.cancel(filled.id) == ([], {filled.id: "Order already matched"})
    assert (bot.order(filled.id).status, bot.order(filled.id).matched) == ("MATCHED", 10)


def test_nobody_cancels_or_sees_anothers_order(bot: Bot, other: Bot, market: Market):
    order_id = bot.rest(market.yes, BUY, market.inside())
    assert other.open_orders() == []
    canceled, reasons = other.cancel(order_id)
    assert (canceled, list(reasons)) == ([], [order_id])
    assert other.cancel_all() == ([], {})
    with refuses("Order not found", 404):
        other.order(order_id)
    assert [order.id for order in bot.open_orders()] == [order_id]


def test_orders_are_canceled_several_at_once_by_token_by_market_and_all(bot: Bot, trader: PolySimClient):
    here, there = pick_markets(trader, 2)

    def rest() -> tuple[str, str, str]:
        # A bid for No at the price that asks for Yes stands at: it joins that level.
        return (
            bot.rest(here.yes, BUY, here.inside()),
            bot.rest(here.no, BUY, 1 - here.ask),
            bot.rest(there.yes, BUY, there.inside()),
        )

    yes, no, elsewhere = rest()
    canceled, reasons = bot.cancel_each([yes, elsewhere, MISSING_ORDER])
    assert (sorted(canceled), list(reasons)) == (sorted([yes, elsewhere]), [MISSING_ORDER])
    assert [order.id for order in bot.open_orders()] == [no]
    assert bot.cancel_all() == ([no], {})

    yes, no, elsewhere = rest()
    assert bot.cancel_where(token=here.no) == ([no], {})
    assert bot.cancel_where(market=here.condition_id) == ([yes], {})
    assert bot.cancel_where(market=here.condition_id) == ([], {})
    assert [order.id for order in bot.open_orders()] == [elsewhere]

    yes, no, _ = rest()
    canceled, reasons = bot.cancel_all()
    assert (len(canceled), reasons, bot.open_orders()) == (4, {}, [])
    assert {yes, no, elsewhere} < set(canceled)


def test_an_order_good_till_a_date_lives_till_that_date(server: Server, bot: Bot, market: Market):
    expiration = int(time.time()) + 300
    placed = bot.post(bot.sign(market.yes, BUY, market.inside(), expiration=expiration), "GTD")
    (resting,) = bot.open_orders()
    assert (resting.id, resting.kind) == (placed.id, "GTD")
    # The real exchange would stop it a minute before its date.
    server.advance(270)
    assert [order.id for order in bot.open_orders()] == [placed.id]
    server.advance(31)
    assert bot.open_orders() == []
    assert bot.order(placed.id).status == "CANCELED"


def test_a_post_only_order_rests_or_is_refused(bot: Bot, market: Market):
    placed = bot.post(bot.sign(market.yes, BUY, market.ask - market.tick), post_only=True)
    assert placed == Posted(placed.id)
    # The second meets nobody's order for its own token: who bids for Yes offers No.
    for token, price in ((market.yes, market.ask), (market.no, 1 - market.bid)):
        with refuses("invalid post-only order: order crosses book"):
            bot.post(bot.sign(token, BUY, price), post_only=True)
    assert [order.id for order in bot.open_orders()] == [placed.id]
    assert bot.trades() == []


# -- Orders that take --


def test_a_market_order_spends_dollars_or_sells_shares(bot: Bot, market: Market):
    bought = bot.take(market.yes, BUY, "25.5", "FOK")
    shares = (Decimal("25.5") / market.ask).quantize(Decimal("0.0001"), ROUND_DOWN)
    assert (bought.status, bought.gave, bought.got) == ("matched", shares * market.ask, shares)
    assert len(bought.trades) == len(bought.hashes) == 1
    cash = OPENING - bought.gave - market.fee(market.ask, shares)
    assert (bot.cash(), bot.shares(market.yes)) == (cash, shares)

    sold = bot.take(market.yes, SELL, 20, "FAK")
    assert (sold.status, sold.gave, sold.got) == ("matched", 20, 20 * market.bid)
    cash += sold.got - market.fee(market.bid, 20)
    assert (bot.cash(), bot.shares(market.yes)) == (cash, shares - 20)

    bought = bot.take(market.no, BUY, 30, "FAK")
    ask = 1 - market.bid
    shares = (30 / ask).quantize(Decimal("0.0001"), ROUND_DOWN)
    assert (bought.gave, bought.got) == (shares * ask, shares)
    assert bot.cash() == cash - shares * ask - market.fee(ask, shares)
    assert bot.open_orders() == []


def test_what_cannot_be_filled_at_once_is_killed_or_dropped(bot: Bot, market: Market):
    # There are 200 shares at the best ask, and nobody sells at the best bid.
    with refuses(FOK_KILLED):
        bot.take(market.yes, BUY, 1000, "FOK", price=market.ask)
    with refuses(FAK_KILLED):
        bot.take(market.yes, BUY, 10, "FAK", price=market.bid)
    assert (bot.trades(), bot.cash()) == ([], OPENING)
    bought = bot.take(market.yes, BUY, 1000, "FAK", price=market.ask)
    assert (bought.status, bought.gave, bought.got) == ("matched", 200 * market.ask, 200)
    bot.hit(market.yes, BUY, market.ask + market.tick, 50)
    # Owned, but nobody bids for the last of them at the best bid.
    with refuses(FOK_KILLED):
        bot.take(market.yes, SELL, "200.01", "FOK", price=market.bid)
    assert (bot.open_orders(), bot.shares(market.yes)) == ([], 250)


def test_a_limit_order_takes_at_the_makers_prices_and_what_is_left_rests(
    bot: Bot, trader: PolySimClient, market: Market
):
    placed = bot.post(bot.sign(market.yes, BUY, market.ask, 250))
    assert (placed.status, placed.gave, placed.got) == ("matched", 200 * market.ask, 200)
    (resting,) = bot.open_orders()
    assert (resting.id, resting.shares, resting.matched) == (placed.id, 250, 200)
    assert bids(trader.get_book(market.condition_id))[0] == (market.ask, 50)
    # What rests holds its price and no fee, and is given back whole.
    cash = OPENING - 200 * market.ask - market.fee(market.ask, 200)
    assert (bot.cash(), exact_cash(trader)) == (cash, cash)
    assert bot.cancel(placed.id) == ([placed.id], {})
    assert (bot.order(placed.id).status, bot.order(placed.id).matched) == ("CANCELED", 200)
    assert bot.cash() == cash


def test_an_order_filled_in_part_and_then_canceled_keeps_what_it_got(bot: Bot, other: Bot, market: Market):
    price = Decimal(market.inside(2))
    order_id = bot.rest(market.yes, BUY, price, 30)
    taken = other.hit(market.no, BUY, 1 - price, 10)
    assert (bot.order(order_id).status, bot.order(order_id).matched) == ("LIVE", 10)
    assert bot.cancel(order_id) == ([order_id], {})
    assert (bot.order(order_id).status, bot.order(order_id).matched) == ("CANCELED", 10)
    assert (bot.shares(market.yes), other.shares(market.no)) == (10, 10)
    # A maker pays no fee.
    assert bot.cash() == OPENING - 10 * price
    assert other.cash() == OPENING - 10 * (1 - price) - market.fee(1 - price, 10)

    (seen,) = bot.trades()
    assert seen == Trade(
        id=taken.trades[0],
        taker_order=taken.id,
        market=market.condition_id,
        token=market.no,
        outcome="No",
        side=BUY,
        price=1 - price,
        shares=Decimal(10),
        status="CONFIRMED",
        hash=taken.hashes[0],
        role="MAKER",
        makers=(Resting(order_id, market.yes, BUY, price, Decimal(10)),),
    )
    assert other.trades() == [replace(seen, role="TAKER")]


def test_trades_are_found_by_what_they_are_about(bot: Bot, trader: PolySimClient):
    here, there = pick_markets(trader, 2)
    bought = bot.hit(here.yes, BUY, here.ask)
    elsewhere = bot.hit(there.no, BUY, 1 - there.bid)
    sold = bot.hit(here.yes, SELL, here.bid)

    def found(**where: object) -> set[str]:
        return {trade.taker_order for trade in bot.trades(**where)}

    everything = {bought.id, elsewhere.id, sold.id}
    now = int(time.time())
    assert found() == found(after=now - 3600) == found(before=now + 3600) == everything
    assert found(maker_address=bot.wallet) == everything
    assert found(after=now + 3600) == found(before=now - 3600) == set()
    assert found(market=here.condition_id) == found(asset_id=here.yes) == {bought.id, sold.id}
    assert found(asset_id=there.no) == found(market=there.condition_id) == {elsewhere.id}
    assert found(id=sold.trades[0]) == {sold.id}


# -- Several at once, and the dead man's switch --


def test_a_bad_order_in_a_batch_harms_no_other(bot: Bot, market: Market):
    good = [bot.sign(market.yes, BUY, market.inside(steps)) for steps in (1, 2)]
    not_owned = bot.sign(market.yes, SELL, market.ask)
    killed = bot.sign(market.yes, BUY, market.bid)
    first, bad, dead, last = bot.post_all([(good[0], "GTC"), (not_owned, "GTC"), (killed, "FOK"), (good[1], "GTC")])
    assert [first, last] == [Posted(bot.order_id(signed)) for signed in good]
    assert bad.refusal.startswith("not enough balance / allowance")
    assert dead.refusal == FOK_KILLED
    assert [replace(each, refusal="") for each in (bad, dead)] == [Posted("", "")] * 2
    assert {order.id for order in bot.open_orders()} == {first.id, last.id}


def test_who_stops_sending_heartbeats_has_no_orders(server: Server, bot: Bot, market: Market):
    server.pause()
    order_id = bot.rest(market.yes, BUY, market.inside())
    server.advance(60)
    assert [order.id for order in bot.open_orders()] == [order_id], "nothing is switched on by itself"
    first = bot.heartbeat("")
    second = bot.heartbeat(first)
    assert first != second
    with pytest.raises(REFUSED) as caught:
        bot.heartbeat(first)
    wrong = caught.value
    is_typed = isinstance(wrong, OrderHeartbeatMismatchError)
    assert (wrong.heartbeat_id if is_typed else wrong.error_msg["heartbeat_id"]) == second
    server.advance(9)
    bot.heartbeat(second)
    server.advance(9)
    assert [order.id for order in bot.open_orders()] == [order_id]
    server.advance(7)
    assert bot.open_orders() == []
    assert bot.order(order_id).status == "CANCELED"
