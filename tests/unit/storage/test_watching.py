"""What a watch says: changes only, and each once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rvbbit_otel.errors import StoreUnavailableError
from rvbbit_otel.storage.watching import Change, Watch
from rvbbit_otel.storage.webhooks import post

Seen = list[tuple[str, bool | None]]


def looks(*seen: Seen | None) -> list[list[str]]:
    """The texts of each look; None is a store that does not answer."""
    left = list(seen)

    def ask() -> Seen:
        now = left.pop(0)
        if now is None:
            raise StoreUnavailableError("no store answers at x")
        return now

    watch = Watch(ask)
    return [[change.text for change in watch.look()] for _ in seen]


BROKEN = "rule a is broken: rvbbit-otel audit a"


def test_only_what_changes_is_said() -> None:
    ok: Seen = [("a", True), ("b", None)]
    bad: Seen = [("a", False), ("b", None)]
    assert looks(ok, ok, bad, bad, ok) == [[], [], [BROKEN], [], ["rule a holds again"]]
    assert looks(bad, bad) == [[BROKEN], []]


def test_a_time_without_rows_is_no_news_and_the_end_of_a_fault_is() -> None:
    assert looks([("a", True)], [("a", None)], [("a", True)]) == [[], [], []]
    assert looks([("a", False)], [("a", None)]) == [[BROKEN], ["rule a has no rows to hold"]]


def test_a_store_that_does_not_answer_is_said_once_and_keeps_the_verdicts() -> None:
    bad: Seen = [("a", False)]
    away = "the store does not answer: no store answers at x"
    assert looks(bad, None, None, bad) == [[BROKEN], [away], [], ["the store answers again"]]


def test_whether_it_may_be_green_is_known() -> None:
    for seen, broken, answered in (
        ([("a", True)], False, True),
        ([("a", None)], False, False),
        ([("a", False)], True, True),
    ):
        watch = Watch(lambda seen=seen: seen)  # type: ignore[misc]
        watch.look()
        assert (watch.broken, watch.answered) == (broken, answered)


@pytest.fixture
def hook() -> Iterator[tuple[str, list[object]]]:
    got: list[object] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500 if self.path == "/broken" else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", got
        server.shutdown()


def test_a_change_is_one_message_and_a_webhook_that_fails_is_said_without_its_address(
    hook: tuple[str, list[object]],
) -> None:
    url, got = hook
    said: list[str] = []
    assert post(f"{url}/secret", "of the rules", Change("a", "holds", "broken").message, said.append)
    assert got == [{"text": BROKEN, "rule": "a", "before": "holds", "now": "broken", "why": ""}]
    assert not post(f"{url}/broken", "of the rules", {}, said.append)
    assert not post("http://127.0.0.1:9/secret", "of the rules", {}, said.append)
    assert not post("no address/secret", "of the rules", {}, said.append)
    assert said == [
        "the webhook of the rules at 127.0.0.1 answered 500",
        "the webhook of the rules at 127.0.0.1 could not be called: ConnectionRefusedError",
        "the webhook of the rules at  could not be called: ValueError",
    ]
