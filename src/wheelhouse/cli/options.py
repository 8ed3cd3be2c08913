"""Options that several commands share, and how they become settings."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

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
