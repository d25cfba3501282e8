"""What the socket tells a bot through the SDK: books, trades, its own fills. (§11)"""

from __future__ import annotations

from typing import Any

import pytest
from parsec_api.streaming import MarketSubscription

from feeds import NOBODYS_MARKET, Feed, following, own_side, side, sides
from harness import Server
from twins import Api
from venues import KALSHI, POLYMARKET, Market, acting_for, pick_market, rest, take

# -- Who listens --


async def test_a_key_is_answered_with_its_customer(server: Server, trader: Api):
    socket = trader.ws()
    async with following(socket) as feed:
        await feed.next("connected")
        assert socket.customer_id == server.personas["trader"]["auth_user_id"]
        assert feed.left("error") == 0
    assert await feed.next("disconnected") == "Client closed"


@pytest.mark.parametrize("key", ["pk_invalid_key", "pk_live_" + "0" * 32])
async def test_a_wrong_key_ends_the_socket(shared: Server, enter: Any, key: str):
    socket = enter(shared, key).ws()
    feed = Feed(socket)
    with pytest.raises(ConnectionError, match="invalid api key"):
        await socket.connect()
    error = await feed.next("error")
    assert (error.code, error.message) == (1002, "invalid api key")


async def test_a_deactivated_users_socket_is_closed(server: Server, builder: Api, enter: Any):
    user = await builder.builder.users.create(external_id="user_001")
    async with following(enter(server, user.api_key).ws()) as feed:
        assert feed.socket.customer_id == user.customer_id
        await builder.builder.users.deactivate(user.customer_id)
        assert await feed.next("disconnected") == "Connection closed"


# -- Books --


async def test_a_subscription_begins_with_the_book_as_it_is(trader: Api, there: Market):
    async with following(trader.ws()) as feed:
        feed.socket.subscribe(parsec_id=there.parsec_id, outcome="Yes")
        book = await feed.book()
        assert (book.parsec_id, book.exchange, book.market_id) == (there.parsec_id, there.exchange, there.id)
        assert (book.outcome, book.token_id, book.title) == ("Yes", there.tokens[0], there.question)
        assert (book.kind, book.book_state, book.feed_state) == ("snapshot", "fresh", "healthy")
        assert (side(book.bids), side(book.asks)) == ([*there.bids], [*there.asks])
        assert book.tick_size == float(there.tick)
        assert book.mid_price == pytest.approx(float(there.bid + there.ask) / 2)
        assert book.spread == pytest.approx(float(there.ask - there.bid))
        assert book.server_seq >= 1
        assert book.stale_after_ms > 0


async def test_every_change_follows_the_one_before_without_a_gap(trader: Api, desk: Api, there: Market):
    async with following(trader.ws()) as feed:
        feed.socket.subscribe(parsec_id=there.parsec_id, outcome="yes")
        last = await feed.book()
        order = await rest(desk, there)
        for change in (
            lambda: take(trader, there, 5, outcome="No"),
            lambda: take(trader, there, 50),
            lambda: desk.orders.cancel(order.id, exchange=there.exchange),
        ):
            book = await feed.book()
            assert (book.kind, book.outcome, book.server_seq) == ("delta", "Yes", last.server_seq + 1)
            assert (side(book.bids), side(book.asks)) == await sides(trader, there.parsec_id)
            last = book
            await change()
        book = await feed.book()
        assert (book.kind, book.server_seq) == ("delta", last.server_seq + 1)
        assert (side(book.bids), side(book.asks)) == await sides(trader, there.parsec_id)
        kept = feed.socket.get_book(there.parsec_id)
        assert (own_side(kept["bids"]), own_side(kept["asks"])) == (side(book.bids), side(book.asks))
        assert kept["last_seq"] == book.server_seq
        # Trades and fills in between took no number, or the SDK would have asked for the book again.
        assert feed.left("error") == 0


async def test_a_bot_that_missed_a_change_gets_the_book_again(trader: Api, desk: Api, market: Market):
    async with following(trader.ws()) as feed:
        feed.socket.subscribe(parsec_id=market.parsec_id, outcome="Yes")
        first = await feed.book()
        # As if a change had been lost on the way, which a sound connection never does.
        feed.socket._books[f"{market.parsec_id}:yes"].last_seq += 10
        await rest(desk, market)
        again = await feed.book()
        assert again.kind == "snapshot"
        assert (side(again.bids), side(again.asks)) == await sides(trader, market.parsec_id)
        assert side(again.bids) != side(first.bids)
        await rest(desk, market, price=market.inside(2))
        after = await feed.book()
        assert (after.kind, after.server_seq) == ("delta", again.server_seq + 1)


async def test_a_subscription_without_an_outcome_is_one_to_yes(trader: Api, desk: Api, market: Market):
    async with following(trader.ws()) as feed:
        # The SDK sends "outcome":null, and "depth":null.
        feed.socket.subscribe(parsec_id=market.parsec_id)
        book = await feed.book()
        assert (book.outcome, side(book.asks)) == ("Yes", [*market.asks])
        await rest(desk, market)
        assert (await feed.book()).kind == "delta"


async def test_either_outcome_has_a_book_of_its_own(trader: Api, desk: Api, market: Market):
    async with following(trader.ws()) as feed:
        feed.socket.subscribe(parsec_id=market.parsec_id, outcome="NO")
        no = await feed.book()
        assert (no.outcome, no.token_id) == ("No", market.tokens[1])
        assert (side(no.bids), side(no.asks)) == await sides(trader, market.parsec_id, outcome="no")
        # A buy of Yes is an offer of No.
        await rest(desk, market)
        offered = await feed.book()
        assert (offered.outcome, side(offered.asks)[0]) == ("No", (1 - market.inside(), 10))
        assert side(offered.bids) == side(no.bids)


async def test_two_markets_in_one_subscription_are_two_books(trader: Api, desk: Api):
    here, there = await pick_market(trader), await pick_market(trader, KALSHI)
    async with following(trader.ws()) as feed:
        feed.socket.subscribe(
            [
                MarketSubscription(parsec_id=here.parsec_id, outcome="Yes"),
                MarketSubscription(parsec_id=there.parsec_id, outcome="Yes"),
            ]
        )
        books = {book.parsec_id: book for book in (await feed.book(), await feed.book())}
        assert side(books[here.parsec_id].bids) == [*here.bids]
        assert side(books[there.parsec_id].bids) == [*there.bids]
        # Each counts for itself.
        for market in (there, here, there):
            await rest(desk, market)
            book = await feed.book()
            assert (book.parsec_id, book.server_seq) == (market.parsec_id, books[market.parsec_id].server_seq + 1)
            books[market.parsec_id] = book


async def test_a_shallow_subscription_shows_what_slides_into_its_window(trader: Api, desk: Api, market: Market):
    async with following(trader.ws()) as feed:
        feed.socket.subscribe(parsec_id=market.parsec_id, outcome="Yes", depth=2)
        book = await feed.book()
        assert (side(book.bids), side(book.asks)) == ([*market.bids[:2]], [*market.asks[:2]])
        order = await rest(desk, market)
        pushed = await feed.book()
        assert side(pushed.bids) == [(market.inside(), 10), market.bids[0]]
        await desk.orders.cancel(order.id, exchange=POLYMARKET)
        back = await feed.book()
        assert (side(back.bids), side(back.asks)) == (side(book.bids), side(book.asks))
        # What happens below is not seen: the next change that is told is one inside the window.
        await rest(desk, market, price=market.bids[4][0])
        await rest(desk, market)
        inside = await feed.book()
        assert (inside.server_seq, side(inside.bids)) == (back.server_seq + 1, side(pushed.bids))


async def test_a_book_that_was_given_up_is_forgotten_until_it_is_watched_again(trader: Api, desk: Api):
    here, there = await pick_market(trader), await pick_market(trader, KALSHI)
    async with following(trader.ws()) as feed:
        for market in (here, there):
            feed.socket.subscribe(parsec_id=market.parsec_id, outcome="Yes")
            await feed.book()
        feed.socket.unsubscribe(parsec_id=here.parsec_id, outcome="Yes")
        assert feed.socket.get_book(here.parsec_id) is None
        await feed.in_step()
        await rest(desk, here)
        await rest(desk, there)
        assert (await feed.book()).parsec_id == there.parsec_id
        feed.socket.subscribe(parsec_id=here.parsec_id, outcome="Yes")
        again = await feed.book()
        assert (again.kind, side(again.bids)[0]) == ("snapshot", (here.inside(), 10))
        assert feed.left("activity") == 0


async def test_one_wrong_market_does_not_spoil_the_others(trader: Api, market: Market):
    async with following(trader.ws()) as feed:
        feed.socket.subscribe(
            [
                MarketSubscription(parsec_id=NOBODYS_MARKET),
                MarketSubscription(parsec_id=market.parsec_id, outcome="Perhaps"),
                MarketSubscription(parsec_id="doesnotexist:1"),
                MarketSubscription(parsec_id=market.parsec_id, outcome="Yes"),
            ]
        )
        assert (await feed.book()).parsec_id == market.parsec_id
        told = {(error.parsec_id, error.code) for error in [await feed.next("error") for _ in range(3)]}
        assert told == {(NOBODYS_MARKET, 2002), (market.parsec_id, 2005), ("doesnotexist:1", 2003)}


# -- Trades and fills --


async def test_an_execution_is_a_trade_for_everyone_and_a_fill_for_its_two_sides(
    server: Server, trader: Api, desk: Api, enter: Any, there: Market
):
    await take(desk, there, 10)
    async with (
        following(trader.ws()) as maker,
        following(desk.ws()) as taker,
        following(enter(server, "reader").ws()) as reader,
    ):
        for feed in (maker, taker, reader):
            feed.socket.subscribe(parsec_id=there.parsec_id, outcome="Yes")
            await feed.book()
        bought = await rest(trader, there, size=20)
        sold = await take(desk, there, 10, side="sell", price=float(there.inside()))

        seen = await reader.activity()
        assert (seen.kind, seen.aggressor_side, seen.fill_id, seen.order_id) == ("trade", "sell", None, None)
        assert seen.trade_id
        for feed, api, order, role in ((maker, trader, bought, "maker"), (taker, desk, sold, "taker")):
            told = {activity.kind: activity for activity in (await feed.activity(), await feed.activity())}
            trade, fill = told["trade"], told["fill"]
            assert (trade.trade_id, trade.price, trade.size) == (seen.trade_id, seen.price, seen.size)
            assert (fill.order_id, fill.side, fill.liquidity_role) == (order.id, order.side, role)
            assert fill.fill_id in {row.fill_id for row in await api.fills.list(exchange=there.exchange)}
            for activity in (trade, fill):
                assert (activity.parsec_id, activity.market_id) == (there.parsec_id, there.id)
                assert (activity.exchange, activity.outcome) == (there.exchange, "Yes")
                assert activity.token_id == there.tokens[0]
                assert (activity.price, activity.size) == (float(there.inside()), 10)
                assert activity.source_channel.startswith(there.exchange)
        for feed in (maker, taker, reader):
            await feed.in_step()
            assert feed.left("activity") == 0


async def test_a_fill_is_told_whichever_outcome_is_watched(trader: Api, market: Market):
    async with following(trader.ws()) as feed:
        feed.socket.subscribe(parsec_id=market.parsec_id, outcome="No")
        await feed.book()
        order = await take(trader, market, 10)
        fill = await feed.activity()
        if fill.kind == "trade":
            fill = await feed.activity()
        assert (fill.kind, fill.order_id, fill.outcome, fill.side) == ("fill", order.id, "Yes", "buy")
        assert (fill.price, fill.size, fill.liquidity_role) == (float(market.ask), 10, "taker")


async def test_an_end_users_fills_are_told_to_their_own_key_and_not_to_the_builders(
    server: Server, builder: Api, enter: Any, market: Market
):
    user = await builder.builder.users.create(external_id="user_001")
    await builder.builder.onboard.create(customer_id=user.customer_id, exchange=POLYMARKET, mode="managed")
    async with following(builder.ws()) as theirs, following(enter(server, user.api_key).ws()) as own:
        for feed in (theirs, own):
            feed.socket.subscribe(parsec_id=market.parsec_id, outcome="Yes")
            await feed.book()
        order = await take(builder, market, 10, **acting_for(user.customer_id))
        kinds = {activity.kind: activity for activity in (await own.activity(), await own.activity())}
        assert kinds["fill"].order_id == order.id
        assert (await theirs.activity()).kind == "trade"
        await theirs.in_step()
        assert theirs.left("activity") == 0


# -- What it all took --


async def test_open_sockets_are_counted_with_what_they_watch(server: Server, trader: Api, desk: Api, enter: Any):
    here, there = await pick_market(trader), await pick_market(trader, KALSHI)
    async with following(trader.ws()) as feed, following(desk.ws()) as other:
        for market in (here, there):
            feed.socket.subscribe(parsec_id=market.parsec_id, outcome="Yes")
            await feed.book()
        other.socket.subscribe(parsec_id=here.parsec_id, outcome="Yes")
        await other.book()

        told = await trader.websocket.usage()
        mine = told.customer
        assert (told.scope, told.customers) == ("self", [])
        assert mine.customer_id == server.personas["trader"]["auth_user_id"]
        for count in (told.totals, mine):
            assert (count.active_connections, count.active_subscriptions) == (1, 2)
            assert (count.connections_opened_total, count.connections_closed_total) == (1, 0)
            assert (count.subscribe_requests_total, count.unsubscribe_requests_total) == (2, 0)
            assert count.messages_sent_total >= 3
            assert count.bytes_sent_total > 0
        assert {row.parsec_id: row.subscriptions_total for row in told.top_markets} == {
            here.parsec_id: 1, there.parsec_id: 1,
        }  # fmt: skip
        usage = (await trader.account.usage()).usage
        assert (usage.ws_active_connections, usage.ws_active_subscriptions) == (1, 2)

        admin = await enter(server, "admin").websocket.usage(scope="global")
        assert (admin.totals.active_connections, admin.totals.active_subscriptions) == (2, 3)
        assert {row.customer_id for row in admin.customers} >= {
            server.personas[who]["auth_user_id"] for who in ("trader", "desk")
        }
        assert (admin.top_markets[0].parsec_id, admin.top_markets[0].subscriptions_total) == (here.parsec_id, 2)
