"""Debian's Chromium, driven by Playwright; without either a test fails and says how to have it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_HOW = "The tests of the page drive a real browser: apt-get install -y chromium, then make test-page"


@contextmanager
def browser() -> Iterator[Any]:
    """A headless one."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise AssertionError(f"{_HOW} ({error})") from error
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise AssertionError(_HOW)
    with sync_playwright() as playwright:
        # Without a sandbox it runs as root too, as in a container; what it opens is ours.
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        try:
            yield opened
        finally:
            opened.close()
