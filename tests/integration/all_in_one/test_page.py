"""The home page: nothing but its own script runs, nothing but this server is asked."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one

from rvbbit_otel.storage.audits import load_audits


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path_factory.mktemp("page") / "data") as running:
        yield running


def test_the_page_of_the_ready_file_is_served_under_a_policy_that_lets_only_its_own_script_run(
    server: AllInOne,
) -> None:
    with urllib.request.urlopen(server.page, timeout=10) as response:
        html, headers = response.read().decode(), response.headers
    policy = headers["Content-Security-Policy"]
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; connect-src 'self'; script-src 'sha256-")
    assert f"'sha256-{digest}'" in policy
    assert "innerHTML" not in html
    assert "http://" not in html
    assert "https://" not in html
    (data,) = re.findall(r"<script id=questions type=application/json>(.*?)</script>", html, re.DOTALL)
    assert [rule["name"] for rule in json.loads(data)["rules"]] == [
        audit.name for audit in load_audits() if audit.is_rule
    ]


def test_every_question_of_the_page_is_answered(server: AllInOne, tmp_path: Path) -> None:
    with urllib.request.urlopen(server.page, timeout=10) as response:
        (data,) = re.findall(
            r"<script id=questions type=application/json>(.*?)</script>", response.read().decode(), re.DOTALL
        )
    questions = json.loads(data)
    for question in (questions["costs"], *questions["rules"]):
        given = {"query": question["sql"], "default_format": "JSONCompact"} | {
            f"param_{name}": value for name, value in question["params"].items()
        }
        with urllib.request.urlopen(f"{server.clickhouse}/?{urllib.parse.urlencode(given)}", timeout=30) as response:
            assert json.load(response)["data"] == []
