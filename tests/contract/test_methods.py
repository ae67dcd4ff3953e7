"""Every RPC states all that the mesh needs to know of it. By reflection: none can be forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from google.api import field_behavior_pb2
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodOptions
from tradewind.api.v1 import options_pb2
from tradewind.api.v1.reason_pb2 import Reason

from mesh.contract.image import extension, image_bytes, service_names
from mesh.contract.methods import Access, Idempotency, Method, Rate, method_table, public_services
from mesh.contract.rules import WELL_KNOWN, field_rules
from mesh.identity.names import CLI, SERVICES
from mesh.runtime.errors import CODES

METHODS = list(method_table().values())
every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.path)


def options_of(method: Method) -> MethodOptions:
    service = descriptor_pool.Default().FindServiceByName(method.service)
    options: MethodOptions = service.methods_by_name[method.name].GetOptions()
    return options


def request_messages(message: Descriptor) -> Iterator[Descriptor]:
    """A request and the messages nested in it."""
    yield message
    for field in message.fields:
        if field.message_type and not field.message_type.full_name.startswith(WELL_KNOWN):
            yield from request_messages(field.message_type)


def test_the_image_lists_the_services_of_all_four_packages() -> None:
    assert {name.split(".")[1] for name in service_names()} == set(SERVICES)


@every_method
def test_access_deadline_and_rate_are_stated(method: Method) -> None:
    policy: options_pb2.MethodPolicy = extension(options_of(method), options_pb2.policy)
    assert policy.HasField("deadline")
    assert 0 < method.deadline_s <= 120
    assert method.access in Access
    assert (method.rate is Rate.STREAM) == method.server_streaming


@every_method
def test_idempotency_is_stated(method: Method) -> None:
    assert options_of(method).HasField("idempotency_level")


@every_method
def test_internal_methods_list_their_callers_and_others_have_a_rest_binding(
    method: Method,
) -> None:
    if method.access is Access.INTERNAL:
        assert method.http is None
        assert method.callers
        assert method.callers <= {*SERVICES, CLI}
        assert method.service not in public_services()
    else:
        assert method.http is not None
        assert not method.callers
        assert method.service in public_services()


@every_method
def test_reads_are_gets_and_have_no_side_effects(method: Method) -> None:
    if method.http is not None:
        reads = method.idempotency is Idempotency.NO_SIDE_EFFECTS
        assert (method.http.verb == "GET") == reads
        assert method.http.body == ("" if reads else "*")


@every_method
def test_methods_with_a_request_id_are_idempotent(method: Method) -> None:
    if "request_id" in method.input.fields_by_name:
        rules = {rule.name: rule for rule in field_rules(method.input)}
        assert rules["request_id"].required
        assert method.idempotency is Idempotency.IDEMPOTENT


@every_method
def test_every_request_field_states_its_behaviour(method: Method) -> None:
    for message in request_messages(method.input):
        for field in message.fields:
            behaviors = extension(field.GetOptions(), field_behavior_pb2.field_behavior)
            assert len(behaviors) == 1, f"{message.full_name}.{field.name}"


@every_method
def test_texts_and_lists_from_callers_are_bounded(method: Method) -> None:
    for message in request_messages(method.input):
        for rule in field_rules(message):
            if rule.text and not rule.repeated:
                bounded = rule.max_length or rule.pattern or rule.decimal or rule.format.value
                assert bounded, f"{message.full_name}.{rule.name}"
            if rule.repeated:
                assert rule.max_items, f"{message.full_name}.{rule.name}"


@every_method
def test_lists_page_from_the_start(method: Method) -> None:
    if method.name.startswith("List"):
        assert {"page_size", "page_token"} <= set(method.input.fields_by_name)
        assert "next_page_token" in method.output.fields_by_name


def test_rest_bindings_are_unique() -> None:
    bindings = [(m.http.verb, re.sub(r"\{\w+\}", "*", m.http.path)) for m in METHODS if m.http]
    assert len(bindings) == len(set(bindings))


def test_rest_paths_lie_below_the_api_except_well_known_ones() -> None:
    paths = [method.http.path for method in METHODS if method.http]
    assert all(path.startswith(("/api/v1/", "/.well-known/")) for path in paths)


def test_everything_in_the_contracts_has_a_comment() -> None:
    for file in FileDescriptorSet.FromString(image_bytes()).file:
        if not file.package.startswith("tradewind."):
            continue
        commented = {
            tuple(location.path)
            for location in file.source_code_info.location
            if location.leading_comments.strip()
        }
        for index, service in enumerate(file.service):
            assert (6, index) in commented, service.name
            for number, method in enumerate(service.method):
                assert (6, index, 2, number) in commented, f"{service.name}.{method.name}"
        for index, message in enumerate(file.message_type):
            assert (4, index) in commented, message.name
            for number, field in enumerate(message.field):
                assert (4, index, 2, number) in commented, f"{message.name}.{field.name}"


def test_every_reason_has_a_code() -> None:
    assert set(CODES) == set(Reason.values()) - {Reason.REASON_UNSPECIFIED}
