"""The viewer as a process: its settings, its ports, its end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest

from mesh.viewer.settings import Address, SettingsError, ViewerSettings, load_viewer_settings
from tests.support.eventually import eventually
from tests.support.ports import free_port

PREFIX = "TRADEWIND_VIEWER_"


def test_settings_are_read_from_the_environment() -> None:
    found = load_viewer_settings(
        {
            "TRADEWIND_VIEWER_STORE": "/data/t.db",
            "TRADEWIND_VIEWER_HTTP_LISTEN": "localhost:1",
            "TRADEWIND_VIEWER_OTLP_GRPC_LISTEN": "[::1]:2",
            "TRADEWIND_VIEWER_MAX_AGE_S": "60",
            "TRADEWIND_VIEWER_MAX_BYTES": "2000000",
            "TRADEWIND_VIEWER_SAMPLE_SHARE": "0.1",
            "TRADEWIND_VIEWER_SLOW_MS": "250",
            "TRADEWIND_VIEWER_LOG_LEVEL": "WARNING",
            "PATH": "/bin",
        }
    )
    assert found == ViewerSettings(
        Path("/data/t.db"),
        Address("localhost", 1),
        Address("::1", 2),
        max_age_s=60,
        max_bytes=2_000_000,
        sample_share=0.1,
        slow_ms=250,
        log_level="WARNING",
    )
    assert str(found.otlp_grpc_listen) == "[::1]:2"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_LISTEN", "0.0.0.0:80"),
        ("HTTP_LISTEN", "127.0.0.1"),
        ("HTTP_LISTEN", "127.0.0.1:x"),
        ("OTLP_HTTP_LISTEN", "127.0.0.1:70000"),
        ("MAX_AGE_S", "0"),
        ("MAX_BYTES", "many"),
        ("SAMPLE_SHARE", "1.1"),
        ("SAMPLE_SHARE", "nan"),
        ("SLOW_MS", "-1"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_a_wrong_setting_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{PREFIX}{name}: "):
        load_viewer_settings({f"{PREFIX}STORE": "t.db", f"{PREFIX}{name}": value})
    with pytest.raises(SettingsError, match=f"{PREFIX}STORE: "):
        load_viewer_settings({})


async def start(environment: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "mesh.viewer.main",
        env=os.environ | environment,
        stderr=asyncio.subprocess.PIPE,
    )


def environment(folder: Path) -> dict[str, str]:
    ports = {name: free_port() for name in ("HTTP", "OTLP_GRPC", "OTLP_HTTP")}
    return {f"{PREFIX}STORE": str(folder / "t.db")} | {
        f"{PREFIX}{name}_LISTEN": f"127.0.0.1:{port}" for name, port in ports.items()
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_process_serves_and_ends_clean_also_while_a_tail_is_followed(
    tmp_path: Path, number: signal.Signals
) -> None:
    settings = environment(tmp_path)
    process = await start(settings)
    async with httpx.AsyncClient(
        base_url=f"http://{settings[PREFIX + 'HTTP_LISTEN']}", timeout=10
    ) as client:

        async def ready() -> bool:
            assert process.returncode is None
            try:
                return (await client.get("/readyz")).status_code == 200
            except httpx.ConnectError:
                return False

        await eventually(ready)
        async with client.stream("GET", "/api/tail") as stream:
            await anext(stream.aiter_lines())
            process.send_signal(number)
            _, errors = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 0, errors
    events = [json.loads(line)["event"] for line in errors.decode().splitlines()]
    assert events == ["serving", "stopped"]


@pytest.mark.parametrize("name", ["HTTP", "OTLP_GRPC", "OTLP_HTTP"])
async def test_a_taken_port_is_named(tmp_path: Path, name: str) -> None:
    settings = environment(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process = await start(settings | {f"{PREFIX}{name}_LISTEN": address})
        _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert errors.decode().splitlines()[-1] == f"cannot listen on {address}: Address already in use"


async def test_wrong_settings_end_the_process_with_a_message(tmp_path: Path) -> None:
    process = await start({f"{PREFIX}STORE": ""} | {f"{PREFIX}SLOW_MS": "x"})
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert errors.decode().startswith(f"{PREFIX}SLOW_MS: ")
