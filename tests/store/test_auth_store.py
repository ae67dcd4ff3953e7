"""The auth service on real databases: its stores, and its handlers on top of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import ParseDict
from sqlalchemy import func, select, text
from tradewind.api.v1.reason_pb2 import Reason
from tradewind.auth.v1 import auth_pb2 as pb
from tradewind.auth.v1.audit_pb2 import AuditRequest
from tradewind.user.v1.user_pb2 import CreateUserRequest, User

from mesh.runtime.database import Database
from mesh.runtime.errors import CallError
from mesh.runtime.ids import new_id
from services.auth.domain import Lifetimes, Registration, Use
from services.auth.main import signing_keys
from services.auth.passwords import Passwords
from services.auth.service.audit import AuditService
from services.auth.service.auth import AuthService
from services.auth.service.registrar import Registrar
from services.auth.store.audit import AuditStore
from services.auth.store.credentials import CLAIM, CredentialStore
from services.auth.store.keys import KeyStore
from services.auth.store.sessions import PRUNE, SessionStore
from services.auth.store.tables import (
    credentials,
    refresh_tokens,
    registrations,
    sessions,
)
from services.auth.store.tables import (
    signing_keys as stored_keys,
)
from services.auth.tokens import AccessTokens, SigningKey

OpenDatabase = Callable[[str], Awaitable[Database]]

SECOND = 1_000_000
START = 1_700_000_000 * SECOND
LIFETIMES = Lifetimes(refresh=1000 * SECOND, grace=10 * SECOND)
RETRY = 10 * SECOND
PASSWORD = "correct horse"

ADA = Registration(
    "01900000-0000-7000-8000-00000000000a",
    "Ada",
    "Ada@Example.com",
    "Ada",
    "Lovelace",
    "+4915112345678",
    "1990-12-10",
    True,
)


@dataclass
class Users:
    """A user service that answers as told and keeps whom it created."""

    created: dict[str, CreateUserRequest] = field(default_factory=dict)
    fails_with: grpc.StatusCode | None = None
    creates_though_it_fails: bool = False

    async def CreateUser(self, request: CreateUserRequest, /) -> User:
        if self.fails_with is None or self.creates_though_it_fails:
            assert self.created.setdefault(request.user_id, request) == request
        if self.fails_with is not None:
            empty = grpc.aio.Metadata()
            raise grpc.aio.AioRpcError(self.fails_with, empty, empty)
        return User(user_id=request.user_id, username=request.username)


@dataclass
class Auth:
    """The service on one database, with a clock that stands still."""

    database: Database
    passwords: Passwords
    users: Users = field(default_factory=Users)
    now: int = START

    def __post_init__(self) -> None:
        self.credentials = CredentialStore(self.database)
        self.registrar = Registrar(
            self.credentials, self.passwords, self.users, RETRY, lambda: self.now
        )
        self.service = AuthService(
            registrar=self.registrar,
            credentials=self.credentials,
            sessions=SessionStore(self.database, LIFETIMES),
            passwords=self.passwords,
            tokens=AccessTokens([SigningKey.generate()], 900),
            clock=lambda: self.now,
        )

    async def register(self, **changed: str) -> User:
        fields = {
            "username": "ada",
            "email": "ada@example.com",
            "password": PASSWORD,
            "first_name": "Ada",
            "last_name": "Lovelace",
        }
        request = ParseDict(fields | changed, pb.RegisterRequest())
        return await self.service.Register(request, None)

    async def login(self, username: str = "ada", password: str = PASSWORD) -> pb.Tokens:
        request = pb.LoginRequest(username=username, password=password)
        return await self.service.Login(request, None)

    async def refresh(self, token: str) -> str:
        reply = await self.service.Refresh(pb.RefreshRequest(refresh_token=token), None)
        return reply.refresh_token

    async def logout(self, token: str) -> pb.LogoutResponse:
        return await self.service.Logout(pb.LogoutRequest(refresh_token=token), None)

    async def audited(self) -> list[tuple[str, bool, int]]:
        service = AuditService(AuditStore(self.database), lambda: self.now)
        return [
            (each.user_id, each.active, each.age_s)
            async for part in service.Audit(AuditRequest(), None)
            for each in part.credentials
        ]


@pytest.fixture
async def opened(database: OpenDatabase) -> Database:
    return await database("auth")


@pytest.fixture
async def auth(opened: Database) -> AsyncIterator[Auth]:
    passwords = Passwords(2, 64)
    yield Auth(opened, passwords)
    await passwords.close()


async def refused(call: Awaitable[Any]) -> Reason:
    with pytest.raises(CallError) as error:
        await call
    return error.value.reason


async def count(database: Database, table: Any) -> int:
    async with database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def test_a_registered_customer_logs_in_and_nothing_personal_is_kept(auth: Auth) -> None:
    user = await auth.register(username="Ada", email="Ada@Example.com")
    request = auth.users.created[user.user_id]
    assert (request.username, request.email) == ("Ada", "Ada@Example.com")
    tokens = await auth.login("aDA")
    assert (tokens.token_type, tokens.expires_in) == ("Bearer", 900)
    assert await count(auth.database, registrations) == 0
    assert await auth.audited() == [(user.user_id, True, 0)]


async def test_username_and_address_are_taken_in_any_case(auth: Auth) -> None:
    await auth.register()
    again = auth.register(username="ADA", email="ADA@example.COM")
    assert await refused(again) is Reason.USERNAME_TAKEN
    assert await refused(auth.register(username="bob", email="Ada@EXAMPLE.com")) is (
        Reason.EMAIL_TAKEN
    )
    # Word for word the same, after success.
    assert await refused(auth.register()) is Reason.USERNAME_TAKEN
    assert len(auth.users.created) == 1


async def test_names_may_not_be_blank(auth: Auth) -> None:
    with pytest.raises(CallError) as error:
        await auth.register(first_name=" ", last_name="\u00a0")
    assert [each.field for each in error.value.violations] == ["firstName", "lastName"]


async def test_one_of_many_at_once_gets_the_username(auth: Auth) -> None:
    answers = await asyncio.gather(
        *(auth.register(email=f"a{number}@example.com") for number in range(8)),
        return_exceptions=True,
    )
    won = [each for each in answers if isinstance(each, User)]
    lost = [each.reason for each in answers if isinstance(each, CallError)]
    assert len(won) == 1
    assert lost == [Reason.USERNAME_TAKEN] * 7
    assert list(auth.users.created) == [won[0].user_id]


async def test_the_same_registration_many_times_at_once_makes_one_user(auth: Auth) -> None:
    answers = await asyncio.gather(*(auth.register() for _ in range(8)), return_exceptions=True)
    won = {each.user_id for each in answers if isinstance(each, User)}
    lost = {each.reason for each in answers if isinstance(each, CallError)}
    assert won == auth.users.created.keys()
    assert len(won) == 1
    assert lost <= {Reason.USERNAME_TAKEN}


@pytest.mark.parametrize("created", [True, False])
@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED])
async def test_an_unknown_outcome_is_completed_by_the_sweeper(
    auth: Auth, code: grpc.StatusCode, created: bool
) -> None:
    auth.users.fails_with, auth.users.creates_though_it_fails = code, created
    assert await refused(auth.register()) is Reason.SERVICE_UNAVAILABLE
    assert [active for _, active, _ in await auth.audited()] == [False]
    # Until then the customer is as unknown as anybody.
    assert await refused(auth.login()) is Reason.CREDENTIALS_INVALID
    auth.now += RETRY
    await auth.registrar.sweep()
    assert [active for _, active, _ in await auth.audited()] == [False]
    auth.users.fails_with = None
    await auth.registrar.sweep()
    assert [active for _, active, _ in await auth.audited()] == [False], "not due yet"
    auth.now += RETRY
    await auth.registrar.sweep()
    assert [(user, active) for user, active, _ in await auth.audited()] == [
        (user, True) for user in auth.users.created
    ]
    assert (await auth.login()).access_token


async def test_a_customer_told_to_try_again_completes_the_same_registration(auth: Auth) -> None:
    auth.users.fails_with = grpc.StatusCode.UNAVAILABLE
    auth.users.creates_though_it_fails = True
    assert await refused(auth.register()) is Reason.SERVICE_UNAVAILABLE
    auth.users.fails_with = None
    # Only who knows the password, and only with the same data.
    stranger = auth.register(password="another password")
    assert await refused(stranger) is Reason.USERNAME_TAKEN
    assert await refused(auth.register(first_name="Eve")) is Reason.USERNAME_TAKEN
    user = await auth.register()
    assert list(auth.users.created) == [user.user_id]
    assert await auth.audited() == [(user.user_id, True, 0)]


async def test_a_definite_refusal_frees_username_and_address(auth: Auth) -> None:
    auth.users.fails_with = grpc.StatusCode.INVALID_ARGUMENT
    assert await refused(auth.register()) is Reason.INTERNAL
    assert await auth.audited() == []
    assert await count(auth.database, registrations) == 0
    auth.users.fails_with = None
    assert (await auth.register()).user_id in auth.users.created


async def test_the_sweeper_frees_what_is_refused_and_takes_all_that_is_due(auth: Auth) -> None:
    for number in range(CLAIM + 1):
        wanted = replace(ADA, user_id=new_id(), username=f"u{number}", email=f"{number}@b.example")
        assert await auth.credentials.reserve(wanted, "hash", auth.now, auth.now) is None
    auth.users.fails_with = grpc.StatusCode.FAILED_PRECONDITION
    await auth.registrar.sweep()
    assert await count(auth.database, credentials) == 0
    assert await count(auth.database, registrations) == 0


async def test_a_registration_is_kept_whole_until_it_is_activated(auth: Auth) -> None:
    store = auth.credentials
    assert await store.reserve(ADA, "hash", START, START + 1) is None
    assert await store.claim_due(START, START + 2) == []
    assert await store.claim_due(START + 1, START + 2) == [ADA]
    assert await store.claim_due(START + 1, START + 2) == []
    holders = await store.reserve(replace(ADA, user_id=new_id()), "hash", START, START)
    assert [each.registration for each in holders or ()] == [ADA]
    assert await store.holders(ADA) == holders
    for _ in range(2):
        await store.activate(ADA.user_id)
    assert [each.registration for each in await store.holders(ADA)] == [None]
    await store.free(ADA.user_id)
    found = await store.find("ADA")
    assert found is not None
    assert found.active
    assert await store.claim_due(START + 9, START + 9) == []


async def test_unknown_user_and_wrong_password_answer_alike(
    auth: Auth, caplog: pytest.LogCaptureFixture
) -> None:
    user = await auth.register()
    caplog.clear()
    with caplog.at_level("INFO", logger="audit"):
        errors = []
        for username, password in (("ada", "wrong"), ("nobody", PASSWORD), ("", "")):
            with pytest.raises(CallError) as error:
                await auth.login(username, password)
            errors.append((error.value.reason, error.value.message, error.value.metadata))
        await auth.login()
    assert set(map(repr, errors)) == {repr(errors[0])}
    assert errors[0][0] is Reason.CREDENTIALS_INVALID
    told = [(vars(each)["user_id"], vars(each)["outcome"]) for each in caplog.records]
    assert told == [
        (user.user_id, "refused"),
        ("", "refused"),
        ("", "refused"),
        (user.user_id, "accepted"),
    ]
    written = " ".join(str(vars(each)) for each in caplog.records)
    assert "ada" not in written
    assert PASSWORD not in written


async def test_a_session_goes_on_from_token_to_token(auth: Auth) -> None:
    await auth.register()
    token = (await auth.login()).refresh_token
    for _ in range(3):
        auth.now += LIFETIMES.refresh - 1
        token, before = await auth.refresh(token), token
        assert token != before
    async with auth.database.read() as connection:
        stored = str((await connection.execute(select(refresh_tokens))).all())
    assert token not in stored


async def test_a_reused_token_ends_the_session_although_the_call_is_refused(auth: Auth) -> None:
    await auth.register()
    first = (await auth.login()).refresh_token
    other = (await auth.login()).refresh_token
    second = await auth.refresh(first)
    auth.now += LIFETIMES.grace
    assert await refused(auth.refresh(first)) is Reason.REFRESH_TOKEN_INVALID
    assert await refused(auth.refresh(second)) is Reason.REFRESH_TOKEN_INVALID
    assert await auth.refresh(other), "the customer's other session goes on"


async def test_a_lost_answer_may_be_asked_for_once_more(auth: Auth) -> None:
    await auth.register()
    first = (await auth.login()).refresh_token
    second = await auth.refresh(first)
    auth.now += LIFETIMES.grace - 1
    repeated = await auth.refresh(first)
    assert repeated not in {first, second}
    assert await auth.refresh(repeated)
    assert await auth.refresh(second)
    assert await refused(auth.refresh(first)) is Reason.REFRESH_TOKEN_INVALID
    assert await refused(auth.refresh(repeated)) is Reason.REFRESH_TOKEN_INVALID


async def test_of_many_uses_at_once_two_are_answered_and_the_session_ends(auth: Auth) -> None:
    await auth.register()
    token = (await auth.login()).refresh_token
    answers = await asyncio.gather(*(auth.refresh(token) for _ in range(6)), return_exceptions=True)
    fresh = [each for each in answers if isinstance(each, str)]
    assert len(set(fresh)) == 2
    for each in fresh:
        assert await refused(auth.refresh(each)) is Reason.REFRESH_TOKEN_INVALID


async def test_logout_ends_the_session_and_answers_the_same_again(auth: Auth) -> None:
    await auth.register()
    first = (await auth.login()).refresh_token
    second = await auth.refresh(first)
    for token in (first, second, "unknown"):
        assert await auth.logout(token) == pb.LogoutResponse()
    for token in (first, second, "unknown"):
        assert await refused(auth.refresh(token)) is Reason.REFRESH_TOKEN_INVALID


async def test_expired_sessions_are_refused_and_removed(auth: Auth) -> None:
    store = SessionStore(auth.database, LIFETIMES)
    assert await auth.credentials.reserve(ADA, "hash", START, START) is None
    for number in range(PRUNE + 1):
        await store.begin(f"s{number}", ADA.user_id, f"h{number}", START)
    await store.begin("young", ADA.user_id, "young", START + 1)
    end = START + LIFETIMES.refresh
    assert (await store.present("h0", "new", end)).use is Use.REFUSED
    assert await store.prune(end - 1) == 0
    assert await store.prune(end) == 2 * (PRUNE + 1)
    assert await count(auth.database, sessions) == 1
    assert (await store.present("young", "next", end)).use is Use.ROTATED
    assert await store.prune(end + 1) == 1
    assert (await store.present("next", "last", end + 1)).use is Use.ROTATED


async def test_replicas_that_start_together_sign_with_one_key(opened: Database) -> None:
    secret = bytes(32)
    found = await asyncio.gather(*(signing_keys(opened, secret) for _ in range(4)))
    assert len({key.kid for keys in found for key in keys}) == 1
    assert await count(opened, stored_keys) == 1
    with pytest.raises(ValueError, match="does not open"):
        await signing_keys(opened, bytes([1] * 32))
    async with opened.writer() as connection:
        row = (await connection.execute(select(stored_keys))).one()
        newer = SigningKey.generate().seal(secret)
        values = {"kid": newer.kid, "sealed": newer.sealed, "created_at": 0, "number": 2}
        await connection.execute(stored_keys.insert(), values)
    keys = await KeyStore(opened).ensure(SigningKey.generate().seal(secret), START)
    assert [key.kid for key in keys] == [newer.kid, row.kid]


async def test_an_auditor_reads_every_credential_with_its_age(auth: Auth) -> None:
    user = await auth.register()
    assert await auth.credentials.reserve(ADA, "hash", START, START) is not None
    bob = replace(ADA, username="bob", email="bob@example.com")
    assert await auth.credentials.reserve(bob, "hash", START + SECOND, START) is None
    auth.now += 61 * SECOND
    assert sorted(await auth.audited()) == sorted(
        [(user.user_id, True, 61), (bob.user_id, False, 60)]
    )


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM credentials WHERE username_key = 'a'",
        "SELECT * FROM credentials WHERE username_key = 'a' OR email_key = 'b'",
        "SELECT * FROM registrations WHERE next_try_at <= 5 ORDER BY next_try_at LIMIT 20",
        "SELECT * FROM refresh_tokens WHERE token_hash = 'a'",
        "SELECT token_hash FROM refresh_tokens WHERE expires_at <= 5 ORDER BY expires_at LIMIT 9",
        "SELECT session_id FROM sessions WHERE expires_at <= 5 ORDER BY expires_at LIMIT 9",
    ],
)
async def test_an_index_serves_every_search(opened: Database, statement: str) -> None:
    explain = "EXPLAIN " if opened.is_postgresql else "EXPLAIN QUERY PLAN "
    async with opened.read() as connection:
        if opened.is_postgresql:
            # An empty table is read whole by choice, not for want of an index.
            await connection.execute(text("SET enable_seqscan = off"))
        plan = str((await connection.execute(text(explain + statement))).all())
    whole = "Seq Scan" if opened.is_postgresql else "SCAN"
    assert whole not in plan
    assert "index" in plan.lower()
