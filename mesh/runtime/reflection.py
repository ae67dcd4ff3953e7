"""gRPC reflection and health, as every service offers them."""

from __future__ import annotations

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from mesh.contract.image import image_bytes
from mesh.contract.methods import public_services

V1ALPHA = "grpc.reflection.v1alpha.ServerReflection"
REFLECTION_SERVICES = ("grpc.reflection.v1.ServerReflection", V1ALPHA)

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def public_pool() -> DescriptorPool:
    """The files of public services, without the internal services in them, and what they need."""
    public, image = set(public_services()), FileDescriptorSet.FromString(image_bytes())
    files = {file.name: file for file in image.file}
    wanted: set[str] = set()
    waiting = [
        file.name
        for file in image.file
        if any(f"{file.package}.{service.name}" in public for service in file.service)
    ]
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting.extend(files[name].dependency)
    pool = DescriptorPool()
    # An image has each file after those that it needs.
    for file in image.file:
        if file.name in wanted:
            pool.Add(_without_internal(file, public))
    pool.AddSerializedFile(reflection_pb2.DESCRIPTOR.serialized_pb)
    return pool


def _without_internal(file: FileDescriptorProto, public: set[str]) -> FileDescriptorProto:
    shown = FileDescriptorProto()
    shown.CopyFrom(file)
    shown.ClearField("source_code_info")
    del shown.service[:]
    shown.service.extend(
        service for service in file.service if f"{file.package}.{service.name}" in public
    )
    return shown


def add_reflection(server: aio.Server) -> None:
    """Registers both versions of reflection (they are the same on the wire).

    Every service describes all public services of the contracts, so the edge
    may ask any of them; internal services are described to nobody. Of reflection
    itself only v1alpha is listed: the library has no descriptor of v1, and clients
    that ask for all that is listed would fail on it.
    """
    servicer = reflection.aio.ReflectionServicer((*public_services(), V1ALPHA), public_pool())
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in REFLECTION_SERVICES:
        generic = grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": handler})
        server.add_generic_rpc_handlers((generic,))


def add_health(server: aio.Server) -> health.aio.HealthServicer:
    """Registers the standard health service; it says NOT_SERVING until told otherwise."""
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    return servicer
