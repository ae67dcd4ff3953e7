"""Runs a whole mesh: starts it, watches it, stops it in order."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from mesh.cli import leftovers, status
from mesh.cli.errand import ErrandError, run_errand
from mesh.cli.logs import rotate_all
from mesh.cli.plan import Plan
from mesh.cli.ports import taken
from mesh.cli.process import Child, ChildState
from mesh.cli.readiness import edge_is_ready, http_status, service_is_ready
from mesh.identity.names import EDGE

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
        self._services = {name: Child(plan.service(name), say) for name in plan.names}
        self._edge = Child(plan.edge([]), say)
        self._viewer = Child(plan.viewer(), say)
        self._drain_s = 0.0
        self._auth_serves = asyncio.Event()
        self._probe = f"tradewind-probe/{secrets.token_hex(16)}"
        """Known to the edge alone, so that nobody else can keep out of its log."""
        self._stop = asyncio.Event()
        self._ready = False
        self._published: dict[str, Any] = {}

    @property
    def _children(self) -> tuple[Child, ...]:
        return (self._edge, self._viewer, *self._services.values())

    @property
    def state(self) -> dict[str, Any]:
        """What `mesh status` tells."""
        return status.snapshot(
            self._plan.home.folder, self._plan.ports, self._children, ready=self._ready
        )

    def _told_to_stop(self) -> None:
        if not self._stop.is_set():
            self._say("stopping")
        self._stop.set()

    async def run(self) -> None:
        """Runs until SIGINT, SIGTERM, or SIGHUP: the terminal was closed.

        More of them change nothing: the stop under way is bounded.

        Raises:
            StartError: a port is taken, or not all processes were ready in time.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._told_to_stop)
        await self._make_room()
        try:
            await self._unless_stopped(self._start())
            await self._watch()
        except ErrandError as error:
            raise StartError(str(error)) from error
        finally:
            await self._end()

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        task, told = asyncio.create_task(work), asyncio.create_task(self._stop.wait())
        await asyncio.wait({task, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _make_room(self) -> None:
        home = self._plan.home.folder
        try:
            if ended := await asyncio.to_thread(leftovers.end, home):
                self._say(f"ended {ended} processes of a supervisor that was killed")
        except TimeoutError as error:
            raise StartError(str(error)) from error
        if problem := taken(self._plan.ports, self._plan.names):
            raise StartError(problem)

    async def _start(self) -> None:
        if self._plan.database is not None:
            await run_errand("database", told=self._database)
        await self._plan.issue()
        for child in (self._viewer, *self._services.values()):
            child.start()
        edge = asyncio.create_task(self._start_edge())
        try:
            async with asyncio.timeout(START_S):
                while not await self._all_ready():
                    if edge.done():
                        edge.result()
                    self._publish()
                    self._give_up_on_the_hopeless()
                    await asyncio.sleep(POLL_S)
        except TimeoutError as error:
            raise StartError(self._what_is_missing()) from error
        finally:
            edge.cancel()
            await asyncio.wait({edge})

    async def _database(self) -> str:
        return self._plan.database or ""

    async def _probe_when_auth_serves(self) -> str:
        await self._auth_serves.wait()
        return self._probe

    async def _start_edge(self) -> None:
        """Loads what writes the bootstrap while services start, and needs none but auth."""
        ports, home = self._plan.ports, self._plan.home.folder
        answer = await run_errand(
            "edge",
            str(home),
            str(ports.base),
            str(self._plan.replicas),
            told=self._probe_when_auth_serves,
        )
        found = json.loads(answer)
        self._drain_s = found["drainS"]
        self._edge = Child(self._plan.edge(found["command"]), self._say)
        self._edge.start()

    def _give_up_on_the_hopeless(self) -> None:
        for child in self._children:
            if child.restarts >= MAX_START_DEATHS:
                name = child.spec.name
                raise StartError(f"{name} keeps ending; see {self._plan.home.log(name)}")

    async def _check(self, name: str) -> bool:
        child = self._services[name]
        ready = _mark(child, ready=await service_is_ready(self._plan.ports.http(name)))
        if ready and name == "auth":
            self._auth_serves.set()
        return ready

    async def _check_edge(self) -> bool:
        if self._edge.pid is None:
            return _mark(self._edge, ready=False)
        edge = self._edge
        return _mark(edge, ready=await edge_is_ready(self._plan.ports.edge, self._probe))

    async def _check_viewer(self) -> bool:
        return _mark(self._viewer, ready=await service_is_ready(self._plan.ports.viewer))

    async def _all_ready(self) -> bool:
        """Whether customers can trade; they can without the viewer."""
        checks = (self._check(name) for name in self._services)
        needed = asyncio.gather(self._check_edge(), *checks)
        return all((await asyncio.gather(needed, self._check_viewer()))[0])

    async def _watch(self) -> None:
        while not self._stop.is_set():
            was, self._ready = self._ready, await self._all_ready()
            if was != self._ready:
                edge = self.state["urls"]["edge"]
                self._say(f"ready: {edge}" if self._ready else self._what_is_missing())
            self._publish()
            for problem in await asyncio.to_thread(rotate_all, self._plan.home.logs()):
                self._say(problem)
            try:
                async with asyncio.timeout(WATCH_S):
                    await self._stop.wait()
            except TimeoutError:
                continue

    def _publish(self) -> None:
        for child in self._children:
            child.raise_failure()
        state = self.state
        if state != self._published:
            status.write(self._plan.home, state)
            self._published = state

    def _what_is_missing(self) -> str:
        # Services first: an edge that is not ready mostly lacks one of them.
        suspects = (*self._services.values(), self._edge)
        missing = [c.spec.name for c in suspects if c.state is not ChildState.READY]
        logs = self._plan.home.log(missing[0] if missing else EDGE)
        when = "" if self._published.get("ready") else f" within {START_S:g} s"
        return f"not ready{when}: {', '.join(missing)}; see {logs}"

    async def _end(self) -> None:
        self._ready = False
        if self._edge.pid is not None:
            await http_status(
                self._plan.ports.admin, "/drain_listeners?graceful&skip_exit", verb="POST"
            )
            await asyncio.sleep(self._drain_s)
        await self._edge.stop()
        await asyncio.gather(*(child.stop() for child in self._services.values()))
        await self._viewer.stop()
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
