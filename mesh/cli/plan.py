"""What a mesh consists of: the processes, with their settings."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from mesh.cli.errand import run_errand
from mesh.cli.home import Home
from mesh.cli.instances import instances, service_of
from mesh.cli.leftovers import MARK
from mesh.cli.ports import HOST, Ports
from mesh.cli.process import ChildSpec
from mesh.identity.names import CLI, EDGE, SERVICES, VIEWER

DATABASE_VARIABLE = "TRADEWIND_DATABASE"
"""The environment variable that holds what `--database` does."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One mesh: where it lives, where it listens, where its data is."""

    home: Home
    ports: Ports
    database: str | None = field(repr=False)
    """The database of all services; None: a SQLite file for each in the home."""
    replicas: int = 1
    """Instances of each service."""

    @property
    def names(self) -> list[str]:
        """All instances of all services."""
        return [name for service in SERVICES for name in instances(service, self.replicas)]

    def address(self, name: str) -> str:
        """Where an instance of a service serves gRPC."""
        return f"{HOST}:{self.ports.grpc(name)}"

    async def issue(self, *workloads: str) -> None:
        """Issues certificates; for all that have one, when none is named.

        Raises:
            ErrandError: it could not be done.
        """
        await run_errand("issue", str(self.home.folder), *(workloads or (EDGE, CLI, *self.names)))

    def service(self, name: str) -> ChildSpec:
        """How to run an instance of a service; it must have its certificate."""
        return ChildSpec(
            name=name,
            address=self.address(name),
            command=[sys.executable, "-m", f"services.{service_of(name)}.main"],
            environment={**self._environment(), **self._settings(name)},
            open_log=partial(self.home.open_log, name),
            renew=partial(self.issue, name),
        )

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name != DATABASE_VARIABLE}
        # Services fork nothing that uses gRPC; with its fork handlers it only warns in the log.
        quiet = {"GRPC_ENABLE_FORK_SUPPORT": "0"}
        return {**quiet, **inherited, MARK: str(self.home.folder)}

    def _settings(self, name: str) -> dict[str, str]:
        own = service_of(name)
        peers = {
            service: [self.address(instance) for instance in instances(service, self.replicas)]
            for service in SERVICES
            if service != own
        }
        settings = {
            "TRADEWIND_LISTEN": self.address(name),
            "TRADEWIND_HTTP_LISTEN": f"{HOST}:{self.ports.http(name)}",
            "TRADEWIND_IDENTITY": str(self.home.identity(name).folder),
            "TRADEWIND_DATABASE_URL": self.database or self.home.database(own),
            "TRADEWIND_PEERS": json.dumps(peers),
        }
        # Whoever has a collector of their own keeps it.
        settings["TRADEWIND_OTLP_ENDPOINT"] = os.environ.get(
            "TRADEWIND_OTLP_ENDPOINT", f"{HOST}:{self.ports.otlp}"
        )
        if own == "auth":
            settings["TRADEWIND_KEY_SECRET_FILE"] = str(self.home.secret)
        return settings

    def viewer(self) -> ChildSpec:
        """How to run the trace viewer."""
        listen = {
            "HTTP_LISTEN": self.ports.viewer,
            "OTLP_GRPC_LISTEN": self.ports.otlp,
            "OTLP_HTTP_LISTEN": self.ports.otlp_http,
        }
        settings = {f"TRADEWIND_VIEWER_{name}": f"{HOST}:{port}" for name, port in listen.items()}
        settings["TRADEWIND_VIEWER_STORE"] = str(self.home.folder / "data" / "traces.db")
        # Few threads, so few arenas of the allocator: some megabytes less.
        settings["MALLOC_ARENA_MAX"] = "1"
        return ChildSpec(
            name=VIEWER,
            address=f"{HOST}:{self.ports.viewer}",
            command=[sys.executable, "-m", "mesh.viewer.main"],
            environment={**self._environment(), **settings},
            open_log=partial(self.home.open_log, VIEWER),
        )

    def edge(self, command: Sequence[str]) -> ChildSpec:
        """How to run Envoy, by a command whose bootstrap has been written."""
        return ChildSpec(
            name=EDGE,
            address=f"{HOST}:{self.ports.edge}",
            command=command,
            environment=self._environment(),
            open_log=partial(self.home.open_log, EDGE),
        )
