"""Starts the real server for every suite in this folder.

Two kinds: one for the whole session, which tests may only read, and a fresh one for each test that trades, so
that no test sees another's orders, clock or money and any of them can run alone.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from polysim_sdk import AsyncPolySimClient, PolySimClient

import recorder
from harness import Market, Server, opened, pick_market

# Before a test module can take a function out of the SDK by its name.
recorder.install()

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
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts worlds of another kind than `server`, as many as the test asks for."""
    started: list[Server] = []

    def start(**options: Any) -> Server:
        started.append(Server(tmp_path_factory.mktemp("world"), **({"durability": "memory"} | options)))
        return started[-1]

    start.servers = started  # type: ignore[attr-defined]
    yield start
    for server in started:
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


@pytest.fixture(params=[PolySimClient, AsyncPolySimClient], ids=["blocking", "asynchronous"])
def native(request: pytest.FixtureRequest) -> type:
    """Either native client: what is asked of one is asked of its twin too."""
    return request.param


@pytest_asyncio.fixture
async def twin(native: type, server: Server) -> AsyncIterator[Any]:
    """The trader through either of them."""
    async with opened(native(api_key=server.key("trader"), base_url=server.base_url)) as client:
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
            for server in [value] if isinstance(value, Server) else getattr(value, "servers", []):
                report.sections.append((f"log of the server `{name}`", server.log()))
    return report


# -- What the whole run has called of the SDK --

_DESELECTED = pytest.StashKey[bool]()


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        item.config.stash[_DESELECTED] = True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One test is about all the others, and so the only one that has a place: the last."""
    items.sort(key=lambda item: item.name == "test_every_public_method_is_called_by_some_test")


def pytest_collection_finish(session: pytest.Session) -> None:
    config = session.config
    is_picked = config.stash.get(_DESELECTED, False) or any("::" in argument for argument in config.args)
    collected = {item.path for item in session.items}
    config.stash[recorder.WHOLE_RUN] = not is_picked and collected >= set(Path(__file__).parent.glob("test_*.py"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.stash.get(recorder.WHOLE_RUN, False) or config.option.collectonly:
        return
    import test_coverage

    terminalreporter.section("public methods of the SDK that a test has called")
    for line in recorder.summary(test_coverage.EXCUSED):
        terminalreporter.write_line(line)
