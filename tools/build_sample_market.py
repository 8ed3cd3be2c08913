"""Build the sample market that wheelhouse ships from the wheel of bokeh-sampledata.

Usage::

    pip download --no-deps bokeh-sampledata==2026.1 -d /tmp/sample
    python tools/build_sample_market.py /tmp/sample/bokeh_sampledata-2026.1-py3-none-any.whl src/wheelhouse/feeds

Writes ``sample_market.parquet`` (bars) and ``sample_events.json`` (dividends and splits that the raw and adjusted closes reveal). The same
wheel gives the same bytes with the same version of polars.
"""

import gzip
import hashlib
import io
import json
import sys
import zipfile
from pathlib import Path

import polars as pl

from wheelhouse.market.events import dividends_from_adjusted, separate_specials, splits_from_adjusted
from wheelhouse.market.frames import BAR_SCHEMA, TIMESTAMP

SYMBOLS = ("AAPL", "GOOG", "IBM", "MSFT")
MEMBER = "bokeh_sampledata/_data/stocks.csv.gz"
SHA256 = "5abadf99b2d394f920120a27de6f0df129859d71d4cfb0bf661bcc99446ab1fd"


def read_bars(wheel: Path) -> pl.DataFrame:
    """Read the bars of the sample's symbols; adjusted closes are rescaled to equal the raw close on each symbol's last day."""
    with zipfile.ZipFile(wheel) as archive:
        packed = archive.read(MEMBER)
    digest = hashlib.sha256(packed).hexdigest()
    if digest != SHA256:
        raise SystemExit(f"{MEMBER} in {wheel} has sha256 {digest}, expected {SHA256}: use bokeh-sampledata 2026.1")
    raw = pl.read_csv(io.BytesIO(gzip.decompress(packed)), try_parse_dates=True)
    # The source adjusts to the end of its archive in 2018; the sample ends in 2013, and so do its adjustments.
    scale = (pl.col("Close") / pl.col("Adj Close")).last().over("Ticker", order_by="Date")
    return (
        raw.filter(pl.col("Ticker").is_in(SYMBOLS))
        .select(
            symbol="Ticker",
            ts=pl.col("Date").cast(TIMESTAMP),
            open="Open",
            high="High",
            low="Low",
            close="Close",
            volume=pl.col("Volume").cast(pl.Float64),
            adjusted_close=(pl.col("Adj Close") * scale).round(6),
        )
        .sort("symbol", "ts")
        .cast(BAR_SCHEMA)
    )


def derive_events(bars: pl.DataFrame) -> dict[str, dict[str, list[dict[str, str]]]]:
    """Derive each symbol's splits and dividends, as JSON-ready texts."""
    events = {}
    for symbol in SYMBOLS:
        own = bars.filter(pl.col("symbol") == symbol)
        splits = splits_from_adjusted(own)
        dividends = separate_specials(dividends_from_adjusted(own, splits))
        events[symbol] = {
            "splits": [{"ex_date": s.ex_date.isoformat(), "ratio": str(s.ratio)} for s in splits],
            "dividends": [
                {"ex_date": d.ex_date.isoformat(), "amount": str(d.amount), "kind": d.kind} for d in dividends
            ],
        }
    return events


def main(wheel: Path, folder: Path) -> None:
    """Write both files."""
    bars = read_bars(wheel)
    bars.write_parquet(folder / "sample_market.parquet", compression="zstd", compression_level=19, statistics=False)
    (folder / "sample_events.json").write_text(json.dumps(derive_events(bars), indent=1) + "\n")
    print(f"{bars.height} bars of {', '.join(SYMBOLS)} written to {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
