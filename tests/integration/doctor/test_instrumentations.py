"""Instrumentations of others, installed for real in a folder: which are used, which can't be, and what each lacks."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rvbbit_otel.doctor import instrumentations
from rvbbit_otel.doctor.links import Link

GOOD = """
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

class Instrumentor(BaseInstrumentor):
    def instrumentation_dependencies(self):
        return {needs!r}

    def _instrument(self, **kwargs):
        {does}

    def _uninstrument(self, **kwargs):
        pass
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(
        name: str, needs: tuple[str, ...] = (), does: str = "pass", first: str = "", extras: tuple[str, ...] = ()
    ) -> None:
        (tmp_path / f"{name}_module.py").write_text(first + GOOD.format(needs=needs, does=does))
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        wanted = "".join(f'Requires-Dist: {extra}; extra == "instruments"\n' for extra in extras)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{wanted}")
        (info / "entry_points.txt").write_text(f"[opentelemetry_instrumentor]\n{name} = {name}_module:Instrumentor\n")
        importlib.invalidate_caches()

    return install


def examined(tmp_path: Path, **environ: str) -> Link:
    return instrumentations.others({**os.environ, "PYTHONPATH": str(tmp_path), **environ})


def test_none_beside_ours_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instrumentations, "run_module", None)
    assert instrumentations.others({}) == Link("other instrumentations", "ok", "beside ours: none")


def test_one_that_loads_is_used_and_patches_nothing_here(install: Install, tmp_path: Path) -> None:
    install("good", needs=("click>=1",), does="import os; os.environ['PATCHED'] = '1'")
    link = examined(tmp_path)
    assert (link.state, link.seen, link.remedy) == ("ok", "beside ours: good", "")
    assert "PATCHED" not in os.environ


def test_one_that_imports_what_it_does_not_ask_for_is_named_with_what_to_install(
    install: Install, tmp_path: Path
) -> None:
    install("good")
    install("modern", first="import no_such_client.transport\n")
    link = examined(tmp_path)
    assert (link.state, link.seen, link.remedy) == (
        "broken",
        "beside ours: good; modern is installed and can't be loaded (ModuleNotFoundError: No module named 'no_such_client')",
        "install what it imports and does not ask for: no_such_client; or OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=modern",
    )
    assert link.details["instrumentations"] == [
        {"name": "good", "state": "used", "why": "", "needs": ""},
        {
            "name": "modern",
            "state": "failed",
            "why": "ModuleNotFoundError: No module named 'no_such_client'",
            "needs": "no_such_client",
        },
    ]


def test_one_that_imports_what_the_installed_version_has_not_is_told_from_what_is_not_installed(
    install: Install, tmp_path: Path
) -> None:
    install("late", first="import click.no_such_part\n")
    link = examined(tmp_path)
    assert (
        "late is installed and can't be loaded (ModuleNotFoundError: No module named 'click.no_such_part')" in link.seen
    )
    assert link.remedy == "install versions that fit each other; or OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=late"


@pytest.mark.parametrize("how", ["extras", "needs"], ids=["by its package", "by what it says when it is asked"])
def test_one_for_another_version_of_what_is_installed_is_named(install: Install, tmp_path: Path, how: str) -> None:
    install("old", **{how: ("click<1",)})
    link = examined(tmp_path)
    assert (link.state, link.remedy) == (
        "broken",
        "install versions that fit each other; or OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=old",
    )
    assert link.seen.startswith("beside ours: none; old is installed for another version (This instrumentation only ")
    assert '"click 8' in link.seen


def test_one_whose_library_is_not_installed_and_one_that_is_switched_off_are_skipped_and_no_fault(
    install: Install, tmp_path: Path
) -> None:
    install("lonely", extras=("no-such-library>=2",))
    install("off", first="raise RuntimeError('it is not even imported')\n")
    link = examined(tmp_path, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="off")
    assert (link.state, link.remedy) == ("note", "")
    assert link.seen.startswith('beside ours: none; the launcher skips lonely (This instrumentation only instruments "')
    assert link.seen.endswith("; off (disabled)")
    assert examined(tmp_path, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="*").state == "note"


def test_one_that_raises_when_it_is_switched_on_is_named_and_the_others_are_tried(
    install: Install, tmp_path: Path
) -> None:
    install("a", does="raise AttributeError('module has no attribute Client')")
    install("b", does="raise SystemExit(4)")
    install("c")
    link = examined(tmp_path)
    assert link.state == "broken"
    assert link.seen == (
        "beside ours: c; a is installed and can't be loaded (AttributeError: module has no attribute Client); "
        "b is installed and can't be loaded (SystemExit: 4)"
    )
    assert link.remedy == "import it by hand and see why; or OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=a,b"


def test_one_that_ends_the_process_or_hangs_does_not_take_the_others_with_it(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("a")
    install("b", does="import os; os._exit(3)")
    install("c")
    link = examined(tmp_path)
    assert link.seen == "beside ours: a, c; b is installed and can't be loaded (loading it ended the process with 3)"
    install("d", first="import threading\nthreading.Event().wait()\n")
    monkeypatch.setattr(instrumentations, "_SECONDS", 5.0)
    assert "d is installed and can't be loaded (loading it did not end within 5 s)" in examined(tmp_path).seen
