import subprocess
import sys

import pytest

from seatrial.faults.database_lock import HeldLock
from seatrial.faults.errors import FaultNotPossible

duckdb = pytest.importorskip("duckdb")

_OPEN = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('insert into t values (2)')"


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "trial.db"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table t (x integer)")
    return path


def opened(path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", _OPEN, str(path)], capture_output=True, text=True, check=False)


async def test_nobody_opens_a_database_that_is_held_and_everybody_afterwards(journal, told, well, database):
    async with HeldLock(journal, database):
        refused = opened(database)
        assert refused.returncode != 0
        assert "lock" in refused.stderr
    assert opened(database).returncode == 0
    assert told.phases() == well


@pytest.fixture
def holder(database):
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        yield holder
        holder.communicate()


async def test_a_database_that_is_open_cannot_be_held(journal, database, holder):
    with pytest.raises(FaultNotPossible, match=f"process {holder.pid} holds"):
        async with HeldLock(journal, database):
            pytest.fail("it is held by another")
