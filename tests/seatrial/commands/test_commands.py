import importlib.util
import json
from pathlib import Path

import pytest

from seatrial.cli import main
from seatrial.commands.companions import companions
from seatrial.events import to_json

REPORT_FIXTURES = Path(__file__).parents[1] / "report" / "conftest.py"
OLD = [1.00, 1.01, 1.02, 0.99, 0.98, 1.03, 1.04]


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("run_script", REPORT_FIXTURES)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda **changes: module.Script(**changes).run()


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEATRIAL_HISTORY", raising=False)
    return tmp_path


def kept(folder, version, values, **more):
    folder.mkdir(parents=True, exist_ok=True)
    for number, value in enumerate(values):
        run = {
            "run_id": f"{version}-{number}",
            "timestamp": f"2026-01-{number:02}-{version}",
            "profile": "standard",
            "seatrial_version": "0.1.0",
            "decision": "READY",
            "scope": "full",
            "overall_score": 0.9,
            "test_duration_seconds": 127.3,
            "passed_categories": 4,
            "total_categories": 4,
            "target": {"name": "toy", "version": version},
            "environment": {"cores": 2},
            "measurements": [
                {
                    "id": "stress_testing.s.response_time_p95",
                    "unit": "seconds",
                    "value": value,
                    "objective": {"comparison": "<", "limit": 2},
                    "verdict": "pass",
                }
            ],
            **more,
        }
        (folder / f"{version}-{number}.json").write_text(json.dumps(run))


def history(project):
    return project / "seatrial-results" / "history"


def test_every_run_is_kept_and_listed(script, project, capsys):
    (keeper,) = companions({}, None)
    for event in script():
        keeper.handle(event)
    keeper.close()
    (path,) = history(project).iterdir()
    body = json.loads(path.read_text())
    assert body["overall_score"] == pytest.approx(0.8542, abs=1e-4)
    assert "timeline" not in body
    assert main(["history"]) == 0
    told = capsys.readouterr().out
    assert "20240115-abc123" in told
    assert "0.854" in told
    assert "READY" in told


def test_a_sabotaged_run_is_not_kept_and_github_is_told_where_it_runs(script):
    assert companions({}, None, sabotaged=True) == ()
    assert len(companions({"GITHUB_ACTIONS": "true"}, None)) == 2


def test_the_history_may_be_elsewhere(script, project, monkeypatch, capsys):
    kept(project / "else", "1.0", [1.0])
    monkeypatch.setenv("SEATRIAL_HISTORY", str(project / "else"))
    assert main(["history"]) == 0
    assert "1.0-0" in capsys.readouterr().out


def test_history_shows_trends_of_runs_alike(project, capsys):
    kept(history(project), "1.0", [1.0, 1.0, 1.5])
    kept(history(project), "0.9", [9.0], environment={"cores": 64})
    assert main(["history"]) == 0
    told = capsys.readouterr().out
    assert "Trends over 3 runs alike" in told
    assert "1.50" in told
    assert "< 2 s" in told
    assert "1 of these runs were on another machine" in told
    assert main(["history", "--limit", "2", "--measurement", "nothing"]) == 0
    assert "response_time" not in capsys.readouterr().out


def test_without_history_it_says_so(capsys):
    assert main(["history"]) == 4
    assert "no run is kept" in capsys.readouterr().err
    assert main(["history", "--limit", "0"]) == 4


def test_rule_8_a_regression_between_two_versions_fails_the_command(project, capsys):
    kept(history(project), "1.0", OLD)
    kept(history(project), "1.1", [value * 1.3 for value in OLD])
    assert main(["compare"]) == 1
    told = capsys.readouterr().out
    assert "1.0 (7 runs) against 1.1 (7 runs)" in told
    assert "1 worse" in told
    assert main(["compare", "1.1", "1.0"]) == 0
    assert "1 better" in capsys.readouterr().out
    assert main(["compare", "1.0", "1.0"]) == 0
    assert "1 no change" in capsys.readouterr().out


def test_rule_8_too_few_runs_are_shown_but_not_tested(project, capsys):
    kept(project / "main", "1.0", OLD[:6])
    kept(project / "branch", "1.0", [value * 3 for value in OLD])
    assert main(["compare", "main", "branch"]) == 2
    told = " ".join(capsys.readouterr().out.split())
    assert "not tested" in told
    assert "at least 7 runs a side" in told


def test_rule_8_runs_of_another_fingerprint_are_left_out_or_refused(project, capsys):
    kept(project / "main", "1.0", OLD)
    kept(project / "main", "0.1", OLD[:2], profile="quick")
    kept(project / "branch", "1.0", OLD)
    assert main(["compare", "main", "branch"]) == 0
    assert "2 runs of another machine" in " ".join(capsys.readouterr().out.split())
    kept(project / "other", "1.0", OLD, environment={"cores": 64})
    assert main(["compare", "main", "other"]) == 4
    assert "differ in cores (2, 64)" in capsys.readouterr().err


def test_a_comparison_for_a_pull_request(project, capsys):
    kept(history(project), "1.0", OLD)
    kept(history(project), "1.1", [value * 1.3 for value in OLD])
    assert main(["compare", "--markdown"]) == 1
    told = capsys.readouterr().out
    assert told.startswith("### 1.0 (7 runs) against 1.1 (7 runs), medians\n")
    assert "| `stress_testing.s.response_time_p95` | 1.01 s | 1.313 s | 1.30 | 0.0" in told
    assert "❌ worse |" in told


def test_compare_says_what_it_needs(project, capsys):
    assert main(["compare"]) == 4
    assert "two versions" in capsys.readouterr().err
    kept(history(project), "1.0", OLD)
    assert main(["compare"]) == 4
    assert "know only 1.0" in capsys.readouterr().err
    assert main(["compare", "1.0"]) == 4
    assert "name both sides" in capsys.readouterr().err
    assert main(["compare", "1.0", "7.7"]) == 4
    assert "'7.7' names no run" in capsys.readouterr().err


def test_a_run_is_shown_again_from_its_events(script, project, capsys):
    events = script(slow=60)
    (project / "events.jsonl").write_text("".join(to_json(event) + "\n" for event in events))
    assert main(["report", "."]) == 1
    told = capsys.readouterr().out
    assert "SYSTEM NOT READY" in told
    assert "Report: report.html" in told
    assert "<h1>NOT READY</h1>" in (project / "report.html").read_text()
    assert main(["report", "events.jsonl", "--markdown"]) == 1
    assert capsys.readouterr().out.startswith("## ❌ NOT READY")


def test_a_run_that_was_killed_is_shown_as_far_as_it_came(script, project, capsys):
    lines = [to_json(event) for event in script()]
    (project / "events.jsonl").write_text("\n".join(lines[:10]) + "\n" + lines[10][:40])
    assert main(["report", "."]) == 3
    assert "INCONCLUSIVE" in capsys.readouterr().out


def test_a_line_of_nonsense_is_named(script, project, capsys):
    lines = [to_json(event) for event in script()]
    (project / "events.jsonl").write_text("\n".join([lines[0], "{}", lines[1]]) + "\n")
    assert main(["report", "."]) == 4
    assert "line 2" in capsys.readouterr().err
    (project / "events.jsonl").write_text("")
    assert main(["report", "."]) == 4
    assert "holds no event" in capsys.readouterr().err
    assert main(["report", "absent"]) == 4
