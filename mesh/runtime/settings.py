"""Configuration from the environment, prefix `TRADEWIND_`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "TRADEWIND_"


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("must be host:port")
    return text


Address = Annotated[str, AfterValidator(_address)]


class ServiceSettings(BaseSettings):
    """What every service is told from outside."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    listen: Address
    """Where gRPC is served, mTLS only."""
    http_listen: Address
    """Where `/livez`, `/readyz` and `/metrics` are served, plain; loopback or pod only."""
    identity: Path
    """The folder with `ca.pem`, `cert.pem` and `key.pem`."""
    database_url: str
    """`sqlite:////path/to/file` or `postgresql://…`; each service has its own file or schema."""
    peers: dict[str, list[Address]] = Field(default_factory=dict)
    """JSON: the addresses of the services this one calls, by workload."""
    otlp_endpoint: str = ""
    """`host:port` of an OTLP gRPC collector; empty exports no spans."""
    sample_ratio: float = Field(default=1.0, ge=0, le=1)
    """Share of traces begun in this process that are sampled."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    drain_s: float = Field(default=0.5, ge=0, le=60)
    """Seconds between saying "not serving" and refusing new calls."""
    grace_s: float = Field(default=10, ge=0, le=300)
    """Most seconds that running calls may take to finish at shutdown."""


Settings = TypeVar("Settings", bound=BaseSettings)


def load_settings(kind: type[Settings]) -> Settings:
    """Reads settings, or ends the process with a message that names each wrong variable."""
    try:
        return kind()
    except ValidationError as error:
        for problem in error.errors():
            name = PREFIX + "_".join(str(part) for part in problem["loc"][:1]).upper()
            print(f"{name}: {problem['msg']}", file=sys.stderr)
        sys.exit(2)
