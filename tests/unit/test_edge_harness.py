"""What the tests of the edge share: a real Envoy, and workloads behind it that say anything."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc import aio
from grpc_reflection.v1alpha import reflection, reflection_pb2

from mesh.contract.methods import method_table, public_services
from mesh.edge.bootstrap import bootstrap_bytes, envoy_command
from mesh.edge.config import Address, EdgeConfig
from mesh.identity.authority import Authority
from mesh.identity.files import IdentityFiles
from mesh.identity.names import ACCESS_AUDIENCE, ACCESS_ISSUER, EDGE
from tests.support.eventually import eventually
from tests.support.ports import free_port

LOOPBACK = "127.0.0.1"
REFLECTION = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")

Context = aio.ServicerContext[Any, Any]
Answer = Callable[[Any, Context], Awaitable[Message]]


class Tokens:
    """Signs access tokens as auth does, and wrongly where a test asks for it."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        public = jwt.algorithms.OKPAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        key = {**public, "kid": "k1", "use": "sig", "alg": "EdDSA"}
        self.jwks = json.dumps({"keys": [key]})

    def sign(self, *, key: Ed25519PrivateKey | None = None, kid: str = "k1", **claims: Any) -> str:
        """A customer's token for five minutes; `claims` change it."""
        now = int(time.time())
        payload = {
            "iss": ACCESS_ISSUER,
            "aud": ACCESS_AUDIENCE,
            "sub": "user-1",
            "roles": ["CUSTOMER"],
            "iat": now,
            "exp": now + 300,
        } | claims
        return jwt.encode(payload, key or self.key, algorithm="EdDSA", headers={"kid": kid})

    def header(self, **claims: Any) -> dict[str, str]:
        """The Authorization header with such a token."""
        return {"authorization": f"Bearer {self.sign(**claims)}"}


@dataclass(slots=True)
class Workload:
    """A gRPC server with mTLS that serves every public method; answers empty unless told."""

    port: int
    identity: IdentityFiles
    answers: dict[str, Answer] = field(default_factory=dict)
    """What to answer, by gRPC path."""
    calls: list[tuple[str, Message, dict[str, str | bytes]]] = field(default_factory=list)
    """The calls received: path, request and metadata."""
    server: aio.Server | None = None

    async def start(self) -> None:
        """Listens, on the same port each time."""
        server = aio.server()
        server.add_generic_rpc_handlers((_AnyMethod(self),))
        credentials = grpc.ssl_server_credentials(
            [(self.identity.key.read_bytes(), self.identity.certificate.read_bytes())],
            self.identity.ca.read_bytes(),
            require_client_auth=True,
        )
        server.add_secure_port(f"{LOOPBACK}:{self.port}", credentials)
        _add_reflection(server)
        await server.start()
        self.server = server

    async def stop(self) -> None:
        """Stops at once."""
        if self.server is not None:
            await self.server.stop(0)
            self.server = None


class _AnyMethod(grpc.GenericRpcHandler):
    def __init__(self, workload: Workload) -> None:
        self._workload = workload

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        path = details.method
        method = method_table().get(path)
        if method is None:
            return None

        async def answer(request: Message, context: Context) -> Message:
            metadata = dict(context.invocation_metadata() or ())
            self._workload.calls.append((path, request, metadata))
            reply = self._workload.answers.get(path)
            return await reply(request, context) if reply else GetMessageClass(method.output)()

        return grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=GetMessageClass(method.input).FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )


def _add_reflection(server: aio.Server) -> None:
    servicer = reflection.aio.ReflectionServicer(public_services())
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in REFLECTION:
        generic = grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": handler})
        server.add_generic_rpc_handlers((generic,))


@dataclass(slots=True)
class Edge:
    """A running Envoy with the workload `order` behind it."""

    config: EdgeConfig
    tokens: Tokens
    workload: Workload
    pid: int
    log: Path
    """Envoy's own log, standard error."""
    access_log: Path

    @property
    def target(self) -> str:
        """Where customers connect."""
        return f"{self.config.listen.host}:{self.config.listen.port}"

    @property
    def url(self) -> str:
        """The same for REST."""
        return f"http://{self.target}"


def edge_config(
    folder: Path,
    tokens: Tokens,
    upstreams: Mapping[str, tuple[Address, ...]],
    otlp: Address | None = None,
) -> EdgeConfig:
    """A configuration on free ports, with a certificate of the authority in `folder`."""
    identity = Authority.open(folder / "ca").issue(EDGE, folder / EDGE)
    return EdgeConfig(
        listen=Address(LOOPBACK, free_port()),
        admin=Address(LOOPBACK, free_port()),
        upstreams=upstreams,
        identity=identity,
        jwks=tokens.jwks,
        otlp=otlp,
    )


@asynccontextmanager
async def running_envoy(
    config: EdgeConfig, folder: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Envoy with this configuration; ready, and ended afterwards."""
    file = folder / "edge.pb"
    file.write_bytes(bootstrap_bytes(config))
    with (folder / "access.log").open("wb") as out, (folder / "envoy.log").open("wb") as err:
        process = await asyncio.create_subprocess_exec(*envoy_command(file), stdout=out, stderr=err)
    try:
        async with httpx.AsyncClient() as client:
            ready = f"http://{config.admin.host}:{config.admin.port}/ready"

            async def is_ready() -> bool:
                assert process.returncode is None, (folder / "envoy.log").read_text()
                try:
                    return (await client.get(ready)).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(is_ready)
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def running_edge(folder: Path, otlp: Address | None = None) -> AsyncIterator[Edge]:
    """An edge in front of all workloads but `auth`, where nobody listens.

    The three share what they answer and what they have received.
    """
    tokens = Tokens()
    authority = Authority.open(folder / "ca")
    order = Workload(free_port(), authority.issue("order", folder / "order"))
    workloads = {"order": order} | {
        name: Workload(
            free_port(), authority.issue(name, folder / name), order.answers, order.calls
        )
        for name in ("user", "inventory")
    }
    ports = {name: workload.port for name, workload in workloads.items()} | {"auth": free_port()}
    upstreams = {name: (Address(LOOPBACK, port),) for name, port in ports.items()}
    config = edge_config(folder, tokens, upstreams, otlp)
    for workload in workloads.values():
        await workload.start()
    try:
        async with running_envoy(config, folder) as process:
            log, access_log = folder / "envoy.log", folder / "access.log"
            yield Edge(config, tokens, order, process.pid, log, access_log)
    finally:
        for workload in workloads.values():
            await workload.stop()
