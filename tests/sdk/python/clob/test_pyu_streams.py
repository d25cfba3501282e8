"""The unified client's own streams, which drop in silence what they cannot parse: here nothing may be dropped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from polymarket import AsyncPublicClient, AsyncSecureClient
from polymarket.streams import (
    CryptoPricesSpec,
    MarketBestBidAskEvent,
    MarketBookEvent,
    MarketLastTradePriceEvent,
    MarketPriceChangeEvent,
    MarketResolvedEvent,
    MarketSpec,
    UserOrderEvent,
    UserSpec,
    UserTradeEvent,
)
from polysim_sdk import PolySimClient

from bots import BUY, environment
from harness import FRAME_WITHIN, OPENING_SIZES, Market, Server, pick_markets


async def create(server: Server, persona: str) -> AsyncSecureClient:
    who = server.personas[persona]
    return await AsyncSecureClient.create(
        private_key=who["private_key"], wallet=who["address"], environment=environment(server)
    )


@pytest_asyncio.fixture
async def bot(server: Server) -> AsyncIterator[AsyncSecureClient]:
    async with await create(server, "trader") as client:
        yield client


@pytest_asyncio.fixture
async def other(server: Server) -> AsyncIterator[AsyncSecureClient]:
    async with await create(server, "desk") as client:
        yield client


async def expect(
    stream: Any, kind: type, that: Callable[[Any], bool] = lambda _: True, *, within: float = FRAME_WITHIN
) -> Any:
    """The next event of a kind whose payload fits, as its payload."""
    async with asyncio.timeout(within):
        async for event in stream:
            if isinstance(event, kind) and that(event.payload):
                return event.payload
    pytest.fail("the stream has ended")


async def hears(client: AsyncSecureClient, stream: Any, market: Market) -> None:
    """Returns once a user's stream is subscribed, which the server says nothing of: orders of one's own tell it.

    What they leave behind in the stream is another order's, and none of them trades.
    """
    for _ in range(int(FRAME_WITHIN)):
        probe = await client.place_limit_order(token_id=market.yes, price="0.01", size=5, side=BUY)
        await client.cancel_order(order_id=probe.order_id)
        with contextlib.suppress(TimeoutError):
            await expect(stream, UserOrderEvent, within=1)
            return
    pytest.fail("no order of one's own is told")


def recent(moment: datetime) -> bool:
    return abs((moment - datetime.now(UTC)).total_seconds()) < 60


async def test_a_visitor_hears_a_market_from_its_books_on(server: Server, bot: AsyncSecureClient, market: Market):
    async with AsyncPublicClient(environment=environment(server)) as visitor:
        async with await visitor.subscribe(MarketSpec(token_ids=[market.yes, market.no])) as stream:
            books = {}
            while books.keys() != {market.yes, market.no}:
                book = await expect(stream, MarketBookEvent)
                books[book.asset_id] = book
            yes, no = books[market.yes], books[market.no]
            assert (yes.bids[-1].price, yes.asks[-1].price) == (market.bid, market.ask)
            assert (no.bids[-1].price, no.asks[-1].price) == (1 - market.ask, 1 - market.bid)
            assert [level.size for level in reversed(yes.bids)] == OPENING_SIZES
            assert yes.hash == (await visitor.get_order_book(token_id=market.yes)).hash

            price = Decimal(market.inside())
            await bot.place_limit_order(token_id=market.yes, price=price, size="12.5", side=BUY)
            changed = await expect(stream, MarketPriceChangeEvent)
            told = {change.asset_id: change for change in changed.price_changes}
            assert (told[market.yes].side, told[market.yes].price, told[market.yes].size) == (
                BUY,
                price,
                Decimal("12.5"),
            )
            assert (told[market.yes].best_bid, told[market.no].best_ask) == (price, 1 - price)
            assert told[market.yes].hash == (await visitor.get_order_book(token_id=market.yes)).hash
            assert recent(changed.timestamp)

            await bot.place_market_order(token_id=market.yes, side=BUY, amount=20, order_type="FOK")
            traded = await expect(stream, MarketLastTradePriceEvent, lambda payload: payload.asset_id == market.yes)
            assert (traded.price, traded.side, traded.condition_id) == (market.ask, BUY, market.condition_id)


async def test_top_of_book_and_resolution_are_told_to_who_asks_for_them(
    server: Server, bot: AsyncSecureClient, market: Market
):
    spec = MarketSpec(token_ids=[market.yes], custom_feature_enabled=True)
    async with await bot.subscribe(spec) as stream:
        await expect(stream, MarketBookEvent)
        price = Decimal(market.inside())
        await bot.place_limit_order(token_id=market.yes, price=price, size=10, side=BUY)
        top = await expect(stream, MarketBestBidAskEvent, lambda payload: payload.best_bid == price)
        assert (top.asset_id, top.best_ask, top.spread) == (market.yes, market.ask, market.ask - price)
        server.resolve(market, "Yes")
        resolved = await expect(stream, MarketResolvedEvent)
        assert (resolved.condition_id, resolved.winning_asset_id) == (market.condition_id, market.yes)
        assert (resolved.winning_outcome, set(resolved.asset_ids)) == ("Yes", {market.yes, market.no})


async def test_an_account_hears_of_its_orders_and_of_both_sides_of_its_trades(
    bot: AsyncSecureClient, other: AsyncSecureClient, market: Market
):
    price = Decimal(market.inside(2))
    async with await bot.subscribe(UserSpec()) as mine, await other.subscribe(UserSpec()) as theirs:
        await hears(bot, mine, market)
        await hears(other, theirs, market)
        resting = await bot.place_limit_order(token_id=market.yes, price=price, size=30, side=BUY)

        def is_resting(payload: Any) -> bool:
            return payload.id == resting.order_id

        placed = await expect(mine, UserOrderEvent, is_resting)
        assert (placed.id, placed.order_event_type, placed.status) == (resting.order_id, "PLACEMENT", "LIVE")
        assert (placed.side, placed.price, placed.original_size, placed.size_matched) == (BUY, price, 30, 0)
        assert (placed.asset_id, placed.condition_id, placed.order_type) == (market.yes, market.condition_id, "GTC")
        assert (placed.owner, placed.maker_address) == (bot.credentials.key, bot.wallet)
        assert recent(placed.created_at)
        assert recent(placed.timestamp)
        assert placed.expires_at is None

        taken = await other.place_limit_order(token_id=market.no, price=1 - price, size=10, side=BUY)
        updated = await expect(mine, UserOrderEvent, is_resting)
        assert (updated.id, updated.order_event_type, updated.size_matched) == (resting.order_id, "UPDATE", 10)
        for stream, role in ((mine, "MAKER"), (theirs, "TAKER")):
            for status in ("MATCHED", "MINED", "CONFIRMED"):
                trade = await expect(stream, UserTradeEvent)
                assert (trade.id, trade.status, trade.trader_side) == (taken.trade_ids[0], status, role)
                assert (trade.asset_id, trade.side, trade.price, trade.size) == (market.no, BUY, 1 - price, 10)
                (part,) = trade.maker_orders
                assert (part.order_id, part.asset_id, part.price, part.matched_amount) == (
                    resting.order_id,
                    market.yes,
                    price,
                    10,
                )
            assert trade.transaction_hash == taken.transactions_hashes[0]

        await bot.cancel_order(order_id=resting.order_id)
        ended = await expect(mine, UserOrderEvent, is_resting)
        assert (ended.order_event_type, ended.status, ended.size_matched) == ("CANCELLATION", "CANCELED", 10)


async def test_one_handle_merges_what_several_streams_tell(bot: AsyncSecureClient, trader: PolySimClient):
    here, there = pick_markets(trader, 2)
    specs = [MarketSpec(token_ids=[here.yes]), UserSpec(markets=[there.condition_id])]
    async with await bot.subscribe(specs) as stream:
        assert (await expect(stream, MarketBookEvent)).asset_id == here.yes
        await bot.place_limit_order(token_id=here.yes, price=here.inside(), size=10, side=BUY)
        changed = await expect(stream, MarketPriceChangeEvent)
        assert changed.condition_id == here.condition_id
        await hears(bot, stream, there)
        elsewhere = await bot.place_limit_order(token_id=there.yes, price=there.inside(), size=10, side=BUY)
        told = await expect(stream, UserOrderEvent, lambda payload: payload.id == elsewhere.order_id)
        assert (told.condition_id, told.order_event_type) == (there.condition_id, "PLACEMENT")


async def test_spot_prices_come_from_the_live_data_service(server: Server):
    async with AsyncPublicClient(environment=environment(server)) as visitor:
        spec = CryptoPricesSpec(topic="prices.crypto.binance", symbols=["btcusdt"])
        async with await visitor.subscribe(spec) as stream:
            async with asyncio.timeout(FRAME_WITHIN):
                event = await anext(stream)
    assert event.payload.symbol == "btcusdt"
    assert event.payload.value > 0
