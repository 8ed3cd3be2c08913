import math

import numpy as np
import pytest

from seatrial.verdict.samples import Percentile, Rate, Throughput


def test_nearest_rank():
    assert Percentile.of(range(1, 101), 0.95).value == 95
    assert Percentile.of([7.0], 0.95).value == 7.0
    assert Percentile.of([], 0.95).value is None


def test_the_rank_of_a_bucket():
    sample = Percentile(quantile=0.5, values=np.array([1.0, 2.0, 5.0]), counts=np.array([2, 0, 1]), unanswered=1)
    assert [sample.order_statistic(rank) for rank in (1, 2, 3, 4)] == [1.0, 1.0, 5.0, math.inf]


@pytest.mark.parametrize(
    ("values", "message"), [([2.0, 1.0], "ascending"), ([1.0, math.nan], "not finite"), ([1.0, math.inf], "not finite")]
)
def test_what_is_no_latency_record_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Percentile(quantile=0.95, values=np.array(values))


def test_counts_must_fit_values():
    with pytest.raises(ValueError, match="one count a value"):
        Percentile(quantile=0.95, values=np.array([1.0]), counts=np.array([1, 2]))
    with pytest.raises(ValueError, match="more events"):
        Rate(events=2, trials=1)


def test_rule_2_4_throughput_is_successes_over_the_window():
    assert Throughput(successes=120, trials=150, window_seconds=10, offered_rate=15).value == 12.0
