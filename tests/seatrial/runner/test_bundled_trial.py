"""The main job itself: a real wheelhouse server, a real trial, a real proof. Minutes, so marked slow."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def seatrial(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "seatrial", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=600
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_bundled_wheelhouse_is_ready(tmp_path):
    done = seatrial("run", "--profile", "quick", "--report-dir", str(tmp_path))
    [report] = tmp_path.glob("production_validation_report_*.json")
    told = json.loads(report.read_text())
    # A machine that takes time from the generator makes a run undecided; it never makes it NOT READY.
    undecided = [m for m in told["measurements"] if m["verdict"] == "inconclusive"]
    if done.returncode == 2 and undecided:
        assert all("guard tripped" in (m["detail"] or "") for m in undecided), done.stdout
        pytest.skip(f"this machine takes time from the load generator: {undecided[0]['detail']}")
    assert (done.returncode, told["decision"], told["deployment_ready"]) == (0, "READY", True), (
        done.stdout + done.stderr
    )
    assert "SYSTEM READY FOR PRODUCTION DEPLOYMENT" in done.stdout
    assert told["passed_categories"] == told["total_categories"] == 4
    for name in ("report.html", "events.jsonl", "test_results_stress_testing.xml"):
        assert (tmp_path / name).stat().st_size > 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_saboteurs_of_the_answers_and_of_the_storage_are_killed(tmp_path):
    caught = {
        "wrong_delta_sign": "end_to_end_workflows.complete_trading_workflow.delta_error",
        "open_door": "security.authentication",
        "forgetful": "reliability.survives_kill",
    }
    done = seatrial("prove", "--only", *caught, "--report-dir", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    matrix = json.loads((tmp_path / "kill_matrix.json").read_text())
    assert {row["id"]: row["killed_by"] for row in matrix["saboteurs"]} == {k: [v] for k, v in caught.items()}
    assert all(row["exit_code"] == 1 for row in matrix["saboteurs"])
    for name in caught:
        assert len(list((tmp_path / name).glob("production_validation_report_*.json"))) == 1
