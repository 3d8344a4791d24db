"""A message to an address of the user's when a budget is over, once an hour, day or month, as a small file keeps. Nothing here raises."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from rvbbit_otel.hosts import is_loopback
from rvbbit_otel.storage.budgets import Usage

TIMEOUT: Final = 10.0


def tell_over(used: Sequence[Usage], state: Path | None, tell: Callable[[str], None], timeout: float = TIMEOUT) -> int:
    """Post one message for each budget that is over, names a webhook and was not told of in this window; gives how many arrived.

    `state` remembers which were; without it nothing is posted, since each run would post again.
    """
    due = [each for each in used if each.over and each.budget.webhook]
    if due and state is None:
        tell("no webhook was called: --state FILE has to keep which were, so that each is called once")
    if not due or state is None:
        return 0
    told = _read(state, tell)
    # Before anything is sent: what can't be kept would be sent by each run.
    if not _write(state, told, tell):
        return 0
    arrived = 0
    for each in due:
        window = each.begin.isoformat()
        if told.get(each.budget.name) != window and _post(each, tell, timeout):
            told[each.budget.name] = window
            _write(state, told, tell)
            arrived += 1
    return arrived


def message(used: Usage) -> dict[str, object]:
    """Return the body to post. `text` is for chats; amounts are strings, so that no digit is lost."""
    budget = used.budget
    at_least = "at least " if used.is_lower_bound else ""
    limits = [
        f"{at_least}${used.cost:f} of ${budget.dollars:f}"
        if name == "dollars"
        else f"{used.tokens} of {budget.tokens} tokens"
        for name in used.over
    ]
    return {
        "text": f"Budget {budget.name!r} is over: {', '.join(limits)} {f'this {budget.per}' if budget.per else 'in all'}",
        "budget": budget.name,
        "whose": budget.whose,
        "over": list(used.over),
        "begin": used.begin.isoformat(),
        "end": used.end.isoformat(),
        "dollars": f"{used.cost:f}",
        "dollars_limit": None if budget.dollars is None else f"{budget.dollars:f}",
        "dollars_are_a_lower_bound": used.is_lower_bound,
        "unpriced_calls": used.open_calls,
        "tokens": used.tokens,
        "tokens_limit": budget.tokens,
        "spenders": [
            {"caller_id": each.caller_id, "dollars": f"{each.cost:f}", "tokens": each.tokens} for each in used.spenders
        ],
    }


class _NoRedirect(HTTPRedirectHandler):
    """Elsewhere is not where the user said."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none: the answer is an error, then."""


def _post(used: Usage, tell: Callable[[str], None], timeout: float) -> bool:
    return post(used.budget.webhook, f"of budget {used.budget.name!r}", message(used), tell, timeout)


def post(
    url: str, whose: str, body: Mapping[str, object], tell: Callable[[str], None], timeout: float = TIMEOUT
) -> bool:
    """Post one message; whether it arrived. `whose` names the webhook in what is said where it did not: its address is a secret."""
    host = ""
    try:
        host = urlsplit(url).hostname or ""
        sent = {"Content-Type": "application/json", "User-Agent": "rvbbit-otel"}
        with _opener(host).open(
            Request(url, json.dumps(body).encode(), sent, method="POST"), timeout=timeout
        ) as answer:
            answer.read(1)
    except HTTPError as error:
        error.close()
        tell(f"the webhook {whose} at {host} answered {error.code}")
    except (OSError, HTTPException, ValueError) as error:
        # Not the error's own text: some have the address in it, which is a secret.
        tell(f"the webhook {whose} at {host} could not be called: {type(getattr(error, 'reason', error)).__name__}")
    else:
        return True
    return False


def _opener(host: str) -> OpenerDirector:
    return build_opener(_NoRedirect, *([ProxyHandler({})] if is_loopback(host) else []))


def _read(state: Path, tell: Callable[[str], None]) -> dict[str, str]:
    try:
        kept = json.loads(state.read_text(encoding="utf-8"))
        if isinstance(kept, Mapping) and all(isinstance(each, str) for pair in kept.items() for each in pair):
            return dict(kept)
        tell(f"{state} is no state of webhooks, and begun anew")
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        tell(f"{state} can't be read, and is begun anew: {error}")
    return {}


def _write(state: Path, told: Mapping[str, str], tell: Callable[[str], None]) -> bool:
    """In one step, so that a run that is cut off leaves the old one or the new one."""
    try:
        handle, name = tempfile.mkstemp(dir=state.parent, prefix=f".{state.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(told, file)
            Path(name).replace(state)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        tell(f"no webhook was called: {state} can't be written: {error}")
        return False
    return True
