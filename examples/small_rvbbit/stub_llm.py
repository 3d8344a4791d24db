"""A stub of a model, because a real one costs money and the internet: it answers with the prompt's first word after the last colon.

Run it: ``python -m small_rvbbit.stub_llm --port 0 --ready-file F``.
"""

from __future__ import annotations

import argparse
import json
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from small_rvbbit.ready import serve_until_terminated


class StubHandler(BaseHTTPRequestHandler):
    """Answers ``/v1/chat/completions``."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # Head and body leave together.
    delay_seconds = 0.0

    def do_POST(self) -> None:
        """Answer one prompt."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(self.delay_seconds)
        prompt = request["messages"][-1]["content"]
        answer = self.answer(prompt)
        tokens_in, tokens_out = len(prompt.split()), len(answer.split())
        body = json.dumps(
            {
                "id": f"stub-{uuid.uuid4().hex}",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": request["model"],
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer}}],
                "usage": {
                    "prompt_tokens": tokens_in,
                    "completion_tokens": tokens_out,
                    "total_tokens": tokens_in + tokens_out,
                },
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, prompt: str) -> str:
        """What the model says to a prompt."""
        words = prompt.rpartition(":")[2].split()
        return words[0] if words else ""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class StubServer(ThreadingHTTPServer):
    """Takes many callers at once: the default of five waiting connections resets the rest."""

    daemon_threads = True
    request_queue_size = 512


def main() -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser(prog="python -m small_rvbbit.stub_llm", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--ready-file", type=Path, required=True, help="written once it serves: JSON with pid and url")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="how long the model thinks")
    options = parser.parse_args()
    StubHandler.delay_seconds = options.delay_ms / 1000
    server = StubServer(("127.0.0.1", options.port), StubHandler)
    serve_until_terminated(server, options.ready_file, {"url": f"http://127.0.0.1:{server.server_port}"})


if __name__ == "__main__":
    main()
