"""One link of the chain from a runner to the store, and what was found out about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from rvbbit_otel.settings import PREFIX

# The SDK names this variable from 1.43 on.
OTEL_CONFIG_FILE: Final = "OTEL_CONFIG_FILE"
_SECRET_NAME: Final = re.compile(r"key|token|secret|passw|credential|headers|auth", re.IGNORECASE)
_URL_LOGIN: Final = re.compile(r"//[^/@\s]*@")
# Shorter values are words that may stand anywhere.
_SHORTEST_SECRET: Final = 6


@dataclass(frozen=True)
class Link:
    """One link of the chain. `remedy` is empty where nothing is to be done; `details` is for programs."""

    name: str
    state: Literal["ok", "note", "broken"]
    seen: str
    remedy: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def masked(self, environ: Mapping[str, str]) -> Link:
        """The same without logins in addresses and without the values of variables that are named like secrets."""
        secrets = [
            value.strip()
            for name, value in environ.items()
            # Our own others, such as KEEP_KEYS, name attributes and hold no secret.
            if (name == f"{PREFIX}JOB_KEY" or not name.startswith(PREFIX))
            and _SECRET_NAME.search(name)
            and len(value.strip()) >= _SHORTEST_SECRET
        ]
        return replace(
            self,
            seen=_masked(self.seen, secrets),
            remedy=_masked(self.remedy, secrets),
            details=_masked(dict(self.details), secrets),
        )


def _masked(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, str):
        value = _URL_LOGIN.sub("//***@", value)
        for secret in secrets:
            value = value.replace(secret, "***")
        return value
    if isinstance(value, dict):
        return {key: _masked(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item, secrets) for item in value]
    return value
