"""The little that the store asks of a database, so that its SQL is written once.

SQL is the common part of DuckDB and PostgreSQL with parameters `$1, $2, ...`. An engine knows its driver, its connections and its
errors, and nothing of the tables.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, Protocol

import polars as pl

SqlValue = str | int | float | bool | bytes | Decimal | date | datetime | None

STAGE: Final = "stage"
"""Name of the temporary table that a batch passes through."""

ROWS_PER_STATEMENT: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSummary:
    """Number of rows of a table, and a checksum that does not depend on their order."""

    rows: int
    checksum: str


class Transaction(Protocol):
    """Statements that take effect together or not at all."""

    def execute(self, sql: str, parameters: Sequence[SqlValue] = ()) -> pl.DataFrame:
        """Run one statement and return its rows."""

    def stage(self, frame: pl.DataFrame) -> None:
        """Put a frame into the temporary table `STAGE`, instead of what was there; it goes with the transaction."""


class Engine(Protocol):
    """A database. Every call is safe from several threads.

    Errors of the driver arrive as `StoreError`; a violated unique constraint as `Conflict`.
    """

    def read(self, name: str, sql: str, parameters: Sequence[SqlValue] = ()) -> pl.DataFrame:
        """Run one query; `name` is what its duration is reported under."""

    def transaction(self, name: str) -> AbstractContextManager[Transaction]:
        """Open a transaction that commits when the block ends, and rolls back if it raises."""

    def tables(self) -> tuple[str, ...]:
        """Name the tables of the store, sorted."""

    def summaries(self) -> Mapping[str, TableSummary]:
        """Count and checksum every table in one consistent view."""

    def copy_to(self, path: Path) -> Mapping[str, TableSummary]:
        """Write a consistent copy into a new file while others read and write; describe what it holds."""

    def connections(self) -> Mapping[str, int]:
        """Count connections by state, `idle` and `busy`."""

    def checkpoint(self) -> None:
        """Move what is in the write-ahead log into the database."""

    def version(self) -> str:
        """Name product and version."""

    def close(self) -> None:
        """Wait for running statements, then let go of the database. Closing twice is harmless."""


def insert(
    transaction: Transaction, table: str, columns: Sequence[str], rows: Sequence[Sequence[SqlValue]], suffix: str = ""
) -> pl.DataFrame:
    """Insert a few rows, many to a statement; `suffix` is an ON CONFLICT or RETURNING clause. Returns the returned rows.

    Large batches go through `Transaction.stage`.
    """
    answers: list[pl.DataFrame] = []
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        chunk = rows[start : start + ROWS_PER_STATEMENT]
        width = len(columns)
        places = ", ".join(
            "(" + ", ".join(f"${place * width + column + 1}" for column in range(width)) + ")"
            for place in range(len(chunk))
        )
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES {places} {suffix}"  # noqa: S608 - names are ours
        answers.append(transaction.execute(sql, [value for row in chunk for value in row]))
    return pl.concat(answers) if answers else pl.DataFrame()
