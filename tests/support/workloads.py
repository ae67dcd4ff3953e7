"""Workloads with real certificates, for tests of what happens between two of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mesh.identity.authority import Authority
from mesh.identity.files import IdentityFiles
from mesh.runtime.service import Service
from mesh.runtime.settings import ServiceSettings
from tests.support.ports import free_port


class Workloads:
    """A certificate authority, and services that run in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority.open(folder / "ca")

    def identity(self, name: str) -> IdentityFiles:
        """The identity of a workload, issued anew."""
        return self.authority.issue(name, self.folder / "identity" / name)

    def settings(self, name: str, peers: Mapping[str, list[str]] | None = None) -> ServiceSettings:
        """Settings of a service on free ports with a database of its own."""
        return ServiceSettings(
            listen=f"127.0.0.1:{free_port()}",
            http_listen=f"127.0.0.1:{free_port()}",
            identity=self.identity(name).folder,
            database_url=f"sqlite:///{self.folder / name}.db",
            peers=dict(peers or {}),
            drain_s=0,
            grace_s=5,
        )

    def service(self, name: str) -> Service[ServiceSettings]:
        """A service that is not started yet."""
        return Service(name, self.settings(name))
