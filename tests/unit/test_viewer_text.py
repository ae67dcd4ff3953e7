"""Traces and log lines as a terminal shows them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mesh.viewer.jaeger import StoredSpan, trace_json
from mesh.viewer.text import duration, log_line, shown, waterfall
from tests.support.viewer import FAILED, ORDER, Sent, request, trace_id


def trace(*spans: Sent) -> dict[str, Any]:
    stored = [
        StoredSpan(scope.spans[0], group)
        for group in request(1, spans).resource_spans
        for scope in group.scope_spans
    ]
    return trace_json(trace_id(1), stored)


def test_a_trace_is_a_tree_with_bars() -> None:
    text = waterfall(trace(*ORDER), 100)
    assert text.splitlines() == [
        f"trace {trace_id(1)} · 5 spans · 3 services · 9.0 ms · 2024-10-27 03:33:20.000Z",
        "edge   POST /api/v1/orders                                  "
        "│█████████████████████████████│   9.0 ms",
        "order    order.OrderService/CreateOrder                     "
        "│ ██████████████████████████▍ │   8.0 ms",
        "order      SELECT orders                                    "
        "│ █▉                          │   300 µs",
        "order      user.LedgerService/CreateTransfers               "
        "│   ████████████████▍         │   5.0 ms",
        "user         user.LedgerService/CreateTransfers             "
        "│    █████████████▊           │   4.0 ms",
    ]


def test_errors_are_marked_however_narrow_the_terminal_is() -> None:
    for width in (10, 60, 200):
        lines = waterfall(trace(*FAILED), width).splitlines()
        assert "1 error" in lines[0]
        assert "✗ INTERNAL" in lines[2]
        assert len({line.index("│") for line in lines[1:]}) == 1
    painted = waterfall(trace(*FAILED), colour=True)
    assert "\x1b[31m" in painted
    assert "\x1b" not in waterfall(trace(*FAILED))


def test_orphans_and_circles_are_shown_once() -> None:
    text = waterfall(
        trace(
            Sent("1", "one", parent="2"),
            Sent("2", "two", parent="1"),
            Sent("3", "self", parent="3"),
            Sent("4", "orphan", parent="99"),
        )
    )
    assert [text.count(name) for name in ("one", "two", "self", "orphan")] == [1, 1, 1, 1]


def test_a_deep_trace_does_not_exhaust_the_stack() -> None:
    spans = [Sent(f"{n + 1:x}", f"span {n}", parent=f"{n:x}" if n else "") for n in range(3_000)]
    assert len(waterfall(trace(*spans)).splitlines()) == 3_001


def test_what_hostile_senders_wrote_cannot_drive_the_terminal() -> None:
    text = waterfall(trace(Sent("1", "\x1b[2J\x07evil\u202e", "s\x1b]0;x\x07")), colour=False)
    assert not set(text) & {"\x1b", "\x07", "\u202e"}
    assert "evil" in text
    assert "\x1b" not in log_line('{"event": "\\u001b[2J", "k\\u001b": "v\\u001b"}')
    assert "\x1b" not in log_line("\x1b[2Jplain")


def test_an_empty_trace_and_warnings_are_told() -> None:
    assert "no spans" in waterfall({"traceID": "1", "spans": [], "processes": {}, "warnings": None})
    found = trace(*ORDER) | {"warnings": ["3 more spans are left out"]}
    assert waterfall(found).endswith("! 3 more spans are left out")


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [(0, "0 µs"), (999, "999 µs"), (1_500, "1.5 ms"), (2_340_000, "2.34 s")],
)
def test_durations_have_the_unit_that_suits_them(microseconds: int, text: str) -> None:
    assert duration(microseconds) == text


def test_long_text_is_cut() -> None:
    assert shown("abcdef", 4) == "abc…"
    assert shown("abcd", 4) == "abcd"


LINE = {
    "time": "2026-11-24T12:00:01.234+00:00",
    "level": "ERROR",
    "service": "order",
    "event": "call failed",
    "rpc": "Create",
    "n": 5,
    "empty": "",
    "stack": "Traceback\n  boom",
}


def test_a_log_line_is_for_people() -> None:
    line = json.dumps(LINE)
    assert log_line(line) == (
        "12:00:01.234 ERROR    order        call failed rpc=Create n=5\n    Traceback\n      boom"
    )
    assert log_line(line, utc_date=True).startswith("2026-11-24 12:00:01.234 ERROR")
    assert "\x1b[31m" in log_line(line, colour=True)


@pytest.mark.parametrize("line", ["plain words\n", "{not json", "[1]", '{"a":' * 9_000])
def test_what_is_no_json_object_is_shown_as_it_is(line: str) -> None:
    assert log_line(line) == line.rstrip("\n")
