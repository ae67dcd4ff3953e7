"""The viewer's process: `python -m mesh.viewer.main`, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import uvicorn
import uvloop
from grpc import aio
from starlette.types import ASGIApp

from mesh.telemetry.logs import configure_logs
from mesh.viewer.api import QueryApi
from mesh.viewer.ingest import Ingest
from mesh.viewer.receivers import grpc_server, http_application
from mesh.viewer.settings import Address, SettingsError, ViewerSettings, load_viewer_settings
from mesh.viewer.tail import Tail

NAME = "viewer"
STOP_S = 3
MAX_CONNECTIONS = 200

log = logging.getLogger(__name__)


class _WebServer(uvicorn.Server):
    """A web server that leaves signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


def _listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    found = socket.socket(family)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((address.host, address.port))
    except OSError as error:
        found.close()
        raise OSError(f"cannot listen on {address}: {error.strerror}") from error
    return found


def _web_server(app: ASGIApp) -> _WebServer:
    return _WebServer(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            loop="none",
            http="h11",
            ws="none",
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=1,
        )
    )


@contextlib.asynccontextmanager
async def _web(*sites: tuple[ASGIApp, Address]) -> AsyncIterator[list[int]]:
    """Serves web applications; gives the ports in use."""
    with contextlib.ExitStack() as sockets:
        listening = [sockets.enter_context(_listen(address)) for _, address in sites]
        servers = [_web_server(app) for app, _ in sites]
        tasks = [
            asyncio.create_task(server.serve([each]))
            for server, each in zip(servers, listening, strict=True)
        ]
        try:
            yield [int(each.getsockname()[1]) for each in listening]
        finally:
            for server in servers:
                server.should_exit = True
            await asyncio.gather(*tasks)


@contextlib.asynccontextmanager
async def serving(settings: ViewerSettings) -> AsyncIterator[ViewerSettings]:
    """The viewer at work; gives the settings with the ports that are in use.

    Raises:
        OSError: a port is taken.
    """
    tail = Tail()
    ingest = Ingest(settings, tail.publish)
    api = QueryApi(settings, ingest, tail)
    collector = grpc_server(ingest)
    ingest.start()
    try:
        port = _add_port(collector, settings.otlp_grpc_listen)
        await collector.start()
        async with _web(
            (api.application(), settings.http_listen),
            (http_application(ingest), settings.otlp_http_listen),
        ) as (http, otlp_http):
            yield _with_ports(settings, http, port, otlp_http)
            tail.close()
    finally:
        await collector.stop(STOP_S)
        await ingest.stop()
        api.close()


def _add_port(server: aio.Server, address: Address) -> int:
    try:
        return server.add_insecure_port(str(address))
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address}: Address already in use") from error


def _with_ports(settings: ViewerSettings, http: int, grpc: int, otlp_http: int) -> ViewerSettings:
    return replace(
        settings,
        http_listen=replace(settings.http_listen, port=http),
        otlp_grpc_listen=replace(settings.otlp_grpc_listen, port=grpc),
        otlp_http_listen=replace(settings.otlp_http_listen, port=otlp_http),
    )


async def _serve_until_told(settings: ViewerSettings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with serving(settings) as running:
        log.info(
            "serving",
            extra={
                "address": str(running.http_listen),
                "otlp_grpc": str(running.otlp_grpc_listen),
                "otlp_http": str(running.otlp_http_listen),
            },
        )
        await stopping.wait()
    log.info("stopped")


def main() -> None:
    """Runs the viewer."""
    try:
        settings = load_viewer_settings(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    configure_logs(NAME, settings.log_level)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        uvloop.run(_serve_until_told(settings))
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
