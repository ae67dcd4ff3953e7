"""What a caller's headers may not say: cleaned before the request is traced or routed."""

from __future__ import annotations

from envoy_data_plane.envoy.config.common.mutation_rules.v3 import (
    HeaderMutation as Mutation,
)
from envoy_data_plane.envoy.config.common.mutation_rules.v3 import HeaderMutationRemoveOnMatch
from envoy_data_plane.envoy.extensions.http.early_header_mutation.header_mutation.v3 import (
    HeaderMutation,
)
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher

from mesh.edge.messages import header

_OURS = ("x-tradewind-", "x-envoy-")
"""Prefixes of headers that only the edge itself sets."""
_SCRATCH = "x-tradewind-traceparent"
_TRACEPARENT = " && ".join(
    (
        # In parts: CEL bounds the size of a regular expression.
        "size(request.headers['traceparent']) == 55",
        "request.headers['traceparent'].matches('^00-[0-9a-f]{32}-')",
        "request.headers['traceparent'].matches('-[0-9a-f]{16}-[0-9a-f]{2}$')",
        f"!request.headers['traceparent'].contains('-{'0' * 32}-')",
        f"!request.headers['traceparent'].contains('-{'0' * 16}-')",
    )
)
"""Whether a `traceparent` is well-formed (W3C Trace Context, version 00), in CEL."""


def _reserved_headers_removed() -> list[Mutation]:
    removed = [
        Mutation(
            remove_on_match=HeaderMutationRemoveOnMatch(key_matcher=StringMatcher(prefix=prefix))
        )
        for prefix in _OURS
    ]
    # Envoy samples by its own request id.
    return [*removed, Mutation(remove="x-request-id")]


def _broken_traceparent_removed() -> list[Mutation]:
    """Keeps only a `traceparent` that the tracer can read: any other would end all tracing."""
    return [
        Mutation(
            append=header(_SCRATCH, f"%CEL({_TRACEPARENT} ? request.headers['traceparent'] : '')%")
        ),
        Mutation(remove="traceparent"),
        Mutation(append=header("traceparent", f"%REQ({_SCRATCH})%")),
        Mutation(remove=_SCRATCH),
    ]


def early_mutations() -> HeaderMutation:
    """The changes, in their order."""
    return HeaderMutation(mutations=_reserved_headers_removed() + _broken_traceparent_removed())
