"""The user service on real databases: its stores, and its handlers on top of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select, text, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from tradewind.api.v1.reason_pb2 import Reason
from tradewind.inventory.v1.stock_pb2 import BatchGetQuotesRequest, BatchGetQuotesResponse, Quote
from tradewind.user.v1 import account_pb2 as pb
from tradewind.user.v1.audit_pb2 import AuditRequest, HoldRecord
from tradewind.user.v1.ledger_pb2 import CancelGroupsRequest
from tradewind.user.v1.ledger_pb2 import Transfer as TransferMessage

from mesh.contract.methods import method_table
from mesh.runtime.batch import Batcher
from mesh.runtime.context import Call, enter_call
from mesh.runtime.database import Database
from mesh.runtime.errors import CallError
from services.user.domain.decide import Limits
from services.user.domain.ledger import (
    OUTSIDE,
    PLATFORM,
    USD,
    Group,
    Intent,
    Kind,
    Outcome,
    Purpose,
    Transfer,
)
from services.user.service.accounts import AccountService
from services.user.service.audit import AuditService
from services.user.service.ledger import LedgerService
from services.user.service.quotes import Quotes
from services.user.store.accounts import AccountStore
from services.user.store.audit import AuditStore
from services.user.store.books import DAY
from services.user.store.ledger import LedgerStore, Settled
from services.user.store.tables import accounts, days, groups, transfers
from services.user.store.users import Profile, UserStore
from tests.store.test_statements import counted

OpenDatabase = Callable[[str], Awaitable[Database]]

LIMITS = Limits(deposits=10**18, withdrawals=10**18)
ANN = "01900000-0000-7000-8000-00000000000a"
BOB = "01900000-0000-7000-8000-00000000000b"


class FixedQuotes:
    """Quotes of one asset."""

    async def BatchGetQuotes(self, request: BatchGetQuotesRequest, /) -> BatchGetQuotesResponse:
        quote = Quote(asset_id="BTC", name="B", price="10", price_scale=2, quantity_scale=1)
        known = [quote] if "BTC" in request.asset_ids else []
        return BatchGetQuotesResponse(quotes=known)


def profile(user_id: str, first_name: str = "A") -> Profile:
    return Profile(user_id, f"u{user_id[-1]}", "a@b.example", first_name, "B", "", "", False)


def sign_in(user_id: str) -> None:
    method = method_table()["/tradewind.user.v1.AccountService/GetBalance"]
    enter_call(Call(method, "edge", user_id, frozenset(), monotonic() + 60))


@pytest.fixture
async def opened(database: OpenDatabase) -> Database:
    found = await database("user")
    for user_id in (ANN, BOB):
        assert await UserStore(found).create(profile(user_id)) is not None
    return found


def deposit(group_id: str, cents: int, owner: str = ANN) -> Group:
    transfer = Transfer(OUTSIDE, owner, USD, cents, Purpose.DEPOSIT)
    return Group(group_id, (transfer,), Intent.POST_OR_FORGET)


def buy(group_id: str, cents: int, units: int, owner: str = ANN) -> Group:
    return Group(
        group_id,
        (
            Transfer(owner, PLATFORM, USD, cents, Purpose.BUY, "order"),
            Transfer(PLATFORM, owner, "BTC", units, Purpose.BUY, "order", cents),
        ),
    )


def outcomes(found: list[Settled | Exception]) -> list[Outcome]:
    return [each.decision.outcome for each in found if isinstance(each, Settled)]


def service_on(database: Database, limits: Limits = LIMITS) -> AccountService:
    ledger: Batcher[Group, Settled] = Batcher("test", LedgerStore(database, limits).settle)
    return AccountService(AccountStore(database), ledger, Quotes(FixedQuotes()), limits)


def held(transfer: Transfer, hold_id: str) -> Transfer:
    return replace(transfer, kind=Kind.PENDING, transfer_id=hold_id)


def resolved(transfer: Transfer, kind: Kind, hold_id: str, amount: int | None = None) -> Transfer:
    return replace(transfer, kind=kind, pending_id=hold_id, amount=amount or transfer.amount)


def pays(cents: int, owner: str = ANN) -> Transfer:
    return Transfer(owner, PLATFORM, USD, cents, Purpose.BUY, "order")


def gets(units: int, cost: int, owner: str = ANN) -> Transfer:
    return Transfer(PLATFORM, owner, "BTC", units, Purpose.BUY, "order", cost)


def sells(units: int, owner: str = ANN) -> Transfer:
    return Transfer(owner, PLATFORM, "BTC", units, Purpose.SELL, "order")


def reasons(found: list[Settled | Exception]) -> list[int]:
    return [each.decision.reason for each in found if isinstance(each, Settled)]


async def balances(database: Database, owner: str = ANN) -> dict[str, tuple[int, int]]:
    """Posted and held, by asset."""
    found = await AccountStore(database).all_of(owner)
    return {
        each.account.key.asset_id: (each.account.posted, each.account.pending_out) for each in found
    }


async def test_a_user_is_created_once_and_other_content_is_told(opened: Database) -> None:
    store = UserStore(opened)
    first = await store.find(ANN)
    assert await store.create(profile(ANN)) == first
    assert await store.create(profile(ANN, "Other")) is None
    changed = await store.change(ANN, {"first_name": "Zoe"})
    assert changed is not None
    assert await store.create(profile(ANN)) == changed
    assert await store.change("nobody", {"first_name": "Zoe"}) is None


async def test_decisions_are_stored_and_repeated(opened: Database) -> None:
    store = LedgerStore(opened, LIMITS)
    first = await store.settle(
        [deposit("d", 100), buy("b1", 60, 6), buy("b2", 60, 6), Group("c", intent=Intent.CANCEL)]
    )
    expected = [Outcome.POSTED, Outcome.POSTED, Outcome.REFUSED, Outcome.CANCELLED]
    assert outcomes(first) == expected
    await store.settle([deposit("d2", 1000)])
    again = await store.settle(
        [deposit("d", 100), buy("b1", 60, 6), buy("b2", 60, 6), buy("c", 1, 1), buy("b1", 61, 6)]
    )
    assert outcomes(again) == [*expected, Outcome.EXISTS_DIFFERENT]
    assert again[0] == first[0]
    cash = await AccountStore(opened).one(ANN, USD)
    assert cash is not None
    assert (cash.account.posted, cash.account.version) == (1040, 3)


async def test_a_forgotten_refusal_leaves_nothing_behind(opened: Database) -> None:
    store = LedgerStore(opened, LIMITS)
    withdrawal = Group(
        "w", (Transfer(ANN, OUTSIDE, USD, 5, Purpose.WITHDRAWAL),), Intent.POST_OR_FORGET
    )
    refused = await store.settle([withdrawal, deposit("x", 5, "nobody")])
    assert outcomes(refused) == [Outcome.REFUSED] * 2
    async with opened.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(groups)) == 0
    await store.settle([deposit("d", 5)])
    assert outcomes(await store.settle([withdrawal])) == [Outcome.POSTED]


async def test_two_replicas_stay_exact_under_two_hundred_submits(
    opened: Database, database: OpenDatabase
) -> None:
    other = await database("user")
    await LedgerStore(opened, LIMITS).settle([deposit("start", 5_000)])
    replicas: list[Batcher[Group, Settled]] = [
        Batcher(f"replica{number}", LedgerStore(each, LIMITS).settle, max_items=16)
        for number, each in enumerate((opened, other))
    ]
    # Every group goes to both; a hundred buys of 100 cents find cash for fifty.
    wanted = [buy(f"g{number}", 100, 2) for number in range(100)]
    answers = await asyncio.gather(
        *(replicas[0].submit(group) for group in wanted),
        *(replicas[1].submit(group) for group in reversed(wanted)),
    )
    decided = {answer.decision.group_id: answer.decision.outcome for answer in answers}
    assert all(decided[each.decision.group_id] is each.decision.outcome for each in answers)
    assert list(decided.values()).count(Outcome.POSTED) == 50
    async with opened.read() as connection:
        rows = (await connection.execute(select(accounts).where(accounts.c.owner == ANN))).all()
        moved = await connection.scalar(select(func.count()).select_from(transfers))
    assert {row.asset_id: (row.posted, row.version, row.cost) for row in rows} == {
        USD: (0, 51, 0),
        "BTC": (100, 50, 5_000),
    }
    assert moved == 101


async def test_sixteen_equal_deposits_are_one_and_answer_the_same(opened: Database) -> None:
    service = service_on(opened)
    sign_in(ANN)
    request = pb.DepositRequest(amount="12.5", request_id="r")
    answers = await asyncio.gather(*(service.Deposit(request, None) for _ in range(16)))
    await service.Withdraw(pb.WithdrawRequest(amount="2.50", request_id="r"), None)
    answers.append(await service.Deposit(request, None))
    assert all(answer == answers[0] for answer in answers)
    assert (answers[0].amount, answers[0].balance_after) == ("12.50", "12.50")
    balance = await service.GetBalance(pb.GetBalanceRequest(), None)
    assert balance.available == "10.00"
    with pytest.raises(CallError) as caught:
        await service.Deposit(pb.DepositRequest(amount="13", request_id="r"), None)
    assert caught.value.reason == Reason.REQUEST_ID_REUSED


async def test_a_token_without_a_user_is_told_so(opened: Database) -> None:
    service = service_on(opened)
    sign_in("01900000-0000-7000-8000-00000000000f")
    for call in (
        service.Deposit(pb.DepositRequest(amount="1", request_id="r"), None),
        service.GetBalance(pb.GetBalanceRequest(), None),
        service.GetPortfolio(pb.GetPortfolioRequest(), None),
    ):
        with pytest.raises(CallError) as caught:
            await call
        assert caught.value.reason == Reason.USER_NOT_FOUND


async def test_pages_have_no_gaps_while_movements_arrive(opened: Database) -> None:
    service, store = service_on(opened), LedgerStore(opened, LIMITS)
    sign_in(ANN)
    await store.settle([deposit(f"d{n}", n + 1) for n in range(7)])
    await store.settle([buy("b", 3, 1)])
    request = pb.ListTransactionsRequest(page_size=3)
    seen: list[pb.Transaction] = []
    while True:
        page = await service.ListTransactions(request, None)
        seen.extend(page.transactions)
        await store.settle([deposit(f"late{len(seen)}", 1000)])
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    amounts = [each.amount for each in seen]
    assert amounts == ["-0.03", "0.07", "0.06", "0.05", "0.04", "0.03", "0.02", "0.01"]
    assert seen[0].order_id == "order"
    assert not seen[1].HasField("order_id")
    sign_in(BOB)
    with pytest.raises(CallError) as caught:
        await service.ListTransactions(request, None)
    assert caught.value.reason == Reason.FIELD_INVALID


async def test_times_bound_a_list(opened: Database) -> None:
    service = service_on(opened)
    sign_in(ANN)
    made = await service.Deposit(pb.DepositRequest(amount="1", request_id="r"), None)
    since = pb.ListTransactionsRequest(start_time=made.create_time)
    until = pb.ListTransactionsRequest(end_time=made.create_time)
    assert list((await service.ListTransactions(since, None)).transactions) == [made]
    assert not (await service.ListTransactions(until, None)).transactions


async def test_holdings_and_portfolio_show_what_is_held(opened: Database) -> None:
    service = service_on(opened)
    sign_in(ANN)
    await LedgerStore(opened, LIMITS).settle([deposit("d", 10_000), buy("b", 3_000, 25)])
    listed = await service.ListHoldings(pb.ListHoldingsRequest(), None)
    assert [(each.asset_id, each.market_value) for each in listed.holdings] == [("BTC", "25.00")]
    found = await service.GetPortfolio(pb.GetPortfolioRequest(), None)
    assert (found.total_value, found.positions[0].average_cost) == ("95.00", "12.00")
    moved = await service.ListHoldingTransactions(
        pb.ListHoldingTransactionsRequest(asset_id="BTC"), None
    )
    assert [each.amount for each in moved.transactions] == ["2.5"]
    with pytest.raises(CallError) as caught:
        await service.GetHolding(pb.GetHoldingRequest(asset_id="XYZ"), None)
    assert caught.value.reason == Reason.ASSET_NOT_FOUND
    sign_in(BOB)
    never = await service.GetHolding(pb.GetHoldingRequest(asset_id="BTC"), None)
    assert (never.available, never.market_value) == ("0.0", "0.00")


async def test_an_audit_streams_everything_by_account_sequence(opened: Database) -> None:
    store = LedgerStore(opened, LIMITS)
    for start in range(0, 600, 200):
        await store.settle(
            [deposit(f"d{n}", 1, (ANN, BOB)[n % 2]) for n in range(start, start + 200)]
        )
    await store.settle([buy("b", 100, 1)])
    kinds: list[str] = []
    transfers_seen = 0
    last: dict[tuple[str, str], int] = {}
    async for part in AuditService(AuditStore(opened)).Audit(AuditRequest(), None):
        kinds.extend(name.name for name, _ in part.ListFields())
        assert len(part.groups) <= 500
        for record in part.transfers:
            transfers_seen += 1
            owner = record.transfer.debit if record.debit_seq else record.transfer.credit
            seq = record.debit_seq or record.credit_seq
            key = (owner.owner, owner.asset_id)
            assert seq == last.get(key, 0) + 1
            last[key] = seq
    assert kinds == ["user_ids", "accounts", "groups", "groups", "transfers", "transfers"]
    assert transfers_seen == 602


@pytest.mark.parametrize("second", [Kind.POST, Kind.VOID], ids=["post", "void"])
async def test_two_replicas_resolve_a_hold_once(
    opened: Database, database: OpenDatabase, second: Kind
) -> None:
    ours, theirs = LedgerStore(opened, LIMITS), LedgerStore(await database("user"), LIMITS)
    await ours.settle([deposit("d", 1_000)])
    moved = 0
    for n in range(10):
        hold = pays(10)
        await ours.settle([Group(f"h{n}", (held(hold, f"hold{n}"),))])
        rivals = (
            ours.settle([Group(f"a{n}", (resolved(hold, Kind.POST, f"hold{n}", 7), gets(1, 7)))]),
            theirs.settle([Group(f"b{n}", (resolved(hold, second, f"hold{n}"),))]),
        )
        first, other = await asyncio.gather(*(rivals if n % 2 else rivals[::-1]))
        if n % 2 == 0:
            first, other = other, first
        assert sorted([*outcomes(first), *outcomes(other)]) == [Outcome.POSTED, Outcome.REFUSED]
        lost = first if outcomes(first) == [Outcome.REFUSED] else other
        assert reasons(lost) == [Reason.HOLD_NOT_PENDING]
        moved += (10 if second is Kind.POST else 0) if lost is first else 7
        assert (await balances(opened))[USD] == (1_000 - moved, 0)


async def test_a_holds_id_made_by_two_replicas_is_one_and_harms_no_neighbour(
    opened: Database, database: OpenDatabase
) -> None:
    ours, theirs = LedgerStore(opened, LIMITS), LedgerStore(await database("user"), LIMITS)
    await ours.settle([deposit("d1", 1_000), deposit("d2", 1_000, BOB)])
    for n in range(10):
        mine, neighbour, other = await asyncio.gather(
            ours.settle([Group(f"x{n}", (held(pays(1), f"h{n}"),))]),
            ours.settle([Group(f"n{n}", (pays(1),))]),
            theirs.settle(
                [Group(f"y{n}", (held(pays(1, BOB), f"h{n}"),)), Group(f"z{n}", (pays(1, BOB),))]
            ),
        )
        assert outcomes(neighbour) == [Outcome.POSTED]
        assert outcomes(other)[1] is Outcome.POSTED
        assert sorted([*reasons(mine), reasons(other)[0]]) == [0, Reason.REQUEST_ID_REUSED]
    held_now = [(await balances(opened, owner))[USD][1] for owner in (ANN, BOB)]
    assert sum(held_now) == 10


async def test_two_replicas_cannot_exceed_a_days_limit(
    opened: Database, database: OpenDatabase
) -> None:
    limits = Limits(deposits=1_000, withdrawals=300)
    replicas: list[Batcher[Group, Settled]] = [
        Batcher(f"limited{n}", LedgerStore(each, limits).settle, max_items=4)
        for n, each in enumerate((opened, await database("user")))
    ]

    async def at_once(groups: list[Group]) -> int:
        """Sends each group to one replica, and every third to the other as well."""
        sent = [replicas[n % 2].submit(each) for n, each in enumerate(groups)]
        sent += [replicas[n % 2].submit(each) for n, each in enumerate(groups[::3], start=1)]
        answers = [found.decision for found in await asyncio.gather(*sent)]
        assert {answer.reason for answer in answers} == {0, Reason.DAILY_LIMIT}
        return len({each.group_id for each in answers if each.outcome is Outcome.POSTED})

    assert await at_once([deposit(f"d{n}", 90) for n in range(20)]) == 11
    out = Transfer(ANN, OUTSIDE, USD, 70, Purpose.WITHDRAWAL)
    assert await at_once([Group(f"w{n}", (out,), Intent.POST_OR_FORGET) for n in range(9)]) == 4
    assert await balances(opened) == {USD: (990 - 280, 0)}
    async with opened.read() as connection:
        totals = list(await connection.scalars(select(days.c.total).order_by(days.c.purpose)))
    assert totals == [990, 280]


async def test_the_day_is_the_databases_unless_a_test_tells_another(opened: Database) -> None:
    moments = iter([DAY - 1, DAY - 1, DAY])

    async def clock(_: AsyncConnection) -> int:
        return next(moments)

    store = LedgerStore(opened, Limits(100, 100), clock)
    for name, expected in (("a", 0), ("b", Reason.DAILY_LIMIT), ("b", 0)):
        assert reasons(await store.settle([deposit(name, 60)])) == [expected]
    await LedgerStore(opened, LIMITS).settle([deposit("c", 1)])
    async with opened.read() as connection:
        found = list(await connection.scalars(select(days.c.day).order_by(days.c.day)))
        now = await opened.now(connection)
    assert found[:2] == [0, 1]
    # Midnight may have passed in between.
    assert now // DAY - found[2] in {0, 1}


async def test_a_deposit_beyond_the_limit_is_told_what_is_left(opened: Database) -> None:
    service = service_on(opened, Limits(deposits=10_000, withdrawals=2_000))
    sign_in(ANN)
    await service.Deposit(pb.DepositRequest(amount="60", request_id="r1"), None)
    for call, metadata in (
        (
            service.Deposit(pb.DepositRequest(amount="40.01", request_id="r2"), None),
            {"dailyLimit": "100.00", "remaining": "40.00"},
        ),
        (
            service.Withdraw(pb.WithdrawRequest(amount="20.01", request_id="r2"), None),
            {"dailyLimit": "20.00", "remaining": "20.00"},
        ),
    ):
        with pytest.raises(CallError) as caught:
            await call
        assert (caught.value.reason, caught.value.metadata) == (Reason.DAILY_LIMIT, metadata)
    made = await service.Deposit(pb.DepositRequest(amount="40", request_id="r2"), None)
    assert made.balance_after == "100.00"


async def test_what_is_held_is_shown_and_only_what_moved_is_listed(opened: Database) -> None:
    service, store = service_on(opened), LedgerStore(opened, LIMITS)
    sign_in(ANN)
    found = await store.settle(
        [
            deposit("d", 10_000),
            Group("h1", (held(pays(4_000), "hold1"),)),
            Group("h2", (held(pays(1_000), "hold2"),)),
            Group("f", (gets(25, 3_000), resolved(pays(4_000), Kind.POST, "hold1", 3_000))),
            Group("v", (resolved(pays(1_000), Kind.VOID, "hold2"),)),
            Group("h3", (held(pays(500), "hold3"),)),
            Group("h4", (held(sells(10), "hold4"),)),
        ]
    )
    assert outcomes(found) == [Outcome.POSTED] * 7
    cash = await service.GetBalance(pb.GetBalanceRequest(), None)
    assert (cash.available, cash.held) == ("65.00", "5.00")
    units = await service.GetHolding(pb.GetHoldingRequest(asset_id="BTC"), None)
    assert (units.available, units.held, units.market_value) == ("1.5", "1.0", "25.00")
    owned = await service.GetPortfolio(pb.GetPortfolioRequest(), None)
    assert (owned.cash, owned.total_value, owned.positions[0].quantity) == (
        "70.00",
        "95.00",
        "2.5",
    )
    await store.settle([Group("s", (resolved(sells(10), Kind.POST, "hold4"),))])
    listed = await service.ListTransactions(pb.ListTransactionsRequest(), None)
    assert [(each.amount, each.balance_after) for each in listed.transactions] == [
        ("-30.00", "70.00"),
        ("100.00", "100.00"),
    ]
    request = pb.ListHoldingTransactionsRequest(asset_id="BTC")
    units_listed = await service.ListHoldingTransactions(request, None)
    assert [each.amount for each in units_listed.transactions] == ["-1.0", "2.5"]
    left = await AccountStore(opened).one(ANN, "BTC")
    assert left is not None
    assert (left.account.posted, left.account.cost) == (15, 1_800)


@pytest.mark.parametrize("group_ids", [[""], ["a", "z" * 65]], ids=["empty", "too long"])
async def test_what_is_no_groups_id_cannot_be_cancelled(
    opened: Database, group_ids: list[str]
) -> None:
    ledger: Batcher[Group, Settled] = Batcher("test", LedgerStore(opened, LIMITS).settle)
    with pytest.raises(CallError) as caught:
        await LedgerService(ledger).CancelGroups(CancelGroupsRequest(group_ids=group_ids), None)
    assert [each.field for each in caught.value.violations] == [f"groupIds[{len(group_ids) - 1}]"]


async def test_the_database_itself_refuses_what_the_rules_never_do(opened: Database) -> None:
    store = LedgerStore(opened, LIMITS)
    await store.settle([deposit("d", 100), Group("h", (held(pays(60), "hold"),))])
    await store.settle([Group("p", (resolved(pays(60), Kind.POST, "hold", 50),))])
    async with opened.read() as connection:
        row = (await connection.execute(select(transfers).where(transfers.c.group_id == "p"))).one()
    again = {**row._asdict(), "transfer_id": "again"}
    for statement in (
        insert(transfers).values(again),
        insert(transfers).values({**again, "pending_id": None, "amount": 0}),
        update(accounts).values(pending_out=accounts.c.posted + 1),
        update(accounts).values(pending_out=-1),
    ):

        async def work(connection: AsyncConnection, statement: Any = statement) -> None:
            await connection.execute(statement)

        with pytest.raises(IntegrityError):
            await opened.transact(work)


async def test_an_audit_tells_each_hold_and_what_became_of_it(opened: Database) -> None:
    await LedgerStore(opened, LIMITS).settle(
        [
            deposit("d", 1_000),
            *(Group(f"h{n}", (held(pays(60), f"hold{n}"),)) for n in range(3)),
            Group("p", (resolved(pays(60), Kind.POST, "hold0", 50),)),
            Group("v", (resolved(pays(60), Kind.VOID, "hold1"),)),
        ]
    )
    parts = [part async for part in AuditService(AuditStore(opened)).Audit(AuditRequest(), None)]
    holds: list[HoldRecord] = [hold for part in parts for hold in part.holds]
    assert [(each.hold_id, each.resolution, each.resolved_by, each.posted) for each in holds] == [
        ("hold0", TransferMessage.POST, "p", 50),
        ("hold1", TransferMessage.VOID, "v", 0),
        ("hold2", TransferMessage.KIND_UNSPECIFIED, "", 0),
    ]
    assert {(each.amount, each.reference, each.key.asset_id) for each in holds} == {
        (60, "order", USD)
    }
    moved = [record for part in parts for record in part.transfers]
    assert [(each.group_id, each.transfer.pending_id) for each in moved] == [
        ("d", ""),
        ("p", "hold0"),
    ]
    rows = [row for part in parts for row in part.accounts if row.key.owner == ANN]
    assert [(row.posted, row.pending_out) for row in rows] == [(950, 60)]


async def test_a_mixed_batch_of_any_size_costs_the_same_statements(opened: Database) -> None:
    store = LedgerStore(opened, LIMITS)
    await store.settle([deposit("d", 10**9), deposit("d2", 10**9, BOB), buy("b", 10, 10**6)])

    def batch(size: int) -> list[Group]:
        """Every kind of group, `size` times, all new but the repeats."""
        made: list[Group] = []
        for n in (f"{size}.{number}" for number in range(size)):
            hold = pays(9)
            made += [
                deposit(f"deposit{n}", 3),
                deposit(f"deposit{n}", 3),
                Group(f"hold{n}", (held(hold, f"h{n}"),)),
                Group(f"other{n}", (held(sells(4), f"o{n}"),)),
                Group(f"fill{n}", (gets(1, 5), resolved(hold, Kind.POST, f"h{n}", 5))),
                Group(f"void{n}", (resolved(sells(4), Kind.VOID, f"o{n}"),)),
                Group(f"lost{n}", (resolved(hold, Kind.VOID, f"h{n}"),)),
                Group(f"buy{n}", (pays(1, BOB), gets(1, 1, BOB))),
                Group(f"cancel{n}", intent=Intent.CANCEL),
                deposit(f"forgotten{n}", 1, "nobody"),
                deposit("d", 10**9),
            ]
        return made

    counts: list[int] = []
    for size in (1, 30):
        with counted() as sent:
            found = await store.settle(batch(size))
        assert outcomes(found).count(Outcome.REFUSED) == 2 * size
        counts.append(len(sent))
    assert counts[0] == counts[1] <= 16


_FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
INSERT INTO {table} SELECT {columns} FROM n
"""
_BIG = {
    "groups": "'old' || i, 1, 0, '', i",
    "accounts": "'old' || i, 'BTC', 1, 0, 0, 1, i",
    "users": "'old' || i, 'u', 'e', 'f', 'l', 'p', '', false, '', i, i",
    "days": "'old' || i, 1, 1, i",
    # Ann's deposits and withdrawals in turn; every tenth resolves the one before it.
    "transfers": (
        f"'old' || i, 'old' || i, CASE i % 2 WHEN 0 THEN '{ANN}' ELSE 'outside' END, "
        f"CASE i % 2 WHEN 1 THEN '{ANN}' ELSE 'outside' END, 'USD', 1, 1, '', 0, "
        "CASE i % 2 WHEN 0 THEN i ELSE 0 END, 0, CASE i % 2 WHEN 1 THEN i ELSE 0 END, 0, "
        "1, CASE i % 10 WHEN 0 THEN 'old' || (i - 1) END, i"
    ),
}


@pytest.fixture
async def big(opened: Database) -> Database:
    """A database whose tables are long, as its planner knows in production.

    PostgreSQL counts by itself, sooner or later; SQLite is never told to.
    """

    async def fill(connection: AsyncConnection) -> None:
        for table, columns in _BIG.items():
            await connection.execute(text(_FILL.format(table=table, columns=columns)))
        if opened.is_postgresql:
            await connection.execute(text("ANALYZE"))

    await opened.transact(fill)
    return opened


async def _plans(database: Database, work: Callable[[], Awaitable[None]]) -> dict[str, str]:
    """The plan of each statement that work sends and that has something to find."""
    sent: dict[str, Any] = {}

    def note(_c: Any, _cursor: Any, statement: str, values: Any, _x: Any, many: bool) -> None:
        if not statement.startswith(("INSERT", "BEGIN", "SELECT CAST")):
            sent.setdefault(statement, values[0] if many else values)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await work()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    explain = "EXPLAIN " if database.is_postgresql else "EXPLAIN QUERY PLAN "
    plans: dict[str, str] = {}
    async with database.read() as connection:
        for statement, values in sent.items():
            rows = await connection.exec_driver_sql(explain + statement, values)
            plans[statement] = "\n".join(str(row[-1]) for row in rows)
    return plans


async def test_nothing_reads_a_long_table_whole(big: Database) -> None:
    store, service = LedgerStore(big, LIMITS), service_on(big)
    hold = pays(9)

    async def everything() -> None:
        sign_in(ANN)
        batches = [
            [deposit("d1", 1_000), deposit("d2", 1_000, BOB), deposit("f", 1, "nobody")],
            [Group(f"h{n}", (held(hold, f"h{n}"),)) for n in range(3)],
            [
                deposit("d1", 1_000),
                deposit("d2", 1_000, BOB),
                Group("p", (resolved(hold, Kind.POST, "h0"), gets(1, 9))),
                *(Group(f"v{n}", (resolved(hold, Kind.VOID, f"h{n}"),)) for n in (1, 2)),
            ],
        ]
        for batch in batches:
            await store.settle(batch)
        await service.GetBalance(pb.GetBalanceRequest(), None)
        await service.ListHoldings(pb.ListHoldingsRequest(), None)
        await service.GetPortfolio(pb.GetPortfolioRequest(), None)
        await service.ListTransactions(pb.ListTransactionsRequest(), None)

    plans = await _plans(big, everything)
    tables = ("users", "accounts", "groups", "transfers", "resolutions", "days")
    whole = [f"{'Seq Scan on' if big.is_postgresql else 'SCAN'} {name}" for name in tables]
    for statement, plan in plans.items():
        assert not [words for words in whole if words in plan], f"{statement}\n{plan}"
    # What this was written for was among them: locks, holds, days, and the newest movements.
    assert sum("INDEX" in plan.upper() for plan in plans.values()) >= 12
    seen = "\n".join(plans)
    assert all(words in seen for words in ("FROM days", "AS resolutions", "debit_seq DESC"))
    movements = next(plan for statement, plan in plans.items() if "debit_seq DESC" in statement)
    assert "transfers_debit" in movements
    assert "transfers_credit" in movements
