"""Redact texts of a known kind: an address, a traceback, a name. Time and memory grow with the text, never faster."""

from __future__ import annotations

import re
from typing import Final

# A text under a key that nothing is known of is free text from here on, whatever it says; no address that is one is as long as this.
LONGEST_UNKNOWN: Final = 1024
LONGEST_URL: Final = 8192

_PLAIN_WORD: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,64}", re.ASCII)
_FRAME: Final = re.compile(
    r'[ \t]{0,64}File "[\w./\\:<> ()+-]{1,1024}", line \d{1,9}(?:, in [\w.<>]{1,256})?[ \t]{0,8}', re.ASCII
)
_MOST_FRAMES: Final = 50
_WHOLE_URL: Final = re.compile(r"""(?<![\w+.-])[A-Za-z][A-Za-z0-9+.-]{1,31}://[^\s"'<>]+""")
_QUERY_IN_NAME: Final = re.compile(r"(?<=\S)\?\S+")
_SQL: Final = re.compile(
    r"\s{0,8}(?:select|insert|update|delete|with|merge|call|copy|create|alter|drop|set|exec|execute|explain|grant)\s",
    re.IGNORECASE,
)


def marker(length: int | None = None) -> str:
    """Return the marker that replaces a value; `length`: the number of its characters, where it is text."""
    return "[redacted]" if length is None else f"[redacted, {length} characters]"


def is_plain_word(text: str) -> bool:
    """Return whether a text is a short word of letters, digits and few signs, such as a protocol's name."""
    return _PLAIN_WORD.fullmatch(text) is not None


def without_queries(text: str) -> str:
    """The text with each address in it without its query."""
    return _WHOLE_URL.sub(lambda found: without_query(found[0]), text) if "://" in text else text


def may_be_url(value: str) -> bool:
    """Return whether a text has any sign of what an address leaves without: a login, parameters, a query, a fragment."""
    return "//" in value or value[:5].lower() == "data:" or any(sign in value for sign in "?#;@")


def without_query(url: str) -> str:
    """An address or the target of a request without login, parameters, query and fragment."""
    if url[:5].lower() == "data:":
        return marker(len(url))
    cut = min((place for sign in "?#;" if (place := url.find(sign)) >= 0), default=len(url))
    scheme, slashes, rest = url[:cut].partition("//") if "//" in url[:cut] else ("", "", url[:cut])
    if not rest.startswith("/"):
        authority, slash, path = rest.partition("/")
        login, _, host = authority.rpartition("@")
        port = host.rpartition(":")[2] if ":" in host and not host.endswith("]") else ""
        if port and not port.isdigit():
            return marker(len(url))  # A login with a slash in it, or no address at all.
        rest = f"{marker() + '@' if login else ''}{host}{slash}{path}"
    asked = f"{url[cut]}{marker(len(url) - cut - 1)}" if cut < len(url) else ""
    return f"{scheme}{slashes}{rest}{asked}"


def frames(stacktrace: str) -> str:
    """Return the frames of a traceback, without source lines (they hold literals) and without the exception's
    message.
    """
    lines = stacktrace.splitlines()
    kept = [line for line in lines if _FRAME.fullmatch(line)][-_MOST_FRAMES:]
    left = len(stacktrace) - sum(len(line) + 1 for line in kept)
    return "\n".join([*kept, marker(left)]) if left > 0 else "\n".join(kept)


def looks_like_sql(text: str) -> bool:
    """Return whether a text begins as a SQL statement does."""
    return _SQL.match(text) is not None


def without_path_queries(name: str) -> str:
    """A span's name without what a path in it asks for."""
    return _QUERY_IN_NAME.sub("", name) if "?" in name else name
