"""The viewer beyond search: links, downloads, the live tail, pages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mesh.viewer import pages, tail
from tests.support.eventually import eventually
from tests.support.viewer import (
    FAILED,
    ORDER,
    SECOND_US,
    START_US,
    Sent,
    Viewer,
    request,
    running_viewer,
    trace_id,
    viewer_with_orders,
)


@pytest.fixture
async def viewer(tmp_path: Path) -> AsyncIterator[Viewer]:
    async with viewer_with_orders(tmp_path) as running:
        yield running


async def test_links_and_events_are_references_and_logs(viewer: Viewer) -> None:
    message = request(3, [Sent("1")])
    span = message.resource_spans[0].scope_spans[0].spans[0]
    span.links.add(trace_id=bytes.fromhex(trace_id(1)), span_id=bytes.fromhex(f"{2:016x}"))
    event = span.events.add(name="exception", time_unix_nano=(START_US + 7) * 1000)
    event.attributes.add(key="exception.type").value.string_value = "ValueError"
    event.attributes.add(key="share").value.double_value = float("nan")
    event.attributes.add(key="raw").value.bytes_value = b"\0\1"
    span.trace_state = "a=b"
    message.resource_spans[0].scope_spans[0].scope.version = "1"
    await viewer.send(message)
    found = (await viewer.has(3, 1))["spans"][0]
    assert found["references"] == [
        {"refType": "FOLLOWS_FROM", "traceID": trace_id(1), "spanID": f"{2:016x}"}
    ]
    assert found["logs"] == [
        {
            "timestamp": START_US + 7,
            "fields": [
                {"key": "event", "type": "string", "value": "exception"},
                {"key": "exception.type", "type": "string", "value": "ValueError"},
                {"key": "share", "type": "float64", "value": "nan"},
                {"key": "raw", "type": "binary", "value": "AAE="},
            ],
        }
    ]
    keys = {tag["key"] for tag in found["tags"]}
    assert {"w3c.tracestate", "otel.scope.version"} <= keys
    # Events can be searched by, as in Jaeger.
    assert [
        trace["traceID"]
        for trace in await viewer.get("/api/traces", tags="exception.type=ValueError")
    ] == [trace_id(3)]


async def test_a_share_of_traces_stands_for_all_of_them(tmp_path: Path) -> None:
    async with running_viewer(tmp_path, sample_share=0.25, slow_ms=10.0) as viewer:
        await viewer.send(request(1, ORDER))
        await viewer.send(request(2, FAILED))
        await viewer.has(1, len(ORDER))
        await viewer.has(2, len(FAILED))
        data = await viewer.get("/api/red", service="edge", start=START_US, end=SECOND_US)
        assert data["series"][0]["total"]["count"] == 4 + 1
        assert (await viewer.get("/api/stats"))["sampleShare"] == 0.25


async def test_a_download_as_otlp_can_be_sent_again(viewer: Viewer, tmp_path: Path) -> None:
    answer = await viewer.web.get(f"/api/traces/{trace_id(2)}/otlp")
    assert "attachment" in answer.headers["content-disposition"]
    (tmp_path / "other").mkdir()
    async with running_viewer(tmp_path / "other") as other:
        sent = await other.otlp.post(
            "/v1/traces", content=answer.content, headers={"content-type": "application/json"}
        )
        assert (sent.status_code, sent.json()) == (200, {})
        assert await other.has(2, len(FAILED)) == await viewer.has(2, len(FAILED))


async def test_a_download_for_perfetto_places_overlapping_spans_on_lanes(viewer: Viewer) -> None:
    spans = [
        Sent("1", duration=100),
        Sent("2", parent="1", start=10, duration=50),
        Sent("3", parent="1", start=20, duration=60),
        Sent("4", "call", "user", parent="3", start=30, duration=10),
    ]
    message = request(4, spans)
    event = message.resource_spans[0].scope_spans[0].spans[0].events.add(name="retry")
    event.time_unix_nano = (START_US + 5) * 1000
    await viewer.send(message)
    await viewer.has(4, 4)
    found = (await viewer.web.get(f"/api/traces/{trace_id(4)}/perfetto")).json()
    assert found["otherData"] == {"traceID": trace_id(4), "startTimeUs": str(START_US)}
    slices = [event for event in found["traceEvents"] if event["ph"] == "X"]
    assert [(each["ts"], each["dur"], each["pid"], each["tid"]) for each in slices] == [
        (0, 100, 1, 1),
        (10, 50, 1, 1),
        (20, 60, 1, 2),
        (30, 10, 2, 1),
    ]
    names = [each["args"]["name"] for each in found["traceEvents"] if each["ph"] == "M"]
    assert names == ["order", "user"]
    assert [each["name"] for each in found["traceEvents"] if each["ph"] == "i"] == ["retry"]


async def test_hostile_names_come_back_as_they_were(viewer: Viewer) -> None:
    name, value = "<script>alert(1)</script>\0\x1b[31m" + "x" * 500, "'\"</td>" + "y" * 100_000
    await viewer.send(request(5, [Sent("1", name, name, attributes={name: value})]))
    (span,) = (await viewer.has(5, 1))["spans"]
    assert span["operationName"] == name
    assert {"key": name, "type": "string", "value": value} in span["tags"]
    (found,) = await viewer.get("/api/summaries", operation=name)
    assert found["traceID"] == trace_id(5)


async def test_the_live_tail_tells_finished_traces(
    viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with viewer.web.stream(
        "GET", "/api/tail", params={"errors": "true", "service": "order"}, timeout=15
    ) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        assert await anext(lines) == "retry: 2000"
        for number, spans in ((11, ORDER), (12, FAILED), (13, [Sent("1", error=True)])):
            await viewer.send(request(number, spans))
        seen: list[str] = []
        async for line in lines:
            if line.startswith("data: "):
                seen.append(json.loads(line.removeprefix("data: "))["traceID"])
            if trace_id(13) in seen:
                break
    assert trace_id(12) in seen
    assert trace_id(11) not in seen


async def test_the_live_tail_has_so_many_places(
    viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "MAX_READERS", 1)
    async with viewer.web.stream("GET", "/api/tail") as stream:
        assert await anext(stream.aiter_lines()) == "retry: 2000"
        assert (await viewer.web.get("/api/tail")).status_code == 503

    async def free() -> bool:
        async with viewer.web.stream("GET", "/api/tail") as again:
            return again.status_code == 200

    await eventually(free)


async def test_pages_and_files_are_served_when_they_are_built(
    viewer: Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "DIST", tmp_path / "dist")
    assert "not built" in (await viewer.web.get("/search")).text
    (tmp_path / "dist" / "assets").mkdir(parents=True)
    (tmp_path / "dist" / "index.html").write_text("<!doctype html>")
    (tmp_path / "dist" / "assets" / "app-1a2b.js").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    for path in ("/", "/search", f"/trace/{trace_id(1)}", "/map", "/red", "/mesh"):
        page = await viewer.web.get(path)
        assert page.text == "<!doctype html>"
        assert page.headers["content-type"].startswith("text/html")
        assert page.headers["cache-control"] == "no-store"
    script = await viewer.web.get("/assets/app-1a2b.js")
    assert "javascript" in script.headers["content-type"]
    assert "immutable" in script.headers["cache-control"]
    assert (await viewer.web.get("/..%2fsecret.txt")).status_code == 404
    assert (await viewer.web.get("/assets")).status_code == 404


async def test_the_process_has_its_own_health_and_metrics(viewer: Viewer) -> None:
    assert (await viewer.web.get("/livez")).text == "alive\n"
    assert (await viewer.web.get("/readyz")).json() == {"ready": True, "problems": {}}
    assert "viewer_received_total" in (await viewer.web.get("/metrics")).text
    assert (await viewer.web.get("/api/mesh")).status_code == 501
    stats = await viewer.get("/api/stats")
    assert (stats["traces"], stats["spans"]) == (2, len(ORDER) + len(FAILED))
