"""py-clob-client-v2, call by call: what it has beside what the archived client has, and where they differ."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from polysim_sdk import PolySimClient
from py_clob_client_v2 import (
    ApiCreds,
    AssetType,
    BalanceAllowanceParams,
    BookParams,
    BuilderConfig,
    BuilderTradeParams,
    ClobClient,
    DropNotificationParams,
    MarketOrderArgs,
    OrderArgs,
    OrderArgsV1,
    OrderScoringParams,
    OrdersScoringParams,
    OrderType,
    PartialCreateOrderOptions,
    PostOrdersV1Args,
    PostOrdersV2Args,
    PriceHistoryInterval,
    PricesHistoryParams,
    Side,
    TradeParams,
    adjust_buy_amount_for_fees,
)

from bots import BUY, POLYGON, SELL, MakeBot, refuses, text, unauthorized
from clients import Py2
from harness import OPENING_SIZES, Market, Server, pick_market
from places import catalogue, neg_risk_market

BUILDER = "0x" + "5a" * 32


@pytest.fixture
def reader(shared: Server) -> ClobClient:
    """Someone without a wallet."""
    return ClobClient(shared.base_url, POLYGON)


@pytest.fixture
def listed(public: PolySimClient) -> Market:
    """A market of the world that is only read."""
    return pick_market(public)


@pytest.fixture
def bot(make_bot: MakeBot) -> ClobClient:
    return make_bot(Py2, "trader").client


@pytest.fixture
def other(make_bot: MakeBot) -> ClobClient:
    return make_bot(Py2, "desk").client


# -- Where, when and who --


def test_the_server_says_which_generation_of_orders_it_wants(reader: ClobClient):
    assert reader.get_ok() == "OK"
    assert reader.get_version() == 2
    assert abs(reader.get_server_time() - time.time()) < 60


def test_a_bot_may_sign_by_the_servers_clock(server: Server, market: Market):
    server.advance(7200)
    bot = ClobClient(server.base_url, POLYGON, key=server.personas["trader"]["private_key"], use_server_time=True)
    bot.set_api_creds(bot.create_or_derive_api_key())
    assert bot.get_api_keys() == {"apiKeys": [bot.creds.api_key]}
    assert bot.create_and_post_order(OrderArgs(market.yes, float(market.inside()), 10, BUY))["status"] == "live"


def test_credentials_outlive_a_restart_of_the_server(serve: Callable[..., Server]):
    server = serve(durability="strict")
    key = server.personas["trader"]["private_key"]
    bot = ClobClient(server.base_url, POLYGON, key=key)
    created = bot.create_api_key()
    assert bot.create_api_key() == bot.derive_api_key() == bot.create_or_derive_api_key() == created
    second = bot.derive_api_key(nonce=3)
    server.stop()
    server.start(port=server.port)
    bot = ClobClient(server.base_url, POLYGON, key=key, creds=created)
    assert sorted(bot.get_api_keys()["apiKeys"]) == sorted([created.api_key, second.api_key])
    assert (bot.create_api_key(), bot.derive_api_key(3)) == (created, second)


def test_a_deleted_key_is_refused_after_a_restart_too(serve: Callable[..., Server]):
    server = serve(durability="strict")
    bot = ClobClient(server.base_url, POLYGON, key=server.personas["trader"]["private_key"])
    bot.set_api_creds(bot.create_api_key())
    assert bot.delete_api_key() == "OK"
    with unauthorized():
        bot.get_open_orders()
    server.stop()
    server.start(port=server.port)
    bot.host = server.base_url
    with unauthorized():
        bot.get_open_orders()


def test_a_key_alone_is_not_enough(bot: ClobClient, other: ClobClient):
    bot.set_api_creds(ApiCreds(bot.creds.api_key, other.creds.api_secret, other.creds.api_passphrase))
    with unauthorized():
        bot.get_trades()


def test_builder_and_read_only_keys_are_made_listed_and_revoked(bot: ClobClient):
    made = bot.create_builder_api_key()
    assert made.keys() == {"key", "secret", "passphrase"}
    assert str(uuid.UUID(made["key"])) == made["key"]
    (row,) = bot.get_builder_api_keys()
    assert (row["key"], row["revokedAt"]) == (made["key"], None)
    assert bot.revoke_builder_api_key() == "OK"
    assert [row for row in bot.get_builder_api_keys() if row["revokedAt"] is None] == []

    key = bot.create_readonly_api_key()["apiKey"]
    assert bot.get_readonly_api_keys() == [key]
    assert bot.delete_readonly_api_key(key) is True
    assert bot.get_readonly_api_keys() == []
    assert bot.get_api_keys() == {"apiKeys": [bot.creds.api_key]}


def test_an_account_in_good_standing_has_nothing_held_against_it(bot: ClobClient, market: Market):
    assert bot.get_closed_only_mode() == {"closed_only": False}
    assert bot.get_pre_migration_orders() == []
    order_id = bot.create_and_post_order(OrderArgs(market.yes, float(market.inside()), 10, BUY))["orderID"]
    assert bot.is_order_scoring(OrderScoringParams(order_id)) == {"scoring": False}
    assert bot.are_orders_scoring(OrdersScoringParams([order_id])) == {order_id: False}
    bot.cancel_all()
    notices = bot.get_notifications()
    assert {notice["payload"]["order_id"] for notice in notices if notice["type"] in (1, 2)} <= {order_id}
    assert bot.drop_notifications(DropNotificationParams([str(notice["id"]) for notice in notices])) == "OK"
    assert bot.get_notifications() == []


def test_nothing_is_earned_where_no_rewards_run(bot: ClobClient):
    today = time.strftime("%Y-%m-%d")
    assert bot.get_earnings_for_user_for_day(today) == []
    assert bot.get_total_earnings_for_user_for_day(today) == []
    assert bot.get_user_earnings_and_markets_config(today) == []
    assert bot.get_reward_percentages() == {}
    assert bot.get_current_rewards() == []
    assert bot.get_raw_rewards_for_market("0x" + "11" * 32) == []


# -- Markets --


def test_every_list_of_markets_ends_and_names_each_market_once(reader: ClobClient):
    found: dict[str, list[str]] = {}
    for name in ("markets", "simplified_markets", "sampling_markets", "sampling_simplified_markets"):
        read, cursor, rows = getattr(reader, f"get_{name}"), "MA==", []
        while cursor != "LTE=":
            page = read(next_cursor=cursor)
            rows += [row["condition_id"] for row in page["data"]]
            cursor = page["next_cursor"]
        assert len(rows) == len(set(rows))
        found[name] = rows
    assert set(catalogue()) <= set(found["markets"]) == set(found["simplified_markets"])
    assert found["sampling_markets"] == found["sampling_simplified_markets"]
    for condition_id in list(catalogue())[:3]:
        assert reader.get_market(condition_id)["question"] == catalogue()[condition_id]["question"]


def test_a_market_in_short_has_all_that_an_order_needs(reader: ClobClient, listed: Market, public: PolySimClient):
    grouped = neg_risk_market(public, tick="0.001")
    for market, is_grouped in ((listed, False), (grouped, True)):
        row = reader.get_clob_market_info(market.condition_id)
        assert (row["c"], row["nr"], row["ao"]) == (market.condition_id, is_grouped, True)
        assert [(token["t"], token["o"]) for token in row["t"]] == [(market.yes, "Yes"), (market.no, "No")]
        assert Decimal(str(row["mts"])) == market.tick
        assert (row["mos"], row["mbf"], row["tbf"]) == (5, 0, 0)
        fee = row["fd"] or {"r": 0, "e": 1, "to": True}
        assert (Decimal(str(fee["r"])), fee["e"], fee["to"]) == (Decimal(market.fee_bps) / 10_000, 1, True)
    fresh = ClobClient(reader.host, POLYGON)
    # By its token, which the client looks up first, with a call of its own.
    assert fresh._get(f"{fresh.host}/markets-by-token/{grouped.no}") == {
        "condition_id": grouped.condition_id,
        "primary_token_id": grouped.yes,
        "secondary_token_id": grouped.no,
    }
    assert fresh.get_fee_exponent(grouped.no) in (0, 1)
    assert (fresh.get_tick_size(grouped.no), fresh.get_neg_risk(grouped.no)) == ("0.001", True)
    with refuses("market not found", 404):
        reader.get_clob_market_info("0x" + "00" * 32)


def test_books_and_prices_are_those_of_the_opening(reader: ClobClient, listed: Market):
    book = reader.get_order_book(listed.no)
    assert [Decimal(level["size"]) for level in reversed(book["bids"])] == OPENING_SIZES
    assert (book["bids"][-1]["price"], book["asks"][-1]["price"]) == (text(1 - listed.ask), text(1 - listed.bid))
    assert reader.get_order_book_hash(book) == book["hash"]
    both = [BookParams(listed.yes, Side.BUY), BookParams(listed.no, Side.SELL)]
    assert book in reader.get_order_books(both)
    middle = (listed.bid + listed.ask) / 2
    assert reader.get_midpoint(listed.yes) == {"mid": text(middle)}
    assert reader.get_midpoints(both) == {listed.yes: text(middle), listed.no: text(1 - middle)}
    assert reader.get_price(listed.yes, Side.BUY) == {"price": text(listed.bid)}
    assert reader.get_price(listed.yes, "SELL") == {"price": text(listed.ask)}
    assert reader.get_prices(both) == {
        listed.yes: {"BUY": text(listed.bid)},
        listed.no: {"SELL": text(1 - listed.bid)},
    }
    spread = text(listed.ask - listed.bid)
    assert reader.get_spread(listed.yes) == {"spread": spread}
    assert reader.get_spreads(both) == {listed.yes: spread, listed.no: spread}
    assert reader.calculate_market_price(listed.yes, BUY, 20) == float(listed.ask)
    assert reader.get_fee_rate_bps(listed.yes) == 0


def test_the_history_of_a_price_ends_with_the_last_trade(server: Server, bot: ClobClient, market: Market):
    server.pause()
    bought_at = bot.get_server_time()
    bot.create_and_post_order(OrderArgs(market.yes, float(market.ask), 10, BUY))
    server.advance(3600)
    bot.create_and_post_order(OrderArgs(market.yes, float(market.bid), 10, SELL))
    server.advance(600)
    now = bot.get_server_time()
    for token, bought, sold in (
        (market.yes, market.ask, market.bid),
        (market.no, 1 - market.ask, 1 - market.bid),
    ):
        # By the token, whatever the parameter is called.
        ranges = PricesHistoryParams(token, start_ts=bought_at - 60, end_ts=now, fidelity=1)
        for params in (ranges, PricesHistoryParams(token, interval=PriceHistoryInterval.ONE_DAY, fidelity=1)):
            history = bot.get_prices_history(params)["history"]
            moments = [point["t"] for point in history]
            assert moments == sorted(moments)
            assert all(isinstance(moment, int) for moment in moments)
            assert history[-1]["p"] == float(sold)
            assert float(bought) in [point["p"] for point in history]
            assert moments[-1] <= now
    assert bot.get_last_trade_price(market.yes) == {"price": text(market.bid), "side": "SELL"}
    assert isinstance(bot.get_market_trades_events(market.condition_id), list)


# -- Orders of either generation --


def test_orders_of_both_generations_stand_in_one_book_and_meet(bot: ClobClient, other: ClobClient, market: Market):
    price = Decimal(market.inside(2))
    first = PartialCreateOrderOptions(version=1)
    old = bot.create_order(OrderArgsV1(market.yes, float(price), 10, BUY), first)
    new = bot.create_order(OrderArgs(market.yes, float(price), 10, BUY))
    assert (hasattr(old, "nonce"), hasattr(new, "timestamp")) == (True, True)
    placed = bot.post_orders([PostOrdersV1Args(old), PostOrdersV2Args(new)])
    assert [answer["status"] for answer in placed] == ["live", "live"]
    taken = other.create_and_post_order(OrderArgs(market.no, float(1 - price), 15, BUY))
    # The older in time goes first, whatever its generation.
    assert [bot.get_order(answer["orderID"])["size_matched"] for answer in placed] == ["10", "5"]
    assert (taken["takingAmount"], len(taken["tradeIDs"])) == ("15", 2)


def test_an_order_carries_its_metadata_and_its_builders_code(bot: ClobClient, market: Market):
    bot.builder_config = BuilderConfig(builder_code=BUILDER)
    args = OrderArgs(market.yes, float(market.ask), 10, BUY, metadata="0x" + "22" * 32)
    signed = bot.create_order(args)
    assert (signed.builder, signed.metadata) == (BUILDER, "0x" + "22" * 32)
    taken = bot.post_order(signed)
    assert taken["status"] == "matched"
    page = bot.get_builder_trades(BuilderTradeParams(BUILDER))
    assert isinstance(page["next_cursor"], str)
    told = {row.get("takerOrderHash", row.get("taker_order_id")) for row in page["trades"]}
    assert told <= {taken["orderID"]}
    unknown = bot.get_builder_trades(BuilderTradeParams("0x" + "77" * 32))
    assert (unknown["trades"], unknown["next_cursor"]) == ([], "LTE=")


def test_who_names_the_whole_balance_spends_it_with_the_fee_and_not_more(bot: ClobClient, market: Market):
    """The client makes a buy smaller by the fee that the market publishes: what it leaves must be enough."""
    row = bot.get_clob_market_info(market.condition_id)
    rate = (row["fd"] or {"r": 0})["r"]
    dollars = min(50.0, float(150 * market.ask))
    args = MarketOrderArgs(market.yes, dollars, BUY, user_usdc_balance=dollars)
    answer = bot.create_and_post_market_order(args, order_type=OrderType.FOK)
    spent = Decimal(answer["makingAmount"])
    adjusted = adjust_buy_amount_for_fees(dollars, float(market.ask), dollars, rate, 1, 0)
    assert 0 <= adjusted - float(spent) < 0.02
    charged = market.fee(market.ask, Decimal(answer["takingAmount"]))
    assert spent + charged <= Decimal(str(dollars))
    units = bot.get_balance_allowance(BalanceAllowanceParams(AssetType.COLLATERAL))["balance"]
    assert int(units) == (10_000 - spent - charged) * 1_000_000


def test_deferred_execution_is_the_clients_patience_and_nothing_else(bot: ClobClient, market: Market):
    args = OrderArgs(market.yes, float(market.ask), 10, BUY)
    answer = bot.create_and_post_order(args, defer_exec=True)
    assert (answer["status"], answer["takingAmount"], len(answer["transactionsHashes"])) == ("matched", "10", 1)
    answer = bot.create_and_post_order(OrderArgs(market.yes, float(market.inside()), 10, BUY), post_only=True)
    assert answer["status"] == "live"


def test_trades_come_in_pages_that_end(bot: ClobClient, market: Market):
    placed = []
    for _ in range(2):
        args = OrderArgs(market.yes, float(market.ask), 5, BUY)
        batch = bot.post_orders([PostOrdersV2Args(bot.create_order(args)) for _ in range(15)])
        placed += [answer["orderID"] for answer in batch]
    page: dict[str, Any] = bot.get_trades_paginated()
    assert page["count"] == len(page["trades"]) <= page["limit"]
    assert [row["taker_order_id"] for row in bot.get_trades()] in (placed, placed[::-1])
    first = bot.get_trades(only_first_page=True)
    assert first == page["trades"]
    (row,) = bot.get_trades(TradeParams(id=first[0]["id"]))
    assert row == first[0]
