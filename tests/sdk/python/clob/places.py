"""Markets, by what the data says of them: the files that the server was built from, read a second time."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from polysim_sdk import PolySimClient

from harness import REPOSITORY, Market, asks, bids, dec


@cache
def catalogue() -> dict[str, dict[str, Any]]:
    """Every recorded Polymarket market by its condition id."""
    lines = (REPOSITORY / "fixtures" / "markets" / "polymarket.jsonl").read_text().splitlines()
    return {row["condition_id"]: row for row in map(json.loads, lines)}


def neg_risk_market(client: PolySimClient, *, tick: str = "0.01") -> Market:
    """The first open market of a neg-risk group with three prices inside its spread."""
    for row in catalogue().values():
        if row["closed"] or not row["neg_risk"] or Decimal(row["tick_size"]) != Decimal(tick):
            continue
        book = client.get_book_by_token(row["token_ids"][0])
        if not book["bids"] or not book["asks"]:
            continue
        bid, ask = bids(book)[0][0], asks(book)[0][0]
        if (ask - bid) / Decimal(tick) > 3:
            yes, no = row["token_ids"]
            return Market(
                condition_id=row["condition_id"],
                slug=row["slug"],
                question=row["question"],
                category=row["category"],
                yes=yes,
                no=no,
                bid=bid,
                ask=ask,
                tick=Decimal(tick),
                min_size=dec(book["min_order_size"]),
            )
    pytest.fail(f"no neg-risk market with tick {tick} has room inside its spread")
