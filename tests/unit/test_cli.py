"""The parts of the `mesh` command that need no mesh."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mesh.cli import status
from mesh.cli.home import Home, HomeInUseError
from mesh.cli.instances import instances
from mesh.cli.logs import rotate_all
from mesh.cli.main import main
from mesh.cli.ports import HOST, MOST_INSTANCES, SPAN, Ports, taken
from mesh.cli.process import Child, ChildSpec
from mesh.identity.names import SERVICES
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


def test_a_look_at_the_lock_keeps_nobody_out(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        threading.Timer(0.05, lambda: fcntl.flock(file, fcntl.LOCK_UN)).start()
        home.acquire().close()


def test_a_home_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = CliRunner().invoke(main, ["up", "--home", str(tmp_path / "file" / "home")])
    assert told.exit_code == 1
    assert told.output.count("\n") == 1
    assert "cannot be used as a home" in told.output


def test_an_old_state_is_forgotten_with_the_first_lock(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.state.write_text('{"ready": true}')
    with home.acquire():
        assert not status.read(home)["ready"]


def test_a_large_log_is_set_aside_while_it_is_written(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    path = home.log("order")
    with home.open_log("order") as log:
        for number in range(3):
            log.write(b"%d" % number * 11)
            log.flush()
            assert rotate_all(home.logs(), most=10) == []
            assert path.stat().st_size == 0
            assert path.with_name("order.log.1").read_bytes() == b"%d" % number * 11
        log.write(b"end")
    assert rotate_all(home.logs(), most=10) == []
    assert path.read_bytes() == b"end"
    assert stat.S_IMODE(path.with_name("order.log.1").stat().st_mode) == 0o600
    assert sorted(each.name for each in path.parent.iterdir()) == ["order.log", "order.log.1"]


def test_a_log_that_cannot_be_set_aside_is_emptied_and_that_is_told(tmp_path: Path) -> None:
    log = tmp_path / "order.log"
    log.write_bytes(b"x" * 11)
    log.with_name("order.log.1").mkdir()
    (problem,) = rotate_all([log, tmp_path / "missing.log"], most=10)
    assert str(log) in problem
    assert log.stat().st_size == 0


def test_no_two_uses_share_a_port() -> None:
    names = [name for service in SERVICES for name in instances(service, MOST_INSTANCES)]
    used = Ports(8080).used(names)
    assert len(used) == 5 + 2 * len(names)
    assert max(used) < 8080 + SPAN
    assert 8084 not in used


def test_a_taken_port_is_named_with_its_process_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        where = ["--home", str(tmp_path), "--port-base", str(port)]
        told = CliRunner().invoke(main, ["up", *where])
        assert taken(Ports(port - 12)) == (
            f"port {port} (user) is taken; choose another with --port-base"
        )
    assert told.exit_code == 1
    assert told.output.splitlines()[-1] == (
        f"Error: port {port} (edge) is taken; choose another with --port-base"
    )
    assert not (tmp_path / "ca").exists()


def test_nothing_runs_in_an_empty_home(tmp_path: Path) -> None:
    where = ["--home", str(tmp_path)]
    assert CliRunner().invoke(main, ["status", "--json", *where]).exit_code == 1
    assert CliRunner().invoke(main, ["audit", *where]).exit_code == 2
    stopped = CliRunner().invoke(main, ["down", *where])
    assert stopped.exit_code == 0
    assert "no mesh runs" in stopped.output
    shown = CliRunner().invoke(main, ["status", *where])
    assert (shown.exit_code, "no mesh runs" in shown.output) == (1, True)


@pytest.mark.parametrize("command", ["up", "down", "status", "audit"])
def test_every_command_and_option_is_explained(command: str) -> None:
    text = CliRunner().invoke(main, [command, "--help"]).output
    assert "Exit code" in text
    for option in main.commands[command].params:
        assert isinstance(option, click.Option)
        assert option.help


def test_what_becomes_the_supervisor_loads_nothing_heavy() -> None:
    program = "import mesh.cli.main, sys; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", program], text=True).split()
    heavy = {"grpc", "google.protobuf", "cryptography", "sqlalchemy", "rich", "envoy_data_plane"}
    assert "mesh.cli.supervisor" in loaded
    assert not heavy & set(loaded)


def child(tmp_path: Path, program: str, said: list[str]) -> Child:
    spec = ChildSpec(
        name="order",
        address="127.0.0.1:1",
        command=[sys.executable, "-c", program],
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
        command=[str(tmp_path / "missing")],
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
