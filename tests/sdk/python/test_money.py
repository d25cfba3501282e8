"""Money over many orders: the reference trace, ten thousand random orders, ten thousand rows of a file.
(§24, 12 and 17)"""

from __future__ import annotations

import csv
import io
import os
import random
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from polysim_sdk import PolySimClient

from harness import Market, Server, cents, dec, exact_cash, fee, pick_market, pick_markets, rest, shown, take

OPENING = Decimal(10_000)
# The largest batch there is: the enterprise plan's.
BATCH = 25


def client(server: Server, persona: str) -> PolySimClient:
    """One that does not space its requests: these tests send hundreds."""
    return PolySimClient(api_key=server.key(persona), base_url=server.base_url, floor_interval=0)


def test_ten_shares_at_65_cents_of_politics_leave_9993_41(server: Server, trader: PolySimClient, desk: PolySimClient):
    market = pick_market(trader, category="politics", high="0.65")
    price = Decimal("0.65")
    # Whatever is offered below goes first, so that 65 cents is the best there is. Nobody offers 7,000 shares.
    swept = desk.place_order(
        market_id=market.condition_id, side="BUY", outcome="Yes", quantity=7_000, price="0.64", time_in_force="FAK"
    )
    assert 10 <= dec(swept["quantity"]) < 7_000
    rest(desk, market, str(price), side="SELL")
    placed = trader.place_order(
        market_id=market.condition_id, side="BUY", outcome="Yes", quantity=10, price=str(price)
    )
    assert (placed["status"], dec(placed["price"])) == ("FILLED", price)
    assert (placed["notional"], placed["fee"], placed["account_balance"]) == ("6.50", "0.09", "9993.41")
    assert trader.balance()["balance"] == "9993.41"


def walk_pages(read: Callable[..., dict[str, Any]]) -> list[dict[str, Any]]:
    """All rows, page by page."""
    found: list[dict[str, Any]] = []
    cursor = "MA=="
    while cursor != "LTE=":
        page = read(limit=500, next_cursor=cursor)
        found += page["data"]
        cursor = page["next_cursor"]
    return found


def random_order(dice: random.Random, markets: list[Market]) -> dict[str, Any]:
    market = dice.choice(markets)
    outcome = dice.choice(["Yes", "No"])
    middle = market.bid if outcome == "Yes" else 1 - market.ask
    price = middle + dice.randint(-3, 6) * market.tick
    kind = dice.choice(["limit", "limit", "limit", "market"])
    tif = dice.choice(["GTC", "GTC", "FAK", "FOK"] if kind == "limit" else ["FAK", "FOK"])
    return {
        "market_id": market.condition_id,
        "side": dice.choice(["BUY", "BUY", "SELL"]),
        "outcome": outcome,
        "quantity": f"{dice.randint(50_000, 400_000) / 10_000:.4f}",
        "order_type": kind,
        "price": str(min(max(price, Decimal("0.01")), Decimal("0.99"))),
        "time_in_force": tif,
    }


def test_after_ten_thousand_random_orders_every_cent_is_where_the_trades_say(server: Server):
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(100_000)))
    print(f"SEED={seed}")
    dice = random.Random(seed)
    with client(server, "desk") as desk, client(server, "beta") as other:
        markets = pick_markets(desk, 3)
        outcomes: dict[str, int] = {}
        for _ in range(10_000 // BATCH):
            bot = dice.choice([desk, other])
            for row in bot.place_orders([random_order(dice, markets) for _ in range(BATCH)]):
                outcomes[row["status"]] = outcomes.get(row["status"], 0) + 1
        assert sum(outcomes.values()) == 10_000
        assert min(outcomes.get(status, 0) for status in ("FILLED", "PENDING", "CANCELLED", "REJECTED")) > 100

        rates = {market.condition_id: market.fee_bps for market in markets}
        for bot in (desk, other):
            cash, held = OPENING, defaultdict[tuple[str, str], Decimal](Decimal)
            for trade in walk_pages(bot.data_trades):
                price, size = dec(trade["price"]), dec(trade["size"])
                sign = 1 if trade["side"] == "BUY" else -1
                charged = int(trade["fee_rate_bps"])
                assert charged == (rates[trade["market"]] if trade["trader_side"] == "TAKER" else 0)
                cash -= sign * price * size + fee([(price, size)], charged)
                held[trade["market"], trade["outcome"]] += sign * size
            assert exact_cash(bot) == cash
            shares = {(p["market_id"], p["outcome"]): dec(p["quantity"]) for p in bot.positions(status="OPEN")}
            assert shares == {key: size for key, size in held.items() if size}

            # What rests holds money back, and gives back as much as it held.
            reserved = sum(
                dec(order["price"]) * (dec(order["original_size"]) - dec(order["size_matched"]))
                for order in walk_pages(bot.data_orders)
                if order["side"] == "BUY"
            )
            assert reserved > 0
            assert shown(bot.balance()["balance"]) == cents(cash - reserved)
            bot.cancel_all()
            assert shown(bot.balance()["balance"]) == cents(cash)


def test_an_export_beyond_its_bound_says_that_it_was_cut(server: Server):
    """Ten thousand rows and a few: one sells five shares at a time to the other, who sells them back."""
    with client(server, "desk") as desk, client(server, "beta") as other:
        market = pick_market(desk, category="geopolitics")
        low, high = market.inside(1), market.inside(2)
        shares = 2_500
        take(other, market, shares)

        def trade(side: str, price: str, count: int) -> int:
            order = {"market_id": market.condition_id, "side": side, "outcome": "Yes", "quantity": 5, "price": price}
            rows = [row for _ in range(count // BATCH) for row in desk.place_orders([order] * BATCH)]
            assert {row["status"] for row in rows} == {"FILLED"}
            return rows[-1]["order_id"]

        for _ in range(10):
            rest(other, market, high, shares, side="SELL")
            trade("BUY", high, shares // 5)
            rest(other, market, low, shares)
            trade("SELL", low, shares // 5)
        whole = desk.export_trades_csv()
        assert len(list(csv.reader(io.StringIO(whole)))) == 1 + 10_000
        assert "# truncated" not in whole

        rest(other, market, high, shares, side="SELL")
        newest = trade("BUY", high, BATCH)
        header, first, *_, last = desk.export_trades_csv().splitlines()
        assert header == whole.splitlines()[0]
        assert first.startswith(f"{newest},")
        assert last.startswith("# truncated")
        # The rest can be had by asking for less.
        assert "# truncated" not in desk.export_trades_csv(to="2020-01-01")
