import json

import pytest

from seatrial.errors import ConfigurationError
from seatrial.history import compare, fingerprint, keep, load_runs


def run(value, *, name="r", unit="seconds", cores=2, measured="a.b.response_time_p95"):
    return {
        "run_id": name,
        "timestamp": f"2026-01-{name:>02}" if name.isdigit() else name,
        "profile": "standard",
        "seatrial_version": "0.1.0",
        "environment": {"cores": cores, "python": "3.11"},
        "measurements": [{"id": measured, "unit": unit, "value": value}],
    }


def only(before, now, **more):
    (found,) = compare([run(v, **more) for v in before], [run(v, **more) for v in now])
    return found


OLD = [1.00, 1.01, 1.02, 0.99, 0.98, 1.03, 1.04]


def test_rule_8_fewer_than_seven_runs_are_not_tested():
    found = only(OLD[:6], [2.0] * 7)
    assert (found.outcome, found.p_value, found.runs) == ("not tested", None, (6, 7))
    assert found.factor == pytest.approx(2 / 1.005)


def test_rule_8_a_regression_needs_significance_and_a_factor():
    assert only(OLD, [v * 1.2 for v in OLD]).outcome == "worse"
    assert only(OLD, [v * 1.09 for v in OLD]).outcome == "no change"
    noisy = [0.5, 0.6, 1.4, 1.5, 1.2, 1.3, 1.45]
    assert only(OLD, noisy).outcome == "no change"
    assert only(OLD, [v / 1.2 for v in OLD]).outcome == "better"


def test_more_a_second_is_better():
    assert only(OLD, [v * 1.2 for v in OLD], unit="per_second").outcome == "better"


def test_rule_8_only_like_is_compared_with_like():
    assert fingerprint(run(1)) != fingerprint(run(1, cores=4))
    with pytest.raises(ConfigurationError, match="only like is compared"):
        compare([run(1)], [run(1, cores=4)])


def test_runs_are_kept_one_file_each(tmp_path):
    source = tmp_path / "report.json"
    for name in ("2", "1"):
        source.write_text(json.dumps(run(1.0, name=name)))
        keep(source, tmp_path / "history")
    assert [found["run_id"] for found in load_runs(tmp_path / "history")] == ["1", "2"]
    assert load_runs(tmp_path / "absent") == []
    source.write_text("{}")
    with pytest.raises(ConfigurationError, match="not a validation report"):
        keep(source, tmp_path / "history")
    source.write_text("{")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        keep(source, tmp_path / "history")
