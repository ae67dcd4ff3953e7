"""What the commands do, apart from reading their arguments."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from mesh.cli import status
from mesh.cli.home import Home
from mesh.cli.live import LiveView
from mesh.cli.plan import Plan
from mesh.cli.supervisor import StartError, Supervisor

DOWN_S = 60.0
"""Most seconds that `down` waits; a supervisor kills after 15."""
_POLL_S = 0.1
_LOG = "supervisor"


async def _supervise(plan: Plan, view: LiveView) -> None:
    supervisor = Supervisor(plan, view.say)
    drawing = asyncio.create_task(view.follow(lambda: supervisor.state))
    try:
        await supervisor.run()
    finally:
        drawing.cancel()
        await asyncio.gather(drawing, return_exceptions=True)


def up(plan: Plan) -> None:
    """Runs a mesh in the foreground until it is told to stop.

    Raises:
        HomeInUseError: a mesh runs in this home already.
        StartError: it could not be started.
    """
    plan.home.prepare()
    with plan.home.acquire():
        view = LiveView(Console())
        view.say(f"starting a mesh in {plan.home.folder}")
        view.say(f"edge: http://127.0.0.1:{plan.ports.edge}")
        asyncio.run(_supervise(plan, view))


def up_detached(home: Home, arguments: Sequence[str]) -> None:
    """Starts a supervisor in a session of its own and waits until its mesh is ready.

    Raises:
        HomeInUseError: a mesh runs in this home already.
        StartError: it ended before it was ready.
    """
    home.prepare()
    home.acquire().close()
    with home.open_log(_LOG) as log:
        began = log.tell()
        child = subprocess.Popen(
            [sys.executable, "-m", "mesh.cli.main", "up", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    while child.poll() is None:
        if status.read(home)["ready"]:
            return
        time.sleep(_POLL_S)
    raise StartError(_last_line(home.log(_LOG), began))


def _last_line(log: Path, began: int) -> str:
    with log.open("rb") as file:
        file.seek(began)
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("Error: ") if lines else "the supervisor ended without a word"


def _runs(pid: int) -> bool:
    """Whether a process is there and not merely waiting for its parent to ask about it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def down(home: Home) -> bool:
    """Stops the mesh of a home and waits until it is gone; False when none ran.

    Raises:
        TimeoutError: it still runs after `DOWN_S` seconds.
    """
    pid = home.supervisor()
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_S
    while _runs(pid):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the supervisor (process id {pid}) did not stop in {DOWN_S:g} s")
        time.sleep(_POLL_S)
    return True
