"""What a search asks for, read from a URL's parameters."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mesh.viewer.otlp import MAX_NAME

DISTANT_US = (1 << 53) - 1
DEFAULT_LIMIT = 100
MAX_TAGS = 20

_UNITS_US = {
    "ns": 0.001,
    "us": 1.0,
    "µs": 1.0,
    "μs": 1.0,
    "ms": 1e3,
    "s": 1e6,
    "m": 60e6,
    "h": 3600e6,
    "d": 86_400e6,
}
_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(ns|us|µs|μs|ms|s|m|h|d)")
_TRACE_ID = re.compile(r"[0-9a-fA-F]{1,32}")


class QueryError(ValueError):
    """A parameter is wrong; the text names it."""


class Parameters(Protocol):
    """A URL's parameters."""

    def get(self, key: str, /) -> str | None:
        """The first value of a parameter."""

    def getlist(self, key: str, /) -> Sequence[str]:
        """All its values."""


@dataclass(frozen=True, slots=True)
class Search:
    """Which traces are asked for."""

    service: str = ""
    operation: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    min_us: int = 0
    max_us: int = DISTANT_US
    start_us: int = 0
    end_us: int = DISTANT_US
    errors: bool = False
    limit: int = DEFAULT_LIMIT
    trace_ids: tuple[str, ...] = ()


def duration_us(name: str, text: str) -> float:
    """A duration such as `1.5s` or Go's `1m30s`, in µs; raises QueryError."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise QueryError(f"{name}: not a duration such as 1.5s, 200ms or 300us")
    return sum(float(number) * _UNITS_US[unit] for number, unit in parts)


def _integer(parameters: Parameters, name: str, default: int, most: int) -> int:
    text = parameters.get(name)
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise QueryError(f"{name}: not a whole number")
    return min(int(text), most)


def trace_id(text: str) -> str:
    """A trace id in its full length; raises QueryError."""
    if not _TRACE_ID.fullmatch(text):
        raise QueryError("trace id: not up to 32 hex digits")
    return text.lower().zfill(32)


def _tags(parameters: Parameters) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for text in parameters.getlist("tags"):
        found += _json_tags(text) if text.lstrip().startswith("{") else _logfmt_tags(text)
    for text in parameters.getlist("tag"):
        key, separator, value = _split(text)
        if not key or not separator:
            raise QueryError("tag: not key:value")
        found.append((key, value))
    if len(found) > MAX_TAGS:
        raise QueryError(f"tags: more than {MAX_TAGS}")
    return tuple(found)


def _split(text: str) -> tuple[str, str, str]:
    """At the first of `:` and `=`, whichever comes first."""
    place = min((at for at in (text.find(":"), text.find("=")) if at > 0), default=-1)
    return (text[:place], text[place], text[place + 1 :]) if place > 0 else (text, "", "")


def _json_tags(text: str) -> list[tuple[str, str]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise QueryError("tags: not a JSON object of strings") from error
    return [(key, _as_text(value)) for key, value in found.items()]


def _as_text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return str(value)
        case _:
            raise QueryError("tags: not a JSON object of strings")


def _logfmt_tags(text: str) -> list[tuple[str, str]]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise QueryError("tags: a quotation mark is not closed") from error
    found = []
    for word in words:
        key, separator, value = word.partition("=")
        if not key or not separator:
            raise QueryError("tags: not key=value")
        found.append((key, value))
    return found


def time_range(parameters: Parameters, now_us: int, default_us: float) -> tuple[int, int]:
    """`start`, `end` and `lookback` in µs; without them the last `default_us`."""
    end = _integer(parameters, "end", DISTANT_US, DISTANT_US)
    lookback = parameters.get("lookback")
    back = default_us
    # Jaeger's page sends `lookback=custom` when start and end are given.
    if lookback and lookback != "custom":
        back = duration_us("lookback", lookback)
    start = _integer(parameters, "start", max(int(min(end, now_us) - back), 0), DISTANT_US)
    return start, end


def parse_search(parameters: Parameters, now_us: int, most: int) -> Search:
    """Reads a search.

    Raises:
        QueryError: a parameter is wrong.
    """
    start, end = time_range(parameters, now_us, DISTANT_US)
    least, longest = parameters.get("minDuration"), parameters.get("maxDuration")
    return Search(
        service=parameters.get("service") or "",
        operation=_operation(parameters),
        tags=_tags(parameters),
        min_us=int(duration_us("minDuration", least)) if least else 0,
        max_us=int(min(duration_us("maxDuration", longest), DISTANT_US)) if longest else DISTANT_US,
        start_us=start,
        end_us=end,
        errors=flag(parameters, "errors"),
        limit=max(_integer(parameters, "limit", DEFAULT_LIMIT, most), 1),
        trace_ids=tuple(trace_id(text) for text in parameters.getlist("traceID")[:most]),
    )


def _operation(parameters: Parameters) -> str:
    found = (parameters.get("operation") or "")[:MAX_NAME]
    # What Jaeger's page sends for any operation.
    return "" if found == "all" else found


def flag(parameters: Parameters, name: str) -> bool:
    """Whether a switch is on; raises QueryError."""
    match parameters.get(name):
        case None | "" | "false" | "0":
            return False
        case "true" | "1":
            return True
        case _:
            raise QueryError(f"{name}: not true or false")
