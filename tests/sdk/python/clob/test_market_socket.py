"""The market's socket with frames written by hand, as the older clients' users do, and the books they recompute."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import py_clob_client_v2 as v2
import pytest
from polysim_sdk import PolySimClient
from py_clob_client.client import ClobClient as Client1
from py_clob_client.utilities import parse_raw_orderbook_summary

from bots import BUY, POLYGON, SELL, Bot, MakeBot
from clients import Py1, Py2
from frames import Replay, levels, market_socket
from harness import OPENING_SIZES, Frame, Market, Server, dec, pick_markets

# Whoever reads a book can compute its hash.
Hash = Callable[[dict[str, Any]], str]


def hash_1(book: dict[str, Any]) -> str:
    return Client1("http://nowhere").get_order_book_hash(parse_raw_orderbook_summary(book))


def hash_2(book: dict[str, Any]) -> str:
    return v2.ClobClient("http://nowhere", POLYGON).get_order_book_hash(book)


@pytest.fixture(params=[hash_1, hash_2], ids=["py1", "py2"])
def recomputed(request: pytest.FixtureRequest) -> Hash:
    return request.param


@pytest.fixture
def ann(make_bot: MakeBot) -> Bot:
    return make_bot(Py1, "trader")


@pytest.fixture
def bob(make_bot: MakeBot) -> Bot:
    return make_bot(Py2, "desk")


def read(server: Server, token: str) -> dict[str, Any]:
    answer = server.raw("GET", "/book", params={"token_id": token})
    assert answer.status_code == 200, answer.text
    return answer.json()


def completed(event: Frame, book: dict[str, Any]) -> dict[str, Any]:
    """A book of the socket, with the members that REST alone has and which never change."""
    return event | {name: book[name] for name in ("min_order_size", "neg_risk")}


def test_a_subscription_begins_with_the_books_that_rest_shows(server: Server, market: Market, recomputed: Hash):
    with market_socket(server, market.yes, market.no) as socket:
        events = [socket.expect("book") for _ in range(2)]
        assert socket.in_step() == [], "nothing more comes by itself"
    books = {event["asset_id"]: event for event in events}
    assert books.keys() == {market.yes, market.no}
    for token, (bid, ask) in {
        market.yes: (market.bid, market.ask),
        market.no: (1 - market.ask, 1 - market.bid),
    }.items():
        book, event = read(server, token), books[token]
        for member in ("market", "bids", "asks", "hash", "timestamp", "tick_size", "last_trade_price"):
            assert event[member] == book[member], member
        assert list(book) == [
            "market", "asset_id", "timestamp", "hash", "bids", "asks", "min_order_size", "tick_size", "neg_risk",
            "last_trade_price",
        ]  # fmt: skip
        # The best level is the last of its half: client after client walks these lists backwards.
        expected = [(bid - step * market.tick, size) for step, size in enumerate(OPENING_SIZES)]
        assert levels(event["bids"]) == expected[::-1]
        expected = [(ask + step * market.tick, size) for step, size in enumerate(OPENING_SIZES)]
        assert levels(event["asks"]) == expected[::-1]
        assert event["hash"] == recomputed(book) == recomputed(completed(event, book))
        assert len(event["hash"]) == 40


def test_the_events_replayed_are_the_book_and_their_hash_is_its_hash(
    server: Server, market: Market, ann: Bot, bob: Bot, recomputed: Hash
):
    replay, tokens = Replay(), (market.yes, market.no)
    untouched = {token: read(server, token) for token in tokens}
    with market_socket(server, *tokens) as socket:

        def catch_up() -> None:
            """Applies what has come until both books are those that REST shows now."""
            books = {token: read(server, token) for token in tokens}
            hashes = {token: book["hash"] for token, book in books.items()}
            while replay.hashes != hashes:
                (event,) = socket.until(lambda _: True)
                replay.apply(event)
                if event["event_type"] == "book":
                    assert event["hash"] == recomputed(completed(event, untouched[event["asset_id"]]))
            for token, book in books.items():
                assert replay.book(token) == (levels(book["bids"]), levels(book["asks"]))
                assert book["hash"] == recomputed(book)

        catch_up()
        low, high = ann.rest(market.yes, BUY, market.inside(1), 30), ann.rest(market.yes, BUY, market.inside(2), 20)
        ann.rest(market.no, BUY, 1 - market.ask, "7.5")
        catch_up()
        bob.hit(market.no, BUY, 1 - Decimal(market.inside(2)), 5)
        catch_up()
        ann.cancel(high)
        bob.take(market.yes, BUY, 300, "FAK", price=market.ask + market.tick)
        catch_up()
        bob.hit(market.yes, SELL, market.bid, 40)
        ann.cancel_each([low])
        catch_up()
        assert {token: replay.hashes[token] for token in tokens} != {
            token: untouched[token]["hash"] for token in tokens
        }


def test_an_order_and_its_cancel_leave_the_levels_as_they_were(server: Server, market: Market, ann: Bot):
    before = read(server, market.yes)
    order_id = ann.rest(market.yes, BUY, market.bid, "12.5")
    during = read(server, market.yes)
    assert levels(during["bids"])[-1] == (market.bid, OPENING_SIZES[0] + Decimal("12.5"))
    ann.cancel(order_id)
    after = read(server, market.yes)
    assert (after["bids"], after["asks"]) == (before["bids"], before["asks"])
    assert during["hash"] not in (before["hash"], after["hash"])
    assert int(before["timestamp"]) <= int(during["timestamp"]) <= int(after["timestamp"])


def test_a_trade_tells_its_price_size_and_side_in_the_takers_token(
    server: Server, market: Market, ann: Bot, bob: Bot
):
    price = Decimal(market.inside(2))
    ann.rest(market.yes, BUY, price, 20)
    with market_socket(server, market.no) as socket:
        taken = bob.hit(market.no, BUY, 1 - price, 10)
        told = socket.expect("last_trade_price", lambda event: event["asset_id"] == market.no)
        assert (dec(told["price"]), dec(told["size"]), told["side"]) == (1 - price, 10, "BUY")
        assert (told["market"], told["transaction_hash"]) == (market.condition_id, taken.hashes[0])
        assert dec(told["fee_rate_bps"]) >= 0


def test_a_connection_hears_of_what_it_is_subscribed_to(server: Server, trader: PolySimClient, ann: Bot):
    here, there = pick_markets(trader, 2)
    with market_socket(server, here.yes) as socket:
        assert socket.expect("book")["asset_id"] == here.yes
        ann.rest(there.yes, BUY, there.inside())
        assert socket.in_step() == []
        socket.send({"operation": "subscribe", "assets_ids": [there.yes, "1" * 77]})
        assert socket.expect("book")["asset_id"] == there.yes
        assert socket.in_step() == []
        ann.cancel_all()
        assert socket.expect("price_change")["market"] == there.condition_id
        socket.send({"operation": "unsubscribe", "assets_ids": [there.yes]})
        assert socket.in_step() == []
        ann.rest(there.yes, BUY, there.inside())
        ann.rest(here.yes, BUY, here.inside())
        (event,) = socket.until(lambda _: True)
        assert (event["event_type"], event["market"]) == ("price_change", here.condition_id)


def test_the_first_books_can_be_left_out_and_what_cannot_be_read_is_ignored(server: Server, market: Market, ann: Bot):
    with market_socket(server, market.yes, initial_dump=False) as socket:
        assert socket.in_step() == []
        socket.send({"operation": "dance"})
        socket.send([])
        assert socket.in_step() == []
        ann.rest(market.yes, BUY, market.inside())
        assert socket.expect("price_change")["market"] == market.condition_id


def test_top_of_book_and_resolution_are_told_to_who_asks_for_them(server: Server, market: Market, ann: Bot):
    with (
        market_socket(server, market.yes, custom_feature_enabled=True) as curious,
        market_socket(server, market.yes) as plain,
    ):
        plain.expect("book")
        ann.rest(market.yes, BUY, market.inside())
        told = curious.expect("best_bid_ask", lambda event: event["asset_id"] == market.yes)
        best = Decimal(market.inside())
        assert (dec(told["best_bid"]), dec(told["best_ask"]), dec(told["spread"])) == (
            best,
            market.ask,
            market.ask - best,
        )
        server.resolve(market, "No")
        resolved = curious.expect("market_resolved")
        assert (resolved["market"], resolved["question"], resolved["slug"]) == (
            market.condition_id,
            market.question,
            market.slug,
        )
        assert (resolved["winning_asset_id"], resolved["winning_outcome"]) == (market.no, "No")
        assert (resolved["assets_ids"], resolved["outcomes"]) == ([market.yes, market.no], ["Yes", "No"])
        kinds = {event["event_type"] for event in plain.in_step()}
        assert not kinds & {"best_bid_ask", "market_resolved", "new_market"}
