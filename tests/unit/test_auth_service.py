"""The auth and user services as processes of their own, called over mTLS as the edge does."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import jwt
import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from tradewind.api.v1.reason_pb2 import Reason
from tradewind.auth.v1 import audit_pb2
from tradewind.auth.v1 import auth_pb2 as pb
from tradewind.auth.v1.audit_pb2_grpc import AuditServiceStub
from tradewind.auth.v1.auth_pb2_grpc import AuthServiceStub
from tradewind.user.v1 import audit_pb2 as user_audit_pb2
from tradewind.user.v1.audit_pb2_grpc import AuditServiceStub as UserAuditStub

from mesh.runtime.client import MeshChannel
from mesh.runtime.errors import reason_of
from tests.support.eventually import eventually
from tests.support.ports import free_port
from tests.support.workloads import Workloads

if TYPE_CHECKING:
    from tradewind.auth.v1.auth_pb2_grpc import AuthServiceAsyncStub

PASSWORD = "correct horse"


@dataclass
class Peers:
    """The two services, and how to call them."""

    folder: Path
    workloads: Workloads
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    channels: list[MeshChannel] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settings = {name: self.workloads.settings(name) for name in ("auth", "user")}
        (self.folder / "secret").write_bytes(base64.b64encode(secrets.token_bytes(32)) + b"\n")
        nobody = f"127.0.0.1:{free_port()}"
        self.peers = {"user": [self.settings["user"].listen], "inventory": [nobody]}

    async def start(self, name: str) -> None:
        """Starts a service and waits until it is ready."""
        settings = self.settings[name]
        environment = os.environ | {
            "TRADEWIND_LISTEN": settings.listen,
            "TRADEWIND_HTTP_LISTEN": settings.http_listen,
            "TRADEWIND_IDENTITY": str(settings.identity),
            "TRADEWIND_DATABASE_URL": settings.database_url,
            "TRADEWIND_PEERS": json.dumps(self.peers),
            "TRADEWIND_DRAIN_S": "0",
            "TRADEWIND_KEY_SECRET_FILE": str(self.folder / "secret"),
            "TRADEWIND_REGISTRATION_RETRY_S": "0.2",
            "TRADEWIND_SWEEP_INTERVAL_S": "0.1",
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = await asyncio.create_subprocess_exec(
                sys.executable, "-m", f"services.{name}.main", env=environment, stderr=log
            )
        async with httpx.AsyncClient() as http:

            async def ready() -> bool:
                try:
                    answer = await http.get(f"http://{settings.http_listen}/readyz")
                except httpx.TransportError:
                    return False
                return answer.status_code == 200

            await eventually(ready, 30)

    async def stop(self, name: str) -> None:
        """Ends a service in order."""
        process = self.processes.pop(name)
        process.terminate()
        assert await process.wait() == 0

    async def kill(self, name: str) -> None:
        """Ends a service at once."""
        process = self.processes.pop(name)
        process.kill()
        await process.wait()

    def channel(self, caller: str, to: str) -> MeshChannel:
        identity = self.workloads.identity(caller)
        found = MeshChannel(to, [self.settings[to].listen], identity)
        self.channels.append(found)
        return found

    async def auth(self) -> AuthServiceAsyncStub:
        """The auth service as the edge sees it, over a new connection that stands."""
        channel = self.channel("edge", "auth")
        await channel.channel_ready()
        return AuthServiceStub(channel)

    async def credentials(self) -> dict[str, bool]:
        """Whether each credential is active, by user id."""
        audit = AuditServiceStub(self.channel("cli", "auth"))
        return {
            each.user_id: each.active
            async for part in audit.Audit(audit_pb2.AuditRequest())
            for each in part.credentials
        }

    async def user_ids(self) -> set[str]:
        """The users whom the user service knows."""
        audit = UserAuditStub(self.channel("cli", "user"))
        return {
            user_id
            async for part in audit.Audit(user_audit_pb2.AuditRequest())
            for user_id in part.user_ids
        }

    def logged(self, name: str) -> str:
        """What a service wrote so far."""
        return (self.folder / f"{name}.log").read_text()


@pytest.fixture
async def peers(tmp_path: Path) -> AsyncIterator[Peers]:
    found = Peers(tmp_path, Workloads(tmp_path))
    yield found
    for channel in found.channels:
        await channel.close()
    for name in list(found.processes):
        await found.stop(name)


async def refused(call: Any) -> Reason | None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return reason_of(error.value)


def registration(**changed: str) -> pb.RegisterRequest:
    fields = {
        "username": "Ada",
        "email": "ada@example.com",
        "password": PASSWORD,
        "firstName": "Ada",
        "lastName": "Lovelace",
    }
    return ParseDict(fields | changed, pb.RegisterRequest())


def login(username: str = "ada", password: str = PASSWORD) -> pb.LoginRequest:
    return pb.LoginRequest(username=username, password=password)


def refresh(tokens: pb.Tokens) -> pb.RefreshRequest:
    return pb.RefreshRequest(refresh_token=tokens.refresh_token)


def claims(tokens: pb.Tokens, keys: pb.Jwks) -> dict[str, Any]:
    """What an access token says, verified by the published keys."""
    published = jwt.PyJWKSet.from_dict(MessageToDict(keys))
    kid = jwt.get_unverified_header(tokens.access_token)["kid"]
    found: dict[str, Any] = jwt.decode(
        tokens.access_token,
        published[kid].key,
        algorithms=["EdDSA"],
        audience="tradewind",
        issuer="tradewind",
    )
    return found


async def test_a_customer_registers_logs_in_refreshes_and_leaves(peers: Peers) -> None:
    await asyncio.gather(peers.start("user"), peers.start("auth"))
    auth = await peers.auth()
    user = await auth.Register(registration())
    assert (user.username, user.email) == ("Ada", "ada@example.com")
    assert await peers.credentials() == {user.user_id: True}
    assert await peers.user_ids() == {user.user_id}
    same_name = registration(username="ADA", email="ADA@example.com")
    assert await refused(auth.Register(same_name)) == Reason.USERNAME_TAKEN
    same_address = registration(username="bob", email="ADA@Example.com")
    assert await refused(auth.Register(same_address)) == Reason.EMAIL_TAKEN
    assert await refused(auth.Login(login(password="wrong"))) == Reason.CREDENTIALS_INVALID
    assert await refused(auth.Login(login("nobody"))) == Reason.CREDENTIALS_INVALID

    tokens = await auth.Login(login())
    keys = await auth.GetJwks(pb.GetJwksRequest())
    told = claims(tokens, keys)
    assert (told["sub"], told["roles"]) == (user.user_id, ["CUSTOMER"])
    assert told["exp"] - told["iat"] == tokens.expires_in == 900

    # The answer of a refresh was lost; then somebody comes with an old token.
    second = await auth.Refresh(refresh(tokens))
    repeated = await auth.Refresh(refresh(tokens))
    third = await auth.Refresh(refresh(repeated))
    assert claims(third, keys)["sub"] == user.user_id
    assert await refused(auth.Refresh(refresh(tokens))) == Reason.REFRESH_TOKEN_INVALID
    for token in (second, third):
        assert await refused(auth.Refresh(refresh(token))) == Reason.REFRESH_TOKEN_INVALID

    # The key and the sessions outlive the process.
    other = await auth.Login(login())
    await peers.stop("auth")
    await peers.start("auth")
    auth = await peers.auth()
    assert await auth.GetJwks(pb.GetJwksRequest()) == keys
    renewed = await auth.Refresh(refresh(other))
    assert claims(renewed, keys)["sub"] == user.user_id
    for _ in range(2):
        await auth.Logout(pb.LogoutRequest(refresh_token=renewed.refresh_token))
    assert await refused(auth.Refresh(refresh(renewed))) == Reason.REFRESH_TOKEN_INVALID

    written = peers.logged("auth")
    assert user.user_id in written
    secrets_of_ada = ("ada@", PASSWORD, other.refresh_token, renewed.access_token)
    assert not [each for each in secrets_of_ada if each in written]


async def test_a_crash_in_the_middle_of_a_registration_is_completed(peers: Peers) -> None:
    await peers.start("auth")
    leave = asyncio.Event()

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await leave.wait()
        writer.close()

    # In the user service's place: accepts calls and never answers.
    host, _, port = peers.settings["user"].listen.rpartition(":")
    silence = await asyncio.start_server(say_nothing, host, int(port))
    auth = await peers.auth()
    registering = asyncio.ensure_future(refused(auth.Register(registration())))

    async def reserved() -> list[str]:
        return [user for user, active in (await peers.credentials()).items() if not active]

    async def any_reserved() -> list[str] | None:
        return await reserved() or None

    (user_id,) = await eventually(any_reserved)
    await peers.kill("auth")
    await registering
    leave.set()
    silence.close()
    await silence.wait_closed()

    await peers.start("auth")
    auth = await peers.auth()
    assert await refused(auth.Login(login())) == Reason.CREDENTIALS_INVALID
    unreachable = registration(username="bob", email="bob@example.com")
    assert await refused(auth.Register(unreachable)) == Reason.SERVICE_UNAVAILABLE
    assert len(await reserved()) == 2
    await peers.start("user")

    async def completed() -> bool:
        return not await reserved()

    await eventually(completed)
    tokens = await auth.Login(login())
    assert claims(tokens, await auth.GetJwks(pb.GetJwksRequest()))["sub"] == user_id
    assert await peers.user_ids() == (await peers.credentials()).keys()
    assert await refused(auth.Register(registration())) == Reason.USERNAME_TAKEN
