"""Configuration from the environment, prefix `TRADEWIND_VIEWER_`.

By hand and not by pydantic, which would take a fifth of the viewer's memory budget.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

PREFIX = "TRADEWIND_VIEWER_"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class SettingsError(ValueError):
    """A variable is missing or wrong; the text names it."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: a loopback host and a port (0: any free one)."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Reads `host:port`; raises ValueError for anything but loopback."""
        host, _, port = text.rpartition(":")
        if host not in LOOPBACK:
            raise ValueError(f"must be a port of {', '.join(LOOPBACK)}: nobody is asked who reads")
        if not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError("must be host:port")
        return cls(host.strip("[]"), int(port))

    def __str__(self) -> str:
        """As `host:port`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ViewerSettings:
    """What the viewer is told from outside; each field is a variable in capitals."""

    store: Path
    """The SQLite file of traces and logs; made when it is not there."""
    http_listen: Address = Address("127.0.0.1", 8081)
    """Where the page and the query API are served."""
    otlp_grpc_listen: Address = Address("127.0.0.1", 8082)
    """Where OTLP arrives by gRPC, without TLS."""
    otlp_http_listen: Address = Address("127.0.0.1", 8083)
    """Where OTLP arrives by HTTP."""
    max_age_s: float = 86_400
    """Traces and logs that came longer ago are deleted."""
    max_bytes: int = 256 << 20
    """Size of the store above which the oldest is deleted."""
    sample_share: float = 1.0
    """Share, 0 to 1, of the traces kept that are neither erroneous nor slow."""
    slow_ms: float = 500
    """A trace or span that takes longer is slow, and always kept."""
    log_level: str = "INFO"
    """Least level of the viewer's own log lines."""


def _number(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = float(text)
        if not least <= value <= most:
            raise ValueError(f"must be from {least:g} to {most:g}")
        return value

    return read


def _level(text: str) -> str:
    if text not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
    return text


_READERS: Mapping[str, Callable[[str], object]] = {
    "store": Path,
    "http_listen": Address.parse,
    "otlp_grpc_listen": Address.parse,
    "otlp_http_listen": Address.parse,
    "max_age_s": _number(1, 10 * 366 * 86_400),
    "max_bytes": lambda text: int(_number(1 << 20, 1 << 40)(text)),
    "sample_share": _number(0, 1),
    "slow_ms": _number(0, 3_600_000),
    "log_level": _level,
}


def load_viewer_settings(environment: Mapping[str, str]) -> ViewerSettings:
    """Reads the settings.

    Raises:
        SettingsError: the store is not named or a value is wrong.
    """
    found: dict[str, object] = {}
    for field in fields(ViewerSettings):
        name = PREFIX + field.name.upper()
        if name not in environment:
            continue
        try:
            found[field.name] = _READERS[field.name](environment[name])
        except ValueError as error:
            raise SettingsError(f"{name}: {error}") from error
    if "store" not in found:
        raise SettingsError(f"{PREFIX}STORE: must name a file")
    return ViewerSettings(**found)  # type: ignore[arg-type]  # each reader answers its field's type
