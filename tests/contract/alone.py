"""Runs one program in this process: ``python -m tests.contract.alone MODULE FUNCTION``, under a launcher. Its last line says what became of it."""

from __future__ import annotations

import importlib
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from tests.contract.programs import Spans, as_json, run


def main() -> None:
    module, name = sys.argv[1:]
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    test = getattr(importlib.import_module(module), name)
    spans = Spans(provider, test.at_once)
    complaints = run(test.program, spans)
    print("\n" + as_json(complaints, *spans.left()), flush=True)


if __name__ == "__main__":
    main()
