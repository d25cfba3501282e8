"""The life of a bot ported from py-clob-client: only its import, its host and its key have changed.

It speaks of outcome tokens, in the three spellings the drop-in takes: Polymarket's own long decimal ids,
`<condition id>:NO`, and a bare condition id, which means Yes. It sends its numbers as floats. (§24, 13)
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from polysim_clob_client.client import ClobClient
from polysim_clob_client.clob_types import (
    ApiCreds,
    AssetType,
    BalanceAllowanceParams,
    BookParams,
    MarketOrderArgs,
    OpenOrderParams,
    OrderArgs,
    OrderType,
    PostOrdersArgs,
    TradeParams,
)
from polysim_clob_client.exceptions import PolyApiException, ValidationError
from polysim_clob_client.order_builder.constants import BUY, SELL
from polysim_sdk import PolySimClient

from harness import (
    FEE_BPS,
    OPENING_SIZES,
    Market,
    Server,
    cents,
    dec,
    exact_cash,
    fee,
    notional,
    pick_market,
    refused,
    walk,
)


@pytest.fixture
def bot(server: Server) -> Iterator[ClobClient]:
    """As the ported bot builds it: what concerned a chain is still there and means nothing."""
    creds = ApiCreds(api_key=server.key("trader"), api_secret="unused", api_passphrase="unused")
    with ClobClient(server.base_url, chain_id=137, creds=creds, signature_type=1, funder="0x0") as client:
        yield client


@pytest.fixture
def maker(server: Server) -> Iterator[ClobClient]:
    """A bot with room for large batches."""
    with ClobClient(host=server.base_url, api_key=server.key("desk")) as client:
        yield client


def test_a_bot_finds_out_where_it_is_and_who_it_is(server: Server, bot: ClobClient):
    assert bot.get_ok()["status"] == "ok"
    assert bot.get_address() == str(server.personas["trader"]["user_id"])
    assert [key["key_prefix"] for key in bot.get_api_keys()["apiKeys"]].count(server.key("trader")[:16]) == 1
    assert bot.create_or_derive_api_creds().api_key == server.key("trader")
    bot.assert_level_2_auth()


def test_a_bot_that_takes_on_other_credentials_is_somebody_else(server: Server, bot: ClobClient):
    for persona in ("desk", "trader"):
        bot.set_api_creds(ApiCreds(api_key=server.key(persona)))
        assert bot.get_address() == str(server.user_id(persona))
        assert bot.create_or_derive_api_creds().api_key == server.key(persona)
    bot.set_api_creds(ApiCreds(api_key=server.key("revoked")))
    bot.assert_level_2_auth()
    with refused("INVALID_KEY", 401):
        bot.get_address()


def test_a_new_key_is_among_a_bots_own(server: Server, bot: ClobClient, trader: PolySimClient):
    server.admin(f"/admin/cohorts/beta-2026-05/users/{server.user_id('trader')}", method="PUT")
    created = trader.create_key(name="another")
    assert [key["name"] for key in bot.get_api_keys()["apiKeys"] if key["id"] == created["id"]] == ["another"]


def test_the_servers_clock_is_the_worlds(server: Server, bot: ClobClient):
    before = datetime.fromisoformat(bot.get_ok()["timestamp"])
    server.advance(3600)
    assert datetime.fromisoformat(bot.get_ok()["timestamp"]) >= before + timedelta(hours=1)


def test_a_closed_bot_asks_nothing_more(server: Server, market: Market):
    bot = ClobClient(server.base_url, api_key=server.key("trader"))
    assert Decimal(bot.get_midpoint(market.yes)["mid"]) == (market.bid + market.ask) / 2
    bot.close()
    with pytest.raises(RuntimeError, match="closed"):
        bot.get_midpoint(market.yes)


def test_public_reads_need_no_key(server: Server, market: Market):
    with ClobClient(server.base_url) as visitor:
        assert visitor.get_order_book(market.yes).market == market.condition_id
        assert visitor.get_markets()["data"]
        with pytest.raises(PolyApiException) as caught:
            visitor.get_orders()
        assert (caught.value.status_code, caught.value.code) == (401, "MISSING_API_KEY")


def test_a_bot_walks_all_markets_by_cursor(bot: ClobClient, trader: PolySimClient):
    everything = [row["condition_id"] for row in trader.list_markets(limit=200)]
    found: list[str] = []
    cursor, pages = "MA==", 0
    while cursor != "LTE=":
        page = bot.get_markets(next_cursor=cursor)
        found += [row["condition_id"] for row in page["data"]]
        cursor, pages = page["next_cursor"], pages + 1
    assert (found, pages) == (everything, 2)
    assert bot.get_simplified_markets()["data"]
    assert all(row["is_hot"] for row in bot.get_sampling_markets()["data"])


def test_a_resolved_market_is_closed_in_every_list_that_has_it(server: Server, bot: ClobClient, market: Market):
    def states(page: dict[str, Any]) -> list[bool]:
        return [row["closed"] for row in page["data"] if row["condition_id"] == market.condition_id]

    reads = (
        bot.get_markets,
        bot.get_simplified_markets,
        bot.get_sampling_markets,
        bot.get_sampling_simplified_markets,
    )
    # On the first page of each: the most traded come first, and those are the hot ones.
    assert [states(read()) for read in reads] == [[False]] * len(reads)
    server.resolve(market, "Yes")
    assert [states(read()) for read in reads] == [[True]] * len(reads)
    assert bot.get_market(market.condition_id)["resolved_outcome"] == "Yes"


@pytest.mark.parametrize("spelling", ["token", "label", "condition id"])
def test_a_book_reads_the_same_in_every_spelling_of_its_token(bot: ClobClient, market: Market, spelling: str):
    token = {
        "token": market.yes,
        "label": f"{market.condition_id}:YES",
        "condition id": market.condition_id,
    }[spelling]
    book = bot.get_order_book(token)
    assert (book.market, Decimal(book.tick_size), book.neg_risk) == (market.condition_id, market.tick, False)
    assert sorted(Decimal(level.size) for level in book.asks) == OPENING_SIZES
    assert (max(float(level.price) for level in book.bids), min(float(level.price) for level in book.asks)) == (
        float(market.bid),
        float(market.ask),
    )
    assert book.hash


def test_a_books_hash_changes_with_an_order_and_back_without_it(bot: ClobClient, market: Market):
    both = [BookParams(market.yes), BookParams(f"{market.condition_id}:NO")]
    before = [bot.get_order_book_hash(book) for book in bot.get_order_books(both)]
    order = OrderArgs(token_id=market.yes, price=float(market.inside()), size=10, side=BUY)
    placed = bot.create_and_post_order(order)
    yes, no = bot.get_order_books(both)
    assert (max(float(bid.price) for bid in yes.bids), min(float(ask.price) for ask in no.asks)) == (
        float(market.inside()),
        float(1 - Decimal(market.inside())),
    )
    during = [bot.get_order_book_hash(book) for book in (yes, no)]
    assert not set(during) & set(before)
    bot.cancel(str(placed["order_id"]))
    assert [bot.get_order_book_hash(book) for book in bot.get_order_books(both)] == before


def test_a_tick_size_is_remembered_until_it_is_forgotten(server: Server, bot: ClobClient, trader: PolySimClient):
    market = pick_market(trader, tick="0.001", low="0.01", high="0.99")
    assert bot.get_tick_size(market.yes) == 0.001
    # Who may not read a book gets the SDK's default; so what is told now was remembered.
    bot.set_api_creds(ApiCreds(api_key=server.key("revoked")))
    assert bot.get_tick_size(market.yes) == 0.001
    bot.clear_tick_size_cache(market.yes)
    assert bot.get_tick_size(market.yes) == 0.01
    bot.set_api_creds(ApiCreds(api_key=server.key("trader")))
    bot.clear_tick_size_cache()
    assert bot.get_tick_size(market.yes) == 0.001
    placed = bot.create_and_post_order(OrderArgs(token_id=market.yes, price=0.001, size=50, side=BUY))
    assert placed["status"] == "PENDING"


def test_a_market_of_a_neg_risk_group_says_so_by_its_token(bot: ClobClient, trader: PolySimClient):
    """What the market itself says, and its token: of both kinds there are some."""
    told: dict[bool, int] = {True: 0, False: 0}
    for row in trader.list_markets(limit=20, active_only=True):
        is_grouped = trader.get_market(row["condition_id"])["neg_risk"]
        assert bot.get_neg_risk(row["clob_token_ids"][1]) is is_grouped
        told[is_grouped] += 1
    assert min(told.values()) > 0


def test_prices_are_of_the_side_an_order_would_rest_on(bot: ClobClient, market: Market):
    both = [BookParams(market.yes), BookParams(market.no)]
    middle, spread = (market.bid + market.ask) / 2, market.ask - market.bid
    assert Decimal(bot.get_price(market.yes, BUY)["price"]) == market.bid
    assert Decimal(bot.get_price(market.yes, SELL)["price"]) == market.ask
    assert Decimal(bot.get_price(f"{market.condition_id}:NO", BUY)["price"]) == 1 - market.ask
    assert Decimal(bot.get_midpoint(market.yes)["mid"]) == middle
    assert {token: Decimal(mid) for token, mid in bot.get_midpoints(both).items()} == {
        market.yes: middle,
        market.no: 1 - middle,
    }
    assert Decimal(bot.get_spread(market.yes)["spread"]) == spread
    assert {Decimal(each) for each in bot.get_spreads(both).values()} == {spread}
    asked = bot.get_prices([BookParams(market.yes, SELL), BookParams(market.no, SELL)])
    assert {token: Decimal(price) for token, price in asked.items()} == {
        market.yes: market.ask,
        market.no: 1 - market.bid,
    }
    assert bot.calculate_market_price(market.yes, BUY, 100) == pytest.approx(float(market.ask))


def test_every_price_follows_the_order_that_became_the_best(bot: ClobClient, market: Market):
    price = Decimal(market.inside(2))
    bot.create_and_post_order(OrderArgs(token_id=market.yes, price=float(price), size=30, side=BUY))
    middle, spread = (price + market.ask) / 2, market.ask - price
    no = f"{market.condition_id}:NO"
    assert Decimal(bot.get_price(market.yes, BUY)["price"]) == price
    assert Decimal(bot.get_price(no, SELL)["price"]) == 1 - price
    asked = bot.get_prices([BookParams(market.yes, BUY), BookParams(no, SELL)])
    assert {token: Decimal(each) for token, each in asked.items()} == {market.yes: price, no: 1 - price}
    assert Decimal(bot.get_midpoint(market.yes)["mid"]) == middle
    assert Decimal(bot.get_midpoints([BookParams(no)])[no]) == 1 - middle
    assert Decimal(bot.get_spread(market.yes)["spread"]) == spread
    assert Decimal(bot.get_spreads([BookParams(no)])[no]) == spread
    # Thirty shares at the order's price, and ten more at the one below.
    average = (30 * price + 10 * market.bid) / 40
    assert bot.calculate_market_price(market.yes, SELL, 40) == pytest.approx(float(average))


def test_what_a_bot_asks_of_a_market_before_it_trades(bot: ClobClient, market: Market):
    for token in (market.yes, market.no, market.condition_id, f"{market.condition_id}:NO"):
        assert bot.get_tick_size(token) == float(market.tick)
        assert bot.get_neg_risk(token) is False
        assert bot.get_fee_rate_bps(token) == market.fee_bps
    assert bot.get_market(market.condition_id)["question"] == market.question


@pytest.mark.parametrize("category", ["crypto", "politics", "sports", "geopolitics"])
def test_the_fee_rate_is_the_one_charged(bot: ClobClient, trader: PolySimClient, category: str):
    market = pick_market(trader, category=category)
    assert bot.get_fee_rate_bps(market.no) == FEE_BPS[category]
    bot.create_and_post_order(OrderArgs(token_id=market.yes, price=float(market.ask), size=10, side=BUY))
    assert exact_cash(trader) == 10_000 - 10 * market.ask - fee([(market.ask, Decimal(10))], FEE_BPS[category])


def test_fee_rates_of_nothing_are_refused_in_polymarkets_own_words(bot: ClobClient):
    with pytest.raises(PolyApiException) as caught:
        bot.get_fee_rate_bps("")
    assert (caught.value.status_code, caught.value.payload) == (400, {"error": "Invalid token id"})
    with pytest.raises(PolyApiException) as caught:
        bot.get_fee_rate_bps("1" * 77)
    assert (caught.value.status_code, caught.value.payload) == (404, {"error": "fee rate not found for market"})


def test_a_limit_order_for_a_long_token_id_rests_is_seen_and_is_canceled(bot: ClobClient, market: Market):
    order = OrderArgs(token_id=market.yes, price=float(market.inside()), size=10.5, side=BUY)
    placed = bot.create_and_post_order(order)
    assert (placed["status"], placed["outcome"]) == ("PENDING", "Yes")
    assert (dec(placed["price"]), dec(placed["quantity"])) == (Decimal(market.inside()), Decimal("10.5"))
    order_id = str(placed["order_id"])
    (open_order,) = bot.get_orders(OpenOrderParams(asset_id=market.yes))
    assert (open_order["id"], open_order["original_size"]) == (order_id, "10.5000")
    assert bot.get_orders(OpenOrderParams(asset_id=market.no)) == []
    assert bot.get_order(order_id)["status"] == "PENDING"
    assert bot.cancel(order_id)["status"] == "CANCELLED"
    assert bot.get_orders() == []


def test_an_order_for_the_other_outcome_by_its_label(bot: ClobClient, market: Market):
    no = f"{market.condition_id}:NO"
    placed = bot.create_and_post_order(OrderArgs(token_id=no, price=float(1 - market.bid), size=10, side=BUY))
    assert (placed["status"], placed["outcome"]) == ("FILLED", "No")
    assert dec(placed["price"]) == 1 - market.bid


def test_a_market_buy_spends_dollars_and_a_market_sale_sells_shares(
    bot: ClobClient, trader: PolySimClient, market: Market
):
    # Posted as `GTC`, the default of `post_order`: the order keeps the fill-or-kill it was built with.
    bought = bot.post_order(bot.create_market_order(MarketOrderArgs(token_id=market.yes, amount=25.5, side=BUY)))
    shares = (Decimal("25.5") / market.ask).quantize(Decimal("0.0001"), "ROUND_DOWN")
    assert (bought["status"], dec(bought["quantity"])) == ("FILLED", shares)
    assert exact_cash(trader) == 10_000 - shares * market.ask - market.fee(market.ask, shares)
    sold = bot.post_order(
        bot.create_market_order(
            MarketOrderArgs(token_id=market.yes, amount=float(shares), side=SELL, order_type=OrderType.FAK)
        ),
        OrderType.FAK,
    )
    assert (sold["status"], dec(sold["quantity"]), dec(sold["price"])) == ("FILLED", shares, market.bid)
    buy, sale = sorted(bot.get_trades(TradeParams(asset_id=market.yes)), key=lambda trade: int(trade["id"]))
    assert (buy["side"], sale["side"]) == ("BUY", "SELL")
    assert (buy["size"], sale["size"]) == (f"{shares:.4f}", f"{shares:.4f}")
    assert bot.get_trades(TradeParams(asset_id=market.no)) == []
    assert bot.get_trades(TradeParams(after=int(time.time()) + 3600)) == []


def test_the_last_trade_is_the_price_of_the_last_match(bot: ClobClient, market: Market):
    bot.create_and_post_order(OrderArgs(token_id=market.yes, price=float(market.ask), size=10, side=BUY))
    assert Decimal(bot.get_last_trade_price(market.yes)["price"]) == market.ask
    both = bot.get_last_trades_prices([BookParams(market.yes), BookParams(market.no)])
    assert {token: Decimal(price) for token, price in both.items()} == {
        market.yes: market.ask,
        market.no: 1 - market.ask,
    }


def test_an_order_with_an_expiration_is_good_till_then(server: Server, bot: ClobClient, market: Market):
    expiration = int(time.time()) + 300
    order = OrderArgs(token_id=market.yes, price=float(market.inside()), size=10, side=BUY, expiration=expiration)
    placed = bot.create_and_post_order(order)
    (open_order,) = bot.get_orders()
    assert (open_order["order_type"], open_order["expiration"]) == ("GTD", expiration)
    server.advance(301)
    assert bot.get_orders() == []
    assert bot.get_order(str(placed["order_id"]))["cancelled_reason"] == "gtd_expired"


def test_a_killed_order_and_a_refused_one_are_told_apart(bot: ClobClient, market: Market):
    killed = bot.post_order(
        bot.create_order(OrderArgs(token_id=market.yes, price=float(market.bid), size=10, side=BUY)),
        OrderType.FOK,
    )
    assert killed["status"] == "CANCELLED"
    crossing = bot.create_order(OrderArgs(token_id=market.yes, price=float(market.ask), size=10, side=BUY))
    with refused("POST_ONLY_WOULD_CROSS"):
        bot.post_order(crossing, post_only=True)
    with refused("INSUFFICIENT_POSITION"):
        bot.create_and_post_order(OrderArgs(token_id=market.no, price=0.5, size=10, side=SELL))
    with refused("TOKEN_NOT_FOUND", 404):
        bot.create_and_post_order(OrderArgs(token_id="1" * 77, price=0.5, size=10, side=BUY))
    assert bot.get_orders() == []


def test_a_batch_is_posted_and_swept_by_id_by_token_and_whole(bot: ClobClient, market: Market):
    def batch(count: int, price: float) -> list[str]:
        order = bot.create_order(OrderArgs(token_id=market.yes, price=price, size=5, side=BUY))
        return [str(row["order_id"]) for row in bot.post_orders([PostOrdersArgs(order)] * count)]

    by_id = batch(3, 0.01)
    answer = bot.cancel_orders([*by_id, "999999999"])
    assert (answer["canceled"], list(answer["not_canceled"])) == (by_id, ["999999999"])
    by_token = batch(2, 0.02)
    assert sorted(bot.cancel_market_orders(asset_id=market.yes)["canceled"]) == sorted(by_token)
    by_market = batch(1, 0.02)
    assert bot.cancel_market_orders(market=market.condition_id)["canceled"] == by_market
    whole = batch(5, 0.03)
    assert sorted(bot.cancel_all()["canceled"]) == sorted(whole)
    with pytest.raises(ValidationError, match="exceeds tier limit"):
        batch(6, 0.01)


def test_the_balance_is_the_cash_left(bot: ClobClient, trader: PolySimClient, market: Market):
    assert bot.get_balance_allowance() == {"balance": "10000.00", "allowance": "unlimited"}
    bot.create_and_post_order(OrderArgs(token_id=market.yes, price=float(market.ask), size=10, side=BUY))
    balance = bot.get_balance_allowance(BalanceAllowanceParams(asset_type=AssetType.COLLATERAL))["balance"]
    assert Decimal(balance) == cents(10_000 - 10 * market.ask - market.fee(market.ask, 10))


def test_two_hundred_and_fifty_orders_and_trades_are_walked_to_the_end(maker: ClobClient, market: Market):
    """More than two pages of each: a cursor that does not end, or repeats, would never stop the bot."""
    resting = maker.create_order(OrderArgs(token_id=market.yes, price=0.01, size=5, side=BUY))
    placed = [row for _ in range(10) for row in maker.post_orders([PostOrdersArgs(resting)] * 25)]
    assert {row["status"] for row in placed} == {"PENDING"}
    orders = maker.get_orders()
    assert len(orders) == 250
    assert {order["id"] for order in orders} == {str(row["order_id"]) for row in placed}
    maker.cancel_all()

    # Five shares divide every opening level, so that each order is one match and each match one row.
    taking = maker.create_order(OrderArgs(token_id=market.yes, price=0.99, size=5, side=BUY))
    taken = [row for _ in range(10) for row in maker.post_orders([PostOrdersArgs(taking)] * 25)]
    assert {row["status"] for row in taken} == {"FILLED"}
    trades = maker.get_trades()
    assert len(trades) == 250
    assert {trade["taker_order_id"] for trade in trades} == {str(row["order_id"]) for row in taken}
    levels = [(market.ask + step * market.tick, size) for step, size in enumerate(OPENING_SIZES)]
    matches = walk(levels, Decimal(1250))
    spent = sum(dec(trade["price"]) * dec(trade["size"]) for trade in trades)
    assert spent == notional(matches)
    charged = sum(market.fee(dec(trade["price"]), 5) for trade in trades)
    assert Decimal(maker.get_balance_allowance()["balance"]) == cents(10_000 - spent - charged)
