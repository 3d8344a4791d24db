"""The options of the all-in-one, and their validation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rvbbit_otel.all_in_one.syncing import Sync
from rvbbit_otel.all_in_one.tokens import Token
from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.hosts import is_loopback
from rvbbit_otel.storage.price_table import OwnPrice

MIB = 1024 * 1024
# What listens on all addresses of a machine.
EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})


@dataclass(frozen=True)
class Options:
    """Settings of `rvbbit-otel up`; ports of 0 pick a free one.

    token: one for everything; tokens: those with names and rights beside it.
    allow_hosts: names by which clients reach `host`, beside the machine's own.
    max_body: bytes of one OTLP body once unpacked; the Collector's limit since CVE-2024-36129.
    max_queued: bytes of bodies that wait to be written to the journal; above it clients are asked to come again.
    max_journal: bytes of the journal on the disk: what is acknowledged and not stored yet. Above it clients are asked to come again.
    drain_seconds: for how long an end goes on storing what is in the journal; the rest is for the next start.
    journal_sync: when what is acknowledged is safe from a loss of power; from the end of this process it always is.
    query_seconds, query_memory, result_bytes, result_rows: what one query from outside may take.
    readers: queries from outside that run at once.
    send_seconds: how long a client may take for a piece of its answer.
    insert_memory: bytes that the engine may take to store one group of spans, or one INSERT.
    keep_days: for how many days rows are kept; None for as long as the store does already.
    own_prices: prices of the user's, before those of genai-prices.
    """

    data: Path
    host: str = "127.0.0.1"
    otlp_grpc_port: int = 4317
    otlp_http_port: int = 4318
    clickhouse_port: int = 8123
    ready_file: Path | None = None
    token: str | None = None
    tokens: tuple[Token, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    max_body: int = 20 * MIB
    max_queued: int = 128 * MIB
    max_journal: int = 1024 * MIB
    drain_seconds: int = 4
    journal_sync: Sync = Sync.EACH
    query_seconds: int = 30
    query_memory: int = 256 * MIB
    result_bytes: int = 64 * MIB
    result_rows: int = 1_000_000
    readers: int = 4
    send_seconds: int = 20
    insert_memory: int = 1024 * MIB
    keep_days: int | None = None
    own_prices: tuple[OwnPrice, ...] = ()

    def __post_init__(self) -> None:
        """Raise ConfigurationError, naming the option, for a value that it can't have."""
        for name in ("otlp_grpc_port", "otlp_http_port", "clickhouse_port"):
            port = getattr(self, name)
            if not 0 <= port <= 65535:
                raise ConfigurationError(f"--{name.replace('_', '-')} is {port}; it is 0 (any free port) to 65535")
        if self.max_journal < 2 * self.max_body:
            raise ConfigurationError(
                f"--journal-size is {self.max_journal // MIB} MiB; it is {2 * self.max_body // MIB} MiB at the least, two bodies"
            )
        if not is_loopback(self.host) and not self.token and not self.tokens:
            raise ConfigurationError(
                f"--host {self.host} can be reached by others: give a token (--token-file, RVBBIT_OTEL_TOKEN), or listen on 127.0.0.1"
            )
        if set("*?{}") & set(str(self.data.absolute())):
            raise ConfigurationError(
                f"--data {self.data} has one of * ? {{ }} in its path, which the engine takes for a pattern"
            )
        if self.data.exists() and not self.data.is_dir():
            raise ConfigurationError(f"--data {self.data} is a file; it is the folder of the store")
        if "&" in str(self.data.absolute()):
            raise ConfigurationError(f"--data {self.data} has & in its path, where the engine takes an option to begin")
