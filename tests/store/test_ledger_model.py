"""The ledger against a reference model of a few lines, over thousands of random steps.

Both get the same groups: random, repeated, repeated with other content, cancelled,
and resolving holds that are open, resolved or unknown. After each step their
decisions, balances and holds are the same.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import select

from mesh.runtime.database import Database
from mesh.runtime.ids import new_id
from mesh.runtime.migrate import migrate
from services.user.domain.decide import Limits
from services.user.domain.ledger import (
    PLATFORM,
    Group,
    Intent,
    Kind,
    Outcome,
    Purpose,
    Transfer,
)
from services.user.store.ledger import LedgerStore, Settled
from services.user.store.tables import accounts
from services.user.store.users import Profile, UserStore

ROOT = Path(__file__).resolve().parents[2]
SOAK = os.environ.get("TRADEWIND_SOAK") == "1"
OWNERS = ("ann", "bob")
ASSETS = ("USD", "BTC")

Result = TypeVar("Result")


class Model:
    """The ledger in a few lines: everything in dictionaries, one group at a time."""

    def __init__(self) -> None:
        self.posted: dict[tuple[str, str], int] = {}
        self.held: dict[tuple[str, str], int] = {}
        self.holds: dict[str, tuple[Transfer, bool]] = {}
        self.decided: dict[str, tuple[Outcome, Group]] = {}

    def settle(self, group: Group) -> Outcome:
        """What becomes of a group."""
        if group.group_id in self.decided:
            outcome, known = self.decided[group.group_id]
            same = group.intent is Intent.CANCEL or group.transfers == known.transfers
            return outcome if same or outcome is Outcome.CANCELLED else Outcome.EXISTS_DIFFERENT
        if group.intent is Intent.CANCEL:
            outcome = Outcome.CANCELLED
        else:
            before = (dict(self.posted), dict(self.held), dict(self.holds))
            done = all(self._move(transfer) for transfer in group.transfers)
            outcome = Outcome.POSTED if done else Outcome.REFUSED
            if not done:
                self.posted, self.held, self.holds = before
        self.decided[group.group_id] = (outcome, group)
        return outcome

    def _available(self, account: tuple[str, str]) -> int:
        return self.posted.get(account, 0) - self.held.get(account, 0)

    def _move(self, each: Transfer) -> bool:
        debit, credit = (each.debit, each.asset_id), (each.credit, each.asset_id)
        if each.kind in (Kind.POST, Kind.VOID):
            hold, is_open = self.holds.get(each.pending_id, (None, False))
            if hold is None or not is_open or each.amount > hold.amount:
                return False
            if (hold.debit, hold.credit, hold.asset_id) != (each.debit, each.credit, each.asset_id):
                return False
            if each.kind is Kind.VOID and each.amount != hold.amount:
                return False
            self.holds[each.pending_id] = (hold, False)
            self.held[debit] -= hold.amount
        elif each.debit in OWNERS and self._available(debit) < each.amount:
            return False
        if each.kind is Kind.PENDING:
            if each.transfer_id in self.holds:
                return False
            self.holds[each.transfer_id] = (each, True)
            self.held[debit] = self.held.get(debit, 0) + each.amount
        elif each.kind is not Kind.VOID:
            self.posted[debit] = self.posted.get(debit, 0) - each.amount
            self.posted[credit] = self.posted.get(credit, 0) + each.amount
        return True


HOLD_IDS = st.sampled_from([f"hold-{n}" for n in range(12)])
PLAIN = st.builds(
    Transfer,
    st.sampled_from([*OWNERS, PLATFORM]),
    st.sampled_from([*OWNERS, PLATFORM]),
    st.sampled_from(ASSETS),
    st.integers(1, 40),
    st.sampled_from([Purpose.BUY, Purpose.SELL]),
).filter(lambda each: each.debit != each.credit)
PENDING = st.builds(
    lambda each, hold_id: replace(each, kind=Kind.PENDING, transfer_id=hold_id),
    PLAIN.filter(lambda each: each.debit in OWNERS),
    HOLD_IDS,
)
RESOLVING = st.builds(
    lambda each, hold_id, kind: replace(each, kind=kind, pending_id=hold_id),
    PLAIN.filter(lambda each: each.debit in OWNERS),
    HOLD_IDS,
    st.sampled_from([Kind.POST, Kind.VOID]),
)
GROUPS = st.builds(
    Group,
    st.integers(0, 60).map("group-{}".format),
    st.lists(PLAIN | PENDING | RESOLVING, min_size=1, max_size=3).map(tuple),
)


class Comparison(RuleBasedStateMachine):
    """Drives the store and the model side by side."""

    database: Database
    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.prefix = new_id()[:18]
        self.model = Model()
        self.store = LedgerStore(self.database, Limits(10**12, 10**12))

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Runs the store's work."""
        return self.loop.run_until_complete(work)

    def own(self, name: str) -> str:
        """A name of this run's own: all runs share a database."""
        return name if name in ("", PLATFORM) else f"{self.prefix}{name}"

    def stored(self, group: Group) -> Group:
        """The group as the store is given it."""
        transfers = tuple(
            replace(
                each,
                debit=self.own(each.debit),
                credit=self.own(each.credit),
                transfer_id=self.own(each.transfer_id),
                pending_id=self.own(each.pending_id),
            )
            for each in group.transfers
        )
        return replace(group, group_id=self.own(group.group_id), transfers=transfers)

    def settle(self, groups: list[Group]) -> None:
        """Has both decide a batch, and compares all they say and keep."""
        found = self.do(self.store.settle([self.stored(group) for group in groups]))
        outcomes = [each.decision.outcome for each in found if isinstance(each, Settled)]
        assert outcomes == [self.model.settle(group) for group in groups]
        self.compare()

    def compare(self) -> None:
        """Every account's balance and hold is the model's."""
        for owner in OWNERS:
            rows = self.do(self.rows(self.own(owner)))
            for asset in ASSETS:
                key = (owner, asset)
                expected = (self.model.posted.get(key, 0), self.model.held.get(key, 0))
                assert rows.get(asset, (0, 0)) == expected

    async def rows(self, owner: str) -> dict[str, tuple[int, int]]:
        """What the store keeps of an owner: posted and held."""
        async with self.database.read() as connection:
            statement = select(accounts).where(accounts.c.owner == owner)
            found = await connection.execute(statement)
            return {row.asset_id: (row.posted, row.pending_out) for row in found}

    @initialize()
    def begin(self) -> None:
        """Two customers, with something of each asset."""
        users = UserStore(self.database)
        for owner in OWNERS:
            name = self.own(owner)
            profile = Profile(name, name, f"{name}@example.com", "A", "B", "", "", False)
            assert self.do(users.create(profile)) is not None
        endow = tuple(
            Transfer(PLATFORM, owner, asset, 100, Purpose.BUY)
            for owner in OWNERS
            for asset in ASSETS
        )
        self.settle([Group("endow", endow)])

    @rule(groups=st.lists(GROUPS, min_size=1, max_size=5))
    def post(self, groups: list[Group]) -> None:
        """New groups, and old ids with the same or other content."""
        self.settle(groups)

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """What was asked before is asked again."""
        known = data.draw(st.sampled_from(sorted(self.model.decided)))
        self.settle([self.model.decided[known][1]])

    @rule(numbers=st.lists(st.integers(0, 60), min_size=1, max_size=3))
    def cancel(self, numbers: list[int]) -> None:
        """Ids are cancelled, decided or not."""
        self.settle([Group(f"group-{n}", intent=Intent.CANCEL) for n in numbers])

    @rule(data=st.data(), number=st.integers(0, 60), void=st.booleans(), part=st.integers(1, 40))
    def resolve(self, data: st.DataObject, number: int, void: bool, part: int) -> None:
        """A hold that exists is posted, wholly or in part, or voided."""
        if not self.model.holds:
            return
        hold_id = data.draw(st.sampled_from(sorted(self.model.holds)))
        hold, _ = self.model.holds[hold_id]
        amount = hold.amount if void else min(part, hold.amount)
        kind = Kind.VOID if void else Kind.POST
        transfer = replace(hold, kind=kind, amount=amount, transfer_id="", pending_id=hold_id)
        self.settle([Group(f"group-{number}", (transfer,))])


@pytest.mark.timeout(1800 if SOAK else 120)
def test_the_ledger_does_what_its_model_does(database_url: str) -> None:
    loop = asyncio.new_event_loop()
    loop.run_until_complete(migrate(database_url, "user", ROOT / "services/user/migrations"))
    database = Database(database_url, "user")
    Comparison.database, Comparison.loop = database, loop
    try:
        run_state_machine_as_test(
            Comparison,
            settings=settings(
                max_examples=1000 if SOAK else 60,
                stateful_step_count=60,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.run_until_complete(database.close())
        loop.close()
