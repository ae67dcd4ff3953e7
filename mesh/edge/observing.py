"""What is told of every request: a span and a line of JSON."""

from __future__ import annotations

from envoy_data_plane.envoy.config.accesslog.v3 import (
    AccessLog,
    AccessLogFilter,
    HeaderFilter,
)
from envoy_data_plane.envoy.config.core.v3 import (
    GrpcService,
    GrpcServiceEnvoyGrpc,
    SubstitutionFormatString,
)
from envoy_data_plane.envoy.config.route.v3 import HeaderMatcher
from envoy_data_plane.envoy.config.trace.v3 import OpenTelemetryConfig, TracingHttp
from envoy_data_plane.envoy.extensions.access_loggers.stream.v3 import StdoutAccessLog
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManagerTracing,
)
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher
from envoy_data_plane.envoy.type.v3 import Percent

from mesh.edge.clusters import COLLECTOR
from mesh.edge.config import EdgeConfig
from mesh.edge.messages import pack, seconds, struct
from mesh.identity.names import EDGE

_LINE = {
    "time": "%START_TIME%",
    "event": "request",
    "method": "%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD)%",
    # Without the query: it may hold what nobody should read in a log.
    "path": "%PATH(NQ:ORIG_OR_PATH)%",
    "route": "%ROUTE_NAME%",
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "grpc_status": "%GRPC_STATUS_NUMBER%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "duration_ms": "%DURATION%",
    "received_bytes": "%BYTES_RECEIVED%",
    "sent_bytes": "%BYTES_SENT%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "upstream": "%UPSTREAM_HOST%",
    "trace_id": "%TRACE_ID%",
}


def _all_but(probe: str) -> AccessLogFilter:
    agent = HeaderMatcher(
        name="user-agent", string_match=StringMatcher(exact=probe), invert_match=True
    )
    return AccessLogFilter(header_filter=HeaderFilter(header=agent))


def access_log(config: EdgeConfig) -> AccessLog:
    """One line of JSON per request, on standard output; the supervisor's probes are left out."""
    line = SubstitutionFormatString(json_format=struct(_LINE))
    return AccessLog(
        name="envoy.access_loggers.stdout",
        filter=_all_but(config.probe) if config.probe else None,
        typed_config=pack(StdoutAccessLog(log_format=line)),
    )


def _tracer() -> OpenTelemetryConfig:
    exporter = GrpcService(
        envoy_grpc=GrpcServiceEnvoyGrpc(cluster_name=COLLECTOR), timeout=seconds(1)
    )
    return OpenTelemetryConfig(grpc_service=exporter, service_name=EDGE)


def tracing(config: EdgeConfig) -> HttpConnectionManagerTracing:
    """Begins a trace, or joins the one that `traceparent` tells of, and passes it on."""
    return HttpConnectionManagerTracing(
        client_sampling=Percent(value=0),
        random_sampling=Percent(value=config.sampling_percent),
        overall_sampling=Percent(value=100),
        operation="%ROUTE_NAME%",
        provider=TracingHttp(name="envoy.tracers.opentelemetry", typed_config=pack(_tracer())),
    )
