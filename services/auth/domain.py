"""The rules of registration, login and sessions. Times are microseconds since 1970."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import assert_never

from tradewind.api.v1.reason_pb2 import Reason

CUSTOMER = "CUSTOMER"
"""The role of everybody who registers."""


def username_key(username: str) -> str:
    """What a username is unique by: case is not told apart."""
    return unicodedata.normalize("NFC", username).casefold()


def email_key(email: str) -> str:
    """What an e-mail address is unique by: case is not told apart."""
    return unicodedata.normalize("NFC", email).casefold()


@dataclass(frozen=True, slots=True)
class Registration:
    """What a customer told when registering; kept until the user service has it."""

    user_id: str
    username: str
    email: str
    first_name: str
    last_name: str
    phone: str
    date_of_birth: str
    marketing_emails_consent: bool


@dataclass(frozen=True, slots=True)
class Credential:
    """What somebody logs in with."""

    user_id: str
    username_key: str
    email_key: str
    password_hash: str
    role: str
    active: bool
    """False until the user service has created the user."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A credential that has a wanted username or address already."""

    credential: Credential
    registration: Registration | None
    """What is still to be created; None when the credential is active."""


def resumable(wanted: Registration, holders: Sequence[Holder]) -> Holder | None:
    """The pending registration that `wanted` repeats word for word; None when there is none.

    It may be resumed by who also knows its password, so that a customer who was
    told to try again can do just that.
    """
    for holder in holders:
        pending = holder.registration
        if pending is not None and replace(wanted, user_id=pending.user_id) == pending:
            return holder
    return None


def refusal(wanted: Registration, holders: Sequence[Holder]) -> Reason:
    """Why `wanted` cannot be reserved; the username is told before the address."""
    if any(each.credential.username_key == username_key(wanted.username) for each in holders):
        return Reason.USERNAME_TAKEN
    if any(each.credential.email_key == email_key(wanted.email) for each in holders):
        return Reason.EMAIL_TAKEN
    # Whoever was in the way has been given up in the same moment.
    return Reason.SERVICE_UNAVAILABLE


def may_log_in(credential: Credential | None, password_matches: bool) -> bool:
    """Whether to let somebody in; a registration under way counts as unknown."""
    return credential is not None and credential.active and password_matches


@dataclass(frozen=True, slots=True)
class Session:
    """A family of refresh tokens, begun by one login.

    The tokens of the newest generation are good. A rotation begins a new
    generation; a tolerated repeat adds a second token to the newest one, so
    that whichever answer reached the customer goes on.
    """

    session_id: str
    user_id: str
    generation: int
    rotated_at: int
    grace_used: bool
    """Whether the generation before was used once more already."""
    revoked: bool
    expires_at: int


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token without its secret."""

    token_hash: str
    session_id: str
    generation: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long refresh tokens are good, in microseconds."""

    refresh: int
    """From issue to expiry."""
    grace: int
    """From a rotation until the token just replaced may no longer be used once more."""


class Use(Enum):
    """What becomes of a session when one of its refresh tokens is used."""

    ROTATED = "rotated"
    REPEATED = "repeated"
    """The token just replaced, in time: its answer was lost."""
    REVOKED = "revoked"
    """A token replaced before: two parties have it."""
    REFUSED = "refused"


def use_of(session: Session, token: RefreshToken, grace: int, now: int) -> Use:
    """How a use of `token` counts."""
    if session.revoked or token.expires_at <= now:
        return Use.REFUSED
    if token.generation == session.generation:
        return Use.ROTATED
    just_replaced = token.generation == session.generation - 1
    in_time = now < session.rotated_at + grace
    if just_replaced and in_time and not session.grace_used:
        return Use.REPEATED
    return Use.REVOKED


def begin_session(session_id: str, user_id: str, lifetimes: Lifetimes, now: int) -> Session:
    """The session of a login, with its first generation."""
    return Session(session_id, user_id, 1, now, True, False, now + lifetimes.refresh)


def use_token(
    session: Session, token: RefreshToken, lifetimes: Lifetimes, now: int
) -> tuple[Use, Session]:
    """How a use of `token` counts, and the session after it.

    After ROTATED and REPEATED a token of the session's newest generation is issued.
    """
    use = use_of(session, token, lifetimes.grace, now)
    expires_at = now + lifetimes.refresh
    match use:
        case Use.ROTATED:
            after = replace(
                session,
                generation=session.generation + 1,
                rotated_at=now,
                grace_used=False,
                expires_at=expires_at,
            )
        case Use.REPEATED:
            after = replace(session, grace_used=True, expires_at=expires_at)
        case Use.REVOKED:
            after = replace(session, revoked=True)
        case Use.REFUSED:
            after = session
        case _:
            assert_never(use)
    return use, after


def issue(session: Session, token_hash: str) -> RefreshToken:
    """A token of the session's newest generation."""
    return RefreshToken(token_hash, session.session_id, session.generation, session.expires_at)
