"""The engine under threads, long readers and failures."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from wheelhouse.errors import Conflict, StoreError
from wheelhouse.ledger.events import EventKind, LedgerEvent, sequenced
from wheelhouse.market.instruments import AccountKind, Evidence
from wheelhouse.store.duckdb import DuckDBEngine
from wheelhouse.store.engine import insert
from wheelhouse.store.opening import open_store
from wheelhouse.store.records import AccountRecord

NOON = datetime(2013, 3, 1, 17, tzinfo=UTC)
SLOW = "SELECT sum(hash(a.range) % 7) FROM range(9000) AS a, range(9000) AS b"


def cash(account_id: str, name: str, amount: int = 1) -> LedgerEvent:
    return LedgerEvent(id=name, account_id=account_id, ts=NOON, kind=EventKind.CASH, cash=Decimal(amount))


def test_a_transaction_is_all_or_nothing(path: Path) -> None:
    engine = DuckDBEngine(path)
    with engine.transaction("make") as transaction:
        transaction.execute("CREATE TABLE t (a INTEGER PRIMARY KEY)")
        transaction.execute("INSERT INTO t VALUES (7)")
    with pytest.raises(RuntimeError), engine.transaction("fail") as transaction:  # noqa: PT012 - all of it is the transaction
        transaction.stage(pl.DataFrame({"a": [1, 2]}))
        transaction.execute("INSERT INTO t SELECT a FROM stage")
        raise RuntimeError
    for rows in ([(1,), (1,)], [(7,)]):
        with pytest.raises(Conflict), engine.transaction("twice") as transaction:
            insert(transaction, "t", ("a",), rows)
    with pytest.raises(StoreError, match="nowhere"), engine.transaction("wrong") as transaction:  # noqa: PT012
        insert(transaction, "t", ("a",), [(1,)])
        transaction.execute("INSERT INTO nowhere VALUES (1)")
    assert engine.read("count", "SELECT count(*) FROM t").item() == 1
    with engine.transaction("works") as transaction:
        transaction.stage(pl.DataFrame({"a": [1]}))
        transaction.stage(pl.DataFrame({"a": [2, 3]}))
        transaction.execute("INSERT INTO t SELECT a FROM stage")
    assert engine.read("rows", "SELECT a FROM t ORDER BY a")["a"].to_list() == [2, 3, 7]
    assert engine.tables() == ("t",)
    engine.close()


def test_readers_see_only_what_is_committed() -> None:
    engine = DuckDBEngine(None)
    with engine.transaction("make") as transaction:
        transaction.execute("CREATE TABLE t (a INTEGER)")
    with engine.transaction("write") as transaction:
        transaction.execute("INSERT INTO t VALUES (1)")
        assert engine.read("during", "SELECT count(*) FROM t").item() == 0
    assert engine.read("after", "SELECT count(*) FROM t").item() == 1
    engine.close()


def test_waiting_for_a_turn_ends() -> None:
    engine = DuckDBEngine(None, readers=1, timeout_seconds=0.1)
    started = threading.Event()

    def hog() -> None:
        with engine._reader():
            started.set()
            release.wait()

    release = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(hog)
        started.wait()
        assert engine.connections() == {"idle": 1, "busy": 1}
        with pytest.raises(StoreError, match=r"all 1 readers .* busy for 0\.1 s"):
            engine.read("late", "SELECT 1")
        release.set()
        done.result()
    with (
        engine.transaction("first"),
        pytest.raises(StoreError, match=r"another write .* 0\.1 s"),
        engine.transaction("b"),
    ):
        pass
    assert engine.read("again", "SELECT 1").item() == 1
    engine.close()


def test_readers_do_not_wait_for_each_other_nor_for_the_writer() -> None:
    engine = DuckDBEngine(None, readers=3)
    with engine.transaction("make") as transaction:
        transaction.execute("CREATE TABLE t (a INTEGER)")
    with engine._reader(), engine._reader(), engine.transaction("write") as transaction:
        transaction.execute("INSERT INTO t VALUES (1)")
        assert engine.read("third", "SELECT count(*) FROM t").item() == 0
        assert engine.connections() == {"idle": 1, "busy": 3}
    engine.close()


def test_a_reader_lets_other_threads_run() -> None:
    """A query that held the interpreter would stop every other request of the process."""
    engine = DuckDBEngine(None)
    with ThreadPoolExecutor(1) as pool:
        query = pool.submit(engine.read, "slow", SLOW)
        turns = 0
        while not query.done():
            turns += 1
        assert turns > 1000
    engine.close()


def test_closing_waits_for_readers() -> None:
    engine = DuckDBEngine(None)
    with ThreadPoolExecutor(1) as pool:
        query = pool.submit(engine.read, "slow", SLOW)
        while engine.connections()["busy"] == 0 and not query.done():
            pass
        engine.close()
        assert query.done()
        assert query.result().height == 1


def test_everything_at_once_from_many_threads(url: str) -> None:
    """Eight threads append to four accounts and write quotes while others read; nothing is lost and no sum is torn."""
    store = open_store(url)
    accounts = [f"a{i}" for i in range(4)]
    for name in accounts:
        store.create_account(
            AccountRecord(id=name, name=name, kind=AccountKind.CASH, created_at=NOON), sequenced([cash(name, "e0")], 0)
        )
    stop = threading.Event()

    def append(worker: int) -> int:
        refused = 0
        for i in range(25):
            name = accounts[(worker + i) % 4]
            while True:
                last = store.events(name)[-1].sequence
                two = sequenced([cash(name, f"{worker}/{i}/in"), cash(name, f"{worker}/{i}/out", -1)], last)
                try:
                    store.commit(name, two, expected_last_sequence=last)
                    break
                except Conflict:
                    refused += 1
        return refused

    def quote(worker: int) -> None:
        for i in range(25):
            ts = NOON + timedelta(seconds=i)
            frame = pl.DataFrame({"symbol": [f"S{n}" for n in range(200)], "ts": ts, "bid": 1.0, "ask": 2.0})
            result = store.write_quotes(frame, evidence=Evidence.LIVE)
            assert result.accepted + result.duplicates == 200
            assert result.conflicts == ()

    def look() -> int:
        looks = 0
        while not stop.is_set():
            looks += 1
            for name in accounts:
                assert sum(event.cash for event in store.events(name)) == 1
            assert store.latest_quotes().height in (0, 200)
        return looks

    with ThreadPoolExecutor(10) as pool:
        lookers = [pool.submit(look) for _ in range(2)]
        writers = [pool.submit(append, i) for i in range(4)] + [pool.submit(quote, i) for i in range(4)]
        for writer in writers:
            writer.result()
        stop.set()
        assert all(looker.result() > 0 for looker in lookers)
    assert store.counts()["ledger_events"] == 4 + 4 * 25 * 2
    assert store.counts()["quotes"] == 200 * 25
    assert store.verify() == []
    store.close()


def test_updates_beside_a_long_reader(path: Path) -> None:
    """An old snapshot keeps old index entries alive, which must not make updates of the same key collide."""
    engine = DuckDBEngine(path, timeout_seconds=0.1)
    with engine.transaction("make") as transaction:
        transaction.execute("CREATE TABLE t (a TEXT PRIMARY KEY, b BIGINT)")
        transaction.execute("INSERT INTO t VALUES ('x', 0)")
    with engine._reader() as reader, reader.transaction():
        assert reader.run("SELECT b FROM t").item() == 0
        for value in range(1, 30):
            with engine.transaction("update") as transaction:
                transaction.execute("UPDATE t SET b = $1 WHERE a = 'x'", (value,))
                insert(transaction, "t", ("a", "b"), [("x", value)], "ON CONFLICT (a) DO UPDATE SET b = excluded.b + 1")
        with pytest.raises(StoreError, match="CHECKPOINT"):
            engine.checkpoint()
        assert reader.run("SELECT b FROM t").item() == 0
    engine.checkpoint()
    assert engine.read("rows", "SELECT * FROM t").rows() == [("x", 30)]
    engine.close()
