"""The method table: what the contracts state about every RPC, as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from types import MappingProxyType

from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from tradewind.api.v1 import options_pb2

from mesh.contract.image import extension, service_names


class Access(Enum):
    """Who may call a method; see `tradewind.api.v1.MethodPolicy.Access`."""

    PUBLIC = options_pb2.MethodPolicy.PUBLIC
    CUSTOMER = options_pb2.MethodPolicy.CUSTOMER
    OPERATOR = options_pb2.MethodPolicy.OPERATOR
    INTERNAL = options_pb2.MethodPolicy.INTERNAL


class Rate(Enum):
    """The rate-limit class of a method; see `tradewind.api.v1.MethodPolicy.Rate`."""

    READ = options_pb2.MethodPolicy.READ
    WRITE = options_pb2.MethodPolicy.WRITE
    LOGIN = options_pb2.MethodPolicy.LOGIN
    STREAM = options_pb2.MethodPolicy.STREAM


class Idempotency(Enum):
    """Whether a method may be retried, from the standard `idempotency_level`."""

    UNKNOWN = MethodOptions.IDEMPOTENCY_UNKNOWN
    NO_SIDE_EFFECTS = MethodOptions.NO_SIDE_EFFECTS
    IDEMPOTENT = MethodOptions.IDEMPOTENT


@dataclass(frozen=True, slots=True)
class HttpBinding:
    """The REST binding of a method: `verb` in upper case, `path` as a template."""

    verb: str
    path: str
    body: str


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC with everything that is enforced around it."""

    service: str
    """Full name of the gRPC service, for example `tradewind.order.v1.OrderService`."""
    name: str
    """The method's own name."""
    workload: str
    """The process that serves it: auth, user, inventory or order."""
    access: Access
    callers: frozenset[str]
    """For INTERNAL: the workloads that may call."""
    deadline_s: float
    rate: Rate
    idempotency: Idempotency
    server_streaming: bool
    http: HttpBinding | None
    """None for INTERNAL methods only."""
    input: Descriptor
    output: Descriptor

    @property
    def path(self) -> str:
        """The gRPC path, `/package.Service/Method`."""
        return f"/{self.service}/{self.name}"

    @property
    def retryable(self) -> bool:
        """Whether a repeat of the call is harmless."""
        return self.idempotency is not Idempotency.UNKNOWN


def workload_of(service: str) -> str:
    """The process that serves a service: the second part of its package."""
    return service.split(".")[1]


def http_binding(options: MethodOptions) -> HttpBinding | None:
    """The method's `google.api.http` rule, or None when it has none."""
    rule: http_pb2.HttpRule = extension(options, annotations_pb2.http)
    verb = rule.WhichOneof("pattern")
    if verb is None:
        return None
    return HttpBinding(verb.upper(), str(getattr(rule, verb)), rule.body)


def read_method(descriptor: MethodDescriptor) -> Method:
    """Reads one method's options.

    Raises:
        ValueError: the method states no access or no rate class.
    """
    options: MethodOptions = descriptor.GetOptions()
    policy: options_pb2.MethodPolicy = extension(options, options_pb2.policy)
    service = descriptor.containing_service.full_name
    return Method(
        service=service,
        name=descriptor.name,
        workload=workload_of(service),
        access=Access(policy.access),
        callers=frozenset(policy.callers),
        deadline_s=policy.deadline.seconds + policy.deadline.nanos / 1e9,
        rate=Rate(policy.rate),
        idempotency=Idempotency(options.idempotency_level),
        server_streaming=descriptor.server_streaming,
        http=http_binding(options),
        input=descriptor.input_type,
        output=descriptor.output_type,
    )


@cache
def method_table() -> Mapping[str, Method]:
    """Every method of the contracts by its gRPC path."""
    pool = descriptor_pool.Default()
    methods = (
        read_method(method)
        for name in service_names()
        for method in pool.FindServiceByName(name).methods
    )
    return MappingProxyType({method.path: method for method in methods})


@cache
def public_services() -> tuple[str, ...]:
    """Services with at least one method for the outside; these are reflected at the edge."""
    internal = Access.INTERNAL
    table = method_table().values()
    return tuple(dict.fromkeys(method.service for method in table if method.access is not internal))
