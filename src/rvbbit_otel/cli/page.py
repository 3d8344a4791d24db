"""``rvbbit-otel page``: the page over a ClickHouse server."""

from __future__ import annotations

from pathlib import Path

import click

from rvbbit_otel.cli import options
from rvbbit_otel.cli.output import tell
from rvbbit_otel.cli.up import secret_of
from rvbbit_otel.errors import ConfigurationError


@click.command(epilog="Example: rvbbit-otel page --dsn https://reader:secret@clickhouse.example.com/rvbbit --port 8600")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; any but a loopback one needs a token."
)
@click.option("--port", default=8600, show_default=True, type=click.IntRange(0, 65535), help="0 picks a free one.")
@click.option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    metavar="NAME",
    help="A name by which browsers reach --host, beside this machine's own name; may be given again.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    envvar="RVBBIT_OTEL_TOKEN_FILE",
    show_envvar=True,
    help="Ask every browser for the secret that this file begins with.",
)
@click.option(
    "--token", envvar="RVBBIT_OTEL_TOKEN", show_envvar=True, help="The secret itself: better by its variable or a file."
)
@click.option(
    "--jaeger",
    envvar="RVBBIT_OTEL_JAEGER_URL",
    show_envvar=True,
    default="",
    metavar="URL",
    help="Link traces to this Jaeger.",
)
@click.option(
    "--grafana",
    envvar="RVBBIT_OTEL_GRAFANA_URL",
    show_envvar=True,
    default="",
    metavar="URL",
    help="Link callers to this Grafana.",
)
@options.dsn
def page(
    host: str,
    port: int,
    allow_hosts: tuple[str, ...],
    token_file: Path | None,
    token: str | None,
    jaeger: str,
    grafana: str,
    dsn: str,
) -> None:
    """Serve the page over a store: callers, their dollars, and how they are known. `rvbbit-otel up` serves it already, at /page/.

    It only reads. On a server, give it a user that may only read: docs/how-to/page.md has the statements. Ends on SIGTERM or Ctrl-C.
    """
    secret = secret_of(token, token_file)
    try:
        from rvbbit_otel.all_in_one.page_server import serve_page
    except ImportError as error:
        raise ConfigurationError(f"the page needs a package: {error}; pip install 'rvbbit-otel[page]'") from error
    serve_page(dsn, host, port, allow_hosts, secret, jaeger, grafana, lambda text: tell(f"rvbbit-otel page: {text}"))
