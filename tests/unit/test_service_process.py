"""A whole service process: migrates, serves, exports its spans, and ends clean on SIGTERM."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from tradewind.inventory.v1 import stock_pb2
from tradewind.inventory.v1.stock_pb2_grpc import QuoteServiceStub

from mesh.runtime.client import MeshChannel
from mesh.runtime.settings import ServiceSettings
from tests.support.eventually import eventually
from tests.support.workloads import Workloads
from tests.unit.test_process import MIGRATION

EXPORT = "opentelemetry.proto.collector.trace.v1.TraceService"


class Collector:
    """An OTLP collector that keeps the spans' names."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.services: set[str] = set()

    async def Export(self, request: Any, context: Any) -> Any:
        for resource in request.resource_spans:
            for attribute in resource.resource.attributes:
                if attribute.key == "service.name":
                    self.services.add(attribute.value.string_value)
            for scope in resource.scope_spans:
                self.names += [span.name for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture
async def collector() -> AsyncIterator[tuple[Collector, str]]:
    found, server = Collector(), grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        found.Export,
        request_deserializer=trace_service_pb2.ExportTraceServiceRequest.FromString,
        response_serializer=trace_service_pb2.ExportTraceServiceResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(EXPORT, {"Export": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield found, f"127.0.0.1:{port}"
    await server.stop(None)


def environment(settings: ServiceSettings, otlp: str) -> dict[str, str]:
    return os.environ | {
        "TRADEWIND_LISTEN": settings.listen,
        "TRADEWIND_HTTP_LISTEN": settings.http_listen,
        "TRADEWIND_IDENTITY": str(settings.identity),
        "TRADEWIND_DATABASE_URL": settings.database_url,
        "TRADEWIND_OTLP_ENDPOINT": otlp,
        "TRADEWIND_DRAIN_S": "0",
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_process_migrates_serves_exports_and_ends_clean(
    tmp_path: Path, collector: tuple[Collector, str], number: signal.Signals
) -> None:
    workloads = Workloads(tmp_path)
    settings = workloads.settings("inventory")
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "0001_initial.py").write_text(MIGRATION)
    (versions.parent / "env.py").write_text(
        "from mesh.runtime.migrate import run_environment\n\nrun_environment()\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.quote_service",
        str(tmp_path),
        env=environment(settings, collector[1]),
        stderr=asyncio.subprocess.PIPE,
    )
    channel = MeshChannel("inventory", [settings.listen], workloads.identity("order"))
    stub = QuoteServiceStub(channel)

    async def served() -> bool:
        assert process.returncode is None
        try:
            reply = await stub.BatchGetQuotes(stock_pb2.BatchGetQuotesRequest())
        except grpc.aio.AioRpcError:
            return False
        return reply.quotes[0].price == "1"

    async def exported() -> bool:
        return "tradewind.inventory.v1.QuoteService/BatchGetQuotes" in collector[0].names

    await eventually(served)
    await eventually(exported)
    assert collector[0].services == {"inventory"}
    await channel.close()
    process.send_signal(number)
    _, errors = await asyncio.wait_for(process.communicate(), 15)
    assert process.returncode == 0
    lines = [json.loads(line) for line in errors.decode().splitlines() if line.startswith("{")]
    events = [line["event"] for line in lines]
    assert events.index("serving") < events.index("stopped")
