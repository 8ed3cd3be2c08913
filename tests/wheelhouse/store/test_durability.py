"""An acknowledged write survives SIGKILL, and a write is whole or absent."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wheelhouse.store.opening import open_store

WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
import polars as pl
from wheelhouse.ledger.events import EventKind, LedgerEvent, sequenced
from wheelhouse.ledger.orders import Leg, Order
from wheelhouse.market.instruments import AccountKind, Evidence
from wheelhouse.store.opening import open_store
from wheelhouse.store.records import AccountRecord, IdempotencyRecord

NOON = datetime(2013, 3, 1, 17, tzinfo=UTC)
store = open_store(sys.argv[1])
if not store.accounts():
    store.create_account(AccountRecord(id="a", name="a", kind=AccountKind.CASH, created_at=NOON), ())
last = len(store.events("a"))
while True:
    name = str(last)
    fields = {"account_id": "a", "ts": NOON, "kind": EventKind.CASH}
    pair = [
        LedgerEvent(id=f"in{name}", cash=Decimal("1.01"), order_id=name, **fields),
        LedgerEvent(id=f"out{name}", cash=Decimal("-1.01"), **fields),
    ]
    order = Order(id=name, account_id="a", created_at=NOON, legs=(Leg(symbol="AAPL", quantity=1),), limit_price=Decimal(1))
    answer = IdempotencyRecord(account_id="a", key=name, body_hash="h", status=201, response=b"{}", created_at=NOON)
    store.commit("a", sequenced(pair, last), [order], answer, expected_last_sequence=last)
    last += 2
    print("sequence", last, flush=True)
    batch = pl.DataFrame({"symbol": [f"S{n}" for n in range(50)], "ts": NOON + timedelta(seconds=last), "bid": 1.0, "ask": 2.0})
    store.write_quotes(batch, evidence=Evidence.LIVE)
    print("quotes", last, flush=True)
    if last % 40 == 0:
        store.checkpoint()
"""


def kill_while_it_writes(url: str, lines: int) -> dict[str, int]:
    """Kill the writer after so many acknowledgements; give the last of each kind."""
    acknowledged: dict[str, int] = {}
    with subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for place, line in enumerate(writer.stdout, start=1):
            kind, number = line.split()
            acknowledged[kind] = int(number)
            if place == lines:
                writer.send_signal(signal.SIGKILL)
        assert writer.wait() == -signal.SIGKILL
    return acknowledged


@pytest.mark.slow
def test_what_was_acknowledged_survives_sigkill(url: str, path: Path) -> None:
    for lines in (1, 2, 30, 61):
        acknowledged = kill_while_it_writes(url, lines)
        store = open_store(url)
        events = store.events("a")
        stamps = {int(ts.timestamp()) for ts in store.quotes("S0")["ts"]}
        assert acknowledged["sequence"] <= len(events)
        # Written but not yet acknowledged: at most the commit that was under way.
        assert len(events) <= acknowledged["sequence"] + 2
        assert len(events) % 2 == 0
        assert len(store.orders()) == len(events) // 2 == store.counts()["idempotency"]
        if "quotes" in acknowledged:
            assert int(store.latest_quotes()["ts"].max().timestamp()) >= 1362157200 + acknowledged["quotes"]
        assert store.counts()["quotes"] == 50 * len(stamps)
        assert store.verify() == []
        store.close()
