"""Assets and prices in the database, and the lease of the one that writes prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import RowMapping, bindparam, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.runtime.database import Database
from services.inventory.assets import Asset, initial_units
from services.inventory.tables import assets, leases, stock

LEASE = "market"
MOVING = [
    "price",
    "price_time",
    "update_time",
    "high_24h",
    "low_24h",
    "change_24h",
    "change_percent_1h",
    "change_percent_24h",
    "change_percent_7d",
    "change_percent_30d",
    "market_cap",
    "all_time_high",
    "all_time_high_time",
    "all_time_low",
    "all_time_low_time",
]

_BY_RANK = select(assets).order_by(assets.c.rank)
_PAGE = _BY_RANK.where(assets.c.rank > bindparam("after")).limit(bindparam("size"))
_CATEGORY_PAGE = _PAGE.where(assets.c.category == bindparam("wanted"))
_SOME = _BY_RANK.where(assets.c.asset_id.in_(bindparam("ids", expanding=True)))
_NEWEST = select(func.max(assets.c.price_time))
_SET_PRICES = (
    update(assets)
    .where(assets.c.asset_id == bindparam("key"))
    .values({name: bindparam(f"new_{name}") for name in MOVING})
)
_END_LEASE = (
    update(leases)
    .where(leases.c.name == LEASE, leases.c.owner == bindparam("holder"))
    .values(until=0)
)


def _asset(row: RowMapping) -> Asset:
    return Asset(**row)


def _moved(asset: Asset) -> dict[str, object]:
    return {"key": asset.asset_id} | {f"new_{name}": getattr(asset, name) for name in MOVING}


class AssetStore:
    """Reads assets; seeds them; writes prices under the lease."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._add_asset = database.insert(assets).on_conflict_do_nothing()
        self._add_stock = database.insert(stock).on_conflict_do_nothing()
        lease = database.insert(leases)
        self._take_lease = lease.on_conflict_do_update(
            index_elements=["name"],
            set_={"owner": lease.excluded.owner, "until": lease.excluded.until},
            where=or_(leases.c.until < bindparam("now"), leases.c.owner == lease.excluded.owner),
        ).returning(leases.c.owner)

    async def seed(self, snapshot: Sequence[Asset]) -> None:
        """Adds the assets that are not there yet, each with its first stock, once."""
        # One order for all replicas, or two that start together could deadlock.
        ordered = sorted(snapshot, key=lambda asset: asset.asset_id)
        levels = [
            {"asset_id": asset.asset_id, "available": units, "reserved": 0, "put_in": units}
            for asset in ordered
            for units in (initial_units(asset),)
        ]

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(self._add_asset, [asdict(asset) for asset in ordered])
            await connection.execute(self._add_stock, levels)

        await self._database.transact(work)

    async def page(self, category: str, after: int, size: int) -> list[Asset]:
        """At most `size` assets ranked behind `after`, of one category or (empty) of all."""
        statement = _CATEGORY_PAGE if category else _PAGE
        given = {"after": after, "size": size} | ({"wanted": category} if category else {})
        async with self._database.read() as connection:
            rows = await connection.execute(statement, given)
        return [_asset(row) for row in rows.mappings()]

    async def find(self, asset_ids: Sequence[str]) -> list[Asset]:
        """The assets among these ids that exist; all assets when none is named."""
        async with self._database.read() as connection:
            if asset_ids:
                rows = await connection.execute(_SOME, {"ids": list(asset_ids)})
            else:
                rows = await connection.execute(_BY_RANK)
        return [_asset(row) for row in rows.mappings()]

    async def price_age(self) -> int:
        """Microseconds since the newest price."""
        async with self._database.read() as connection:
            newest = int(await connection.scalar(_NEWEST) or 0)
            return await self._database.now(connection) - newest

    async def _lease(self, connection: AsyncConnection, owner: str, length: int) -> int | None:
        now = await self._database.now(connection)
        given = {"name": LEASE, "owner": owner, "until": now + length, "now": now}
        held = (await connection.execute(self._take_lease, given)).first()
        return now if held else None

    async def begin_tick(self, owner: str, length: int) -> tuple[list[Asset], int] | None:
        """All assets and the time, when `owner` has the lease for `length` more microseconds."""

        async def work(connection: AsyncConnection) -> tuple[list[Asset], int] | None:
            now = await self._lease(connection, owner, length)
            if now is None:
                return None
            rows = await connection.execute(_BY_RANK)
            return [_asset(row) for row in rows.mappings()], now

        return await self._database.transact(work)

    async def write_prices(self, owner: str, length: int, ticked: Sequence[Asset]) -> bool:
        """Stores one tick as one set; False when the lease was lost meanwhile."""

        async def work(connection: AsyncConnection) -> bool:
            if await self._lease(connection, owner, length) is None:
                return False
            await connection.execute(_SET_PRICES, [_moved(asset) for asset in ticked])
            return True

        return await self._database.transact(work)

    async def end_lease(self, owner: str) -> None:
        """Lets another replica write at once."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(_END_LEASE, {"holder": owner})

        await self._database.transact(work)
