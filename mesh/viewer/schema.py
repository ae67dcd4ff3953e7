"""The store's tables and how a connection to them is opened."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

VERSION = 1
_CACHE_KIB = 2048
_MAX_WAL_BYTES = 8 << 20

_TABLES = """
CREATE TABLE traces (
  no INTEGER PRIMARY KEY AUTOINCREMENT,
  trace_id TEXT NOT NULL UNIQUE,
  start_us INTEGER NOT NULL,
  end_us INTEGER NOT NULL,
  span_count INTEGER NOT NULL,
  error_count INTEGER NOT NULL,
  root_service TEXT NOT NULL,
  root_name TEXT NOT NULL,
  root_start_us INTEGER NOT NULL,
  has_root INTEGER NOT NULL,
  services TEXT NOT NULL,
  weight REAL NOT NULL,
  seen_us INTEGER NOT NULL
) STRICT;
CREATE INDEX traces_start ON traces (start_us);

CREATE TABLE spans (
  trace_no INTEGER NOT NULL,
  span_id TEXT NOT NULL,
  parent_id TEXT NOT NULL,
  kind INTEGER NOT NULL,
  service TEXT NOT NULL,
  peer TEXT NOT NULL,
  name TEXT NOT NULL,
  start_us INTEGER NOT NULL,
  duration_us INTEGER NOT NULL,
  duration_class INTEGER NOT NULL,
  error INTEGER NOT NULL,
  source INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX spans_id ON spans (trace_no, span_id);
CREATE INDEX spans_calls ON spans
  (start_us, kind, service, peer, name, duration_class, duration_us, error, trace_no)
  WHERE kind >= 2;

CREATE TABLE terms (
  term INTEGER NOT NULL, trace_no INTEGER NOT NULL, PRIMARY KEY (term, trace_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE sources (
  id INTEGER PRIMARY KEY,
  digest INTEGER NOT NULL UNIQUE,
  body BLOB NOT NULL,
  seen_us INTEGER NOT NULL
) STRICT;

CREATE TABLE operations (
  service TEXT NOT NULL, name TEXT NOT NULL, kind INTEGER NOT NULL, seen_us INTEGER NOT NULL,
  PRIMARY KEY (service, name, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE logs (
  no INTEGER PRIMARY KEY AUTOINCREMENT,
  trace_id TEXT NOT NULL,
  time_us INTEGER NOT NULL,
  seen_us INTEGER NOT NULL,
  source INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX logs_trace ON logs (trace_id, time_us) WHERE trace_id <> '';
"""

log = logging.getLogger(__name__)


def open_writer(path: Path) -> sqlite3.Connection:
    """The one connection that writes; makes the tables.

    A file of another version, or one that is no database, is replaced: what it held was
    for looking at, not for keeping.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = _connect(path)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == VERSION:
            connection.execute("PRAGMA quick_check(1)").fetchone()
            return connection
        connection.close()
        if version:
            log.warning("store is of another version, begins anew", extra={"version": version})
    except sqlite3.DatabaseError as error:
        log.warning("store is damaged, begins anew", extra={"problem": str(error)})
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return _create(path)


def _create(path: Path) -> sqlite3.Connection:
    # Traces may show what customers did: for the owner only.
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    connection = _connect(path)
    connection.executescript(_TABLES)
    connection.execute(f"PRAGMA user_version={VERSION}")
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (
            "auto_vacuum=INCREMENTAL",
            "journal_mode=WAL",
            # A crash of the machine may cost the last moments, never the file.
            "synchronous=NORMAL",
            f"journal_size_limit={_MAX_WAL_BYTES}",
            f"cache_size=-{_CACHE_KIB}",
            "busy_timeout=5000",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    connection.execute("PRAGMA busy_timeout=5000")
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of what is written inside, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
