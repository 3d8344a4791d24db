from __future__ import annotations

import re
from typing import Any

import pytest

from rvbbit_otel.errors import SpecError
from rvbbit_otel.instrumentation import Hook, Role, RunnerSpec
from rvbbit_otel.instrumentation.runners import SHIPPED
from rvbbit_otel.instrumentation.spec.expressions import Arguments, bind, parse

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
        (lambda: Hook(Role.LOG, "m:log", {"role": 7}), "hook log on 'm:log', field role: 7 is no path; a path is text"),  # type: ignore[dict-item]
        (lambda: Hook(Role.LOG, "m:log", ["role"]), "fields are paths by field name"),  # type: ignore[arg-type]
        (lambda: Hook(Role.LOG, "m:log", accounts="yes"), "accounts is 'yes'; it is true or false"),  # type: ignore[arg-type]
        (lambda: Hook(Role.LOG, "m:log", parameters="name"), "parameters is 'name'; it is a list of names"),  # type: ignore[arg-type]
        (lambda: Hook(Role.LOG, "m:log", {"role": "new:"}), "'new:': what a new id begins with is 1 to 64 of"),
        (lambda: Hook(Role.LOG, "m:log", {"role": "*.x"}), "'*.x' is no path"),
        (
            lambda: Hook(Role.LOG, "m:log", not_errors=("m:E",)),
            "only a cascade, cell, tool or llm can end by an exception",
        ),
        (
            lambda: Hook(Role.LLM, "m:log", not_errors=("E",)),
            "not_errors has 'E'; an exception reads like package.module:Class",
        ),
        (lambda: RunnerSpec("a", "m", ("log",)), "runner a: a hook is a Hook"),  # type: ignore[arg-type]
        (lambda: RunnerSpec("a", "m", (LOG,), "d", "about 3"), "versions is 'about 3'; it reads like >=3.2,<4"),
        (lambda: RunnerSpec("a", "m", (LOG,), ""), "distribution is ''; it is the name of a package"),
        (
            lambda: Hook(Role.LOG, "m:log", {"cost": "yielded.cost"}),
            "field cost: what is yielded is for response_model,",
        ),
        (lambda: Hook(Role.LLM, "m:log", {"cost": "yielded.cost|price"}), "has no path beside it but of a result"),
        (
            lambda: Hook(Role.LLM, "m:log", {"model": "yielded.model"}),
            "field model: what is yielded is for response_model",
        ),
        (lambda: RunnerSpec("A b", "m", (LOG,)), "runner 'A b': a name is"),
        (lambda: RunnerSpec("a", "m.", (LOG,)), "'m.' is no module"),
        (lambda: Hook(Role.LLM, "m:log", {"cost": "result.a+price"}), "what is added up begins at one place"),
        (lambda: Hook(Role.LOG, "m:log", accounts="alone"), "only llm hooks can account alone"),
        (lambda: Hook(Role.LOG, "m:log", block=True), "a block can be a cascade, cell, tool or llm"),
        (lambda: Hook(Role.LLM, "m:find()", block=True), "a block can be a cascade, cell, tool or llm"),
        (lambda: Hook(Role.LLM, "m:log", unless="result.x"), "unless is decided before a call"),
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
        (read("result.-1", 1, result=(7, 8)), 8),
        (read("result.-3", 1, result=(7, 8)), None),
        (read("result.*.key", 1, result=[{"key": 1}, {}, {"key": 3}]), [1, None, 3]),
        (read("result.*.*.key", 1, result=[[{"key": 1}], [{"key": 2}]]), [[1], [2]]),
        (read("result.*.key|literal:none", 1, result=[{}]), "none"),
        (read("result.*.key", 1, result="text"), None),
        (read("result.*", 1, result=range(2000)), list(range(1000))),
        (read("result.a+result.b", 1, result={"a": 2, "b": 3}), 5),
        (read("result.a+result.b", 1, result={"b": 3}), 3),
        (read("result.a+result.b|literal:none", 1, result={"a": "2"}), "none"),
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


def test_of_the_arguments_that_an_expression_names_a_version_may_have_one() -> None:
    def fixed(sid: Any = None, **_: Any) -> None: ...

    def narrow(sid: Any = None) -> None: ...

    assert bind("session_id|sid", Arguments(narrow, bound_first=False))(None, (5,), {}, None) == 5
    assert bind("session_id|sid", Arguments(fixed, bound_first=False))(None, (5,), {"session_id": 6}, None) == 6
    for nothing_left in ("nope|nope_too", "nope|ambient.session_id", "nope|new:x", "ambient.caller_id|nope"):
        with pytest.raises(SpecError, match="the target has no argument nope"):
            bind(nothing_left, Arguments(narrow, bound_first=False))


def test_a_new_id_is_one_for_each_call() -> None:
    first, second = read("new:run", 1), read("c|new:run", 1)
    assert first != second
    assert re.fullmatch("run-[0-9a-f]{32}", first)
    assert re.fullmatch("run-[0-9a-f]{32}", second)


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
