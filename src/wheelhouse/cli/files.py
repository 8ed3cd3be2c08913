"""``wheelhouse ingest-files``: bars and quotes of one's own, from CSV or Parquet."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from wheelhouse.cli.options import Database, asking_the_server, settings_for

if TYPE_CHECKING:
    from wheelhouse.advisor.market import Ingested

#: Refusals that are shown one by one; the rest is counted.
_SHOWN = 10


def register(app: App) -> None:
    """Add the command."""
    app.command(ingest_files)


def ingest_files(
    *,
    bars: Annotated[list[Path] | None, Parameter(help="Files of bars.", consume_multiple=True)] = None,
    quotes: Annotated[list[Path] | None, Parameter(help="Files of quotes.", consume_multiple=True)] = None,
    symbol: Annotated[str | None, Parameter(help="What bars without a symbol column are of.")] = None,
    interval: Annotated[Literal["1d", "1m"], Parameter(help="Of the bars.")] = "1d",
    database: Database = None,
) -> int:
    """Bring bars and quotes from CSV or Parquet files into the database; exit code 1 if records were refused.

    Every file is read before anything is written. Times need a zone; daily bars carry their session's date.
    """
    from wheelhouse import __version__
    from wheelhouse.advisor.advisor import Advisor
    from wheelhouse.advisor.market import Batch
    from wheelhouse.clock import parse_clock
    from wheelhouse.errors import ConfigurationError
    from wheelhouse.feeds.files import read_bars, read_quotes
    from wheelhouse.market.instruments import Evidence
    from wheelhouse.telemetry import Metrics

    if not bars and not quotes:
        raise ConfigurationError("name files to read with --bars or --quotes")
    bar_batches = [(path, Batch(frame=read_bars(path, symbol=symbol))) for path in bars or []]
    quote_batches = [(path, Batch(frame=read_quotes(path))) for path in quotes or []]
    settings = settings_for(database)
    clock = parse_clock(settings.clock, environment=settings.environment)
    with asking_the_server():
        advisor = Advisor.open(settings, clock=clock, metrics=Metrics(version=__version__))
    done: list[tuple[Path, Ingested]] = []
    try:
        for path, batch in bar_batches:
            done.append((path, advisor.market.ingest_bars(batch, interval=interval)))
        for path, batch in quote_batches:
            done.append((path, advisor.market.ingest_quotes(batch, evidence=Evidence.RECORDED)))
    finally:
        advisor.close()
    for path, ingested in done:
        _tell(path, ingested)
    return 1 if any(ingested.rejected for _, ingested in done) else 0


def _tell(path: Path, ingested: "Ingested") -> None:
    sys.stdout.write(
        f"{path}: {ingested.accepted} accepted, {ingested.duplicates} known already, {ingested.rejected} refused\n"
    )
    for refusal in ingested.rejections[:_SHOWN]:
        # Rows count from 1 below the header, as an editor shows them.
        sys.stdout.write(f"  line {refusal.index + 2}: {refusal.rule}: {refusal.detail}\n")
    if ingested.rejected > _SHOWN:
        sys.stdout.write(f"  and {ingested.rejected - _SHOWN} more\n")
