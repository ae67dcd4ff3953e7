"""Assets with their prices, stock, attempts, and the lease of the market's writer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXTS = [
    "price",
    "high_24h",
    "low_24h",
    "change_24h",
    "volume_24h",
    "change_percent_1h",
    "change_percent_24h",
    "change_percent_7d",
    "change_percent_30d",
    "market_cap",
    "circulating_supply",
    "total_supply",
    "max_supply",
    "all_time_high",
    "all_time_low",
]
TIMES = ("price_time", "all_time_high_time", "all_time_low_time", "update_time")


def upgrade() -> None:
    """Creates all tables."""
    op.create_table(
        "assets",
        sa.Column("asset_id", sa.String(10), primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("category", sa.String(40), nullable=False),
        sa.Column("rank", sa.Integer, nullable=False, unique=True),
        sa.Column("price_scale", sa.Integer, nullable=False),
        sa.Column("quantity_scale", sa.Integer, nullable=False),
        *(sa.Column(name, sa.String(40), nullable=False) for name in TEXTS),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in TIMES),
        sa.CheckConstraint("asset_id <> 'USD'", name="assets_not_dollars"),
    )
    op.create_index("assets_by_category", "assets", ["category", "rank"])
    op.create_table(
        "stock",
        sa.Column("asset_id", sa.String(10), primary_key=True),
        sa.Column("available", sa.BigInteger, nullable=False),
        sa.Column("reserved", sa.BigInteger, nullable=False),
        sa.Column("put_in", sa.BigInteger, nullable=False),
        sa.CheckConstraint("available >= 0", name="stock_available"),
        sa.CheckConstraint("reserved >= 0", name="stock_reserved"),
        sa.CheckConstraint("put_in >= 0", name="stock_put_in"),
    )
    op.create_table(
        "attempts",
        sa.Column("attempt_id", sa.String(64), primary_key=True),
        sa.Column("asset_id", sa.String(10), nullable=False),
        sa.Column("side", sa.Integer, nullable=False),
        sa.Column("quantity", sa.BigInteger, nullable=False),
        sa.Column("price", sa.String(40), nullable=False),
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("reason", sa.Integer, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
