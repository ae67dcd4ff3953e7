"""The user service's process: `python -m services.user.main`."""

from __future__ import annotations

from tradewind.inventory.v1.stock_pb2_grpc import QuoteServiceStub

from mesh.runtime.batch import Batcher
from mesh.runtime.service import Service, run
from services.user.domain.decide import Limits
from services.user.domain.ledger import Group
from services.user.service.accounts import AccountService
from services.user.service.audit import AuditService
from services.user.service.ledger import LedgerService
from services.user.service.quotes import Quotes
from services.user.service.users import ProvisioningService, UserService
from services.user.settings import UserSettings
from services.user.store.accounts import AccountStore
from services.user.store.audit import AuditStore
from services.user.store.ledger import LedgerStore, Settled
from services.user.store.users import UserStore


async def build(service: Service[UserSettings]) -> None:
    """Composes the service: every ledger write goes through the one batcher."""
    database = service.database
    settings = service.settings
    limits = Limits(settings.daily_deposits_cents, settings.daily_withdrawals_cents)
    users = UserStore(database)
    ledger: Batcher[Group, Settled] = Batcher("ledger", LedgerStore(database, limits).settle)
    quotes = Quotes(QuoteServiceStub(service.channel("inventory")))
    service.serve(UserService(users))
    service.serve(ProvisioningService(users))
    service.serve(AccountService(AccountStore(database), ledger, quotes, limits))
    service.serve(LedgerService(ledger))
    service.serve(AuditService(AuditStore(database)))
    service.at_stop(ledger.drain)


def main() -> None:
    """Runs the service until it is told to stop."""
    run("user", UserSettings, build, __file__)


if __name__ == "__main__":
    main()
