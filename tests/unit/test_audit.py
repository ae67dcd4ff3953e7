"""Every invariant holds on clean books and notices each single thing changed by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tradewind.auth.v1.audit_pb2 import Credential
from tradewind.inventory.v1.audit_pb2 import AttemptRecord, StockLevel
from tradewind.inventory.v1.stock_pb2 import Attempt
from tradewind.order.v1.audit_pb2 import OrderRecord
from tradewind.order.v1.order_pb2 import Order
from tradewind.user.v1.audit_pb2 import AccountRecord, GroupRecord, TransferRecord
from tradewind.user.v1.ledger_pb2 import AccountKey, GroupDecision, Transfer

from mesh.cli import audit_rules as rules
from mesh.cli.audit_books import Books
from mesh.cli.audit_report import as_json, as_text
from mesh.cli.audit_rules import Finding, check

Tampering = Callable[[Books], object]
Rule = Callable[[Books], Finding]


def key(owner: str, asset: str = "USD") -> AccountKey:
    return AccountKey(owner=owner, asset_id=asset)


def transfer(
    name: str, debit: AccountKey, credit: AccountKey, amount: int, after: tuple[int, int, int, int]
) -> TransferRecord:
    debit_seq, debit_balance, credit_seq, credit_balance = after
    group = name.split("/")[0]
    return TransferRecord(
        transfer_id=name,
        group_id=group,
        transfer=Transfer(
            debit=debit,
            credit=credit,
            amount=amount,
            purpose=Transfer.DEPOSIT if group == "deposit" else Transfer.BUY,
            reference="" if group == "deposit" else f"order-{group}",
        ),
        debit_seq=debit_seq,
        debit_balance=debit_balance,
        credit_seq=credit_seq,
        credit_balance=credit_balance,
    )


def order(attempt: str, side: Order.Side, quantity: int, total: int) -> OrderRecord:
    return OrderRecord(
        order_id=f"order-{attempt}",
        user_id="ann",
        request_id=attempt,
        asset_id="BTC",
        side=side,
        state=Order.FILLED,
        settled=True,
        attempt_id=attempt,
        quantity=quantity,
        price="100.25",
        total=total,
        age_s=300,
    )


def attempt(name: str, side: Attempt.Side, quantity: int, state: Attempt.State) -> AttemptRecord:
    return AttemptRecord(
        attempt=Attempt(attempt_id=name, state=state, price="100.250"),
        asset_id="BTC",
        side=side,
        quantity=quantity,
    )


def clean() -> Books:
    """A deposit of $100, a buy of 0.15 BTC and a sell of 0.05 BTC, and a refused order."""
    refused = order("refused", Order.BUY, 100, 0)
    refused.state, refused.price = Order.REJECTED, ""
    return Books(
        orders=[order("buy", Order.BUY, 15, 1504), order("sell", Order.SELL, 5, 501), refused],
        levels=[
            StockLevel(asset_id="BTC", available=990, reserved=0, put_in=1000, quantity_scale=2)
        ],
        attempts=[
            attempt("buy", Attempt.BUY, 15, Attempt.COMMITTED),
            attempt("sell", Attempt.SELL, 5, Attempt.COMMITTED),
            attempt("refused", Attempt.BUY, 100, Attempt.RELEASED),
        ],
        users=["ann"],
        accounts=[
            AccountRecord(key=key("ann"), posted=8997, version=3),
            AccountRecord(key=key("ann", "BTC"), posted=10, version=2),
        ],
        groups=[
            GroupRecord(group_id=name, outcome=GroupDecision.POSTED)
            for name in ("deposit", "buy", "sell")
        ]
        + [GroupRecord(group_id="refused", outcome=GroupDecision.REFUSED)],
        transfers=[
            transfer("deposit/1", key("outside"), key("ann"), 10_000, (0, 0, 1, 10_000)),
            transfer("buy/1", key("ann"), key("platform"), 1504, (2, 8496, 0, 0)),
            transfer("buy/2", key("platform", "BTC"), key("ann", "BTC"), 15, (0, 0, 1, 15)),
            transfer("sell/1", key("platform"), key("ann"), 501, (0, 0, 3, 8997)),
            transfer("sell/2", key("ann", "BTC"), key("platform", "BTC"), 5, (2, 10, 0, 0)),
        ],
        credentials=[Credential(user_id="ann", active=True, age_s=300)],
    )


def broken(books: Books) -> set[str]:
    return {finding.invariant for finding in check(books) if finding.offenders}


def one_more(books: Books, kind: str, index: int, field: str) -> None:
    record = getattr(books, kind)[index]
    setattr(record, field, getattr(record, field) + 1)


def cases() -> list[tuple[str, Rule, Tampering]]:
    return [
        ("stock", rules.stock_is_conserved, lambda b: one_more(b, "levels", 0, "available")),
        ("put in", rules.stock_is_conserved, lambda b: one_more(b, "levels", 0, "put_in")),
        ("holding", rules.stock_is_conserved, lambda b: one_more(b, "accounts", 1, "posted")),
        ("no level", rules.stock_is_conserved, lambda b: b.levels.pop()),
        ("reserved", rules.reservations_are_held, lambda b: one_more(b, "levels", 0, "reserved")),
        ("a cent", rules.dollars_sum_to_zero, lambda b: one_more(b, "accounts", 0, "posted")),
        (
            "a cent of a row",
            rules.accounts_are_their_transfers,
            lambda b: one_more(b, "accounts", 0, "posted"),
        ),
        (
            "a version",
            rules.accounts_are_their_transfers,
            lambda b: one_more(b, "accounts", 0, "version"),
        ),
        (
            "a running balance",
            rules.accounts_are_their_transfers,
            lambda b: one_more(b, "transfers", 3, "credit_balance"),
        ),
        (
            "a transfer's cent",
            rules.accounts_are_their_transfers,
            lambda b: setattr(b.transfers[1].transfer, "amount", 1505),
        ),
        ("no row", rules.accounts_are_their_transfers, lambda b: b.accounts.pop()),
        ("no transfer", rules.accounts_are_their_transfers, lambda b: b.transfers.pop()),
        (
            "overdrawn",
            rules.no_account_is_overdrawn,
            lambda b: setattr(b.accounts[0], "posted", -1),
        ),
        (
            "held too much",
            rules.no_account_is_overdrawn,
            lambda b: setattr(b.accounts[0], "pending_out", 8998),
        ),
        (
            "two assets",
            rules.transfers_are_balanced,
            lambda b: setattr(b.transfers[0].transfer.debit, "asset_id", "BTC"),
        ),
        (
            "nothing moved",
            rules.transfers_are_balanced,
            lambda b: setattr(b.transfers[0].transfer, "amount", 0),
        ),
        (
            "cancelled after all",
            rules.groups_are_whole,
            lambda b: setattr(b.groups[1], "outcome", GroupDecision.CANCELLED),
        ),
        (
            "posted for nothing",
            rules.groups_are_whole,
            lambda b: setattr(b.groups[3], "outcome", GroupDecision.POSTED),
        ),
        ("unpaid commit", rules.commits_were_paid, lambda b: b.groups.pop(1)),
        (
            "an order's cent",
            rules.settled_orders_are_whole,
            lambda b: one_more(b, "orders", 0, "total"),
        ),
        (
            "an order's quantity",
            rules.settled_orders_are_whole,
            lambda b: one_more(b, "orders", 1, "quantity"),
        ),
        (
            "an attempt's price",
            rules.settled_orders_are_whole,
            lambda b: setattr(b.attempts[0].attempt, "price", "100.26"),
        ),
        (
            "an attempt still reserved",
            rules.settled_orders_are_whole,
            lambda b: setattr(b.attempts[2].attempt, "state", Attempt.RESERVED),
        ),
        ("no attempt", rules.settled_orders_are_whole, lambda b: b.attempts.pop(0)),
        (
            "settled while pending",
            rules.settled_orders_are_whole,
            lambda b: setattr(b.orders[0], "state", Order.PENDING),
        ),
        (
            "refused but moved",
            rules.settled_orders_are_whole,
            lambda b: setattr(b.orders[0], "state", Order.REJECTED),
        ),
        ("unpaid order", rules.filled_orders_were_paid, lambda b: b.groups.pop(1)),
        (
            "stuck order",
            rules.no_order_is_stuck,
            lambda b: setattr(b.orders[0], "settled", False),
        ),
        (
            "a request's second order",
            rules.requests_make_one_order,
            lambda b: setattr(b.orders[1], "request_id", "buy"),
        ),
        ("no credential", rules.users_can_sign_in, lambda b: b.credentials.pop()),
        ("no user", rules.users_can_sign_in, lambda b: b.users.pop()),
        (
            "registration never completed",
            rules.users_can_sign_in,
            lambda b: setattr(b.credentials[0], "active", False),
        ),
    ]


def test_clean_books_break_nothing() -> None:
    findings = check(clean())
    assert broken(clean()) == set()
    assert sum(finding.checked for finding in findings) > len(findings)
    assert as_text(findings).endswith("clean")


@pytest.mark.parametrize(("rule", "tamper"), [c[1:] for c in cases()], ids=[c[0] for c in cases()])
def test_a_single_tampering_breaks_its_invariant(rule: Rule, tamper: Tampering) -> None:
    books = clean()
    tamper(books)
    finding = rule(books)
    assert finding.offenders
    assert finding.invariant in broken(books)
    assert "BREACH" in as_text([finding])
    assert '"clean": false' in as_json([finding])


@pytest.mark.parametrize("rule", rules.RULES)
def test_every_invariant_has_a_tampering_that_breaks_it(rule: Rule) -> None:
    assert rule in {case[1] for case in cases()}


def test_an_order_posted_between_the_readings_is_no_breach() -> None:
    """The stock reading still has the reservation that the ledger reading has paid."""
    books = clean()
    books.orders[0].settled, books.orders[0].age_s = False, 1
    books.attempts[0].attempt.state = Attempt.RESERVED
    books.levels[0].reserved = 15
    assert broken(books) == set()


def test_an_order_newer_than_all_readings_but_the_ledgers_is_no_breach() -> None:
    books = clean()
    del books.orders[0], books.attempts[0]
    books.levels[0].available = 1005
    assert broken(books) == set()


def test_a_registration_of_this_minute_is_no_breach() -> None:
    books = clean()
    books.credentials.append(Credential(user_id="bob", active=False, age_s=2))
    books.credentials.append(Credential(user_id="eve", active=True, age_s=2))
    assert broken(books) == set()
