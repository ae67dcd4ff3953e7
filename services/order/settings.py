"""What the order service is told from outside."""

from __future__ import annotations

from pydantic import Field

from mesh.runtime.settings import ServiceSettings


class OrderSettings(ServiceSettings):
    """Settings of orders, beside those of every service; its peers are `inventory` and `user`."""

    notional_limit_cents: int = Field(default=1_000_000, gt=0, le=10**15)
    """Most that one order may be worth at the executed price."""
    attempt_s: float = Field(default=10, ge=0, le=60)
    """Seconds after which an attempt that has not passed its pivot is given up."""
    lease_s: float = Field(default=5, ge=0, le=60)
    """Seconds that whoever drives an order has it to itself."""
    sweep_interval_s: float = Field(default=0.5, gt=0, le=60)
    """Seconds between two looks for orders that nobody drives."""
    tick_interval_s: float = Field(default=1, gt=0, le=60)
    """Seconds between two looks at the prices for open orders."""
