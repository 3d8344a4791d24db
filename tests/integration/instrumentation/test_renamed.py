"""Another version of OpenTelemetry may call its private parts otherwise: that costs speed, never a span, a record, a caller or the start."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys

import pytest
from tests.support.files import ROOT

from rvbbit_otel import attributes

SOURCE = ROOT / "src" / "rvbbit_otel"
# What we reach into, each with something that stands in for it.
PRIVATE = (
    "_LOGGER_PROVIDER",
    "_METER_PROVIDER",
    "_RUNTIME_CONTEXT",
    "_TRACER_PROVIDER",
    "_active_span_processor",
    "_attributes",
    "_batch_processor",
    "_channel",
    "_client",
    "_content",
    "_content_consumed",
    "_current_context",
    "_dict",
    "_dq",
    "_encode_attributes",
    "_encode_events",
    "_encode_instrumentation_scope",
    "_encode_links",
    "_encode_span",
    "_encode_trace_state",
    "_endpoint",
    "_events",
    "_exporter",
    "_exporting",
    "_links",
    "_log_record_processors",
    "_metrics",
    "_multi_log_record_processor",
    "_queue",
    "_session",
    "_set_logger_provider",
    "_set_meter_provider",
    "_set_tracer_provider",
    "_shutdown",
    "_span_limits",
    "_span_processor",
    "_span_processors",
    "_tracer",
    "_tracers",
    "_transport",
    "_worker_thread",
)
# Where code stands that runs inside the host.
ROOMS = ("attribution", "instrumentation", "redaction", "sdk")
# Without an underscore, and in no documentation.
UNDOCUMENTED = ("dropped", "max_value_len", "sampler", "span_exporter", "span_processor")
# Python's own and DuckDB's, and modules whose whole name this is.
OTHERS = {
    "_current_frames",
    "_exit",
    "_get_running_loop",
    "_getframe",
    "_initializing",
    "_internal",
    "_logs",
    "_scheduler",
    "_state",
    "_submit",
    "_target",
    "_thread",
}


def reached_into() -> set[str]:
    """Private names that code which runs inside the host takes from what is not its own."""
    found, own = set(), set()
    for path in [*SOURCE.glob("*.py"), *(path for room in ROOMS for path in (SOURCE / room).rglob("*.py"))]:
        if "runners" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                mine = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
                (own if mine else found).add(node.attr)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                own.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                own.add(node.id)
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("opentelemetry"):
                found.update(each.name for each in node.names)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and "attr" in node.func.id:
                found.update(
                    each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
                )
    return {name for name in found - own if name.startswith("_") and not name.startswith("__")}


def test_all_that_is_reached_into_is_listed() -> None:
    assert sorted(reached_into() - set(PRIVATE) - OTHERS) == []


@pytest.mark.parametrize("name", ["nothing_of_theirs", *PRIVATE, *UNDOCUMENTED])
def test_a_part_that_is_called_otherwise_costs_no_span_no_record_and_no_caller(name: str) -> None:
    seen = subprocess.run(
        [sys.executable, "-m", "tests.support.renaming", name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (seen.returncode, seen.stdout.splitlines()) == (
        0,
        ["spans 15 15 30", "records 15 15", "nobody ['']", "explicit 0"],
    ), seen.stderr[-2000:]


def test_names_that_are_not_stable_are_those_of_the_semantic_conventions() -> None:
    gen_ai = importlib.import_module("opentelemetry.semconv._incubating.attributes.gen_ai_attributes")
    session = importlib.import_module("opentelemetry.semconv._incubating.attributes.session_attributes")
    assert attributes.SESSION_ID == session.SESSION_ID
    assert {
        attributes.GEN_AI_OPERATION_NAME: gen_ai.GEN_AI_OPERATION_NAME,
        attributes.GEN_AI_PROVIDER_NAME: gen_ai.GEN_AI_PROVIDER_NAME,
        attributes.GEN_AI_REQUEST_MODEL: gen_ai.GEN_AI_REQUEST_MODEL,
        attributes.GEN_AI_RESPONSE_MODEL: gen_ai.GEN_AI_RESPONSE_MODEL,
        attributes.GEN_AI_TOOL_NAME: gen_ai.GEN_AI_TOOL_NAME,
        attributes.GEN_AI_INPUT_TOKENS: gen_ai.GEN_AI_USAGE_INPUT_TOKENS,
        attributes.GEN_AI_OUTPUT_TOKENS: gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS,
    }.items() <= {name: name for name in vars(gen_ai).values() if isinstance(name, str)}.items()
