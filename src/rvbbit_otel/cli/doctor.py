"""``rvbbit-otel doctor``: what is wired, what is not, and what to do."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from rvbbit_otel.cli import options
from rvbbit_otel.cli.output import print_json, print_table


@click.command(epilog="Example: rvbbit-otel doctor --dsn http://127.0.0.1:8123/default")
@options.dsn
@options.as_json
def doctor(dsn: str, as_json: bool) -> None:
    """Walk the chain from the runner to the store, and say of each link whether it is wired and what to do.

    Exit status 0: everything is; 1: something is not.
    """
    from rvbbit_otel.checkup import examine

    links = examine(dsn)
    if as_json:
        print_json([asdict(link) for link in links])
    else:
        print_table(
            ("link", "state", "what was seen", "what to do"),
            [(each.name, each.state, each.seen, each.remedy) for each in links],
        )
    sys.exit(1 if any(each.state == "broken" for each in links) else 0)
