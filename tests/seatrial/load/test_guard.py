from __future__ import annotations

import time

import pytest

from seatrial.load.guard import GuardLimits, GuardWatch, guard_report
from seatrial.load.histogram import LatencyRecord


def watch(cpu: float = 0.1, steal: float | None = 0.0) -> GuardWatch:
    made = GuardWatch()
    made.generator_cpu, made.steal = cpu, steal
    return made


def slip(seconds: float) -> LatencyRecord:
    record = LatencyRecord()
    record.record(seconds, 100)
    return record


LIMITS = GuardLimits(tightest_latency_limit=0.1)


@pytest.mark.parametrize(
    ("late", "cpu", "steal", "dropped", "tripped", "saturated"),
    [
        (0.004, 0.5, 0.01, 0, [], False),
        (0.006, 0.5, 0.01, 0, ["slip"], False),
        (0.004, 0.85, 0.01, 0, ["generator_cpu"], False),
        (0.004, 0.5, 0.03, 0, ["steal"], False),
        (0.004, 0.5, None, 0, [], False),
        (0.004, 0.5, 0.01, 1, [], False),
        (0.004, 0.5, 0.01, 2, [], True),
        (0.006, 0.85, 0.03, 2, ["slip", "generator_cpu", "steal", "dropped"], False),
    ],
)
def test_each_bound(late, cpu, steal, dropped, tripped, saturated) -> None:
    report = guard_report(LIMITS, watch(cpu, steal), slip=slip(late), offered=1000, dropped=dropped)
    assert [line.split()[0] for line in report.tripped] == tripped
    assert report.saturated is saturated
    assert report.clean is (not tripped)


def test_without_a_latency_limit_slip_is_only_told() -> None:
    report = guard_report(GuardLimits(), watch(), slip=slip(3.0), offered=1, dropped=0)
    assert report.clean
    assert report.slip_p99 == pytest.approx(3.0, rel=2e-3)


def test_the_generators_thread_is_what_is_watched() -> None:
    busy = GuardWatch()
    end = time.thread_time() + 0.1
    while time.thread_time() < end:
        pass
    busy.stop()
    assert busy.generator_cpu > 0.2
    idle = GuardWatch()
    time.sleep(0.1)
    idle.stop()
    assert idle.generator_cpu < 0.1
