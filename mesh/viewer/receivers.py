"""The collectors' doors: OTLP by gRPC and by HTTP. Whatever comes, they answer and go on."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.json_format import MessageToJson, ParseDict, ParseError
from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status
from grpc import aio
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from mesh.viewer.guard import Guard
from mesh.viewer.ingest import Ingest

MAX_REQUEST_BYTES = 8 << 20
"""Of one request, unpacked."""
MAX_PARALLEL = 32

_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
_SERVICE = "opentelemetry.proto.collector.{0}.v1.{1}Service"


class BadPayloadError(ValueError):
    """A request cannot be read; the text says why, without what was in it."""


def accept_spans(ingest: Ingest, request: traces.ExportTraceServiceRequest) -> Message:
    """Takes spans; the answer tells of those that were not taken."""
    number, why = ingest.offer_spans(request)
    answer = traces.ExportTraceServiceResponse()
    if number:
        answer.partial_success.rejected_spans = number
        answer.partial_success.error_message = why
    return answer


def accept_logs(ingest: Ingest, request: logs.ExportLogsServiceRequest) -> Message:
    """Takes log records; the answer tells of those that were not taken."""
    number, why = ingest.offer_logs(request)
    answer = logs.ExportLogsServiceResponse()
    if number:
        answer.partial_success.rejected_log_records = number
        answer.partial_success.error_message = why
    return answer


def accept_metrics(_: Ingest, __: metrics.ExportMetricsServiceRequest) -> Message:
    """Takes metrics and forgets them: rates come from spans and from `/metrics`."""
    return metrics.ExportMetricsServiceResponse()


@dataclass(frozen=True, slots=True)
class _Signal:
    path: str
    service: str
    request: type[Any]
    accept: Callable[[Ingest, Any], Message]


SIGNALS = (
    _Signal(
        "/v1/traces",
        _SERVICE.format("trace", "Trace"),
        traces.ExportTraceServiceRequest,
        accept_spans,
    ),
    _Signal(
        "/v1/logs", _SERVICE.format("logs", "Logs"), logs.ExportLogsServiceRequest, accept_logs
    ),
    _Signal(
        "/v1/metrics",
        _SERVICE.format("metrics", "Metrics"),
        metrics.ExportMetricsServiceRequest,
        accept_metrics,
    ),
)


def grpc_server(ingest: Ingest) -> aio.Server:
    """A gRPC server of all three signals, without a port yet."""
    server = aio.server(
        options=[
            ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
            ("grpc.so_reuseport", 0),
        ],
        maximum_concurrent_rpcs=MAX_PARALLEL,
    )
    for signal in SIGNALS:
        handler: grpc.RpcMethodHandler[Any, Any] = grpc.unary_unary_rpc_method_handler(
            _grpc_handler(ingest, signal),
            response_serializer=lambda answer: answer.SerializeToString(),
        )
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(signal.service, {"Export": handler}),)
        )
    return server


def _grpc_handler(ingest: Ingest, signal: _Signal) -> Callable[[bytes, Any], Any]:
    async def export(body: bytes, context: Any) -> Message:
        try:
            request = signal.request.FromString(body)
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not an OTLP message")
        return signal.accept(ingest, request)

    return export


def http_application(ingest: Ingest) -> ASGIApp:
    """OTLP over HTTP: protobuf or JSON, plain or gzip."""
    routes = [
        Route(signal.path, _http_handler(ingest, signal), methods=["POST"]) for signal in SIGNALS
    ]
    return Guard(Starlette(routes=routes), frozenset({"POST"}), allow_links=False)


def _http_handler(ingest: Ingest, signal: _Signal) -> Callable[[Request], Any]:
    async def export(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in (_PROTOBUF, _JSON):
            return _answer(_PROTOBUF, Status(code=3, message="neither protobuf nor JSON"), 415)
        try:
            body = await _body(request)
            message = _decode(signal.request, body, kind)
        except BadPayloadError as error:
            return _answer(kind, Status(code=3, message=str(error)), 400)
        except ClientDisconnect:
            return Response(status_code=400)
        return _answer(kind, signal.accept(ingest, message), 200)

    return export


def _answer(kind: str, message: Message, status: int) -> Response:
    body = (
        MessageToJson(message, indent=None).encode()
        if kind == _JSON
        else message.SerializeToString()
    )
    return Response(body, status, media_type=kind)


async def _body(request: Request) -> bytes:
    """The body, unpacked; never more of it in memory than is allowed."""
    packing = request.headers.get("content-encoding", "identity").strip().lower()
    if packing not in ("identity", "gzip", ""):
        raise BadPayloadError("content-encoding: only gzip")
    unpack = zlib.decompressobj(wbits=31) if packing == "gzip" else None
    body = bytearray()
    async for chunk in request.stream():
        if unpack is None:
            body += chunk
        else:
            try:
                body += unpack.decompress(chunk, MAX_REQUEST_BYTES + 1 - len(body))
            except zlib.error as error:
                raise BadPayloadError("not gzip") from error
        if len(body) > MAX_REQUEST_BYTES:
            raise BadPayloadError(f"more than {MAX_REQUEST_BYTES} bytes")
    if unpack is not None and not unpack.eof:
        raise BadPayloadError("gzip is cut off")
    return bytes(body)


def _decode(kind: type[Any], body: bytes, content_type: str) -> Any:
    try:
        if content_type == _PROTOBUF:
            return kind.FromString(body)
        return ParseDict(_base64_ids(_object(body)), kind(), ignore_unknown_fields=True)
    except BadPayloadError:
        raise
    except (DecodeError, ParseError, ValueError, RecursionError) as error:
        raise BadPayloadError("not an OTLP message") from error


def _object(body: bytes) -> dict[str, object]:
    found = json.loads(body)
    if not isinstance(found, dict):
        raise BadPayloadError("not a JSON object")
    return found


_IDS = frozenset({"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"})


def _base64_ids(value: object) -> Any:
    """OTLP JSON has ids in hex, where ProtoJSON expects base64."""
    match value:
        case dict():
            return _with_base64(value)
        case list():
            return [_base64_ids(item) for item in value]
        case _:
            return value


def _with_base64(value: Mapping[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, item in value.items():
        if key in _IDS and isinstance(item, str):
            try:
                found[key] = base64.b64encode(binascii.unhexlify(item)).decode()
            except binascii.Error as error:
                raise BadPayloadError(f"{key}: not hex") from error
        else:
            found[key] = _base64_ids(item)
    return found
