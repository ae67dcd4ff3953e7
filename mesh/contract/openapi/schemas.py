"""The schemas of messages and enums, each made once and referred to by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from mesh.contract.comments import comment
from mesh.contract.methods import Method
from mesh.contract.openapi import examples
from mesh.contract.openapi.names import schema_names
from mesh.contract.openapi.types import Json, Side, input_fields, is_output_only, own_message
from mesh.contract.openapi.values import constraints, scalar, words
from mesh.contract.rules import FieldRule, read_field


def reference(name: str) -> Json:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


class Schemas:
    """Makes the schemas that operations ask for, and keeps them as components."""

    def __init__(self, methods: Iterable[Method]) -> None:
        self._names = schema_names(methods)
        self._made: dict[str, Json] = {}
        self._bodies: dict[str, frozenset[str]] = {}

    @property
    def made(self) -> Mapping[str, Json]:
        """All that were asked for, by name."""
        return dict(sorted(self._made.items()))

    def body(self, message: Descriptor, without: frozenset[str]) -> Json:
        """A request's body: the message less the fields that its path holds.

        Raises:
            ValueError: the message is another method's body, less other fields.
        """
        name = self._names[message.full_name, Side.REQUEST]
        if self._bodies.setdefault(name, without) != without:
            raise ValueError(f"{message.full_name} is the body of two paths with other fields")
        return self._object(message, Side.REQUEST, without)

    def answer(self, message: Descriptor) -> Json:
        """What a method answers."""
        return self._object(message, Side.RESPONSE, frozenset())

    def field(self, field: FieldDescriptor, side: Side) -> Json:
        """A field's schema with its description and an example."""
        rule = read_field(field)
        schema = self._list(field, rule, side) if field.is_repeated else self._one(field, side)
        text = comment(field.full_name).text
        if side is Side.REQUEST:
            text = f"{text} {words(rule)}".strip()
        if text:
            schema["description"] = text
        example = examples.value(field)
        if example is not None and not field.is_repeated:
            schema["examples"] = [example]
        if is_output_only(field):
            schema["readOnly"] = True
        return schema

    def _list(self, field: FieldDescriptor, rule: FieldRule, side: Side) -> Json:
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            return {
                "type": "object",
                "additionalProperties": self._one(entry.fields_by_name["value"], side),
            }
        schema: Json = {"type": "array", "items": self._one(field, side)}
        if side is Side.REQUEST and rule.min_items:
            schema["minItems"] = rule.min_items
        if side is Side.REQUEST and rule.max_items:
            schema["maxItems"] = rule.max_items
        return schema

    def _one(self, field: FieldDescriptor, side: Side) -> Json:
        if field.enum_type is not None:
            return self._enum(field.enum_type, side)
        nested = own_message(field)
        if nested is not None:
            return self._object(nested, side, frozenset())
        schema = scalar(field)
        return schema | constraints(read_field(field)) if side is Side.REQUEST else schema

    def _enum(self, enum: EnumDescriptor, side: Side) -> Json:
        name = self._names[enum.full_name, side]
        values = [value.name for value in enum.values if value.number]
        lines = [comment(enum.full_name).text, ""]
        lines += [f"* `{value}`: {comment(f'{enum.full_name}.{value}').text}" for value in values]
        self._made[name] = {"type": "string", "description": "\n".join(lines), "enum": values}
        return reference(name)

    def _object(self, message: Descriptor, side: Side, without: frozenset[str]) -> Json:
        name = self._names[message.full_name, side]
        if name not in self._made:
            # Noted before it is made: a message may hold itself.
            self._made[name] = {}
            fields = (
                list(input_fields(message, without)) if side is Side.REQUEST else message.fields
            )
            self._made[name] = self._properties(message, fields, side)
        return reference(name)

    def _properties(
        self, message: Descriptor, fields: Iterable[FieldDescriptor], side: Side
    ) -> Json:
        schema: Json = {
            "type": "object",
            "description": comment(message.full_name).text,
            "properties": {field.json_name: self.field(field, side) for field in fields},
        }
        required = [field.json_name for field in fields if _is_required(field, side)]
        if required:
            schema["required"] = required
        if side is Side.REQUEST:
            schema["additionalProperties"] = False
        return schema


def _is_required(field: FieldDescriptor, side: Side) -> bool:
    """In a request as its rules say; in an answer all that cannot be told from unset."""
    return read_field(field).required if side is Side.REQUEST else not field.has_presence
