"""Which ports a mesh uses, counted from one base."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass

from mesh.cli.instances import number_of, service_of
from mesh.identity.names import EDGE, SERVICES, VIEWER

HOST = "127.0.0.1"
SPAN = 100
"""How many ports from the base on belong to a mesh."""
MOST_INSTANCES = 11
"""Of each service; more do not fit into the ports from base + 10 to base + 99."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one mesh; base + 4 is kept free for what is to come."""

    base: int

    @property
    def edge(self) -> int:
        """Where customers connect."""
        return self.base

    @property
    def viewer(self) -> int:
        """Where the trace viewer's page is."""
        return self.base + 1

    @property
    def otlp(self) -> int:
        """Where spans and logs are collected, OTLP over gRPC."""
        return self.base + 2

    @property
    def otlp_http(self) -> int:
        """Where they are collected over HTTP."""
        return self.base + 3

    @property
    def admin(self) -> int:
        """Envoy's administration interface."""
        return self.base + 5

    def grpc(self, instance: str) -> int:
        """Where an instance of a service serves gRPC."""
        row = number_of(instance) - 1
        return self.base + 10 + 2 * (SERVICES.index(service_of(instance)) + len(SERVICES) * row)

    def http(self, instance: str) -> int:
        """Where an instance of a service serves its health and its metrics."""
        return self.grpc(instance) + 1

    def used(self, names: Iterable[str] = SERVICES) -> dict[int, str]:
        """Every port that will be listened on, with the name of the process."""
        found = {self.edge: EDGE, self.admin: EDGE}
        found |= dict.fromkeys((self.viewer, self.otlp, self.otlp_http), VIEWER)
        for name in names:
            found[self.grpc(name)] = found[self.http(name)] = name
        return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: connections that are closing are in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def taken(ports: Ports, names: Iterable[str] = SERVICES) -> str:
    """What to tell of ports that somebody else listens on; empty when all are free."""
    found = [f"{port} ({name})" for port, name in ports.used(names).items() if not _is_free(port)]
    if not found:
        return ""
    words = ("port", "is") if len(found) == 1 else ("ports", "are")
    return f"{words[0]} {', '.join(found)} {words[1]} taken; choose another with --port-base"
