"""``rvbbit-otel up``: the all-in-one."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(epilog="Example: rvbbit-otel up --data ./rvbbit-data --clickhouse-port 0 --ready-file ready.json")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("rvbbit-data"),
    show_default=True,
    help="The store's folder; made if missing.",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; any but a loopback one needs --token."
)
@click.option("--otlp-grpc-port", default=4317, show_default=True, help="0 picks a free one.")
@click.option("--otlp-http-port", default=4318, show_default=True, help="0 picks a free one.")
@click.option("--clickhouse-port", default=8123, show_default=True, help="0 picks a free one.")
@click.option(
    "--ready-file", type=click.Path(path_type=Path), help="Written once it serves: JSON with pid and addresses."
)
@click.option("--token", envvar="RVBBIT_OTEL_TOKEN", show_envvar=True, help="Ask every client for this secret.")
@click.option(
    "--prices",
    envvar="RVBBIT_OTEL_PRICES",
    show_envvar=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A TOML file of prices of your own, before the published ones.",
)
def up(
    data: Path,
    host: str,
    otlp_grpc_port: int,
    otlp_http_port: int,
    clickhouse_port: int,
    ready_file: Path | None,
    token: str | None,
    prices: Path | None,
) -> None:
    """Serve the embedded store: OTLP in by gRPC and HTTP, ClickHouse's HTTP protocol out.

    Ends on SIGTERM or Ctrl-C, once everything that was acknowledged is stored.
    """
    from rvbbit_otel.all_in_one.server import Options, serve
    from rvbbit_otel.storage.price_table import read_prices

    serve(
        Options(
            data=data,
            host=host,
            otlp_grpc_port=otlp_grpc_port,
            otlp_http_port=otlp_http_port,
            clickhouse_port=clickhouse_port,
            ready_file=ready_file,
            token=token,
            own_prices=tuple(read_prices(prices)) if prices else (),
        )
    )
