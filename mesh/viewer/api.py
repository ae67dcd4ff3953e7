"""The query API (API.md) as a web application."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from mesh.viewer import downloads, figures, pages
from mesh.viewer.answers import (
    as_json,
    envelope,
    http_failure,
    milliseconds,
    now_us,
    query_failure,
    time_asked,
    unforeseen_failure,
)
from mesh.viewer.guard import Guard, failure
from mesh.viewer.ingest import Ingest
from mesh.viewer.jaeger import log_json, trace_json
from mesh.viewer.otlp import MAX_NAME
from mesh.viewer.query import (
    QueryError,
    duration_us,
    flag,
    parse_search,
    trace_id,
)
from mesh.viewer.reading import StoredTrace, StoreReader
from mesh.viewer.settings import ViewerSettings
from mesh.viewer.tail import Tail, TooManyReadersError

MAX_TRACES = 200
MAX_SUMMARIES = 2_000
READERS = 2
"""Threads that read the store; further requests wait."""
Result = TypeVar("Result")
Handler = Callable[[Request], Awaitable[Response]]


def _trace(found: StoredTrace) -> dict[str, Any]:
    return trace_json(found.trace_id, found.spans, left_out=found.left_out)


def _found(reader: StoreReader, number: str) -> StoredTrace:
    found = reader.trace(number)
    if found is None:
        raise HTTPException(404, "trace not found")
    return found


class QueryApi:
    """Answers the query API from the store."""

    def __init__(self, settings: ViewerSettings, ingest: Ingest, tail: Tail) -> None:
        self._settings = settings
        self._ingest = ingest
        self._tail = tail
        self._threads = ThreadPoolExecutor(READERS, "store-reader")
        self._local = threading.local()
        self._opened: list[StoreReader] = []

    def application(self) -> ASGIApp:
        """The whole web application, guarded."""
        routes: dict[str, Handler] = {
            "/api/services": self.services,
            "/api/services/{service:path}/operations": self.operation_names,
            "/api/operations": self.operations,
            "/api/traces": self.traces,
            "/api/traces/{id}": self.trace,
            "/api/traces/{id}/otlp": self.otlp,
            "/api/traces/{id}/perfetto": self.perfetto,
            "/api/dependencies": self.dependencies,
            "/api/summaries": self.summaries,
            "/api/red": self.red,
            "/api/map": self.map,
            "/api/logs": self.logs,
            "/api/tail": self.tail,
            "/api/stats": self.stats,
            "/api/mesh": self.mesh,
            "/api/{rest:path}": self.unknown,
            "/livez": self.livez,
            "/readyz": self.readyz,
            "/metrics": self.metrics,
            **dict.fromkeys(pages.PAGES, pages.page),
            "/{path:path}": pages.file,
        }
        app = Starlette(
            routes=[Route(path, handler) for path, handler in routes.items()],
            exception_handlers={
                HTTPException: http_failure,
                QueryError: query_failure,
                Exception: unforeseen_failure,
            },
        )
        return Guard(app, frozenset({"GET", "HEAD"}), allow_links=True)

    def close(self) -> None:
        """Closes the store's readers."""
        self._threads.shutdown()
        for reader in self._opened:
            reader.close()

    async def _ask(self, question: Callable[[StoreReader], Result]) -> Result:
        """Runs a question in a thread that reads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._run, question)

    def _run(self, question: Callable[[StoreReader], Result]) -> Result:
        reader: StoreReader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = StoreReader(self._settings.store)
            self._opened.append(reader)
        return question(reader)

    async def services(self, _: Request) -> Response:
        """`/api/services`."""
        return as_json(await self._ask(lambda reader: envelope(reader.services())))

    async def operation_names(self, request: Request) -> Response:
        """`/api/services/{service}/operations`."""
        service = request.path_params["service"]
        found = await self._ask(lambda reader: reader.operations(service))
        return as_json(envelope(sorted({name for name, _ in found})))

    async def operations(self, request: Request) -> Response:
        """`/api/operations?service=&spanKind=`."""
        service = request.query_params.get("service") or ""
        kind = request.query_params.get("spanKind") or ""
        found = await self._ask(lambda reader: reader.operations(service))
        return as_json(
            envelope(
                [{"name": name, "spanKind": other} for name, other in found if kind in ("", other)]
            )
        )

    async def traces(self, request: Request) -> Response:
        """`/api/traces`: search, with all spans."""
        search = parse_search(request.query_params, now_us(), MAX_TRACES)
        return as_json(
            await self._ask(
                lambda reader: envelope([_trace(found) for found in reader.traces(search)])
            )
        )

    async def summaries(self, request: Request) -> Response:
        """`/api/summaries`: search, without the spans."""
        search = parse_search(request.query_params, now_us(), MAX_SUMMARIES)
        return as_json(
            await self._ask(
                lambda reader: envelope(
                    [found.as_json() for found in reader.search(search)], search.limit
                )
            )
        )

    async def trace(self, request: Request) -> Response:
        """`/api/traces/{id}`."""
        number = trace_id(request.path_params["id"])
        return as_json(await self._ask(lambda reader: envelope([_trace(_found(reader, number))])))

    async def otlp(self, request: Request) -> Response:
        """`/api/traces/{id}/otlp`."""
        return await self._download(request, "otlp", lambda _, spans: downloads.otlp_json(spans))

    async def perfetto(self, request: Request) -> Response:
        """`/api/traces/{id}/perfetto`."""
        return await self._download(request, "perfetto", downloads.perfetto_json)

    async def _download(
        self, request: Request, kind: str, make: Callable[..., dict[str, Any]]
    ) -> Response:
        number = trace_id(request.path_params["id"])
        body = await self._ask(
            lambda reader: json.dumps(make(number, _found(reader, number).spans)).encode()
        )
        name = f'attachment; filename="trace-{number}.{kind}.json"'
        return Response(
            body,
            media_type="application/json",
            headers={"content-disposition": name, "cache-control": "no-store"},
        )

    async def dependencies(self, request: Request) -> Response:
        """`/api/dependencies?endTs=&lookback=`, both in milliseconds."""
        end = milliseconds(request, "endTs", now_us() // 1000)
        start = max(end - milliseconds(request, "lookback", 86_400_000), 0)
        return as_json(
            await self._ask(
                lambda reader: envelope(
                    figures.dependencies(reader.connection, start * 1000, end * 1000)
                )
            )
        )

    async def red(self, request: Request) -> Response:
        """`/api/red`."""
        start, end = time_asked(request)
        parameters = request.query_params
        wanted = parameters.get("step")
        step = figures.step_us(start, end, duration_us("step", wanted) if wanted else None)
        service = parameters.get("service") or ""
        name = (parameters.get("operation") or "")[:MAX_NAME]
        window = figures.Window(start, end, step, service, name)
        return as_json(
            await self._ask(lambda reader: envelope(figures.red(reader.connection, window)))
        )

    async def map(self, request: Request) -> Response:
        """`/api/map`."""
        start, end = time_asked(request)
        return as_json(
            await self._ask(
                lambda reader: envelope(figures.service_map(reader.connection, start, end))
            )
        )

    async def logs(self, request: Request) -> Response:
        """`/api/logs?traceId=`."""
        number = trace_id(request.query_params.get("traceId") or "")
        return as_json(
            await self._ask(
                lambda reader: envelope(
                    [log_json(found.record, found.source) for found in reader.logs(number)]
                )
            )
        )

    async def tail(self, request: Request) -> Response:
        """`/api/tail`: server-sent events."""
        parameters = request.query_params
        try:
            events = self._tail.follow(parameters.get("service") or "", flag(parameters, "errors"))
        except TooManyReadersError:
            return failure(503, "too many readers follow already")
        return StreamingResponse(
            events, media_type="text/event-stream", headers={"cache-control": "no-store"}
        )

    async def stats(self, _: Request) -> Response:
        """`/api/stats`."""
        found = await self._ask(lambda reader: reader.size())
        settings, counts = self._settings, self._ingest.counts
        return as_json(
            envelope(
                {
                    **found,
                    "maxBytes": settings.max_bytes,
                    "maxAgeS": settings.max_age_s,
                    "sampleShare": settings.sample_share,
                    "received": counts.received,
                    "dropped": counts.dropped,
                    "refused": counts.refused,
                }
            )
        )

    async def mesh(self, _: Request) -> Response:
        """`/api/mesh`: what the control plane says, once the viewer asks it."""
        return failure(501, "the viewer does not ask the control plane yet")

    async def unknown(self, _: Request) -> Response:
        """Any other path below `/api/`."""
        return failure(404, "there is no such question")

    async def livez(self, _: Request) -> Response:
        """Whether the process runs."""
        return Response("alive\n", media_type="text/plain")

    async def readyz(self, _: Request) -> Response:
        """Whether the store answers."""
        await self._ask(lambda reader: reader.services())
        return as_json(b'{"ready":true,"problems":{}}')

    async def metrics(self, _: Request) -> Response:
        """The viewer's own metrics."""
        return Response(generate_latest(), media_type="text/plain; version=0.0.4")
