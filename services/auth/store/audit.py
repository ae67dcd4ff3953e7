"""All credentials, from one snapshot, a part at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from sqlalchemy import select

from mesh.runtime.database import Database
from services.auth.store.tables import credentials

PART = 500

_ALL = select(credentials.c.user_id, credentials.c.active, credentials.c.created_at).order_by(
    credentials.c.user_id
)


class AuditStore:
    """Streams the credentials, without their secrets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def parts(self) -> AsyncGenerator[Sequence[Any], None]:
        """At most 500 rows at a time: user_id, active, created_at."""
        async with (
            self._database.snapshot() as connection,
            connection.stream(_ALL) as rows,
        ):
            async for part in rows.partitions(PART):
                yield part
