"""gRPC reflection and health, as every service offers them."""

from __future__ import annotations

import grpc
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from mesh.contract.methods import public_services

V1ALPHA = "grpc.reflection.v1alpha.ServerReflection"
REFLECTION_SERVICES = ("grpc.reflection.v1.ServerReflection", V1ALPHA)

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def add_reflection(server: aio.Server) -> None:
    """Registers both versions of reflection (they are the same on the wire).

    Every service describes all public services of the contracts, so the edge
    may ask any of them; internal services are described to nobody. Of reflection
    itself only v1alpha is listed: the library has no descriptor of v1, and clients
    that ask for all that is listed would fail on it.
    """
    servicer = reflection.aio.ReflectionServicer((*public_services(), V1ALPHA))
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
