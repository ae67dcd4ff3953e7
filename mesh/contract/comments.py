"""The comments of the contracts, by the full name of what they describe."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from mesh.contract.image import PACKAGE, image_bytes

_Path = tuple[int, ...]
_SENTENCE = re.compile(r"(?<=\.)\s+")
_PROTO_NAME = re.compile(r"`[A-Za-z.]*[a-z0-9]+(?:_[a-z0-9]+)+`")


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment: its first sentence, and what follows."""

    summary: str
    """The first sentence, with its full stop."""
    rest: str
    """Everything behind it; empty when there is nothing."""

    @property
    def text(self) -> str:
        """The whole comment."""
        return f"{self.summary} {self.rest}".rstrip()


def _enum(scope: str, path: _Path, enum: EnumDescriptorProto) -> Iterator[tuple[_Path, str]]:
    name = f"{scope}.{enum.name}"
    yield path, name
    for index, value in enumerate(enum.value):
        yield (*path, 2, index), f"{name}.{value.name}"


def _message(scope: str, path: _Path, message: DescriptorProto) -> Iterator[tuple[_Path, str]]:
    name = f"{scope}.{message.name}"
    yield path, name
    for index, field in enumerate(message.field):
        yield (*path, 2, index), f"{name}.{field.name}"
    for index, nested in enumerate(message.nested_type):
        yield from _message(name, (*path, 3, index), nested)
    for index, enum in enumerate(message.enum_type):
        yield from _enum(name, (*path, 4, index), enum)


def _named(file: FileDescriptorProto) -> Iterator[tuple[_Path, str]]:
    """Everything in a file by its path of field numbers, as `SourceCodeInfo` tells places."""
    for index, message in enumerate(file.message_type):
        yield from _message(file.package, (4, index), message)
    for index, enum in enumerate(file.enum_type):
        yield from _enum(file.package, (5, index), enum)
    for index, service in enumerate(file.service):
        name = f"{file.package}.{service.name}"
        yield (6, index), name
        for number, method in enumerate(service.method):
            yield (6, index, 2, number), f"{name}.{method.name}"


@cache
def _texts() -> Mapping[str, str]:
    texts: dict[str, str] = {}
    for file in FileDescriptorSet.FromString(image_bytes()).file:
        if file.package.startswith(PACKAGE):
            names = dict(_named(file))
            for place in file.source_code_info.location:
                if (path := tuple(place.path)) in names and place.leading_comments:
                    texts[names[path]] = " ".join(place.leading_comments.split())
    return texts


def _json_name(match: re.Match[str]) -> str:
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), match[0])


def comment(full_name: str) -> Comment:
    """The comment of a service, method (`package.Service.Method`), message, field, enum or value.

    An enum's value goes by the enum's name: `package.Enum.VALUE`. Fields that the
    text names in backquotes are given their JSON names. Empty where there is none.
    """
    text = _PROTO_NAME.sub(_json_name, _texts().get(full_name, ""))
    summary, *rest = _SENTENCE.split(text, maxsplit=1)
    return Comment(summary, rest[0] if rest else "")
