"""A RunnerSpec as a TOML file: the same fields, the same checks, an equal object.

```toml
name = "my_runner"
module = "my_runner"
include = ["duckdb"]

[[hooks]]
role = "cascade"
target = "my_runner.runner:Runner.run"
fields = { session_id = "self.session_id" }
```
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, Protocol

from rvbbit_otel.errors import SpecError
from rvbbit_otel.instrumentation.runners import duckdb
from rvbbit_otel.instrumentation.spec.model import ALONE, Hook, Role, RunnerSpec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Hooks that are the same for every runner on that library, by the name that `include` knows them by.
INCLUDES: Final[Mapping[str, tuple[Hook, ...]]] = {"duckdb": duckdb.HOOKS}
_SPEC_KEYS: Final = frozenset(each.name for each in fields(RunnerSpec)) | {"include"}
_HOOK_KEYS: Final = frozenset(each.name for each in fields(Hook))
# A spec is a page of text. What is larger is another file.
_MOST_BYTES: Final = 1_048_576


class Readable(Protocol):
    """A path, or a file inside an installed package (`importlib.resources`)."""

    def read_bytes(self) -> bytes:
        """The whole file."""
        ...


def load_spec(file: str | Readable) -> RunnerSpec:
    """Read a spec from a file; raise SpecError, naming the file, the hook by its number and the field, for what can't be."""
    source: Readable = Path(file) if isinstance(file, str) else file
    try:
        content = source.read_bytes()
    except OSError as error:
        raise SpecError(f"{source}: {error.strerror or error}; it can't be read") from None
    except ValueError as error:  # No name that a file can have.
        raise SpecError(f"{source}: {error}; it can't be read") from None
    if len(content) > _MOST_BYTES:
        raise SpecError(f"{source}: {len(content)} bytes are no RunnerSpec; one has {_MOST_BYTES} at most")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"{source}: it is no UTF-8 text: {error}") from None
    return parse_spec(text, str(source))


def parse_spec(text: str, where: str = "spec") -> RunnerSpec:
    """A spec from TOML text; `where` is what errors call it."""
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SpecError(f"{where}: it is no TOML: {error}") from None
    _refuse_unknown(table, _SPEC_KEYS, where)
    for name in ("name", "module"):
        if name not in table:
            raise SpecError(f"{where}: {name} is missing")
    hooks = table.pop("hooks", [])
    if not isinstance(hooks, list):
        raise SpecError(f"{where}: hooks is {_kind(hooks)}; each hook is a table [[hooks]]")
    made = [_hook(hook, f"{where}: hook {number}") for number, hook in enumerate(hooks, 1)]
    made += _included(table.pop("include", []), where)
    try:
        return RunnerSpec(hooks=tuple(made), **table)
    except SpecError as error:
        raise SpecError(f"{where}: {error}") from None


def spec_as_toml(spec: RunnerSpec) -> str:
    """The spec as TOML text, of which `parse_spec` makes an equal one."""
    lines = [f"name = {_quoted(spec.name)}", f"module = {_quoted(spec.module)}"]
    if spec.distribution is not None:
        lines.append(f"distribution = {_quoted(spec.distribution)}")
    if spec.versions:
        lines.append(f"versions = {_quoted(spec.versions)}")
    for hook in spec.hooks:
        lines += ["", "[[hooks]]", f"role = {_quoted(hook.role.value)}", f"target = {_quoted(hook.target)}"]
        if hook.fields:
            pairs = ", ".join(f"{name} = {_quoted(path)}" for name, path in hook.fields.items())
            lines.append(f"fields = {{ {pairs} }}")
        if hook.accounts == ALONE:
            lines.append(f"accounts = {_quoted(ALONE)}")
        lines += [
            f"{flag} = true"
            for flag in ("accounts", "block", "optional", "sees_variables")
            if getattr(hook, flag) is True
        ]
        for name in ("when", "unless"):
            if getattr(hook, name) is not None:
                lines.append(f"{name} = {_quoted(getattr(hook, name))}")
        if hook.parameters is not None:
            lines.append(f"parameters = {_list(hook.parameters)}")
        if hook.not_errors:
            lines.append(f"not_errors = {_list(hook.not_errors)}")
    return "\n".join(lines) + "\n"


def _hook(table: object, where: str) -> Hook:
    if not isinstance(table, dict):
        raise SpecError(f"{where}: it is {_kind(table)}; each hook is a table [[hooks]]")
    _refuse_unknown(table, _HOOK_KEYS, where)
    for name in ("role", "target"):
        if not isinstance(table.get(name), str):
            raise SpecError(
                f"{where}: {name} is missing" if name not in table else f"{where}: {name} is text in quotes"
            )
    if table["role"] not in {role.value for role in Role}:
        raise SpecError(f"{where}: {table['role']!r} is no role; there are {', '.join(role.value for role in Role)}")
    try:
        return Hook(**{**table, "role": Role(table["role"])})
    except SpecError as error:
        raise SpecError(f"{where}: {str(error).removeprefix('hook ')}") from None


def _included(names: object, where: str) -> list[Hook]:
    if not isinstance(names, list):
        raise SpecError(f"{where}: include is {_kind(names)}; it is a list of names")
    hooks: list[Hook] = []
    for name in names:
        if not isinstance(name, str) or name not in INCLUDES:
            raise SpecError(f"{where}: include has {name!r}; there are {', '.join(INCLUDES)}")
        hooks += INCLUDES[name]
    return hooks


def _refuse_unknown(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for name in table:
        if name not in known:
            raise SpecError(f"{where}: there is no key {name}; there are {', '.join(sorted(known))}")


def _kind(value: object) -> str:
    kinds: dict[type, str] = {dict: "a table", list: "a list", str: "text"}
    return kinds.get(type(value), f"of type {type(value).__name__}")


def _list(words: Iterable[str]) -> str:
    return f"[{', '.join(map(_quoted, words))}]"


def _quoted(text: str) -> str:
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
