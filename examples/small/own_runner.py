"""A runner of your own, described as data, and the check of that.    python examples/small/own_runner.py

Announced by an entry point, the spec is switched on by every launcher: docs/how-to/write-a-runner-spec.md.
"""

from rvbbit_otel import Hook, Role, RunnerSpec, check_spec

SPEC = RunnerSpec(
    name="assistant",
    module="assistant",
    hooks=(
        Hook(Role.CALLER_SET, "assistant:login", {"caller_id": "user", "origin": "literal:assistant"}),
        Hook(Role.CALLER_CLEARED, "assistant:logout"),
        Hook(Role.CASCADE, "assistant:answer", {"session_id": "run_id", "input": "question"}),
    ),
)

for line in check_spec(SPEC):
    print(f"{line.state:8} {line.role:15} {line.target}  {line.lost}".rstrip())
