"""`mesh trace` and `mesh logs`: what happened, as text in the terminal."""

from __future__ import annotations

import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mesh.cli.home import Home

TIMEOUT_S = 10
POLL_S = 0.2
NARROWEST = 80


class LookError(Exception):
    """It cannot be shown; the text says why."""


def trace(viewer: str, trace_id: str) -> dict[str, Any]:
    """A trace from the viewer, in Jaeger's form.

    Raises:
        LookError: there is no such trace, or the viewer does not answer.
    """
    url = f"{viewer}/api/traces/{trace_id}"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as page:  # noqa: S310 - loopback
            found: dict[str, Any] = json.load(page)["data"][0]
    except urllib.error.HTTPError as error:
        told = json.load(error).get("errors") or [{}]
        raise LookError(told[0].get("msg", f"the viewer answered {error.code}")) from error
    except OSError as error:
        raise LookError(f"the viewer at {viewer} does not answer") from error
    return found


def width() -> int:
    """How wide the terminal is."""
    return max(shutil.get_terminal_size().columns, NARROWEST)


def logs_of(home: Home, names: tuple[str, ...]) -> list[Path]:
    """The log files of the named processes; of all when none is named.

    Raises:
        LookError: a process has no log here.
    """
    if not names:
        return sorted(home.logs())
    for name in names:
        if not home.log(name).is_file():
            known = ", ".join(sorted(path.stem for path in home.logs())) or "none"
            raise LookError(f"there is no log of {name}; there are: {known}")
    return [home.log(name) for name in names]


def last_lines(files: list[Path], count: int) -> list[str]:
    """The latest lines of several logs, in the order of their times."""
    lines = [line for path in files for line in path.read_text().splitlines()[-count:]]
    return sorted(lines, key=_time_of)[-count:] if count else []


def _time_of(line: str) -> str:
    try:
        found = json.loads(line)
    except ValueError:
        return ""
    return str(found.get("time", "")) if isinstance(found, dict) else ""


def follow(files: list[Path]) -> Iterator[str]:
    """New lines of several logs as they come, for ever."""
    ends = {path: path.stat().st_size for path in files}
    while True:
        for path in files:
            size = path.stat().st_size
            # It was cut when it had grown too long: go on from its beginning.
            start = ends[path] if size >= ends[path] else 0
            with path.open("rb") as file:
                file.seek(start)
                whole, newline, _ = file.read().rpartition(b"\n")
            ends[path] = start + len(whole) + len(newline)
            yield from whole.decode(errors="replace").splitlines()
        time.sleep(POLL_S)
