"""What the inventory service is told from outside."""

from __future__ import annotations

from pydantic import Field

from mesh.runtime.settings import ServiceSettings


class InventorySettings(ServiceSettings):
    """Settings of market data, beside those of every service."""

    tick_interval_s: float = Field(default=2, gt=0, le=60)
    """Seconds between two sets of prices."""
    price_max_age_s: float = Field(default=30, gt=0, le=3600)
    """Seconds after which a price no longer trades."""
    seed: int = 1
    """The simulated market's random seed."""
