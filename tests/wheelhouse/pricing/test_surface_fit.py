import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from wheelhouse.errors import InvalidInput
from wheelhouse.market.calendar import nyse
from wheelhouse.market.chain import ChainSnapshot, build_chain
from wheelhouse.market.events import Terms
from wheelhouse.market.frames import QUOTE_SCHEMA, TIMESTAMP, conform
from wheelhouse.market.instruments import Evidence, Exercise, normalize_symbol
from wheelhouse.pricing import black_scholes
from wheelhouse.pricing.american import american_price
from wheelhouse.pricing.smile import constant_maturity_volatility, skew
from wheelhouse.pricing.ssvi import Ssvi
from wheelhouse.pricing.surface import VolatilitySurface
from wheelhouse.pricing.surface_fit import fit_surface

NOW = datetime(2013, 3, 1, 21, tzinfo=UTC)
SPOT, RATE, YIELD = 100.0, 0.03, 0.01
TRUE = Ssvi(rho=-0.376, eta=1.156, gamma=0.341)
LEVELS = {2: 0.30, 7: 0.26, 28: 0.24, 63: 0.28, 140: 0.26, 385: 0.27, 749: 0.27}


def smile_of(days, strike):
    years = days / 365
    k = np.log(strike / (SPOT * np.exp((RATE - YIELD) * years)))
    return np.sqrt(TRUE.slice(LEVELS[days] ** 2 * years).total_variance(k) / years)


def simulated(exercise=Exercise.AMERICAN, seed=1) -> ChainSnapshot:
    """A chain priced on an SSVI surface, rounded out to ticks; some bids are zero."""
    generator = np.random.default_rng(seed)
    columns = []
    for days in LEVELS:
        width = 100 * np.sqrt(days / 365)
        strikes = np.unique(np.round(np.linspace(SPOT - width, SPOT + 0.8 * width, 27) / 0.5) * 0.5)
        for is_call in (False, True):
            columns += [(days, strike, is_call) for strike in strikes[strikes > 5]]
    days, strike, is_call = (np.array(column) for column in zip(*columns, strict=True))
    volatility = np.array([float(smile_of(d, k)) for d, k in zip(days, strike, strict=True)])
    value = american_price if exercise is Exercise.AMERICAN else black_scholes.price
    mid = value(SPOT, strike, days / 365, volatility, RATE, YIELD, is_call)
    half = 0.005 + 0.01 * mid * generator.random(mid.size)
    dates = [(NOW + timedelta(days=int(d))).date() for d in days]
    n = mid.size
    expiry = np.array(dates, dtype="datetime64[D]")
    return ChainSnapshot(
        underlying="XYZ",
        spot=SPOT,
        as_of=NOW,
        rate=0.02,
        dividend_yield=0.0,
        exercise=exercise,
        evidence=Evidence.SIMULATED,
        symbols=tuple(
            f"XYZ   {day:%y%m%d}{'C' if call else 'P'}{round(1000 * k):08d}"
            for day, call, k in zip(dates, is_call, strike, strict=True)
        ),
        expiry=expiry,
        last_trading_day=expiry,
        years_to_expiry=days / 365,
        strike=strike.astype(float),
        is_call=is_call.astype(bool),
        bid=np.maximum(np.floor((mid - half) * 100) / 100, 0.0),
        ask=np.ceil((mid + half) * 100) / 100,
        last=np.full(n, np.nan),
        volume=np.full(n, 10.0),
        open_interest=np.full(n, 100.0),
        quote_ts=np.full(n, "2013-03-01T20:59", dtype="datetime64[us]"),
        exercise_multiplier=np.full(n, 100),
        standard=np.ones(n, dtype=bool),
    )


@pytest.mark.parametrize("exercise", list(Exercise))
def test_gives_back_the_surface_that_the_quotes_were_made_of(exercise):
    chain = simulated(exercise)
    found = fit_surface(chain)
    assert found.model == "svi"
    assert found.is_free_of_arbitrage
    assert found.rmse_vol_points < 0.5
    assert [each.reason for each in found.left_out] == ["too_near"]
    for each in found.slices:
        days = round(each.years * 365)
        assert each.forward == pytest.approx(SPOT * np.exp((RATE - YIELD) * each.years), rel=5e-4)
        assert each.atm_volatility == pytest.approx(LEVELS[days], abs=0.003)
        near = each.forward * np.exp(np.sqrt(each.years) * 0.3 * np.array([-1.0, -0.5, 0.5, 1.0]))
        assert each.volatility(near) == pytest.approx(smile_of(days, near), abs=0.006)
        assert set(each.parameters) == {"a", "b", "rho", "m", "sigma"}


def test_no_slice_crosses_another_anywhere():
    found = fit_surface(simulated())
    k = np.concatenate([np.linspace(-4, 4, 801), np.array([-300.0, 300.0])])
    for near, far in pairwise(found.slices):
        assert np.all(far.smile.total_variance(k) >= near.smile.total_variance(k))
    for each in found.slices:
        assert np.all(each.smile.density_factor(k) >= 0)
    rising = np.diff(found.total_variance(k[:, None], np.linspace(0.005, 3.0, 60)[None, :]), axis=1)
    assert np.all(rising >= 0)


def test_the_surface_between_and_beyond_its_slices():
    found = fit_surface(simulated())
    first, second = found.slices[:2]
    for each in found.slices:
        assert found.volatility(0.0, each.years) == pytest.approx(each.atm_volatility)
    middle = (first.years + second.years) / 2
    mean = (first.smile.total_variance(0.1) + second.smile.total_variance(0.1)) / 2
    assert found.total_variance(0.1, middle) == pytest.approx(mean)
    assert found.volatility(-0.1, first.years / 2) == pytest.approx(found.volatility(-0.1, first.years))
    last = found.slices[-1].years
    assert found.volatility(-0.1, 2 * last) == pytest.approx(found.volatility(-0.1, last))
    assert np.isnan(found.volatility(0.0, 0.0))
    assert found.volatility(np.zeros((3, 1)), np.ones(2)).shape == (3, 2)
    days = (first.years + second.years) / 2 * 365
    assert constant_maturity_volatility(found, days) == pytest.approx(float(found.volatility(0.0, middle)))
    assert np.isnan(constant_maturity_volatility(found, 1.0))


def test_zero_bids_stale_and_wide_quotes_are_left_out():
    chain = simulated()
    full = fit_surface(chain)
    old = chain.expiry == np.unique(chain.expiry)[3]
    without = fit_surface(chain, stale=old)
    assert len(without.slices) == len(full.slices) - 1
    assert {each.reason for each in without.left_out} == {"too_near", "no_forward"}
    wide = np.abs(chain.strike - SPOT) > 30
    ask = np.where(wide, 4 * chain.ask + 1.0, chain.ask)
    narrow = fit_surface(replace(chain, ask=ask))
    assert narrow.quotes_used < full.quotes_used
    assert all(each.quotes_used <= other.quotes_used for each, other in zip(narrow.slices, full.slices, strict=False))


@pytest.mark.parametrize("rich", [True, False])
def test_a_quote_that_can_be_traded_against_is_reported_and_alone_not_fitted(rich):
    chain = simulated()
    clean = fit_surface(chain)
    target = clean.slices[2]
    mine = np.flatnonzero((chain.expiry == np.datetime64(target.expiry)) & ~chain.is_call & (chain.strike < SPOT - 2))
    bid, ask = chain.bid.copy(), chain.ask.copy()
    hit = mine[-1]
    if rich:
        bid[hit], ask[hit] = bid[hit] + 6.0, ask[hit] + 6.0
    else:
        bid[hit], ask[hit] = 0.04, 0.05
    found = fit_surface(replace(chain, bid=bid, ask=ask))
    assert chain.symbols[hit] in {symbol for each in found.quote_arbitrage for symbol, _ in each.legs}
    assert found.slices[2].quotes_used == target.quotes_used - 1
    assert found.quotes_used == clean.quotes_used - 1
    assert found.slices[2].atm_volatility == pytest.approx(target.atm_volatility, abs=0.003)
    assert found.is_free_of_arbitrage


def test_quotes_whose_total_variance_falls_still_give_a_surface_without_arbitrage():
    chain = simulated()
    later = chain.expiry == np.unique(chain.expiry)[4]
    cheap = american_price(SPOT, chain.strike, chain.years_to_expiry, 0.12, RATE, YIELD, chain.is_call)
    bid, ask = np.where(later, np.maximum(cheap - 0.02, 0), chain.bid), np.where(later, cheap + 0.02, chain.ask)
    found = fit_surface(replace(chain, bid=bid, ask=ask))
    assert found.slices
    assert found.is_free_of_arbitrage


def test_a_chain_without_bids_gives_an_empty_surface_that_says_why():
    chain = simulated()
    found = fit_surface(replace(chain, bid=np.zeros(len(chain))))
    assert found.slices == ()
    assert {each.reason for each in found.left_out} == {"too_near", "no_forward"}
    assert len(found.left_out) == len(chain.expiries)
    assert np.isnan(found.rmse_vol_points)
    assert np.isnan(found.volatility(0.0, 0.1))
    assert fit_surface(chain.select(np.zeros(len(chain), dtype=bool))).slices == ()


def test_the_same_chain_gives_the_same_surface():
    assert fit_surface(simulated()) == fit_surface(simulated())


def test_refuses_a_wrong_mask():
    with pytest.raises(InvalidInput, match=r"stale has shape \(1,\)"):
        fit_surface(simulated(), stale=np.array([True]))


@pytest.fixture(scope="module")
def aapl() -> ChainSnapshot:
    folder = os.environ.get("REAL_DATA_DIR")
    if not folder:
        pytest.skip(
            "REAL_DATA_DIR is not set; the file is chains/aapl_2025-10-06.csv of"
            " github.com/tyrneh/options-implied-probability, Apache-2.0"
        )
    raw = pl.read_csv(Path(folder) / "chains/aapl_2025-10-06.csv", infer_schema_length=None)
    stamp = pl.lit(datetime(2025, 10, 6, 19, 59, 59, tzinfo=UTC)).cast(TIMESTAMP)
    symbol = pl.col("contract_symbol").map_elements(normalize_symbol, return_dtype=pl.String)
    quotes = conform(raw.with_columns(ts=stamp, symbol=symbol, last="last_price"), QUOTE_SCHEMA)
    return build_chain(
        "AAPL",
        quotes,
        spot=256.7,
        as_of=datetime(2025, 10, 6, 20, tzinfo=UTC),
        terms=Terms(),
        calendar=nyse(2035),
        evidence=Evidence.RECORDED,
    )


@pytest.fixture(scope="module")
def fitted(aapl: ChainSnapshot) -> VolatilitySurface:
    return fit_surface(aapl)


def test_a_real_chain_is_fitted_within_a_point_and_without_arbitrage(aapl: ChainSnapshot, fitted: VolatilitySurface):
    mid = (aapl.bid + aapl.ask) / 2
    wanted = np.where(aapl.is_call, aapl.strike >= aapl.spot, aapl.strike < aapl.spot)
    wanted &= (aapl.bid > 0) & (aapl.ask >= aapl.bid)
    wanted &= (aapl.ask - aapl.bid <= 0.5 * mid) & (aapl.years_to_expiry * 365 >= 3)
    assert wanted.sum() > 800
    assert fitted.quotes_used >= 0.85 * wanted.sum()
    assert len(fitted.slices) == 21
    assert fitted.rmse_vol_points < 1.0
    assert all(each.rmse_vol_points < 1.0 for each in fitted.slices)
    assert fitted.butterfly == ()
    assert fitted.calendar == ()


def test_a_real_chain_says_what_the_market_knew(fitted: VolatilitySurface):
    forwards = np.array([each.forward for each in fitted.slices])
    assert np.all(np.diff(forwards) > -0.05)
    # Money-market rates in October 2025 stood near 4 %; nobody told the fit, whose prior is zero.
    assert fitted.slices[-1].rate == pytest.approx(0.042, abs=0.006)
    # Earnings came after the expiry of October 24 and before that of October 31.
    levels = {str(each.expiry): each.atm_volatility for each in fitted.slices}
    assert levels["2025-10-31"] > levels["2025-10-24"] + 0.03
    assert 0.2 < constant_maturity_volatility(fitted, 30) < 0.3
    leans = [skew(each) for each in fitted.slices]
    assert all(each.risk_reversal < 0 for each in leans[6:])
    assert all(each.butterfly > 0 for each in leans)
