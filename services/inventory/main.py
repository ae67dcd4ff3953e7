"""The inventory service: assets, prices and stock. `python -m services.inventory.main`."""

from __future__ import annotations

from mesh.runtime.batch import Batcher
from mesh.runtime.service import Service, run
from mesh.runtime.times import MICROSECONDS
from services.inventory.assets import load_snapshot
from services.inventory.domain import Attempt, Operation
from services.inventory.market import SimulatedMarket
from services.inventory.service import Assets, Audit, Quotes, StockOperations
from services.inventory.settings import InventorySettings
from services.inventory.store_assets import AssetStore
from services.inventory.store_stock import StockStore
from services.inventory.ticker import Ticker


async def build(service: Service[InventorySettings]) -> None:
    """Composes the service; prices are fresh before it serves."""
    settings = service.settings
    interval = int(settings.tick_interval_s * MICROSECONDS)
    max_age = int(settings.price_max_age_s * MICROSECONDS)
    assets = AssetStore(service.database)
    stock = StockStore(service.database, max_age)
    ticker = Ticker(assets, SimulatedMarket(settings.seed), interval, max_age)
    batcher: Batcher[Operation, Attempt] = Batcher("stock", stock.apply)
    await assets.seed(load_snapshot())
    await ticker.tick()
    service.serve(Assets(assets))
    service.serve(Quotes(assets))
    service.serve(StockOperations(batcher))
    service.serve(Audit(stock))
    service.check("prices", ticker.check_fresh)
    service.every("market", settings.tick_interval_s, ticker.tick)
    service.at_stop(batcher.drain)
    service.at_stop(ticker.stop)


def main() -> None:
    """Runs the service until it is told to stop."""
    run("inventory", InventorySettings, build, __file__)


if __name__ == "__main__":
    main()
