"""The supervisor's care for what it starts: secrets, deaths, leftovers, a terminal that closes."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mesh.cli import leftovers
from mesh.cli.commands import down
from mesh.cli.errand import ErrandError, run_errand
from mesh.cli.home import Home
from mesh.cli.live import LiveView, progress
from mesh.cli.plan import DATABASE_VARIABLE, Plan
from mesh.cli.ports import HOST, Ports
from mesh.cli.process import Child, ChildSpec
from tests.support.eventually import eventually
from tests.support.mesh import Mesh, free_base

PASSWORD = "hunter2hunter2"
PAUSE = "import signal; signal.pause()"


def spec(tmp_path: Path, program: str = PAUSE) -> ChildSpec:
    return ChildSpec(
        name="order",
        address="127.0.0.1:1",
        command=[sys.executable, "-c", program],
        environment=os.environ,
        open_log=lambda: (tmp_path / "log").open("ab"),
    )


@contextmanager
def left_behind(home: Path, program: str = PAUSE) -> Iterator[subprocess.Popen[bytes]]:
    """A process as a supervisor starts it, without the supervisor."""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, leftovers.MARK: str(home)},
        stdout=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_database_url_reaches_the_services_and_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql://ann:{PASSWORD}@127.0.0.1/db"
    monkeypatch.setenv(DATABASE_VARIABLE, url)
    plan = Plan(Home(tmp_path), Ports(8080), url)
    environment = plan.service("order").environment
    assert [name for name, value in environment.items() if PASSWORD in value] == [
        "TRADEWIND_DATABASE_URL"
    ]
    assert PASSWORD not in str(plan)
    assert PASSWORD not in str(plan.edge(["envoy"]))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (f"mysql://ann:{PASSWORD}@127.0.0.1/db", "must be like postgresql://"),
        (f"sqlite:////tmp/{PASSWORD}.db", "must be like postgresql://"),
        (f"postgresql://ann:{PASSWORD}@127.0.0.1:port/db", "must be like postgresql://"),
        (PASSWORD, "must be like postgresql://"),
        (f"postgresql://ann:{PASSWORD}@127.0.0.1:1/db", "postgresql://127.0.0.1:1/db cannot be"),
    ],
)
async def test_a_wrong_database_is_told_in_one_line_without_its_password(
    url: str, why: str
) -> None:
    async def told() -> str:
        return url

    with pytest.raises(ErrandError, match=why) as refused:
        await run_errand("database", told=told)
    assert PASSWORD not in str(refused.value)
    assert "\n" not in str(refused.value)


async def processes_with(text: str) -> list[bytes]:
    found = []
    for entry in await asyncio.to_thread(lambda: list(Path("/proc").glob("[0-9]*/cmdline"))):
        try:
            command = await asyncio.to_thread(entry.read_bytes)
        except OSError:
            continue  # It has ended meanwhile.
        if text.encode() in command:
            found.append(command)
    return found


@asynccontextmanager
async def silent_server() -> AsyncIterator[tuple[int, asyncio.Event]]:
    """Takes connections and never answers; the event tells that one came."""
    connected = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(wait, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1], connected


async def test_the_password_is_on_no_command_line_and_a_start_can_be_broken_off(
    tmp_path: Path,
) -> None:
    async with silent_server() as (port, connected):
        home = tmp_path / "home"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mesh.cli.main", "up", "--detach", "--home", str(home)),
            *("--port-base", str(free_base())),
            env={**os.environ, DATABASE_VARIABLE: f"postgresql://ann:{PASSWORD}@{HOST}:{port}/db"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        async with asyncio.timeout(30):
            await connected.wait()
        assert len(await processes_with(str(home))) == 2
        assert await processes_with(PASSWORD) == []
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert process.returncode == 1
    assert b"Traceback" not in out + err
    assert await processes_with(str(home)) == []
    written = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert not any(PASSWORD.encode() in content for content in written)


SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from mesh.cli.process import Child
from tests.unit.test_cli_supervisor import spec

async def main():
    child = Child(spec(Path(sys.argv[1])), print)
    child.start()
    while child.pid is None:
        await asyncio.sleep(0)
    print(child.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_killed_supervisors_children_do_not_live_on(tmp_path: Path) -> None:
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SUPERVISOR, str(tmp_path), stdout=subprocess.PIPE
    )
    assert supervisor.stdout is not None
    child = int(await supervisor.stdout.readline())
    assert leftovers.runs(child)
    supervisor.kill()
    await supervisor.wait()

    async def gone() -> bool:
        return not leftovers.runs(child)

    await eventually(gone)


def test_down_ends_what_a_killed_supervisor_left(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.acquire().close()
    assert not down(home)
    with left_behind(tmp_path / "other") as stranger, left_behind(tmp_path) as process:
        assert leftovers.found(tmp_path) == [process.pid]
        assert down(home)
        assert process.wait(5) == -signal.SIGTERM
        assert stranger.poll() is None
    assert not down(home)


def test_what_ignores_the_request_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh.cli.leftovers.KILL_AFTER_S", 0.2)
    stubborn = "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"
    with left_behind(tmp_path, stubborn + "; signal.pause()") as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert leftovers.end(tmp_path) == 1
        assert process.wait(5) == -signal.SIGKILL


async def test_a_start_that_cannot_be_prepared_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh.cli.process.LONGEST_PAUSE_S", 0.05)
    said: list[str] = []
    outcomes: list[Callable[[], None]] = [refuse, lambda: None]

    async def renew() -> None:
        outcomes.pop(0)()

    kept = Child(replace(spec(tmp_path), renew=renew), said.append)
    kept.start()

    async def runs() -> int | None:
        return kept.pid

    os.kill(await eventually(runs), signal.SIGKILL)

    async def runs_again() -> bool:
        return kept.restarts == 1 and kept.pid is not None

    await eventually(runs_again)
    assert said[1] == "order cannot start: no room; tried again in 0.05 s"
    await kept.stop()


def refuse() -> None:
    raise ErrandError("no room")


def test_events_survive_a_reader_that_has_gone() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        view = LiveView(stream)
        os.close(reading)
        view.say("nobody reads this")
        view.say("nor this")


def test_nothing_is_drawn_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("working") as say:
        say("still working")
    LiveView(io.StringIO()).say("a line")
    shown = capsys.readouterr()
    assert shown.out + shown.err == ""


def resident_kb(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0])


async def test_a_mesh_whose_supervisor_was_killed_starts_again(tmp_path: Path) -> None:
    own = Mesh(tmp_path / "home", free_base())
    await asyncio.to_thread(own.up)
    try:
        supervisor = Home(own.home).supervisor()
        assert supervisor is not None
        assert resident_kb(supervisor) < 45_000
        os.kill(supervisor, signal.SIGKILL)
        done = await asyncio.to_thread(own.command, "audit")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        await asyncio.to_thread(own.up)
        assert (await asyncio.to_thread(own.status))["ready"]
        second = await asyncio.to_thread(own.command, "up", "--port-base", str(free_base()))
        assert second.returncode == 1
        assert "a mesh already runs in" in second.stderr
        # The supervisor's own requests leave no line.
        assert "/api/" not in (own.home / "logs" / "edge.log").read_text()
    finally:
        await asyncio.to_thread(own.down)
    assert leftovers.found(own.home) == []
