"""The folder a mesh lives in: lock, state, keys, data and logs."""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mesh.identity.authority import write_private
from mesh.identity.files import IdentityFiles

MAX_LOG_BYTES = 5_000_000
"""A log larger than this is set aside as `.1` when its process starts."""


class HomeInUseError(Exception):
    """Another supervisor runs a mesh in this home; the text names its process id."""


@dataclass(frozen=True, slots=True)
class Home:
    """The paths below a mesh's home."""

    folder: Path

    @property
    def lock(self) -> Path:
        """Locked while a supervisor runs; holds its process id."""
        return self.folder / "lock"

    @property
    def state(self) -> Path:
        """What `mesh status` reads; there only while a supervisor runs."""
        return self.folder / "state.json"

    @property
    def authority(self) -> Path:
        """The local certificate authority."""
        return self.folder / "ca"

    @property
    def secret(self) -> Path:
        """The secret that protects the signing keys at rest."""
        return self.folder / "key-secret"

    @property
    def bootstrap(self) -> Path:
        """What Envoy is started with."""
        return self.folder / "edge" / "bootstrap.pb"

    def identity(self, workload: str) -> IdentityFiles:
        """The certificate of one workload."""
        return IdentityFiles(self.folder / "identity" / workload)

    def database(self, service: str) -> str:
        """The URL of a service's own SQLite file."""
        return f"sqlite:///{self.folder / 'data' / f'{service}.db'}"

    def log(self, name: str) -> Path:
        """What a process writes to its standard output and error."""
        return self.folder / "logs" / f"{name}.log"

    def prepare(self) -> None:
        """Makes the folders, for the owner only, and the secret if there is none."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        for name in ("data", "logs", "edge", "identity"):
            (self.folder / name).mkdir(exist_ok=True, mode=0o700)
        if not self.secret.exists():
            write_private(self.secret, base64.b64encode(secrets.token_bytes(32)) + b"\n")

    def acquire(self) -> IO[str]:
        """Takes the lock for as long as the answered file stays open.

        Raises:
            HomeInUseError: a supervisor runs here.
        """
        file = os.fdopen(os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o600), "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = file.read().strip() or "unknown"
            file.close()
            raise HomeInUseError(
                f"a mesh already runs in {self.folder} (supervisor's process id {pid}); "
                "stop it with `mesh down` or choose another --home"
            ) from error
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        return file

    def supervisor(self) -> int | None:
        """The process id of the supervisor that runs here; None when there is none."""
        with suppress(FileNotFoundError), self.lock.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return int(file.read().strip() or 0) or None
        return None

    def open_log(self, name: str) -> IO[bytes]:
        """Opens a process's log to append to, after setting a large one aside."""
        path = self.log(name)
        with suppress(FileNotFoundError):
            if path.stat().st_size > MAX_LOG_BYTES:
                path.replace(path.with_name(path.name + ".1"))
        return path.open("ab")
