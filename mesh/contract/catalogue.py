"""The catalogue of errors: what every reason means, its codes, and what a caller can do.

`python -m mesh.contract.catalogue FILE` writes it as a page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from google.rpc import code_pb2
from tradewind.api.v1.reason_pb2 import Reason

from mesh.contract.comments import Comment, comment

CODES: Mapping[Reason, int] = {
    Reason.FIELD_INVALID: code_pb2.INVALID_ARGUMENT,
    Reason.MALFORMED_REQUEST: code_pb2.INVALID_ARGUMENT,
    Reason.UNKNOWN_FIELD: code_pb2.INVALID_ARGUMENT,
    Reason.REQUEST_TOO_LARGE: code_pb2.INVALID_ARGUMENT,
    Reason.TOKEN_MISSING: code_pb2.UNAUTHENTICATED,
    Reason.TOKEN_INVALID: code_pb2.UNAUTHENTICATED,
    Reason.TOKEN_EXPIRED: code_pb2.UNAUTHENTICATED,
    Reason.REFRESH_TOKEN_INVALID: code_pb2.UNAUTHENTICATED,
    Reason.CREDENTIALS_INVALID: code_pb2.UNAUTHENTICATED,
    Reason.ROLE_REQUIRED: code_pb2.PERMISSION_DENIED,
    Reason.CALLER_NOT_ALLOWED: code_pb2.PERMISSION_DENIED,
    Reason.ROUTE_NOT_FOUND: code_pb2.NOT_FOUND,
    Reason.ASSET_NOT_FOUND: code_pb2.NOT_FOUND,
    Reason.ORDER_NOT_FOUND: code_pb2.NOT_FOUND,
    Reason.USER_NOT_FOUND: code_pb2.NOT_FOUND,
    Reason.USERNAME_TAKEN: code_pb2.ALREADY_EXISTS,
    Reason.EMAIL_TAKEN: code_pb2.ALREADY_EXISTS,
    Reason.INSUFFICIENT_FUNDS: code_pb2.FAILED_PRECONDITION,
    Reason.INSUFFICIENT_HOLDING: code_pb2.FAILED_PRECONDITION,
    Reason.OUT_OF_STOCK: code_pb2.FAILED_PRECONDITION,
    Reason.PRICE_BOUND: code_pb2.FAILED_PRECONDITION,
    Reason.PRICES_STALE: code_pb2.FAILED_PRECONDITION,
    Reason.NOTIONAL_LIMIT: code_pb2.FAILED_PRECONDITION,
    Reason.AMOUNT_TOO_SMALL: code_pb2.FAILED_PRECONDITION,
    Reason.ASSET_HALTED: code_pb2.FAILED_PRECONDITION,
    Reason.REQUEST_ID_REUSED: code_pb2.FAILED_PRECONDITION,
    Reason.NOT_FILLED_IN_TIME: code_pb2.FAILED_PRECONDITION,
    Reason.DAILY_LIMIT: code_pb2.FAILED_PRECONDITION,
    Reason.ORDER_NOT_OPEN: code_pb2.FAILED_PRECONDITION,
    Reason.HOLD_NOT_PENDING: code_pb2.FAILED_PRECONDITION,
    Reason.RATE_LIMITED: code_pb2.RESOURCE_EXHAUSTED,
    Reason.SERVICE_UNAVAILABLE: code_pb2.UNAVAILABLE,
    Reason.DEADLINE_EXCEEDED: code_pb2.DEADLINE_EXCEEDED,
    Reason.ORDER_OUTCOME_PENDING: code_pb2.UNAVAILABLE,
    Reason.CANCELLED: code_pb2.CANCELLED,
    Reason.UNIMPLEMENTED: code_pb2.UNIMPLEMENTED,
    Reason.INTERNAL: code_pb2.INTERNAL,
}
"""The gRPC code of every reason, by its number."""

_HTTP: Mapping[int, int] = {
    code_pb2.INVALID_ARGUMENT: 400,
    code_pb2.FAILED_PRECONDITION: 400,
    code_pb2.UNAUTHENTICATED: 401,
    code_pb2.PERMISSION_DENIED: 403,
    code_pb2.NOT_FOUND: 404,
    code_pb2.ALREADY_EXISTS: 409,
    code_pb2.RESOURCE_EXHAUSTED: 429,
    code_pb2.CANCELLED: 499,
    code_pb2.INTERNAL: 500,
    code_pb2.UNIMPLEMENTED: 501,
    code_pb2.UNAVAILABLE: 503,
    code_pb2.DEADLINE_EXCEEDED: 504,
}
"""The HTTP status of every code, as the edge translates."""

_STATUSES: Mapping[Reason, tuple[int, ...]] = {
    Reason.REQUEST_TOO_LARGE: (413, 431),
    Reason.DEADLINE_EXCEEDED: (504, 408),
    Reason.ORDER_OUTCOME_PENDING: (503, 504),
}
"""Where HTTP tells more apart than gRPC does: a body or headers too large, a request or an
answer too late, an outcome not known because a service or the time was missing."""

_ADVICE: Mapping[int, str] = {
    code_pb2.PERMISSION_DENIED: "Call it as somebody who may.",
    code_pb2.NOT_FOUND: "Check the id.",
    code_pb2.FAILED_PRECONDITION: "Mend that first, then try under a new `requestId`.",
    code_pb2.CANCELLED: "Nothing; the caller wanted it so.",
    code_pb2.UNIMPLEMENTED: "Ask the operator which version runs.",
}
"""What to do where a reason's own comment does not tell."""

_HEAD = """\
<!-- Generated from protos/tradewind/api/v1/reason.proto by `make gen`; never edited. -->
# Errors

Every error has one shape, whoever found it: the edge, a limit or a service. REST answers
`google.rpc.Status` as JSON; gRPC gives the same message in `grpc-status-details-bin`.

```json
{
  "code": 9,
  "message": "There is not enough cash available.",
  "details": [
    {
      "@type": "type.googleapis.com/google.rpc.ErrorInfo",
      "reason": "INSUFFICIENT_FUNDS",
      "domain": "tradewind",
      "metadata": {}
    },
    {
      "@type": "type.googleapis.com/google.rpc.RequestInfo",
      "requestId": "4bf92f3577b34da6a3ce929d0e0e4736"
    }
  ]
}
```

| detail | when | what it tells |
|---|---|---|
| `ErrorInfo` | always | the reason, below; `metadata` such as `orderId` of a refused order |
| `BadRequest` | a field is wrong | every broken rule at once, by the field's JSON path |
| `RetryInfo` | waiting helps | how long to wait before the next try |
| `RequestInfo` | always | the trace id, also in the header `x-trace-id`; tell it to the operator |

Decide by the reason; the message is for people and may change. A reason is never reused.
"""


def code(reason: Reason) -> int:
    """The gRPC code of a reason.

    Raises:
        LookupError: the contracts have a reason that `CODES` does not know.
    """
    if reason not in CODES:
        raise LookupError(f"{Reason.Name(reason)} has no code in {__name__}.CODES")
    return CODES[reason]


def statuses(reason: Reason) -> tuple[int, ...]:
    """The HTTP statuses that a reason comes with, the usual one first."""
    return _STATUSES.get(reason) or (_HTTP[code(reason)],)


def meaning(reason: Reason) -> Comment:
    """What a reason means, and what a caller can do."""
    found = comment(f"{Reason.DESCRIPTOR.full_name}.{Reason.Name(reason)}")
    advice = _ADVICE.get(code(reason), "")
    return found if found.rest else Comment(found.summary, advice)


def reasons() -> tuple[Reason, ...]:
    """Every reason of the contracts, in their order."""
    return tuple(cast(Reason, number) for number in Reason.values() if number)


def _rows() -> Iterator[str]:
    for reason in reasons():
        http = ", ".join(map(str, statuses(reason)))
        grpc, means = code_pb2.Code.Name(code(reason)), meaning(reason)
        cells = (f"`{Reason.Name(reason)}`", http, f"`{grpc}`", means.summary, means.rest or "-")
        yield f"| {' | '.join(cells)} |"


def page() -> str:
    """The catalogue as Markdown."""
    table = ["| reason | HTTP | gRPC | what it means | what to do |", "|---|---|---|---|---|"]
    return "\n".join([_HEAD, "## Reasons", "", *table, *_rows(), ""])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page())
