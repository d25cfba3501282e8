"""The native client, `polysim_sdk.PolySimClient`, against our server: what a bot reads, trades and is refused.
(§24, 1 and 8 to 11)"""

from __future__ import annotations

import json
import re
import time
import uuid
from decimal import Decimal
from itertools import pairwise
from typing import Any

import httpx
import pytest
from polysim_sdk import ApiKeyRequiredError, PolySimClient, ValidationError, updown
from polysim_sdk.pagination import iter_history, iter_markets, iter_orders, iter_settlements

from harness import (
    FEE_BPS,
    OPENING_SIZES,
    Market,
    Server,
    asks,
    bids,
    cents,
    dec,
    exact_cash,
    fee,
    notional,
    pick_market,
    pick_markets,
    refused,
    rest,
    shown,
    take,
    walk,
)

OPENING = Decimal(10_000)
NOBODYS_MARKET = "0x" + "0" * 64


# -- Who asks (§24, 1) --


def test_without_a_key_public_data_is_served_and_anything_else_asks_for_one(public: PolySimClient):
    token = pick_market(public).yes
    assert public.list_updown()
    assert public.get_spot("BTC")["price"] > 0
    assert public.tiers()
    assert public.get_book_by_token(token)["asset_id"] == token
    with pytest.raises(ApiKeyRequiredError) as caught:
        public.me()
    assert caught.value.code == "MISSING_AUTH"
    with pytest.raises(ApiKeyRequiredError) as caught:
        public.balance()
    assert caught.value.code == "MISSING_API_KEY"


def test_me_names_whom_the_key_belongs_to(shared: Server, visitor: PolySimClient):
    persona = shared.personas["trader"]
    me = visitor.me()
    assert me["user_id"] == persona["user_id"]
    assert me["auth_user_id"] == persona["auth_user_id"]
    assert me["email"] == persona["email"]
    assert (me["tier"], me["permissions"]) == ("pro", ["read", "trade"])
    assert (me["balance"], me["api_balance"], me["currency"]) == ("10000.00", "10000.00", "USD")
    assert me["key_count"] == sum(key["is_active"] for key in visitor.list_keys())


@pytest.mark.parametrize(
    ("persona", "tier", "permissions", "balance"),
    [
        ("trader", "pro", ["read", "trade"], "10000.00"),
        ("whale", "pro_plus", ["read", "trade"], "25000.00"),
        ("desk", "enterprise", ["read", "trade"], "10000.00"),
        ("reader", "free", ["read"], "0.00"),
        ("beta", "enterprise", ["read", "trade"], "10000.00"),
    ],
)
def test_each_plan_has_its_permissions_and_opening_cash(
    shared: Server, persona: str, tier: str, permissions: list[str], balance: str
):
    with shared.client(persona) as client:
        me = client.me()
    assert (me["tier"], me["permissions"], me["balance"]) == (tier, permissions, balance)


@pytest.mark.parametrize(
    ("persona", "status", "code"),
    [
        ("expired", 401, "KEY_EXPIRED"),
        ("revoked", 401, "INVALID_KEY"),
        ("deactivated", 401, "KEY_DEACTIVATED"),
        ("waitlisted", 403, "ACCESS_RESTRICTED"),
    ],
)
def test_a_key_that_may_not_act_is_refused_with_its_own_reason(shared: Server, persona: str, status: int, code: str):
    with shared.client(persona) as client:
        for ask in (client.me, client.balance, client.list_keys, client.list_markets):
            with refused(code, status):
                ask()


def test_an_unknown_key_is_refused_even_where_none_is_needed(shared: Server):
    with PolySimClient(api_key="ps_live_" + "0" * 64, base_url=shared.base_url) as client:
        for ask in (client.me, client.balance, client.list_markets):
            with refused("INVALID_KEY", 401):
                ask()


@pytest.mark.parametrize("persona", ["reader", "beta-expired"])
def test_a_key_that_only_reads_reads_and_does_not_trade(shared: Server, public: PolySimClient, persona: str):
    market = pick_market(public)
    with shared.client(persona) as client:
        assert client.me()["permissions"] == ["read"]
        assert client.get_book(market.condition_id)["market"] == market.condition_id
        assert client.list_orders() == []
        with refused("INSUFFICIENT_PERMISSION", 403):
            client.place_order(market_id=market.condition_id, side="BUY", outcome="Yes", quantity=10, price="0.99")
        with refused("INSUFFICIENT_PERMISSION", 403):
            client.cancel_all()


def test_an_error_carries_its_sentence_its_code_and_the_request_it_belongs_to(visitor: PolySimClient):
    with refused("MARKET_NOT_FOUND", 404) as caught:
        visitor.get_market(NOBODYS_MARKET)
    assert caught.value.request_id
    assert list(caught.value.payload) == ["error"]
    assert caught.value.payload["error"] in str(caught.value)


def test_tiers_are_the_published_ones(public: PolySimClient):
    table = [
        (row["tier"], row["requests_per_second"], row["requests_per_minute"], row["max_ws_connections"],
         row["max_batch_size"])
        for row in public.tiers()
    ]  # fmt: skip
    assert table == [
        ("free", 2, 120, 1, 1),
        ("pro", 30, 1800, 3, 5),
        ("pro_plus", 60, 3600, 10, 10),
        ("enterprise", 100, 6000, 50, 25),
    ]


def test_keys_are_listed_by_their_prefix_and_never_whole(shared: Server, visitor: PolySimClient):
    raw = shared.key("trader")
    assert re.fullmatch(r"ps_live_[0-9a-f]{64}", raw)
    keys = visitor.list_keys()
    (mine,) = [key for key in keys if key["key_prefix"] == raw[:16]]
    assert mine["is_active"] is True
    assert mine["permissions"] == ["read", "trade"]
    assert mine["rate_limit_tier"] == "pro"
    assert isinstance(mine["id"], int)
    assert raw not in json.dumps(keys)
    assert visitor.list_keys(limit=1, offset=len(keys)) == []


# -- Market data --


def test_a_listed_market_can_be_found_again_by_every_name_it_has(public: PolySimClient, visitor: PolySimClient):
    (row,) = public.list_markets(limit=1, active_only=True)
    assert re.fullmatch(r"0x[0-9a-f]{64}", row["condition_id"])
    assert row["id"] == row["condition_id"]
    assert (row["active"], row["closed"]) == (True, False)
    detail = visitor.get_market(row["condition_id"])
    assert detail.keys() == public.get_market_by_slug(row["slug"]).keys()
    assert public.get_market_by_slug(row["slug"])["id"] == row["id"]
    assert (detail["id"], detail["slug"], detail["question"]) == (row["id"], row["slug"], row["question"])
    assert (detail["question_id"], detail["market_slug"]) == (row["condition_id"], row["slug"])
    assert detail["resolved_outcome"] is None
    tokens = [(token["token_id"], token["outcome"], token["winner"]) for token in detail["tokens"]]
    labels = zip(row["clob_token_ids"], row["outcomes"], strict=True)
    assert tokens == [(token, label, False) for token, label in labels]
    for token, label in zip(row["clob_token_ids"], row["outcomes"], strict=True):
        assert re.fullmatch(r"[0-9]{30,78}", token)
        found = public.get_market_by_token(token)
        assert (found["condition_id"], found["outcome"]) == (row["condition_id"], label)


def test_the_two_prices_of_a_market_add_up_to_a_dollar(public: PolySimClient):
    for row in public.list_markets(limit=50, active_only=True):
        if row["live_price"] is None:
            continue
        assert dec(row["live_price"]["buy"]) + dec(row["live_price"]["sell"]) == 1
        assert [outcome["label"] for outcome in row["live_price"]["outcomes"]] == row["outcomes"]
        assert [outcome["token_id"] for outcome in row["live_price"]["outcomes"]] == row["clob_token_ids"]
        assert row["live_price"]["outcomes"][0]["price"] == row["live_price"]["buy"]


def test_filters_narrow_the_list_and_unknown_ones_are_ignored(public: PolySimClient):
    everything = public.list_markets(limit=200)
    crypto = public.list_markets(limit=200, category="CRYPTO")
    assert {row["category"].lower() for row in crypto} == {"crypto"}
    assert all(row["closed"] is False for row in public.list_markets(limit=200, closed=False))
    open_ones = [row["id"] for row in everything if row["active"] and not row["closed"]]
    assert [row["id"] for row in public.list_markets(limit=200, active_only=True)] == open_ones
    word = everything[0]["question"].split()[-2]
    matches = public.list_markets(limit=200, q=word)
    assert everything[0]["id"] in [row["id"] for row in matches]
    assert all(word.lower() in f"{row['question']} {row['slug']}".lower() for row in matches)
    ignored = public.list_markets(limit=200, sort="newest", ascending=True, state="any")
    assert [row["id"] for row in ignored] == [row["id"] for row in everything]
    assert public.list_markets(limit=50, offset=len(everything)) == []


def test_walking_the_pages_finds_every_market_once_and_stops(public: PolySimClient):
    everything = [row["id"] for row in public.list_markets(limit=200)]
    assert 100 < len(everything) < 200, "more than a page of the SDK's, fewer than the server's limit"
    assert [row["id"] for row in iter_markets(public)] == everything
    assert [row["id"] for row in iter_markets(public, page_size=7)] == everything


def test_what_does_not_exist_is_named_in_the_refusal(public: PolySimClient, visitor: PolySimClient):
    with refused("MARKET_NOT_FOUND", 404):
        public.get_market_by_slug("no-such-market")
    with refused("MARKET_NOT_FOUND", 404):
        visitor.get_book(NOBODYS_MARKET)
    with refused("TOKEN_NOT_FOUND", 404):
        public.get_market_by_token("1" * 77)
    with refused("BOOK_UNAVAILABLE", 404):
        public.get_book_by_token("1" * 77)
    with refused("BOOK_UNAVAILABLE", 404):
        public.get_book_by_token(pick_market(public).condition_id)
    with refused("ORDER_NOT_FOUND", 404):
        visitor.get_order(999_999_999)
    with refused("ORDER_NOT_FOUND", 404):
        visitor.get_order("0xabc")
    with refused("NOT_FOUND", 404):
        visitor.get_market("a/b/c")


def test_an_opening_book_has_five_levels_a_side_one_tick_apart_and_the_best_last(
    public: PolySimClient, visitor: PolySimClient
):
    market = pick_market(public)
    book = visitor.get_book(market.condition_id)
    assert (book["market"], book["asset_id"], book["token_id"]) == (
        market.condition_id,
        market.yes,
        market.yes,
    )
    assert re.fullmatch(r"[0-9]{13}", book["timestamp"])
    assert abs(int(book["timestamp"]) / 1000 - time.time()) < 3600
    assert (dec(book["tick_size"]), dec(book["min_order_size"]), book["neg_risk"]) == (market.tick, 5, False)
    assert bids(book) == [(market.bid - step * market.tick, size) for step, size in enumerate(OPENING_SIZES)]
    assert asks(book) == [(market.ask + step * market.tick, size) for step, size in enumerate(OPENING_SIZES)]
    assert dec(book["bids"][-1]["price"]) == market.bid
    assert dec(book["asks"][-1]["price"]) == market.ask
    assert dec(book["mid"]) == (market.bid + market.ask) / 2
    assert dec(book["spread"]) == min(market.ask - market.bid, Decimal("0.10"))


def test_the_book_of_no_is_the_book_of_yes_seen_from_the_other_side(public: PolySimClient, visitor: PolySimClient):
    market = pick_market(public)
    yes = visitor.get_book(market.condition_id, outcome="YES")
    no = visitor.get_book(market.condition_id, outcome="no")
    assert no["asset_id"] == market.no
    assert bids(no) == [(1 - price, size) for price, size in asks(yes)]
    assert asks(no) == [(1 - price, size) for price, size in bids(yes)]
    by_token = public.get_book_by_token(market.no)
    assert (by_token["bids"], by_token["asks"]) == (no["bids"], no["asks"])


def test_depth_keeps_the_best_levels(visitor: PolySimClient):
    market = pick_market(visitor)
    whole = visitor.get_book(market.condition_id)
    cut = visitor.get_book(market.condition_id, depth=2)
    assert (cut["bids"], cut["asks"]) == (whole["bids"][-2:], whole["asks"][-2:])
    assert visitor.get_book_by_token(market.yes, depth=1)["asks"] == whole["asks"][-1:]


def test_an_event_lists_its_markets(public: PolySimClient):
    market = public.get_market_by_slug(pick_market(public).slug)
    events = public.list_events(limit=200, search=market["event_title"])
    (event,) = [event for event in events if event["title"] == market["event_title"]]
    (entry,) = [entry for entry in event["markets"] if entry["condition_id"] == market["condition_id"]]
    assert (entry["slug"], entry["outcomes"]) == (market["slug"], market["outcomes"])
    assert entry["live_price"]["buy"] == market["live_price"]["buy"]
    assert public.list_events(search="no event has this title") == []
    first, second = public.list_events(limit=2)
    assert public.list_events(limit=1, offset=1) == [second]
    assert public.list_events(limit=1) == [first]


def test_an_hour_of_trading_is_one_candle(server: Server, trader: PolySimClient, market: Market):
    take(trader, market, 10)
    take(trader, market, 15, side="BUY", outcome="No")
    candles = trader.get_candles(market.condition_id, interval="1h")
    assert all(earlier["t"] < later["t"] for earlier, later in pairwise(candles))
    candle = candles[-1]
    assert candle["t"] % 3600 == 0
    assert (dec(candle["h"]), dec(candle["l"]), dec(candle["c"])) == (market.ask, market.bid, market.bid)
    assert dec(candle["v"]) == 25
    now = int(time.time())
    assert trader.get_candles(market.condition_id, start_time=now - 86_400, end_time=now - 7200) == []


def test_an_unknown_candle_interval_is_refused_with_the_known_ones(visitor: PolySimClient):
    market = pick_market(visitor)
    with refused("INVALID_INTERVAL") as caught:
        visitor.get_candles(market.condition_id, interval="7m")
    assert caught.value.payload["supported_intervals"] == ["1h", "6h", "1d", "1w", "max"]


# -- Up or down --


def test_the_open_window_has_a_strike_a_spot_price_and_a_time_left(public: PolySimClient):
    rows = public.list_updown(asset="BTC", interval="15M", live=True)
    window = updown.next_to_expire(rows)
    assert window is not None
    assert (window["asset"], window["interval"]) == ("BTC", "15M")
    assert re.fullmatch(r"btc-updown-15m-[0-9]+", window["slug"])
    left = updown.seconds_to_expiry(window)
    assert left is not None
    assert 0 < left <= 900
    (market,) = window["markets"]
    assert market["condition_id"] == window["condition_id"]
    assert json.loads(market["outcomes"]) == ["Up", "Down"]
    up, down = (dec(price) for price in json.loads(market["outcome_prices"]))
    assert up + down == 1
    strike = public.get_price_to_beat(window["condition_id"])
    assert strike["asset"] == "BTC"
    assert strike["price"] == updown.price_to_beat(window)
    (token, _) = json.loads(market["token_ids"])
    assert public.get_price_to_beat(token) == strike
    spot = public.get_spot("btc")
    assert (spot["symbol"], spot["stale"]) == ("BTC", False)
    assert updown.ptb_distance_bps(spot["price"], strike["price"]) is not None
    spots = public.get_spots()
    assert "BTC" in spots["supported_symbols"]
    assert spots["prices"]["BTC"]["symbol"] == "BTC"


def test_the_updown_payload_counts_what_it_lists(public: PolySimClient):
    payload = public.get_updown(asset="BTC")
    assert payload["total"] == len(payload["markets"]) > 0
    assert payload["asset_counts"]["BTC"] == payload["total"]
    assert sum(payload["interval_counts"].values()) == payload["total"]
    assert "BTC" in payload["available_assets"]
    assert payload["crypto_prices"]["BTC"]["price"] > 0


def test_a_window_trades_until_it_closes_pays_its_winner_and_the_next_one_opens(
    server: Server, trader: PolySimClient
):
    window = updown.next_to_expire(trader.list_updown(asset="BTC", interval="15M", live=True))
    assert window is not None
    book = trader.get_book(window["condition_id"], outcome="UP")
    assert (dec(book["tick_size"]), dec(book["min_order_size"])) == (Decimal("0.01"), 5)
    matches = walk(asks(book), Decimal(5))
    bought = trader.place_order(market_id=window["condition_id"], side="BUY", outcome="UP", quantity=5, price="0.99")
    assert (bought["status"], bought["outcome"]) == ("FILLED", "Up")
    assert dec(bought["price"]) == notional(matches) / 5
    spent = notional(matches) + fee(matches, FEE_BPS["crypto"])
    assert exact_cash(trader) == OPENING - spent

    server.advance(900)

    following = updown.next_to_expire(trader.list_updown(asset="BTC", interval="15M", live=True))
    assert following is not None
    assert following["condition_id"] != window["condition_id"]
    (settled,) = trader.settlements()["data"]
    assert settled["market_id"] == window["condition_id"]
    payout = {"won": Decimal(5), "lost": Decimal(0)}[settled["result"]]
    assert dec(settled["payout"]) == payout
    assert exact_cash(trader) == OPENING - spent + payout
    winner = trader.get_market(window["condition_id"])["resolved_outcome"]
    assert winner == ("Up" if settled["result"] == "won" else "Down")
    with refused("MARKET_CLOSED"):
        trader.place_order(market_id=window["condition_id"], side="BUY", outcome="UP", quantity=5, price="0.99")


# -- Market orders (§24, 8) --


@pytest.mark.parametrize("quantity", [10, 10.0, "10", "10.0"])
def test_a_quantity_may_be_a_whole_number_a_float_or_a_string(trader: PolySimClient, market: Market, quantity: Any):
    placed = take(trader, market, quantity)
    assert (dec(placed["quantity"]), dec(placed["price"])) == (10, market.ask)


def test_a_market_order_fills_at_the_book_and_says_what_it_cost(trader: PolySimClient, market: Market):
    placed = take(trader, market, 10)
    cost, charged = 10 * market.ask, market.fee(market.ask, 10)
    assert isinstance(placed["order_id"], int)
    assert placed["order_id"] > 0
    assert (placed["order_type"], placed["side"], placed["outcome"]) == ("market", "BUY", "Yes")
    assert dec(placed["price"]) == market.ask
    assert dec(placed["quantity"]) == 10
    assert shown(placed["notional"]) == cents(cost)
    assert shown(placed["fee"]) == cents(charged)
    assert shown(placed["account_balance"]) == cents(OPENING - cost - charged)
    assert placed["filled_at"] is not None
    assert (placed["cancelled_reason"], placed["error"], placed["error_message"]) == (None, None, None)
    assert placed["amount_interpreted_as"] is None
    assert not placed["is_replay"]
    assert not placed["warnings"]
    assert (placed["price_source"], placed["book_walk_levels"], placed["impact_bps"]) == ("book_walk", 1, 0)
    spread = (market.ask - market.bid) / ((market.ask + market.bid) / 2) * 10_000
    assert abs(placed["spread_bps"] - spread) <= 1
    position = placed["position"]
    assert (position["market_id"], position["outcome"]) == (market.condition_id, "Yes")
    assert (position["quantity"], position["status"]) == (placed["quantity"], "OPEN")
    assert dec(position["avg_entry_price"]) == market.ask


def test_a_market_order_that_walks_the_book_pays_each_level_its_price(trader: PolySimClient, market: Market):
    matches = walk(asks(trader.get_book(market.condition_id)), Decimal(700))
    assert len(matches) == 3
    placed = take(trader, market, 700)
    cost, charged = notional(matches), fee(matches, market.fee_bps)
    assert abs(dec(placed["price"]) - cost / 700) < Decimal("0.0001")
    assert (placed["book_walk_levels"], dec(placed["quantity"])) == (3, 700)
    assert shown(placed["notional"]) == cents(cost)
    assert shown(placed["fee"]) == cents(charged)
    assert exact_cash(trader) == OPENING - cost - charged
    rows = trader.history(market_id=market.condition_id)
    assert sorted((dec(row["price"]), dec(row["quantity"])) for row in rows) == matches
    assert {row["order_id"] for row in rows} == {placed["order_id"]}
    assert asks(trader.get_book(market.condition_id))[0] == (market.ask + 2 * market.tick, Decimal(700))


def test_an_amount_is_dollars_to_spend_before_fees(trader: PolySimClient, market: Market):
    placed = trader.place_order(market_id=market.condition_id, side="BUY", outcome="Yes", amount="20", price="0.99")
    shares = (20 / market.ask).quantize(Decimal("0.0001"), "ROUND_DOWN")
    assert (placed["status"], placed["amount_interpreted_as"]) == ("FILLED", "usd_notional")
    assert dec(placed["quantity"]) == shares
    assert exact_cash(trader) == OPENING - shares * market.ask - market.fee(market.ask, shares)


def test_an_amount_is_for_market_buys_alone(trader: PolySimClient, market: Market):
    buy = {"market_id": market.condition_id, "outcome": "Yes", "price": market.inside()}
    with pytest.raises(ValidationError):
        trader.place_order(side="SELL", amount=5, **buy)
    with pytest.raises(ValidationError):
        trader.place_order(side="BUY", amount=5, order_type="limit", **buy)
    with pytest.raises(ValidationError, match="either quantity or amount, not both"):
        trader.place_order(side="BUY", amount=5, quantity=5, **buy)


def test_fill_or_kill_fills_whole_or_not_at_all(trader: PolySimClient, market: Market):
    order = {"market_id": market.condition_id, "side": "BUY", "outcome": "Yes"}
    best = asks(trader.get_book(market.condition_id))[0]
    with refused("FOK_ORDER_NOT_FILLED_ERROR"):
        trader.place_order(**order, quantity=str(best[1] + 5), price=str(best[0]))
    with refused("FOK_ORDER_NOT_FILLED_ERROR"):
        trader.place_order(**order, quantity=10, price=str(market.bid))
    with refused("INSUFFICIENT_LIQUIDITY"):
        trader.place_order(**order, quantity=str(sum(OPENING_SIZES) + 1), price="0.99")
    killed = trader.place_order(**order, quantity=10, price=str(market.bid), order_type="limit", time_in_force="FOK")
    assert killed["status"] == "CANCELLED"
    assert killed["cancelled_reason"]
    assert (asks(trader.get_book(market.condition_id))[0], trader.history()) == (best, [])
    assert exact_cash(trader) == OPENING


def test_fill_and_kill_takes_what_there_is_and_warns(trader: PolySimClient, market: Market):
    order = {"market_id": market.condition_id, "side": "BUY", "outcome": "Yes", "time_in_force": "fak"}
    placed = trader.place_order(**order, quantity=300, price=str(market.ask))
    assert (placed["status"], dec(placed["quantity"])) == ("FILLED", 200)
    assert placed["warnings"] == ["partial_fill:filled=200.0000,requested=300.0000"]
    assert exact_cash(trader) == OPENING - 200 * market.ask - market.fee(market.ask, 200)
    assert trader.get_order(placed["order_id"])["time_in_force"] == "IOC"
    with refused("FOK_ORDER_NOT_FILLED_ERROR"):
        trader.place_order(**order, quantity=300, price=str(market.ask))


def test_a_market_order_names_its_worst_price(trader: PolySimClient, market: Market):
    order = {"market_id": market.condition_id, "side": "BUY", "outcome": "Yes", "quantity": 10}
    with refused("PRICE_REQUIRED"):
        trader.place_order(**order)
    # A worst price is a cap, not a price to trade at: any number from 0 to 1 will do, on the grid or off.
    assert dec(trader.place_order(**order, price="0.98765")["price"]) == market.ask


def test_selling_gives_the_proceeds_less_the_fee(trader: PolySimClient, market: Market):
    take(trader, market, 10)
    sold = take(trader, market, 10, side="SELL")
    assert dec(sold["price"]) == market.bid
    lost = 10 * (market.ask - market.bid) + market.fee(market.ask, 10) + market.fee(market.bid, 10)
    assert exact_cash(trader) == OPENING - lost
    assert trader.positions(status="OPEN") == []
    (closed,) = trader.positions(status="CLOSED")
    assert (closed["status"], dec(closed["quantity"])) == ("CLOSED", 0)


@pytest.mark.parametrize("category", ["crypto", "politics", "tech", "economics", "culture", "sports", "geopolitics"])
def test_a_taker_pays_the_rate_of_the_category_truncated_to_a_thousandth_of_a_cent(
    trader: PolySimClient, category: str
):
    market = pick_market(trader, category=category, low="0.10", high="0.90")
    # A price and a size that leave more digits than a fee has.
    placed = take(trader, market, "7.1111")
    charged = market.fee(market.ask, Decimal("7.1111"))
    assert exact_cash(trader) == OPENING - Decimal("7.1111") * market.ask - charged
    assert shown(placed["fee"]) == cents(charged)
    (trade,) = trader.data_trades()["data"]
    assert (trade["fee_rate_bps"], trade["trader_side"]) == (str(FEE_BPS[category]), "TAKER")


def test_more_than_four_decimals_of_a_share_are_cut_off(trader: PolySimClient, market: Market):
    assert dec(take(trader, market, "10.12349")["quantity"]) == Decimal("10.1234")


# -- Resting orders (§24, 8) --


def test_a_limit_order_rests_at_its_price_until_another_trader_takes_it(
    trader: PolySimClient, desk: PolySimClient, market: Market
):
    price = market.inside()
    resting = rest(trader, market, price)
    assert (dec(resting["price"]), dec(resting["quantity"])) == (Decimal(price), 10)
    assert (resting["fee"], resting["filled_at"], resting["book_walk_levels"]) == ("0", None, None)
    assert bids(trader.get_book(market.condition_id))[0] == (Decimal(price), 10)
    assert shown(trader.balance()["balance"]) == cents(OPENING - 10 * Decimal(price))
    assert exact_cash(trader) == OPENING
    assert trader.history() == []

    take(desk, market, 10)
    sold = take(desk, market, 10, side="SELL")

    assert dec(sold["price"]) == Decimal(price)
    order = trader.get_order(resting["order_id"])
    assert (order["status"], dec(order["fill_price"])) == ("FILLED", Decimal(price))
    assert order["filled_at"] is not None
    assert exact_cash(trader) == OPENING - 10 * Decimal(price)
    (bought,) = trader.history()
    assert (bought["order_id"], bought["side"], bought["status"]) == (resting["order_id"], "BUY", "FILLED")
    assert (dec(bought["price"]), dec(bought["quantity"]), shown(bought["fee"])) == (Decimal(price), 10, 0)
    (trade,) = trader.data_trades()["data"]
    assert (trade["trader_side"], trade["fee_rate_bps"]) == ("MAKER", "0")
    (position,) = trader.positions(status="OPEN")
    assert (dec(position["quantity"]), dec(position["avg_entry_price"])) == (10, Decimal(price))


def test_two_buyers_of_opposite_outcomes_trade_with_each_other(
    trader: PolySimClient, desk: PolySimClient, market: Market
):
    price = Decimal(market.inside())
    resting = rest(trader, market, str(price), 25)
    bought = take(desk, market, 25, outcome="No", price=str(1 - price))
    assert dec(bought["price"]) == 1 - price
    assert trader.get_order(resting["order_id"])["status"] == "FILLED"
    assert exact_cash(trader) == OPENING - 25 * price
    assert exact_cash(desk) == OPENING - 25 * (1 - price) - market.fee(1 - price, 25)
    assert [position["outcome"] for position in desk.positions(status="OPEN")] == ["No"]


def test_a_marketable_limit_order_fills_at_once_at_the_makers_price(trader: PolySimClient, market: Market):
    placed = trader.place_order(
        market_id=market.condition_id,
        side="BUY",
        outcome="Yes",
        quantity=10,
        order_type="limit",
        price=str(market.ask + market.tick),
    )
    assert (placed["status"], dec(placed["price"])) == ("FILLED", market.ask)
    assert shown(placed["fee"]) == cents(market.fee(market.ask, 10))


def test_what_a_limit_order_cannot_take_rests_and_the_order_stays_pending(trader: PolySimClient, market: Market):
    placed = rest(trader, market, str(market.ask), 250)
    assert (dec(placed["quantity"]), placed["filled_at"]) == (250, None)
    assert shown(placed["fee"]) == cents(market.fee(market.ask, 200))
    (order,) = trader.data_orders()["data"]
    assert (order["status"], order["original_size"], order["size_matched"]) == (
        "ORDER_STATUS_LIVE",
        "250.0000",
        "200.0000",
    )
    book = trader.get_book(market.condition_id)
    assert bids(book)[0] == (market.ask, 50)
    assert asks(book)[0] == (market.ask + market.tick, 400)
    reserved = 50 * market.ask
    assert shown(trader.balance()["balance"]) == cents(exact_cash(trader) - reserved)
    trader.cancel_order(placed["order_id"])
    assert shown(trader.balance()["balance"]) == cents(exact_cash(trader))


def test_nobody_trades_with_himself(trader: PolySimClient, market: Market):
    price = Decimal(market.inside())
    resting = rest(trader, market, str(price))
    crossing = trader.place_order(
        market_id=market.condition_id,
        side="BUY",
        outcome="No",
        quantity=10,
        order_type="limit",
        price=str(1 - price),
    )
    assert (crossing["status"], crossing["cancelled_reason"]) == ("CANCELLED", "self_trade")
    assert trader.get_order(resting["order_id"])["status"] == "PENDING"
    assert trader.history() == []


def test_an_order_good_till_a_date_ends_then_and_gives_its_money_back(
    server: Server, trader: PolySimClient, market: Market
):
    expiration = int(time.time()) + 600
    order = rest(trader, market, market.inside(), time_in_force="GTD", expiration=expiration)
    (row,) = trader.data_orders()["data"]
    assert (row["order_type"], row["expiration"], row["expires_at"]) == (
        "GTD",
        expiration,
        f"{expiration}000",
    )
    server.advance(300)
    assert trader.get_order(order["order_id"])["status"] == "PENDING"
    server.advance(301)
    ended = trader.get_order(order["order_id"])
    assert (ended["status"], ended["cancelled_reason"]) == ("CANCELLED", "gtd_expired")
    assert ended["cancelled_at"] is not None
    assert trader.balance()["balance"] == "10000.00"
    assert bids(trader.get_book(market.condition_id))[0][0] == market.bid


@pytest.mark.parametrize("expiration", [None, 1_000_000_000, "soon"])
def test_an_order_good_till_a_date_needs_one_that_is_to_come(trader: PolySimClient, market: Market, expiration: Any):
    with refused("INVALID_ORDER_EXPIRATION"):
        rest(trader, market, market.inside(), time_in_force="GTD", expiration=expiration)


def test_a_post_only_order_rests_or_is_refused(trader: PolySimClient, market: Market):
    with refused("POST_ONLY_WOULD_CROSS"):
        rest(trader, market, str(market.ask), post_only=True)
    with refused("POST_ONLY_WOULD_CROSS"):
        rest(trader, market, str(1 - market.bid), outcome="No", post_only=True)
    with refused("INVALID_POST_ONLY_ORDER_TYPE"):
        rest(trader, market, market.inside(), post_only=True, time_in_force="FOK")
    rest(trader, market, market.inside(), post_only=True)
    assert len(trader.list_orders(status="PENDING")) == 1


def test_a_price_off_the_tick_grid_is_refused_with_the_grid(trader: PolySimClient, market: Market):
    price = str(market.bid + market.tick / 2)
    with refused("INVALID_ORDER_MIN_TICK_SIZE") as caught:
        rest(trader, market, price)
    sentence = f"Price {price} breaks minimum tick size rule: {market.tick}. Round to the nearest multiple."
    assert sentence in str(caught.value)


def test_a_limit_order_below_the_minimum_size_is_refused(trader: PolySimClient, market: Market):
    assert market.min_size == 5
    with refused("ORDER_BELOW_MIN_SIZE"):
        rest(trader, market, market.inside(), "4.9999")
    rest(trader, market, market.inside(), "5")


def test_the_whole_of_a_small_position_may_be_sold(trader: PolySimClient, market: Market):
    take(trader, market, 6)
    take(trader, market, 5, side="SELL")
    take(trader, market, 1, side="SELL")
    assert trader.positions(status="OPEN") == []


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "Perhaps"},
        {"quantity": 0},
        {"quantity": -5},
        {"quantity": "ten"},
        {"quantity": "NaN"},
        {"side": "HOLD"},
        {"order_type": "stop"},
        {"time_in_force": "DAY"},
        {"price": "1"},
        {"price": "0"},
        {"price": "-0.5"},
    ],
    ids=lambda change: "-".join(f"{name}-{value}" for name, value in change.items()),
)
def test_an_order_that_makes_no_sense_is_refused_and_leaves_nothing_behind(
    trader: PolySimClient, market: Market, change: dict[str, Any]
):
    order = {"market_id": market.condition_id, "side": "BUY", "outcome": "Yes", "quantity": 10}
    order |= {"order_type": "limit", "price": market.inside()}
    with pytest.raises(ValidationError) as caught:
        trader.place_order(**(order | change))
    assert caught.value.code
    assert trader.list_orders() == []


def test_an_order_needs_a_market_that_exists(trader: PolySimClient):
    with refused("MARKET_NOT_FOUND", 404):
        trader.place_order(market_id=NOBODYS_MARKET, side="BUY", outcome="Yes", quantity=10, price="0.99")


def test_cash_can_be_reserved_to_the_last_cent_and_no_further(trader: PolySimClient, market: Market):
    with refused("INSUFFICIENT_BALANCE"):
        rest(trader, market, "0.01", 1_000_001)
    resting = rest(trader, market, "0.01", 1_000_000)
    assert trader.balance()["balance"] == "0.00"
    assert dec(trader.balance()["total_value"]) == OPENING
    with refused("INSUFFICIENT_BALANCE"):
        rest(trader, market, "0.01", 5)
    trader.cancel_order(resting["order_id"])
    assert trader.balance()["balance"] == "10000.00"


def test_shares_that_are_not_there_or_already_offered_cannot_be_sold(trader: PolySimClient, market: Market):
    with refused("INSUFFICIENT_POSITION"):
        rest(trader, market, str(market.ask), side="SELL")
    take(trader, market, 10)
    rest(trader, market, market.inside(2), side="SELL")
    with refused("INSUFFICIENT_POSITION"):
        rest(trader, market, market.inside(3), 5, side="SELL")
    with refused("INSUFFICIENT_POSITION"):
        take(trader, market, 10, side="SELL", outcome="No")


# -- Asked twice (§24, 9) --


def test_an_order_asked_twice_is_placed_once(trader: PolySimClient, market: Market):
    key = str(uuid.uuid4())
    first = take(trader, market, 10, idempotency_key=key)
    again = take(trader, market, 10, idempotency_key=key)
    assert (first["is_replay"] or False, again["is_replay"]) == (False, True)
    for member in ("order_id", "status", "price", "quantity", "fee", "account_balance", "filled_at"):
        assert again[member] == first[member]
    assert (again["spread_bps"], again["impact_bps"], again["book_walk_levels"]) == (None, None, None)
    assert len(trader.history()) == 1
    assert again["client_order_id"] == key


def test_a_key_used_for_one_order_is_not_good_for_another(trader: PolySimClient, market: Market):
    key = str(uuid.uuid4())
    rest(trader, market, market.inside(), 10, idempotency_key=key)
    with refused("IDEMPOTENCY_KEY_REUSE", 409):
        rest(trader, market, market.inside(), 11, idempotency_key=key)
    rest(trader, market, market.inside(2), 10, client_order_id="mine")
    with refused("DUPLICATE_CLIENT_ORDER_ID", 409):
        rest(trader, market, market.inside(2), 10, client_order_id="mine", idempotency_key="another")
    assert [dec(order["quantity"]) for order in trader.list_orders()] == [10, 10]


def test_a_refused_order_may_be_tried_again_under_its_key(trader: PolySimClient, market: Market):
    key = str(uuid.uuid4())
    with refused("INSUFFICIENT_POSITION"):
        take(trader, market, 10, side="SELL", idempotency_key=key)
    take(trader, market, 10)
    assert not take(trader, market, 10, side="SELL", idempotency_key=key)["is_replay"]


def test_two_users_may_use_the_same_key(trader: PolySimClient, desk: PolySimClient, market: Market):
    mine = rest(trader, market, market.inside(), client_order_id="bot-1")
    theirs = rest(desk, market, market.inside(), client_order_id="bot-1")
    assert mine["order_id"] != theirs["order_id"]


# -- Batches (§24, 10) --


def test_a_batch_answers_each_order_in_turn_and_one_failure_undoes_nothing(trader: PolySimClient, market: Market):
    limit = {"market_id": market.condition_id, "side": "BUY", "outcome": "Yes", "order_type": "limit"}
    results = trader.place_orders(
        [
            limit | {"quantity": 10, "price": market.inside()},
            limit | {"quantity": 10, "price": str(market.bid + market.tick / 2)},
            limit | {"quantity": 5, "price": "0.99", "order_type": "market"},
            limit | {"quantity": 5, "price": "0.01", "market_id": NOBODYS_MARKET},
            limit | {"quantity": 5, "price": str(market.ask), "side": "SELL", "outcome": "No"},
        ]
    )
    assert [row["status"] for row in results] == ["PENDING", "REJECTED", "FILLED", "REJECTED", "REJECTED"]
    assert [row["error"] for row in results] == [
        None, "INVALID_ORDER_MIN_TICK_SIZE", None, "MARKET_NOT_FOUND", "INSUFFICIENT_POSITION"
    ]  # fmt: skip
    for row in results:
        if row["status"] == "REJECTED":
            assert (row["order_id"], row["price"], row["notional"], row["fee"]) == (0, "0", "0", "0")
            assert row["error_message"]
    assert dec(results[2]["price"]) == market.ask
    assert len(trader.list_orders()) == 2


def test_a_batch_asked_twice_is_placed_once(trader: PolySimClient, market: Market):
    order = {"market_id": market.condition_id, "side": "BUY", "outcome": "Yes", "order_type": "limit"}
    orders = [order | {"quantity": 5, "price": "0.01", "client_order_id": f"leg-{leg}"} for leg in range(3)]
    first = trader.place_orders(orders)
    again = trader.place_orders(orders)
    assert [row["order_id"] for row in again] == [row["order_id"] for row in first]
    assert all(row["is_replay"] for row in again)
    assert len(trader.list_orders()) == 3


def test_a_batch_above_the_plans_size_is_refused_whole(trader: PolySimClient, market: Market):
    order = {"market_id": market.condition_id, "side": "BUY", "outcome": "Yes", "order_type": "limit"}
    with pytest.raises(ValidationError, match=r"Batch size 6 exceeds tier limit \(5\)") as caught:
        trader.place_orders([order | {"quantity": 5, "price": "0.01"}] * 6)
    assert caught.value.code == "BATCH_LIMIT_EXCEEDED"
    assert trader.list_orders() == []


# -- Canceling (§24, 11) --


def test_a_canceled_order_gives_its_money_back_and_stays_canceled(
    trader: PolySimClient, desk: PolySimClient, market: Market
):
    order = rest(trader, market, market.inside())
    with refused("ORDER_NOT_FOUND", 404):
        desk.cancel_order(order["order_id"])
    canceled = trader.cancel_order(order["order_id"])
    assert (canceled["order_id"], canceled["status"], canceled["fee"]) == (
        order["order_id"],
        "CANCELLED",
        "0",
    )
    assert dec(canceled["price"]) == Decimal(market.inside())
    assert trader.balance()["balance"] == "10000.00"
    with refused("ORDER_NOT_CANCELLABLE"):
        trader.cancel_order(order["order_id"])
    with refused("ORDER_NOT_CANCELLABLE"):
        trader.cancel_order(take(trader, market, 5)["order_id"])
    with refused("ORDER_NOT_FOUND", 404):
        trader.cancel_order(999_999_999)


def test_cancel_all_cancels_every_order_of_one_account_and_only_when_confirmed(
    server: Server, trader: PolySimClient, desk: PolySimClient, market: Market
):
    mine = {str(rest(trader, market, market.inside(step))["order_id"]) for step in (1, 2)}
    rest(desk, market, market.inside())
    unconfirmed = httpx.post(f"{server.base_url}/v1/cancel-all", json={}, headers={"X-API-Key": server.key("trader")})
    assert (unconfirmed.status_code, unconfirmed.headers["X-Polysim-Code"]) == (400, "CONFIRMATION_REQUIRED")
    assert len(trader.list_orders(status="OPEN")) == 2
    answer = trader.cancel_all()
    assert (set(answer["canceled"]), answer["not_canceled"]) == (mine, {})
    assert trader.list_orders(status="OPEN") == []
    assert trader.balance()["balance"] == "10000.00"
    assert len(desk.list_orders(status="OPEN")) == 1
    assert trader.cancel_all()["canceled"] == []


def test_canceling_a_markets_orders_leaves_those_of_other_markets(trader: PolySimClient):
    here, there = pick_markets(trader, 2)
    order = rest(trader, here, here.inside())
    other = rest(trader, there, there.inside())
    assert trader.cancel_market_orders(here.condition_id)["canceled"] == [str(order["order_id"])]
    (left,) = trader.list_orders(status="OPEN")
    assert left["order_id"] == other["order_id"]


# -- Reading orders --


def test_an_order_reads_the_same_alone_and_in_the_list(trader: PolySimClient, market: Market):
    placed = rest(trader, market, market.inside(), client_order_id="first")
    (listed,) = trader.list_orders()
    assert (listed["order_id"], listed["market_id"]) == (placed["order_id"], market.condition_id)
    assert (listed["side"], listed["outcome"], listed["order_type"]) == ("BUY", "Yes", "limit")
    assert (dec(listed["limit_price"]), dec(listed["quantity"])) == (Decimal(market.inside()), 10)
    assert (listed["time_in_force"], listed["status"], listed["client_order_id"]) == (
        "GTC",
        "PENDING",
        "first",
    )
    for never in ("filled_at", "fill_price", "cancelled_at", "cancelled_reason", "hold_reason"):
        assert listed[never] is None
    alone = trader.get_order(placed["order_id"])
    # Quirk: this one answer carries its time in milliseconds, for the typed mirror that reads it too.
    assert re.fullmatch(r"[0-9]{13}", alone["created_at"])
    assert (alone["id"], alone["asset_id"]) == (str(placed["order_id"]), market.yes)
    assert {name: alone[name] for name in listed if name != "created_at"} == {
        name: value for name, value in listed.items() if name != "created_at"
    }
    assert trader.get_order(placed["order_id"], source="pending")["order_id"] == placed["order_id"]
    with refused("INVALID_SOURCE"):
        trader.get_order(placed["order_id"], source="elsewhere")


def test_orders_are_listed_newest_first_by_state_and_by_market(trader: PolySimClient):
    here, there = pick_markets(trader, 2)
    resting = rest(trader, here, here.inside())["order_id"]
    gone = rest(trader, here, here.inside(2))["order_id"]
    trader.cancel_order(gone)
    filled = take(trader, here, 10)["order_id"]
    elsewhere = rest(trader, there, there.inside())["order_id"]

    def ids(**filters: Any) -> list[int]:
        return [order["order_id"] for order in trader.list_orders(**filters)]

    assert ids() == [elsewhere, filled, gone, resting]
    assert ids(market_id=here.condition_id) == [filled, gone, resting]
    assert ids(status="PENDING") == ids(status="OPEN") == [elsewhere, resting]
    assert (ids(status="FILLED"), ids(status="CANCELLED"), ids(status="EXPIRED")) == ([filled], [gone], [])
    assert ids(limit=2, offset=1) == [filled, gone]


def test_walking_the_pages_of_orders_and_trades_finds_each_once(trader: PolySimClient, market: Market):
    orders = [take(trader, market, 5)["order_id"] for _ in range(4)]
    assert [row["order_id"] for row in iter_orders(trader, page_size=2)] == orders[::-1]
    assert [row["order_id"] for row in iter_history(trader, page_size=3)] == orders[::-1]
    assert [row["order_id"] for row in iter_orders(trader, page_size=2, status="PENDING")] == []


def test_open_orders_in_polymarkets_shape(trader: PolySimClient, market: Market):
    placed = rest(trader, market, market.inside(), "12.5")
    take(trader, market, 5)
    page = trader.data_orders()
    assert (page["limit"], page["count"], page["next_cursor"]) == (100, 1, "LTE=")
    (row,) = page["data"]
    assert re.fullmatch(r"[0-9]{13}", row.pop("created_at"))
    assert row == {
        "id": str(placed["order_id"]),
        "status": "ORDER_STATUS_LIVE",
        "owner": "",
        "maker_address": "",
        "market": market.condition_id,
        "asset_id": market.yes,
        "side": "BUY",
        "original_size": "12.5000",
        "size_matched": "0.0000",
        "price": f"{Decimal(market.inside()):.4f}",
        "outcome": "Yes",
        "order_type": "GTC",
        "associate_trades": [],
        "expiration": 0,
        "expires_at": None,
    }
    assert trader.data_orders(status="ALL")["count"] == 2
    assert trader.data_orders(asset_id=market.no)["data"] == []
    assert trader.data_orders(id=str(placed["order_id"]))["count"] == 1
    assert trader.data_orders(market=NOBODYS_MARKET)["data"] == []
    assert trader.data_orders(next_cursor="LTE=")["data"] == []
    assert trader.data_orders(before=int(time.time()) - 3600)["data"] == []
    with refused("INVALID_TIME_FILTER"):
        trader.data_orders(after="yesterday")


def test_cursors_walk_open_orders_and_trades_to_the_end(trader: PolySimClient, market: Market):
    placed = [str(rest(trader, market, "0.01", 5)["order_id"]) for _ in range(5)]
    taken = [take(trader, market, 5)["order_id"] for _ in range(3)]
    for read, expected in (
        (trader.data_orders, placed),
        (trader.data_trades, [str(order) for order in taken]),
    ):
        found, cursor = [], "MA=="
        while cursor != "LTE=":
            page = read(limit=2, next_cursor=cursor)
            assert page["count"] == len(page["data"]) <= 2
            found += [row.get("taker_order_id", row["id"]) for row in page["data"]]
            cursor = page["next_cursor"]
        assert sorted(found) == sorted(expected)


def test_trades_in_polymarkets_shape(trader: PolySimClient, market: Market):
    placed = take(trader, market, 10)
    page = trader.data_trades(market=market.condition_id)
    assert (page["limit"], page["count"], page["next_cursor"]) == (100, 1, "LTE=")
    (row,) = page["data"]
    assert row["matched_at"] == row["updated_at"]
    assert int(row["matched_at"]) // 1000 == row["match_time"] == row["last_update"]
    assert abs(row["match_time"] - time.time()) < 3600
    expected = {
        "market": market.condition_id,
        "asset_id": market.yes,
        "side": "BUY",
        "outcome": "Yes",
        "price": f"{market.ask:.4f}",
        "size": "10.0000",
        "fee_rate_bps": str(market.fee_bps),
        "maker_orders": [],
        "taker_order_id": str(placed["order_id"]),
        "transaction_hash": "",
        "bucket_index": 0,
        "owner": "",
        "maker_address": "",
        "status": "MATCHED",
        "trader_side": "TAKER",
    }
    assert {name: row[name] for name in expected} == expected
    assert re.fullmatch(r"[0-9]+", row["id"])
    assert trader.data_trades(asset_id=market.no)["data"] == []
    assert trader.data_trades(after=int(time.time()) + 3600)["data"] == []


# -- The account (§24, 12) --


def test_the_account_adds_up_to_the_micro_dollar(trader: PolySimClient, desk: PolySimClient):
    here, there = pick_markets(trader, 2)
    cash = OPENING
    matches = walk(asks(trader.get_book(here.condition_id)), Decimal("333.3333"))
    take(trader, here, "333.3333")
    cash -= notional(matches) + fee(matches, here.fee_bps)
    take(trader, there, "17.25", outcome="No")
    cash -= Decimal("17.25") * (1 - there.bid) + there.fee(1 - there.bid, Decimal("17.25"))
    take(trader, here, "33.3333", side="SELL")
    cash += Decimal("33.3333") * here.bid - here.fee(here.bid, Decimal("33.3333"))
    rest(trader, there, there.inside(), "8.5")
    reserved = Decimal("8.5") * Decimal(there.inside())

    portfolio = trader.portfolio()
    balance, positions = portfolio["balance"], portfolio["positions"]
    for position in positions:
        assert dec(position["market_value"]) == dec(position["quantity"]) * dec(position["current_price"])
    total = cash + sum((dec(position["market_value"]) for position in positions), Decimal(0))
    assert dec(balance["total_value"]) == total
    assert dec(balance["unrealized_pnl"]) == total - OPENING
    assert shown(balance["balance"]) == cents(cash - reserved)
    assert (balance["starting_balance"], balance["currency"]) == ("10000.00", "USD")
    assert trader.balance() == balance
    assert trader.positions(status="OPEN") == positions

    # The mark is the last trade, which for the first market was the sale and for the second the purchase.
    held = {position["market_id"]: position for position in positions}
    assert dec(held[here.condition_id]["current_price"]) == here.bid
    assert dec(held[there.condition_id]["current_price"]) == 1 - there.bid
    yes, no = held[here.condition_id], held[there.condition_id]
    assert (yes["outcome"], dec(yes["quantity"])) == ("Yes", 300)
    assert (no["outcome"], dec(no["quantity"])) == ("No", Decimal("17.25"))
    assert abs(dec(yes["avg_entry_price"]) - notional(matches) / Decimal("333.3333")) < Decimal("0.0001")
    assert dec(no["avg_entry_price"]) == 1 - there.bid
    assert dec(no["unrealized_pnl"]) == 0
    assert no["market_question"] == there.question

    # What one pays, another gets: a trade between two users moves money and makes none.
    before = exact_cash(trader) + exact_cash(desk)
    price = Decimal(there.inside())
    take(desk, there, "8.5", outcome="No", price=str(1 - price))
    charged = there.fee(1 - price, Decimal("8.5"))
    assert exact_cash(trader) + exact_cash(desk) == before - Decimal("8.5") - charged


def test_the_average_price_of_a_position_leaves_out_fees_and_sales(trader: PolySimClient, market: Market):
    take(trader, market, 200)
    take(trader, market, 100)
    average = (200 * market.ask + 100 * (market.ask + market.tick)) / 300
    (position,) = trader.positions(status="OPEN")
    assert abs(dec(position["avg_entry_price"]) - average) < Decimal("0.0001")
    take(trader, market, 150, side="SELL")
    (position,) = trader.positions(status="OPEN")
    assert dec(position["quantity"]) == 150
    assert abs(dec(position["avg_entry_price"]) - average) < Decimal("0.0001")


def test_placing_and_canceling_change_no_value(trader: PolySimClient, market: Market):
    take(trader, market, 100)
    value = trader.balance()["total_value"]
    order = rest(trader, market, market.inside(2), 50)
    rest(trader, market, market.inside(3), 50, side="SELL")
    assert trader.balance()["total_value"] == value
    trader.cancel_order(order["order_id"])
    assert trader.balance()["total_value"] == value


def test_history_has_one_row_a_match_newest_first(trader: PolySimClient, market: Market):
    bought = take(trader, market, 10)
    sold = take(trader, market, 5, side="SELL")
    newest, oldest = trader.history(market_id=market.condition_id)
    assert (newest["order_id"], newest["side"], dec(newest["price"])) == (
        sold["order_id"],
        "SELL",
        market.bid,
    )
    assert (oldest["order_id"], oldest["side"], dec(oldest["price"])) == (
        bought["order_id"],
        "BUY",
        market.ask,
    )
    assert (oldest["market_id"], oldest["outcome"], oldest["status"]) == (
        market.condition_id,
        "Yes",
        "FILLED",
    )
    assert (dec(oldest["quantity"]), shown(oldest["notional"])) == (10, cents(10 * market.ask))
    assert shown(oldest["fee"]) == cents(market.fee(market.ask, 10))
    assert trader.history(limit=1, offset=1) == [oldest]
    assert trader.history(market_id=NOBODYS_MARKET) == []


def test_the_equity_curve_ends_with_what_the_account_is_worth(server: Server, trader: PolySimClient):
    market = pick_market(trader, category="geopolitics")
    take(trader, market, 100)
    server.advance(2 * 3600)
    points = trader.equity()
    times = [point["timestamp"] for point in points]
    assert points
    assert times == sorted(times)
    cost = 100 * market.ask
    last = points[-1]
    assert (shown(last["cash_balance"]), shown(last["position_value"])) == (OPENING - cost, cost)
    assert (dec(last["total_value"]), dec(last["pnl"])) == (OPENING, 0)
    # The newest point is of now, which moves on from one call to the next.
    [newest] = trader.equity(limit=1)
    assert {**newest, "timestamp": last["timestamp"]} == last


def test_a_resolved_market_pays_a_dollar_a_winning_share_and_ends_what_rests(
    server: Server, trader: PolySimClient, desk: PolySimClient, market: Market
):
    take(trader, market, 10)
    take(desk, market, 20, outcome="No")
    resting = rest(trader, market, market.inside())
    before, theirs = exact_cash(trader), exact_cash(desk)

    server.resolve(market, "Yes")

    assert exact_cash(trader) == before + 10
    assert exact_cash(desk) == theirs
    page = trader.settlements()
    assert page["next_cursor"] == ""
    (won,) = page["data"]
    assert (won["market_id"], won["outcome"], won["result"]) == (market.condition_id, "Yes", "won")
    assert (dec(won["quantity"]), dec(won["avg_entry_price"])) == (10, market.ask)
    assert (shown(won["cost_basis"]), shown(won["payout"])) == (cents(10 * market.ask), 10)
    assert dec(won["payout_per_share"]) == 1
    assert shown(won["realized_pnl"]) == cents(10 - 10 * market.ask)
    (lost,) = desk.settlements()["data"]
    assert (lost["result"], dec(lost["payout"]), dec(lost["payout_per_share"])) == ("lost", 0, 0)
    assert shown(lost["realized_pnl"]) == cents(-20 * (1 - market.bid))
    order = trader.get_order(resting["order_id"])
    assert order["status"] == "EXPIRED"
    assert trader.positions(status="OPEN") == []
    (closed,) = trader.positions(status="CLOSED")
    assert (closed["status"], dec(closed["quantity"])) == ("CLOSED", 0)
    detail = trader.get_market(market.condition_id)
    assert (detail["active"], detail["closed"], detail["resolved_outcome"]) == (False, True, "Yes")
    assert [token["winner"] for token in detail["tokens"]] == [True, False]
    with refused("MARKET_CLOSED"):
        rest(trader, market, market.inside())


def test_a_split_market_pays_half_a_dollar_a_share_of_either_outcome(
    server: Server, trader: PolySimClient, market: Market
):
    take(trader, market, 10)
    take(trader, market, 20, outcome="No")
    before = exact_cash(trader)
    server.resolve(market, "split")
    assert exact_cash(trader) == before + 15
    settled = trader.settlements()["data"]
    assert [(row["result"], dec(row["payout_per_share"])) for row in settled] == [("split", Decimal("0.5"))] * 2


def test_settlements_are_walked_by_cursor_newest_position_first(server: Server, trader: PolySimClient):
    markets = pick_markets(trader, 3)
    for market in markets:
        take(trader, market, 10)
    for market in markets:
        server.resolve(market, "No")
    rows = list(iter_settlements(trader, page_size=1))
    ids = [row["position_id"] for row in rows]
    assert ids == sorted(ids, reverse=True)
    assert {row["market_id"] for row in rows} == {market.condition_id for market in markets}
    (one,) = trader.settlements(market_id=markets[1].condition_id)["data"]
    assert one == rows[1]
    assert trader.settlements(to="2020-01-01T00:00:00Z")["data"] == []
    assert trader.settlements(from_="2020-01-01T00:00:00Z")["data"] == rows


@pytest.mark.parametrize(("persona", "baseline"), [("trader", "10000.00"), ("whale", "25000.00")])
def test_a_reset_returns_the_account_to_its_plans_cash(server: Server, persona: str, baseline: str):
    with server.client(persona) as client:
        market = pick_market(client)
        take(client, market, 10)
        order = rest(client, market, market.inside())
        answer = client.reset_api_balance()
        assert answer == {
            "message": f"API balance reset to ${Decimal(baseline):,}",
            "new_api_balance": baseline,
            "positions_closed": 1,
            "orders_cancelled": 1,
            "cooldown_days": 0,
        }
        assert (client.balance()["balance"], dec(client.balance()["total_value"])) == (
            baseline,
            Decimal(baseline),
        )
        (position,) = client.positions(status="CLOSED")
        assert (position["status"], dec(position["quantity"])) == ("CLOSED_BY_RESET", 0)
        assert client.get_order(order["order_id"])["status"] == "CANCELLED"


def test_a_reset_is_part_of_a_paid_plan(shared: Server):
    with shared.client("reader") as client, refused("UPGRADE_REQUIRED", 402) as caught:
        client.reset_api_balance()
    assert caught.value.payload["upgrade_url"] == "/pricing"
    assert caught.value.payload["feature_key"]
