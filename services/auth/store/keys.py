"""Signing keys, encrypted."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.runtime.database import Database
from services.auth.store.tables import signing_keys
from services.auth.tokens import SealedKey

FIRST = 1

_NEWEST_FIRST = select(signing_keys.c.kid, signing_keys.c.sealed).order_by(
    signing_keys.c.number.desc()
)


class KeyStore:
    """Keeps the keys that tokens are signed with."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = database.insert(signing_keys).on_conflict_do_nothing()

    async def ensure(self, candidate: SealedKey, now: int) -> Sequence[SealedKey]:
        """All keys, newest first; `candidate` becomes the first when there is none.

        Replicas that start together end with the same key: the number of the
        first key is given once, and whoever comes second reads what is there.
        """
        row = {
            "number": FIRST,
            "kid": candidate.kid,
            "sealed": candidate.sealed,
            "created_at": now,
        }

        async def work(connection: AsyncConnection) -> Sequence[SealedKey]:
            await connection.execute(self._insert, row)
            found = await connection.execute(_NEWEST_FIRST)
            return [SealedKey(each.kid, each.sealed) for each in found]

        return await self._database.transact(work)
