"""The stub of a model, as OpenAI's and Google's clients ask one: it keeps what each request cost by the marker in its text.

A request that offers tools and has no answer of one yet is told to call the first of those that are named in it; any other gets a text.
One that says ``fail`` is refused.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MARKER = re.compile(r"m-([a-z0-9-]+)-r(\d+)-")
MODEL = "gpt-4o-mini"
# What a token in and one out costs, in dollars, as their makers say on their pages.
PRICES = {
    "gpt-4o-mini": (Decimal("0.00000015"), Decimal("0.0000006")),
    "gemini-2.5-flash": (Decimal("0.0000003"), Decimal("0.0000025")),
}


@dataclass(frozen=True)
class Call:
    """One answered request."""

    response_id: str
    tokens_in: int
    tokens_out: int
    cost: Decimal


@dataclass
class Books:
    """What was answered so far, by caller and run."""

    calls: dict[tuple[str, int], list[Call]] = field(default_factory=dict)
    strangers: list[str] = field(default_factory=list)

    def of(self, caller: str) -> list[Call]:
        """The calls of a caller."""
        return [call for (whose, _), calls in self.calls.items() if whose == caller for call in calls]


@dataclass(frozen=True)
class Stub:
    """One that serves at `url`."""

    url: str
    books: Books


@contextmanager
def serving() -> Iterator[Stub]:
    """A stub on a free port, until the end of the block."""
    books = Books()

    class Handler(_Handler):
        pass

    Handler.books = books
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Stub(f"http://127.0.0.1:{server.server_port}", books)
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    books: Books
    _numbers = itertools.count(1)
    _lock = threading.Lock()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._json({"object": "list", "data": []})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = json.dumps(body)
        if "fail, please" in asked:
            self._json({"error": {"message": "the stub says no", "type": "invalid_request_error", "code": 400}}, 400)
            return
        tool = _tool_to_call(body)
        found = MARKER.search(asked)
        text = f"finished {found[0]}" if found else "finished nobody"
        if "[[ ## answer ## ]]" in asked:  # How DSPy wants to be answered.
            text = f"[[ ## answer ## ]]\n{text}\n\n[[ ## completed ## ]]"
        # A word in, a token; the system's own and the schemas of tools count too, as they do in reality.
        tokens_in, tokens_out = len(asked.split()), 7 if tool else len(text.split())
        model = self._model(body)
        price_in, price_out = PRICES[model]
        cost = price_in * tokens_in + price_out * tokens_out
        call = Call(f"resp-{next(self._numbers):06}", tokens_in, tokens_out, cost)
        with self._lock:
            if found:
                self.books.calls.setdefault((found[1], int(found[2])), []).append(call)
            else:
                self.books.strangers.append(asked[:400])
        answer = _Answer(call, model, text, tool, found[0] if found else "nobody")
        if self.path.endswith("/responses"):
            self._responses(answer, body)
        elif ":generateContent" in self.path or ":streamGenerateContent" in self.path:
            self._gemini(answer)
        else:
            self._chat(answer, body)

    def _model(self, body: dict[str, Any]) -> str:
        """As it is asked for; Gemini's clients name it in the path."""
        named = re.search(r"models/([^/:]+):", self.path)
        return str(body.get("model", named[1] if named else MODEL))

    def _chat(self, answer: _Answer, body: dict[str, Any]) -> None:
        message: dict[str, Any] = {"role": "assistant", "content": None if answer.tool else answer.text}
        if answer.tool:
            function = {"name": answer.tool, "arguments": answer.arguments}
            message["tool_calls"] = [
                {"id": f"call-{answer.call.response_id}", "type": "function", "function": function}
            ]
        base = {"id": answer.call.response_id, "created": 1, "model": answer.model}
        reason = "tool_calls" if answer.tool else "stop"
        usage = {
            "prompt_tokens": answer.call.tokens_in,
            "completion_tokens": answer.call.tokens_out,
            "total_tokens": answer.call.tokens_in + answer.call.tokens_out,
        }
        if not body.get("stream"):
            choices = [{"index": 0, "message": message, "finish_reason": reason}]
            self._json({**base, "object": "chat.completion", "choices": choices, "usage": usage})
            return
        delta = {**message, **({"tool_calls": [{**message["tool_calls"][0], "index": 0}]} if answer.tool else {})}
        parts: list[tuple[list[Any], Any]] = [
            ([{"index": 0, "delta": delta, "finish_reason": None}], None),
            ([{"index": 0, "delta": {}, "finish_reason": reason}], None),
        ]
        if (body.get("stream_options") or {}).get("include_usage"):
            parts.append(([], usage))
        chunks = [
            {**base, "object": "chat.completion.chunk", "choices": choices, "usage": used} for choices, used in parts
        ]
        self._events([(None, chunk) for chunk in chunks], "[DONE]")

    def _responses(self, answer: _Answer, body: dict[str, Any]) -> None:
        number = answer.call.response_id
        if answer.tool:
            item: dict[str, Any] = {
                "type": "function_call",
                "id": f"fc-{number}",
                "call_id": f"call-{number}",
                "name": answer.tool,
                "arguments": answer.arguments,
                "status": "completed",
            }
        else:
            content = [{"type": "output_text", "text": answer.text, "annotations": []}]
            item = {
                "type": "message",
                "id": f"msg-{number}",
                "role": "assistant",
                "status": "completed",
                "content": content,
            }
        response = {
            "id": number,
            "object": "response",
            "created_at": 1,
            "model": answer.model,
            "status": "completed",
            "output": [item],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": answer.call.tokens_in,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": answer.call.tokens_out,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": answer.call.tokens_in + answer.call.tokens_out,
            },
        }
        if not body.get("stream"):
            self._json(response)
            return
        open_response = {**response, "status": "in_progress", "output": [], "usage": None}
        events = [
            ("response.created", {"response": open_response}),
            ("response.output_item.added", {"output_index": 0, "item": item}),
            ("response.output_item.done", {"output_index": 0, "item": item}),
            ("response.completed", {"response": response}),
        ]
        self._events([(name, {"type": name, "sequence_number": n, **e}) for n, (name, e) in enumerate(events)], None)

    def _gemini(self, answer: _Answer) -> None:
        part: dict[str, Any] = {"text": answer.text}
        if answer.tool:
            part = {"functionCall": {"name": answer.tool, "args": json.loads(answer.arguments)}}
        # Of a model that thinks, the thoughts are said apart, and are paid for as well.
        thoughts = 2
        response = {
            "responseId": answer.call.response_id,
            "modelVersion": answer.model,
            "candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {
                "promptTokenCount": answer.call.tokens_in,
                "candidatesTokenCount": answer.call.tokens_out - thoughts,
                "thoughtsTokenCount": thoughts,
                "totalTokenCount": answer.call.tokens_in + answer.call.tokens_out,
            },
        }
        if ":stream" in self.path:
            self._events([(None, response)], None)
        else:
            self._json(response)

    def _json(self, answer: Any, status: int = 200) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _events(self, events: list[tuple[str | None, Any]], last: str | None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for name, event in events:
            said = f"event: {name}\n" if name else ""
            self.wfile.write(f"{said}data: {json.dumps(event)}\n\n".encode())
        if last is not None:
            self.wfile.write(f"data: {last}\n\n".encode())
        self.close_connection = True


@dataclass(frozen=True)
class _Answer:
    call: Call
    model: str
    text: str
    tool: str | None
    marker: str

    @property
    def arguments(self) -> str:
        return json.dumps({"answer": self.text} if self.tool == "final_answer" else {"topic": self.marker})


def _tool_to_call(body: dict[str, Any]) -> str | None:
    """`look_up` where it is offered and has not answered yet; then `final_answer`, if the framework wants one by a tool."""
    offered = []
    for tool in body.get("tools") or []:
        functions = tool.get("functionDeclarations") or [tool.get("function") or tool]
        offered += [function.get("name") for function in functions]
    said = json.dumps(body.get("messages") or body.get("input") or body.get("contents"))
    # What the tool of the programs answers begins so.
    if "look_up" in offered and "found for " not in said:
        return "look_up"
    return "final_answer" if "final_answer" in offered else None
