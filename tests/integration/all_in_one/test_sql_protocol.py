"""What ClickHouse's drivers say besides the statement: packing, names of questions, sessions, forms, tables of their own, versions.

None of it leads further than a question may.
"""

from __future__ import annotations

import http.client
import json
import random
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lz4.frame
import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from urllib3.filepost import encode_multipart_formdata

from rvbbit_otel.all_in_one.http import blocks

SECRET = "the secret of another file"
FOREVER = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number, '{}')"
SLOW = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    """Without its last layer, so that the others are seen to hold."""
    with running_all_in_one(tmp_path_factory.mktemp("protocol") / "data", without="landlock") as running:
        yield running


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secret") / "secret.csv"
    path.write_text(SECRET)
    return path


def ask(
    server: AllInOne, body: bytes | str, headers: dict[str, str] | None = None, method: str = "POST", **given: str
) -> tuple[int, bytes, http.client.HTTPMessage]:
    data = body.encode() if isinstance(body, str) else body
    url = f"{server.clickhouse}/?{urllib.parse.urlencode(given)}"
    request = urllib.request.Request(url, data if method == "POST" else None, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def unpacked(data: bytes) -> bytes:
    reader = blocks.BlockReader(2**24)
    found = b"".join(reader.unpacked(data))
    reader.finish()
    return found


def running(server: AllInOne, mark: str, count: int) -> None:
    sql = f"SELECT count() FROM system.processes WHERE query LIKE '%{mark}%' AND query NOT LIKE '%processes%'"
    until = time.monotonic() + SLOW
    while ask(server, sql)[1] != f"{count}\n".encode():
        assert time.monotonic() < until, mark
        time.sleep(0.01)


@pytest.mark.parametrize("rows", [1, 500_000])
def test_an_answer_in_blocks_is_the_plain_one(server: AllInOne, rows: int) -> None:
    sql = f"SELECT number, toString(number) FROM numbers({rows})"
    plain = ask(server, sql)[1]
    for method in ("lz4", "ZSTD", ""):
        assert unpacked(ask(server, sql, compress="1", network_compression_method=method)[1]) == plain
    one = ask(server, sql, {"Accept-Encoding": "lz4"}, compress="1")
    assert (unpacked(one[1]), one[2]["Content-Encoding"]) == (plain, None)
    both = ask(server, sql, {"Accept-Encoding": "lz4"}, compress="1", enable_http_compression="1")
    assert (unpacked(lz4.frame.decompress(both[1])), both[2]["Content-Encoding"]) == (plain, "lz4")


def test_statements_and_data_come_in_blocks(server: AllInOne) -> None:
    assert ask(server, blocks.pack(b"SELECT 1 + 1"), decompress="1")[1] == b"2\n"
    packed = lz4.frame.compress(blocks.pack(b"SELECT 1 + 2", "zstd"))
    assert ask(server, packed, {"Content-Encoding": "lz4"}, decompress="1")[1] == b"3\n"
    rows = b'{"Timestamp": "2100-01-01 00:00:00", "Body": "in blocks"}\n' * 10
    status, _, headers = ask(
        server, blocks.pack(rows), decompress="1", query="INSERT INTO otel_logs_in (Timestamp, Body) FORMAT JSONEachRow"
    )
    summary = json.loads(headers["X-ClickHouse-Summary"])
    assert (status, int(summary["written_rows"]) >= 10, headers["X-ClickHouse-Format"]) == (200, True, None)
    assert ask(server, b"SELECT 1", decompress="1")[0] == 400


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT file('x')", "SELECT * FROM nowhere", "DROP TABLE unified_logs"])
def test_an_error_comes_packed_as_its_answer_would(server: AllInOne, sql: str) -> None:
    status, text, headers = ask(server, sql, {"Accept-Encoding": "identity"})
    code = headers["X-ClickHouse-Exception-Code"]
    seen = ask(server, sql, compress="1")
    assert (seen[0], unpacked(seen[1]), seen[2]["X-ClickHouse-Exception-Code"]) == (status, text, code)
    # Java's driver reads it as it is where the status is 403.
    assert text in seen[1]
    seen = ask(server, sql, {"Accept-Encoding": "lz4"})
    assert (lz4.frame.decompress(seen[1]), seen[2]["Content-Encoding"]) == (text, "lz4")


def test_a_hostile_statement_in_blocks_or_a_form_is_refused_as_any_other(server: AllInOne, secret: Path) -> None:
    sql = f"SELECT file('{secret}')"
    form, content_type = encode_multipart_formdata([("query", sql.encode())])
    parameter, _ = encode_multipart_formdata(
        [("query", b"SELECT {a:Identifier}"), ("param_a", f"`x`.:`DateTime('{secret}')`".encode())], content_type[30:]
    )
    for body, headers, given in (
        (blocks.pack(sql.encode()), {}, {"decompress": "1"}),
        (form, {"Content-Type": content_type}, {}),
        (form, {"Content-Type": content_type}, {"query": "SELECT 1"}),
        (parameter, {"Content-Type": content_type}, {}),
    ):
        status, text, answered = ask(server, body, headers, **given)
        assert (status, answered["X-ClickHouse-Exception-Code"]) == (403, "497"), text
        assert SECRET.encode() not in text


def test_settings_of_a_form_are_looked_at_as_those_of_the_url(server: AllInOne) -> None:
    def form(**fields: str) -> tuple[int, str]:
        body, content_type = encode_multipart_formdata([(name, value.encode()) for name, value in fields.items()])
        status, text, _ = ask(server, body, {"Content-Type": content_type})
        return status, text.decode()

    assert form(query="SELECT getSetting('max_threads')", max_threads="3") == (200, "3\n")
    assert form(query="SELECT {a:String}", param_a="a b&c") == (200, "a b&c\n")
    assert form(query="SELECT 1", format_schema="x")[0] == 404
    assert form(query="SELECT 1", output_format_json_quote_decimals="7")[0] == 400


def test_kill_ends_the_question_of_that_name_and_no_other(server: AllInOne) -> None:
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, server, FOREVER.format("first of two"), query_id="first")
        second = pool.submit(ask, server, FOREVER.format("second of two"), {"X-ClickHouse-Query-Id": "second"})
        running(server, "first of two", 1)
        running(server, "second of two", 1)
        for other in ("KILL QUERY WHERE query_id = 'fir'", "KILL QUERY WHERE query_id = '' SYNC"):
            assert ask(server, other)[:2] == (200, b"")
        assert ask(server, "KILL QUERY WHERE query_id = 'first' TEST")[1].split(b"\t")[:2] == [b"waiting", b"first"]
        assert ask(server, "x", method="GET", query="KILL QUERY WHERE query_id = 'first'")[0] == 403
        assert not (first.done() or second.done())
        killed = ask(server, "KILL QUERY WHERE query_id = 'first' SYNC FORMAT JSONEachRow")
        assert json.loads(killed[1])["kill_status"] == "finished"
        assert first.result()[2]["X-ClickHouse-Exception-Code"] == "394"
        running(server, "first of two", 0)
        running(server, "second of two", 1)
        assert ask(server, "KILL QUERY WHERE query_id = {id:String}", param_id="second")[0] == 200
        assert second.result()[2]["X-ClickHouse-Exception-Code"] == "394"


def test_questions_that_wait_for_their_turn_are_killed_as_those_that_run(server: AllInOne) -> None:
    """Twice as many as there are readers. Killing needs none; its answer has one as soon as a question has ended."""
    with ThreadPoolExecutor(8) as pool:
        asked = {
            name: pool.submit(ask, server, FOREVER.format("crowd"), query_id=name)
            for name in (f"crowd-{number}" for number in range(8))
        }
        until = time.monotonic() + SLOW
        while not all(each.done() for each in asked.values()):
            assert time.monotonic() < until
            for name in asked:
                assert ask(server, f"KILL QUERY WHERE query_id = '{name}'")[0] == 200
        codes = {each.result()[2]["X-ClickHouse-Exception-Code"] for each in asked.values()}
    assert codes == {"394"}
    running(server, "crowd", 0)


def test_two_questions_have_no_name_together(server: AllInOne) -> None:
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, server, FOREVER.format("twin"), query_id="twin")
        running(server, "twin", 1)
        assert ask(server, "SELECT 1", query_id="twin")[2]["X-ClickHouse-Exception-Code"] == "216"
        assert not first.done()
        ask(server, "KILL QUERY WHERE query_id = 'twin' SYNC", query_id="k")
        assert first.result()[2]["X-ClickHouse-Exception-Code"] == "394"
    assert ask(server, "SELECT 1", query_id="twin")[:2] == (200, b"1\n")


def test_a_question_has_the_name_that_it_was_given(server: AllInOne) -> None:
    assert ask(server, "SELECT 1", query_id="mine")[2]["X-ClickHouse-Query-Id"] == "mine"
    assert ask(server, "SELECT 1", {"X-ClickHouse-Query-Id": "mine"})[2]["X-ClickHouse-Query-Id"] == "mine"
    assert len(ask(server, "SELECT 1", query_id="a\nb")[2]["X-ClickHouse-Query-Id"]) == 36


def test_set_and_use_hold_for_their_session_and_for_nobody_else(server: AllInOne) -> None:
    sql = "SELECT getSetting('max_threads'), currentDatabase()"
    usual = ask(server, sql)[1]
    assert ask(server, "SET max_threads = 3", session_id="one")[:2] == (200, b"")
    assert ask(server, "USE system", session_id="one")[:2] == (200, b"")
    assert ask(server, sql, session_id="one")[1] == b"3\tsystem\n"
    assert ask(server, sql, session_id="one", max_threads="2", database="default")[1] == b"2\tdefault\n"
    assert ask(server, sql, session_id="another")[1] == usual
    assert ask(server, "SET max_threads = 3")[0] == 200
    assert ask(server, sql)[1] == usual


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SET max_execution_time = 0", "164"),
        ("SET max_memory_usage = 1000000000000", "164"),
        ("SET readonly = 0", "164"),
        ("SET max_threads = 7, format_schema = 'x'", "164"),
        ("SET session_timezone = 'file:/etc/passwd'", "36"),
        ("USE nowhere", "81"),
    ],
)
def test_what_set_and_use_can_not_have_is_refused_and_changes_nothing(server: AllInOne, sql: str, code: str) -> None:
    assert ask(server, sql, session_id="strict")[2]["X-ClickHouse-Exception-Code"] == code
    assert ask(server, "SELECT getSetting('max_threads') = 7", session_id="strict")[1] == b"0\n"


def with_table(server: AllInOne, sql: str, data: bytes, name: str = "t", **given: str) -> tuple[int, str, str | None]:
    body, content_type = encode_multipart_formdata([(name, ("t", data, "text/plain"))])
    status, text, headers = ask(server, body, {"Content-Type": content_type}, query=sql, **given)
    return status, text.decode(), headers["X-ClickHouse-Exception-Code"]


def test_a_table_beside_a_question_is_there_for_this_question_only(server: AllInOne) -> None:
    sql = "SELECT a, b FROM t ORDER BY a"
    assert with_table(server, sql, b"1\tx\n2\ty\n", t_structure="a UInt8, b String")[:2] == (200, "1\tx\n2\ty\n")
    assert with_table(server, "SELECT _2 FROM t", b"1,x\n", t_types="UInt8,Tuple(String)", t_format="CSV")[:2] == (
        200,
        "('x')\n",
    )
    assert with_table(server, sql, b'{"a": 7}', t_structure="a UInt8, b String", t_format="JSONEachRow")[1] == "7\t\n"
    assert with_table(server, "SELECT count() FROM one, t", b"1\n", t_types="UInt8", database="system")[1] == "1\n"
    assert ask(server, sql)[2]["X-ClickHouse-Exception-Code"] == "60"


def test_settings_of_the_client_do_not_change_how_a_table_beside_a_question_is_stored(server: AllInOne) -> None:
    sql = "SELECT count() FROM t"
    given = {"limit": "0", "max_rows_to_read": "1", "read_overflow_mode": "break"}
    assert (
        with_table(server, f"{sql} SETTINGS limit = 1, max_rows_to_read = 0", b"1\n2\n", t_types="UInt8", **given)[1]
        == "2\n"
    )


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("t", {}),
        ("t", {"t_structure": "a DateTime('{secret}')"}),
        ("t", {"t_structure": "a String DEFAULT file('{secret}')"}),
        ("t", {"t_structure": "a String) ENGINE = File(CSV, '{secret}'"}),
        ("t", {"t_types": "DateTime('{secret}')"}),
        ("t", {"t_types": "String", "t_format": "Values"}),
        ("t", {"t_types": "String", "t_format": "CSV, 'a String') --"}),
        ("t", {"t_types": "String", "t_format": "Arrow"}),
        ("t", {"t_types": "String", "t_format": "Template"}),
        ("t`", {"t`_types": "String"}),
        ("system.one", {"system.one_types": "String"}),
        ("{secret}", {"{secret}_types": "String"}),
        ("t", {"t_types": "NoSuchType"}),
    ],
)
def test_a_hostile_table_beside_a_question_is_refused(
    server: AllInOne, secret: Path, name: str, given: dict[str, str]
) -> None:
    told = {
        key.replace("{secret}", str(secret)): value.replace("{secret}", str(secret)) for key, value in given.items()
    }
    status, text, code = with_table(server, "SELECT * FROM t", b"x\n", name.replace("{secret}", str(secret)), **told)
    assert (status, code) in ((403, "497"), (500, "50"), (400, "50"), (404, "115")), text
    assert SECRET not in text


def test_a_table_beside_a_question_leaves_no_file(tmp_path: Path) -> None:
    with running_all_in_one(tmp_path / "data") as server:
        assert with_table(server, "SELECT count() FROM t", b"1\n" * 1000, t_types="UInt8")[1] == "1000\n"
        assert with_table(server, "SELECT count() FROM t", b"no number\n", t_types="UInt8")[0] == 400
        assert list((tmp_path / "data").glob("*.bin")) == []


def test_native_answers_say_what_their_version_of_the_protocol_has(server: AllInOne) -> None:
    sql = "SELECT toDateTime(1676369730, 'Asia/Shanghai') AS dt, toLowCardinality('x') AS s FORMAT Native"
    begin = b"\x02\x01\x02dt"
    value = (1676369730).to_bytes(4, "little")
    info = b"\x01\x00\x02\xff\xff\xff\xff\x00"
    zoned = b"\x19DateTime('Asia/Shanghai')"
    assert ask(server, sql)[1].startswith(begin + b"\x08DateTime" + value)
    for version in ("54337", "54405", "54453"):
        seen = ask(server, sql, client_protocol_version=version)[1]
        assert seen.startswith(info + begin + zoned + value + b"\x01s\x16LowCardinality(String)")
    assert ask(server, sql, client_protocol_version="54336")[1] == info + ask(server, sql)[1]
    for version in ("", "0", "x", "54454", "9" * 30):
        assert ask(server, sql, client_protocol_version=version)[1] == ask(server, sql)[1]


@pytest.mark.parametrize(
    "sql", ["SELECT number FROM numbers(200000)", "SHOW TABLES", "EXPLAIN SELECT 1", "SELECT 1 WHERE 0"]
)
def test_each_block_of_a_versioned_answer_begins_with_its_info(server: AllInOne, sql: str) -> None:
    plain = ask(server, f"{sql} FORMAT Native")[1]
    seen = ask(server, f"{sql} FORMAT Native", client_protocol_version="54405")[1]
    count = 0 if not plain else 4 if "200000" in sql else 1
    assert len(seen) == len(plain) + 8 * count
    assert (seen[:8] == b"\x01\x00\x02\xff\xff\xff\xff\x00") == (count > 0)


def test_values_that_look_like_the_head_of_a_column_are_not_taken_for_it(server: AllInOne) -> None:
    sql = "SELECT concat('\\x02dt\\x08', 'DateTime') AS a, toDateTime(0, 'Asia/Tokyo') AS dt"
    status, text, headers = ask(server, f"{sql} FORMAT Native", client_protocol_version="54405")
    assert (status, headers["X-ClickHouse-Exception-Code"]) == (400, "48"), text
    assert ask(server, f"{sql} FORMAT Native")[0] == 200


def test_headers_say_the_zone_of_the_session_and_progress_to_who_asks(server: AllInOne) -> None:
    _, _, headers = ask(server, "SELECT number FROM numbers(10)", session_timezone="Asia/Tokyo")
    assert (headers["X-ClickHouse-Timezone"], headers["X-ClickHouse-Progress"]) == ("Asia/Tokyo", None)
    _, _, headers = ask(server, "SELECT number FROM numbers(10)", send_progress_in_http_headers="1")
    assert (headers["X-ClickHouse-Timezone"], json.loads(headers["X-ClickHouse-Progress"])["read_rows"]) == (
        "UTC",
        "10",
    )
    assert int(json.loads(headers["X-ClickHouse-Summary"])["elapsed_ns"]) > 0


def test_a_capped_setting_is_taken_for_its_largest(server: AllInOne) -> None:
    sql = "SELECT toUInt64(getSetting('max_threads')), toUInt64(getSetting('max_block_size'))"
    assert ask(server, sql, max_threads="64", max_block_size="1000000")[1] == b"16\t65409\n"


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SHOW CREATE TABLE system.one", "60"),
        ("SELECT * FROM system.query_log", "60"),
        ("SHOW PROCESSLIST", "497"),
        ("CREATE TEMPORARY TABLE t (x UInt8)", "497"),
        ("INSERT INTO otel_logs_in (Body) VALUES ('x')", "497"),
    ],
)
def test_what_a_real_server_would_answer_is_refused_by_name(server: AllInOne, sql: str, code: str) -> None:
    assert ask(server, sql, session_id="other")[2]["X-ClickHouse-Exception-Code"] == code


def test_two_requests_of_one_session_are_answered_at_once(server: AllInOne) -> None:
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, server, FOREVER.format("of one session"), session_id="both", query_id="both")
        running(server, "of one session", 1)
        assert ask(server, "SELECT 1", session_id="both")[:2] == (200, b"1\n")
        ask(server, "KILL QUERY WHERE query_id = 'both'")
        assert first.result()[0] == 500


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_wrong_with_a_packed_request_it_is_answered_and_the_next_one_too(
    server: AllInOne, seed: int
) -> None:
    dice = random.Random(seed)
    statuses = set()
    for _ in range(250):
        body = bytearray(blocks.pack(b"SELECT 1", dice.choice(["lz4", "zstd"])))
        encoding = dice.choice(["", "lz4", "zstd", "gzip", "br"])
        if encoding == "lz4":
            body = bytearray(lz4.frame.compress(bytes(body)))
        for _ in range(dice.randrange(4)):
            body[dice.randrange(len(body))] = dice.randrange(256)
        del body[dice.randrange(len(body)) if dice.random() < 0.2 else len(body) :]
        form = {"Content-Type": "multipart/form-data; boundary=x"} if dice.random() < 0.2 else {}
        given = {"decompress": dice.choice("01"), "compress": dice.choice("01")}
        statuses.add(ask(server, bytes(body), {"Content-Encoding": encoding, **form}, **given)[0])
    assert {200, 400} <= statuses <= {200, 400, 413}
    assert ask(server, "SELECT 1")[:2] == (200, b"1\n")
    assert "Traceback" not in server.log()
