"""Questions to a store, as the page asks them: SQL from files, bound parameters, answers as records of exact values."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, Final, Protocol

from rvbbit_otel.errors import StoreError
from rvbbit_otel.storage.files import read

FORMAT: Final = "JSONCompact"
# How answers are written, so that no digit of a number or a dollar is lost and no time depends on a server's zone.
SHAPE: Final[Mapping[str, str]] = {
    "output_format_json_quote_64bit_integers": "0",
    "output_format_json_quote_64bit_floats": "0",
    "output_format_json_quote_decimals": "1",
    "output_format_json_quote_denormals": "0",
    "date_time_output_format": "unix_timestamp",
}
# A type of one value, without what stands around it.
_SCALAR: Final = re.compile(
    r"(?:Nullable\(|LowCardinality\(|SimpleAggregateFunction\(\w+, )*((?:DateTime|Decimal|Bool)[^,]*?(?:\([^)]*\))?)\)*"
)
Row = dict[str, Any]


class Store(Protocol):
    """A store that answers read-only questions."""

    async def ask(self, sql: str, parameters: Mapping[str, str], settings: Mapping[str, str]) -> bytes:
        """Return the answer in JSONCompact. Raises StoreUnavailableError where trying again may help, StoreError where it will not."""


@dataclass(frozen=True)
class Answer:
    """One question and what the store said. `types` are ClickHouse's, one a column."""

    name: str
    sql: str
    parameters: Mapping[str, str]
    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[Row]
    seconds: float

    @property
    def first(self) -> Row:
        """The only row of a question that has one, empty if there is none."""
        return self.rows[0] if self.rows else {}

    @property
    def parameters_in_address(self) -> dict[str, str]:
        """The parameters as fields of the SQL console's address."""
        return {f"param_{name}": value for name, value in self.parameters.items()}


@dataclass
class Asker:
    """The questions of one request, kept in their order for "show SQL", JSON and CSV."""

    store: Store
    answers: list[Answer] = field(default_factory=list)

    async def __call__(self, name: str, **parameters: str | int) -> Answer:
        """Ask the question of a file under ``sql/page/``."""
        return await self.ask(
            name, read(f"page/{name}.sql").strip(), {key: str(value) for key, value in parameters.items()}
        )

    async def ask(
        self, name: str, sql: str, parameters: Mapping[str, str], settings: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask a statement that stands elsewhere: an audit, or what somebody typed into the console."""
        begin = time.monotonic()
        place = len(self.answers)
        # Its place is taken before it is answered, so that questions asked together stand in the order of their asking.
        self.answers.append(Answer(name, sql, parameters, (), (), [], 0.0))
        body = await self.store.ask(sql, parameters, {**SHAPE, **(settings or {})})
        columns, types, rows = decode(body)
        answer = Answer(name, sql, parameters, columns, types, rows, time.monotonic() - begin)
        self.answers[place] = answer
        return answer


async def together(*questions: Any) -> Sequence[Any]:
    """Ask several at once; the first that fails is raised, after all have ended."""
    ended = await asyncio.gather(*questions, return_exceptions=True)
    for each in ended:
        if isinstance(each, BaseException):
            raise each
    return ended


def decode(body: bytes) -> tuple[tuple[str, ...], tuple[str, ...], list[Row]]:
    """Columns, their types, and rows with Python's values."""
    try:
        document = json.loads(body)
        meta = document["meta"]
        data = document["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"the store's answer is no {FORMAT}: {body[:200].decode(errors='replace')}") from error
    columns = tuple(str(each["name"]) for each in meta)
    types = tuple(str(each["type"]) for each in meta)
    readers = [_reader(each) for each in types]
    return (
        columns,
        types,
        [{name: reader(value) for name, reader, value in zip(columns, readers, row, strict=True)} for row in data],
    )


def _reader(type_name: str) -> Any:
    found = _SCALAR.fullmatch(type_name)
    inner = found[1] if found else ""
    if inner.startswith("DateTime"):
        return _moment
    if inner.startswith("Decimal"):
        return lambda value: None if value is None else Decimal(str(value))
    if inner == "Bool":
        return lambda value: None if value is None else bool(value)
    return lambda value: value


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    seconds, _, fraction = str(value).partition(".")
    whole = datetime.fromtimestamp(int(seconds), timezone.utc)
    return whole.replace(microsecond=int(f"{fraction[:6]:0<6}") if fraction else 0)
