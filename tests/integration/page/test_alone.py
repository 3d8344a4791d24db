"""`rvbbit-otel page`: the page in a process of its own, over a store behind a DSN."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.page.story import send, spans
from tests.support.all_in_one import AllInOne, running_all_in_one


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path_factory.mktemp("alone") / "data") as running:
        send(running.otlp_http, *spans(time.time_ns(), callers=5))
        yield running


@contextmanager
def page(
    dsn: str, *arguments: str, environ: Mapping[str, str] | None = None
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """One that serves, and where."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rvbbit_otel", "page", "--dsn", dsn, "--port", "0", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environ or {})},
    )
    assert process.stderr is not None
    try:
        told = process.stderr.readline()
        found = re.match(r"rvbbit-otel page: (http://\S+/page/) shows the store at \S+\n", told)
        assert found, told + process.stderr.read()
        yield found[1].replace("0.0.0.0", "127.0.0.1"), process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def get(url: str, **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_it_shows_what_the_page_of_the_store_shows_and_ends_by_a_signal(store: AllInOne) -> None:
    with page(store.clickhouse) as (url, process):
        for view in ("callers", "trust", "rows", "cost?by=model", "sql?saved=sessions", "health"):
            name, _, query = view.partition("?")
            here, there = (json.loads(get(f"{base}{name}.json?{query}")[1])["questions"] for base in (url, store.page))
            assert [each["name"] for each in here] == [each["name"] for each in there]
            # How much the store has merged since, and what time it is, differ.
            if view != "health":
                assert [(each["columns"], each["rows"]) for each in here] == [
                    (each["columns"], each["rows"]) for each in there
                ]
            assert get(url + view)[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_a_value_of_a_parameter_arrives_as_it_is(store: AllInOne) -> None:
    with page(store.clickhouse) as (url, _):
        for value in ("plain", "a\\b", "tab\there", "line\nbreak", "quote'\"`", "{x:String}", "ünï ☃ 𝄞", "\\N", "x\\"):
            given = urllib.parse.urlencode({"q": "SELECT {it:String} AS it", "param_it": value})
            assert json.loads(get(f"{url}sql.json?{given}")[1])["questions"][-1]["rows"] == [{"it": value}]


def test_it_writes_nothing_and_says_what_the_store_said_alone(store: AllInOne) -> None:
    with page(store.clickhouse) as (url, _):
        status, html = get(f"{url}sql?{urllib.parse.urlencode({'q': 'DROP TABLE unified_logs'})}")
        assert (status, "The store refused this statement" in html) == (400, True)
        status, html = get(f"{url}sql?q=SELECT+nope")
        found = re.search(r'<p class="head">The store refused this statement</p><p><bdi>(.*?)</bdi>', html)
        assert status == 400
        assert found is not None
        assert found[1].startswith("Code: 47. DB::Exception: ")
        assert found[1].endswith("(UNKNOWN_IDENTIFIER)")
        assert len(json.loads(get(f"{url}callers.json")[1])["questions"][0]["rows"]) == 5


def test_a_store_that_is_not_there_is_said_so_with_what_to_do(tmp_path: Path) -> None:
    with page("http://127.0.0.1:1/default") as (url, _):
        status, html = get(url)
        assert (status, "The store does not answer" in html, "start one with `rvbbit-otel up`" in html) == (
            503,
            True,
            True,
        )
        assert get(f"{url}callers.json")[0] == 503


def test_others_need_a_token_and_a_page_from_elsewhere_gets_nothing(store: AllInOne) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "rvbbit_otel", "page", "--host", "0.0.0.0", "--dsn", store.clickhouse],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (refused.returncode, "give a token" in refused.stderr) == (2, True)
    with page(store.clickhouse, "--host", "0.0.0.0", environ={"RVBBIT_OTEL_TOKEN": "s3cret"}) as (url, _):
        status, html = get(url)
        assert (status, "<form method=post>" in html) == (401, True)
        assert get(url, Authorization="Bearer s3cret")[0] == 200
        assert get(url, Authorization="Bearer s3cret", Host="evil.example")[0] == 421
        assert get(url, Authorization="Bearer s3cret", Origin="http://evil.example")[0] == 403


def test_links_to_jaeger_and_grafana_are_there_where_they_are_configured(store: AllInOne) -> None:
    with page(store.clickhouse, "--jaeger", "http://jaeger.example:16686/", "--grafana", "https://grafana.example") as (
        url,
        _,
    ):
        caller = json.loads(get(f"{url}callers.json")[1])["questions"][0]["rows"][0]["caller_id"]
        html = get(f"{url}caller?id={caller}")[1]
        assert f'href="https://grafana.example/d/rvbbit-caller?var-caller={caller}"' in html
        assert re.search(r'href="http://jaeger.example:16686/trace/[0-9a-f]{32}"', html)
    wrong = subprocess.run(
        [sys.executable, "-m", "rvbbit_otel", "page", "--jaeger", "javascript:alert(1)", "--dsn", store.clickhouse],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (wrong.returncode, "--jaeger is 'javascript:alert(1)'; it is a URL" in wrong.stderr) == (2, True)
