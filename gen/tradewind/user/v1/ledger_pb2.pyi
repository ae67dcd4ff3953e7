from google.api import field_behavior_pb2 as _field_behavior_pb2
from tradewind.api.v1 import options_pb2 as _options_pb2
from tradewind.api.v1 import reason_pb2 as _reason_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateTransfersRequest(_message.Message):
    __slots__ = ("groups",)
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[TransferGroup]
    def __init__(self, groups: _Optional[_Iterable[_Union[TransferGroup, _Mapping]]] = ...) -> None: ...

class CreateTransfersResponse(_message.Message):
    __slots__ = ("decisions",)
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    decisions: _containers.RepeatedCompositeFieldContainer[GroupDecision]
    def __init__(self, decisions: _Optional[_Iterable[_Union[GroupDecision, _Mapping]]] = ...) -> None: ...

class CancelGroupsRequest(_message.Message):
    __slots__ = ("group_ids",)
    GROUP_IDS_FIELD_NUMBER: _ClassVar[int]
    group_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, group_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class CancelGroupsResponse(_message.Message):
    __slots__ = ("decisions",)
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    decisions: _containers.RepeatedCompositeFieldContainer[GroupDecision]
    def __init__(self, decisions: _Optional[_Iterable[_Union[GroupDecision, _Mapping]]] = ...) -> None: ...

class TransferGroup(_message.Message):
    __slots__ = ("group_id", "transfers")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    TRANSFERS_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    transfers: _containers.RepeatedCompositeFieldContainer[Transfer]
    def __init__(self, group_id: _Optional[str] = ..., transfers: _Optional[_Iterable[_Union[Transfer, _Mapping]]] = ...) -> None: ...

class Transfer(_message.Message):
    __slots__ = ("debit", "credit", "amount", "purpose", "reference", "cost", "kind", "transfer_id", "pending_id")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Transfer.Kind]
        POSTED: _ClassVar[Transfer.Kind]
        PENDING: _ClassVar[Transfer.Kind]
        POST: _ClassVar[Transfer.Kind]
        VOID: _ClassVar[Transfer.Kind]
    KIND_UNSPECIFIED: Transfer.Kind
    POSTED: Transfer.Kind
    PENDING: Transfer.Kind
    POST: Transfer.Kind
    VOID: Transfer.Kind
    class Purpose(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PURPOSE_UNSPECIFIED: _ClassVar[Transfer.Purpose]
        DEPOSIT: _ClassVar[Transfer.Purpose]
        WITHDRAWAL: _ClassVar[Transfer.Purpose]
        BUY: _ClassVar[Transfer.Purpose]
        SELL: _ClassVar[Transfer.Purpose]
    PURPOSE_UNSPECIFIED: Transfer.Purpose
    DEPOSIT: Transfer.Purpose
    WITHDRAWAL: Transfer.Purpose
    BUY: Transfer.Purpose
    SELL: Transfer.Purpose
    DEBIT_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_ID_FIELD_NUMBER: _ClassVar[int]
    PENDING_ID_FIELD_NUMBER: _ClassVar[int]
    debit: AccountKey
    credit: AccountKey
    amount: int
    purpose: Transfer.Purpose
    reference: str
    cost: int
    kind: Transfer.Kind
    transfer_id: str
    pending_id: str
    def __init__(self, debit: _Optional[_Union[AccountKey, _Mapping]] = ..., credit: _Optional[_Union[AccountKey, _Mapping]] = ..., amount: _Optional[int] = ..., purpose: _Optional[_Union[Transfer.Purpose, str]] = ..., reference: _Optional[str] = ..., cost: _Optional[int] = ..., kind: _Optional[_Union[Transfer.Kind, str]] = ..., transfer_id: _Optional[str] = ..., pending_id: _Optional[str] = ...) -> None: ...

class AccountKey(_message.Message):
    __slots__ = ("owner", "asset_id")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    owner: str
    asset_id: str
    def __init__(self, owner: _Optional[str] = ..., asset_id: _Optional[str] = ...) -> None: ...

class GroupDecision(_message.Message):
    __slots__ = ("group_id", "outcome", "reason", "exists")
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OUTCOME_UNSPECIFIED: _ClassVar[GroupDecision.Outcome]
        POSTED: _ClassVar[GroupDecision.Outcome]
        REFUSED: _ClassVar[GroupDecision.Outcome]
        CANCELLED: _ClassVar[GroupDecision.Outcome]
        EXISTS_DIFFERENT: _ClassVar[GroupDecision.Outcome]
    OUTCOME_UNSPECIFIED: GroupDecision.Outcome
    POSTED: GroupDecision.Outcome
    REFUSED: GroupDecision.Outcome
    CANCELLED: GroupDecision.Outcome
    EXISTS_DIFFERENT: GroupDecision.Outcome
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EXISTS_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    outcome: GroupDecision.Outcome
    reason: _reason_pb2.Reason
    exists: bool
    def __init__(self, group_id: _Optional[str] = ..., outcome: _Optional[_Union[GroupDecision.Outcome, str]] = ..., reason: _Optional[_Union[_reason_pb2.Reason, str]] = ..., exists: _Optional[bool] = ...) -> None: ...
