"""Assets as this service knows them, and the bundled sample snapshot they begin from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from pathlib import Path

SNAPSHOT = Path(__file__).parent / "snapshot.json"
INITIAL_DOLLARS = Decimal(50_000_000)
"""What the first stock of each asset is worth at the snapshot's price."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset with its market data; decimals as text, times in microseconds since 1970."""

    asset_id: str
    name: str
    category: str
    rank: int
    price_scale: int
    quantity_scale: int
    price: str
    high_24h: str
    low_24h: str
    change_24h: str
    volume_24h: str
    change_percent_1h: str
    change_percent_24h: str
    change_percent_7d: str
    change_percent_30d: str
    market_cap: str
    circulating_supply: str
    total_supply: str
    max_supply: str
    all_time_high: str
    all_time_low: str
    all_time_high_time: int
    all_time_low_time: int
    price_time: int = 0
    update_time: int = 0


def initial_units(asset: Asset) -> int:
    """Atomic units of the first stock, rounded down; they fit 63 bits for the snapshot."""
    units = (INITIAL_DOLLARS / Decimal(asset.price)).scaleb(asset.quantity_scale)
    return int(units.quantize(Decimal(1), rounding=ROUND_DOWN))


def _microseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000


def load_snapshot(path: Path = SNAPSHOT) -> list[Asset]:
    """The bundled sample assets, by rank; their prices have no time yet."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    for row in rows:
        for name in ("all_time_high_time", "all_time_low_time"):
            row[name] = _microseconds(row[name])
    return [Asset(**row) for row in rows]
