"""The ledger's decisions and the arithmetic of portfolios."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tradewind.api.v1.reason_pb2 import Reason
from tradewind.inventory.v1.stock_pb2 import Quote
from tradewind.user.v1.user_pb2 import UpdateProfileRequest

from mesh.runtime.errors import CallError
from services.user.domain.decide import Batch, Books, Ledger, Limits, left_today
from services.user.domain.ledger import (
    MOST_UNITS,
    OUTSIDE,
    PLATFORM,
    USD,
    Account,
    Decision,
    Group,
    Intent,
    Key,
    Kind,
    Outcome,
    Purpose,
    Transfer,
)
from services.user.service.portfolio import portfolio
from services.user.service.users import changes_of

ANN, BOB = "ann", "bob"
UNLIMITED = Limits(10**30, 10**30)


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
    books = Books(dict(accounts))
    return Ledger(books, UNLIMITED, ids(), now=1, today=0).decide(groups, decided or {})


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
    assert batch.changed.accounts == {Key(ANN, USD): Account(Key(ANN, USD), 0, version=2)}
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
    assert batch.changed.accounts[Key(ANN, USD)].posted == 8 * 10**18


def hold(amount: int, name: str = "h") -> Transfer:
    return replace(pay(amount), kind=Kind.PENDING, transfer_id=name)


def post(amount: int, name: str = "h") -> Transfer:
    return replace(pay(amount), kind=Kind.POST, pending_id=name)


def void(amount: int, name: str = "h") -> Transfer:
    return replace(pay(amount), kind=Kind.VOID, pending_id=name)


def test_what_is_held_cannot_be_spent_and_returns_when_it_is_given_up() -> None:
    held = run(Group("h", (hold(60),)), Group("g", (pay(50),)), accounts=cash(ANN, 100))
    assert held.changed.accounts[Key(ANN, USD)] == Account(Key(ANN, USD), 100, 60)
    assert held.answers[1].reason == Reason.INSUFFICIENT_FUNDS
    assert (held.postings[0].transfer_id, held.postings[0].debit_seq) == ("h", 0)
    given_up = run(
        Group("h", (hold(60),)),
        Group("v", (void(60),)),
        Group("g", (pay(100),)),
        accounts=cash(ANN, 100),
    )
    assert given_up.changed.accounts[Key(ANN, USD)] == Account(Key(ANN, USD), 0, 0, 0, 1)


def test_a_hold_is_posted_in_part_and_the_rest_returns() -> None:
    batch = run(Group("h", (hold(60),)), Group("p", (post(45),)), accounts=cash(ANN, 100))
    assert batch.changed.accounts[Key(ANN, USD)] == Account(Key(ANN, USD), 55, 0, 0, 1)
    assert batch.postings[1].debit_balance == 55


@pytest.mark.parametrize(
    "second",
    [post(10), void(60), post(61, "h2"), void(59, "h2"), post(1, "unknown")],
    ids=["posted again", "voided after", "more than held", "less than held", "unknown"],
)
def test_a_hold_is_resolved_once_and_as_it_was_made(second: Transfer) -> None:
    batch = run(
        Group("h", (hold(60), hold(60, "h2"))),
        Group("p", (post(60),)),
        Group("again", (second,)),
        accounts=cash(ANN, 200),
    )
    assert batch.answers[1].outcome is Outcome.POSTED
    assert batch.answers[2].reason == Reason.HOLD_NOT_PENDING
    assert batch.changed.accounts[Key(ANN, USD)].pending_out == 60


def test_a_hold_of_other_accounts_is_another_hold() -> None:
    accounts = cash(ANN, 100) | cash(BOB, 100)
    foreign = replace(post(10), debit=BOB)
    batch = run(Group("h", (hold(60),)), Group("p", (foreign,)), accounts=accounts)
    assert batch.answers[1].reason == Reason.HOLD_NOT_PENDING


def test_a_holds_id_is_used_once() -> None:
    batch = run(Group("h", (hold(10),)), Group("h2", (hold(10),)), accounts=cash(ANN, 100))
    assert batch.answers[1].reason == Reason.REQUEST_ID_REUSED


def test_a_group_that_posts_a_hold_and_is_refused_leaves_the_hold() -> None:
    batch = run(
        Group("h", (hold(60),)),
        Group("g", (post(60), pay(1000))),
        Group("v", (void(60),)),
        accounts=cash(ANN, 100),
    )
    assert batch.answers[1].reason == Reason.INSUFFICIENT_FUNDS
    assert batch.answers[2].outcome is Outcome.POSTED


def test_a_decision_that_is_told_again_says_so() -> None:
    batch = run(Group("g", (pay(1),)), Group("g", (pay(1),)), accounts=cash(ANN, 5))
    assert [answer.exists for answer in batch.answers] == [False, True]


def deposit(amount: int, name: str) -> Group:
    return Group(name, (Transfer(OUTSIDE, ANN, USD, amount, Purpose.DEPOSIT),))


def withdrawal(amount: int) -> Transfer:
    return Transfer(ANN, OUTSIDE, USD, amount, Purpose.WITHDRAWAL)


def limited(books: Books, today: int, *groups: Group) -> list[Decision]:
    """Decides groups where 100 may be deposited and 50 withdrawn a day."""
    return Ledger(books, Limits(100, 50), ids(), now=1, today=today).decide(groups, {}).answers


def test_a_days_deposits_end_at_the_limit_and_begin_again_with_the_next() -> None:
    books = Books(cash(ANN, 0))
    first = limited(books, 7, *(deposit(n, f"d{n}") for n in (60, 41, 40)))
    assert [answer.reason for answer in first] == [0, Reason.DAILY_LIMIT, 0]
    assert limited(books, 7, deposit(1, "one more"))[0].reason == Reason.DAILY_LIMIT
    assert limited(books, 8, deposit(100, "tomorrow"))[0].outcome is Outcome.POSTED


def test_deposits_and_withdrawals_and_customers_each_have_their_own_day() -> None:
    books = Books(cash(ANN, 0) | cash(BOB, 0))
    other = Group("bob", (Transfer(OUTSIDE, BOB, USD, 100, Purpose.DEPOSIT),))
    out = [Group(f"w{n}", (withdrawal(n),)) for n in (51, 50)]
    found = limited(books, 7, deposit(100, "d"), other, *out)
    assert [answer.reason for answer in found] == [0, 0, Reason.DAILY_LIMIT, 0]


def test_a_repeat_and_a_refusal_do_not_count_for_the_day() -> None:
    books = Books(cash(ANN, 0))
    unpayable = Group("both", (withdrawal(10), pay(1)))
    found = limited(books, 7, deposit(10, "d"), deposit(10, "d"), unpayable)
    assert [answer.outcome for answer in found] == [
        Outcome.POSTED,
        Outcome.POSTED,
        Outcome.REFUSED,
    ]
    assert left_today(deposit(1, ""), books, Limits(100, 50), 7) == 90
    assert left_today(unpayable, books, Limits(100, 50), 7) == 50


def test_what_is_held_counts_at_once_and_resolving_it_meets_no_limit() -> None:
    books = Books(cash(ANN, 1000))
    holds = [
        Group(name, (replace(withdrawal(20), kind=Kind.PENDING, transfer_id=name),))
        for name in ("h", "v")
    ]
    full = Group("full", (withdrawal(10),))
    none_left = Group("over", (withdrawal(1),))
    resolved = [
        Group("post", (replace(withdrawal(20), kind=Kind.POST, pending_id="h"),)),
        Group("void", (replace(withdrawal(20), kind=Kind.VOID, pending_id="v"),)),
    ]
    found = limited(books, 7, *holds, full, none_left, *resolved)
    assert [answer.reason for answer in found] == [0, 0, 0, Reason.DAILY_LIMIT, 0, 0]
    assert books.accounts[Key(ANN, USD)] == Account(Key(ANN, USD), 970, version=2)


def test_a_hold_can_be_given_back_whatever_has_become_of_the_receiver() -> None:
    accounts = cash(ANN, 100) | cash(BOB, MOST_UNITS)
    to_bob = Transfer(ANN, BOB, USD, 10, Purpose.BUY)
    batch = run(
        Group("h", (replace(to_bob, kind=Kind.PENDING, transfer_id="h"),)),
        Group("p", (replace(to_bob, kind=Kind.POST, pending_id="h"),)),
        Group("v", (replace(to_bob, kind=Kind.VOID, pending_id="h"),)),
        accounts=accounts,
    )
    assert [answer.outcome for answer in batch.answers] == [
        Outcome.POSTED,
        Outcome.REFUSED,
        Outcome.POSTED,
    ]


def test_another_phase_or_hold_under_a_decided_id_is_other_content() -> None:
    others = [pay(10), hold(10, "h2"), post(10), void(10), hold(11)]
    batch = run(
        Group("g", (hold(10),)),
        *(Group("g", (other,)) for other in others),
        accounts=cash(ANN, 100),
    )
    assert [answer.outcome for answer in batch.answers[1:]] == [Outcome.EXISTS_DIFFERENT] * 5


def test_units_sold_by_posting_their_hold_take_their_share_of_the_cost() -> None:
    key = Key(ANN, "BTC")
    accounts = {key: Account(key, 8, cost=4000), **cash(ANN, 0)}
    sell = Transfer(ANN, PLATFORM, "BTC", 2, Purpose.SELL)
    paid = Transfer(PLATFORM, ANN, USD, 900, Purpose.SELL)
    batch = run(
        Group("h", (replace(sell, kind=Kind.PENDING, transfer_id="h"),)),
        Group("f", (replace(sell, kind=Kind.POST, pending_id="h"), paid)),
        accounts=accounts,
    )
    assert batch.changed.accounts == {
        key: Account(key, 6, cost=3000, version=1),
        Key(ANN, USD): Account(Key(ANN, USD), 900, version=1),
    }


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
    batch = run(*groups, accounts=start)
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
    final = {**start, **batch.changed.accounts}
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
