import configparser
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from seatrial.errors import ConfigurationError
from seatrial.init import WORKFLOW, trial_files, write_trial
from seatrial.settings import finding
from seatrial.settings.loading import load

SCRIPTS = Path(sys.executable).parent


def ran(*command, cwd):
    return subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=120)


def test_an_empty_project_gets_a_trial_that_is_found_and_collected(tmp_path):
    made = ran(SCRIPTS / "seatrial", "init", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "wrote tests/production/conftest.py" in made.stdout

    listed = ran(SCRIPTS / "seatrial", "checks", "--json", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert json.loads(listed.stdout)["checks"]

    collected = ran(sys.executable, "-m", "pytest", "tests/production", "--collect-only", "-q", cwd=tmp_path)
    assert collected.returncode == 0, collected.stdout + collected.stderr
    for name in ("EndToEndWorkflows", "StressTesting", "RealWorldScenarios", "ProductionReadiness"):
        assert f"::Test{name}::" in collected.stdout

    helped = ran(sys.executable, "tests/production/run_production_tests.py", "--help", cwd=tmp_path)
    assert helped.returncode == 0
    assert "--categories" in helped.stdout

    again = ran(SCRIPTS / "seatrial", "init", cwd=tmp_path)
    assert again.returncode == 4
    assert "nothing was written" in again.stderr


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path):
    own = tmp_path / "tests" / "production" / "conftest.py"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    with pytest.raises(ConfigurationError, match=r"conftest\.py"):
        write_trial(tmp_path)
    assert own.read_text() == "mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [own]
    with pytest.raises(ConfigurationError, match="no folder"):
        write_trial(tmp_path / "absent")


@pytest.mark.parametrize("target", ["bundled", "http://127.0.0.1:8080", "my_package.trial:Adapter"])
def test_the_settings_name_the_target(tmp_path, target):
    write_trial(tmp_path, target=target)
    settings = load(finding.settings_file(tmp_path), files=finding.test_files(finding.trial_folder(tmp_path)))
    assert settings.target.kind == target
    assert list(settings.categories) == [
        "end_to_end_workflows",
        "stress_testing",
        "real_world_scenarios",
        "production_readiness",
    ]


@pytest.mark.parametrize("target", ["ftp://x", "nonsense", 'http://x"\n[weights]', ""])
def test_a_target_that_settings_would_refuse_is_refused_now(tmp_path, target):
    with pytest.raises(ConfigurationError, match="--target"):
        write_trial(tmp_path, target=target)
    assert not list(tmp_path.iterdir())


def test_the_commented_examples_are_right_when_they_are_taken(tmp_path):
    text = trial_files()[Path("tests/production/seatrial.toml")]
    lines = []
    for line in text.splitlines():
        bare = line.removeprefix("# ")
        lines.append(bare if bare.startswith("[") or (" = " in bare and bare.split(" = ")[0].isidentifier()) else line)
    path = tmp_path / "seatrial.toml"
    path.write_text("\n".join(lines))
    assert len(tomllib.loads(path.read_text())) == 3
    settings = load(path)
    assert [waiver.owner for waiver in settings.waivers] == ["you@example.com"]


def test_the_workflow_hands_over_a_key_only_to_an_address():
    assert "secrets.SEATRIAL_TARGET_KEY" in trial_files("http://x:1")[WORKFLOW]
    assert "SEATRIAL_TARGET_KEY" not in trial_files()[WORKFLOW]
    assert "'seatrial[wheelhouse]'" in trial_files()[WORKFLOW]
    assert "pip install seatrial\n" in trial_files("a:B")[WORKFLOW]
    assert "key: seatrial-history-${{ github.run_id }}-${{ github.run_attempt }}\n" in trial_files()[WORKFLOW]


def test_the_pytest_options_are_those_of_the_bundled_trial():
    ours = Path(__file__).parents[2] / "production" / "pytest.ini"
    written, known = configparser.ConfigParser(), configparser.ConfigParser()
    written.read_string(trial_files()[Path("tests/production/pytest.ini")])
    known.read_string(ours.read_text())
    # Others' warnings are theirs.
    assert dict(written["pytest"]) == {k: v for k, v in known["pytest"].items() if k != "filterwarnings"}
