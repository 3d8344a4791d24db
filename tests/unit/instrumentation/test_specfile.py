from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rvbbit_otel.errors import SpecError
from rvbbit_otel.instrumentation import Hook, Role, RunnerSpec, load_spec
from rvbbit_otel.instrumentation.runners import SHIPPED, duckdb
from rvbbit_otel.instrumentation.runners.toml_file import INCLUDES, parse_spec, spec_as_toml
from rvbbit_otel.instrumentation.spec.model import FIELDS, REPLACED_FIELD

HEAD = 'name = "mine"\nmodule = "mine"\n'
NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="|"), max_size=20)
STEPS = st.lists(st.one_of(NAMES, st.integers(-9, 9).map(str), st.just("*")), max_size=3)
PATHS = st.one_of(
    st.tuples(NAMES.filter(lambda name: name not in ("ambient", "yielded")), STEPS).map(
        lambda path: ".".join([path[0], *path[1]])
    ),
    TEXT.map(lambda text: f"literal:{text}"),
    st.sampled_from(["ambient.caller_id", "ambient.session_id", "new:run", "self.id|result.0"]),
)


@st.composite
def hooks(draw: Any, accounting: Role) -> Hook:
    role = draw(st.sampled_from(Role))
    optional = sorted(FIELDS[role].optional)
    names = [
        *sorted(FIELDS[role].required),
        *(draw(st.lists(st.sampled_from(optional), unique=True)) if optional else ()),
    ]
    steers = role in (Role.CASCADE, Role.CELL, Role.TOOL, Role.LLM)
    mended = {Role.CALLER_ASKED: "result.1", Role.CALLER_PASSED: "options.caller"}.get(role)
    if role is Role.CALLER_ASKED:
        names = sorted({*names, "caller_id"})
    when = st.none() if mended or role is Role.CALLER_GUESSED or REPLACED_FIELD in names else st.none() | PATHS
    returned = draw(st.sampled_from(["", "()"]) if steers else st.just(""))
    return Hook(
        role,
        draw(st.from_regex(r"m(\.[a-z]{1,4}){0,2}:[A-Z][a-z]{0,4}(\.[a-z]{1,4})?", fullmatch=True)) + returned,
        {
            name: mended
            if mended and name in ("caller_id", "metadata")
            else draw(NAMES.filter(_is_argument) if name == REPLACED_FIELD else PATHS)
            for name in names
        },
        accounts=draw(st.sampled_from([False, True, *(["alone"] if role is Role.LLM else [])]))
        if role is accounting
        else False,
        block=draw(st.booleans()) if steers and not returned else False,
        unless=draw(when.filter(lambda path: path is None or "result" not in path)),
        when=draw(when.filter(lambda path: path is None or "result" not in path)),
        optional=draw(st.booleans()),
        parameters=draw(st.none() | st.lists(TEXT, max_size=3).map(tuple)),
        not_errors=draw(st.lists(st.just("m.errors:Steering"), max_size=2).map(tuple)) if steers else (),
    )


def _is_argument(name: str) -> bool:
    return name not in ("self", "result", "ambient")


@st.composite
def specs(draw: Any) -> RunnerSpec:
    distribution = draw(st.none() | st.from_regex(r"[a-z]{1,8}", fullmatch=True))
    return RunnerSpec(
        draw(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)),
        draw(NAMES),
        tuple(draw(st.lists(hooks(draw(st.sampled_from([Role.LOG, Role.LLM]))), min_size=1, max_size=4))),
        distribution,
        draw(st.sampled_from(["", ">=3.2,<4", "==1.*"])) if distribution else "",
    )


@given(specs())
def test_a_spec_written_as_toml_and_read_again_is_equal(spec: RunnerSpec) -> None:
    assert parse_spec(spec_as_toml(spec)) == spec


@pytest.mark.parametrize("spec", SHIPPED, ids=lambda spec: spec.name)
def test_shipped_specs_can_be_written_as_files(spec: RunnerSpec, tmp_path: Path) -> None:
    file = tmp_path / "runner.toml"
    file.write_text(spec_as_toml(spec), encoding="utf-8")
    assert load_spec(file) == load_spec(str(file)) == spec


def test_what_is_included_comes_after_the_hooks_of_the_file() -> None:
    spec = parse_spec(f'{HEAD}include = ["duckdb"]\n[[hooks]]\nrole = "log"\ntarget = "mine:log"\n')
    assert spec == RunnerSpec("mine", "mine", (Hook(Role.LOG, "mine:log"), *duckdb.HOOKS))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name =", "r.toml: it is no TOML: Invalid value (at end of document)"),
        ('name = "mine"', "r.toml: module is missing"),
        (HEAD, "r.toml: runner mine: it has no hooks"),
        (f"{HEAD}hooks = 7", "r.toml: hooks is of type int; each hook is a table [[hooks]]"),
        (f"{HEAD}hooks = [7]", "r.toml: hook 1: it is of type int; each hook is a table [[hooks]]"),
        (f"{HEAD}hook = []", "r.toml: there is no key hook; there are distribution, hooks, include, module, name, versions"),
        (f'{HEAD}[[hooks]]\nrole = "log"', "r.toml: hook 1: target is missing"),
        (f'{HEAD}[[hooks]]\nrole = 1\ntarget = "m:l"', "r.toml: hook 1: role is text in quotes"),
        (f'{HEAD}[[hooks]]\nrole = "LOG"\ntarget = "m:l"', "r.toml: hook 1: 'LOG' is no role; there are caller_set, "),
        (
            f'{HEAD}[[hooks]]\nrole = "log"\ntarget = "m:l"\n[[hooks]]\nrole = "cascade"\ntarget = "m:run"',
            "r.toml: hook 2: cascade on 'm:run': field session_id is missing",
        ),
        (
            f'{HEAD}[[hooks]]\nrole = "log"\ntarget = "m:l"\nfields = {{ rol = "x" }}',
            "r.toml: hook 1: log on 'm:l': there is no field rol; there are cell_name, content, cost, ",
        ),
        (
            f'{HEAD}[[hooks]]\nrole = "log"\ntarget = "m:l"\nfields = {{ role = "a..b" }}',
            "r.toml: hook 1: log on 'm:l', field role: 'a..b' is no path; one reads like session_id, ",
        ),
        (
            f'{HEAD}[[hooks]]\nrole = "log"\ntarget = "m:l"\nfields = {{ role = 1 }}',
            "r.toml: hook 1: log on 'm:l', field role: 1 is no path; a path is text",
        ),
        (f'{HEAD}[[hooks]]\nrole = "log"\ntarget = "m:l"\nfields = "x"', "hook 1: log on 'm:l': fields are paths by field name"),
        (f'{HEAD}[[hooks]]\nrole = "log"\ntarget = "m:l"\nacounts = true', "r.toml: hook 1: there is no key acounts; there are "),
        (f'{HEAD}[[hooks]]\nrole = "log"\ntarget = "m:l"\nwhen = 1', "hook 1: log on 'm:l': when is 1; a path is text"),
        (f'{HEAD}[[hooks]]\nrole = "log"\ntarget = "m:l"\noptional = 1', "hook 1: log on 'm:l': optional is 1; it is true or false"),
        (f'{HEAD}include = ["sqlite"]', "r.toml: include has 'sqlite'; there are duckdb"),
        (f'{HEAD}include = "duckdb"', "r.toml: include is text; it is a list of names"),
        (f'{HEAD}versions = ">=1"\n[[hooks]]\nrole = "log"\ntarget = "m:l"', "r.toml: runner mine: versions '>=1' need a"),
    ],
)  # fmt: skip
def test_a_file_that_can_not_work_says_which_hook_and_which_field(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(text, "r.toml")
    assert message in str(caught.value)


def test_a_file_that_can_not_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"gone\.toml: No such file or directory; it can't be read"):
        load_spec(tmp_path / "gone.toml")
    (tmp_path / "bytes.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(SpecError, match=r"bytes\.toml: it is no UTF-8 text"):
        load_spec(tmp_path / "bytes.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * 1_048_577)
    with pytest.raises(SpecError, match=r"large\.toml: 1048577 bytes are no RunnerSpec"):
        load_spec(tmp_path / "large.toml")
    (tmp_path / "deep.toml").write_text("name = " + "[" * 100_000)
    with pytest.raises(SpecError, match=r"deep\.toml: it is no TOML"):
        load_spec(tmp_path / "deep.toml")


def test_each_set_of_hooks_that_can_be_included_has_its_librarys_name() -> None:
    assert {hook.module.lstrip("_") for hook in INCLUDES["duckdb"]} == {"duckdb"}
    assert list(INCLUDES) == ["duckdb"]
