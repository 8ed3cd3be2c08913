import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.pricing.arbitrage import butterfly_violations, calendar_violations
from wheelhouse.pricing.svi import RawSvi

VOGT = RawSvi(a=-0.0410, b=0.1331, m=0.3586, rho=0.3060, sigma=0.4153)
SOUND = RawSvi(a=0.01, b=0.12, rho=-0.45, m=0.03, sigma=0.2)


def test_vogts_slice_is_rejected():
    (violation,) = butterfly_violations(VOGT)
    assert violation.low == pytest.approx(0.643, abs=1e-3)
    assert violation.high == pytest.approx(1.256, abs=1e-3)
    assert violation.worst == pytest.approx(-0.0329, abs=1e-4)
    assert violation.worst_at == pytest.approx(0.88, abs=0.005)
    for edge in (violation.low, violation.high):
        assert float(VOGT.density_factor(edge)) == pytest.approx(0.0, abs=1e-9)


def test_a_sound_slice_passes():
    assert butterfly_violations(SOUND) == ()


@settings(max_examples=60, deadline=None)
@given(
    st.floats(1e-4, 0.1),
    st.floats(0.0, 2.5),
    st.floats(-0.9, 0.9),
    st.floats(-0.4, 0.4),
    st.floats(0.01, 0.8),
)
def test_finds_what_a_fine_grid_finds(least, b, rho, m, sigma):
    smile = RawSvi(a=least - b * sigma * np.sqrt(1 - rho**2), b=b, rho=rho, m=m, sigma=sigma)
    k = np.concatenate([np.linspace(-3, 3, 6001), np.linspace(-300, 300, 6001)])
    g = smile.density_factor(k)
    found = butterfly_violations(smile)
    for at in k[g < -1e-8]:
        assert any(each.low <= at <= each.high for each in found)
    for each in found:
        middle = np.clip((each.low + each.high) / 2, -1e6, 1e6)
        assert each.worst < 0
        assert float(smile.density_factor(middle)) < 1e-9 or b * (1 + abs(rho)) > 2


@pytest.mark.parametrize(("rho", "low", "high"), [(0.5, None, np.inf), (-0.5, -np.inf, None)])
def test_a_wing_steeper_than_two_never_ends_well(rho, low, high):
    found = butterfly_violations(RawSvi(a=0.01, b=1.5, rho=rho, m=0.0, sigma=0.2))
    assert any(each.high == high for each in found) or any(each.low == low for each in found)


def test_a_calendar_that_falls_is_found_where_it_falls():
    later = RawSvi(a=0.035, b=0.10, rho=-0.2, m=0.0, sigma=0.2)
    earlier = RawSvi(a=0.030, b=0.09, rho=-0.2, m=-0.3, sigma=0.2)
    found = calendar_violations(earlier, later)
    k = np.linspace(-3, 3, 3001)
    falls = later.total_variance(k) < earlier.total_variance(k) - 1e-9
    assert falls.any()
    covered = np.zeros_like(falls)
    for each in found:
        covered |= (k >= each.low) & (k <= each.high)
    assert np.array_equal(covered, falls)
    worst = min(found, key=lambda each: each.worst)
    assert worst.worst == pytest.approx((later.total_variance(k) - earlier.total_variance(k)).min(), rel=1e-4)


def test_a_wing_that_is_flatter_later_crosses_far_out():
    earlier = RawSvi(a=0.01, b=0.10, rho=0.0, m=0.0, sigma=0.1)
    later = RawSvi(a=0.50, b=0.09, rho=0.0, m=0.0, sigma=0.1)
    found = calendar_violations(earlier, later)
    assert [(each.low, each.high) for each in found] == [
        (-np.inf, pytest.approx(-49, abs=0.5)),
        (pytest.approx(49, abs=0.5), np.inf),
    ]


def test_more_of_everything_is_no_calendar():
    later = RawSvi(a=SOUND.a * 2, b=SOUND.b * 2, rho=SOUND.rho, m=SOUND.m, sigma=SOUND.sigma)
    assert calendar_violations(SOUND, later) == ()
    assert calendar_violations(SOUND, SOUND) == ()
    assert calendar_violations(later, SOUND) != ()
