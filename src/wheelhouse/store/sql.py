"""The store on any engine that speaks SQL."""

from collections.abc import Mapping
from pathlib import Path

from wheelhouse.store.books import BookTables
from wheelhouse.store.engine import Engine
from wheelhouse.store.maintenance import back_up, cluster, problems
from wheelhouse.store.market import MarketTables
from wheelhouse.store.records import BackupReport
from wheelhouse.store.schema import migrate


class SqlStore(MarketTables, BookTables):
    """The tables of a database, see `wheelhouse.store.protocol.Store`.

    Parameters
    ----------
    engine
        The database; the store closes it.
    read_only
        Refuse a database that would have to be migrated.
    """

    def __init__(self, engine: Engine, *, read_only: bool = False) -> None:
        self._engine = engine
        self._version = migrate(engine, read_only=read_only)

    def schema_version(self) -> int:
        """Give the number of the last migration."""
        return self._version

    def ping(self) -> None:
        """Ask the database for a trifle."""
        self._engine.read("ping", "SELECT 1")

    def counts(self) -> Mapping[str, int]:
        """Count the rows of every table."""
        tables = self._engine.tables()
        sql = " UNION ALL ".join(f"SELECT '{name}' AS name, count(*) AS rows FROM {name}" for name in tables)  # noqa: S608
        return dict(self._engine.read("counts", sql + " ORDER BY name").iter_rows())

    def connections(self) -> Mapping[str, int]:
        """Count connections by state, `idle` and `busy`."""
        return self._engine.connections()

    def backup(self, path: Path) -> BackupReport:
        """Write a consistent copy into a new file while others read and write."""
        return back_up(self._engine, path, schema_version=self._version)

    def verify(self) -> list[str]:
        """Look for contradictions in what is stored."""
        return problems(self._engine)

    def compact(self) -> None:
        """Put the history in the order in which it is read, and shrink the log."""
        cluster(self._engine)
        self._engine.checkpoint()

    def checkpoint(self) -> None:
        """Move what is in the write-ahead log into the database."""
        self._engine.checkpoint()

    def close(self) -> None:
        """Wait for running calls, then let go of the database."""
        self._engine.close()
