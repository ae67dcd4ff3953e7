"""The auth service's tables; `migrations` makes them. Times are microseconds since 1970."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

credentials = Table(
    "credentials",
    metadata,
    Column("user_id", String(36), primary_key=True),
    Column("username_key", String(32)),
    Column("email_key", Text),
    Column("password_hash", String(255)),
    Column("role", String(16)),
    Column("active", Boolean),
    Column("created_at", BigInteger),
)

registrations = Table(
    "registrations",
    metadata,
    Column("user_id", String(36), primary_key=True),
    Column("username", String(32)),
    Column("email", String(254)),
    Column("first_name", String(100)),
    Column("last_name", String(100)),
    Column("phone", String(32)),
    Column("date_of_birth", String(10)),
    Column("marketing_emails_consent", Boolean),
    Column("next_try_at", BigInteger),
)

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", String(36), primary_key=True),
    Column("user_id", String(36)),
    Column("generation", BigInteger),
    Column("rotated_at", BigInteger),
    Column("grace_used", Boolean),
    Column("revoked", Boolean),
    Column("expires_at", BigInteger),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("session_id", String(36)),
    Column("generation", BigInteger),
    Column("expires_at", BigInteger),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kid", String(43)),
    Column("sealed", LargeBinary),
    Column("created_at", BigInteger),
)
