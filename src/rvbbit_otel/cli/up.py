"""``rvbbit-otel up``: the all-in-one."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from rvbbit_otel.cli import days
from rvbbit_otel.cli.arguments import wipe
from rvbbit_otel.errors import ConfigurationError


@click.command(epilog="Example: rvbbit-otel up --data ./rvbbit-data --clickhouse-port 0 --ready-file ready.json")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("rvbbit-data"),
    show_default=True,
    help="The store's folder; made if missing.",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; any but a loopback one needs a token."
)
@click.option("--otlp-grpc-port", default=4317, show_default=True, help="0 picks a free one.")
@click.option("--otlp-http-port", default=4318, show_default=True, help="0 picks a free one.")
@click.option("--clickhouse-port", default=8123, show_default=True, help="0 picks a free one.")
@click.option(
    "--ready-file", type=click.Path(path_type=Path), help="Written once it serves: JSON with pid and addresses."
)
@click.option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    metavar="NAME",
    help="A name by which clients reach --host, beside this machine's own name; may be given again.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    envvar="RVBBIT_OTEL_TOKEN_FILE",
    show_envvar=True,
    help="Ask every client for the secret that this file begins with.",
)
@click.option(
    "--tokens",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="RVBBIT_OTEL_TOKENS",
    show_envvar=True,
    help="A TOML file of tokens with names and rights (read, write, admin).",
)
@click.option(
    "--token",
    envvar="RVBBIT_OTEL_TOKEN",
    show_envvar=True,
    help="The secret itself: better by its variable or a file, since arguments can be seen by all of the machine until the start.",
)
@click.option(
    "--prices",
    envvar="RVBBIT_OTEL_PRICES",
    show_envvar=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A TOML file of prices of your own, before the published ones.",
)
@click.option(
    "--journal-sync",
    type=click.Choice(["each", "group", "none"]),
    default="each",
    show_default=True,
    help="When a request is safe from a loss of power: before its answer; before its answer, which waits 5 ms for others; "
    "or when the system likes. From the end of this process it always is.",
)
@click.option(
    "--journal-size",
    type=int,
    default=1024,
    show_default=True,
    metavar="MIB",
    help="What may be acknowledged and not stored yet; above it senders are asked to come again.",
)
@days.keep
def up(
    data: Path,
    host: str,
    otlp_grpc_port: int,
    otlp_http_port: int,
    clickhouse_port: int,
    ready_file: Path | None,
    allow_hosts: tuple[str, ...],
    token_file: Path | None,
    tokens: Path | None,
    token: str | None,
    prices: Path | None,
    journal_sync: str,
    journal_size: int,
    keep: int | None,
) -> None:
    """Serve the embedded store: OTLP in by gRPC and HTTP, ClickHouse's HTTP protocol out.

    Ends on SIGTERM or Ctrl-C, in seconds; what was acknowledged is stored, or kept in the folder and stored at the next start.
    """
    secret = secret_of(token, token_file)
    from rvbbit_otel.all_in_one.options import MIB
    from rvbbit_otel.all_in_one.server import Options, serve
    from rvbbit_otel.all_in_one.syncing import Sync
    from rvbbit_otel.all_in_one.tokens import read_tokens
    from rvbbit_otel.storage.price_table import read_prices

    serve(
        Options(
            data=data,
            host=host,
            otlp_grpc_port=otlp_grpc_port,
            otlp_http_port=otlp_http_port,
            clickhouse_port=clickhouse_port,
            ready_file=ready_file,
            allow_hosts=allow_hosts,
            token=secret,
            tokens=read_tokens(tokens) if tokens else (),
            journal_sync=Sync(journal_sync),
            max_journal=journal_size * MIB,
            keep_days=keep,
            own_prices=tuple(read_prices(prices)) if prices else (),
        )
    )


def secret_of(token: str | None, file: Path | None) -> str | None:
    """The secret, by whichever way it was given."""
    given_here = click.get_current_context().get_parameter_source("token") is ParameterSource.COMMANDLINE
    if token and given_here and not wipe(token):
        raise ConfigurationError(
            "--token can be seen by everybody on this machine: use RVBBIT_OTEL_TOKEN or --token-file"
        )
    if token or file is None:
        return token or None
    try:
        words = file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--token-file {file} can't be read: {error}") from error
    if not words:
        raise ConfigurationError(f"--token-file {file} holds no token")
    return words[0]
