import os
import subprocess
import sys

import pytest


def run(tmp_path, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WHEELHOUSE_")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "wheelhouse", *arguments],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_risk_of_a_described_account_on_the_sample_market(tmp_path):
    done = run(tmp_path, "risk", "--hold", "AAPL=300", "AAPL130420P00400000=-2")
    assert done.returncode == 0, done.stderr
    for text in (
        "delta shares",
        "historical",
        "80,000.00 USD for 200 AAPL",
        "protective put",
        "sample market, simulated",
    ):
        assert text in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert list(tmp_path.iterdir()) == []


def test_risk_of_a_stored_account(tmp_path):
    from decimal import Decimal

    from wheelhouse import __version__
    from wheelhouse.advisor.advisor import Advisor
    from wheelhouse.clock import SystemClock
    from wheelhouse.market.instruments import AccountKind
    from wheelhouse.settings import load_settings
    from wheelhouse.telemetry import Metrics

    url = f"duckdb:///{tmp_path / 'books.db'}"
    advisor = Advisor.open(load_settings(database_url=url), clock=SystemClock(), metrics=Metrics(version=__version__))
    book = advisor.accounts.create(name="a", kind=AccountKind.CASH, cash=Decimal(1000), positions=[])
    advisor.close()
    done = run(tmp_path, "risk", book.id, "--database", url)
    assert done.returncode == 0, done.stderr
    assert "no hedge within the budget" in done.stdout
    assert run(tmp_path, "risk", "nobody", "--database", url).returncode == 4


@pytest.mark.parametrize("arguments", [[], ["x", "--hold", "AAPL=1"], ["--hold", "AAPL"], ["--hold", "AAPL=1.5"]])
def test_what_is_not_an_account_is_said(tmp_path, arguments):
    done = run(tmp_path, "risk", *arguments)
    assert done.returncode == 4
    assert "wheelhouse:" in done.stderr
