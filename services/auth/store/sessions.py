"""Sessions and the hashes of their refresh tokens."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Delete, Table, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.runtime.database import Database
from services.auth.domain import (
    Lifetimes,
    RefreshToken,
    Session,
    Use,
    begin_session,
    issue,
    use_token,
)
from services.auth.store.tables import credentials, refresh_tokens, sessions

PRUNE = 500
"""Most expired rows that one transaction removes."""

_CHANGING = ("generation", "rotated_at", "grace_used", "revoked", "expires_at")
_PRESENTED = (
    select(
        sessions,
        refresh_tokens.c.token_hash,
        refresh_tokens.c.generation.label("token_generation"),
        refresh_tokens.c.expires_at.label("token_expires_at"),
        credentials.c.role,
    )
    .join(sessions, sessions.c.session_id == refresh_tokens.c.session_id)
    .join(credentials, credentials.c.user_id == sessions.c.user_id)
    .where(refresh_tokens.c.token_hash == bindparam("token_hash"))
)
_BEGIN = insert(sessions)
_ISSUE = insert(refresh_tokens)
_CHANGE = (
    update(sessions)
    .where(sessions.c.session_id == bindparam("of_session"))
    .values({name: bindparam(name) for name in _CHANGING})
)
_END = (
    update(sessions)
    .where(
        sessions.c.session_id.in_(
            select(refresh_tokens.c.session_id).where(
                refresh_tokens.c.token_hash == bindparam("of_token")
            )
        ),
        sessions.c.revoked.is_(False),
    )
    .values(revoked=True)
    .returning(sessions.c.user_id)
)


def _expired(table: Table, key: str) -> Delete:
    old = (
        select(table.c[key])
        .where(table.c.expires_at <= bindparam("now"))
        .order_by(table.c.expires_at)
        .limit(PRUNE)
    )
    return delete(table).where(table.c[key].in_(old))


# Tokens first: a session outlives each of its tokens.
_PRUNE = (_expired(refresh_tokens, "token_hash"), _expired(sessions, "session_id"))


@dataclass(frozen=True, slots=True)
class Presented:
    """What came of presenting a refresh token."""

    use: Use
    user_id: str = ""
    role: str = ""


UNKNOWN = Presented(Use.REFUSED)


def _session(row: Any) -> Session:
    return Session(**{name: getattr(row, name) for name in Session.__dataclass_fields__})


def _token(row: Any) -> RefreshToken:
    return RefreshToken(row.token_hash, row.session_id, row.token_generation, row.token_expires_at)


class SessionStore:
    """Begins, carries on and ends sessions."""

    def __init__(self, database: Database, lifetimes: Lifetimes) -> None:
        self._database = database
        self._lifetimes = lifetimes
        self._lock_presented = database.locked(_PRESENTED)

    async def begin(self, session_id: str, user_id: str, token_hash: str, now: int) -> None:
        """Stores a new session with its first token."""
        session = begin_session(session_id, user_id, self._lifetimes, now)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(_BEGIN, asdict(session))
            await connection.execute(_ISSUE, asdict(issue(session, token_hash)))

        await self._database.transact(work)

    async def present(self, token_hash: str, new_hash: str, now: int) -> Presented:
        """Uses a refresh token, and issues the one with `new_hash` where that is allowed.

        A refusal is answered and not raised: the revocation that goes with it
        must be committed.
        """

        async def work(connection: AsyncConnection) -> Presented:
            found = await connection.execute(self._lock_presented, {"token_hash": token_hash})
            row = found.first()
            if row is None:
                return UNKNOWN
            before = _session(row)
            use, after = use_token(before, _token(row), self._lifetimes, now)
            if after != before:
                changes = {name: getattr(after, name) for name in _CHANGING}
                await connection.execute(_CHANGE, {"of_session": after.session_id, **changes})
            if use in {Use.ROTATED, Use.REPEATED}:
                await connection.execute(_ISSUE, asdict(issue(after, new_hash)))
            return Presented(use, before.user_id, row.role)

        return await self._database.transact(work)

    async def end(self, token_hash: str) -> str | None:
        """Ends the session of a token; whose it was, or None when there was none to end."""

        async def work(connection: AsyncConnection) -> str | None:
            user_id: str | None = await connection.scalar(_END, {"of_token": token_hash})
            return user_id

        return await self._database.transact(work)

    async def prune(self, now: int) -> int:
        """Removes all that has expired, some at a time; how many rows."""
        removed = 0
        for statement in _PRUNE:
            while True:

                async def work(connection: AsyncConnection, statement: Delete = statement) -> int:
                    return (await connection.execute(statement, {"now": now})).rowcount

                count = await self._database.transact(work)
                removed += count
                if count < PRUNE:
                    break
        return removed
