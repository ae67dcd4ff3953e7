"""What a mesh consists of: the processes, with their settings."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from google.protobuf.json_format import MessageToJson
from tradewind.auth.v1.auth_pb2 import GetJwksRequest
from tradewind.auth.v1.auth_pb2_grpc import AuthServiceStub

from mesh.cli.home import Home
from mesh.cli.ports import HOST, Ports
from mesh.cli.process import ChildSpec
from mesh.edge.bootstrap import bootstrap_bytes, envoy_command
from mesh.edge.config import Address, EdgeConfig
from mesh.identity.authority import Authority, write_private
from mesh.identity.names import CLI, EDGE, SERVICES
from mesh.runtime.client import MeshChannel


@dataclass(frozen=True, slots=True)
class Plan:
    """One mesh: where it lives, where it listens, where its data is."""

    home: Home
    ports: Ports
    database: str | None
    """The database of all services; None: a SQLite file for each in the home."""

    def address(self, service: str) -> str:
        """Where a service serves gRPC."""
        return f"{HOST}:{self.ports.grpc(service)}"

    def issue_clients(self) -> None:
        """Issues the certificates of those who only call: the edge and the command."""
        authority = Authority.open(self.home.authority)
        for workload in (EDGE, CLI):
            authority.issue(workload, self.home.identity(workload).folder)

    def service(self, name: str) -> ChildSpec:
        """How to run a service."""
        return ChildSpec(
            name=name,
            address=self.address(name),
            command=partial(self._service_command, name),
            environment={**os.environ, **self._settings(name)},
            open_log=partial(self.home.open_log, name),
        )

    def _service_command(self, name: str) -> Sequence[str]:
        # A certificate of its own for each start.
        Authority.open(self.home.authority).issue(name, self.home.identity(name).folder)
        return [sys.executable, "-m", f"services.{name}.main"]

    def _settings(self, name: str) -> dict[str, str]:
        peers = {service: [self.address(service)] for service in SERVICES if service != name}
        settings = {
            "TRADEWIND_LISTEN": self.address(name),
            "TRADEWIND_HTTP_LISTEN": f"{HOST}:{self.ports.http(name)}",
            "TRADEWIND_IDENTITY": str(self.home.identity(name).folder),
            "TRADEWIND_DATABASE_URL": self.database or self.home.database(name),
            "TRADEWIND_PEERS": json.dumps(peers),
        }
        if name == "auth":
            settings["TRADEWIND_KEY_SECRET_FILE"] = str(self.home.secret)
        return settings

    def edge(self) -> ChildSpec:
        """How to run Envoy; its bootstrap must have been written."""
        command: Callable[[], Sequence[str]] = partial(envoy_command, self.home.bootstrap)
        return ChildSpec(
            name=EDGE,
            address=f"{HOST}:{self.ports.edge}",
            command=command,
            environment=os.environ,
            open_log=partial(self.home.open_log, EDGE),
        )

    async def write_bootstrap(self) -> None:
        """Asks auth for the keys that verify tokens and writes Envoy's bootstrap.

        Raises:
            grpc.aio.AioRpcError: auth did not answer.
        """
        identity = self.home.identity(EDGE)
        async with MeshChannel("auth", [self.address("auth")], identity) as channel:
            keys = await AuthServiceStub(channel).GetJwks(GetJwksRequest())
        config = EdgeConfig(
            listen=Address(HOST, self.ports.edge),
            admin=Address(HOST, self.ports.admin),
            upstreams={name: (Address(HOST, self.ports.grpc(name)),) for name in SERVICES},
            identity=identity,
            jwks=MessageToJson(keys, indent=None),
        )
        write_private(self.home.bootstrap, bootstrap_bytes(config))
