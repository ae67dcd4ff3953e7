"""The route configuration: one route per public method, reflection, and "no such path"."""

from __future__ import annotations

from envoy_data_plane.envoy.config.route.v3 import (
    RetryPolicy,
    RetryPolicyRetryBackOff,
    RetryPolicyRetryHostPredicate,
    Route,
    RouteAction,
    RouteActionClusterNotFoundResponseCode,
    RouteActionMaxStreamDuration,
    RouteConfiguration,
    RouteMatch,
    VirtualHost,
)
from envoy_data_plane.envoy.extensions.retry.host.previous_hosts.v3 import PreviousHostsPredicate
from envoy_data_plane.google.protobuf import Any

from mesh.contract.methods import Access, Method, Rate, method_table
from mesh.edge.access import route_rules
from mesh.edge.messages import ADD_IF_ABSENT, header, pack, seconds

MAX_BODY = 64 * 1024
"""Bytes of a request's body that the edge accepts where it has to hold it."""

_REFLECTION = (
    "/grpc.reflection.v1.ServerReflection",
    "/grpc.reflection.v1alpha.ServerReflection",
)
_STREAM_CAP_S = 900.0
_REFLECTION_CAP_S = 60.0
_RETRY_ON = "connect-failure,refused-stream,reset"
"""No connection, or one that broke. What a service itself calls UNAVAILABLE is not asked
again: it has tried, and a retry of retries multiplies the load."""


def public_methods() -> list[Method]:
    """The methods that the outside may know of."""
    return [method for method in method_table().values() if method.access is not Access.INTERNAL]


def _rules(access: Access) -> dict[str, Any]:
    return {name: pack(rule) for name, rule in route_rules(access).items()}


def _retries() -> RetryPolicy:
    other_host = RetryPolicyRetryHostPredicate(
        name="envoy.retry_host_predicates.previous_hosts",
        typed_config=pack(PreviousHostsPredicate()),
    )
    return RetryPolicy(
        retry_on=_RETRY_ON,
        num_retries=2,
        retry_host_predicate=[other_host],
        host_selection_retry_max_attempts=3,
        retry_back_off=RetryPolicyRetryBackOff(
            base_interval=seconds(0.025), max_interval=seconds(0.25)
        ),
    )


def _unary(method: Method) -> RouteAction:
    """Ends with the method's deadline, or the caller's when that is shorter."""
    most = seconds(method.deadline_s)
    return RouteAction(
        cluster=method.workload,
        timeout=seconds(0),
        max_stream_duration=RouteActionMaxStreamDuration(
            max_stream_duration=most, grpc_timeout_header_max=most
        ),
        retry_policy=_retries() if method.retryable else None,
    )


def _stream(workload: str, cap_s: float) -> RouteAction:
    """Ends with the cap only, however long nothing is said."""
    cap = seconds(cap_s)
    return RouteAction(
        cluster=workload,
        timeout=seconds(0),
        idle_timeout=cap,
        max_stream_duration=RouteActionMaxStreamDuration(
            max_stream_duration=cap, grpc_timeout_header_max=cap
        ),
    )


def method_route(method: Method) -> Route:
    """The route of one method, by its gRPC path; the transcoder brings REST requests here."""
    streams = method.rate is Rate.STREAM
    deadline = header("grpc-timeout", f"{round(method.deadline_s * 1000)}m", ADD_IF_ABSENT)
    return Route(
        name=method.path.removeprefix("/"),
        match=RouteMatch(path=method.path),
        route=_stream(method.workload, _STREAM_CAP_S) if streams else _unary(method),
        request_headers_to_add=[] if streams else [deadline],
        typed_per_filter_config=_rules(method.access),
    )


def _reflection_route(prefix: str) -> Route:
    """Any one workload: each describes all public services."""
    return Route(
        name=prefix.removeprefix("/"),
        match=RouteMatch(path_separated_prefix=prefix),
        route=_stream(public_methods()[0].workload, _REFLECTION_CAP_S),
        typed_per_filter_config=_rules(Access.PUBLIC),
    )


def _not_found() -> Route:
    """A route to no cluster: only the answers of real routes get the response headers."""
    return Route(
        name="not-found",
        match=RouteMatch(prefix="/"),
        route=RouteAction(
            cluster="nowhere",
            cluster_not_found_response_code=RouteActionClusterNotFoundResponseCode.NOT_FOUND,
        ),
        typed_per_filter_config=_rules(Access.PUBLIC),
    )


def route_configuration() -> RouteConfiguration:
    """All routes, of every host name."""
    routes = [method_route(method) for method in public_methods()]
    routes += [_reflection_route(prefix) for prefix in _REFLECTION]
    host = VirtualHost(
        name="tradewind",
        domains=["*"],
        routes=[*routes, _not_found()],
        request_body_buffer_limit=MAX_BODY,
    )
    return RouteConfiguration(
        name="public",
        virtual_hosts=[host],
        validate_clusters=False,
        request_headers_to_remove=["authorization", "cookie"],
        response_headers_to_add=[
            header("x-trace-id", "%TRACE_ID%"),
            header("x-request-id", "%TRACE_ID%"),
        ],
    )
