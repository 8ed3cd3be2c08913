from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seatrial.exchange.ticks import TickTable


@given(st.floats(0.0, 500.0))
def test_down_is_under_and_up_is_over_by_less_than_a_tick(price: float) -> None:
    ticks = TickTable()
    down, up = ticks.down(np.array([price]))[0], ticks.up(np.array([price]))[0]
    assert 0 <= down <= price + 1e-6
    assert up >= price - 1e-6
    assert up > 0
    assert up - price <= 0.05 + 1e-6
    assert ticks.down(np.array([down]))[0] == down
    assert ticks.up(np.array([up]))[0] == up
    assert ticks.down(ticks.below(np.array([up])))[0] < up


def test_ticks_are_read_off_the_chain() -> None:
    assert TickTable.of(np.array([0.05, 1.35, 3.2, 7.5])) == TickTable(low=0.05, high=0.10)
    assert TickTable.of(np.array([0.01, 1.35, 3.25, 7.5])) == TickTable(low=0.01, high=0.05)
    assert TickTable.of(np.array([0.01, 3.01])) == TickTable(low=0.01, high=0.01)
    assert TickTable.of(np.array([0.0])) == TickTable()
