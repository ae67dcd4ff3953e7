"""A real mesh for tests, started by the command a person would use."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from mesh.cli.ports import HOST, SPAN

_blocks = iter(range(21000, 60000, SPAN))
_names = count(1)


def free_base() -> int:
    """The first port of a block that nobody listens in now."""
    return next(base for base in _blocks if all(_is_free(base + n) for n in range(20)))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) != 0


@dataclass(frozen=True, slots=True)
class Mesh:
    """A mesh's home and ports."""

    home: Path
    base: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.base}"

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs `mesh` for this home."""
        return subprocess.run(
            [sys.executable, "-m", "mesh.cli.main", *arguments, "--home", str(self.home)],
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
        )

    def up(self, *options: str) -> None:
        done = self.command("up", "--detach", "--port-base", str(self.base), *options)
        assert done.returncode == 0, done.stdout + done.stderr

    def audit(self) -> None:
        """Makes sure that every invariant holds."""
        done = self.command("audit")
        assert done.returncode == 0, done.stdout + done.stderr

    def down(self) -> None:
        done = self.command("down")
        assert done.returncode == 0, done.stdout + done.stderr

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.command("status", "--json").stdout)
        return found

    def process(self, name: str) -> dict[str, Any]:
        """One process of the status."""
        return next(p for p in self.status()["processes"] if p["name"] == name)


@dataclass(slots=True)
class Customer:
    """A registered customer with a token."""

    client: httpx.AsyncClient
    token: str
    user_id: str
    _requests: count[int] = field(default_factory=lambda: count(1))

    async def call(self, verb: str, path: str, **arguments: Any) -> httpx.Response:
        """A call with the customer's token."""
        headers = {"authorization": f"Bearer {self.token}", **arguments.pop("headers", {})}
        return await self.client.request(verb, path, headers=headers, **arguments)

    async def get(self, path: str, **arguments: Any) -> dict[str, Any]:
        """What a read that must succeed answers."""
        reply = await self.call("GET", path, **arguments)
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    def request_id(self) -> str:
        """One that this customer has not used."""
        return f"request-{next(self._requests)}"

    async def deposit(self, amount: str, request_id: str | None = None) -> httpx.Response:
        body = {"amount": amount, "requestId": request_id or self.request_id()}
        return await self.call("POST", "/api/v1/balance/deposit", json=body)

    async def order(self, way: str, units: str, **changed: Any) -> httpx.Response:
        """Places a market order for BTC, with the fields in `changed` put over it."""
        body = {
            "requestId": self.request_id(),
            "assetId": "BTC",
            "side": way,
            "type": "MARKET",
            "quantity": units,
            **changed,
        }
        return await self.call("POST", "/api/v1/orders", json=body)


async def new_customer(client: httpx.AsyncClient) -> Customer:
    """Registers and signs in somebody new."""
    name = f"c{next(_names)}{uuid4().hex[:10]}"
    password = f"secret {name}"
    registered = await client.post(
        "/api/v1/auth/register",
        json={
            "username": name,
            "email": f"{name}@example.com",
            "password": password,
            "firstName": "Ada",
            "lastName": "Trader",
        },
    )
    assert registered.status_code == 200, registered.text
    tokens = await client.post("/api/v1/auth/login", json={"username": name, "password": password})
    assert tokens.status_code == 200, tokens.text
    return Customer(client, tokens.json()["accessToken"], registered.json()["userId"])


def reason(reply: httpx.Response) -> str:
    """The reason in an error's details."""
    found: str = next(detail["reason"] for detail in reply.json()["details"] if "reason" in detail)
    return found


def violated(reply: httpx.Response) -> set[str]:
    """The fields that an error names."""
    return {
        violation["field"]
        for detail in reply.json()["details"]
        for violation in detail.get("fieldViolations", [])
    }
