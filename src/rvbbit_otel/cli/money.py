"""``rvbbit-otel prices``: what calls cost that state tokens and no dollars."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rvbbit_otel.cli import options
from rvbbit_otel.cli.output import print_json, print_table, say, tell

if TYPE_CHECKING:
    from rvbbit_otel.storage.price_table import OwnPrice

_file: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--file",
    "file",
    envvar="RVBBIT_OTEL_PRICES",
    show_envvar=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A TOML file of prices of your own, before the published ones.",
)


@click.group(
    epilog="Example: rvbbit-otel prices check --file prices.toml && rvbbit-otel prices apply --file prices.toml"
)
def prices() -> None:
    """What calls cost that state tokens and no dollars: by genai-prices, or by a file of yours."""


@prices.command(epilog="Example: rvbbit-otel prices show gpt-4o --provider openai")
@click.argument("model")
@click.option("--provider", default="", help="As calls name it; without one, by the model's name.")
@_file
@options.as_json
def show(model: str, provider: str, file: Path | None, as_json: bool) -> None:
    """The price of MODEL, as it would be computed; no store is asked. Exit status 1: nobody knows one."""
    from rvbbit_otel.storage.price_table import rates_of

    rates = rates_of(provider, model, _own(file))
    if as_json:
        print_json([asdict(rate) for rate in rates])
    elif rates:
        columns = ("since", "over tokens", "in", "cached", "out", "from")
        rows = [
            (
                _day(rate.since),
                rate.over,
                *(_dollars(each) for each in (rate.rate_in, rate.rate_cached, rate.rate_out)),
                rate.source,
            )
            for rate in rates
        ]
        print_table(columns, rows, "dollars a million tokens")
    if not rates:
        tell(f"rvbbit-otel: nobody knows a price of {model!r}: give it one in a file (--file)")
        sys.exit(1)


@prices.command(epilog="Example: rvbbit-otel prices check --file prices.toml --dsn http://127.0.0.1:8123/default")
@_file
@options.dsn
@options.as_json
def check(file: Path | None, dsn: str, as_json: bool) -> None:
    """Show what `apply` would change, model by model, without changing it. Exit status 1: something would change."""
    from rvbbit_otel.storage.client import ClickHouseDatabase
    from rvbbit_otel.storage.prices import changes

    found = changes(ClickHouseDatabase(dsn), _own(file))
    if as_json:
        print_json(
            [{**asdict(each), "cost_now": str(each.cost_now), "cost_then": str(each.cost_then)} for each in found]
        )
    elif found:
        columns = ("provider", "model", "calls", "unpriced", "dollars now", "dollars then")
        print_table(
            columns,
            [
                (
                    each.provider,
                    each.model,
                    each.calls,
                    each.calls_unpriced,
                    each.cost_now,
                    each.cost_then if each.known else "unpriced",
                )
                for each in found
            ],
        )
    else:
        say("nothing would change")
    if found:
        sys.exit(1)


@prices.command(epilog="Example: rvbbit-otel prices apply --file prices.toml")
@_file
@options.dsn
@options.as_json
def apply(file: Path | None, dsn: str, as_json: bool) -> None:
    """Give every call that states no cost the price of today's table and yours. What states its cost keeps it."""
    from rvbbit_otel.storage.client import ClickHouseDatabase
    from rvbbit_otel.storage.prices import apply as apply_prices

    models = apply_prices(ClickHouseDatabase(dsn), _own(file))
    if as_json:
        print_json({"models": models})
    else:
        say(f"{models} models have another price")


@prices.command(epilog="Example: rvbbit-otel prices update && rvbbit-otel prices check")
def update() -> None:
    """Show which published table is in use and how to get the newest. It is a package, so prices are pinned like
    every dependency.
    """
    from rvbbit_otel.storage.price_table import published

    say(f"{published()}; the newest: pip install --upgrade genai-prices, then `rvbbit-otel prices check`")


def _own(file: Path | None) -> list[OwnPrice]:
    from rvbbit_otel.storage.price_table import read_prices

    return read_prices(file) if file else []


def _day(seconds: int) -> str:
    from datetime import datetime, timezone

    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d") if seconds else "ever"


def _dollars(rate: int) -> str:
    return f"{rate / 1_000_000:g}"
