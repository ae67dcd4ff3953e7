"""What a process reads from outside: settings, the state of its schema, its logs."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from mesh.runtime.database import Database, async_url
from mesh.runtime.migrate import head, is_current, migrate_in_child
from mesh.runtime.settings import ServiceSettings, load_settings
from mesh.telemetry.logs import JsonFormatter

ROOT = Path(__file__).resolve().parents[2]

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("things", sa.Column("name", sa.Text, primary_key=True))
"""


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(
        "from mesh.runtime.migrate import run_environment\n\nrun_environment()\n"
    )
    (folder / "versions" / "0001_initial.py").write_text(MIGRATION)
    return folder


def test_wrong_settings_stop_the_start_and_name_the_variables(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRADEWIND_LISTEN", "nowhere")
    monkeypatch.setenv("TRADEWIND_DRAIN_S", "-1")
    with pytest.raises(SystemExit) as stopped:
        load_settings(ServiceSettings)
    told = capsys.readouterr().err
    assert stopped.value.code == 2
    for name in ("LISTEN: ", "HTTP_LISTEN: ", "IDENTITY: ", "DATABASE_URL: ", "DRAIN_S: "):
        assert f"TRADEWIND_{name}" in told


def test_good_settings_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {
        "LISTEN": "127.0.0.1:1",
        "HTTP_LISTEN": "127.0.0.1:2",
        "IDENTITY": str(tmp_path),
        "DATABASE_URL": "sqlite:///x.db",
        "PEERS": '{"user": ["127.0.0.1:3"]}',
    }.items():
        monkeypatch.setenv(f"TRADEWIND_{name}", value)
    assert load_settings(ServiceSettings).peers == {"user": ["127.0.0.1:3"]}


def test_only_two_kinds_of_database_are_known() -> None:
    with pytest.raises(ValueError, match="sqlite or postgresql"):
        async_url("mysql://localhost/x")


async def test_a_child_migrates_once_and_the_schema_is_current(
    tmp_path: Path, migrations: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'm.db'}"
    database = Database(url, "thing")
    assert not await is_current(database, migrations)
    await migrate_in_child(url, "thing", migrations)
    assert head(migrations) == "0001"
    assert await is_current(database, migrations)
    await migrate_in_child(url, "thing", migrations)
    await database.close()


async def test_a_failed_migration_is_told(tmp_path: Path, migrations: Path) -> None:
    (migrations / "versions" / "0001_initial.py").write_text("syntax error")
    with pytest.raises(RuntimeError, match="migration of thing failed"):
        await migrate_in_child(f"sqlite:///{tmp_path / 'm.db'}", "thing", migrations)


def test_a_log_line_is_json_with_its_extras_and_stack() -> None:
    try:
        int("boom")
    except ValueError:
        record = logging.getLogger("t").makeRecord(
            "t", logging.ERROR, "f", 1, "it %s", ("broke",), sys.exc_info(), extra={"rpc": "/x"}
        )
    line = json.loads(JsonFormatter("order").format(record))
    assert (line["event"], line["service"], line["rpc"]) == ("it broke", "order", "/x")
    assert "boom" in line["stack"]


def test_generated_code_is_what_the_contracts_say() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mesh.contract.generate", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    broken = subprocess.run([sys.executable, "-m", "mesh.contract.breaking"], cwd=ROOT, check=False)
    assert broken.returncode == 0
