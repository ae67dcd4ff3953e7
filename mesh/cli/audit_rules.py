"""The invariants of the books, as pure functions of what the services' records say.

The records are read while trading goes on: orders first, then stock, then the
ledger, then credentials, each from one snapshot. So what was settled when the
orders were read must be whole in all later readings; what is newer is no breach.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from tradewind.inventory.v1.audit_pb2 import AttemptRecord
from tradewind.inventory.v1.stock_pb2 import Attempt
from tradewind.order.v1.audit_pb2 import OrderRecord
from tradewind.order.v1.order_pb2 import Order
from tradewind.user.v1.audit_pb2 import TransferRecord
from tradewind.user.v1.ledger_pb2 import GroupDecision

from mesh.cli import audit_holds as holds
from mesh.cli import audit_ledger as ledger
from mesh.cli.audit_books import USD, Account, Books, Finding

UNSETTLED_S = 60
"""An order or a registration still under way after this many seconds is stuck."""


def stock_is_conserved(books: Books) -> Finding:
    """Stock and holdings of each asset add up to all that was put in.

    A group posted in the ledger whose attempt was not committed when the stock was
    read counts as not yet moved. A commit always follows its posting, so nothing
    else can lie between the two readings.
    """
    held: Counter[str] = Counter()
    for account in books.accounts:
        held[account.key.asset_id] += account.posted
    committed = {
        record.attempt.attempt_id
        for record in books.attempts
        if record.attempt.state == Attempt.COMMITTED
    }
    for transfer in books.transfers:
        if transfer.group_id not in committed:
            for moved, change in books.changes(transfer):
                held[moved.asset_id] -= change
    offenders = [
        level.asset_id
        for level in books.levels
        if level.available + level.reserved + held.pop(level.asset_id, 0) != level.put_in
    ]
    strangers = [asset for asset, units in held.items() if units and asset != USD]
    return Finding("stock of each asset is conserved", len(books.levels), (*offenders, *strangers))


def reservations_are_held(books: Books) -> Finding:
    """What is reserved of an asset is what its undecided buys reserved."""
    reserved: Counter[str] = Counter()
    for record in books.attempts:
        if record.attempt.state == Attempt.RESERVED and record.side == Attempt.BUY:
            reserved[record.asset_id] += record.quantity
    offenders = [
        level.asset_id
        for level in books.levels
        if level.reserved != reserved[level.asset_id] or level.available < 0
    ]
    return Finding("reserved stock belongs to attempts", len(books.levels), tuple(offenders))


def commits_were_paid(books: Books) -> Finding:
    """Stock that has moved was posted in the ledger before."""
    posted = {g.group_id for g in books.groups if g.outcome == GroupDecision.POSTED}
    committed = [r for r in books.attempts if r.attempt.state == Attempt.COMMITTED]
    offenders = [r.attempt.attempt_id for r in committed if r.attempt.attempt_id not in posted]
    return Finding("every stock commit was posted", len(committed), tuple(offenders))


def settled_orders_are_whole(books: Books) -> Finding:
    """A settled order moved exactly what it says, or nothing at all."""
    attempts = {record.attempt.attempt_id: record for record in books.attempts}
    posted: dict[str, list[TransferRecord]] = defaultdict(list)
    for transfer in books.transfers:
        if transfer.transfer.reference:
            posted[transfer.transfer.reference].append(transfer)
    scales = {level.asset_id: level.quantity_scale for level in books.levels}
    settled = [order for order in books.orders if order.settled]
    offenders = [
        order.order_id
        for order in settled
        if not _is_whole(
            books,
            order,
            attempts.get(order.attempt_id),
            posted[order.order_id],
            scales.get(order.asset_id, 0),
        )
    ]
    return Finding("settled orders are whole", len(settled), tuple(offenders))


def _is_whole(
    books: Books,
    order: OrderRecord,
    attempt: AttemptRecord | None,
    transfers: list[TransferRecord],
    scale: int,
) -> bool:
    match order.state:
        case Order.FILLED:
            return (
                attempt is not None
                and _attempt_fits(order, attempt)
                and _transfers_fit(books, order, transfers)
                and order.total == _total(order, scale)
            )
        case Order.REJECTED | Order.CANCELLED | Order.EXPIRED:
            open_states = (Attempt.RESERVED, Attempt.COMMITTED)
            given_up = attempt is None or attempt.attempt.state not in open_states
            return given_up and not transfers and not order.total
        case _:
            return False


def _attempt_fits(order: OrderRecord, record: AttemptRecord) -> bool:
    side = Attempt.BUY if order.side == Order.BUY else Attempt.SELL
    return (
        record.attempt.state == Attempt.COMMITTED
        and (record.asset_id, record.side) == (order.asset_id, side)
        and record.quantity == order.quantity
        and Decimal(record.attempt.price or 0) == Decimal(order.price or 0)
    )


def _transfers_fit(books: Books, order: OrderRecord, transfers: list[TransferRecord]) -> bool:
    sign = 1 if order.side == Order.BUY else -1
    moved: Counter[Account] = Counter()
    for transfer in transfers:
        for account, change in books.changes(transfer):
            moved[account] += change
    expected = {
        Account(order.user_id, order.asset_id): sign * order.quantity,
        Account(order.user_id, USD): -sign * order.total,
    }
    return dict(moved) == expected and {t.group_id for t in transfers} == {order.attempt_id}


def _total(order: OrderRecord, scale: int) -> int:
    """Cents: a buy's cost rounds up, a sell's proceeds round down."""
    cents = Decimal(order.price or 0) * order.quantity * 100 / Decimal(10) ** scale
    rounding = ROUND_CEILING if order.side == Order.BUY else ROUND_FLOOR
    return int(cents.to_integral_value(rounding))


def filled_orders_were_paid(books: Books) -> Finding:
    """An order is FILLED only after its group was posted."""
    posted = {g.group_id for g in books.groups if g.outcome == GroupDecision.POSTED}
    filled = [order for order in books.orders if order.state == Order.FILLED]
    offenders = [order.order_id for order in filled if order.attempt_id not in posted]
    return Finding("filled orders were paid", len(filled), tuple(offenders))


def no_order_is_stuck(books: Books) -> Finding:
    """An order is settled within a minute, or rests within its time."""
    unsettled = [order for order in books.orders if not order.settled]
    offenders = [
        order.order_id
        for order in unsettled
        if (order.overdue_s if order.state == Order.OPEN else order.age_s) >= UNSETTLED_S
    ]
    return Finding("unsettled orders are young or open", len(unsettled), tuple(offenders))


def requests_make_one_order(books: Books) -> Finding:
    """A customer's request id names one order."""
    ids = Counter((order.user_id, order.request_id) for order in books.orders)
    offenders = [f"{user} {request}" for (user, request), times in ids.items() if times > 1]
    return Finding("one order per request", len(ids), tuple(offenders))


def users_can_sign_in(books: Books) -> Finding:
    """Every user has a credential and every credential its user, but for the last minute's."""
    credentials = {credential.user_id for credential in books.credentials}
    users = set(books.users)
    stuck = {
        credential.user_id
        for credential in books.credentials
        if credential.age_s >= UNSETTLED_S
        and not (credential.active and credential.user_id in users)
    }
    owners = {account.key.owner for account in books.accounts}
    strangers = owners - users
    offenders = sorted((users - credentials) | stuck | strangers)
    return Finding("users and credentials match", len(credentials | users), tuple(offenders))


RULES: tuple[Callable[[Books], Finding], ...] = (
    stock_is_conserved,
    reservations_are_held,
    ledger.dollars_sum_to_zero,
    ledger.no_account_is_overdrawn,
    ledger.accounts_are_their_transfers,
    ledger.costs_follow_from_transfers,
    ledger.transfers_are_balanced,
    ledger.groups_are_whole,
    holds.holds_are_resolved_once,
    holds.accounts_hold_their_holds,
    holds.open_orders_hold_what_they_need,
    commits_were_paid,
    settled_orders_are_whole,
    filled_orders_were_paid,
    no_order_is_stuck,
    requests_make_one_order,
    users_can_sign_in,
)
"""Every invariant."""


def check(books: Books, rules: Iterable[Callable[[Books], Finding]] = RULES) -> list[Finding]:
    """What each invariant finds in the books."""
    return [rule(books) for rule in rules]
