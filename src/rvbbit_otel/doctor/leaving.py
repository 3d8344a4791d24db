"""List what would leave a process with these settings: content, redacted keys, and the hosts that receive baggage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from rvbbit_otel.doctor.links import Link
from rvbbit_otel.redaction.table import CONTENT_WORDS, SECRET_WORDS, URL_WORDS, Action, patterns
from rvbbit_otel.settings import Settings

NAME: Final = "what leaves"
_SQL: Final = {"off": "nothing of a caller's SQL", "shape": "the shape of a caller's SQL", "full": "a caller's SQL"}
# In the order of the table that people read, while content is off.
_DONE: Final[Mapping[Action, str]] = {
    "content": "do not leave, but for numbers",
    "value": "do not leave",
    "secret": "never leave",
    "url": "leave without login, query and fragment",
    "stack": "leave as frames",
    "word": "leave where they are a plain word",
    "keep": "leave",
}


def leaving(settings: Settings) -> Link:
    """A link that is a note where more leaves than by default."""
    if not settings.redaction:
        what = "nothing is redacted: what other instrumentations write leaves whole"
    elif settings.content == "off":
        what = f"content stays, and secrets; {_SQL[settings.caller_sql]} leaves"
    else:
        what = f"content leaves ({settings.content}), secrets stay"
    said = [
        what,
        *(
            f"{variable} {', '.join(names)}"
            for variable, names in (("kept by your settings:", settings.keep_keys), ("redacted:", settings.redact_keys))
            if names and settings.redaction
        ),
        f"baggage to {', '.join(settings.propagate_hosts) or 'no host'}",
    ]
    more = settings.content != "off" or settings.caller_sql == "full" or not settings.redaction
    state: Literal["ok", "note"] = "note" if more or settings.keep_keys or settings.propagate_hosts else "ok"
    details = {
        "content": settings.content,
        "content_limit": settings.content_limit,
        "caller_sql": settings.caller_sql,
        "redaction": settings.redaction,
        "keep_keys": list(settings.keep_keys),
        "redact_keys": list(settings.redact_keys),
        "propagate_hosts": list(settings.propagate_hosts),
        "keys": _keys(settings),
    }
    return Link(NAME, state, "; ".join(said), details=details)


def _keys(settings: Settings) -> dict[str, list[str]]:
    """Return what is done with attributes, and the key patterns that it is done to; a longer pattern goes before a
    shorter one.
    """
    if not settings.redaction:
        return {"leave": ["*"]}
    off = settings.content == "off"
    done: dict[str, list[str]] = {}
    for action, what in _DONE.items():
        listed = sorted(pattern for pattern, each in patterns().items() if each == action)
        words = {"content": CONTENT_WORDS, "secret": SECRET_WORDS, "url": URL_WORDS}.get(action, "").split()
        listed += [f"... {word}" for word in words]
        done.setdefault(what if off or action in ("secret", "keep") else "leave", []).extend(listed)
    done.setdefault("never leave", []).extend(settings.redact_keys)
    done.setdefault("leave", []).extend(settings.keep_keys)
    return done
