"""The plain port: `/livez`, `/readyz` and `/metrics`, for supervisors and scrapers only."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from mesh.telemetry import metrics

Check = Callable[[], Awaitable[None]]
"""Raises when what it checks is not well; its exception's type is told, never its text."""

MAX_REQUEST = 8192
REQUEST_TIMEOUT_S = 5
CHECK_TIMEOUT_S = 2

log = logging.getLogger(__name__)


async def run_checks(checks: Mapping[str, Check]) -> dict[str, str]:
    """What is wrong, by check; empty when all is well."""

    async def run(check: Check) -> str:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                await check()
        except Exception as error:
            log.debug("readiness check failed", exc_info=True)
            return type(error).__name__
        return ""

    found = await asyncio.gather(*(run(check) for check in checks.values()))
    return {name: problem for name, problem in zip(checks, found, strict=True) if problem}


def _accepted(headers: Sequence[str]) -> str:
    found = (line.partition(":") for line in headers)
    return next((value.strip() for name, _, value in found if name.lower() == "accept"), "")


class HttpPort:
    """A small HTTP/1.1 server with three pages; one answer per connection."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Begins to listen; answers the port in use."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=MAX_REQUEST)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stops listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                line, *headers = head.decode("latin-1").split("\r\n")
                status, kind, body = await self._answer(line, _accepted(headers))
                writer.write(
                    f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n"
                    f"content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, OSError):
            log.debug("plain request broken off", exc_info=True)
        finally:
            writer.close()

    async def _answer(self, line: str, accept: str) -> tuple[str, str, bytes]:
        match line.split(" "):
            case ["GET", "/livez", _]:
                return "200 OK", "text/plain", b"alive\n"
            case ["GET", "/readyz", _]:
                problems = await run_checks(self._checks)
                body = json.dumps({"ready": not problems, "problems": problems}).encode()
                status = "503 Service Unavailable" if problems else "200 OK"
                return status, "application/json", body
            case ["GET", "/metrics", _]:
                return "200 OK", *metrics.exposition(accept)
            case _:
                return "404 Not Found", "text/plain", b"not found\n"
