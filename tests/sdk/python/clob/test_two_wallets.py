"""Two wallets that nobody has seen trade with each other inside the spread, each with a client of its own."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from polysim_sdk import PolySimClient

from bots import BUY, SELL, Bot, MakeBot, Resting, Trade
from clients import Py1, Py2, Py2First, Pyu
from frames import levels, market_socket
from harness import Market, Server, dec
from places import neg_risk_market

PAIRS: list[tuple[type[Bot], type[Bot]]] = [(Py1, Py2), (Py2, Pyu), (Pyu, Py1), (Py2First, Py2First)]


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0].name}-{pair[1].name}")
def pair(request: pytest.FixtureRequest, make_bot: MakeBot) -> tuple[Bot, Bot]:
    """One who waits and one who comes."""
    return make_bot(request.param[0]), make_bot(request.param[1])


def seen_by_both(maker: Bot, taker: Bot, taken: str) -> Trade:
    """The trade as the taker has it; the maker has the very same, but for its own part in it."""
    (trade,) = [trade for trade in taker.trades() if trade.taker_order == taken]
    assert trade in [replace(seen, role="TAKER") for seen in maker.trades() if seen.role == "MAKER"]
    return trade


def test_two_strangers_mint_a_pair_hand_it_on_and_merge_it(pair: tuple[Bot, Bot], market: Market):
    ann, bob = pair
    opened = {ann: ann.cash(), bob: bob.cash()}
    assert min(opened.values()) >= 100
    assert ann.trades() == bob.trades() == []

    # Both buy: a dollar becomes a pair.
    mint = Decimal(market.inside(2))
    bid = ann.rest(market.yes, BUY, mint, 20)
    minted = bob.hit(market.no, BUY, 1 - mint, 20)
    trade = seen_by_both(ann, bob, minted.id)
    assert (trade.token, trade.outcome, trade.side, trade.price, trade.shares) == (market.no, "No", BUY, 1 - mint, 20)
    assert trade.makers == (Resting(bid, market.yes, BUY, mint, Decimal(20)),)
    assert (ann.shares(market.yes), ann.shares(market.no)) == (20, 0)
    assert (bob.shares(market.yes), bob.shares(market.no)) == (0, 20)
    opened[ann] -= 20 * mint
    opened[bob] -= 20 * (1 - mint) + market.fee(1 - mint, 20)
    assert (ann.cash(), bob.cash()) == (opened[ann], opened[bob])

    # One sells to the other: nothing is made or lost.
    price = Decimal(market.inside(3))
    offer = ann.rest(market.yes, SELL, price, 5)
    handed = bob.hit(market.yes, BUY, price, 5)
    trade = seen_by_both(ann, bob, handed.id)
    assert (trade.token, trade.outcome, trade.side, trade.price, trade.shares) == (market.yes, "Yes", BUY, price, 5)
    assert trade.makers == (Resting(offer, market.yes, SELL, price, Decimal(5)),)
    assert (ann.shares(market.yes), bob.shares(market.yes)) == (15, 5)
    opened[ann] += 5 * price
    opened[bob] -= 5 * price + market.fee(price, 5)
    assert (ann.cash(), bob.cash()) == (opened[ann], opened[bob])

    # Both sell: a pair becomes a dollar.
    merge = Decimal(market.inside(1))
    offer = ann.rest(market.yes, SELL, merge, 15)
    merged = bob.hit(market.no, SELL, 1 - merge, 15)
    trade = seen_by_both(ann, bob, merged.id)
    assert (trade.token, trade.outcome, trade.side, trade.price) == (market.no, "No", SELL, 1 - merge)
    assert trade.makers == (Resting(offer, market.yes, SELL, merge, Decimal(15)),)
    opened[ann] += 15 * merge
    opened[bob] += 15 * (1 - merge) - market.fee(1 - merge, 15)
    assert (ann.cash(), bob.cash()) == (opened[ann], opened[bob])
    assert (ann.shares(market.yes), ann.shares(market.no)) == (0, 0)
    assert (bob.shares(market.yes), bob.shares(market.no)) == (5, 5)

    assert ann.open_orders() == bob.open_orders() == []
    for who in pair:
        trades = who.trades()
        assert len(trades) == len({trade.hash for trade in trades}) == len({trade.id for trade in trades}) == 3
        assert {trade.status for trade in trades} == {"CONFIRMED"}


def test_two_strangers_mint_and_merge_in_a_neg_risk_market(pair: tuple[Bot, Bot], trader: PolySimClient):
    ann, bob = pair
    market = neg_risk_market(trader, tick="0.001")
    opened = {ann: ann.cash(), bob: bob.cash()}
    mint, merge = Decimal(market.inside(3)), Decimal(market.inside(1))
    ann.rest(market.no, BUY, 1 - mint, 20)
    bob.hit(market.yes, BUY, mint, 20)
    ann.rest(market.no, SELL, 1 - merge, 20)
    bob.hit(market.yes, SELL, merge, 20)
    assert ann.cash() == opened[ann] - 20 * (1 - mint) + 20 * (1 - merge)
    assert bob.cash() == opened[bob] - 20 * (mint - merge) - market.fee(mint, 20) - market.fee(merge, 20)
    assert [ann.shares(market.no), bob.shares(market.yes)] == [0, 0]


def test_both_books_show_what_two_strangers_do(pair: tuple[Bot, Bot], server: Server, market: Market):
    ann, bob = pair
    price = Decimal(market.inside(2))
    with market_socket(server, market.yes, market.no) as socket:
        for _ in range(2):
            socket.expect("book")
        ann.rest(market.yes, BUY, price, 20)
        placed = socket.expect("price_change")
        changes = {change["asset_id"]: change for change in placed["price_changes"]}
        told = {
            token: (change["side"], dec(change["price"]), dec(change["size"])) for token, change in changes.items()
        }
        assert told == {market.yes: ("BUY", price, 20), market.no: ("SELL", 1 - price, 20)}

        bob.hit(market.no, BUY, 1 - price, 20)
        books = {}
        while books.keys() != {market.yes, market.no}:
            book = socket.expect("book")
            books[book["asset_id"]] = book
        assert levels(books[market.yes]["bids"])[-1][0] == market.bid
        assert levels(books[market.no]["asks"])[-1][0] == 1 - market.bid
        assert dec(books[market.no]["last_trade_price"]) == 1 - price
        assert dec(books[market.yes]["last_trade_price"]) == price
