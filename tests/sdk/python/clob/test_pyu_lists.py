"""What the unified client finds beside the exchange: markets and events on Gamma, an account's past on Data."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from polymarket import AsyncPublicClient, AsyncSecureClient, PublicClient, RequestRejectedError, SecureClient
from polysim_sdk import PolySimClient

from bots import BUY, DEPOSIT, PROXY, SAFE, SELL, environment, wallet_of
from harness import Market, Server, done, every, opened, pick_market, pick_markets
from places import catalogue, neg_risk_market


@pytest_asyncio.fixture(params=[PublicClient, AsyncPublicClient], ids=["blocking", "asynchronous"])
async def reader(request: pytest.FixtureRequest, shared: Server) -> AsyncIterator[Any]:
    """Someone without a wallet, through either client."""
    async with opened(request.param(environment=environment(shared))) as client:
        yield client


@pytest_asyncio.fixture(params=[SecureClient, AsyncSecureClient], ids=["blocking", "asynchronous"])
async def bot(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Any]:
    """The trader's with its default wallet, through either client."""
    key = server.personas["trader"]["private_key"]
    async with opened(await done(request.param.create(private_key=key, environment=environment(server)))) as client:
        yield client


@pytest.fixture
def listed(public: PolySimClient) -> Market:
    """A market of the world that is only read."""
    return pick_market(public)


# -- Gamma --


async def test_every_open_market_is_listed_once_as_it_was_recorded(reader: Any):
    found = {market.condition_id: market for market in await every(reader.list_markets(page_size=30).iter_items())}
    recorded = {condition_id: row for condition_id, row in catalogue().items() if not row["closed"]}
    assert recorded.keys() <= found.keys()
    assert len(await every(reader.list_markets(page_size=100).iter_items())) == len(found)
    for condition_id, row in recorded.items():
        market = found[condition_id]
        assert (market.id, market.slug, market.question) == (row["gamma_id"], row["slug"], row["question"])
        outcomes = [market.outcomes.yes, market.outcomes.no]
        assert [outcome.token_id for outcome in outcomes] == row["token_ids"]
        assert [outcome.label for outcome in outcomes] == row["outcomes"]
        assert (market.state.active, market.state.closed, market.state.accepting_orders) == (True, False, True)
        assert market.state.neg_risk is row["neg_risk"]
        assert market.trading.minimum_tick_size == Decimal(row["tick_size"])
        assert market.trading.minimum_order_size == Decimal(row["min_order_size"])
        assert market.resolution.question_id == row["question_id"]
        assert [event.slug for event in market.events] == [row["event_slug"]]


async def test_closed_markets_are_listed_to_who_asks_for_them(reader: Any):
    found = {market.condition_id: market for market in await every(reader.list_markets(closed=True).iter_items())}
    recorded = {condition_id: row for condition_id, row in catalogue().items() if row["closed"]}
    assert recorded.keys() <= found.keys()
    for condition_id, row in recorded.items():
        market = found[condition_id]
        assert (market.state.closed, market.state.accepting_orders) == (True, False)
        assert [market.outcomes.yes.price, market.outcomes.no.price] == [
            Decimal(price) for price in row["outcome_prices"]
        ]


async def test_a_market_is_found_by_whatever_names_it(reader: Any, listed: Market):
    gamma_id = catalogue()[listed.condition_id]["gamma_id"]
    by_id = await done(reader.get_market(id=gamma_id))
    assert by_id == await done(reader.get_market(slug=listed.slug))
    assert (by_id.condition_id, by_id.question) == (listed.condition_id, listed.question)
    assert (by_id.prices.best_bid, by_id.prices.best_ask) == (listed.bid, listed.ask)
    assert by_id.prices.spread == listed.ask - listed.bid
    for where in (
        {"ids": int(gamma_id)},
        {"slug": listed.slug},
        {"condition_ids": [listed.condition_id]},
        {"clob_token_ids": listed.no},
    ):
        assert [market.id for market in await every(reader.list_markets(**where).iter_items())] == [gamma_id], where
    with pytest.raises(RequestRejectedError) as caught:
        await done(reader.get_market(slug="there-is-no-such-market"))
    assert caught.value.status == 404


async def test_an_event_holds_its_markets_and_a_market_names_its_event(reader: Any):
    events = {event.slug: event for event in await every(reader.list_events(page_size=7).iter_items())}
    recorded: dict[str, set[str]] = {}
    for condition_id, row in catalogue().items():
        if not row["closed"]:
            recorded.setdefault(row["event_slug"], set()).add(condition_id)
    assert recorded.keys() <= events.keys()
    for slug, members in recorded.items():
        event = events[slug]
        assert members <= {market.condition_id for market in event.markets}
        titles = {catalogue()[condition_id]["event_title"] for condition_id in members}
        assert event.title in titles
    slug, members = max(recorded.items(), key=lambda entry: len(entry[1]))
    event = await done(reader.get_event(slug=slug))
    assert (event.id, event.title) == (events[slug].id, events[slug].title)
    assert await done(reader.get_event(id=event.id)) == event
    for market in event.markets:
        assert [parent.id for parent in (await done(reader.get_market(id=market.id))).events] == [event.id]


async def test_a_search_finds_the_event_of_a_question(reader: Any):
    row = next(row for row in catalogue().values() if not row["closed"] and "Rihanna" in row["question"])
    results = await every(reader.search(q="rihanna").iter_items())
    assert row["event_slug"] in [event.slug for result in results for event in result.events]
    results = await every(reader.search(q="qwertyuiopasdf").iter_items())
    assert [event for result in results for event in result.events] == []


async def test_a_resolved_market_leaves_the_open_ones(server: Server, bot: Any, market: Market):
    where = {"condition_ids": market.condition_id}
    assert [row.slug for row in await every(bot.list_markets(**where, closed=False).iter_items())] == [market.slug]
    server.resolve(market, "No")
    assert await every(bot.list_markets(**where, closed=False).iter_items()) == []
    (row,) = await every(bot.list_markets(**where, closed=True).iter_items())
    assert (row.state.closed, row.state.accepting_orders) == (True, False)
    assert (row.outcomes.yes.price, row.outcomes.no.price) == (0, 1)
    assert row.state.closed_time is not None


async def test_a_market_shows_the_order_that_became_its_best(bot: Any, market: Market):
    price = Decimal(market.inside(2))
    await done(bot.place_limit_order(token_id=market.yes, price=price, size=30, side=BUY))
    row = await done(bot.get_market(slug=market.slug))
    assert (row.prices.best_bid, row.prices.best_ask) == (price, market.ask)
    await done(bot.place_limit_order(token_id=market.yes, price=market.ask, size=10, side=BUY))
    row = await done(bot.get_market(slug=market.slug))
    assert row.prices.last_trade_price == market.ask


# -- Data --


def owners(bot: Any) -> set[str]:
    """Every address the account may be shown under: its owner's, and those of the owner's wallets."""
    return {bot.signer} | {wallet_of(bot.signer, kind) for kind in (PROXY, SAFE, DEPOSIT)}


async def test_a_position_shows_what_was_paid_and_what_it_is_worth(bot: Any, market: Market):
    assert await every(bot.list_positions().iter_items()) == []
    for shares in (10, 30):
        await done(bot.place_limit_order(token_id=market.yes, price=market.ask, size=shares, side=BUY))
    (held,) = await every(bot.list_positions().iter_items())
    assert (held.asset_id, held.condition_id, held.opposite_asset_id) == (market.yes, market.condition_id, market.no)
    assert (held.outcome, held.outcome_index, held.opposite_outcome) == ("Yes", 0, "No")
    assert (held.title, held.slug, held.negative_risk) == (market.question, market.slug, False)
    assert (held.current_size, held.avg_price, held.entry_cost_usdc) == (40, market.ask, 40 * market.ask)
    assert held.entry_fees_usdc == market.fee(market.ask, 10) + market.fee(market.ask, 30)
    # The last trade is what a share is worth.
    assert (held.current_price, held.current_value) == (market.ask, 40 * market.ask)
    assert (held.status, held.redeemable, held.mergeable) == ("OPEN", False, False)
    assert held.wallet in owners(bot)
    value = await done(bot.get_portfolio_value())
    assert (value.value, value.wallet in owners(bot)) == (40 * market.ask, True)

    await done(bot.place_limit_order(token_id=market.yes, price=market.bid, size=15, side=SELL))
    (held,) = await every(bot.list_positions(condition_id=market.condition_id).iter_items())
    assert (held.current_size, held.avg_price, held.current_price) == (25, market.ask, market.bid)
    assert held.current_value == 25 * market.bid
    assert (await done(bot.get_portfolio_value(condition_ids=market.condition_id))).value == 25 * market.bid


async def test_an_account_is_found_under_every_address_of_its_owner(server: Server, bot: Any, market: Market):
    """Anybody may look: what is on a chain is public."""
    await done(bot.place_limit_order(token_id=market.yes, price=market.ask, size=10, side=BUY))
    with PublicClient(environment=environment(server)) as visitor:
        for address in owners(bot):
            (held,) = visitor.list_positions(user=address).iter_items()
            assert (held.asset_id, held.current_size) == (market.yes, 10)
            assert visitor.get_portfolio_value(user=address.lower()).value == 10 * market.ask
        stranger = "0x" + "ab" * 20
        assert list(visitor.list_positions(user=stranger).iter_items()) == []
        assert list(visitor.list_trades(user=stranger).iter_items()) == []


async def test_trades_and_activity_tell_each_match_with_its_transaction(bot: Any, trader: PolySimClient):
    here, there = pick_markets(trader, 2)
    bought = await done(bot.place_limit_order(token_id=here.yes, price=here.ask, size=20, side=BUY))
    other = await done(bot.place_limit_order(token_id=there.no, price=1 - there.bid, size=10, side=BUY))
    sold = await done(bot.place_limit_order(token_id=here.yes, price=here.bid, size=5, side=SELL))
    expected = {
        bought.transactions_hashes[0]: (here.yes, BUY, here.ask, 20),
        other.transactions_hashes[0]: (there.no, BUY, 1 - there.bid, 10),
        sold.transactions_hashes[0]: (here.yes, SELL, here.bid, 5),
    }
    trades = await every(bot.list_trades().iter_items())
    assert {row.transaction_hash: (row.asset_id, row.side, row.price, row.size) for row in trades} == expected
    activity = await every(bot.list_activity(activity_types=["TRADE"]).iter_items())
    assert {row.transaction_hash: (row.asset_id, row.side, row.price, row.shares) for row in activity} == expected
    assert all(row.amount == row.shares * row.price for row in activity)
    for row in (*trades, *activity):
        assert abs((row.timestamp - datetime.now(UTC)).total_seconds()) < 60
        assert row.wallet in owners(bot)
    # Page by page too, with another size of page.
    paged = [row.transaction_hash for row in await every(bot.list_trades(page_size=1).iter_items())]
    assert sorted(paged) == sorted(expected)
    assert [row.transaction_hash for row in await every(bot.list_trades(side=SELL).iter_items())] == [
        sold.transactions_hashes[0]
    ]
    ours = await every(bot.list_trades(condition_id=there.condition_id).iter_items())
    assert [row.outcome for row in ours] == ["No"]


async def test_a_position_of_a_neg_risk_market_says_so(bot: Any, trader: PolySimClient):
    market = neg_risk_market(trader)
    await done(bot.place_limit_order(token_id=market.no, price=1 - market.bid, size=10, side=BUY))
    (held,) = await every(bot.list_positions().iter_items())
    assert (held.outcome, held.outcome_index, held.negative_risk) == ("No", 1, True)
    assert held.opposite_asset_id == market.yes


async def test_what_was_won_is_no_open_position_any_more(server: Server, bot: Any, market: Market):
    await done(bot.place_limit_order(token_id=market.yes, price=market.ask, size=10, side=BUY))
    server.resolve(market, "Yes")
    assert await every(bot.list_positions(status="OPEN").iter_items()) == []
    assert (await done(bot.get_portfolio_value())).value == 0
    activity = await every(bot.list_activity(activity_types=["REDEEM"]).iter_items())
    assert [(row.condition_id, row.amount) for row in activity] == [(market.condition_id, 10)]
