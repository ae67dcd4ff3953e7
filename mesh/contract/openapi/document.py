"""The whole document."""

from __future__ import annotations

import json
from collections.abc import Iterable

from mesh.contract.comments import comment
from mesh.contract.methods import Method, method_table
from mesh.contract.openapi.errors import HEADERS, error_examples, error_schemas
from mesh.contract.openapi.operations import BEARER, json_path, operation
from mesh.contract.openapi.reasons import reasons_of
from mesh.contract.openapi.schemas import Schemas
from mesh.contract.openapi.types import Json, operation_id, tag

_ABOUT = """\
Trade many assets with one account. Every path here is also a gRPC method on the same port.

**Tokens.** `POST /api/v1/auth/login` answers an access token for the header
`Authorization: Bearer …` and a refresh token for `POST /api/v1/auth/refresh`.

**Values.** JSON is ProtoJSON. Money and quantities are decimal strings such as `"12.50"`,
never numbers; times are RFC 3339 in UTC; ids are opaque.

**What is taken although it is not written here.** `null`, the empty string and an enum's
`…_UNSPECIFIED` count as absent; whole numbers may be strings and enums numbers; field names
may be given as in the proto (`request_id`). A field or parameter that is not known is refused.

**Pages.** Lists take `pageSize` and `pageToken` and answer `nextPageToken`, empty on the last
page. A token belongs to its query: keep the other parameters.

**Repeats.** Where a request has a `requestId`, the same id acts once; after a timeout send the
same request again. The same id with other values is refused: `REQUEST_ID_REUSED`.

**Errors.** Every error is a `Status` with an `ErrorInfo`, whose `reason` tells programs what
happened. Each operation lists its reasons.
"""

_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The access token of a login. Roles: CUSTOMER, OPERATOR; an operator may do"
    " what a customer may.",
}


def _tags(methods: Iterable[Method]) -> list[Json]:
    """A tag for each group, with the comments of its services."""
    texts: dict[str, dict[str, None]] = {}
    for method in methods:
        texts.setdefault(tag(method), {})[comment(method.service).text] = None
    return [{"name": name, "description": " ".join(found)} for name, found in texts.items()]


def _unique(methods: Iterable[Method]) -> None:
    seen: dict[str, str] = {}
    for method in methods:
        other = seen.setdefault(operation_id(method), method.path)
        if other != method.path:
            raise ValueError(f"{other} and {method.path} would be one operation; rename one")


def document(methods: Iterable[Method], version: str) -> Json:
    """The OpenAPI 3.1 document of these methods, as far as they have a REST binding.

    Args:
        methods: in the order in which they are shown.
        version: the version of the contracts.

    Raises:
        ValueError: two methods share a name, or something that the document cannot show.
    """
    public = [method for method in methods if method.http is not None]
    _unique(public)
    schemas = Schemas(public)
    paths: dict[str, Json] = {}
    for method in public:
        if method.http is not None:
            entry = paths.setdefault(json_path(method, method.http), {})
            entry[method.http.verb.lower()] = operation(schemas, method, method.http)
    reasons = (reason for method in public for reason in reasons_of(method))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tradewind",
            "version": version,
            "summary": "Trading of many assets, for customers and operators.",
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "Where this document was found."}],
        "tags": _tags(public),
        "paths": paths,
        "components": {
            "schemas": {**schemas.made, **error_schemas()},
            "headers": dict(HEADERS),
            "examples": dict(error_examples(reasons)),
            "securitySchemes": {BEARER: _SCHEME},
        },
    }


def document_text(version: str) -> str:
    """The document of all contracts as JSON; the same contracts give the same text."""
    whole = document(method_table().values(), version)
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
