"""A service's process from start to end: `run("order", OrderSettings, build, __file__)`.

`build` is the service's composition root: it is given the `Service`, makes its
store and servicers, and hands them back with `serve`, `every` and `check`.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import grpc
import uvloop
from grpc import aio
from grpc_health.v1 import health
from tradewind.api.v1.reason_pb2 import Reason

from mesh.identity.files import IdentityFiles
from mesh.runtime.client import MeshChannel
from mesh.runtime.database import Database
from mesh.runtime.errors import CallError
from mesh.runtime.http import Check, HttpPort
from mesh.runtime.migrate import is_current, migrate_in_child
from mesh.runtime.reflection import NOT_SERVING, SERVING, add_health, add_reflection
from mesh.runtime.server import generic_handlers
from mesh.runtime.settings import ServiceSettings, load_settings
from mesh.telemetry.logs import configure_logs
from mesh.telemetry.tracing import configure_tracing, shutdown_tracing

Settings = TypeVar("Settings", bound=ServiceSettings)
Build = Callable[["Service[Settings]"], Awaitable[None]]

MAX_MESSAGE_BYTES = 4 << 20
MAX_CONCURRENT_CALLS = 2_000

log = logging.getLogger(__name__)


def _server_credentials(files: IdentityFiles) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials(
        [(files.key.read_bytes(), files.certificate.read_bytes())],
        root_certificates=files.ca.read_bytes(),
        require_client_auth=True,
    )


class Service(Generic[Settings]):
    """One running service."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.settings = settings
        self.identity = IdentityFiles(settings.identity)
        self.database = Database(settings.database_url, name)
        self._server = aio.server(
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.so_reuseport", 0),
                ("grpc.keepalive_permit_without_calls", 1),
            ],
            maximum_concurrent_rpcs=MAX_CONCURRENT_CALLS,
        )
        self._health: health.aio.HealthServicer = add_health(self._server)
        self._checks: dict[str, Check] = {"database": self.database.ping}
        self._http = HttpPort(self._checks)
        self._channels: dict[str, MeshChannel] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._closers: list[Callable[[], Awaitable[None]]] = []

    def channel(self, workload: str) -> MeshChannel:
        """The channel to another service, for its stubs; one for each destination."""
        if workload not in self._channels:
            addresses = self.settings.peers.get(workload, [])
            if not addresses:
                raise ValueError(f"TRADEWIND_PEERS names no address of {workload}")
            self._channels[workload] = MeshChannel(workload, addresses, self.identity)
        return self._channels[workload]

    def serve(self, servicer: object) -> None:
        """Serves all contract services that `servicer` implements."""
        self._server.add_generic_rpc_handlers(tuple(generic_handlers(servicer)))

    def check(self, name: str, check: Check) -> None:
        """Adds a condition of readiness."""
        self._checks[name] = check

    def every(self, name: str, interval_s: float, work: Callable[[], Awaitable[object]]) -> None:
        """Runs `work` again and again until the service stops; a failure is logged, not fatal."""
        self._tasks.append(asyncio.create_task(self._repeat(name, interval_s, work)))

    def at_stop(self, closer: Callable[[], Awaitable[None]]) -> None:
        """Runs `closer` when calls have ended, before the database closes."""
        self._closers.append(closer)

    async def _repeat(
        self, name: str, interval_s: float, work: Callable[[], Awaitable[object]]
    ) -> None:
        while True:
            try:
                await work()
            except aio.AioRpcError as error:
                extra = {"work": name, "code": error.code().name}
                log.warning("background work waits for another service", extra=extra)
            except CallError as error:
                extra = {"work": name, "reason": Reason.Name(error.reason)}
                log.warning("background work has to wait", extra=extra)
            except Exception:
                log.exception("background work failed", extra={"work": name})
            await asyncio.sleep(interval_s)

    async def start(self) -> None:
        """Begins to listen; raises OSError when a port is taken."""
        add_reflection(self._server)
        if not self._server.add_secure_port(
            self.settings.listen, _server_credentials(self.identity)
        ):
            raise OSError(f"cannot listen on {self.settings.listen}")
        await self._server.start()
        host, _, port = self.settings.http_listen.rpartition(":")
        await self._http.start(host, int(port))
        await self._health.set("", SERVING)
        log.info("serving", extra={"address": self.settings.listen})

    async def stop(self) -> None:
        """Says NOT_SERVING, waits for the mesh to hear of it, lets calls finish, closes."""
        await self._health.set("", NOT_SERVING)
        self._checks["draining"] = _draining
        await asyncio.sleep(self.settings.drain_s)
        await self._server.stop(self.settings.grace_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for closer in self._closers:
            await closer()
        for channel in self._channels.values():
            await channel.close()
        await self._http.stop()
        await self.database.close()
        log.info("stopped")


async def _draining() -> None:
    raise ConnectionAbortedError


async def _serve_until_told(
    name: str, settings: Settings, build: Build[Settings], migrations: Path
) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    service: Service[Any] = Service(name, settings)
    if not await is_current(service.database, migrations):
        await migrate_in_child(settings.database_url, name, migrations)
    await build(service)
    await service.start()
    await stopping.wait()
    await service.stop()


def run(name: str, kind: type[Settings], build: Build[Settings], main_file: str) -> None:
    """Runs a service until SIGTERM or SIGINT.

    Args:
        name: the workload's name, also its database schema.
        kind: its settings.
        build: its composition root.
        main_file: `__file__` of its main module; its migrations lie beside it.
    """
    settings = load_settings(kind)
    configure_logs(name, settings.log_level)
    configure_tracing(name, settings.otlp_endpoint, settings.sample_ratio)
    migrations = Path(main_file).parent / "migrations"
    try:
        uvloop.run(_serve_until_told(name, settings, build, migrations))
    finally:
        shutdown_tracing()
