import json
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from wheelhouse.errors import ConfigurationError, NewerDatabase, NotFound, StoreError
from wheelhouse.ledger.events import EventKind, LedgerEvent, sequenced
from wheelhouse.ledger.orders import Leg, Order
from wheelhouse.market.instruments import AccountKind, Evidence
from wheelhouse.store.duckdb import DuckDBEngine
from wheelhouse.store.maintenance import restore
from wheelhouse.store.opening import open_store
from wheelhouse.store.protocol import Store
from wheelhouse.store.records import AccountRecord
from wheelhouse.store.sql import SqlStore

NOON = datetime(2013, 3, 1, 17, tzinfo=UTC)


def fill(store: Store) -> None:
    store.create_account(AccountRecord(id="a", name="a", kind=AccountKind.CASH, created_at=NOON), ())
    for i in range(5):
        event = LedgerEvent(
            id=str(i),
            account_id="a",
            ts=NOON,
            kind=EventKind.CASH,
            cash=Decimal("0.10"),
            order_id="o" if i == 2 else None,
        )
        order = Order(
            id="o", account_id="a", created_at=NOON, legs=(Leg(symbol="AAPL", quantity=1),), limit_price=Decimal(1)
        )
        store.commit("a", sequenced([event], i), [order], expected_last_sequence=i)
        store.write_quotes(quotes(i), evidence=Evidence.RECORDED)
    store.write_bars("1d", bars())


def quotes(second: int) -> pl.DataFrame:
    ts = NOON + timedelta(seconds=second)
    return pl.DataFrame({"symbol": ["MSFT", "AAPL"], "ts": ts, "bid": 1.0 + second, "ask": 100.0})


def bars() -> pl.DataFrame:
    prices = dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0)
    return pl.DataFrame({"symbol": ["MSFT", "AAPL"], "ts": NOON} | prices)


@pytest.fixture
def engine(path: Path) -> DuckDBEngine:
    return DuckDBEngine(path)


@pytest.fixture
def filled(engine: DuckDBEngine):
    store = SqlStore(engine)
    fill(store)
    yield store
    store.close()


def test_a_backup_restores_to_the_same_content(filled: Store, tmp_path: Path) -> None:
    report = filled.backup(tmp_path / "copy.db")
    assert report.rows["ledger_events"] == 5
    assert report.rows == filled.counts()
    assert stat.S_IMODE(report.path.stat().st_mode) == 0o600
    assert sorted(it.name for it in tmp_path.iterdir() if it.name.startswith("copy")) == [
        "copy.db",
        "copy.db.manifest.json",
    ]
    restored = restore(report.path, tmp_path / "restored.db")
    assert (restored.rows, restored.checksums) == (report.rows, report.checksums)
    again = open_store(f"duckdb:///{restored.path}")
    assert again.all_events() == filled.all_events()
    assert again.orders() == filled.orders()
    assert again.latest_quotes().equals(filled.latest_quotes())
    assert again.verify() == []
    with pytest.raises(ConfigurationError, match="exists"):
        filled.backup(report.path)
    again.close()


def test_a_backup_of_memory_is_a_file(store: Store, tmp_path: Path) -> None:
    fill(store)
    report = store.backup(tmp_path / "it's a copy.db")
    assert restore(report.path, tmp_path / "restored.db").rows == store.counts()


def test_a_backup_is_one_moment_while_others_write(filled: Store, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> int:
        last = 5
        while not stop.is_set():
            pair = [
                LedgerEvent(id=f"{last}{sign}", account_id="a", ts=NOON, kind=EventKind.CASH, cash=Decimal(sign))
                for sign in (1, -1)
            ]
            filled.commit("a", sequenced(pair, last), expected_last_sequence=last)
            last += 2
        return last

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        reports = [filled.backup(tmp_path / f"{i}.db") for i in range(3)]
        stop.set()
        assert writer.result() == filled.counts()["ledger_events"]
    for report in reports:
        restore(report.path, tmp_path / f"restored-{report.path.name}")
        assert (report.rows["ledger_events"] - 5) % 2 == 0


def test_a_damaged_backup_is_refused_and_leaves_nothing(filled: Store, tmp_path: Path) -> None:
    source = filled.backup(tmp_path / "copy.db").path
    target = tmp_path / "restored.db"
    content = bytearray(source.read_bytes())
    content[len(content) // 2] ^= 1
    source.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        restore(source, target)
    assert not list(tmp_path.glob("restored*"))


def test_a_manifest_that_says_something_else_is_refused(filled: Store, tmp_path: Path) -> None:
    source = filled.backup(tmp_path / "copy.db").path
    manifest = tmp_path / "copy.db.manifest.json"
    said = json.loads(manifest.read_text())
    for change, error in (
        ({"rows": said["rows"] | {"quotes": 9}}, StoreError),
        ({"checksums": said["checksums"] | {"quotes": "0"}}, StoreError),
        ({"schema_version": 9999}, NewerDatabase),
        ({"unknown": 1}, StoreError),
    ):
        manifest.write_text(json.dumps(said | change))
        with pytest.raises(error):
            restore(source, tmp_path / "restored.db")
    manifest.unlink()
    with pytest.raises(NotFound, match="manifest"):
        restore(source, tmp_path / "restored.db")
    assert not list(tmp_path.glob("restored*"))


def test_restoring_over_something_is_refused(filled: Store, tmp_path: Path, path: Path) -> None:
    source = filled.backup(tmp_path / "copy.db").path
    with pytest.raises(ConfigurationError, match="exists"):
        restore(source, path)
    with pytest.raises(ConfigurationError, match="does not exist"):
        restore(source, tmp_path / "no" / "restored.db")
    with pytest.raises(ConfigurationError, match="does not exist"):
        filled.backup(tmp_path / "no" / "copy.db")


@pytest.mark.parametrize(
    ("sabotage", "words"),
    [
        ("DELETE FROM ledger_events WHERE sequence = 2", "4 events, sequences 1 to 5"),
        ("DELETE FROM ledger_events WHERE sequence = 5", "sequences 1 to 4, and the account says 5"),
        ("DELETE FROM ledger_events WHERE sequence = 1", "sequences 2 to 5"),
        ("UPDATE ledger_events SET cash = 0.11 WHERE sequence = 3", "sums to cash 0.51, and the account says 0.50"),
        ("UPDATE ledger_events SET kind = 'gift' WHERE sequence = 3", "'gift'"),
        ("UPDATE orders SET status = 'lost'", "'lost'"),
        ("DELETE FROM orders", "there is no order o"),
        ("DELETE FROM accounts", "there is no such account"),
        ("INSERT INTO equity VALUES ('z', DATE '2013-03-01', 1, 0)", "there is no account z"),
        ("INSERT INTO idempotency VALUES ('z', 'k', 'h', 200, 'x'::BYTEA, now())", "answer to key 'k'"),
        ("INSERT INTO quotes SELECT * FROM quotes LIMIT 1", "stored 2 times"),
        ("INSERT INTO bars SELECT * FROM bars LIMIT 1", "stored 2 times"),
        ("DELETE FROM quotes WHERE symbol = 'AAPL'", "quotes of 'AAPL'"),
        ("DELETE FROM latest_quotes WHERE symbol = 'MSFT'", "quotes of 'MSFT'"),
    ],
)
def test_contradictions_are_found(filled: Store, engine: DuckDBEngine, sabotage: str, words: str) -> None:
    assert filled.verify() == []
    with engine.transaction("sabotage") as transaction:
        transaction.execute(sabotage)
    assert any(words in problem for problem in filled.verify()), filled.verify()


def test_many_contradictions_of_one_sort_are_counted(filled: Store, engine: DuckDBEngine) -> None:
    with engine.transaction("sabotage") as transaction:
        transaction.execute("INSERT INTO quotes SELECT * FROM quotes")
    problems = filled.verify()
    assert len(problems) == 6
    assert problems[-1].startswith("and 5 more of the sort")


def test_compacting_orders_the_history_and_loses_nothing(filled: Store, engine: DuckDBEngine) -> None:
    before = engine.summaries()
    filled.compact()
    assert engine.summaries() == before
    stored = engine.read("order", "SELECT symbol, ts FROM quotes")
    assert stored.equals(stored.sort("symbol", "ts"))
    assert filled.verify() == []
