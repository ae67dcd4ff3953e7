"""The ledger's decisions and the arithmetic of portfolios."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tradewind.api.v1.reason_pb2 import Reason
from tradewind.inventory.v1.stock_pb2 import Quote
from tradewind.user.v1.user_pb2 import UpdateProfileRequest

from mesh.runtime.errors import CallError
from services.user.domain import (
    OUTSIDE,
    PLATFORM,
    USD,
    Account,
    Batch,
    Decision,
    Group,
    Intent,
    Key,
    Outcome,
    Purpose,
    Transfer,
    decide,
)
from services.user.service.portfolio import portfolio
from services.user.service.users import changes_of

ANN, BOB = "ann", "bob"


def ids() -> Iterator[str]:
    return (f"id{number}" for number in count())


def cash(owner: str, cents: int, pending: int = 0) -> dict[Key, Account]:
    return {Key(owner, USD): Account(Key(owner, USD), cents, pending)}


def pay(amount: int, owner: str = ANN) -> Transfer:
    return Transfer(owner, PLATFORM, USD, amount, Purpose.BUY)


def receive(amount: int, cost: int, owner: str = ANN) -> Transfer:
    return Transfer(PLATFORM, owner, "BTC", amount, Purpose.BUY, cost=cost)


def run(
    *groups: Group,
    accounts: Mapping[Key, Account],
    decided: Mapping[str, Decision] | None = None,
) -> Batch:
    return decide(groups, decided or {}, accounts, ids(), 1)


def test_a_refusal_moves_nothing_and_touches_no_neighbour() -> None:
    accounts = cash(ANN, 100) | {Key(ANN, "BTC"): Account(Key(ANN, "BTC"))}
    batch = run(
        Group("g1", (pay(60),)),
        Group("g2", (receive(5, 60), pay(60))),
        Group("g3", (pay(40),)),
        accounts=accounts,
    )
    assert [answer.outcome for answer in batch.answers] == [
        Outcome.POSTED,
        Outcome.REFUSED,
        Outcome.POSTED,
    ]
    assert batch.answers[1].reason == Reason.INSUFFICIENT_FUNDS
    assert batch.changed == {Key(ANN, USD): Account(Key(ANN, USD), 0, version=2)}
    assert [posting.debit_balance for posting in batch.postings] == [40, 0]


def test_held_units_cannot_go_out() -> None:
    key = Key(ANN, "BTC")
    sell = Group("g", (Transfer(ANN, PLATFORM, "BTC", 6, Purpose.SELL),))
    batch = run(sell, accounts={key: Account(key, posted=10, pending_out=5)})
    assert batch.answers[0].reason == Reason.INSUFFICIENT_HOLDING


def test_an_owner_without_a_user_is_refused() -> None:
    batch = run(Group("g", (pay(1, BOB),)), accounts=cash(ANN, 5))
    assert batch.answers[0].reason == Reason.USER_NOT_FOUND


def test_a_group_twice_in_a_batch_moves_once_and_other_content_is_told() -> None:
    group = Group("g", (pay(10),))
    batch = run(group, group, Group("g", (pay(11),)), accounts=cash(ANN, 100))
    assert [answer.outcome for answer in batch.answers] == [
        Outcome.POSTED,
        Outcome.POSTED,
        Outcome.EXISTS_DIFFERENT,
    ]
    assert len(batch.postings) == 1


def test_a_cancelled_group_stays_cancelled_and_a_posted_one_posted() -> None:
    cancel = Group("g", intent=Intent.CANCEL)
    posted = run(Group("g", (pay(1),)), cancel, accounts=cash(ANN, 5))
    assert [answer.outcome for answer in posted.answers] == [Outcome.POSTED] * 2
    cancelled = run(cancel, Group("g", (pay(1),)), accounts=cash(ANN, 5))
    assert [answer.outcome for answer in cancelled.answers] == [Outcome.CANCELLED] * 2
    assert not cancelled.postings


def test_a_refusal_is_kept_unless_it_may_be_forgotten() -> None:
    for intent, kept in ((Intent.POST, True), (Intent.POST_OR_FORGET, False)):
        batch = run(Group("g", (pay(10),), intent), accounts=cash(ANN, 5))
        assert batch.answers[0].outcome is Outcome.REFUSED
        assert ("g" in batch.decided) is kept


def test_more_than_an_account_can_hold_is_refused_without_an_error() -> None:
    deposit = Transfer(OUTSIDE, ANN, USD, 4 * 10**18, Purpose.DEPOSIT)
    batch = run(*(Group(f"g{n}", (deposit,)) for n in range(3)), accounts=cash(ANN, 0))
    assert batch.answers[2].outcome is Outcome.REFUSED
    assert batch.changed[Key(ANN, USD)].posted == 8 * 10**18


def test_cost_grows_with_buys_and_falls_in_proportion() -> None:
    bought = Account(Key(ANN, "BTC")).received(4, 1000).received(4, 3000)
    assert bought.cost == 4000
    assert bought.paid(2).cost == 3000
    assert bought.paid(8).cost == 0


OWNERS = st.sampled_from([ANN, BOB, PLATFORM, OUTSIDE, "nobody"])
TRANSFERS = st.builds(
    Transfer,
    OWNERS,
    OWNERS,
    st.sampled_from([USD, "BTC"]),
    st.integers(1, 50),
    st.sampled_from(Purpose),
).filter(lambda transfer: transfer.debit != transfer.credit)
GROUPS = st.builds(
    Group,
    st.integers(0, 15).map(str),
    st.lists(TRANSFERS, min_size=1, max_size=4).map(tuple),
    st.sampled_from([Intent.POST, Intent.POST_OR_FORGET]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(GROUPS, max_size=25))
def test_any_groups_conserve_value_and_every_account_is_the_sum_of_its_transfers(
    groups: list[Group],
) -> None:
    start = {
        Key(owner, asset): Account(Key(owner, asset), 100)
        for owner in (ANN, BOB)
        for asset in (USD, "BTC")
    }
    batch = decide(groups, {}, start, ids(), 1)
    sums = {key: account.posted for key, account in start.items()}
    world = dict.fromkeys((USD, "BTC"), 0)
    for posting in batch.postings:
        transfer = posting.transfer
        for owner, signed in (
            (transfer.debit, -transfer.amount),
            (transfer.credit, transfer.amount),
        ):
            key = Key(owner, transfer.asset_id)
            if key in sums:
                sums[key] += signed
            else:
                world[transfer.asset_id] += signed
    final = {**start, **batch.changed}
    assert {key: account.posted for key, account in final.items()} == sums
    assert all(account.available >= 0 for account in final.values())
    for asset in world:
        held = sum(account.posted for key, account in final.items() if key.asset_id == asset)
        assert held + world[asset] == 200
    posted = {key for key, found in batch.decided.items() if found.outcome is Outcome.POSTED}
    assert {posting.group_id for posting in batch.postings} == posted


def quote(asset_id: str, price: str) -> Quote:
    return Quote(asset_id=asset_id, name=asset_id, price=price, price_scale=4, quantity_scale=2)


def test_a_portfolio_values_shares_and_gains_exactly() -> None:
    accounts = [
        Account(Key(ANN, "AAA"), 150, cost=2000),
        Account(Key(ANN, "BBB"), 300, cost=9000),
        Account(Key(ANN, "GONE"), 7),
        Account(Key(ANN, "ZERO"), 0),
        Account(Key(ANN, USD), 2500, 500),
    ]
    found = portfolio(accounts, {"AAA": quote("AAA", "10.0099"), "BBB": quote("BBB", "20")})
    assert (found.cash, found.assets_value, found.total_value) == ("25.00", "75.01", "100.01")
    first, second = found.positions
    assert (first.asset_id, second.asset_id) == ("BBB", "AAA")
    assert (second.market_value, second.share, second.quantity) == ("15.01", "0.1501", "1.50")
    assert (second.average_cost, second.unrealized_gain) == ("13.3333", "-4.99")


def test_without_a_mask_the_set_fields_change() -> None:
    request = UpdateProfileRequest(phone="+4912345678", marketing_emails_consent=False)
    assert changes_of(request) == {"phone": "+4912345678", "marketing_emails_consent": False}


def test_a_named_field_that_is_not_set_is_emptied() -> None:
    request = UpdateProfileRequest(first_name="ignored")
    request.update_mask.paths.extend(["phone", "dateOfBirth", "marketing_emails_consent"])
    assert changes_of(request) == {
        "phone": "",
        "date_of_birth": "",
        "marketing_emails_consent": False,
    }


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("nickname", "updateMask"),
        ("update_mask", "updateMask"),
        ("email", "updateMask"),
        ("first_name", "firstName"),
        ("lastName", "lastName"),
    ],
)
def test_a_mask_that_cannot_be_followed_is_refused(path: str, field: str) -> None:
    request = UpdateProfileRequest()
    request.update_mask.paths.append(path)
    with pytest.raises(CallError) as caught:
        changes_of(request)
    assert [violation.field for violation in caught.value.violations] == [field]
