"""What the store keeps, joins, and deletes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mesh.viewer import figures, keeping
from mesh.viewer.keeping import WAIT_S, Keeper, in_share
from mesh.viewer.otlp import LogRow, SpanRow, span_rows
from mesh.viewer.query import Search
from mesh.viewer.reading import StoreReader, _search_statement
from mesh.viewer.summary import summarise
from mesh.viewer.writing import StoreWriter
from tests.support.viewer import ORDER, START_US, Sent, request, trace_id

MIB = 1 << 20


def rows(number: int, spans: Sequence[Sent]) -> list[SpanRow]:
    return list(span_rows(request(number, spans)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "traces.db"


@pytest.fixture
def writer(path: Path) -> Iterator[StoreWriter]:
    found = StoreWriter(path)
    yield found
    found.close()


@pytest.fixture
def reader(writer: StoreWriter, path: Path) -> Iterator[StoreReader]:
    found = StoreReader(path)
    yield found
    found.close()


def put(writer: StoreWriter, number: int, spans: Sequence[Sent], now_us: int = 1) -> int:
    """Stores spans of a trace; answers how many found no room."""
    found = {trace_id(number): rows(number, spans)}
    return writer.add_spans(found, {trace_id(number): 1.0}, now_us)[1]


def nobody(_: Sequence[str]) -> set[str]:
    return set()


OK = [Sent("1", duration=100)]
FAILED = [Sent("2", error=True)]


def test_without_a_share_only_erroneous_and_slow_traces_are_kept() -> None:
    keeper = Keeper(share=0, slow_us=1_000)
    assert keeper.sort(rows(1, OK), nobody, 0) == {}
    assert list(keeper.sort(rows(2, FAILED), nobody, 0)) == [trace_id(2)]
    assert list(keeper.sort(rows(3, [Sent("1", duration=1_000)]), nobody, 0)) == [trace_id(3)]


def test_spans_that_are_slow_only_together_are_kept() -> None:
    keeper = Keeper(share=0, slow_us=1_000)
    assert keeper.sort(rows(1, [Sent("1", duration=10)]), nobody, 0) == {}
    late = rows(1, [Sent("2", start=995, duration=10)])
    found = keeper.sort(late, nobody, 1)
    assert [row.span_id for row in found[trace_id(1)]] == [f"{1:016x}", f"{2:016x}"]
    assert keeper.waiting_bytes == 0


def test_an_error_that_comes_later_saves_the_spans_before_it_until_they_are_let_go() -> None:
    keeper = Keeper(share=0, slow_us=1e9)
    keeper.sort(rows(1, OK), nobody, 0)
    assert len(keeper.sort(rows(1, FAILED), nobody, WAIT_S - 1)[trace_id(1)]) == 2
    keeper.sort(rows(2, OK), nobody, 10)
    assert keeper.sort([], nobody, 10 + WAIT_S) == {}
    assert len(keeper.sort(rows(2, FAILED), nobody, 10 + WAIT_S)[trace_id(2)]) == 1


def test_late_spans_join_a_trace_that_is_stored() -> None:
    keeper = Keeper(share=0, slow_us=1e9)
    assert list(keeper.sort(rows(1, OK), set, 0)) == [trace_id(1)]


def test_the_share_follows_from_the_id_alone_and_is_weighed() -> None:
    keeper = Keeper(share=0.25, slow_us=1e9)
    ids = [os.urandom(16).hex() for _ in range(4_000)]
    share = sum(in_share(each, 0.25) for each in ids) / len(ids)
    assert 0.2 < share < 0.3
    assert all(in_share(each, 1.0) for each in ids)
    assert not any(in_share(each, 0.0) for each in ids)
    # The low numbers of tests fall into any share.
    assert list(keeper.sort(rows(1, OK), nobody, 0)) == [trace_id(1)]
    assert keeper.weight(rows(1, OK)) == 4
    assert keeper.weight(rows(1, FAILED)) == 1


def test_what_is_undecided_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MAX_WAITING_BYTES", 2_000)
    keeper = Keeper(share=0, slow_us=1e9)
    for number in range(1, 200):
        keeper.sort(rows(number, OK), nobody, 0)
        assert keeper.waiting_bytes <= 2_000


def test_a_trace_grows_as_its_spans_come_and_repeats_count_once(
    writer: StoreWriter, reader: StoreReader
) -> None:
    put(writer, 1, ORDER[2:])
    put(writer, 1, ORDER[1:4])
    assert reader.search(Search())[0].root_service == "order"
    put(writer, 1, ORDER)
    summary = reader.search(Search())[0]
    assert summary == summarise(rows(1, ORDER))
    assert (summary.root_service, summary.span_count, summary.duration_us) == ("edge", 5, 9_000)
    assert summary.services == {"edge": (1, 0), "order": (3, 0), "user": (1, 0)}
    trace = reader.trace(trace_id(1))
    assert trace is not None
    assert len(trace.spans) == 5


def test_a_trace_has_room_for_so_many_spans(
    writer: StoreWriter, reader: StoreReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh.viewer.writing.MAX_SPANS_A_TRACE", 3)
    assert put(writer, 1, ORDER) == 2
    assert put(writer, 1, ORDER) == 2
    assert reader.search(Search())[0].span_count == 3


def test_what_came_before_the_oldest_allowed_moment_is_deleted_with_all_that_belongs_to_it(
    writer: StoreWriter, reader: StoreReader, path: Path
) -> None:
    minute = 60_000_000
    put(writer, 1, ORDER, now_us=10 * minute)
    put(writer, 2, [Sent("1", "late", "late")], now_us=20 * minute)
    writer.add_logs([LogRow(trace_id(1), 5, b"", b"")], 10 * minute)
    assert writer.prune(15 * minute, 100 * MIB) == 1
    assert [found.trace_id for found in reader.search(Search())] == [trace_id(2)]
    assert reader.services() == ["late"]
    assert reader.logs(trace_id(1)) == []
    counts = {
        table: reader.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("traces", "spans", "sources")
    }
    assert counts == {"traces": 1, "spans": 1, "sources": 1}
    numbers = reader.connection.execute("SELECT DISTINCT trace_no FROM terms").fetchall()
    assert len(numbers) == 1
    # What was deleted is written again when it comes again.
    put(writer, 3, ORDER, now_us=21 * minute)
    assert reader.services() == ["edge", "late", "order", "user"]


def test_a_full_store_loses_its_oldest_traces_first_and_the_file_shrinks(
    writer: StoreWriter, reader: StoreReader, path: Path
) -> None:
    for number in range(1, 101):
        put(writer, number, [Sent("1", attributes={"text": os.urandom(20_000).hex()})], number)
    full = writer.size_bytes()
    gone = writer.prune(0, full // 2)
    assert writer.size_bytes() <= full // 2
    left = [found.trace_id for found in reader.search(Search(limit=200))]
    assert sorted(left) == [trace_id(number) for number in range(gone + 1, 101)]
    writer._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert path.stat().st_size < full * 0.6


def test_a_store_full_of_logs_loses_its_oldest_logs(
    writer: StoreWriter, reader: StoreReader
) -> None:
    for number in range(1, 101):
        writer.add_logs([LogRow(trace_id(1), number, b"", os.urandom(20_000))], number)
    writer.prune(0, MIB)
    assert writer.size_bytes() <= MIB
    left = reader.connection.execute("SELECT min(time_us), max(time_us) FROM logs").fetchone()
    assert left[0] > 20
    assert left[1] == 100


def test_searches_use_an_index(writer: StoreWriter, reader: StoreReader) -> None:
    wanted = Search("order", "work", (("a", "1"), ("b", "2")), errors=True)
    plans: dict[str, tuple[str, dict[str, Any]]] = {
        "search": _search_statement(wanted),
        "all": _search_statement(Search()),
        "red": (
            figures._RED,
            {"start": 0, "end": 1, "step": 1, "service": "", "operation": ""},
        ),
        "out": (figures._CALLS_OUT, {"start": 0, "end": 1}),
        "in": (figures._CALLS_IN, {"start": 0, "end": 1}),
    }
    for name, (statement, values) in plans.items():
        plan = reader.connection.execute("EXPLAIN QUERY PLAN " + statement, values).fetchall()
        scans = [row[3] for row in plan if row[3].startswith("SCAN")]
        # Newest first: the traces' own order, until enough are found.
        assert [scan for scan in scans if name != "all" or scan != "SCAN t"] == [], (name, plan)


@pytest.mark.parametrize("count", [10_000])
def test_ten_thousand_traces_are_searched_and_opened_within_200_ms(
    writer: StoreWriter, reader: StoreReader, count: int
) -> None:
    template = rows(1, ORDER[1:4])
    for base in range(0, count, 500):
        groups = {
            trace_id(base + n): [
                _as_of(row, trace_id(base + n), (base + n) * 1_000) for row in template
            ]
            for n in range(1, 501)
        }
        writer.add_spans(groups, dict.fromkeys(groups, 1.0), base)
    searches = [
        Search(limit=20),
        Search("order", limit=20),
        Search("order", "SELECT orders", limit=20),
        Search("order", tags=(("rows", "2"),), limit=20),
        Search("order", tags=(("rows", "3"),), limit=20),
        Search("order", errors=True),
        Search("order", min_us=8_001),
        Search("order", end_us=START_US + 100_000, limit=20),
    ]
    found = []
    for search in searches:
        began = time.process_time()
        found.append(len(reader.search(search)))
        assert time.process_time() - began < 0.2, search
    assert found == [20, 20, 20, 20, 0, 0, 0, 20]
    began = time.process_time()
    trace = reader.trace(trace_id(count // 2))
    assert time.process_time() - began < 0.2
    assert trace is not None
    assert len(trace.spans) == 3


def _as_of(row: SpanRow, number: str, later_us: int) -> SpanRow:
    return replace(row, trace_id=number, start_us=row.start_us + later_us)
