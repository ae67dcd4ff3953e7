"""Users, accounts, decided groups and transfers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("user_id", sa.String(36), primary_key=True),
        _text("username", 32),
        _text("email", 254),
        _text("first_name", 100),
        _text("last_name", 100),
        _text("phone", 32),
        _text("date_of_birth", 10),
        sa.Column("marketing_emails_consent", sa.Boolean, nullable=False),
        _text("fingerprint", 64),
        _number("created_at"),
        _number("updated_at"),
    )
    op.create_table(
        "accounts",
        sa.Column("owner", sa.String(36), primary_key=True),
        sa.Column("asset_id", sa.String(10), primary_key=True),
        _number("posted"),
        sa.Column("pending_out", sa.BigInteger, nullable=False, server_default="0"),
        _number("cost"),
        _number("version"),
        _number("updated_at"),
        sa.CheckConstraint("posted - pending_out >= 0", name="accounts_not_overdrawn"),
        sa.CheckConstraint("pending_out >= 0", name="accounts_hold_something_or_nothing"),
    )
    op.create_table(
        "groups",
        sa.Column("group_id", sa.String(128), primary_key=True),
        sa.Column("outcome", sa.Integer, nullable=False),
        sa.Column("reason", sa.Integer, nullable=False),
        _text("fingerprint", 64),
        _number("created_at"),
    )
    _create_transfers()
    op.create_table(
        "days",
        sa.Column("owner", sa.String(36), primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True),
        sa.Column("purpose", sa.Integer, primary_key=True),
        _number("total"),
    )


def _create_transfers() -> None:
    op.create_table(
        "transfers",
        sa.Column("transfer_id", sa.String(36), primary_key=True),
        _text("group_id", 128),
        _text("debit_owner", 36),
        _text("credit_owner", 36),
        _text("asset_id", 10),
        _number("amount"),
        sa.Column("purpose", sa.Integer, nullable=False),
        _text("reference", 64),
        _number("cost"),
        _number("debit_seq"),
        _number("debit_balance"),
        _number("credit_seq"),
        _number("credit_balance"),
        sa.Column("kind", sa.Integer, nullable=False),
        # Null for what resolves no hold; a hold is resolved once.
        sa.Column("pending_id", sa.String(36), unique=True),
        _number("created_at"),
        sa.CheckConstraint("amount > 0", name="transfers_amount_positive"),
    )
    op.create_index("transfers_group", "transfers", ["group_id"])
    op.create_index("transfers_debit", "transfers", ["debit_owner", "asset_id", "debit_seq"])
    op.create_index("transfers_credit", "transfers", ["credit_owner", "asset_id", "credit_seq"])
