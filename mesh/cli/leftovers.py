"""Processes that a supervisor left behind when it was killed: found, and ended.

They are told to end when their supervisor dies. This is for those that take
their time, or that cannot: the next mesh needs their ports and their files.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mesh.cli.process import KILL_AFTER_S

MARK = "TRADEWIND_SUPERVISED_IN"
"""Set in the environment of all that a supervisor starts: the home."""
_POLL_S = 0.05
_PROCESSES = Path("/proc")


def runs(pid: int) -> bool:
    """Whether a process is there and not merely waiting for its parent to ask about it."""
    try:
        stat = (_PROCESSES / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def _marked(home: Path) -> Iterator[int]:
    wanted = os.fsencode(f"{MARK}={home}")
    for entry in _PROCESSES.iterdir():
        # Others' processes are not to be read, and some end while they are looked at.
        with suppress(ValueError, OSError):
            pid = int(entry.name)
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                yield pid


def found(home: Path) -> list[int]:
    """The processes that a supervisor started in this home and that still run."""
    return [pid for pid in _marked(home) if pid != os.getpid() and runs(pid)]


def _send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _gone_within(home: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while found(home):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def end(home: Path) -> int:
    """Ends what was left behind in a home; how many there were.

    The caller holds the home's lock, so that no supervisor's children are meant.

    Raises:
        TimeoutError: something could not even be killed.
    """
    left = found(home)
    _send(left, signal.SIGTERM)
    if not _gone_within(home, KILL_AFTER_S):
        _send(found(home), signal.SIGKILL)
        if not _gone_within(home, KILL_AFTER_S):
            raise TimeoutError(f"processes of an earlier mesh will not end: {found(home)}")
    return len(left)
