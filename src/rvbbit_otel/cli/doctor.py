"""``rvbbit-otel doctor``: what is wired, what is not, and what to do."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from rvbbit_otel.cli import options
from rvbbit_otel.cli.completion import runner_names
from rvbbit_otel.cli.output import print_json, print_table

if TYPE_CHECKING:
    from rvbbit_otel.doctor import Link


@click.command(epilog="Example: rvbbit-otel doctor --dsn http://127.0.0.1:8123/default")
@options.cluster
@options.dsn
@click.option(
    "--runner",
    "runners",
    multiple=True,
    metavar="NAME",
    shell_complete=runner_names,
    help="Only this runner, hook by hook; may be given again.",
)
@click.option(
    "--runner-file",
    "files",
    multiple=True,
    metavar="F",
    help="Only the RunnerSpec in this TOML file, before it is published.",
)
@click.option(
    "--probe/--no-probe",
    default=True,
    show_default=True,
    help="Send one span, without a session, and follow it into otel_traces.",
)
@options.as_json
def doctor(
    cluster: str | None, dsn: str, runners: tuple[str, ...], files: tuple[str, ...], probe: bool, as_json: bool
) -> None:
    """Walk the chain from the runner to the store, and say of each link whether it is wired and what to do.

    Each runner is imported, in a process of its own. What would leave a process with these settings is listed. Nothing secret is printed.

    Exit status 0: everything is wired; 1: something is not; 2: it could not be found out (a DSN or a spec that can't be one).
    """
    from rvbbit_otel.doctor import examine, examine_runners

    only = bool(runners or files)
    links = examine_runners(runners, files) if only else examine(dsn, send_probe=probe, cluster=cluster)
    if as_json:
        print_json([asdict(link) for link in links])
    else:
        print_table(
            ("link", "state", "what was seen", "what to do"),
            [(each.name, each.state, each.seen, each.remedy) for each in links],
        )
        for link in links:
            _print_keys(link)
            if only:
                _print_hooks(link)
    sys.exit(1 if any(each.state == "broken" for each in links) else 0)


def _print_keys(link: Link) -> None:
    keys = link.details.get("keys", {})
    if keys:
        rows = [(done, ", ".join(patterns)) for done, patterns in keys.items()]
        print_table(("these", "attributes; of two patterns the longer says what is done"), rows, title=link.name)


def _print_hooks(link: Link) -> None:
    hooks = link.details.get("hooks", [])
    if hooks:
        print_table(
            ("role", "target", "state", "what is lost"),
            [
                (hook["role"], hook["target"], _state(hook), hook["lost"] if not hook["optional"] else "")
                for hook in hooks
            ],
            title=link.name,
        )


def _state(hook: dict[str, str]) -> str:
    state = hook["state"] + (" (optional)" if hook["optional"] and hook["state"] != "matched" else "")
    return f"{state}: {hook['detail']}" if hook["detail"] else state
