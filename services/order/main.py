"""The order service's process: `python -m services.order.main`."""

from __future__ import annotations

from tradewind.inventory.v1.stock_pb2_grpc import QuoteServiceStub, StockServiceStub
from tradewind.user.v1.ledger_pb2_grpc import LedgerServiceStub

from mesh.runtime.service import Service, run
from mesh.telemetry import metrics
from services.order.assets import Assets
from services.order.journal import Journal
from services.order.partners import Ledger, Stock
from services.order.saga import Saga
from services.order.service.audit import AuditService
from services.order.service.orders import OrderService
from services.order.settings import OrderSettings
from services.order.store.orders import OrderStore
from services.order.store.reads import OrderReads


async def build(service: Service[OrderSettings]) -> None:
    """Composes the service: every order goes through the one saga driver."""
    settings = service.settings
    inventory, user = service.channel("inventory"), service.channel("user")
    store = OrderStore(service.database, attempt_s=settings.attempt_s, lease_s=settings.lease_s)
    reads = OrderReads(service.database)
    saga = Saga(
        Journal(store),
        Stock(StockServiceStub(inventory)),
        Ledger(LedgerServiceStub(user)),
        settings.notional_limit_cents,
    )

    async def sweep() -> None:
        await saga.sweep()
        metrics.unsettled_orders.set(await reads.unsettled())

    service.serve(OrderService(saga, reads, Assets(QuoteServiceStub(inventory))))
    service.serve(AuditService(reads))
    service.every("sweep", settings.sweep_interval_s, sweep)
    service.at_stop(saga.drain)


def main() -> None:
    """Runs the service until it is told to stop."""
    run("order", OrderSettings, build, __file__)


if __name__ == "__main__":
    main()
