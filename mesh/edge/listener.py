"""The listener: connections, and the order of filters that every request passes."""

from __future__ import annotations

from envoy_data_plane.envoy.config.core.v3 import (
    CidrRange,
    Http2ProtocolOptions,
    HttpProtocolOptions,
    HttpProtocolOptionsHeadersWithUnderscoresAction,
)
from envoy_data_plane.envoy.config.listener.v3 import Filter, FilterChain, Listener
from envoy_data_plane.envoy.config.route.v3 import HeaderMatcher
from envoy_data_plane.envoy.extensions.filters.http.health_check.v3 import HealthCheck
from envoy_data_plane.envoy.extensions.filters.http.router.v3 import Router
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
    HttpConnectionManagerCodecType,
    HttpConnectionManagerInternalAddressConfig,
    HttpConnectionManagerPathWithEscapedSlashesAction,
    HttpConnectionManagerServerHeaderTransformation,
    HttpFilter,
)
from envoy_data_plane.envoy.type.matcher.v3 import RegexMatcher, StringMatcher

from mesh.edge.access import JWT_FILTER, RBAC_FILTER, authentication, authorisation
from mesh.edge.caller_headers import early_mutations
from mesh.edge.config import EdgeConfig
from mesh.edge.field_check import LUA_FILTER, field_check
from mesh.edge.messages import extension, http_filter, pack, seconds, socket
from mesh.edge.observing import access_log, tracing
from mesh.edge.replies import local_replies
from mesh.edge.routes import route_configuration
from mesh.edge.transcoding import TRANSCODER_FILTER, transcoder

_NOBODY = CidrRange(address_prefix="255.255.255.255", prefix_len=32)
"""Nobody is trusted for where they come from, loopback included; an empty list means a default."""


def http_filters(config: EdgeConfig) -> list[HttpFilter]:
    """The filters in their order.

    What reads or changes the caller's own words stands before the transcoder;
    what judges the call stands behind it, where REST and gRPC look alike.
    """
    return [
        http_filter("envoy.filters.http.health_check", _health()),
        http_filter(LUA_FILTER, field_check()),
        http_filter(TRANSCODER_FILTER, transcoder()),
        http_filter(JWT_FILTER, authentication(config.jwks)),
        http_filter(RBAC_FILTER, authorisation()),
        http_filter("envoy.filters.http.router", Router(suppress_envoy_headers=True)),
    ]


def _health() -> HealthCheck:
    """Answers `/livez` and `/readyz` for Envoy itself."""
    path = StringMatcher(safe_regex=RegexMatcher(regex="/(livez|readyz)"))
    return HealthCheck(
        pass_through_mode=False, headers=[HeaderMatcher(name=":path", string_match=path)]
    )


def connection_manager(config: EdgeConfig) -> HttpConnectionManager:
    """How HTTP is read, traced, logged and answered."""
    return HttpConnectionManager(
        stat_prefix="edge",
        codec_type=HttpConnectionManagerCodecType.AUTO,
        route_config=route_configuration(),
        http_filters=http_filters(config),
        tracing=tracing(config),
        access_log=[access_log(config)],
        local_reply_config=local_replies(),
        server_name="tradewind",
        server_header_transformation=HttpConnectionManagerServerHeaderTransformation.OVERWRITE,
        early_header_mutation_extensions=[
            extension("envoy.http.early_header_mutation.header_mutation", early_mutations())
        ],
        use_remote_address=True,
        internal_address_config=HttpConnectionManagerInternalAddressConfig(cidr_ranges=[_NOBODY]),
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action=(
            HttpConnectionManagerPathWithEscapedSlashesAction.REJECT_REQUEST
        ),
        common_http_protocol_options=HttpProtocolOptions(
            idle_timeout=seconds(300),
            max_headers_count=100,
            max_stream_duration=seconds(60),
            headers_with_underscores_action=(
                HttpProtocolOptionsHeadersWithUnderscoresAction.DROP_HEADER
            ),
        ),
        http2_protocol_options=Http2ProtocolOptions(max_concurrent_streams=1_000),
        max_request_headers_kb=32,
        request_headers_timeout=seconds(10),
        stream_idle_timeout=seconds(30),
        drain_timeout=seconds(1),
        delayed_close_timeout=seconds(1),
    )


def listener(config: EdgeConfig) -> Listener:
    """The one listener, for HTTP/1.1 and HTTP/2."""
    manager = Filter(
        name="envoy.filters.network.http_connection_manager",
        typed_config=pack(connection_manager(config)),
    )
    return Listener(
        name="public",
        address=socket(config.listen),
        filter_chains=[FilterChain(filters=[manager])],
        per_connection_buffer_limit_bytes=1024 * 1024,
    )
