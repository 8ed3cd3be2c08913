"""API keys: making, hashing, recognising and revoking them.

A key is 256 random bits, so one SHA-256 is enough: there is nothing to guess that a slow hash would protect. The store never
holds a key, only its hash; a key is shown once, when it is made.
"""

import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Protocol
from uuid import uuid4

from wheelhouse.errors import InvalidInput, NotFound
from wheelhouse.store.records import KeyRecord

KEY_PREFIX = "wh_"
_LOOKUP_CHARACTERS = 16


class Role(IntEnum):
    """What a key may do; each role may do what the ones below it may."""

    READER = 1
    TRADER = 2
    ADMIN = 3

    @property
    def label(self) -> str:
        """The role as the API writes it."""
        return self.name.lower()


class KeyStore(Protocol):
    """Where keys are kept; every store is one."""

    def put_key(self, record: KeyRecord) -> None:
        """Keep a key."""
        ...

    def keys(self) -> list[KeyRecord]:
        """All keys, revoked ones too."""
        ...

    def revoke_key(self, key_id: str, at: datetime) -> None:
        """Mark a key as revoked."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who is asking: a key that was recognised."""

    key_id: str
    name: str
    role: Role


def parse_role(text: str) -> Role:
    """The role of that name.

    Raises
    ------
    InvalidInput
        There is none.
    """
    try:
        return Role[text.upper()]
    except KeyError:
        raise InvalidInput(f"role {text!r} is none of {', '.join(role.label for role in Role)}") from None


def hash_key(key: str) -> str:
    """What the store keeps of a key: its SHA-256 in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


class KeyRing:
    """The keys of a store, held in memory for recognising them without a query.

    Lifetimes of keys run in real time, whatever the market's clock says.
    """

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._by_prefix: dict[str, list[KeyRecord]] = {}
        self.reload()

    def reload(self) -> None:
        """Read the keys again."""
        index: dict[str, list[KeyRecord]] = {}
        for record in self._store.keys():  # noqa: SIM118 - no dict
            if record.revoked_at is None:
                index.setdefault(record.hash[:_LOOKUP_CHARACTERS], []).append(record)
        self._by_prefix = index

    def recognise(self, key: str) -> Principal | None:
        """Who holds this key, None if it is unknown or revoked."""
        digest = hash_key(key)
        for record in self._by_prefix.get(digest[:_LOOKUP_CHARACTERS], ()):
            if hmac.compare_digest(record.hash, digest):
                return Principal(key_id=record.id, name=record.name, role=parse_role(record.role))
        return None

    def create(self, *, name: str, role: Role) -> tuple[KeyRecord, str]:
        """Make a key; the second value is the key itself, to be shown once."""
        key = KEY_PREFIX + secrets.token_urlsafe(32)
        return self._put(name=name, role=role, key=key), key

    def install(self, key: str, *, name: str, role: Role) -> None:
        """Store a given key's hash, unless the store knows it already, revoked or not."""
        digest = hash_key(key)
        if not any(hmac.compare_digest(record.hash, digest) for record in self._store.keys()):  # noqa: SIM118
            self._put(name=name, role=role, key=key)

    def list(self) -> list[KeyRecord]:
        """All keys ever made, oldest first."""
        return sorted(self._store.keys(), key=lambda record: (record.created_at, record.id))

    def revoke(self, key_id: str) -> KeyRecord:
        """End a key at once; revoking it again changes nothing.

        Raises
        ------
        NotFound
            There is no such key.
        """
        with self._lock:
            record = next((record for record in self._store.keys() if record.id == key_id), None)  # noqa: SIM118
            if record is None:
                raise NotFound(f"there is no key {key_id!r}; see the list of keys")
            if record.revoked_at is None:
                self._store.revoke_key(key_id, datetime.now(UTC))
            self.reload()
            return record

    def _put(self, *, name: str, role: Role, key: str) -> KeyRecord:
        record = KeyRecord(
            id=uuid4().hex[:12],
            name=name,
            role=role.label,
            hash=hash_key(key),
            created_at=datetime.now(UTC),
            revoked_at=None,
        )
        with self._lock:
            self._store.put_key(record)
            self.reload()
        return record
