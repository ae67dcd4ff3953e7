"""Errors as callers see them: one exception, mapped once to `google.rpc.Status`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from tradewind.api.v1.reason_pb2 import Reason

from mesh.contract import catalogue

DOMAIN = "tradewind"
DETAILS_KEY = "grpc-status-details-bin"

_BY_NUMBER: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}

CODES: Mapping[Reason, grpc.StatusCode] = {
    reason: _BY_NUMBER[number] for reason, number in catalogue.CODES.items()
}
"""The gRPC code of every reason."""

UNAVAILABLE_TEXT = "A service needed for the answer cannot be reached; try again."
DEADLINE_TEXT = "The answer took longer than the call's deadline."
INTERNAL_TEXT = "Something unforeseen happened; tell the operator the trace id."


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: the field's JSON path and the rule in words."""

    field: str
    description: str


class CallError(Exception):
    """A refusal that the caller is told: its reason, a message, and data.

    Domain code raises it where the refusal is known; the server's wrapper maps
    it. Messages hold no secrets and no internal names.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
        retry_after_s: float | None = None,
        code: grpc.StatusCode | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after_s = retry_after_s
        self.code = code or CODES[reason]


def invalid(*violations: Violation) -> CallError:
    """The error for broken field rules, all of them at once."""
    fields = ", ".join(dict.fromkeys(violation.field for violation in violations))
    return CallError(Reason.FIELD_INVALID, f"Invalid: {fields}.", violations=violations)


def _pack(message: error_details_pb2.ErrorInfo | object) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)  # type: ignore[arg-type]
    return packed


def to_status(error: CallError, trace_id: str) -> status_pb2.Status:
    """The `google.rpc.Status` of an error, with ErrorInfo and what else applies."""
    details: list[object] = [
        error_details_pb2.ErrorInfo(
            reason=Reason.Name(error.reason), domain=DOMAIN, metadata=error.metadata
        )
    ]
    if error.violations:
        details.append(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(
                        field=violation.field, description=violation.description
                    )
                    for violation in error.violations
                ]
            )
        )
    if error.retry_after_s is not None:
        delay = Duration()
        delay.FromMilliseconds(int(error.retry_after_s * 1000))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    if trace_id:
        details.append(error_details_pb2.RequestInfo(request_id=trace_id))
    code: int = error.code.value[0]
    return status_pb2.Status(
        code=code, message=error.message, details=[_pack(detail) for detail in details]
    )


def reason_of(error: grpc.aio.AioRpcError) -> Reason | None:
    """The reason a peer gave for an error, or None when it gave none of ours."""
    for key, value in error.trailing_metadata() or ():
        if key != DETAILS_KEY:
            continue
        try:
            status = status_pb2.Status.FromString(
                value if isinstance(value, bytes) else value.encode("latin-1")
            )
        except DecodeError:
            return None
        for detail in status.details:
            info = error_details_pb2.ErrorInfo()
            if detail.Unpack(info) and info.domain == DOMAIN and info.reason in Reason.keys():  # noqa: SIM118 - an enum wrapper, not a mapping
                return cast(Reason, Reason.Value(info.reason))
    return None


def from_rpc_error(error: grpc.aio.AioRpcError) -> CallError:
    """What our caller is told when a call of ours to another service failed.

    Only "not reachable" and "too late" are passed on; anything else is a fault
    of ours, and the peer's words stay inside.
    """
    match error.code():
        case grpc.StatusCode.UNAVAILABLE:
            return CallError(Reason.SERVICE_UNAVAILABLE, UNAVAILABLE_TEXT, retry_after_s=1)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return CallError(Reason.DEADLINE_EXCEEDED, DEADLINE_TEXT)
        case _:
            return CallError(Reason.INTERNAL, INTERNAL_TEXT)
