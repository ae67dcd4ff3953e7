"""What a person sees of a running mesh: a table, or lines where there is no terminal.

`rich` is loaded only where something is drawn: a mesh in the background does without.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

REFRESH_S = 0.5
LINES = 6
"""How many of the latest events stay below the table."""

_COLOURS = {"ready": "green", "starting": "yellow", "restarting": "red", "stopped": "dim"}


def is_terminal(stream: IO[str]) -> bool:
    """Whether somebody looks at a stream who can be shown changing pictures."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def table(state: dict[str, Any]) -> Table:
    """The processes of a mesh."""
    from rich.table import Table
    from rich.text import Text

    found = Table(title=f"tradewind {state['version']}", title_justify="left")
    for column in ("process", "state", "pid", "restarts", "address"):
        found.add_column(column)
    for process in state["processes"]:
        found.add_row(
            process["name"],
            Text(process["state"], style=_COLOURS[process["state"]]),
            str(process["pid"] or "-"),
            str(process["restarts"]),
            process["address"],
        )
    return found


@contextmanager
def progress(text: str) -> Iterator[Callable[[str], None]]:
    """Shows on a terminal that something takes its time; answers how to say what now."""
    if not is_terminal(sys.stderr):
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status(text) as shown:
        yield shown.update


class LiveView:
    """Shows a mesh for as long as it runs; `say` takes its events."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._draws = is_terminal(stream)
        self._lines: deque[str] = deque(maxlen=LINES)

    def say(self, line: str) -> None:
        """Shows an event; nobody need be there any more to see it."""
        if self._draws:
            self._lines.append(line)
            return
        try:
            print(line, file=self._stream, flush=True)
        except OSError:
            self._close()

    def _close(self) -> None:
        # The reader has gone. Whatever Python still holds for it must go somewhere.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    def _picture(self, state: dict[str, Any]) -> Group:
        from rich.console import Group
        from rich.text import Text

        ready = "ready" if state["ready"] else "not ready"
        runs = any(process["pid"] for process in state["processes"])
        head = Text(f"{ready} · edge {state['urls']['edge']} · Ctrl-C stops" if runs else "")
        return Group(table(state), head, *(Text(line, style="dim") for line in self._lines))

    async def follow(self, read: Callable[[], dict[str, Any]]) -> None:
        """Draws until it is cancelled, or the terminal is closed; without one it ends at once."""
        if self._draws:
            try:
                await self._draw(read)
            except OSError:
                self._close()

    async def _draw(self, read: Callable[[], dict[str, Any]]) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(file=self._stream)
        with Live(self._picture(read()), console=console, auto_refresh=False) as live:
            try:
                while True:
                    live.update(self._picture(read()), refresh=True)
                    await asyncio.sleep(REFRESH_S)
            finally:
                live.update(self._picture(read()), refresh=True)
