"""The rules of registration and sessions."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tradewind.api.v1.reason_pb2 import Reason

from services.auth.domain import (
    Credential,
    Holder,
    Lifetimes,
    RefreshToken,
    Registration,
    Session,
    Use,
    begin_session,
    email_key,
    issue,
    may_log_in,
    refusal,
    resumable,
    use_of,
    use_token,
    username_key,
)

SECOND = 1_000_000
LIFETIMES = Lifetimes(refresh=30 * 86_400 * SECOND, grace=10 * SECOND)
NOW = 1_700_000_000 * SECOND

ADA = Registration("id-1", "Ada", "Ada@Example.com", "Ada", "Lovelace", "", "", False)


def credential(registration: Registration, *, active: bool = True) -> Credential:
    return Credential(
        user_id=registration.user_id,
        username_key=username_key(registration.username),
        email_key=email_key(registration.email),
        password_hash="hash",
        role="CUSTOMER",
        active=active,
    )


def holder(registration: Registration, *, pending: bool = False) -> Holder:
    return Holder(credential(registration, active=not pending), registration if pending else None)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ada.L-1", "aDA.l-1"), ("STRASSE@x.com", "straße@X.com"), ("e\u0301@x.com", "\u00c9@x.com")],
)
def test_case_and_composition_are_not_told_apart(one: str, other: str) -> None:
    assert username_key(one) == username_key(other)
    assert email_key(one) == email_key(other)


def test_a_taken_username_is_told_before_a_taken_address() -> None:
    same_name = holder(replace(ADA, user_id="id-2", email="b@example.com", username="ADA"))
    same_address = holder(replace(ADA, user_id="id-3", username="bob", email="ADA@example.com"))
    assert refusal(ADA, [same_address, same_name]) is Reason.USERNAME_TAKEN
    assert refusal(ADA, [same_name]) is Reason.USERNAME_TAKEN
    assert refusal(ADA, [same_address]) is Reason.EMAIL_TAKEN
    assert refusal(ADA, []) is Reason.SERVICE_UNAVAILABLE


def test_only_a_word_for_word_repeat_of_a_pending_registration_is_resumed() -> None:
    pending = holder(replace(ADA, user_id="id-0"), pending=True)
    assert resumable(ADA, [pending]) is pending
    assert resumable(replace(ADA, phone="+4915112345678"), [pending]) is None
    assert resumable(replace(ADA, username="ada"), [pending]) is None
    assert resumable(ADA, [holder(ADA)]) is None
    assert resumable(ADA, []) is None


@pytest.mark.parametrize("matches", [True, False])
@pytest.mark.parametrize("active", [True, False])
def test_only_an_active_credential_with_its_password_logs_in(active: bool, matches: bool) -> None:
    assert may_log_in(credential(ADA, active=active), matches) is (active and matches)
    assert not may_log_in(None, matches)


def session() -> Session:
    return begin_session("s", "user", LIFETIMES, NOW)


def use(
    before: Session, token: RefreshToken, now: int, name: str = "next"
) -> tuple[Use, Session, RefreshToken]:
    outcome, after = use_token(before, token, LIFETIMES, now)
    return outcome, after, issue(after, name)


def test_each_current_token_rotates_to_the_next() -> None:
    current, token = session(), issue(session(), "first")
    for step in range(1, 5):
        now = NOW + step * SECOND
        outcome, current, token = use(current, token, now)
        assert outcome is Use.ROTATED
        assert (token.generation, token.expires_at) == (step + 1, now + LIFETIMES.refresh)
        assert current.expires_at == token.expires_at


def test_a_token_just_replaced_is_good_once_more_within_the_grace() -> None:
    first = issue(session(), "first")
    _, rotated, second = use(session(), first, NOW)
    outcome, repeated, sibling = use(rotated, first, NOW + LIFETIMES.grace - 1)
    assert outcome is Use.REPEATED
    assert sibling.generation == second.generation
    # Whichever answer reached the customer goes on, and the other has its grace too.
    outcome, third, _ = use(repeated, sibling, NOW + LIFETIMES.grace)
    assert outcome is Use.ROTATED
    assert use_of(third, second, LIFETIMES.grace, NOW + LIFETIMES.grace) is Use.REPEATED


def test_a_third_use_within_the_grace_revokes() -> None:
    first = issue(session(), "first")
    _, current, _ = use(session(), first, NOW)
    _, current, _ = use(current, first, NOW + 1)
    outcome, current, _ = use(current, first, NOW + 2)
    assert (outcome, current.revoked) == (Use.REVOKED, True)


def test_a_use_after_the_grace_revokes_and_then_every_token_is_refused() -> None:
    first = issue(session(), "first")
    _, current, second = use(session(), first, NOW)
    outcome, current, _ = use(current, first, NOW + LIFETIMES.grace)
    assert (outcome, current.revoked) == (Use.REVOKED, True)
    for token in (first, second):
        outcome, after, _ = use(current, token, NOW + LIFETIMES.grace)
        assert (outcome, after) == (Use.REFUSED, current)


def test_a_token_of_two_generations_ago_revokes_even_at_once() -> None:
    first = issue(session(), "first")
    _, current, second = use(session(), first, NOW)
    _, current, _ = use(current, second, NOW)
    assert use_of(current, first, LIFETIMES.grace, NOW) is Use.REVOKED


def test_an_expired_token_is_refused_and_revokes_nothing() -> None:
    first = issue(session(), "first")
    at_expiry = NOW + LIFETIMES.refresh
    assert use_of(session(), first, LIFETIMES.grace, at_expiry - 1) is Use.ROTATED
    outcome, after, _ = use(session(), first, at_expiry)
    assert (outcome, after) == (Use.REFUSED, session())


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 20)), max_size=30))
def test_no_history_of_uses_brings_a_revoked_session_back(
    uses: list[tuple[int, int]],
) -> None:
    """At each use one of the tokens issued so far, some seconds after the one before."""
    current, tokens, now = session(), [issue(session(), "0")], NOW
    states = [current]
    for which, pause_s in uses:
        now += pause_s * SECOND
        token = tokens[which % len(tokens)]
        outcome, current, issued = use(current, token, now, str(len(tokens)))
        if outcome in {Use.ROTATED, Use.REPEATED}:
            tokens.append(issued)
        states.append(current)
    for before, after in pairwise(states):
        assert after.generation - before.generation in {0, 1}
        assert not (before.revoked and after != before)
    # A generation has at most two tokens: the rotation's, and one repeat's.
    generations = [token.generation for token in tokens]
    assert all(generations.count(each) <= 2 for each in set(generations))
