"""The live tail: finished traces to whoever listens, each with a bounded queue."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from mesh.viewer.summary import Summary

MAX_READERS = 16
MAX_WAITING = 200
HEARTBEAT_S = 15.0


class TooManyReadersError(Exception):
    """All places at the tail are taken."""


@dataclass(slots=True, eq=False)
class _Reader:
    service: str
    errors: bool
    waiting: deque[Summary] = field(default_factory=deque)
    lost: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, summary: Summary) -> None:
        if self.errors and not summary.error_count:
            return
        if self.service and self.service not in summary.services:
            return
        if len(self.waiting) >= MAX_WAITING:
            self.waiting.popleft()
            self.lost += 1
        self.waiting.append(summary)
        self.news.set()


class Tail:
    """Hands each finished trace to every reader."""

    def __init__(self) -> None:
        self._readers: set[_Reader] = set()
        self._closed = False

    def publish(self, summary: Summary) -> None:
        """Tells of a trace; a reader that is behind loses its oldest ones."""
        for reader in self._readers:
            reader.offer(summary)

    def close(self) -> None:
        """Ends all readers' streams."""
        self._closed = True
        for reader in self._readers:
            reader.news.set()

    def follow(self, service: str, errors: bool) -> AsyncIterator[str]:
        """Server-sent events (API.md), from now on.

        Raises:
            TooManyReadersError: no place is free.
        """
        if len(self._readers) >= MAX_READERS:
            raise TooManyReadersError
        return self._events(_Reader(service, errors))

    async def _events(self, reader: _Reader) -> AsyncIterator[str]:
        # Here, not in `follow`: a stream that is never begun must not keep its place.
        self._readers.add(reader)
        try:
            yield "retry: 2000\n\n"
            while not self._closed:
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        await reader.news.wait()
                except TimeoutError:
                    yield ": still here\n\n"
                reader.news.clear()
                if reader.lost:
                    yield f'event: dropped\ndata: {{"count": {reader.lost}}}\n\n'
                    reader.lost = 0
                while reader.waiting:
                    found = json.dumps(reader.waiting.popleft().as_json())
                    yield f"event: trace\ndata: {found}\n\n"
        finally:
            self._readers.discard(reader)
