"""An advisor on a database in memory, with a clock that the test turns."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from wheelhouse.advisor.advisor import Advisor
from wheelhouse.advisor.market import Batch
from wheelhouse.market.frames import BAR_SCHEMA, QUOTE_SCHEMA
from wheelhouse.market.instruments import AccountKind, Evidence, Position
from wheelhouse.settings import Settings
from wheelhouse.telemetry import Metrics

NEW_YORK = ZoneInfo("America/New_York")


def at(text: str) -> datetime:
    """An instant in New York: '2013-03-15 16:05'."""
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


class TurnedClock:
    kind = "simulated"

    def __init__(self, text: str) -> None:
        self.instant = at(text)

    def now(self) -> datetime:
        return self.instant

    def turn(self, text: str) -> None:
        self.instant = at(text)


@dataclass
class Desk:
    """The advisor under test and its clock."""

    advisor: Advisor
    clock: TurnedClock

    def quote(self, symbol: str, bid: float | None, ask: float | None) -> None:
        frame = pl.DataFrame(
            {"symbol": [symbol], "ts": [self.clock.now()], "bid": [bid], "ask": [ask]},
            schema_overrides={"bid": pl.Float64, "ask": pl.Float64, "ts": pl.Datetime("us", "UTC")},
        )
        full = frame.with_columns(
            pl.lit(None, dtype).alias(name) for name, dtype in QUOTE_SCHEMA.items() if name not in frame.columns
        )
        done = self.advisor.market.ingest_quotes(
            Batch(frame=full.select(QUOTE_SCHEMA.names())), evidence=Evidence.SIMULATED
        )
        assert done.rejections == ()

    def bar(self, symbol: str, day: str, close: float) -> None:
        values = {
            "symbol": symbol,
            "ts": datetime.fromisoformat(f"{day}T00:00:00+00:00"),
            "volume": 1.0,
            "adjusted_close": None,
        }
        prices = dict.fromkeys(("open", "high", "low", "close"), close)
        done = self.advisor.market.ingest_bars(
            Batch(frame=pl.DataFrame([values | prices], schema=BAR_SCHEMA)), interval="1d"
        )
        assert done.rejections == ()

    def account(self, cash: float | str = 100_000, kind: str = "cash", **positions: tuple[int, str]) -> str:
        held = [
            Position(symbol=symbol.replace("_", " "), quantity=q, cost_basis=Decimal(basis))
            for symbol, (q, basis) in positions.items()
        ]
        return self.advisor.accounts.create(
            name="test", kind=AccountKind(kind), cash=Decimal(str(cash)), positions=held
        ).id

    def state(self, account_id: str):
        return self.advisor.accounts.get(account_id).state


@pytest.fixture
def desk_of(monkeypatch, tmp_path) -> Iterator[Callable[..., Desk]]:
    monkeypatch.chdir(tmp_path)
    opened: list[Advisor] = []

    def make(now: str = "2013-03-15 15:00", **options) -> Desk:
        clock = TurnedClock(now)
        settings = Settings(**({"database_url": "duckdb:///:memory:"} | options))
        advisor = Advisor.open(settings, clock=clock, metrics=Metrics(version="test"))
        opened.append(advisor)
        return Desk(advisor=advisor, clock=clock)

    yield make
    for advisor in opened:
        advisor.close()


@pytest.fixture
def desk(desk_of) -> Desk:
    return desk_of()
