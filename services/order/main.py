"""The order service's process: `python -m services.order.main`."""

from __future__ import annotations

from tradewind.inventory.v1.stock_pb2_grpc import QuoteServiceStub, StockServiceStub
from tradewind.user.v1.ledger_pb2_grpc import LedgerServiceStub

from mesh.runtime.service import Service, run
from mesh.telemetry import metrics
from services.order.assets import Assets
from services.order.journal import Journal
from services.order.partners import Ledger, Stock
from services.order.saga.driver import Saga
from services.order.saga.flows import Flows
from services.order.saga.steps import Steps, Watcher, nobody
from services.order.service.audit import AuditService
from services.order.service.orders import OrderService
from services.order.settings import OrderSettings
from services.order.store.open import OpenOrders
from services.order.store.orders import OrderStore
from services.order.store.reads import OrderReads
from services.order.sweeper import Crossing, Sweeper


async def build(service: Service[OrderSettings], watcher: Watcher = nobody) -> None:
    """Composes the service; `watcher` is told of each step of each order."""
    settings, database = service.settings, service.database
    inventory = service.channel("inventory")
    store = OrderStore(database, attempt_s=settings.attempt_s, lease_s=settings.lease_s)
    reads = OrderReads(database)
    assets = Assets(QuoteServiceStub(inventory))
    stock = Stock(StockServiceStub(inventory))
    ledger = Ledger(LedgerServiceStub(service.channel("user")))
    steps = Steps(Journal(store), stock, ledger, watcher)
    crossing = Crossing(assets, settings.attempt_s)
    saga = Saga(steps, Flows(steps, settings.notional_limit_cents), crossing)
    sweeper = Sweeper(saga, store, OpenOrders(database), crossing)

    async def recover() -> None:
        await sweeper.recover()
        metrics.unsettled_orders.set(await reads.unsettled())

    service.serve(OrderService(saga, reads, assets))
    service.serve(AuditService(reads))
    service.every("recover", settings.sweep_interval_s, recover)
    service.every("expire", settings.sweep_interval_s, sweeper.expire)
    service.every("cross", settings.tick_interval_s, lambda: sweeper.cross(assets))
    service.at_stop(saga.drain)


def main() -> None:
    """Runs the service until it is told to stop."""
    run("order", OrderSettings, build, __file__)


if __name__ == "__main__":
    main()
