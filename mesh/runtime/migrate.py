"""Brings one service's database to its newest schema: `python -m mesh.runtime.migrate`.

Alembic costs memory that a service should not carry, so it runs in a child
that ends. Replicas that start together take turns: by an advisory lock in
PostgreSQL, by the write lock in SQLite.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from mesh.runtime.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = logging.getLogger(__name__)


def head(migrations: Path) -> str:
    """The newest revision: versions are files `NNNN_what.py` with revision `NNNN`."""
    return max(path.name.partition("_")[0] for path in (migrations / "versions").glob("*_*.py"))


async def is_current(database: Database, migrations: Path) -> bool:
    """Whether the schema is the newest already."""
    try:
        async with database.read() as connection:
            found = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    except DBAPIError:
        # No table, no schema or no database file yet.
        return False
    return bool(found == head(migrations))


async def migrate_in_child(url: str, schema: str, migrations: Path) -> None:
    """Migrates in a process of its own.

    Raises:
        RuntimeError: the migration failed; the child has told why on standard error.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mesh.runtime.migrate", schema, str(migrations), stdin=-1
    )
    # The URL may hold a password, so it travels by pipe and not among the arguments.
    await child.communicate(url.encode())
    if child.returncode:
        raise RuntimeError(f"the migration of {schema} failed")


def run_environment() -> None:
    """What a service's `migrations/env.py` runs, inside of Alembic."""
    from alembic import context

    context.configure(connection=context.config.attributes["connection"])
    context.run_migrations()


async def migrate(url: str, schema: str, migrations: Path) -> None:
    """Applies what is missing, in one transaction, under a lock."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations))

    def upgrade(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    database = Database(url, schema)
    try:
        async with database.writer() as connection:
            if database.is_postgresql:
                await connection.execute(
                    text("SELECT pg_advisory_xact_lock(hashtext(:name))"),
                    {"name": f"tradewind.{schema}"},
                )
                await connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
            await connection.run_sync(upgrade)
    finally:
        await database.close()


def main() -> None:
    """Reads the database's URL from standard input and migrates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("schema")
    parser.add_argument("migrations", type=Path)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    asyncio.run(migrate(sys.stdin.read().strip(), arguments.schema, arguments.migrations))


if __name__ == "__main__":
    main()
