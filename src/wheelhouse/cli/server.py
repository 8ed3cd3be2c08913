"""``wheelhouse serve``."""

from typing import Annotated

from cyclopts import App, Parameter

from wheelhouse.cli.options import Database


def register(app: App) -> None:
    """Add the command."""
    app.command(serve)


def serve(
    *,
    host: Annotated[str | None, Parameter(help="Address to listen on; 127.0.0.1 unless configured.")] = None,
    port: Annotated[int | None, Parameter(help="Port to listen on; 0 picks a free one.")] = None,
    database: Database = None,
    workers: Annotated[int | None, Parameter(help="Processes; DuckDB allows one.")] = None,
) -> int:
    """Serve the HTTP API; prints one JSON line with the address when it listens."""
    from wheelhouse.service.serve import serve as run
    from wheelhouse.settings import load_settings

    run(load_settings(database_url=database, server={"host": host, "port": port, "workers": workers}))
    return 0
