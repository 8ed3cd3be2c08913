"""From a URL to a store."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from wheelhouse.errors import ConfigurationError
from wheelhouse.store.protocol import Store

_DUCKDB: Final = "duckdb:///"
_MEMORY: Final = ":memory:"


def database_path(url: str) -> Path | None:
    """Give the file that a DuckDB URL names, None for memory.

    Raises
    ------
    ConfigurationError
        If it is no such URL.

    Examples
    --------
    >>> database_path("duckdb:///data/wheelhouse.db")
    PosixPath('data/wheelhouse.db')
    >>> database_path("duckdb:////var/lib/wheelhouse.db")
    PosixPath('/var/lib/wheelhouse.db')
    """
    if not url.startswith(_DUCKDB) or not url.removeprefix(_DUCKDB).strip("/"):
        raise ConfigurationError(
            f"{url!r} names no database; write duckdb:///relative.db, duckdb:////absolute.db or duckdb:///:memory:"
        )
    name = url.removeprefix(_DUCKDB)
    return None if name == _MEMORY else Path(name)


def open_store(
    url: str,
    *,
    read_only: bool = False,
    readers: int = 4,
    timeout_seconds: float = 10.0,
    observe: Callable[[str, float], None] | None = None,
) -> Store:
    """Open the store that a URL names, making or migrating its schema.

    Parameters
    ----------
    url
        `duckdb:///relative.db`, `duckdb:////absolute.db` or `duckdb:///:memory:`.
    read_only
        Refuse writes and migrations.
    readers
        How many queries run at once.
    timeout_seconds
        How long a call waits for its turn before it raises `StoreError`.
    observe
        Called with name and seconds of every read and transaction.

    Raises
    ------
    ConfigurationError
        If the URL names no database that this version can open, or the file's folder does not exist.
    StoreHeld
        If another process holds the file.
    NewerDatabase
        If a later version wrote it.
    StoreError
        If the file is damaged or no database.
    """
    if url.startswith(("postgresql://", "postgres://")):
        raise ConfigurationError("postgresql:// is not available in this version; use duckdb:///file.db")
    path = database_path(url)
    # Imported here because they take seconds, which no command line should pay that opens no store.
    from wheelhouse.store.duckdb import DuckDBEngine
    from wheelhouse.store.sql import SqlStore

    engine = DuckDBEngine(
        path,
        read_only=read_only,
        readers=readers,
        timeout_seconds=timeout_seconds,
        observe=observe if observe is not None else lambda _name, _seconds: None,
    )
    try:
        return SqlStore(engine, read_only=read_only)
    except BaseException:
        engine.close()
        raise
