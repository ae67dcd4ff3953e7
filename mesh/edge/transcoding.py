"""REST to gRPC and back, from the `google.api.http` rules of the contracts."""

from __future__ import annotations

from envoy_data_plane.envoy.extensions.filters.http.grpc_json_transcoder.v3 import (
    GrpcJsonTranscoder,
    GrpcJsonTranscoderPrintOptions,
    GrpcJsonTranscoderRequestValidationOptions,
)

from mesh.contract.methods import public_services
from mesh.edge.descriptors import descriptor_set
from mesh.edge.routes import MAX_BODY

TRANSCODER_FILTER = "envoy.filters.http.grpc_json_transcoder"
_MAX_ANSWER = 4 * 1024 * 1024


def transcoder() -> GrpcJsonTranscoder:
    """Canonical ProtoJSON, strict about what it is given."""
    return GrpcJsonTranscoder(
        proto_descriptor_bin=descriptor_set(),
        services=list(public_services()),
        print_options=GrpcJsonTranscoderPrintOptions(always_print_primitive_fields=True),
        convert_grpc_status=True,
        request_validation_options=GrpcJsonTranscoderRequestValidationOptions(
            reject_unknown_method=True,
            reject_unknown_query_parameters=True,
            reject_binding_body_field_collisions=True,
        ),
        max_request_body_size=MAX_BODY,
        max_response_body_size=_MAX_ANSWER,
    )
