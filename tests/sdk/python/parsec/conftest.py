"""Parsec's clients of both kinds, and what a whole run calls of them. The worlds are those of the folder above."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

import twins
from harness import Server, done
from twins import TWINS, Api
from venues import POLYMARKET, VENUES, Market, pick_market

Enter = Callable[..., Api]

# The SDK falls back to these; a developer's own key or host must not reach a test by accident.
for name in ("PARSEC_API_KEY", "PARSEC_API_BASE_URL"):
    os.environ.pop(name, None)


@pytest.fixture(params=TWINS, ids=["blocking", "asynchronous"])
def kind(request: pytest.FixtureRequest) -> type:
    """Either client: what is asked of one is asked of its twin too."""
    return request.param


@pytest_asyncio.fixture
async def enter(kind: type) -> AsyncIterator[Enter]:
    """Opens a persona's client, or that of any other key, as a user makes it: only base URL and key differ.

    It validates every answer against the SDK's own model, which is off by default and would let a missing field
    pass as None.
    """
    opened = []

    def enter(server: Server, who: str, **options: object) -> Api:
        key = server.personas[who]["pk_key"] if who in server.personas else who
        client = kind(api_key=key, base_url=server.base_url, _strict_response_validation=True, **options)
        opened.append(client)
        return Api(client)

    yield enter
    for client in opened:
        await done(client.close())


@pytest.fixture
def visitor(shared: Server, enter: Enter) -> Api:
    """The trader in the session's world, where nobody trades."""
    return enter(shared, "trader")


@pytest.fixture
def trader(server: Server, enter: Enter) -> Api:
    """Tier pro; 10,000.00 on Polymarket, 1,000.00 on Kalshi."""
    return enter(server, "trader")


@pytest.fixture
def desk(server: Server, enter: Enter) -> Api:
    """Tier scale, as much money: the other side of the trader's trades."""
    return enter(server, "desk")


@pytest.fixture
def whale(server: Server, enter: Enter) -> Api:
    """Tier pro, without credentials for any exchange."""
    return enter(server, "whale")


@pytest.fixture
def builder(server: Server, enter: Enter) -> Api:
    return enter(server, "builder")


@pytest.fixture(params=VENUES)
def exchange(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest_asyncio.fixture
async def market(trader: Api) -> Market:
    """Where a test trades when it does not care where."""
    return await pick_market(trader, POLYMARKET)


@pytest_asyncio.fixture
async def there(trader: Api, exchange: str) -> Market:
    """A market on each venue in turn."""
    return await pick_market(trader, exchange)


# -- What the whole run has called --

_DESELECTED = pytest.StashKey[bool]()
_LAST = "test_every_method_is_answered_in_some_scenario_to_either_client"


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        item.config.stash[_DESELECTED] = True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One test is about all the others, and so the only one that has a place: the last."""
    items.sort(key=lambda item: item.name == _LAST)


def pytest_collection_finish(session: pytest.Session) -> None:
    config = session.config
    is_picked = config.stash.get(_DESELECTED, False) or any("::" in argument for argument in config.args)
    collected = {item.path for item in session.items}
    config.stash[twins.WHOLE_RUN] = not is_picked and collected >= set(Path(__file__).parent.glob("test_*.py"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """How many scenarios each method is in; with -v also which."""
    if not config.stash.get(twins.WHOLE_RUN, False) or config.option.collectonly:
        return
    terminalreporter.section("methods of Parsec's SDK and the scenarios that call them")
    for line in _table(with_scenarios=config.option.verbose > 0):
        terminalreporter.write_line(line)


def _table(*, with_scenarios: bool) -> Iterator[str]:
    first, second = TWINS
    for method in twins.methods(first):
        blocking, asynchronous = (twins.called.get((kind.__name__, method), set()) for kind in (first, second))
        yield f"{method:26} {len(blocking):3} blocking {len(asynchronous):3} asynchronous"
        if with_scenarios:
            yield from (f"    {scenario}" for scenario in sorted(blocking | asynchronous))
