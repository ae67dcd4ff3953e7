"""What the edge is told: where to listen, whom to route to, which identity and keys to use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mesh.identity.files import IdentityFiles


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address and a TCP port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class EdgeConfig:
    """Everything about the edge that the contracts do not say."""

    listen: Address
    """Where customers connect: HTTP/1.1 and HTTP/2 with prior knowledge, both without TLS."""
    admin: Address
    """Envoy's administration interface; keep it on loopback."""
    upstreams: Mapping[str, tuple[Address, ...]]
    """The endpoints of every workload that serves a public method; HTTP/2 over mTLS."""
    identity: IdentityFiles
    """The edge's own certificate."""
    jwks: str
    """The keys that verify access tokens: a JSON Web Key Set (RFC 7517)."""
    otlp: Address | None = None
    """The OTLP gRPC collector, without TLS. None: traces are joined and passed on, not exported."""
    sampling_percent: float = 100.0
    """Share of the traces begun here that are sampled; a joined trace keeps its parent's choice."""
    max_connections: int = 10_000
    """Most connections of customers at one time; more are closed at once."""
    probe: str = ""
    """The `user-agent` of the supervisor's own requests, a secret: they are not logged."""
