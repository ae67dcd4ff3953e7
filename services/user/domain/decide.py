"""The ledger's decisions: which groups are posted, and what that makes of the accounts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tradewind.api.v1.reason_pb2 import Reason

from services.user.domain.ledger import (
    MOST_UNITS,
    USD,
    Account,
    Day,
    Decision,
    Group,
    Hold,
    Intent,
    Key,
    Kind,
    Outcome,
    Posting,
    Purpose,
    Transfer,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Most cents that a customer may move on one UTC day."""

    deposits: int
    withdrawals: int

    def of(self, purpose: Purpose) -> int | None:
        """The limit of a purpose; None where there is none."""
        match purpose:
            case Purpose.DEPOSIT:
                return self.deposits
            case Purpose.WITHDRAWAL:
                return self.withdrawals
            case _:
                return None


@dataclass(slots=True)
class Books:
    """The rows that decisions are made on: accounts, holds, and totals of days."""

    accounts: dict[Key, Account] = field(default_factory=dict)
    """The locked rows of known users; an account missing here has no user."""
    holds: dict[str, Hold] = field(default_factory=dict)
    """Every hold that is named, by id, resolved ones too."""
    days: dict[Day, int] = field(default_factory=dict)

    def touched_by(self, group: Group, today: int) -> Books:
        """A copy of the rows that a group touches, to be thrown away if it is refused."""
        found = Books()
        for transfer in group.transfers:
            for key in transfer.accounts():
                if key in self.accounts:
                    found.accounts[key] = self.accounts[key]
            if transfer.hold_id in self.holds:
                found.holds[transfer.hold_id] = self.holds[transfer.hold_id]
            if (day := day_of(transfer, today)) is not None:
                found.days[day] = self.days.get(day, 0)
        return found

    def update(self, other: Books) -> None:
        """Takes over another's rows."""
        self.accounts.update(other.accounts)
        self.holds.update(other.holds)
        self.days.update(other.days)


@dataclass(slots=True)
class Batch:
    """The outcome of a batch: an answer for each group, and what has to be stored."""

    answers: list[Decision] = field(default_factory=list)
    decided: dict[str, Decision] = field(default_factory=dict)
    """New decisions, by group id."""
    postings: list[Posting] = field(default_factory=list)
    changed: Books = field(default_factory=Books)


def day_of(transfer: Transfer, today: int) -> Day | None:
    """The day's total that a transfer counts for; None for one that counts for none.

    What is held counts when it is held, so its resolution never meets a limit.
    """
    if transfer.asset_id != USD or transfer.kind not in (Kind.POSTED, Kind.PENDING):
        return None
    match transfer.purpose:
        case Purpose.DEPOSIT:
            return Day(transfer.credit, today, transfer.purpose)
        case Purpose.WITHDRAWAL:
            return Day(transfer.debit, today, transfer.purpose)
        case _:
            return None


def left_today(group: Group, books: Books, limits: Limits, today: int) -> int | None:
    """Cents that the tightest of a group's daily limits still allows; None without a limit."""
    found = [
        max(0, most - books.days.get(day, 0))
        for transfer in group.transfers
        if (most := limits.of(transfer.purpose)) is not None
        and (day := day_of(transfer, today)) is not None
    ]
    return min(found, default=None)


def _hold_refusal(transfer: Transfer, books: Books) -> Reason | None:
    hold = books.holds.get(transfer.hold_id)
    if transfer.kind is Kind.PENDING:
        return None if hold is None else Reason.REQUEST_ID_REUSED
    named = (transfer.debit, transfer.credit, transfer.asset_id)
    if hold is None or hold.resolved or named != (hold.debit, hold.credit, hold.asset_id):
        return Reason.HOLD_NOT_PENDING
    whole = transfer.kind is Kind.VOID
    fits = transfer.amount == hold.amount if whole else transfer.amount <= hold.amount
    return None if fits else Reason.HOLD_NOT_PENDING


def _funds_refusal(transfer: Transfer, books: Books) -> Reason | None:
    paying = books.accounts.get(Key(transfer.debit, transfer.asset_id))
    if paying is None or transfer.amount <= paying.available:
        return None
    return Reason.INSUFFICIENT_FUNDS if transfer.asset_id == USD else Reason.INSUFFICIENT_HOLDING


def _refusal(transfer: Transfer, books: Books, limits: Limits, today: int) -> Reason | None:
    """Why a transfer cannot be; an account that is not there has no user."""
    if any(key not in books.accounts for key in transfer.accounts()):
        return Reason.USER_NOT_FOUND
    if transfer.kind is not Kind.POSTED and (reason := _hold_refusal(transfer, books)):
        return reason
    if transfer.kind in (Kind.POSTED, Kind.PENDING) and (reason := _funds_refusal(transfer, books)):
        return reason
    most = limits.of(transfer.purpose)
    day = day_of(transfer, today)
    if most is not None and day is not None and books.days[day] + transfer.amount > most:
        return Reason.DAILY_LIMIT
    receiving = books.accounts.get(Key(transfer.credit, transfer.asset_id))
    if (
        transfer.moves
        and receiving is not None
        and (
            receiving.posted + transfer.amount > MOST_UNITS
            or receiving.cost + transfer.cost > MOST_UNITS
        )
    ):
        # Refused, for an error of the database would take its neighbours with it.
        return Reason.NOTIONAL_LIMIT
    return None


def _apply(transfer: Transfer, posting: Posting, books: Books, today: int) -> Posting:
    """Changes `books`; answers the posting with what it made of the accounts."""
    if (day := day_of(transfer, today)) is not None:
        books.days[day] += transfer.amount
    debit, credit = (Key(o, transfer.asset_id) for o in (transfer.debit, transfer.credit))
    if transfer.kind is Kind.PENDING:
        hold = Hold(transfer.debit, transfer.credit, transfer.asset_id, transfer.amount)
        books.holds[transfer.transfer_id] = hold
        books.accounts[debit] = books.accounts[debit].holding(hold.amount)
        return posting
    if transfer.kind is not Kind.POSTED:
        hold = books.holds[transfer.pending_id]
        books.holds[transfer.pending_id] = replace(hold, resolved=True)
        books.accounts[debit] = books.accounts[debit].holding(-hold.amount)
    if transfer.kind is Kind.VOID:
        return posting
    if debit in books.accounts:
        books.accounts[debit] = books.accounts[debit].paid(transfer.amount)
    if credit in books.accounts:
        cost = transfer.cost if transfer.purpose is Purpose.BUY else 0
        books.accounts[credit] = books.accounts[credit].received(transfer.amount, cost)
    paying = books.accounts.get(debit, Account(debit))
    receiving = books.accounts.get(credit, Account(credit))
    return replace(
        posting,
        debit_seq=paying.version,
        debit_balance=paying.posted,
        credit_seq=receiving.version,
        credit_balance=receiving.posted,
    )


def _repeat(group: Group, stored: Decision) -> Decision:
    """The answer to a group that was decided before."""
    differs = (
        group.intent is not Intent.CANCEL
        and stored.outcome is not Outcome.CANCELLED
        and stored.fingerprint != group.digest()
    )
    if differs:
        none = Reason.REASON_UNSPECIFIED
        return replace(stored, outcome=Outcome.EXISTS_DIFFERENT, reason=none, exists=True)
    return replace(stored, exists=True)


class Ledger:
    """Decides groups in order, each all-or-nothing and once, also within the batch."""

    def __init__(
        self, books: Books, limits: Limits, ids: Iterator[str], *, now: int, today: int
    ) -> None:
        """Prepares a batch.

        Args:
            books: the rows as they are; they are changed as groups are posted.
            limits: of each customer and day.
            ids: ids for new transfers.
            now: microseconds since 1970; when the transfers are made.
            today: days since 1970; whose limits count.
        """
        self._books = books
        self._limits = limits
        self._ids = ids
        self._now = now
        self._today = today

    def decide(self, groups: Sequence[Group], decided: Mapping[str, Decision]) -> Batch:
        """Decides groups, given the decisions in force by group id."""
        batch = Batch()
        for group in groups:
            stored = decided.get(group.group_id) or batch.decided.get(group.group_id)
            if stored is not None:
                batch.answers.append(_repeat(group, stored))
                continue
            decision = self._decide(group, batch)
            batch.answers.append(decision)
            if decision.outcome is not Outcome.REFUSED or group.intent is not Intent.POST_OR_FORGET:
                batch.decided[group.group_id] = decision
        return batch

    def _decide(self, group: Group, batch: Batch) -> Decision:
        if group.intent is Intent.CANCEL:
            return Decision(group.group_id, Outcome.CANCELLED)
        touched = self._books.touched_by(group, self._today)
        postings: list[Posting] = []
        for transfer in group.transfers:
            reason = _refusal(transfer, touched, self._limits, self._today)
            if reason is not None:
                return Decision(group.group_id, Outcome.REFUSED, reason, group.digest())
            name = transfer.transfer_id or next(self._ids)
            posting = Posting(name, group.group_id, transfer, created_at=self._now)
            postings.append(_apply(transfer, posting, touched, self._today))
        batch.postings.extend(postings)
        batch.changed.update(touched)
        self._books.update(touched)
        return Decision(group.group_id, Outcome.POSTED, fingerprint=group.digest())
