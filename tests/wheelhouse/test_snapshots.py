from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from wheelhouse.market.calendar import nyse
from wheelhouse.market.events import Terms
from wheelhouse.market.frames import QUOTE_SCHEMA
from wheelhouse.market.instruments import Deliverable, Evidence, contract_from_osi
from wheelhouse.snapshots import Close, SnapshotBoard

NOW = datetime(2013, 3, 1, 15, 0, tzinfo=UTC)
CALL = "XYZ   130316C00050000"


@pytest.fixture
def board():
    return SnapshotBoard(nyse(2023), stale_after=300, default_terms=Terms(rate=0.01))


def frame(*rows):
    full = [dict.fromkeys(QUOTE_SCHEMA.names()) | {"evidence": "live"} | row for row in rows]
    return pl.DataFrame(full, schema={**QUOTE_SCHEMA, "evidence": pl.String})


def quote(symbol, bid, ask, ts=NOW):
    return {"symbol": symbol, "ts": ts, "bid": bid, "ask": ask}


def publish(board, *rows, now=NOW):
    board.value(board.take_quotes(frame(*rows)), now)
    return board.snapshot("XYZ")


def test_nothing_is_known_at_first(board):
    assert board.snapshot("XYZ") is None
    assert board.state("XYZ", NOW) == ("missing", None)
    assert not board.is_known("XYZ")


def test_spot_is_the_mid_and_falls_back_to_the_close(board):
    board.value(board.take_closes({"XYZ": Close(ts=NOW - timedelta(hours=18), close=48.0)}), NOW)
    assert (board.snapshot("XYZ").spot, board.snapshot("XYZ").evidence) == (48.0, Evidence.RECORDED)
    assert publish(board, quote("XYZ", 49.0, 51.0)).spot == 50.0
    one_sided = publish(board, quote("XYZ", None, 51.0, NOW + timedelta(seconds=1)), now=NOW + timedelta(seconds=1))
    assert (one_sided.spot, one_sided.bid, one_sided.ask) == (48.0, None, 51.0)


def test_a_close_after_the_quote_takes_its_place_once_it_has_happened(board):
    closed = NOW + timedelta(hours=6)
    publish(board, quote("XYZ", 49.0, 51.0))
    generations = board.take_closes({"XYZ": Close(ts=closed, close=52.0)})
    board.value(generations, NOW)
    assert board.snapshot("XYZ").spot == 50.0
    board.value(board.take_closes({"XYZ": Close(ts=closed, close=52.0)}), closed)
    assert board.snapshot("XYZ").spot == 52.0


def test_valuations_are_done_once_for_those_who_wait_together(board):
    first = board.take_quotes(frame(quote("XYZ", 49.0, 51.0)))
    second = board.take_quotes(frame(quote(CALL, 2.0, 2.2)))
    board.value(second, NOW)
    published = board.snapshot("XYZ")
    board.value(first, NOW)
    assert board.snapshot("XYZ") is published
    assert published.chain.chain.symbols == (CALL,)
    assert published.contract_row(CALL) == 0


def test_a_chain_is_valued_again_when_its_quotes_grow_stale(board):
    fresh = publish(board, quote("XYZ", 49.0, 51.0), quote(CALL, 2.0, 2.2))
    board.refresh(NOW + timedelta(seconds=200))
    assert board.snapshot("XYZ") is fresh
    board.refresh(NOW + timedelta(seconds=301))
    stale = board.snapshot("XYZ")
    assert "stale" in stale.chain.flags[0]
    assert stale.chain.implied_volatility[0] != stale.chain.implied_volatility[0]
    assert board.state("XYZ", NOW + timedelta(seconds=301)) == ("stale", 301)


def test_expired_contracts_leave_the_chain(board):
    publish(board, quote("XYZ", 49.0, 51.0), quote(CALL, 2.0, 2.2))
    board.refresh(datetime(2013, 3, 15, 20, 5, tzinfo=UTC))
    assert len(board.snapshot("XYZ").chain) == 0
    assert board.quote(CALL).bid == 2.0


def test_the_last_mark_outlives_the_quote_that_gave_it(board):
    publish(board, quote(CALL, 2.0, 2.2))
    publish(board, quote(CALL, None, None, NOW + timedelta(seconds=1)))
    assert board.quote(CALL).mark is None
    assert board.last_mark(CALL) == pytest.approx(2.1)


@pytest.mark.parametrize(
    ("bid", "ask", "mark"), [(2.0, 2.2, 2.1), (0.0, 0.1, 0.05), (None, 0.1, None), (2.0, None, None), (2.2, 2.0, None)]
)
def test_marks(board, bid, ask, mark):
    publish(board, quote(CALL, bid, ask))
    assert board.quote(CALL).mark == (None if mark is None else pytest.approx(mark))


def test_terms_change_what_is_published(board):
    publish(board, quote("XYZ", 49.0, 51.0), quote(CALL, 2.0, 2.2))
    assert board.snapshot("XYZ").chain.chain.rate == 0.01
    board.value(board.take_terms({"XYZ": Terms(rate=0.05)}), NOW)
    assert board.snapshot("XYZ").chain.chain.rate == 0.05


def test_adjusted_series_are_valued_by_what_they_deliver(board):
    symbol = "XYZ1  130316P00005000"
    contract = replace(contract_from_osi(symbol), deliverable=Deliverable(shares=(("XYZ", 10),)))
    board.value(board.take_instruments([contract]), NOW)
    publish(board, quote("XYZ", 49.0, 51.0), quote(symbol, 0.4, 0.5), quote("XYZ2  130316P00005000", 0.4, 0.5))
    known, unknown = board.snapshot("XYZ").chain.flags
    assert (known, unknown) == ((), ("adjusted",))
    assert -0.7 < board.snapshot("XYZ").chain.delta[0] < -0.3
