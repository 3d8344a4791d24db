"""The page in a real browser: what people do with it, by mouse, keyboard and address, and what it must never do."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.page.browser import browser
from tests.page.pictures import views
from tests.page.story import send, spans
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import SpanRecord
from tests.support.payloads import PAYLOADS

VIEWS = ("callers", "caller", "trust", "rule", "rows", "row", "session", "cost", "sql", "health")
LONG = "x" * 100_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path_factory.mktemp("shop") / "data") as running:
        send(running.otlp_http, *spans(time.time_ns()))
        yield running


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    """A store whose every text is somebody else's, and one whose texts have no end and no blank."""
    now = time.time_ns()
    records = []
    for number, text in enumerate((*PAYLOADS, LONG, "\u202e" + "ש" * 5000)):
        caller, trace = f"sql-{number:02}", (number + 1).to_bytes(16, "big")
        told = {
            "rvbbit.caller.origin": text,
            "rvbbit.caller.metadata": '{"sql_query": ' + _json(text) + ', "team": ' + _json(text) + "}",
        }
        records.append(
            SpanRecord(
                number + 1000, {"rvbbit.kind": "caller", "rvbbit.caller.id": caller, **told}, "caller", now, trace=trace
            )
        )
        of = {
            "session.id": f"s{number}",
            "rvbbit.caller.id": caller,
            "rvbbit.caller.source": "echo",
            "rvbbit.caller.origin": text,
        }
        more = {
            "rvbbit.cascade.id": text,
            "rvbbit.cell.name": text,
            "gen_ai.request.model": text,
            "gen_ai.provider.name": text,
            text: text,
        }
        tokens = {"gen_ai.usage.input_tokens": 10, "rvbbit.kind": "llm", "rvbbit.log.content": text}
        records.append(SpanRecord(number, {**of, **more, **tokens}, text, now, trace=trace, error=text, exception=text))
    with running_all_in_one(tmp_path_factory.mktemp("hostile") / "data") as running:
        send(running.otlp_http, *records)
        yield running


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path_factory.mktemp("empty") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as opened:
        yield opened


@pytest.fixture
def tab(chromium: Any) -> Iterator[Tab]:
    with_script = Tab(chromium, {})
    yield with_script
    with_script.close()


class Tab:
    """One window of a browser that writes down what the page asked for and what went wrong in it."""

    def __init__(self, chromium: Any, options: dict[str, Any]) -> None:
        self.context = chromium.new_context(**options)
        # A machine that is busy with something else is slow, and no fault of the page.
        self.context.set_default_timeout(120_000)
        self.page = self.context.new_page()
        self.asked: set[str] = set()
        self.faults: list[str] = []
        self.page.on("request", lambda request: self.asked.add(request.url))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on(
            "console",
            lambda message: self.faults.append(message.text) if message.type in ("error", "warning") else None,
        )

    def open(self, server: AllInOne, path: str = "") -> Any:
        self.page.goto(server.page + path)
        return self.page

    def close(self) -> None:
        self.context.close()


def _json(text: str) -> str:
    return json.dumps(text)


def callers_of(page: Any) -> list[str]:
    return [text.strip() for text in page.locator("#list tbody:not(.pinned) a.id").all_inner_texts()]


def width_of(page: Any) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def test_every_view_asks_this_server_only_and_nothing_goes_wrong_in_it(server: AllInOne, tab: Tab) -> None:
    for name, path in views(server.page).items():
        page = tab.open(server, path)
        assert page.locator("main h1").count() == 1, name
        assert page.locator(".failed[role=alert]").count() == 0, name
    assert tab.faults == []
    assert {url.partition("?")[0].removeprefix(server.clickhouse).split("/")[1] for url in tab.asked} == {"page"}
    assert all(url.startswith(f"{server.page}") for url in tab.asked)


@pytest.mark.parametrize("width", [390, 1280, 2560])
def test_no_view_is_wider_than_its_window(
    server: AllInOne, empty: AllInOne, hostile: AllInOne, chromium: Any, width: int
) -> None:
    tab = Tab(chromium, {"viewport": {"width": width, "height": 900}})
    seen = {}
    for store, paths in (
        ("shop", views(server.page)),
        (
            "empty",
            {each: "" if each == "callers" else each for each in ("callers", "trust", "rows", "cost", "sql", "health")},
        ),
        ("hostile", _hostile_views()),
    ):
        for name, path in paths.items():
            page = tab.open({"shop": server, "empty": empty, "hostile": hostile}[store], path)
            seen[store, name] = width_of(page)
    tab.close()
    assert {place: over for place, over in seen.items() if over} == {}
    assert len(seen) >= 25


def _hostile_views() -> dict[str, str]:
    last = len(PAYLOADS)
    found = {
        "callers": "",
        "rows": "rows",
        "cost": "cost?by=metadata&key=team",
        "trust": "trust",
        "sql": "sql?saved=cascades",
    }
    for number in (last, last + 1):
        found |= {
            f"caller {number}": f"caller?id=sql-{number:02}",
            f"session {number}": f"session?id=s{number}",
            f"row {number}": f"row?trace={number + 1:032x}&span={number + 1:016x}",
        }
    return found


def test_hostile_text_runs_nothing_and_pushes_nothing_away(hostile: AllInOne, tab: Tab) -> None:
    for name, path in _hostile_views().items():
        page = tab.open(hostile, path)
        assert page.title().endswith("· rvbbit-otel"), name
        assert page.locator("iframe, object, embed, img").count() == 0, name
        assert page.locator("main script").count() == 0, name
        assert page.locator(".top nav a").all_inner_texts() == ["Callers", "Trust", "Rows", "Cost", "SQL", "Health"], (
            name
        )
    page = tab.open(hostile)
    for row in page.locator("#list tbody tr").all():
        assert (row.bounding_box() or {"height": 999})["height"] < 80
    assert tab.faults == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_axe_finds_nothing(server: AllInOne, empty: AllInOne, chromium: Any, scheme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    tab = Tab(chromium, {"viewport": {"width": width, "height": 900}, "color_scheme": scheme, "bypass_csp": True})
    found: dict[str, list[str]] = {}
    for store, paths in ((server, views(server.page)), (empty, {"empty": "", "empty trust": "trust"})):
        for name, path in paths.items():
            page = tab.open(store, path)
            result = Axe().run(page, options={"resultTypes": ["violations"]})
            for each in result.response["violations"]:
                found[f"{name}: {each['id']}"] = [node["html"][:160] for node in each["nodes"][:3]]
    tab.close()
    assert found == {}


def test_a_query_is_one_click_from_its_dollars_and_a_broken_rule_from_its_rows(server: AllInOne, tab: Tab) -> None:
    page = tab.open(server)
    name = callers_of(page)[0]
    page.click(f"#list a.id:has-text('{name}')")
    assert page.locator("main h1").inner_text().startswith(name)
    assert "$" in page.locator(".sentence").inner_text()
    page.click(".top nav >> text=Trust")
    page.click("text=Rows for which two answers differed")
    assert page.locator("main .list tbody tr").count() == 13


def test_search_sort_page_and_back_are_in_the_address(server: AllInOne, tab: Tab, chromium: Any) -> None:
    page = tab.open(server)
    everyone = callers_of(page)
    page.fill("#search", "fox")
    page.press("#search", "Enter")
    page.wait_for_url(re.compile(r"q=fox"))
    foxes = callers_of(page)
    assert foxes == [each for each in everyone if "fox" in each]
    page.click("th >> text=Dollars")
    page.wait_for_url(re.compile(r"order=cost"))
    assert "q=fox" in page.url
    shared = page.url
    dearest = callers_of(page)
    assert sorted(dearest) == sorted(foxes)
    page.click("th >> text=Dollars")
    page.wait_for_url(re.compile(r"dir=asc"))
    assert callers_of(page) == dearest[::-1]
    page.go_back()
    assert callers_of(page) == dearest
    page.go_back()
    page.go_back()
    assert callers_of(page) == everyone
    other = Tab(chromium, {})
    other.page.goto(shared)
    assert callers_of(other.page) == dearest
    other.close()


def test_rows_are_filtered_by_a_click_and_paged(server: AllInOne, tab: Tab) -> None:
    page = tab.open(server, "rows")
    first = page.locator("#list tbody tr").count()
    assert first == 100
    page.click("nav.pages >> text=Older")
    assert page.locator("nav.pages >> text=Newest").count() == 1
    page.click(".facet a:has-text('tool')")
    page.wait_for_url(re.compile("kind=tool"))
    assert page.locator("#list tbody tr").count() == 80
    page.click(".chip")
    page.wait_for_url(lambda url: "kind=" not in url)
    assert page.locator("#list tbody tr").count() == 100


def test_everything_but_live_works_without_script(server: AllInOne, chromium: Any) -> None:
    tab = Tab(chromium, {"java_script_enabled": False})
    page = tab.open(server)
    assert page.locator("#live").is_hidden()
    page.fill("#search", "otter")
    page.click(".filters button")
    assert "q=otter" in page.url
    name = callers_of(page)[0]
    page.click(f"#list a.id:has-text('{name}')")
    assert page.locator("main h1").inner_text().startswith(name)
    page.click(".top nav >> text=SQL")
    page.fill("textarea", "SELECT count() AS n FROM unified_logs")
    page.click("button.main")
    assert page.locator("main .list tbody td").inner_text() == "739"
    tab.close()


def test_the_keyboard_goes_everywhere(server: AllInOne, tab: Tab) -> None:
    page = tab.open(server)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("j?g")
    assert page.input_value("#search") == "j?g"
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("j")
    assert page.locator("tr.here").count() == 1
    assert page.locator("tr.here a.id").inner_text() == "weakly attributed"
    page.keyboard.press("j")
    name = page.locator("tr.here a.id").inner_text()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("caller"))
    assert page.locator("main h1").inner_text().startswith(name)
    for key, words in (("t", "trust"), ("r", "rows"), ("m", "cost"), ("s", "sql"), ("h", "health")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(re.compile(f"/page/{words}"))
    page.keyboard.press("?")
    assert page.locator("dialog[open]").count() == 1
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


def test_live_shows_what_came_and_stands_still_while_paused(tmp_path: Path, tab: Tab) -> None:
    with running_all_in_one(tmp_path / "data") as server:
        page = tab.open(server)
        page.evaluate("window.same = true")
        page.click("#live")
        assert page.locator("#live").inner_text() == "Pause"
        assert page.url.endswith("#live")
        send(server.otlp_http, *spans(time.time_ns(), callers=3))
        page.wait_for_selector("#list", timeout=30_000)
        assert len(callers_of(page)) == 3
        assert page.evaluate("window.same") is True
        page.click("#live")
        assert (page.locator("#live").inner_text(), "#" in page.url) == ("Live", False)
        assert tab.faults == []


def test_the_console_asks_and_says_what_is_wrong(server: AllInOne, tab: Tab) -> None:
    page = tab.open(server, "sql")
    page.click("text=The latest sessions of SQL callers")
    assert page.locator("main .list tbody tr").count() == 10
    page.fill("textarea", "SELECT nonsense FROM unified_logs")
    page.locator("textarea").press("Shift+Enter")
    page.wait_for_selector(".failed[role=alert]")
    assert "UNKNOWN_IDENTIFIER" in page.locator(".failed").inner_text()
    assert page.input_value("textarea") == "SELECT nonsense FROM unified_logs"
    page.fill("textarea", "SELECT {n:UInt8} + 1 AS more")
    page.click("button.main")
    page.fill("input[name=param_n]", "41")
    page.click("button.main")
    page.wait_for_url(re.compile("param_n=41"))
    assert page.locator("main .list tbody td").inner_text() == "42"
    page.click("summary:has-text('session_state')")
    page.fill("textarea", "")
    page.click("[data-insert=started_at]")
    assert page.input_value("textarea") == "started_at"
