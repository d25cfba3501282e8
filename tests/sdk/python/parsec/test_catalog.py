"""What can be traded: exchanges, markets in the four scopes, events. (§6.1 to 6.3)"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from parsec_api import BadRequestError

from harness import Server
from twins import Api, declined
from venues import KALSHI, POLYMARKET, VENUES, num, pick_market, recorded, resolve

BOTH_CAN = (
    "fetch_markets", "fetch_events", "fetch_orderbook", "fetch_price_history", "fetch_trades", "fetch_positions",
    "fetch_balance", "fetch_fills", "fetch_order_history", "refresh_balance", "websocket",
)  # fmt: skip
TICKERS = {row["ticker"] for row in recorded(KALSHI)}


async def every_market(api: Api, exchange: str, **filters: Any) -> list[Any]:
    """All pages of a list."""
    found, cursor = [], {}
    while True:
        page = await api.markets.list(exchanges=[exchange], **filters, **cursor)
        found += page.markets
        if not page.pagination.has_more:
            return found
        cursor = {"cursor": page.pagination.next_cursor}


# -- Exchanges --


async def test_both_venues_are_listed_with_what_they_can_do(shared: Server, visitor: Api, enter: Any):
    listed = {exchange.id: exchange for exchange in await visitor.exchanges.list()}
    assert (listed[POLYMARKET].name, listed[KALSHI].name) == ("Polymarket", "Kalshi")
    for venue, has_wallets in ((POLYMARKET, True), (KALSHI, False)):
        has = listed[venue].has
        assert [name for name in BOTH_CAN if not getattr(has, name)] == []
        assert (has.fetch_user_activity, has.watch_address) == (has_wallets, has_wallets)
        # It left the schema, but Parsec's own contract test asks for it.
        assert has.approvals is has_wallets
        assert (has.create_order, has.cancel_order) == (True, True)
    # Who has no credentials cannot trade.
    for exchange in await enter(shared, "whale").exchanges.list():
        assert (exchange.has.create_order, exchange.has.cancel_order) == (False, False)


# -- Markets: the list --


async def test_a_list_holds_every_market_of_a_venue_the_most_traded_first(visitor: Api):
    listed = await visitor.markets.list(exchanges=[KALSHI])
    assert listed.scope == "list"
    assert {market.exchange_market_id for market in listed.markets} == TICKERS
    assert {(market.exchange, market.status, market.market_type) for market in listed.markets} == {
        (KALSHI, "active", "binary")
    }
    order = [(-market.volume_total, market.parsec_id) for market in listed.markets]
    assert order == sorted(order)
    assert (listed.pagination.count, listed.pagination.total) == (len(TICKERS), len(TICKERS))
    assert (listed.pagination.has_more, listed.pagination.next_cursor) == (False, None)


async def test_pages_follow_each_other_by_offset(visitor: Api):
    whole = [market.parsec_id for market in (await visitor.markets.list(exchanges=[KALSHI])).markets]
    pages = [await visitor.markets.list(exchanges=[KALSHI], limit=7, cursor=cursor) for cursor in ("0", "7", "14")]
    assert [market.parsec_id for page in pages for market in page.markets] == whole
    assert [page.pagination.next_cursor for page in pages] == ["7", "14", None]
    assert [page.pagination.has_more for page in pages] == [True, True, False]
    assert [(page.pagination.count, page.pagination.total) for page in pages] == [(7, 17), (7, 17), (3, 17)]
    with declined(400, "bad_request"):
        await visitor.markets.list(exchanges=[KALSHI], cursor="not a number")


async def test_a_polymarket_market_is_told_as_it_was_recorded(visitor: Api):
    row = next(row for row in recorded(POLYMARKET) if row["tick_size"] == "0.001" and row["best_bid"])
    (market,) = (await visitor.markets.list(parsec_id=f"polymarket:{row['gamma_id']}")).markets
    assert (market.parsec_id, market.exchange) == (f"polymarket:{row['gamma_id']}", POLYMARKET)
    assert (market.exchange_market_id, market.condition_id) == (row["gamma_id"], row["condition_id"])
    assert (market.question, market.status, market.market_type) == (row["question"], "active", "binary")
    assert (num(market.tick_size), num(market.min_order_size)) == (Decimal("0.001"), Decimal(row["min_order_size"]))
    assert market.volume_total == pytest.approx(float(row["volume"]))
    assert [(outcome.name, outcome.token_id) for outcome in market.outcomes] == list(
        zip(row["outcomes"], row["token_ids"], strict=True)
    )
    assert 0 < market.best_bid < market.best_ask < 1
    yes, no = (num(outcome.price) for outcome in market.outcomes)
    assert yes + no == 1


async def test_filters_narrow_the_list(visitor: Api):
    everything = (await visitor.markets.list(exchanges=[KALSHI])).markets
    active = await every_market(visitor, KALSHI, status="active")
    assert len(active) == len(everything)
    assert (await visitor.markets.list(exchanges=[KALSHI], status="archived")).markets == []

    # Every word must occur, in whatever case.
    found = (await visitor.markets.list(exchanges=VENUES, search="kaja NATO")).markets
    assert [market.exchange_market_id for market in found] == ["KXNEXTNATOSECGEN-99-KKAL"]
    assert (await visitor.markets.list(search="kaja unheard-of")).markets == []

    (busiest,) = (await visitor.markets.list(exchanges=[KALSHI], min_volume=50_000)).markets
    assert (busiest.exchange_market_id, busiest.volume_total) == ("KXELONMARS-99", everything[0].volume_total)
    many = (await visitor.markets.list(exchanges=VENUES, min_volume=50_000, limit=100)).markets
    assert {market.exchange for market in many} == set(VENUES)
    assert min(market.volume_total for market in many) >= 50_000
    assert (await visitor.markets.list(exchanges=[KALSHI], min_liquidity=1e12)).markets == []


async def test_links_between_markets_are_there_when_they_are_asked_for(visitor: Api):
    (plain,) = (await visitor.markets.list(exchanges=[KALSHI], limit=1)).markets
    asked = {"include_matches": True, "include_related": True}
    (linked,) = (await visitor.markets.list(exchanges=[KALSHI], limit=1, **asked)).markets
    assert (plain.matched_markets, plain.related_markets) == (None, None)
    assert isinstance(linked.matched_markets, list)
    assert isinstance(linked.related_markets, list)


async def test_a_resolved_market_leaves_the_active_ones(server: Server, trader: Api):
    market = await pick_market(trader, KALSHI)
    resolve(server, market, "Yes")
    assert market.id not in {row.exchange_market_id for row in await every_market(trader, KALSHI)}
    (row,) = (await trader.markets.list(exchanges=[KALSHI], status="resolved")).markets
    assert (row.exchange_market_id, row.status) == (market.id, "resolved")


# -- Markets: the other scopes --


async def test_one_market_is_found_under_each_of_its_names(visitor: Api):
    market = await pick_market(visitor)
    for name in (
        {"parsec_id": market.parsec_id},
        {"parsec_id": f"polymarket:{market.condition_id}"},
        {"exchange": POLYMARKET, "exchange_market_id": market.id},
        {"exchange": POLYMARKET, "exchange_market_id": market.condition_id},
        {"scope": "market", "parsec_id": market.parsec_id},
    ):
        found = await visitor.markets.list(**name)
        assert found.scope == "market"
        assert [row.parsec_id for row in found.markets] == [market.parsec_id]
        assert (found.pagination.count, found.pagination.total, found.pagination.has_more) == (1, 1, False)
    with declined(404, "market_not_found"):
        await visitor.markets.list(parsec_id="polymarket:0")
    with declined(404, "market_not_found"):
        await visitor.markets.list(exchange=KALSHI, exchange_market_id="KXNOTHING")


async def test_a_batch_returns_each_market_once_and_says_what_it_did_not_find(visitor: Api):
    here, there = await pick_market(visitor), await pick_market(visitor, KALSHI)
    ids = [here.parsec_id, there.parsec_id, here.parsec_id, "kalshi:KXNOTHING"]
    for batch in ({"parsec_ids": ids}, {"external_market_keys": ids}, {"scope": "market_batch", "parsec_ids": ids}):
        found = await visitor.markets.list(**batch)
        assert found.scope == "market_batch"
        assert sorted(row.parsec_id for row in found.markets) == sorted([here.parsec_id, there.parsec_id])
        assert (found.duplicate_ids, found.not_found_ids) == ([here.parsec_id], ["kalshi:KXNOTHING"])
        assert (found.pagination.count, found.pagination.total, found.pagination.has_more) == (2, 2, False)
    found = await visitor.markets.list(parsec_ids=[here.parsec_id])
    assert (found.duplicate_ids, found.not_found_ids) == ([], [])


async def test_an_event_holds_its_markets_under_each_of_its_names(visitor: Api):
    nato = [row for row in recorded(KALSHI) if row["event_ticker"] == "KXNEXTNATOSECGEN-99"]
    (first,) = (await visitor.markets.list(parsec_id=f"kalshi:{nato[0]['ticker']}")).markets
    group = first.parsec_group_id
    assert first.exchange_group_id == "KXNEXTNATOSECGEN-99"
    for name in (
        {"event_id": group},
        {"event_id": f"ev:{group}"},
        {"exchange": KALSHI, "exchange_group_id": first.exchange_group_id},
    ):
        found = await visitor.markets.list(**name)
        assert found.scope == "event"
        assert {row.exchange_market_id for row in found.markets} == {row["ticker"] for row in nato}
        assert (found.event.event_id, found.event.market_count) == (group, len(nato))
        assert found.event.exchange_count == 1
        assert "NATO" in found.event.title
    pages = [await visitor.markets.list(event_id=group, limit=5, cursor=cursor) for cursor in ("0", "5")]
    assert [len(page.markets) for page in pages] == [5, len(nato) - 5]
    assert [page.pagination.next_cursor for page in pages] == ["5", None]
    with declined(404, "event_not_found"):
        await visitor.markets.list(event_id="no-such-event")


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"scope": "market_batch"}, "scope=market_batch requires parsec_ids or external_market_keys"),
        ({"parsec_ids": [f"kalshi:{n}" for n in range(101)]}, "parsec_ids may contain at most 100 items"),
        ({"scope": "everything"}, "scope must be one of list, market, market_batch, event"),
        ({"scope": "market"}, "scope=market requires parsec_id or exchange + exchange_market_id"),
        ({"scope": "event"}, "scope=event requires event_id or exchange + exchange_group_id"),
        (
            {"parsec_id": "kalshi:A", "exchange": KALSHI, "exchange_market_id": "A"},
            "parsec_id and exchange + exchange_market_id are mutually exclusive",
        ),
        (
            {"parsec_ids": ["kalshi:A"], "external_market_keys": ["kalshi:A"]},
            "parsec_ids and external_market_keys are mutually exclusive",
        ),
        ({"scope": "market", "parsec_id": "kalshi:A", "search": "nato"}, "search is only valid for scope=list"),
    ],
)
async def test_a_query_of_no_scope_is_refused_with_its_problem(visitor: Api, query: dict[str, Any], problem: str):
    with declined(400, "validation_error", "invalid request") as caught:
        await visitor.markets.list(**query)
    assert problem in caught.value.body["validation_errors"]


async def test_an_unknown_exchange_is_not_found(visitor: Api):
    with declined(404, "exchange_not_found"):
        await visitor.markets.list(exchanges=["doesnotexist"])
    with declined(404, "exchange_not_found"):
        await visitor.markets.list(exchange="doesnotexist", exchange_market_id="1")


# -- Events --


async def test_events_add_up_their_markets_the_most_traded_first(visitor: Api):
    listed = await visitor.events.list(exchanges=[KALSHI], include_markets=True, limit=100)
    assert {row["event_ticker"] for row in recorded(KALSHI)} >= {
        market.exchange_group_id for event in listed.events for market in event.markets
    }
    for event in listed.events:
        assert event.title
        assert (event.exchanges, event.status, event.market_count) == ([KALSHI], "active", len(event.markets))
        assert event.total_volume == pytest.approx(sum(market.volume_total for market in event.markets))
        assert {market.parsec_group_id for market in event.markets} == {event.event_id}
    volumes = [event.total_volume for event in listed.events]
    assert volumes == sorted(volumes, reverse=True)
    assert listed.events[0].markets[0].exchange_market_id == "KXELONMARS-99"
    bare = await visitor.events.list(exchanges=[KALSHI], limit=100)
    assert [event.event_id for event in bare.events] == [event.event_id for event in listed.events]
    assert all(event.markets is None for event in bare.events)


async def test_pages_of_events_follow_each_other_by_offset(visitor: Api):
    whole = await visitor.events.list(exchanges=[KALSHI])
    total = whole.pagination.total
    pages = [await visitor.events.list(exchanges=[KALSHI], limit=1, cursor=str(offset)) for offset in range(total)]
    assert [page.events[0].event_id for page in pages] == [event.event_id for event in whole.events]
    assert [page.pagination.next_cursor for page in pages] == [*map(str, range(1, total)), None]


async def test_events_are_filtered_and_looked_up(visitor: Api):
    (nato,) = (await visitor.events.list(exchanges=[KALSHI], search="secretary general")).events
    assert "NATO" in nato.title
    for name in (
        {"event_id": nato.event_id},
        {"event_id": f"ev:{nato.event_id}"},
        {"exchange": KALSHI, "exchange_group_id": "KXNEXTNATOSECGEN-99"},
    ):
        found = await visitor.events.list(include_markets=True, **name)
        assert [event.event_id for event in found.events] == [nato.event_id]
        assert len(found.events[0].markets) == nato.market_count
    (busiest,) = (await visitor.events.list(exchanges=[KALSHI], min_volume=50_000)).events
    assert busiest.total_volume >= 50_000
    assert (await visitor.events.list(exchanges=[KALSHI], status="archived")).events == []
    # A miss is an empty list here, unlike among markets.
    missed = await visitor.events.list(event_id="no-such-event")
    assert (missed.events, missed.pagination.total) == ([], 0)


async def test_an_exact_event_takes_no_filters_and_no_half_of_a_name(visitor: Api):
    for query in ({"event_id": "one", "search": "nato"}, {"event_id": "one", "exchanges": [KALSHI]}):
        with declined(400, "validation_error") as caught:
            await visitor.events.list(**query)
        assert caught.value.body["validation_errors"]
    for query in ({"exchange": KALSHI}, {"exchange_group_id": "KXNEXTNATOSECGEN-99"}):
        with pytest.raises(BadRequestError):
            await visitor.events.list(**query)
    with declined(404, "exchange_not_found"):
        await visitor.events.list(exchanges=["doesnotexist"])
