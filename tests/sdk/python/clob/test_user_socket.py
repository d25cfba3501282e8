"""A user's own socket with frames written by hand: what becomes of an order, and of a trade for either side of it."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal

import pytest
from polysim_sdk import PolySimClient

from bots import BUY, Bot, MakeBot, Trade, text
from clients import Py1, Py2, trade
from frames import socket as open_socket
from frames import user_socket
from harness import Frame, Market, Server, dec, pick_markets, rest


@pytest.fixture(params=[Py1, Py2], ids=lambda client: client.name)
def client(request: pytest.FixtureRequest) -> type[Bot]:
    """Those without a socket of their own. The unified client's is in a file of its own."""
    return request.param


def name(event: Frame) -> str:
    """An order's event is told by its type, a trade's by its status."""
    return event["status"] if event["event_type"] == "trade" else event["type"]


def is_confirmed(event: Frame) -> bool:
    return event["event_type"] == "trade" and event["status"] == "CONFIRMED"


def ages(trades: list[Frame], last: Trade) -> None:
    """The same trade three times, growing older."""
    assert [event["status"] for event in trades] == ["MATCHED", "MINED", "CONFIRMED"]
    assert trade(trades[-1]) == last
    for event in trades:
        assert replace(trade(event), status=last.status, hash=last.hash) == last
        assert event["type"] == "TRADE"


def test_a_maker_hears_of_its_order_from_placement_to_cancellation(
    server: Server, bot: Bot, other: Bot, market: Market
):
    price = Decimal(market.inside(2))
    with user_socket(server, bot.creds) as socket:
        order_id = bot.rest(market.yes, BUY, price, 30)
        placed = socket.expect("order")
        told = {
            "type": "PLACEMENT",
            "id": order_id,
            "owner": bot.creds.key,
            "order_owner": bot.creds.key,
            "market": market.condition_id,
            "asset_id": market.yes,
            "side": "BUY",
            "price": text(price),
            "original_size": "30",
            "size_matched": "0",
            "outcome": "Yes",
            "expiration": "0",
            "order_type": "GTC",
            "status": "LIVE",
            "maker_address": bot.wallet,
        }
        assert {member: placed[member] for member in told} == told
        # Seconds as text; on REST the same moment is a number.
        assert abs(int(placed["created_at"]) - time.time()) < 3600
        assert isinstance(placed["created_at"], str)

        taken = other.hit(market.no, BUY, 1 - price, 10)
        seen = socket.until(is_confirmed)
        assert [name(event) for event in seen] == ["UPDATE", "MATCHED", "MINED", "CONFIRMED"]
        assert (seen[0]["id"], seen[0]["size_matched"], seen[0]["status"]) == (order_id, "10", "LIVE")
        (row,) = bot.trades()
        assert (row.taker_order, row.role) == (taken.id, "MAKER")
        ages(seen[1:], row)
        assert [(part.order, part.shares, part.price) for part in row.makers] == [(order_id, 10, price)]

        bot.cancel(order_id)
        ended = socket.expect("order")
        assert (ended["type"], ended["id"], ended["status"]) == ("CANCELLATION", order_id, "CANCELED")
        assert (ended["size_matched"], ended["original_size"]) == ("10", "30")


def test_a_taker_hears_of_its_order_and_then_of_the_trade(server: Server, bot: Bot, other: Bot, market: Market):
    price = Decimal(market.inside(2))
    order_id = other.rest(market.yes, BUY, price, 30)
    with user_socket(server, bot.creds) as socket, user_socket(server, other.creds) as theirs:
        taken = bot.hit(market.no, BUY, 1 - price, 30)
        seen = socket.until(is_confirmed)
        assert [name(event) for event in seen] == ["PLACEMENT", "UPDATE", "MATCHED", "MINED", "CONFIRMED"]
        assert {event["id"] for event in seen[:2]} == {taken.id}
        assert (seen[1]["size_matched"], seen[1]["status"]) == ("30", "MATCHED")
        (row,) = bot.trades()
        ages(seen[2:], row)
        assert (row.role, row.taker_order, row.hash) == ("TAKER", taken.id, taken.hashes[0])
        assert [(part.order, part.side, part.price) for part in row.makers] == [(order_id, BUY, price)]
        for event in seen[2:]:
            assert event["owner"] == event["trade_owner"] == bot.creds.key
            assert event["maker_address"] == bot.wallet
            assert [part["owner"] for part in event["maker_orders"]] == [other.creds.key]

        heard = theirs.until(is_confirmed)
        assert [name(event) for event in heard] == ["UPDATE", "MATCHED", "MINED", "CONFIRMED"]
        assert (heard[0]["id"], heard[0]["status"]) == (order_id, "MATCHED")
        assert {event["trader_side"] for event in heard[1:]} == {"MAKER"}


def test_an_order_that_dies_of_age_is_told_as_canceled(server: Server, bot: Bot, market: Market):
    expiration = int(time.time()) + 300
    with user_socket(server, bot.creds) as socket:
        placed = bot.post(bot.sign(market.yes, BUY, market.inside(), expiration=expiration), "GTD")
        assert socket.expect("order")["expiration"] == str(expiration)
        server.advance(301)
        ended = socket.expect("order")
        assert (ended["type"], ended["id"], ended["order_type"]) == ("CANCELLATION", placed.id, "GTD")


def test_a_user_hears_of_the_markets_asked_for(server: Server, bot: Bot, trader: PolySimClient):
    here, there = pick_markets(trader, 2)
    with user_socket(server, bot.creds, here.condition_id) as socket:
        bot.rest(there.yes, BUY, there.inside())
        bot.rest(here.yes, BUY, here.inside())
        assert socket.expect("order")["market"] == here.condition_id
        socket.send({"operation": "subscribe", "markets": [there.condition_id]})
        socket.send({"operation": "unsubscribe", "markets": [here.condition_id]})
        assert socket.in_step() == []
        bot.rest(here.yes, BUY, here.inside())
        bot.rest(there.yes, BUY, there.inside())
        assert socket.expect("order")["market"] == there.condition_id
        assert socket.in_step() == []


def test_nobody_hears_of_anothers_orders(server: Server, bot: Bot, other: Bot, market: Market):
    with user_socket(server, other.creds) as socket:
        bot.rest(market.yes, BUY, market.inside())
        bot.hit(market.yes, BUY, market.ask)
        bot.cancel_all()
        assert socket.in_step() == []
        own = other.rest(market.yes, BUY, market.inside())
        assert socket.expect("order")["id"] == own


def test_orders_of_the_key_are_told_on_the_wallets_socket(
    server: Server, bot: Bot, trader: PolySimClient, market: Market
):
    with user_socket(server, bot.creds) as socket:
        placed = rest(trader, market, market.inside(), 10)
        told = socket.expect("order")
        (resting,) = bot.open_orders()
        assert (told["type"], told["id"], dec(told["original_size"])) == ("PLACEMENT", resting.id, 10)
        trader.cancel_order(placed["order_id"])
        assert socket.expect("order")["type"] == "CANCELLATION"


@pytest.mark.parametrize("wrong", ["apiKey", "secret", "passphrase"])
def test_the_socket_closes_on_credentials_that_are_not_true(make_bot: MakeBot, server: Server, wrong: str):
    mine, theirs = make_bot(Py1, "trader").creds, make_bot(Py1, "desk").creds

    def auth(creds: object) -> dict[str, str]:
        key, secret, passphrase = vars(creds).values()
        return {"apiKey": key, "secret": secret, "passphrase": passphrase}

    mixed = auth(mine) | {wrong: auth(theirs)[wrong]}
    with open_socket(server, "/ws/user", {"type": "user", "auth": mixed, "markets": []}) as opened:
        assert opened.closed() == 1008
