"""Where a process finds its certificate: one folder with three PEM files; private files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Writes a file that only its owner may read, whole or not at all."""
    scratch = path.with_name(path.name + ".new")
    scratch.unlink(missing_ok=True)
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    scratch.replace(path)


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
