"""What the engine says is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from rvbbit_otel.all_in_one.loading import chdb
from rvbbit_otel.errors import StoreError

_CODE = re.compile(r"Code: (\d+)\. DB::")


class EngineError(StoreError):
    """What the engine said: its code, its text. Whether the data or the store is the reason is in neither: `trial` finds out."""

    def __init__(self, text: str) -> None:
        """Read the code off the text."""
        super().__init__(text)
        found = _CODE.search(text)
        self.code = int(found.group(1)) if found else 0


@contextmanager
def translated() -> Iterator[None]:
    """What chDB raises inside comes out as an EngineError."""
    try:
        yield
    except StoreError:
        raise
    except UnicodeDecodeError as error:  # chDB reads what the engine says as UTF-8, and there may be any value in it.
        raise EngineError(error.object.decode(errors="replace")) from error
    except (chdb.ChdbError, RuntimeError) as error:
        raise EngineError(str(error).removeprefix("Streaming query failed: ")) from error
