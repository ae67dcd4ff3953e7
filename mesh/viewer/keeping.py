"""Which traces are kept: every erroneous or slow one, and a share of the rest.

A trace's place in the share follows from its id alone, so spans that come late are judged
like those before them. A trace outside of the share waits, in memory and bounded, until a
span proves it erroneous or slow, or nothing more comes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from mesh.viewer.otlp import SpanRow

MAX_WAITING_BYTES = 8 << 20
MAX_SPANS_A_TRACE = 20_000
WAIT_S = 5.0
"""Without news for this long, an undecided trace is let go."""

_IDS = 1 << 56


@dataclass(slots=True)
class _Waiting:
    spans: dict[str, SpanRow] = field(default_factory=dict)
    size: int = 0
    heard_s: float = 0


def in_share(trace_id: str, share: float) -> bool:
    """Whether an id falls into the share; decided by its random last 56 bits (W3C level 2)."""
    return int(trace_id[-14:], 16) < share * _IDS


class Keeper:
    """Decides about traces as their spans come. For one thread only."""

    def __init__(self, share: float, slow_us: float) -> None:
        self._share = share
        self._slow_us = slow_us
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._size = 0

    @property
    def waiting_bytes(self) -> int:
        """How much is undecided; never much above `MAX_WAITING_BYTES`."""
        return self._size

    def weight(self, rows: Sequence[SpanRow]) -> float:
        """How many traces like this one a kept trace stands for."""
        trace_id = rows[0].trace_id
        by_chance = in_share(trace_id, self._share) and not self._is_notable(rows)
        return 1 / self._share if by_chance else 1.0

    def sort(
        self, rows: Iterable[SpanRow], known: Callable[[Sequence[str]], set[str]], now_s: float
    ) -> dict[str, list[SpanRow]]:
        """The spans to store now, by trace.

        Args:
            rows: spans that have just come.
            known: answers which of some traces the store has already.
            now_s: a clock that never goes back.
        """
        groups: dict[str, list[SpanRow]] = {}
        for row in rows:
            groups.setdefault(row.trace_id, []).append(row)
        undecided = [found for found in groups if not in_share(found, self._share)]
        kept_before = known(undecided) if undecided else set()
        for trace_id in undecided:
            if trace_id in kept_before:
                continue
            if (found := self._wait(trace_id, groups.pop(trace_id), now_s)) is not None:
                groups[trace_id] = found
        self._let_go(now_s)
        return groups

    def _wait(self, trace_id: str, rows: list[SpanRow], now_s: float) -> list[SpanRow] | None:
        waiting = self._waiting.setdefault(trace_id, _Waiting())
        for row in rows:
            if row.span_id not in waiting.spans:
                waiting.spans[row.span_id] = row
                waiting.size += len(row.body)
                self._size += len(row.body)
        waiting.heard_s = now_s
        self._waiting.move_to_end(trace_id)
        together = list(waiting.spans.values())
        if not self._is_notable(together):
            return None
        self._forget(trace_id)
        return together

    def _is_notable(self, rows: Sequence[SpanRow]) -> bool:
        duration = max(row.end_us for row in rows) - min(row.start_us for row in rows)
        return duration >= self._slow_us or any(row.error for row in rows)

    def _let_go(self, now_s: float) -> None:
        while self._waiting:
            trace_id, oldest = next(iter(self._waiting.items()))
            if self._size <= MAX_WAITING_BYTES and now_s - oldest.heard_s < WAIT_S:
                break
            self._forget(trace_id)

    def _forget(self, trace_id: str) -> None:
        self._size -= self._waiting.pop(trace_id).size
