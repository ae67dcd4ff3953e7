"""Ids that sort by time: UUID version 7 (RFC 9562, section 5.7)."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
import uuid

_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """A new UUIDv7; ids of one process never go backwards.

    The 12 bits behind the millisecond count ids within it (RFC 9562, 6.2,
    method 1); a full count borrows from the next millisecond.
    """
    global _last  # noqa: PLW0603 - the one counter of the process
    with _lock:
        _last = max(_last + 1, time.time_ns() // 1_000_000 << 12)
        stamp = _last
    value = (stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64
    return str(uuid.UUID(int=value | 0b10 << 62 | secrets.randbits(62)))


def first_id_at(seconds: float) -> str:
    """The smallest id of a moment (seconds since 1970), a bound for queries by time."""
    milliseconds = min(max(int(seconds * 1000), 0), (1 << 48) - 1)
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62))


def fingerprint(*values: object) -> str:
    """A digest of parsed request values, to tell a repeat from a reuse of its request id."""
    return hashlib.sha256(repr(values).encode()).hexdigest()
