"""Runs a whole mesh: starts it, watches it, stops it in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

from mesh.cli import status
from mesh.cli.plan import Plan
from mesh.cli.ports import taken
from mesh.cli.process import Child, ChildState
from mesh.cli.readiness import edge_is_ready, http_status, service_is_ready
from mesh.edge.bootstrap import DRAIN_S
from mesh.identity.names import EDGE, SERVICES

START_S = 90.0
MAX_START_DEATHS = 5
"""A process that ended this often before the mesh was ready will not come up."""
POLL_S = 0.1
WATCH_S = 1.0

Say = Callable[[str], None]


class StartError(Exception):
    """The mesh could not be started; the text says why."""


class Supervisor:
    """One running mesh; the caller holds the home's lock."""

    def __init__(self, plan: Plan, say: Say) -> None:
        self._plan = plan
        self._say = say
        self._services = {name: Child(plan.service(name), say) for name in SERVICES}
        self._edge = Child(plan.edge(), say)
        self._stop = asyncio.Event()
        self._ready = False

    @property
    def state(self) -> dict[str, Any]:
        """What `mesh status` tells."""
        children = [self._edge, *self._services.values()]
        return status.snapshot(
            self._plan.home.folder, self._plan.ports, children, ready=self._ready
        )

    async def run(self) -> None:
        """Runs until SIGINT or SIGTERM.

        Raises:
            StartError: a port is taken, or not all processes were ready in time.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        if problems := taken(self._plan.ports):
            raise StartError(f"taken: {', '.join(problems)}; choose another --port-base")
        try:
            await self._start()
            await self._watch()
        finally:
            await self._end()

    async def _start(self) -> None:
        self._plan.issue_clients()
        for child in self._services.values():
            child.start()
        try:
            async with asyncio.timeout(START_S):
                await self._until(self._services_ready)
                if not self._stop.is_set():
                    await self._plan.write_bootstrap()
                    self._edge.start()
                    await self._until(self._all_ready)
        except TimeoutError as error:
            raise StartError(self._what_is_missing()) from error

    async def _until(self, condition: Callable[[], Any]) -> None:
        while not self._stop.is_set() and not await condition():
            self._publish()
            self._give_up_on_the_hopeless()
            await asyncio.sleep(POLL_S)

    def _give_up_on_the_hopeless(self) -> None:
        for child in (*self._services.values(), self._edge):
            if child.restarts >= MAX_START_DEATHS:
                name = child.spec.name
                raise StartError(f"{name} keeps ending; see {self._plan.home.log(name)}")

    async def _services_ready(self) -> bool:
        answers = await asyncio.gather(*(self._check(name) for name in SERVICES))
        return all(answers)

    async def _check(self, name: str) -> bool:
        child = self._services[name]
        return _mark(child, ready=await service_is_ready(self._plan.ports.http(name)))

    async def _all_ready(self) -> bool:
        services, edge = await asyncio.gather(
            self._services_ready(), edge_is_ready(self._plan.ports.edge)
        )
        return _mark(self._edge, ready=edge) and services

    async def _watch(self) -> None:
        while not self._stop.is_set():
            was, self._ready = self._ready, await self._all_ready()
            if was != self._ready:
                self._say("ready" if self._ready else "not ready")
            self._publish()
            try:
                async with asyncio.timeout(WATCH_S):
                    await self._stop.wait()
            except TimeoutError:
                continue

    def _publish(self) -> None:
        for child in (self._edge, *self._services.values()):
            child.raise_failure()
        status.write(self._plan.home, self.state)

    def _what_is_missing(self) -> str:
        children = (*self._services.values(), self._edge)
        missing = [child.spec.name for child in children if child.state is not ChildState.READY]
        logs = self._plan.home.log(missing[0] if missing else EDGE)
        return f"not ready within {START_S:g} s: {', '.join(missing)}; see {logs}"

    async def _end(self) -> None:
        self._ready = False
        if self._edge.pid is not None:
            await http_status(
                self._plan.ports.admin, "/drain_listeners?graceful&skip_exit", verb="POST"
            )
            await asyncio.sleep(DRAIN_S)
        await self._edge.stop()
        await asyncio.gather(*(child.stop() for child in self._services.values()))
        self._plan.home.state.unlink(missing_ok=True)
        self._say("stopped")


def _mark(child: Child, *, ready: bool) -> bool:
    """Notes in the child what a look at it found; answers whether it is ready."""
    ready = ready and child.pid is not None
    if ready:
        child.state = ChildState.READY
    elif child.state is ChildState.READY:
        child.state = ChildState.STARTING
    return ready
