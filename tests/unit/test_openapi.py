"""How the OpenAPI document shows what the present contracts do not have yet."""

from __future__ import annotations

from dataclasses import replace

import pytest
from google.protobuf import descriptor_pool, timestamp_pb2, wrappers_pb2
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from tradewind.api.v1.reason_pb2 import Reason

from mesh.contract import catalogue
from mesh.contract.comments import comment
from mesh.contract.methods import Access, HttpBinding, Method, method_table
from mesh.contract.openapi import examples, values
from mesh.contract.openapi.document import document
from mesh.contract.openapi.reasons import reasons_of
from mesh.contract.openapi.schemas import Schemas
from mesh.contract.openapi.types import Side
from mesh.contract.rules import DecimalRule, Format, field_rules

ORDER = "/tradewind.order.v1.OrderService/"
GET_ORDER = method_table()[ORDER + "GetOrder"]
CREATE_ORDER = method_table()[ORDER + "CreateOrder"]
CANCEL_ORDER = method_table()[ORDER + "CancelOrder"]


def field(name: str, number: int, kind: str, **more: object) -> FieldDescriptorProto:
    label = more.pop("label", FieldDescriptorProto.LABEL_OPTIONAL)
    number_of_kind = FieldDescriptorProto.Type.Value(f"TYPE_{kind}")
    made = FieldDescriptorProto(name=name, number=number, type=number_of_kind, **more)  # type: ignore[arg-type]  # names of fields
    made.label = label  # type: ignore[assignment]  # one of the labels
    return made


def tree(package: str = "test.tree.v1") -> Descriptor:
    """A message with everything that a schema may have to show, itself included."""
    pool = descriptor_pool.DescriptorPool()
    for known in (timestamp_pb2, wrappers_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    file = FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    file.dependency.extend(["google/protobuf/timestamp.proto", "google/protobuf/wrappers.proto"])
    message = file.message_type.add(name="Tree")
    repeated = FieldDescriptorProto.LABEL_REPEATED
    entry = message.nested_type.add(name="LabelsEntry")
    entry.options.map_entry = True
    entry.field.extend([field("key", 1, "STRING"), field("value", 2, "INT64")])
    own = f".{package}.Tree"
    message.field.extend(
        [
            field("big_number", 1, "INT64"),
            field("content", 2, "BYTES"),
            field("children", 3, "MESSAGE", type_name=own, label=repeated),
            field("labels", 4, "MESSAGE", type_name=f"{own}.LabelsEntry", label=repeated),
            field("wrapped", 5, "MESSAGE", type_name=".google.protobuf.StringValue"),
        ]
    )
    pool.Add(file)
    return pool.FindMessageTypeByName(f"{package}.Tree")


def without_wrapped(package: str = "test.tree.v1") -> Descriptor:
    """A message that the document can show: `tree` with a time where the wrapper is."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    file = FileDescriptorProto()
    tree(package).file.CopyToProto(file)
    file.dependency[:] = ["google/protobuf/timestamp.proto"]
    file.message_type[0].field[4].type_name = ".google.protobuf.Timestamp"
    pool.Add(file)
    return pool.FindMessageTypeByName(f"{package}.Tree")


def test_a_comment_is_its_first_sentence_and_the_rest() -> None:
    found = comment("tradewind.order.v1.OrderService.CancelOrder")
    assert found.summary == "Cancels an open limit order; what it held returns."
    assert found.rest.startswith("Repeated, it answers")
    assert found.text == f"{found.summary} {found.rest}"


def test_a_nested_enums_values_have_comments_and_the_unknown_has_none() -> None:
    assert comment("tradewind.order.v1.Order.Side.BUY").text == "The customer buys."
    assert comment("tradewind.order.v1.Order.Side.NOTHING").text == ""


def test_fields_named_in_comments_get_their_json_names() -> None:
    assert "`Tokens.refreshToken`" in comment("tradewind.auth.v1.RefreshRequest.refresh_token").text


def test_a_reason_without_advice_of_its_own_has_its_codes() -> None:
    means = catalogue.meaning(Reason.INSUFFICIENT_FUNDS)
    assert means.summary == "The available balance does not cover the amount."
    assert means.rest
    assert catalogue.statuses(Reason.INSUFFICIENT_FUNDS) == (400,)
    assert catalogue.statuses(Reason.ORDER_OUTCOME_PENDING) == (503, 504)


def test_a_reason_without_a_code_is_named() -> None:
    with pytest.raises(LookupError, match="REASON_UNSPECIFIED has no code"):
        catalogue.code(Reason.REASON_UNSPECIFIED)


def test_the_page_lists_every_reason_once() -> None:
    lines = [line for line in catalogue.page().splitlines() if line.startswith("| `")]
    for reason in catalogue.reasons():
        assert sum(line.startswith(f"| `{Reason.Name(reason)}` |") for line in lines) == 1


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (DecimalRule(None, None, 2, positive=True), "above 0, with at most 2 decimal places."),
        (DecimalRule(None, None, 0, positive=False), "at least 0, with at most 0 decimal places."),
    ],
)
def test_bounds_of_decimals_are_told_in_words(rule: DecimalRule, text: str) -> None:
    amount = next(rule for rule in field_rules(CREATE_ORDER.input) if rule.decimal)
    shown = replace(amount, decimal=rule)
    assert values.words(shown) == f"A plain decimal number, {text}"
    places = r"(\.[0-9]{1,2})?" if rule.max_scale else ""
    assert values.constraints(shown) == {"maxLength": 40, "pattern": f"^[0-9]+{places}$"}


def test_schemas_show_maps_bytes_big_numbers_and_messages_that_hold_themselves() -> None:
    message = without_wrapped()
    schemas = Schemas([replace(GET_ORDER, output=message)])
    assert schemas.answer(message) == {"$ref": "#/components/schemas/Tree"}
    properties = schemas.made["Tree"]["properties"]
    assert properties["bigNumber"]["type"] == "string"
    assert properties["content"]["contentEncoding"] == "base64"
    assert properties["children"]["items"] == {"$ref": "#/components/schemas/Tree"}
    assert properties["labels"]["additionalProperties"]["format"] == "int64"
    assert schemas.made["Tree"]["required"] == ["bigNumber", "content", "children", "labels"]
    assert examples.response(message) == {"wrapped": examples.TIME}


def test_a_type_without_a_schema_stops_the_generation() -> None:
    message = tree()
    with pytest.raises(ValueError, match=r"StringValue has no schema"):
        Schemas([replace(GET_ORDER, output=message)]).answer(message)


def test_messages_of_one_name_get_their_package_in_front() -> None:
    first, second = without_wrapped("test.oak.v1"), without_wrapped("test.elm.v1")
    schemas = Schemas([replace(GET_ORDER, output=first), replace(GET_ORDER, output=second)])
    assert schemas.answer(first) == {"$ref": "#/components/schemas/OakTree"}
    assert schemas.answer(second) == {"$ref": "#/components/schemas/ElmTree"}


def test_a_message_that_goes_both_ways_has_two_schemas_and_its_enums_one() -> None:
    both = replace(CREATE_ORDER, output=CREATE_ORDER.input)
    schemas = Schemas([both])
    body = schemas.body(both.input, frozenset())
    assert body == {"$ref": "#/components/schemas/CreateOrderRequestInput"}
    assert schemas.answer(both.output) == {"$ref": "#/components/schemas/CreateOrderRequest"}
    assert schemas.made["CreateOrderRequestInput"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas.made["CreateOrderRequest"]
    assert schemas.made["OrderSide"]["enum"] == ["BUY", "SELL"]


def test_one_body_cannot_stand_for_two_paths_with_other_fields() -> None:
    schemas = Schemas([CREATE_ORDER])
    schemas.body(CREATE_ORDER.input, frozenset({"asset_id"}))
    with pytest.raises(ValueError, match="two paths"):
        schemas.body(CREATE_ORDER.input, frozenset())


def shown(method: Method, verb: str) -> dict[str, object]:
    whole = document([method], "1")
    (found,) = whole["paths"].values()
    operation: dict[str, object] = found[verb]
    return operation


def test_a_body_leaves_out_what_the_path_holds() -> None:
    binding = HttpBinding("POST", "/api/v1/operator/assets/{asset_id}:buy", "*")
    whole = document([replace(CREATE_ORDER, http=binding)], "1")
    assert list(whole["paths"]) == ["/api/v1/operator/assets/{assetId}:buy"]
    body = whole["components"]["schemas"]["CreateOrderRequest"]
    assert "assetId" not in body["properties"]
    assert "requestBody" not in shown(CANCEL_ORDER, "post")


def test_a_path_can_only_name_fields_of_the_request() -> None:
    for path in ("/api/v1/{nothing}", "/api/v1/{order_id=orders/*}"):
        with pytest.raises(ValueError, match="no field of the request"):
            document([replace(GET_ORDER, http=HttpBinding("GET", path, ""))], "1")


def test_nested_messages_become_dotted_parameters() -> None:
    message = GET_ORDER.output
    nested = replace(GET_ORDER, input=message, http=HttpBinding("GET", "/api/v1/x", ""))
    names = {item["name"] for item in shown(nested, "get")["parameters"]}  # type: ignore[attr-defined]  # a list of objects
    assert {"orderId", "state", "createTime"} <= names
    assert "history" not in names


def test_a_stream_answers_a_line_or_an_event_for_each_message() -> None:
    stream = shown(replace(GET_ORDER, server_streaming=True), "get")
    content = stream["responses"]["200"]["content"]  # type: ignore[index]  # an object
    assert content["application/x-ndjson"]["schema"] == {"$ref": "#/components/schemas/Order"}
    assert content["text/event-stream"]["schema"] == {"type": "string"}
    assert "Answered within" not in str(stream["description"])


def test_an_operators_method_says_so_and_asks_for_the_role() -> None:
    method = replace(GET_ORDER, access=Access.OPERATOR)
    found = shown(method, "get")
    assert found["operationId"] == "operatorGetOrder"
    assert found["security"] == [{"bearer": ["OPERATOR"]}]
    assert Reason.ROLE_REQUIRED in reasons_of(method)


def test_two_methods_of_one_name_stop_the_generation() -> None:
    other = replace(GET_ORDER, service="tradewind.user.v1.OrderService")
    with pytest.raises(ValueError, match="rename one"):
        document([GET_ORDER, other], "1")


def test_formats_of_requests_have_examples() -> None:
    order_id = CANCEL_ORDER.input.fields_by_name["order_id"]
    assert examples.value(order_id) == examples.ORDER_ID
    assert Schemas([CANCEL_ORDER]).field(order_id, Side.REQUEST)["pattern"] == f"^{values.ID}$"
    assert {item for item in Format if item is not Format.ANY} <= examples._BY_FORMAT.keys()
