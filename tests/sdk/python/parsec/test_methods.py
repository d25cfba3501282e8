"""That the scenarios of this folder ask every method of Parsec's SDK, of both its clients.

`pytest -v tests/sdk/python/parsec` ends with the table method by scenario; `conftest.py` prints it.
"""

from __future__ import annotations

import pytest
from parsec_api import ParsecAPI

import twins
from twins import TWINS, Api


def test_the_twins_have_the_same_32_operations_and_a_socket():
    blocking, asynchronous = (list(twins.methods(kind)) for kind in TWINS)
    assert blocking == asynchronous
    assert len(blocking) == len(set(blocking)) == 33
    # Of api.md it is the one that no client has.
    assert "account.capabilities" not in blocking


async def test_a_call_gets_its_arguments_and_gives_its_answer_as_they_are(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(twins, "called", {})
    one, two = object(), object()

    class Resource:
        def ask(self, *arguments: object, **named: object) -> object:
            if "error" in named:
                raise named["error"]
            return arguments, named

        async def promise(self, answer: object) -> object:
            return answer

    client = ParsecAPI(api_key="key", base_url="http://127.0.0.1:1")
    client.orders = Resource()
    api = Api(client)
    (given,), named = await api.orders.ask(one, two=two)
    assert given is one
    assert named == {"two": two}
    assert await api.orders.promise(one) is one
    error = ValueError()
    with pytest.raises(ValueError) as caught:
        await api.orders.ask(error=error)
    assert caught.value is error
    assert set(twins.called) == {("ParsecAPI", "orders.ask"), ("ParsecAPI", "orders.promise")}


def test_every_method_is_answered_in_some_scenario_to_either_client(request: pytest.FixtureRequest):
    """Runs last; see `pytest_collection_modifyitems` in `conftest.py`."""
    if not request.config.stash[twins.WHOLE_RUN]:
        pytest.skip("only a run of the whole folder can tell")
    absent = [
        f"{kind.__name__}.{method}"
        for kind in TWINS
        for method in twins.methods(kind)
        if (kind.__name__, method) not in twins.called
    ]
    assert absent == [], "no test calls these"
