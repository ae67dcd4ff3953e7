"""The OpenAPI document and the error catalogue say what the contracts and the mesh do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator
from tradewind.api.v1.reason_pb2 import Reason

from mesh.contract import catalogue
from mesh.contract.methods import Access, Method, method_table
from mesh.contract.openapi import values
from mesh.contract.openapi.document import document_text
from mesh.contract.openapi.operations import json_path
from mesh.contract.openapi.reasons import OWN
from mesh.contract.rules import FieldRule, field_rules
from mesh.edge.errors import error_table
from mesh.runtime import validation
from mesh.runtime.decimals import MAX_TEXT
from mesh.runtime.errors import CallError
from tests.unit.test_edge_harness import Context, running_edge

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "gen" / "tradewind" / "openapi.json"
DOCUMENT: Mapping[str, Any] = json.loads(FILE.read_text())
VERSION = DOCUMENT["info"]["version"]
PUBLIC = [method for method in method_table().values() if method.http is not None]
WITH_A_BODY = [method for method in PUBLIC if method.http and method.http.body]
every_method = pytest.mark.parametrize("method", PUBLIC, ids=lambda method: method.path)


def operation(method: Method) -> Mapping[str, Any]:
    assert method.http is not None
    found: Mapping[str, Any] = DOCUMENT["paths"][json_path(method, method.http)]
    return found[method.http.verb.lower()]  # type: ignore[no-any-return]  # a parsed document


@cache
def checker(name: str) -> Draft202012Validator:
    """Checks values against one of the document's schemas."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return Draft202012Validator(schema, format_checker=FormatChecker())


def problems(schema: Mapping[str, Any], value: object) -> list[str]:
    whole = {**schema, "components": DOCUMENT["components"]}
    found = Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(value)
    return [error.message for error in found]


def json_content(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    content: Mapping[str, Any] = holder["content"]["application/json"]
    return content


def reason(name: str) -> Reason:
    return cast(Reason, Reason.Value(name))


def body_of(method: Method) -> Mapping[str, Any] | None:
    body = operation(method).get("requestBody")
    return json_content(body) if body else None


def parsed(message: Descriptor, content: Mapping[str, Any]) -> Message:
    return json_format.ParseDict(dict(content), GetMessageClass(message)())


def test_the_document_is_valid_openapi() -> None:
    assert list(OpenAPIV31SpecValidator(dict(DOCUMENT)).iter_errors()) == []


def test_the_committed_document_and_page_are_what_the_contracts_say() -> None:
    assert FILE.read_text() == document_text(VERSION)
    assert (ROOT / "docs" / "errors.md").read_text() == catalogue.page()


def test_the_document_does_not_depend_on_the_order_of_hashes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mesh.contract.openapi", str(tmp_path / "other.json"), VERSION]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": "7"}, check=True)
    assert (tmp_path / "other.json").read_bytes() == FILE.read_bytes()


def test_every_public_method_is_one_operation_and_no_internal_one_is_there() -> None:
    shown = [
        found["x-tradewind-grpc"] for path in DOCUMENT["paths"].values() for found in path.values()
    ]
    assert sorted(shown) == sorted(method.path.removeprefix("/") for method in PUBLIC)


@every_method
def test_an_operation_states_the_policy_of_its_method(method: Method) -> None:
    found = operation(method)
    assert found["summary"]
    assert found["x-tradewind-deadline"] == f"{method.deadline_s:g}s"
    assert found["x-tradewind-idempotency"] == method.idempotency.name
    public = method.access is Access.PUBLIC
    assert found["security"] == ([] if public else [{"bearer": [method.access.name]}])
    assert {"403"} & found["responses"].keys() == (set() if public else {"403"})


@every_method
def test_every_error_is_a_status_and_names_its_reasons(method: Method) -> None:
    answers = operation(method)["responses"]
    assert {"200", "400", "429", "431", "500", "503", "504"} <= answers.keys()
    for status, answer in answers.items():
        if status == "200":
            continue
        content = json_content(answer)
        assert content["schema"] == {"$ref": "#/components/schemas/Status"}
        assert content["examples"]
        for name in content["examples"]:
            assert int(status) in catalogue.statuses(reason(name))
            assert f"`{name}`" in answer["description"]


def test_the_table_of_own_reasons_names_methods_of_the_contracts() -> None:
    assert OWN.keys() <= {method.path for method in PUBLIC}


@pytest.mark.parametrize("method", WITH_A_BODY, ids=lambda method: method.path)
def test_the_example_of_a_request_is_accepted_by_its_schema_and_by_the_server(
    method: Method,
) -> None:
    body = body_of(method)
    if body is None:
        assert {field.name for field in method.input.fields} == {
            rule.name for rule in field_rules(method.input) if f"{{{rule.name}}}" in path(method)
        }
        return
    assert problems(body["schema"], body["example"]) == []
    in_path = {
        parameter["name"]: parameter["example"]
        for parameter in operation(method).get("parameters", [])
    }
    validation.validator(method.input)(parsed(method.input, in_path | body["example"]))


def path(method: Method) -> str:
    assert method.http is not None
    return method.http.path


@every_method
def test_the_example_of_an_answer_fits_its_schema_and_its_message(method: Method) -> None:
    if method.server_streaming:
        assert set(operation(method)["responses"]["200"]["content"]) == {
            "application/x-ndjson",
            "text/event-stream",
        }
        return
    content = json_content(operation(method)["responses"]["200"])
    assert problems(content["schema"], content["example"]) == []
    assert parsed(method.output, content["example"]).IsInitialized()


@every_method
def test_the_examples_of_parameters_fit_their_schemas(method: Method) -> None:
    for parameter in operation(method).get("parameters", []):
        assert re.fullmatch(r"[a-z][A-Za-z0-9.]*", parameter["name"])
        if "example" in parameter:
            assert problems(parameter["schema"], parameter["example"]) == []


def test_the_examples_of_errors_fit_the_schema_of_errors() -> None:
    for name, example in DOCUMENT["components"]["examples"].items():
        assert [error.message for error in checker("Status").iter_errors(example["value"])] == []
        assert example["value"]["code"] == catalogue.code(reason(name))


def test_texts_name_fields_as_json_does() -> None:
    assert re.findall(r"`[a-z]+_[a-z_]+`", FILE.read_text()) == ["`request_id`"]


# What a schema refuses, the server refuses too.

SAMPLES = [
    "", " ", "a", "A", "BTC", "btc", "BT\nC", "a" * 41, "x" * 129, "x" * 600, "ada", "1ada",
    "ada@example.com", "ada@example", "a b@example.com", "+4915112345678", "+0123456", "12",
    "1990-12-10", "1990-13-10",  "0", "0.00", "0.01", "1.005", "1.50", "-1", "1e3",
    ".5", "5.", "1" * 41, "1000000000001", "order-1", "order/1", "ä", "\u0000", "tab\there",
    "01968f2e-7c1a-7b3d-9e4f-5a6b7c8d9e0f", "01968F2E-7C1A-7B3D-9E4F-5A6B7C8D9E0F",
]  # fmt: skip
_BOUND = re.compile(r"must be at (least|most) |must be above zero")
"""What only the description tells; so it is with a day in the future."""


def said(message: Descriptor, rule: FieldRule, text: str) -> list[str]:
    """What the server finds wrong with one field of a request."""
    try:
        request = GetMessageClass(message)(**{rule.name: text})
        validation.validator(message)(request)
    except CallError as error:
        return [found.description for found in error.violations if found.field == rule.json_name]
    return []


def request_texts() -> Iterator[tuple[Method, FieldRule, Mapping[str, Any]]]:
    """Every text that a request holds, with its schema."""
    for method in PUBLIC:
        shown = {item["name"]: item["schema"] for item in operation(method).get("parameters", [])}
        if (body := body_of(method)) is not None:
            name = body["schema"]["$ref"].rpartition("/")[2]
            shown |= DOCUMENT["components"]["schemas"][name]["properties"]
        for rule in field_rules(method.input):
            if rule.text and not rule.repeated:
                yield method, rule, shown[rule.json_name]


@pytest.mark.parametrize(
    ("method", "rule", "schema"),
    [pytest.param(*found, id=f"{found[0].name}.{found[1].name}") for found in request_texts()],
)
def test_the_schema_of_a_text_refuses_what_the_server_refuses(
    method: Method, rule: FieldRule, schema: Mapping[str, Any]
) -> None:
    for sample in SAMPLES:
        wrong = [text for text in said(method.input, rule, sample) if not _BOUND.match(text)]
        # The document says that an empty optional text counts as absent.
        absent = not sample and not rule.required and not rule.presence
        assert bool(problems(schema, sample)) == bool(wrong) or absent, (sample, wrong)


def test_formats_are_the_servers_own() -> None:
    assert validation._EMAIL.pattern == values.EMAIL
    assert validation._PHONE.pattern == values.PHONE
    assert validation._ID.pattern == values.ID
    assert values.MOST_DECIMAL == MAX_TEXT


# The edge.


def test_the_edge_answers_the_statuses_and_codes_of_the_catalogue() -> None:
    for reply in error_table():
        assert reply.status in catalogue.statuses(reply.reason), Reason.Name(reply.reason)
        assert reply.code == catalogue.code(reply.reason), Reason.Name(reply.reason)


def bare(method: Method) -> Message:
    """An answer in which only enums are set."""
    message = GetMessageClass(method.output)()
    for field in method.output.fields:
        if field.enum_type is not None and not field.has_presence:
            setattr(message, field.name, 1)
    return message


async def test_what_the_edge_makes_of_answers_and_errors_fits_the_document(tmp_path: Path) -> None:
    async with running_edge(tmp_path) as edge, httpx.AsyncClient(base_url=edge.url) as client:
        for method in PUBLIC:
            if method.workload == "auth" or method.server_streaming or method.http is None:
                continue
            content = json_content(operation(method)["responses"]["200"])
            for answer in (bare(method), parsed(method.output, content["example"])):

                async def reply(_: object, __: Context, answer: Message = answer) -> Message:
                    return answer

                edge.workload.answers[method.path] = reply
                body = body_of(method)
                url = re.sub(r"\{\w+\}", "BTC", method.http.path)
                told = await client.request(
                    method.http.verb,
                    url,
                    headers=edge.tokens.header(roles=["OPERATOR"]),
                    json=body["example"] if body else None,
                )
                assert told.status_code == 200, told.text
                assert problems(content["schema"], told.json()) == []
            assert told.json() == content["example"]
            refused = await client.request(method.http.verb, url, params={"nonsense": "1"})
            assert str(refused.status_code) in operation(method)["responses"]
            assert [error.message for error in checker("Status").iter_errors(refused.json())] == []


@pytest.mark.skipif("TRADEWIND_SOAK" not in os.environ, reason="`make soak` installs a generator")
def test_a_generated_client_passes_the_type_check(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    programs = tmp_path / "venv" / "bin"
    uv = Path(sys.executable).parent / "uv"
    tools = ["openapi-python-client", "mypy"]
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", programs / "python", *tools], check=True
    )
    made = subprocess.run(
        [programs / "openapi-python-client", "generate", "--path", FILE, "--output-path", "client"],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert "unsupported" not in made.stdout.lower()
    subprocess.run([programs / "mypy", "client"], cwd=tmp_path, check=True)
