"""The batcher: calls that arrive while a batch is under way share the next one.

One transaction for 32 postings costs a fraction of 32 transactions, so every
write path gathers what waits. A lone caller never waits for company; only when
the batch before it was shared does the batcher linger a moment for more.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context as TaskContext
from dataclasses import dataclass
from typing import Generic, TypeVar

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind
from tradewind.api.v1.reason_pb2 import Reason

from mesh.runtime.errors import CallError
from mesh.telemetry import metrics
from mesh.telemetry.tracing import current_context, links_to, tracer

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
Flush = Callable[[Sequence[Item]], Awaitable[Sequence[Outcome | Exception]]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Item, Outcome]):
    item: Item
    outcome: asyncio.Future[Outcome]
    context: Context


class Batcher(Generic[Item, Outcome]):
    """Gathers items and hands them to `flush`, one batch at a time."""

    def __init__(
        self,
        name: str,
        flush: Flush[Item, Outcome],
        *,
        max_items: int = 200,
        max_queue: int = 10_000,
        linger_s: float = 0.003,
    ) -> None:
        """Prepares a batcher; it starts working with the first item.

        Args:
            name: for metrics and spans.
            flush: decides a batch; answers an outcome or an exception for each
                item, in order. An exception it raises is every item's answer.
            max_items: most items a batch.
            max_queue: most items waiting; more are refused as unavailable.
            linger_s: how long a batch waits for company when the one before was shared.
        """
        self._name = name
        self._flush = flush
        self._max_items = max_items
        self._max_queue = max_queue
        self._linger_s = linger_s
        self._queue: deque[_Waiting[Item, Outcome]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._sizes = metrics.batch_sizes.labels(name)
        self._depth = metrics.batch_queue.labels(name)

    async def submit(self, item: Item) -> Outcome:
        """Waits for the item's outcome.

        A caller that is cancelled stops waiting; the item runs to its end.

        Raises:
            CallError: SERVICE_UNAVAILABLE when too many items are waiting.
            Exception: whatever the flush answered or raised for the item.
        """
        if len(self._queue) >= self._max_queue:
            raise CallError(
                Reason.SERVICE_UNAVAILABLE, "Too much is waiting; try again.", retry_after_s=1
            )
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(item, outcome, current_context()))
        self._depth.set(len(self._queue))
        if self._worker is None:
            # An empty context: the batch belongs to no single caller, nor to its deadline.
            self._worker = asyncio.create_task(self._work(), context=TaskContext())
        return await outcome

    async def drain(self) -> None:
        """Waits until nothing is waiting or under way."""
        while self._worker is not None:
            await asyncio.shield(self._worker)

    async def _work(self) -> None:
        shared = False
        try:
            while self._queue:
                if shared and len(self._queue) < self._max_items:
                    await asyncio.sleep(self._linger_s)
                size = min(len(self._queue), self._max_items)
                batch = [self._queue.popleft() for _ in range(size)]
                self._depth.set(len(self._queue))
                shared = size > 1 or bool(self._queue)
                await self._run(batch)
                # Those just answered may have more to say: let them, before looking again.
                await asyncio.sleep(0)
        finally:
            self._worker = None

    async def _run(self, batch: Sequence[_Waiting[Item, Outcome]]) -> None:
        self._sizes.observe(len(batch))
        contexts = [waiting.context for waiting in batch]
        with tracer.start_as_current_span(
            f"batch {self._name}",
            context=contexts[0],
            kind=SpanKind.INTERNAL,
            links=links_to(contexts[1:]),
            attributes={"tradewind.batch.items": len(batch)},
        ):
            try:
                outcomes = await self._flush([waiting.item for waiting in batch])
            except Exception as error:
                log.debug("batch failed", extra={"batch": self._name, "items": len(batch)})
                outcomes = [error] * len(batch)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if waiting.outcome.done():
                continue
            if isinstance(outcome, Exception):
                waiting.outcome.set_exception(outcome)
            else:
                waiting.outcome.set_result(outcome)
