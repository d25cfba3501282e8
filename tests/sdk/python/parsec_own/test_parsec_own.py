"""What Parsec's own tests say about this server. Both kinds run as they are: see `own_runs.py`, `placeholders.py`."""

from __future__ import annotations

from own_runs import Run

SHAPES = 620

# They call methods that the SDK had once.
GONE = {
    "TestRESTAccount::test_capabilities_returns_tier_and_linked_exchanges": "capabilities",
    "TestRESTAccount::test_update_credentials_rejects_invalid_kalshi_private_key": "update_credentials",
    "TestRESTApprovals::test_list_approvals_rejects_unsupported_exchange": "approvals",
    "TestRESTApprovals::test_set_approvals_rejects_unsupported_exchange": "approvals",
}

CONTRACT = {
    "TestRESTCoverageManifest::test_public_endpoint_manifest_is_unique",
    "TestRESTExchanges::test_list_exchanges",
    "TestRESTMarkets::test_list_markets_shape",
    "TestRESTMarkets::test_list_markets_multi_exchange",
    "TestRESTEvents::test_list_events_shape",
    "TestRESTEvents::test_list_events_with_markets",
    "TestRESTOrderbook::test_get_orderbook_structure_and_ordering",
    "TestRESTExecutionPrice::test_get_execution_price_shape",
    "TestRESTPrice::test_get_price_structure",
    "TestRESTTrades::test_get_trades_structure",
    "TestRESTFills::test_list_fills",
    "TestRESTUsage::test_usage",
    "TestRESTWsUsage::test_ws_usage_metering",
    "TestRESTOrders::test_create_order_contract_path",
    "TestRESTOrders::test_list_orders",
    "TestRESTOrders::test_retrieve_missing_order",
    "TestRESTOrders::test_cancel_missing_order",
    "TestRESTPositions::test_list_positions",
    "TestRESTAccount::test_ping_returns_exchange_statuses",
    "TestRESTAccount::test_balance_returns_raw_payload_or_auth_error",
    "TestRESTAccount::test_user_activity_returns_status_map",
    "TestRESTAuth::test_invalid_api_key_401",
    "TestWebSocketContract::test_snapshot_identity_structure_ordering_consistency",
    "TestWebSocketContract::test_batch_subscribe_2_distinct_snapshots",
    "TestWebSocketContract::test_unsubscribe_stops_updates",
    "TestWebSocketContract::test_heartbeat_received_with_valid_timestamp",
    "TestWebSocketContract::test_auth_error_on_invalid_key",
}


def test_every_shape_test_passes(shapes: Run, told: list[str]) -> None:
    report = shapes.report()
    told.append(f"tests/api_resources: {report.summary}")
    assert report.code == 0, report.output
    assert (len(report.passed), report.failed, report.skipped) == (SHAPES, {}, frozenset())


def test_every_contract_test_passes_but_four_that_call_what_is_no_more(contract: Run, told: list[str]) -> None:
    report = contract.report()
    told.append(f"tests/test_contract.py: {report.summary}")
    module = "tests.test_contract."
    assert {name.removeprefix(module) for name in report.passed} == CONTRACT, report.output
    assert report.skipped == frozenset()
    assert {name.removeprefix(module) for name in report.failed} == GONE.keys()
    for name, message in report.failed.items():
        assert f"has no attribute '{GONE[name.removeprefix(module)]}'" in message
