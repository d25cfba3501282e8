"""What a market costs: its book, what an order would pay, candles, trades. (§6.4 to 6.7)"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from parsec_api import BadRequestError

from harness import OPENING_SIZES, Server, notional
from twins import Api, declined
from venues import KALSHI, POLYMARKET, VENUES, Market, best_of, levels, num, pick_market, take

DAY = 86_400


# -- Which market --

# Everything about one market takes the same two names.
DATA: dict[str, Callable[..., Any]] = {
    "orderbook": lambda api, **market: api.orderbook.retrieve(**market),
    "execution_price": lambda api, **market: api.execution_price.retrieve(side="buy", amount=1, **market),
    "price": lambda api, **market: api.price.retrieve(**market),
    "trades": lambda api, **market: api.trades.list(**market),
}


@pytest.fixture(params=DATA)
def ask(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return DATA[request.param]


@pytest.mark.parametrize(
    ("names", "status", "code"),
    [
        ({}, 400, "missing_parameter"),
        ({"exchange": KALSHI}, 400, "missing_parameter"),
        ({"market_id": "KXELONMARS-99"}, 400, "missing_parameter"),
        ({"parsec_id": "kalshi:KXELONMARS-99", "exchange": KALSHI, "market_id": "KXNOTHING"}, 400, "bad_request"),
        ({"parsec_id": "invalid"}, 400, "bad_request"),
        ({"parsec_id": "doesnotexist:1"}, 404, "exchange_not_found"),
        ({"exchange": "doesnotexist", "market_id": "1"}, 404, "exchange_not_found"),
        ({"parsec_id": "kalshi:KXNOTHING"}, 404, "market_not_found"),
        ({"parsec_id": "kalshi:KXELONMARS-99", "outcome": "Perhaps"}, 400, "bad_request"),
    ],
)
async def test_no_one_market_is_no_answer(
    visitor: Api, ask: Callable[..., Any], names: dict[str, str], status: int, code: str
):
    with declined(status, code):
        await ask(visitor, **names)


async def test_every_name_of_a_market_leads_to_it_and_every_spelling_to_its_outcome(
    visitor: Api, ask: Callable[..., Any]
):
    market = await pick_market(visitor)
    for name in (
        {"parsec_id": market.parsec_id},
        {"parsec_id": f"polymarket:{market.condition_id}"},
        market.pair,
        {"exchange": POLYMARKET, "market_id": market.condition_id},
        {"parsec_id": market.parsec_id, **market.pair},
    ):
        answer = await ask(visitor, **name)
        # What an order would cost is told of no market in particular.
        if hasattr(answer, "parsec_id"):
            assert (answer.parsec_id, answer.exchange, answer.outcome) == (market.parsec_id, POLYMARKET, "Yes")
            for spelling in ("no", "NO"):
                assert (await ask(visitor, outcome=spelling, **name)).outcome == "No"


# -- The book --


async def test_an_opening_book_holds_five_levels_a_side(visitor: Api):
    for exchange in VENUES:
        market = await pick_market(visitor, exchange)
        book = await visitor.orderbook.retrieve(parsec_id=market.parsec_id)
        assert levels(book.bids) == [
            (market.bid - step * market.tick, size) for step, size in enumerate(OPENING_SIZES)
        ]
        assert levels(book.asks) == [
            (market.ask + step * market.tick, size) for step, size in enumerate(OPENING_SIZES)
        ]
        assert (book.market_id, book.token_id) == (market.id, market.tokens[0])
        assert (num(book.tick_size), num(book.min_order_size)) == (
            Decimal("0.01"),
            5 if exchange == POLYMARKET else Decimal("0.01"),
        )
        assert book.timestamp.tzinfo is not None


async def test_the_book_of_no_mirrors_the_book_of_yes(visitor: Api):
    for exchange in VENUES:
        market = await pick_market(visitor, exchange)
        book = await visitor.orderbook.retrieve(parsec_id=market.parsec_id, outcome="no")
        assert levels(book.bids) == [(1 - price, size) for price, size in market.asks]
        assert levels(book.asks) == [(1 - price, size) for price, size in market.bids]
        assert (book.outcome, book.token_id) == ("No", market.tokens[1])


async def test_depth_limits_a_book_and_limit_wins_over_it(visitor: Api):
    market = await pick_market(visitor)
    for asked, count in (({"limit": 2}, 2), ({"depth": 3}, 3), ({"limit": 2, "depth": 3}, 2), ({"limit": 0}, 1)):
        book = await visitor.orderbook.retrieve(parsec_id=market.parsec_id, **asked)
        assert (levels(book.bids), levels(book.asks)) == ([*market.bids[:count]], [*market.asks[:count]])
    # Clamped, not refused.
    book = await visitor.orderbook.retrieve(parsec_id=market.parsec_id, limit=10_000)
    assert len(book.bids) == 5


# -- What an order would pay --


async def test_an_estimate_walks_the_book(visitor: Api):
    for exchange in VENUES:
        market = await pick_market(visitor, exchange)
        for side, book in (("buy", market.asks), ("sell", market.bids)):
            matches = best_of(book, 700)
            told = await visitor.execution_price.retrieve(parsec_id=market.parsec_id, side=side, amount=700)
            assert (num(told.filled_amount), told.fully_filled, told.levels_consumed) == (700, True, 3)
            assert num(told.total_cost) == notional(matches)
            average = notional(matches) / 700
            assert told.avg_price == pytest.approx(float(average))
            assert told.slippage == pytest.approx(float(abs(average - book[0][0])))
            assert num(told.worst_price) == book[2][0]
            assert num(told.fee_estimate) == market.fee(*matches)
            assert told.net_cost == pytest.approx(told.total_cost + told.fee_estimate, abs=1e-8)
            assert told.fee_info.exchange == exchange
            if exchange == KALSHI:
                assert told.fee_info.fee_type == "quadratic"


async def test_an_estimate_beyond_the_book_fills_what_there_is(visitor: Api):
    market = await pick_market(visitor)
    told = await visitor.execution_price.retrieve(parsec_id=market.parsec_id, side="buy", amount=10_000)
    assert (num(told.filled_amount), told.fully_filled, told.levels_consumed) == (6_200, False, 5)
    assert num(told.total_cost) == notional(market.asks)
    # The other outcome is bought where this one is bid.
    no = await visitor.execution_price.retrieve(parsec_id=market.parsec_id, outcome="no", side="buy", amount=200)
    assert num(no.total_cost) == 200 * (1 - market.bid)


@pytest.mark.parametrize("order", [{"amount": 0}, {"amount": -1}, {"amount": "many"}, {"side": "hold"}])
async def test_no_order_has_no_price(visitor: Api, order: dict[str, Any]):
    market = await pick_market(visitor)
    with pytest.raises(BadRequestError):
        await visitor.execution_price.retrieve(parsec_id=market.parsec_id, **({"side": "buy", "amount": 1} | order))


async def test_an_order_costs_what_was_estimated(trader: Api, there: Market):
    told = await trader.execution_price.retrieve(parsec_id=there.parsec_id, side="buy", amount=500)
    order = await take(trader, there, 500)
    fills = await trader.fills.list(exchange=there.exchange)
    assert {fill.order_id for fill in fills} == {order.id}
    assert sum(num(fill.price) * num(fill.size) for fill in fills) == num(told.total_cost)
    assert sum(num(fill.fee) for fill in fills) == num(told.fee_estimate)


# -- Candles --


async def test_an_hour_of_trading_is_one_candle(server: Server, trader: Api, there: Market):
    now = server.pause() // 1000
    await take(trader, there, 10)
    await take(trader, there, 6, side="sell")
    history = await trader.price.retrieve(parsec_id=there.parsec_id)
    assert (history.parsec_id, history.exchange) == (there.parsec_id, there.exchange)
    assert (history.outcome, history.interval) == ("Yes", "1h")
    (candle,) = history.candles
    assert candle.timestamp == datetime.fromtimestamp(now - now % 3600, UTC)
    assert [num(price) for price in (candle.open, candle.high, candle.low, candle.close)] == [
        there.ask, there.ask, there.bid, there.bid,
    ]  # fmt: skip
    assert num(candle.volume) == 16

    (no,) = (await trader.price.retrieve(parsec_id=there.parsec_id, outcome="no", interval="1h")).candles
    assert [num(price) for price in (no.open, no.high, no.low, no.close)] == [
        1 - there.ask, 1 - there.bid, 1 - there.ask, 1 - there.bid,
    ]  # fmt: skip


async def test_candles_of_a_range_and_the_one_next_to_a_moment(server: Server, trader: Api, market: Market):
    start = server.pause() // 1000
    await take(trader, market, 10)
    # Two hours later at another price.
    server.advance(2 * 3600)
    await take(trader, market, 10, side="sell")
    name = {"parsec_id": market.parsec_id, "interval": "1h"}
    both = (await trader.price.retrieve(start_ts=start - DAY, **name)).candles
    assert [num(candle.close) for candle in both] == [market.ask, market.bid]
    assert [candle.timestamp for candle in both] == sorted(candle.timestamp for candle in both)
    (first,) = (await trader.price.retrieve(start_ts=start - DAY, end_ts=start + 1, **name)).candles
    (nearest,) = (await trader.price.retrieve(at_ts=start, **name)).candles
    (latest,) = (await trader.price.retrieve(at_ts=start + 2 * 3600, **name)).candles
    assert [nearest, latest] == both == [first, latest]
    assert (await trader.price.retrieve(start_ts=start - DAY, end_ts=start - 3600, **name)).candles == []
    with pytest.raises(BadRequestError):
        await trader.price.retrieve(at_ts=start, start_ts=start, **name)
    with pytest.raises(BadRequestError):
        await trader.price.retrieve(parsec_id=market.parsec_id, interval="7m")


@pytest.mark.parametrize("interval", ["1m", "1h", "6h", "1d", "1w", "max"])
async def test_every_interval_is_echoed_and_empty_without_trades(visitor: Api, interval: str):
    history = await visitor.price.retrieve(parsec_id="kalshi:KXELONMARS-99", interval=interval)
    assert (history.interval, history.candles) == (interval, [])


# -- Trades --


async def test_trades_are_told_newest_first_by_the_side_that_was_traded(server: Server, trader: Api, there: Market):
    start = server.pause() // 1000
    await take(trader, there, 10)
    server.advance(60)
    await take(trader, there, 6, side="sell")
    told = await trader.trades.list(parsec_id=there.parsec_id)
    assert (told.parsec_id, told.exchange, told.market_id) == (there.parsec_id, there.exchange, there.id)
    assert (told.outcome, told.reason) == ("Yes", None)
    assert told.token_id == (there.tokens[0] if there.exchange == POLYMARKET else None)
    assert told.has_more in (False, None)
    sold, bought = told.trades
    assert (num(bought.price), num(bought.size), bought.aggressor_side) == (there.ask, 10, "buy")
    assert (num(sold.price), num(sold.size), sold.aggressor_side) == (there.bid, 6, "sell")
    assert [int(trade.timestamp.timestamp()) for trade in (bought, sold)] == [start, start + 60]
    for trade in told.trades:
        assert isinstance(trade.id, str)
        assert trade.source_channel.startswith(there.exchange)
        # Only the price that was traded, if any, and never one that was worked out.
        assert trade.yes_price in (None, trade.price)
        assert trade.no_price is None
    assert bought.id != sold.id


async def test_pages_of_trades_follow_each_other(server: Server, trader: Api, market: Market):
    start = server.pause() // 1000
    for size in (5, 6, 7):
        await take(trader, market, size)
        server.advance(1)
    sizes, cursor = [], {}
    while True:
        page = await trader.trades.list(parsec_id=market.parsec_id, limit=1, **cursor)
        sizes += [trade.size for trade in page.trades]
        if not page.has_more:
            break
        cursor = {"cursor": page.next_cursor}
    assert sizes == [7, 6, 5]
    (middle,) = (await trader.trades.list(parsec_id=market.parsec_id, start_ts=start + 1, end_ts=start + 1)).trades
    assert middle.size == 6
    with declined(400, "bad_request"):
        await trader.trades.list(parsec_id=market.parsec_id, cursor="!")


async def test_a_market_without_trades_says_so(visitor: Api):
    told = await visitor.trades.list(parsec_id="kalshi:KXELONMARS-99", outcome="no")
    assert (told.outcome, told.trades, told.reason) == ("No", [], "no_data_yet")


# -- How far back --


@pytest.mark.parametrize(("who", "days"), [("trader", 30), ("reader", 5)])
async def test_a_tier_looks_back_so_many_days(shared: Server, enter: Any, who: str, days: int):
    api, tier = enter(shared, who), {30: "pro", 5: "free"}[days]
    now = shared.admin("/sim/clock", method="GET")["now_ms"] // 1000
    refusal = f"historical data limited to {days} days on the {tier} tier — upgrade for more"
    for ask in (api.price.retrieve, api.trades.list):
        await ask(parsec_id="kalshi:KXELONMARS-99", start_ts=now - (days - 1) * DAY)
        with declined(400, "bad_request", refusal):
            await ask(parsec_id="kalshi:KXELONMARS-99", start_ts=now - (days + 1) * DAY)
