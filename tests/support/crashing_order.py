"""The order service, killed by its own hand: `python -m tests.support.crashing_order`.

`CRASH_REQUEST` names the request id of the order to watch, `CRASH_AT` counts its
steps' befores and afters: at that one the process ends by SIGKILL. Without it the
steps are written to `CRASH_LOG`.
"""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

from mesh.runtime.service import Service, run
from services.order import main
from services.order.domain.order import Order
from services.order.saga.steps import Step
from services.order.settings import OrderSettings


class Crash:
    """Counts one order's steps, and ends the process at one of them."""

    def __init__(self) -> None:
        self._request_id = os.environ["CRASH_REQUEST"]
        self._at = int(os.environ.get("CRASH_AT", "-1"))
        self._log = Path(os.environ["CRASH_LOG"])
        self._count = 0

    def __call__(self, step: Step, when: str, order: Order, /) -> None:
        """One moment of one step."""
        if order.request_id != self._request_id:
            return
        with self._log.open("a") as log:
            log.write(f"{when} {step}\n")
        if self._count == self._at:
            os.kill(os.getpid(), signal.SIGKILL)
        self._count += 1


async def build(service: Service[OrderSettings]) -> None:
    """The order service as it is, watched."""
    await main.build(service, Crash())


if __name__ == "__main__":
    run("order", OrderSettings, partial(build), main.__file__)
