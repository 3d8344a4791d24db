"""KILL QUERY, USE and SET: what is read of their words, and that no other form of them passes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import chdb
import pytest
from tests.conftest import Store

from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.statements.commands import Command, Kill, Set, Use, may_be_command, read_command
from rvbbit_otel.all_in_one.statements.small_statements import tokens_of


@pytest.fixture
def connection(store: Store) -> Iterator[chdb.Connection]:
    connection = store.engine.connect()
    yield connection
    connection.close()


def read(connection: chdb.Connection, text: str, **parameters: str) -> Command:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    cut = connection.query("SELECT tokenizeQuery({text:String})", "JSONCompactEachRow", params={"text": escaped})
    return read_command(tokens_of(text.encode(), json.loads(cut.bytes())[0]), parameters)


def test_what_is_served_is_read(connection: chdb.Connection) -> None:
    for text, command in {
        "KILL QUERY WHERE query_id = 'a'": Kill("a", "ASYNC", None),
        "kill query where query_id='a' sync;": Kill("a", "SYNC", None),
        "KILL QUERY WHERE query_id = 'a' TEST FORMAT JSON": Kill("a", "TEST", "JSON"),
        "KILL QUERY /* mine */ WHERE query_id = {id:String} -- now": Kill("of a parameter", "ASYNC", None),
        "USE system": Use("system"),
        "USE `default`": Use("default"),
        "SET max_threads = 2": Set([("max_threads", "2")]),
        "SET a = 1, b = 'x', c = -1, d = true": Set([("a", "1"), ("b", "x"), ("c", "-1"), ("d", "true")]),
    }.items():
        assert may_be_command(text.encode())
        assert read(connection, text, id="of a parameter") == command


@pytest.mark.parametrize(
    "text",
    [
        "KILL QUERY",
        "KILL QUERY WHERE 1",
        "KILL QUERY WHERE query_id = 'a' OR 1",
        "KILL QUERY WHERE query_id = 'a', 'b'",
        "KILL QUERY WHERE query_id != 'a'",
        "KILL QUERY WHERE `query_id` = 'a'",
        'KILL QUERY WHERE query_id = "a"',
        "KILL QUERY WHERE query_id = concat('a', 'b')",
        "KILL QUERY WHERE query_id = 'a''b'",
        "KILL QUERY WHERE query_id = 'a\\'b'",
        "KILL QUERY WHERE query_id = {none:String}",
        "KILL QUERY WHERE query_id = {id:Identifier}",
        "KILL QUERY WHERE query_id = 'a' FORMAT `JSON SETTINGS x = 1`",
        "KILL QUERY WHERE query_id = 'a'; DROP TABLE t",
        "KILL QUERY ON CLUSTER c WHERE query_id = 'a'",
        "KILL QUERY WHERE user = 'default'",
        "KILL MUTATION WHERE mutation_id = 'a'",
        "USE",
        "USE system default",
        "USE 'system'",
        "SET",
        "SET a",
        "SET a = (SELECT 1)",
        "SET a = 1 b = 2",
        "SET a = DEFAULT(1)",
        "SET PROFILE x",
        "SET ROLE x",
    ],
)
def test_every_other_form_is_refused(connection: chdb.Connection, text: str) -> None:
    with pytest.raises(EngineError) as refused:
        read(connection, text, id="a")
    assert refused.value.code == 497


@pytest.mark.parametrize("text", [b"", b"SELECT 1", b"SETTINGS", b"/* */ SET a = 1", b"SET " + b"x" * 5000])
def test_what_is_no_command_is_not_looked_at(text: bytes) -> None:
    assert not may_be_command(text)
