"""From the collectors' doors to the store: a bounded queue and one thread that writes.

Whoever sends is never kept waiting: what finds no room is dropped and counted.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import Counter, Gauge

from mesh.viewer.keeping import Keeper
from mesh.viewer.otlp import LogRow, SpanRow, log_rows, refuse_spans, span_rows
from mesh.viewer.settings import ViewerSettings
from mesh.viewer.summary import Summary
from mesh.viewer.writing import StoreWriter

MAX_QUEUE_BYTES = 8 << 20
MAX_BATCH_SPANS = 512
TICK_S = 0.5
FINISHED_S = 1.5
"""A trace without news for this long is told to the live tail."""
MAX_FOLLOWED = 1_000
PRUNE_S = 30.0

received = Counter("viewer_received_total", "Spans and logs that came.", ("signal",))
refused = Counter("viewer_refused_total", "Spans and logs that were not valid.", ("signal",))
dropped = Counter(
    "viewer_dropped_total", "Spans and logs for which there was no room.", ("signal",)
)
failed = Counter("viewer_write_failures_total", "Writes that the store refused.")
queue_bytes = Gauge("viewer_queue_bytes", "What waits to be written.")

log = logging.getLogger(__name__)

_Batch = tuple[ExportTraceServiceRequest | list[LogRow], int, int]
"""A request's spans or its log rows, how many they are, and their size in bytes."""


@dataclass(slots=True)
class Counts:
    """What happened to spans and logs since the start."""

    received: dict[str, int] = field(default_factory=lambda: {"spans": 0, "logs": 0})
    refused: dict[str, int] = field(default_factory=lambda: {"spans": 0, "logs": 0})
    dropped: dict[str, int] = field(default_factory=lambda: {"spans": 0, "logs": 0})

    def add(self, signal: str, came: int, bad: int, lost: int) -> None:
        """Counts, for `mesh status` of the store and for Prometheus alike."""
        for counts, metric, number in (
            (self.received, received, came),
            (self.refused, refused, bad),
            (self.dropped, dropped, lost),
        ):
            if number:
                counts[signal] += number
                metric.labels(signal).inc(number)


class Ingest:
    """Takes what the collectors were sent; `offer_*` are called on the event loop."""

    def __init__(
        self, settings: ViewerSettings, publish: Callable[[Summary], None] = lambda _: None
    ) -> None:
        """Opens the store.

        Args:
            settings: where the store is and what it may hold.
            publish: told of each finished trace, on the event loop.
        """
        self.counts = Counts()
        self._settings = settings
        self._publish = publish
        self._writer = StoreWriter(settings.store)
        self._keeper = Keeper(settings.sample_share, settings.slow_ms * 1000)
        self._queue: deque[_Batch] = deque()
        self._size = 0
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "store-writer")
        self._task: asyncio.Task[None] | None = None
        self._followed: OrderedDict[str, tuple[Summary, float]] = OrderedDict()
        self._pruned_s = time.monotonic()

    def start(self) -> None:
        """Begins to write."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Writes what is waiting and closes the store."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        while self._queue:
            await self._write()
        self._thread.shutdown()
        self._writer.close()

    def offer_spans(self, request: ExportTraceServiceRequest) -> tuple[int, str]:
        """Takes spans; answers how many were not taken, and why."""
        bad = refuse_spans(request)
        good = sum(
            len(scope.spans) for part in request.resource_spans for scope in part.scope_spans
        )
        lost = self._enqueue(request, good, request.ByteSize())
        self.counts.add("spans", good + bad, bad, lost)
        return bad + lost, _why("spans", bad, lost)

    def offer_logs(self, request: ExportLogsServiceRequest) -> tuple[int, str]:
        """Takes log records; answers how many were not taken, and why."""
        rows, bad = log_rows(request)
        lost = self._enqueue(list(rows), len(rows), request.ByteSize())
        self.counts.add("logs", len(rows) + bad, bad, lost)
        return bad + lost, _why("log records", bad, lost)

    def _enqueue(
        self, what: ExportTraceServiceRequest | list[LogRow], number: int, size: int
    ) -> int:
        if not number:
            return 0
        if self._size + size > MAX_QUEUE_BYTES:
            return number
        self._queue.append((what, number, size))
        self._size += size
        queue_bytes.set(self._size)
        self._arrived.set()
        return 0

    async def _work(self) -> None:
        while True:
            try:
                async with asyncio.timeout(TICK_S):
                    await self._arrived.wait()
            except TimeoutError:
                pass
            # Shielded: a write that has begun ends before the store closes.
            await asyncio.shield(asyncio.ensure_future(self._write()))

    async def _write(self) -> None:
        self._arrived.clear()
        batch: list[_Batch] = []
        number = size = 0
        while self._queue and number < MAX_BATCH_SPANS:
            batch.append(self._queue.popleft())
            number += batch[-1][1]
            size += batch[-1][2]
        if self._queue:
            self._arrived.set()
        loop = asyncio.get_running_loop()
        try:
            finished = await loop.run_in_executor(self._thread, self._write_batch, batch)
        except sqlite3.Error as error:
            # A full disk must not end the collector; later spans may find room again.
            log.warning("store refuses to write", extra={"problem": str(error), "items": number})
            finished = self._lose(batch)
        except Exception:
            # Nor must a batch that nobody foresaw.
            log.exception("batch cannot be stored", extra={"items": number})
            finished = self._lose(batch)
        self._size -= size
        queue_bytes.set(self._size)
        for summary in finished:
            self._publish(summary)

    def _lose(self, batch: list[_Batch]) -> list[Summary]:
        failed.inc()
        for what, number, _ in batch:
            self.counts.add("logs" if isinstance(what, list) else "spans", 0, 0, number)
        return []

    def _write_batch(self, batch: list[_Batch]) -> list[Summary]:
        """In the writing thread: stores a batch; answers the traces that have finished."""
        now_s, now_us = time.monotonic(), time.time_ns() // 1000
        rows: list[SpanRow] = []
        logs: list[LogRow] = []
        for what, _, _ in batch:
            if isinstance(what, list):
                logs += what
            else:
                rows += span_rows(what)
        groups = self._keeper.sort(rows, self._writer.known, now_s)
        if groups:
            weights = {trace: self._keeper.weight(found) for trace, found in groups.items()}
            changed, lost = self._writer.add_spans(groups, weights, now_us)
            self.counts.add("spans", 0, 0, lost)
            for trace_id, summary in changed.items():
                self._followed[trace_id] = summary, now_s
                self._followed.move_to_end(trace_id)
        if logs:
            self._writer.add_logs(logs, now_us)
        self._prune(now_s, now_us)
        return self._finished(now_s)

    def _prune(self, now_s: float, now_us: int) -> None:
        settings = self._settings
        due = min(PRUNE_S, settings.max_age_s / 20)
        if now_s - self._pruned_s < due and self._writer.size_bytes() <= settings.max_bytes:
            return
        self._pruned_s = now_s
        self._writer.prune(now_us - int(settings.max_age_s * 1e6), settings.max_bytes)

    def _finished(self, now_s: float) -> list[Summary]:
        found = []
        while self._followed:
            summary, heard_s = next(iter(self._followed.values()))
            if now_s - heard_s < FINISHED_S and len(self._followed) <= MAX_FOLLOWED:
                break
            found.append(summary)
            self._followed.popitem(last=False)
        return found


def _why(what: str, bad: int, lost: int) -> str:
    reasons = []
    if bad:
        reasons.append(f"{bad} {what} without valid ids and times, or too large")
    if lost:
        reasons.append(f"{lost} {what} found no room")
    return "; ".join(reasons)
