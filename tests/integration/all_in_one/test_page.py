"""The page beside the SQL listener: a browser gets the page, a client of ClickHouse what it always got; the page may no more than a client."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one

_BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
_JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path_factory.mktemp("page") / "data") as running:
        yield running


def ask(server: AllInOne, method: str, path: str, **headers: str) -> tuple[int, str | None, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", int(server.clickhouse.rpartition(":")[2]), timeout=30)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, response.headers["Location"], body


def console(server: AllInOne, statement: str) -> tuple[int, str]:
    given = urllib.parse.urlencode({"q": statement})
    try:
        with urllib.request.urlopen(f"{server.page}sql?{given}", timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_browser_that_opens_the_address_of_the_store_is_sent_to_the_page(server: AllInOne) -> None:
    assert ask(server, "GET", "/", Accept=_BROWSER) == (302, "/page/", b"")
    assert ask(server, "HEAD", "/", Accept="text/html") == (302, "/page/", b"")


@pytest.mark.parametrize("accept", ["*/*", _JAVA, "text/plain, text/html", ""])
def test_a_client_that_looks_whether_a_server_is_there_gets_its_ok(server: AllInOne, accept: str) -> None:
    assert ask(server, "GET", "/", Accept=accept) == (200, None, b"Ok.\n")
    assert ask(server, "GET", "/") == (200, None, b"Ok.\n")


def test_a_question_of_a_browser_is_answered_by_the_store(server: AllInOne) -> None:
    assert ask(server, "GET", "/?query=SELECT+1", Accept=_BROWSER) == (200, None, b"1\n")


def test_the_address_of_the_ready_file_is_the_page(server: AllInOne) -> None:
    assert server.page == f"{server.clickhouse}/page/"
    for path in ("/page", "/page/", "/page/callers"):
        status, _, body = ask(server, "GET", path)
        assert (status, b"<title>Callers" in body) == (200, True)


def test_the_policy_lets_nothing_run_or_be_fetched_but_the_pages_own_files(server: AllInOne) -> None:
    for path in ("", "rows", "trust", "sql", "nothing-there"):
        try:
            with urllib.request.urlopen(server.page + path, timeout=60) as response:
                headers, html = response.headers, response.read().decode()
        except urllib.error.HTTPError as error:
            headers, html = error.headers, error.read().decode()
        assert headers["Content-Security-Policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "style=" not in html
        assert "<style" not in html
        assert " on" + "click" not in html
        assert [
            part for part in html.split("<script")[1:] if not part.startswith(' src="/page/page.js" defer></script>')
        ] == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO unified_logs SELECT * FROM unified_logs",
        "DROP TABLE unified_logs",
        "ALTER TABLE unified_logs DELETE WHERE 1",
        "SELECT * FROM file('/etc/passwd')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
        "SELECT 1 INTO OUTFILE 'x'",
        "SYSTEM SHUTDOWN",
        "SELECT 1; SELECT 2",
        "SELECT sleepEachRow(3) FROM numbers(100)",
    ],
)
def test_the_console_may_no_more_than_a_client_that_asks_by_get(server: AllInOne, statement: str) -> None:
    status, html = console(server, statement)
    assert (status, "The store refused this statement" in html) == (400, True)
    assert "/etc/" not in html.replace("/etc/passwd&#39;", "")


def test_a_value_of_a_parameter_arrives_as_it_is(server: AllInOne) -> None:
    values = [
        "plain",
        "a\\b",
        "tab\there",
        "line\nbreak",
        "quote'\"`",
        "{x:String}",
        "100%_",
        "ünï ☃ 𝄞",
        "\\N",
        "a\r\nb",
        "x\\",
    ]
    for value in values:
        given = urllib.parse.urlencode({"q": "SELECT {it:String} AS it, hex({it:String}) AS bytes", "param_it": value})
        with urllib.request.urlopen(f"{server.page}sql.json?{given}", timeout=60) as response:
            answer = json.load(response)["questions"][-1]
        # Blanks around a field of the address are nobody's wish.
        assert answer["rows"] == [{"it": value, "bytes": value.encode().hex().upper()}]
