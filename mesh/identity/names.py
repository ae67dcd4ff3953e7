"""The names that identities are told by, inside the mesh and in access tokens."""

from __future__ import annotations

TRUST_DOMAIN = "tradewind"
EDGE = "edge"
CLI = "cli"
VIEWER = "viewer"
SERVICES = ("auth", "user", "inventory", "order")

ACCESS_ISSUER = "tradewind"
"""`iss` of every access token."""
ACCESS_AUDIENCE = "tradewind"
"""`aud` of every access token."""

SUBJECT_HEADER = "x-tradewind-subject"
"""Set by the edge alone: the verified token's `sub`."""
ROLES_HEADER = "x-tradewind-roles"
"""Set by the edge alone: the verified token's `roles`, a base64url JSON array."""

_PREFIX = f"spiffe://{TRUST_DOMAIN}/"


def spiffe_id(workload: str) -> str:
    """The SPIFFE id of a workload, for example `spiffe://tradewind/order`."""
    return _PREFIX + workload


def workload_of_spiffe_id(uri: str) -> str | None:
    """The workload a SPIFFE id names; None when the id is not of this mesh."""
    return uri.removeprefix(_PREFIX) if uri.startswith(_PREFIX) else None
