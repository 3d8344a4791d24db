"""``rvbbit-otel run``: an unchanged program, instrumented."""

from __future__ import annotations

import click


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="Example: rvbbit-otel run --endpoint http://127.0.0.1:4318 -- python -m my_runner serve",
)
@click.option(
    "--endpoint",
    help="Where OTLP goes: http://host:4318 for HTTP, http://host:4317 for gRPC. [default: OTEL_EXPORTER_OTLP_ENDPOINT, else http://127.0.0.1:4317]",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(endpoint: str | None, command: tuple[str, ...]) -> None:
    """Run COMMAND with the instrumentation on, its children too; its exit status is passed on.

    Nothing of the program is changed. Every OTEL_* variable works; those that are not set get defaults that suit a runner.
    """
    from rvbbit_otel.instrumentation.launcher import launch

    launch(command, endpoint)
