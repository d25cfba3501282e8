"""Starts the real server for every suite in this folder.

Two kinds: one for the whole session, which tests may only read, and a fresh one for each test that trades, so
that no test sees another's orders, clock or money and any of them can run alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from polysim_sdk import PolySimClient

from harness import Market, Server, pick_market

# The SDK and its WebSocket library honour proxies, and a proxy cannot reach this machine's own loopback.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

# The SDK falls back to these; a developer's own key or host must not reach a test by accident.
for name in ("POLYSIM_API_KEY", "POLYSIM_BASE_URL"):
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The session's world, to be read only; durable as a user's would be."""
    server = Server(tmp_path_factory.mktemp("shared"), durability="strict")
    yield server
    server.stop()


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A world of the test's own, in memory."""
    server = Server(tmp_path_factory.mktemp("world"), durability="memory")
    yield server
    server.stop()


@pytest.fixture
def public(shared: Server) -> Iterator[PolySimClient]:
    """Someone without a key."""
    with PolySimClient(base_url=shared.base_url) as client:
        yield client


@pytest.fixture
def visitor(shared: Server) -> Iterator[PolySimClient]:
    """Someone with a key who only looks."""
    with shared.client("trader") as client:
        yield client


@pytest.fixture
def trader(server: Server) -> Iterator[PolySimClient]:
    """Plan pro, 10,000.00."""
    with server.client("trader") as client:
        yield client


@pytest.fixture
def desk(server: Server) -> Iterator[PolySimClient]:
    """Plan enterprise, 10,000.00: the other side of the trader's trades."""
    with server.client("desk") as client:
        yield client


@pytest.fixture
def market(trader: PolySimClient) -> Market:
    """Where a test trades when it does not care where."""
    return pick_market(trader)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A failure is read with the server's side of it."""
    report = yield
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, Server):
                report.sections.append((f"log of the server `{name}`", value.log()))
    return report
