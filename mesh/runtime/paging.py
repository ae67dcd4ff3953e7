"""Pages by keyset: a token says where the next page begins, and for which query."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import TypeVar

from mesh.runtime.errors import Violation, invalid

DEFAULT_SIZE = 50
MAX_SIZE = 100

Cursor = TypeVar("Cursor", str, int)


def page_size(asked: int) -> int:
    """The size in force: 0 means the default, more than the most means the most."""
    return min(asked, MAX_SIZE) if asked else DEFAULT_SIZE


def _binding(query: tuple[object, ...]) -> str:
    return hashlib.sha256(repr(query).encode()).hexdigest()[:16]


def encode_token(cursor: str | int, *query: object) -> str:
    """A token for the page after `cursor` of a query; `query` is all that must stay the same."""
    text = json.dumps([cursor, _binding(query)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_token(token: str, kind: type[Cursor], *query: object) -> Cursor:
    """The cursor in a token.

    Raises:
        CallError: the token is not one of ours, or was made for another query.
    """
    try:
        padded = token + "=" * (-len(token) % 4)
        cursor, binding = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, UnicodeDecodeError, ValueError, TypeError) as error:
        raise invalid(Violation("pageToken", "is not a token of this API")) from error
    if type(cursor) is not kind or binding != _binding(query):
        raise invalid(Violation("pageToken", "belongs to a query with other parameters"))
    return cursor
