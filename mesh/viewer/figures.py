"""Rate, errors and durations, per method and per edge of the service map."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field

MAX_SERIES = 500
TARGET_BUCKETS = 60
MAX_BUCKETS = 2_000
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400)

_RED = """
SELECT s.service, s.name, (s.start_us - :start) / :step, s.error, s.duration_class,
       sum(t.weight), avg(s.duration_us), max(s.duration_us), t.trace_id
FROM spans s INDEXED BY spans_calls JOIN traces t ON t.no = s.trace_no
WHERE s.kind >= 2 AND s.kind IN (2, 5) AND s.start_us >= :start AND s.start_us < :end
  AND (:service = '' OR s.service = :service) AND (:operation = '' OR s.name = :operation)
GROUP BY 1, 2, 3, 4, 5
"""
_CALLS_OUT = """
SELECT s.service, s.peer, s.error, s.duration_class, sum(t.weight), avg(s.duration_us)
FROM spans s INDEXED BY spans_calls JOIN traces t ON t.no = s.trace_no
WHERE s.kind >= 2 AND s.kind IN (3, 4) AND s.peer <> ''
  AND s.start_us >= :start AND s.start_us < :end
  AND (s.peer LIKE 'db:%' OR substr(s.peer, 4) IN (SELECT service FROM operations)
       OR NOT EXISTS (SELECT 1 FROM spans c WHERE c.trace_no = s.trace_no
                      AND c.parent_id = s.span_id AND c.kind IN (2, 5)))
GROUP BY 1, 2, 3, 4
"""
# Who called, where the caller's span does not say whom it called.
_CALLS_IN = """
SELECT coalesce(p.service, CASE s.parent_id WHEN '' THEN 'outside' ELSE '' END) AS caller,
       s.service, s.error, s.duration_class, sum(t.weight), avg(s.duration_us)
FROM spans s JOIN traces t ON t.no = s.trace_no
LEFT JOIN spans p ON p.trace_no = s.trace_no AND p.span_id = s.parent_id
WHERE s.kind >= 2 AND s.kind IN (2, 5) AND s.start_us >= :start AND s.start_us < :end
  AND caller <> '' AND caller <> s.service
  AND (p.peer IS NULL OR p.peer = '' OR p.peer <> 'to:' || s.service)
GROUP BY 1, 2, 3, 4
"""


@dataclass(slots=True)
class Tally:
    """Calls that are counted together."""

    count: float = 0
    errors: float = 0
    _classes: dict[int, tuple[float, float]] = field(default_factory=dict)
    exemplar: tuple[bool, int, str] = (False, -1, "")
    """Of all calls the first by: failed, slowest. With its trace."""

    def add(self, error: bool, duration_class: int, weight: float, mean_us: float) -> None:
        """Counts calls of one duration class."""
        self.count += weight
        self.errors += weight if error else 0
        had, mean = self._classes.get(duration_class, (0.0, 0.0))
        together = had + weight
        self._classes[duration_class] = together, (had * mean + weight * mean_us) / together

    def percentile(self, share: float) -> int:
        """The duration in µs that a share of the calls did not exceed."""
        # Weights are fractions: their sum may fall short by rounding.
        left = share * self.count - 1e-9
        found = 0.0
        for _, (weight, mean) in sorted(self._classes.items()):
            found = mean
            left -= weight
            if left <= 0:
                break
        return round(found)

    def as_json(self, seconds: float) -> dict[str, object]:
        """As API.md describes it, over a time."""
        return {
            "count": round(self.count),
            "errors": round(self.errors),
            "rate": round(self.count / seconds, 4),
            "errorShare": round(self.errors / self.count, 6) if self.count else 0,
            "p50": self.percentile(0.5),
            "p95": self.percentile(0.95),
            "p99": self.percentile(0.99),
        }


def step_us(start_us: int, end_us: int, wanted_us: float | None) -> int:
    """The width of a bucket: as wanted, at least so that there are not too many."""
    span = max(end_us - start_us, 1)
    least = math.ceil(span / MAX_BUCKETS)
    if wanted_us is not None:
        return max(int(wanted_us), least, 1)
    return next((s * 1_000_000 for s in _STEPS_S if s * 1e6 * TARGET_BUCKETS >= span), least)


@dataclass(frozen=True, slots=True)
class Window:
    """What figures are asked for: a time, and perhaps one service and operation only."""

    start_us: int
    end_us: int
    step_us: int
    service: str = ""
    operation: str = ""


def red(connection: sqlite3.Connection, window: Window) -> dict[str, object]:
    """Rate, errors, durations of server spans per service and operation, in buckets."""
    start_us, end_us, step = window.start_us, window.end_us, window.step_us
    values = {
        "start": start_us,
        "end": end_us,
        "step": step,
        "service": window.service,
        "operation": window.operation,
    }
    series: dict[tuple[str, str], dict[int, Tally]] = {}
    for row in connection.execute(_RED, values):
        tally = series.setdefault((row[0], row[1]), {}).setdefault(row[2], Tally())
        tally.add(bool(row[3]), row[4], row[5], row[6])
        tally.exemplar = max(tally.exemplar, (bool(row[3]), row[7], row[8]))
    # More series than anybody can look at: hostile or broken names.
    found = sorted(series.items())[:MAX_SERIES]
    return {
        "start": start_us,
        "end": end_us,
        "step": step,
        "series": [
            {
                "service": key[0],
                "operation": key[1],
                "total": _total(buckets.values()).as_json(max(end_us - start_us, 1) / 1e6),
                "buckets": [
                    {
                        "start": start_us + bucket * step,
                        **tally.as_json(step / 1e6),
                        "exemplar": _exemplar(tally),
                    }
                    for bucket, tally in sorted(buckets.items())
                ],
            }
            for key, buckets in found
        ],
    }


def _exemplar(tally: Tally) -> dict[str, object]:
    error, duration, trace_id = tally.exemplar
    return {"traceID": trace_id, "duration": duration, "error": error}


def _total(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.count += tally.count
        total.errors += tally.errors
        for number, (weight, mean) in tally._classes.items():
            had, before = total._classes.get(number, (0.0, 0.0))
            together = had + weight
            total._classes[number] = together, (had * before + weight * mean) / together
    return total


def edges(
    connection: sqlite3.Connection, start_us: int, end_us: int
) -> dict[tuple[str, str], Tally]:
    """Calls by caller and callee; a callee is `db:…`, `to:…` (sends no spans) or a service."""
    values = {"start": start_us, "end": end_us}
    services = {row[0] for row in connection.execute("SELECT DISTINCT service FROM operations")}
    found: dict[tuple[str, str], Tally] = {}
    for caller, callee, error, number, weight, mean in connection.execute(_CALLS_IN, values):
        found.setdefault((caller, callee), Tally()).add(bool(error), number, weight, mean)
    for caller, peer, error, number, weight, mean in connection.execute(_CALLS_OUT, values):
        callee = peer[3:] if peer.startswith("to:") and peer[3:] in services else peer
        found.setdefault((caller, callee), Tally()).add(bool(error), number, weight, mean)
    return found


def service_map(connection: sqlite3.Connection, start_us: int, end_us: int) -> dict[str, object]:
    """Nodes and edges as API.md describes them."""
    found = edges(connection, start_us, end_us)
    seconds = max(end_us - start_us, 1) / 1e6
    names = {name for pair in found for name in pair}
    return {
        "start": start_us,
        "end": end_us,
        "nodes": [
            {"name": _shown(name), "kind": _kind(name)}
            for name in sorted(names, key=lambda name: (_kind(name), name))
        ],
        "edges": [
            {"parent": _shown(parent), "child": _shown(child), **_edge(tally, seconds)}
            for (parent, child), tally in sorted(found.items())
        ],
    }


def _edge(tally: Tally, seconds: float) -> dict[str, object]:
    found = tally.as_json(seconds)
    del found["p99"]
    return found


def _kind(name: str) -> str:
    match name.partition(":"):
        case ["db", ":", _]:
            return "database"
        case ["to", ":", _]:
            return "external"
        case ["outside", "", _]:
            return "outside"
        case _:
            return "service"


def _shown(name: str) -> str:
    return name[3:].strip() if _kind(name) in ("database", "external") else name


def dependencies(
    connection: sqlite3.Connection, start_us: int, end_us: int
) -> list[dict[str, object]]:
    """Who called which service how often, as Jaeger tells it."""
    return [
        {"parent": parent, "child": child, "callCount": round(tally.count)}
        for (parent, child), tally in sorted(edges(connection, start_us, end_us).items())
        if _kind(parent) == _kind(child) == "service"
    ]
