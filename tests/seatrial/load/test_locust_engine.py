from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from seatrial.errors import ConfigurationError, HarnessError
from seatrial.load.arrivals import Schedule, constant
from seatrial.load.guard import GuardLimits
from seatrial.load.locust_engine import run_locust
from seatrial.load.locust_job import LocustRequest
from seatrial.load.locust_layout import Cluster, LocustLayout, Processes, locust_worker_command
from seatrial.load.locust_process import LocustProcesses
from seatrial.load.stage import StageProgress, StageResult
from seatrial.verdict.judgement import judge
from seatrial.verdict.objective import Comparison, Level, Objective
from seatrial.verdict.verdicts import Verdict

pytest.importorskip("gevent", reason="Locust is not installed: seatrial[load]")

OK = LocustRequest(path="/ok")
# What the machine does besides is no part of these tests.
CALM = GuardLimits(steal=1.0, generator_cpu=10.0)
ONE_PROCESS = Processes()

# Nearly every test starts a Python with Locust in it, which takes a second or two.
pytestmark = pytest.mark.slow


async def run(
    server_url: str,
    folder: Path,
    schedule: Schedule,
    *requests: LocustRequest,
    layout: LocustLayout = ONE_PROCESS,
    in_flight_cap: int = 100,
    time_limit: float = 5.0,
    **options: object,
) -> StageResult:
    return await run_locust(
        requests or (OK,),
        schedule,
        base_url=server_url,
        folder=folder / "locust",
        name="stage",
        time_limit=time_limit,
        in_flight_cap=in_flight_cap,
        layout=layout,
        **({"guard_limits": CALM} | options),  # type: ignore[arg-type]
    )


def objective(comparison: str, limit: float, *, min_samples: int) -> Objective:
    return Objective(
        id="a.b.c",
        comparison=Comparison(comparison),
        limit=limit,
        min_samples=min_samples,
        level=Level.REQUIRED,
        saboteurs=("x",),
    )


def locust_processes(folder: Path) -> list[psutil.Process]:
    """Those that run in a folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(folder):
                found.append(process)
    return found


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(tmp_path: Path) -> Iterator[None]:
    yield
    assert locust_processes(tmp_path / "locust") == []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


LAYOUTS = [
    pytest.param(Processes(), id="one process"),
    pytest.param(Processes(count=2), id="two processes"),
    pytest.param(Cluster(started=((), ())), id="master and two workers"),
]


@pytest.mark.parametrize("layout", LAYOUTS)
async def test_a_healthy_server_is_measured(server, tmp_path: Path, layout: LocustLayout) -> None:
    seen: list[StageProgress] = []
    result = await run(
        server.url, tmp_path, constant(60, 3), layout=layout, warm_up=constant(20, 1), on_progress=seen.append
    )
    assert (result.offered, result.sent, result.completed) == (180, 180, 180)
    assert (result.dropped, result.failed, result.timed_out) == (0, 0, 0)
    assert result.response_time.count == result.service_time.count == result.slip.count == 180
    assert result.kind == "open"
    assert result.offered_rate == 60
    assert result.window_seconds == 3
    assert result.completed_in_window > 150
    assert result.guard.tripped == ()
    assert result.guard.generator_cpu > 0
    assert sum(point.offered for point in result.timeline) == 180
    assert sum(point.completed for point in result.timeline) == 180
    response, service = result.response_time.percentile(50), result.service_time.percentile(50)
    assert response is not None
    assert service is not None
    assert response >= service
    assert seen
    assert seen[-1].name == "stage"
    assert seen[-1].planned_seconds in {1, 3}


async def _freeze(server, folder: Path, layout: LocustLayout, *, rate: float, seconds: float, frozen: float) -> None:
    # The freeze begins with the traffic, however long Locust takes to start.
    stopped = threading.Event()

    def freeze_after(progress: StageProgress) -> None:
        if progress.completed and not stopped.is_set():
            stopped.set()
            server.freeze(after=0.1, seconds=frozen)

    result = await run(
        server.url,
        folder,
        constant(rate, seconds),
        layout=layout,
        time_limit=10,
        in_flight_cap=1000,
        on_progress=freeze_after,
    )
    assert stopped.is_set()
    assert result.completed == result.offered == rate * seconds
    assert result.guard.tripped == ()
    p95 = result.response_time.percentile(95)
    assert p95 is not None
    # A fifth of the requests were due while the server stood still, the first of them waited for all of it.
    assert 0.6 * frozen <= p95 <= frozen + 1
    judged = judge(result.response_time_sample(0.95), objective("<", 0.3 * frozen, min_samples=59), result.guard)
    assert judged.verdict is Verdict.FAIL


@pytest.mark.parametrize("layout", LAYOUTS[:2])
async def test_a_server_frozen_for_3_of_15_seconds_shows_in_the_response_time(
    server, tmp_path: Path, layout: LocustLayout
) -> None:
    await _freeze(server, tmp_path, layout, rate=50, seconds=15, frozen=3)


async def test_wrong_answers_no_answers_and_the_key(serve, tmp_path: Path) -> None:
    from aiohttp import web

    seen: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(f"{request.method} {request.path} {request.headers.get('Authorization')} {await request.text()}")
        if request.path == "/hang":
            await asyncio.sleep(3)
        if request.path == "/cut":
            assert request.transport is not None
            request.transport.close()
        return web.Response(status={"/moved": 302, "/broken": 500}.get(request.path, 200), text="answer")

    requests = (
        LocustRequest(path="/orders/{number}", method="POST", body=b'{"n": {number}}'),
        LocustRequest(path="/broken"),
        LocustRequest(path="/hang"),
        LocustRequest(path="/cut"),
        LocustRequest(path="/moved", expected=(302,), headers={"Authorization": "of its own"}),
    )
    async with serve(handler) as url:
        result = await run(
            url, tmp_path, constant(50, 2), *requests, time_limit=0.8, key="k3y-of-the-target", lost_cause_seconds=None
        )
    assert (result.offered, result.sent) == (100, 100)
    assert (result.completed, result.failed, result.timed_out) == (40, 40, 20)
    assert result.response_time.answered == 40
    assert result.response_time.unanswered == result.service_time.unanswered == 20
    timeout, broken, cut = sorted(result.errors, key=lambda detail: ("timeout" not in detail, "500" not in detail))
    assert timeout == "timeout: no answer within 0.8 s"
    assert broken == "status 500: GET /broken: status 500, expected 200: answer"
    assert cut.startswith("connection: GET /cut: ")
    assert set(result.errors.values()) == {20}
    # Each was sent once: a resent one would hide what happened to it.
    assert sum(line.startswith("GET /cut") for line in seen) == 20
    assert sorted(line for line in seen if line.startswith("POST")) == sorted(
        f'POST /orders/{number} Bearer k3y-of-the-target {{"n": {number}}}' for number in range(0, 100, 5)
    )
    assert sum(line == "GET /moved of its own " for line in seen) == 20
    for file in (tmp_path / "locust").iterdir():
        assert "k3y-of-the-target" not in file.read_text(), file


async def test_a_closed_port_is_the_targets_failure(tmp_path: Path) -> None:
    result = await run("http://127.0.0.1:9", tmp_path, constant(20, 1))
    assert result.failed == result.sent == 20
    assert result.response_time.percentile(95) is None
    assert judge(result.error_rate_sample(), objective("<", 0.05, min_samples=10)).verdict is Verdict.FAIL


async def test_a_target_that_cannot_keep_up_is_saturated(server, tmp_path: Path) -> None:
    slow = LocustRequest(path="/slow?seconds=0.5")
    result = await run(server.url, tmp_path, constant(60, 2), slow, in_flight_cap=4, layout=Processes(count=2))
    assert result.sent + result.dropped == result.offered == 120
    assert result.dropped > 60
    assert result.guard.saturated
    assert result.guard.tripped == ()
    assert result.response_time.unanswered == result.dropped


async def test_a_lost_cause_ends_early_with_what_was_measured(server, tmp_path: Path) -> None:
    broken = LocustRequest(path="/broken")
    begun = time.monotonic()
    result = await run(server.url, tmp_path, constant(50, 120), broken, layout=Processes(count=2), lost_cause_seconds=2)
    assert time.monotonic() - begun < 60
    assert result.failed == result.sent == result.offered
    assert 50 <= result.failed < 3000
    assert result.window_seconds < 60
    assert any(line.startswith("ended_early: every one of the last") for line in result.guard.tripped)
    wanted = objective("<", 0.05, min_samples=10)
    assert judge(result.error_rate_sample(), wanted, result.guard).verdict is Verdict.FAIL


@pytest.mark.parametrize("layout", LAYOUTS[1:])
async def test_a_lost_worker_makes_the_result_inconclusive(server, tmp_path: Path, layout: LocustLayout) -> None:
    killed: list[int] = []

    def kill_one(progress: StageProgress) -> None:
        if progress.completed and not killed:
            there = locust_processes(tmp_path / "locust")
            pids = {process.pid for process in there}
            workers = [process for process in there if process.ppid() in pids or "--worker" in process.cmdline()]
            assert len(workers) == 2
            killed.append(workers[0].pid)
            os.kill(workers[0].pid, signal.SIGKILL)

    result = await run(server.url, tmp_path, constant(60, 6), layout=layout, on_progress=kill_one)
    assert killed
    # The other half was measured to the end.
    assert 180 <= result.offered < 360
    assert result.completed == result.sent == result.offered
    assert any(line.startswith("workers: 1 of 2") for line in result.guard.tripped)
    assert result.offered_rate == pytest.approx(result.offered / 6)
    assert (
        judge(result.response_time_sample(0.95), objective("<", 60, min_samples=59), result.guard).verdict
        is Verdict.INCONCLUSIVE
    )
    # What half of the workers could not offer is not the target's.
    floor = objective(">", 49, min_samples=1)
    assert judge(result.throughput_sample(), floor, result.guard).verdict is Verdict.INCONCLUSIVE


async def test_a_worker_that_never_comes_makes_the_result_inconclusive(server, tmp_path: Path) -> None:
    layout = Cluster(started=((),), awaited=1, port=free_port())
    result = await run(server.url, tmp_path, constant(20, 1), layout=layout, connect_seconds=8)
    assert (result.offered, result.sent) == (0, 0)
    (line,) = result.guard.tripped
    assert line.startswith("workers: 0 of 2 did all of their share (1 came")


async def test_a_worker_that_somebody_else_starts_is_awaited(server, tmp_path: Path) -> None:
    port = free_port()
    command = locust_worker_command("127.0.0.1", port, python=sys.executable)
    with (tmp_path / "other.log").open("wb") as log:
        other = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)  # noqa: ASYNC220 - it only starts
    try:
        layout = Cluster(started=((),), awaited=1, port=port)
        result = await run(server.url, tmp_path, constant(40, 2), layout=layout)
    finally:
        other.terminate()
        other.wait(10)
    assert result.completed == 80
    assert result.guard.tripped == ()


async def test_a_generator_that_is_too_busy_trips_its_guard(server, tmp_path: Path) -> None:
    # More than one core can even count.
    limits = GuardLimits(tightest_latency_limit=0.1, steal=1.0, generator_cpu=0.01)
    result = await run(server.url, tmp_path, constant(100_000, 0.5), guard_limits=limits, in_flight_cap=20)
    assert result.offered == result.sent + result.dropped == 50_000
    assert {line.split(" ")[0] for line in result.guard.tripped} == {"slip", "generator_cpu", "dropped"}
    # It was not the target that turned them away.
    assert not result.guard.saturated
    wanted = objective("<", 0.05, min_samples=20)
    assert judge(result.error_rate_sample(), wanted, result.guard).verdict is not Verdict.PASS


async def test_an_interrupted_stage_leaves_no_process(server, tmp_path: Path) -> None:
    begun = asyncio.Event()

    def note(progress: StageProgress) -> None:
        begun.set()

    stage = asyncio.create_task(
        run(server.url, tmp_path, constant(20, 60), layout=Processes(count=2), on_progress=note)
    )
    await asyncio.wait_for(begun.wait(), 60)
    assert len(locust_processes(tmp_path / "locust")) == 3
    stage.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stage
    assert locust_processes(tmp_path / "locust") == []


KILLED = """
import asyncio, sys
from pathlib import Path
from seatrial.load.arrivals import constant
from seatrial.load.locust_engine import run_locust
from seatrial.load.locust_job import LocustRequest
from seatrial.load.locust_layout import Processes

asyncio.run(run_locust(
    [LocustRequest(path="/ok")], constant(20, 300), base_url=sys.argv[1], folder=Path(sys.argv[2]), name="killed",
    time_limit=2, in_flight_cap=10, layout=Processes(count=2), on_progress=lambda progress: print("begun", flush=True),
))
"""


def test_a_harness_that_is_killed_leaves_no_process(server, tmp_path: Path) -> None:
    folder = tmp_path / "locust"
    harness = subprocess.Popen([sys.executable, "-c", KILLED, server.url, str(folder)], stdout=subprocess.PIPE)
    assert harness.stdout is not None
    try:
        assert harness.stdout.readline() == b"begun\n"
        assert len(locust_processes(folder)) == 3
    finally:
        harness.kill()
        harness.communicate()
    end = time.monotonic() + 20
    while locust_processes(folder) and time.monotonic() < end:
        time.sleep(0.2)
    assert locust_processes(folder) == []


async def test_locust_that_cannot_run_is_our_error(server, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        layout = Cluster(started=((), ()), port=taken.getsockname()[1])
        with pytest.raises(HarnessError, match=r"(?s)Locust .*code 1.*Address already in use"):
            await run(server.url, tmp_path, constant(10, 1), layout=layout, connect_seconds=3)
    with pytest.raises(HarnessError, match="cannot start Locust with '/no/such/python'"):
        async with LocustProcesses(tmp_path, None) as processes:
            await processes.start(["/no/such/python"], "x")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time_limit": 0.0}, "time limit"),
        ({"in_flight_cap": 1, "layout": Processes(count=2)}, "in-flight cap is 1 for 2 workers"),
        ({"server_url": "127.0.0.1:80"}, "http://"),
    ],
)
async def test_a_stage_that_cannot_be_is_a_configuration_error(tmp_path: Path, options, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        await run(**{"server_url": "http://127.0.0.1:9", "folder": tmp_path, "schedule": constant(10, 1)} | options)


async def test_a_folder_with_another_stages_records_is_refused(tmp_path: Path) -> None:
    (tmp_path / "locust").mkdir()
    (tmp_path / "locust" / "worker-0.json").touch()
    with pytest.raises(ConfigurationError, match="not empty"):
        await run("http://127.0.0.1:9", tmp_path, constant(10, 1))
