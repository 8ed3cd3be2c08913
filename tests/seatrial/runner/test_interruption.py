import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from seatrial.interruption import Interruption

POLITE = "import signal, sys, time; signal.signal(signal.SIGINT, lambda *_: sys.exit(7)); print('up', flush=True); time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
WITH_SERVER = (
    "import signal, subprocess, sys, time; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True); "
    "print(p.pid, flush=True); time.sleep(60)"
)


@pytest.fixture
def child():
    started = []

    def start(code):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
        started.append(process)
        return process, process.stdout.readline().decode().strip()

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_first_request_is_polite_and_the_second_is_not(child):
    interruption = Interruption()
    polite, _ = child(POLITE)
    deaf, _ = child(DEAF)
    with interruption.passed_on_to(polite), interruption.passed_on_to(deaf):
        interruption.request()
        assert polite.wait(10) == 7
        time.sleep(0.1)
        assert deaf.poll() is None
        interruption.request()
        assert deaf.wait(10) == -signal.SIGKILL


def test_a_server_in_a_session_of_its_own_does_not_outlive_a_second_request(child):
    interruption = Interruption()
    process, server = child(WITH_SERVER)
    with interruption.passed_on_to(process):
        interruption.request()
        interruption.request()
        process.wait(10)
    deadline = time.monotonic() + 5
    while psutil.pid_exists(int(server)) and time.monotonic() < deadline:
        if psutil.Process(int(server)).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.02)
    else:
        assert not psutil.pid_exists(int(server))


def test_a_child_that_comes_too_late_hears_of_it(child):
    interruption = Interruption()
    interruption.request()
    process, _ = child(POLITE)
    with interruption.passed_on_to(process):
        assert process.wait(10) == 7


def test_signals_are_heard_and_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with Interruption().on_signals() as interruption:
        os.kill(os.getpid(), signal.SIGTERM)
        assert interruption.requested
    assert signal.getsignal(signal.SIGTERM) is before
