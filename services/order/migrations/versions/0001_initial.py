"""Orders and their events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _small(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False)


def upgrade() -> None:
    op.create_table(
        "orders",
        sa.Column("order_id", sa.String(36), primary_key=True),
        _text("user_id", 36),
        _text("request_id", 64),
        _text("fingerprint", 64),
        _text("asset_id", 10),
        _small("side"),
        _small("type"),
        _number("quantity"),
        _small("quantity_scale"),
        _text("max_price", 40),
        _text("min_price", 40),
        _small("state"),
        sa.Column("settled", sa.Boolean, nullable=False),
        _text("attempt_id", 36),
        _number("attempt_until"),
        _text("price", 40),
        _number("total"),
        _small("reason"),
        _text("origin", 64),
        _number("revision"),
        _number("created_at"),
        _number("updated_at"),
        _number("leased_until"),
        sa.UniqueConstraint("user_id", "request_id", name="orders_request"),
        sa.CheckConstraint("quantity > 0", name="orders_quantity_positive"),
    )
    op.create_index("orders_newest", "orders", ["user_id", "order_id"])
    op.create_index(
        "orders_unsettled",
        "orders",
        ["leased_until"],
        sqlite_where=sa.text("settled = 0"),
        postgresql_where=sa.text("NOT settled"),
    )
    op.create_table(
        "order_events",
        sa.Column("order_id", sa.String(36), primary_key=True),
        sa.Column("revision", sa.BigInteger, primary_key=True),
        _small("state"),
        _small("reason"),
        _text("trace_id", 32),
        _number("created_at"),
    )
