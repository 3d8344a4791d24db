"""The stub of a model for the published RVBBIT: it keeps what each request cost, so that tokens can be counted against it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from small_rvbbit.stub_llm import StubHandler, StubServer


class Stub:
    """One that serves. url: its address. tokens: (in, out) of each request so far."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.tokens: list[tuple[int, int]] = []


@contextmanager
def serving(delay_seconds: float = 0.0) -> Iterator[Stub]:
    """A stub on a free port, until the end of the block, that thinks for so long."""

    class Handler(StubHandler):
        def answer(self, prompt: Any) -> str:
            text = prompt if isinstance(prompt, str) else json.dumps(prompt)
            # A pipeline wants a table, everything else a word.
            said = (
                '{"data": [{"finding": "a", "category": "b", "detail": "c"}]}'
                if '"data"' in text
                else super().answer(text)
            )
            stub.tokens.append((len(text.split()), len(said.split())))
            return said

    Handler.delay_seconds = delay_seconds
    server = StubServer(("127.0.0.1", 0), Handler)
    stub = Stub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
