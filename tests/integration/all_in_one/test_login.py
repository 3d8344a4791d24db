"""A browser gets to the page by a form that takes the token; what it gets for it opens what the page needs and nothing else."""

from __future__ import annotations

import http.client
import json
import urllib.parse
from collections.abc import Iterator
from http.client import HTTPMessage
from pathlib import Path

import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one

TOKEN = "plänted token+&=%"
OTHER = "not-" + TOKEN


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    folder = tmp_path_factory.mktemp("login")
    with running_all_in_one(folder / "data", "--host", "0.0.0.0", environ={"RVBBIT_OTEL_TOKEN": TOKEN}) as running:
        yield running


def ask(
    server: AllInOne, method: str, path: str, body: str | None = None, **headers: str
) -> tuple[int, HTTPMessage, str]:
    """One request as a browser sends it, to the address that the machine is known by outside."""
    connection = http.client.HTTPConnection("127.0.0.1", int(server.clickhouse.rpartition(":")[2]), timeout=30)
    sent = {"Host": "192.0.2.7:8123", **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request(method, path, body, sent)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, response.headers, text


def form(token: str) -> str:
    return urllib.parse.urlencode({"token": token})


@pytest.fixture(scope="module")
def cookie(server: AllInOne) -> str:
    status, headers, _ = ask(server, "POST", "/page", form(TOKEN), Origin="http://192.0.2.7:8123")
    assert (status, headers["Location"]) == (303, "/page")
    value, *attributes = headers["Set-Cookie"].split("; ")
    assert attributes == ["Path=/", "HttpOnly", "SameSite=Strict"]
    return str(value)


def test_without_the_token_there_is_a_form_and_nothing_else(server: AllInOne) -> None:
    status, headers, text = ask(server, "GET", "/page")
    assert (status, "<form method=post>" in text, "<script" in text) == (401, True, False)
    policy = headers["Content-Security-Policy"]
    assert policy == "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    assert "Set-Cookie" not in headers
    assert ask(server, "HEAD", "/page")[::2] == (401, "")


def test_the_cookie_opens_the_page_and_what_it_asks_the_store(server: AllInOne, cookie: str) -> None:
    status, _, text = ask(server, "GET", "/page/", Cookie=f"theme=dark; {cookie}; other=1")
    assert (status, "No rows yet" in text) == (200, True)
    status, _, text = ask(server, "GET", "/page/callers.json", Cookie=cookie)
    assert (
        status,
        [each["name"] for each in json.loads(text)["questions"]],
        json.loads(text)["questions"][0]["rows"],
    ) == (
        200,
        ["callers", "callers_sums", "extent"],
        [],
    )
    assert ask(server, "GET", "/page/page.css", Cookie=cookie)[0] == 200


def test_every_address_of_the_page_shows_the_form_and_the_token_leads_back_to_it(server: AllInOne) -> None:
    shared = "/page/caller?id=sql-fox&last=7d"
    for path in ("/page/", shared, "/page/rows.csv", "/page/page.js", "/page/%0d%0aX:1"):
        status, headers, text = ask(server, "GET", path)
        assert (status, "<form method=post>" in text, "Set-Cookie" in headers) == (401, True, False)
    status, headers, _ = ask(server, "POST", shared, form(TOKEN), Origin="http://192.0.2.7:8123")
    assert (status, headers["Location"]) == (303, shared)
    status, headers, _ = ask(server, "POST", "/page/%0d%0aX:%201", form(TOKEN))
    assert (status, headers["Location"], headers["X"]) == (303, "/page/%0D%0AX%3A%201", None)
    assert ask(server, "GET", "/pages")[0] == 401
    assert "<form" not in ask(server, "GET", "/pages")[2]


def test_the_cookie_is_not_the_token_and_the_token_is_no_cookie(server: AllInOne, cookie: str) -> None:
    name, _, value = cookie.partition("=")
    assert TOKEN not in value
    assert ask(server, "GET", "/page", Authorization=f"Bearer {value}")[0] == 401
    assert ask(server, "GET", f"/?query=SELECT+1&password={value}")[0] == 401
    for wrong in (TOKEN.encode().decode("latin-1"), "", value[:-1], value + "x"):
        assert ask(server, "GET", "/page", Cookie=f"{name}={wrong}")[0] == 401
    assert ask(server, "GET", "/page", Cookie=f"x{name}={value}")[0] == 401


def test_the_cookie_writes_and_kills_nothing(server: AllInOne, cookie: str) -> None:
    for body in ("SELECT 1", "KILL QUERY WHERE query_id = 'x'", "INSERT INTO otel_traces_in FORMAT JSONEachRow {}"):
        assert ask(server, "POST", "/", body, Cookie=cookie)[0] == 401
    insert = urllib.parse.urlencode({"query": "INSERT INTO otel_traces_in FORMAT JSONEachRow {}"})
    assert ask(server, "GET", f"/?{insert}", Cookie=cookie)[0] == 403


@pytest.mark.parametrize(
    "body",
    [
        form(OTHER),
        form(""),
        "",
        "token",
        "token=" + "x" * 9000,
        "token=x&" * 50 + form(TOKEN),
        form(TOKEN) + "x" * 10_000,
        urllib.parse.urlencode({"password": TOKEN}),
        "%ff%00=%ff&token=%ff",
    ],
)
def test_what_is_no_form_with_the_token_gets_no_cookie(server: AllInOne, body: str) -> None:
    status, headers, text = ask(server, "POST", "/page", body)
    assert (status, "Set-Cookie" in headers, "<form" in text) == (401, False, True)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example:8123"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
    ],
)
@pytest.mark.parametrize("what", ["the form", "the page", "a question"])
def test_pages_from_elsewhere_and_rebound_names_get_nothing_even_with_the_cookie(
    server: AllInOne, cookie: str, headers: dict[str, str], status: int, what: str
) -> None:
    if what == "the form":
        seen, answered, _ = ask(server, "POST", "/page", form(TOKEN), **headers)
    else:
        path = "/page" if what == "the page" else "/?query=SELECT+1"
        seen, answered, _ = ask(server, "GET", path, Cookie=cookie, **headers)
    assert (seen, "Set-Cookie" in answered) == (status, False)


def test_the_other_listener_knows_no_cookie(server: AllInOne, cookie: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(server.otlp_http.rpartition(":")[2]), timeout=30)
    for path in ("/healthz", "/metrics", "/page"):
        connection.request("GET", path, headers={"Host": "192.0.2.7", "Cookie": cookie})
        response = connection.getresponse()
        response.read()
        assert response.status == 401
    connection.close()


def test_a_server_without_a_token_asks_for_none(tmp_path: Path) -> None:
    with running_all_in_one(tmp_path / "data") as server:
        assert ask(server, "GET", "/page", Host="localhost")[0] == 200
