"""The invariants of the ledger alone, as pure functions of one reading of it."""

from __future__ import annotations

from collections import Counter, defaultdict

from tradewind.user.v1.ledger_pb2 import GroupDecision, Transfer

from mesh.cli.audit_books import USD, Account, Books, Finding, is_customer


def dollars_sum_to_zero(books: Books) -> Finding:
    """Customers' dollars are what came from outside and from the platform."""
    total = sum(account.posted for account in books.accounts if account.key.asset_id == USD)
    for record in books.transfers:
        transfer = record.transfer
        if transfer.debit.asset_id == USD:
            total -= 0 if is_customer(transfer.debit.owner) else transfer.amount
            total += 0 if is_customer(transfer.credit.owner) else transfer.amount
    return Finding("all dollars sum to zero", len(books.accounts), ("USD",) if total else ())


def no_account_is_overdrawn(books: Books) -> Finding:
    """No customer has less than nothing, nor holds more than is there."""
    offenders = [
        str(Account.of(account.key))
        for account in books.accounts
        if not 0 <= account.pending_out <= account.posted
    ]
    return Finding("no account is below zero", len(books.accounts), tuple(offenders))


def accounts_are_their_transfers(books: Books) -> Finding:
    """Each account's row and running balances follow from its transfers alone."""
    chains: dict[Account, list[tuple[int, int, int]]] = defaultdict(list)
    for transfer in books.transfers:
        for account, sequence, change, balance in books.entries(transfer):
            chains[account].append((sequence, change, balance))
    rows = {Account.of(row.key): (row.posted, row.version) for row in books.accounts}
    offenders = [
        str(account)
        for account in {**rows, **chains}
        if rows.get(account) != _replayed(chains.get(account, []))
    ]
    return Finding("accounts are the sum of their transfers", len(rows), tuple(offenders))


def _replayed(chain: list[tuple[int, int, int]]) -> tuple[int, int] | None:
    """Balance and version after all transfers; None when a link does not fit."""
    total = 0
    for expected, (sequence, change, balance) in enumerate(sorted(chain), start=1):
        total += change
        if (sequence, balance) != (expected, total):
            return None
    return total, len(chain)


def costs_follow_from_transfers(books: Books) -> Finding:
    """What a holding cost is the average-cost book of its transfers, to the cent."""
    history: dict[Account, list[tuple[int, int, int]]] = defaultdict(list)
    for record in books.transfers:
        bought = record.transfer.purpose == Transfer.BUY
        for account, sequence, change, _ in books.entries(record):
            paid = record.transfer.cost if bought and change > 0 else 0
            history[account].append((sequence, change, paid))
    rows = {Account.of(row.key): row.cost for row in books.accounts}
    offenders = [
        str(account)
        for account in {**rows, **history}
        if rows.get(account) != average_cost(history.get(account, []))
    ]
    return Finding("costs follow from the transfers", len(rows), tuple(offenders))


def average_cost(history: list[tuple[int, int, int]]) -> int:
    """Cents that are left of what a holding cost, after all of its changes.

    What is bought adds its cost; what goes out takes its share of the cost with it,
    and what remains is rounded down.

    Args:
        history: sequence, change in atomic units, and cost in cents of each change.
    """
    held = cost = 0
    for _, change, paid in sorted(history):
        if change < 0 and held > 0:
            cost = cost * (held + change) // held
        held, cost = held + change, cost + paid
    return cost


def transfers_are_balanced(books: Books) -> Finding:
    """A transfer moves a positive amount of one asset between two accounts."""
    offenders = [
        record.transfer_id
        for record in books.transfers
        if record.transfer.amount <= 0
        or record.transfer.debit.asset_id != record.transfer.credit.asset_id
        or record.transfer.debit == record.transfer.credit
    ]
    return Finding("every transfer is balanced", len(books.transfers), tuple(offenders))


def groups_are_whole(books: Books) -> Finding:
    """Transfers and holds belong to posted groups, and only posted groups have any."""
    posted = {g.group_id for g in books.groups if g.outcome == GroupDecision.POSTED}
    moved = {record.group_id for record in books.transfers}
    moved |= {hold.group_id for hold in books.holds}
    moved |= {hold.resolved_by for hold in books.holds if hold.resolved_by}
    twice = [g for g, times in Counter(g.group_id for g in books.groups).items() if times > 1]
    return Finding(
        "transfers belong to posted groups",
        len(books.groups),
        tuple(sorted({*(posted ^ moved), *twice})),
    )
