import json
import os

import pytest

from seatrial.errors import ConfigurationError
from seatrial.history.runs import fingerprint, keep, like, load_runs, select, target_version, versions


def names(runs):
    return [found["run_id"] for found in runs]


def test_runs_are_kept_one_file_each(tmp_path, run):
    for name in ("2", "1"):
        keep({**run(1.0, name=name), "timeline": {"stages": [1] * 100}}, tmp_path / "history")
    assert names(load_runs(tmp_path / "history")) == ["1", "2"]
    assert all("timeline" not in found for found in load_runs(tmp_path / "history"))
    assert sorted(path.name for path in (tmp_path / "history").iterdir()) == ["1.json", "2.json"]
    assert load_runs(tmp_path / "absent") == []


def test_the_folder_is_bounded_and_the_oldest_goes(tmp_path, run):
    for number in range(1, 6):
        path = keep(run(1.0, name=str(number)), tmp_path, most=3)
        os.utime(path, ns=(number, number))
    assert names(load_runs(tmp_path)) == ["3", "4", "5"]


def test_what_is_no_report_is_named(tmp_path, run):
    with pytest.raises(ConfigurationError, match="not a validation report"):
        keep({}, tmp_path)
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"a\.json cannot be read"):
        load_runs(tmp_path)
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(ConfigurationError, match=r"a\.json is not a validation report"):
        load_runs(tmp_path)


def test_a_folder_of_reports_is_read_too(tmp_path, run):
    (tmp_path / "production_validation_report_1.json").write_text(json.dumps(run(1.0)))
    (tmp_path / "production_readiness_report_1.json").write_text(json.dumps(run(1.0)))
    (tmp_path / "kill_matrix.json").write_text("{}")
    assert names(load_runs(tmp_path)) == ["r"]


def test_rule_8_the_fingerprint(run):
    assert fingerprint(run(1)) == fingerprint(run(2, version="2.0", name="other"))
    assert fingerprint(run(1)) != fingerprint(run(1, cores=4))
    assert fingerprint(run(1)) != fingerprint(run(1, profile="full"))
    environment = run(1)["environment"]
    assert fingerprint(run(1)) == fingerprint(run(1, environment={**environment, "memory_bytes": 8 * 2**30 - 4096}))
    assert fingerprint(run(1)) != fingerprint(run(1, environment={**environment, "scenario_hash": "ab"}))
    assert names(like([run(1), run(1, cores=4, name="b")], run(3, cores=4))) == ["b"]


def test_a_side_is_a_folder_a_version_or_a_run(tmp_path, run):
    runs = [run(1, name="20260101-a"), run(1, name="20260102-b", version="2.0"), run(1, name="3", version=None)]
    assert versions(runs) == ["1.0", "2.0"]
    assert target_version(runs[2]) is None
    assert target_version({**runs[0], "target": None}) is None
    assert names(select(runs, "2.0")) == ["20260102-b"]
    assert names(select(runs, "202601")) == ["20260101-a", "20260102-b"]
    keep(run(1, name="kept"), tmp_path)
    assert names(select(runs, str(tmp_path))) == ["kept"]
    with pytest.raises(ConfigurationError, match=r"'9\.9' names no run.*known: 1\.0, 2\.0"):
        select(runs, "9.9")
