"""The unified client, polymarket-client, call by call: its blocking form and its asynchronous one alike."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

import pytest
import pytest_asyncio
from polymarket import (
    AcceptedOrder,
    ApiKeyCreds,
    AsyncPublicClient,
    AsyncSecureClient,
    BuilderApiKey,
    OrderHeartbeatMismatchError,
    PublicClient,
    RejectedOrder,
    SecureClient,
)
from polymarket.errors import InsufficientLiquidityError, UserInputError
from polymarket.models.clob import PriceRequest

from bots import ALLOWANCE_MAX, BUY, SELL, environment, refuses, unauthorized
from harness import OPENING_SIZES, Market, Server, done, every, opened, pick_market

OPENING = Decimal(10_000)
BASE_UNITS = 1_000_000


@pytest.fixture(params=[SecureClient, AsyncSecureClient], ids=["blocking", "asynchronous"])
def secure(request: pytest.FixtureRequest) -> type:
    """Either client of an account."""
    return request.param


@pytest_asyncio.fixture
async def bot(secure: type, server: Server) -> AsyncIterator[Any]:
    async with opened(await made(secure, server, "trader")) as client:
        yield client


@pytest_asyncio.fixture
async def other(secure: type, server: Server) -> AsyncIterator[Any]:
    async with opened(await made(secure, server, "desk")) as client:
        yield client


@pytest_asyncio.fixture(params=[PublicClient, AsyncPublicClient], ids=["blocking", "asynchronous"])
async def reader(request: pytest.FixtureRequest, shared: Server) -> AsyncIterator[Any]:
    """Someone without a wallet, through either client."""
    async with opened(request.param(environment=environment(shared))) as client:
        yield client


@pytest.fixture
def listed(public: Any) -> Market:
    """A market of the world that is only read."""
    return pick_market(public)


async def made(secure: type, server: Server, persona: str, **more: Any) -> Any:
    """For the persona's own address, unless a test is about another wallet."""
    who = server.personas[persona]
    terms = {"private_key": who["private_key"], "wallet": who["address"], "environment": environment(server)}
    return await done(secure.create(**(terms | more)))


def accepted(answer: AcceptedOrder | RejectedOrder, status: str) -> AcceptedOrder:
    assert isinstance(answer, AcceptedOrder), answer
    assert answer.status == status
    return answer


def recent(moment: datetime | None) -> bool:
    return moment is not None and abs((moment - datetime.now(UTC)).total_seconds()) < 60


# -- Keys --


async def test_a_client_has_the_same_credentials_each_time_and_others_with_another_nonce(
    secure: type, server: Server
):
    async with (
        opened(await made(secure, server, "trader")) as first,
        opened(await made(secure, server, "trader")) as again,
        opened(await made(secure, server, "trader", nonce=5)) as second,
    ):
        assert first.credentials == again.credentials != second.credentials
        assert str(uuid.UUID(first.credentials.key)) == first.credentials.key
        keys = {first.credentials.key, second.credentials.key}
        assert set(await done(first.fetch_api_keys())) == keys
        # Kept, because the server still lists them.
        async with opened(await made(secure, server, "trader", credentials=second.credentials)) as kept:
            assert kept.credentials == second.credentials
        forged = ApiKeyCreds(key=str(uuid.uuid4()), secret=first.credentials.secret, passphrase="none")
        async with opened(await made(secure, server, "trader", credentials=forged)) as renewed:
            assert renewed.credentials == first.credentials


async def test_a_deleted_key_is_refused(bot: Any):
    assert await done(bot.delete_api_key()) is None
    with unauthorized():
        await done(bot.fetch_api_keys())
    with unauthorized():
        await every(bot.list_open_orders().iter_items())


async def test_who_ends_authentication_goes_on_as_a_visitor(bot: Any, market: Market):
    async with opened(await done(bot.end_authentication())) as visitor:
        assert await done(visitor.get_midpoint(token_id=market.yes)) == (market.bid + market.ask) / 2
    with pytest.raises(RuntimeError, match="has ended authentication"):
        await done(bot.cancel_all())


async def test_a_builders_key_is_made_listed_and_revoked_by_itself(secure: type, server: Server, bot: Any):
    made_key = await done(bot.create_builder_api_key())
    (row,) = await done(bot.fetch_builder_api_keys())
    assert row.key == made_key.key
    key = BuilderApiKey(key=made_key.key, secret=made_key.secret, passphrase=made_key.passphrase)
    async with opened(await made(secure, server, "trader", api_key=key)) as builder:
        assert await done(builder.revoke_builder_api_key()) is None
    listed = await done(bot.fetch_builder_api_keys())
    assert [row for row in listed if row.revoked_at is None] == []


async def test_an_account_in_good_standing_has_nothing_held_against_it(bot: Any, market: Market):
    assert await done(bot.get_closed_only_mode()) is False
    placed = await done(bot.place_limit_order(token_id=market.yes, price=market.inside(), size=10, side=BUY))
    assert await done(bot.get_order_scoring(order_id=placed.order_id)) is False
    assert await done(bot.get_orders_scoring(order_ids=[placed.order_id])) == {placed.order_id: False}
    await done(bot.cancel_all())
    notices = await done(bot.get_notifications())
    assert {notice.payload.order_id for notice in notices if notice.type in (1, 2)} <= {placed.order_id}
    if notices:
        await done(bot.drop_notifications(ids=[notice.id for notice in notices]))
    assert await done(bot.get_notifications()) == ()


async def test_nothing_is_earned_where_no_rewards_run(bot: Any):
    today = time.strftime("%Y-%m-%d")
    assert await every(bot.list_user_earnings_for_day(date=today).iter_items()) == []
    assert await done(bot.get_total_earnings_for_user_for_day(date=today)) == ()
    assert await every(bot.list_current_rewards().iter_items()) == []
    assert await done(bot.get_current_rebates(date=today, maker_address=bot.wallet)) == ()


async def test_a_heartbeat_quotes_the_one_before(bot: Any):
    first = (await done(bot.send_order_heartbeat())).heartbeat_id
    second = (await done(bot.send_order_heartbeat(heartbeat_id=first))).heartbeat_id
    with pytest.raises(OrderHeartbeatMismatchError) as caught:
        await done(bot.send_order_heartbeat(heartbeat_id=first))
    assert (caught.value.heartbeat_id, caught.value.status) == (second, 400)
    assert (await done(bot.send_order_heartbeat(heartbeat_id=second))).heartbeat_id not in (first, second)


# -- Books --


async def test_books_come_typed_with_the_best_level_last(reader: Any, listed: Market):
    both = await done(reader.get_order_books(token_ids=[listed.yes, listed.no]))
    books = {book.asset_id: book for book in both}
    yes, no = books[listed.yes], books[listed.no]
    assert yes == await done(reader.get_order_book(token_id=listed.yes))
    assert (yes.bids[-1].price, yes.asks[-1].price) == (listed.bid, listed.ask)
    assert (no.bids[-1].price, no.asks[-1].price) == (1 - listed.ask, 1 - listed.bid)
    assert [level.size for level in reversed(yes.asks)] == OPENING_SIZES
    assert (yes.condition_id, yes.tick_size, yes.min_order_size, yes.neg_risk) == (
        listed.condition_id,
        listed.tick,
        5,
        False,
    )
    with refuses("No orderbook exists for the requested token id", 404):
        await done(reader.get_order_book(token_id="1" * 77))


async def test_prices_are_those_of_the_side_an_order_would_rest_on(reader: Any, listed: Market):
    yes, no = listed.yes, listed.no
    middle, spread = (listed.bid + listed.ask) / 2, listed.ask - listed.bid
    assert await done(reader.get_price(token_id=yes, side=BUY)) == listed.bid
    assert await done(reader.get_price(token_id=yes, side=SELL)) == listed.ask
    asked = [PriceRequest(yes, BUY), PriceRequest(yes, SELL), PriceRequest(no, BUY)]
    assert await done(reader.get_prices(requests=asked)) == {
        yes: {BUY: listed.bid, SELL: listed.ask},
        no: {BUY: 1 - listed.ask},
    }
    assert await done(reader.get_midpoint(token_id=no)) == 1 - middle
    assert await done(reader.get_midpoints(token_ids=[yes, no])) == {yes: middle, no: 1 - middle}
    assert await done(reader.get_spread(token_id=yes)) == spread
    assert await done(reader.get_spreads(token_ids=[yes, no])) == {yes: spread, no: spread}
    assert await done(reader.get_last_trade_prices(token_ids=[yes, no])) == ()


async def test_an_estimate_is_the_worst_level_an_order_would_touch(reader: Any, listed: Market):
    estimate = reader.estimate_market_price
    assert await done(estimate(token_id=listed.yes, side=BUY, amount=20)) == listed.ask
    assert await done(estimate(token_id=listed.yes, side=SELL, shares=201)) == listed.bid - listed.tick
    with pytest.raises(InsufficientLiquidityError):
        await done(estimate(token_id=listed.yes, side=SELL, shares=sum(OPENING_SIZES) + 1))


# -- Orders --


async def test_a_limit_order_is_accepted_read_listed_and_canceled(bot: Any, market: Market):
    price = Decimal(market.inside())
    answer = await done(bot.place_limit_order(token_id=market.yes, price=price, size="12.5", side=BUY))
    placed = accepted(answer, "live")
    assert (placed.making_amount, placed.taking_amount, placed.trade_ids, placed.transactions_hashes) == (
        0,
        0,
        (),
        (),
    )
    order = await done(bot.get_order(order_id=placed.order_id))
    assert (order.id, order.condition_id, order.asset_id) == (placed.order_id, market.condition_id, market.yes)
    assert (order.price, order.original_size, order.size_matched) == (price, Decimal("12.5"), 0)
    assert (order.side, order.outcome, order.order_type, order.status) == (BUY, "Yes", "GTC", "LIVE")
    assert (order.owner, order.maker_address) == (bot.credentials.key, bot.wallet)
    assert recent(order.created_at)
    assert order.expires_at is None
    assert await every(bot.list_open_orders(token_id=market.yes).iter_items()) == [order]
    assert await every(bot.list_open_orders(token_id=market.no).iter_items()) == []
    canceled = await done(bot.cancel_order(order_id=placed.order_id))
    assert (canceled.canceled, canceled.not_canceled) == ((placed.order_id,), {})
    again = await done(bot.cancel_orders(order_ids=[placed.order_id]))
    assert (again.canceled, list(again.not_canceled)) == ((), [placed.order_id])


async def test_an_order_with_an_expiration_says_when_it_ends(server: Server, bot: Any, market: Market):
    expiration = int(time.time()) + 600
    terms = {"token_id": market.yes, "price": market.inside(), "size": 10, "side": BUY}
    placed = await done(bot.place_limit_order(**terms, expiration=expiration))
    (order,) = await every(bot.list_open_orders().iter_items())
    assert (order.id, order.order_type) == (placed.order_id, "GTD")
    assert order.expires_at == datetime.fromtimestamp(expiration, UTC)
    server.advance(601)
    assert await every(bot.list_open_orders().iter_items()) == []
    with pytest.raises(UserInputError, match="at least 180 seconds"):
        await done(bot.place_limit_order(**terms, expiration=int(time.time()) + 60))


async def test_a_post_only_order_rests_or_is_refused(bot: Any, market: Market):
    terms = {"token_id": market.yes, "size": 10, "side": BUY, "post_only": True}
    accepted(await done(bot.place_limit_order(**terms, price=market.inside())), "live")
    with refuses("invalid post-only order: order crosses book"):
        await done(bot.place_limit_order(**terms, price=market.ask))


async def test_a_market_order_is_filled_and_its_settlement_waited_for(bot: Any, market: Market):
    answer = await done(bot.place_market_order(token_id=market.yes, side=BUY, amount="25.5", order_type="FOK"))
    bought = accepted(answer, "matched")
    shares = (Decimal("25.5") / market.ask).quantize(Decimal("0.0001"), ROUND_DOWN)
    assert (bought.making_amount, bought.taking_amount) == (shares * market.ask, shares)
    assert await done(bot.wait_for_order_fill_settlement(bought)) == bought.transactions_hashes
    (trade,) = await every(bot.list_account_trades(id=bought.trade_ids[0]).iter_items())
    assert (trade.taker_order_id, trade.transaction_hash) == (bought.order_id, bought.transactions_hashes[0])
    assert (trade.side, trade.price, trade.size, trade.outcome) == (BUY, market.ask, shares, "Yes")
    assert (trade.status, trade.trader_side, trade.owner) == ("CONFIRMED", "TAKER", bot.credentials.key)
    assert recent(trade.matched_at)
    assert recent(trade.updated_at)

    price = market.bid - market.tick
    answer = await done(
        bot.place_market_order(token_id=market.yes, side=SELL, shares=20, min_price=price, order_type="FAK")
    )
    sold = accepted(answer, "matched")
    assert (sold.making_amount, sold.taking_amount) == (20, 20 * market.bid)
    told = await done(bot.get_last_trade_price(token_id=market.yes))
    assert (told.price, told.side) == (market.bid, SELL)

    held = await done(bot.get_balance_allowance(asset_type="CONDITIONAL", token_id=market.yes))
    assert held.balance == (shares - 20) * BASE_UNITS
    cash = await done(bot.get_balance_allowance(asset_type="COLLATERAL"))
    left = OPENING - bought.making_amount - market.fee(market.ask, shares) + sold.taking_amount
    assert cash.balance == (left - market.fee(market.bid, 20)) * BASE_UNITS
    assert set(cash.allowances.values()) == {ALLOWANCE_MAX}


async def test_a_spend_limit_leaves_room_for_the_fee_the_market_publishes(bot: Any, market: Market):
    most = Decimal(30)
    answer = await done(
        bot.place_market_order(token_id=market.yes, side=BUY, amount=most, max_spend=most, order_type="FOK")
    )
    spent = accepted(answer, "matched").making_amount
    total = spent + market.fee(market.ask, answer.taking_amount)
    assert most - Decimal("0.03") < total <= most


async def test_what_cannot_be_filled_at_once_is_refused(bot: Any, market: Market):
    with refuses("order couldn't be fully filled. FOK orders are fully filled or killed."):
        await done(
            bot.place_market_order(token_id=market.yes, side=BUY, amount=1000, max_price=market.ask, order_type="FOK")
        )
    with refuses("not enough balance / allowance", more=True):
        await done(bot.place_limit_order(token_id=market.no, price="0.5", size=10, side=SELL))
    assert await every(bot.list_account_trades().iter_items()) == []


async def test_a_bad_order_in_a_batch_is_told_by_its_code(bot: Any, market: Market):
    terms = {"token_id": market.yes, "size": 10}
    good = await done(bot.create_limit_order(**terms, price=market.inside(), side=BUY))
    not_owned = await done(bot.create_limit_order(**terms, price=market.ask, side=SELL))
    late = replace(good, salt=good.salt, expiration=int(time.time()) + 600)
    crossing = await done(bot.create_limit_order(**terms, price=market.ask, side=BUY, post_only=True))
    killed = replace(await done(bot.create_limit_order(**terms, price=market.bid, side=BUY)), order_type="FAK")
    answers = await done(bot.post_orders([late, not_owned, crossing, killed, good]))
    # An expiration is not signed, so that the first is the last under another date; refused, it did not use it up.
    assert [getattr(answer, "code", "") for answer in answers] == [
        "invalid_expiration",
        "not_enough_balance",
        "post_only_would_cross",
        "fak_not_filled",
        "",
    ]
    placed = accepted(answers[-1], "live")
    assert [order.id for order in await every(bot.list_open_orders().iter_items())] == [placed.order_id]


async def test_orders_are_canceled_by_market_by_token_and_all(bot: Any, market: Market):
    async def rest() -> str:
        answer = await done(bot.place_limit_order(token_id=market.yes, price=market.inside(), size=10, side=BUY))
        return accepted(answer, "live").order_id

    for cancel in (
        lambda: bot.cancel_market_orders(market=market.condition_id),
        lambda: bot.cancel_market_orders(token_id=market.yes),
        lambda: bot.cancel_all(),
    ):
        placed = [await rest(), await rest()]
        canceled = await done(cancel())
        assert (sorted(canceled.canceled), canceled.not_canceled) == (sorted(placed), {})
    assert (await done(bot.cancel_market_orders(token_id=market.no))).canceled == ()


async def test_open_orders_are_walked_page_by_page_to_the_end(bot: Any, market: Market):
    """As many as a page does not hold, however long the server's pages are."""
    placed: list[str] = []
    has_more = False
    while not has_more:
        assert len(placed) < 600, "a page this long is not a page"
        batch = [
            await done(bot.create_limit_order(token_id=market.yes, price="0.01", size=5, side=BUY)) for _ in range(15)
        ]
        placed += [accepted(answer, "live").order_id for answer in await done(bot.post_orders(batch))]
        has_more = (await done(bot.list_open_orders().first_page())).has_more
    walked = [order.id for order in await every(bot.list_open_orders().iter_items())]
    assert len(walked) == len(set(walked)) == len(placed)
    assert set(walked) == set(placed)
    assert len((await done(bot.cancel_orders(order_ids=placed))).canceled) == len(placed)


async def test_both_sides_of_a_trade_are_told_their_own(bot: Any, other: Any, market: Market):
    price = Decimal(market.inside(2))
    resting = await done(bot.place_limit_order(token_id=market.yes, price=price, size=30, side=BUY))
    answer = await done(other.place_limit_order(token_id=market.no, price=1 - price, size=10, side=BUY))
    taken = accepted(answer, "matched")
    (seen,) = await every(bot.list_account_trades(market=market.condition_id).iter_items())
    (maker,) = seen.maker_orders
    assert (seen.id, seen.trader_side, seen.asset_id) == (taken.trade_ids[0], "MAKER", market.no)
    assert (maker.order_id, maker.owner, maker.maker_address) == (resting.order_id, bot.credentials.key, bot.wallet)
    assert (maker.asset_id, maker.side, maker.price, maker.matched_amount) == (market.yes, BUY, price, 10)
    assert (seen.owner, seen.maker_address) == (other.credentials.key, other.wallet)
    (theirs,) = await every(other.list_account_trades().iter_items())
    assert theirs == seen.model_copy(update={"trader_side": "TAKER"})


async def test_an_unknown_builders_code_has_no_trades(bot: Any):
    code = "0x" + "77" * 32
    assert await every(bot.list_builder_trades(builder_code=code).iter_items()) == []
