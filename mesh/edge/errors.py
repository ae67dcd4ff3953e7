"""Every error that Envoy itself answers: one table, read from top to bottom."""

from __future__ import annotations

from dataclasses import dataclass

from envoy_data_plane.envoy.config.accesslog.v3 import AccessLogFilter
from google.rpc import code_pb2
from tradewind.api.v1.reason_pb2 import Reason

from mesh.edge.conditions import (
    all_of,
    refused,
    refused_field,
    status_at_least,
    status_is,
    token_failed,
    token_failed_with,
    upgrade_asked,
)
from mesh.edge.field_check import METADATA

DEFAULT_CODES = {
    400: code_pb2.INVALID_ARGUMENT,
    401: code_pb2.UNAUTHENTICATED,
    403: code_pb2.PERMISSION_DENIED,
    404: code_pb2.NOT_FOUND,
    413: code_pb2.INVALID_ARGUMENT,
    408: code_pb2.DEADLINE_EXCEEDED,
    429: code_pb2.RESOURCE_EXHAUSTED,
    431: code_pb2.INVALID_ARGUMENT,
    500: code_pb2.INTERNAL,
    503: code_pb2.UNAVAILABLE,
    504: code_pb2.DEADLINE_EXCEEDED,
}
"""The gRPC code that goes with an HTTP status here."""


@dataclass(frozen=True, slots=True)
class LocalReply:
    """One error: when it is meant, and what the caller is told."""

    when: AccessLogFilter
    status: int
    """The HTTP status to answer."""
    reason: Reason
    message: str
    """Fixed text, or a command operator of Envoy's that fills it in."""
    names_field: bool = False
    """Whether the field check tells which field is meant."""
    rest_only: bool = False
    """Whether it never meets a call that came as gRPC."""
    native_code: int | None = None
    """The gRPC code for a call that came as gRPC, where it differs from REST's."""

    @property
    def code(self) -> int:
        """The gRPC code."""
        return DEFAULT_CODES[self.status]


_JWT_MISSED = 1
_JWT_EXPIRED = 3
_REFUSAL = f"%DYNAMIC_METADATA({METADATA}:message)%"
_UNAUTHENTICATED = "The call needs an access token, in the header `Authorization: Bearer`."
_UNREADABLE = "The request could not be read: not JSON, or a value of the wrong type."
_NO_ROUTE = "No such path or verb."
_UNREACHABLE = "A service needed for the answer cannot be reached; try again."
_TOO_LATE = "The answer took longer than the call's deadline."


def error_table() -> tuple[LocalReply, ...]:
    """The errors; the first that matches is answered."""
    return (
        LocalReply(
            refused(Reason.UNKNOWN_FIELD),
            400,
            Reason.UNKNOWN_FIELD,
            _REFUSAL,
            names_field=True,
            rest_only=True,
        ),
        LocalReply(
            refused_field(),
            400,
            Reason.MALFORMED_REQUEST,
            _REFUSAL,
            names_field=True,
            rest_only=True,
        ),
        LocalReply(
            refused(Reason.MALFORMED_REQUEST),
            400,
            Reason.MALFORMED_REQUEST,
            _REFUSAL,
            rest_only=True,
        ),
        LocalReply(token_failed_with(_JWT_MISSED), 401, Reason.TOKEN_MISSING, _UNAUTHENTICATED),
        LocalReply(
            token_failed_with(_JWT_EXPIRED),
            401,
            Reason.TOKEN_EXPIRED,
            "The access token's time is over.",
        ),
        LocalReply(
            token_failed(),
            401,
            Reason.TOKEN_INVALID,
            "The access token is malformed, forged or not for this API.",
        ),
        LocalReply(status_is(401), 401, Reason.TOKEN_MISSING, _UNAUTHENTICATED),
        # Envoy refuses a change of protocol as 403, too.
        LocalReply(all_of(status_is(403), upgrade_asked()), 404, Reason.ROUTE_NOT_FOUND, _NO_ROUTE),
        LocalReply(
            status_is(403),
            403,
            Reason.ROLE_REQUIRED,
            "The caller's role does not allow the method.",
        ),
        LocalReply(status_is(504), 504, Reason.DEADLINE_EXCEEDED, _TOO_LATE),
        LocalReply(
            status_is(404),
            404,
            Reason.ROUTE_NOT_FOUND,
            _NO_ROUTE,
            native_code=code_pb2.UNIMPLEMENTED,
        ),
        LocalReply(
            status_is(408), 408, Reason.DEADLINE_EXCEEDED, "The request did not arrive in time."
        ),
        LocalReply(
            status_is(413),
            413,
            Reason.REQUEST_TOO_LARGE,
            "The request's body is larger than the edge accepts.",
        ),
        LocalReply(
            status_is(429), 429, Reason.RATE_LIMITED, "Too many calls; wait before the next."
        ),
        LocalReply(
            status_is(431),
            431,
            Reason.REQUEST_TOO_LARGE,
            "The request's headers are larger than the edge accepts.",
        ),
        LocalReply(status_is(502), 503, Reason.SERVICE_UNAVAILABLE, _UNREACHABLE),
        LocalReply(status_is(503), 503, Reason.SERVICE_UNAVAILABLE, _UNREACHABLE),
        LocalReply(
            status_at_least(500),
            500,
            Reason.INTERNAL,
            "Something unforeseen happened; tell the operator the trace id.",
        ),
        LocalReply(status_is(400), 400, Reason.MALFORMED_REQUEST, _UNREADABLE),
        LocalReply(
            status_at_least(400),
            400,
            Reason.MALFORMED_REQUEST,
            "The request is not HTTP as the edge speaks it.",
        ),
    )
