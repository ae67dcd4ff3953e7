"""The invariants of what is held: by the ledger, for open orders."""

from __future__ import annotations

from collections import Counter, defaultdict

from tradewind.order.v1.audit_pb2 import OrderRecord
from tradewind.order.v1.order_pb2 import Order
from tradewind.user.v1.audit_pb2 import HoldRecord
from tradewind.user.v1.ledger_pb2 import GroupDecision, Transfer

from mesh.cli.audit_books import USD, Account, Books, Finding


def holds_are_resolved_once(books: Books) -> Finding:
    """A hold is posted or voided at most once, by a posted group, for no more than it held."""
    posted = {g.group_id for g in books.groups if g.outcome == GroupDecision.POSTED}
    times = Counter(hold.hold_id for hold in books.holds)
    offenders = {
        hold.hold_id
        for hold in books.holds
        if times[hold.hold_id] > 1
        or not 0 <= hold.posted <= hold.amount
        or (hold.resolved_by and hold.resolved_by not in posted)
        or (hold.resolution == Transfer.POST) != (hold.posted > 0)
    }
    return Finding("every hold is resolved at most once", len(times), tuple(sorted(offenders)))


def accounts_hold_their_holds(books: Books) -> Finding:
    """What an account has set aside is the sum of its open holds."""
    held: Counter[Account] = Counter()
    for hold in books.holds:
        if not hold.resolved_by:
            held[Account.of(hold.key)] += hold.amount
    rows = {Account.of(row.key): row.pending_out for row in books.accounts}
    offenders = [str(a) for a in {**rows, **held} if rows.get(a, 0) != held.get(a, 0)]
    return Finding("accounts hold what is pending", len(rows), tuple(offenders))


def open_orders_hold_what_they_need(books: Books) -> Finding:
    """An open order has its hold; one that had come to its end before has none left.

    The orders were read first: an order that was open then may have ended since,
    so its hold need only have been made.
    """
    holds: dict[str, HoldRecord] = {hold.hold_id: hold for hold in books.holds}
    by_order: dict[str, list[HoldRecord]] = defaultdict(list)
    for hold in books.holds:
        by_order[hold.reference].append(hold)
    offenders = [
        order.order_id
        for order in books.orders
        if (order.state == Order.OPEN and not _holds(order, holds.get(order.hold_id)))
        or (order.settled and any(not hold.resolved_by for hold in by_order[order.order_id]))
    ]
    return Finding("open orders hold what they need", len(books.orders), tuple(offenders))


def _holds(order: OrderRecord, hold: HoldRecord | None) -> bool:
    if hold is None or hold.reference != order.order_id or hold.amount != order.hold_amount:
        return False
    asset = USD if order.side == Order.BUY else order.asset_id
    return (hold.key.owner, hold.key.asset_id) == (order.user_id, asset)
