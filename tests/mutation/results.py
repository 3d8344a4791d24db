"""What is known of mutants from an earlier run, so that one that was ended goes on, and one after a change tries again only what it must."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from tests.mutation.mutants import Mutant
from tests.mutation.selection import ROOT

FOLDER: Final = ROOT / ".mutation"
_FILE: Final = FOLDER / "results.jsonl"


class Results:
    """One line for each mutant that was tried.

    A mutant that was killed stays killed while the product, the helpers of the tests and the file whose test killed it are what they were. One that
    survived is tried again by the files that have changed since, or are new. Whatever has changed, the file that killed a mutant of the same name is
    worth a try before the others.
    """

    def __init__(self, files: Iterable[str]) -> None:
        self._lock = threading.Lock()
        helpers = [path for path in (ROOT / "tests").rglob("*.py") if not path.name.startswith("test_")]
        product = sorted((ROOT / "src").rglob("*.py"))
        self.around = _digest([*product, *sorted(path for path in helpers if path.parent.name != "mutation")])
        self.files = {file: _digest([ROOT / file]) for file in files}
        self._killers: dict[str, str] = {}
        self._survived: dict[str, dict[str, str]] = {}
        self._once: dict[tuple[str, ...], str] = {}
        if _FILE.exists():
            for line in _FILE.read_text().splitlines():
                entry = json.loads(line)
                if entry["killer"] is not None:
                    self._once[tuple(entry["name"])] = _file_of(entry["killer"])
                if entry["around"] == self.around:
                    self._note(entry["mutant"], entry["killer"], entry["files"])

    def killer(self, mutant: Mutant) -> str | None:
        """The test that killed it, None if it was not tried or survived."""
        return self._killers.get(_key(mutant))

    def once(self, mutant: Mutant) -> str | None:
        """The file whose test killed it in some earlier run, when the product may have been another."""
        return self._once.get(mutant.name)

    def waiting(self, mutant: Mutant, files: Iterable[str]) -> list[str]:
        """The files that have yet to try it."""
        if self.killer(mutant) is not None:
            return []
        survived = self._survived.get(_key(mutant), {})
        return [file for file in files if survived.get(file) != self.files[file]]

    def add(self, mutant: Mutant, killer: str | None, files: Iterable[str]) -> None:
        """It has been tried by these, and one of them killed it, or none."""
        entry: dict[str, Any] = {
            "mutant": _key(mutant),
            "name": mutant.name,
            "killer": killer,
            "around": self.around,
            "files": {file: self.files[file] for file in files},
        }
        with self._lock:
            self._note(entry["mutant"], killer, entry["files"])
            FOLDER.mkdir(exist_ok=True)
            with _FILE.open("a") as file:
                file.write(json.dumps(entry) + "\n")

    def _note(self, key: str, killer: str | None, files: dict[str, str]) -> None:
        if killer is None:
            self._survived.setdefault(key, {}).update(files)
            return
        file = _file_of(killer)
        if files.get(file) == self.files.get(file):
            self._killers[key] = killer


def _file_of(killer: str) -> str:
    return killer.partition("::")[0].partition(" ")[0]


def _key(mutant: Mutant) -> str:
    return f"{mutant.module}:{hashlib.sha256(mutant.code.encode()).hexdigest()}"


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
