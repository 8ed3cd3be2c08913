"""What goes into the store and comes out of it, beside frames, ledger events and orders."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from wheelhouse.market.instruments import AccountKind


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """An account, without what its ledger says; `halted` is its own kill switch."""

    id: str
    name: str
    kind: AccountKind
    created_at: datetime
    halted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """An API key: its hash, never the key. `revoked_at` is None while it is good."""

    id: str
    name: str
    role: str
    hash: str
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyRecord:
    """The answer that was given to a request, to be given again to the same request.

    Attributes
    ----------
    account_id
        The account whose key it is; empty for requests of no account.
    body_hash
        Tells the same body from another one.
    status, response
        The HTTP status and body.
    created_at
        In the clock of the host, since keys live 24 hours of real time.
    """

    account_id: str
    key: str
    body_hash: str
    status: int
    response: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityRecord:
    """An account's value in USD at the end of a day, and the flow (deposits less withdrawals) at its start."""

    account_id: str
    day: date
    equity: Decimal
    flow: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """What became of the rows of a batch.

    Attributes
    ----------
    accepted
        Rows that are stored now.
    duplicates
        Rows that were stored already with the same values.
    conflicts
        Indexes of rows whose key is stored with other values; they were left out.
    """

    accepted: int
    duplicates: int
    conflicts: tuple[int, ...] = ()


class RefusedRecord(Protocol):
    """A record of a batch that a quality rule refused, as `wheelhouse.feeds.quality.Rejection` is."""

    @property
    def index(self) -> int:
        """Row in the batch."""

    @property
    def rule(self) -> str:
        """Code of the rule."""

    @property
    def detail(self) -> str:
        """Sentence for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedRecord:
    """A record that was refused; `record` is its JSON."""

    kind: str
    received_at: datetime
    rule: str
    detail: str
    record: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """What a backup holds.

    Attributes
    ----------
    path
        The file that was written or restored.
    schema_version
        Number of the last migration.
    engine
        Product and version that computed the checksums; they compare only within one version.
    rows, checksums
        By table; a checksum does not depend on the order of the rows.
    sha256
        Of the file.
    """

    path: Path
    schema_version: int
    engine: str
    rows: Mapping[str, int]
    checksums: Mapping[str, str]
    sha256: str
