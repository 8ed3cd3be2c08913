"""DuckDB through ADBC: one process, one writer, readers beside it.

DuckDB locks its file against other processes but not against a second instance in the same process, which would not see the
first one's writes; hence the register of open files. A commit returns after the write-ahead log is synced, so what was
acknowledged survives SIGKILL.

Importing this module takes seconds (Arrow), so nothing imports it before a DuckDB store is opened.
"""

import stat
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import Final, NoReturn

import polars as pl

from wheelhouse.errors import ConfigurationError, StoreError, StoreHeld
from wheelhouse.store.duckdb_connection import DuckDBConnection, connect
from wheelhouse.store.engine import STAGE, SqlValue, TableSummary

_PRIVATE: Final = 0o600
_CHECKPOINT_PAUSE_SECONDS: Final = 0.02
_copies: Final = count(1)

_open_files: set[Path] = set()
_open_files_lock = threading.Lock()


def _ignore(_name: str, _seconds: float) -> None:
    """Report durations to nobody."""


class DuckDBEngine:
    """A DuckDB database, in a file or in memory.

    Parameters
    ----------
    path
        The file, made if it does not exist and private to its owner; None keeps everything in memory.
    read_only
        Refuse writes; several processes may read one file so, while none writes it.
    readers
        How many queries run at once; others wait.
    timeout_seconds
        How long a call waits for its turn.
    memory_megabytes
        How much DuckDB keeps of a file in memory, instead of its own 80 % of the machine.
    observe
        Called with name and seconds of every read and transaction, from the thread that ran it.

    Raises
    ------
    ConfigurationError
        If the folder does not exist, or the path cannot be a file.
    StoreHeld
        If a process, maybe this one, has it open.
    NewerDatabase
        If a later DuckDB wrote it.
    StoreError
        If it is no DuckDB database, or damaged.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        read_only: bool = False,
        readers: int = 4,
        timeout_seconds: float = 10.0,
        memory_megabytes: int = 1024,
        observe: Callable[[str, float], None] = _ignore,
    ) -> None:
        self._path = None if path is None else path.resolve()
        self._read_only = read_only
        self._readers = readers
        self._timeout = timeout_seconds
        self._observe = observe
        self._closed = threading.Event()
        self._writing = threading.Lock()
        self._turns = threading.Semaphore(readers)
        self._idle: deque[DuckDBConnection] = deque()
        self._busy = 0
        self._pool_lock = threading.Lock()
        if self._path is not None:
            _check_place(self._path, read_only=read_only)
            _register(self._path)
        try:
            self._main = connect(self._path, read_only=read_only)
            try:
                self._keep_private()
                self._main.run("SET GLOBAL TimeZone = 'UTC'")
                if self._path is not None:
                    # Beyond it DuckDB spills into a folder beside the file; in memory there is nowhere to spill to.
                    self._main.run(f"SET GLOBAL memory_limit = '{memory_megabytes}MB'")
            except BaseException:
                self._main.close()
                raise
        except BaseException:
            if self._path is not None:
                _unregister(self._path)
            raise

    def read(self, name: str, sql: str, parameters: Sequence[SqlValue] = ()) -> pl.DataFrame:
        """Run one query on a connection of the pool.

        Raises
        ------
        StoreError
            If the query fails, or no connection becomes free in time.
        """
        with self._observed(name), self._reader() as connection:
            return connection.run(sql, parameters)

    @contextmanager
    def transaction(self, name: str) -> Iterator["DuckDBTransaction"]:
        """Open the transaction of the one writer.

        Raises
        ------
        Conflict
            If a unique constraint is violated.
        StoreError
            If a statement or the commit fails, the store is read-only, or the writer's turn does not come in time.
        """
        if self._read_only:
            raise StoreError(f"{name}: the store {self._named} is open for reading only")
        with self._observed(name), self._turn_to_write(name):
            with self._main.transaction():
                running = DuckDBTransaction(self._main)
                yield running
                running.unstage()
            self._keep_private()

    def tables(self) -> tuple[str, ...]:
        """Name the tables of the store, sorted."""
        frame = self.read(
            "tables",
            "SELECT table_name FROM duckdb_tables() "
            "WHERE database_name = current_database() AND NOT internal AND NOT temporary ORDER BY table_name",
        )
        return tuple(frame.get_column("table_name"))

    def summaries(self) -> Mapping[str, TableSummary]:
        """Count and checksum every table in one consistent view."""
        with self._observed("summaries"), self._reader() as connection, connection.transaction():
            return _summaries(connection)

    def copy_to(self, path: Path) -> Mapping[str, TableSummary]:
        """Write a consistent copy into a new file while others read and write; describe what it holds.

        Raises
        ------
        ConfigurationError
            If the folder does not exist or the file does.
        StoreError
            If writing fails, or the copy does not hold what was read.
        """
        _check_place(path, read_only=False)
        if path.exists():
            raise ConfigurationError(f"{path} exists; name a new file")
        with self._observed("copy"), self._reader() as connection:
            # Attached databases are seen by every connection, so each copy has a name of its own.
            copy = f"wheelhouse_copy_{next(_copies)}"
            connection.run(f"ATTACH {_literal(str(path))} AS {copy}")
            try:
                path.chmod(_PRIVATE)
                source = _name(connection.run("SELECT current_database()").item())
                with connection.transaction():
                    held = _summaries(connection)
                    connection.run(f"COPY FROM DATABASE {source} TO {copy}")
                copied = _summaries(connection, copy)
            except BaseException:
                with suppress(StoreError):  # the first error says more
                    connection.run(f"DETACH {copy}")
                path.unlink(missing_ok=True)
                raise
            connection.run(f"DETACH {copy}")
        if copied != held:
            path.unlink()
            raise StoreError(f"the copy {path} does not hold what the database holds: {copied} instead of {held}")
        return copied

    def connections(self) -> Mapping[str, int]:
        """Count connections by state: the writer's and those of the readers."""
        with self._pool_lock:
            writing = int(self._writing.locked())
            return {"idle": len(self._idle) + 1 - writing, "busy": self._busy + writing}

    def checkpoint(self) -> None:
        """Move what is in the write-ahead log into the database file.

        Raises
        ------
        StoreError
            If a reader that began before the last write is still at it when the time is over.
        """
        deadline = monotonic() + self._timeout
        with self._observed("checkpoint"):
            while True:
                with self._turn_to_write("checkpoint"):
                    try:
                        # Not FORCE, which waits for old readers without end and keeps all writers waiting with it.
                        self._main.run("CHECKPOINT")
                    except StoreError as error:
                        if "Cannot CHECKPOINT" not in str(error) or monotonic() > deadline:
                            raise
                    else:
                        self._keep_private()
                        return
                sleep(_CHECKPOINT_PAUSE_SECONDS)

    def version(self) -> str:
        """Name product and version."""
        return f"DuckDB {self.read('version', 'SELECT version()').item()}"

    def close(self) -> None:
        """Wait for running statements, then let go of the file. Closing twice is harmless."""
        with self._turn_to_write("close", even_closed=True):
            if self._closed.is_set():
                return
            self._closed.set()
            # A reader that overstays closes its connection itself, and with it the file.
            held = [self._turns.acquire(timeout=self._timeout) for _ in range(self._readers)]
            with self._pool_lock:
                while self._idle:
                    self._idle.pop().close()
            self._main.close()
            if self._path is not None:
                _unregister(self._path)
            # Whoever waits for a turn now learns that the store is closed.
            self._turns.release(sum(held) or 1)

    @property
    def _named(self) -> str:
        return ":memory:" if self._path is None else str(self._path)

    @contextmanager
    def _observed(self, name: str) -> Iterator[None]:
        started = perf_counter()
        try:
            yield
        finally:
            self._observe(name, perf_counter() - started)

    @contextmanager
    def _turn_to_write(self, name: str, *, even_closed: bool = False) -> Iterator[None]:
        if not self._writing.acquire(timeout=self._timeout):
            raise StoreError(f"{name}: another write has held {self._named} for {self._timeout:g} s; try again")
        try:
            if self._closed.is_set() and not even_closed:
                self._refuse_closed(name)
            yield
        finally:
            self._writing.release()

    @contextmanager
    def _reader(self) -> Iterator[DuckDBConnection]:
        if not self._turns.acquire(timeout=self._timeout):
            raise StoreError(
                f"all {self._readers} readers of {self._named} have been busy for {self._timeout:g} s; try again, or open more"
            )
        try:
            with self._pool_lock:
                if self._closed.is_set():
                    self._refuse_closed("read")
                connection = self._idle.pop() if self._idle else self._main.clone()
                self._busy += 1
            try:
                yield connection
            finally:
                with self._pool_lock:
                    self._busy -= 1
                    if self._closed.is_set():
                        connection.close()
                    else:
                        self._idle.append(connection)
        finally:
            self._turns.release()

    def _refuse_closed(self, name: str) -> NoReturn:
        raise StoreError(f"{name}: the store {self._named} is closed")

    def _keep_private(self) -> None:
        # DuckDB makes files as the umask says, and makes the log anew after every checkpoint.
        if self._path is None or self._read_only:
            return
        for path in (self._path, self._path.with_name(self._path.name + ".wal")):
            with suppress(FileNotFoundError):
                if stat.S_IMODE(path.stat().st_mode) != _PRIVATE:
                    path.chmod(_PRIVATE)


class DuckDBTransaction:
    """Statements of the writer's connection, see `wheelhouse.store.engine.Transaction`."""

    def __init__(self, connection: DuckDBConnection) -> None:
        self._connection = connection
        self._staged = False

    def execute(self, sql: str, parameters: Sequence[SqlValue] = ()) -> pl.DataFrame:
        """Run one statement and return its rows."""
        return self._connection.run(sql, parameters)

    def stage(self, frame: pl.DataFrame) -> None:
        """Put a frame into the temporary table, instead of what was there; it goes with the transaction."""
        self.unstage()
        self._connection.ingest(STAGE, frame)
        self._staged = True

    def unstage(self) -> None:
        """Drop the temporary table if there is one."""
        if self._staged:
            self.execute(f"DROP TABLE {STAGE}")
            self._staged = False


def _summaries(connection: DuckDBConnection, database: str | None = None) -> dict[str, TableSummary]:
    tables = connection.run(
        "SELECT table_name FROM duckdb_tables() "
        "WHERE database_name = coalesce($1, current_database()) AND NOT internal AND NOT temporary ORDER BY table_name",
        (database,),
    )
    prefix = "" if database is None else f"{_name(database)}."
    found = {}
    for table in tables.get_column("table_name"):
        # hash() of a whole row; the sum does not care for the order of rows, and unlike XOR it notices a pair of equal ones.
        sql = f"SELECT count(*), coalesce(sum(hash(t)), 0)::HUGEINT::TEXT FROM {prefix}{_name(table)} AS t"  # noqa: S608 - names are quoted
        rows, total = connection.run(sql).row(0)
        found[table] = TableSummary(rows=rows, checksum=f"{int(total):x}")
    return found


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _check_place(path: Path, *, read_only: bool) -> None:
    if not path.parent.is_dir():
        raise ConfigurationError(
            f"the folder {path.parent} of the database {path.name} does not exist; make it, or name another"
        )
    if path.is_dir():
        raise ConfigurationError(f"{path} is a folder; name a file for the database")
    if read_only and not path.exists():
        raise ConfigurationError(f"the database {path} does not exist, and opening it for reading does not make it")


def _register(path: Path) -> None:
    with _open_files_lock:
        if path in _open_files:
            raise StoreHeld(f"this process has {path} open already; use that store, or close it first")
        _open_files.add(path)


def _unregister(path: Path) -> None:
    with _open_files_lock:
        _open_files.discard(path)
