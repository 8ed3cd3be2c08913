import math

import pytest

from seatrial.errors import ConfigurationError
from seatrial.verdict.objective import Comparison, Objective, default_min_samples, percentile_of_name, split_id


@pytest.mark.parametrize(
    ("comparison", "below", "equal", "above"),
    [
        ("<", True, False, False),
        ("<=", True, True, False),
        (">", False, False, True),
        (">=", False, True, True),
        ("==", False, True, False),
    ],
)
def test_a_comparison_reads_value_then_limit(comparison, below, equal, above):
    found = Comparison(comparison)
    assert [found.holds(v, 2.0) for v in (1.0, 2.0, 3.0)] == [below, equal, above]
    assert not found.holds(math.nan, 2.0)


def test_an_id_has_three_parts():
    assert split_id("stress_testing.burst.error_rate") == ("stress_testing", "burst", "error_rate")
    for wrong in ("error_rate", "a.b", "a.b.c.d", "a..c", "a.b.c d", ""):
        with pytest.raises(ConfigurationError, match="is not <category>"):
            Objective(id=wrong, comparison=Comparison.LESS, limit=1)


def test_an_objective_knows_its_parts_and_what_it_reads():
    own = Objective(id="a.b.c", comparison=Comparison.LESS, limit=1)
    other = Objective(id="a.b.c_target", comparison=Comparison.LESS, limit=0.5, measurement="a.b.c")
    assert (own.category, own.scenario, own.name, own.measures, other.measures) == ("a", "b", "c", "a.b.c", "a.b.c")


@pytest.mark.parametrize(("limit", "samples"), [(math.nan, 1), (math.inf, 1), (1.0, 0)])
def test_what_cannot_be_met_is_refused(limit, samples):
    with pytest.raises(ConfigurationError):
        Objective(id="a.b.c", comparison=Comparison.LESS, limit=limit, min_samples=samples)


@pytest.mark.parametrize(
    ("name", "quantile"),
    [("response_time_p95", 0.95), ("p95", None), ("x_p50", 0.5), ("x_p999", 0.999), ("throughput", None)],
)
def test_the_percentile_is_read_from_the_name(name, quantile):
    assert percentile_of_name(name) == quantile


@pytest.mark.parametrize(
    ("name", "comparison", "limit", "samples"),
    [
        ("response_time_p95", "<", 2.0, 59),
        ("response_time_p99", "<", 5.0, 299),
        ("error_rate", "<", 0.05, 59),
        ("error_rate", "<", 0.001, 2995),
        ("success_rate", ">=", 0.95, 59),
        ("throughput", ">", 10, 1),
    ],
)
def test_rule_2_3_every_objective_has_min_samples(name, comparison, limit, samples):
    assert default_min_samples(name, Comparison(comparison), limit) == samples
