"""Profiles in the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.runtime.database import Database
from mesh.runtime.ids import fingerprint
from mesh.runtime.times import now_us
from services.user.domain.ledger import USD
from services.user.store.tables import accounts, users

_ONE = select(users).where(users.c.user_id == bindparam("user_id"))


@dataclass(frozen=True, slots=True)
class Profile:
    """What a customer told of themselves."""

    user_id: str
    username: str
    email: str
    first_name: str
    last_name: str
    phone: str
    date_of_birth: str
    marketing_emails_consent: bool


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A profile with its times (microseconds since 1970)."""

    profile: Profile
    created_at: int
    updated_at: int


def _stored(row: Any) -> StoredUser:
    names = Profile.__dataclass_fields__
    profile = Profile(**{name: getattr(row, name) for name in names})
    return StoredUser(profile, row.created_at, row.updated_at)


class UserStore:
    """Creates, reads and changes users."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert_user = database.insert(users).on_conflict_do_nothing()
        self._insert_account = database.insert(accounts).on_conflict_do_nothing()

    async def create(self, profile: Profile) -> StoredUser | None:
        """Creates a user and the USD account; None when the id has other content already."""
        values = asdict(profile)
        digest = fingerprint(*values.values())

        async def work(connection: AsyncConnection) -> StoredUser | None:
            now = now_us()
            times = {"created_at": now, "updated_at": now}
            await connection.execute(self._insert_user, {**values, "fingerprint": digest, **times})
            found = await connection.execute(_ONE, {"user_id": profile.user_id})
            row = found.one()
            if row.fingerprint != digest:
                return None
            empty = {"posted": 0, "pending_out": 0, "cost": 0, "version": 0, "updated_at": now}
            await connection.execute(
                self._insert_account, {"owner": profile.user_id, "asset_id": USD, **empty}
            )
            return _stored(row)

        return await self._database.transact(work)

    async def find(self, user_id: str) -> StoredUser | None:
        """The user, or None."""
        async with self._database.read() as connection:
            rows = await connection.execute(_ONE, {"user_id": user_id})
            row = rows.first()
        return None if row is None else _stored(row)

    async def change(self, user_id: str, changes: Mapping[str, str | bool]) -> StoredUser | None:
        """Changes the named fields; None when there is no such user."""
        statement = (
            update(users)
            .where(users.c.user_id == user_id)
            .values({**changes, "updated_at": now_us()})
            .returning(users)
        )

        async def work(connection: AsyncConnection) -> StoredUser | None:
            row = (await connection.execute(statement)).first()
            return None if row is None else _stored(row)

        return await self._database.transact(work)
