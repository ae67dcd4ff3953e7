"""The user service's tables; `migrations` makes them. Times are microseconds since 1970."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, String, Table

metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("user_id", String(36), primary_key=True),
    Column("username", String(32)),
    Column("email", String(254)),
    Column("first_name", String(100)),
    Column("last_name", String(100)),
    Column("phone", String(32)),
    Column("date_of_birth", String(10)),
    Column("marketing_emails_consent", Boolean),
    Column("fingerprint", String(64)),
    Column("created_at", BigInteger),
    Column("updated_at", BigInteger),
)

accounts = Table(
    "accounts",
    metadata,
    Column("owner", String(36), primary_key=True),
    Column("asset_id", String(10), primary_key=True),
    Column("posted", BigInteger),
    Column("pending_out", BigInteger),
    Column("cost", BigInteger),
    Column("version", BigInteger),
    Column("updated_at", BigInteger),
)

groups = Table(
    "groups",
    metadata,
    Column("group_id", String(128), primary_key=True),
    Column("outcome", Integer),
    Column("reason", Integer),
    Column("fingerprint", String(64)),
    Column("created_at", BigInteger),
)

transfers = Table(
    "transfers",
    metadata,
    Column("transfer_id", String(36), primary_key=True),
    Column("group_id", String(128)),
    Column("debit_owner", String(36)),
    Column("credit_owner", String(36)),
    Column("asset_id", String(10)),
    Column("amount", BigInteger),
    Column("purpose", Integer),
    Column("reference", String(64)),
    Column("cost", BigInteger),
    Column("debit_seq", BigInteger),
    Column("debit_balance", BigInteger),
    Column("credit_seq", BigInteger),
    Column("credit_balance", BigInteger),
    Column("kind", Integer),
    Column("pending_id", String(36)),
    Column("created_at", BigInteger),
)

days = Table(
    "days",
    metadata,
    Column("owner", String(36), primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("purpose", Integer, primary_key=True),
    Column("total", BigInteger),
)
