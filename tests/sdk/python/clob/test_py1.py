"""The archived client, py-clob-client, call by call: its keys, what it reads, and the JSON it hands on as it came."""

from __future__ import annotations

import base64
import time
import uuid
from decimal import Decimal
from typing import Any

import pytest
from polysim_sdk import PolySimClient
from py_builder_signing_sdk.config import BuilderApiKeyCreds, BuilderConfig
from py_clob_client.client import ClobClient
from py_clob_client.clob_types import (
    ApiCreds,
    AssetType,
    BalanceAllowanceParams,
    BookParams,
    CreateOrderOptions,
    DropNotificationParams,
    OpenOrderParams,
    OrderArgs,
    OrderScoringParams,
    OrdersScoringParams,
    OrderType,
    PostOrdersArgs,
    TradeParams,
)
from py_clob_client.exceptions import PolyApiException, PolyException
from py_clob_client.order_builder.constants import BUY, SELL

from bots import POLYGON, MakeBot, refuses, text, unauthorized
from clients import Py1
from harness import OPENING_SIZES, Market, Server, pick_market
from places import catalogue


@pytest.fixture
def reader(shared: Server) -> ClobClient:
    """Someone without a wallet."""
    return ClobClient(shared.base_url)


@pytest.fixture
def listed(public: PolySimClient) -> Market:
    """A market of the world that is only read."""
    return pick_market(public)


@pytest.fixture
def bot(make_bot: MakeBot) -> ClobClient:
    return make_bot(Py1, "trader").client


@pytest.fixture
def other(make_bot: MakeBot) -> ClobClient:
    return make_bot(Py1, "desk").client


# -- Where and when --


def test_the_server_is_up_and_its_clock_is_the_worlds(server: Server):
    client = ClobClient(server.base_url)
    assert client.get_ok() == "OK"
    before = client.get_server_time()
    assert isinstance(before, int)
    assert abs(before - time.time()) < 60
    server.advance(3600)
    assert before + 3600 <= client.get_server_time() < before + 3660


# -- Keys --


def test_credentials_are_the_same_however_often_and_whichever_way_they_are_asked_for(server: Server):
    client = ClobClient(server.base_url, chain_id=POLYGON, key=server.personas["trader"]["private_key"])
    assert client.get_address() == server.personas["trader"]["address"]
    created = client.create_api_key()
    assert client.create_api_key() == client.derive_api_key() == client.create_or_derive_api_creds() == created
    assert str(uuid.UUID(created.api_key)) == created.api_key
    assert len(base64.urlsafe_b64decode(created.api_secret)) == 32
    assert created.api_passphrase
    second = client.create_api_key(nonce=7)
    assert client.derive_api_key(7) == second
    assert not {second.api_key, second.api_secret} & {created.api_key, created.api_secret}
    client.set_api_creds(created)
    assert sorted(client.get_api_keys()["apiKeys"]) == sorted([created.api_key, second.api_key])
    amoy = ClobClient(server.base_url, chain_id=80002, key=server.personas["trader"]["private_key"])
    assert amoy.derive_api_key() == created, "the chain decides how one signs and not who one is"


def test_a_deleted_key_is_refused_and_the_others_are_not(bot: ClobClient):
    first, second = bot.creds, bot.create_api_key(nonce=1)
    assert bot.delete_api_key() == "OK"
    for ask in (bot.get_api_keys, bot.get_orders, bot.cancel_all):
        with unauthorized():
            ask()
    bot.set_api_creds(second)
    assert bot.get_api_keys() == {"apiKeys": [second.api_key]}
    assert first.api_key != second.api_key


def test_every_part_of_the_credentials_must_be_true(bot: ClobClient, other: ClobClient):
    mine, theirs = bot.creds, other.creds
    for creds in (
        ApiCreds(theirs.api_key, mine.api_secret, mine.api_passphrase),
        ApiCreds(mine.api_key, theirs.api_secret, mine.api_passphrase),
        ApiCreds(mine.api_key, mine.api_secret, theirs.api_passphrase),
        ApiCreds(str(uuid.uuid4()), mine.api_secret, mine.api_passphrase),
        # True, all of them, but of another wallet than the one that asks.
        theirs,
    ):
        bot.set_api_creds(creds)
        with unauthorized():
            bot.get_api_keys()
    bot.set_api_creds(None)
    with pytest.raises(PolyException, match="API Credentials are needed"):
        bot.get_api_keys()


def test_a_read_only_key_is_made_listed_checked_and_deleted(bot: ClobClient):
    assert bot.get_readonly_api_keys() == []
    key = bot.create_readonly_api_key().api_key
    assert bot.get_readonly_api_keys() == [key]
    assert key not in bot.get_api_keys()["apiKeys"]

    def validity() -> Any:
        try:
            return bot.validate_readonly_api_key(bot.get_address(), key)
        except PolyApiException as refusal:
            return refusal.status_code

    valid = validity()
    assert bot.delete_readonly_api_key(key) is True
    assert bot.get_readonly_api_keys() == []
    assert validity() != valid


def test_an_account_in_good_standing_has_nothing_held_against_it(bot: ClobClient, market: Market):
    assert bot.get_closed_only_mode() == {"closed_only": False}
    order_id = bot.create_and_post_order(OrderArgs(market.yes, float(market.inside()), 10, BUY))["orderID"]
    assert bot.is_order_scoring(OrderScoringParams(order_id)) == {"scoring": False}
    assert bot.are_orders_scoring(OrdersScoringParams([order_id])) == {order_id: False}
    bot.cancel(order_id)
    notices = bot.get_notifications()
    assert {notice["payload"]["order_id"] for notice in notices if notice["type"] in (1, 2)} <= {order_id}
    assert bot.drop_notifications(DropNotificationParams([str(notice["id"]) for notice in notices])) == "OK"
    assert bot.drop_notifications() == "OK"
    assert bot.get_notifications() == []


# -- Markets --


def pages(read: Any) -> list[dict[str, Any]]:
    """Every row, page by page to the end."""
    found: list[dict[str, Any]] = []
    cursor = "MA=="
    while cursor != "LTE=":
        page = read(next_cursor=cursor)
        assert page["count"] == len(page["data"]) <= page["limit"]
        found += page["data"]
        cursor = page["next_cursor"]
    return found


def test_every_market_is_listed_once_as_it_was_recorded(reader: ClobClient):
    rows = {row["condition_id"]: row for row in pages(reader.get_markets)}
    assert len(rows) == len(pages(reader.get_markets)) >= len(catalogue()) == 106
    for condition_id, recorded in catalogue().items():
        row = rows[condition_id]
        assert (row["question"], row["market_slug"], row["closed"]) == (
            recorded["question"],
            recorded["slug"],
            recorded["closed"],
        )
        assert [(token["token_id"], token["outcome"]) for token in row["tokens"]] == list(
            zip(recorded["token_ids"], recorded["outcomes"], strict=True)
        )
        assert (row["question_id"], row["neg_risk"]) == (recorded["question_id"], recorded["neg_risk"])
        assert row["neg_risk_market_id"] == (recorded["neg_risk_market_id"] or "")
        assert row["accepting_orders"] is not recorded["closed"]
        # Numbers here, where nearly everything else is text.
        assert Decimal(str(row["minimum_tick_size"])) == Decimal(recorded["tick_size"])
        assert Decimal(str(row["minimum_order_size"])) == Decimal(recorded["min_order_size"])
        assert (row["taker_base_fee"], row["maker_base_fee"]) == (0, 0)
    simplified = {row["condition_id"]: row for row in pages(reader.get_simplified_markets)}
    for condition_id, row in simplified.items():
        assert row == {member: rows[condition_id][member] for member in row}
    assert simplified.keys() == rows.keys()


def test_sampling_markets_are_some_of_them(reader: ClobClient):
    sampling = [row["condition_id"] for row in pages(reader.get_sampling_markets)]
    assert [row["condition_id"] for row in pages(reader.get_sampling_simplified_markets)] == sampling
    open_ones = {row["condition_id"] for row in pages(reader.get_markets) if row["accepting_orders"]}
    assert len(sampling) == len(set(sampling))
    assert set(sampling) <= open_ones


def test_a_market_is_found_by_its_condition_and_no_other(reader: ClobClient, listed: Market):
    row = reader.get_market(listed.condition_id)
    assert row in pages(reader.get_markets)
    assert (row["question"], row["tokens"][0]["token_id"]) == (listed.question, listed.yes)
    with refuses("market not found", 404):
        reader.get_market("0x" + "00" * 32)


def test_a_resolved_market_names_its_winner_and_has_no_book(server: Server, bot: ClobClient, market: Market):
    server.resolve(market, "No")
    row = bot.get_market(market.condition_id)
    assert (row["closed"], row["accepting_orders"]) == (True, False)
    assert [(token["winner"], token["price"]) for token in row["tokens"]] == [(False, 0), (True, 1)]
    with refuses("No orderbook exists for the requested token id", 404):
        bot.get_order_book(market.yes)


def test_what_the_client_asks_of_a_token_before_it_signs(reader: ClobClient, listed: Market):
    for token in (listed.yes, listed.no):
        assert reader.get_tick_size(token) == "0.01"
        assert reader.get_neg_risk(token) is False
        # The fee is in the market's own terms; this rate is for a generation that pays in shares.
        assert reader.get_fee_rate_bps(token) == 0
    grouped = next(row for row in catalogue().values() if row["neg_risk"] and row["tick_size"] == "0.001")
    assert reader.get_neg_risk(grouped["token_ids"][1]) is True
    assert reader.get_tick_size(grouped["token_ids"][0]) == "0.001"


def test_a_book_has_its_best_level_last_and_hashes_to_its_hash(reader: ClobClient, listed: Market):
    yes = reader.get_order_book(listed.yes)
    assert (yes.market, yes.asset_id, yes.neg_risk) == (listed.condition_id, listed.yes, False)
    assert (yes.tick_size, yes.min_order_size) == ("0.01", "5")
    assert (yes.bids[-1].price, yes.asks[-1].price) == (text(listed.bid), text(listed.ask))
    for half in (yes.bids, yes.asks):
        assert [Decimal(level.size) for level in reversed(half)] == OPENING_SIZES
    prices = [Decimal(level.price) for level in yes.bids]
    assert prices == sorted(prices)
    told = yes.hash
    assert reader.get_order_book_hash(yes) == told
    both = {book.asset_id: book for book in reader.get_order_books([BookParams(listed.yes), BookParams(listed.no)])}
    assert both[listed.yes] == yes
    assert [level.price for level in both[listed.no].bids] == [
        text(1 - Decimal(level.price)) for level in yes.asks
    ], "a token's bids are its complement's asks"


def test_prices_are_those_of_the_side_an_order_would_rest_on(reader: ClobClient, listed: Market):
    both = [BookParams(listed.yes), BookParams(listed.no)]
    middle, spread = (listed.bid + listed.ask) / 2, listed.ask - listed.bid
    assert reader.get_midpoint(listed.yes) == {"mid": text(middle)}
    assert reader.get_midpoints(both) == {listed.yes: text(middle), listed.no: text(1 - middle)}
    assert reader.get_price(listed.yes, BUY) == {"price": text(listed.bid)}
    assert reader.get_price(listed.yes, SELL) == {"price": text(listed.ask)}
    assert reader.get_prices([BookParams(listed.yes, BUY), BookParams(listed.no, SELL)]) == {
        listed.yes: {"BUY": text(listed.bid)},
        listed.no: {"SELL": text(1 - listed.bid)},
    }
    assert reader.get_spread(listed.no) == {"spread": text(spread)}
    assert reader.get_spreads(both) == dict.fromkeys((listed.yes, listed.no), text(spread))
    assert reader.get_last_trades_prices(both) == []
    for ask in (reader.get_midpoint, reader.get_spread, reader.get_order_book, reader.get_tick_size):
        with pytest.raises(PolyApiException) as caught:
            ask("1" * 77)
        assert caught.value.status_code == 404


def test_a_market_price_is_the_worst_level_an_order_would_touch(bot: ClobClient, market: Market):
    assert bot.calculate_market_price(market.yes, BUY, 20, OrderType.FOK) == float(market.ask)
    assert bot.calculate_market_price(market.yes, SELL, 201, OrderType.FOK) == float(market.bid - market.tick)
    with pytest.raises(Exception, match="no match"):
        bot.calculate_market_price(market.yes, SELL, float(sum(OPENING_SIZES) + 1), OrderType.FOK)


def test_the_last_trade_is_told_in_the_takers_terms(bot: ClobClient, market: Market):
    bot.create_and_post_order(OrderArgs(market.yes, float(market.ask), 10, BUY))
    assert bot.get_last_trade_price(market.yes) == {"price": text(market.ask), "side": "BUY"}
    (row,) = [row for row in bot.get_last_trades_prices([BookParams(market.yes)]) if row["token_id"] == market.yes]
    assert row == {"token_id": market.yes, "price": text(market.ask), "side": "BUY"}
    assert isinstance(bot.get_market_trades_events(market.condition_id), list)


# -- The JSON of orders and trades --


def test_an_order_and_its_trade_are_told_in_the_wires_own_terms(bot: ClobClient, other: ClobClient, market: Market):
    price, expiration = Decimal(market.inside(2)), int(time.time()) + 3600
    signed = bot.create_order(OrderArgs(market.yes, float(price), 20, BUY, expiration=expiration))
    answer = bot.post_order(signed, OrderType.GTD)
    order_id = answer["orderID"]
    assert answer == {
        "errorMsg": "", "orderID": order_id, "takingAmount": "", "makingAmount": "", "status": "live",
        "transactionsHashes": [], "tradeIDs": [], "success": True,
    }  # fmt: skip
    (row,) = bot.get_orders(OpenOrderParams(id=order_id))
    created_at = row.pop("created_at")
    assert isinstance(created_at, int)
    assert abs(created_at - time.time()) < 60
    assert row == {
        "id": order_id, "status": "LIVE", "owner": bot.creds.api_key, "maker_address": bot.get_address(),
        "market": market.condition_id, "asset_id": market.yes, "side": "BUY", "original_size": "20",
        "size_matched": "0", "price": text(price), "associate_trades": [], "outcome": "Yes",
        "expiration": str(expiration), "order_type": "GTD",
    }  # fmt: skip

    answer = other.create_and_post_order(OrderArgs(market.no, float(1 - price), 12.5, BUY))
    (trade_id,), (hash_,) = answer["tradeIDs"], answer["transactionsHashes"]
    assert (answer["status"], answer["takingAmount"]) == ("matched", "12.5")
    assert answer["makingAmount"] == text(Decimal("12.5") * (1 - price))
    (row,) = bot.get_trades(TradeParams(id=trade_id))
    (maker,) = row["maker_orders"]
    assert maker.items() >= {
        "order_id": order_id, "owner": bot.creds.api_key, "maker_address": bot.get_address(),
        "matched_amount": "12.5", "price": text(price), "asset_id": market.yes, "outcome": "Yes", "side": "BUY",
    }.items()  # fmt: skip
    assert row.items() >= {
        "id": trade_id, "taker_order_id": answer["orderID"], "market": market.condition_id, "asset_id": market.no,
        "side": "BUY", "size": "12.5", "price": text(1 - price), "status": "CONFIRMED", "outcome": "No",
        "bucket_index": 0, "owner": other.creds.api_key, "maker_address": other.get_address(),
        "transaction_hash": hash_, "trader_side": "MAKER", "type": "MAKER",
    }.items()  # fmt: skip
    assert "matchtime" not in row
    assert abs(int(row["match_time"]) - time.time()) < 60
    assert int(row["match_time"]) <= int(row["last_update"])
    assert other.get_trades() == [row | {"trader_side": "TAKER", "type": "TAKER"}]


def test_a_balance_is_told_in_base_units(bot: ClobClient, market: Market):
    bot.create_and_post_order(OrderArgs(market.yes, float(market.ask), 12.5, BUY))
    held = bot.get_balance_allowance(BalanceAllowanceParams(AssetType.CONDITIONAL, market.yes))
    assert held["balance"] == "12500000"
    spent = Decimal("12.5") * market.ask + market.fee(market.ask, Decimal("12.5"))
    dollars = bot.get_balance_allowance(BalanceAllowanceParams(AssetType.COLLATERAL))
    assert dollars["balance"] == text((10_000 - spent) * 1_000_000)
    assert dollars["allowances"] == held["allowances"]
    bot.update_balance_allowance(BalanceAllowanceParams(AssetType.COLLATERAL))
    assert bot.get_balance_allowance(BalanceAllowanceParams(AssetType.COLLATERAL)) == dollars


def test_an_order_off_the_markets_grid_is_refused(bot: ClobClient, market: Market):
    price = market.bid + Decimal("0.005")
    args = OrderArgs(market.yes, float(price), 10, BUY)
    signed = bot.builder.create_order(args, CreateOrderOptions(tick_size="0.001", neg_risk=False))
    with pytest.raises(PolyApiException) as caught:
        bot.post_order(signed)
    told = caught.value.error_msg["error"]
    assert told.endswith(f" is invalid. Price ({text(price)}) breaks minimum tick size rule: 0.01"), told


def test_a_batch_holds_fifteen_orders(bot: ClobClient, market: Market):
    orders = [
        PostOrdersArgs(bot.create_order(OrderArgs(market.yes, float(market.inside()), 5, BUY))) for _ in range(16)
    ]
    with refuses("Too many orders in payload: 16, max allowed: 15"):
        bot.post_orders(orders)
    assert bot.get_orders() == []
    answers = bot.post_orders(orders[:15])
    assert [answer["status"] for answer in answers] == ["live"] * 15
    placed = [answer["orderID"] for answer in answers]
    assert {order["id"] for order in bot.get_orders()} == set(placed)
    assert sorted(bot.cancel_all()["canceled"]) == sorted(placed)


def test_what_is_no_order_id_is_refused_as_none(bot: ClobClient):
    with refuses("Invalid orderID"):
        bot.cancel("12")


def test_a_builders_headers_harm_no_order(server: Server, bot: ClobClient, market: Market):
    made = BuilderConfig(local_builder_creds=BuilderApiKeyCreds(str(uuid.uuid4()), "c2VjcmV0", "pass"))
    builder = ClobClient(
        server.base_url, POLYGON, server.personas["trader"]["private_key"], bot.creds, builder_config=made
    )
    placed = builder.create_and_post_order(OrderArgs(market.yes, float(market.inside()), 10, BUY))
    assert [order["id"] for order in bot.get_orders()] == [placed["orderID"]]
    assert builder.get_builder_trades() == []
