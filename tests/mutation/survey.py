"""Which tests can notice a mutant: those that run its statement. How long each file of tests takes. Found by running all without a mutant."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.mutation.copies import Copy
from tests.mutation.mutants import Mutant
from tests.mutation.results import FOLDER, Results
from tests.mutation.selection import MODULES, SOURCE

_FILE: Final = FOLDER / "survey.json"
# Seconds of the processor that a file of tests may take with a mutant, beside so many times what it takes by the clock without.
_MORE, _TIMES = 3.0, 2
_ENOUGH: Final = 600.0


class Survey:
    """limits: seconds of each file of tests."""

    def __init__(self, seen: Mapping[str, Mapping[str, Any]]) -> None:
        self.limits: Mapping[str, float] = {file: _MORE + _TIMES * each["seconds"] for file, each in seen.items()}
        self._lines = {file: each["lines"] for file, each in seen.items()}

    def tests(self, mutant: Mutant, files: Iterable[str]) -> dict[str, list[str] | None]:
        """The tests that can notice a mutant, by file, in this order; None for all of them."""
        if not mutant.in_function:
            return dict.fromkeys(files)
        path, lines = str(MODULES[mutant.module]), set(mutant.lines)
        found: dict[str, list[str] | None] = {}
        for file in files:
            # One that runs nothing of the rule in its own process runs it in others.
            tests = [
                test
                for test, ran in self._lines[file].items()
                if not lines.isdisjoint(ran[path]) or not any(ran.values())
            ]
            if tests:
                found[file] = tests
        return found


def survey_of(results: Results, copy: Copy) -> Survey:
    """That of earlier runs, and for what has changed since a new one.

    All tests pass without a mutant, and none with a module that can't be imported, or nothing that follows means anything.
    """
    known = json.loads(_FILE.read_text()) if _FILE.exists() else {}
    seen: dict[str, dict[str, Any]] = {}
    for file, digest in results.files.items():
        state = f"{results.around} {digest}"
        if known.get(file, {}).get("state") == state:
            seen[file] = known[file]
        else:
            seen[file] = {"state": state, **_look(file, copy)}
    FOLDER.mkdir(exist_ok=True)
    _FILE.write_text(json.dumps(seen))
    return Survey(seen)


def _look(file: str, copy: Copy) -> dict[str, Any]:
    path = SOURCE / "__init__.py"  # Which each of them imports, whatever else it needs.
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder) / "lines.json"
        plain, surveyed = (
            copy.ask(path, None, {file: None}, {file: _ENOUGH}, survey=survey) for survey in (None, where)
        )
        for answer in (plain, surveyed):
            if answer.killer is not None:
                raise SystemExit(f"fails without a mutant: {answer.killer}")
        if copy.ask(path, "raise RuntimeError", {file: None}, {file: _ENOUGH}, afresh=True).killer is None:
            raise SystemExit(f"does not notice that {path} can't be imported: {file}")
        return {"seconds": plain.seconds[file], "lines": json.loads(where.read_text())}
