"""Write the generated parts of docs/architecture.md from the code: ``python docs/architecture.py`` (``--check`` exits 1 where they differ).

The picture has an arrow from each room to the rooms that it imports. An import that the picture can do without is left out: where A imports B and B
imports C, there is no arrow from A to C.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "rvbbit_otel"
PAGE = ROOT / "docs" / "architecture.md"
# Values that every room may use: an arrow to them says nothing.
BELOW = {
    "attributes",
    "clean_text",
    "context_keys",
    "counters",
    "errors",
    "host_signals",
    "hosts",
    "settings",
    "__version__",
}
_INSIDE = ("instrumentation", "all_in_one")


def main(arguments: list[str]) -> int:
    """Write the page, or compare it; return the exit code."""
    page = PAGE.read_text(encoding="utf-8")
    made = with_parts(page)
    if "--check" in arguments:
        return int(made != page)
    PAGE.write_text(made, encoding="utf-8")
    return 0


def with_parts(page: str) -> str:
    """Return the page with its generated parts made anew: each stands between two comments that name it."""
    for name, text in (("picture", picture()), ("files", files())):
        start, end = f"<!-- {name}: made by architecture.py -->\n", f"<!-- end of {name} -->"
        head, _, rest = page.partition(start)
        _, _, tail = rest.partition(end)
        page = f"{head}{start}{text}{end}{tail}"
    return page


def picture() -> str:
    """Return the rooms and their imports as a Mermaid flowchart."""
    lines = ["```mermaid\n", "flowchart TD\n"]
    for room in ("", *_INSIDE):
        folder = PACKAGE / room
        arrows = reduced({each: imported(folder, each) for each in rooms(folder)})
        indent = "    "
        if room:
            lines.append(f"    subgraph in_{room} [inside {room}]\n")
            indent = "        "
        for source in sorted(arrows):
            node = f"{room}_{source}" if room else source
            lines.append(f"{indent}{node}[{source}]\n")
            lines.extend(
                f"{indent}{node} --> {f'{room}_{target}' if room else target}\n" for target in sorted(arrows[source])
            )
        if room:
            lines.append("    end\n")
    return "".join([*lines, "```\n"])


def files() -> str:
    """Return a table of every module with the first sentence of its docstring, a room after the other."""
    parts = []
    for folder in sorted({path.parent for path in PACKAGE.rglob("*.py")}):
        name = folder.relative_to(PACKAGE.parent).as_posix()
        parts.append(
            f"\n### {name}\n\n{first_sentence(folder / '__init__.py')}\n\n| module | what it is |\n|---|---|\n"
        )
        modules = [path for path in sorted(folder.glob("*.py")) if path.name != "__init__.py"]
        parts.extend(f"| `{path.stem}` | {first_sentence(path).replace('|', chr(92) + '|')} |\n" for path in modules)
        if not modules:
            parts[-1] = parts[-1].split("\n| module")[0]
    return "".join(parts) + "\n"


def rooms(folder: Path) -> list[str]:
    """Return the names of the packages and modules of a folder that have an arrow."""
    found = {
        path.name if path.is_dir() else path.stem
        for path in folder.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    return sorted(found - BELOW - {"__init__", "__main__", "__pycache__"})


def imported(folder: Path, room: str) -> set[str]:
    """Return which other rooms of a folder a room imports."""
    prefix = ".".join(folder.relative_to(PACKAGE.parent).parts)
    where = folder / room
    names = {
        name
        for path in (where.rglob("*.py") if where.is_dir() else [where.with_suffix(".py")])
        for name in imports(path)
    }
    below = {name[len(prefix) + 1 :].split(".")[0] for name in names if name.startswith(f"{prefix}.")}
    return (below & set(rooms(folder))) - {room}


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports, those of ``from package import name`` with the name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def reduced(arrows: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the arrows without those that a longer way stands for."""

    def reached(start: str, seen: set[str]) -> set[str]:
        for target in arrows[start] - seen:
            seen.add(target)
            reached(target, seen)
        return seen

    return {
        source: {each for each in targets if not any(each in reached(other, set()) for other in targets - {each})}
        for source, targets in arrows.items()
    }


def first_sentence(path: Path) -> str:
    """Return the first sentence of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = " ".join(text.split("\n\n")[0].split())
    return first if len(first) <= 200 else first[:200].rsplit(" ", 1)[0] + " ..."


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
