"""A trace and log lines as text, for a terminal. Pure: no I/O, no clock."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

MIN_WIDTH = 60
_TIME_WIDTH = 9
_RESET, _RED, _DIM, _BOLD = "\x1b[0m", "\x1b[31m", "\x1b[2m", "\x1b[1m"
_SERVICE_COLOURS = ("\x1b[36m", "\x1b[33m", "\x1b[35m", "\x1b[32m", "\x1b[34m", "\x1b[96m")
_LEVEL_COLOURS = {"ERROR": _RED, "CRITICAL": _RED, "WARNING": "\x1b[33m", "DEBUG": _DIM}
_PARTS = " ▏▎▍▌▋▊▉"
_FRONT = ("time", "level", "service", "event")

Json = Mapping[str, Any]


def shown(text: str, width: int | None = None) -> str:
    """Text that is safe on a terminal: control characters are replaced, what is long is cut."""
    kept = text if width is None else text[: width + 1]
    safe = "".join("�" if unicodedata.category(char) in ("Cc", "Cf") else char for char in kept)
    return safe if width is None or len(safe) <= width else safe[: width - 1] + "…"


def duration(microseconds: float) -> str:
    """A duration in the unit that suits it."""
    if microseconds < 1_000:
        return f"{microseconds:.0f} µs"
    if microseconds < 1_000_000:
        return f"{microseconds / 1_000:.1f} ms"
    return f"{microseconds / 1_000_000:.2f} s"


@dataclass(frozen=True, slots=True)
class _Row:
    span: Json
    depth: int
    service: str


def _rows(trace: Json) -> Iterator[_Row]:
    """The spans as a tree, depth first; those whose parent is missing stand at the top."""
    spans = {span["spanID"]: span for span in trace["spans"]}
    children: dict[str, list[Json]] = {}
    tops: list[Json] = []
    for span in spans.values():
        parent = _parent(span)
        if parent in spans and parent != span["spanID"]:
            children.setdefault(parent, []).append(span)
        else:
            tops.append(span)
    seen: set[str] = set()
    # The second time for those in a circle, which hang on no top.
    for starts in (tops, list(spans.values())):
        stack = [(span, 0) for span in reversed(starts)]
        while stack:
            span, depth = stack.pop()
            if span["spanID"] in seen:
                continue
            seen.add(span["spanID"])
            process = trace["processes"].get(span["processID"], {})
            yield _Row(span, depth, str(process.get("serviceName", "")))
            below = children.get(span["spanID"], [])
            stack += [(child, depth + 1) for child in reversed(below)]


def _parent(span: Json) -> str:
    for reference in span["references"]:
        if reference["refType"] == "CHILD_OF" and reference["traceID"] == span["traceID"]:
            return str(reference["spanID"])
    return ""


def _tag(span: Json, *keys: str) -> str:
    found = {tag["key"]: tag["value"] for tag in span["tags"] if tag["key"] in keys}
    return next((str(found[key]) for key in keys if key in found), "")


def _is_error(span: Json) -> bool:
    return any(tag["key"] == "error" and tag["value"] is True for tag in span["tags"])


def _bar(start: float, length: float, width: int) -> str:
    """A bar from a start to an end, both as shares of the width."""
    begin = min(int(start * width), width - 1)
    eighths = max(round((start + length) * width * 8) - begin * 8, 1)
    full, part = divmod(min(eighths, (width - begin) * 8), 8)
    return (" " * begin + "█" * full + (_PARTS[part] if part else "")).ljust(width)[:width]


def waterfall(trace: Json, width: int = 120, *, colour: bool = False) -> str:
    """A trace as text: its tree, a bar for each span, durations and errors.

    Args:
        trace: one trace in Jaeger's JSON, an item of `data` of `/api/traces/{id}`.
        width: of the terminal in characters; less than `MIN_WIDTH` counts as that.
        colour: whether to use ANSI colours.
    """
    rows = list(_rows(trace))
    if not rows:
        return f"trace {trace['traceID']}: no spans"
    start = min(row.span["startTime"] for row in rows)
    end = max(row.span["startTime"] + row.span["duration"] for row in rows)
    services = list(dict.fromkeys(row.service for row in rows))
    paint = _Painter(colour, services)
    lines = [_head(trace, rows, start, end, paint)]
    width = max(width, MIN_WIDTH)
    service_width = min(max(len(service) for service in services), 14)
    name_width = (width - service_width) * 55 // 100
    bar_width = max(width - service_width - name_width - _TIME_WIDTH - 5, 10)
    for row in rows:
        span, error = row.span, _is_error(row.span)
        indent = "  " * min(row.depth, name_width // 4)
        name = indent + span["operationName"].removeprefix("tradewind.")
        why = _tag(span, "error.type", "rpc.response.status_code", "http.response.status_code")
        mark = shown(f" ✗ {why}", name_width // 2) if error else ""
        label = (shown(name, name_width - len(mark)) + mark).ljust(name_width)
        whole = max(end - start, 1)
        bar = _bar((span["startTime"] - start) / whole, span["duration"] / whole, bar_width)
        lines.append(
            f"{paint.service(row.service, service_width)}  {paint.error(label, error)} "
            f"│{paint.bar(bar, row.service, error)}│{duration(span['duration']):>{_TIME_WIDTH}}"
        )
    for warning in trace.get("warnings") or ():
        lines.append(shown(f"! {warning}"))
    return "\n".join(lines)


def _head(trace: Json, rows: Sequence[_Row], start: int, end: int, paint: _Painter) -> str:
    errors = sum(_is_error(row.span) for row in rows)
    began = datetime.fromtimestamp(start / 1e6, UTC).isoformat(" ", "milliseconds")
    parts = [
        f"trace {trace['traceID']}",
        f"{len(rows)} spans",
        f"{len({row.service for row in rows})} services",
        duration(end - start),
        began.replace("+00:00", "Z"),
    ]
    if errors:
        parts.append(f"{errors} errors" if errors > 1 else "1 error")
    return paint.bold(" · ".join(parts))


class _Painter:
    def __init__(self, colour: bool, services: Sequence[str]) -> None:
        self._colour = colour
        count = len(_SERVICE_COLOURS)
        self._services = {
            name: _SERVICE_COLOURS[place % count] for place, name in enumerate(services)
        }

    def _wrap(self, text: str, code: str) -> str:
        return f"{code}{text}{_RESET}" if self._colour else text

    def bold(self, text: str) -> str:
        return self._wrap(text, _BOLD)

    def service(self, name: str, width: int) -> str:
        return self._wrap(shown(name, width).ljust(width), self._services[name])

    def error(self, text: str, error: bool) -> str:
        return self._wrap(text, _RED) if error else text

    def bar(self, bar: str, service: str, error: bool) -> str:
        return self._wrap(bar, _RED if error else self._services[service])


def log_line(line: str, *, colour: bool = False, utc_date: bool = False) -> str:
    """A line of a process's log for people; what is not JSON is shown as it is.

    Args:
        line: as it stands in the file: the services' JSON, or Envoy's.
        colour: whether to use ANSI colours.
        utc_date: whether to show the date, not only the time.
    """
    fields = _fields(line)
    if fields is None:
        return shown(line.rstrip("\n"))
    time = str(fields.get("time", ""))
    level = str(fields.get("level", "INFO"))
    clock = time[:10] + " " + time[11:23] if utc_date else time[11:23]
    head = f"{shown(clock)} {shown(level, 8):8} {shown(str(fields.get('service', '')), 12):12}"
    rest = " ".join(
        f"{shown(key)}={shown(_value(value))}"
        for key, value in fields.items()
        if key not in (*_FRONT, "stack") and value not in (None, "", "-")
    )
    event = shown(str(fields.get("event", "")))
    stack = str(fields.get("stack", ""))
    below = "".join(f"\n    {shown(row)}" for row in stack.splitlines())
    if not colour:
        return f"{head} {event} {rest}".rstrip() + below
    painted = f"{_LEVEL_COLOURS.get(level, '')}{head}{_RESET} {_BOLD}{event}{_RESET}"
    return f"{painted} {_DIM}{rest}{_RESET}{below}"


def _fields(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
