"""How Envoy words its own errors: as `google.rpc.Status`, whoever asks.

REST gets JSON. A call that came as gRPC gets code, message and details in
gRPC's own headers; only the trace id is not among the details there, it stands
in `x-trace-id`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

from envoy_data_plane.envoy.config.accesslog.v3 import AccessLogFilter, HeaderFilter
from envoy_data_plane.envoy.config.core.v3 import SubstitutionFormatString
from envoy_data_plane.envoy.config.route.v3 import HeaderMatcher
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    LocalReplyConfig,
    ResponseMapper,
)
from envoy_data_plane.envoy.type.matcher.v3 import RegexMatcher, StringMatcher
from envoy_data_plane.google.protobuf import Struct
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2
from tradewind.api.v1.reason_pb2 import Reason

from mesh.edge.conditions import all_of
from mesh.edge.errors import LocalReply, error_table
from mesh.edge.field_check import METADATA
from mesh.edge.messages import header, struct, text

DOMAIN = "tradewind"
_TYPES = "type.googleapis.com/google.rpc."


def _came_as_grpc() -> list[AccessLogFilter]:
    """Matches calls that came as gRPC, not those that the transcoder made so."""
    grpc = StringMatcher(safe_regex=RegexMatcher(regex=r"application/grpc([+;].*)?"))
    matchers = (
        HeaderMatcher(name="content-type", string_match=grpc),
        HeaderMatcher(name="x-envoy-original-path", present_match=True, invert_match=True),
    )
    return [AccessLogFilter(header_filter=HeaderFilter(header=matcher)) for matcher in matchers]


def _grpc_details(reply: LocalReply, code: int) -> str:
    info = AnyMessage()
    info.Pack(error_details_pb2.ErrorInfo(reason=Reason.Name(reply.reason), domain=DOMAIN))
    status = status_pb2.Status(code=code, message=reply.message, details=[info])
    return base64.b64encode(status.SerializeToString(deterministic=True)).decode().rstrip("=")


def _grpc_mapper(reply: LocalReply) -> ResponseMapper:
    code = reply.code if reply.native_code is None else reply.native_code
    return ResponseMapper(
        filter=all_of(*_came_as_grpc(), reply.when),
        status_code=reply.status,
        headers_to_add=[
            header("grpc-status", str(code)),
            header("grpc-status-details-bin", _grpc_details(reply, code)),
        ],
        body_format_override=SubstitutionFormatString(text_format_source=text(reply.message)),
    )


def _json(reply: LocalReply) -> Struct:
    info = {
        "@type": _TYPES + "ErrorInfo",
        "reason": Reason.Name(reply.reason),
        "domain": DOMAIN,
        "metadata": {},
    }
    violation = {
        "field": f"%DYNAMIC_METADATA({METADATA}:field)%",
        "description": f"%DYNAMIC_METADATA({METADATA}:says)%",
    }
    violations = {"@type": _TYPES + "BadRequest", "fieldViolations": [violation]}
    # `%TRACE_ID%` is not known here; the route has put it into the answer's headers before.
    request = {"@type": _TYPES + "RequestInfo", "requestId": "%RESP(X-TRACE-ID)%"}
    details = [info, violations, request] if reply.names_field else [info, request]
    return struct({"code": reply.code, "message": reply.message, "details": details})


def _json_mapper(reply: LocalReply) -> ResponseMapper:
    return ResponseMapper(
        filter=reply.when,
        status_code=reply.status,
        body_format_override=SubstitutionFormatString(
            json_format=_json(reply), content_type="application/json", omit_empty_values=True
        ),
    )


def _mappers(reply: LocalReply) -> Iterator[ResponseMapper]:
    if not reply.rest_only:
        yield _grpc_mapper(reply)
    yield _json_mapper(reply)


def local_replies() -> LocalReplyConfig:
    """The table of errors as mappers, the first that matches wins."""
    return LocalReplyConfig(
        mappers=[mapper for reply in error_table() for mapper in _mappers(reply)]
    )
