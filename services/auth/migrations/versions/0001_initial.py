"""Credentials, registrations under way, sessions with their refresh tokens, signing keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def upgrade() -> None:
    op.create_table(
        "credentials",
        sa.Column("user_id", sa.String(36), primary_key=True),
        _text("username_key", 32),
        # Folding case can lengthen a text.
        sa.Column("email_key", sa.Text, nullable=False),
        _text("password_hash", 255),
        _text("role", 16),
        _flag("active"),
        _number("created_at"),
        sa.UniqueConstraint("username_key", name="credentials_username"),
        sa.UniqueConstraint("email_key", name="credentials_email"),
    )
    op.create_table(
        "registrations",
        sa.Column(
            "user_id",
            sa.String(36),
            sa.ForeignKey("credentials.user_id", ondelete="CASCADE"),
            primary_key=True,
        ),
        _text("username", 32),
        _text("email", 254),
        _text("first_name", 100),
        _text("last_name", 100),
        _text("phone", 32),
        _text("date_of_birth", 10),
        _flag("marketing_emails_consent"),
        _number("next_try_at"),
    )
    op.create_index("registrations_next_try", "registrations", ["next_try_at"])
    _create_sessions()
    op.create_table(
        "signing_keys",
        # 1 for the first key; a number is given once, so replicas cannot make two of it.
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        _text("kid", 43),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        _number("created_at"),
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.String(36), primary_key=True),
        _text("user_id", 36),
        _number("generation"),
        _number("rotated_at"),
        _flag("grace_used"),
        _flag("revoked"),
        _number("expires_at"),
    )
    op.create_index("sessions_expiry", "sessions", ["expires_at"])
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        _text("session_id", 36),
        _number("generation"),
        _number("expires_at"),
    )
    op.create_index("refresh_tokens_expiry", "refresh_tokens", ["expires_at"])
