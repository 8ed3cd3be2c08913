"""Backup, restore, verification and compaction.

A backup is one database file and beside it, under the same name with `.manifest.json`, what it holds.
"""

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

from wheelhouse.errors import ConfigurationError, NewerDatabase, NotFound, StoreError
from wheelhouse.ledger.events import EventKind
from wheelhouse.ledger.orders import OrderStatus
from wheelhouse.store.engine import Engine
from wheelhouse.store.records import BackupReport
from wheelhouse.store.schema import latest_version

_PRIVATE: Final = 0o600
_SHOWN: Final = 5
_COPY_BYTES: Final = 1 << 20

_KINDS: Final = ", ".join(f"'{kind.value}'" for kind in EventKind)
_STATUSES: Final = ", ".join(f"'{status.value}'" for status in OrderStatus)

# Each query returns one row for each contradiction, and its columns fill the sentence.
_RULES: Final[tuple[tuple[str, str], ...]] = (
    (
        "account {0}: {1} events, sequences {2} to {3}, and the account says {4}",
        (
            "SELECT a.id, count(e.id), min(e.sequence) AS first, max(e.sequence) AS last, a.last_sequence FROM accounts AS a "
            "LEFT JOIN ledger_events AS e ON e.account_id = a.id GROUP BY a.id, a.last_sequence "
            "HAVING count(e.id) <> a.last_sequence OR coalesce(max(e.sequence), 0) <> a.last_sequence OR coalesce(min(e.sequence), 1) <> 1"
        ),
    ),
    (
        "account {0}: the ledger sums to cash {1}, and the account says {2}",
        (
            "SELECT a.id, coalesce(sum(e.cash), 0), a.cash FROM accounts AS a LEFT JOIN ledger_events AS e ON e.account_id = a.id "
            "GROUP BY a.id, a.cash HAVING coalesce(sum(e.cash), 0) <> a.cash"
        ),
    ),
    (
        "account {0}: event id {1} occurs {2} times",
        "SELECT account_id, id, count(*) FROM ledger_events GROUP BY account_id, id HAVING count(*) > 1",
    ),
    (
        "event {1} of account {0}: there is no such account",
        "SELECT account_id, sequence FROM ledger_events WHERE account_id NOT IN (SELECT id FROM accounts)",
    ),
    (
        "event {1} of account {0}: kind {2!r} is unknown",
        f"SELECT account_id, sequence, kind FROM ledger_events WHERE kind NOT IN ({_KINDS})",  # noqa: S608
    ),
    (
        "event {1} of account {0}: there is no order {2}",
        (
            "SELECT e.account_id, e.sequence, e.order_id FROM ledger_events AS e LEFT JOIN orders AS o "
            "ON o.id = e.order_id AND o.account_id = e.account_id WHERE e.order_id IS NOT NULL AND o.id IS NULL"
        ),
    ),
    (
        "order {0}: there is no account {1}",
        "SELECT id, account_id FROM orders WHERE account_id NOT IN (SELECT id FROM accounts)",
    ),
    (
        "order {0}: status {1!r} is unknown",
        f"SELECT id, status FROM orders WHERE status NOT IN ({_STATUSES})",  # noqa: S608
    ),
    (
        "equity of {1}: there is no account {0}",
        "SELECT account_id, day FROM equity WHERE account_id NOT IN (SELECT id FROM accounts)",
    ),
    (
        "answer to key {1!r}: there is no account {0}",
        "SELECT account_id, key FROM idempotency WHERE account_id <> '' AND account_id NOT IN (SELECT id FROM accounts)",
    ),
    (
        "quote of {0!r} at {1}: stored {2} times",
        "SELECT symbol, ts, count(*) FROM quotes GROUP BY symbol, ts HAVING count(*) > 1",
    ),
    (
        "bar of {0!r} at {1}, interval {2}: stored {3} times",
        "SELECT symbol, ts, bar_interval, count(*) FROM bars GROUP BY symbol, ts, bar_interval HAVING count(*) > 1",
    ),
    (
        "quotes of {0!r}: the newest is of {1}, and the one at hand of {2}",
        (
            "SELECT coalesce(h.symbol, q.symbol) AS symbol, h.ts AS newest, q.ts AS at_hand FROM (SELECT symbol, max(ts) AS ts FROM quotes GROUP BY symbol) AS h "
            "FULL JOIN latest_quotes AS q ON q.symbol = h.symbol WHERE h.ts IS NULL OR q.ts IS NULL OR h.ts <> q.ts"
        ),
    ),
)


def problems(engine: Engine) -> list[str]:
    """Look for contradictions: gaps in a ledger, sums, references to nothing, repeated keys.

    Returns
    -------
    list of str
        A sentence for each; of many of one sort the first few and their number. Empty if all is well.
    """
    found = []
    for sentence, sql in _RULES:
        rows = engine.read("verify", sql).rows()
        found += [sentence.format(*row) for row in rows[:_SHOWN]]
        if len(rows) > _SHOWN:
            found.append(f"and {len(rows) - _SHOWN} more of the sort: {sentence.format(*rows[_SHOWN])}")
    return found


def back_up(engine: Engine, path: Path, *, schema_version: int) -> BackupReport:
    """Write a consistent copy into a new file while others read and write, and its manifest beside it.

    Raises
    ------
    ConfigurationError
        If the folder does not exist or the file does.
    StoreError
        If writing fails, or the copy does not hold what was read. No file of that name is left then.
    """
    if path.exists():
        raise ConfigurationError(f"{path} exists; name a new file for the backup")
    if not path.parent.is_dir():
        raise ConfigurationError(
            f"the folder {path.parent} of the backup {path.name} does not exist; make it, or name another"
        )
    partial = path.with_name(path.name + ".partial")
    held = engine.copy_to(partial)
    report = BackupReport(
        path=path,
        schema_version=schema_version,
        engine=engine.version(),
        rows={name: it.rows for name, it in held.items()},
        checksums={name: it.checksum for name, it in held.items()},
        sha256=_sha256(partial),
    )
    _write_private(_manifest_of(path), json.dumps(_manifest(report), indent=1, sort_keys=True))
    # The name appears last: a backup that has its name is whole.
    _sync(partial)
    partial.rename(path)
    _sync(path.parent)
    return report


def restore(source: Path, destination: Path) -> BackupReport:
    """Make a database of a backup in a new place, and prove that it holds what the manifest says.

    Raises
    ------
    NotFound
        If the backup or its manifest does not exist.
    ConfigurationError
        If the destination exists or its folder does not.
    StoreError
        If the backup is not what its manifest says, or what it holds contradicts itself. No destination is left then.
    NewerDatabase
        If a later version wrote the backup.
    """
    manifest = read_manifest(source)
    if destination.exists():
        raise ConfigurationError(f"{destination} exists; restore into a new file, then point the database URL to it")
    if not destination.parent.is_dir():
        raise ConfigurationError(f"the folder {destination.parent} does not exist; make it, or name another")
    if (found := _sha256(source)) != manifest.sha256:
        raise StoreError(
            f"the backup {source} is damaged: its SHA-256 is {found}, its manifest says {manifest.sha256}; use another backup"
        )
    partial = destination.with_name(destination.name + ".partial")
    try:
        _copy_private(source, partial)
        _prove(partial, manifest)
        _sync(partial)
        partial.rename(destination)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync(destination.parent)
    return replace(manifest, path=destination)


def read_manifest(source: Path) -> BackupReport:
    """Read what a backup is said to hold.

    Raises
    ------
    NotFound
        If the backup or its manifest does not exist.
    StoreError
        If the manifest cannot be read.
    """
    path = _manifest_of(source)
    for needed in (source, path):
        if not needed.is_file():
            raise NotFound(f"there is no {needed}; a backup is a database file and its manifest beside it")
    try:
        return BackupReport(path=source, **json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise StoreError(f"the manifest {path} cannot be read: {error}; use another backup") from error


def cluster(engine: Engine) -> None:
    """Put quotes and bars in the order of symbol and time, so that one symbol's history lies together."""
    with engine.transaction("compact") as transaction:
        for table, order in (("quotes", "symbol, ts"), ("bars", "bar_interval, symbol, ts")):
            transaction.execute(f"CREATE TEMPORARY TABLE sorted AS SELECT * FROM {table} ORDER BY {order}")  # noqa: S608
            transaction.execute(f"DELETE FROM {table}")  # noqa: S608
            transaction.execute(f"INSERT INTO {table} SELECT * FROM sorted")  # noqa: S608
            transaction.execute("DROP TABLE sorted")


def _prove(path: Path, manifest: BackupReport) -> None:
    """Open a restored file for reading and compare it with the manifest."""
    # Backups are DuckDB files, and importing their driver takes seconds.
    from wheelhouse.store.duckdb import DuckDBEngine

    engine = DuckDBEngine(path, read_only=True)
    try:
        if manifest.schema_version > latest_version():
            raise NewerDatabase(
                f"the backup has schema {manifest.schema_version}, this wheelhouse knows {latest_version()}; "
                "restore it with the version that wrote it"
            )
        held = engine.summaries()
        rows = {name: it.rows for name, it in held.items()}
        if rows != dict(manifest.rows):
            raise StoreError(
                f"the backup holds {rows} rows, its manifest says {dict(manifest.rows)}; use another backup"
            )
        checksums = {name: it.checksum for name, it in held.items()}
        if manifest.engine == engine.version() and checksums != dict(manifest.checksums):
            raise StoreError(
                f"the checksums of the backup are {checksums}, its manifest says {dict(manifest.checksums)}"
            )
        # Of an older schema some tables may be missing, which is no contradiction.
        if manifest.schema_version == latest_version() and (found := problems(engine)):
            raise StoreError(f"what the backup holds contradicts itself: {'; '.join(found)}; use another backup")
    finally:
        engine.close()


def _manifest_of(path: Path) -> Path:
    return path.with_name(path.name + ".manifest.json")


def _manifest(report: BackupReport) -> dict[str, object]:
    return {
        "schema_version": report.schema_version,
        "engine": report.engine,
        "rows": dict(report.rows),
        "checksums": dict(report.checksums),
        "sha256": report.sha256,
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy_private(source: Path, target: Path) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
    with source.open("rb") as reader, os.fdopen(descriptor, "wb") as writer:
        shutil.copyfileobj(reader, writer, _COPY_BYTES)


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
