"""Exports: what was traded and what was settled, as CSV. (§24, 17)"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from polysim_sdk import PolySimClient

from harness import Market, Server, cents, dec, done, opened, pick_markets, refused, rest, take

TRADE_COLUMNS = [
    "order_id", "market_id", "market_question", "wallet_id", "side", "outcome", "price", "quantity", "notional",
    "fee", "price_source", "client_order_id", "created_at", "filled_at",
]  # fmt: skip
SETTLEMENT_COLUMNS = [
    "position_id", "market_id", "market_question", "outcome", "wallet_id", "quantity", "avg_entry_price",
    "cost_basis", "payout", "payout_per_share", "realized_pnl", "result", "settled_at",
]  # fmt: skip


def table(text: str) -> tuple[list[str], list[dict[str, str]]]:
    """The header and the rows below it, read as RFC 4180 has it."""
    lines = list(csv.reader(io.StringIO(text), strict=True))
    assert all(len(line) == len(lines[0]) for line in lines)
    return lines[0], [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def rows(text: str) -> list[dict[str, str]]:
    return table(text)[1]


def day(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d")


def now(server: Server) -> datetime:
    return datetime.fromtimestamp(server.pause() / 1000, UTC)


# -- Trades --


async def test_trades_are_exported_with_a_header_the_newest_first(twin: Any, trader: PolySimClient, market: Market):
    bought = take(trader, market, 10, client_order_id="first")
    sold = take(trader, market, 5, side="SELL")
    header, (newest, oldest) = table(await done(twin.export_trades_csv()))
    assert header == TRADE_COLUMNS
    assert (newest["order_id"], newest["side"]) == (str(sold["order_id"]), "SELL")
    assert (oldest["order_id"], oldest["side"], oldest["outcome"]) == (str(bought["order_id"]), "BUY", "Yes")
    assert (oldest["market_id"], oldest["market_question"]) == (market.condition_id, market.question)
    assert (dec(oldest["price"]), dec(oldest["quantity"])) == (market.ask, 10)
    assert dec(oldest["notional"]) == cents(10 * market.ask)
    assert dec(oldest["fee"]) == cents(market.fee(market.ask, 10))
    assert (dec(newest["price"]), dec(newest["quantity"])) == (market.bid, 5)
    assert oldest["client_order_id"] == "first"
    (api,) = [wallet for wallet in await done(twin.list_wallets()) if wallet["kind"] == "API"]
    assert oldest["wallet_id"] == newest["wallet_id"] == str(api["id"])
    filled = datetime.fromisoformat(oldest["filled_at"])
    assert filled.utcoffset() == timedelta(0)
    assert filled == datetime.fromisoformat(bought["filled_at"])
    assert filled <= datetime.fromisoformat(newest["filled_at"])


async def test_an_order_that_took_three_prices_is_three_rows(twin: Any, trader: PolySimClient, market: Market):
    placed = take(trader, market, 700)
    exported = rows(await done(twin.export_trades_csv()))
    assert {row["order_id"] for row in exported} == {str(placed["order_id"])}
    assert sorted((dec(row["price"]), dec(row["quantity"])) for row in exported) == [
        (market.ask, 200),
        (market.ask + market.tick, 400),
        (market.ask + 2 * market.tick, 100),
    ]


async def test_without_trades_there_is_a_header_alone(twin: Any, trader: PolySimClient, market: Market):
    rest(trader, market, market.inside())
    assert table(await done(twin.export_trades_csv())) == (TRADE_COLUMNS, [])
    assert table(await done(twin.export_settlements_csv())) == (SETTLEMENT_COLUMNS, [])


async def test_trades_are_exported_of_one_market_one_wallet_and_a_span_of_time(
    server: Server, twin: Any, trader: PolySimClient
):
    here, there = pick_markets(trader, 2)
    sandbox = (await done(twin.create_wallet(name="sandbox", kind="SANDBOX")))["id"]
    began = now(server)
    first = str(take(trader, here, 5)["order_id"])
    order = {"market_id": here.condition_id, "side": "BUY", "outcome": "Yes", "quantity": 5, "price": "0.99"}
    (placed,) = await done(twin.place_orders([order | {"wallet_id": sandbox}]))
    second = str(placed["order_id"])
    server.advance(3 * 86_400)
    third = str(take(trader, there, 5)["order_id"])

    async def exported(**filters: Any) -> list[str]:
        return [row["order_id"] for row in rows(await done(twin.export_trades_csv(**filters)))]

    # Of every wallet unless one is named.
    assert await exported() == [third, second, first]
    assert await exported(wallet_id=sandbox) == [second]
    assert await exported(market_id=here.condition_id) == [second, first]
    assert await exported(market_id=there.condition_id, wallet_id=sandbox) == []
    assert await exported(from_=day(began + timedelta(days=3))) == [third]
    assert await exported(to=day(began + timedelta(days=1))) == [second, first]
    # Both ends are inclusive, to the instant.
    assert await exported(from_=began.isoformat(), to=began.isoformat()) == [second, first]
    assert await exported(from_=(began + timedelta(days=1)).isoformat(), to=day(began + timedelta(days=2))) == []


async def test_a_span_that_is_none_and_a_wallet_that_is_not_ones_own_are_refused(twin: Any, desk: PolySimClient):
    theirs = desk.create_wallet(name="theirs", kind="SANDBOX")["id"]
    for export in (twin.export_trades_csv, twin.export_settlements_csv):
        for span in ({"from_": "yesterday"}, {"to": "2026-13-01"}):
            with refused("VALIDATION_FAILED", 422):
                await done(export(**span))
        with refused("WALLET_NOT_FOUND", 404):
            await done(export(wallet_id=theirs))


# -- Settlements --


async def test_settlements_are_exported_as_they_are_listed(server: Server, twin: Any, trader: PolySimClient):
    markets = pick_markets(trader, 3)
    for market in markets:
        take(trader, market, 10)
    for market, outcome in zip(markets, ("Yes", "No", "split"), strict=True):
        server.resolve(market, outcome)
    header, exported = table(await done(twin.export_settlements_csv()))
    assert header == SETTLEMENT_COLUMNS
    positions = [int(row["position_id"]) for row in exported]
    assert positions == sorted(positions, reverse=True)
    by_market = {row["market_id"]: row for row in exported}
    for market, result, payout in zip(markets, ("won", "lost", "split"), (10, 0, 5), strict=True):
        row = by_market[market.condition_id]
        assert (row["outcome"], row["result"], row["market_question"]) == ("Yes", result, market.question)
        assert (dec(row["quantity"]), dec(row["payout"])) == (10, payout)
        assert dec(row["payout_per_share"]) == Decimal(payout) / 10
        assert dec(row["cost_basis"]) == cents(10 * market.ask)
        assert dec(row["realized_pnl"]) == cents(payout - 10 * market.ask)
    listed = (await done(twin.settlements(wallet_id="all")))["data"]
    assert [{name: str(value) for name, value in row.items()} for row in listed] == exported

    one = rows(await done(twin.export_settlements_csv(market_id=markets[1].condition_id)))
    assert one == [by_market[markets[1].condition_id]]
    tomorrow = now(server) + timedelta(days=1)
    assert rows(await done(twin.export_settlements_csv(from_=day(tomorrow)))) == []
    assert rows(await done(twin.export_settlements_csv(to=day(tomorrow)))) == exported


# -- The file itself --


async def test_what_csv_would_trip_over_is_quoted(twin: Any, trader: PolySimClient):
    """A question with a comma in it, and an order's name with everything else that needs quoting."""
    markets = trader.list_markets(limit=200, active_only=True)
    market = next(row for row in markets if "," in row["question"] and row["outcomes"] == ["Yes", "No"])
    name = 'a "quoted", odd\r\nname'
    placed = trader.place_order(
        market_id=market["condition_id"],
        side="BUY",
        outcome="Yes",
        quantity=10,
        price="0.99",
        client_order_id=name,
        idempotency_key="plain, because it travels in a header",
    )
    assert placed["status"] == "FILLED"
    text = await done(twin.export_trades_csv())
    (row,) = rows(text)
    assert (row["order_id"], row["market_question"]) == (str(placed["order_id"]), market["question"])
    assert row["client_order_id"] == name
    assert text.startswith(",".join(TRADE_COLUMNS) + "\r\n")
    assert text.endswith("\r\n")


@pytest.mark.parametrize("path", ["/v1/export/trades.csv", "/v1/export/settlements.csv"])
def test_an_export_is_a_csv_file_for_a_key_and_for_a_session(shared: Server, path: str):
    by_key = shared.raw("GET", path, key=shared.key("trader"))
    by_session = shared.raw("GET", path, jwt=shared.jwt("trader"))
    assert (by_key.status_code, by_session.status_code) == (200, 200)
    assert by_key.headers["Content-Type"].partition(";")[0] == "text/csv"
    assert by_key.headers["X-Request-Id"]
    assert by_key.text == by_session.text
    assert shared.raw("GET", path).status_code == 401


async def test_an_export_is_part_of_a_paid_plan(native: type, shared: Server):
    async with opened(native(api_key=shared.key("reader"), base_url=shared.base_url)) as client:
        for export in (client.export_trades_csv, client.export_settlements_csv):
            with refused("UPGRADE_REQUIRED", 402) as caught:
                await done(export())
            assert caught.value.payload["upgrade_url"] == "/pricing"
            assert caught.value.payload["feature_key"]
