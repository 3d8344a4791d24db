"""Builds the documentation as a site in dist/site: ``python -m release.site``. A link or an anchor that leads nowhere is an error.

docs/ and the pages of the root are staged together in `.release/pages`, the README as the first page. What a page links to of the code is shown
as code there: a site has no source beside it.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from release.environments import FOLDER, ROOT, made, run

PAGES: Final = FOLDER / "pages"
SITE: Final = ROOT / "dist" / "site"
_GENERATOR: Final = "zensical==0.0.73"
ROOT_PAGES: Final = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "examples/README.md")
_LINK: Final = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_FENCE: Final = re.compile(r"^(```.*?^```)", re.MULTILINE | re.DOTALL)


def stage() -> list[str]:
    """Put every page where the generator reads it; return their paths there."""
    shutil.rmtree(PAGES, ignore_errors=True)
    sources = [*(path for path in (ROOT / "docs").rglob("*.md")), *(ROOT / name for name in ROOT_PAGES)]
    placed = {path: place(path.relative_to(ROOT).as_posix()) for path in sources}
    for path, target in placed.items():
        text = rewritten(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())
        (PAGES / target).parent.mkdir(parents=True, exist_ok=True)
        (PAGES / target).write_text(text, encoding="utf-8")
    for path in (ROOT / "docs").rglob("*"):
        if path.is_file() and path.suffix in (".svg", ".png", ".json"):
            target_file = PAGES / path.relative_to(ROOT / "docs")
            target_file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target_file)
    return sorted(placed.values())


def place(path: str) -> str:
    """Where a page of the repository is on the site."""
    return "index.md" if path == "README.md" else path.removeprefix("docs/")


def rewritten(text: str, path: str) -> str:
    """The page with its links as they are on the site; blocks of code stay as they are."""
    parts = _FENCE.split(text)
    return "".join(
        part if part.startswith("```") else _LINK.sub(lambda link: _link(link, path), part) for part in parts
    )


def _link(link: re.Match[str], path: str) -> str:
    picture, shown, target = link.groups()
    address, hash_, anchor = target.partition("#")
    if not address or re.match(r"[a-z]+:", address):
        return link.group()
    found = posixpath.normpath(posixpath.join(posixpath.dirname(path), address))
    if (ROOT / found).is_dir() and found.startswith("docs/adr"):
        return f"{picture}[{shown}]({_from(path, 'docs/adr/0001-one-rule-of-precedence.md')})"
    on_site = found in ROOT_PAGES or (
        found.startswith("docs/") and (ROOT / found).suffix in (".md", ".svg", ".png", ".json")
    )
    if not on_site and (ROOT / found).exists():
        return f"{shown} (`{found}`)" if shown.strip("`") != found else f"`{found}`"
    return f"{picture}[{shown}]({_from(path, found)}{hash_}{anchor})"


def _from(path: str, found: str) -> str:
    return posixpath.relpath(place(found), posixpath.dirname(place(path)) or ".")


def main() -> int:
    """Stage and build."""
    FOLDER.mkdir(exist_ok=True)
    pages = stage()
    _with_decisions(pages)
    run(_generator(), "build", "--strict", "--clean", "--config-file", FOLDER / "mkdocs.yml", cwd=FOLDER)
    shutil.rmtree(SITE, ignore_errors=True)
    SITE.parent.mkdir(exist_ok=True)
    shutil.move(FOLDER / "site", SITE)
    foreign = sorted({each for page in SITE.rglob("*.html") for each in _loaded(page)})
    if foreign:
        raise SystemExit(f"the site would load from elsewhere: {', '.join(foreign)}")
    print(f"dist/site: {len(pages)} pages, every link and anchor leads somewhere, nothing is loaded from elsewhere")
    return 0


def _generator() -> Path:
    venv = FOLDER / "generator"
    ready = venv / ".ready"
    if not ready.exists() or ready.read_text(encoding="utf-8") != _GENERATOR:
        made(venv.name, Path(sys.executable), _GENERATOR, constraints=None)
        ready.write_text(_GENERATOR, encoding="utf-8")
    return venv / "bin" / "zensical"


def _with_decisions(pages: Sequence[str]) -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    text = text.replace(".release/pages", "pages").replace("dist/site", "site")
    (FOLDER / "mkdocs.yml").write_text(whole(text, pages), encoding="utf-8")


def whole(text: str, pages: Sequence[str]) -> str:
    """The configuration with every page in its navigation: decisions, and what is in no section yet, need no line of their own."""
    decisions = [page for page in pages if page.startswith("adr/")]
    left = [page for page in pages if page not in decisions and f"- {page}\n" not in text and f": {page}\n" not in text]
    parts = [text]
    for title, listed in (("More", left), ("Decisions", decisions)):
        if listed:
            parts += [f"  - {title}:\n", *(f"      - {page}\n" for page in listed)]
    return "".join(parts)


def _loaded(page: Path) -> list[Any]:
    """What a page loads from another host, by itself: scripts, styles, pictures."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"<(?:script|img|iframe)[^>]* src=[\"']?(https?:[^\"'> ]+)", text) + re.findall(
        r"<link[^>]*rel=[\"']?stylesheet[\"']?[^>]* href=[\"']?(https?:[^\"'> ]+)", text
    )


if __name__ == "__main__":
    sys.exit(main())
