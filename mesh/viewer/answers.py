"""What the query API's answers have in common: envelope, failures, times asked for."""

from __future__ import annotations

import json
import time

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mesh.viewer.guard import failure
from mesh.viewer.query import QueryError, time_range

DEFAULT_RANGE_US = 900e6


def envelope(data: object, limit: int = 0) -> bytes:
    """Data in Jaeger's envelope, as JSON."""
    total = len(data) if isinstance(data, list) else 0
    return json.dumps(
        {"data": data, "total": total, "limit": limit, "offset": 0, "errors": None},
        separators=(",", ":"),
    ).encode()


def as_json(body: bytes) -> Response:
    """An answer that nobody stores."""
    return Response(body, media_type="application/json", headers={"cache-control": "no-store"})


def now_us() -> int:
    """The time in µs since 1970."""
    return time.time_ns() // 1000


def time_asked(request: Request) -> tuple[int, int]:
    """The time that figures are asked for, by default the last 15 minutes."""
    start, end = time_range(request.query_params, now_us(), DEFAULT_RANGE_US)
    return start, max(min(end, now_us()), start + 1)


def milliseconds(request: Request, name: str, default: int) -> int:
    """A parameter in milliseconds; raises QueryError."""
    text = request.query_params.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise QueryError(f"{name}: not milliseconds")
    return int(text)


async def http_failure(_: Request, error: Exception) -> Response:
    """Answers what a handler refused."""
    found = error if isinstance(error, HTTPException) else HTTPException(500)
    return failure(found.status_code, found.detail)


async def unforeseen_failure(_: Request, __: Exception) -> Response:
    """Answers what nobody foresaw; the server's log has the stack."""
    return failure(500, "the viewer failed; its log says why")


async def query_failure(_: Request, error: Exception) -> Response:
    """Answers a wrong parameter."""
    return failure(400, str(error))
