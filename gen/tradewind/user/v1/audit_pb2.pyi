from tradewind.api.v1 import options_pb2 as _options_pb2
from tradewind.user.v1 import ledger_pb2 as _ledger_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AuditRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AuditResponse(_message.Message):
    __slots__ = ("user_ids", "accounts", "groups", "transfers", "holds")
    USER_IDS_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    TRANSFERS_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    user_ids: _containers.RepeatedScalarFieldContainer[str]
    accounts: _containers.RepeatedCompositeFieldContainer[AccountRecord]
    groups: _containers.RepeatedCompositeFieldContainer[GroupRecord]
    transfers: _containers.RepeatedCompositeFieldContainer[TransferRecord]
    holds: _containers.RepeatedCompositeFieldContainer[HoldRecord]
    def __init__(self, user_ids: _Optional[_Iterable[str]] = ..., accounts: _Optional[_Iterable[_Union[AccountRecord, _Mapping]]] = ..., groups: _Optional[_Iterable[_Union[GroupRecord, _Mapping]]] = ..., transfers: _Optional[_Iterable[_Union[TransferRecord, _Mapping]]] = ..., holds: _Optional[_Iterable[_Union[HoldRecord, _Mapping]]] = ...) -> None: ...

class AccountRecord(_message.Message):
    __slots__ = ("key", "posted", "pending_out", "version", "cost")
    KEY_FIELD_NUMBER: _ClassVar[int]
    POSTED_FIELD_NUMBER: _ClassVar[int]
    PENDING_OUT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    key: _ledger_pb2.AccountKey
    posted: int
    pending_out: int
    version: int
    cost: int
    def __init__(self, key: _Optional[_Union[_ledger_pb2.AccountKey, _Mapping]] = ..., posted: _Optional[int] = ..., pending_out: _Optional[int] = ..., version: _Optional[int] = ..., cost: _Optional[int] = ...) -> None: ...

class GroupRecord(_message.Message):
    __slots__ = ("group_id", "outcome")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    outcome: _ledger_pb2.GroupDecision.Outcome
    def __init__(self, group_id: _Optional[str] = ..., outcome: _Optional[_Union[_ledger_pb2.GroupDecision.Outcome, str]] = ...) -> None: ...

class TransferRecord(_message.Message):
    __slots__ = ("transfer_id", "group_id", "transfer", "debit_seq", "debit_balance", "credit_seq", "credit_balance")
    TRANSFER_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    DEBIT_SEQ_FIELD_NUMBER: _ClassVar[int]
    DEBIT_BALANCE_FIELD_NUMBER: _ClassVar[int]
    CREDIT_SEQ_FIELD_NUMBER: _ClassVar[int]
    CREDIT_BALANCE_FIELD_NUMBER: _ClassVar[int]
    transfer_id: str
    group_id: str
    transfer: _ledger_pb2.Transfer
    debit_seq: int
    debit_balance: int
    credit_seq: int
    credit_balance: int
    def __init__(self, transfer_id: _Optional[str] = ..., group_id: _Optional[str] = ..., transfer: _Optional[_Union[_ledger_pb2.Transfer, _Mapping]] = ..., debit_seq: _Optional[int] = ..., debit_balance: _Optional[int] = ..., credit_seq: _Optional[int] = ..., credit_balance: _Optional[int] = ...) -> None: ...

class HoldRecord(_message.Message):
    __slots__ = ("hold_id", "group_id", "key", "amount", "reference", "resolution", "resolved_by", "posted")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_BY_FIELD_NUMBER: _ClassVar[int]
    POSTED_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    group_id: str
    key: _ledger_pb2.AccountKey
    amount: int
    reference: str
    resolution: _ledger_pb2.Transfer.Kind
    resolved_by: str
    posted: int
    def __init__(self, hold_id: _Optional[str] = ..., group_id: _Optional[str] = ..., key: _Optional[_Union[_ledger_pb2.AccountKey, _Mapping]] = ..., amount: _Optional[int] = ..., reference: _Optional[str] = ..., resolution: _Optional[_Union[_ledger_pb2.Transfer.Kind, str]] = ..., resolved_by: _Optional[str] = ..., posted: _Optional[int] = ...) -> None: ...
