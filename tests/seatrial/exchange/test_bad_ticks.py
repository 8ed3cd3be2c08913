from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime, timedelta

import pytest

from seatrial.errors import ConfigurationError
from seatrial.exchange.bad_ticks import BadTick, inject_bad_ticks
from seatrial.exchange.sessions import SessionKind
from seatrial.exchange.simulator import simulate

START = datetime(2013, 3, 1, 15, 0, tzinfo=UTC)


@pytest.fixture
def batches(chain):
    return list(simulate(chain, SessionKind.HALT, start=START, seconds=60, updates_per_minute=1500, seed=7))


def test_good_quotes_stay_and_bad_ones_carry_their_label(batches) -> None:
    labelled = list(inject_bad_ticks(batches, share=0.2, seed=3))
    good = [tuple(entry.update for entry in batch if entry.defect is None) for batch in labelled]
    assert good == [batch.updates for batch in batches]
    seen: set[BadTick] = set()
    for batch in labelled:
        for before, entry in itertools.pairwise(batch):
            if entry.defect is None:
                continue
            seen.add(entry.defect)
            origin, update = before.update, entry.update
            assert update.symbol == origin.symbol
            match entry.defect:
                case BadTick.CROSSED:
                    assert update.bid > update.ask > 0
                case BadTick.NEGATIVE:
                    assert update.bid < 0
                case BadTick.NAN:
                    assert math.isnan(update.ask)
                case BadTick.ZERO:
                    assert update.bid == update.ask == 0
                case BadTick.HUNDREDFOLD:
                    assert update.ask == pytest.approx(100 * origin.ask)
                case BadTick.STALE:
                    assert update.ts == origin.ts - timedelta(hours=1)
                case BadTick.DUPLICATE:
                    assert update == origin
            if entry.defect not in (BadTick.STALE, BadTick.DUPLICATE):
                assert update.ts > origin.ts
    assert seen == set(BadTick)


def test_the_share_and_the_kinds_are_those_asked_for(batches) -> None:
    labelled = list(inject_bad_ticks(batches, share=0.1, seed=3, kinds=[BadTick.CROSSED]))
    bad = [entry.defect for batch in labelled for entry in batch if entry.defect]
    good = sum(len(batch.updates) for batch in batches)
    assert set(bad) == {BadTick.CROSSED}
    assert len(bad) / good == pytest.approx(0.1, abs=0.04)
    assert list(inject_bad_ticks(batches, share=0.1, seed=3, kinds=[BadTick.CROSSED])) == labelled
    assert all(not entry.defect for batch in inject_bad_ticks(batches, share=0, seed=3) for entry in batch)


@pytest.mark.parametrize(("share", "kinds"), [(-0.1, [BadTick.NAN]), (1.1, [BadTick.NAN]), (0.1, [])])
def test_what_cannot_be_injected_is_a_configuration_error(batches, share: float, kinds: list[BadTick]) -> None:
    with pytest.raises(ConfigurationError):
        inject_bad_ticks(batches, share=share, seed=1, kinds=kinds)
