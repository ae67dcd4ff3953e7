"""Moments: microseconds since 1970 UTC in tables, timestamps in contracts."""

from __future__ import annotations

import time
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

MICROSECONDS = 1_000_000
DISTANT = 2**62
"""Microseconds beyond all that will ever be; its negative lies before all that was."""


def now_us() -> int:
    """Microseconds since 1970 by this process's clock."""
    return time.time_ns() // 1000


def timestamp(microseconds: int) -> Timestamp:
    """A contract's timestamp of microseconds since 1970."""
    made = Timestamp()
    made.FromMicroseconds(microseconds)
    return made


def microseconds(moment: Timestamp) -> int:
    """Microseconds since 1970 of a contract's timestamp, kept within `DISTANT`."""
    return max(-DISTANT, min(moment.seconds * MICROSECONDS + moment.nanos // 1000, DISTANT))


def bounds(request: Any) -> tuple[int, int]:
    """From when and until when (exclusive) a request asks; far away where it leaves that out.

    The request's message has `start_time` and `end_time`.
    """
    since = microseconds(request.start_time) if request.HasField("start_time") else -DISTANT
    until = microseconds(request.end_time) if request.HasField("end_time") else DISTANT
    return since, until
