"""ibis and polars: `frames.py URL`."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

import clickhouse_connect
import clickhouse_connect.dbapi
import ibis
import polars
from checks import check, equal, refused
from ibis import _
from sqlalchemy import create_engine

BY_SESSION = "SELECT session_id, count() AS n FROM unified_logs GROUP BY session_id ORDER BY session_id"


def main(url: str) -> None:
    where = urlsplit(url)
    con = ibis.clickhouse.connect(host=where.hostname, port=where.port, user="default", password="", database="default")
    logs = con.table("unified_logs")
    check("ibis_tables", lambda: equal("unified_logs" in con.list_tables(), True))
    check("ibis_databases", lambda: equal("default" in con.list_databases(), True))
    check("ibis_version", lambda: equal(con.version.startswith("26."), True))
    check("ibis_schema", lambda: equal(logs.schema()["session_id"].is_string(), True))
    check("ibis_count", lambda: equal(logs.count().execute(), 6))
    check(
        "ibis_group",
        lambda: equal(
            logs.filter(_.caller_id == "sql-fox")
            .group_by("session_id")
            .agg(n=_.count())
            .order_by("session_id")
            .execute()
            .values.tolist(),
            [["s1", 4], ["s2", 2]],
        ),
    )
    check("ibis_join", lambda: equal(logs.join(con.table("session_state"), "session_id").count().execute(), 6))
    check("ibis_window", lambda: equal(len(logs.mutate(i=ibis.row_number().over(group_by="session_id")).execute()), 6))
    # Without a schema, and for a memtable, ibis makes a view or sends Arrow: neither is served.
    schema = {"session_id": "string", "n": "uint64"}
    check(
        "ibis_sql", lambda: equal(con.sql(BY_SESSION, schema=schema).execute().values.tolist(), [["s1", 4], ["s2", 2]])
    )
    check("ibis_arrow", lambda: equal(logs.to_pyarrow().num_rows, 6))
    check("ibis_polars", lambda: equal(logs.select("session_id").to_polars().height, 6))
    check("ibis_batches", lambda: equal(sum(batch.num_rows for batch in logs.to_pyarrow_batches()), 6))
    check(
        "ibis_time",
        lambda: equal(logs.filter(_.timestamp > ibis.now() - ibis.interval(days=1)).count().execute(), 6),
    )
    check("ibis_sql_without_schema", lambda: refused(497, lambda: con.sql(BY_SESSION)))
    memory = ibis.memtable({"session_id": ["s2", "s3"]})
    check("ibis_memtable", lambda: refused(497, lambda: logs.join(memory, "session_id").count().execute()))
    check("ibis_raw_sql", lambda: con.raw_sql("SELECT 1").close())
    check("ibis_no_write", lambda: refused(497, lambda: con.raw_sql("DROP TABLE unified_logs")))

    dbapi = clickhouse_connect.dbapi.connect(host=where.hostname, port=where.port)
    engine = create_engine(f"clickhousedb://default:@{where.netloc}/default")
    client = clickhouse_connect.get_client(host=where.hostname, port=where.port)
    for name, connection in (("dbapi", dbapi), ("sqlalchemy", engine)):
        check(
            f"polars_by_{name}",
            lambda connection=connection: equal(
                polars.read_database(BY_SESSION, connection).rows(), [("s1", 4), ("s2", 2)]
            ),
        )
    check("polars_by_client", lambda: equal(client.query_df_arrow(BY_SESSION, dataframe_library="polars").height, 2))
    check(
        "polars_by_csv",
        lambda: equal(polars.read_csv(client.raw_query(BY_SESSION, fmt="CSVWithNames")).rows(), [("s1", 4), ("s2", 2)]),
    )
    check(
        "polars_by_parquet",
        lambda: equal(polars.read_parquet(client.raw_query(BY_SESSION, fmt="Parquet")).rows(), [("s1", 4), ("s2", 2)]),
    )
    check(
        "polars_by_arrow",
        lambda: equal(polars.read_ipc(client.raw_query(BY_SESSION, fmt="Arrow")).rows(), [("s1", 4), ("s2", 2)]),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
