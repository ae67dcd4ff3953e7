"""The Lua filter that checks a REST request's names and JSON, with its tables of the contracts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources

from envoy_data_plane.envoy.extensions.filters.http.lua.v3 import Lua
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from mesh.contract.methods import HttpBinding, Method
from mesh.edge.messages import text
from mesh.edge.routes import public_methods

LUA_FILTER = "envoy.filters.http.lua"
METADATA = "tradewind.edge"
"""Namespace of the metadata in which the filter tells what it refused."""

_Table = Mapping[str, object]

_WELL_KNOWN = {
    "google.protobuf.Timestamp": "timestamp",
    "google.protobuf.Duration": "string",
    "google.protobuf.FieldMask": "string",
}
_KINDS = {
    FieldDescriptor.CPPTYPE_STRING: "string",
    FieldDescriptor.CPPTYPE_BOOL: "bool",
    FieldDescriptor.CPPTYPE_ENUM: "enum",
    FieldDescriptor.CPPTYPE_FLOAT: "number",
    FieldDescriptor.CPPTYPE_DOUBLE: "number",
}
_VARIABLE = re.compile(r"\{([^}=]+)(?:=[^}]*)?\}")


def _lua(value: object) -> str:
    """A value as Lua source."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            return f'"{escaped}"'
        case Mapping():
            return (
                "{" + ",".join(f"[{_lua(key)}]={_lua(item)}" for key, item in value.items()) + "}"
            )
        case Iterable():
            return "{" + ",".join(map(_lua, value)) + "}"
        case _:
            raise TypeError(f"no Lua for {value!r}")


def _nested(field: FieldDescriptor) -> Descriptor | None:
    """The field's message, where JSON shows it as an object with known fields."""
    message = field.message_type
    if message is None or message.GetOptions().map_entry:
        return None
    return None if message.full_name.startswith("google.protobuf.") else message


def _kind(field: FieldDescriptor) -> _Table:
    message = field.message_type
    if (nested := _nested(field)) is not None:
        return {"kind": "message", "message": nested.full_name}
    if message is not None:
        return {"kind": _WELL_KNOWN.get(message.full_name, "anything")}
    kind = {"kind": _KINDS.get(field.cpp_type, "integer")}
    if field.enum_type is None:
        return kind
    names = [value.name for value in field.enum_type.values]
    shown = ", ".join(value.name for value in field.enum_type.values if value.number)
    return {**kind, "values": dict.fromkeys(names, True), "names": shown}


def _field(field: FieldDescriptor) -> _Table:
    names = {"name": field.json_name, "proto": field.name}
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        return {**names, "kind": "anything"}
    return {**names, "list": _kind(field)} if field.is_repeated else {**names, **_kind(field)}


def _reachable(message: Descriptor, found: dict[str, Descriptor]) -> None:
    """Adds the message and all that it may hold."""
    if message.full_name in found:
        return
    found[message.full_name] = message
    for field in message.fields:
        if (nested := _nested(field)) is not None:
            _reachable(nested, found)


def _variables(binding: HttpBinding) -> set[str]:
    return set(_VARIABLE.findall(binding.path))


def _body(method: Method, binding: HttpBinding) -> Descriptor | None:
    if not binding.body:
        return None
    return (
        method.input
        if binding.body == "*"
        else method.input.fields_by_name[binding.body].message_type
    )


def _query_fields(
    message: Descriptor, prefix: str = "", within: frozenset[str] = frozenset()
) -> Iterator[tuple[str, str, FieldDescriptor]]:
    """Every field that a query parameter may set: proto path, JSON path, field."""
    inside = within | {message.full_name}
    for field in message.fields:
        nested = _nested(field)
        if nested is None:
            yield prefix + field.name, prefix + field.json_name, field
        elif not field.is_repeated and nested.full_name not in inside:
            yield from _query_fields(nested, f"{prefix}{field.name}.", inside)


def _query(method: Method, binding: HttpBinding) -> _Table:
    """What the query may name: all that neither the path nor the body sets."""
    if binding.body == "*":
        return {}
    taken = _variables(binding) | {binding.body}
    found: dict[str, _Table] = {}
    for path, json_path, field in _query_fields(method.input):
        if path.split(".")[0] not in taken and path not in taken:
            found[path] = found[json_path] = {**_field(field), "name": json_path}
    return found


def _pattern(path: str) -> str:
    """The path template as a Lua pattern; a variable is one segment."""
    literals = _VARIABLE.split(path)[::2]
    return "^" + "[^/]+".join(re.sub(r"([^\w/])", r"%\1", part) for part in literals) + "$"


def _rule(method: Method, binding: HttpBinding) -> _Table:
    exact = not _variables(binding)
    body = _body(method, binding)
    return {
        "verb": binding.verb,
        "path": binding.path if exact else _pattern(binding.path),
        "exact": exact,
        "query": _query(method, binding),
        **({} if body is None else {"body": body.full_name}),
    }


def tables(methods: Iterable[Method]) -> str:
    """The Lua tables of these methods' REST requests."""
    bound = [(method, method.http) for method in methods if method.http is not None]
    # Of two templates that fit, the one with more literal text is meant: `{id}:cancel`, not `{id}`.
    bound.sort(key=lambda pair: -len(_VARIABLE.sub("", pair[1].path)))
    messages: dict[str, Descriptor] = {}
    for method, binding in bound:
        body = _body(method, binding)
        if body is not None:
            _reachable(body, messages)
    fields = {name: [_field(field) for field in item.fields] for name, item in messages.items()}
    rules = [_rule(method, binding) for method, binding in bound]
    return f"local MESSAGES = {_lua(fields)}\nlocal RULES = {_lua(rules)}\n"


def script(methods: Iterable[Method]) -> str:
    """The whole script for these methods."""
    code = (resources.files("mesh.edge") / "field_check.lua").read_text()
    return tables(methods) + code


def field_check() -> Lua:
    """The filter for all public methods."""
    return Lua(default_source_code=text(script(public_methods())))
