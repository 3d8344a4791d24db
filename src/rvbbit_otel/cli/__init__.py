"""The commands: parse, call, print, exit code. What they do is a library call each, in the modules below this one."""

from __future__ import annotations

import sys

import click

from rvbbit_otel import __version__
from rvbbit_otel.cli.archive import export, import_
from rvbbit_otel.cli.budgets import budgets
from rvbbit_otel.cli.callers import report, show, tail, trace
from rvbbit_otel.cli.completion import completion
from rvbbit_otel.cli.doctor import doctor
from rvbbit_otel.cli.erase import erase
from rvbbit_otel.cli.init import init
from rvbbit_otel.cli.money import prices
from rvbbit_otel.cli.page import page
from rvbbit_otel.cli.quarantine import quarantine
from rvbbit_otel.cli.reconcile import reconcile
from rvbbit_otel.cli.reshard import reshard
from rvbbit_otel.cli.run import run
from rvbbit_otel.cli.store import audit, demo, migrate, repair
from rvbbit_otel.cli.up import up
from rvbbit_otel.cli.watch import watch
from rvbbit_otel.errors import RvbbitOtelError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="rvbbit-otel")
def cli() -> None:
    """Whoever triggered the work is on every row it left behind.

    \b
    Start here:
      rvbbit-otel demo                      the main job, on a store of its own
      rvbbit-otel up                        the store: OTLP in, SQL out
      rvbbit-otel run -- python my_app.py   an unchanged program, instrumented
      rvbbit-otel report --last 24h         who spent what?
      rvbbit-otel audit                     does every rule hold?

    Exit status of every command: 0 all is well, 1 a rule is broken, 2 it could not be done.
    """


_RUN = (up, run, demo, init)
_LOOK = (show, trace, tail, report, page, audit, watch, prices, reconcile, budgets)
_CARE = (export, import_, migrate, repair, reshard, erase, quarantine, doctor, completion)
for command in (*_RUN, *_LOOK, *_CARE):
    cli.add_command(command)


def main() -> None:
    """Run the command line; an error of ours is one line on standard error and exit status 2."""
    try:
        cli(prog_name="rvbbit-otel")
    except RvbbitOtelError as error:
        from rvbbit_otel.cli.output import safe, tell

        tell(f"rvbbit-otel: {safe(error)}")
        sys.exit(2)
