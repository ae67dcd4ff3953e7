"""The `mesh` command's arguments, help and exit codes.

What a command needs is imported when it runs: `up` becomes the supervisor, which
should not carry what the others need.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from mesh.cli import commands, status
from mesh.cli.home import Home, HomeError
from mesh.cli.live import is_terminal, progress, table
from mesh.cli.plan import DATABASE_VARIABLE, Plan
from mesh.cli.ports import MOST_INSTANCES, SPAN, Ports
from mesh.cli.supervisor import StartError

home_option: Callable[[Any], Any] = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    default=".tradewind",
    show_default=True,
    help="The folder that holds the mesh's data, keys and logs; made for its owner only.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tradewind", prog_name="mesh")
def main() -> None:
    """Run and examine a Tradewind mesh on this machine."""


@main.command()
@click.option("--detach", is_flag=True, help="Return when the mesh is ready and leave it running.")
@home_option
@click.option(
    "--port-base",
    type=click.IntRange(1024, 65536 - SPAN),
    default=8080,
    show_default=True,
    help=(
        "The edge's port. The viewer is at +1, OTLP at +2 (gRPC) and +3 (HTTP), Envoy's "
        "administration at +5, services are at +10 to +99."
    ),
)
@click.option(
    "--database",
    metavar="URL",
    envvar=DATABASE_VARIABLE,
    show_envvar=True,
    help=(
        "postgresql://user:password@host:port/name for all services, a schema each; without it, "
        "SQLite files in the home. Arguments are seen by everybody on this machine: a password "
        "is better given in the environment variable."
    ),
)
@click.option(
    "--replicas",
    type=click.IntRange(1, MOST_INSTANCES),
    default=1,
    show_default=True,
    help="Instances of each service; more than one needs --database.",
)
def up(detach: bool, home: Path, port_base: int, database: str | None, replicas: int) -> None:
    """Start the mesh: four services, the edge and the trace viewer.

    Runs in the foreground with a live status until Ctrl-C, or with --detach in the
    background until `mesh down`. What dies is started again. Data is kept: the next
    `mesh up` with the same home goes on with it. Two meshes with different homes and
    port bases run side by side.

    Exit code 0: it was ready (--detach), or was stopped. 1: it could not be started,
    and why is told.
    """
    if replicas > 1 and database is None:
        raise click.UsageError("--replicas needs --database: SQLite files have one writer each")
    plan = Plan(Home(home), Ports(port_base), database, replicas)
    try:
        if not detach:
            commands.up(plan)
            return
        with progress("starting") as say:
            commands.up_detached(plan, say)
    except (HomeError, StartError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"ready: {status.read(plan.home)['urls']['edge']}")


@main.command()
@home_option
def down(home: Path) -> None:
    """Stop the mesh, edge first, and return when every process has ended.

    Also ends what is left of a mesh whose supervisor was killed. Exit code 0: nothing
    runs any more. 1: something does not end.
    """
    try:
        with progress("stopping"):
            stopped = commands.down(Home(home))
    except (HomeError, TimeoutError) as error:
        raise click.ClickException(str(error)) from error
    click.echo("stopped" if stopped else f"no mesh runs in {home}")


@main.command("status")
@home_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def show_status(home: Path, as_json: bool) -> None:
    """Show the processes of the mesh.

    Exit code 0: it is ready. 1: it is not, or no mesh runs in this home.
    """
    state = status.read(Home(home))
    if as_json:
        click.echo(json.dumps(state, indent=2))
    elif not state["processes"]:
        click.echo(f"no mesh runs in {home}; start one with `mesh up`")
    else:
        from rich.console import Console

        Console().print(table(state))
        click.echo(f"ready: {state['urls']['edge']}" if state["ready"] else "not ready")
    sys.exit(0 if state["ready"] else 1)


@main.command()
@home_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs, with all ids.")
def audit(home: Path, as_json: bool) -> None:
    """Check the books of a running mesh against every invariant.

    Reads all records of all services while trading goes on, and prints each invariant
    with how many things were checked.

    Exit code 0: all hold. 1: something is wrong, and what is printed. 2: the records
    could not be read.
    """
    from mesh.cli import audit_read, audit_report

    try:
        with progress("reading the books"):
            findings = audit_read.audit(Home(home), status.read(Home(home)))
    except audit_read.UnreadableError as error:
        click.echo(f"could not read: {error}", err=True)
        sys.exit(2)
    click.echo(audit_report.as_json(findings) if as_json else audit_report.as_text(findings))
    sys.exit(1 if any(finding.offenders for finding in findings) else 0)


@main.command()
@home_option
@click.option(
    "--customers", type=click.IntRange(1, 1000), default=50, show_default=True, help="Who trades."
)
@click.option(
    "--orders",
    type=click.IntRange(1, 100_000),
    default=500,
    show_default=True,
    help="How many orders they place, at the market and at limits.",
)
@click.option(
    "--within",
    "limit_s",
    type=click.FloatRange(min=1),
    default=60,
    show_default=True,
    help="Most seconds that it may take.",
)
def demo(home: Path, customers: int, orders: int, limit_s: float) -> None:
    """Play a scripted trading day on a running mesh, and audit its books.

    Customers register, deposit, buy, sell, cancel and withdraw, through the edge like
    any client. It adds to the mesh's data; the customers are called demo….

    Exit code 0: it went well and the books are right. 1: they are not, or a call
    failed. 2: no mesh runs here, or the records could not be read.
    """
    import grpc

    from mesh.cli import audit_read, audit_report
    from mesh.demo.play import play

    state = status.read(Home(home))
    if not state["ready"]:
        click.echo(f"no ready mesh in {home}; start one with `mesh up`", err=True)
        sys.exit(2)
    try:
        day = play(state["urls"]["edge"].removeprefix("http://"), customers, orders, limit_s)
        click.echo(day.text())
        findings = audit_read.audit(Home(home), state)
    except TimeoutError as error:
        raise click.ClickException(f"the day took more than {limit_s:g} seconds") from error
    except grpc.aio.AioRpcError as error:
        raise click.ClickException(f"{error.code().name}: {error.details()}") from error
    except audit_read.UnreadableError as error:
        click.echo(f"could not read: {error}", err=True)
        sys.exit(2)
    click.echo(audit_report.as_text(findings))
    sys.exit(1 if any(finding.offenders for finding in findings) else 0)


@main.command()
@home_option
@click.argument("trace_id")
@click.option("--json", "as_json", is_flag=True, help="Print JSON in Jaeger's form.")
def trace(home: Path, trace_id: str, as_json: bool) -> None:
    """Show a trace: which spans there were, when, for how long, and what failed.

    Its id is in the header x-trace-id of every answer, in every error, in the logs, and
    in an order's history. Exit code 1: there is no such trace, or no mesh runs.
    """
    from mesh.cli import look
    from mesh.viewer.text import waterfall

    viewer = status.read(Home(home))["urls"]["viewer"]
    if viewer is None:
        raise click.ClickException(f"no mesh runs in {home}; start one with `mesh up`")
    try:
        found = look.trace(viewer, trace_id)
    except look.LookError as error:
        raise click.ClickException(str(error)) from error
    coloured = is_terminal(sys.stdout) and "NO_COLOR" not in os.environ
    click.echo(
        json.dumps(found, indent=2) if as_json else waterfall(found, look.width(), colour=coloured),
        color=coloured,
    )


@main.command()
@home_option
@click.argument("names", nargs=-1, metavar="[PROCESS]...")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(0, 100_000),
    default=50,
    show_default=True,
    help="How many of the latest lines.",
)
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines until Ctrl-C.")
def logs(home: Path, names: tuple[str, ...], lines: int, follow: bool) -> None:
    """Show what processes have logged, in the order of time; all processes by default.

    The logs are JSON lines in the folder logs of the home.
    """
    from mesh.cli import look
    from mesh.viewer.text import log_line

    coloured = is_terminal(sys.stdout) and "NO_COLOR" not in os.environ

    def show(line: str) -> None:
        click.echo(log_line(line, colour=coloured), color=coloured)

    try:
        files = look.logs_of(Home(home), names)
        for line in look.last_lines(files, lines):
            show(line)
        if follow:
            for line in look.follow(files):
                show(line)
    except look.LookError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
