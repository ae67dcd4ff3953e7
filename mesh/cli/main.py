"""The `mesh` command's arguments, help and exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from mesh.cli import audit_read, audit_report, commands, status
from mesh.cli.home import Home, HomeInUseError
from mesh.cli.live import table
from mesh.cli.plan import Plan
from mesh.cli.ports import SPAN, Ports
from mesh.cli.supervisor import StartError

home_option: Callable[[Any], Any] = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    default=".tradewind",
    show_default=True,
    help="The folder that holds the mesh's data, keys and logs.",
)


@click.group()
@click.version_option(status.VERSION, prog_name="mesh")
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
    help="The edge's port; all others are counted from it.",
)
@click.option(
    "--database",
    metavar="URL",
    help="postgresql://… for all services (a schema each); without it, SQLite files in the home.",
)
def up(detach: bool, home: Path, port_base: int, database: str | None) -> None:
    """Start the mesh: four services and the edge.

    Runs in the foreground with a live status until Ctrl-C, or with --detach in the
    background until `mesh down`. Two meshes with different homes and port bases run
    side by side. Exit code 1 when the mesh cannot be started.
    """
    place = Home(home)
    try:
        if detach:
            arguments = ["--home", str(home), "--port-base", str(port_base)]
            commands.up_detached(place, arguments + (["--database", database] if database else []))
            click.echo(f"ready: {status.read(place)['urls']['edge']}")
        else:
            commands.up(Plan(place, Ports(port_base), database))
    except (HomeInUseError, StartError) as error:
        raise click.ClickException(str(error)) from error


@main.command()
@home_option
def down(home: Path) -> None:
    """Stop the mesh, edge first, and return when every process has ended."""
    try:
        stopped = commands.down(Home(home))
    except TimeoutError as error:
        raise click.ClickException(str(error)) from error
    click.echo("stopped" if stopped else f"no mesh runs in {home}")


@main.command("status")
@home_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def show_status(home: Path, as_json: bool) -> None:
    """Show the processes of the mesh. Exit code 1 when it is not ready."""
    state = status.read(Home(home))
    if as_json:
        click.echo(json.dumps(state, indent=2))
    else:
        Console().print(table(state))
        click.echo(f"ready: {state['urls']['edge']}" if state["ready"] else "not ready")
    sys.exit(0 if state["ready"] else 1)


@main.command()
@home_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def audit(home: Path, as_json: bool) -> None:
    """Check the books of a running mesh against every invariant.

    Exit code 0: all hold. 1: something is wrong, and what is printed. 2: the records
    could not be read.
    """
    try:
        findings = audit_read.audit(Home(home), status.read(Home(home)))
    except audit_read.UnreadableError as error:
        click.echo(f"could not read: {error}", err=True)
        sys.exit(2)
    click.echo(audit_report.as_json(findings) if as_json else audit_report.as_text(findings))
    sys.exit(1 if any(finding.offenders for finding in findings) else 0)


if __name__ == "__main__":
    main()
