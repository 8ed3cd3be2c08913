import json
import os
import subprocess
import sys

import pytest

from wheelhouse.cli import main

HEAVY = (
    "polars",
    "numba",
    "QuantLib",
    "databento",
    "statsmodels",
    "locust",
    "numpy",
    "scipy",
    "litestar",
    "duckdb",
    "pandas",
)


def run(tmp_path, *arguments, **extra):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WHEELHOUSE_")}
    return subprocess.run(
        [sys.executable, "-m", "wheelhouse", *arguments],
        env=environment | extra,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("arguments", [("--help",), ("serve", "--help"), ("keys", "create", "--help"), ("--version",)])
def test_help_answers_without_what_takes_seconds(arguments):
    code = (
        "import sys; from wheelhouse.cli import main; code = main(sys.argv[1:]); "
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]; assert not loaded, loaded; sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_every_command_is_listed(tmp_path):
    text = run(tmp_path, "--help").stdout
    for command in ("serve", "keys", "ingest", "advise", "screen", "config", "backup", "verify"):
        assert command in text


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["keys", "create"], ["keys", "create", "--role", "root"], ["advise"], ["serve", "--port", "x"]],
)
def test_wrong_usage_is_4(arguments, capsys):
    assert main(arguments) == 4
    assert capsys.readouterr().err


def test_config_show_hides_secrets(tmp_path):
    done = run(tmp_path, "config", "show", WHEELHOUSE_BOOTSTRAP_KEY="planted-secret", WHEELHOUSE_DATABSE_URL="x")
    assert done.returncode == 0
    assert json.loads(done.stdout)["database_url"] == "duckdb:///wheelhouse.db"
    assert "planted-secret" not in done.stdout + done.stderr
    assert "WHEELHOUSE_DATABSE_URL" in done.stderr


def test_advise_without_a_database_looks_at_the_sample_and_says_so(tmp_path):
    done = run(tmp_path, "advise", "AAPL", "--cash", "100000")
    assert done.returncode == 0, done.stderr
    assert "sell put" in done.stdout
    assert "sample market, simulated quotes" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_screen_ranks_several_names(tmp_path):
    done = run(tmp_path, "screen", "AAPL", "MSFT", "--limit", "3")
    assert done.returncode == 0, done.stderr
    assert "AAPL" in done.stdout
    assert "sample market, simulated quotes" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("advise", "NOPE", "--cash", "1"), "NOPE"),
        (("advise", "AAPL", "--cash", "-1"), "--cash"),
        (("advise", "AAPL", "--cash", "abc"), "--cash"),
        (("advise", "AAPL", "--cash", "nan"), "--cash"),
        (("advise", "AAPL", "--cash", "1e400"), "--cash"),
        (("screen", "AAPL", "--cash", "ten"), "--cash"),
        (("screen", "AAPL", "--limit", "0"), "--limit"),
        (("screen",), "symbol"),
    ],
)
def test_what_cannot_be_answered_is_4(tmp_path, arguments, says):
    done = run(tmp_path, *arguments)
    assert done.returncode == 4
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_database_from_ingestion_to_backup(tmp_path):
    url = "duckdb:///own.db"
    fed = run(
        tmp_path,
        "ingest",
        "sample",
        "--symbols",
        "MSFT",
        "--start",
        "2013-02-01",
        "--end",
        "2013-03-01",
        "--database",
        url,
    )
    assert fed.returncode == 0, fed.stderr
    assert "sample market, simulated quotes" in fed.stdout
    assert fed.stdout.splitlines()[-1].startswith("done: ")
    assert "WHEELHOUSE_CLOCK=2013-03-01T15:45:00-05:00" in fed.stdout
    advised = run(
        tmp_path, "advise", "MSFT", "--cash", "50000", "--database", url, WHEELHOUSE_CLOCK="2013-03-01T15:46:00-05:00"
    )
    assert "sell put" in advised.stdout, advised.stderr
    assert "sample market" not in advised.stdout
    made = run(tmp_path, "keys", "create", "--role", "trader", "--name", "mine", "--database", url)
    key = made.stdout.split()[-1]
    assert key.startswith("wh_")
    listed = run(tmp_path, "keys", "list", "--database", url).stdout.splitlines()
    key_id, role, name, _, state = listed[0].split("\t")
    assert (role, name, state) == ("trader", "mine", "active")
    assert key not in "".join(listed)
    assert run(tmp_path, "keys", "revoke", key_id, "--database", url).returncode == 0
    assert "revoked" in run(tmp_path, "keys", "list", "--database", url).stdout
    assert run(tmp_path, "keys", "revoke", "none", "--database", url).returncode == 4
    assert run(tmp_path, "verify", "--database", url).stdout == "no problems\n"
    copied = run(tmp_path, "backup", "copy.db", "--database", url)
    assert copied.returncode == 0, copied.stderr
    assert (tmp_path / "copy.db").is_file()
    assert run(tmp_path, "backup", "copy.db", "--database", url).returncode == 4


def test_asking_a_server_needs_a_key_and_an_address(tmp_path):
    done = run(tmp_path, "keys", "list", "--server", "http://127.0.0.1:1")
    assert done.returncode == 4
    assert "WHEELHOUSE_KEY" in done.stderr
    done = run(tmp_path, "keys", "list", "--server", "ftp://x", WHEELHOUSE_KEY="k")
    assert "ftp://x" in done.stderr
    done = run(tmp_path, "keys", "list", "--server", "http://127.0.0.1:1", WHEELHOUSE_KEY="k")
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
