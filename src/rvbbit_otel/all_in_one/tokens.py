"""Tokens with names and rights, from a TOML file::

[[token]]
name = "grafana"            # as the access log tells it
token = "..."               # the secret, 16 characters or more
rights = ["read"]           # read: ask, and the page; write: send spans and rows; admin: both, and repair, prices, erase
"""

from __future__ import annotations

import hmac
import secrets
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rvbbit_otel.errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

READ, WRITE, ADMIN = "read", "write", "admin"
# Where a request's scope has what it may do.
RIGHTS: Final = "rvbbit_otel.rights"
_ALL: Final = frozenset({READ, WRITE, ADMIN})
_SHORTEST: Final = 16


@dataclass(frozen=True)
class Token:
    """One secret: its name, and what whoever has it may do."""

    name: str
    secret: str = field(repr=False)
    rights: frozenset[str] = _ALL


class Tokens:
    """Those that a server takes."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        """Any of them opens what its rights are."""
        self._tokens = tuple(tokens)

    @classmethod
    def one(cls, secret: str | None) -> Tokens | None:
        """A single token for everything; None where none is asked for."""
        return cls([Token("token", secret)]) if secret else None

    @classmethod
    def of_server(cls, secret: str | None, tokens: Sequence[Token]) -> tuple[Tokens | None, str | None]:
        """Return those of a server, and a secret for the page, which asks the SQL listener as others do; nothing where no token is asked for."""
        if not secret and not tokens:
            return None, None
        page = Token("page", secrets.token_urlsafe(32), frozenset({READ}))
        return cls([*tokens, *([Token("token", secret)] if secret else []), page]), page.secret

    def of(self, offered: Iterable[str]) -> Token | None:
        """Return the token that is among these, None if none is; in a time that tells nothing of them."""
        found = [
            token
            for each in offered
            for token in self._tokens
            if hmac.compare_digest(each.encode(), token.secret.encode())
        ]
        return found[0] if found else None


def may(scope: Mapping[str, Any], right: str) -> bool:
    """Whether whoever sent a request may do so; where no token is asked for, everybody may."""
    return right in scope.get(RIGHTS, _ALL)


def read_tokens(file: Path) -> tuple[Token, ...]:
    """Read the tokens of a file; raises ConfigurationError, which says what is wrong and shows no secret."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--tokens {file} can't be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        # The error's own words may show a part of the line.
        line = getattr(error, "lineno", None)
        raise ConfigurationError(f"--tokens {file} is no TOML{f' (line {line})' if line else ''}") from None
    entries = document.get("token")
    if document.keys() != {"token"} or not isinstance(entries, list) or not entries:
        raise ConfigurationError(f"--tokens {file} has to hold [[token]] tables, and nothing else")
    tokens = tuple(_token(file, number, entry) for number, entry in enumerate(entries, 1))
    for what in ("name", "secret"):
        if len({getattr(token, what) for token in tokens}) != len(tokens):
            raise ConfigurationError(f"--tokens {file}: two tokens have one {what}")
    return tokens


def _token(file: Path, number: int, entry: Mapping[str, Any]) -> Token:
    where = f"--tokens {file}: token {number}"
    if not isinstance(entry, Mapping) or entry.keys() != {"name", "token", "rights"}:
        raise ConfigurationError(f"{where} has to have name, token and rights, and nothing else")
    name, secret, rights = entry["name"], entry["token"], entry["rights"]
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise ConfigurationError(f"{where}: its name is a text that can be printed")
    if not isinstance(secret, str) or len(secret) < _SHORTEST or secret != secret.strip():
        raise ConfigurationError(
            f"{where} ({name}): its token is a text of {_SHORTEST} characters or more, without spaces around"
        )
    if not isinstance(rights, list) or not rights or not all(each in _ALL for each in rights):
        raise ConfigurationError(f"{where} ({name}): its rights are some of read, write, admin")
    return Token(name, secret, _ALL if ADMIN in rights else frozenset(rights))
