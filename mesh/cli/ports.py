"""Which ports a mesh uses, counted from one base."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from mesh.identity.names import SERVICES

HOST = "127.0.0.1"
SPAN = 100
"""How many ports from the base on belong to a mesh."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one mesh; base + 1 to base + 4 are kept free for what is to come."""

    base: int

    @property
    def edge(self) -> int:
        """Where customers connect."""
        return self.base

    @property
    def admin(self) -> int:
        """Envoy's administration interface."""
        return self.base + 5

    def grpc(self, service: str) -> int:
        """Where a service serves gRPC."""
        return self.base + 10 + 2 * SERVICES.index(service)

    def http(self, service: str) -> int:
        """Where a service serves its health and its metrics."""
        return self.grpc(service) + 1

    def used(self) -> dict[int, str]:
        """Every port that will be listened on, with what for."""
        found = {self.edge: "the edge", self.admin: "the edge's administration"}
        for service in SERVICES:
            found[self.grpc(service)] = f"{service} (gRPC)"
            found[self.http(service)] = f"{service} (health)"
        return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def taken(ports: Ports) -> list[str]:
    """The ports that somebody else listens on, in words; empty when all are free."""
    return [f"port {port} for {use}" for port, use in ports.used().items() if not _is_free(port)]
