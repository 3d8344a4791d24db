"""Whoever is woken finds the name of what woke them, and what to do."""

from __future__ import annotations

import re

from tests.support.files import ROOT, load_yaml

from rvbbit_otel.cli import cli
from rvbbit_otel.storage.audits import load_audits

PAGE = (ROOT / "docs/how-to/runbook.md").read_text()
SECTIONS = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))
RULES = [
    rule for group in load_yaml(ROOT / "grafana/provisioning/alerting/rules.yaml")["groups"] for rule in group["rules"]
]


def test_every_alert_and_every_audit_has_a_section_and_no_section_is_about_nothing() -> None:
    assert SECTIONS.keys() == {rule["title"] for rule in RULES} | {audit.name for audit in load_audits()}


def test_a_section_says_what_it_means_and_what_to_do() -> None:
    for name in {rule["title"] for rule in RULES}:
        assert re.match(r"\*\*Means\*\*: .+\n\*\*Do\*\*: .+", SECTIONS[name]), name
    reports = [audit.name for audit in load_audits() if not audit.is_rule and audit.name != "coverage"]
    assert all(SECTIONS[name].startswith("A report: ") for name in reports)


def test_an_alert_leads_to_its_section() -> None:
    for rule in RULES:
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/how-to/runbook.md"
        assert anchor in SECTIONS


def test_links_within_the_page_lead_to_sections() -> None:
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= SECTIONS.keys()


def test_commands_and_settings_are_real() -> None:
    assert set(re.findall(r"rvbbit-otel ([a-z]+)", PAGE)) <= cli.commands.keys()
    known = (ROOT / "docs/reference/settings.md").read_text() + (ROOT / "collector/config.yaml").read_text()
    for name in re.findall(r"`((?:OTEL_PYTHON_RVBBIT|RVBBIT_OTEL)_\w+)`", PAGE):
        assert name in known, name
