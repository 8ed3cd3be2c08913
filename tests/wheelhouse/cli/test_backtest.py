import json

import pytest

from wheelhouse.cli import EXIT_USAGE, main

WEEKS = ("--start", "2005-02-01", "--end", "2005-03-05")


@pytest.fixture(autouse=True)
def _settings_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path):
    # The command sets it; so it is put back afterwards.
    monkeypatch.setenv("POLARS_MAX_THREADS", "1")
    monkeypatch.chdir(tmp_path)


def test_a_backtest_prints_its_tear_sheet(capsys):
    assert main(["backtest", "AAPL", *WEEKS, "--cash", "50000"]) == 0
    text = capsys.readouterr().out
    for part in (
        "The wheel on AAPL  2005-02-01 to 2005-03-04",
        "hold AAPL",
        "50,000.00",
        "sample market, simulated quotes",
        "explained to the cent on each of 22 days",
    ):
        assert part in text


def test_the_document_is_the_same_each_time(capsys):
    printed = []
    for _ in range(2):
        assert (
            main(["backtest", "MSFT", "ibm", *WEEKS, "--json", "--cash-rate", "bills", "--preset", "early_exit"]) == 0
        )
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    document = json.loads(printed[0])
    assert document["label"] == "sample market, simulated quotes"
    assert set(document["buy_and_hold"]) == {"IBM", "MSFT"}
    assert document["initial"] == 200_000
    assert document["activity"]["interest"] > 0
    assert document["ledger"]["days"] == 22


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["GOOG", "--start", "2004-08-02", "--end", "2004-09-01"], "bars reach from 2004-08-19"),
        (["TSLA", *WEEKS], "not in the sample market"),
        ([], "at least one symbol"),
        (["AAPL", *WEEKS, "--cash-rate", "much"], "--cash-rate 'much'"),
        (["AAPL", *WEEKS, "--cash", "0"], "above 0 USD"),
        (["AAPL", "--start", "2012-01-03", "--end", "2014-01-01"], "no daily bar of 2013-03-04"),
    ],
)
def test_what_cannot_be_played_says_why_at_once(arguments, told, capsys):
    assert main(["backtest", *arguments]) == EXIT_USAGE
    assert told in capsys.readouterr().err
