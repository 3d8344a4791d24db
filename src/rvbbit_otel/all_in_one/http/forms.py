"""multipart/form-data, as clients send their parameters and tables of their own beside a question (RFC 7578)."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

from rvbbit_otel.all_in_one.http.body_errors import CorruptBodyError

_MOST_PARTS, _MOST_HEADER_BYTES, _LONGEST_BOUNDARY = 1000, 2048, 200


@dataclass(frozen=True)
class Part:
    """A field of a form; `is_file` where it names one, as what it holds then is data."""

    name: str
    is_file: bool
    data: bytes


def boundary_of(content_type: str) -> bytes | None:
    """What stands between the parts of a form with this Content-Type, None for what is no form."""
    message = Message()
    message["Content-Type"] = content_type[:_MOST_HEADER_BYTES]
    if message.get_content_type() != "multipart/form-data":
        return None
    boundary = message.get_boundary()
    if not boundary or len(boundary) > _LONGEST_BOUNDARY or not boundary.isascii():
        raise CorruptBodyError("a form's Content-Type names no boundary that can be read")
    return boundary.encode()


def read_form(body: bytes, boundary: bytes) -> list[Part]:
    """The parts of a form; raises CorruptBodyError for what is none."""
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary, _MOST_PARTS + 1)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise CorruptBodyError(f"the form has no end, or over {_MOST_PARTS} parts")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    head, found, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    if not found or len(head) > _MOST_HEADER_BYTES:
        raise CorruptBodyError("a part of the form has no header that can be read")
    headers = BytesHeaderParser().parsebytes(head)
    name = headers.get_param("name", header="content-disposition")
    if not isinstance(name, str):
        raise CorruptBodyError("a part of the form has no name")
    return Part(name, headers.get_param("filename", header="content-disposition") is not None, data)
