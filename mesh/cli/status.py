"""What `mesh status` tells: written by the supervisor, read by everybody else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mesh.cli.home import Home
from mesh.cli.instances import service_of
from mesh.cli.ports import HOST, Ports
from mesh.cli.process import Child
from mesh.identity.files import write_private


@cache
def own_version() -> str:
    """The version of what runs here."""
    return version("tradewind")


def _process(child: Child) -> dict[str, Any]:
    return {
        "name": child.spec.name,
        "service": service_of(child.spec.name),
        "pid": child.pid,
        "state": child.state.value,
        "restarts": child.restarts,
        "version": own_version(),
        "address": child.spec.address,
        "startedAt": child.started_at,
    }


def snapshot(home: Path, ports: Ports, children: Iterable[Child], *, ready: bool) -> dict[str, Any]:
    """The state as the supervisor sees it."""
    return {
        "ready": ready,
        "home": str(home),
        "version": own_version(),
        "urls": {
            "edge": f"http://{HOST}:{ports.edge}",
            "viewer": f"http://{HOST}:{ports.viewer}",
            "otlp": f"{HOST}:{ports.otlp}",
        },
        "processes": [_process(child) for child in children],
    }


def write(home: Home, state: dict[str, Any]) -> None:
    """Replaces the state file."""
    write_private(home.state, json.dumps(state).encode())


def _with_uptime(process: dict[str, Any], now: float) -> dict[str, Any]:
    started = process.pop("startedAt")
    running = process["pid"] is not None
    return {**process, "uptimeS": round(max(now - started, 0), 1) if running else 0}


def read(home: Home) -> dict[str, Any]:
    """The state of the mesh in a home; not ready and without processes when none runs."""
    nothing: dict[str, Any] = {
        "ready": False,
        "home": str(home.folder),
        "version": own_version(),
        "urls": {"edge": None, "viewer": None, "otlp": None},
        "processes": [],
    }
    if home.supervisor() is None:
        return nothing
    try:
        state: dict[str, Any] = json.loads(home.state.read_text())
    except FileNotFoundError:
        return nothing
    now = time.time()
    state["processes"] = [_with_uptime(process, now) for process in state["processes"]]
    return state
