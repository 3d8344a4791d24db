"""The page of the commands is what the commands say, and every page has its place on the site."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml
from release.site import place, rewritten, whole

ROOT = Path(__file__).parents[2]


def test_the_page_of_the_commands_is_made_from_them() -> None:
    made = subprocess.run([sys.executable, ROOT / "docs" / "commands.py", "--check"], check=False)
    assert made.returncode == 0, "run: python docs/commands.py"


def test_every_page_is_in_the_navigation_of_the_site_once() -> None:
    pages = sorted({place(path.relative_to(ROOT).as_posix()) for path in (ROOT / "docs").rglob("*.md")})
    listed: list[str] = []
    todo = [yaml.safe_load(whole((ROOT / "mkdocs.yml").read_text(), [*pages, "how-to/new.md"]))["nav"]]
    while todo:
        each = todo.pop()
        if isinstance(each, str):
            listed.append(each)
        else:
            todo.extend(each.values() if isinstance(each, dict) else each)
    assert len(listed) == len(set(listed))
    assert {*pages, "how-to/new.md"} - set(listed) == set()
    assert sum(page.startswith("adr/") for page in listed) > 50


def test_links_are_as_they_are_on_the_site() -> None:
    page = (
        "[a](docs/how-to/install.md#completion) ![p](docs/explanation/way-of-a-span.svg) [c](pyproject.toml) [d](docs/adr/)\n"
        "[e](https://example.com/docs/x.md) [f](#here)\n```sh\n[g](docs/how-to/install.md)\n```\n"
    )
    assert rewritten(page, "README.md") == (
        "[a](how-to/install.md#completion) ![p](explanation/way-of-a-span.svg) c (`pyproject.toml`) "
        "[d](adr/0001-one-rule-of-precedence.md)\n"
        "[e](https://example.com/docs/x.md) [f](#here)\n```sh\n[g](docs/how-to/install.md)\n```\n"
    )
    assert rewritten("[r](../../README.md)", "docs/how-to/install.md") == "[r](../index.md)"
