"""The ledger's decisions: which groups are posted, and what that makes of the accounts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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

    def accounts(self) -> tuple[Key, ...]:
        """The customers' accounts it touches; the platform and the outside keep none."""
        owners = (self.debit, self.credit)
        return tuple(Key(owner, self.asset_id) for owner in owners if is_customer(owner))


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


@dataclass(frozen=True, slots=True)
class Decision:
    """A group's decision in force; `reason` is unspecified unless it is REFUSED."""

    group_id: str
    outcome: Outcome
    reason: Reason = Reason.REASON_UNSPECIFIED
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Posting:
    """A posted transfer with each customer account's version and balance just after."""

    transfer_id: str
    group_id: str
    transfer: Transfer
    debit_seq: int
    debit_balance: int
    credit_seq: int
    credit_balance: int
    created_at: int
    """Microseconds since 1970."""


@dataclass(slots=True)
class Batch:
    """The outcome of a batch: an answer for each group, and what has to be stored."""

    answers: list[Decision] = field(default_factory=list)
    decided: dict[str, Decision] = field(default_factory=dict)
    """New decisions, by group id."""
    postings: list[Posting] = field(default_factory=list)
    changed: dict[Key, Account] = field(default_factory=dict)


def is_customer(owner: str) -> bool:
    """Whether an owner keeps account rows."""
    return owner not in {PLATFORM, OUTSIDE}


def _refusal(transfer: Transfer, accounts: Mapping[Key, Account]) -> Reason | None:
    """Why a transfer cannot be posted; an account that is not there has no user."""
    if any(key not in accounts for key in transfer.accounts()):
        return Reason.USER_NOT_FOUND
    paying = accounts.get(Key(transfer.debit, transfer.asset_id))
    if paying is not None and transfer.amount > paying.available:
        cash = transfer.asset_id == USD
        return Reason.INSUFFICIENT_FUNDS if cash else Reason.INSUFFICIENT_HOLDING
    receiving = accounts.get(Key(transfer.credit, transfer.asset_id))
    if receiving is not None and (
        receiving.posted + transfer.amount > MOST_UNITS
        or receiving.cost + transfer.cost > MOST_UNITS
    ):
        # Refused, for an error of the database would take its neighbours with it.
        return Reason.NOTIONAL_LIMIT
    return None


def _post(
    group: Group, accounts: dict[Key, Account], ids: Iterator[str], now: int
) -> list[Posting] | Reason:
    """Posts onto `accounts`, a copy the caller throws away when a reason comes back."""
    postings: list[Posting] = []
    for transfer in group.transfers:
        refused = _refusal(transfer, accounts)
        if refused is not None:
            return refused
        debit, credit = (Key(o, transfer.asset_id) for o in (transfer.debit, transfer.credit))
        if debit in accounts:
            accounts[debit] = accounts[debit].paid(transfer.amount)
        paying = accounts.get(debit, Account(debit))
        if credit in accounts:
            cost = transfer.cost if transfer.purpose is Purpose.BUY else 0
            accounts[credit] = accounts[credit].received(transfer.amount, cost)
        receiving = accounts.get(credit, Account(credit))
        postings.append(
            Posting(
                transfer_id=next(ids),
                group_id=group.group_id,
                transfer=transfer,
                debit_seq=paying.version,
                debit_balance=paying.posted,
                credit_seq=receiving.version,
                credit_balance=receiving.posted,
                created_at=now,
            )
        )
    return postings


def _repeat(group: Group, stored: Decision) -> Decision:
    """The answer to a group that was decided before."""
    differs = (
        group.intent is not Intent.CANCEL
        and stored.outcome is not Outcome.CANCELLED
        and stored.fingerprint != group.digest()
    )
    return (
        replace(stored, outcome=Outcome.EXISTS_DIFFERENT, reason=Reason.REASON_UNSPECIFIED)
        if (differs)
        else stored
    )


def decide(
    groups: Sequence[Group],
    decided: Mapping[str, Decision],
    accounts: Mapping[Key, Account],
    ids: Iterator[str],
    now: int,
) -> Batch:
    """Decides groups in order, each all-or-nothing and once, also within the batch.

    Args:
        groups: what is asked.
        decided: decisions in force, by group id.
        accounts: the locked rows of known users; a customer's account missing
            here is refused as USER_NOT_FOUND.
        ids: ids for new transfers.
        now: microseconds since 1970.
    """
    batch = Batch()
    for group in groups:
        stored = decided.get(group.group_id) or batch.decided.get(group.group_id)
        if stored is not None:
            batch.answers.append(_repeat(group, stored))
            continue
        decision = _decide_new(group, accounts, batch, ids, now)
        batch.answers.append(decision)
        if decision.outcome is not Outcome.REFUSED or group.intent is not Intent.POST_OR_FORGET:
            batch.decided[group.group_id] = decision
    return batch


def _decide_new(
    group: Group, accounts: Mapping[Key, Account], batch: Batch, ids: Iterator[str], now: int
) -> Decision:
    if group.intent is Intent.CANCEL:
        return Decision(group.group_id, Outcome.CANCELLED)
    keys = {key for transfer in group.transfers for key in transfer.accounts()}
    touched = {key: batch.changed.get(key) or accounts[key] for key in keys if key in accounts}
    posted = _post(group, touched, ids, now)
    if not isinstance(posted, list):
        return Decision(group.group_id, Outcome.REFUSED, posted, group.digest())
    batch.postings.extend(posted)
    batch.changed.update(touched)
    return Decision(group.group_id, Outcome.POSTED, fingerprint=group.digest())
