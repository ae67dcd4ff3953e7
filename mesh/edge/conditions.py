"""The conditions by which Envoy's own errors are told apart."""

from __future__ import annotations

from envoy_data_plane.envoy.config.accesslog.v3 import (
    AccessLogFilter,
    AndFilter,
    ComparisonFilter,
    ComparisonFilterOp,
    HeaderFilter,
    MetadataFilter,
    StatusCodeFilter,
)
from envoy_data_plane.envoy.config.core.v3 import RuntimeUInt32
from envoy_data_plane.envoy.config.route.v3 import HeaderMatcher
from envoy_data_plane.envoy.type.matcher.v3 import (
    DoubleMatcher,
    MetadataMatcher,
    MetadataMatcherPathSegment,
    StringMatcher,
    ValueMatcher,
)
from tradewind.api.v1.reason_pb2 import Reason

from mesh.edge.access import FAILURE, JWT_FILTER
from mesh.edge.field_check import METADATA


def all_of(*conditions: AccessLogFilter) -> AccessLogFilter:
    """Matches where all of them do."""
    return AccessLogFilter(and_filter=AndFilter(filters=list(conditions)))


def status_is(value: int, op: ComparisonFilterOp = ComparisonFilterOp.EQ) -> AccessLogFilter:
    """Matches the status that Envoy was about to answer."""
    fixed = RuntimeUInt32(default_value=value, runtime_key="tradewind.never_overridden")
    return AccessLogFilter(
        status_code_filter=StatusCodeFilter(comparison=ComparisonFilter(op=op, value=fixed))
    )


def status_at_least(value: int) -> AccessLogFilter:
    """Matches that status and all above."""
    return status_is(value, ComparisonFilterOp.GE)


def _metadata(namespace: str, path: list[str], value: ValueMatcher) -> AccessLogFilter:
    """Matches what a filter noted about the request."""
    segments = [MetadataMatcherPathSegment(key=key) for key in path]
    matcher = MetadataMatcher(filter=namespace, path=segments, value=value)
    return AccessLogFilter(
        metadata_filter=MetadataFilter(matcher=matcher, match_if_key_not_found=False)
    )


def token_failed_with(failure: int) -> AccessLogFilter:
    """Matches a refused token by the number of jwt_verify_lib's `Status`."""
    exactly = ValueMatcher(double_match=DoubleMatcher(exact=failure))
    return _metadata(JWT_FILTER, [FAILURE, "code"], exactly)


def token_failed() -> AccessLogFilter:
    """Matches any refused token."""
    return _metadata(JWT_FILTER, [FAILURE, "code"], ValueMatcher(present_match=True))


def refused(reason: Reason) -> AccessLogFilter:
    """Matches what the field check refused for this reason."""
    exactly = ValueMatcher(string_match=StringMatcher(exact=Reason.Name(reason)))
    return _metadata(METADATA, ["reason"], exactly)


def refused_field() -> AccessLogFilter:
    """Matches what the field check refused for one named field."""
    return _metadata(METADATA, ["field"], ValueMatcher(present_match=True))


def upgrade_asked() -> AccessLogFilter:
    """Matches requests for another protocol, such as WebSocket."""
    matcher = HeaderMatcher(name="upgrade", present_match=True)
    return AccessLogFilter(header_filter=HeaderFilter(header=matcher))
