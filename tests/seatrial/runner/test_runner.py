"""Real runs: a runner, real pytest processes, a toy for a target."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent

FIGURES = '''
"""A category of one's own."""

import asyncio

import pytest

from seatrial.verdict.measurement import Rate, Scalar, Unit


class TestFigures:
    async def test_{name}(self, advisor, production_context):
        async with production_context("A Scenario") as ctx:
            async with ctx.step("look"):
                about = await advisor.about()
            {body}
'''


def project(tmp_path: Path, *, body: str, objectives: str = "", options: str = "", name: str = "speed") -> Path:
    folder = tmp_path / "tests" / "production"
    folder.mkdir(parents=True)
    (folder / "conftest.py").write_text("")
    (folder / "pytest.ini").write_text(
        "[pytest]\naddopts = --import-mode=importlib\nasyncio_mode = auto\n"
        "asyncio_default_fixture_loop_scope = session\nasyncio_default_test_loop_scope = session\n"
    )
    (folder / "test_figures.py").write_text(
        FIGURES.format(name=name, body=textwrap.indent(textwrap.dedent(body), " " * 12).strip())
    )
    (folder / "seatrial.toml").write_text(
        f'[target]\nkind = "toy:ToySystem"\n[target.options]\n{options}\n{objectives}\n'
    )
    return tmp_path


def seatrial(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "seatrial", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(HERE), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def run(folder: Path, *more: str) -> tuple[subprocess.CompletedProcess[str], dict]:
    done = seatrial(folder, "run", "--categories", "figures", "--report-dir", "out", *more)
    reports = sorted((folder / "out").glob("production_validation_report_*.json"))
    return done, json.loads(reports[-1].read_text()) if reports else {}


LIMIT = '[objectives."figures.speed.seconds"]\ncomparison = "<"\nlimit = 2\n'


def test_a_passing_category_exits_0_and_is_no_deployment_decision(tmp_path):
    folder = project(tmp_path, body='ctx.measure("seconds", Scalar(value=1.0), Unit.SECONDS)', objectives=LIMIT)
    done, report = run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert report["scope"] == "partial"
    assert report["deployment_ready"] is False
    assert "not a deployment decision" in done.stdout
    [judged] = [m for m in report["measurements"] if m["id"] == "figures.speed.seconds"]
    assert (judged["verdict"], judged["value"]) == ("pass", 1.0)
    assert (folder / "out" / "test_results_figures.xml").exists()
    assert (folder / "out" / "events.jsonl").exists()


def test_a_missed_objective_exits_1_and_says_which_value_and_limit(tmp_path):
    folder = project(tmp_path, body='ctx.measure("seconds", Scalar(value=3.25), Unit.SECONDS)', objectives=LIMIT)
    done, report = run(folder)
    assert done.returncode == 1
    assert "figures.speed.seconds" in done.stdout
    assert "3.25" in done.stdout
    assert report["failed_categories"] == 1


def test_too_few_samples_exit_2(tmp_path):
    body = 'ctx.measure("error_rate", Rate(events=0, trials=10), Unit.RATIO)'
    objectives = '[objectives."figures.speed.error_rate"]\ncomparison = "<"\nlimit = 0.05\n'
    done, _ = run(project(tmp_path, body=body, objectives=objectives))
    assert done.returncode == 2, done.stdout + done.stderr


def test_an_objective_that_nothing_measures_exits_2(tmp_path):
    done, _ = run(project(tmp_path, body="assert about", objectives=LIMIT))
    assert done.returncode == 2
    assert "nothing measured it" in done.stdout


def test_an_error_of_ours_exits_3(tmp_path):
    done, _ = run(project(tmp_path, body='raise KeyError("ours")'))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "KeyError" in done.stdout


@pytest.mark.slow
def test_a_failed_assertion_and_a_failed_expectation_exit_1(tmp_path):
    done, _ = run(project(tmp_path, body='assert about.version == "2", "an old one"'))
    assert done.returncode == 1
    done, _ = run(project(tmp_path / "second", body='ctx.expect(about.version == "2", "the version is 2")'))
    assert done.returncode == 1
    assert "the version is 2" in done.stdout


def test_a_failure_behind_a_context_that_passed_is_not_lost(tmp_path):
    folder = project(tmp_path, body='ctx.measure("seconds", Scalar(value=1.0), Unit.SECONDS)', objectives=LIMIT)
    file = folder / "tests" / "production" / "test_figures.py"
    file.write_text(file.read_text() + '        assert about.version == "2", "an old one"\n')
    done, report = run(folder)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "an old one" in done.stdout
    assert report["failed_categories"] == 1


@pytest.mark.slow
def test_a_failure_that_no_event_speaks_of_exits_3(tmp_path):
    folder = project(tmp_path, body='ctx.measure("seconds", Scalar(value=1.0), Unit.SECONDS)', objectives=LIMIT)
    file = folder / "tests" / "production" / "test_figures.py"
    file.write_text(file.read_text().replace("    async def", "    @pytest.mark.xfail(strict=True)\n    async def"))
    done, _ = run(folder)
    assert done.returncode == 3, done.stdout + done.stderr


@pytest.mark.parametrize("target", ["no_such_module:System", "toy:NoSuchSystem"])
def test_a_target_that_cannot_be_made_exits_4_and_says_which(tmp_path, target):
    done, _ = run(project(tmp_path, body="pass"), "--target", target)
    assert done.returncode == 4, done.stdout + done.stderr
    assert target.partition(":")[0] in done.stdout


def test_a_saboteur_of_anything_but_the_bundled_target_exits_4(tmp_path):
    done = seatrial(project(tmp_path, body="pass"), "run", "--categories", "figures", "--saboteur", "mute_health")
    assert done.returncode == 4
    assert "bundled" in done.stderr


def test_a_target_that_does_not_start_is_its_failure_and_said_once(tmp_path):
    done, _ = run(project(tmp_path, body="pass", options='mood = "stillborn"'))
    assert done.returncode == 1
    assert done.stdout.count("the toy is broken") == 1


@pytest.mark.parametrize("options", ['broker = "live"', 'environment = "production"'])
def test_a_system_that_trades_for_real_is_refused_with_4(tmp_path, options):
    done, _ = run(project(tmp_path, body="pass", options=options))
    assert done.returncode == 4, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "--categories", "figurs"), "figures"),
        (("run", "--profile", "slow"), "slow"),
        (("run", "--target", "ftp://x"), "ftp://x"),
        (("run", "--bogus"), "bogus"),
    ],
)
def test_wrong_usage_exits_4_and_says_what(tmp_path, arguments, words):
    done = seatrial(project(tmp_path, body="pass"), *arguments)
    assert done.returncode == 4
    assert words in done.stdout + done.stderr


def test_a_folder_without_a_trial_exits_4(tmp_path):
    done = seatrial(tmp_path, "run")
    assert done.returncode == 4
    assert "tests/production" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_exits_130_with_complete_partial_reports(tmp_path, number):
    folder = project(tmp_path, body="await asyncio.sleep(60)")
    process = subprocess.Popen(
        [sys.executable, "-m", "seatrial", "run", "--categories", "figures", "--report-dir", "out"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(HERE)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    events = folder / "out" / "events.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (events.exists() and "ScenarioStarted" in events.read_text()):
        time.sleep(0.05)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    [report] = (folder / "out").glob("production_validation_report_*.json")
    assert json.loads(report.read_text())["deployment_ready"] is False
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_the_specification_s_files_run_directly_under_pytest(tmp_path):
    folder = project(tmp_path, body='ctx.measure("seconds", Scalar(value=1.0), Unit.SECONDS)', objectives=LIMIT)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/production/test_figures.py::TestFigures::test_speed", "-v"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "figures.speed.seconds is 1, wanted < 2: pass" in done.stdout
