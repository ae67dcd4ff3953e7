"""What a person sees of a running mesh: a table, or lines where there is no terminal."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

REFRESH_S = 0.5
LINES = 6
"""How many of the latest events stay below the table."""

_COLOURS = {"ready": "green", "starting": "yellow", "restarting": "red", "stopped": "dim"}


def table(state: dict[str, Any]) -> Table:
    """The processes of a mesh."""
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


class LiveView:
    """Shows a mesh for as long as it runs; `say` takes its events."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines: deque[str] = deque(maxlen=LINES)

    def say(self, line: str) -> None:
        """Shows an event."""
        if self._console.is_terminal:
            self._lines.append(line)
        else:
            print(line, flush=True)

    def _picture(self, state: dict[str, Any]) -> Group:
        ready = "ready" if state["ready"] else "not ready"
        head = Text(f"{ready} · edge {state['urls']['edge']} · Ctrl-C stops")
        return Group(table(state), head, *(Text(line, style="dim") for line in self._lines))

    async def follow(self, read: Callable[[], dict[str, Any]]) -> None:
        """Draws until it is cancelled; on something else than a terminal only waits."""
        if not self._console.is_terminal:
            return
        with Live(self._picture(read()), console=self._console, auto_refresh=False) as live:
            try:
                while True:
                    live.update(self._picture(read()), refresh=True)
                    await asyncio.sleep(REFRESH_S)
            finally:
                live.update(self._picture(read()), refresh=True)
