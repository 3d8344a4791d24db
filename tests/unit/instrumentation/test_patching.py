from __future__ import annotations

import concurrent.futures.process
import importlib
import multiprocessing.pool
import multiprocessing.process
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest
from opentelemetry import propagate, trace
from opentelemetry._logs import _internal as logs_internal
from opentelemetry.metrics import _internal as metrics_internal
from tests.unit.instrumentation import toy
from tests.unit.instrumentation.conftest import Traced

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.instrumentation import Hook, Role, RunnerSpec, RvbbitInstrumentor, report, runners
from rvbbit_otel.instrumentation.runners import duckdb as duckdb_hooks


def everything() -> dict[str, Any]:
    """Each attribute that instrumentation may touch, as it is now."""
    holders: list[Any] = [
        toy,
        toy.Sessions,
        toy.Cascade,
        duckdb,
        duckdb.DuckDBPyConnection,
        trace,
        logs_internal,
        metrics_internal,
        propagate,
        threading.Thread,
        threading.Timer,
        concurrent.futures.ThreadPoolExecutor,
        concurrent.futures.process.ProcessPoolExecutor,
        multiprocessing.process.BaseProcess,
        multiprocessing.pool.Pool,
        queue.Queue,
        subprocess.Popen,
        sys.modules[__name__],
    ]
    found = {f"{holder.__name__}.{name}": value for holder in holders for name, value in vars(holder).items()}
    found.pop("opentelemetry.trace._TRACER_PROVIDER", None)
    return found


def differences(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) is not after.get(name)}


def test_uninstrumenting_puts_every_attribute_back(
    instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = RunnerSpec("toy", "tests", (*toy.SPEC.hooks, *duckdb_hooks.HOOKS))
    monkeypatch.setattr(runners, "SHIPPED", (spec,))
    # OpenTelemetry's own threading instrumentation leaves `Timer.start` and `Timer.run` behind as own attributes: equal, but there.
    threading_leaves = {"Timer.start", "Timer.run"}
    before = everything()
    instrumented()
    wrapped = differences(before, everything())
    assert {f"{toy.MODULE}.log", "Cascade.tool", "DuckDBPyConnection.create_function", "Popen.__init__"} <= wrapped
    RvbbitInstrumentor().uninstrument()
    assert differences(before, everything()) <= threading_leaves
    assert report() == []


def test_what_only_claims_to_be_a_module_is_passed_over(
    instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Pretender:
        __class__ = ModuleType
        __slots__ = ()

    monkeypatch.setitem(sys.modules, "pretender", Pretender())  # type: ignore[arg-type]
    monkeypatch.setattr(sys.modules[__name__], "log_by_name", toy.log, raising=False)
    instrumented()
    assert {line.state for line in report()} == {"matched"}
    assert vars(sys.modules[__name__])["log_by_name"] is toy.log


def module_file(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(text)


LIBRARY = (
    "def log(session_id): return session_id\nclass Base:\n    def run(self): return 'ran'\nclass Child(Base): pass\n"
)


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forget_modules: list[str]) -> str:
    name = "rvbbit_test_library"
    module_file(tmp_path, name, LIBRARY)
    module_file(tmp_path, f"{name}_user", f"from {name} import log as early\n")
    monkeypatch.syspath_prepend(tmp_path)
    forget_modules += [name, f"{name}_user"]
    return name


def spec_of(library: str, *hooks: Hook) -> RunnerSpec:
    log = Hook(Role.LOG, f"{library}:log", {"session_id": "session_id"})
    return RunnerSpec("library", library, hooks or (log,))


def test_a_name_that_another_module_imported_early_is_wrapped_there_too_and_put_back(
    library: str, instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runners, "SHIPPED", (spec_of(library),))
    user = importlib.import_module(f"{library}_user")
    original = user.early
    traced = instrumented()
    assert user.early("s-1") == "s-1"
    assert [span.name for span in traced.spans] == ["log"]
    RvbbitInstrumentor().uninstrument()
    assert user.early is original


def test_nothing_is_imported_early_and_a_module_imported_later_is_wrapped_then(
    library: str, instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runners, "SHIPPED", (spec_of(library),))
    traced = instrumented()
    assert library not in sys.modules
    assert [line.state for line in report()] == ["waiting"]
    user = importlib.import_module(f"{library}_user")
    assert [line.state for line in report()] == ["matched"]
    user.early("s-1")
    assert [span.name for span in traced.spans] == ["log"]
    RvbbitInstrumentor().uninstrument()
    assert type(user.early) is type(lambda: None)


def test_a_module_imported_after_uninstrumenting_is_left_alone(
    library: str, instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runners, "SHIPPED", (spec_of(library),))
    instrumented()
    RvbbitInstrumentor().uninstrument()
    user = importlib.import_module(f"{library}_user")
    assert type(user.early) is type(lambda: None)


def test_an_inherited_method_is_wrapped_on_its_class_only_and_removed_again(
    library: str, instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = Hook(Role.CASCADE, f"{library}:Child.run", {"session_id": "literal:s-1"})
    monkeypatch.setattr(runners, "SHIPPED", (spec_of(library, hook),))
    traced = instrumented()
    module = importlib.import_module(library)
    assert module.Base().run() == "ran"
    assert traced.spans == ()
    assert module.Child().run() == "ran"
    assert len(traced.spans) == 2
    RvbbitInstrumentor().uninstrument()
    assert "run" not in vars(module.Child)


def test_a_wrapper_that_somebody_wrapped_in_turn_stays_and_does_nothing_any_more(traced: Traced) -> None:
    ours = toy.log

    def theirs(*args: Any, **kwargs: Any) -> Any:
        return ours(*args, **kwargs)

    toy.log = theirs
    try:
        RvbbitInstrumentor().uninstrument()
        assert toy.log is theirs
        assert toy.log("s-1", "user") == "logged"
        assert traced.spans == ()
    finally:
        toy.log = ours.__wrapped__


def test_what_a_version_lacks_is_in_the_report_and_one_line_in_the_log_and_the_rest_works(
    library: str,
    instrumented: Callable[..., Traced],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hooks = (
        Hook(Role.CASCADE, f"{library}:gone", {"session_id": "session_id"}),
        Hook(Role.LOG, f"{library}:log", {"session_id": "renamed"}, accounts=True),
        Hook(
            Role.LOG,
            f"{library}:log",
            {"session_id": "session_id", "role": "role", "tokens_in": "n", "tokens_out": "n"},
        ),
        Hook(Role.LOG, f"{library}:log", {"session_id": "renamed|session_id"}),
        Hook(Role.TOOL, f"{library}:gone_too", {"name": "name"}, optional=True),
        Hook(Role.EXECUTOR, f"{library}:log", {"function": "no_function"}),
    )
    without = (("role", "role"), ("tokens_in", "n"), ("tokens_out", "n"))
    monkeypatch.setattr(runners, "SHIPPED", (spec_of(library, *hooks),))
    traced = instrumented()
    module = importlib.import_module(library)
    assert [(line.state, line.detail) for line in report()] == [
        ("missing", f"{library} has no gone"),
        ("missing", "the target has no argument renamed"),
        ("partial", "; ".join(f"field {field}: the target has no argument {name}" for field, name in without)),
        ("matched", ""),
        ("missing", f"{library} has no gone_too"),
        ("missing", "the target has no argument no_function"),
    ]
    assert module.log("s-1") == "s-1"
    assert [(span.attributes or {})["session.id"] for span in traced.spans if span.name == "log"] == ["s-1", "s-1"]
    (told,) = caplog.records
    assert told.levelname == "WARNING"
    assert told.getMessage() == (
        f"rvbbit-otel: runner library: {library} is not what the spec knows, and the rest works; lost: "
        f"cascade on gone ({library} has no gone): cascades that run there are not stored, and neither is how their sessions "
        "end; log on log (the target has no argument renamed): log rows are not stored, nor are their tokens and cost; "
        "log on log (field role: the target has no argument role; field tokens_in: the target has no argument n; field "
        "tokens_out: the target has no argument n): role, tokens of these are not stored; executor on log (the target has no "
        "argument no_function): work that is handed on there has no caller; `rvbbit-otel doctor --runner library` shows each hook"
    )
    RvbbitInstrumentor().uninstrument()
    instrumented()
    assert len(caplog.records) == 1


def test_a_missing_target_of_a_runner_asked_for_by_name_is_an_error_in_the_log(
    library: str,
    instrumented: Callable[..., Traced],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hooks = (Hook(Role.LOG, f"{library}:gone", {}), Hook(Role.LOG, f"{library}:gone_too", {}, optional=True))
    monkeypatch.setattr(runners, "SHIPPED", (spec_of(library, *hooks),))
    instrumented(runners=("library",))
    importlib.import_module(library)
    (told,) = caplog.records
    assert told.levelname == "ERROR"
    assert f"lost: log on gone ({library} has no gone): log rows are not stored; " in told.getMessage()


def test_a_module_that_a_version_has_no_more_is_said_as_soon_as_the_runner_is_there(
    tmp_path: Path,
    instrumented: Callable[..., Traced],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    forget_modules: list[str],
) -> None:
    package = tmp_path / "rvbbit_test_package"
    (package / "deep").mkdir(parents=True)
    (package / "deep" / "there.py").write_text("def log(): ...\n")
    (package / "first.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    names = ["rvbbit_test_package", *(f"rvbbit_test_package.{name}" for name in ("deep", "deep.there", "first"))]
    forget_modules += names
    hooks = (
        Hook(Role.LOG, "rvbbit_test_package.deep.there:log"),
        Hook(Role.LOG, "rvbbit_test_package.first:gone", optional=True),
        Hook(Role.LOG, "rvbbit_test_package.deep.moved:log"),
        *(Hook(Role.TOOL, "rvbbit_test_package.gone.at_all:call", {"name": "name"}) for _ in range(10)),
    )
    monkeypatch.setattr(runners, "SHIPPED", (RunnerSpec("package", names[0], hooks),))
    instrumented()
    assert [line.state for line in report()] == ["waiting"] * 13
    importlib.import_module("rvbbit_test_package.first")
    # A package without an __init__.py is a namespace, and what is not imported yet stays so.
    assert [line.state for line in report()] == ["waiting", *["missing"] * 12]
    assert "rvbbit_test_package.deep" not in sys.modules
    moved, gone = (record.getMessage() for record in caplog.records)
    assert "lost: log on log (there is no module rvbbit_test_package.deep.moved): log rows are not stored; " in moved
    assert gone.count("tool on call (there is no module rvbbit_test_package.gone.at_all)") == 8
    assert "; and 2 more; `rvbbit-otel doctor --runner package`" in gone
    importlib.import_module("rvbbit_test_package.deep.there")
    assert report()[0].state == "matched"


def test_a_version_that_the_hooks_are_not_for_is_one_line_once_the_runner_is_imported(
    library: str, instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hooks = (Hook(Role.LOG, f"{library}:log"),)
    spec = RunnerSpec("library", library, hooks, distribution="pytest", versions="<1")
    monkeypatch.setattr(runners, "SHIPPED", (spec,))
    traced = instrumented()
    assert caplog.records == []
    importlib.import_module(library).log("s-1")
    (told,) = caplog.records
    assert told.levelname == "WARNING"
    assert told.getMessage() == (
        f"rvbbit-otel: runner library: pytest {pytest.__version__} is installed, and the hooks are for <1; lost: nothing of it is "
        "instrumented"
    )
    assert traced.spans == ()
    RvbbitInstrumentor().uninstrument()
    instrumented()
    assert len(caplog.records) == 1


def test_nothing_is_said_of_what_is_optional_or_there(
    library: str, instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hooks = (
        Hook(Role.LOG, f"{library}:gone", {}, optional=True),
        Hook(Role.LOG, f"{library}:log", {"session_id": "session_id", "role": "gone"}, optional=True),
    )
    monkeypatch.setattr(runners, "SHIPPED", (spec_of(library, *hooks),))
    instrumented()
    importlib.import_module(library)
    assert [line.state for line in report()] == ["missing", "partial"]
    assert caplog.records == []


def test_a_runner_asked_for_by_name_must_exist_and_be_installed(
    instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = RunnerSpec("absent", "no_such_module_here", (Hook(Role.LOG, "no_such_module_here:log", {}),))
    old = RunnerSpec("old", "duckdb", (Hook(Role.LOG, "duckdb:gone", {}),), distribution="duckdb", versions="<0.1")
    monkeypatch.setattr(runners, "SHIPPED", (toy.SPEC, absent, old))
    before = everything()
    with pytest.raises(ConfigurationError, match="there is no runner nope; there are absent, old, toy"):
        instrumented(runners=("nope",))
    with pytest.raises(ConfigurationError, match="its module no_such_module_here can't be imported"):
        instrumented(runners=("toy", "absent"))
    with pytest.raises(ConfigurationError, match=rf"hooks are for duckdb <0.1; {duckdb.__version__} is installed"):
        instrumented(runners=("old",))
    assert differences(before, everything()) <= {"Timer.start", "Timer.run"}
    instrumented()
    states = {(line.runner, line.version): line.state for line in report()}
    assert states["absent", None] == "waiting"
    assert states["old", duckdb.__version__] == "unsupported"


def test_what_belongs_to_others_is_wrapped_only_with_the_runner(
    library: str, instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    create_function = duckdb.DuckDBPyConnection.create_function
    monkeypatch.setattr(runners, "SHIPPED", (spec_of(library, *duckdb_hooks.HOOKS),))
    instrumented()
    assert duckdb.DuckDBPyConnection.create_function is create_function
    importlib.import_module(library)
    assert duckdb.DuckDBPyConnection.create_function is not create_function


def test_a_lazy_module_is_not_loaded_by_looking_for_early_bindings(instrumented: Callable[..., Traced]) -> None:
    class Lazy(ModuleType):
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(f"touched: {name}")

    sys.modules["rvbbit_test_lazy"] = Lazy("rvbbit_test_lazy")
    try:
        instrumented()
        RvbbitInstrumentor().uninstrument()
    finally:
        del sys.modules["rvbbit_test_lazy"]


def test_runners_of_other_packages_are_found_by_their_entry_point_and_a_broken_one_is_counted(
    instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    class EntryPoint:
        def __init__(self, name: str, value: Any) -> None:
            self.name, self.value = name, value

        def load(self) -> Any:
            if isinstance(self.value, Exception):
                raise self.value
            return self.value

    points = [EntryPoint("good", toy.SPEC), EntryPoint("bad", ImportError("x")), EntryPoint("odd", 7)]
    monkeypatch.setattr(runners, "SHIPPED", ())
    monkeypatch.setattr(runners.importlib.metadata, "entry_points", lambda group: points)
    traced = instrumented()
    assert {line.runner for line in report()} == {"toy"}
    assert traced.errors() == {"errors.runners.bad": 1, "errors.runners.odd": 1}


def test_one_call_is_one_row_however_many_specs_know_of_it_and_a_users_own_says_what_it_means(
    instrumented: Callable[..., Traced], tmp_path: Path
) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        f'''
name = "own"
module = "tests"

[[hooks]]
role = "cascade"
target = "{toy.MODULE}:Cascade.run"
fields = {{ session_id = "self.session_id", cascade_id = "literal:own" }}

[[hooks]]
role = "log"
target = "{toy.MODULE}:log"
fields = {{ session_id = "session_id", role = "literal:own" }}
'''
    )
    traced = instrumented(runner_files=(str(own),))
    toy.Cascade("s-1").run(lambda: toy.log("s-1", "assistant"))
    assert [span.name for span in traced.spans] == ["session start", "log own", "cascade own"]
    twice = [line for line in report() if line.target in (f"{toy.MODULE}:Cascade.run", f"{toy.MODULE}:log")]
    assert [(line.runner, line.state, line.detail) for line in twice] == [
        ("own", "matched", ""),
        ("own", "matched", ""),
        ("toy", "matched", "as the spec of own says"),
        ("toy", "matched", "as the spec of own says"),
    ]
