"""Registration across two services: reserve here, create the user there, activate here.

A call that ends in the middle leaves a pending registration. The sweeper takes
it up again under the same user id until the user service has answered, so that
in the end there is a credential with its user, or neither.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Protocol

import grpc
from tradewind.api.v1.reason_pb2 import Reason
from tradewind.user.v1.user_pb2 import CreateUserRequest, User

from mesh.runtime.errors import CallError, from_rpc_error
from mesh.runtime.times import now_us
from services.auth.domain import Holder, Registration, refusal, resumable
from services.auth.metrics import registrations_swept
from services.auth.passwords import Passwords
from services.auth.store.credentials import CredentialStore

log = logging.getLogger(__name__)

REFUSALS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.ALREADY_EXISTS,
    }
)
"""Answers that follow from what was asked: a repeat gets them again, and no earlier
attempt can have succeeded. After any other error the user may exist."""

_TEXTS = {
    Reason.USERNAME_TAKEN: "The username belongs to somebody; choose another.",
    Reason.EMAIL_TAKEN: "The e-mail address is registered already; log in instead.",
    Reason.SERVICE_UNAVAILABLE: "The username or address was just given up; try again.",
}


class Provisioning(Protocol):
    """The part of the user service that is called."""

    def CreateUser(self, request: CreateUserRequest, /) -> Awaitable[User]:
        """Creates a user under the given id, once."""


class Registrar:
    """Registers customers and completes what was left behind."""

    def __init__(
        self,
        store: CredentialStore,
        passwords: Passwords,
        users: Provisioning,
        retry_after: int,
        clock: Callable[[], int] = now_us,
    ) -> None:
        """Takes what it works with; `retry_after` is in microseconds."""
        self._store = store
        self._passwords = passwords
        self._users = users
        self._retry_after = retry_after
        self._clock = clock

    async def register(self, wanted: Registration, password: str) -> User:
        """Registers a customer.

        Raises:
            CallError: USERNAME_TAKEN, EMAIL_TAKEN; SERVICE_UNAVAILABLE when it is
                not known yet whether the user exists; RATE_LIMITED.
        """
        # Looked up first, for a refusal should not cost a hash.
        holders: Sequence[Holder] | None = await self._store.holders(wanted)
        if not holders:
            password_hash = await self._passwords.hash(password)
            now = self._clock()
            later = now + self._retry_after
            holders = await self._store.reserve(wanted, password_hash, now, later)
        if holders is None:
            return await self._complete(wanted)
        return await self._complete(await self._resumed(wanted, holders, password))

    async def _resumed(
        self, wanted: Registration, holders: Sequence[Holder], password: str
    ) -> Registration:
        """The caller's own registration from an earlier call, if that is what stands in the way."""
        holder = resumable(wanted, holders)
        if (
            holder
            and holder.registration
            and await self._passwords.verify(holder.credential.password_hash, password)
        ):
            return holder.registration
        reason = refusal(wanted, holders)
        raise CallError(reason, _TEXTS[reason])

    async def _complete(self, registration: Registration) -> User:
        """Creates the user and activates; frees the reservation when the user is refused."""
        try:
            user = await self._users.CreateUser(CreateUserRequest(**asdict(registration)))
        except grpc.aio.AioRpcError as error:
            if error.code() in REFUSALS:
                await self._store.free(registration.user_id)
                raise from_rpc_error(error) from error
            raise CallError(
                Reason.SERVICE_UNAVAILABLE,
                "The registration could not be completed yet; try again with the same data.",
                retry_after_s=1,
            ) from error
        await self._store.activate(registration.user_id)
        return user

    async def sweep(self) -> None:
        """Completes the registrations that were left behind, until one has to wait."""
        waits = False
        while not waits:
            now = self._clock()
            due = await self._store.claim_due(now, now + self._retry_after)
            if not due:
                return
            outcomes = await asyncio.gather(*(self._sweep_one(each) for each in due))
            waits = "waiting" in outcomes
            for outcome in outcomes:
                registrations_swept.labels(outcome).inc()
            log.info(
                "registrations swept",
                extra={name: outcomes.count(name) for name in sorted(set(outcomes))},
            )

    async def _sweep_one(self, registration: Registration) -> str:
        try:
            await self._complete(registration)
        except CallError as error:
            if error.reason == Reason.SERVICE_UNAVAILABLE:
                return "waiting"
            log.exception("registration refused", extra={"user_id": registration.user_id})
            return "refused"
        return "completed"
