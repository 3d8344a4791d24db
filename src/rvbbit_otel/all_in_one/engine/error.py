"""Errors of the engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rvbbit_otel.all_in_one.engine.loading import chdb
from rvbbit_otel.errors import StoreError

_CODE = re.compile(r"Code: (\d+)\. DB::")


class EngineError(StoreError):
    """An error of the engine: its code and text. Neither tells whether the data or the store is at fault; `trial`
    finds that out.
    """

    def __init__(self, text: str) -> None:
        """Read the code off the text."""
        super().__init__(text)
        found = _CODE.search(text)
        self.code = int(found.group(1)) if found else 0


@contextmanager
def translated(hidden: Path | None = None) -> Iterator[None]:
    """Turn chDB's exceptions into EngineError; `hidden` is a file of this machine whose name clients must not read."""
    try:
        yield
    except StoreError:
        raise
    except UnicodeDecodeError as error:  # chDB reads what the engine says as UTF-8, and there may be any value in it.
        raise EngineError(_shown(error.object.decode(errors="replace"), hidden)) from error
    except (chdb.ChdbError, RuntimeError) as error:
        raise EngineError(_shown(str(error).removeprefix("Streaming query failed: "), hidden)) from error


def _shown(text: str, hidden: Path | None) -> str:
    return text if hidden is None else text.replace(str(hidden), "the data")
