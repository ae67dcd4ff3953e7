"""What happens around a handler, compiled once per method and wrapped around it.

Telemetry → identity → authorisation → deadline → validation → handler → error
mapping, in this order (authorisation before validation: AIP-211).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc import aio
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from tradewind.api.v1.reason_pb2 import Reason

from mesh.contract.methods import Access, Method, method_table
from mesh.identity.names import EDGE, ROLES_HEADER, SUBJECT_HEADER, workload_of_spiffe_id
from mesh.runtime.context import Call, enter_call
from mesh.runtime.errors import (
    DEADLINE_TEXT,
    DETAILS_KEY,
    INTERNAL_TEXT,
    CallError,
    from_rpc_error,
    to_status,
)
from mesh.runtime.validation import validator
from mesh.telemetry import metrics
from mesh.telemetry.tracing import Metadata, begin_span, extract, sampled_trace_id, trace_id

DEADLINE_MARGIN = 0.9
"""Share of the time left after which a call is ended here, with details; C-core's own
DEADLINE_EXCEEDED carries none."""
SAN_KEY = "x509_subject_alternative_name"

Handler = Callable[[Any, Any], Any]
Message = Any
Context = Any
"""`aio.ServicerContext`; its stubs are generic in ways that handlers are not."""

log = logging.getLogger(__name__)


def peer_workload(context: Context) -> str:
    """The calling workload, from its certificate; empty when there is none."""
    for name in context.auth_context().get(SAN_KEY, ()):
        if workload := workload_of_spiffe_id(name.decode()):
            return workload
    return ""


def _roles(header: str) -> frozenset[str]:
    """Roles as the edge forwards them: a base64url JSON array."""
    try:
        roles = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (binascii.Error, ValueError):
        return frozenset()
    return frozenset(str(role) for role in roles) if isinstance(roles, list) else frozenset()


class Pipeline:
    """The checks of one method."""

    def __init__(self, method: Method) -> None:
        self.method = method
        self.validate = validator(method.input)
        self._message = _message_class(method.input)
        self._name = method.path[1:]
        self._attributes = {"rpc.system.name": "grpc", "rpc.method": self._name}
        self._observe = metrics.CallMetric(metrics.server_calls, method.path).observe
        self._active = metrics.server_active.labels(method.path)

    def begin(self, metadata: Metadata) -> Span:
        """The call's span, which goes on with the caller's trace."""
        self._active.inc()
        # Each call is a task of its own: what becomes current here ends with it.
        return begin_span(self._name, SpanKind.SERVER, self._attributes, extract(metadata))

    def finish(self, span: Span, code: grpc.StatusCode, started: float) -> None:
        """Tells span and metrics how the call ended."""
        span.set_attribute("rpc.response.status_code", code.name)
        if code in _SERVER_FAULTS:
            span.set_status(Status(StatusCode.ERROR, code.name))
        self._active.dec()
        self._observe(code.name, time.monotonic() - started, sampled_trace_id(span))
        span.end()

    def authorise(self, context: Context, metadata: Metadata) -> Call:
        """Who calls, and that they may.

        Raises:
            CallError: CALLER_NOT_ALLOWED, TOKEN_MISSING or ROLE_REQUIRED.
        """
        method, caller = self.method, peer_workload(context)
        if method.access is Access.INTERNAL:
            if caller not in method.callers:
                raise CallError(Reason.CALLER_NOT_ALLOWED, "The caller may not use this method.")
            return Call(method, caller, "", frozenset(), self._deadline(context))
        if caller != EDGE:
            raise CallError(Reason.CALLER_NOT_ALLOWED, "Only the edge may use this method.")
        headers = dict(metadata)
        subject = str(headers.get(SUBJECT_HEADER, ""))
        roles = _roles(str(headers.get(ROLES_HEADER, "")))
        if method.access is not Access.PUBLIC and not subject:
            raise CallError(Reason.TOKEN_MISSING, "The call needs an access token.")
        if method.access is Access.OPERATOR and "OPERATOR" not in roles:
            raise CallError(Reason.ROLE_REQUIRED, "The method needs the role OPERATOR.")
        return Call(method, caller, subject, roles, self._deadline(context))

    def parse(self, sent: bytes) -> Message:
        """The request in the bytes that were sent.

        Here and not in gRPC's deserializer, which tells callers of our classes.

        Raises:
            CallError: MALFORMED_REQUEST.
        """
        try:
            return self._message.FromString(sent)
        except DecodeError as error:
            raise CallError(Reason.MALFORMED_REQUEST, "The request cannot be read.") from error

    def _deadline(self, context: Context) -> float:
        left = context.time_remaining()
        most = self.method.deadline_s
        return time.monotonic() + (most if left is None else min(left * DEADLINE_MARGIN, most))


def _told(error: BaseException) -> CallError:
    """What the caller is told of an exception."""
    match error:
        case CallError():
            return error
        case TimeoutError():
            return CallError(Reason.DEADLINE_EXCEEDED, DEADLINE_TEXT)
        case aio.AioRpcError():
            return from_rpc_error(error)
        case _:
            return CallError(Reason.INTERNAL, INTERNAL_TEXT)


def _code(context: Context, error: BaseException) -> grpc.StatusCode:
    """The status code that a call ends with."""
    if isinstance(error, aio.AbortError):
        return next(code for code in grpc.StatusCode if code.value[0] == _number(context.code()))
    return _told(error).code


def _number(code: grpc.StatusCode | int) -> int:
    return code if isinstance(code, int) else int(code.value[0])


async def _refuse(context: Context, span: Span, error: BaseException, method: Method) -> None:
    """Ends the call with the status of an exception; the stack goes to log and span only."""
    if isinstance(error, aio.AbortError):
        # The handler has said by itself how the call ends.
        span.set_attribute("error.type", _code(context, error).name)
        raise error
    told = _told(error)
    if told.reason is Reason.INTERNAL:
        log.error("call failed", exc_info=error, extra={"rpc": method.path})
        span.record_exception(error)
    elif not isinstance(error, CallError):
        log.warning("call failed", extra={"rpc": method.path, "reason": Reason.Name(told.reason)})
    span.set_attribute("error.type", Reason.Name(told.reason))
    status = to_status(told, trace_id())
    await context.abort(
        told.code, told.message, trailing_metadata=((DETAILS_KEY, status.SerializeToString()),)
    )


_SERVER_FAULTS = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""Codes that are a server span's errors (OpenTelemetry semantic conventions for gRPC)."""


def unary(method: Method, handler: Handler) -> Callable[[bytes, Context], Awaitable[Message]]:
    """Wraps a unary handler."""
    pipeline = Pipeline(method)

    async def serve(sent: bytes, context: Context) -> Message:
        started, code = time.monotonic(), grpc.StatusCode.CANCELLED
        metadata = context.invocation_metadata() or ()
        span = pipeline.begin(metadata)
        try:
            call = pipeline.authorise(context, metadata)
            request = pipeline.parse(sent)
            pipeline.validate(request)
            enter_call(call)
            async with asyncio.timeout(call.deadline - time.monotonic()):
                response = await handler(request, context)
            code = grpc.StatusCode.OK
        except Exception as error:
            code = _code(context, error)
            await _refuse(context, span, error, method)
        finally:
            pipeline.finish(span, code, started)
        return response

    return serve


def streaming(method: Method, handler: Handler) -> Callable[[bytes, Context], AsyncIterator[Any]]:
    """Wraps a handler that answers a stream."""
    pipeline = Pipeline(method)

    async def serve(sent: bytes, context: Context) -> AsyncIterator[Any]:
        started, code = time.monotonic(), grpc.StatusCode.CANCELLED
        metadata = context.invocation_metadata() or ()
        span = pipeline.begin(metadata)
        try:
            call = pipeline.authorise(context, metadata)
            request = pipeline.parse(sent)
            pipeline.validate(request)
            enter_call(call)
            async with asyncio.timeout(call.deadline - time.monotonic()):
                async for response in handler(request, context):
                    yield response
            code = grpc.StatusCode.OK
        except Exception as error:
            code = _code(context, error)
            await _refuse(context, span, error, method)
        finally:
            pipeline.finish(span, code, started)

    return serve


def generic_handlers(servicer: object) -> Iterable[grpc.GenericRpcHandler]:
    """The wrapped handlers of a servicer, one for each contract service it implements.

    Raises:
        TypeError: the servicer implements no service of the contracts, or not all of one.
    """
    found = [base for base in type(servicer).__mro__ if base.__name__.endswith("Servicer")]
    services = {
        method.service for method in method_table().values() if _implements(found, method.service)
    }
    if not services:
        raise TypeError(f"{type(servicer).__name__} serves nothing of the contracts")
    return [_service_handler(servicer, service) for service in sorted(services)]


def _implements(bases: Iterable[type], service: str) -> bool:
    package, _, name = service.rpartition(".")
    module = package + "."
    return any(
        base.__name__ == f"{name}Servicer" and base.__module__.startswith(module) for base in bases
    )


def _service_handler(servicer: object, service: str) -> grpc.GenericRpcHandler:
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
    for method in method_table().values():
        if method.service != service:
            continue
        handler = getattr(servicer, method.name)
        if handler.__qualname__.startswith(f"{service.rpartition('.')[2]}Servicer."):
            raise TypeError(f"{type(servicer).__name__} lacks {method.name}")
        response = _message_class(method.output)
        kind, wrap = (
            (grpc.unary_stream_rpc_method_handler, streaming)
            if method.server_streaming
            else (grpc.unary_unary_rpc_method_handler, unary)
        )
        handlers[method.name] = kind(
            wrap(method, handler),
            response_serializer=response.SerializeToString,
        )
    return grpc.method_handlers_generic_handler(service, handlers)


def _message_class(descriptor: Any) -> Any:
    return descriptor._concrete_class
