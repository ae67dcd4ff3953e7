"""Configuration of the user service."""

from __future__ import annotations

from pydantic import Field

from mesh.runtime.settings import ServiceSettings


class UserSettings(ServiceSettings):
    """Settings of the ledger, beside those of every service; its peer is `inventory`."""

    daily_deposits_cents: int = Field(default=1_000_000, gt=0, le=10**15)
    """Most that one customer may deposit on one UTC day."""
    daily_withdrawals_cents: int = Field(default=500_000, gt=0, le=10**15)
    """Most that one customer may withdraw on one UTC day."""
