"""Wallets and their clients. The worlds they trade in are those of the folder above."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from eth_account import Account

from bots import EOA, Bot, MakeBot
from clients import CLIENTS
from harness import Server


@pytest.fixture
def make_bot(server: Server) -> Iterator[MakeBot]:
    made: list[Bot] = []

    def make(client: type[Bot], persona: str | None = None, kind: int = EOA) -> Bot:
        key = server.personas[persona]["private_key"] if persona else Account.create().key.to_0x_hex()
        made.append(client(server, key, kind))
        return made[-1]

    yield make
    for bot in made:
        bot.close()


@pytest.fixture(params=CLIENTS, ids=lambda client: client.name)
def client(request: pytest.FixtureRequest) -> type[Bot]:
    """Each of them in turn."""
    return request.param


@pytest.fixture
def bot(make_bot: MakeBot, client: type[Bot]) -> Bot:
    """The trader's, with 10,000 dollars."""
    return make_bot(client, "trader")


@pytest.fixture
def other(make_bot: MakeBot, client: type[Bot]) -> Bot:
    """The desk's: the other side of the trader's trades."""
    return make_bot(client, "desk")
