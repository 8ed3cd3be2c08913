"""Open-loop load from more than one process and more than one machine, sent by Locust.

Locust [1]_ only ever runs as a subprocess: importing it patches sockets and threads. Its users keep the due times of our
schedules, each worker a share of them, and what they measure comes back as histograms that are merged. So the result means
the same as that of :func:`~seatrial.load.open_loop.run_open_loop`.

References
----------
.. [1] https://docs.locust.io
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seatrial.errors import ConfigurationError, HarnessError
from seatrial.load.arrivals import Schedule
from seatrial.load.guard import GuardLimits, GuardReport, GuardWatch, guard_report
from seatrial.load.locust_job import LocustJob, LocustRequest
from seatrial.load.locust_layout import (
    Cluster,
    LocustLayout,
    Processes,
    generator_command,
    master_address,
    own_worker_command,
)
from seatrial.load.locust_process import LocustProcesses, require_locust
from seatrial.load.locust_record import WorkerRecord, merge_into, read_records
from seatrial.load.locust_timeline import SharedTimeline
from seatrial.load.recorder import StageRecorder
from seatrial.load.stage import StageProgress, StageResult

__all__ = ["run_locust"]

_CONNECT_SECONDS = 60.0
_MARGIN_SECONDS = 30.0
"""For starting, spawning users and reporting; a stage that takes longer is given up."""
_ONE_PROCESS = Processes()
_LEADER = "locust"


async def run_locust(
    requests: Sequence[LocustRequest],
    schedule: Schedule,
    *,
    base_url: str,
    folder: Path,
    name: str,
    time_limit: float,
    in_flight_cap: int,
    layout: LocustLayout = _ONE_PROCESS,
    key: str | None = None,
    warm_up: Schedule | None = None,
    guard_limits: GuardLimits | None = None,
    co_located: bool = False,
    lost_cause_seconds: float | None = 10.0,
    connect_seconds: float = _CONNECT_SECONDS,
    on_progress: Callable[[StageProgress], None] | None = None,
) -> StageResult:
    """Send requests on a schedule from Locust's processes and measure them from their due times.

    Parameters
    ----------
    requests
        Taken in turn: request ``n`` of the stage is ``requests[n % len(requests)]``.
    schedule
        When measured requests are due; its length is the measured window. With several workers it begins on each when
        that one hears that all users are there: the shares may be shifted by the time a message takes.
    base_url
        Scheme, host and port of the target.
    folder
        A new or empty folder for the job, the workers' records and the logs.
    name
        Of the stage, for reports and messages.
    time_limit
        Seconds from sending to the end of the answer. A later request is given up and counts above every percentile.
    in_flight_cap
        The most requests that may wait for an answer: Locust's users. They are shared out evenly; those due beyond a
        worker's share are dropped and counted.
    layout
        Which processes; one by default.
    key
        The target's key. It goes to the processes by their environment.
    warm_up
        Sent right before ``schedule``, not measured.
    guard_limits
        Bounds of the generator itself; the generator's core is that of the busiest worker.
    co_located
        Whether generator and target share cores, for the record.
    lost_cause_seconds
        The stage ends with what it has when every request failed for so long; None to go on whatever comes.
    connect_seconds
        How long workers that are not there yet are waited for.
    on_progress
        Called about once a second, on the loop.

    Returns
    -------
    StageResult
        Of kind ``open``. Its guard trips with a line that begins with ``workers`` when one was missing or lost, and with
        ``ended_early`` when the stage was: the figures are of what was measured then, the window as long as it lasted.

    Raises
    ------
    ConfigurationError
        Something that nothing can be sent with, or Locust is not installed.
    HarnessError
        Locust or our part of it failed.
    """
    job = LocustJob(
        name=name,
        base_url=base_url.rstrip("/"),
        requests=tuple(requests),
        schedule=schedule,
        warm_up=warm_up,
        workers=layout.count,
        time_limit=time_limit,
        lost_cause_seconds=lost_cause_seconds,
    )
    _check(job, in_flight_cap)
    require_locust()
    home = _prepare(folder, job)
    end = await _conduct(job, layout, home, key, in_flight_cap, connect_seconds, on_progress)
    return _result(job, read_records(home), end, guard_limits or GuardLimits(), co_located=co_located)


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """How Locust ended.

    Parameters
    ----------
    code
        Its exit code; None if it had to be ended.
    connected
        How many workers had come; None if it did not get so far as to count them.
    log
        The end of it.
    """

    code: int | None
    connected: int | None
    log: str


async def _conduct(
    job: LocustJob,
    layout: LocustLayout,
    folder: Path,
    key: str | None,
    users: int,
    connect_seconds: float,
    on_progress: Callable[[StageProgress], None] | None,
) -> _End:
    seconds = job.planned_seconds + job.time_limit + _MARGIN_SECONDS
    address = master_address(layout)
    command = generator_command(
        layout,
        address,
        users=users,
        time_limit=job.time_limit,
        seconds=seconds,
        connect_seconds=connect_seconds,
    )
    async with LocustProcesses(folder, key) as processes:
        leader = await processes.start(command, _LEADER)
        if isinstance(layout, Cluster):
            for number, prefix in enumerate(layout.started):
                await processes.start(own_worker_command(address, prefix), f"{_LEADER}-worker-{number}")
        deadline = time.monotonic() + connect_seconds + seconds + job.time_limit
        while leader.returncode is None and time.monotonic() < deadline:
            try:
                await asyncio.wait_for(leader.wait(), 1.0)
            except TimeoutError:
                if on_progress is not None and (records := read_records(folder)):
                    on_progress(_progress(job, records))
        code = leader.returncode
    connected = folder / "connected"
    return _End(
        code=code,
        connected=int(connected.read_text(encoding="utf-8")) if connected.exists() else None,
        log=processes.tail(_LEADER),
    )


def _result(
    job: LocustJob, records: list[WorkerRecord], end: _End, limits: GuardLimits, *, co_located: bool
) -> StageResult:
    for record in records:
        if record.own_error is not None:
            raise HarnessError(f"stage {job.name!r}: worker {record.index} of Locust failed: {record.own_error}")
    if end.connected is None or (not records and end.connected >= job.workers):
        raise HarnessError(
            f"stage {job.name!r}: Locust measured nothing (code {end.code}): {end.log or 'its log is empty'}"
        )
    recorder = _recorder(job)
    merge_into(recorder, records)
    troubles = [*_missing(job, records, end), *_ended_early(records)]
    window = max((record.window_seconds for record in records), default=job.schedule.seconds)
    if troubles and window > 0:
        # What was really offered, so that no floor is judged on what a lost worker did not send.
        recorder.offered_rate = recorder.offered / window
    guard = _guard(recorder, records, limits, troubles)
    return recorder.result(window, guard, co_located=co_located)


def _missing(job: LocustJob, records: list[WorkerRecord], end: _End) -> list[str]:
    final = sum(record.final for record in records)
    if final < job.workers:
        came = max(end.connected or 0, len(records))
        how = "had to be ended" if end.code is None else f"ended with code {end.code}"
        return [f"workers: {final} of {job.workers} did all of their share ({came} came; Locust {how})"]
    if end.code != 0:
        return [f"workers: Locust ended with code {end.code}: {end.log[-200:]}"]
    return []


def _ended_early(records: list[WorkerRecord]) -> list[str]:
    return [f"ended_early: {reason}" for reason in sorted({record.ended_early for record in records} - {None}, key=str)]


def _guard(
    recorder: StageRecorder, records: list[WorkerRecord], limits: GuardLimits, troubles: list[str]
) -> GuardReport:
    watch = GuardWatch()
    # Each worker watched itself; the weakest speaks for all.
    watch.generator_cpu = max((record.generator_cpu for record in records), default=0.0)
    watch.steal = max((record.steal for record in records if record.steal is not None), default=None)
    report = guard_report(limits, watch, slip=recorder.slip, offered=recorder.offered, dropped=recorder.dropped)
    if not troubles:
        return report
    return replace(report, tripped=(*report.tripped, *troubles), saturated=False)


def _progress(job: LocustJob, records: list[WorkerRecord]) -> StageProgress:
    recorder = _recorder(job)
    merge_into(recorder, records)
    elapsed = max(record.elapsed_seconds for record in records)
    warming_up = elapsed < 0 and job.warm_up is not None
    sent = sum(int(record.figures["sent"]) for record in records)
    in_flight = sent - recorder.sent
    schedule = job.warm_up if warming_up and job.warm_up is not None else job.schedule
    return recorder.progress(
        elapsed + schedule.seconds if warming_up else elapsed, schedule.seconds, in_flight, warming_up=warming_up
    )


def _recorder(job: LocustJob) -> StageRecorder:
    recorder = StageRecorder(job.name, "open", time_limit=job.time_limit, offered_rate=job.schedule.mean_rate)
    recorder.timeline = SharedTimeline()
    return recorder


def _check(job: LocustJob, in_flight_cap: int) -> None:
    where = f"stage {job.name!r}"
    if not job.requests:
        raise ConfigurationError(f"{where}: there is no request to send; give at least one")
    if not job.base_url.startswith(("http://", "https://")):
        raise ConfigurationError(f"{where}: the target is {job.base_url!r}; give an address with http:// or https://")
    if not job.time_limit > 0:
        raise ConfigurationError(f"{where}: the time limit is {job.time_limit} seconds; give one above 0")
    if in_flight_cap < job.workers:
        raise ConfigurationError(
            f"{where}: the in-flight cap is {in_flight_cap} for {job.workers} workers; each needs 1 or more"
        )


def _prepare(given: Path, job: LocustJob) -> Path:
    folder = given.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ConfigurationError(f"the folder {folder} for Locust's records is not empty; give a new one")
    job_file = folder / "job.json"
    # Requests may carry what is nobody else's business.
    job_file.touch(mode=0o600)
    job_file.write_text(job.to_json(), encoding="utf-8")
    return folder
