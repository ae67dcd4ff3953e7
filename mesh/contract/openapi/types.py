"""What the parts of the document share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum, auto
from typing import Any, TypeAlias

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from mesh.contract.image import extension
from mesh.contract.methods import Access, Method
from mesh.contract.rules import WELL_KNOWN

Json: TypeAlias = dict[str, Any]
"""A JSON object of the document."""

TIMESTAMP = "google.protobuf.Timestamp"
FIELD_MASK = "google.protobuf.FieldMask"


class Side(Enum):
    """Which way a message goes: a request's is held to its rules, a response's is promised."""

    REQUEST = auto()
    RESPONSE = auto()


def behaves(field: FieldDescriptor, behavior: int) -> bool:
    """Whether a field states that `google.api.FieldBehavior`."""
    behaviors: Iterable[int] = extension(field.GetOptions(), field_behavior_pb2.field_behavior)
    return behavior in behaviors


def is_output_only(field: FieldDescriptor) -> bool:
    """Whether callers cannot set the field."""
    return behaves(field, field_behavior_pb2.OUTPUT_ONLY)


def own_message(field: FieldDescriptor) -> Descriptor | None:
    """The field's message where it has a schema of its own: not well-known, not a map's entry."""
    message = field.message_type
    if message is None or message.GetOptions().map_entry:
        return None
    return None if message.full_name.startswith(WELL_KNOWN) else message


def input_fields(
    message: Descriptor, without: frozenset[str] = frozenset()
) -> Iterator[FieldDescriptor]:
    """The fields that a caller may set, but for those named."""
    for field in message.fields:
        if field.name not in without and not is_output_only(field):
            yield field


def tag(method: Method) -> str:
    """The group a method is shown in: its service's name without `Service`."""
    return method.service.rpartition(".")[2].removesuffix("Service")


def operation_id(method: Method) -> str:
    """The operation's name: the method's; an operator's begins with `operator`."""
    if method.access is Access.OPERATOR:
        return f"operator{method.name}"
    return method.name[0].lower() + method.name[1:]
