"""What a mesh needs before its processes start: `python -m mesh.cli.prepare`.

Run by the supervisor through `errand`, for all of this costs memory that the
supervisor should not carry. A failure is one line on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from mesh.cli.home import Home
from mesh.cli.instances import instances, service_of
from mesh.cli.ports import HOST, Ports
from mesh.identity.files import write_private
from mesh.identity.names import EDGE, SERVICES

CONNECT_S = 10
"""Most seconds for a database to answer."""


def issue(home: Home, workloads: list[str]) -> None:
    """Issues a certificate for each workload, or instance of one."""
    from mesh.identity.authority import Authority

    authority = Authority.open(home.authority)
    for workload in workloads:
        authority.issue(service_of(workload), home.identity(workload).folder)


async def check_database(url: str) -> None:
    """Makes sure that all services can use a database; ends the process when they cannot."""
    from mesh.runtime.database import Database, async_url

    try:
        parsed = async_url(url)
        usable = parsed.get_backend_name() == "postgresql"
    except Exception:  # The reader's errors repeat what it read: the password.
        usable = False
    if not usable:
        sys.exit("--database must be like postgresql://user:password@host:5432/name")
    place = f"postgresql://{parsed.host or ''}:{parsed.port or 5432}/{parsed.database or ''}"
    database = Database(url, "public")
    try:
        async with asyncio.timeout(CONNECT_S):
            await database.ping()
    except TimeoutError:
        sys.exit(f"the database {place} did not answer within {CONNECT_S} s")
    except Exception as error:  # Each driver and server has its own; all are told.
        cause = getattr(error, "orig", None) or error
        told = str(cause).rpartition("Error'>: ")[2].replace("\n", " ")
        sys.exit(f"the database {place} cannot be used: {told}")
    finally:
        await database.close()


async def write_bootstrap(home: Home, ports: Ports, replicas: int) -> None:
    """Asks auth for the keys that verify tokens, writes Envoy's bootstrap, prints how to run it.

    Begins to work when it is told the supervisor's probe token on standard input,
    which is when auth serves; until then it is being loaded.
    """
    from google.protobuf.json_format import MessageToJson
    from tradewind.auth.v1.auth_pb2 import GetJwksRequest
    from tradewind.auth.v1.auth_pb2_grpc import AuthServiceStub

    from mesh.edge.bootstrap import DRAIN_S, bootstrap_bytes, envoy_command
    from mesh.edge.config import Address, EdgeConfig
    from mesh.runtime.client import MeshChannel

    probe = sys.stdin.read().strip()
    identity = home.identity(EDGE)
    async with MeshChannel("auth", [f"{HOST}:{ports.grpc('auth')}"], identity) as channel:
        keys = await AuthServiceStub(channel).GetJwks(GetJwksRequest())
    config = EdgeConfig(
        listen=Address(HOST, ports.edge),
        admin=Address(HOST, ports.admin),
        upstreams={
            service: tuple(Address(HOST, ports.grpc(name)) for name in instances(service, replicas))
            for service in SERVICES
        },
        identity=identity,
        jwks=MessageToJson(keys, indent=None),
        probe=probe,
        otlp=Address(HOST, ports.otlp),
    )
    write_private(home.bootstrap, bootstrap_bytes(config))
    print(json.dumps({"command": envoy_command(home.bootstrap), "drainS": DRAIN_S}))


def main() -> None:
    """Does one of the three."""
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    certificates = kinds.add_parser("issue")
    certificates.add_argument("home", type=Path)
    certificates.add_argument("workloads", nargs="+")
    kinds.add_parser("database", description="reads the URL from standard input")
    edge = kinds.add_parser("edge", description="reads the probe token from standard input")
    edge.add_argument("home", type=Path)
    edge.add_argument("base", type=int)
    edge.add_argument("replicas", type=int)
    arguments = parser.parse_args()
    match arguments.kind:
        case "issue":
            issue(Home(arguments.home), arguments.workloads)
        case "database":
            asyncio.run(check_database(sys.stdin.read().strip()))
        case _:
            home, ports = Home(arguments.home), Ports(arguments.base)
            asyncio.run(write_bootstrap(home, ports, arguments.replicas))


if __name__ == "__main__":
    main()
