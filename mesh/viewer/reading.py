"""Reads the store: search, single traces, logs, and what they are made of.

One reader for each thread that reads.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from mesh.viewer.jaeger import StoredSpan
from mesh.viewer.otlp import KINDS, search_pairs, term
from mesh.viewer.query import Search
from mesh.viewer.schema import open_reader
from mesh.viewer.summary import Summary
from mesh.viewer.writing import summary_of

MAX_ANSWER_BYTES = 24 << 20
"""Stored bytes of the spans in one answer; what is beyond is left out and said so."""
MAX_SCANNED = 3_000
"""Traces whose spans are looked at for one search by tags."""
MAX_LOGS = 1_000
MAX_NAMES = 2_000

_SUMMARY = """t.trace_id, t.start_us, t.end_us, t.span_count, t.error_count, t.root_service,
 t.root_name, t.root_start_us, t.has_root, t.services"""
_SPANS = "SELECT source, body FROM spans WHERE trace_no = ? ORDER BY start_us"
_LOGS = (
    "SELECT source, body FROM logs WHERE trace_id = ? AND trace_id <> '' ORDER BY time_us LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class StoredTrace:
    """A trace's spans."""

    trace_id: str
    spans: Sequence[StoredSpan]
    left_out: int
    """How many more there are, too large for one answer."""


@dataclass(frozen=True, slots=True)
class StoredLog:
    """A log record with where it comes from."""

    record: LogRecord
    source: ResourceLogs


class StoreReader:
    """Questions to the store."""

    def __init__(self, path: Path) -> None:
        self._connection = open_reader(path)

    @property
    def connection(self) -> sqlite3.Connection:
        """For queries that are written elsewhere."""
        return self._connection

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def services(self) -> list[str]:
        """All services that sent spans."""
        rows = self._connection.execute(
            "SELECT DISTINCT service FROM operations ORDER BY service LIMIT ?", (MAX_NAMES,)
        )
        return [row[0] for row in rows]

    def operations(self, service: str) -> list[tuple[str, str]]:
        """The names and kinds of a service's spans."""
        rows = self._connection.execute(
            "SELECT name, kind FROM operations WHERE service = ? ORDER BY name, kind LIMIT ?",
            (service, MAX_NAMES),
        )
        return [(name, KINDS.get(kind, "")) for name, kind in rows]

    def search(self, search: Search) -> list[Summary]:
        """The summaries of the traces asked for, newest first."""
        found = list(islice(self._matches(search), search.limit))
        return sorted(found, key=lambda summary: summary.start_us, reverse=True)

    def _matches(self, search: Search) -> Iterator[Summary]:
        statement, values = _search_statement(search)
        rows = self._connection.execute(statement, values)
        if not search.tags or search.trace_ids:
            yield from (summary_of(row[1:]) for row in rows)
            return
        # The index says that all terms are somewhere in the trace: look whether in one span.
        sources: dict[int, ResourceSpans] = {}
        for row in islice(rows, MAX_SCANNED):
            if self._has_span(row[0], search, sources):
                yield summary_of(row[1:])

    def _has_span(self, number: int, search: Search, sources: dict[int, ResourceSpans]) -> bool:
        wanted = set(search.tags)
        rows = self._connection.execute(
            """SELECT source, body FROM spans WHERE trace_no = ?1
               AND (?2 = '' OR service = ?2)
               AND (?3 = '' OR (name = ?3 AND duration_us BETWEEN ?4 AND ?5))""",
            (number, search.service, search.operation, search.min_us, search.max_us),
        )
        for source, body in rows:
            resource = self._source(source, sources).resource
            if wanted.issubset(search_pairs(Span.FromString(body), resource)):
                return True
        return False

    def _source(self, number: int, known: dict[int, ResourceSpans]) -> ResourceSpans:
        if number not in known:
            row = self._connection.execute(
                "SELECT body FROM sources WHERE id = ?", (number,)
            ).fetchone()
            known[number] = ResourceSpans.FromString(row[0]) if row else ResourceSpans()
            if not known[number].scope_spans:
                known[number].scope_spans.add()
        return known[number]

    def trace(self, trace_id: str, budget: int = MAX_ANSWER_BYTES) -> StoredTrace | None:
        """A trace; None when it is not there."""
        row = self._connection.execute(
            "SELECT no, span_count FROM traces WHERE trace_id = ?", (trace_id,)
        ).fetchone()
        if row is None:
            return None
        spans: list[StoredSpan] = []
        sources: dict[int, ResourceSpans] = {}
        for source, body in self._connection.execute(_SPANS, (row[0],)):
            budget -= len(body)
            if budget < 0:
                break
            spans.append(StoredSpan(Span.FromString(body), self._source(source, sources)))
        return StoredTrace(trace_id, spans, row[1] - len(spans))

    def traces(self, search: Search) -> Iterator[StoredTrace]:
        """The traces asked for, newest first, as many as fit into one answer."""
        budget = MAX_ANSWER_BYTES
        for summary in self.search(search):
            found = self.trace(summary.trace_id, budget)
            if found is None:
                continue
            if not found.spans:
                return
            budget -= sum(stored.span.ByteSize() for stored in found.spans)
            yield found

    def logs(self, trace_id: str) -> list[StoredLog]:
        """A trace's log records in time order."""
        sources: dict[int, ResourceLogs] = {}
        found = []
        for source, body in self._connection.execute(_LOGS, (trace_id, MAX_LOGS)):
            if source not in sources:
                row = self._connection.execute(
                    "SELECT body FROM sources WHERE id = ?", (source,)
                ).fetchone()
                sources[source] = ResourceLogs.FromString(row[0]) if row else ResourceLogs()
            found.append(StoredLog(LogRecord.FromString(body), sources[source]))
        return found

    def size(self) -> dict[str, int | None]:
        """How much there is, and when the oldest trace came (µs)."""

        def one(statement: str) -> int:
            return int(self._connection.execute(statement).fetchone()[0])

        used = one("PRAGMA page_count") - one("PRAGMA freelist_count")
        oldest = self._connection.execute(
            "SELECT seen_us FROM traces ORDER BY no LIMIT 1"
        ).fetchone()
        return {
            "traces": one("SELECT count(*) FROM traces"),
            "spans": one("SELECT coalesce(sum(span_count), 0) FROM traces"),
            "logs": one("SELECT count(*) FROM logs"),
            "bytes": used * one("PRAGMA page_size"),
            "oldest": oldest[0] if oldest else None,
        }


def _terms(search: Search) -> list[int]:
    found = [term("tag", key, value) for key, value in search.tags]
    if search.operation and search.service:
        found.append(term("name", search.operation, search.service))
    elif search.operation:
        found.append(term("name", search.operation))
    elif search.service:
        found.append(term("service", search.service))
    if search.errors:
        found.append(term("error"))
    return found


def _search_statement(search: Search) -> tuple[str, dict[str, Any]]:
    if search.trace_ids:
        return (
            f"SELECT t.no, {_SUMMARY} FROM traces t"  # noqa: S608 - fixed texts only, here and below
            " WHERE t.trace_id IN (SELECT value FROM json_each(:ids))",
            {"ids": json.dumps(search.trace_ids)},
        )
    tables, conditions = [], ["t.start_us BETWEEN :start AND :end"]
    values: dict[str, Any] = {
        "start": search.start_us,
        "end": search.end_us,
        "least": search.min_us,
        "most": search.max_us,
        "service": search.service,
        "operation": search.operation,
    }
    for place, number in enumerate(_terms(search)):
        tables.append(f"terms x{place}")
        conditions.append(f"x{place}.term = :term{place}")
        conditions.append(f"x{place}.trace_no = {'x0.trace_no' if place else 't.no'}")
        values[f"term{place}"] = number
    if search.operation:
        conditions.append(
            "EXISTS (SELECT 1 FROM spans s WHERE s.trace_no = t.no AND s.name = :operation"
            " AND (:service = '' OR s.service = :service)"
            " AND s.duration_us BETWEEN :least AND :most)"
        )
    else:
        conditions.append("t.end_us - t.start_us BETWEEN :least AND :most")
    # CROSS JOIN: in this order, so that the first table's index gives the newest first.
    joined = " CROSS JOIN ".join([*tables, "traces t"])
    newest = "x0.trace_no" if tables else "t.no"
    return (
        f"SELECT t.no, {_SUMMARY} FROM {joined}"  # noqa: S608
        f" WHERE {' AND '.join(conditions)} ORDER BY {newest} DESC",
        values,
    )
