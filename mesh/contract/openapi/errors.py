"""How errors are shown: one schema, an example of each reason, and a method's own answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from tradewind.api.v1.reason_pb2 import Reason

from mesh.contract.catalogue import code, meaning, statuses
from mesh.contract.methods import Method
from mesh.contract.openapi.examples import TRACE_ID
from mesh.contract.openapi.reasons import reasons_of
from mesh.contract.openapi.schemas import reference
from mesh.contract.openapi.types import Json

_RPC = "type.googleapis.com/google.rpc."
_WITH_A_BODY = frozenset({408, 413})
"""Statuses that only a request with a body meets."""
_TITLES: Mapping[int, str] = {
    400: "The request is wrong, or the state does not allow it.",
    401: "Who calls is not known.",
    403: "The caller may not do this.",
    404: "There is no such thing, or not among the caller's own.",
    408: "The request did not arrive in time.",
    409: "It exists already.",
    413: "The request's body is too large.",
    429: "Too many calls.",
    431: "The request's headers are too large.",
    500: "Something unforeseen happened.",
    503: "A service needed for the answer cannot be reached.",
    504: "There was no answer in time.",
}
_LIMITS = ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
_TRACE = ("x-trace-id", "x-request-id")

HEADERS: Mapping[str, Json] = {
    "x-trace-id": {
        "description": "The call's trace id; tell it to the operator.",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    },
    "x-request-id": {
        "description": "The same as `x-trace-id`.",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the next call.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "X-RateLimit-Limit": {
        "description": "Calls allowed in the limit's window.",
        "schema": {"type": "string"},
    },
    "X-RateLimit-Remaining": {
        "description": "Calls left in the present window.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "X-RateLimit-Reset": {
        "description": "Seconds until the present window ends.",
        "schema": {"type": "integer", "minimum": 0},
    },
}
"""The headers of answers, as components."""


def _object(text: str, required: Iterable[str], **properties: Json) -> Json:
    return {
        "type": "object",
        "description": text,
        "properties": properties,
        "required": list(required),
    }


def _text(description: str, **more: object) -> Json:
    return {"type": "string", "description": description, **more}


def _detail(kind: str, text: str, required: Iterable[str], **properties: Json) -> Json:
    tag = {"type": "string", "description": "Which detail this is.", "const": _RPC + kind}
    schema = _object(text, ["@type", *required])
    schema["properties"] = {"@type": tag, **properties}
    return schema


_DETAILS: Mapping[str, Json] = {
    "ErrorInfo": _detail(
        "ErrorInfo",
        "Why the call failed; decide by this.",
        ["reason", "domain"],
        reason=_text(
            "What happened; the operation's answers list its reasons.",
            pattern="^[A-Z][A-Z0-9_]*$",
            examples=["INSUFFICIENT_FUNDS"],
        ),
        domain=_text("Always `tradewind`.", examples=["tradewind"]),
        metadata={
            "type": "object",
            "description": "More about it, such as `orderId` of a refused order.",
            "additionalProperties": {"type": "string"},
        },
    ),
    "BadRequest": _detail(
        "BadRequest",
        "The rules that the request's fields break, all of them at once.",
        ["fieldViolations"],
        fieldViolations={
            "type": "array",
            "description": "One entry for each broken rule.",
            "items": reference("FieldViolation"),
        },
    ),
    "RetryInfo": _detail(
        "RetryInfo",
        "When to try again.",
        ["retryDelay"],
        retryDelay=_text(
            "How long to wait, in seconds.",
            pattern=r"^[0-9]+(\.[0-9]{1,9})?s$",
            examples=["1s"],
        ),
    ),
    "RequestInfo": _detail(
        "RequestInfo",
        "What to tell the operator.",
        ["requestId"],
        requestId=_text("The trace id, the same as the header `x-trace-id`.", examples=[TRACE_ID]),
    ),
}


def error_schemas() -> Mapping[str, Json]:
    """The schemas of errors, by name."""
    details = {
        "type": "array",
        "description": "What programs read; `ErrorInfo` is always among them.",
        "items": {
            "oneOf": [reference(name) for name in _DETAILS],
            "discriminator": {
                "propertyName": "@type",
                "mapping": {_RPC + name: reference(name)["$ref"] for name in _DETAILS},
            },
        },
    }
    status = _object(
        "An error: `google.rpc.Status` as JSON, whoever found it.",
        ["code", "message", "details"],
        code={
            "type": "integer",
            "format": "int32",
            "description": "The gRPC code.",
            "examples": [3],
        },
        message=_text("What happened, for people; may change.", examples=["Invalid: amount."]),
        details=details,
    )
    violation = _object(
        "One broken rule.",
        ["field", "description"],
        field=_text("The field's JSON path.", examples=["amount"]),
        description=_text("The rule in words.", examples=["must be at least 0.01"]),
    )
    return {"Status": status, "FieldViolation": violation, **_DETAILS}


def _details(reason: Reason) -> Iterator[Json]:
    info = {"reason": Reason.Name(reason), "domain": "tradewind", "metadata": {}}
    yield {"@type": _RPC + "ErrorInfo", **info}
    if reason == Reason.FIELD_INVALID:
        broken = {"field": "assetId", "description": "must match [A-Z0-9]{1,10}"}
        yield {"@type": _RPC + "BadRequest", "fieldViolations": [broken]}
    if reason in (Reason.RATE_LIMITED, Reason.SERVICE_UNAVAILABLE):
        yield {"@type": _RPC + "RetryInfo", "retryDelay": "1s"}
    yield {"@type": _RPC + "RequestInfo", "requestId": TRACE_ID}


def error_examples(reasons: Iterable[Reason]) -> Mapping[str, Json]:
    """An example of each reason, by its name."""
    return {
        Reason.Name(reason): {
            "summary": meaning(reason).summary,
            "value": {
                "code": code(reason),
                "message": meaning(reason).summary,
                "details": list(_details(reason)),
            },
        }
        for reason in sorted(set(reasons))
    }


def header_references(*names: str) -> Json:
    """Headers of an answer by their names, those of the trace first."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*_TRACE, *names)}


def _answer(status: int, reasons: Iterable[Reason]) -> Json:
    lines = [f"* `{Reason.Name(reason)}`: {meaning(reason).text}" for reason in reasons]
    examples = {
        Reason.Name(reason): {"$ref": f"#/components/examples/{Reason.Name(reason)}"}
        for reason in reasons
    }
    return {
        "description": "\n".join([_TITLES[status], "", *lines]),
        "headers": header_references(*(_LIMITS if status == 429 else ())),
        "content": {"application/json": {"schema": reference("Status"), "examples": examples}},
    }


def error_answers(method: Method) -> Mapping[str, Json]:
    """The error answers of a method by their HTTP status."""
    by_status: dict[int, list[Reason]] = defaultdict(list)
    with_body = method.http is not None and bool(method.http.body)
    for reason in reasons_of(method):
        for status in statuses(reason):
            if with_body or status not in _WITH_A_BODY:
                by_status[status].append(reason)
    return {str(status): _answer(status, by_status[status]) for status in sorted(by_status)}
