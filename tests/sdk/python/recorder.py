"""Writes down which public methods of the SDK the tests call, while they run.

Text would not tell: a method may be named and never reached, or reached through a name no search finds. So
every public method is replaced, in memory and before any test module is imported, by a function that notes
the call and passes it on. The package itself stays as it was installed: nothing of it is changed on disk, the
SDK's own function gets the very arguments, and the caller the very answer (for a coroutine or a generator
the object itself, not yet begun) or the very exception.

A call counts when a test module makes it. What the SDK calls of itself on the way does not, nor what the
harness does to set a test up, nor what `test_coverage.py` does to check its own list of excuses.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from polysim_clob_client.client import ClobClient
from polysim_polymarket import AsyncPublicClient, AsyncSecureClient, PublicClient, SecureClient
from polysim_sdk import AsyncPolySimClient, PolySimClient, pagination, sse, ws
from polysim_sdk.simulation import AsyncSimulationNamespace, SimulationNamespace

Owner = type | ModuleType

# What a bot's author can call. Of the modules it is what they export; the namespaces are `client.simulation`.
OWNERS: tuple[Owner, ...] = (
    PolySimClient,
    AsyncPolySimClient,
    SimulationNamespace,
    AsyncSimulationNamespace,
    ws,
    sse,
    pagination,
    ClobClient,
    PublicClient,
    AsyncPublicClient,
    SecureClient,
    AsyncSecureClient,
)

_FOLDER = Path(__file__).resolve().parent
_LISTS_EXCUSES = "test_coverage.py"

# Of a run: whether it holds every test of this folder. Only such a run can say what no test calls.
WHOLE_RUN = pytest.StashKey[bool]()

called: set[tuple[str, str]] = set()


def name_of(owner: Owner) -> str:
    return owner.__name__


def public(owner: Owner) -> list[str]:
    """The names of an owner's public methods, those it inherits included; a property is none."""
    if isinstance(owner, ModuleType):
        return [name for name in owner.__all__ if inspect.isfunction(getattr(owner, name))]
    return [name for name in dir(owner) if not name.startswith("_") and _function(owner, name) is not None]


def missing(owner: Owner) -> list[str]:
    """Those that no test has called so far."""
    return [name for name in public(owner) if (name_of(owner), name) not in called]


def install() -> None:
    """Puts a recording function in the place of each public one."""
    for owner in OWNERS:
        for name in public(owner):
            function = _function(owner, name)
            # What a class inherits may record already, but for the class it comes from.
            own = getattr(function, "records_for", function)
            found = inspect.getattr_static(owner, name)
            recorder = recording(own, (name_of(owner), name))
            is_bound = isinstance(found, classmethod | staticmethod)
            setattr(owner, name, type(found)(recorder) if is_bound else recorder)


def _function(owner: Owner, name: str) -> Any:
    """The plain function behind a name, if it is one."""
    found = inspect.getattr_static(owner, name)
    found = found.__func__ if isinstance(found, classmethod | staticmethod) else found
    return found if inspect.isfunction(found) else None


def recording(function: Callable[..., Any], what: tuple[str, str]) -> Callable[..., Any]:
    """The same function, and a note of each call that a test makes."""

    @functools.wraps(function)
    def recorded(*arguments: Any, **named: Any) -> Any:
        # One frame up is where the call is written, also that of a coroutine which begins much later.
        if _is_test(sys._getframe(1).f_code.co_filename):
            called.add(what)
        return function(*arguments, **named)

    recorded.records_for = function  # type: ignore[attr-defined]
    return recorded


@functools.cache
def _is_test(filename: str) -> bool:
    path = Path(filename)
    return path.parent == _FOLDER and path.name.startswith("test_") and path.name != _LISTS_EXCUSES


def summary(excuses: dict[Owner, dict[str, Any]]) -> Iterator[str]:
    """For each owner how many of its public methods were called, and which were not."""
    for owner in OWNERS:
        names, absent = public(owner), set(missing(owner))
        excused = [name for name in names if name in absent and name in excuses.get(owner, {})]
        line = f"{name_of(owner)}: {len(names) - len(absent)} methods called of {len(names)}"
        yield line + (f", {len(excused)} excused" if excused else "")
        unheard = sorted(absent - set(excused))
        if unheard:
            yield f"    NOT CALLED: {', '.join(unheard)}"
        reasons: dict[str, list[str]] = {}
        for name in excused:
            reasons.setdefault(excuses[owner][name].reason, []).append(name)
        for reason, excused_for_it in reasons.items():
            yield f"    {reason}: {', '.join(excused_for_it)}"
