"""Whether processes serve: small HTTP requests over loopback."""

from __future__ import annotations

import asyncio

from mesh.cli.ports import HOST

TIMEOUT_S = 3.0
ASSETS = "/api/v1/assets?pageSize=1"
"""A read through the edge that needs the edge, a service and its database."""
_NOT_SAMPLED = "00-00000000000000000000000000000001-0000000000000001-00"
"""A trace context (W3C) that asks for no span to be kept."""


async def http_status(port: int, path: str, verb: str = "GET", headers: str = "") -> int | None:
    """The status a local port answers with; None when it does not answer in time.

    `headers` are whole lines, each with its CR LF.
    """
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await _status(port, path, verb, headers)
    except (OSError, TimeoutError, ValueError, IndexError):
        return None


async def _status(port: int, path: str, verb: str, headers: str) -> int:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        head = f"{verb} {path} HTTP/1.1\r\nhost: {HOST}:{port}\r\n{headers}"
        writer.write(f"{head}content-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


async def service_is_ready(port: int) -> bool:
    """Whether a service says that it can serve."""
    return await http_status(port, "/readyz") == 200


async def edge_is_ready(port: int, probe: str) -> bool:
    """Whether a customer's read comes through; the edge keeps it out of its log and traces."""
    headers = f"user-agent: {probe}\r\ntraceparent: {_NOT_SAMPLED}\r\n"
    return await http_status(port, ASSETS, headers=headers) == 200
