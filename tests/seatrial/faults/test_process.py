import asyncio
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from seatrial.errors import TargetFailure
from seatrial.events import FaultPhase
from seatrial.faults.errors import FaultNotPossible, FaultNotReleased, FaultNotVerified, ProcessRefused
from seatrial.faults.limits import MemoryLimit
from seatrial.faults.process import Kill, Pause
from seatrial.faults.safety import ProcessIdentity
from seatrial.target.process import ServerProcess


def _until_running(pid: int) -> None:
    while ProcessIdentity.of(pid).stopped:
        time.sleep(0.01)


async def test_a_killed_process_is_gone_and_started_again(journal, child, told, well):
    before = child.process_id
    async with Kill(journal, child, restart=child.start):
        assert not ProcessIdentity(pid=before, started="").running
        await child.end()
    assert child.starts == 2
    assert child.process_id != before
    assert await child.ask("6 * 7") == "42"
    assert told.phases() == well


async def test_a_supervised_server_is_paused_killed_and_started_again(journal, tmp_path):
    code = (
        "import asyncio, json;"
        "serve = asyncio.start_server(lambda r, w: w.close(), '127.0.0.1', 0);"
        "loop = asyncio.new_event_loop(); server = loop.run_until_complete(serve);"
        "port = server.sockets[0].getsockname()[1];"
        "print(json.dumps({'event': 'listening', 'url': str(port)}), flush=True); loop.run_forever()"
    )
    server = ServerProcess((sys.executable, "-c", code), env=dict(os.environ), cwd=tmp_path, log=tmp_path / "log")
    ports = [await server.start()]

    async def answered() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(ports[-1]))
        try:
            return await asyncio.wait_for(reader.read(), 0.3)
        finally:
            writer.close()

    async def restart() -> None:
        await server.kill()
        ports.append(await server.start())

    try:
        async with Pause(journal, server):
            with pytest.raises(TimeoutError):
                await answered()
        assert await answered() == b""
        async with Kill(journal, server, restart=restart):
            with pytest.raises(ConnectionRefusedError):
                await answered()
        assert await answered() == b""
        assert len(ports) == 2
    finally:
        await server.kill()


async def test_a_target_that_does_not_come_back_is_its_own_failure(journal, child, told):
    async def restart() -> None:
        raise TargetFailure("it would not start", kind="start")

    with pytest.raises(TargetFailure, match="would not start"):
        async with Kill(journal, child, restart=restart):
            pass
    assert told.phases()[-1] == "-released"


async def test_a_paused_process_is_stopped_and_runs_on(journal, child, told, well):
    async with Pause(journal, child):
        assert psutil.Process(child.process_id).status() == psutil.STATUS_STOPPED
        with pytest.raises(TimeoutError):
            await child.ask("1", within_seconds=0.2)
    assert psutil.Process(child.process_id).status() != psutil.STATUS_STOPPED
    assert told.phases() == well
    assert "resumed" in told.detail(FaultPhase.RELEASED)


async def test_the_children_of_a_paused_process_are_stopped_too(journal, child):
    code = "import time; time.sleep(60)"
    pid = int(await child.ask(f"__import__('subprocess').Popen([{sys.executable!r}, '-c', {code!r}]).pid"))
    async with Pause(journal, child):
        assert ProcessIdentity.of(pid).stopped
        assert ProcessIdentity.of(child.process_id).stopped
    assert not ProcessIdentity.of(pid).stopped
    ProcessIdentity.of(pid).send(signal.SIGKILL)


async def test_a_process_resumed_behind_our_back_is_not_taken_for_paused(journal, child, monkeypatch):
    monkeypatch.setattr("seatrial.faults.process._EFFECT_SECONDS", 0.1)

    class Resumed(Pause):
        async def inject(self):
            await super().inject()
            os.kill(child.process_id, signal.SIGCONT)
            await asyncio.to_thread(_until_running, child.process_id)

    with pytest.raises(FaultNotVerified, match="not stopped"):
        async with Resumed(journal, child):
            pytest.fail("it is not in force")


async def test_a_process_that_has_ended_cannot_suffer(journal, child, told):
    await child.end()
    with pytest.raises(FaultNotPossible, match="has ended") as caught:
        async with Pause(journal, child):
            pytest.fail("nothing to pause")
    assert caught.value.obstacle.cause == "target"
    assert told.phases() == ["planned", "-probed"]


@pytest.fixture
def foreign():
    """Started by another process, which left it behind: it is no child of ours."""
    code = (
        "import subprocess as s; n = s.DEVNULL;"
        "print(s.Popen(['sleep', '60'], stdin=n, stdout=n, stderr=n, start_new_session=True).pid)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    identity = ProcessIdentity.of(int(told.stdout))
    yield identity
    identity.send(signal.SIGKILL)


async def test_only_processes_of_the_harness_are_signalled(journal, foreign):
    class Foreign:
        process_id = foreign.pid

    for fault in (
        Pause(journal, Foreign()),
        MemoryLimit(journal, Foreign(), headroom_bytes=0),
        Kill(journal, Foreign(), restart=pytest.fail),
    ):
        with pytest.raises(ProcessRefused, match="not started by this harness"):
            async with fault:
                pytest.fail("not ours")
    assert foreign.running
    assert not foreign.stopped


async def test_a_release_that_fails_is_our_error(journal, child, told):
    class Broken(Pause):
        async def release(self):
            raise OSError("no")

    with pytest.raises(FaultNotReleased, match="no"):
        async with Broken(journal, child):
            pass
    # The journal's part was done all the same.
    assert not ProcessIdentity.of(child.process_id).stopped
    assert told.phases()[-1] == "-released"
