"""Session ids to Echoes in many dictionaries: as one would be, whatever was asked for before, and whoever comes in between."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rvbbit_otel.attribution import echo_map as module
from rvbbit_otel.attribution.caller import SessionId
from rvbbit_otel.attribution.echo import Echo
from rvbbit_otel.attribution.echo_map import EchoMap


def echo(name: str, run: int = 0) -> Echo:
    return Echo(SessionId(name), None, run=run)


@given(st.lists(st.tuples(st.sampled_from(["set", "get", "discard"]), st.integers(0, 20)), max_size=200))
def test_it_holds_what_a_dictionary_would(steps: list[tuple[str, int]]) -> None:
    echoes, model = EchoMap(threading.RLock()), dict[str, Echo]()
    for run, (step, number) in enumerate(steps):
        name = f"s{number}"
        if step == "set":
            model.pop(name, None)
            echoes.discard(name)
            echoes[name] = model[name] = echo(name, run)
        elif step == "discard":
            model.pop(name, None)
            echoes.discard(name)
        assert echoes.get(name) is model.get(name)
        assert len(echoes) == len(model)
    assert echoes.oldest(3) == list(model)[:3]
    assert echoes.oldest(1) == list(model)[:1]


def test_what_is_known_anew_is_found_at_once_though_the_old_was_asked_for() -> None:
    echoes = EchoMap(threading.RLock())
    old, new = echo("s"), echo("s")
    echoes["s"] = old
    assert [echoes.get("s"), echoes.get("s")] == [old, old]
    echoes["s"] = new
    assert echoes.get("s") is new
    echoes.discard("s")
    assert echoes.get("s") is None


def test_what_is_found_while_somebody_writes_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    echoes = EchoMap(threading.RLock())
    echoes["s"] = old = echo("s")
    found: list[Echo | None] = []
    with echoes.lock:
        reader = threading.Thread(target=lambda: found.append(echoes.get("s")))
        reader.start()
        reader.join(10)
        assert not reader.is_alive()
        assert (found, len(echoes._lately)) == ([old], 0)
    echoes.get("s")
    assert len(echoes._lately) == 1


def test_a_finalizer_that_writes_while_a_session_is_looked_up_leaves_nothing_old() -> None:
    class Interrupted(dict[str, Echo]):
        """Writes what is newer right after it was read, as a finalizer would."""

        def get(self, key: str, default: object = None) -> Echo | None:  # type: ignore[override]
            found = super().get(key)
            if len(steps) == 1:
                steps.clear()
                echoes["s"] = new
            elif steps:
                steps.pop()
            return found

    echoes = EchoMap(threading.RLock())
    old, new = echo("s"), echo("s")
    for reads_before in (1, 2):
        steps: list[int] = []
        echoes = EchoMap(threading.RLock())
        echoes._shards = tuple(Interrupted() for _ in echoes._shards)
        echoes["s"] = old
        steps += [0] * reads_before
        echoes.get("s")
        assert echoes.get("s") is new


def test_more_sessions_than_are_found_by_one_look_up_are_found_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LATELY", 8)
    echoes = EchoMap(threading.RLock())
    known = {f"s{number}": echo(f"s{number}", number) for number in range(1000)}
    for name, each in known.items():
        echoes[name] = each
    for _ in range(2):
        assert {name: echoes.get(name) for name in known} == known
        assert len(echoes._lately) <= 8
    assert echoes.oldest(100) == [f"s{number}" for number in range(100)]
