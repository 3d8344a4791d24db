"""Runners as doctor meets them: they print, hang, crash and change, and doctor says what is lost."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rvbbit_otel.doctor import examine_runners, runners
from rvbbit_otel.doctor.links import Link
from rvbbit_otel.errors import SpecError
from rvbbit_otel.instrumentation.runners import SHIPPED

SPEC = """
name = "odd"
module = "odd_runner"
[[hooks]]
role = "cascade"
target = "odd_runner.work:Runner.run"
fields = { session_id = "self.session_id", cascade_id = "name" }
[[hooks]]
role = "log"
target = "odd_runner.work:log"
fields = { session_id = "session_id", role = "role", tokens_in = "tokens" }
accounts = true
[[hooks]]
role = "tool"
target = "odd_runner.tools:call"
fields = { name = "name" }
optional = true
"""
WORK = """
class Runner:
    def run(self, name): ...
def log(session_id, role=None, tokens=0): ...
"""
Make = Callable[..., Link]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """The link of a runner made of these modules."""

    def make(spec: str = SPEC, **modules: str) -> Link:
        package = tmp_path / "odd_runner"
        package.mkdir()
        (tmp_path / "odd.toml").write_text(spec)
        for name, text in {"__init__": "", "work": WORK, "tools": "def call(name): ...", **modules}.items():
            (package / f"{name}.py").write_text(textwrap.dedent(text))
        environ = {**os.environ, "PYTHONPATH": str(tmp_path), "SOME_API_KEY": "k-0123456789"}
        (link,) = examine_runners([], [str(tmp_path / "odd.toml")], environ)
        return link

    return make


def states(link: Link) -> list[str]:
    return [hook["state"] for hook in link.details["hooks"]]


def test_a_runner_that_is_what_its_spec_says_is_wired(make: Make) -> None:
    link = make()
    assert (link.name, link.state, link.remedy) == ("runner odd", "ok", "")
    assert link.seen == "odd_runner: 3 of 3 hook points matched"
    assert states(link) == ["matched"] * 3


def test_what_a_version_lacks_is_named_with_what_it_costs(make: Make) -> None:
    link = make(work="def log(session_id, role=None): ...", tools="")
    assert link.state == "broken"
    assert link.seen == (
        "odd_runner: 0 of 3 hook points matched, 1 that other versions have are not there; lost: "
        "cascade on odd_runner.work:Runner.run (odd_runner.work has no Runner.run): cascades that run there are not stored, and "
        "neither is how their sessions end; log on odd_runner.work:log (field tokens_in: the target has no argument tokens): "
        "tokens of these are not stored"
    )
    assert states(link) == ["missing", "partial", "missing"]


def test_a_runner_that_prints_leaves_threads_and_reads_its_input_is_looked_at_all_the_same(make: Make) -> None:
    link = make(
        __init__="""
        import sys, threading, time
        print("hello" * 100_000); sys.stderr.write("x" * 1_000_000); sys.stdin.read()
        threading.Thread(target=time.sleep, args=(3600,)).start()
        """
    )
    assert link.seen == "odd_runner: 3 of 3 hook points matched"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("raise ValueError('no database at http://me:hidden@db and k-0123456789')", "ValueError: no database at http://***@db and ***"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("import no_such_module_here", "ModuleNotFoundError: No module named 'no_such_module_here'"),
        ("def (", "SyntaxError: invalid syntax (work.py, line 1)"),
    ],
)  # fmt: skip
def test_a_module_that_can_not_be_imported_costs_its_hooks_and_says_why(text: str, why: str, make: Make) -> None:
    link = make(work=text)
    assert states(link) == ["missing", "missing", "matched"]
    assert [hook["detail"] for hook in link.details["hooks"]][:2] == [f"odd_runner.work can't be imported: {why}"] * 2
    assert f"(odd_runner.work can't be imported: {why}): log rows are not stored, nor are their tokens" in link.seen


def test_a_runner_that_makes_folders_leaves_none_and_one_that_reads_its_own_finds_them(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "configuration").write_text("mine")
    monkeypatch.chdir(here)
    link = make(work="import pathlib; pathlib.Path('data').mkdir()\n" + WORK)
    assert (link.state, [path.name for path in here.iterdir()]) == ("ok", ["configuration"])
    (tmp_path / "odd_runner" / "work.py").write_text("open('configuration').read()\n" + WORK)
    (link,) = examine_runners([], ["../odd.toml"], {**os.environ, "PYTHONPATH": ".."})
    assert link.state == "ok"


def test_a_runner_that_ends_the_process_is_named_with_the_module_that_did(make: Make) -> None:
    link = make(work="import os; os._exit(7)")
    assert (link.state, link.seen) == ("broken", "importing odd_runner.work ended the process with 7")
    assert link.remedy == "import it by hand and see why"


def test_a_runner_that_hangs_is_ended_with_what_it_started(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runners, "SECONDS", 5.0)
    text = f"""
    import pathlib, subprocess, sys, time
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(child.pid))
    time.sleep(3600)
    """
    link = make(work=text)
    assert (link.state, link.seen) == ("broken", "importing odd_runner.work did not end within 5 s")
    child = int((tmp_path / "pid").read_text())
    status = Path(f"/proc/{child}/status")
    assert not status.exists() or "State:\tZ" in status.read_text()


def test_a_runner_that_is_not_installed_is_a_fault_where_it_was_asked_for(make: Make) -> None:
    link = make(SPEC.replace("odd_runner", "not_installed_runner"))
    assert (link.state, link.seen) == ("broken", "not_installed_runner is not installed here")
    assert link.remedy == "install it in this environment"


def test_a_version_that_the_spec_is_not_for_is_named(make: Make) -> None:
    link = make('distribution = "pytest"\nversions = "<1"' + SPEC)
    assert (
        link.seen
        == f"pytest {pytest.__version__} is installed, and the hooks are for <1: nothing of it is instrumented"
    )
    assert (link.state, states(link)) == ("broken", ["unsupported"] * 3)


def test_a_spec_that_can_not_be_used_could_not_be_looked_at(make: Make) -> None:
    with pytest.raises(SpecError, match=r"odd\.toml: hook 2: there is no key acounts"):
        make(SPEC.replace("accounts", "acounts"))
    with pytest.raises(SpecError, match="there is no runner nope; there are "):
        examine_runners(["nope"], [])


@pytest.fixture
def announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], dict[str, Any]]:
    """Installs a package whose entry point names a spec; the links of all known runners."""

    def announced(entry_point: str, text: str) -> dict[str, Any]:
        info = tmp_path / "announcing-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: announcing\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[rvbbit_otel_runners]\n{entry_point} = announcing:SPEC\n")
        (tmp_path / "announcing.py").write_text(textwrap.dedent(text))
        (tmp_path / "announced.toml").write_text(
            'name = "announced"\nmodule = "announcing"\n[[hooks]]\nrole = "log"\ntarget = "announcing:log"\n'
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        return {link.name: link for link in runners.known({**os.environ, "PYTHONPATH": str(tmp_path)})}

    return announced


def test_a_spec_that_a_package_announces_from_a_file_of_its_own_is_known(
    announced: Callable[[str, str], dict[str, Any]],
) -> None:
    links = announced(
        "announced",
        """
        from pathlib import Path
        from rvbbit_otel.instrumentation import load_spec
        SPEC = load_spec(Path(__file__).with_name("announced.toml"))
        def log(): ...
        """,
    )
    assert list(links) == [f"runner {name}" for name in (*(spec.name for spec in SHIPPED), "announced")]
    assert (links["runner announced"].state, states(links["runner announced"])) == ("ok", ["matched"])
    # A runner that is shipped and not installed is no fault; the example's folder is not on the path here.
    assert links["runner langgraph"].state == "ok"


@pytest.mark.parametrize(
    ("entry_point", "text", "said"),
    [
        ("announced", "SPEC = 7", "entry point announced of rvbbit_otel_runners is int, not a RunnerSpec"),
        ("announced", "import os; os._exit(9)", "importing the spec ended the process with 9"),
        ("announced", "raise ImportError('gone')", "it can't be imported: ImportError: gone"),
        (
            "other",
            "from rvbbit_otel.instrumentation import *; SPEC = RunnerSpec('mine', 'sys', (Hook(Role.LOG, 'sys:exit'),))",
            "entry point other of rvbbit_otel_runners is the spec of mine: call both the same",
        ),
    ],
)
def test_a_package_that_announces_badly_hurts_nobody_else(
    entry_point: str, text: str, said: str, announced: Callable[[str, str], dict[str, Any]]
) -> None:
    links = announced(entry_point, text)
    assert (links[f"runner {entry_point}"].state, links[f"runner {entry_point}"].seen) == ("broken", said)
    assert links["runner langgraph"].state == "ok"
    assert "announcing" not in sys.modules


def test_a_runner_whose_package_others_share_is_not_installed_where_its_distribution_is_not() -> None:
    # `google` is there, by protobuf; google-adk is not.
    (link,) = [each for each in runners.known(dict(os.environ)) if each.name == "runner google_adk"]
    assert (link.state, link.seen) == ("note", "google is not installed here")
