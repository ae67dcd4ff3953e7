"""The ledger against a reference model of a few lines, over thousands of random steps.

Both get the same batches: transfers, holds and their resolutions (right, wrong, twice,
two in one batch), deposits and withdrawals, repeats, other content under old ids, and
cancellations. After each step their decisions, accounts and open holds are the same.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from tradewind.api.v1.reason_pb2 import Reason

from mesh.runtime.database import Database
from mesh.runtime.ids import new_id
from mesh.runtime.migrate import migrate
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
from services.user.store.books import DAY
from services.user.store.ledger import LedgerStore, Settled
from services.user.store.tables import accounts, transfers
from services.user.store.users import Profile, UserStore

ROOT = Path(__file__).resolve().parents[2]
SOAK = os.environ.get("TRADEWIND_SOAK") == "1"
OWNERS = ("ann", "bob")
ASSETS = (USD, "BTC")
LIMITS = {Purpose.DEPOSIT: 150, Purpose.WITHDRAWAL: 60}
NONE = Reason.REASON_UNSPECIFIED

Result = TypeVar("Result")
Answer = tuple[Outcome, int, bool]
"""Outcome, reason, and whether it was decided before."""


class Model:
    """The ledger in a few lines: everything in dictionaries, one group at a time."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], tuple[int, int, int]] = {}
        """Posted, cost and version of each account."""
        self.holds: dict[str, tuple[Transfer, bool]] = {}
        """Each hold, and whether it is open."""
        self.days: Counter[tuple[str, Purpose, int]] = Counter()
        self.decided: dict[str, tuple[Outcome, int, Group]] = {}

    def settle(self, group: Group, today: int) -> Answer:
        """What becomes of a group."""
        if group.group_id in self.decided:
            outcome, reason, known = self.decided[group.group_id]
            same = group.intent is Intent.CANCEL or group.transfers == known.transfers
            if same or outcome is Outcome.CANCELLED:
                return outcome, reason, True
            return Outcome.EXISTS_DIFFERENT, NONE, True
        before = {name: value.copy() for name, value in vars(self).items()}
        reason = next((why for each in group.transfers if (why := self._move(each, today))), NONE)
        outcome = Outcome.CANCELLED if group.intent is Intent.CANCEL else Outcome.POSTED
        if reason:
            vars(self).update(before)
            outcome = Outcome.REFUSED
        if not (reason and group.intent is Intent.POST_OR_FORGET):
            self.decided[group.group_id] = (outcome, reason, group)
        return outcome, reason, False

    def held(self, account: tuple[str, str]) -> int:
        """The sum of an account's open holds."""
        open_ones = (hold for hold, is_open in self.holds.values() if is_open)
        return sum(each.amount for each in open_ones if (each.debit, each.asset_id) == account)

    def _move(self, each: Transfer, today: int) -> Reason:
        debit, credit = (each.debit, each.asset_id), (each.credit, each.asset_id)
        if each.kind in (Kind.POST, Kind.VOID):
            hold, is_open = self.holds.get(each.pending_id, (each, False))
            most, least = hold.amount, hold.amount if each.kind is Kind.VOID else 1
            same = (hold.debit, hold.credit, hold.asset_id) == (*debit[:1], *credit)
            if not (is_open and same and least <= each.amount <= most):
                return Reason.HOLD_NOT_PENDING
            self.holds[each.pending_id] = (hold, False)
        else:
            if each.kind is Kind.PENDING and each.transfer_id in self.holds:
                return Reason.REQUEST_ID_REUSED
            if each.debit in OWNERS and self._available(debit) < each.amount:
                broke = each.asset_id == USD
                return Reason.INSUFFICIENT_FUNDS if broke else Reason.INSUFFICIENT_HOLDING
            owner = each.credit if each.purpose is Purpose.DEPOSIT else each.debit
            day = (owner, each.purpose, today)
            if self.days[day] + each.amount > LIMITS.get(each.purpose, 10**9):
                return Reason.DAILY_LIMIT
            self.days[day] += each.amount
        if each.kind is Kind.PENDING:
            self.holds[each.transfer_id] = (each, True)
        elif each.kind is not Kind.VOID:
            posted, cost, version = self.rows.get(debit, (0, 0, 0))
            left = posted - each.amount
            self.rows[debit] = (left, cost * left // posted if posted else 0, version + 1)
            posted, cost, version = self.rows.get(credit, (0, 0, 0))
            bought = each.cost if each.purpose is Purpose.BUY else 0
            self.rows[credit] = (posted + each.amount, cost + bought, version + 1)
        return NONE

    def _available(self, account: tuple[str, str]) -> int:
        return self.rows.get(account, (0, 0, 0))[0] - self.held(account)


KINDS = (
    "transfers",
    "hold",
    "hold",
    "resolve",
    "resolve",
    "resolve wrongly",
    "cash",
    "repeat",
    "other content",
    "cancel",
)
"""What a group can be; twice what keeps the others going."""


class Comparison(RuleBasedStateMachine):
    """Drives the store and the model side by side."""

    database: Database
    loop: asyncio.AbstractEventLoop
    seen: Counter[object]

    def __init__(self) -> None:
        super().__init__()
        self.prefix = new_id()[:18]
        self.model = Model()
        self.day = 1
        self.asked: list[Group] = []
        self.store = LedgerStore(
            self.database, Limits(LIMITS[Purpose.DEPOSIT], LIMITS[Purpose.WITHDRAWAL]), self.clock
        )

    async def clock(self, _: AsyncConnection) -> int:
        """The test's own time."""
        return self.day * DAY

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Runs the store's work."""
        return self.loop.run_until_complete(work)

    def own(self, name: str) -> str:
        """A name of this run's own: all runs share a database."""
        return name if name in ("", PLATFORM, OUTSIDE) else f"{self.prefix}{name}"

    def stored(self, group: Group) -> Group:
        """The group as the store is given it."""
        own = tuple(
            replace(
                each,
                debit=self.own(each.debit),
                credit=self.own(each.credit),
                transfer_id=self.own(each.transfer_id),
                pending_id=self.own(each.pending_id),
            )
            for each in group.transfers
        )
        return replace(group, group_id=self.own(group.group_id), transfers=own)

    def settle(self, groups: list[Group]) -> None:
        """Has both decide a batch, and compares all they say and keep."""
        self.asked += groups
        found = self.do(self.store.settle([self.stored(group) for group in groups]))
        expected = [self.model.settle(group, self.day) for group in groups]
        decisions = [each.decision for each in found if isinstance(each, Settled)]
        assert [(each.outcome, each.reason, each.exists) for each in decisions] == expected
        self.do(self.compare())
        self.seen["steps"] += 1
        for group, answer in zip(groups, expected, strict=True):
            self.seen[answer] += 1
            if answer == (Outcome.POSTED, NONE, False):
                self.seen.update(each.kind for each in group.transfers)

    async def compare(self) -> None:
        """Every account and every open hold is the model's."""
        names = [self.own(owner) for owner in OWNERS]
        mine = accounts.c.owner.in_(names)
        resolution = transfers.alias()
        still_open = (
            select(transfers)
            .outerjoin(resolution, resolution.c.pending_id == transfers.c.transfer_id)
            .where(transfers.c.debit_owner.in_(names), transfers.c.kind == int(Kind.PENDING))
            .where(resolution.c.transfer_id.is_(None))
        )
        async with self.database.read() as connection:
            rows = (await connection.execute(select(accounts).where(mine))).all()
            holds = (await connection.execute(still_open)).all()
        kept = {
            (row.owner, row.asset_id): (row.posted, row.cost, row.version, row.pending_out)
            for row in rows
        }
        for owner in OWNERS:
            for asset in ASSETS:
                key = (owner, asset)
                expected = (*self.model.rows.get(key, (0, 0, 0)), self.model.held(key))
                assert kept.get((self.own(owner), asset), (0, 0, 0, 0)) == expected, key
        assert {row.transfer_id: (row.debit_owner, row.amount) for row in holds} == {
            self.own(name): (self.own(hold.debit), hold.amount)
            for name, (hold, is_open) in self.model.holds.items()
            if is_open
        }

    @initialize()
    def begin(self) -> None:
        """Two customers, with something of each asset."""
        users = UserStore(self.database)
        for owner in OWNERS:
            name = self.own(owner)
            profile = Profile(name, name, f"{name}@example.com", "A", "B", "", "", False)
            assert self.do(users.create(profile)) is not None
        endow = tuple(
            Transfer(PLATFORM, owner, asset, 100, Purpose.BUY, cost=77)
            for owner in OWNERS
            for asset in ASSETS
        )
        self.settle([Group("endow", endow)])

    @rule(
        kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=6),
        random=st.randoms(use_true_random=True),
    )
    def batch(self, kinds: list[str], random: Random) -> None:
        """Some groups at once; later ones may want what earlier ones have taken."""
        fresh = len(self.asked)
        self.settle([self.group(kind, f"g{fresh + n}", random) for n, kind in enumerate(kinds)])

    @rule()
    def tomorrow(self) -> None:
        """The next day, with its limits whole again."""
        self.day += 1

    def group(self, kind: str, name: str, random: Random) -> Group:
        """A group of a kind, under a new name unless it is the kind to reuse one."""
        earlier = random.choice(self.asked)
        match kind:
            case "hold":
                hold = replace(self.transfer(random, OWNERS), kind=Kind.PENDING, transfer_id=name)
                if random.random() < 0.2:
                    hold = replace(hold, debit=OWNERS[0], credit=OUTSIDE, asset_id=USD)
                    hold = replace(hold, purpose=Purpose.WITHDRAWAL)
                if self.model.holds and random.random() < 0.1:
                    hold = replace(hold, transfer_id=random.choice([*self.model.holds]))
                return Group(name, (hold,))
            case "resolve" | "resolve wrongly" if self.model.holds:
                return Group(name, self.resolution(kind == "resolve", random))
            case "cash":
                owner, amount = random.choice(OWNERS), random.randint(1, 60)
                into = Transfer(OUTSIDE, owner, USD, amount, Purpose.DEPOSIT)
                out = Transfer(owner, OUTSIDE, USD, amount, Purpose.WITHDRAWAL)
                return Group(name, (random.choice((into, out)),), Intent.POST_OR_FORGET)
            case "repeat":
                return earlier
            case "cancel":
                return Group(random.choice((name, earlier.group_id)), intent=Intent.CANCEL)
            case "other content":
                name = earlier.group_id
        sources = (*OWNERS, PLATFORM)
        count = random.randint(1, 3)
        return Group(name, tuple(self.transfer(random, sources) for _ in range(count)))

    def transfer(self, random: Random, sources: tuple[str, ...]) -> Transfer:
        """Any transfer in one step."""
        debit = random.choice(sources)
        credit = random.choice([each for each in (*OWNERS, PLATFORM) if each != debit])
        purpose = random.choice((Purpose.BUY, Purpose.SELL))
        asset, amount, cost = random.choice(ASSETS), random.randint(1, 40), random.randint(0, 90)
        return Transfer(debit, credit, asset, amount, purpose, cost=cost)

    def resolution(self, right: bool, random: Random) -> tuple[Transfer, ...]:
        """A hold posted or voided, often with another leg; or in a way that cannot be."""
        still_open = [name for name, (_, is_open) in self.model.holds.items() if is_open]
        name = random.choice((right and still_open) or [*self.model.holds])
        hold, _ = self.model.holds[name]
        kind = random.choice((Kind.POST, Kind.VOID))
        amount = random.randint(1, hold.amount) if kind is Kind.POST else hold.amount
        found = replace(hold, kind=kind, amount=amount, transfer_id="", pending_id=name)
        if not right:
            # The last is wrong only where that hold is resolved already.
            wrong: list[dict[str, Any]] = [
                {"amount": hold.amount + 1},
                {"kind": Kind.VOID, "amount": max(1, hold.amount - 1)},
                {"pending_id": "unknown"},
                {"credit": OUTSIDE if hold.credit == PLATFORM else PLATFORM},
                {"asset_id": "BTC" if hold.asset_id == USD else USD},
                {},
            ]
            found = replace(found, **random.choice(wrong))
        legs = (found, self.transfer(random, (PLATFORM, *OWNERS)))
        return random.choice((legs, legs[::-1], legs[:1]))


def expected_events() -> set[object]:
    """Everything that has to have happened often for the comparison to mean something."""
    refusals = (
        Reason.HOLD_NOT_PENDING,
        Reason.REQUEST_ID_REUSED,
        Reason.INSUFFICIENT_FUNDS,
        Reason.INSUFFICIENT_HOLDING,
        Reason.DAILY_LIMIT,
    )
    return {
        *Kind,
        *((Outcome.REFUSED, reason, False) for reason in refusals),
        (Outcome.POSTED, NONE, True),
        (Outcome.CANCELLED, NONE, False),
        (Outcome.CANCELLED, NONE, True),
        (Outcome.EXISTS_DIFFERENT, NONE, True),
    }


# Seconds when all is well; what fails is given time to shrink.
@pytest.mark.timeout(1800 if SOAK else 420)
def test_the_ledger_does_what_its_model_does(database_url: str) -> None:
    loop = asyncio.new_event_loop()
    loop.run_until_complete(migrate(database_url, "user", ROOT / "services/user/migrations"))
    database = Database(database_url, "user")
    Comparison.database, Comparison.loop = database, loop
    Comparison.seen = Counter()
    try:
        run_state_machine_as_test(
            Comparison,
            settings=settings(
                max_examples=1000 if SOAK else 90,
                stateful_step_count=50,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.run_until_complete(database.close())
        loop.close()
    assert Comparison.seen["steps"] >= 500
    rare = {event for event in expected_events() if Comparison.seen[event] < 3}
    assert not rare
