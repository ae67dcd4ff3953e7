"""What the ledger moves, and what it keeps of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from typing import NamedTuple

from tradewind.api.v1.reason_pb2 import Reason

from mesh.runtime.ids import fingerprint

USD = "USD"
PLATFORM = "platform"
OUTSIDE = "outside"
MOST_UNITS = 2**63 - 1
"""What an account's column can hold."""


class Outcome(IntEnum):
    """What was decided of a group; the numbers of the contract's GroupDecision.Outcome."""

    UNDECIDED = 0
    POSTED = 1
    REFUSED = 2
    CANCELLED = 3
    EXISTS_DIFFERENT = 4


class Purpose(IntEnum):
    """Why value moves; the numbers of the contract's Transfer.Purpose and Transaction.Type."""

    DEPOSIT = 1
    WITHDRAWAL = 2
    BUY = 3
    SELL = 4


class Kind(IntEnum):
    """In which phase value moves; the numbers of the contract's Transfer.Kind."""

    POSTED = 1
    PENDING = 2
    POST = 3
    VOID = 4


class Intent(Enum):
    """What is asked of a group."""

    POST = "post"
    POST_OR_FORGET = "post or forget"
    """As POST, but a refusal is not stored: the same id may be tried again."""
    CANCEL = "cancel"


class Key(NamedTuple):
    """Names an account; sorts in the order that rows are locked in."""

    owner: str
    asset_id: str


def is_customer(owner: str) -> bool:
    """Whether an owner keeps account rows."""
    return owner not in {PLATFORM, OUTSIDE}


@dataclass(frozen=True, slots=True)
class Transfer:
    """Value that moves from one owner to another, in atomic units of the asset."""

    debit: str
    credit: str
    asset_id: str
    amount: int
    purpose: Purpose
    reference: str = ""
    cost: int = 0
    """Cents; for the asset leg of a buy."""
    kind: Kind = Kind.POSTED
    transfer_id: str = ""
    """For PENDING: the hold's id."""
    pending_id: str = ""
    """For POST and VOID: the hold they resolve."""

    def accounts(self) -> tuple[Key, ...]:
        """The customers' accounts it touches; the platform and the outside keep none."""
        owners = (self.debit, self.credit)
        return tuple(Key(owner, self.asset_id) for owner in owners if is_customer(owner))

    @property
    def moves(self) -> bool:
        """Whether balances move; a hold that is made or given back moves none."""
        return self.kind in (Kind.POSTED, Kind.POST)

    @property
    def hold_id(self) -> str:
        """The hold that it makes or resolves; empty when it has to do with none."""
        return self.transfer_id if self.kind is Kind.PENDING else self.pending_id


@dataclass(frozen=True, slots=True)
class Group:
    """Transfers that happen together or not at all; none for a cancellation."""

    group_id: str
    transfers: tuple[Transfer, ...] = ()
    intent: Intent = Intent.POST

    def digest(self) -> str:
        """Tells a repeat from other content under the same id."""
        return fingerprint(*self.transfers) if self.transfers else ""


@dataclass(frozen=True, slots=True)
class Account:
    """A customer's account row: atomic units, and what they cost in cents."""

    key: Key
    posted: int = 0
    pending_out: int = 0
    cost: int = 0
    version: int = 0

    @property
    def available(self) -> int:
        """What may go out."""
        return self.posted - self.pending_out

    def paid(self, amount: int) -> Account:
        """After `amount` went out; the cost falls in proportion."""
        remaining = self.posted - amount
        cost = self.cost * remaining // self.posted if self.posted else 0
        return replace(self, posted=remaining, cost=cost, version=self.version + 1)

    def received(self, amount: int, cost: int) -> Account:
        """After `amount` came in for `cost` cents."""
        return replace(
            self, posted=self.posted + amount, cost=self.cost + cost, version=self.version + 1
        )

    def holding(self, amount: int) -> Account:
        """After so much more is held; less when it is negative."""
        return replace(self, pending_out=self.pending_out + amount)


@dataclass(frozen=True, slots=True)
class Hold:
    """What a pending transfer holds, or held."""

    debit: str
    credit: str
    asset_id: str
    amount: int
    resolved: bool = False


class Day(NamedTuple):
    """Names what a customer moved in or out on one UTC day."""

    owner: str
    day: int
    """Days since 1970."""
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Decision:
    """A group's decision in force; `reason` is unspecified unless it is REFUSED."""

    group_id: str
    outcome: Outcome
    reason: Reason = Reason.REASON_UNSPECIFIED
    fingerprint: str = ""
    exists: bool = field(default=False, compare=False)
    """Whether it was decided before it was asked now."""


@dataclass(frozen=True, slots=True)
class Posting:
    """A transfer as it is kept, with each customer account's version and balance just after.

    Versions and balances are 0 where no balance moved: on the platform's side, and
    for PENDING and VOID.
    """

    transfer_id: str
    group_id: str
    transfer: Transfer
    debit_seq: int = 0
    debit_balance: int = 0
    credit_seq: int = 0
    credit_balance: int = 0
    created_at: int = 0
    """Microseconds since 1970."""
