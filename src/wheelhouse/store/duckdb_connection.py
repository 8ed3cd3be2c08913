"""One connection to DuckDB through ADBC.

Importing this module takes seconds (Arrow), see `wheelhouse.store.duckdb`.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

import adbc_driver_duckdb
import adbc_driver_manager
import polars as pl
from adbc_driver_manager import dbapi

from wheelhouse.errors import ConfigurationError, Conflict, NewerDatabase, StoreError, StoreHeld
from wheelhouse.store.engine import STAGE, SqlValue

_HOLDER: Final = re.compile(r"held in (?P<program>\S+) \(PID (?P<pid>\d+)\)")
_PREPARED_STATEMENTS: Final = 64


class DuckDBConnection:
    """A connection that commits every statement on its own, unless a transaction is open; for one thread at a time.

    Statements with parameters stay prepared, which saves a third of the time of a small one.
    """

    def __init__(self, connection: dbapi.Connection) -> None:
        self._connection = connection
        self._prepared: OrderedDict[str, dbapi.Cursor] = OrderedDict()

    def run(self, sql: str, parameters: Sequence[SqlValue] = ()) -> pl.DataFrame:
        """Run one statement and return its rows.

        Raises
        ------
        Conflict
            If a unique constraint is violated.
        StoreError
            If it fails otherwise.
        """
        # What names the staging table is not kept: that table comes and goes, with other columns each time.
        keep = bool(parameters) and STAGE not in sql
        cursor = self._prepared.pop(sql, None) if keep else None
        with _translated(sql):
            if cursor is None:
                cursor = self._connection.cursor()
            try:
                cursor.execute(sql, list(parameters) or None)
                # By way of Arrow's reader, which lets other threads run while DuckDB works.
                frame = pl.from_arrow(cursor.fetch_arrow_table())
            except BaseException:
                cursor.close()
                raise
            if keep:
                self._prepared[sql] = cursor
                if len(self._prepared) > _PREPARED_STATEMENTS:
                    self._prepared.popitem(last=False)[1].close()
            else:
                cursor.close()
        assert isinstance(frame, pl.DataFrame)
        return frame

    def ingest(self, table: str, frame: pl.DataFrame) -> None:
        """Make a temporary table of a frame."""
        # A cursor that has ingested keeps that state, so it is used for nothing else.
        with _translated("ingest"), self._connection.cursor() as cursor:
            cursor.adbc_ingest(table, frame, mode="create", temporary=True)  # type: ignore[arg-type]  # a frame is a stream of Arrow

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit when the block ends, roll back if it raises; all queries inside see one moment."""
        control = self._connection.adbc_connection
        with _translated("begin"):
            control.set_autocommit(False)
        try:
            yield
            with _translated("commit"):
                control.commit()
        except BaseException as error:
            try:
                control.rollback()
            except dbapi.Error as failure:
                error.add_note(f"rolling back failed as well: {failure}")
            raise
        finally:
            with _translated("end"):
                control.set_autocommit(True)

    def clone(self) -> "DuckDBConnection":
        """Open another connection to the same database."""
        with _translated("connect"):
            clone = self._connection.adbc_clone()
            # A clone starts without autocommit: its first query would open a snapshot that never ends.
            clone.adbc_connection.set_autocommit(True)
            return DuckDBConnection(clone)

    def close(self) -> None:
        """Close the connection; the last one lets go of the database."""
        for cursor in self._prepared.values():
            cursor.close()
        self._prepared.clear()
        self._connection.close()


def connect(path: Path | None, *, read_only: bool) -> DuckDBConnection:
    """Open a database, in a file or in memory.

    Raises
    ------
    StoreHeld, NewerDatabase, ConfigurationError, StoreError
        As `wheelhouse.store.duckdb.DuckDBEngine`.
    """
    database = None
    try:
        database = adbc_driver_manager.AdbcDatabase(
            driver=adbc_driver_duckdb.driver_path(),
            entrypoint="duckdb_adbc_init",
            path=":memory:" if path is None else str(path),
            access_mode="READ_ONLY" if read_only and path is not None else "AUTOMATIC",
        )
        return DuckDBConnection(
            dbapi.Connection(database, adbc_driver_manager.AdbcConnection(database), autocommit=True)
        )
    except dbapi.Error as error:
        if database is not None:
            database.close()
        _refuse_to_open(path, error)


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except dbapi.Error as error:
        message = str(error)
        # "Duplicate key" if the key is stored, "duplicate key" if one statement brings it twice.
        if "duplicate key" in message.lower():
            raise Conflict(f"stored already: {message}") from error
        raise StoreError(f"DuckDB refused {' '.join(what.split())[:200]!r}: {message}") from error


def _refuse_to_open(path: Path | None, error: Exception) -> NoReturn:
    message = str(error)
    if "Conflicting lock" in message or "Could not set lock" in message:
        holder = _HOLDER.search(message)
        who = f"process {holder['pid']} ({holder['program']})" if holder else "another process"
        raise StoreHeld(f"{path} is held by {who}; stop it, or talk to it with --server URL") from error
    if "newer version" in message:
        raise NewerDatabase(f"{path} was written by a later DuckDB; upgrade duckdb: {message}") from error
    if "Permission denied" in message or "Read-only file system" in message:
        raise ConfigurationError(
            f"{path} cannot be opened: {message}; check who owns the file and its folder"
        ) from error
    raise StoreError(f"{path} cannot be opened: {message}; if it is damaged, restore a backup") from error
