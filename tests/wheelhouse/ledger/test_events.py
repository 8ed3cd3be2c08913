"""What an event refuses to be."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from wheelhouse.errors import InvalidInput
from wheelhouse.ledger.events import EventKind, LedgerEvent, sequenced

NOW = datetime(2013, 3, 1, 20, 45, tzinfo=UTC)


def event(**changes) -> LedgerEvent:
    return LedgerEvent(**({"id": "e", "account_id": "a", "ts": NOW, "kind": EventKind.CASH} | changes))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"cash": Decimal("0.001")}, "whole number of cents"),
        ({"cash": Decimal("NaN")}, "whole number of cents"),
        ({"price": Decimal("Infinity")}, "not finite"),
        ({"quantity": 1}, "no symbol"),
        ({"ts": NOW.replace(tzinfo=None)}, "time zone"),
        ({"sequence": -1}, "start at 1"),
    ],
)
def test_impossible_events_are_refused(changes, says):
    with pytest.raises(InvalidInput, match=says):
        event(**changes)


def test_sequences_continue_without_a_gap():
    assert [e.sequence for e in sequenced([event(), event(), event()], 7)] == [8, 9, 10]
