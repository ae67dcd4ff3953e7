"""One child process: started, watched, started again when it dies, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import IO

from mesh.cli.errand import ErrandError, die_with_parent

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
STEADY_S = 10.0
"""A process that lived this long is started again without a long pause."""
KILL_AFTER_S = 15.0


class ChildState(Enum):
    """Where a process stands."""

    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    STOPPED = "stopped"


async def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to run."""

    name: str
    """`edge` or the service."""
    address: str
    """Where it serves, `host:port`."""
    command: Sequence[str]
    environment: Mapping[str, str]
    open_log: Callable[[], IO[bytes]]
    renew: Callable[[], Awaitable[None]] = _nothing
    """Prepares every start but the first, for example by a new certificate."""


class Child:
    """A process that is kept running until `stop`."""

    def __init__(self, spec: ChildSpec, say: Callable[[str], None]) -> None:
        self.spec = spec
        self.state = ChildState.STOPPED
        self.restarts = 0
        self.started_at = 0.0
        """Seconds since 1970 of its latest start."""
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process id; None while there is no process."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process else None

    def start(self) -> None:
        """Begins to keep the process running."""
        self._task = asyncio.create_task(self._keep())

    def raise_failure(self) -> None:
        """Raises what kept the process from being started at all."""
        if self._task is not None and self._task.done():
            self._task.result()

    async def _keep(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            code = await self._run_once()
            if self._stopping.is_set():
                return
            if time.monotonic() - began >= STEADY_S:
                pause = FIRST_PAUSE_S
            self.state = ChildState.RESTARTING
            self._say(f"{self.spec.name} ended ({_in_words(code)}), starts again in {pause:g} s")
            if not await self._rested(pause):
                return
            pause = min(2 * pause, LONGEST_PAUSE_S)
            self.restarts += 1

    async def _rested(self, pause: float) -> bool:
        """Waits and prepares the next start; False when it was stopped meanwhile."""
        while not await self._stopped_within(pause):
            try:
                await self.spec.renew()
            except ErrandError as error:
                pause = LONGEST_PAUSE_S
                self._say(f"{self.spec.name} cannot start: {error}; tried again in {pause:g} s")
            else:
                return True
        return False

    async def _run_once(self) -> int:
        with self.spec.open_log() as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.spec.command,
                env=dict(self.spec.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C reaches the supervisor alone, which stops the rest in order.
                start_new_session=True,
                # A supervisor that was killed leaves nothing behind.
                preexec_fn=partial(die_with_parent, os.getpid(), signal.SIGTERM),
            )
        self.state, self.started_at = ChildState.STARTING, time.time()
        if self._stopping.is_set():
            self._process.terminate()
        return await self._process.wait()

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """Asks the process to end, and kills it when it does not."""
        self._stopping.set()
        if self._task is None:
            return
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
        done, _ = await asyncio.wait({self._task}, timeout=KILL_AFTER_S)
        if not done and self._process is not None:
            self._say(f"{self.spec.name} did not end in {KILL_AFTER_S:g} s and is killed")
            self._process.kill()
            await asyncio.wait({self._task})
        self.state = ChildState.STOPPED


def _in_words(code: int) -> str:
    return f"exit status {code}" if code >= 0 else signal.Signals(-code).name
