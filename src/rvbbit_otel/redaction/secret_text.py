"""Secrets in a text, by their shape: the second net, under keys that nothing is known of.

Every expression is linear in its text: its quantifiers are bounded, and it starts where no run of its characters goes on. Each is tried only where a
word of it is there, since most texts are short and have none.
"""

from __future__ import annotations

import re
from typing import Final

_MARKER: Final = "[redacted]"
# Keys and tokens by their makers' prefixes, most of which the collector's configuration knows, too (collector/config.yaml).
_PREFIXED: Final = re.compile(
    r"(?<![A-Za-z0-9_-])(?=[skprAxghnyeSdtlv])(?:"
    r"(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,512}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"
    r"|gh[pousr]_[A-Za-z0-9]{30,255}"
    r"|github_pat_[A-Za-z0-9_]{30,255}"
    r"|glpat-[A-Za-z0-9_-]{20,255}"
    r"|(?:xox[a-z]|xapp)-[A-Za-z0-9-]{10,255}"
    # Of providers of models and of what stands beside them, by the names that they give their keys.
    r"|(?:gsk|r8|xai|pcsk|glsa|shpat|shpss|lsv2_pt|lsv2_sk|dop_v1)_[A-Za-z0-9_-]{20,255}"
    r"|(?:pplx|nvapi|tvly|xai|pypi)-[A-Za-z0-9_-]{20,255}"
    r"|dapi[a-f0-9]{32}(?![A-Za-z0-9])"
    r"|SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}"
    r"|AIza[A-Za-z0-9_-]{35}"
    r"|hf_[A-Za-z0-9]{30,255}"
    r"|npm_[A-Za-z0-9]{30,255}"
    r"|ya29\.[A-Za-z0-9_-]{20,2048}"
    r"|eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,8192}\.?[A-Za-z0-9_-]{0,4096}"
    r")"
)
_SHORTEST_PREFIXED: Final = 14
_SCHEME: Final = re.compile(r"(?<![a-z])(?:bearer|basic)\s{1,8}[a-z0-9+/._~=-]{8,8192}", re.IGNORECASE)
# What is said to be one, as in `password = x`, `"api_key": "x"`, `Cookie: x`; a `?` that stands for a literal is none.
_NAMED: Final = re.compile(
    r"(?:password|passwd|passphrase|pwd|secret|token|credential|authorization|cookie|(?:api|access|account|private|secret|session|shared)[_-]?key)"
    r"""["']?\s{0,8}[=:]\s{0,8}(?!\?(?:[\s,;)]|\Z))(?:(?:bearer|basic|digest|token)\s{1,8})?"""
    r"""(?:"[^"]{0,8192}"?|'[^']{0,8192}'?|[^\s&,;"'\]})]{1,8192})""",
    re.IGNORECASE,
)
# What semantic conventions say of url.full, and keys by their shortest name: in an address `key=` is one, in a text it may be any.
_PARAMETER: Final = re.compile(
    r"(?<=[?&])(?:key|sig|signature|awsaccesskeyid|x-(?:amz|goog)-[a-z-]{1,32})=[^&#\s\"'<>]{1,8192}", re.IGNORECASE
)
_NAMES: Final = (
    "passw",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "credential",
    "authorization",
    "cookie",
    "key",
    "sig",
    "x-",
)
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[^-]{0,16384}(?:-----END [A-Z ]{0,32}PRIVATE KEY-----)?"
)
_LOGIN: Final = re.compile(r"(?<=://)[^/\s@]{1,512}(?=@)")
_MAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")


def without_secrets(text: str, and_mails: bool) -> str:
    """The text without what looks like a key, a token, a password or a login; `and_mails`: without mail addresses, too."""
    if "-----BEGIN" in text:
        text = _PRIVATE_KEY.sub(_MARKER, text)
    if "=" in text or ":" in text or " " in text:
        lower = text.lower()
        if any(name in lower for name in _NAMES):
            text = _NAMED.sub(_MARKER, text)
            if "?" in text:
                text = _PARAMETER.sub(_MARKER, text)
        if "bearer" in lower or "basic" in lower:
            text = _SCHEME.sub(_MARKER, text)
    if len(text) >= _SHORTEST_PREFIXED:
        text = _PREFIXED.sub(_MARKER, text)
    if "@" in text:
        if "://" in text:
            text = _LOGIN.sub(_MARKER, text)
        if and_mails:
            text = _MAIL.sub(_MARKER, text)
    return text
