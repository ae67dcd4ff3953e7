"""Handlers of registration, login and tokens."""

from __future__ import annotations

from collections.abc import Callable

from tradewind.api.v1.reason_pb2 import Reason
from tradewind.auth.v1.auth_pb2 import (
    GetJwksRequest,
    Jwks,
    LoginRequest,
    LogoutRequest,
    LogoutResponse,
    RefreshRequest,
    RegisterRequest,
    Tokens,
)
from tradewind.auth.v1.auth_pb2_grpc import AuthServiceServicer
from tradewind.user.v1.user_pb2 import User

from mesh.runtime.errors import CallError, Violation, invalid
from mesh.runtime.ids import new_id
from mesh.runtime.times import now_us
from mesh.telemetry.logs import audit
from services.auth.domain import Registration, Use, may_log_in
from services.auth.metrics import logins, refreshes
from services.auth.passwords import Passwords
from services.auth.service.registrar import Registrar
from services.auth.store.credentials import CredentialStore
from services.auth.store.sessions import SessionStore
from services.auth.tokens import AccessTokens, hash_of, new_refresh_token

SECOND = 1_000_000
SCHEME = "Bearer"

"""Who did what, by user id; never a username, an address or a secret."""


def _registration(request: RegisterRequest) -> Registration:
    blank = [
        Violation(name, "must not be blank")
        for name, value in (("firstName", request.first_name), ("lastName", request.last_name))
        if not value.strip()
    ]
    if blank:
        raise invalid(*blank)
    return Registration(
        user_id=new_id(),
        username=request.username,
        email=request.email,
        first_name=request.first_name,
        last_name=request.last_name,
        phone=request.phone,
        date_of_birth=request.date_of_birth,
        marketing_emails_consent=request.marketing_emails_consent,
    )


class AuthService(AuthServiceServicer):
    """Handlers of `AuthService`."""

    def __init__(
        self,
        *,
        registrar: Registrar,
        credentials: CredentialStore,
        sessions: SessionStore,
        passwords: Passwords,
        tokens: AccessTokens,
        clock: Callable[[], int] = now_us,
    ) -> None:
        self._registrar = registrar
        self._credentials = credentials
        self._sessions = sessions
        self._passwords = passwords
        self._tokens = tokens
        self._clock = clock

    async def Register(self, request: RegisterRequest, _: object) -> User:
        """Registers a customer; USERNAME_TAKEN, EMAIL_TAKEN, SERVICE_UNAVAILABLE."""
        user = await self._registrar.register(_registration(request), request.password)
        audit("registered", user_id=user.user_id)
        return user

    async def Login(self, request: LoginRequest, _: object) -> Tokens:
        """Begins a session; CREDENTIALS_INVALID for an unknown user and a wrong password alike."""
        credential = await self._credentials.find(request.username)
        stored = credential.password_hash if credential else None
        matches = await self._passwords.verify(stored, request.password)
        user_id = credential.user_id if credential else ""
        if credential is None or not may_log_in(credential, matches):
            logins.labels("refused").inc()
            audit("login", user_id=user_id or "", outcome="refused")
            raise CallError(
                Reason.CREDENTIALS_INVALID, "Username and password do not belong together."
            )
        refresh_token, now = new_refresh_token(), self._clock()
        await self._sessions.begin(new_id(), user_id, hash_of(refresh_token), now)
        logins.labels("accepted").inc()
        audit("login", user_id=user_id, outcome="accepted")
        return self._answer(user_id, credential.role, refresh_token, now)

    async def Refresh(self, request: RefreshRequest, _: object) -> Tokens:
        """Carries a session on; REFRESH_TOKEN_INVALID, which may have ended it."""
        fresh, now = new_refresh_token(), self._clock()
        found = await self._sessions.present(hash_of(request.refresh_token), hash_of(fresh), now)
        refreshes.labels(found.use.value).inc()
        if found.use in {Use.ROTATED, Use.REPEATED}:
            return self._answer(found.user_id, found.role, fresh, now)
        if found.use is Use.REVOKED:
            audit("session revoked", user_id=found.user_id, cause="refresh token used again")
        raise CallError(
            Reason.REFRESH_TOKEN_INVALID,
            "The refresh token is unknown, used, revoked or too old; log in again.",
        )

    async def Logout(self, request: LogoutRequest, _: object) -> LogoutResponse:
        """Ends a session, if the token has one."""
        user_id = await self._sessions.end(hash_of(request.refresh_token))
        if user_id is not None:
            audit("logout", user_id=user_id)
        return LogoutResponse()

    async def GetJwks(self, request: GetJwksRequest, _: object) -> Jwks:
        """The keys that verify access tokens."""
        return self._tokens.jwks

    def _answer(self, user_id: str, role: str, refresh_token: str, now: int) -> Tokens:
        return Tokens(
            access_token=self._tokens.issue(user_id, role, new_id(), now // SECOND),
            refresh_token=refresh_token,
            token_type=SCHEME,
            expires_in=self._tokens.lifetime_s,
        )
