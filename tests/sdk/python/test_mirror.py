"""The mirror of Polymarket's unified SDK: typed answers, which it checks more strictly than the other two.
(§24, 14 and 15)"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import pytest_asyncio
from polysim_polymarket import (
    AcceptedOrder,
    AsyncPublicClient,
    AsyncSecureClient,
    InsufficientLiquidityError,
    PolyApiException,
    PriceRequest,
    PublicClient,
    RejectedOrder,
    SecureClient,
)
from polysim_polymarket.streams import CryptoPricesSpec, MarketSpec, UserSpec
from polysim_sdk import PolySimClient

from harness import OPENING_SIZES, Market, Server, dec, exact_cash, pick_market, pick_markets, refused, rest, take

BASE_UNITS = 1_000_000


@pytest.fixture
def reader(shared: Server) -> Iterator[PublicClient]:
    with PublicClient(host=shared.base_url) as client:
        yield client


@pytest.fixture
def bot(server: Server) -> Iterator[SecureClient]:
    with SecureClient(host=server.base_url, api_key=server.key("trader")) as client:
        yield client


@pytest_asyncio.fixture
async def async_bot(server: Server) -> AsyncIterator[AsyncSecureClient]:
    client = await AsyncSecureClient.create(host=server.base_url, api_key=server.key("trader"))
    async with client:
        yield client


def accepted(response: AcceptedOrder | RejectedOrder, status: str) -> AcceptedOrder:
    assert isinstance(response, AcceptedOrder), response
    assert response.status == status
    return response


# -- Reading markets --


def test_every_market_is_listed_once_and_can_be_read_by_id(
    shared: Server, reader: PublicClient, public: PolySimClient
):
    everything = [row["id"] for row in public.list_markets(limit=200, closed=False)]
    assert [market.id for market in reader.list_markets(page_size=30, closed=False).iter_items()] == everything
    page = reader.list_markets(page_size=5, closed=False).first_page()
    assert (len(page.items), page.has_more) == (5, True)
    listed = page.items[0]
    with SecureClient(host=shared.base_url, api_key=shared.key("reader")) as client:
        by_id = client.get_market(id=listed.id)
    assert by_id == reader.get_market(slug=listed.slug)
    assert (by_id.id, by_id.slug, by_id.question) == (listed.id, listed.slug, listed.question)
    assert (by_id.state.active, by_id.state.closed) == (True, listed.state.closed)
    assert by_id.state.neg_risk in (True, False)


def test_books_come_typed_with_the_best_level_last(reader: PublicClient, public: PolySimClient):
    market = pick_market(public)
    yes, no = reader.get_order_books(token_ids=[market.yes, market.no])
    assert (yes.condition_id, yes.asset_id, no.asset_id) == (market.condition_id, market.yes, market.no)
    assert (yes.bids[-1].price, yes.asks[-1].price) == (market.bid, market.ask)
    assert [level.size for level in reversed(yes.asks)] == OPENING_SIZES
    assert (no.bids[-1].price, no.asks[-1].price) == (1 - market.ask, 1 - market.bid)
    assert (yes.tick_size, yes.min_order_size, yes.neg_risk) == (market.tick, 5, False)
    assert yes.timestamp is not None
    assert abs((yes.timestamp - datetime.now(UTC)).total_seconds()) < 3600
    assert yes.hash
    # Quirk of the mirror: a bare condition id is asked for as if it were a token.
    with refused("BOOK_UNAVAILABLE", 404):
        reader.get_order_book(token_id=market.condition_id)


def test_prices_are_those_a_taker_gets(reader: PublicClient, public: PolySimClient):
    market = pick_market(public)
    middle, spread = (market.bid + market.ask) / 2, market.ask - market.bid
    assert reader.get_price(token_id=market.yes, side="BUY") == market.ask
    assert reader.get_price(token_id=market.yes, side="SELL") == market.bid
    assert reader.get_prices(requests=[PriceRequest(market.no, "BUY"), PriceRequest(market.no, "SELL")]) == {
        market.no: {"BUY": 1 - market.bid, "SELL": 1 - market.ask}
    }
    assert reader.get_midpoints(token_ids=[market.yes, market.no]) == {market.yes: middle, market.no: 1 - middle}
    assert reader.get_spreads(token_ids=[market.yes, market.no]) == {market.yes: spread, market.no: spread}


def test_an_estimate_is_the_worst_level_an_order_would_touch(reader: PublicClient, public: PolySimClient):
    market = pick_market(public)
    estimate = reader.estimate_market_price
    assert estimate(token_id=market.yes, side="BUY", amount=20) == market.ask
    assert estimate(token_id=market.yes, side="SELL", shares=201) == market.bid - market.tick
    with pytest.raises(InsufficientLiquidityError):
        estimate(token_id=market.yes, side="SELL", shares=sum(OPENING_SIZES) + 1)


# -- Orders --


def test_a_limit_order_is_accepted_read_listed_and_canceled(bot: SecureClient, market: Market):
    price = Decimal(market.inside())
    placed = bot.place_limit_order(token_id=market.yes, price=price, size="12.5", side="BUY")
    # The mirror's word for an order that rests on this service.
    order_id = accepted(placed, "delayed").order_id
    order = bot.get_order(order_id=order_id)
    assert (order.id, order.condition_id, order.asset_id) == (order_id, market.condition_id, market.yes)
    assert (order.price, order.original_size, order.size_matched) == (price, Decimal("12.5"), 0)
    assert (order.side, order.outcome) == ("BUY", "Yes")
    assert order.created_at is not None
    assert abs((order.created_at - datetime.now(UTC)).total_seconds()) < 3600
    assert order.expires_at is None
    (listed,) = bot.list_open_orders(token_id=market.yes).iter_items()
    assert (listed.id, listed.status, listed.created_at) == (order_id, "ORDER_STATUS_LIVE", order.created_at)
    assert list(bot.list_open_orders(token_id=market.no).iter_items()) == []
    assert bot.cancel_order(order_id=order_id).canceled == (order_id,)
    again = bot.cancel_order(order_id=order_id)
    assert (again.canceled, list(again.not_canceled)) == ((), [order_id])
    assert list(bot.list_open_orders().iter_items()) == []


def test_an_order_with_an_expiration_says_when_it_ends(bot: SecureClient, market: Market):
    expiration = int(time.time()) + 600
    placed = bot.place_limit_order(
        token_id=f"{market.condition_id}:NO", price="0.01", size=5, side="BUY", expiration=expiration
    )
    order = bot.get_order(order_id=accepted(placed, "delayed").order_id)
    assert (order.outcome, order.expires_at) == ("No", datetime.fromtimestamp(expiration, UTC))
    (listed,) = bot.list_open_orders(market=market.condition_id).iter_items()
    assert (listed.expires_at, listed.order_type) == (order.expires_at, "GTD")


def test_market_orders_fill_and_show_in_balances_and_trades(bot: SecureClient, trader: PolySimClient, market: Market):
    bought = accepted(bot.place_market_order(token_id=market.yes, side="BUY", amount="30"), "matched")
    shares = (30 / market.ask).quantize(Decimal("0.0001"), "ROUND_DOWN")
    held = bot.get_balance_allowance(asset_type="CONDITIONAL", token_id=market.yes)
    assert held.balance == shares * BASE_UNITS
    assert bot.get_balance_allowance(asset_type="CONDITIONAL", token_id=market.no).balance == 0
    cash = bot.get_balance_allowance(asset_type="COLLATERAL").balance
    assert cash == dec(trader.balance()["balance"]) * BASE_UNITS
    assert exact_cash(trader) == 10_000 - shares * market.ask - market.fee(market.ask, shares)

    sold = accepted(
        bot.place_market_order(token_id=market.yes, side="SELL", shares=shares, order_type="FOK"), "matched"
    )
    assert bot.get_balance_allowance(asset_type="CONDITIONAL", token_id=market.yes).balance == 0
    trades = {trade.taker_order_id: trade for trade in bot.list_account_trades(token_id=market.yes).iter_items()}
    assert trades.keys() == {bought.order_id, sold.order_id}
    buy = trades[bought.order_id]
    assert (buy.condition_id, buy.asset_id, buy.outcome) == (market.condition_id, market.yes, "Yes")
    assert (buy.side, buy.trader_side, buy.status) == ("BUY", "TAKER", "MATCHED")
    assert (buy.price, buy.size, buy.fee_rate_bps) == (market.ask, shares, market.fee_bps)
    assert buy.matched_at is not None
    assert abs((buy.matched_at - datetime.now(UTC)).total_seconds()) < 3600
    assert trades[sold.order_id].price == market.bid
    assert list(bot.list_account_trades(market="0x" + "0" * 64).iter_items()) == []


def test_a_spending_limit_and_a_worst_price_are_kept(bot: SecureClient, trader: PolySimClient, market: Market):
    accepted(bot.place_market_order(token_id=market.yes, side="BUY", amount=50, max_spend=10), "matched")
    shares = (10 / market.ask).quantize(Decimal("0.0001"), "ROUND_DOWN")
    (position,) = trader.positions(status="OPEN")
    assert dec(position["quantity"]) == shares
    with refused("FOK_ORDER_NOT_FILLED_ERROR"):
        bot.place_market_order(token_id=market.yes, side="BUY", amount=10, max_price=market.bid)
    with refused("FOK_ORDER_NOT_FILLED_ERROR"):
        bot.place_market_order(token_id=market.yes, side="SELL", shares=shares, min_price=market.ask)


def test_a_built_order_is_posted_as_it_was_built(bot: SecureClient, market: Market):
    signed = bot.create_limit_order(token_id=market.no, price="0.02", size=5, side="BUY", post_only=True)
    order_id = accepted(bot.post_order(signed), "delayed").order_id
    order = bot.get_order(order_id=order_id)
    assert (order.asset_id, order.price, order.original_size) == (market.no, Decimal("0.02"), 5)


def test_a_batch_tells_the_accepted_from_the_rejected(bot: SecureClient, market: Market):
    def limit(price: Decimal | str, side: str = "BUY"):
        return bot.create_limit_order(token_id=market.yes, price=price, size=5, side=side)

    orders = [limit("0.01"), limit(market.bid + market.tick / 2), limit(market.ask), limit(market.ask, "SELL")]
    resting, off_grid, _, short = bot.post_orders(orders)
    accepted(resting, "delayed")
    assert isinstance(off_grid, RejectedOrder)
    assert off_grid.message == "INVALID_ORDER_MIN_TICK_SIZE"
    # The third order's five shares are the position the fourth one sells.
    accepted(short, "delayed")
    assert len(list(bot.list_open_orders().iter_items())) == 2


def test_refusals_are_raised_with_their_codes(bot: SecureClient, market: Market):
    with refused("POST_ONLY_WOULD_CROSS"):
        bot.place_limit_order(token_id=market.yes, price=market.ask, size=10, side="BUY", post_only=True)
    with refused("INSUFFICIENT_POSITION"):
        bot.place_limit_order(token_id=market.yes, price=market.ask, size=10, side="SELL")
    with refused("TOKEN_NOT_FOUND", 404):
        bot.place_limit_order(token_id="1" * 77, price="0.5", size=10, side="BUY")
    with refused("ORDER_NOT_FOUND", 404):
        bot.get_order(order_id="999999999")


def test_orders_are_swept_by_id_by_token_and_whole(bot: SecureClient, trader: PolySimClient):
    here, there = pick_markets(trader, 2)

    def place(market: Market) -> str:
        placed = bot.place_limit_order(token_id=market.yes, price="0.01", size=5, side="BUY")
        return accepted(placed, "delayed").order_id

    by_id = [place(here), place(here)]
    answer = bot.cancel_orders(order_ids=[*by_id, "999999999"])
    assert (answer.canceled, list(answer.not_canceled)) == (tuple(by_id), ["999999999"])
    by_token, left = place(here), place(there)
    assert bot.cancel_market_orders(token_id=here.yes).canceled == (by_token,)
    assert bot.cancel_all().canceled == (left,)
    assert bot.cancel_all().canceled == ()


def test_the_last_trade_and_the_price_history_follow_a_match(
    bot: SecureClient, trader: PolySimClient, market: Market
):
    take(trader, market, 10)
    last = bot.get_last_trade_price(token_id=market.yes)
    assert last is not None
    assert last.price == market.ask
    assert [each.price for each in bot.get_last_trade_prices(token_ids=[market.yes, market.no])] == [
        market.ask,
        1 - market.ask,
    ]
    for token, price in (
        (market.yes, market.ask),
        (market.no, 1 - market.ask),
        (f"{market.condition_id}:NO", 1 - market.ask),
        (market.condition_id, market.ask),
    ):
        history = bot.get_price_history(token_id=token, interval="1d", fidelity=1)
        assert [point.t for point in history] == sorted(point.t for point in history)
        assert history[-1].p == pytest.approx(float(price))
    past = int(time.time()) - 86_400
    assert bot.get_price_history(token_id=market.yes, start_ts=past - 60, end_ts=past) == ()


def test_api_keys_are_named_by_their_ids(bot: SecureClient, trader: PolySimClient):
    assert bot.fetch_api_keys() == tuple(str(key["id"]) for key in trader.list_keys())


def test_without_a_key_nothing_of_an_account_is_read(shared: Server):
    with SecureClient(host=shared.base_url) as client, pytest.raises(PolyApiException) as caught:
        client.get_balance_allowance(asset_type="COLLATERAL")
    assert (caught.value.status_code, caught.value.code) == (401, "MISSING_API_KEY")


# -- The asynchronous twin --


async def test_an_order_lives_from_placing_to_canceling(async_bot: AsyncSecureClient, market: Market):
    placed = await async_bot.place_limit_order(token_id=market.yes, price=market.inside(), size=10, side="BUY")
    order_id = accepted(placed, "delayed").order_id
    assert (await async_bot.get_order(order_id=order_id)).price == Decimal(market.inside())
    assert [order.id async for order in async_bot.list_open_orders().iter_items()] == [order_id]
    assert (await async_bot.cancel_all()).canceled == (order_id,)
    accepted(await async_bot.place_market_order(token_id=market.no, side="BUY", amount=10), "matched")
    (trade,) = [trade async for trade in async_bot.list_account_trades().iter_items()]
    assert (trade.outcome, trade.price) == ("No", 1 - market.bid)
    held = await async_bot.get_balance_allowance(asset_type="CONDITIONAL", token_id=market.no)
    assert held.balance == trade.size * BASE_UNITS


async def test_market_data_needs_no_key(shared: Server, public: PolySimClient):
    market = pick_market(public)
    async with AsyncPublicClient(host=shared.base_url) as client:
        assert (await client.get_order_book(token_id=market.yes)).asks[-1].price == market.ask
        assert (await client.get_market(slug=market.slug)).id == market.condition_id
        page = await client.list_markets(page_size=3).first_page()
        assert len(page.items) == 3


# -- Streams --


async def test_a_market_subscription_tells_prices_and_trades_of_the_outcomes_asked_for(
    async_bot: AsyncSecureClient, desk: PolySimClient, trader: PolySimClient, market: Market
):
    token = f"{market.condition_id}:YES"
    price = Decimal(market.inside())
    async with await async_bot.subscribe(MarketSpec(asset_ids=[token])) as events, asyncio.timeout(10):
        event = await anext(events)
        assert (event.type, event.payload.market) == ("price_change", market.condition_id)
        (change,) = event.payload.price_changes
        assert (change.asset_id, change.best_bid, change.best_ask) == (token, market.bid, market.ask)

        rest(desk, market, str(price))
        while event.type != "price_change" or event.payload.price_changes[0].best_bid != price:
            event = await anext(events)

        take(trader, market, 10, outcome="No", price=str(1 - price))
        while event.type != "last_trade_price" or event.payload.price != price:
            event = await anext(events)
        assert (event.payload.asset_id, event.payload.size) == (token, 10)


async def test_a_user_subscription_tells_each_fill_as_a_trade_and_an_order(
    async_bot: AsyncSecureClient, desk: PolySimClient, trader: PolySimClient
):
    here, there = pick_markets(trader, 2)
    take(desk, here, 200)
    take(desk, there, 200)
    async with await async_bot.subscribe(UserSpec(markets=[here.condition_id])) as events, asyncio.timeout(30):
        # The mirror hides when its socket has opened, so the trader is filled until a fill is heard of.
        heard = None
        fills: list[str] = []
        while heard is None:
            for market in (there, here):
                resting = rest(trader, market, market.inside(), 5)
                take(desk, market, 5, side="SELL")
                if market is here:
                    fills.append(str(resting["order_id"]))
            try:
                heard = await asyncio.wait_for(anext(events), 1)
            except TimeoutError:
                continue
        follow_up = await anext(events)
    assert (heard.type, follow_up.type) == ("trade", "order")
    for event in (heard, follow_up):
        payload = event.payload
        assert payload.id in fills
        assert (payload.market, payload.asset_id) == (here.condition_id, f"{here.condition_id}:YES")
        assert (payload.side, payload.outcome, payload.price) == ("BUY", "Yes", Decimal(here.inside()))
        assert payload.timestamp is not None
    assert (heard.payload.size, follow_up.payload.size_matched) == (5, 5)


@pytest.mark.parametrize("client", [AsyncPublicClient, AsyncSecureClient])
@pytest.mark.parametrize("source", ["chainlink", "binance"])
async def test_a_crypto_subscription_tells_the_spot_price_of_its_source(
    server: Server, trader: PolySimClient, client: type, source: str
):
    topic = f"prices.crypto.{source}"
    server.pause()
    price = trader.get_spot("ETH")["price"]
    async with (
        client(host=server.base_url, api_key=server.key("trader")) as bot,
        await bot.subscribe(CryptoPricesSpec(topic=topic, symbols=["ETH"])) as events,
        asyncio.timeout(20),
    ):
        event = await anext(events)
        assert (event.topic, event.type) == (topic, "update")
        assert (event.payload.symbol, event.payload.value) == ("ETH", Decimal(str(price)))
        before = event.timestamp
        server.advance(300)
        while event.timestamp == before:
            event = await anext(events)
        assert (event.timestamp - before).total_seconds() == pytest.approx(300, abs=1)
        assert event.payload.value == Decimal(str(trader.get_spot("ETH")["price"]))


async def test_a_crypto_subscription_without_symbols_tells_every_asset(server: Server, trader: PolySimClient):
    wanted = set(trader.get_spots()["supported_symbols"])
    async with (
        AsyncPublicClient(host=server.base_url) as bot,
        await bot.subscribe(CryptoPricesSpec(topic="prices.crypto.chainlink")) as events,
        asyncio.timeout(10),
    ):
        while wanted:
            wanted.discard((await anext(events)).payload.symbol)


async def test_a_public_client_with_a_key_follows_a_market(server: Server, desk: PolySimClient, market: Market):
    price = Decimal(market.inside())
    async with (
        AsyncPublicClient(host=server.base_url, api_key=server.key("whale")) as bot,
        await bot.subscribe(MarketSpec(asset_ids=[f"{market.condition_id}:NO"])) as events,
        asyncio.timeout(10),
    ):
        event = await anext(events)
        assert event.payload.price_changes[0].best_ask == 1 - market.bid
        rest(desk, market, str(price))
        while event.payload.price_changes[0].best_ask != 1 - price:
            event = await anext(events)
        assert event.payload.market == market.condition_id
