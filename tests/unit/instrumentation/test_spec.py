from __future__ import annotations

from typing import Any

import pytest

from rvbbit_otel.errors import SpecError
from rvbbit_otel.instrumentation import Hook, Role, RunnerSpec
from rvbbit_otel.instrumentation.paths import Arguments, bind, parse
from rvbbit_otel.instrumentation.runners import SHIPPED

LOG = Hook(Role.LOG, "m:log", {})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Hook("log", "m:log", {}), "hook log on 'm:log': the role is one of caller_set"),  # type: ignore[arg-type]
        (lambda: Hook(Role.LOG, "m.log", {}), "a target reads like package.module:Class.method"),
        (lambda: Hook(Role.CASCADE, "m:run", {}), "hook cascade on 'm:run': field session_id is missing"),
        (lambda: Hook(Role.CELL, "m:c", {"name": "x", "nam": "y"}), "there is no field nam; there are input, name"),
        (lambda: Hook(Role.LOG, "m:log", {"role": "a..b"}), "hook log on 'm:log', field role: 'a..b' is no path"),
        (lambda: Hook(Role.LOG, "m:log", {"role": "ambient.nope"}), "of the context there are ambient.caller_id"),
        (lambda: Hook(Role.EXECUTOR, "m:s", {"function": "self.f"}), "field function: it is the name of one argument"),
        (lambda: Hook(Role.CELL, "m:c", {"name": "x"}, accounts=True), "only log and llm hooks can account"),
        (lambda: Hook(Role.LOG, "m:log()", {}), "what a callable returns can be a cascade, cell, tool or llm"),
        (lambda: RunnerSpec("A b", "m", (LOG,)), "runner 'A b': a name is"),
        (lambda: RunnerSpec("a", "m.n", (LOG,)), "'m.n' is no top-level module"),
        (lambda: RunnerSpec("a", "m", ()), "runner a: it has no hooks"),
        (lambda: RunnerSpec("a", "m", (LOG,), versions=">1"), "need a distribution to ask"),
        (
            lambda: RunnerSpec(
                "a", "m", (Hook(Role.LOG, "m:l", {}, accounts=True), Hook(Role.LLM, "m:c", {}, accounts=True))
            ),
            "log and llm hooks both account; the same tokens would count twice",
        ),
    ],
)
def test_a_spec_that_can_not_work_says_which_hook_and_which_field(make: Any, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        make()
    assert message in str(caught.value)


def test_a_spec_can_not_be_changed_once_made() -> None:
    with pytest.raises(TypeError):
        LOG.fields["role"] = "x"  # type: ignore[index]


def test_shipped_specs_have_names_of_their_own() -> None:
    assert sorted({spec.name for spec in SHIPPED}) == sorted(spec.name for spec in SHIPPED)


class Thing:
    value = "attribute"

    def method(self, a: Any, b: Any = "default", *, c: Any = None, **more: Any) -> Any:
        return {"list": ["zero", {"key": "deep"}]}


ARGUMENTS = Arguments(Thing.method, bound_first=True)


def read(expression: str, *args: Any, result: Any = None, **kwargs: Any) -> Any:
    return bind(expression, ARGUMENTS)(Thing(), args, kwargs, result)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (read("a", 1), 1),
        (read("a", a=1), 1),
        (read("b", 1), "default"),
        (read("b", 1, 2), 2),
        (read("c", 1, 2, c=3), 3),
        (read("c", 1, 2), None),
        (read("other", 1, other=4), 4),
        (read("self.value", 1), "attribute"),
        (read("result.list.1.key", 1, result={"list": ["zero", {"key": "deep"}]}), "deep"),
        (read("result.2", 1, result=(7, 1.5, "caller")), "caller"),
        (read("result.9", 1, result=(7,)), None),
        (read("result.0", 1, result=7), None),
        (read("a.x.y", None), None),
        (read("a.x", {"x": 5}), 5),
        (read("literal:some text. Yes", 1), "some text. Yes"),
        (read("c|b|a", 1, None), 1),
        (read("c|literal:last", 1), "last"),
        (read("ambient.caller_id|a", 1), 1),
    ],
)
def test_a_path_reads_what_it_names(value: Any, expected: Any) -> None:
    assert value == expected


def test_a_path_to_an_argument_that_the_target_lacks_is_known_before_any_call() -> None:
    def fixed(a: Any) -> None: ...

    with pytest.raises(SpecError, match="the target has no argument nope"):
        bind("nope", Arguments(fixed, bound_first=False))


def test_a_callable_without_a_signature_is_read_by_declared_names() -> None:
    arguments = Arguments(dict.get, bound_first=True, declared=("key", "default"))
    assert bind("default", arguments)({}, ("k", "d"), {}, None) == "d"
    assert bind("default", arguments)({}, ("k",), {"default": "e"}, None) == "e"


def test_alternatives_are_parsed_in_order() -> None:
    assert [path.root for path in parse("session_id | self.session_id | ambient.session_id")] == [
        "session_id",
        "self",
        "ambient",
    ]
