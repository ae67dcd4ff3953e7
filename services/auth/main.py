"""The auth service's process: `python -m services.auth.main`."""

from __future__ import annotations

from tradewind.user.v1.user_pb2_grpc import ProvisioningServiceStub

from mesh.runtime.database import Database
from mesh.runtime.service import Service, run
from mesh.runtime.times import MICROSECONDS, now_us
from services.auth.domain import Lifetimes
from services.auth.passwords import Passwords
from services.auth.service.audit import AuditService
from services.auth.service.auth import AuthService
from services.auth.service.registrar import Registrar
from services.auth.settings import AuthSettings, read_secret
from services.auth.store.audit import AuditStore
from services.auth.store.credentials import CredentialStore
from services.auth.store.keys import KeyStore
from services.auth.store.sessions import SessionStore
from services.auth.tokens import AccessTokens, SigningKey


async def signing_keys(database: Database, secret: bytes) -> list[SigningKey]:
    """The keys in force, newest first; makes the first one when there is none.

    Raises:
        ValueError: the stored keys were encrypted under another secret.
    """
    stored = await KeyStore(database).ensure(SigningKey.generate().seal(secret), now_us())
    return [SigningKey.open(each, secret) for each in stored]


async def build(service: Service[AuthSettings]) -> None:
    """Composes the service; there is a signing key before it serves."""
    settings, database = service.settings, service.database
    keys = await signing_keys(database, read_secret(settings.key_secret_file))
    lifetimes = Lifetimes(
        refresh=settings.refresh_token_s * MICROSECONDS,
        grace=int(settings.refresh_grace_s * MICROSECONDS),
    )
    passwords = Passwords(settings.password_workers, settings.password_queue)
    credentials = CredentialStore(database)
    sessions = SessionStore(database, lifetimes)
    registrar = Registrar(
        credentials,
        passwords,
        ProvisioningServiceStub(service.channel("user")),
        int(settings.registration_retry_s * MICROSECONDS),
    )
    service.serve(
        AuthService(
            registrar=registrar,
            credentials=credentials,
            sessions=sessions,
            passwords=passwords,
            tokens=AccessTokens(keys, settings.access_token_s),
        )
    )
    service.serve(AuditService(AuditStore(database)))
    service.every("registrations", settings.sweep_interval_s, registrar.sweep)
    service.every("expired sessions", settings.prune_interval_s, lambda: sessions.prune(now_us()))
    service.at_stop(passwords.close)


def main() -> None:
    """Runs the service until it is told to stop."""
    run("auth", AuthSettings, build, __file__)


if __name__ == "__main__":
    main()
