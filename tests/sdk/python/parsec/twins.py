"""Both of Parsec's Python clients behind one way of asking, and a list of what the tests asked.

`ParsecAPI` answers, `AsyncParsecAPI` promises to; through `Api` a test says `await api.orders.create(…)` to either.
Arguments, answers and exceptions pass through as they are, so that what is checked is the SDK's own.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from parsec_api import APIStatusError, AsyncParsecAPI, ParsecAPI
from parsec_api._resource import AsyncAPIResource, SyncAPIResource
from parsec_api.streaming import ParsecWebSocket

import recorder
from harness import done

TWINS: tuple[type, ...] = (ParsecAPI, AsyncParsecAPI)

# Of a run: whether it holds every test of this folder. Only such a run can say what no test calls.
WHOLE_RUN = pytest.StashKey[bool]()

# By client and method, as a user writes it: the tests that called it and were answered.
called: dict[tuple[str, str], set[str]] = {}


class Api:
    """One of the twins."""

    def __init__(self, client: ParsecAPI | AsyncParsecAPI) -> None:
        self.client = client

    @property
    def key(self) -> str:
        return self.client.api_key

    def __getattr__(self, name: str) -> _Asked:
        return _Asked(type(self.client).__name__, getattr(self.client, name), (name,))

    def ws(self) -> ParsecWebSocket:
        """The same asynchronous socket from either twin."""
        note(type(self.client).__name__, "ws", sys._getframe(1).f_code.co_filename)
        return self.client.ws()


class _Asked:
    """A resource of a client, or a method of one."""

    def __init__(self, client: str, found: Any, path: tuple[str, ...]) -> None:
        self._client, self._found, self._path = client, found, path

    def __getattr__(self, name: str) -> _Asked:
        return _Asked(self._client, getattr(self._found, name), (*self._path, name))

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        # Taken here and not in the coroutine, which begins when nobody can tell any more where the call is written.
        return self._ask(sys._getframe(1).f_code.co_filename, arguments, named)

    async def _ask(self, caller: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        answer = await done(self._found(*arguments, **named))
        # With its headers it is the same method.
        note(self._client, ".".join(part for part in self._path if part != "with_raw_response"), caller)
        return answer


def note(client: str, method: str, caller: str) -> None:
    """A call counts if it was answered and stands in a test; what a fixture or a helper asks proves nothing."""
    if Path(caller).name.startswith("test_"):
        called.setdefault((client, method), set()).add(_scenario())


def _scenario() -> str:
    """The test that runs, without the kinds it runs in."""
    return os.environ["PYTEST_CURRENT_TEST"].partition("[")[0].partition(" ")[0].rsplit("/", 1)[-1]


def methods(client: type) -> Iterator[str]:
    """Every method of the SDK's api.md, found on the client itself, because the installed package has no api.md."""
    yield from _methods(client(api_key="pk_live_" + "0" * 32, base_url="http://127.0.0.1:1"), "")
    yield "ws"


def _methods(owner: Any, prefix: str) -> Iterator[str]:
    if isinstance(owner, SyncAPIResource | AsyncAPIResource):
        yield from (prefix + name for name in recorder.public(type(owner)))
    for name, _ in inspect.getmembers(type(owner), lambda member: isinstance(member, cached_property)):
        resource = getattr(owner, name)
        if isinstance(resource, SyncAPIResource | AsyncAPIResource):
            yield from _methods(resource, f"{prefix}{name}.")


@contextmanager
def declined(
    status: int, code: str, text: str | None = None, *, retryable: bool = False
) -> Iterator[pytest.ExceptionInfo[APIStatusError]]:
    """The SDK raises, with the status and the stable code a bot would branch on, and maybe the very sentence."""
    with pytest.raises(APIStatusError) as caught:
        yield caught
    error = caught.value
    assert (error.status_code, error.code, error.retryable) == (status, code, retryable), error
    assert error.response.headers["content-type"].startswith("application/json")
    assert isinstance(error.body, dict)
    assert error.body["error"], error
    assert text in (None, error.body["error"]), error
    if status >= 500:
        # Else the SDK would have sent it twice more, an order too.
        assert error.response.headers["x-should-retry"] == "false"
        assert error.response.request.headers["x-stainless-retry-count"] == "0"
