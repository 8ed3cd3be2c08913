"""Bringing a database to the schema that this version knows."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from wheelhouse.errors import NewerDatabase, StoreError
from wheelhouse.store.engine import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step of the schema: its number from 1 without a gap, its name, and its statements."""

    version: int
    name: str
    statements: tuple[str, ...]


@cache
def migrations() -> tuple[Migration, ...]:
    """Read the migrations that ship with the package, in order."""
    found = sorted(
        (entry for entry in files("wheelhouse.store.migrations").iterdir() if entry.name.endswith(".sql")),
        key=lambda entry: entry.name,
    )
    steps = []
    for place, entry in enumerate(found, start=1):
        number, _, name = entry.name.removesuffix(".sql").partition("_")
        if int(number) != place:
            raise StoreError(
                f"migration {entry.name} is number {place} in its folder; numbers run from 0001 without a gap"
            )
        steps.append(Migration(version=place, name=name, statements=_statements(entry.read_text(encoding="utf-8"))))
    return tuple(steps)


def latest_version() -> int:
    """Give the schema version of this package."""
    return len(migrations())


def schema_version(engine: Engine) -> int:
    """Give the schema version of a database, 0 if it is empty."""
    if "schema_migrations" not in engine.tables():
        return 0
    newest = engine.read("schema_version", "SELECT coalesce(max(version), 0) AS version FROM schema_migrations")
    return int(newest.item())


def migrate(engine: Engine, *, read_only: bool = False) -> int:
    """Apply what is missing, each migration in a transaction of its own, and return the version reached.

    Raises
    ------
    NewerDatabase
        If the database has migrations that this package does not know. Nothing is changed.
    StoreError
        If migrations are missing and the database is open for reading only.
    """
    version, newest = schema_version(engine), latest_version()
    if version > newest:
        raise NewerDatabase(
            f"the database has schema {version}, this wheelhouse knows {newest}; "
            "install the version that wrote it, or restore a backup made before the upgrade"
        )
    if read_only and version < newest:
        raise StoreError(
            f"the database has schema {version}, this wheelhouse needs {newest}; open it once for writing, which migrates it"
        )
    for step in migrations()[version:]:
        with engine.transaction("migrate") as transaction:
            transaction.execute(
                "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL)"
            )
            for statement in step.statements:
                transaction.execute(statement)
            transaction.execute("INSERT INTO schema_migrations VALUES ($1, $2)", (step.version, step.name))
    return newest


def _statements(text: str) -> tuple[str, ...]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return tuple(part.strip() for part in "\n".join(lines).split(";") if part.strip())
