"""The one answer that clickhouse-go needs when it connects over HTTP, in the Native format of a server that knows its protocol version.

It asks ``SELECT displayName(), version(), revision(), timezone()`` with ``client_protocol_version=54460`` and reads a block with block info and a
byte for custom serialization a column. Told that the revision is 0, it reads and writes plain Native ever after, which the engine does by itself.
"""

from __future__ import annotations

import chdb

HANDSHAKE = "SELECT displayName(), version(), revision(), timezone()"
# Block info: field 1 (is_overflows) 0, field 2 (bucket_num) -1, end.
_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"


def handshake_block() -> bytes:
    """One row: display name, version, revision 0, UTC."""
    columns = (
        ("displayName()", "String", _text("rvbbit-otel")),
        ("version()", "String", _text(chdb.engine_version)),
        ("revision()", "UInt32", bytes(4)),
        ("timezone()", "String", _text("UTC")),
    )
    body = b"".join(_text(name) + _text(kind) + b"\x00" + value for name, kind, value in columns)
    return _BLOCK_INFO + bytes([len(columns), 1]) + body


def _text(value: str) -> bytes:
    data = value.encode()
    return bytes([len(data)]) + data
