"""Search and figures as a Jaeger client, the page and a hostile page know them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.support.viewer import SECOND_US, START_US, Viewer, trace_id, viewer_with_orders

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def viewer(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Viewer]:
    """One for all tests here: they only read."""
    async with viewer_with_orders(tmp_path_factory.mktemp("viewer")) as running:
        yield running


def read_as_jaeger(trace: dict[str, Any]) -> None:
    """Reads a trace as strictly as Jaeger's documented JSON is typed."""
    assert set(trace) == {"traceID", "spans", "processes", "warnings"}
    kinds: dict[str, Any] = {
        "string": str,
        "bool": bool,
        "int64": (int, str),
        "float64": (float, str),
    }
    for span in trace["spans"]:
        assert set(span) == {
            "traceID",
            "spanID",
            "operationName",
            "references",
            "flags",
            "startTime",
            "duration",
            "tags",
            "logs",
            "processID",
            "warnings",
        }
        assert span["traceID"] == trace["traceID"]
        assert (len(span["traceID"]), len(span["spanID"])) == (32, 16)
        assert isinstance(span["startTime"], int)
        assert isinstance(span["duration"], int)
        assert span["processID"] in trace["processes"]
        for reference in span["references"]:
            assert reference["refType"] in ("CHILD_OF", "FOLLOWS_FROM")
        fields = [field for log in span["logs"] for field in log["fields"]]
        for tag in span["tags"] + fields:
            assert set(tag) == {"key", "type", "value"}
            assert isinstance(tag["value"], kinds[tag["type"]])
    for process in trace["processes"].values():
        assert isinstance(process["serviceName"], str)
        assert isinstance(process["tags"], list)


async def test_a_trace_has_jaegers_shape(viewer: Viewer) -> None:
    for trace in await viewer.get("/api/traces"):
        read_as_jaeger(trace)
    (trace,) = await viewer.get(f"/api/traces/{trace_id(2).lstrip('0')}")
    server = trace["spans"][1]
    tags = {tag["key"]: tag for tag in server["tags"]}
    assert tags["error"] == {"key": "error", "type": "bool", "value": True}
    assert tags["n"] == {"key": "n", "type": "int64", "value": 5}
    assert tags["big"] == {"key": "big", "type": "int64", "value": str(1 << 60)}
    assert tags["ok"]["type"] == "bool"
    assert tags["span.kind"]["value"] == "server"
    assert tags["otel.status_code"]["value"] == "ERROR"
    assert tags["otel.status_description"]["value"] == "it broke"
    assert tags["otel.scope.name"]["value"] == "test"
    assert server["references"] == [
        {"refType": "CHILD_OF", "traceID": trace_id(2), "spanID": f"{1:016x}"}
    ]
    assert trace["processes"][server["processID"]] == {
        "serviceName": "order",
        "tags": [{"key": "service.namespace", "type": "string", "value": "tradewind"}],
    }


async def test_services_and_operations_are_listed(viewer: Viewer) -> None:
    assert await viewer.get("/api/services") == ["edge", "inventory", "order", "user"]
    assert await viewer.get("/api/services/user/operations") == [
        "user.LedgerService/CreateTransfers"
    ]
    assert await viewer.get("/api/operations", service="order", spanKind="server") == [
        {"name": "order.OrderService/CreateOrder", "spanKind": "server"}
    ]
    assert await viewer.get("/api/services/nobody/operations") == []


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, [2, 1]),
        ({"limit": 1}, [2]),
        ({"service": "user"}, [1]),
        ({"service": "inventory"}, [2]),
        ({"service": "order", "operation": "all"}, [2, 1]),
        ({"service": "order", "operation": "SELECT orders"}, [1]),
        ({"service": "user", "operation": "SELECT orders"}, []),
        ({"operation": "SELECT orders"}, [1]),
        ({"errors": "true"}, [2]),
        ({"service": "user", "errors": "true"}, []),
        ({"minDuration": "10ms"}, [2]),
        ({"maxDuration": "10ms"}, [1]),
        ({"minDuration": "8.9ms", "maxDuration": "9000us"}, [1]),
        ({"operation": "order.OrderService/CreateOrder", "minDuration": "10ms"}, [2]),
        ({"operation": "POST /api/v1/orders", "maxDuration": "1m30s"}, [2, 1]),
        ({"start": SECOND_US}, [2]),
        ({"end": SECOND_US - 1}, [1]),
        ({"lookback": "1h"}, []),
        ({"lookback": "custom", "start": START_US, "end": SECOND_US}, [2, 1]),
        ({"tags": '{"rows":"2"}'}, [1]),
        ({"tags": '{"rows":2,"db.system.name":"sqlite"}'}, [1]),
        ({"tags": "rows=2 attempt=1"}, []),
        ({"tags": 'rows="2"'}, [1]),
        ({"tags": "ok=true"}, [2]),
        ({"tag": "ok:true"}, [2]),
        ({"tag": "rpc.response.status_code=INTERNAL"}, [2]),
        ({"tags": "error=true"}, [2]),
        ({"tags": "span.kind=server", "service": "user"}, [1]),
        ({"tags": "service.name=user"}, [1]),
        ({"tags": "rows=2", "service": "user"}, []),
        ({"tags": "rows=2", "operation": "SELECT orders", "minDuration": "301us"}, []),
        ({"tags": "rows=2", "operation": "SELECT orders", "minDuration": "300us"}, [1]),
        ({"traceID": "1"}, [1]),
    ],
)
async def test_search(viewer: Viewer, parameters: dict[str, str], expected: list[int]) -> None:
    wanted = [trace_id(number) for number in expected]
    traces = await viewer.get("/api/traces", **parameters)
    assert [trace["traceID"] for trace in traces] == wanted
    summaries = await viewer.get("/api/summaries", **parameters)
    assert [trace["traceID"] for trace in summaries] == wanted


async def test_a_summary_tells_services_and_errors(viewer: Viewer) -> None:
    (found,) = await viewer.get("/api/summaries", service="inventory")
    assert found == {
        "traceID": trace_id(2),
        "startTime": SECOND_US,
        "duration": 20_000,
        "rootService": "edge",
        "rootOperation": "POST /api/v1/orders",
        "spanCount": 3,
        "errorCount": 1,
        "services": [
            {"name": "edge", "spans": 1, "errors": 0},
            {"name": "inventory", "spans": 1, "errors": 0},
            {"name": "order", "spans": 1, "errors": 1},
        ],
    }


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/traces?minDuration=5", 400),
        ("/api/traces?maxDuration=1msx", 400),
        ("/api/traces?limit=-1", 400),
        ("/api/traces?start=now", 400),
        ("/api/traces?tags={", 400),
        ('/api/traces?tags={"a":[1]}', 400),
        ("/api/traces?tags=word", 400),
        ('/api/traces?tags=a="', 400),
        ("/api/traces?tag=word", 400),
        ("/api/traces?" + "&".join(f"tag=a{n}:1" for n in range(21)), 400),
        ("/api/traces?errors=maybe", 400),
        ("/api/traces?lookback=long", 400),
        ("/api/traces/xyz", 400),
        ("/api/traces/" + "1" * 33, 400),
        ("/api/traces/99", 404),
        ("/api/traces/99/otlp", 404),
        ("/api/logs", 400),
        ("/api/red?step=x", 400),
        ("/api/dependencies?endTs=x", 400),
        ("/api/nothing", 404),
        ("/nothing.js", 404),
        ("/..%2f..%2fpages.py", 404),
        ("/a%00b", 404),
    ],
)
async def test_wrong_questions_are_told_so_in_jaegers_envelope(
    viewer: Viewer, path: str, status: int
) -> None:
    answer = await viewer.web.get(path)
    assert answer.status_code == status
    body = answer.json()
    assert body["data"] is None
    assert body["errors"][0]["code"] == status
    assert body["errors"][0]["msg"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/api/services", {"host": "evil.example"}, 403),
        ("GET", "/api/services", {"host": "localhost.evil.example:80"}, 403),
        ("GET", "/api/services", {"host": "localhost"}, 200),
        ("GET", "/api/services", {"host": "127.0.0.1:99"}, 200),
        ("GET", "/api/services", {"host": "[::1]:99"}, 200),
        ("GET", "/api/services", {"host": "[::1]"}, 200),
        ("GET", "/api/services", {"host": "localhost:x"}, 403),
        ("GET", "/api/services", {"origin": "http://evil.example"}, 403),
        ("GET", "/api/services", {"origin": "null"}, 403),
        ("GET", "/api/services", {"sec-fetch-site": "cross-site"}, 403),
        ("GET", "/api/services", {"sec-fetch-site": "same-site"}, 403),
        ("GET", "/api/services", {"sec-fetch-site": "same-origin"}, 200),
        ("POST", "/api/services", {}, 405),
        ("DELETE", "/api/traces/1", {}, 405),
        ("OPTIONS", "/api/traces/1", {}, 405),
        (
            "GET",
            "/api/services",
            {
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "document",
            },
            403,
        ),
        (
            "GET",
            "/search",
            {
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "document",
            },
            200,
        ),
        (
            "GET",
            "/search",
            {
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "iframe",
            },
            403,
        ),
    ],
)
async def test_only_this_machines_own_pages_may_read(
    viewer: Viewer, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = await viewer.web.request(method, path, headers=headers)
    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_red_counts_server_spans_in_buckets_with_exemplars(viewer: Viewer) -> None:
    window = {"start": START_US, "end": START_US + 2_000_000}
    data = await viewer.get("/api/red", step="1s", **window)
    assert (data["start"], data["end"], data["step"]) == (*window.values(), 1_000_000)
    series = {(each["service"], each["operation"]): each for each in data["series"]}
    assert set(series) == {
        ("edge", "POST /api/v1/orders"),
        ("order", "order.OrderService/CreateOrder"),
        ("user", "user.LedgerService/CreateTransfers"),
    }
    create = series["order", "order.OrderService/CreateOrder"]
    assert create["total"] == {
        "count": 2,
        "errors": 1,
        "rate": 1.0,
        "errorShare": 0.5,
        "p50": 8_000,
        "p95": 19_000,
        "p99": 19_000,
    }
    assert [bucket["start"] for bucket in create["buckets"]] == [START_US, SECOND_US]
    assert create["buckets"][1]["exemplar"] == {
        "traceID": trace_id(2),
        "duration": 19_000,
        "error": True,
    }
    one = await viewer.get("/api/red", service="user", **window)
    assert len(one["series"]) == 1
    assert (await viewer.get("/api/red"))["series"] == []


async def test_the_map_shows_services_databases_and_others(viewer: Viewer) -> None:
    data = await viewer.get("/api/map", start=START_US, end=START_US + 2_000_000)
    assert data["nodes"] == [
        {"name": "sqlite order", "kind": "database"},
        {"name": "api.example", "kind": "external"},
        {"name": "outside", "kind": "outside"},
        {"name": "edge", "kind": "service"},
        {"name": "inventory", "kind": "service"},
        {"name": "order", "kind": "service"},
        {"name": "user", "kind": "service"},
    ]
    edges = {(edge["parent"], edge["child"]): edge for edge in data["edges"]}
    assert {pair: edge["count"] for pair, edge in edges.items()} == {
        ("outside", "edge"): 2,
        ("edge", "order"): 2,
        ("order", "sqlite order"): 1,
        ("order", "user"): 1,
        ("inventory", "api.example"): 1,
    }
    assert edges["edge", "order"]["errorShare"] == 0.5
    assert edges["order", "user"]["p95"] == 5_000
    dependencies = await viewer.get(
        "/api/dependencies", endTs=SECOND_US // 1000 + 1, lookback=5_000
    )
    assert dependencies == [
        {"parent": "edge", "child": "order", "callCount": 2},
        {"parent": "order", "child": "user", "callCount": 1},
    ]
