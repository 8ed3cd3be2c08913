"""``wheelhouse ingest``, ``backup`` and ``verify``: data in, a copy out, a look for contradictions."""

import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from wheelhouse.cli.options import Database, Server, asking_the_server, settings_for


def register(app: App) -> None:
    """Add the commands."""
    app.command(ingest)
    app.command(backup)
    app.command(verify)


def ingest(
    source: Annotated[Literal["sample"], Parameter(help="Where the data comes from.")],
    /,
    *,
    symbols: Annotated[
        list[str] | None, Parameter(help="Underlyings; all of the source unless given.", consume_multiple=True)
    ] = None,
    start: Annotated[date | None, Parameter(help="First day of the bars; a year before the end unless given.")] = None,
    end: Annotated[
        date | None, Parameter(help="Day after the last of the bars; the present session unless given.")
    ] = None,
    database: Database = None,
) -> int:
    """Bring bars, terms and quotes of a source into the database."""
    from wheelhouse import __version__
    from wheelhouse.advisor.advisor import Advisor
    from wheelhouse.clock import SimulatedClock, parse_clock
    from wheelhouse.feeds.sample import SAMPLE_NOW
    from wheelhouse.telemetry import Metrics

    settings = settings_for(database)
    declared = parse_clock(settings.clock, environment=settings.environment)
    clock = declared if declared.kind == "simulated" else SimulatedClock(start=SAMPLE_NOW)
    with asking_the_server():
        advisor = Advisor.open(settings, clock=clock, metrics=Metrics(version=__version__))
    try:
        done = advisor.ingestions.run(source, symbols or [], start, end)
    finally:
        advisor.close()
    for line in done.lineage:
        _print(line)
    if declared.kind == "system":
        _print(
            f"these quotes are of {clock.now():%Y-%m-%d} and stale today: set "
            f"WHEELHOUSE_CLOCK={SAMPLE_NOW.isoformat()} for serve and advise as well"
        )
    _print(f"{done.state}: {done.accepted} accepted, {done.duplicates} known already, {done.quarantined} quarantined")
    if done.error is not None:
        sys.stderr.write(f"wheelhouse: {done.error}\n")
    return 0 if done.state == "done" else 1


def backup(
    path: Annotated[Path, Parameter(help="The file to write; it must not exist.")],
    /,
    *,
    database: Database = None,
    server: Server = None,
) -> int:
    """Write a consistent copy of the database, with checksums beside it."""
    if server is not None:
        from wheelhouse.cli.remote import call

        report = call(server, "POST", "/v1/maintenance/backup", {"path": str(path.absolute())})
        rows, written = report["rows"], report["path"]
    else:
        from wheelhouse.store.opening import open_store

        with asking_the_server():
            store = open_store(settings_for(database).database_url)
        try:
            made = store.backup(path)
        finally:
            store.close()
        rows, written = made.rows, made.path
    for table, count in rows.items():
        _print(f"{table}\t{count}")
    _print(f"wrote {written}")
    return 0


def verify(*, database: Database = None, server: Server = None) -> int:
    """Look for contradictions in what is stored; exit code 1 if there are some."""
    if server is not None:
        from wheelhouse.cli.remote import call

        problems = call(server, "POST", "/v1/maintenance/verify")["problems"]
    else:
        from wheelhouse.store.opening import open_store

        with asking_the_server():
            store = open_store(settings_for(database).database_url, read_only=True)
        try:
            problems = store.verify()
        finally:
            store.close()
    for problem in problems:
        _print(problem)
    _print(f"{len(problems)} problems" if problems else "no problems")
    return 1 if problems else 0


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
