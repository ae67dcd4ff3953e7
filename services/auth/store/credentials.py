"""Credentials and registrations under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import bindparam, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.runtime.database import Database
from services.auth.domain import (
    CUSTOMER,
    Credential,
    Holder,
    Registration,
    email_key,
    username_key,
)
from services.auth.store.tables import credentials, registrations

CLAIM = 20
"""Registrations that are taken up at a time."""

_OF_USERNAME = select(credentials).where(credentials.c.username_key == bindparam("username_key"))
_PENDING = [column.label(f"pending_{column.name}") for column in registrations.c]
_HOLDERS = (
    select(credentials, *_PENDING)
    .outerjoin(registrations, registrations.c.user_id == credentials.c.user_id)
    .where(
        or_(
            credentials.c.username_key == bindparam("username_key"),
            credentials.c.email_key == bindparam("email_key"),
        )
    )
)
_DUE = (
    select(registrations)
    .where(registrations.c.next_try_at <= bindparam("now"))
    .order_by(registrations.c.next_try_at)
    .limit(CLAIM)
)
_POSTPONE = (
    update(registrations)
    .where(registrations.c.user_id.in_(bindparam("ids", expanding=True)))
    .values(next_try_at=bindparam("later"))
)
_REMEMBER = insert(registrations)
_ACTIVATE = (
    update(credentials).where(credentials.c.user_id == bindparam("of_user")).values(active=True)
)
_FORGET = delete(registrations).where(registrations.c.user_id == bindparam("of_user"))
# Takes the registration with it.
_FREE = delete(credentials).where(
    credentials.c.user_id == bindparam("of_user"), credentials.c.active.is_(False)
)


def _credential(row: Any) -> Credential:
    names = Credential.__dataclass_fields__
    return Credential(**{name: getattr(row, name) for name in names})


def _registration(row: Any, prefix: str = "") -> Registration:
    names = Registration.__dataclass_fields__
    return Registration(**{name: getattr(row, prefix + name) for name in names})


def _holder(row: Any) -> Holder:
    pending = None if row.pending_user_id is None else _registration(row, "pending_")
    return Holder(_credential(row), pending)


def _keys(wanted: Registration) -> dict[str, str]:
    return {"username_key": username_key(wanted.username), "email_key": email_key(wanted.email)}


class CredentialStore:
    """Reserves, activates, frees and finds credentials."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reserve = (
            database.insert(credentials).on_conflict_do_nothing().returning(credentials.c.user_id)
        )
        self._lock_due = database.locked(_DUE)

    async def find(self, username: str) -> Credential | None:
        """The credential of a username in any case, or None."""
        async with self._database.read() as connection:
            found = await connection.execute(_OF_USERNAME, {"username_key": username_key(username)})
            row = found.first()
        return None if row is None else _credential(row)

    async def holders(self, wanted: Registration) -> Sequence[Holder]:
        """Who has the wanted username or address."""
        async with self._database.read() as connection:
            rows = await connection.execute(_HOLDERS, _keys(wanted))
            return [_holder(row) for row in rows]

    async def reserve(
        self, wanted: Registration, password_hash: str, now: int, next_try_at: int
    ) -> Sequence[Holder] | None:
        """Makes a pending credential; answers None, or who stands in the way."""
        credential = {
            "user_id": wanted.user_id,
            **_keys(wanted),
            "password_hash": password_hash,
            "role": CUSTOMER,
            "active": False,
            "created_at": now,
        }

        async def work(connection: AsyncConnection) -> Sequence[Holder] | None:
            reserved = (await connection.execute(self._reserve, credential)).first()
            if reserved is None:
                rows = await connection.execute(_HOLDERS, _keys(wanted))
                return [_holder(row) for row in rows]
            await connection.execute(_REMEMBER, {**asdict(wanted), "next_try_at": next_try_at})
            return None

        return await self._database.transact(work)

    async def activate(self, user_id: str) -> None:
        """Makes a credential good to log in with and forgets what was told at registration."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(_ACTIVATE, {"of_user": user_id})
            await connection.execute(_FORGET, {"of_user": user_id})

        await self._database.transact(work)

    async def free(self, user_id: str) -> None:
        """Removes a pending credential with its registration; an active one stays."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(_FREE, {"of_user": user_id})

        await self._database.transact(work)

    async def claim_due(self, now: int, next_try_at: int) -> Sequence[Registration]:
        """At most `CLAIM` registrations that are due, which then wait until `next_try_at`."""

        async def work(connection: AsyncConnection) -> Sequence[Registration]:
            found = await connection.execute(self._lock_due, {"now": now})
            due = [_registration(row) for row in found]
            if due:
                ids = [each.user_id for each in due]
                await connection.execute(_POSTPONE, {"ids": ids, "later": next_try_at})
            return due

        return await self._database.transact(work)
