"""Passwords: argon2id in a few threads, with a bounded queue before them."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from argon2.low_level import Type
from tradewind.api.v1.reason_pb2 import Reason

from mesh.runtime.errors import CallError
from services.auth.metrics import passwords_waiting

Result = TypeVar("Result")

MEMORY_KIB = 19 * 1024
TIME_COST = 2
PARALLELISM = 1


def _bytes(password: str) -> bytes:
    """The same bytes however a keyboard composes the characters (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode()


class Passwords:
    """Makes and verifies hashes off the event loop."""

    def __init__(self, workers: int, max_waiting: int) -> None:
        """Starts no thread before the first password.

        Args:
            workers: passwords worked on at the same time.
            max_waiting: callers that may wait for a worker.
        """
        self._hasher = PasswordHasher(TIME_COST, MEMORY_KIB, PARALLELISM, type=Type.ID)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="password")
        self._free = asyncio.Semaphore(workers)
        self._most = workers + max_waiting
        self._inside = 0
        self._nobody = self._hasher.hash(secrets.token_bytes(32))

    async def hash(self, password: str) -> str:
        """The hash to store; CallError RATE_LIMITED when too many wait."""
        return await self._run(lambda: self._hasher.hash(_bytes(password)))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password made the hash; CallError RATE_LIMITED when too many wait.

        Without a stored hash the answer is no, after the same work.
        """

        def work() -> bool:
            try:
                return self._hasher.verify(stored or self._nobody, _bytes(password))
            except VerifyMismatchError:
                return False

        return await self._run(work)

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._inside >= self._most:
            raise CallError(
                Reason.RATE_LIMITED, "Too many are logging in; try again.", retry_after_s=1
            )
        self._inside += 1
        passwords_waiting.set(self._inside)
        try:
            # Waiting here and not in the pool: who gives up while waiting leaves nothing behind.
            await self._free.acquire()
            future = asyncio.get_running_loop().run_in_executor(self._pool, work)
            # A thread is free when its work is done, not when the caller has gone.
            future.add_done_callback(lambda _: self._free.release())
            return await asyncio.shield(future)
        finally:
            self._inside -= 1
            passwords_waiting.set(self._inside)

    async def close(self) -> None:
        """Ends the threads; nobody may be waiting any more."""
        self._pool.shutdown()
