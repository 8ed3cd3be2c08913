import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from wheelhouse.errors import ConfigurationError, NewerDatabase, StoreError, StoreHeld
from wheelhouse.store.duckdb import DuckDBEngine
from wheelhouse.store.opening import open_store
from wheelhouse.store.schema import latest_version, migrate, migrations


def test_importing_the_door_is_light() -> None:
    code = "import sys, wheelhouse.store.opening; print([m for m in ('pyarrow', 'adbc_driver_manager', '_duckdb') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("url", ["duckdb://file", "duckdb:///", "sqlite:///a.db", "wheelhouse.db", ""])
def test_urls_that_name_no_database(url: str) -> None:
    with pytest.raises(ConfigurationError, match="duckdb:///relative"):
        open_store(url)


def test_postgresql_is_not_there_yet() -> None:
    with pytest.raises(ConfigurationError, match="not available in this version"):
        open_store("postgresql://localhost/wheelhouse")


def test_the_file_and_its_log_are_private(url: str, path: Path) -> None:
    before = os.umask(0)
    try:
        store = open_store(url)
        store.set_halted(None, True)
        store.checkpoint()
        store.set_halted(None, False)
        modes = {name.name: stat.S_IMODE(name.stat().st_mode) for name in path.parent.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert modes == {path.name: 0o600, path.name + ".wal": 0o600}


def test_what_was_written_is_there_after_reopening(url: str) -> None:
    store = open_store(url)
    assert store.schema_version() == latest_version()
    store.set_halted(None, True)
    store.close()
    again = open_store(url)
    assert again.halted_globally()
    again.close()


def test_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_store("duckdb:///here.db").close()
    assert (tmp_path / "here.db").is_file()


def test_memory_is_not_shared() -> None:
    one, other = open_store("duckdb:///:memory:"), open_store("duckdb:///:memory:")
    one.set_halted(None, True)
    assert not other.halted_globally()
    one.close()
    other.close()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=str(tmp_path / "no")):
        open_store(f"duckdb:///{tmp_path}/no/wheelhouse.db")
    with pytest.raises(ConfigurationError, match="is a folder"):
        open_store(f"duckdb:///{tmp_path}")


def test_a_file_that_is_no_database(path: Path, url: str) -> None:
    path.write_text("this is no database " * 1000)
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store(url)
    path.unlink()
    open_store(url).close()


def test_a_file_that_this_process_holds(url: str) -> None:
    store = open_store(url)
    with pytest.raises(StoreHeld, match="this process"):
        open_store(url)
    store.ping()
    store.close()
    open_store(url).close()


def test_a_file_that_another_process_holds_names_the_holder(url: str) -> None:
    code = "import sys; from wheelhouse.store.opening import open_store; s = open_store(sys.argv[1]); print('held', flush=True); input(); s.close()"
    with subprocess.Popen(
        [sys.executable, "-c", code, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreHeld, match=rf"process {holder.pid} .*--server"):
            open_store(url)
        holder.communicate("\n")
    open_store(url).close()


def test_a_newer_database_is_refused_and_left_alone(url: str, path: Path) -> None:
    engine = DuckDBEngine(path)
    migrate(engine)
    with engine.transaction("later") as transaction:
        transaction.execute("INSERT INTO schema_migrations VALUES (9999, 'future')")
    engine.close()
    with pytest.raises(NewerDatabase, match=f"schema 9999, this wheelhouse knows {latest_version()}"):
        open_store(url)
    with pytest.raises(NewerDatabase):
        open_store(url, read_only=True)


def test_an_older_database_is_migrated_and_keeps_its_rows(url: str, path: Path) -> None:
    engine = DuckDBEngine(path)
    first = migrations()[0]
    with engine.transaction("old") as transaction:
        transaction.execute("CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL)")
        transaction.execute("INSERT INTO schema_migrations VALUES (1, 'market')")
        for statement in first.statements:
            transaction.execute(statement)
        transaction.execute("INSERT INTO terms VALUES ('AAPL', '{}')")
    engine.close()
    with pytest.raises(StoreError, match="open it once for writing"):
        open_store(url, read_only=True)
    store = open_store(url)
    assert store.schema_version() == latest_version()
    assert set(store.terms()) == {"AAPL"}
    store.close()


def test_reading_only(url: str, path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        open_store(url, read_only=True)
    assert not path.exists()
    open_store(url).close()
    store = open_store(url, read_only=True)
    assert not store.halted_globally()
    with pytest.raises(StoreError, match="reading only"):
        store.set_halted(None, True)
    store.close()


def test_a_closed_store_says_so(url: str) -> None:
    store = open_store(url)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.ping()
    with pytest.raises(StoreError, match="closed"):
        store.set_halted(None, True)


def test_durations_are_reported_by_name() -> None:
    seen: list[tuple[str, float]] = []
    store = open_store("duckdb:///:memory:", observe=lambda name, seconds: seen.append((name, seconds)))
    store.ping()
    store.set_halted(None, True)
    store.close()
    assert {"ping", "set_halted", "migrate"} <= {name for name, _ in seen}
    assert all(0 < seconds < 60 for _, seconds in seen)
