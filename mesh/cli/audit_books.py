"""The records of all services as the audit holds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tradewind.auth.v1.audit_pb2 import Credential
from tradewind.inventory.v1.audit_pb2 import AttemptRecord, StockLevel
from tradewind.order.v1.audit_pb2 import OrderRecord
from tradewind.user.v1.audit_pb2 import AccountRecord, GroupRecord, HoldRecord, TransferRecord
from tradewind.user.v1.ledger_pb2 import AccountKey

USD = "USD"
_NOT_CUSTOMERS = ("platform", "outside")


def is_customer(owner: str) -> bool:
    """Whether an account's owner is a user."""
    return owner not in _NOT_CUSTOMERS


@dataclass(frozen=True, slots=True)
class Account:
    """An account's name."""

    owner: str
    asset_id: str

    @classmethod
    def of(cls, key: AccountKey) -> Account:
        """The account that a key names."""
        return cls(key.owner, key.asset_id)

    def __str__(self) -> str:
        """As findings name it."""
        return f"{self.owner}/{self.asset_id}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one invariant found."""

    invariant: str
    checked: int
    """How many things it looked at."""
    offenders: tuple[str, ...]
    """Ids of what breaks it."""


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that was read, in the order of the readings."""

    orders: list[OrderRecord] = field(default_factory=list)
    levels: list[StockLevel] = field(default_factory=list)
    attempts: list[AttemptRecord] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    accounts: list[AccountRecord] = field(default_factory=list)
    groups: list[GroupRecord] = field(default_factory=list)
    transfers: list[TransferRecord] = field(default_factory=list)
    holds: list[HoldRecord] = field(default_factory=list)
    credentials: list[Credential] = field(default_factory=list)

    @staticmethod
    def entries(record: TransferRecord) -> Iterator[tuple[Account, int, int, int]]:
        """What a transfer did to customers: account, its sequence, change, balance after."""
        transfer = record.transfer
        if is_customer(transfer.debit.owner):
            account = Account.of(transfer.debit)
            yield account, record.debit_seq, -transfer.amount, record.debit_balance
        if is_customer(transfer.credit.owner):
            account = Account.of(transfer.credit)
            yield account, record.credit_seq, transfer.amount, record.credit_balance

    @classmethod
    def changes(cls, record: TransferRecord) -> Iterator[tuple[Account, int]]:
        """What a transfer did to customers: account and change."""
        for account, _, change, _ in cls.entries(record):
            yield account, change
