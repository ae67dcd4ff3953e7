"""The call being served: who calls, for whom, and until when."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import dataclass

from mesh.contract.methods import Method


@dataclass(frozen=True, slots=True)
class Call:
    """One call under way. Read it with `current_call()`; nothing changes it."""

    method: Method
    caller: str
    """The peer's workload, from its certificate."""
    subject: str
    """The customer's user id, from the verified token; empty when there is none."""
    roles: frozenset[str]
    deadline: float
    """On the clock of `time.monotonic`."""


_current: ContextVar[Call | None] = ContextVar("tradewind_call", default=None)


def current_call() -> Call:
    """The call being served.

    Raises:
        LookupError: outside of a handler.
    """
    call = _current.get()
    if call is None:
        raise LookupError("no call is being served here")
    return call


def enter_call(call: Call) -> None:
    """Makes `call` the current one for this task and what it starts."""
    _current.set(call)


def remaining_s(most: float) -> float:
    """Seconds left of the current call's deadline, at most `most`; `most` outside of a call."""
    call = _current.get()
    return most if call is None else min(most, call.deadline - time.monotonic())
