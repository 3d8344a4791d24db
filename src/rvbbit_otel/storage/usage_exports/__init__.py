"""A provider's usage export, from one file or several: OpenAI's, Anthropic's, or a CSV of the user's.

What can't be read, or could be counted twice or in part, is a ConfigurationError that says where and what to do: nothing is left out in silence.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NoReturn

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.storage.usage_exports import anthropic, generic, openai
from rvbbit_otel.storage.usage_exports.entry import Entry, Figures, Part, Span

PROVIDERS: Final = ("openai", "anthropic", "generic")
__all__ = ["PROVIDERS", "Entry", "Export", "Figures", "Span", "read_exports"]
_FORMATS: Final = (
    "It has to be OpenAI's or Anthropic's usage or costs, as their API or their dashboard gives them, or a CSV with `day, model` and any of "
    "`calls, tokens_in, tokens_out, cost, key, project`"
)


@dataclass(frozen=True)
class Export:
    """The usage that all given files report together."""

    provider: str
    spans: tuple[Span, ...]
    entries: tuple[Entry, ...]

    @property
    def begin(self) -> datetime:
        """From when on they say something."""
        return min(span.begin for span in self.spans)

    @property
    def end(self) -> datetime:
        """Until when they say something; not included."""
        return max(span.end for span in self.spans)


def read_exports(files: Sequence[Path], provider: str | None = None) -> Export:
    """Read them all; raises ConfigurationError. `provider` is what they have to be of, where the user says so."""
    parts = [_read(file) for file in files]
    found = sorted({part.provider for part in parts})
    if provider is not None and found != [provider]:
        raise ConfigurationError(
            f"{files[0]} is of {' and '.join(found)}, not of {provider}: leave --provider out, or give another file"
        )
    if len(found) > 1:
        raise ConfigurationError(f"the files are of {' and '.join(found)}: reconcile one provider at a time")
    export = Export(
        found[0],
        tuple(span for part in parts for span in part.spans),
        tuple(entry for part in parts for entry in part.entries),
    )
    _refuse_parts(export.spans)
    _refuse_doubles(files, parts)
    return export


def _read(file: Path) -> Part:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} can't be read: {error}") from error
    if not text.strip():
        raise ConfigurationError(f"{file} is empty. {_FORMATS}")
    return _read_json(text, file) if text.lstrip()[0] in "{[" else _read_csv(text, file)


def _read_json(text: str, file: Path) -> Part:
    try:
        document = json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"{file}, line {error.lineno}, column {error.colno}: it is no JSON: {error.msg}. Give each page in a file of its own, as it came, "
            "or all in one list (`jq -s .`)"
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"{file}: it is no JSON: {error}") from error
    # One page, or several in a list, as `jq -s` puts them together.
    pages: list[Any] = document if isinstance(document, list) else [document]
    for number, page in enumerate(pages):
        data = page.get("data") if isinstance(page, dict) else None
        if not isinstance(data, list) or not all(isinstance(bucket, dict) for bucket in data):
            raise ConfigurationError(
                f"{file}{f', [{number}]' if page is not document else ''} has no list `data`. {_FORMATS}"
            )
        if not data:
            raise ConfigurationError(
                f"{file} has no bucket in `data`, so that it says of no time what was used: export a time that has some"
            )
    if not pages:
        raise ConfigurationError(f"{file} is an empty list. {_FORMATS}")
    first = pages[0]["data"][0]
    if "starting_at" in first:
        return anthropic.read_json(pages, str(file))
    if "start_time" in first:
        return openai.read_json(pages, str(file))
    raise ConfigurationError(f"{file}, data[0] has neither `start_time` nor `starting_at`. {_FORMATS}")


def _read_csv(text: str, file: Path) -> Part:
    head = text.lstrip("\n\r").partition("\n")[0]
    delimiter = next((each for each in "\t;" if each in head), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines: list[tuple[str, dict[str, str]]] = []
    header: list[str] = []
    try:
        for fields in reader:
            place = f"{file}, line {reader.line_num}"
            if not any(field.strip() for field in fields):
                continue
            if not header:
                header = [field.strip() for field in fields]
                if doubled := [name for name in header if header.count(name) > 1]:
                    raise ConfigurationError(f"{place}: the column {doubled[0]!r} is there twice")
                continue
            if len(fields) != len(header):
                raise ConfigurationError(
                    f"{place} has {len(fields)} fields, and the header {len(header)}: export it anew, or mend that line"
                )
            lines.append((place, dict(zip(header, (field.strip() for field in fields), strict=True))))
    except csv.Error as error:
        raise ConfigurationError(f"{file}, line {reader.line_num}: it is no CSV: {error}") from error
    names = frozenset(header)
    for needed, read in (
        ({"start_time", "end_time"}, openai.read_csv),
        ({"usage_date_utc", "model_version"}, anthropic.read_csv),
        ({"usage_date_utc", "cost_usd"}, anthropic.read_csv),
        (generic.NEEDED, generic.read_csv),
    ):
        if names >= needed:
            if not lines:
                raise ConfigurationError(
                    f"{file} has a header and no line, so that it says of no time what was used: export a time that has some"
                )
            return read(lines, names, str(file))
    raise ConfigurationError(f"{file}, line 1: its columns are {', '.join(header)[:200]}. {_FORMATS}")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _refuse_parts(spans: Sequence[Span]) -> None:
    for span in spans:
        if span.has_more and not any(other.kind == span.kind and other.begin == span.end for other in spans):
            raise ConfigurationError(
                f"{span.where} says `has_more`, and no page goes on at {span.end:%Y-%m-%d %H:%M:%S}: "
                "fetch the next pages too (`next_page`), and give them all"
            )


def _refuse_doubles(files: Sequence[Path], parts: Sequence[Part]) -> None:
    seen: dict[tuple[object, ...], Path] = {}
    for file, part in zip(files, parts, strict=True):
        mine: dict[tuple[object, ...], Path] = {}
        for entry in part.entries:
            identity = (entry.kind, entry.begin, entry.end, entry.model, entry.key, entry.project)
            if identity in seen:
                raise ConfigurationError(
                    f"{entry.where}: {entry.day} {entry.model} is in {seen[identity]} already, and would be counted twice: "
                    "give each time once"
                )
            mine[identity] = file
        seen |= mine
