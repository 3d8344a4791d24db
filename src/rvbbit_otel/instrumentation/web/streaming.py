"""An answer whose parts are asked for after the application has returned: each is made as the request's, which is over when the answer is closed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from rvbbit_otel.instrumentation.execution import Job, Within
from rvbbit_otel.instrumentation.web.naming import Answering


class Streamed:
    """Such an answer; made within the request's block, which whoever made it then steps out of."""

    def __init__(self, block: Answering, close: Callable[[], None]) -> None:
        """`close`: what the application does once the server is done."""
        self.job = Job()
        self.error: BaseException | None = None
        self._block = block
        self._close = close
        self._over = False

    def close(self) -> None:
        """The server is done with it."""
        if self._over:
            return
        self._over = True
        try:
            self.job.run(self._close)
        except BaseException as error:
            self.error = self.error or error
            raise
        finally:
            self._block.__exit__(None, self.error, None)


class Parts(Iterator[Any]):
    """Its parts."""

    def __init__(self, streamed: Streamed, parts: Iterator[Any]) -> None:
        """`parts` as the application makes them."""
        self._streamed, self._parts = streamed, parts

    def __next__(self) -> Any:
        """The next one."""
        try:
            return self._streamed.job.run(next, self._parts)
        except StopIteration:
            raise
        except BaseException as error:
            self._streamed.error = error
            raise

    def close(self) -> None:
        """The server is done."""
        self._streamed.close()


class AsyncParts(AsyncIterator[Any]):
    """Its parts, made by an asynchronous generator."""

    def __init__(self, streamed: Streamed, parts: AsyncIterator[Any]) -> None:
        """`parts` as the application makes them."""
        self._streamed, self._parts = streamed, parts

    async def __anext__(self) -> Any:
        """The next one."""
        try:
            with Within(self._streamed.job.context):
                return await anext(self._parts)
        except StopAsyncIteration:
            raise
        except BaseException as error:
            self._streamed.error = error
            raise
