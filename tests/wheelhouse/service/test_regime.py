import math
import statistics
from datetime import date, timedelta
from itertools import pairwise

import pytest

ESTIMATORS = {"close_to_close", "parkinson", "garman_klass", "rogers_satchell", "yang_zhang"}


async def test_regime_of_the_sample_by_what_its_bars_say(ask):
    shown = (await ask("GET", "/v1/market/AAPL/regime")).json
    assert set(shown) == {"as_of", "regime", "probabilities", "realized_volatility", "iv_rank", "iv_percentile"}
    assert shown["as_of"] == "2013-02-28T21:00:00Z"
    assert shown["regime"] in ("low", "normal", "high")
    assert set(shown["probabilities"]) == {"low", "normal", "high"}
    assert sum(shown["probabilities"].values()) == pytest.approx(1.0)
    assert (shown["iv_rank"], shown["iv_percentile"]) == (None, None)
    assert set(shown["realized_volatility"]) == ESTIMATORS

    bars = (await ask("GET", "/v1/market/AAPL/bars?start=2013-01-01")).json["bars"][-22:]
    closes = [bar["adjusted_close"] for bar in bars]
    returns = [math.log(after / before) for before, after in pairwise(closes)]
    assert shown["realized_volatility"]["close_to_close"] == pytest.approx(statistics.stdev(returns) * math.sqrt(252))
    ranges = [math.log(bar["high"] / bar["low"]) ** 2 for bar in bars[1:]]
    parkinson = math.sqrt(252 * statistics.mean(ranges) / (4 * math.log(2)))
    assert shown["realized_volatility"]["parkinson"] == pytest.approx(parkinson)
    assert (await ask("GET", "/v1/market/AAPL/regime")).json == shown


async def test_regime_is_a_capability(ask):
    assert "regime" in (await ask("GET", "/v1/about")).json["capabilities"]


async def test_without_a_past_the_regime_is_unknown(ask):
    day = date(2013, 2, 25)
    bars = [
        {
            "symbol": "NEWCO",
            "ts": (day + timedelta(days=i)).isoformat(),
            "open": 50.0,
            "high": 51.0,
            "low": 49.0,
            "close": 50.5,
            "volume": 1000.0,
        }
        for i in range(3)
    ]
    assert (await ask("POST", "/v1/market/bars", {"interval": "1d", "bars": bars})).json["accepted"] == 3
    shown = (await ask("GET", "/v1/market/NEWCO/regime")).json
    assert shown["regime"] == "unknown"
    assert shown["probabilities"] == {}
    assert shown["realized_volatility"] == dict.fromkeys(ESTIMATORS)
    terms = {"rate": 0.01, "dividend_yield": 0.0}
    assert (await ask("PUT", "/v1/market/BARELY/terms", terms)).status == 200
    bare = (await ask("GET", "/v1/market/BARELY/regime")).json
    assert (bare["as_of"], bare["regime"]) == (None, "unknown")
    assert (await ask("GET", "/v1/market/NOBODY/regime")).status == 404
