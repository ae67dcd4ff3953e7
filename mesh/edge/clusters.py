"""Where requests go: one cluster per workload, and one for the trace collector."""

from __future__ import annotations

from envoy_data_plane.envoy.config.cluster.v3 import (
    CircuitBreakers,
    CircuitBreakersThresholds,
    CircuitBreakersThresholdsRetryBudget,
    Cluster,
    ClusterDiscoveryType,
    ClusterLbPolicy,
)
from envoy_data_plane.envoy.config.core.v3 import (
    DataSource,
    Http2ProtocolOptions,
    KeepaliveSettings,
    TransportSocket,
)
from envoy_data_plane.envoy.config.endpoint.v3 import (
    ClusterLoadAssignment,
    Endpoint,
    LbEndpoint,
    LocalityLbEndpoints,
)
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateValidationContext,
    CommonTlsContext,
    SubjectAltNameMatcher,
    SubjectAltNameMatcherSanType,
    TlsCertificate,
    TlsParameters,
    TlsParametersTlsProtocol,
    UpstreamTlsContext,
)
from envoy_data_plane.envoy.extensions.upstreams.http.v3 import (
    HttpProtocolOptions,
    HttpProtocolOptionsExplicitHttpConfig,
)
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher
from envoy_data_plane.envoy.type.v3 import Percent

from mesh.edge.config import Address, EdgeConfig
from mesh.edge.messages import pack, seconds, socket
from mesh.identity.files import IdentityFiles
from mesh.identity.names import spiffe_id

COLLECTOR = "otlp"
"""The cluster of the trace collector."""

_MAX_PARALLEL = 10_000
"""Requests, waiting requests and streams per workload: a bound, far above what is meant to run."""


def _http2() -> HttpProtocolOptions:
    keepalive = KeepaliveSettings(interval=seconds(10), timeout=seconds(3))
    return HttpProtocolOptions(
        explicit_http_config=HttpProtocolOptionsExplicitHttpConfig(
            http2_protocol_options=Http2ProtocolOptions(connection_keepalive=keepalive)
        )
    )


def _mutual_tls(workload: str, identity: IdentityFiles) -> TransportSocket:
    """TLS 1.3 with our certificate, to a peer whose certificate names the workload."""
    peer = SubjectAltNameMatcher(
        san_type=SubjectAltNameMatcherSanType.URI,
        matcher=StringMatcher(exact=spiffe_id(workload)),
    )
    context = CommonTlsContext(
        tls_params=TlsParameters(
            tls_minimum_protocol_version=TlsParametersTlsProtocol.TLSv1_3,
            tls_maximum_protocol_version=TlsParametersTlsProtocol.TLSv1_3,
        ),
        tls_certificates=[
            TlsCertificate(
                certificate_chain=DataSource(filename=str(identity.certificate)),
                private_key=DataSource(filename=str(identity.key)),
            )
        ],
        validation_context=CertificateValidationContext(
            trusted_ca=DataSource(filename=str(identity.ca)),
            match_typed_subject_alt_names=[peer],
        ),
        alpn_protocols=["h2"],
    )
    return TransportSocket(
        name="envoy.transport_sockets.tls",
        typed_config=pack(UpstreamTlsContext(common_tls_context=context, sni=workload)),
    )


def _limits() -> CircuitBreakers:
    """Bounds on parallel work, and retries of at most a fifth of it (or three)."""
    budget = CircuitBreakersThresholdsRetryBudget(
        budget_percent=Percent(value=20), min_retry_concurrency=3
    )
    threshold = CircuitBreakersThresholds(
        max_connections=1_000,
        max_pending_requests=_MAX_PARALLEL,
        max_requests=_MAX_PARALLEL,
        retry_budget=budget,
    )
    return CircuitBreakers(thresholds=[threshold])


def _endpoints(name: str, addresses: tuple[Address, ...]) -> ClusterLoadAssignment:
    endpoints = [LbEndpoint(endpoint=Endpoint(address=socket(address))) for address in addresses]
    return ClusterLoadAssignment(
        cluster_name=name, endpoints=[LocalityLbEndpoints(lb_endpoints=endpoints)]
    )


def _cluster(
    name: str, addresses: tuple[Address, ...], transport: TransportSocket | None
) -> Cluster:
    return Cluster(
        name=name,
        type=ClusterDiscoveryType.STATIC,
        lb_policy=ClusterLbPolicy.ROUND_ROBIN,
        connect_timeout=seconds(1),
        load_assignment=_endpoints(name, addresses),
        circuit_breakers=_limits(),
        transport_socket=transport,
        typed_extension_protocol_options={
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": pack(_http2())
        },
    )


def clusters(config: EdgeConfig) -> list[Cluster]:
    """All clusters, the workloads' by their names."""
    workloads = [
        _cluster(workload, config.upstreams[workload], _mutual_tls(workload, config.identity))
        for workload in sorted(config.upstreams)
    ]
    # Without a collector the cluster has no endpoint: Envoy's tracer insists on a cluster.
    collector = () if config.otlp is None else (config.otlp,)
    return [*workloads, _cluster(COLLECTOR, collector, None)]
