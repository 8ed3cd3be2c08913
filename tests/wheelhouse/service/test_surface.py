"""The surface over HTTP."""

from wheelhouse.pricing.arbitrage import Violation


async def test_surface_of_the_sample_is_that_of_its_chain(ask):
    shown = (await ask("GET", "/v1/market/AAPL/surface")).json
    chain = (await ask("GET", "/v1/market/AAPL/chain")).json
    assert set(shown) == {"as_of", "model", "slices", "arbitrage", "left_out"}
    assert shown["arbitrage"] == {"butterfly": [], "calendar": []}
    fitted = {each["expiry"] for each in shown["slices"]}
    assert fitted | {each["expiry"] for each in shown["left_out"]} == {c["expiry"] for c in chain["contracts"]}
    assert len(fitted) >= 5
    for each in shown["slices"]:
        near = min(
            (c for c in chain["contracts"] if c["expiry"] == each["expiry"] and c["implied_volatility"] is not None),
            key=lambda c: abs(c["strike"] - each["forward"]),
        )
        # The quoted volatility nearest the forward, which the fit never saw as a figure.
        assert abs(each["atm_volatility"] - near["implied_volatility"]) < 0.03
        assert abs(each["forward"] / chain["spot"] - 1) < 0.05
        assert set(each["parameters"]) == {"a", "b", "rho", "m", "sigma"}
        assert each["rmse_vol_points"] < 1.0


async def test_surface_of_the_unknown_is_404(ask):
    assert (await ask("GET", "/v1/market/ZSNONE/surface")).status == 404


def test_an_endless_violation_has_null_for_its_end():
    from datetime import UTC, date, datetime

    from wheelhouse.pricing.surface import ButterflyViolation, VolatilitySurface
    from wheelhouse.service.surfaces import surface_out

    endless = Violation(low=0.5, high=float("inf"), worst_at=float("inf"), worst=-1.0)
    surface = VolatilitySurface(
        underlying="X",
        as_of=datetime(2013, 3, 1, tzinfo=UTC),
        spot=100.0,
        model="svi",
        slices=(),
        left_out=(),
        butterfly=(ButterflyViolation(expiry=date(2013, 4, 20), where=endless),),
        calendar=(),
        quote_arbitrage=(),
    )
    [shown] = surface_out(surface).arbitrage.butterfly
    assert (shown.low, shown.high, shown.worst_at, shown.worst) == (0.5, None, None, -1.0)
