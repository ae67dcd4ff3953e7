"""Where a process finds its certificate: one folder with three PEM files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class IdentityFiles:
    """The PEM files of one workload's identity."""

    folder: Path

    @property
    def ca(self) -> Path:
        """The certificate authority that peers are checked against."""
        return self.folder / "ca.pem"

    @property
    def certificate(self) -> Path:
        """The workload's own certificate: SPIFFE URI and the workload's name as DNS name."""
        return self.folder / "cert.pem"

    @property
    def key(self) -> Path:
        """The private key of the certificate, mode 0600."""
        return self.folder / "key.pem"
