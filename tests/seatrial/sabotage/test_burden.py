import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from seatrial.interruption import end_with_descendants
from seatrial.sabotage.saboteur import wrapped_in

BURDEN = "seatrial.sabotage.burden"


def started(*options, code):
    command = wrapped_in(BURDEN, *options)([sys.executable, "-c", code])
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_output_and_exit_code_are_the_command_s():
    process = started("memory", "1", code="print('hello'); raise SystemExit(7)")
    output, _ = process.communicate(timeout=30)
    assert (output, process.returncode) == ("hello\n", 7)


def test_memory_is_held_while_the_command_runs():
    process = started("memory", "120", code="print('up', flush=True); import time; time.sleep(30)")
    process.stdout.readline()
    assert psutil.Process(process.pid).memory_info().rss > 120 << 20
    end_with_descendants(process)
    process.communicate(timeout=30)


def test_processes_spin_beside_the_command_and_end_with_it():
    process = started("cpu", "1", code="print('up', flush=True); import time; time.sleep(1)")
    process.stdout.readline()
    tree = psutil.Process(process.pid).children(recursive=True)
    before = sum(child.cpu_times().user for child in tree)
    time.sleep(0.5)
    assert sum(child.cpu_times().user for child in tree) - before > 0.05
    process.communicate(timeout=30)
    assert not [child for child in tree if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def test_signals_are_passed_on():
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\n"
        "print('up', flush=True)\n"
        "time.sleep(30)\n"
    )
    process = started("memory", "0", code=code)
    process.stdout.readline()
    os.kill(process.pid, signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 9


@pytest.mark.parametrize(
    "arguments", [(), ("cpu",), ("disk", "1", "--", "true"), ("cpu", "x", "--", "true"), ("cpu", "1", "true")]
)
def test_wrong_usage_exits_4_with_a_word(arguments):
    done = subprocess.run([sys.executable, "-m", BURDEN, *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == 4
    assert done.stderr.startswith("usage:")
