"""What the pages about running it name is there, and what was not run is said not to have been."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from tests.support.files import ROOT, load_yaml

from rvbbit_otel.storage import migrations
from rvbbit_otel.storage.migration import head

DOCS = ROOT / "docs"
TABLES = {head(each.sql).group("name") for each in migrations.packaged()}


@pytest.mark.parametrize(
    "page",
    [
        "how-to/run-on-a-cluster.md",
        "how-to/run-on-kubernetes.md",
        "how-to/upgrade-and-backup.md",
        "adr/0050-a-cluster-is-the-same-files-twice.md",
    ],
)
def test_what_no_cluster_has_seen_says_so_in_these_words(page: str) -> None:
    assert "untested on a live cluster" in re.sub(r"\s+", " ", (DOCS / page).read_text()).lower()


def test_the_picture_is_well_formed_and_names_our_tables() -> None:
    picture = ElementTree.parse(DOCS / "explanation/way-of-a-span.svg")
    titles = {
        str(each.text)
        for each in picture.iter("{http://www.w3.org/2000/svg}text")
        if each.get("class") == "t" and re.fullmatch(r"[a-z_]+", str(each.text))
    }
    assert titles == TABLES & titles
    assert titles >= {"otel_traces_in", "spans_in", "otel_traces", "unified_logs", "session_facts", "session_state"}
    assert "](way-of-a-span.svg)" in (DOCS / "explanation/way-of-a-span.md").read_text()


@pytest.mark.parametrize("page", ["explanation/way-of-a-span.md", "how-to/run-on-a-cluster.md", "how-to/runbook.md"])
def test_tables_that_a_page_names_exist(page: str) -> None:
    named = set(
        re.findall(r"`((?:otel|otlp|log_records|spans|unified|session|cascade|caller)_\w+)`", (DOCS / page).read_text())
    )
    columns = {"session_id", "caller_id", "caller_source", "caller_conflict", "otelcol_exporter_queue_size"}
    assert named - columns <= TABLES


def test_the_addresses_of_the_page_about_compose_are_those_that_are_published() -> None:
    page = (DOCS / "how-to/run-with-compose.md").read_text()
    services = load_yaml(ROOT / "docker-compose.yml")["services"]
    published = {port.rpartition(":")[0] for each in services.values() for port in each.get("ports", [])}
    (table,) = re.findall(r"^\| address .*?(?=\n\n)", page, re.M | re.S)
    first = "\n".join(line.split("|")[1] for line in table.splitlines())
    assert set(re.findall(r"127\.0\.0\.1:\d+", first)) == published
    runner = services["runner"]["command"]
    assert f"@127.0.0.1:{runner[runner.index('--port') + 1]}/" in page
    assert "--profile example" in page
    assert services["runner"]["profiles"] == services["model"]["profiles"] == ["example"]


def test_every_page_is_linked_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    pages = [*(DOCS / "how-to").glob("*.md"), *(DOCS / "explanation").glob("*.md")]
    assert [page.name for page in pages if f"({page.relative_to(ROOT)})" not in readme] == []
