"""Parsec's own tests, running in a process of their own against a server of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from harness import Server
from own_runs import Run
from own_world import prepare

SUMMARIES: list[str] = []


# What a run is given, once its server is there: arguments and variables.
Start = Callable[[Server], tuple[list[str], dict[str, str]]]


@contextmanager
def running(server: Server, start: Start) -> Iterator[Run]:
    """A run against a server, with the arguments and variables that `start` finds for it."""
    try:
        run = Run(server.directory, *start(server))
        try:
            yield run
        finally:
            run.stop()
    finally:
        server.stop()


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The contract tests, as their module says they are run."""

    def start(server: Server) -> tuple[list[str], dict[str, str]]:
        key = server.personas["trader"]["pk_key"]
        environment = {"PARSEC_CONTRACT_TESTS": "1", "PARSEC_API_KEY": key, "PARSEC_BASE_URL": server.base_url}
        return ["tests/test_contract.py"], environment

    with running(Server(tmp_path_factory.mktemp("contract"), durability="memory"), start) as run:
        yield run


@pytest.fixture(scope="module")
def shapes(contract: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The shape tests, with what `placeholders.py` sends. They run while the contract tests wait for a heartbeat."""

    def start(server: Server) -> tuple[list[str], dict[str, str]]:
        world = server.directory / "world.json"
        world.write_text(json.dumps(prepare(server)))
        environment = {"PARSEC_OWN_WORLD": str(world), "TEST_API_BASE_URL": server.base_url}
        return ["-p", "placeholders", "tests/api_resources"], environment

    with running(Server(tmp_path_factory.mktemp("shapes"), durability="memory"), start) as run:
        yield run


@pytest.fixture
def told() -> Iterator[list[str]]:
    """Lines to be read at the end of the whole run."""
    return SUMMARIES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if SUMMARIES:
        terminalreporter.section("Parsec's own tests")
        for line in SUMMARIES:
            terminalreporter.write_line(line)
