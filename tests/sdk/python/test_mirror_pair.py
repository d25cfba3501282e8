"""The mirror's four clients, method by method: what each reads is what an earlier step of the same test caused.

Two read, two trade, and of each there is a blocking and an asynchronous one. `test_mirror.py` says what their
answers mean; here one text drives them all, so that no method is left out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from polysim_polymarket import (
    AcceptedOrder,
    AsyncPublicClient,
    AsyncSecureClient,
    InsufficientLiquidityError,
    PriceRequest,
    PublicClient,
    RejectedOrder,
    SecureClient,
)
from polysim_sdk import PolySimClient

from harness import Market, Server, dec, done, every, exact_cash, opened, pick_market, pick_markets, rest, take

BASE_UNITS = 1_000_000


@pytest_asyncio.fixture(params=[PublicClient, AsyncPublicClient, SecureClient, AsyncSecureClient])
async def reader(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Any]:
    """Each of the four; a key, because a market is read by its condition id with one only."""
    async with opened(request.param(host=server.base_url, api_key=server.key("whale"))) as client:
        yield client


@pytest_asyncio.fixture(params=[SecureClient, AsyncSecureClient])
async def bot(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Any]:
    """The trader, as a bot from Polymarket makes its client: what concerned a chain means nothing."""
    secure = request.param
    client = await done(secure.create(private_key="0x1", host=server.base_url, api_key=server.key("trader")))
    async with opened(client):
        yield client


def accepted(response: AcceptedOrder | RejectedOrder, status: str) -> str:
    assert isinstance(response, AcceptedOrder), response
    assert (response.ok, response.status) == (True, status)
    return response.order_id


# -- Reading --


async def test_every_price_follows_the_order_that_became_the_best(
    reader: Any, desk: PolySimClient, market: Market
):
    price = Decimal(market.inside(2))
    rest(desk, market, str(price), 30)
    middle, spread = (price + market.ask) / 2, market.ask - price

    book = await done(reader.get_order_book(token_id=market.yes))
    assert (book.bids[-1].price, book.bids[-1].size) == (price, 30)
    yes, no = await done(reader.get_order_books(token_ids=[market.yes, market.no]))
    assert (yes.bids[-1].price, no.asks[-1].price, no.asks[-1].size) == (price, 1 - price, 30)
    assert yes.hash == book.hash != no.hash

    assert await done(reader.get_midpoint(token_id=market.yes)) == middle
    assert await done(reader.get_midpoints(token_ids=[market.yes, market.no])) == {
        market.yes: middle,
        market.no: 1 - middle,
    }
    assert await done(reader.get_spread(token_id=market.yes)) == spread
    assert await done(reader.get_spreads(token_ids=[market.no])) == {market.no: spread}
    assert await done(reader.get_price(token_id=market.yes, side="SELL")) == price
    assert await done(reader.get_price(token_id=f"{market.condition_id}:NO", side="BUY")) == 1 - price
    requests = [PriceRequest(market.no, "BUY"), PriceRequest(market.yes, "SELL")]
    assert await done(reader.get_prices(requests=requests)) == {
        market.no: {"BUY": 1 - price},
        market.yes: {"SELL": price},
    }
    # What the order offers and not a share more.
    assert await done(reader.estimate_market_price(token_id=market.yes, side="SELL", shares=30)) == price
    assert await done(reader.estimate_market_price(token_id=market.yes, side="SELL", shares=31)) == market.bid


async def test_an_estimate_fails_when_the_book_has_been_bought(reader: Any, desk: PolySimClient, market: Market):
    assert await done(reader.estimate_market_price(token_id=market.yes, side="BUY", amount=50)) == market.ask
    desk.place_order(
        market_id=market.condition_id, side="BUY", outcome="Yes", quantity=7_000, price="0.99", time_in_force="FAK"
    )
    with pytest.raises(InsufficientLiquidityError):
        await done(reader.estimate_market_price(token_id=market.yes, side="BUY", amount=50))


async def test_the_last_trade_and_its_history_follow_a_trade(
    reader: Any, desk: PolySimClient, trader: PolySimClient, market: Market
):
    price = Decimal(market.inside())
    rest(desk, market, str(price), 10)
    take(trader, market, 10, outcome="No", price=str(1 - price))
    last = await done(reader.get_last_trade_price(token_id=market.yes))
    assert last is not None
    assert last.price == price
    both = await done(reader.get_last_trade_prices(token_ids=[market.yes, market.no]))
    assert {each.token_id: each.price for each in both} == {market.yes: price, market.no: 1 - price}
    history = await done(reader.get_price_history(token_id=market.no, interval="1d", fidelity=1))
    assert history[-1].p == pytest.approx(float(1 - price))


async def test_a_resolved_market_reads_as_closed_and_leaves_the_list_of_open_ones(
    server: Server, reader: Any, trader: PolySimClient
):
    market = pick_market(trader)
    listed = await every(reader.list_markets(page_size=100, closed=False).iter_items())
    assert market.condition_id in [row.id for row in listed]
    server.resolve(market, "No")
    assert (await done(reader.get_market(id=market.condition_id))).state.closed is True
    by_slug = await done(reader.get_market(slug=market.slug))
    assert (by_slug.id, by_slug.state.active) == (market.condition_id, False)
    left = await every(reader.list_markets(page_size=100, closed=False).iter_items())
    assert [row.id for row in left] == [row.id for row in listed if row.id != market.condition_id]


@pytest.mark.parametrize("client", [PublicClient, AsyncPublicClient, SecureClient, AsyncSecureClient])
async def test_a_closed_client_asks_nothing_more(server: Server, client: Any, market: Market):
    ends = ["close", "aclose"] if client is AsyncPublicClient else ["close"]
    for end in ends:
        mirror = client(host=server.base_url, api_key=server.key("trader"))
        assert await done(mirror.get_midpoint(token_id=market.yes)) == (market.bid + market.ask) / 2
        await done(getattr(mirror, end)())
        with pytest.raises(RuntimeError, match="closed"):
            await done(mirror.get_midpoint(token_id=market.yes))


# -- Trading --


async def test_an_order_is_built_posted_read_listed_and_canceled(bot: Any, market: Market):
    price = Decimal(market.inside())
    signed = await done(bot.create_limit_order(token_id=market.yes, price=price, size="12.5", side="BUY"))
    order_id = accepted(await done(bot.post_order(signed)), "delayed")
    order = await done(bot.get_order(order_id=order_id))
    assert (order.id, order.price, order.original_size) == (order_id, price, Decimal("12.5"))
    assert [order.id for order in await every(bot.list_open_orders(token_id=market.yes).iter_items())] == [order_id]
    # What it holds back is not there to be spent.
    cash = await done(bot.get_balance_allowance(asset_type="COLLATERAL"))
    assert cash.balance == (10_000 - Decimal("12.5") * price).quantize(Decimal("0.01"), "ROUND_HALF_UP") * BASE_UNITS
    assert (await done(bot.cancel_order(order_id=order_id))).canceled == (order_id,)
    assert await every(bot.list_open_orders().iter_items()) == []
    assert (await done(bot.get_balance_allowance(asset_type="COLLATERAL"))).balance == 10_000 * BASE_UNITS


async def test_a_market_order_is_built_posted_and_shows_in_balances_and_trades(
    bot: Any, trader: PolySimClient, market: Market
):
    signed = await done(bot.create_market_order(token_id=market.yes, side="BUY", amount="30", order_type="FOK"))
    bought = accepted(await done(bot.post_order(signed)), "matched")
    shares = (30 / market.ask).quantize(Decimal("0.0001"), "ROUND_DOWN")
    held = await done(bot.get_balance_allowance(asset_type="CONDITIONAL", token_id=market.yes))
    assert held.balance == shares * BASE_UNITS
    placed = await done(bot.place_market_order(token_id=market.yes, side="SELL", shares=shares))
    sold = accepted(placed, "matched")
    assert (await done(bot.get_balance_allowance(asset_type="CONDITIONAL", token_id=market.yes))).balance == 0
    trades = {trade.taker_order_id: trade for trade in await every(bot.list_account_trades().iter_items())}
    assert {order: (trade.side, trade.price, trade.size) for order, trade in trades.items()} == {
        bought: ("BUY", market.ask, shares),
        sold: ("SELL", market.bid, shares),
    }
    charged = market.fee(market.ask, shares) + market.fee(market.bid, shares)
    assert exact_cash(trader) == 10_000 - shares * (market.ask - market.bid) - charged


async def test_orders_are_posted_together_and_swept_by_id_by_market_and_whole(bot: Any, trader: PolySimClient):
    here, there = pick_markets(trader, 2)

    async def place(market: Market) -> str:
        placed = await done(bot.place_limit_order(token_id=market.yes, price="0.01", size=5, side="BUY"))
        return accepted(placed, "delayed")

    built = [
        await done(bot.create_limit_order(token_id=here.yes, price=price, size=5, side=side))
        for price, side in (("0.01", "BUY"), (str(here.ask), "SELL"), ("0.02", "BUY"))
    ]
    first, short, third = await done(bot.post_orders(built))
    assert isinstance(short, RejectedOrder)
    assert short.message == "INSUFFICIENT_POSITION"
    by_id = [accepted(first, "delayed"), accepted(third, "delayed")]
    answer = await done(bot.cancel_orders(order_ids=[*by_id, "999999999"]))
    assert (answer.canceled, list(answer.not_canceled)) == (tuple(by_id), ["999999999"])
    by_market, left = await place(here), await place(there)
    assert (await done(bot.cancel_market_orders(market=here.condition_id))).canceled == (by_market,)
    by_token = await place(here)
    assert (await done(bot.cancel_market_orders(token_id=here.no))).canceled == (by_token,)
    assert (await done(bot.cancel_all())).canceled == (left,)
    assert await every(bot.list_open_orders().iter_items()) == []


async def test_a_new_key_is_among_the_fetched_ones(server: Server, bot: Any, trader: PolySimClient):
    server.admin(f"/admin/cohorts/beta-2026-05/users/{server.user_id('trader')}", method="PUT")
    before = await done(bot.fetch_api_keys())
    created = trader.create_key(name="another")
    assert set(await done(bot.fetch_api_keys())) == {*before, str(created["id"])}
    assert dec(trader.balance()["balance"]) == 10_000
