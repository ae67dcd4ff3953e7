"""The descriptor image that `tradewind-contracts` carries: the one source of all configuration."""

from __future__ import annotations

import importlib
from functools import cache
from importlib import resources
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message import Message

PACKAGE = "tradewind."


def image_bytes() -> bytes:
    """The image as generated: every contract file and its imports, with comments."""
    return (resources.files("tradewind") / "image.binpb").read_bytes()


@cache
def service_names() -> tuple[str, ...]:
    """Full names of all services of the contracts, in the order of the image.

    Importing the generated modules registers their descriptors with protobuf's
    default pool, where `mesh.contract` looks everything else up.
    """
    names = []
    for file in FileDescriptorSet.FromString(image_bytes()).file:
        if file.package.startswith(PACKAGE):
            importlib.import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
            names += [f"{file.package}.{service.name}" for service in file.service]
    return tuple(names)


def extension(options: Message, field: Any) -> Any:
    """An option's value; callers annotate its type."""
    return options.Extensions[field]
