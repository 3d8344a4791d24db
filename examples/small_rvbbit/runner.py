"""Runs a cascade in a session of its own.

Rows of one session, counting one for each of these calls (a take is a row as a cell is):

| cascade            | session | cascade | cells | takes | model | tool | log | all |
|--------------------|---------|---------|-------|-------|-------|------|-----|-----|
| extract_brand.yaml | 1       | 1       | 2     | 2     | 2     | 1    | 11  | 20  |
| nested.yaml        | 1       | 1       | 2     | 0     | 0     | 1    | 5   | 10  | and 20 for the session under it
| failing.yaml       | 1       | 1       | 2     | 1     | 1     | 1    | 8   | 15  |

The 11 log calls: start, input, prompt and answer of each of 2 takes, pick, cell end, tool call, tool result, end. A cell that runs a cascade
logs nothing itself. A tool that fails has no result: an error stands in place of it and of the end. Whatever is logged tells of the product, so
that each row can be traced to whoever asked.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from small_rvbbit import caller_context, journal
from small_rvbbit.echo import sessions
from small_rvbbit.llm import complete
from small_rvbbit.logs import log_message
from small_rvbbit.session_state import states
from small_rvbbit.tools import call_tool

MODEL = "stub/brand-1"


class Runner:
    """One cascade, one session."""

    def __init__(
        self,
        config_path: str,
        session_id: str,
        parent_session_id: str | None = None,
        caller_id: str | None = None,
        invocation_metadata: Mapping[str, object] | None = None,
        depth: int = 0,
    ) -> None:
        """Read the cascade; the session opens with it."""
        self.config_path = config_path
        self.config: dict[str, Any] = yaml.safe_load(Path(config_path).read_text())
        self.cascade_id: str = self.config["cascade_id"]
        self.session_id = session_id
        self.parent_session_id = parent_session_id
        self.depth = depth
        self.echo = sessions.get_session(session_id, parent_session_id, caller_id, invocation_metadata)
        self.echo.cascade_id = self.cascade_id
        self.outputs: dict[str, Any] = {}

    def run(self, input_data: dict[str, Any]) -> dict[str, Any]:
        """Run every cell in turn; the last one's output is the cascade's."""
        states.create_session(self.session_id, self.cascade_id, self.parent_session_id)
        self._journal(input_data)
        self._product = input_data["product_name"]
        self._log("system", f"cascade {self.cascade_id}", "cascade_start")
        self._log("user", str(input_data), "input", metadata={"input": input_data})
        result: dict[str, Any] = {}
        try:
            for cell in self.config["cells"]:
                result = self.execute_cell(cell, input_data)
                self.outputs[cell["name"]] = result
                states.heartbeat(self.session_id)
        except Exception as error:
            self._log("error", repr(error), "error")
            states.update_status(self.session_id, "error", repr(error))
            raise
        else:
            self._log("system", str(result), "cascade_end")
            states.update_status(self.session_id, "completed")
            return result
        finally:
            sessions.forget(self.session_id)

    def execute_cell(self, cell: dict[str, Any], input_data: dict[str, Any]) -> dict[str, Any]:
        """Run one cell: a model with takes, a tool, or a cascade under this one."""
        name = cell["name"]
        if "tool" in cell:
            arguments = {"product": input_data["product_name"]}
            if "input" in cell:
                arguments["brand"] = self.outputs[cell["input"]]["brand"]
            self._log("tool", f"{cell['tool']} {arguments}", "tool_call", cell_name=name)
            outcome = call_tool(cell["tool"], arguments)
            self._log("tool", str(outcome), "tool_result", cell_name=name)
            return outcome
        if "cascade" in cell:
            path = Path(self.config_path).parent / cell["cascade"]
            return run_cascade(str(path), input_data, parent_session_id=self.session_id, depth=self.depth + 1)
        takes = cell.get("takes", 1)
        with ThreadPoolExecutor(max_workers=takes, thread_name_prefix="takes") as pool:
            futures = [pool.submit(self.execute_take, cell, input_data, index) for index in range(takes)]
            answers = [future.result() for future in futures]
        self._log("system", f"picked {answers[0]['brand']}", "pick", cell_name=name)
        self._log("system", f"{name} done", "cell_end", cell_name=name)
        return answers[0]

    def execute_take(self, cell: dict[str, Any], input_data: dict[str, Any], take_index: int) -> dict[str, Any]:
        """One attempt of a cell at a model."""
        prompt = cell["prompt"].format(**input_data)
        where: dict[str, Any] = {"cell_name": cell["name"], "take_index": take_index}
        self._log("user", prompt, "prompt", **where)
        start = time.perf_counter()
        answer = complete(MODEL, [{"role": "user", "content": prompt}])
        self._log(
            "assistant",
            answer["content"],
            "agent",
            model=answer["model"],
            tokens_in=answer["tokens_in"],
            tokens_out=answer["tokens_out"],
            cost=answer["cost"],
            duration_ms=(time.perf_counter() - start) * 1000,
            **where,
        )
        return {"brand": answer["content"]}

    def _log(self, role: str, content: str, node_type: str, **more: Any) -> None:
        told = content if self._product in content else f"{content} (of {self._product})"
        log_message(self.session_id, role, told, node_type=node_type, **more)

    def _journal(self, input_data: dict[str, Any]) -> None:
        thread = threading.current_thread()
        journal.write(
            "session",
            session_id=self.session_id,
            parent_session_id=self.parent_session_id,
            cascade_id=self.cascade_id,
            caller_id=self.echo.caller_id,
            input=input_data,
            # DuckDB's own threads are unknown to Python, which gives them a dummy.
            native_thread=type(thread).__name__ == "_DummyThread",
        )


def run_cascade(
    config_path: str,
    input_data: dict[str, Any],
    session_id: str | None = None,
    parent_session_id: str | None = None,
    caller_id: str | None = None,
    invocation_metadata: Mapping[str, object] | None = None,
    depth: int = 0,
) -> dict[str, Any]:
    """Run a cascade in a new session, for the caller of this thread unless one is given."""
    return Runner(
        config_path,
        session_id or f"session-{uuid.uuid4().hex[:16]}",
        parent_session_id,
        caller_id or caller_context.get_caller_id(),
        invocation_metadata or caller_context.get_invocation_metadata(),
        depth,
    ).run(input_data)
