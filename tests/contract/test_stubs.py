"""The stubs install on their own and are fully typed for asynchronous use."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import grpc
from tradewind.order.v1.order_pb2 import CreateOrderRequest, Order
from tradewind.order.v1.order_pb2_grpc import OrderServiceStub


async def buy(channel: grpc.aio.Channel) -> {result}:
    stub = OrderServiceStub(channel)
    order = await stub.CreateOrder(
        CreateOrderRequest({field}="r1", asset_id="BTC", side=Order.BUY, type=Order.MARKET)
    )
    return order.order_id
"""


@pytest.fixture(scope="module")
def consumer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing but the stubs and a type checker."""
    folder = tmp_path_factory.mktemp("consumer")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    uv = Path(sys.executable).parent / "uv"
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", python, f"{ROOT / 'gen'}[typing]", "mypy"],
        check=True,
    )
    return folder


def check_types(consumer: Path, *, field: str, result: str) -> subprocess.CompletedProcess[str]:
    (consumer / "program.py").write_text(PROGRAM.format(field=field, result=result))
    return subprocess.run(
        [consumer / "venv" / "bin" / "mypy", "--strict", "program.py"],
        cwd=consumer,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_right_program_passes_the_strict_type_check(consumer: Path) -> None:
    found = check_types(consumer, field="request_id", result="str")
    assert found.returncode == 0, found.stdout + found.stderr


def test_a_wrong_field_is_refused_by_the_type_checker(consumer: Path) -> None:
    found = check_types(consumer, field="request_idd", result="str")
    assert found.returncode == 1
    assert 'Unexpected keyword argument "request_idd"' in found.stdout


def test_a_wrong_result_type_is_refused_by_the_type_checker(consumer: Path) -> None:
    found = check_types(consumer, field="request_id", result="int")
    assert found.returncode == 1
    assert 'expected "int"' in found.stdout


def test_the_stubs_run_without_the_rest_of_the_project(consumer: Path) -> None:
    code = (
        "import tradewind.order.v1.order_pb2_grpc, importlib.util as u; print(u.find_spec('mesh'))"
    )
    found = subprocess.run(
        [consumer / "venv" / "bin" / "python", "-c", code],
        cwd=consumer,
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "None"
