"""What the commands do, apart from reading their arguments."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mesh.cli import leftovers, status
from mesh.cli.home import Home
from mesh.cli.live import LiveView
from mesh.cli.plan import DATABASE_VARIABLE, Plan
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
        with suppress(asyncio.CancelledError):
            await drawing


def up(plan: Plan) -> None:
    """Runs a mesh in the foreground until it is told to stop.

    Raises:
        HomeError: the home cannot be used, or a mesh runs in it already.
        StartError: it could not be started.
    """
    # Data and logs are for the owner only, whatever made them.
    os.umask(0o077)
    plan.home.prepare()
    with plan.home.acquire():
        view = LiveView(sys.stdout)
        view.say(f"starting a mesh in {plan.home.folder}; Ctrl-C stops it")
        view.say(f"edge: http://127.0.0.1:{plan.ports.edge}")
        view.say(f"viewer: http://127.0.0.1:{plan.ports.viewer}")
        asyncio.run(_supervise(plan, view))


def up_detached(plan: Plan, say: Callable[[str], None]) -> None:
    """Starts a supervisor in a session of its own and waits until its mesh is ready.

    Args:
        plan: the mesh.
        say: is told again and again what is still awaited.

    Raises:
        HomeError: the home cannot be used, or a mesh runs in it already.
        StartError: it ended before it was ready.
    """
    home = plan.home
    home.prepare()
    home.acquire().close()
    with home.open_log(_LOG) as log:
        began = log.tell()
        child = _start_supervisor(plan, log.fileno())
    try:
        while child.poll() is None:
            state = status.read(home)
            if state["ready"]:
                return
            say(f"starting: waiting for {_missing(state)}")
            time.sleep(_POLL_S)
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
        raise
    raise StartError(_last_line(home.log(_LOG), began))


def _start_supervisor(plan: Plan, log: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mesh.cli.main", "up"]
    place = ["--home", str(plan.home.folder), "--port-base", str(plan.ports.base)]
    place += ["--replicas", str(plan.replicas)]
    # The URL may hold a password, so it is not among the arguments that all can read.
    database = {} if plan.database is None else {DATABASE_VARIABLE: plan.database}
    return subprocess.Popen(
        [*command, *place],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env={**os.environ, **database},
        start_new_session=True,
    )


def _missing(state: dict[str, Any]) -> str:
    names = [each["name"] for each in state["processes"] if each["state"] != "ready"]
    return ", ".join(names) or "the supervisor"


def _last_line(log: Path, began: int) -> str:
    with log.open("rb") as file:
        file.seek(began)
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("Error: ") if lines else "the supervisor ended without a word"


def down(home: Home) -> bool:
    """Stops the mesh of a home and waits until it is gone; False when none ran.

    Also ends what a supervisor that was killed has left behind.

    Raises:
        HomeError: the home cannot be used, or a mesh is just being started in it.
        TimeoutError: it still runs after `DOWN_S` seconds.
    """
    pid = home.supervisor()
    if pid is not None:
        _stop(pid)
        return True
    if not home.lock.exists():
        return False
    with home.acquire():
        return leftovers.end(home.folder) > 0


def _stop(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_S
    while leftovers.runs(pid):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the supervisor (process id {pid}) did not stop in {DOWN_S:g} s")
        time.sleep(_POLL_S)
