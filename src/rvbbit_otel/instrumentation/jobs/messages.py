"""The caller in a job's message: the same values as in a child's environment, how the caller is known, and a
signature.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
from dataclasses import dataclass
from typing import Final

from opentelemetry.context import Context, get_current

from rvbbit_otel.attribution.caller import Caller
from rvbbit_otel.attribution.propagation import caller_of, context_from_environment, environment_of
from rvbbit_otel.attribution.work import work_of
from rvbbit_otel.counters import Once, count
from rvbbit_otel.settings import Settings

# Under this name it stands among the headers of a message, or in a job's metadata.
HEADER: Final = "rvbbit_otel"
_SOURCE: Final = "SOURCE"
# No message of ours is longer: three ids and a trace.
_MOST: Final = 2048
_logger: Final = logging.getLogger("rvbbit_otel")


@dataclass(frozen=True, slots=True)
class Said:
    """The content of a job's message.

    context: that of the work which handed the job over, None where nobody did, or the message is not believed. weak: it was known there by
    inheritance only. candidate: whom a message names that is not believed.
    """

    context: Context | None = None
    weak: bool = False
    candidate: str | None = None

    @property
    def caller(self) -> Caller | None:
        """The caller who handed the job over."""
        return None if self.context is None else caller_of(self.context)


class Messages:
    """Writes and reads them."""

    def __init__(self, settings: Settings) -> None:
        """Without a key of the user's, this process and those that it forks believe each other."""
        self._key = (settings.job_key or secrets.token_hex(32)).encode()
        self._trust = settings.trust_inbound
        self._once = Once()

    def written(self, job: str) -> str | None:
        """Return the message for a job of this name, with the current caller; None if there is no caller."""
        context = get_current()
        if caller_of(context) is None:
            return None
        work = work_of(context)
        source = "inherited" if work is not None and work.weak else "baggage"
        said = json.dumps({**environment_of(context), _SOURCE: source}, separators=(",", ":"), sort_keys=True)
        return f"{self._seal(job, said)}:{said}"

    def read(self, job: str, text: object) -> Said:
        """Return the content of a job's message, as far as its signature is right."""
        if not isinstance(text, str) or len(text) > _MOST:
            return Said()
        seal, _, said = text.partition(":")
        try:
            fields = json.loads(said)
            context = context_from_environment({name: str(value) for name, value in fields.items()})
        except (ValueError, AttributeError):
            count("invalid_ids.job")
            return Said()
        caller = caller_of(context)
        if caller is None:
            return Said()
        if not self._trust and not hmac.compare_digest(seal.encode(), self._seal(job, said).encode()):
            count("untrusted.job")
            self._once.warn(
                f"a job's message names the caller {caller.id}, and is sealed with another key than ours: its work is nobody's. "
                "Set OTEL_PYTHON_RVBBIT_JOB_KEY to one secret where jobs are handed over and where they run"
            )
            return Said(candidate=caller.id)
        return Said(context, weak=fields.get(_SOURCE) == "inherited")

    def _seal(self, job: str, said: str) -> str:
        # With the job's own name: what was copied from another message does not fit.
        return hmac.new(self._key, f"{job}\n{said}".encode(), hashlib.sha256).hexdigest()
