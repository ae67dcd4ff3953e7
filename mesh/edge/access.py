"""Who may call: tokens are verified by jwt_authn, roles are checked by rbac.

Both filters stand behind the transcoder and take their rule from the route, so
REST and gRPC are judged alike and a changed rule does not change the listener.
A route without a rule is refused to everybody.
"""

from __future__ import annotations

import betterproto2
from envoy_data_plane.envoy.config.rbac.v3 import (
    MetadataSource,
    Permission,
    Policy,
    Principal,
    SourcedMetadata,
)
from envoy_data_plane.envoy.config.rbac.v3 import Rbac as Rules
from envoy_data_plane.envoy.extensions.filters.http.jwt_authn.v3 import (
    JwtAuthentication,
    JwtCacheConfig,
    JwtClaimToHeader,
    JwtHeader,
    JwtProvider,
    JwtRequirement,
    PerRouteConfig,
)
from envoy_data_plane.envoy.extensions.filters.http.rbac.v3 import Rbac, RbacPerRoute
from envoy_data_plane.envoy.type.matcher.v3 import (
    ListMatcher,
    MetadataMatcher,
    MetadataMatcherPathSegment,
    StringMatcher,
    ValueMatcher,
)

from mesh.contract.methods import Access
from mesh.edge.messages import text
from mesh.identity.names import ACCESS_AUDIENCE, ACCESS_ISSUER, ROLES_HEADER, SUBJECT_HEADER

JWT_FILTER = "envoy.filters.http.jwt_authn"
RBAC_FILTER = "envoy.filters.http.rbac"
FAILURE = "failure"
"""Key of the metadata that tell why a token was refused."""

_PAYLOAD = "token"
_REQUIREMENT = "access-token"
_PROVIDER = "tradewind"
_CLOCK_SKEW_S = 5
_ROLES = {Access.CUSTOMER: ("CUSTOMER", "OPERATOR"), Access.OPERATOR: ("OPERATOR",)}


def authentication(jwks: str) -> JwtAuthentication:
    """Verifies the bearer token of the Authorization header and hands on who it names."""
    provider = JwtProvider(
        issuer=ACCESS_ISSUER,
        audiences=[ACCESS_AUDIENCE],
        require_expiration=True,
        local_jwks=text(jwks),
        from_headers=[JwtHeader(name="authorization", value_prefix="Bearer ")],
        payload_in_metadata=_PAYLOAD,
        failed_status_in_metadata=FAILURE,
        clock_skew_seconds=_CLOCK_SKEW_S,
        jwt_cache_config=JwtCacheConfig(jwt_cache_size=1_000),
        claim_to_headers=[
            JwtClaimToHeader(header_name=SUBJECT_HEADER, claim_name="sub"),
            JwtClaimToHeader(header_name=ROLES_HEADER, claim_name="roles"),
        ],
    )
    return JwtAuthentication(
        providers={_PROVIDER: provider},
        requirement_map={_REQUIREMENT: JwtRequirement(provider_name=_PROVIDER)},
    )


def _has_role(role: str) -> Principal:
    value = ValueMatcher(string_match=StringMatcher(exact=role))
    matcher = MetadataMatcher(
        filter=JWT_FILTER,
        path=[MetadataMatcherPathSegment(key=_PAYLOAD), MetadataMatcherPathSegment(key="roles")],
        value=ValueMatcher(list_match=ListMatcher(one_of=value)),
    )
    return Principal(
        sourced_metadata=SourcedMetadata(
            metadata_matcher=matcher, metadata_source=MetadataSource.DYNAMIC
        )
    )


def authorisation() -> Rbac:
    """Allows nothing; every route states what it allows."""
    return Rbac(rules=Rules())


def route_rules(access: Access) -> dict[str, betterproto2.Message]:
    """The two filters' rules of one route, by filter name."""
    if access is Access.PUBLIC:
        principals = [Principal(any=True)]
        token = PerRouteConfig(disabled=True)
    else:
        principals = [_has_role(role) for role in _ROLES[access]]
        token = PerRouteConfig(requirement_name=_REQUIREMENT)
    policy = Policy(permissions=[Permission(any=True)], principals=principals)
    return {
        JWT_FILTER: token,
        RBAC_FILTER: RbacPerRoute(rbac=Rbac(rules=Rules(policies={access.name: policy}))),
    }
