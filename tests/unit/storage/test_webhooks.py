"""A webhook is called once a window, gets one message a budget, and nothing that goes wrong with it reaches the caller."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rvbbit_otel.storage.budget_file import Budget
from rvbbit_otel.storage.budgets import Spender, Usage
from rvbbit_otel.storage.webhooks import tell_over

BEGIN = datetime(2026, 11, 1, tzinfo=timezone.utc)


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent, and answers with a status of the test's."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[dict[str, object]] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/secret"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(json.loads(body))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield receiver
    receiver.shutdown()
    thread.join()
    receiver.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as each:
        yield each


def usage(webhook: str, name: str = "search", cost: str = "1.5", begin: datetime = BEGIN, open_calls: int = 0) -> Usage:
    budget = Budget(name, "web-*", "*", "*", "*", (), "day", Decimal(1), None, webhook)
    spenders = (Spender("web-1", Decimal(cost), 10),)
    return Usage(
        budget, begin, begin + timedelta(days=1), Decimal(cost), 10, 2, open_calls, 5 if open_calls else 0, spenders, 1
    )


def test_each_budget_that_is_over_is_told_of_once_a_window(receiver: Receiver, tmp_path: Path) -> None:
    state, said = tmp_path / "state", list[str]()
    used = [usage(receiver.url), usage(receiver.url, "within", "1"), usage(receiver.url, "other"), usage("", "silent")]
    assert [tell_over(used, state, said.append) for _ in range(3)] == [2, 0, 0]
    assert [body["budget"] for body in receiver.bodies] == ["search", "other"]
    # The next day it is told again.
    assert tell_over([usage(receiver.url, begin=BEGIN + timedelta(days=1))], state, said.append) == 1
    assert (said, [each.name for each in tmp_path.iterdir()]) == ([], ["state"])


def test_the_message_says_what_was_spent_exactly_and_where_it_is_a_lower_bound(
    receiver: Receiver, tmp_path: Path
) -> None:
    tell_over([usage(receiver.url, cost="1.500000000001", open_calls=1)], tmp_path / "state", print)
    assert receiver.bodies == [
        {
            "text": "Budget 'search' is over: at least $1.500000000001 of $1 this day",
            "budget": "search",
            "whose": "caller web-*",
            "over": ["dollars"],
            "begin": "2026-11-01T00:00:00+00:00",
            "end": "2026-11-02T00:00:00+00:00",
            "dollars": "1.500000000001",
            "dollars_limit": "1",
            "dollars_are_a_lower_bound": True,
            "unpriced_calls": 1,
            "tokens": 10,
            "tokens_limit": None,
            "spenders": [{"caller_id": "web-1", "dollars": "1.500000000001", "tokens": 10}],
        }
    ]


@pytest.mark.parametrize("status", [302, 307, 404, 500])
def test_one_that_does_not_take_it_is_said_and_tried_again(receiver: Receiver, tmp_path: Path, status: int) -> None:
    said = list[str]()
    receiver.status = status
    assert tell_over([usage(receiver.url)], tmp_path / "state", said.append) == 0
    assert said == [f"the webhook of budget 'search' at 127.0.0.1 answered {status}"]
    # Nothing was followed to elsewhere.
    assert len(receiver.bodies) == 1
    receiver.status = 204
    assert tell_over([usage(receiver.url)], tmp_path / "state", said.append) == 1


def test_one_that_can_not_be_reached_or_never_answers_is_said_without_its_address(tmp_path: Path) -> None:
    import socket

    said = list[str]()
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        unheard = f"http://127.0.0.1:{deaf.getsockname()[1]}/secret"
        assert tell_over([usage(unheard)], tmp_path / "state", said.append) == 0
        deaf.listen()
        assert tell_over([usage(unheard)], tmp_path / "state", said.append, timeout=0.2) == 0
    assert said == [
        "the webhook of budget 'search' at 127.0.0.1 could not be called: ConnectionRefusedError",
        "the webhook of budget 'search' at 127.0.0.1 could not be called: TimeoutError",
    ]


def test_without_a_state_nothing_is_posted_and_that_is_said(receiver: Receiver) -> None:
    said = list[str]()
    assert tell_over([usage(receiver.url)], None, said.append) == 0
    assert (receiver.bodies, said) == (
        [],
        ["no webhook was called: --state FILE has to keep which were, so that each is called once"],
    )


def test_a_state_that_can_not_be_written_is_said_and_nothing_is_posted(receiver: Receiver, tmp_path: Path) -> None:
    said = list[str]()
    assert tell_over([usage(receiver.url)], tmp_path / "none" / "state", said.append) == 0
    assert (receiver.bodies, len(said)) == ([], 1)
    assert "none/state can't be written" in said[0]


@pytest.mark.parametrize("content", ["{", "[1]", '{"a": 1}', "\x80"])
def test_a_state_that_is_none_is_begun_anew(receiver: Receiver, tmp_path: Path, content: str) -> None:
    state, said = tmp_path / "state", list[str]()
    state.write_bytes(content.encode("latin-1"))
    assert [tell_over([usage(receiver.url)], state, said.append) for _ in range(2)] == [1, 0]
    assert len(said) == 1
    assert "begun anew" in said[0]
