"""Options that several commands share, and how they become settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from wheelhouse.errors import StoreHeld

if TYPE_CHECKING:
    from wheelhouse.settings import Settings

Database = Annotated[
    str | None,
    Parameter(
        name="--database", help="Where the data is: duckdb:///relative.db, duckdb:////absolute.db, duckdb:///:memory:"
    ),
]
Server = Annotated[
    str | None,
    Parameter(name="--server", help="Ask this running server instead of opening the database; key in WHEELHOUSE_KEY."),
]


def settings_for(database: str | None) -> "Settings":
    """The settings, with the database of the command line if one was given."""
    from wheelhouse.settings import load_settings

    return load_settings(database_url=database)


@contextmanager
def asking_the_server() -> Iterator[None]:
    """Say of a database that a server holds how to go on."""
    try:
        yield
    except StoreHeld as error:
        raise StoreHeld(f"{error}; ask the server that holds it: --server URL (key in WHEELHOUSE_KEY)") from error
