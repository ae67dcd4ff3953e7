"""The parts of the `mesh` command that need no mesh."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mesh.cli.home import Home, HomeInUseError
from mesh.cli.main import main
from mesh.cli.ports import HOST, Ports, taken
from mesh.cli.process import Child, ChildSpec
from tests.support.eventually import eventually


def test_a_home_is_for_its_owner_only(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    secret = home.secret.read_bytes()
    home.prepare()
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.secret.stat().st_mode) == 0o600
    assert home.secret.read_bytes() == secret


def test_a_home_holds_one_mesh_and_names_its_supervisor(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.supervisor() is None
    with home.acquire():
        assert home.supervisor() == os.getpid()
        with pytest.raises(HomeInUseError, match=str(os.getpid())):
            home.acquire()
    assert home.supervisor() is None


def test_a_large_log_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesh.cli.home.MAX_LOG_BYTES", 10)
    home = Home(tmp_path)
    home.prepare()
    home.log("order").write_bytes(b"x" * 11)
    home.open_log("order").close()
    assert home.log("order").stat().st_size == 0
    assert home.log("order").with_name("order.log.1").stat().st_size == 11


def test_no_two_uses_share_a_port() -> None:
    assert len(Ports(8080).used()) == 10
    assert not set(range(8081, 8085)) & set(Ports(8080).used())


def test_a_taken_port_is_named() -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"port {port} for the edge" in taken(Ports(port))


def test_nothing_runs_in_an_empty_home(tmp_path: Path) -> None:
    where = ["--home", str(tmp_path)]
    assert CliRunner().invoke(main, ["status", "--json", *where]).exit_code == 1
    assert CliRunner().invoke(main, ["audit", *where]).exit_code == 2
    stopped = CliRunner().invoke(main, ["down", *where])
    assert stopped.exit_code == 0
    assert "no mesh runs" in stopped.output


def child(tmp_path: Path, program: str, said: list[str]) -> Child:
    spec = ChildSpec(
        name="order",
        address="127.0.0.1:1",
        command=lambda: [sys.executable, "-c", program],
        environment=os.environ,
        open_log=lambda: (tmp_path / "log").open("ab"),
    )
    return Child(spec, said.append)


async def test_a_killed_process_is_started_again_and_stops_when_told(tmp_path: Path) -> None:
    said: list[str] = []
    kept = child(tmp_path, "import signal; signal.pause()", said)
    kept.start()

    async def runs() -> int | None:
        return kept.pid

    first = await eventually(runs)
    os.kill(first, signal.SIGKILL)

    async def runs_again() -> bool:
        return kept.pid not in {None, first}

    await eventually(runs_again)
    assert kept.restarts == 1
    assert said == ["order ended (SIGKILL), starts again in 0.2 s"]
    await kept.stop()
    assert kept.pid is None


async def test_a_process_that_will_not_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh.cli.process.KILL_AFTER_S", 0.1)
    program = (
        "import signal; signal.signal(15, signal.SIG_IGN); print(1, flush=True); signal.pause()"
    )
    said: list[str] = []
    stubborn = child(tmp_path, f"while True:\n  {program}", said)
    stubborn.start()

    async def ignores_signals() -> bool:
        log = tmp_path / "log"
        return await asyncio.to_thread(log.exists) and bool(log.read_bytes())

    await eventually(ignores_signals)
    await stubborn.stop()
    assert stubborn.pid is None
    assert said == ["order did not end in 0.1 s and is killed"]


async def test_a_program_that_cannot_be_started_is_reported(tmp_path: Path) -> None:
    missing = ChildSpec(
        name="edge",
        address="127.0.0.1:1",
        command=lambda: [str(tmp_path / "missing")],
        environment={},
        open_log=lambda: (tmp_path / "log").open("ab"),
    )
    kept = Child(missing, print)
    kept.start()

    async def failed() -> bool:
        try:
            kept.raise_failure()
        except FileNotFoundError:
            return True
        return False

    assert await eventually(failed)
