"""Shorthand for the message shapes that Envoy's configuration repeats."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import betterproto2
from envoy_data_plane.envoy.config.core.v3 import (
    Address as EnvoyAddress,
)
from envoy_data_plane.envoy.config.core.v3 import (
    DataSource,
    HeaderValue,
    HeaderValueOption,
    HeaderValueOptionHeaderAppendAction,
    SocketAddress,
    TypedExtensionConfig,
)
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any, Struct

from mesh.edge.config import Address

ADD_IF_ABSENT = HeaderValueOptionHeaderAppendAction.ADD_IF_ABSENT
OVERWRITE = HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD


def pack(message: betterproto2.Message) -> Any:
    """The message as `google.protobuf.Any`."""
    return Any.pack(message)


def extension(name: str, message: betterproto2.Message) -> TypedExtensionConfig:
    """An extension's configuration."""
    return TypedExtensionConfig(name=name, typed_config=pack(message))


def http_filter(name: str, message: betterproto2.Message) -> HttpFilter:
    """One entry of the HTTP filter chain."""
    return HttpFilter(name=name, typed_config=pack(message))


def socket(address: Address) -> EnvoyAddress:
    """A TCP address."""
    return EnvoyAddress(socket_address=SocketAddress(address=address.host, port_value=address.port))


def text(content: str) -> DataSource:
    """Inline text."""
    return DataSource(inline_string=content)


def struct(values: Mapping[str, object]) -> Struct:
    """A JSON object."""
    message: Struct = Struct.from_dict(values)
    return message


def header(
    name: str, value: str, action: HeaderValueOptionHeaderAppendAction = OVERWRITE
) -> HeaderValueOption:
    """A header to set."""
    return HeaderValueOption(header=HeaderValue(key=name, value=value), append_action=action)


def seconds(value: float) -> timedelta:
    """A duration."""
    return timedelta(seconds=value)
