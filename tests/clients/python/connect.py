"""clickhouse-connect, by its own client and by its asynchronous one: `connect.py URL`."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import clickhouse_connect
import clickhouse_connect.dbapi
from checks import check, equal, refused
from clickhouse_connect.driver.external import ExternalData

FOREVER = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number, '{}')"
BY_SESSION = "SELECT session_id, count() FROM unified_logs GROUP BY 1 ORDER BY 1"
BOTH = [("s1", 4), ("s2", 2)]
ZONED = "SELECT toDateTime('2020-06-01 12:00:00', 'Asia/Tokyo') AS t, toDateTime64('2020-06-01 12:00:00', 3, 'Asia/Tokyo') AS u"
MOVIES = b"movie,year\nHeat,1995\nRonin,1998\n"


def checks_of(mark: str, get: Callable[..., Any], done: Callable[[Any], Any]) -> None:
    """`get` makes a client, `done` gives what a call of it comes to."""
    client = get(session_id=f"of-{mark}")

    def rows(query: str, using: Any = client, **more: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in done(using.query(query, **more)).result_rows]

    def test(name: str, run: Callable[[], Any]) -> None:
        check(f"{mark}_{name}", run)

    test("ping", lambda: equal(done(client.ping()), True))
    test("rows", lambda: equal(rows(BY_SESSION), BOTH))
    test("command", lambda: equal(done(client.command("SELECT 1")), 1))
    test(
        "server_parameters",
        lambda: equal(
            rows("SELECT {a:String}, {b:Array(UInt8)}", parameters={"a": "it's \\ \t", "b": [1, 2]}),
            [("it's \\ \t", [1, 2])],
        ),
    )
    test(
        "client_parameters", lambda: equal(rows("SELECT %(a)s, %(b)s", parameters={"a": "it's", "b": 3}), [("it's", 3)])
    )
    test("settings", lambda: equal(rows("SELECT getSetting('max_threads')", settings={"max_threads": 2}), [(2,)]))
    test(
        "settings_of_the_client",
        lambda: equal(rows("SELECT getSetting('max_threads')", get(settings={"max_threads": 2})), [(2,)]),
    )
    test(
        "every_listed_setting_can_be_set",
        lambda: equal(rows("SELECT countIf(readonly = 0) > 100 FROM system.settings"), [(1,)]),
    )
    test("unknown_setting", lambda: refused(115, lambda: rows("SELECT 1", settings={"max_executoin_time": 1})))
    test(
        "settings_in_the_text", lambda: equal(rows("SELECT getSetting('max_threads') SETTINGS max_threads = 3"), [(3,)])
    )
    test("database", lambda: equal(rows("SELECT count() FROM one", get(database="system")), [(1,)]))
    test(
        "session",
        lambda: equal(
            (done(client.command("SET max_threads = 3")), done(client.command("SELECT getSetting('max_threads')")))[1],
            3,
        ),
    )
    test(
        "use",
        lambda: equal(
            [done(client.command(text)) for text in ("USE system", "SELECT count() FROM one", "USE default")][1], 1
        ),
    )
    for statement in (
        "EXPLAIN SELECT 1",
        "EXPLAIN PIPELINE SELECT 1",
        "EXPLAIN SYNTAX SELECT 1",
        "DESCRIBE TABLE unified_logs",
        "SHOW TABLES",
        "SHOW CREATE TABLE unified_logs",
        "EXISTS TABLE unified_logs",
    ):
        test(
            f"answers_{statement.split(' TABLE')[0].replace(' ', '_').lower()}",
            lambda statement=statement: equal(len(rows(statement)) > 0, True),
        )
    test(
        "explain_with_a_format",
        lambda: equal(b"ReadFrom" in done(client.raw_query("EXPLAIN SELECT 1", fmt="TSV")), True),
    )
    test("protocol_version", lambda: equal(client.protocol_version, 54405))
    test("zones", lambda: equal([str(value.tzinfo) for value in rows(ZONED)[0]], ["Asia/Tokyo"] * 2))
    test(
        "zone_of_the_session",
        lambda: equal(
            rows("SELECT toDateTime(0)", settings={"session_timezone": "Asia/Tokyo"})[0][0],
            datetime(1970, 1, 1, 9, tzinfo=ZoneInfo("Asia/Tokyo")),
        ),
    )
    test("no_rows", lambda: equal(rows("SELECT 1 WHERE 0"), []))
    test(
        "columns_only",
        lambda: equal(
            done(client.query("SELECT session_id, cost FROM unified_logs LIMIT 0")).column_names, ("session_id", "cost")
        ),
    )
    test("frame", lambda: equal(done(client.query_df(BY_SESSION)).values.tolist(), [["s1", 4], ["s2", 2]]))
    test("numpy", lambda: equal(done(client.query_np("SELECT number FROM numbers(10)")).shape, (10, 1)))
    test("arrow", lambda: equal(done(client.query_arrow(BY_SESSION)).num_rows, 2))
    test("summary", lambda: equal(done(client.query("SELECT number FROM numbers(10)")).summary["result_rows"], "10"))
    test(
        "query_id",
        lambda: equal(done(client.query("SELECT 1", settings={"query_id": f"of-{mark}"})).query_id, f"of-{mark}"),
    )
    for packed in (True, False, "lz4", "zstd", "br", "gzip"):
        test(
            f"long_answer_{packed}",
            lambda packed=packed: equal(
                sum(
                    row[0] for row in rows("SELECT number, toString(number) FROM numbers(200000)", get(compress=packed))
                ),
                19999900000,
            ),
        )
        test(
            f"insert_{packed}",
            lambda packed=packed: equal(
                int(
                    done(
                        get(compress=packed).insert("otel_logs_in", [[f"from {mark}"]] * 1000, column_names=["Body"])
                    ).summary["written_rows"]
                )
                >= 1000,
                True,
            ),
        )
    of_movies = {"fmt": "CSVWithNames", "structure": ["movie String", "year UInt16"]}
    for form in (False, True):
        with_form = get(form_encode_query_params=form)
        test(
            f"external_data_{form}",
            lambda c=with_form: equal(
                rows(
                    "SELECT movie FROM movies WHERE year > {y:UInt16}",
                    c,
                    parameters={"y": 1996},
                    external_data=ExternalData(file_name="movies.csv", data=MOVIES, **of_movies),
                ),
                [("Ronin",)],
            ),
        )
        test(
            f"external_types_{form}",
            lambda c=with_form: equal(
                rows(
                    "SELECT _2 FROM t",
                    c,
                    external_data=ExternalData(
                        file_name="t.csv", data=b"a,1\n", fmt="CSV", types=["String", "Decimal(9, 2)"]
                    ),
                )[0][0]
                == 1,
                True,
            ),
        )
        test(
            f"long_parameter_{form}",
            lambda c=with_form: equal(
                rows("SELECT length({a:String})", c, parameters={"a": "x" * 50_000}), [(50_000,)]
            ),
        )
    test(
        "external_data_with_a_file_in_it",
        lambda: refused(
            497,
            lambda: rows(
                "SELECT * FROM t",
                external_data=ExternalData(
                    file_name="t.csv", data=b"a\n", fmt="CSV", structure="a DateTime('../../etc/passwd')"
                ),
            ),
        ),
    )
    test(
        "external_data_of_expressions",
        lambda: refused(
            497,
            lambda: rows(
                "SELECT * FROM t",
                external_data=ExternalData(file_name="t", data=b"(file('x'))", fmt="Values", structure="a String"),
            ),
        ),
    )
    test(
        "time_limit",
        lambda: refused(159, lambda: rows(FOREVER.format(f"{mark} limit"), settings={"max_execution_time": 0.2})),
    )
    test("syntax_error", lambda: refused(62, lambda: rows("SELEC 1")))
    test("packed_error", lambda: refused(60, lambda: rows("SELECT * FROM nowhere", get(compress="zstd"))))
    test("no_file", lambda: refused(497, lambda: rows("SELECT file('/etc/passwd')")))
    test("no_write", lambda: refused(497, lambda: done(client.command("DROP TABLE unified_logs"))))


def of_the_plain_one(get: Callable[..., Any]) -> None:
    client, other = get(), get()

    def running(mark: str, count: int) -> None:
        query = f"SELECT count() FROM system.processes WHERE query LIKE '%{mark}%' AND query NOT LIKE '%processes%'"
        until = time.monotonic() + 20
        while other.command(query) != count:
            if time.monotonic() > until:
                raise AssertionError(f"not {count} of {mark}")
            time.sleep(0.01)

    def kill() -> None:
        said: list[str] = []

        def ask() -> None:
            try:
                client.query(FOREVER.format("connect kill"), settings={"query_id": "of-connect-kill"})
            except Exception as error:
                said.append(str(error))

        thread = threading.Thread(target=ask)
        thread.start()
        running("connect kill", 1)
        answer = other.command("KILL QUERY WHERE query_id = {id:String} SYNC", parameters={"id": "of-connect-kill"})
        equal(answer[:3], ["finished", "of-connect-kill", "default"])
        thread.join(20)
        equal("QUERY_WAS_CANCELLED" in said[0], True)
        running("connect kill", 0)

    def dbapi(url: Any) -> None:
        with clickhouse_connect.dbapi.connect(host=url.hostname, port=url.port).cursor() as cursor:
            cursor.execute(BY_SESSION)
            equal(cursor.fetchall(), BOTH)

    def streamed(query: str) -> int:
        with client.query_row_block_stream(query) as stream:
            return sum(len(block) for block in stream)

    check("kill", kill)
    check("kill_of_nobody", lambda: equal(client.command("KILL QUERY WHERE query_id = 'nobody'"), ""))
    check("kill_of_others", lambda: refused(497, lambda: client.command("KILL QUERY WHERE user = 'default'")))
    check("dbapi", lambda: dbapi(urlsplit(sys.argv[1])))
    check("stream", lambda: equal(streamed("SELECT number FROM numbers(500000)"), 500000))
    check(
        "error_behind_a_begun_answer",
        lambda: refused(395, lambda: streamed("SELECT number, throwIf(number = 700000) FROM numbers(900000)")),
    )


def main(url: str) -> None:
    where = urlsplit(url)
    named = {"host": where.hostname, "port": where.port}
    checks_of("sync", lambda **more: clickhouse_connect.get_client(**named, **more), lambda value: value)
    of_the_plain_one(lambda **more: clickhouse_connect.get_client(**named, **more))
    loop = asyncio.new_event_loop()

    async def awaited(value: Any) -> Any:
        return await value

    checks_of(
        "async",
        lambda **more: loop.run_until_complete(clickhouse_connect.get_async_client(**named, **more)),
        lambda value: loop.run_until_complete(awaited(value)),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
