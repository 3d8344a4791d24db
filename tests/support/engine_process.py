"""An engine with a configuration of its own, in a process of its own: chDB reads its configuration once a process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rvbbit_otel.storage.database import Result

# Clusters for tests: every shard is this very engine, so nothing goes over a network.
CLUSTERS = """
<tcp_port>9000</tcp_port>
<remote_servers>
  <one><shard><internal_replication>true</internal_replication><replica><host>127.0.0.1</host><port>9000</port></replica></shard></one>
  <two>
    <shard><internal_replication>true</internal_replication><replica><host>127.0.0.1</host><port>9000</port></replica></shard>
    <shard><internal_replication>true</internal_replication><replica><host>127.0.0.1</host><port>9000</port></replica></shard>
  </two>
</remote_servers>
"""


class EngineProcessError(Exception):
    """What the engine said."""


@dataclass(frozen=True)
class EngineProcess:
    """One that runs; implements storage's Database for its database `name`."""

    process: subprocess.Popen[str]
    name: str = "default"

    def at(self, name: str) -> EngineProcess:
        """The same engine, at another database."""
        return EngineProcess(self.process, name)

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        self.query(sql, parameters)

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        values = {name: str(value) for name, value in (parameters or {}).items()}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([self.name, sql, values]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the engine's process ended with {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise EngineProcessError(answer["error"])
        return Result(tuple(answer["columns"]), [tuple(row) for row in answer["rows"]])

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return self.query(sql).rows


@contextmanager
def running_engine(folder: Path, configuration: str = "") -> Iterator[EngineProcess]:
    """One over `folder`, with these elements in its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "engine.xml"
    file.write_text(f"<clickhouse><logger><level>none</level></logger>{configuration}</clickhouse>", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, __file__, f"{folder / 'store'}?config-file={file}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    try:
        yield EngineProcess(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


def _serve(address: str) -> None:
    import chdb

    connection = chdb.connect(address)
    current = "default"
    for line in sys.stdin:
        database, sql, parameters = json.loads(line)
        try:
            if database != current:
                connection.query(f"USE {database}")
                current = database
            found = json.loads(
                connection.query(sql, "JSONCompact", params=parameters).bytes() or b'{"meta": [], "data": []}'
            )
            answer = {"columns": [column["name"] for column in found["meta"]], "rows": found["data"]}
        except Exception as error:
            answer = {"error": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    connection.close()


if __name__ == "__main__":
    _serve(sys.argv[1])
