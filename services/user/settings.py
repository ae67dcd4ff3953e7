"""Configuration of the user service."""

from __future__ import annotations

from mesh.runtime.settings import ServiceSettings


class UserSettings(ServiceSettings):
    """Nothing beyond what every service is told; its peer is `inventory`."""
