"""Pictures of every view, for docs/pictures: ``python -m tests.page.pictures [FOLDER]``.

Light and dark, wide and narrow, of the same made-up day each time. Each has 64 colours, so that all of them together stay below 2 MB.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from PIL import Image
from tests.page.browser import browser
from tests.page.story import send, spans
from tests.support.all_in_one import running_all_in_one

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
THEMES = ("light", "dark")
WIDTHS = {1280: 900, 390: 844}


def views(page: str) -> dict[str, str]:
    """Return the address of each view by its name: the caller with most sessions stands for all, its row for all rows."""
    with urllib.request.urlopen(f"{page}?order=sessions&origin=sql", timeout=60) as response:
        caller = re.findall(r'href="/page/caller\?[^"]*id=([\w-]+)', response.read().decode())[0]
    with urllib.request.urlopen(f"{page}rows?kind=llm&caller={caller}&last=all", timeout=60) as response:
        row = re.findall(r'href="/page/(row\?[^"]*)"', response.read().decode())[0].replace("&amp;", "&")
    with urllib.request.urlopen(f"{page}caller?id={caller}", timeout=60) as response:
        session = re.findall(r'href="/page/(session\?[^"]*)"', response.read().decode())[0].replace("&amp;", "&")
    return {
        "callers": "",
        "caller": f"caller?id={caller}",
        "trust": "trust",
        "rule": "rule?name=conflicts",
        "rows": "rows",
        "row": row,
        "session": session,
        "cost": "cost?by=model",
        "sql": "sql?saved=sessions",
        "health": "health",
    }


def main(folder: Path) -> None:
    """Take them all."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, running_all_in_one(Path(name) / "data") as server, browser() as opened:
        send(server.otlp_http, *spans(time.time_ns()))
        for theme in THEMES:
            for width, height in {**WIDTHS, **({2560: 1200} if theme == "light" else {})}.items():
                context = opened.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
                page = context.new_page()
                for view, address in views(server.page).items():
                    if width == 2560 and view not in ("callers", "caller"):
                        continue
                    page.goto(server.page + address)
                    picture = (
                        Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(64, dither=Image.Dither.NONE)
                    )
                    picture.save(folder / f"{view}-{theme}-{width}.png", optimize=True)
                context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
