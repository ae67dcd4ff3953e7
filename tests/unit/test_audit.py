"""Every invariant holds on clean books and notices each single thing changed by hand."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from tradewind.auth.v1.audit_pb2 import Credential
from tradewind.inventory.v1.audit_pb2 import AttemptRecord, StockLevel
from tradewind.inventory.v1.stock_pb2 import Attempt
from tradewind.order.v1.audit_pb2 import OrderRecord
from tradewind.order.v1.order_pb2 import Order
from tradewind.user.v1.audit_pb2 import AccountRecord, GroupRecord, HoldRecord, TransferRecord
from tradewind.user.v1.ledger_pb2 import AccountKey, GroupDecision, Transfer

from mesh.cli import audit_holds as holds
from mesh.cli import audit_ledger as ledger
from mesh.cli import audit_rules as rules
from mesh.cli.audit_books import Books, Finding
from mesh.cli.audit_read import UnreadableError, complete
from mesh.cli.audit_report import as_json, as_text
from mesh.cli.audit_rules import check
from services.user.domain.ledger import Account, Key

Tampering = Callable[[Books], object]
Rule = Callable[[Books], Finding]


def key(owner: str, asset: str = "USD") -> AccountKey:
    return AccountKey(owner=owner, asset_id=asset)


def transfer(
    name: str,
    debit: AccountKey,
    credit: AccountKey,
    amount: int,
    after: tuple[int, int, int, int],
    cost: int = 0,
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
            purpose=group.upper(),
            reference="" if group == "deposit" else f"order-{group}",
            cost=cost,
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


def hold(name: str, reference: str, resolution: Transfer.Kind, by: str) -> HoldRecord:
    return HoldRecord(
        hold_id=name,
        group_id=name,
        key=key("ann"),
        amount=300,
        reference=reference,
        resolution=resolution,
        resolved_by=by,
    )


def clean() -> Books:
    """A deposit, a buy, a sell and a refused order; one cancelled, and one open that holds $3."""
    refused = order("refused", Order.BUY, 100, 0)
    refused.state, refused.price = Order.REJECTED, ""
    cancelled, resting = (order(name, Order.BUY, 3, 0) for name in ("cancelled", "resting"))
    cancelled.state, cancelled.price, cancelled.hold_id = Order.CANCELLED, "", "hold-1"
    resting.state, resting.price, resting.hold_id = Order.OPEN, "", "hold-2"
    resting.settled, resting.overdue_s = False, -1000
    cancelled.hold_amount = resting.hold_amount = 300
    return Books(
        orders=[
            order("buy", Order.BUY, 15, 1504),
            order("sell", Order.SELL, 5, 501),
            refused,
            cancelled,
            resting,
        ],
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
            AccountRecord(key=key("ann"), posted=8997, pending_out=300, version=3),
            AccountRecord(key=key("ann", "BTC"), posted=10, version=2, cost=1002),
        ],
        groups=[
            GroupRecord(group_id=name, outcome=GroupDecision.POSTED)
            for name in ("deposit", "buy", "sell", "hold-1", "hold-1.void", "hold-2")
        ]
        + [GroupRecord(group_id="refused", outcome=GroupDecision.REFUSED)],
        transfers=[
            transfer("deposit/1", key("outside"), key("ann"), 10_000, (0, 0, 1, 10_000)),
            transfer("buy/1", key("ann"), key("platform"), 1504, (2, 8496, 0, 0)),
            transfer("buy/2", key("platform", "BTC"), key("ann", "BTC"), 15, (0, 0, 1, 15), 1504),
            transfer("sell/1", key("platform"), key("ann"), 501, (0, 0, 3, 8997)),
            transfer("sell/2", key("ann", "BTC"), key("platform", "BTC"), 5, (2, 10, 0, 0)),
        ],
        holds=[
            hold("hold-1", "order-cancelled", Transfer.VOID, "hold-1.void"),
            hold("hold-2", "order-resting", Transfer.KIND_UNSPECIFIED, ""),
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
        ("a cent", ledger.dollars_sum_to_zero, lambda b: one_more(b, "accounts", 0, "posted")),
        (
            "a cent of a row",
            ledger.accounts_are_their_transfers,
            lambda b: one_more(b, "accounts", 0, "posted"),
        ),
        (
            "a version",
            ledger.accounts_are_their_transfers,
            lambda b: one_more(b, "accounts", 0, "version"),
        ),
        (
            "a running balance",
            ledger.accounts_are_their_transfers,
            lambda b: one_more(b, "transfers", 3, "credit_balance"),
        ),
        (
            "a transfer's cent",
            ledger.accounts_are_their_transfers,
            lambda b: setattr(b.transfers[1].transfer, "amount", 1505),
        ),
        (
            "a cost's cent",
            ledger.costs_follow_from_transfers,
            lambda b: one_more(b, "accounts", 1, "cost"),
        ),
        (
            "a dear purchase",
            ledger.costs_follow_from_transfers,
            lambda b: setattr(b.transfers[2].transfer, "cost", 1510),
        ),
        (
            "a purchase told as a sale",
            ledger.costs_follow_from_transfers,
            lambda b: setattr(b.transfers[2].transfer, "purpose", Transfer.SELL),
        ),
        ("no row", ledger.accounts_are_their_transfers, lambda b: b.accounts.pop()),
        ("no transfer", ledger.accounts_are_their_transfers, lambda b: b.transfers.pop()),
        (
            "overdrawn",
            ledger.no_account_is_overdrawn,
            lambda b: setattr(b.accounts[0], "posted", -1),
        ),
        (
            "held too much",
            ledger.no_account_is_overdrawn,
            lambda b: setattr(b.accounts[0], "pending_out", 8998),
        ),
        (
            "two assets",
            ledger.transfers_are_balanced,
            lambda b: setattr(b.transfers[0].transfer.debit, "asset_id", "BTC"),
        ),
        (
            "nothing moved",
            ledger.transfers_are_balanced,
            lambda b: setattr(b.transfers[0].transfer, "amount", 0),
        ),
        (
            "cancelled after all",
            ledger.groups_are_whole,
            lambda b: setattr(b.groups[1], "outcome", GroupDecision.CANCELLED),
        ),
        (
            "posted for nothing",
            ledger.groups_are_whole,
            lambda b: setattr(b.groups[6], "outcome", GroupDecision.POSTED),
        ),
        ("a lost hold", ledger.groups_are_whole, lambda b: b.holds.pop()),
        (
            "a hold resolved twice",
            holds.holds_are_resolved_once,
            lambda b: b.holds.append(b.holds[0]),
        ),
        (
            "more posted than held",
            holds.holds_are_resolved_once,
            lambda b: setattr(b.holds[1], "posted", 301),
        ),
        (
            "resolved by nobody",
            holds.holds_are_resolved_once,
            lambda b: setattr(b.holds[0], "resolved_by", "refused"),
        ),
        (
            "a held cent",
            holds.accounts_hold_their_holds,
            lambda b: one_more(b, "accounts", 0, "pending_out"),
        ),
        (
            "open without a hold",
            holds.open_orders_hold_what_they_need,
            lambda b: setattr(b.holds[1], "amount", 299),
        ),
        (
            "open with another's hold",
            holds.open_orders_hold_what_they_need,
            lambda b: setattr(b.holds[1].key, "owner", "eve"),
        ),
        (
            "cancelled with a hold",
            holds.open_orders_hold_what_they_need,
            lambda b: setattr(b.holds[0], "resolved_by", ""),
        ),
        (
            "never expired",
            rules.no_order_is_stuck,
            lambda b: setattr(b.orders[4], "overdue_s", 61),
        ),
        (
            "cancelled but moved",
            rules.settled_orders_are_whole,
            lambda b: setattr(b.orders[0], "state", Order.CANCELLED),
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


def test_a_mesh_without_any_stock_was_not_read() -> None:
    books = clean()
    assert complete(books) is books
    books.levels.clear()
    with pytest.raises(UnreadableError, match="inventory"):
        complete(books)


@pytest.mark.parametrize("seed", range(20))
def test_costs_are_replayed_as_the_ledger_counts_them(seed: int) -> None:
    chance = random.Random(seed)
    account, history = Account(Key("ann", "BTC")), []
    for sequence in range(1, 200):
        amount = chance.randint(1, 1000)
        if account.posted and chance.random() < 0.5:
            amount = min(amount, account.posted)
            account = account.paid(amount)
            history.append((sequence, -amount, 0))
        else:
            cost = chance.randint(0, 99_999)
            account = account.received(amount, cost)
            history.append((sequence, amount, cost))
    chance.shuffle(history)
    assert ledger.average_cost(history) == account.cost
