"""What an account holds and how it came by it: positions, fills, cash, and Polymarket's pairs. (§7.6 to 7.8, 8.4)"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from parsec_api import BadRequestError

from harness import Server, notional
from twins import Api, declined
from venues import KALSHI, POLYMARKET, Market, best_of, cash, num, pick_market, pick_markets, resolve, rest, take

NOBODYS_CONDITION = "0x" + "0" * 64


async def held(api: Api, exchange: str) -> dict[tuple[str, str], Decimal]:
    positions = await api.positions.list(exchange=exchange)
    return {(position.market_id, position.outcome): num(position.size) for position in positions}


# -- Positions --


async def test_a_position_has_its_cost_and_the_last_price(trader: Api, desk: Api, there: Market):
    assert await trader.positions.list(exchange=there.exchange) == []
    await take(trader, there, 250)
    matches = best_of(there.asks, 250)
    (position,) = await trader.positions.list(exchange=there.exchange)
    assert (position.market_id, position.outcome, position.size) == (there.id, "Yes", 250)
    # Fees are no part of it.
    assert position.average_price == pytest.approx(float(notional(matches) / 250), abs=1e-6)
    assert num(position.current_price) == matches[-1][0]

    await take(desk, there, 10, outcome="No")
    (moved,) = await trader.positions.list(exchange=there.exchange)
    assert (num(moved.current_price), moved.average_price) == (there.bid, position.average_price)
    # The other side of the same trade.
    (no,) = await desk.positions.list(exchange=there.exchange)
    assert (no.outcome, no.size) == ("No", 10)
    assert num(no.average_price) == num(no.current_price) == 1 - there.bid


async def test_only_what_is_still_held_is_listed_and_one_market_can_be_asked_for(trader: Api, exchange: str):
    here, elsewhere = await pick_markets(trader, exchange, 2)
    await take(trader, here, 10)
    await take(trader, elsewhere, 20, outcome="No")
    assert await held(trader, exchange) == {(here.id, "Yes"): 10, (elsewhere.id, "No"): 20}
    (only,) = await trader.positions.list(exchange=exchange, market_id=elsewhere.id)
    assert (only.market_id, only.outcome, only.size) == (elsewhere.id, "No", 20)
    if exchange == POLYMARKET:
        assert await trader.positions.list(exchange=exchange, market_id=elsewhere.condition_id) == [only]
    await take(trader, here, 10, side="sell")
    assert await held(trader, exchange) == {(elsewhere.id, "No"): 20}


async def test_each_venue_has_its_own_account(trader: Api):
    polymarket, kalshi = await pick_market(trader), await pick_market(trader, KALSHI)
    await take(trader, polymarket, 10)
    assert await held(trader, KALSHI) == {}
    assert await cash(trader, KALSHI) == 1_000
    await take(trader, kalshi, 7)
    assert await held(trader, KALSHI) == {(kalshi.id, "Yes"): 7}
    assert await held(trader, POLYMARKET) == {(polymarket.id, "Yes"): 10}
    with declined(404, "market_not_found"):
        await trader.fills.list(exchange=KALSHI, market_id=polymarket.id)


# -- Fills --


async def test_each_match_is_a_fill_with_its_own_price_and_fee(server: Server, trader: Api, there: Market):
    now = server.pause() // 1000
    order = await take(trader, there, 700)
    matches = best_of(there.asks, 700)
    fills = await trader.fills.list(exchange=there.exchange)
    assert sorted((num(fill.price), num(fill.size)) for fill in fills) == matches
    for fill in fills:
        assert re.fullmatch("fill_[0-9]+", fill.fill_id)
        assert (fill.order_id, fill.market_id, fill.outcome, fill.side) == (order.id, there.id, "Yes", "buy")
        assert fill.is_taker
        assert num(fill.fee) == there.fee((num(fill.price), num(fill.size)))
        assert int(fill.created_at.timestamp()) == now
    assert len({fill.fill_id for fill in fills}) == len(fills) == 3


async def test_a_maker_has_a_fill_without_a_fee(trader: Api, desk: Api, there: Market):
    order = await rest(trader, there, size=20)
    await take(desk, there, 20, outcome="No", price=float(1 - there.inside()))
    (mine,) = await trader.fills.list(exchange=there.exchange)
    assert (mine.order_id, mine.side, mine.outcome, mine.is_taker, mine.fee) == (order.id, "buy", "Yes", False, 0)
    assert (num(mine.price), mine.size) == (there.inside(), 20)
    (theirs,) = await desk.fills.list(exchange=there.exchange)
    assert (theirs.side, theirs.outcome, theirs.is_taker) == ("buy", "No", True)
    assert num(theirs.price) == 1 - there.inside()


async def test_fills_are_listed_newest_first_up_to_a_limit_and_by_market(server: Server, trader: Api, exchange: str):
    here, elsewhere = await pick_markets(trader, exchange, 2)
    server.pause()
    for market, size in ((here, 5), (elsewhere, 6), (here, 7)):
        await take(trader, market, size)
        server.advance(1)

    async def sizes(**query: Any) -> list[float]:
        return [fill.size for fill in await trader.fills.list(exchange=exchange, **query)]

    assert await sizes() == [7, 6, 5]
    assert await sizes(limit=2) == [7, 6]
    assert await sizes(market_id=here.id) == [7, 5]
    assert await sizes(market_id=elsewhere.id, limit=1) == [6]


# -- Cash --


async def test_cash_is_told_in_each_venues_own_unit(visitor: Api):
    assert (await visitor.account.balance(exchange=POLYMARKET)).raw == {
        "balance": "10000000000",
        "allowance": str(2**256 - 1),
    }
    assert (await visitor.account.balance(exchange=KALSHI)).raw == {"balance": 100_000}
    # Nothing is cached here, so there is nothing to refresh.
    for exchange in (POLYMARKET, KALSHI):
        fresh = await visitor.account.balance(exchange=exchange, refresh=True)
        assert fresh == await visitor.account.balance(exchange=exchange)


async def test_a_resolved_market_pays_a_dollar_for_each_share_of_the_winner(
    server: Server, trader: Api, there: Market
):
    await take(trader, there, 30)
    await take(trader, there, 10, outcome="No")
    left = await cash(trader, there.exchange)
    resolve(server, there, "Yes")
    if there.exchange == POLYMARKET:
        await trader.ctf.redeem(condition_id=there.condition_id)
    assert await held(trader, there.exchange) == {}
    assert await cash(trader, there.exchange) == left + 30


# -- Pairs of Polymarket --


async def test_a_dollar_becomes_a_pair_and_a_pair_a_dollar(trader: Api, market: Market):
    split = await trader.ctf.split(condition_id=market.condition_id, amount="25000000")
    assert split.status == "submitted"
    assert split.transaction_hash is None or re.fullmatch("0x[0-9a-f]{64}", split.transaction_hash)
    assert await held(trader, POLYMARKET) == {(market.id, "Yes"): 25, (market.id, "No"): 25}
    assert await cash(trader, POLYMARKET) == 10_000 - 25
    merged = await trader.ctf.merge(condition_id=market.condition_id, amount="10000000")
    assert merged.status == "submitted"
    assert await held(trader, POLYMARKET) == {(market.id, "Yes"): 15, (market.id, "No"): 15}
    assert await cash(trader, POLYMARKET) == 10_000 - 15
    # Shares from a pair are like any others.
    await take(trader, market, 15, side="sell")
    with declined(402, "insufficient_funds"):
        await trader.ctf.merge(condition_id=market.condition_id, amount="1000000")


async def test_a_pair_is_worth_a_dollar_whoever_wins(server: Server, trader: Api, market: Market):
    await trader.ctf.split(condition_id=market.condition_id, amount="20000000")
    with pytest.raises(BadRequestError):
        await trader.ctf.redeem(condition_id=market.condition_id)
    resolve(server, market, "No")
    redeemed = await trader.ctf.redeem(condition_id=market.condition_id)
    assert redeemed.status == "submitted"
    assert await cash(trader, POLYMARKET) == 10_000
    assert await held(trader, POLYMARKET) == {}


async def test_a_pair_takes_money_a_condition_and_an_amount(trader: Api, market: Market):
    with declined(402, "insufficient_funds"):
        await trader.ctf.split(condition_id=market.condition_id, amount="10000000001")
    for wrong in (
        {"condition_id": NOBODYS_CONDITION},
        {"condition_id": "0x12"},
        {"amount": "ten"},
        {"amount": "0"},
        {"amount": "-1"},
        {"amount": "1.5"},
    ):
        for ask in (trader.ctf.split, trader.ctf.merge):
            with pytest.raises(BadRequestError):
                await ask(**({"condition_id": market.condition_id, "amount": "1000000"} | wrong))
    # A market of a group names how much of each outcome.
    with pytest.raises(BadRequestError):
        await trader.ctf.redeem(condition_id=market.condition_id, neg_risk=True)
    assert await cash(trader, POLYMARKET) == 10_000


async def test_pairs_are_for_who_has_a_wallet(whale: Api, market: Market):
    for ask in (whale.ctf.split, whale.ctf.merge):
        with declined(403, "credentials_required"):
            await ask(condition_id=market.condition_id, amount="1000000")
    with declined(403, "credentials_required"):
        await whale.ctf.redeem(condition_id=market.condition_id)
