"""That the suites of this folder call every public method of the SDK, each class for itself.

`recorder.py` writes the calls down while the tests run; the last test of a whole run compares them with what
the SDK has. A method that asks no server has nothing to tell about ours: those are listed here, each with its
reason, and the list is checked too.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from polysim_clob_client.client import ClobClient
from polysim_polymarket import AsyncPublicClient, AsyncSecureClient, PublicClient, SecureClient
from polysim_sdk import AsyncPolySimClient, PolySimClient, PolySimError

import recorder
from harness import done, every, opened


@dataclass(frozen=True)
class Excuse:
    """Why no test needs to call a method, and how to call it, to see that it is so."""

    reason: str
    call: Callable[[Any], Any]


ADDRESS = "0x" + "1" * 40
CONDITION = "0x" + "0" * 64
TOKEN = "1" * 77
DAY = "2026-03-01"

KEY = "hands back the configured key: keys are not derived from a signature here"
READONLY = "answers a constant: the SDK knows no keys that only read on this surface"
CHAIN = "answers a constant: there is no chain"
PAPER = "checks its arguments and answers a constant: there is no chain"
REWARDS = "answers a constant: nothing is scored or rewarded on paper"
BUILDER = "raises NotImplementedError in the client, or answers a constant: no builders on paper"
FLAG = "answers a constant: no such mode here"
NOTICES = "answers a constant: there are no notifications"
KEYS_ELSEWHERE = "answers a constant: keys are managed through the native client"
FEED = "answers a constant: the SDK leaves this feed out"
LOCAL_CLOCK = "reads the local clock"
SESSION_ONLY = "raises in the client: this route takes a session and no key"

# Excused of both secure clients alike, because they are twins.
SECURE = {
    "delete_api_key": Excuse(KEYS_ELSEWHERE, lambda bot: bot.delete_api_key()),
    "is_gasless_ready": Excuse(CHAIN, lambda bot: bot.is_gasless_ready()),
    "get_closed_only_mode": Excuse(FLAG, lambda bot: bot.get_closed_only_mode()),
    "get_notifications": Excuse(NOTICES, lambda bot: bot.get_notifications()),
    "approve_erc20": Excuse(
        PAPER, lambda bot: bot.approve_erc20(token_address=ADDRESS, spender_address=ADDRESS, amount="max")
    ),
    "approve_erc1155_for_all": Excuse(
        PAPER, lambda bot: bot.approve_erc1155_for_all(token_address=ADDRESS, operator_address=ADDRESS)
    ),
    "transfer_erc20": Excuse(
        PAPER, lambda bot: bot.transfer_erc20(token_address=ADDRESS, recipient_address=ADDRESS, amount=1)
    ),
    "split_position": Excuse(PAPER, lambda bot: bot.split_position(condition_id=CONDITION, amount=1)),
    "merge_positions": Excuse(PAPER, lambda bot: bot.merge_positions(condition_id=CONDITION, amount="max")),
    "merge_multiple_positions": Excuse(
        PAPER, lambda bot: bot.merge_multiple_positions(positions=[{"condition_id": CONDITION}])
    ),
    "redeem_positions": Excuse(PAPER, lambda bot: bot.redeem_positions(condition_id=CONDITION)),
    "setup_trading_approvals": Excuse(CHAIN, lambda bot: bot.setup_trading_approvals()),
    "setup_gasless_wallet": Excuse(CHAIN, lambda bot: bot.setup_gasless_wallet()),
    "get_trading_approvals_state": Excuse(CHAIN, lambda bot: bot.get_trading_approvals_state()),
    "get_order_scoring": Excuse(REWARDS, lambda bot: bot.get_order_scoring(order_id="1")),
    "get_orders_scoring": Excuse(REWARDS, lambda bot: bot.get_orders_scoring(order_ids=["1"])),
    "list_current_rewards": Excuse(REWARDS, lambda bot: bot.list_current_rewards().iter_items()),
    "list_market_rewards": Excuse(
        REWARDS, lambda bot: bot.list_market_rewards(condition_id=CONDITION).iter_items()
    ),
    "list_user_earnings_for_day": Excuse(
        REWARDS, lambda bot: bot.list_user_earnings_for_day(date=DAY).iter_items()
    ),
    "get_total_earnings_for_user_for_day": Excuse(
        REWARDS, lambda bot: bot.get_total_earnings_for_user_for_day(date=DAY)
    ),
    "list_user_earnings_and_markets_config": Excuse(
        REWARDS, lambda bot: bot.list_user_earnings_and_markets_config(date=DAY).iter_items()
    ),
    "get_reward_percentages": Excuse(REWARDS, lambda bot: bot.get_reward_percentages()),
    "get_builder_volumes": Excuse(BUILDER, lambda bot: bot.get_builder_volumes()),
    "list_builder_trades": Excuse(BUILDER, lambda bot: bot.list_builder_trades(builder_code="b")),
    "get_builder_fee_rates": Excuse(BUILDER, lambda bot: bot.get_builder_fee_rates("b")),
    "list_builder_leaderboard": Excuse(BUILDER, lambda bot: bot.list_builder_leaderboard()),
}
PUBLIC = {
    "get_trading_approvals_state": Excuse(CHAIN, lambda bot: bot.get_trading_approvals_state(wallet=ADDRESS)),
}
NATIVE = {"entitlements": Excuse(SESSION_ONLY, lambda bot: bot.entitlements())}

EXCUSED: dict[recorder.Owner, dict[str, Excuse]] = {
    PolySimClient: NATIVE,
    AsyncPolySimClient: NATIVE,
    PublicClient: PUBLIC,
    AsyncPublicClient: PUBLIC,
    SecureClient: SECURE,
    AsyncSecureClient: SECURE,
    ClobClient: {
        "create_api_key": Excuse(KEY, lambda bot: bot.create_api_key()),
        "derive_api_key": Excuse(KEY, lambda bot: bot.derive_api_key()),
        "delete_api_key": Excuse(KEYS_ELSEWHERE, lambda bot: bot.delete_api_key()),
        "create_readonly_api_key": Excuse(READONLY, lambda bot: bot.create_readonly_api_key()),
        "get_readonly_api_key": Excuse(READONLY, lambda bot: bot.get_readonly_api_key()),
        "get_readonly_api_keys": Excuse(READONLY, lambda bot: bot.get_readonly_api_keys()),
        "delete_readonly_api_key": Excuse(READONLY, lambda bot: bot.delete_readonly_api_key("key")),
        "validate_readonly_api_key": Excuse(READONLY, lambda bot: bot.validate_readonly_api_key(ADDRESS, "key")),
        "assert_level_1_auth": Excuse(CHAIN, lambda bot: bot.assert_level_1_auth()),
        "assert_builder_auth": Excuse(BUILDER, lambda bot: bot.assert_builder_auth()),
        "can_builder_auth": Excuse(BUILDER, lambda bot: bot.can_builder_auth()),
        "get_builder_trades": Excuse(BUILDER, lambda bot: bot.get_builder_trades()),
        "get_collateral_address": Excuse(CHAIN, lambda bot: bot.get_collateral_address()),
        "get_conditional_address": Excuse(CHAIN, lambda bot: bot.get_conditional_address()),
        "get_exchange_address": Excuse(CHAIN, lambda bot: bot.get_exchange_address()),
        "update_balance_allowance": Excuse(CHAIN, lambda bot: bot.update_balance_allowance()),
        "get_closed_only_mode": Excuse(FLAG, lambda bot: bot.get_closed_only_mode()),
        "is_order_scoring": Excuse(REWARDS, lambda bot: bot.is_order_scoring()),
        "are_orders_scoring": Excuse(REWARDS, lambda bot: bot.are_orders_scoring()),
        "get_notifications": Excuse(NOTICES, lambda bot: bot.get_notifications()),
        "drop_notifications": Excuse(NOTICES, lambda bot: bot.drop_notifications()),
        "get_market_trades_events": Excuse(FEED, lambda bot: bot.get_market_trades_events(CONDITION)),
        "post_heartbeat": Excuse(FLAG, lambda bot: bot.post_heartbeat()),
        "get_server_time": Excuse(LOCAL_CLOCK, lambda bot: bot.get_server_time()),
    },
}


@pytest.mark.parametrize(
    ("owner", "name"),
    [(owner, name) for owner, excuses in EXCUSED.items() for name in excuses],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
async def test_a_method_that_is_excused_asks_no_server(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str
):
    asked: list[str] = []

    def note(_client: Any, method: str, url: Any, **_: Any):
        asked.append(f"{method} {url}")
        raise httpx.ConnectError("this method was said to ask no server")

    monkeypatch.setattr(httpx.Client, "request", note)
    monkeypatch.setattr(httpx.AsyncClient, "request", note)
    nowhere = "http://127.0.0.1:1"
    host = {"base_url": nowhere} if owner in (PolySimClient, AsyncPolySimClient) else {"host": nowhere}
    async with opened(owner(api_key="ps_live_" + "0" * 64, **host)) as bot:
        answer: Any = None
        try:
            answer = await done(EXCUSED[owner][name].call(bot))
            if hasattr(answer, "__aiter__") or hasattr(answer, "__next__"):
                answer = await every(answer)
        except (NotImplementedError, PolySimError) as error:
            # An error of the SDK's own has no status: nobody answered.
            assert getattr(error, "status_code", None) is None, error
    assert asked == []


def test_every_excuse_names_a_method_that_there_is():
    for owner, excuses in EXCUSED.items():
        assert set(excuses) <= set(recorder.public(owner)), owner.__name__


def test_every_public_method_is_recorded_and_is_still_the_sdks_own():
    for owner in recorder.OWNERS:
        names = recorder.public(owner)
        assert names, owner.__name__
        for name in names:
            recorded = getattr(owner, name)
            assert hasattr(recorded, "records_for"), f"{owner.__name__}.{name}"
            assert "site-packages" in inspect.getfile(recorded.records_for)


def test_a_recorded_call_gets_the_arguments_and_gives_the_answer_as_they_are():
    def own(*arguments: Any, **named: Any) -> Any:
        if "error" in named:
            raise named["error"]
        return arguments, named

    recorded = recorder.recording(own, ("nobody", "nothing"))
    one, two = object(), object()
    (given,), named = recorded(one, two=two)
    assert given is one
    assert named == {"two": two}
    error = ValueError()
    with pytest.raises(ValueError) as caught:
        recorded(error=error)
    assert caught.value is error


def test_every_public_method_is_called_by_some_test(request: pytest.FixtureRequest):
    """Runs last; see `pytest_collection_modifyitems` in `conftest.py`."""
    if not request.config.stash[recorder.WHOLE_RUN]:
        pytest.skip("only a run of the whole folder can tell")
    absent = {
        owner.__name__: names
        for owner in recorder.OWNERS
        if (names := [name for name in recorder.missing(owner) if name not in EXCUSED.get(owner, {})])
    }
    assert absent == {}, "no test calls these: call them, or excuse them with a reason in EXCUSED"
