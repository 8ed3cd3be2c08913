"""Whether the generator itself was good enough for its figures to be believed.

A request that was sent late because the generator was busy tells about the generator, not about the target. The guard
watches four things while a stage runs and names those that were out of bounds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import psutil

from seatrial.load.histogram import LatencyRecord

__all__ = ["GuardLimits", "GuardReport", "GuardWatch", "guard_report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardLimits:
    """What a generator may take for itself.

    Parameters
    ----------
    tightest_latency_limit
        The smallest latency limit that the stage is judged by, in seconds; None if it is judged by none, and then slip
        is reported without a bound.
    slip_share
        Slip P99 as a share of that limit.
    generator_cpu
        Share of one core that the generator's thread may use.
    steal
        Share of the machine's CPU time that the hypervisor may give to others.
    dropped
        Share of the offered requests that may be dropped.
    """

    tightest_latency_limit: float | None = None
    slip_share: float = 0.05
    generator_cpu: float = 0.80
    steal: float = 0.02
    dropped: float = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardReport:
    """What the guard saw.

    Parameters
    ----------
    tripped
        One line for each bound that was crossed; it begins with ``slip``, ``generator_cpu``, ``steal``, ``dropped``, or, where the load came
        from several processes, ``workers`` (missing or lost) or ``ended_early`` (a lost cause).
    saturated
        More requests were dropped than allowed because the in-flight cap was reached, while everything else was in
        bounds: the target could not keep up, which is a fail of the target and not a trip of the guard.
    slip_p99
        Seconds; None in a closed loop, which has no due times.
    generator_cpu
        Share of one core.
    steal
        Share of the machine's CPU time; None where the platform does not tell.
    dropped_share
        Share of the offered requests.
    """

    tripped: tuple[str, ...]
    saturated: bool
    slip_p99: float | None
    generator_cpu: float
    steal: float | None
    dropped_share: float

    @property
    def clean(self) -> bool:
        """Whether the stage's figures may be judged."""
        return not self.tripped


class GuardWatch:
    """Measures the generator's thread and the hypervisor's steal from its creation to :meth:`stop`.

    To be created and stopped on the thread that generates the load: that thread is the core that saturates first.
    """

    __slots__ = ("_cpu", "_steal", "_total", "_wall", "generator_cpu", "steal")

    def __init__(self) -> None:
        self.generator_cpu = 0.0
        self.steal: float | None = None
        self._steal, self._total = _machine_times()
        self._cpu = time.thread_time()
        self._wall = time.perf_counter()

    def stop(self) -> None:
        """Fill in :attr:`generator_cpu` and :attr:`steal`."""
        elapsed = time.perf_counter() - self._wall
        self.generator_cpu = (time.thread_time() - self._cpu) / elapsed if elapsed > 0 else 0.0
        steal, total = _machine_times()
        if steal is not None and self._steal is not None and total > self._total:
            self.steal = (steal - self._steal) / (total - self._total)


def guard_report(
    limits: GuardLimits, watch: GuardWatch, *, slip: LatencyRecord | None, offered: int, dropped: int
) -> GuardReport:
    """Compare what was seen with the limits.

    Parameters
    ----------
    watch
        Stopped.
    slip
        Sent - due of every request; None in a closed loop.
    offered, dropped
        Numbers of requests. Every drop happens at the in-flight cap.
    """
    slip_p99 = slip.percentile(99) if slip is not None else None
    dropped_share = dropped / offered if offered else 0.0
    tripped: list[str] = []
    tightest = limits.tightest_latency_limit
    if slip_p99 is not None and tightest is not None and slip_p99 > limits.slip_share * tightest:
        tripped.append(f"slip P99 {slip_p99 * 1e3:.3g} ms, at most {limits.slip_share * tightest * 1e3:.3g} ms")
    if watch.generator_cpu > limits.generator_cpu:
        tripped.append(f"generator_cpu {watch.generator_cpu:.0%} of a core, at most {limits.generator_cpu:.0%}")
    if watch.steal is not None and watch.steal > limits.steal:
        tripped.append(f"steal {watch.steal:.1%}, at most {limits.steal:.1%}")
    too_many_dropped = dropped_share > limits.dropped
    # Whose drops they are depends on the rest: a clean generator met a target that could not keep up.
    saturated = too_many_dropped and not tripped
    if too_many_dropped and tripped:
        tripped.append(f"dropped {dropped_share:.2%}, at most {limits.dropped:.2%}")
    return GuardReport(
        tripped=tuple(tripped),
        saturated=saturated,
        slip_p99=slip_p99,
        generator_cpu=watch.generator_cpu,
        steal=watch.steal,
        dropped_share=dropped_share,
    )


def _machine_times() -> tuple[float | None, float]:
    """Steal (None where unknown) and total CPU seconds of the machine since its start."""
    times = psutil.cpu_times()
    fields = times._asdict()
    # Linux counts guests in user and nice already.
    total = sum(value for name, value in fields.items() if name not in {"guest", "guest_nice"})
    return fields.get("steal"), total
