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


def _partial_index(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "orders", columns, sqlite_where=where, postgresql_where=where)


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
        _text("limit_price", 40),
        _number("limit_units"),
        _text("hold_id", 36),
        _number("hold_amount"),
        _number("expire_at"),
        _small("state"),
        sa.Column("settled", sa.Boolean, nullable=False),
        _text("attempt_id", 36),
        _number("attempt_until"),
        _small("attempts"),
        _number("retry_at"),
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
    op.create_index("orders_by_state", "orders", ["user_id", "state", "order_id"])
    op.create_index("orders_by_asset", "orders", ["user_id", "asset_id", "order_id"])
    _partial_index("orders_unsettled", ["leased_until"], "NOT settled AND state <> 4")
    _partial_index("orders_open", ["asset_id", "side", "limit_units"], "state = 4")
    _partial_index("orders_expiry", ["expire_at"], "state = 4")
    op.create_table(
        "order_events",
        sa.Column("order_id", sa.String(36), primary_key=True),
        sa.Column("revision", sa.BigInteger, primary_key=True),
        _small("state"),
        _small("reason"),
        _text("trace_id", 32),
        _number("created_at"),
    )
