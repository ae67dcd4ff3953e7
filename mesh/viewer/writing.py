"""Writes traces and logs, and deletes the oldest. For one thread only."""

from __future__ import annotations

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

from mesh.viewer.keeping import MAX_SPANS_A_TRACE
from mesh.viewer.otlp import LogRow, SpanRow
from mesh.viewer.schema import open_writer, transaction
from mesh.viewer.summary import Summary, summarise

_TOUCH_US = 60_000_000
"""How often the last use of a source or an operation is written down."""
_MAX_REMEMBERED = 2_000
_PRUNED_SHARE = 0.05
"""The share of all traces that goes at once when the store is full."""

_FIND_TRACES = "SELECT trace_id FROM traces WHERE trace_id IN (SELECT value FROM json_each(?))"
_READ_TRACES = """
SELECT no, weight, trace_id, start_us, end_us, span_count, error_count,
       root_service, root_name, root_start_us, has_root, services
FROM traces WHERE trace_id IN (SELECT value FROM json_each(?))"""
_FIND_SPANS = """
SELECT span_id FROM spans WHERE trace_no = ? AND span_id IN (SELECT value FROM json_each(?))"""
_INSERT_TRACE = """
INSERT INTO traces (start_us, end_us, span_count, error_count, root_service, root_name,
                    root_start_us, has_root, services, weight, trace_id, seen_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING no"""
_UPDATE_TRACE = """
UPDATE traces SET start_us = ?, end_us = ?, span_count = ?, error_count = ?, root_service = ?,
       root_name = ?, root_start_us = ?, has_root = ?, services = ?, weight = ? WHERE no = ?"""
_INSERT_SPAN = """
INSERT INTO spans (trace_no, span_id, parent_id, kind, service, peer, name, start_us,
                   duration_us, duration_class, error, source, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_INSERT_TERM = "INSERT OR IGNORE INTO terms (term, trace_no) VALUES (?, ?)"
_PUT_SOURCE = """
INSERT INTO sources (digest, body, seen_us) VALUES (?, ?, ?)
ON CONFLICT (digest) DO UPDATE SET seen_us = excluded.seen_us RETURNING id"""
_PUT_OPERATION = """
INSERT INTO operations (service, name, kind, seen_us) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET seen_us = excluded.seen_us"""
_INSERT_LOG = "INSERT INTO logs (trace_id, time_us, seen_us, source, body) VALUES (?, ?, ?, ?, ?)"


class _Remembered:
    """What was written down lately, so that it need not be written again."""

    def __init__(self) -> None:
        self._found: OrderedDict[object, tuple[int, int]] = OrderedDict()

    def get(self, key: object, now_us: int) -> int | None:
        """The id under a key, unless it was put long ago."""
        found = self._found.get(key)
        return found[0] if found is not None and now_us - found[1] < _TOUCH_US else None

    def put(self, key: object, number: int, now_us: int) -> None:
        self._found[key] = number, now_us
        self._found.move_to_end(key)
        while len(self._found) > _MAX_REMEMBERED:
            self._found.popitem(last=False)

    def clear(self) -> None:
        self._found.clear()


class StoreWriter:
    """The store's one writer."""

    def __init__(self, path: Path) -> None:
        self._connection = open_writer(path)
        self._sources = _Remembered()
        self._operations = _Remembered()

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def known(self, trace_ids: Sequence[str]) -> set[str]:
        """Those of the traces that are stored."""
        rows = self._connection.execute(_FIND_TRACES, (json.dumps(trace_ids),))
        return {row[0] for row in rows}

    def add_spans(
        self, groups: Mapping[str, Sequence[SpanRow]], weights: Mapping[str, float], now_us: int
    ) -> tuple[dict[str, Summary], int]:
        """Stores spans by trace; those that are stored already are left alone.

        Returns:
            The summary of each trace that changed, and how many spans found no room in
            theirs.
        """
        try:
            with transaction(self._connection):
                return self._add_spans(groups, weights, now_us)
        except sqlite3.Error:
            # What was remembered may have been rolled back.
            self._sources.clear()
            self._operations.clear()
            raise

    def _add_spans(
        self, groups: Mapping[str, Sequence[SpanRow]], weights: Mapping[str, float], now_us: int
    ) -> tuple[dict[str, Summary], int]:
        changed: dict[str, Summary] = {}
        spans: list[tuple[object, ...]] = []
        terms: list[tuple[int, int]] = []
        dropped = 0
        before = self._stored(groups)
        for trace_id, rows in groups.items():
            number, had_weight, summary = before.get(trace_id, (0, 1e9, None))
            fresh = self._fresh(number, rows)
            room = MAX_SPANS_A_TRACE - (summary.span_count if summary else 0)
            dropped += max(len(fresh) - room, 0)
            fresh = fresh[: max(room, 0)]
            if not fresh:
                continue
            added = summarise(fresh)
            summary = summary.merged(added) if summary else added
            weight = min(had_weight, weights[trace_id])
            number = self._put_trace(number, summary, weight, now_us)
            spans += (self._span(number, row, now_us) for row in fresh)
            found = frozenset[int]().union(*(row.terms for row in fresh))
            terms += ((one, number) for one in found)
            changed[trace_id] = summary
        self._connection.executemany(_INSERT_SPAN, spans)
        self._connection.executemany(_INSERT_TERM, terms)
        return changed, dropped

    def _stored(self, trace_ids: Iterable[str]) -> dict[str, tuple[int, float, Summary | None]]:
        rows = self._connection.execute(_READ_TRACES, (json.dumps(list(trace_ids)),))
        return {row[2]: (row[0], row[1], summary_of(row[2:])) for row in rows}

    def _fresh(self, number: int, rows: Sequence[SpanRow]) -> list[SpanRow]:
        unique = {row.span_id: row for row in rows}
        if number:
            ids = json.dumps(list(unique))
            for (span_id,) in self._connection.execute(_FIND_SPANS, (number, ids)):
                del unique[span_id]
        return list(unique.values())

    def _put_trace(self, number: int, summary: Summary, weight: float, now_us: int) -> int:
        values = (
            summary.start_us,
            summary.end_us,
            summary.span_count,
            summary.error_count,
            summary.root_service,
            summary.root_name,
            summary.root_start_us,
            summary.has_root,
            json.dumps(summary.services),
            weight,
        )
        if number:
            self._connection.execute(_UPDATE_TRACE, (*values, number))
            return number
        found = self._connection.execute(_INSERT_TRACE, (*values, summary.trace_id, now_us))
        return int(found.fetchone()[0])

    def _span(self, number: int, row: SpanRow, now_us: int) -> tuple[object, ...]:
        self._note_operation(row, now_us)
        return (
            number,
            row.span_id,
            row.parent_id,
            row.kind,
            row.service,
            row.peer,
            row.name,
            row.start_us,
            row.duration_us,
            row.duration_class,
            row.error,
            self._source(row.source, now_us),
            row.body,
        )

    def _note_operation(self, row: SpanRow, now_us: int) -> None:
        key = row.service, row.name, row.kind
        if self._operations.get(key, now_us) is None:
            self._connection.execute(_PUT_OPERATION, (*key, now_us))
            self._operations.put(key, 1, now_us)

    def _source(self, body: bytes, now_us: int) -> int:
        digest = int.from_bytes(blake2b(body, digest_size=8).digest(), "big", signed=True)
        found = self._sources.get(digest, now_us)
        if found is None:
            row = self._connection.execute(_PUT_SOURCE, (digest, body, now_us)).fetchone()
            found = int(row[0])
            self._sources.put(digest, found, now_us)
        return found

    def add_logs(self, rows: Sequence[LogRow], now_us: int) -> None:
        """Stores log records."""
        with transaction(self._connection):
            self._connection.executemany(
                _INSERT_LOG,
                [
                    (row.trace_id, row.time_us, now_us, self._source(row.source, now_us), row.body)
                    for row in rows
                ],
            )

    def size_bytes(self) -> int:
        """How much of the file is in use."""
        pages, free, size = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def prune(self, oldest_us: int, max_bytes: int) -> int:
        """Deletes what came before a moment, then the oldest until the rest fits.

        Returns:
            How many traces went.
        """
        gone = self._delete_before(oldest_us)
        while self.size_bytes() > max_bytes:
            found = list(islice(self._cutoffs(), 1))
            if not found:
                break
            gone += self._delete_before(found[0])
        # Hands free pages back to the file system; `execute` would free a single one.
        self._connection.executescript("PRAGMA incremental_vacuum")
        return gone

    def _cutoffs(self) -> Iterator[int]:
        """The moment before which the oldest share of traces came, or else of logs."""
        for table in ("traces", "logs"):
            count = self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
            if count:
                offset = min(max(int(count * _PRUNED_SHARE), 1), count - 1)
                row = self._connection.execute(
                    f"SELECT seen_us FROM {table} ORDER BY no LIMIT 1 OFFSET ?",  # noqa: S608
                    (offset,),
                ).fetchone()
                # At least one goes, also when all came at the same moment.
                yield int(row[0]) + 1

    def _delete_before(self, oldest_us: int) -> int:
        connection = self._connection
        with transaction(connection):
            row = connection.execute(
                "SELECT max(no), count(*) FROM traces WHERE seen_us < ?", (oldest_us,)
            ).fetchone()
            if row[1]:
                connection.execute("DELETE FROM traces WHERE no <= ?", (row[0],))
                connection.execute("DELETE FROM spans WHERE trace_no <= ?", (row[0],))
                connection.execute("DELETE FROM terms WHERE trace_no <= ?", (row[0],))
            connection.execute("DELETE FROM logs WHERE seen_us < ?", (oldest_us,))
            unused = oldest_us - 2 * _TOUCH_US
            connection.execute("DELETE FROM sources WHERE seen_us < ?", (unused,))
            connection.execute("DELETE FROM operations WHERE seen_us < ?", (unused,))
        self._sources.clear()
        self._operations.clear()
        return int(row[1])


def summary_of(row: Sequence[Any]) -> Summary:
    """A summary from the columns `trace_id … services`."""
    services = {name: (had[0], had[1]) for name, had in json.loads(row[-1]).items()}
    return Summary(*(*row[:-1], services))
