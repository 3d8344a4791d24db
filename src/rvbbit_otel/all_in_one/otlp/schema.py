"""OTLP's requests as the door reads them: the protocol's own descriptors, with a few fields changed, in pools of their own.

What the protocol's library generates reads a request whole or not at all. These say more, and by C code only:

plain: knows no lists and maps, so what one of them takes is missing from the message when it is serialized again.
rich: a list or a map is a message that lacks a required field, so the library lists where they are; inside it nothing is read.
lenient: the same, with bytes for every text, so that a text that is no UTF-8 can be read.

In all of them a number that was sent as zero is kept, so a message that is read and serialized again has the same length unless something is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

REQUESTS: Final[Mapping[str, Any]] = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}

_COMMON = "opentelemetry.proto.common.v1"
_STRUCTURES = ("array_value", "kvlist_value")
_UNREAD = "rvbbit.Unread"
# Messages that hold others: where one is too large to be read in one go, it is read field by field.
_CONTAINERS = frozenset(
    {
        "ExportTraceServiceRequest",
        "ExportLogsServiceRequest",
        "ResourceSpans",
        "ResourceLogs",
        "ScopeSpans",
        "ScopeLogs",
        "Span",
        "Event",
        "Link",
        "LogRecord",
        "Resource",
        "InstrumentationScope",
    }
)
_VALUES = frozenset({"KeyValue", "AnyValue"})


@dataclass(frozen=True)
class Kind:
    """One type of message.

    name: its name without the package.
    plain, rich, lenient: its class in each pool.
    children: by tag, what it holds that may be large, and whether it may hold several.
    known: tags of all its fields, as the protocol writes them.
    """

    name: str
    plain: Any
    rich: Any
    lenient: Any
    children: dict[int, tuple[Kind, bool]] = field(default_factory=dict)
    known: set[int] = field(default_factory=set)


@cache
def kind_of(signal: str) -> Kind:
    """The kind of the request of ``traces`` or ``logs``."""
    return _kinds()[REQUESTS[signal].DESCRIPTOR.full_name]


@cache
def texts() -> frozenset[str]:
    """Full names of the fields that are text in the protocol, and bytes in the lenient messages."""
    return frozenset(
        each.full_name
        for file in _files()
        for message in _messages(file)
        for each in message.fields
        if each.type == each.TYPE_STRING
    )


@cache
def strict_class(name: str) -> Any:
    """The plain class of this full name, which reads no text that is no UTF-8."""
    return _class(_plain(), name)


@cache
def _plain() -> DescriptorPool:
    return _pool(_drop_structures)


@cache
def _kinds() -> Mapping[str, Kind]:
    plain, rich, lenient = _plain(), _pool(_leave_structures), _pool(_take_any_bytes)
    kinds = {}
    for file in _files():
        for message in _messages(file):
            if message.name in _CONTAINERS | _VALUES:
                classes = (_class(pool, message.full_name) for pool in (plain, rich, lenient))
                kinds[message.full_name] = Kind(message.name, *classes)
    for name, kind in kinds.items():
        for each in _class(lenient, name).DESCRIPTOR.fields:
            tag = each.number << 3 | _WIRE_TYPES.get(each.type, 0)
            kind.known.add(tag)
            if kind.name in _CONTAINERS and each.message_type is not None and each.message_type.full_name in kinds:
                kind.children[tag] = kinds[each.message_type.full_name], bool(each.is_repeated)
    return kinds


_F = FieldDescriptorProto
_WIRE_TYPES: Final = {
    **dict.fromkeys((_F.TYPE_DOUBLE, _F.TYPE_FIXED64, _F.TYPE_SFIXED64), 1),
    **dict.fromkeys((_F.TYPE_STRING, _F.TYPE_BYTES, _F.TYPE_MESSAGE), 2),
    **dict.fromkeys((_F.TYPE_FLOAT, _F.TYPE_FIXED32, _F.TYPE_SFIXED32), 5),
}


def _class(pool: DescriptorPool, name: str) -> Any:
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def _files() -> list[FileDescriptor]:
    """The files of both requests, each after those that it needs."""
    found: dict[str, FileDescriptor] = {}

    def add(file: FileDescriptor) -> None:
        for needed in file.dependencies:
            add(needed)
        found.setdefault(file.name, file)

    for request in REQUESTS.values():
        add(request.DESCRIPTOR.file)
    return list(found.values())


def _messages(file: FileDescriptor) -> Iterator[Descriptor]:
    for message in file.message_types_by_name.values():
        yield message
        yield from message.nested_types


def _pool(change: Callable[[DescriptorProto, bool], None]) -> DescriptorPool:
    pool = DescriptorPool()
    unread = FileDescriptorProto(name="rvbbit/unread.proto", package="rvbbit", syntax="proto2")
    never = unread.message_type.add(name="Unread").field.add(name="never", number=1 << 28)
    never.label, never.type = _F.LABEL_REQUIRED, _F.TYPE_BOOL
    pool.AddSerializedFile(unread.SerializeToString())
    for file in _files():
        copied = FileDescriptorProto()
        file.CopyToProto(copied)
        copied.dependency.append(unread.name)
        for message in copied.message_type:
            for each in (message, *message.nested_type):
                _drop_other_lists(each)
                _keep_zeros(each)
                change(each, copied.package == _COMMON and each.name == "AnyValue")
        pool.AddSerializedFile(copied.SerializeToString())
    return pool


def _drop_other_lists(message: DescriptorProto) -> None:
    """Lists of what is not stored (entity references): nothing bounds what reading them takes."""
    kept = [
        each
        for each in message.field
        if each.label != _F.LABEL_REPEATED or each.type_name.rpartition(".")[2] in _CONTAINERS | _VALUES
    ]
    del message.field[:]
    message.field.extend(kept)


def _keep_zeros(message: DescriptorProto) -> None:
    for each in message.field:
        if each.label != _F.LABEL_REPEATED and each.type != _F.TYPE_MESSAGE and not each.HasField("oneof_index"):
            each.proto3_optional = True
            each.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{each.name}")


def _drop_structures(message: DescriptorProto, is_value: bool) -> None:
    kept = [each for each in message.field if not (is_value and each.name in _STRUCTURES)]
    del message.field[:]
    message.field.extend(kept)


def _leave_structures(message: DescriptorProto, is_value: bool) -> None:
    for each in message.field:
        if is_value and each.name in _STRUCTURES:
            each.type_name = f".{_UNREAD}"


def _take_any_bytes(message: DescriptorProto, is_value: bool) -> None:
    _leave_structures(message, is_value)
    for each in message.field:
        if each.type == _F.TYPE_STRING:
            each.type = _F.TYPE_BYTES
