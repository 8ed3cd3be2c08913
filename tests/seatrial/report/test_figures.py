import pytest

from seatrial.report.figures import show
from seatrial.verdict.measurement import Unit


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, Unit.SECONDS, "-"),
        (0.0, Unit.SECONDS, "0 s"),
        (0.0123, Unit.SECONDS, "12.3 ms"),
        (127.3, Unit.SECONDS, "127.3 s"),
        (0.0005, Unit.RATIO, "0.05%"),
        (1.0, Unit.RATIO, "100%"),
        (512.0, Unit.BYTES, "512 B"),
        (1_073_741_824, Unit.BYTES, "1.0 GiB"),
        (54.23, Unit.PER_SECOND, "54.23/s"),
        (1234.56, Unit.PER_MINUTE, "1234.6/min"),
        (600, Unit.COUNT, "600"),
        (0.1, Unit.USD, "0.10 USD"),
        (2048, Unit.BYTES_PER_1000_OPERATIONS, "2.0 KiB per 1000 operations"),
    ],
)
def test_figures_read_for_people(value, unit, text):
    assert show(value, unit) == text


@pytest.mark.parametrize("unit", Unit)
def test_every_unit_can_be_shown(unit):
    assert show(1.5, unit)
