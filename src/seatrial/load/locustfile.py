"""What ``python -m locust`` runs, and the only module that knows Locust.

Importing Locust patches sockets and threads, so nothing else may import this module. Locust brings the processes together
on any number of machines, shares out the users and carries the messages; the schedule and the figures are ours.

Messages: ``seatrial_job`` from the master to its workers before the start, ``seatrial_record`` from a worker to the master
about once a second and at its end, ``seatrial_stop`` from the master when going on makes no sense.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent  # type: ignore[import-untyped]
from locust import User, events, task
from locust.env import Environment
from locust.event import EventHook
from locust.exception import StopUser
from locust.runners import STATE_INIT, MasterRunner, Runner, WorkerRunner

from seatrial.errors import TargetFailure
from seatrial.load.locust_client import RequestSender
from seatrial.load.locust_collector import Collector
from seatrial.load.locust_job import JOB_VARIABLE, KEY_VARIABLE, OWNED_VARIABLE, LocustJob
from seatrial.load.locust_worker import Place, ScheduleKeeper
from seatrial.load.request import Outcome

_JOB, _RECORD, _STOP = "seatrial_job", "seatrial_record", "seatrial_stop"
_TICK_SECONDS = 0.25


class _Stage:
    """What this process holds of the stage: a keeper where requests are sent, a collector where records arrive."""

    keeper: ScheduleKeeper | None = None
    collector: Collector | None = None


class ScheduledUser(User):
    """Sends what is due when it is its turn."""

    @task
    def keep_schedule(self) -> None:
        """Work until the stage is over."""
        keeper = _Stage.keeper
        if keeper is None:
            raise StopUser
        place = Place()
        sender = RequestSender(keeper.job.base_url, keeper.job.time_limit, os.environ.get(KEY_VARIABLE))
        while keeper.wait_for_turn(place):
            try:
                request, outcome, seconds = keeper.perform(place, sender)
            except Exception as error:  # noqa: BLE001 - reported with the worker's record
                keeper.fail(error)
                break
            self.environment.events.request.fire(
                request_type=request.method,
                name=request.path,
                response_time=seconds * 1e3,
                response_length=0,
                context={},
                exception=_in_short(outcome),
            )
        raise StopUser


def _in_short(outcome: Outcome) -> Exception | None:
    """What failed, without what is different each time: Locust counts failures by their text and forgets none."""
    if outcome.timeout_detail is not None:
        return TargetFailure("timeout", kind="timeout")
    failure = outcome.failure
    return failure and TargetFailure(f"{failure.kind} {failure.status or ''}".strip(), kind=failure.kind)


def _on_init(environment: Environment, runner: Runner, **_: Any) -> None:
    if os.environ.get(OWNED_VARIABLE):
        gevent.spawn(_die_with_parent, os.getppid())
    _listen(environment.events.spawning_complete, lambda **_: _start_keeper(runner))
    _listen(environment.events.test_stopping, lambda **_: _close_keeper())
    if isinstance(runner, WorkerRunner):
        runner.register_message(_JOB, lambda msg, **_: _take_up(runner, LocustJob.from_json(msg.data["job"])))
        runner.register_message(_STOP, lambda msg, **_: _stop_keeper(msg.data["reason"]))
        return
    path = Path(os.environ[JOB_VARIABLE])
    job = LocustJob.from_json(path.read_text(encoding="utf-8"))
    collector = _Stage.collector = Collector(path.parent, job.workers, job.lost_cause_seconds)
    runner.register_message(_RECORD, lambda msg, **_: collector.receive(msg.data["record"]))
    if isinstance(runner, MasterRunner):
        text = job.to_json()
        _listen(environment.events.test_start, lambda **_: runner.send_message(_JOB, {"job": text}))
    else:
        runner.register_message(_STOP, lambda msg, **_: _stop_keeper(msg.data["reason"]))
        _take_up(runner, job)
    gevent.spawn(_oversee, runner, collector)


def _listen(event: EventHook, listener: Callable[..., None]) -> None:
    event.add_listener(listener)  # type: ignore[no-untyped-call]


def _take_up(runner: Runner, job: LocustJob) -> None:
    index: int = getattr(runner, "worker_index", 0)
    # Who comes after the others were counted has no share; its users find no keeper and go home.
    if index < job.workers:
        _Stage.keeper = ScheduleKeeper(job, index, lambda text: runner.send_message(_RECORD, {"record": text}))


def _start_keeper(runner: Runner) -> None:
    if _Stage.keeper is not None:
        gevent.spawn(_Stage.keeper.run, runner.user_count)


def _close_keeper() -> None:
    if _Stage.keeper is not None:
        _Stage.keeper.close()


def _stop_keeper(reason: str) -> None:
    if _Stage.keeper is not None:
        _Stage.keeper.stop(reason)


def _oversee(runner: Runner, collector: Collector) -> None:
    """End the stage when nobody is left to wait for, and early when it is a lost cause."""
    stopped = started = False
    while True:
        gevent.sleep(_TICK_SECONDS)
        connected = runner.worker_count if isinstance(runner, MasterRunner) else 1
        if not started:
            collector.note_connected(connected)
            started = runner.state != STATE_INIT
            continue
        reason = None if stopped else collector.lost_cause(time.monotonic())
        if reason is not None:
            runner.send_message(_STOP, {"reason": reason})
            stopped = True
        if collector.over(connected):
            break
    runner.quit()


def _die_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        gevent.sleep(0.5)
    os._exit(1)


_listen(events.init, _on_init)
