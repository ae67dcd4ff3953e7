"""The names of schemas: short where that is clear, with their package where it is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from google.protobuf.descriptor import Descriptor, EnumDescriptor

from mesh.contract.methods import Method
from mesh.contract.openapi.types import Side, own_message

Key = tuple[str, Side]
"""A message's or enum's full name, and the side it stands on."""


class _Found:
    """Every message and enum that requests and answers hold, in order."""

    def __init__(self) -> None:
        self.scopes: dict[str, str] = {}
        """The package of each."""
        self.messages: dict[Key, None] = {}

    def message(self, message: Descriptor, side: Side) -> None:
        key = (message.full_name, side)
        if key in self.messages:
            return
        self.messages[key] = None
        self._note(message)
        for field in message.fields:
            if field.enum_type is not None:
                self._note(field.enum_type)
            if (nested := own_message(field)) is not None:
                self.message(nested, side)

    def _note(self, item: Descriptor | EnumDescriptor) -> None:
        self.scopes[item.full_name] = item.file.package


def _short(full_name: str, package: str) -> str:
    return full_name.removeprefix(package + ".").replace(".", "")


def schema_names(methods: Iterable[Method]) -> Mapping[Key, str]:
    """The schema's name of everything that these methods take and answer.

    `tradewind.user.v1.Portfolio.Position` is `PortfolioPosition`. Of equal names
    each gets its package in front. A message on both sides has two schemas, the
    request's ends in `Input`; an enum has one.
    """
    found = _Found()
    for method in methods:
        found.message(method.input, Side.REQUEST)
        found.message(method.output, Side.RESPONSE)
    count = Counter(_short(name, package) for name, package in found.scopes.items())
    names: dict[Key, str] = {}
    for full_name, package in found.scopes.items():
        short = _short(full_name, package)
        if count[short] > 1:
            short = package.split(".")[1].capitalize() + short
        both = all((full_name, side) in found.messages for side in Side)
        names[full_name, Side.REQUEST] = short + "Input" if both else short
        names[full_name, Side.RESPONSE] = short
    return names
