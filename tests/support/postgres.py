"""A real PostgreSQL server for tests, started as another user when we are root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.support.ports import free_port

_numbers = count(1)


PROGRAMS = ("initdb", "postgres", "pg_isready", "createdb")


def binaries() -> Path | None:
    """The folder with PostgreSQL's programs; None when it is not installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if found := shutil.which("initdb"):
        folders += [Path(found).parent, Path(found).resolve().parent]
    complete = (folder for folder in folders if all((folder / name).exists() for name in PROGRAMS))
    return next(complete, None)


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server; `new_database` makes an empty database in it."""

    port: int
    bin: Path

    def url(self, name: str) -> str:
        """The URL of a database."""
        return f"postgresql://tradewind@127.0.0.1:{self.port}/{name}"

    def new_database(self) -> str:
        """Makes an empty database and answers its URL."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        subprocess.run(
            [
                self.bin / "createdb",
                "-h",
                "127.0.0.1",
                "-p",
                str(self.port),
                "-U",
                "tradewind",
                name,
            ],
            check=True,
            capture_output=True,
        )
        return self.url(name)


def _run_as() -> dict[str, int]:
    """PostgreSQL refuses to run as root: another user's ids then, else nothing."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid}
    raise RuntimeError("neither a user postgres nor nobody to run PostgreSQL as")


@contextmanager
def running_server(bin_folder: Path) -> Iterator[PostgresServer]:
    """A server of its own in a temporary folder, ended and removed afterwards."""
    owner = _run_as()
    folder = Path(tempfile.mkdtemp(prefix="tradewind-pg-"))
    if owner:
        os.chown(folder, owner["user"], owner["group"])
    data, port = folder / "data", free_port()
    subprocess.run(
        [bin_folder / "initdb", "-D", data, "-U", "tradewind", "-A", "trust", "-E", "UTF8", "-N"],
        check=True,
        capture_output=True,
        cwd=folder,
        **owner,  # type: ignore[call-overload]
    )
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                bin_folder / "postgres",
                "-D",
                data,
                "-p",
                str(port),
                "-h",
                "127.0.0.1",
                "-k",
                folder,
                "-c",
                "fsync=off",
                "-c",
                "max_connections=200",
            ],
            stdout=log,
            stderr=log,
            cwd=folder,
            **owner,  # type: ignore[call-overload]
        )
        try:
            _wait_until_ready(bin_folder, port)
            yield PostgresServer(port, bin_folder)
        finally:
            server.terminate()
            server.wait(30)
            shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(bin_folder: Path, port: int) -> None:
    deadline = time.monotonic() + 30
    ready: list[str | Path] = [
        bin_folder / "pg_isready",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-t",
        "5",
    ]
    while subprocess.run(ready, capture_output=True, check=False).returncode:
        if time.monotonic() > deadline:
            raise TimeoutError("PostgreSQL did not start")
        time.sleep(0.05)
