"""The edge's configuration as data: what follows from the method table, and that Envoy takes it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import betterproto2
import pytest
from envoy_data_plane.envoy.config.route.v3 import Route
from envoy_data_plane.envoy.extensions.filters.http.jwt_authn.v3 import PerRouteConfig
from envoy_data_plane.envoy.extensions.filters.http.rbac.v3 import RbacPerRoute
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from mesh.contract.methods import Access, Method, method_table, public_services
from mesh.edge.access import JWT_FILTER, RBAC_FILTER, authentication, authorisation
from mesh.edge.bootstrap import bootstrap_bytes, envoy_command
from mesh.edge.clusters import clusters
from mesh.edge.config import Address, EdgeConfig
from mesh.edge.descriptors import descriptor_set
from mesh.edge.errors import error_table
from mesh.edge.field_check import script
from mesh.edge.replies import DOMAIN
from mesh.edge.routes import method_route, public_methods, route_configuration
from mesh.edge.transcoding import transcoder
from mesh.identity.files import IdentityFiles
from mesh.identity.names import SERVICES
from mesh.runtime import errors as runtime_errors
from tests.unit.test_edge_harness import LOOPBACK, REFLECTION, Tokens, edge_config

METHODS = public_methods()
INTERNAL = [method for method in method_table().values() if method.access is Access.INTERNAL]


def config(folder: Path) -> EdgeConfig:
    upstreams = {name: (Address(LOOPBACK, 9000 + n),) for n, name in enumerate(SERVICES)}
    return edge_config(folder, Tokens(), upstreams)


def routes() -> list[Route]:
    (host,) = route_configuration().virtual_hosts
    return host.routes


def rule(route: Route, name: str) -> betterproto2.Message:
    message = route.typed_per_filter_config[name].unpack()
    assert message is not None
    return message


def roles(route: Route) -> set[str]:
    """The roles that a route asks for; empty: anybody may call."""
    rbac = rule(route, RBAC_FILTER)
    assert isinstance(rbac, RbacPerRoute)
    assert rbac.rbac is not None
    assert rbac.rbac.rules is not None
    (policy,) = rbac.rbac.rules.policies.values()
    found = set()
    for principal in policy.principals:
        if principal.any:
            return set()
        assert principal.sourced_metadata is not None
        matcher = principal.sourced_metadata.metadata_matcher
        assert matcher is not None
        assert matcher.value is not None
        assert matcher.value.list_match is not None
        item = matcher.value.list_match.one_of
        assert item is not None
        assert item.string_match is not None
        found.add(item.string_match.exact or "")
    return found


def by_name(method: Method) -> str:
    return method.name


def test_every_public_method_has_exactly_one_route_and_one_rule_of_each_kind() -> None:
    paths = Counter(route.match.path for route in routes() if route.match and route.match.path)
    assert paths == {method.path: 1 for method in METHODS}
    assert all(
        set(route.typed_per_filter_config) == {JWT_FILTER, RBAC_FILTER} for route in routes()
    )


def test_no_internal_method_is_routed_transcoded_or_checked() -> None:
    services = {method.service for method in INTERNAL} - set(public_services())
    assert services
    assert not services & set(transcoder().services)
    known = bytes(route_configuration()).decode("latin-1") + script(METHODS)
    assert not [method.path for method in INTERNAL if method.path in known]
    assert not [service for service in services if service in known]


@pytest.mark.parametrize("method", METHODS, ids=by_name)
def test_the_route_asks_for_what_the_access_rule_says(method: Method) -> None:
    route = method_route(method)
    token = rule(route, JWT_FILTER)
    assert isinstance(token, PerRouteConfig)
    if method.access is Access.PUBLIC:
        assert token.disabled
        assert roles(route) == set()
    else:
        assert token.requirement_name in authentication("{}").requirement_map
        customers = {"CUSTOMER", "OPERATOR"}
        assert roles(route) == (customers if method.access is Access.CUSTOMER else {"OPERATOR"})


def test_an_operator_method_asks_for_the_operator_alone() -> None:
    method = replace(METHODS[0], access=Access.OPERATOR)
    assert roles(method_route(method)) == {"OPERATOR"}


def test_what_no_route_allows_is_refused() -> None:
    rules = authorisation().rules
    assert rules is not None
    assert not rules.policies
    assert not rules.action


@pytest.mark.parametrize("method", METHODS, ids=by_name)
def test_a_unary_route_ends_with_the_deadline(method: Method) -> None:
    route = method_route(method)
    action = route.route
    assert action is not None
    assert action.cluster == method.workload
    assert action.timeout == timedelta(0)
    limit = action.max_stream_duration
    assert limit is not None
    assert limit.max_stream_duration == limit.grpc_timeout_header_max
    assert limit.max_stream_duration == timedelta(seconds=method.deadline_s)
    (added,) = route.request_headers_to_add
    assert added.header is not None
    assert added.header.key == "grpc-timeout"
    assert added.header.value == f"{method.deadline_s * 1000:.0f}m"


@pytest.mark.parametrize("method", METHODS, ids=by_name)
def test_only_what_may_be_repeated_is_retried(method: Method) -> None:
    action = method_route(method).route
    assert action is not None
    assert (action.retry_policy is not None) == method.retryable
    assert method.retryable == (method.name not in {"Register", "Login", "Refresh"})


def test_a_stream_ends_with_its_cap_only() -> None:
    audit = method_table()["/tradewind.order.v1.AuditService/Audit"]
    route = method_route(replace(audit, access=Access.CUSTOMER))
    assert route.route is not None
    assert route.route.timeout == timedelta(0)
    assert route.route.max_stream_duration is not None
    assert route.route.idle_timeout == route.route.max_stream_duration.max_stream_duration
    assert route.request_headers_to_add == []


def test_reflection_is_routed_for_everybody_and_the_last_route_leads_nowhere(
    tmp_path: Path,
) -> None:
    *others, last = routes()
    reflection = [route for route in others if route.match and route.match.path_separated_prefix]
    assert [route.name for route in reflection] == list(REFLECTION)
    assert all(roles(route) == set() for route in reflection)
    assert last.route is not None
    assert last.route.cluster not in {cluster.name for cluster in clusters(config(tmp_path))}


def test_every_workload_of_a_route_has_a_cluster(tmp_path: Path) -> None:
    names = {cluster.name for cluster in clusters(config(tmp_path))}
    used = {route.route.cluster for route in routes()[:-1] if route.route}
    assert used <= names


def test_the_descriptor_set_knows_error_details_and_holds_no_comments() -> None:
    files = FileDescriptorSet.FromString(descriptor_set()).file
    names = [file.name for file in files]
    assert "google/rpc/error_details.proto" in names
    assert len(names) == len(set(names))
    assert not any(file.HasField("source_code_info") for file in files)


def test_every_error_has_the_code_that_services_give_its_reason() -> None:
    codes = {reason: code.value[0] for reason, code in runtime_errors.CODES.items()}
    assert [reply.code for reply in error_table()] == [
        codes[reply.reason] for reply in error_table()
    ]
    assert DOMAIN == runtime_errors.DOMAIN


def test_the_bytes_are_the_same_in_every_process(tmp_path: Path) -> None:
    program = (
        "import hashlib; from mesh.edge import *; from mesh.edge.routes import route_configuration;"
        "from mesh.edge.listener import listener; from mesh.edge.config import *;"
        "from mesh.identity.files import IdentityFiles; from pathlib import Path;"
        "here = Address('127.0.0.1', 1);"
        "config = EdgeConfig(here, here, {}, IdentityFiles(Path('/')), '{}');"
        "print(hashlib.sha256(bytes(listener(config))).hexdigest())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1


@pytest.mark.parametrize("otlp", [None, Address(LOOPBACK, 4317)], ids=["silent", "exporting"])
def test_envoy_accepts_the_bootstrap(tmp_path: Path, otlp: Address | None) -> None:
    file = tmp_path / "edge.pb"
    file.write_bytes(bootstrap_bytes(replace(config(tmp_path), otlp=otlp)))
    command = [*envoy_command(file), "--mode", "validate"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


def test_the_command_runs_envoy_itself() -> None:
    program, *arguments = envoy_command(Path("/home/edge.pb"), concurrency=2)
    with Path(program).open("rb") as file:
        assert file.read(4) == b"\x7fELF"
    assert "--disable-hot-restart" in arguments
    assert arguments[arguments.index("--concurrency") + 1] == "2"


def test_identity_files_are_named_by_path_only() -> None:
    identity = IdentityFiles(Path("/secret"))
    here = Address(LOOPBACK, 1)
    content = bytes(clusters(EdgeConfig(here, here, {"order": (here,)}, identity, "{}"))[0])
    assert b"/secret/key.pem" in content
    assert b"spiffe://tradewind/order" in content
