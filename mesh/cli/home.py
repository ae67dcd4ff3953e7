"""The folder a mesh lives in: lock, state, keys, data and logs."""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mesh.identity.files import IdentityFiles, write_private

_LOCK_TRIES = 10
_LOCK_PAUSE_S = 0.02


class HomeError(Exception):
    """The home cannot be used; the text says why."""


class HomeInUseError(HomeError):
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
        """Makes the folders, for the owner only, and the secret if there is none.

        Raises:
            HomeError: the folder cannot be made or written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.folder.chmod(0o700)
            for name in ("data", "logs", "edge", "identity"):
                (self.folder / name).mkdir(exist_ok=True, mode=0o700)
            if not self.secret.exists():
                write_private(self.secret, base64.b64encode(secrets.token_bytes(32)) + b"\n")
        except OSError as error:
            raise HomeError(
                f"{self.folder} cannot be used as a home: {error.strerror}; choose another --home"
            ) from error

    def acquire(self) -> IO[str]:
        """Takes the lock for as long as the answered file stays open; forgets any old state.

        Raises:
            HomeInUseError: a supervisor runs here.
            HomeError: the lock cannot be written.
        """
        try:
            file = os.fdopen(os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o600), "r+")
        except OSError as error:
            raise HomeError(f"{self.lock} cannot be opened: {error.strerror}") from error
        if not _locked(file):
            pid = file.read().strip() or "unknown"
            file.close()
            raise HomeInUseError(
                f"a mesh already runs in {self.folder} (supervisor's process id {pid}); "
                "stop it with `mesh down` or choose another --home"
            )
        # Of a supervisor that was killed: nobody may take it for this one's.
        self.state.unlink(missing_ok=True)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        return file

    def supervisor(self) -> int | None:
        """The process id of the supervisor that runs here; None when there is none."""
        with suppress(FileNotFoundError, NotADirectoryError), self.lock.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return int(file.read().strip() or 0) or None
        return None

    def open_log(self, name: str) -> IO[bytes]:
        """Opens a process's log to append to, which is what `rotate` counts on."""
        return open(self.log(name), "ab", opener=lambda path, flags: os.open(path, flags, 0o600))

    def logs(self) -> list[Path]:
        """The logs that are written to."""
        return list((self.folder / "logs").glob("*.log"))


def _locked(file: IO[str]) -> bool:
    """Takes the lock; whoever only looks at it (`supervisor`) is waited for."""
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(_LOCK_PAUSE_S)
        else:
            return True
    return False
