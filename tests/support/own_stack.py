"""A test that asks the stack about loops: whoever runs the tests may do so in one."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any


def on_a_stack_of_its_own(test: Callable[..., None]) -> Callable[..., None]:
    """Run the test on a thread that does nothing else, and raise what it raises."""

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        raised: list[BaseException] = []

        def call() -> None:
            try:
                test(**fixtures)
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        if raised:
            raise raised[0]

    return run
