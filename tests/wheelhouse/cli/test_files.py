"""``wheelhouse ingest-files`` as a user runs it, in a process of its own."""

import subprocess
import sys

import pytest

HEADER = "symbol,ts,open,high,low,close,volume\n"
GOOD = "SPY,2017-01-03,225.04,225.83,223.88,225.24,91366500\nSPY,2017-01-04,225.62,226.75,225.61,226.58,78744400\n"
BROKEN = "SPY,2017-01-05,226,225,227,226,1\n"


def run(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "wheelhouse", "ingest-files", *arguments, "--database", "duckdb:///own.db"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_file_goes_in_once_and_what_is_refused_is_said(tmp_path):
    (tmp_path / "bars.csv").write_text(HEADER + GOOD + BROKEN)
    first = run(tmp_path, "--bars", "bars.csv")
    assert first.returncode == 1
    assert "bars.csv: 2 accepted, 0 known already, 1 refused" in first.stdout
    assert "line 4: ohlc_inconsistent" in first.stdout
    again = run(tmp_path, "--bars", "bars.csv")
    assert "0 accepted, 2 known already, 1 refused" in again.stdout


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "bars.csv is empty"),
        (HEADER, "holds no rows"),
        ("symbol,ts,open\nSPY,2017-01-03,1\n", "column 'high' is missing"),
        (HEADER + "SPY,2017-01-03,abc,225.83,223.88,225.24,1\n", "abc"),
        (None, "bars.csv is not a file"),
    ],
    ids=["empty", "only a header", "a column short", "not a number", "not there"],
)
def test_a_file_that_cannot_be_read_exits_4_and_writes_nothing(tmp_path, content, words):
    if content is not None:
        (tmp_path / "bars.csv").write_text(content)
    done = run(tmp_path, "--bars", "bars.csv")
    assert done.returncode == 4
    assert words in done.stderr
    assert not (tmp_path / "own.db").exists()
