"""The user service on real databases: its stores, and its handlers on top of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import pytest
from sqlalchemy import func, select
from tradewind.api.v1.reason_pb2 import Reason
from tradewind.inventory.v1.stock_pb2 import BatchGetQuotesRequest, BatchGetQuotesResponse, Quote
from tradewind.user.v1 import account_pb2 as pb
from tradewind.user.v1.audit_pb2 import AuditRequest

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
    Outcome,
    Purpose,
    Transfer,
)
from services.user.service.accounts import AccountService
from services.user.service.audit import AuditService
from services.user.service.quotes import Quotes
from services.user.store.accounts import AccountStore
from services.user.store.audit import AuditStore
from services.user.store.ledger import LedgerStore, Settled
from services.user.store.tables import accounts, groups, transfers
from services.user.store.users import Profile, UserStore

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


def service_on(database: Database) -> AccountService:
    ledger: Batcher[Group, Settled] = Batcher("test", LedgerStore(database, LIMITS).settle)
    return AccountService(AccountStore(database), ledger, Quotes(FixedQuotes()), LIMITS)


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
