import os
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.cli import main
from seatrial.report.console import make_console

PRINTS = """
import sys
from seatrial.report.console import make_console
console = make_console(sys.stdout)
for _ in range(10_000):
    console.print("a line of the report")
sys.stdout.write("the last line\\n")
sys.exit(5)
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path / "tests" / "production"
    folder.mkdir(parents=True)
    (folder / "conftest.py").write_text("")
    (folder / "test_end_to_end_workflows.py").write_text("")
    for name in ("stress_testing", "real_world_scenarios", "production_readiness"):
        (folder / f"test_{name}.py").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_report_folder_that_is_a_file_is_wrong_usage(project, capsys):
    (project / "taken").write_text("")
    assert main(["run", "--report-dir", "taken"]) == 4
    said = capsys.readouterr().err
    assert "taken" in said
    assert "--report-dir" in said
    assert "Traceback" not in said


def test_a_target_that_is_none_is_said_of_the_option(project, capsys):
    Path("seatrial.toml").write_text('[target]\nkind = "bundled"\n')
    assert main(["run", "--target", "ftp://x"]) == 4
    said = capsys.readouterr().err
    assert said.startswith("seatrial: --target: ")
    assert "seatrial.toml" not in said


def test_a_folder_without_a_trial_is_told_how_to_get_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["run"]) == 4
    assert "seatrial init" in capsys.readouterr().err


def test_a_reader_that_leaves_does_not_change_the_exit_code():
    read, write = os.pipe()
    with subprocess.Popen([sys.executable, "-c", PRINTS], stdout=write, stderr=subprocess.PIPE) as printing:
        os.close(write)
        os.read(read, 10)
        os.close(read)
        _, said = printing.communicate(timeout=60)
    assert (printing.returncode, said) == (5, b"")


def test_a_terminal_gets_the_same_patience(capsys):
    assert type(make_console(sys.stdout)).on_broken_pipe.__module__ == "seatrial.report.console"
