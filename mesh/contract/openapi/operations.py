"""One method as an operation of the REST surface."""

from __future__ import annotations

import re
from collections.abc import Iterator

from google.protobuf.descriptor import FieldDescriptor

from mesh.contract.comments import comment
from mesh.contract.methods import Access, HttpBinding, Idempotency, Method
from mesh.contract.openapi import examples
from mesh.contract.openapi.errors import error_answers, header_references
from mesh.contract.openapi.schemas import Schemas
from mesh.contract.openapi.types import Json, Side, input_fields, operation_id, own_message, tag
from mesh.contract.rules import read_field

BEARER = "bearer"
"""Name of the security scheme."""

NDJSON = "application/x-ndjson"
EVENTS = "text/event-stream"
_VARIABLE = re.compile(r"\{(\w+)\}")
_REPEATS = {
    Idempotency.NO_SIDE_EFFECTS: "May be repeated at will.",
    Idempotency.IDEMPOTENT: "A repeat of the same request acts once.",
    Idempotency.UNKNOWN: "A repeat may act again.",
}


def path_fields(method: Method, binding: HttpBinding) -> tuple[FieldDescriptor, ...]:
    """The fields that the path holds.

    Raises:
        ValueError: the path has a variable that is not a field's plain name.
    """
    names = _VARIABLE.findall(binding.path)
    unknown = [name for name in names if name not in method.input.fields_by_name]
    if unknown or binding.path.count("{") != len(names):
        raise ValueError(f"{method.path}: {binding.path} names what is no field of the request")
    return tuple(method.input.fields_by_name[name] for name in names)


def json_path(method: Method, binding: HttpBinding) -> str:
    """The path with its variables' JSON names."""
    fields = {field.name: field.json_name for field in path_fields(method, binding)}
    return _VARIABLE.sub(lambda found: "{" + fields[found[1]] + "}", binding.path)


def _parameter(schemas: Schemas, field: FieldDescriptor, name: str, place: str) -> Json:
    schema = schemas.field(field, Side.REQUEST)
    found: Json = {"name": name, "in": place}
    if text := schema.pop("description", ""):
        found["description"] = text
    if place == "path" or read_field(field).required:
        found["required"] = True
    found["schema"] = schema
    if values := schema.pop("examples", None):
        found["example"] = values[0]
    return found


def _query(schemas: Schemas, fields: Iterator[FieldDescriptor], prefix: str = "") -> Iterator[Json]:
    """Parameters for the fields, those of nested messages by their dotted names."""
    for field in fields:
        nested = own_message(field)
        name = prefix + field.json_name
        if nested is None:
            yield _parameter(schemas, field, name, "query")
        elif not field.is_repeated:
            yield from _query(schemas, input_fields(nested), f"{name}.")


def _body(schemas: Schemas, method: Method, bound: frozenset[str]) -> Json | None:
    """The request's body; None where the path has taken every field."""
    fields = list(input_fields(method.input, bound))
    if not fields:
        return None
    media: Json = {"schema": schemas.body(method.input, bound)}
    if example := examples.request(method.input, bound):
        media["example"] = example
    return {
        "required": any(read_field(field).required for field in fields),
        "content": {"application/json": media},
    }


def _success(schemas: Schemas, method: Method) -> Json:
    schema = schemas.answer(method.output)
    text = comment(method.output.full_name).text
    if method.server_streaming:
        text += (
            " A stream: one JSON object a line (NDJSON); asked for by `Accept:"
            f" {EVENTS}`, one server-sent event each."
        )
        content: Json = {NDJSON: {"schema": schema}, EVENTS: {"schema": {"type": "string"}}}
    else:
        example = examples.response(method.output)
        content = {"application/json": {"schema": schema, "example": example}}
    return {"description": text, "headers": header_references(), "content": content}


def _security(method: Method) -> list[Json]:
    if method.access is Access.PUBLIC:
        return []
    return [{BEARER: [method.access.name]}]


def _description(method: Method) -> str:
    """What the comment says behind its first sentence, and how calls are treated."""
    rest = comment(f"{method.service}.{method.name}").rest
    if method.server_streaming:
        return rest
    facts = (
        f"{_REPEATS[method.idempotency]} Answered within {method.deadline_s:g} s, or not at all."
    )
    return f"{rest}\n\n{facts}" if rest else facts


def operation(schemas: Schemas, method: Method, binding: HttpBinding) -> Json:
    """The operation of one method.

    Raises:
        ValueError: a path or a type that the document cannot show.
    """
    in_path = path_fields(method, binding)
    bound = frozenset(field.name for field in in_path)
    parameters = [_parameter(schemas, field, field.json_name, "path") for field in in_path]
    found: Json = {
        "operationId": operation_id(method),
        "tags": [tag(method)],
        "summary": comment(f"{method.service}.{method.name}").summary.removesuffix("."),
        "description": _description(method),
    }
    body = _body(schemas, method, bound) if binding.body else None
    if not binding.body:
        parameters += _query(schemas, input_fields(method.input, bound))
    if parameters:
        found["parameters"] = parameters
    if body:
        found["requestBody"] = body
    return found | {
        "responses": {"200": _success(schemas, method), **error_answers(method)},
        "security": _security(method),
        "x-tradewind-grpc": method.path.removeprefix("/"),
        "x-tradewind-access": method.access.name,
        "x-tradewind-deadline": f"{method.deadline_s:g}s",
        "x-tradewind-idempotency": method.idempotency.name,
        "x-tradewind-rate": method.rate.name,
    }
