"""The Native format for clients that name the protocol's version they speak (`client_protocol_version`): the engine writes it for those that don't.

clickhouse-connect names 54405: each block begins with its block info then, and a DateTime keeps its time zone. clickhouse-go names 54460 when it
connects, with ``SELECT displayName(), version(), revision(), timezone()``, and reads a block with a byte for custom serialization a column besides.
Told that the revision is 0, it reads and writes plain Native ever after. https://clickhouse.com/docs/interfaces/formats/Native
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.engine.loading import chdb
from rvbbit_otel.all_in_one.engine.reader import Cost, Reader, is_select, write_all
from rvbbit_otel.all_in_one.statements.typed_data import block_ends

HANDSHAKE = "SELECT displayName(), version(), revision(), timezone()"
# Versions of the protocol: the first with block info, with zones, and with what we can't write.
_INFO, _ZONES, _SERIALIZATION = 51903, 54337, 54454
# Field 1 (is_overflows) 0, field 2 (bucket_num) -1, end.
_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
_PLAIN = "DateTime"


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


class Dialect:
    """How blocks are written for one version of the Native protocol."""

    def __init__(self, version: str) -> None:
        """`version` as the client wrote it."""
        number = int(version) if version.isdecimal() and len(version) < 9 else 0
        # A later one would need a byte for each column. clickhouse-go alone sends it, and has been told that the revision is 0.
        self._number = number if _INFO <= number < _SERIALIZATION else 0

    @property
    def is_plain(self) -> bool:
        """True if the engine writes this version by itself."""
        return self._number == 0

    @property
    def keeps_zones(self) -> bool:
        """True if this version writes the time zone of a DateTime."""
        return self._number >= _ZONES

    def block(self, block: bytes, types: Iterable[tuple[str, str]]) -> bytes:
        """A block of the engine's, written anew; `types` of its columns. Raises EngineError where no zone can be put in for certain.

        Where a column begins is seen by its name and type. If values of the block hold the same bytes, nobody could tell.
        """
        for (name, kind), count in Counter(each for each in types if each[1].startswith(_PLAIN + "(")).items():
            plain = _text(name) + _text(_PLAIN)
            if block.count(plain) != count:
                raise EngineError(
                    f"Code: 48. DB::Exception: The answer holds the text {name[:80]}, DateTime: name that column otherwise. (NOT_IMPLEMENTED)"
                )
            block = block.replace(plain, _text(name) + _text(kind))
        return _BLOCK_INFO + block


def write_native(reader: Reader, sql: bytes, descriptor: int, parameters: Mapping[str, str], dialect: Dialect) -> Cost:
    """Write an answer in the format Native to a descriptor, block by block."""
    if not is_select(sql):
        answer = reader.run(sql, "Native", parameters)
        start = 0
        for end in block_ends(answer.body):
            write_all(descriptor, dialect.block(answer.body[start:end], ()))
            start = end
        return answer
    cost, types = Cost(), None
    for block, took in reader.blocks(sql, parameters):
        cost = cost.plus(took)
        # Asked for only if there may be a column whose zone was left out.
        if types is None and dialect.keeps_zones and _text(_PLAIN) in block:
            types = reader.types_of(sql, parameters)
        write_all(descriptor, dialect.block(block, types or ()))
    return cost


def _text(value: str) -> bytes:
    data = value.encode()
    length, size = len(data), bytearray()
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*size, length]) + data
