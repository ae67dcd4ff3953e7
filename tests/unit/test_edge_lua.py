"""The field check in a real Envoy, on contracts made for the test: nesting, lists, every kind."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from envoy_data_plane.envoy.config.bootstrap.v3 import Admin, Bootstrap, BootstrapStaticResources
from envoy_data_plane.envoy.config.listener.v3 import Filter, FilterChain, Listener
from envoy_data_plane.envoy.config.route.v3 import (
    DirectResponseAction,
    Route,
    RouteConfiguration,
    RouteMatch,
    VirtualHost,
)
from envoy_data_plane.envoy.extensions.filters.http.lua.v3 import Lua
from envoy_data_plane.envoy.extensions.filters.http.router.v3 import Router
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
)
from google.protobuf import descriptor_pb2 as pb
from google.protobuf import descriptor_pool, struct_pb2, timestamp_pb2
from google.protobuf.descriptor import Descriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.contract.methods import Access, HttpBinding, Idempotency, Method, Rate
from mesh.edge.bootstrap import envoy_command
from mesh.edge.config import Address
from mesh.edge.field_check import LUA_FILTER, script
from mesh.edge.messages import http_filter, pack, socket, text
from mesh.edge.replies import local_replies
from tests.support.ports import free_port
from tests.unit.test_edge_harness import LOOPBACK

Field = pb.FieldDescriptorProto
PACKAGE = "edge.test"


def _field(
    number: int, name: str, kind: int, message: str = "", *, repeated: bool = False
) -> Field:
    return Field(
        number=number,
        name=name,
        json_name="".join(w.title() if n else w for n, w in enumerate(name.split("_"))),
        type=kind,  # type: ignore[arg-type]  # an enum's number
        type_name=message or None,
        label=Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL,
    )


def _messages() -> dict[str, Descriptor]:
    """`Thing` holds one field of every kind; `Part` nests and repeats itself."""
    file = pb.FileDescriptorProto(
        name="edge/test.proto",
        package=PACKAGE,
        syntax="proto3",
        dependency=[timestamp_pb2.DESCRIPTOR.name, struct_pb2.DESCRIPTOR.name],
    )
    color = file.enum_type.add(name="Color")
    color.value.add(name="COLOR_UNSPECIFIED", number=0)
    color.value.add(name="RED", number=1)
    part, thing = f".{PACKAGE}.Part", file.message_type.add(name="Thing")
    file.message_type.add(
        name="Part",
        field=[
            _field(1, "part_name", Field.TYPE_STRING),
            _field(2, "inner_part", Field.TYPE_MESSAGE, part),
            _field(3, "parts", Field.TYPE_MESSAGE, part, repeated=True),
        ],
    )
    thing.field.extend(
        [
            _field(1, "thing_id", Field.TYPE_STRING),
            _field(2, "count", Field.TYPE_INT64),
            _field(3, "ratio", Field.TYPE_DOUBLE),
            _field(4, "is_new", Field.TYPE_BOOL),
            _field(5, "color", Field.TYPE_ENUM, f".{PACKAGE}.Color"),
            _field(6, "made_at", Field.TYPE_MESSAGE, ".google.protobuf.Timestamp"),
            _field(7, "part", Field.TYPE_MESSAGE, part),
            _field(8, "tags", Field.TYPE_STRING, repeated=True),
            _field(9, "anything", Field.TYPE_MESSAGE, ".google.protobuf.Value"),
        ]
    )
    pool = descriptor_pool.DescriptorPool()
    for module in (timestamp_pb2, struct_pb2):
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return {name: pool.FindMessageTypeByName(f"{PACKAGE}.{name}") for name in ("Thing", "Part")}


def _method(verb: str, path: str, body: str, message: Descriptor) -> Method:
    return Method(
        service=f"{PACKAGE}.Things",
        name="Do",
        workload="things",
        access=Access.PUBLIC,
        callers=frozenset(),
        deadline_s=1,
        rate=Rate.READ,
        idempotency=Idempotency.UNKNOWN,
        server_streaming=False,
        http=HttpBinding(verb, path, body),
        input=message,
        output=message,
    )


def _bootstrap(listen: Address, admin: Address) -> bytes:
    thing = _messages()["Thing"]
    methods = [
        _method("POST", "/things", "*", thing),
        _method("GET", "/things", "", thing),
        _method("GET", "/things/{thing_id}", "", thing),
        _method("POST", "/things/{thing_id}:mend", "part", thing),
    ]
    echo = Route(match=RouteMatch(prefix="/"), direct_response=DirectResponseAction(status=200))
    manager = HttpConnectionManager(
        stat_prefix="lua",
        route_config=RouteConfiguration(
            virtual_hosts=[VirtualHost(name="all", domains=["*"], routes=[echo])]
        ),
        http_filters=[
            http_filter(LUA_FILTER, Lua(default_source_code=text(script(methods)))),
            http_filter("envoy.filters.http.router", Router()),
        ],
        local_reply_config=local_replies(),
    )
    chain = FilterChain(
        filters=[
            Filter(name="envoy.filters.network.http_connection_manager", typed_config=pack(manager))
        ]
    )
    listener = Listener(name="lua", address=socket(listen), filter_chains=[chain])
    return bytes(
        Bootstrap(
            admin=Admin(address=socket(admin)),
            static_resources=BootstrapStaticResources(listeners=[listener]),
        )
    )


@contextmanager
def _started(folder: Path) -> Iterator[httpx.Client]:
    listen, admin = Address(LOOPBACK, free_port()), Address(LOOPBACK, free_port())
    file, log = folder / "lua.pb", folder / "envoy.log"
    file.write_bytes(_bootstrap(listen, admin))
    with log.open("wb") as err:
        process = subprocess.Popen(envoy_command(file), stderr=err, stdout=err)
    try:
        with httpx.Client(base_url=f"http://{LOOPBACK}:{listen.port}") as client:
            deadline = time.monotonic() + 15
            while not _answers(client):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
            yield client
    finally:
        process.terminate()
        process.wait(10)
    assert "lua" not in log.read_text(), "a script error lets a request through unchecked"


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/things").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with _started(tmp_path_factory.mktemp("lua")) as started:
        yield started


def refusal(response: httpx.Response) -> tuple[str, str]:
    """The reason and the field of a refusal; empty when the request was let through."""
    if response.status_code == 200:
        return "", ""
    status: dict[str, Any] = response.json()
    details = {detail["@type"].rpartition(".")[2]: detail for detail in status["details"]}
    violations = details.get("BadRequest", {}).get("fieldViolations", [{"field": ""}])
    return details["ErrorInfo"]["reason"], violations[0]["field"]


def post(client: httpx.Client, body: str | bytes) -> tuple[str, str]:
    return refusal(client.post("/things", content=body))


ACCEPTED = [
    "{}",
    "",
    " \t\r\n",
    ' { "thingId" : "a" } ',
    '{"thing_id": "a", "count": 1, "ratio": -1.5e+3, "isNew": true, "color": "RED"}',
    '{"thingId": null, "part": null, "tags": null, "anything": null}',
    '{"count": "12", "color": 1, "madeAt": "2026-01-01T00:00:00Z"}',
    '{"part": {"partName": "a", "innerPart": {"parts": [{"part_name": "b"}, {}]}}}',
    '{"tags": ["a", "b\\n\\"\\u00e4\\ud83d\\ude00"]}',
    '{"anything": {"what": [1, {"ever": null, "ever": false}], "": ""}}',
    '{"\\u0074hingId": "a"}',
    '{"thingId": "ä 😀 \x7f"}',
    '{"anything": ' + "[" * 29 + "]" * 29 + "}",
]

REFUSED = [
    ('{"nonsense": 1}', "UNKNOWN_FIELD", "nonsense"),
    ('{"ThingId": "a"}', "UNKNOWN_FIELD", "ThingId"),
    ('{"": "a"}', "UNKNOWN_FIELD", ""),
    ('{"part": {"partName": "a", "x": 1}}', "UNKNOWN_FIELD", "part.x"),
    (
        '{"part": {"parts": [{}, {"innerPart": {"y": 1}}]}}',
        "UNKNOWN_FIELD",
        "part.parts[1].innerPart.y",
    ),
    ('{"\\u0000\\"<ä>": 1}', "UNKNOWN_FIELD", '?"<??>'),
    ('{"thingId": "a", "thingId": "b"}', "MALFORMED_REQUEST", "thingId"),
    ('{"thingId": "a", "thing_id": "b"}', "MALFORMED_REQUEST", "thing_id"),
    ('{"part": {"partName": "a", "part_name": "b"}}', "MALFORMED_REQUEST", "part.part_name"),
    ('{"thingId": 1}', "MALFORMED_REQUEST", "thingId"),
    ('{"thingId": {}}', "MALFORMED_REQUEST", "thingId"),
    ('{"count": 1.5, "isNew": "true"}', "MALFORMED_REQUEST", "isNew"),
    ('{"count": "1e3"}', "MALFORMED_REQUEST", "count"),
    ('{"count": true}', "MALFORMED_REQUEST", "count"),
    ('{"ratio": []}', "MALFORMED_REQUEST", "ratio"),
    ('{"color": "BLUE"}', "MALFORMED_REQUEST", "color"),
    ('{"madeAt": 5}', "MALFORMED_REQUEST", "madeAt"),
    ('{"madeAt": "now"}', "MALFORMED_REQUEST", "madeAt"),
    ('{"part": []}', "MALFORMED_REQUEST", "part"),
    ('{"tags": "a"}', "MALFORMED_REQUEST", "tags"),
    ('{"tags": ["a", 1]}', "MALFORMED_REQUEST", "tags[1]"),
    ("[]", "MALFORMED_REQUEST", ""),
    ("null", "MALFORMED_REQUEST", ""),
    ('"thingId"', "MALFORMED_REQUEST", ""),
    ("{", "MALFORMED_REQUEST", ""),
    ('{"thingId"', "MALFORMED_REQUEST", ""),
    ('{"thingId":', "MALFORMED_REQUEST", ""),
    ('{"thingId": "a"', "MALFORMED_REQUEST", ""),
    ('{"thingId": "a}', "MALFORMED_REQUEST", ""),
    ('{"thingId": "\\x"}', "MALFORMED_REQUEST", ""),
    ('{"thingId": "\\u12g4"}', "MALFORMED_REQUEST", ""),
    ('{"thingId": "a\nb"}', "MALFORMED_REQUEST", ""),
    ('{"thingId": "a\x00b"}', "MALFORMED_REQUEST", ""),
    ('{"thingId": "a",}', "MALFORMED_REQUEST", ""),
    ('{"thingId": "a"} {}', "MALFORMED_REQUEST", ""),
    ("{thingId: 'a'}", "MALFORMED_REQUEST", ""),
    ('{"thingId": undefined}', "MALFORMED_REQUEST", ""),
    ('{"tags": ["a",]}', "MALFORMED_REQUEST", ""),
    ('{"count": 01}', "MALFORMED_REQUEST", ""),
    ('{"count": 1.}', "MALFORMED_REQUEST", ""),
    ('{"count": .5}', "MALFORMED_REQUEST", ""),
    ('{"count": +1}', "MALFORMED_REQUEST", ""),
    ('{"ratio": NaN}', "MALFORMED_REQUEST", ""),
    ('{"ratio": 1e}', "MALFORMED_REQUEST", ""),
    ('\ufeff{"thingId": "a"}', "MALFORMED_REQUEST", ""),
    ('{"anything": ' + "[" * 40 + "]" * 40 + "}", "MALFORMED_REQUEST", ""),
    ('{"part": ' + '{"innerPart": ' * 40 + "{}" + "}" * 41, "MALFORMED_REQUEST", ""),
]


@pytest.mark.parametrize("body", ACCEPTED)
def test_what_the_contract_knows_is_let_through(client: httpx.Client, body: str) -> None:
    assert post(client, body.encode()) == ("", "")


@pytest.mark.parametrize(("body", "reason", "field"), REFUSED)
def test_what_it_does_not_know_is_refused_by_name(
    client: httpx.Client, body: str, reason: str, field: str
) -> None:
    assert post(client, body.encode()) == (reason, field)


@pytest.mark.parametrize(
    ("path", "reason", "field"),
    [
        ("/things?count=5&thing_id=a&tags=a&tags=b", "", ""),
        (
            "/things?madeAt=2026-01-01T00:00:00Z&part.part_name=x&part.innerPart=y",
            *("UNKNOWN_FIELD", "part.innerPart"),
        ),
        ("/things?part.partName=x&isNew=true&", "", ""),
        ("/things?%63ount=5", "", ""),
        ("/things?count=five", "MALFORMED_REQUEST", "count"),
        ("/things?color=BLUE", "MALFORMED_REQUEST", "color"),
        ("/things?madeAt=yesterday", "MALFORMED_REQUEST", "madeAt"),
        ("/things?count=1&count=2", "MALFORMED_REQUEST", "count"),
        ("/things?thing_id=1&thingId=2", "MALFORMED_REQUEST", "thingId"),
        ("/things?what", "UNKNOWN_FIELD", "what"),
        ("/things?%22%0a=1", "UNKNOWN_FIELD", '"?'),
        ("/things/a?thingId=b", "UNKNOWN_FIELD", "thingId"),
        ("/things/a?count=1", "", ""),
    ],
)
def test_query_parameters_are_checked_as_well(
    client: httpx.Client, path: str, reason: str, field: str
) -> None:
    assert refusal(client.get(path)) == (reason, field)


def test_a_body_that_is_one_field_is_checked_as_that_field(client: httpx.Client) -> None:
    def mend(body: str, query: str = "") -> tuple[str, str]:
        return refusal(client.post(f"/things/a:mend{query}", content=body))

    assert mend('{"partName": "x"}', "?count=1") == ("", "")
    assert mend('{"thingId": "x"}') == ("UNKNOWN_FIELD", "thingId")
    assert mend("{}", "?part.partName=x") == ("UNKNOWN_FIELD", "part.partName")


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/"),
        ("GET", "/thingsx"),
        ("PUT", "/things"),
        ("POST", "/things/a"),
        ("GET", "/things/a/b"),
    ],
)
def test_what_no_binding_fits_is_not_found(client: httpx.Client, verb: str, path: str) -> None:
    response = client.request(verb, path)
    assert response.status_code == 404
    assert refusal(response) == ("ROUTE_NOT_FOUND", "")


@pytest.mark.parametrize("path", ["/things/", "/things"])
def test_a_slash_at_the_end_changes_nothing(client: httpx.Client, path: str) -> None:
    assert refusal(client.post(path, content='{"x": 1}')) == ("UNKNOWN_FIELD", "x")


@pytest.mark.parametrize(
    ("content_type", "checked"),
    [
        ("application/grpc", False),
        ("application/grpc+proto", False),
        ("application/grpc-web", True),
        ("text/plain", True),
        ("application/x-www-form-urlencoded", True),
    ],
)
def test_only_grpc_is_left_alone(client: httpx.Client, content_type: str, checked: bool) -> None:
    response = client.post("/things", content='{"x": 1}', headers={"content-type": content_type})
    assert (response.status_code == 400) == checked


def test_a_refusal_leaves_the_connection_open(client: httpx.Client) -> None:
    assert "connection" not in client.post("/things", content='{"x": 1}').headers


def test_the_time_grows_with_the_length_only(client: httpx.Client) -> None:
    bodies = (
        '{"anything": [' + "[]," * 20_000 + "[]]}",
        '{"anything": "' + "\\u0041" * 10_000 + '"}',
        '{"tags": [' + '"a",' * 15_000 + '"a"]}',
        '{"ratio": ' + "1" * 60_000 + "}",
        '{"part": {"parts": [' + '{"partName": "a"},' * 3_000 + "{}]}}",
    )
    started = time.perf_counter()
    assert [post(client, body) for body in bodies] == [("", "")] * len(bodies)
    assert time.perf_counter() - started < 1


def _is_json(body: str) -> bool:
    def refuse(constant: str) -> float:
        raise ValueError(constant)

    try:
        json.loads(body, parse_constant=refuse)
    except ValueError:
        return False
    return True


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 999)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def _nearly_json(draw: st.DrawFn) -> str:
    """Valid JSON with a few characters put in, changed or taken out."""
    whole = json.dumps(draw(_JSON), ensure_ascii=draw(st.booleans()))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(whole)))
        put = draw(st.sampled_from([*'{}[]",:\\/ntu019.-+eE x\n\t', "", "\\u00e9", "null", "tru"]))
        whole = whole[:at] + put + whole[at + draw(st.integers(0, 1)) :]
    return whole


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=_nearly_json())
def test_it_agrees_with_python_on_what_is_json(client: httpx.Client, value: str) -> None:
    body = '{"anything": ' + value + "}"
    try:
        content = body.encode()
    except UnicodeEncodeError:
        return
    # An added brace or comma may end the field early: then it is no longer this one field.
    if _is_json(body) and set(json.loads(body)) != {"anything"}:
        return
    assert (post(client, content) == ("", "")) == _is_json(body)
