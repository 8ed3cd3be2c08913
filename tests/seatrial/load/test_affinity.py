from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from seatrial.errors import HarnessError
from seatrial.load.affinity import plan_placement, separated

THREADS = """
import sys, threading
stop = threading.Event()
for _ in range(2):
    threading.Thread(target=stop.wait, daemon=True).start()
print("up", flush=True)
sys.stdin.readline()
threading.Thread(target=stop.wait, daemon=True).start()
print("more", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def target() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", THREADS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    yield process
    process.kill()
    process.communicate()


def thread_cores(pid: int) -> list[set[int]]:
    return [os.sched_getaffinity(thread.id) for thread in psutil.Process(pid).threads()]


def test_two_cores_are_shared_out() -> None:
    plan = plan_placement({0, 1}, [frozenset({0}), frozenset({1})])
    assert (plan.generator, plan.target, plan.co_located) == ({1}, {0}, False)


def test_siblings_of_one_core_are_not_different_cores() -> None:
    plan = plan_placement({0, 1}, [frozenset({0, 1})])
    assert plan.co_located
    assert plan.reason is not None


def test_the_generators_sibling_stays_idle() -> None:
    plan = plan_placement(range(4), [frozenset({0, 2}), frozenset({1, 3})])
    assert (plan.generator, plan.target) == ({3}, {0, 2})


def test_one_core_is_shared() -> None:
    assert plan_placement({5}, []).co_located


def test_every_thread_is_moved_and_given_back(target: subprocess.Popen[str]) -> None:
    before = os.sched_getaffinity(0)
    with separated([target.pid]) as placement:
        if placement.co_located:
            assert len(before) == 1 or placement.reason
            pytest.skip(f"this machine cannot separate them: {placement.reason}")
        assert os.sched_getaffinity(0) == placement.generator
        assert thread_cores(target.pid) == [placement.target] * 3
        assert target.stdin is not None
        assert target.stdout is not None
        target.stdin.write("\n")
        target.stdin.flush()
        assert target.stdout.readline() == "more\n"
        assert thread_cores(target.pid) == [placement.target] * 4
    assert os.sched_getaffinity(0) == before
    assert thread_cores(target.pid) == [before] * 4


def test_a_target_that_ends_meanwhile_does_not_keep_us_pinned(target: subprocess.Popen[str]) -> None:
    before = os.sched_getaffinity(0)
    with separated([target.pid]):
        target.kill()
        target.wait()
    assert os.sched_getaffinity(0) == before


def test_unknown_processes_share() -> None:
    with separated([]) as placement:
        assert placement.co_located
        assert placement.reason == "the target's processes are not known"


def test_another_machine_shares_nothing() -> None:
    with separated([], remote=True) as placement:
        assert not placement.co_located


def test_a_target_that_is_gone_is_said(target: subprocess.Popen[str]) -> None:
    target.kill()
    target.wait()
    before = os.sched_getaffinity(0)
    if len(before) == 1:
        pytest.skip("one core: nothing is pinned")
    with pytest.raises(HarnessError, match="is gone"), separated([target.pid]):
        pass
    assert os.sched_getaffinity(0) == before
