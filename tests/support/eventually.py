"""Waiting for a condition, with a deadline instead of a sleep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(probe: Callable[[], Awaitable[T | None]], within_s: float = 15) -> T:
    """The first answer of `probe` that is neither None nor False.

    Raises:
        AssertionError: no such answer came in time.
    """
    deadline = time.monotonic() + within_s
    while True:
        found = await probe()
        if found is not None and found is not False:
            return found
        assert time.monotonic() < deadline, f"not within {within_s} s: {probe}"
        await asyncio.sleep(0.05)
