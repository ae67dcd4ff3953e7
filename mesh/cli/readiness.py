"""Whether processes serve: small HTTP requests over loopback."""

from __future__ import annotations

import asyncio

from mesh.cli.ports import HOST

TIMEOUT_S = 3.0
ASSETS = "/api/v1/assets?pageSize=1"
"""A read through the edge that needs the edge, a service and its database."""


async def http_status(port: int, path: str, verb: str = "GET") -> int | None:
    """The status a local port answers with; None when it does not answer in time."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await _status(port, path, verb)
    except (OSError, TimeoutError, ValueError, IndexError):
        return None


async def _status(port: int, path: str, verb: str) -> int:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        head = f"{verb} {path} HTTP/1.1\r\nhost: {HOST}:{port}\r\n"
        writer.write(f"{head}content-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


async def service_is_ready(port: int) -> bool:
    """Whether a service says that it can serve."""
    return await http_status(port, "/readyz") == 200


async def edge_is_ready(port: int) -> bool:
    """Whether a customer's read comes through."""
    return await http_status(port, ASSETS) == 200
