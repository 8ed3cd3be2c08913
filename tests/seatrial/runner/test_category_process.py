"""The process of a category, with small programs in pytest's place."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from seatrial.category_process import pytest_command, run_category
from seatrial.events import LogLine, to_json, utc_now
from seatrial.interruption import Interruption
from seatrial.request import RunRequest
from seatrial.settings.loading import load

LINE = to_json(LogLine(ts=utc_now(), run_id="r", level="info", source="s", message="hello"))


def running(tmp_path, code, take, interruption=None):
    return run_category(
        lambda writer: [sys.executable, "-c", code.replace("FD", str(writer))],
        project=tmp_path,
        log=tmp_path / "log",
        interruption=interruption or Interruption(),
        take=take,
    )


def test_events_come_through_and_the_ending_tells_code_and_log(tmp_path):
    taken = []
    code = "import os; os.write(FD, " + repr((LINE + "\n").encode()) + "); print('last words'); raise SystemExit(1)"
    ending = running(tmp_path, code, taken.append)
    assert [event.message for event in taken] == ["hello"]
    assert (ending.exit_code, ending.garbled, ending.last_words) == (1, None, "last words")


def test_half_a_line_is_told_and_the_rest_is_kept(tmp_path):
    taken = []
    code = "import os; os.write(FD, " + repr((LINE + "\n" + LINE[:20]).encode()) + ")"
    ending = running(tmp_path, code, taken.append)
    assert len(taken) == 1
    assert "not JSON" in ending.garbled


def test_a_process_killed_by_a_signal_says_which(tmp_path):
    assert running(tmp_path, "import os; os.kill(os.getpid(), 9)", lambda event: None).exit_code == -9


def test_nobody_is_left_behind_when_a_report_breaks(tmp_path):
    def broken(event):
        raise OSError("disk full")

    pid = tmp_path / "pid"
    code = (
        f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); "
        "os.write(FD, " + repr((LINE + "\n").encode()) + "); time.sleep(60)"
    )
    with pytest.raises(OSError, match="disk full"):
        running(tmp_path, code, broken)
    left = int(pid.read_text())
    deadline = time.monotonic() + 5
    while psutil.pid_exists(left) and psutil.Process(left).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_command_line_holds_what_was_asked():
    request = RunRequest(
        project=Path(), report_dir=Path(), run_id="r", only=("a.b.c",), profile="quick", saboteur="mute_health"
    )
    command = pytest_command(request, load(profile="quick"), Path("f.py"), 9, stop_at_failure=True)
    assert {
        "f.py",
        "--seatrial-events-fd=9",
        "--seatrial-run-id=r",
        "--seatrial-profile=quick",
        "--seatrial-policy=standard",
        "--seatrial-target=bundled",
        "--seatrial-saboteur=mute_health",
        "--seatrial-only=a.b.c",
        "--seatrial-fail-fast",
    } <= set(command)


def test_every_option_of_the_plugin_is_ours_by_name():
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"], capture_output=True, text=True, timeout=60, env=dict(os.environ)
    ).stdout
    section = told.partition("trial of a trading system:")[2].partition("\n\n")[0]
    options = [word for word in section.split() if word.startswith("--")]
    assert len(options) >= 9
    assert all(option.startswith("--seatrial-") for option in options)
