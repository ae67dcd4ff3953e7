"""Work that costs much memory, done in a process of its own that ends.

The supervisor runs for weeks and should stay small, so it never imports what
issues certificates, speaks gRPC or knows Envoy's messages: see `prepare`.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from functools import partial

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class ErrandError(Exception):
    """The work failed; the text says why in one line."""


def die_with_parent(parent: int, number: signal.Signals) -> None:
    """Makes the kernel end this process when its parent dies; to be run before exec.

    Args:
        parent: the parent's process id: it may be dead already.
        number: the signal to end it with.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(1)


async def _nothing() -> str:
    return ""


async def run_errand(*arguments: str, told: Callable[[], Awaitable[str]] = _nothing) -> str:
    """Runs `mesh.cli.prepare` with the arguments and answers what it printed.

    Args:
        arguments: its arguments; everybody can read them, so they hold no secret.
        told: what it is told on standard input once it has started, secrets too.

    Raises:
        ErrandError: it failed.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "mesh.cli.prepare",
        *arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=partial(die_with_parent, os.getpid(), signal.SIGKILL),
    )
    try:
        out, err = await process.communicate((await told()).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        lines = err.decode(errors="replace").strip().splitlines()
        raise ErrandError(lines[-1] if lines else f"`{arguments[0]}` ended without a word")
    return out.decode()
