"""The batcher: calls that arrive while a batch is under way share the next one.

One transaction for 32 postings costs a fraction of 32 transactions, so every
write path gathers what waits. A lone caller never waits for company; only when
the batch before it was shared does the batcher linger a moment for more.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context as TaskContext
from dataclasses import dataclass
from typing import Generic, TypeVar

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, get_current_span, set_span_in_context
from tradewind.api.v1.reason_pb2 import Reason

from mesh.runtime.errors import CallError
from mesh.telemetry import metrics
from mesh.telemetry.tracing import Spanned, current_context, fail, links_to, tracer

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
Flush = Callable[[Sequence[Item]], Awaitable[Sequence[Outcome | Exception]]]

SMOOTHING = 0.2
"""Weight of the latest batch in how long batches usually take."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Item, Outcome]):
    item: Item
    outcome: asyncio.Future[Outcome]
    context: Context
    span: Span
    """The item's own, from its coming to its outcome; in its caller's trace."""

    def finish(self, outcome: Outcome | Exception, batch: Span) -> None:
        if self.span.is_recording():
            self.span.add_link(batch.get_span_context())
            if isinstance(outcome, CallError):
                self.span.set_attribute("error.type", Reason.Name(outcome.reason))
            elif isinstance(outcome, Exception):
                fail(self.span, type(outcome).__qualname__)
            self.span.end()
        if self.outcome.done():
            return
        if isinstance(outcome, Exception):
            self.outcome.set_exception(outcome)
        else:
            self.outcome.set_result(outcome)


class Batcher(Generic[Item, Outcome]):
    """Gathers items and hands them to `flush`, one batch at a time."""

    def __init__(
        self,
        name: str,
        flush: Flush[Item, Outcome],
        *,
        max_items: int = 200,
        max_queue: int = 10_000,
        max_linger_s: float = 0.025,
    ) -> None:
        """Prepares a batcher; it starts working with the first item.

        Args:
            name: for metrics and spans.
            flush: decides a batch; answers an outcome or an exception for each
                item, in order. An exception it raises is every item's answer.
            max_items: most items a batch.
            max_queue: most items waiting; more are refused as unavailable.
            max_linger_s: longest that a batch waits for company. It waits only when the
                one before was shared, and about as long as batches have been taking:
                stages behind each other then fill up instead of passing crumbs on.
        """
        self._name = name
        self._flush = flush
        self._max_items = max_items
        self._max_queue = max_queue
        self._max_linger_s = max_linger_s
        self._usual_s = 0.0
        self._queue: deque[_Waiting[Item, Outcome]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._attributes = {"tradewind.batch.name": name}
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
        span, context = self._item_span()
        self._queue.append(_Waiting(item, outcome, context, span))
        self._depth.set(len(self._queue))
        if self._worker is None:
            # An empty context: the batch belongs to no single caller, nor to its deadline.
            self._worker = asyncio.create_task(self._work(), context=TaskContext())
        return await outcome

    def _item_span(self) -> tuple[Span, Context]:
        """A span for an item whose caller is traced, and the context of what is done for it."""
        context = current_context()
        span = get_current_span(context)
        if span.is_recording():
            span = tracer.start_span(f"{self._name} item", context, attributes=self._attributes)
            context = set_span_in_context(span, context)
        return span, context

    async def drain(self) -> None:
        """Waits until nothing is waiting or under way."""
        while self._worker is not None:
            await asyncio.shield(self._worker)

    async def _work(self) -> None:
        shared = False
        try:
            while self._queue:
                if shared and len(self._queue) < self._max_items:
                    await asyncio.sleep(min(self._usual_s, self._max_linger_s))
                size = min(len(self._queue), self._max_items)
                batch = [self._queue.popleft() for _ in range(size)]
                self._depth.set(len(self._queue))
                shared = size > 1 or bool(self._queue)
                began = time.monotonic()
                await self._run(batch)
                self._usual_s += SMOOTHING * (time.monotonic() - began - self._usual_s)
                # Those just answered may have more to say: let them, before looking again.
                await asyncio.sleep(0)
        finally:
            self._worker = None

    async def _run(self, batch: Sequence[_Waiting[Item, Outcome]]) -> None:
        self._sizes.observe(len(batch))
        # In the trace of the first item that is traced: there the batch's statements are seen.
        first = next((each for each in batch if each.span.is_recording()), batch[0])
        links = links_to([each.context for each in batch if each is not first])
        attributes: dict[str, str | int] = {
            **self._attributes,
            "tradewind.batch.items": len(batch),
        }
        with Spanned(
            f"batch {self._name}",
            SpanKind.INTERNAL,
            attributes,
            context=first.context,
            links=links,
        ) as span:
            try:
                outcomes = await self._flush([waiting.item for waiting in batch])
            except Exception as error:
                log.debug("batch failed", extra={"batch": self._name, "items": len(batch)})
                if not isinstance(error, CallError):
                    fail(span, type(error).__qualname__)
                outcomes = [error] * len(batch)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            waiting.finish(outcome, span)
